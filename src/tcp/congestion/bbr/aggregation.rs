//! How bunched acknowledgments are (section 5.5.9): links that gather packets deliver them in bursts, and
//! between the bursts more than one bandwidth-delay product has to be in flight.

use super::arithmetic::octets;
use crate::time::Instant;

/// BBR.ExtraAckedFilterLen, in rounds.
const ROUNDS: usize = 10;

/// BBR.extra_acked: the most that was acknowledged beyond what the bandwidth explains.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Aggregation {
    /// When the current burst began, and what was delivered since.
    since: Instant,
    delivered: u64,
    /// For each of the last rounds its number plus one, and its maximum.
    rounds: [(u64, u64); ROUNDS],
}

impl Aggregation {
    /// Begins to count now: silence is no sign of a slow path.
    pub(super) fn restart(&mut self, now: Instant) {
        self.since = now;
    }

    /// Takes in what an acknowledgment delivered, while `bandwidth` was expected and `window` allowed.
    pub(super) fn on_ack(
        &mut self,
        now: Instant,
        acked: u64,
        bandwidth: u64,
        window: u64,
        round: u64,
    ) {
        let mut expected = octets(bandwidth, now.since(self.since));
        if self.delivered <= expected {
            (self.since, self.delivered, expected) = (now, 0, 0);
        }
        self.delivered = self.delivered.saturating_add(acked);
        let extra = self.delivered.saturating_sub(expected).min(window);
        let (number, most) = self.slot(round);
        *most = if *number == round + 1 { extra.max(*most) } else { extra };
        *number = round + 1;
    }

    /// The most in the last ten rounds, or in this one while the bandwidth is still searched for:
    /// early samples are too high.
    pub(super) fn extra(&self, round: u64, searching: bool) -> u64 {
        let oldest = if searching { round } else { round.saturating_sub(ROUNDS as u64 - 1) };
        let recent = self.rounds.iter().filter(|(number, _)| *number > oldest);
        recent.map(|(_, most)| *most).max().unwrap_or(0)
    }

    fn slot(&mut self, round: u64) -> (&mut u64, &mut u64) {
        let index = usize::try_from(round % ROUNDS as u64).expect("ten rounds are few");
        let (number, most) = &mut self.rounds[index];
        (number, most)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_faster_than_the_bandwidth_is_extra_for_ten_rounds() {
        let mut aggregation = Aggregation::default();
        // 1000 octets per millisecond are expected; 8000 come at once.
        aggregation.on_ack(Instant::from_millis(1), 1_000, 1_000_000, 100_000, 0);
        aggregation.on_ack(Instant::from_millis(2), 8_000, 1_000_000, 100_000, 0);
        assert_eq!(aggregation.extra(0, true), 8_000);
        aggregation.on_ack(Instant::from_millis(60), 500, 1_000_000, 100_000, 1);
        assert_eq!(aggregation.extra(1, true), 500);
        assert_eq!(aggregation.extra(9, false), 8_000);
        assert_eq!(aggregation.extra(10, false), 500);
        assert_eq!(aggregation.extra(11, false), 0);
    }

    #[test]
    fn it_is_bounded_by_the_window() {
        let mut aggregation = Aggregation::default();
        aggregation.on_ack(Instant::ZERO, u64::MAX, 0, 5_000, u64::MAX - 1);
        assert_eq!(aggregation.extra(u64::MAX - 1, false), 5_000);
    }
}
