//! When to acknowledge (RFC 9293 3.8.6.3, RFC 5681 4.2), and how often bad segments may draw an answer
//! (RFC 5961 7).

use std::hash::{Hash, Hasher};
use std::time::Duration;

use super::config::Config;
use super::negotiation::DEFAULT_MSS;
use crate::time::Instant;

/// Acknowledgments that are owed to the peer.
#[derive(Clone, Debug)]
pub(super) struct Acks {
    /// One is due at once.
    pub(super) now: bool,
    /// So many more are due, one for each out-of-order segment: the peer counts them (RFC 5681 3.2).
    pub(super) duplicates: u8,
    /// Octets received since the last one was sent.
    pub(super) unacknowledged: u32,
    /// The largest segment seen: "every second full-sized segment" is measured with it.
    pub(super) largest: u32,
    /// Segments that were acknowledged at once since the start (Linux does so with the first ones).
    pub(super) quick: u32,
    /// Challenge ACKs left, in the second that began at `budget_since`.
    budget: u32,
    budget_since: Instant,
}

impl Acks {
    /// More duplicates than this in one batch tell the peer nothing new.
    const MOST_DUPLICATES: u8 = 64;

    pub(super) const fn new() -> Self {
        Acks {
            now: false,
            duplicates: 0,
            unacknowledged: 0,
            largest: DEFAULT_MSS as u32,
            quick: 0,
            budget: 0,
            budget_since: Instant::NEVER,
        }
    }

    /// Notes `octets` that arrived in order; says whether they are enough for an ACK at once (the
    /// second full-sized segment, RFC 9293 3.8.6.3, SHLD-19). What comes in one piece and is longer than
    /// `mss`, which we announced, is several segments that a device has put together.
    pub(super) fn received(&mut self, octets: u32, mss: u16, config: &Config) -> bool {
        self.largest = self.largest.max(octets.min(mss.into()));
        self.unacknowledged = self.unacknowledged.saturating_add(octets);
        let is_quick = self.quick < config.quick_acks;
        self.quick += u32::from(is_quick);
        is_quick || self.unacknowledged >= self.largest.saturating_mul(2)
    }

    /// Notes a segment that came out of order.
    pub(super) fn duplicate(&mut self) {
        if self.now && self.duplicates < Self::MOST_DUPLICATES {
            self.duplicates += 1;
        }
        self.now = true;
    }

    /// An ACK has left. `bare` when it carried nothing else: only such count as duplicates.
    pub(super) fn sent(&mut self, bare: bool) {
        if bare && self.duplicates > 0 {
            self.duplicates -= 1;
        } else {
            self.now = self.duplicates > 0;
        }
        self.unacknowledged = 0;
    }

    pub(super) fn fingerprint(&self, now: Instant, hasher: &mut impl Hasher) {
        (self.now, self.duplicates, self.unacknowledged, self.largest, self.quick).hash(hasher);
        (self.budget, now.since(self.budget_since)).hash(hasher);
    }

    /// Challenge ACKs left, in the second that began then; none has been asked for yet without that.
    pub(super) fn challenges(&self) -> (u32, Option<Instant>) {
        (self.budget, Some(self.budget_since).filter(|since| *since != Instant::NEVER))
    }

    /// Goes on with what [`Acks::challenges`] has said.
    pub(super) fn resume_challenges(&mut self, left: u32, since: Instant) {
        (self.budget, self.budget_since) = (left, since);
    }

    /// Whether an answer to an unacceptable segment is within the limit of `per_second`.
    pub(super) fn may_challenge(&mut self, now: Instant, per_second: u32) -> bool {
        let elapsed = now.since(self.budget_since);
        if self.budget_since == Instant::NEVER || elapsed >= Duration::from_secs(1) {
            self.budget = per_second;
            self.budget_since = now;
        }
        let allowed = self.budget > 0;
        self.budget = self.budget.saturating_sub(1);
        allowed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_out_of_order_segment_draws_an_ack_of_its_own() {
        let mut acks = Acks::new();
        (0..3).for_each(|_| acks.duplicate());
        let mut sent = 0;
        while acks.now {
            acks.sent(true);
            sent += 1;
        }
        assert_eq!(sent, 3);
    }

    #[test]
    fn a_frame_of_several_segments_is_acknowledged_at_once() {
        let config = Config { mss: 1000, ..Config::default() };
        let mut acks = Acks::new();
        assert!(!acks.received(1000, config.mss, &config));
        assert!(acks.received(1000, config.mss, &config));
        acks.sent(true);
        assert!(acks.received(4000, config.mss, &config));
    }

    #[test]
    fn challenges_are_limited_per_second() {
        let mut acks = Acks::new();
        let allowed = |acks: &mut Acks, at| {
            (0..100).filter(|_| acks.may_challenge(Instant::from_millis(at), 10)).count()
        };
        assert_eq!(allowed(&mut acks, 5), 10);
        assert_eq!(allowed(&mut acks, 1004), 0);
        assert_eq!(allowed(&mut acks, 1005), 10);
    }
}
