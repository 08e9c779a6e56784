//! How fast data was delivered, by one acknowledgment (draft-ietf-ccwg-bbr, delivery rate samples).

use std::time::Duration;

/// One sample: what was delivered between the sending of a segment and its acknowledgment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::tcp) struct RateSample {
    /// Octets delivered over `interval`.
    pub delivered: u64,
    /// The longer of the time it took to send them and to have them acknowledged; never zero.
    pub interval: Duration,
    /// `Path::delivered` when the segment left.
    pub prior_delivered: u64,
    /// Octets in flight when it left, itself included.
    pub in_flight_then: u32,
    /// Octets that were found lost between its sending and its acknowledgment.
    pub lost: u64,
    /// The round-trip time of the segment, if it was sent only once.
    pub rtt: Option<Duration>,
    /// The application, not the path, was the limit when it left.
    pub app_limited: bool,
}

impl RateSample {
    /// Octets per second.
    #[must_use]
    pub(in crate::tcp) fn rate(&self) -> u64 {
        let nanos = self.interval.as_nanos().max(1);
        u64::try_from(u128::from(self.delivered) * 1_000_000_000 / nanos).unwrap_or(u64::MAX)
    }
}
