//! Bounds that losses taught (section 5.5.10): short-term ones, forgotten before the next probe, and the
//! long-term one that probes move up and down.

use super::arithmetic::{UNBOUNDED, per_cent};
use super::delivery::Delivery;

/// BBR.LossThresh in hundredths: more lost than this means that too much was in flight.
pub(super) const LOSS_THRESHOLD: u64 = 2;
/// BBR.Beta in hundredths: no bound falls further than to this part at once.
pub(super) const BETA: u64 = 70;
/// BBR.Headroom in hundredths: what is left to others while cruising.
const HEADROOM: u64 = 15;

/// What may be sent at most, by what was lost. Octets, and octets per second.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    /// BBR.bw_shortterm.
    pub(super) bandwidth: u64,
    /// BBR.inflight_shortterm.
    pub(super) short_term: u64,
    /// BBR.inflight_longterm.
    pub(super) long_term: u64,
}

impl Bounds {
    pub(super) const NONE: Bounds =
        Bounds { bandwidth: UNBOUNDED, short_term: UNBOUNDED, long_term: UNBOUNDED };

    /// BBR.ResetShortTermModel.
    pub(super) fn forget_short_term(&mut self) {
        (self.bandwidth, self.short_term) = (UNBOUNDED, UNBOUNDED);
    }

    /// A round outside of any probe lost something: towards what it delivered, but no faster than `BETA`.
    pub(super) fn lower(&mut self, round: &Delivery, max_bandwidth: u64, window: u64) {
        let from = |bound, unbounded| if bound == UNBOUNDED { unbounded } else { bound };
        self.bandwidth = per_cent(from(self.bandwidth, max_bandwidth), BETA).max(round.rate);
        self.short_term = per_cent(from(self.short_term, window), BETA).max(round.octets);
    }

    /// InflightWithHeadroom: the long-term bound less what others may need.
    pub(super) fn with_headroom(&self, mss: u64, least: u64) -> u64 {
        if self.long_term == UNBOUNDED {
            return UNBOUNDED;
        }
        let headroom = per_cent(self.long_term, HEADROOM).max(mss);
        self.long_term.saturating_sub(headroom).max(least)
    }

    /// Each bound back to at least what it was `before`.
    pub(super) fn restore(&mut self, before: &Bounds) {
        self.bandwidth = self.bandwidth.max(before.bandwidth);
        self.short_term = self.short_term.max(before.short_term);
        self.long_term = self.long_term.max(before.long_term);
    }
}

/// IsInflightTooHigh: of `in_flight` octets so much was lost that it was more than the path bears. Without
/// SACK only one loss per round trip can be seen, so that one is enough.
pub(super) fn too_high(lost: u64, in_flight: u64, sack: bool) -> bool {
    let bearable = u128::from(in_flight) * u128::from(LOSS_THRESHOLD);
    u128::from(lost) * 100 > bearable || (lost > 0 && !sack)
}

/// InflightAtLoss: how much was in flight when the losses crossed the threshold, which may have been in the
/// middle of this segment of `size` octets, itself counted in `in_flight` and in `lost`.
pub(super) fn in_flight_at_loss(size: u64, in_flight: u64, lost: u64) -> u64 {
    let before = in_flight.saturating_sub(size);
    let lost_before = lost.saturating_sub(size);
    let budget = u128::from(before) * u128::from(LOSS_THRESHOLD);
    let spare = budget.saturating_sub(u128::from(lost_before) * 100);
    let prefix = spare / u128::from(100 - LOSS_THRESHOLD);
    before.saturating_add(u64::try_from(prefix).unwrap_or(u64::MAX).min(size))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_threshold_is_two_per_cent() {
        assert!(!too_high(2_000, 100_000, true));
        assert!(too_high(2_001, 100_000, true));
        assert!(too_high(1, 100_000, false));
        assert!(!too_high(0, 0, false));
    }

    #[test]
    fn it_is_found_within_a_burst() {
        // 90 kB went before without a loss, then 60 kB of which all was lost: x = 2 % of (90 kB + x).
        let at = in_flight_at_loss(60_000, 150_000, 60_000);
        assert_eq!(at, 90_000 + 1_836);
        // Had too much been lost before it, nothing of the burst fits.
        assert_eq!(in_flight_at_loss(60_000, 150_000, 70_000), 90_000);
        assert_eq!(in_flight_at_loss(10, 0, 0), 0);
    }

    #[test]
    fn a_lossy_round_lowers_to_what_it_delivered_or_by_three_tenths() {
        let mut bounds = Bounds::NONE;
        let mut round = Delivery::default();
        (round.rate, round.octets) = (900, 10);
        bounds.lower(&round, 1_000, 500);
        assert_eq!((bounds.bandwidth, bounds.short_term), (900, 350));
        bounds.lower(&Delivery::default(), 1_000, 500);
        assert_eq!((bounds.bandwidth, bounds.short_term), (630, 245));
        assert_eq!(bounds.long_term, UNBOUNDED);
    }

    #[test]
    fn headroom_is_fifteen_per_cent_but_at_least_a_segment() {
        let bounds = |long_term| Bounds { long_term, ..Bounds::NONE };
        assert_eq!(bounds(100_000).with_headroom(1_000, 4_000), 85_000);
        assert_eq!(bounds(6_000).with_headroom(1_000, 4_000), 5_000);
        assert_eq!(bounds(4_000).with_headroom(1_000, 4_000), 4_000);
        assert_eq!(Bounds::NONE.with_headroom(1_000, 4_000), UNBOUNDED);
    }
}
