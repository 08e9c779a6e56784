//! What one acknowledgment newly delivered, gathered while the records of it are gone through.

use std::time::Duration;

use super::rack::Rack;
use super::sent::{Mark, Sent};
use crate::seq::Seq;
use crate::time::Instant;

/// What one acknowledgment newly delivered.
#[derive(Debug)]
pub(in crate::tcp) struct Delivery {
    now: Instant,
    /// What the peer echoed, on our own clock of timestamps.
    echo: Option<Echo>,
    min_rtt: Option<Duration>,
    /// Octets that were not known to be delivered before.
    pub octets: u32,
    /// Of what was delivered, what is known of the record that left last.
    pub newest: Option<Newest>,
    /// The same without those that may have been delivered by an earlier copy.
    latest: Option<(Instant, Seq)>,
    /// For the round-trip time: when the newest record left that left only once and of which at least a
    /// segment is covered, and whether that is beyond a gap.
    timed: Option<(Instant, bool)>,
    /// The cumulative acknowledgment covers something that was sent again.
    sent_again: bool,
    /// Something was delivered that had been marked lost and was not sent again since.
    pub was_not_lost: bool,
}

/// Of a record that was delivered: when it left, and where the connection stood.
#[derive(Clone, Copy, Debug)]
pub(in crate::tcp) struct Newest {
    pub at: Instant,
    pub end: Seq,
    pub was_sent_again: bool,
    pub mark: Mark,
}

/// A timestamp of ours that came back (RFC 7323 3.2, TSecr).
#[derive(Clone, Copy, Debug)]
pub(in crate::tcp) struct Echo {
    /// Its value, and what our clock of timestamps shows now: milliseconds, and both wrap.
    pub val: u32,
    pub now: u32,
}

impl Echo {
    /// Whether the segment that drew the acknowledgment left before `at`, reckoned back from `now`.
    pub(in crate::tcp) fn is_before(self, at: Instant, now: Instant) -> bool {
        // Both readings of a clock that ticks once in a millisecond, at the same moment.
        let ticks = now.as_millis().saturating_sub(at.as_millis());
        u64::from(self.now.wrapping_sub(self.val)) > ticks
            && self.now.wrapping_sub(self.val).cast_signed() >= 0
    }
}

impl Delivery {
    pub(in crate::tcp) fn new(now: Instant, echo: Option<Echo>, min_rtt: Option<Duration>) -> Self {
        Delivery {
            now,
            echo,
            min_rtt,
            octets: 0,
            newest: None,
            latest: None,
            timed: None,
            sent_again: false,
            was_not_lost: false,
        }
    }

    /// The cumulative acknowledgment covers `sent`, or a part of it.
    pub(super) fn covers(&mut self, sent: &Sent) {
        self.sent_again |= sent.was_sent_again();
    }

    /// The cumulative acknowledgment covers one segment or more of `sent`, but not all.
    pub(super) fn part(&mut self, sent: &Sent) {
        if !sent.was_sent_again() {
            self.timed = Some((sent.at, sent.sacked));
        }
    }

    /// The whole of `sent` is delivered, acknowledged or selectively acknowledged, and was not before.
    pub(super) fn whole(&mut self, sent: &Sent, rack: &mut Rack) {
        let newer = self.newest.is_none_or(|newest| sent.left_after(newest.at, newest.end));
        if newer {
            let &Sent { at, end, mark, .. } = sent;
            self.newest = Some(Newest { at, end, was_sent_again: sent.was_sent_again(), mark });
        }
        if !sent.was_sent_again() {
            self.timed = Some((sent.at, sent.sacked));
            self.was_not_lost |= sent.lost.is_some();
        }
        let is_latest = self.latest.is_none_or(|(at, end)| sent.left_after(at, end));
        if is_latest && !self.may_be_of_an_earlier_copy(sent) {
            self.latest = Some((sent.at, sent.end));
            rack.on_delivered(sent, self.now);
        }
        rack.detect_reordering(sent);
    }

    /// The segment was sent again, and the acknowledgment may be one of its first copy (RFC 8985 6.2,
    /// step 2).
    fn may_be_of_an_earlier_copy(&self, sent: &Sent) -> bool {
        let too_soon = self.min_rtt.is_some_and(|least| self.now.since(sent.at) < least);
        let echoes_earlier = self.echo.is_some_and(|echo| echo.is_before(sent.at, self.now));
        sent.was_sent_again() && (too_soon || echoes_earlier)
    }

    /// The round-trip time in nanoseconds, if one can be told. By Karn's rule not from a cumulative acknowledgment of
    /// anything that was sent again: it may have waited for that, however late the last left (RFC 6298 3).
    pub(in crate::tcp) fn rtt_nanos(&self) -> Option<u64> {
        let (at, sacked) = self.timed?;
        (sacked || !self.sent_again).then(|| self.now.nanos_since(at))
    }

    /// The same by the timestamp that came back, as exact as their clock is (RFC 7323 4).
    pub(in crate::tcp) fn rtt_nanos_by_timestamp(&self) -> Option<u64> {
        let echo = self.echo?;
        let ticks = echo.now.wrapping_sub(echo.val);
        let is_sane = ticks.cast_signed() >= 0 && (self.octets > 0);
        is_sane.then(|| u64::from(ticks.max(1)) * 1_000_000)
    }
}
