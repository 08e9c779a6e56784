//! HyStart++ (RFC 9406): the first slow start ends when the round-trip time rises, before the queue at
//! the bottleneck runs over, and not only when it has. Later slow starts end at ssthresh.

use std::time::Duration;

use super::{Ack, Path};
use crate::seq::Seq;

/// By so much, at least and at most, must the round-trip time rise from one round to the next.
const MIN_RTT_THRESH_US: u32 = 4_000;
const MAX_RTT_THRESH_US: u32 = 16_000;
/// Between the two: by this part of itself.
const MIN_RTT_DIVISOR: u32 = 8;
/// Round-trip times to be measured before a round is judged.
const N_RTT_SAMPLE: u8 = 8;
/// Conservative slow start grows by this part of what slow start would.
const CSS_GROWTH_DIVISOR: u32 = 4;
/// Rounds of conservative slow start, the one in which it began included.
const CSS_ROUNDS: u8 = 5;
/// No round-trip time yet: longer than any.
const INFINITE: u32 = u32::MAX;

/// Where slow start is after an acknowledgment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Growth {
    /// The window may grow by so many octets.
    By(u32),
    /// The path is full: congestion avoidance begins with the window as it is.
    Over,
}

/// The first slow start of a connection. Times are microseconds.
#[derive(Clone, Debug)]
pub(super) struct HyStart {
    /// SND.NXT when this round began; it ends when that is acknowledged. None before the first.
    window_end: Option<Seq>,
    /// The least of the last round, and of this one so far.
    last_round_min_rtt: u32,
    current_round_min_rtt: u32,
    /// The least of the round in which conservative slow start began: when a round falls below it,
    /// the rise was noise. `INFINITE` in ordinary slow start.
    css_baseline_min_rtt: u32,
    /// Octets acknowledged in this round.
    octets: u32,
    samples: u8,
    css_rounds: u8,
}

impl HyStart {
    pub(super) fn new() -> Self {
        HyStart {
            window_end: None,
            last_round_min_rtt: INFINITE,
            current_round_min_rtt: INFINITE,
            css_baseline_min_rtt: INFINITE,
            octets: 0,
            samples: 0,
            css_rounds: 0,
        }
    }

    /// An acknowledgment in slow start.
    ///
    /// It grows the window by all that it acknowledges: L of RFC 9406 4.2 is infinite, although
    /// nothing is paced. L keeps one ACK from releasing a burst, and is meant for receivers that
    /// answer every second segment. Behind devices that hand over 64 KB at a time, one ACK stands for
    /// dozens, that were merged while they waited; a limit of eight segments would take a sixth of
    /// the growth of slow start for no fault of the path.
    pub(super) fn on_ack(&mut self, ack: &Ack) -> Growth {
        let window_end = *self.window_end.get_or_insert(ack.path.nxt);
        self.octets = self.octets.saturating_add(ack.octets);
        if let Some(rtt) = ack.rtt {
            self.current_round_min_rtt = self.current_round_min_rtt.min(micros(rtt));
            self.samples = self.samples.saturating_add(1);
        }
        let round_is_over = ack.path.una.ge(window_end);
        if self.may_judge(round_is_over, ack.path.mss) {
            self.judge();
        }
        let in_css = self.css_baseline_min_rtt != INFINITE;
        if round_is_over {
            if in_css {
                self.css_rounds += 1;
                if self.css_rounds >= CSS_ROUNDS {
                    return Growth::Over;
                }
            }
            self.begin_round(&ack.path);
        }
        Growth::By(if in_css { ack.octets / CSS_GROWTH_DIVISOR } else { ack.octets })
    }

    /// A pause, or an undone loss, lies between this round and the last.
    pub(super) fn restart_round(&mut self) {
        self.window_end = None;
        self.last_round_min_rtt = INFINITE;
        self.current_round_min_rtt = INFINITE;
        (self.octets, self.samples) = (0, 0);
    }

    /// Eight samples are enough (RFC 9406 4.2). Where ACKs are merged a round of hundreds of segments
    /// has fewer; then it is judged at its end, by all it had, if eight segments were acknowledged.
    fn may_judge(&self, round_is_over: bool, mss: u32) -> bool {
        let merged = round_is_over && self.octets / mss.max(1) >= u32::from(N_RTT_SAMPLE);
        self.samples >= N_RTT_SAMPLE || (merged && self.samples > 0)
    }

    /// Into conservative slow start when the round-trip time rose, and back when it did not last.
    fn judge(&mut self) {
        let (now, last) = (self.current_round_min_rtt, self.last_round_min_rtt);
        if self.css_baseline_min_rtt != INFINITE {
            if now < self.css_baseline_min_rtt {
                self.css_baseline_min_rtt = INFINITE;
            }
            return;
        }
        if now == INFINITE || last == INFINITE {
            return;
        }
        let thresh = (last / MIN_RTT_DIVISOR).clamp(MIN_RTT_THRESH_US, MAX_RTT_THRESH_US);
        if now >= last.saturating_add(thresh) {
            self.css_baseline_min_rtt = now;
            self.css_rounds = 0;
        }
    }

    fn begin_round(&mut self, path: &Path) {
        // With nothing out it begins with what will be.
        self.window_end = (path.una != path.nxt).then_some(path.nxt);
        self.last_round_min_rtt = self.current_round_min_rtt;
        self.current_round_min_rtt = INFINITE;
        (self.octets, self.samples) = (0, 0);
    }
}

/// At most 71 minutes, which is one less than `INFINITE`.
fn micros(rtt: Duration) -> u32 {
    u32::try_from(rtt.as_micros()).map_or(INFINITE - 1, |micros| micros.min(INFINITE - 1))
}
#[cfg(test)]
mod tests {
    use super::super::model::Flow;
    use super::*;

    const MSS: u32 = 1000;

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    /// A round of `acks` ACKs of `each` octets: what the window may grow by, or None when it is over.
    fn round(hystart: &mut HyStart, flow: &mut Flow, acks: u32, each: u32) -> Option<u32> {
        // More is out all the time, so that a round ends with the last ACK, not with the data.
        let end = flow.una + acks * each;
        flow.nxt = end;
        let mut growth = 0;
        for nth in 1..=acks {
            if nth == acks {
                flow.nxt = end + acks * each;
            }
            match hystart.on_ack(&flow.ack(each)) {
                Growth::By(octets) => growth += octets,
                Growth::Over => return None,
            }
        }
        Some(growth)
    }

    /// Sixteen ACKs to a round; from one with 100 ms to one with `then`. Gives the growth of the
    /// round in which that is noticed: from the eighth ACK on a quarter.
    fn rise(to: Duration) -> (HyStart, Flow, Option<u32>) {
        let (mut hystart, mut flow) = (HyStart::new(), Flow::new(MSS, ms(100)));
        assert_eq!(round(&mut hystart, &mut flow, 16, MSS), Some(16_000));
        flow.rtt = to;
        let growth = round(&mut hystart, &mut flow, 16, MSS);
        (hystart, flow, growth)
    }

    const NOTICED: Option<u32> = Some(7 * 1000 + 9 * 250);
    const SLOWLY: Option<u32> = Some(16 * 250);
    const USUAL: Option<u32> = Some(16_000);

    /// The threshold is an eighth: 12.5 ms for 100 ms; never below 4 ms nor above 16 ms.
    #[test]
    fn a_rise_by_an_eighth_makes_slow_start_conservative() {
        let micros = Duration::from_micros;
        assert_eq!(rise(micros(112_499)).2, USUAL);
        assert_eq!(rise(micros(112_500)).2, NOTICED);
        for (from, to, expected) in [
            (micros(20), micros(4_019), USUAL),
            (micros(20), micros(4_020), NOTICED),
            (ms(500), micros(515_999), USUAL),
            (ms(500), micros(516_000), NOTICED),
        ] {
            let (mut hystart, mut flow) = (HyStart::new(), Flow::new(MSS, from));
            round(&mut hystart, &mut flow, 16, MSS);
            flow.rtt = to;
            assert_eq!(round(&mut hystart, &mut flow, 16, MSS), expected, "{from:?} to {to:?}");
        }
    }

    /// One short round trip of sixteen is enough: it is the least that counts.
    #[test]
    fn jitter_is_no_rise() {
        let (mut hystart, mut flow) = (HyStart::new(), Flow::new(MSS, ms(100)));
        for _ in 0..10 {
            flow.nxt = flow.una + 16 * MSS;
            let end = flow.nxt;
            for nth in 1..=16_u32 {
                flow.rtt = ms(if nth % 7 == 1 { 105 } else { 150 });
                if nth == 16 {
                    flow.nxt = end + 16 * MSS;
                }
                assert_eq!(hystart.on_ack(&flow.ack(MSS)), Growth::By(MSS));
            }
        }
    }

    /// The round in which it began is the first of five.
    #[test]
    fn five_conservative_rounds_end_slow_start() {
        let (mut hystart, mut flow, growth) = rise(ms(120));
        assert_eq!(growth, NOTICED);
        for _ in 0..3 {
            assert_eq!(round(&mut hystart, &mut flow, 16, MSS), SLOWLY);
        }
        assert_eq!(round(&mut hystart, &mut flow, 16, MSS), None);
    }

    #[test]
    fn a_rise_that_does_not_last_was_none() {
        let (mut hystart, mut flow, growth) = rise(ms(120));
        assert_eq!(growth, NOTICED);
        assert_eq!(round(&mut hystart, &mut flow, 16, MSS), SLOWLY);
        flow.rtt = Duration::from_micros(119_999);
        assert_eq!(round(&mut hystart, &mut flow, 16, MSS), Some(7 * 250 + 9 * 1000));
        // Slow start goes on as long as it likes.
        for _ in 0..10 {
            assert_eq!(round(&mut hystart, &mut flow, 16, MSS), USUAL);
        }
    }

    /// Seven ACKs of one segment say too little. Two of 45 say all that there is.
    #[test]
    fn a_round_of_merged_acks_is_judged_at_its_end() {
        let (mut hystart, mut flow) = (HyStart::new(), Flow::new(MSS, ms(50)));
        round(&mut hystart, &mut flow, 7, MSS);
        flow.rtt = ms(90);
        assert_eq!(round(&mut hystart, &mut flow, 7, MSS), Some(7000));
        assert_eq!(round(&mut hystart, &mut flow, 2, 45 * MSS), Some(90_000));
        flow.rtt = ms(120);
        assert_eq!(round(&mut hystart, &mut flow, 2, 45 * MSS), Some(45_000 + 45_000 / 4));
    }

    /// A route may have changed: what is measured after a pause is compared with nothing before it.
    #[test]
    fn after_a_pause_it_is_measured_anew() {
        let (mut hystart, mut flow) = (HyStart::new(), Flow::new(MSS, ms(100)));
        round(&mut hystart, &mut flow, 16, MSS);
        hystart.restart_round();
        flow.rtt = ms(200);
        assert_eq!(round(&mut hystart, &mut flow, 16, MSS), USUAL);
    }
}
