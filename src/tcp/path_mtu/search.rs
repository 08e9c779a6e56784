//! Trying whether more passes than is known to (RFC 4821 7, RFC 8899 5): now and then a segment of new data
//! is larger than the others. If it arrives, all may be; if it does not and everything around it does, it
//! was too large, and that is no sign of congestion.

use super::{KnownPath, LASTS, MtuSource, PathMtu};
use crate::seq::Seq;
use crate::tcp::config::{Config, MtuProbing};
use crate::tcp::context::Context;
use crate::tcp::state::State;
use crate::tcp::tcb::Tcb;
use crate::trace::{Mask, PathMtuChange, ProbeFate, Retransmission, What};
use crate::wire::Segment;

/// So many probes of a size may be lost until it is taken not to pass: one may be lost by chance.
const MOST_FAILURES: u8 = 2;
/// A gain of less is not worth a probe.
const WORTH: u16 = 8;
/// So many segments have to follow a probe, so that its loss shows (RFC 4821 7.4).
const FOLLOWERS: u32 = 3;

/// A segment that is larger than is known to pass.
#[derive(Clone, Copy, Debug)]
pub(super) struct Probe {
    seq: Seq,
    end: Seq,
    size: u16,
}

impl Probe {
    pub(super) const fn size(&self) -> u16 {
        self.size
    }

    pub(super) fn covers(&self, seq: Seq) -> bool {
        self.seq.le(seq) && seq.lt(self.end)
    }
}

impl PathMtu {
    /// The size to try next between `size`, which passes, and what the ends take. First the largest, which is
    /// what it was before and is again after an outage; then halfway.
    fn next_size(&self, size: u16, ends: u16) -> Option<u16> {
        let KnownPath { most, most_is_told, .. } = self.known;
        let top = most.min(ends);
        let gain = top.checked_sub(size).filter(|gain| *gain >= WORTH)?;
        let is_likely = most_is_told || most >= ends;
        Some(if is_likely { top } else { size + gain.div_ceil(2) })
    }

    /// A probe of `size` did not arrive.
    fn failed(&mut self, size: u16) {
        self.failures += 1;
        if self.failures >= MOST_FAILURES {
            self.failures = 0;
            self.known.most = size - 1;
            self.known.most_is_told = false;
        }
    }
}

impl Tcb {
    pub(super) fn mtu_probe(&self) -> Option<&Probe> {
        self.path_mtu()?.probe.as_ref()
    }

    /// The length of the packet of a probe that is in flight.
    pub(in crate::tcp) fn mtu_probe_length(&self) -> Option<u32> {
        self.mtu_probe().map(|probe| u32::from(probe.size) + u32::from(self.headers()))
    }

    /// A segment that is larger than usual, if it is time for one and it can be told what becomes of it.
    /// What is known of the path may have grown old.
    pub(in crate::tcp) fn next_mtu_probe(&mut self, cx: &mut Context<'_>) -> Option<Segment> {
        self.forget_old_path(cx);
        let wants =
            self.path_mtu().is_some_and(|path| path.known.searching && path.probe.is_none());
        if !wants || !self.may_probe_path(cx.config) {
            return None;
        }
        let size = self.size_to_try(cx)?;
        let octets = u32::from(size).saturating_sub(self.all_options(cx));
        if !self.can_tell_what_becomes_of(octets, cx) || !self.may_leave_now(cx) {
            return None;
        }
        // For this segment alone it is the segment size: so it is one, with a record of its own.
        let usual = std::mem::replace(&mut self.path_mss, size);
        let seq = self.snd.nxt;
        let segment = self.send_new(octets, false, None, cx);
        self.path_mss = usual;
        let end = self.snd.nxt;
        self.path_mtu_mut(cx.now).probe = Some(Probe { seq, end, size });
        self.tell_mtu_probe(size, ProbeFate::Sent, cx);
        Some(segment)
    }

    /// The next size worth trying. If there is none the search is over, for ten minutes.
    fn size_to_try(&mut self, cx: &Context<'_>) -> Option<u16> {
        let ends = self.mss_of_ends(cx.config);
        let size = self.path_mss.min(ends);
        let path = self.path_mtu_mut(cx.now);
        let next = path.next_size(size, ends);
        if next.is_none() {
            path.known.searching = false;
            path.known.until = cx.now + LASTS;
            path.is_news = true;
        }
        next
    }

    /// Whether the windows let a probe of `octets` go with enough behind it, and nothing is missing that its
    /// loss could be mistaken for.
    fn can_tell_what_becomes_of(&self, octets: u32, cx: &Context<'_>) -> bool {
        let is_open = match self.state {
            State::Established | State::FinWait1 | State::CloseWait | State::LastAck => true,
            State::Closed
            | State::Listen
            | State::SynSent
            | State::SynReceived
            | State::FinWait2
            | State::Closing
            | State::TimeWait => false,
        };
        let is_calm = self.recovery.episode.is_none()
            && self.recovery.probe.is_none()
            && self.flight.lost() == 0
            && self.flight.sacked() == 0
            && !self.pending.probe
            && self.snd.up.is_none();
        let needed = octets + FOLLOWERS * self.payload_room(cx);
        let peers = (self.snd.una + self.snd.wnd).since(self.snd.nxt);
        let usable = self.window().saturating_sub(self.pipe(cx.config));
        is_open
            && is_calm
            && self.unsent() >= needed as usize
            && peers >= needed
            && self.window() >= needed
            && usable >= octets
    }

    /// After ten minutes it is time to see whether more passes (RFC 1191 6.3). Where probes cannot be told
    /// from other losses segments simply grow again, if there is a router that will say so if that is wrong.
    fn forget_old_path(&mut self, cx: &mut Context<'_>) {
        let may_probe = self.may_probe_path(cx.config);
        let Some(path) = self.network.as_deref_mut().and_then(|of| of.path_mtu.as_mut()) else {
            return;
        };
        if cx.now < path.known.until || path.known.size == u16::MAX {
            return;
        }
        path.known.until = cx.now + LASTS;
        path.known.most = u16::MAX;
        path.known.most_is_told = false;
        path.known.searching = may_probe;
        path.failures = 0;
        path.cuts = 0;
        if !may_probe && path.known.source == MtuSource::Told {
            self.set_path_size(u16::MAX, MtuSource::Ends, PathMtuChange::Outdated, cx);
        }
    }

    /// Without SACK a lost probe looks like any other loss.
    pub(super) fn may_probe_path(&self, config: &Config) -> bool {
        config.path_mtu_probing != MtuProbing::Off && self.negotiated.sack
    }

    fn tell_mtu_probe(&self, size: u16, fate: ProbeFate, cx: &mut Context<'_>) {
        let mtu = u32::from(size) + u32::from(self.headers());
        cx.raise(Mask::PATH, || What::MtuProbe { mtu, fate });
    }
}

/// What becomes of probes.
impl Tcb {
    /// Nothing is in flight any more, and nothing will be.
    pub(in crate::tcp) fn forget_mtu_probe(&mut self) {
        if let Some(path) = self.network.as_deref_mut().and_then(|of| of.path_mtu.as_mut()) {
            path.probe = None;
        }
    }

    /// A segment has come: perhaps the probe has arrived, and its size passes.
    pub(in crate::tcp) fn judge_mtu_probe(&mut self, cx: &mut Context<'_>) {
        let Some(probe) = self.mtu_probe().copied() else { return };
        let is_sacked = |tcb: &Tcb| tcb.flight.find(probe.seq).is_some_and(|sent| sent.sacked);
        if self.snd.una.lt(probe.end) && !is_sacked(self) {
            return;
        }
        let path = self.path_mtu_mut(cx.now);
        path.probe = None;
        path.failures = 0;
        self.set_path_size(probe.size, MtuSource::Probed, PathMtuChange::Probed, cx);
    }

    /// Segments were marked lost. Says whether that is the probe alone: then it goes again in segments of the
    /// usual size, and nobody has to slow down (RFC 4821 7.6.2).
    pub(in crate::tcp) fn is_only_mtu_probe_lost(&mut self, cx: &mut Context<'_>) -> bool {
        let Some(probe) = self.mtu_probe().copied() else { return false };
        let lost = self.flight.lost_within(probe.seq, probe.end);
        if lost == 0 {
            return false;
        }
        let is_alone = lost == self.flight.lost() && !self.recovery.is_repairing();
        let path = self.path_mtu_mut(cx.now);
        path.probe = None;
        if is_alone {
            path.failed(probe.size);
            self.flight.relabel_lost(Retransmission::MtuProbe);
            self.recovery.force_one = true;
        }
        let fate = if is_alone { ProbeFate::Lost } else { ProbeFate::Unclear };
        self.tell_mtu_probe(probe.size, fate, cx);
        is_alone
    }

    /// The retransmission timer ran out with a probe in flight. That is congestion all the same, but so that
    /// it does not go on like this, the probe counts as one that did not pass (RFC 4821 7.6.3).
    pub(in crate::tcp) fn time_mtu_probe_out(&mut self, cx: &mut Context<'_>) {
        if let Some(probe) = self.mtu_probe().copied() {
            let path = self.path_mtu_mut(cx.now);
            path.probe = None;
            path.failed(probe.size);
            self.tell_mtu_probe(probe.size, ProbeFate::Unclear, cx);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Instant;

    /// The sizes that are tried where `passes` pass, from `size` on.
    fn tried(mut size: u16, ends: u16, passes: u16) -> (Vec<u16>, u16) {
        let mut path = PathMtu::new(KnownPath::new(Instant::ZERO));
        let mut all = Vec::new();
        while let Some(next) = path.next_size(size, ends) {
            all.push(next);
            if next <= passes {
                size = next;
                path.failures = 0;
            } else {
                path.failed(next);
            }
        }
        (all, size)
    }

    #[test]
    fn after_an_outage_one_probe_is_enough() {
        assert_eq!(tried(1_024, 1_460, 1_460), (vec![1_460], 1_460));
    }

    #[test]
    fn otherwise_the_gap_is_halved_and_each_size_has_two_chances() {
        let (all, found) = tried(1_024, 1_460, 1_260);
        assert_eq!(&all[..5], [1_460, 1_460, 1_242, 1_351, 1_351]);
        assert!((1_260 - found) < WORTH, "{found}");
        assert!(all.len() < 16, "{all:?}");
    }

    #[test]
    fn what_a_router_says_is_tried_at_once() {
        let mut path = PathMtu::new(KnownPath::new(Instant::ZERO));
        (path.known.most, path.known.most_is_told) = (1_360, true);
        assert_eq!(path.next_size(1_024, 1_460), Some(1_360));
        assert_eq!(path.next_size(1_360, 1_460), None);
    }
}
