//! The queue before a link that sends one packet after another, so many bits a second: what waits in it, and
//! when each will have left. What has no room is for the caller to say.

use std::collections::VecDeque;
use std::time::Duration;

use crate::time::Instant;

/// What waits or is being sent.
#[derive(Debug, Default)]
pub(crate) struct Serial {
    /// When each will have left, and its length.
    waiting: VecDeque<(Instant, usize)>,
    octets: usize,
}

impl Serial {
    /// Forgets what has left by `now`.
    pub(crate) fn pass(&mut self, now: Instant) {
        while let Some((leaves, len)) = self.waiting.front()
            && *leaves <= now
        {
            self.octets -= len;
            self.waiting.pop_front();
        }
    }

    /// Puts `len` octets behind the others, for a link of `rate` bits a second; returns when the last will have
    /// left. Without a rate that is at once.
    pub(crate) fn send(&mut self, len: usize, rate: Option<u64>, now: Instant) -> Instant {
        let Some(rate) = rate else { return now };
        let nanos = len as u128 * 8 * 1_000_000_000 / u128::from(rate.max(1));
        let takes = Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX));
        let begins = self.waiting.back().map_or(now, |(leaves, _)| *leaves);
        let leaves = begins + takes;
        self.waiting.push_back((leaves, len));
        self.octets += len;
        leaves
    }

    /// Packets in it.
    pub(crate) fn packets(&self) -> usize {
        self.waiting.len()
    }

    /// Octets in it.
    pub(crate) const fn octets(&self) -> usize {
        self.octets
    }
}
