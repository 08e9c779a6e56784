//! RACK (RFC 8985 6): a segment is lost when one that left sufficiently later has been delivered. Times of
//! sending decide, not numbers of duplicates: so lost retransmissions and lost ends are noticed as well, and
//! segments that overtake one another do no harm.

use std::hash::{Hash, Hasher};
use std::time::Duration;

use smallvec::SmallVec;

use super::flight::{Flight, Out};
use super::sent::Sent;
use crate::seq::Seq;
use crate::tcp::congestion::LostSegment;
use crate::time::Instant;
use crate::trace::Retransmission;

/// The most recently sent segment that was delivered, and how far delivery has come.
#[derive(Clone, Debug, Default)]
pub(in crate::tcp) struct Rack {
    /// RACK.xmit_ts and RACK.end_seq; none before anything was delivered.
    newest: Option<(Instant, Seq)>,
    /// RACK.rtt: the round-trip time of what was delivered last.
    rtt: Duration,
    /// RACK.fack: the highest number delivered.
    fack: Seq,
    /// RACK.reordering_seen became true with this flight.
    reordered: bool,
}

/// What is remembered of the order in which segments arrive, from one flight to the next.
#[derive(Clone, Copy, Debug)]
pub(in crate::tcp) struct Reordering {
    /// RACK.reordering_seen.
    pub seen: bool,
    /// RACK.reo_wnd_mult.
    multiplier: u8,
    /// RACK.reo_wnd_persist.
    persist: u8,
    /// RACK.dsack_round: no more growth before this is acknowledged.
    round: Option<Seq>,
}

impl Reordering {
    /// Recoveries for which a larger window is kept (RFC 8985 6.2, step 4).
    const PERSIST: u8 = 16;

    pub(in crate::tcp) const fn new() -> Self {
        Reordering { seen: false, multiplier: 1, persist: Self::PERSIST, round: None }
    }

    /// An acknowledgment up to `una` came, with a DSACK or without. A needless retransmission says that the
    /// window was too small: it grows once in a round trip.
    pub(in crate::tcp) fn on_ack(&mut self, has_dsack: bool, una: Seq, nxt: Seq) {
        self.round = self.round.filter(|round| una.lt(*round));
        if has_dsack && self.round.is_none() {
            self.round = Some(nxt);
            self.multiplier = self.multiplier.saturating_add(1);
            self.persist = Self::PERSIST;
        }
    }

    /// A recovery has ended.
    pub(in crate::tcp) fn on_recovered(&mut self) {
        self.persist = self.persist.saturating_sub(1);
        if self.persist == 0 {
            self.multiplier = 1;
        }
    }

    /// RACK.reo_wnd, where reordering has to be allowed for.
    pub(in crate::tcp) fn window(&self, min_rtt: Duration, srtt: Duration) -> Duration {
        (min_rtt / 4 * u32::from(self.multiplier)).min(srtt)
    }
}

/// What decides how long to wait for a segment that others have overtaken.
#[derive(Clone, Copy, Debug)]
pub(in crate::tcp) struct Patience {
    pub reordering: Reordering,
    pub min_rtt: Duration,
    pub srtt: Duration,
    /// Losses are being repaired already.
    pub repairing: bool,
    /// Segments with the peer that are taken for a loss without waiting (RFC 5681 3.2).
    pub threshold: u32,
}

impl Patience {
    /// RACK.reo_wnd (step 4): none while no reordering was seen and enough segments speak of a loss.
    fn window(&self, sacked_segments: u32) -> Duration {
        let enough = self.repairing || sacked_segments >= self.threshold;
        if !self.reordering.seen && enough {
            return Duration::ZERO;
        }
        self.reordering.window(self.min_rtt, self.srtt)
    }
}

/// Segments that were found lost.
pub(in crate::tcp) type Losses = SmallVec<[LostSegment; 4]>;

impl Rack {
    pub(super) const fn new(una: Seq) -> Self {
        Rack { newest: None, rtt: Duration::ZERO, fack: una, reordered: false }
    }

    /// Step 2: `sent` was delivered, and not by an earlier copy of it.
    pub(super) fn on_delivered(&mut self, sent: &Sent, now: Instant) {
        self.rtt = now.since(sent.at);
        if self.newest.is_none_or(|(at, end)| sent.left_after(at, end)) {
            self.newest = Some((sent.at, sent.end));
        }
    }

    /// Step 3: what was sent once and is delivered after what came behind it was overtaken.
    pub(super) fn detect_reordering(&mut self, sent: &Sent) {
        if sent.end.gt(self.fack) {
            self.fack = sent.end;
        } else if sent.end.lt(self.fack) && !sent.was_sent_again() {
            self.reordered = true;
        }
    }

    #[cfg(test)]
    pub(super) fn rtt(&self) -> Duration {
        self.rtt
    }

    /// Whether segments were seen out of order.
    pub(in crate::tcp) fn has_seen_reordering(&self) -> bool {
        self.reordered
    }

    pub(super) fn fingerprint(&self, now: Instant, hasher: &mut impl Hasher) {
        (self.newest.map(|(at, end)| (now.since(at), end)), self.rtt, self.fack).hash(hasher);
        self.reordered.hash(hasher);
    }
}

impl Out {
    /// Whether the first record was sent only once and left after all that was delivered: so did everything
    /// behind it.
    pub(in crate::tcp) fn nothing_was_overtaken(&self) -> bool {
        let Some((at, end)) = self.rack.newest else { return true };
        self.first().is_some_and(|first| first.left_after(at, end) && !first.was_sent_again())
    }
}

impl Flight {
    /// Step 5: marks what is lost at `now`. Returns the losses, and how long to wait for the rest of what
    /// was overtaken.
    pub(in crate::tcp) fn detect_losses_by_time(
        &mut self,
        patience: &Patience,
        now: Instant,
    ) -> (Losses, Option<Duration>) {
        let mut losses = Losses::new();
        let Some(out) = self.out_mut() else { return (losses, None) };
        let Some((at, end)) = out.rack.newest.filter(|_| !out.nothing_was_overtaken()) else {
            return (losses, None);
        };
        let allowed = out.rack.rtt + patience.window(out.sacked_segments);
        let mut wait = None;
        for index in 0..out.sent.len() {
            let sent = &out.sent[index];
            if sent.left_after(at, end) || (sent.at, sent.end) == (at, end) {
                // Everything behind a first copy left later still, and so did its further copies.
                if sent.was_sent_again() {
                    continue;
                }
                break;
            }
            if !sent.is_under_way() {
                continue;
            }
            let left = (sent.at + allowed).since(now);
            if left.is_zero() {
                losses.push(Out::lost_segment(sent));
                out.mark_lost(index, Retransmission::Fast);
            } else {
                wait = wait.max(Some(left));
            }
        }
        (losses, wait)
    }

    /// The retransmission timer ran out (RFC 8985 6.3): the first segment is lost, and whatever has been
    /// out for longer than a round trip and the window for reordering.
    pub(in crate::tcp) fn mark_lost_at_timeout(
        &mut self,
        patience: &Patience,
        now: Instant,
        most: u32,
    ) -> Losses {
        let mut losses = Losses::new();
        let Some(out) = self.out_mut() else { return losses };
        let rtt = if out.rack.newest.is_some() { out.rack.rtt } else { patience.srtt };
        let allowed = rtt + patience.window(out.sacked_segments);
        if out.first().is_some_and(|first| (first.at + allowed) > now) {
            out.cut(0, most);
        }
        for index in 0..out.sent.len() {
            let sent = out.sent[index];
            let is_late = (sent.at + allowed) <= now;
            if index > 0 && !is_late {
                continue;
            }
            if out.mark_lost(index, Retransmission::Timeout) {
                losses.push(Out::lost_segment(&sent));
            } else if sent.lost.is_some() {
                out.sent[index].lost = Some(Retransmission::Timeout);
            }
        }
        losses
    }
}
