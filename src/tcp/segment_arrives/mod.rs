//! SEGMENT ARRIVES (RFC 9293 3.10.7), a file per paragraph.

mod closed;
mod listen;
mod other_states;
mod syn_sent;

use std::ops::ControlFlow;

pub use closed::closed;

use super::context::Context;
use super::state::State;
use super::tcb::Tcb;
use super::variables::Reset;
use crate::trace::{DropReason, Mask, SegmentSummary, What};
use crate::wire::{Flags, Segment};

/// Whether the next step of the RFC's text follows; `Break` is its "return".
pub(super) type Step = ControlFlow<()>;

/// The RFC's "drop the segment and return".
pub(super) fn drop_segment(why: DropReason, cx: &mut Context<'_>) -> Step {
    cx.dropped(why);
    ControlFlow::Break(())
}

impl Tcb {
    /// A segment of this connection arrived. What it draws as an answer comes with `poll_output`.
    pub fn on_segment(&mut self, mut seg: Segment, cx: &mut Context<'_>) {
        let state = self.state;
        cx.raise(Mask::SEGMENTS, || What::Received { seg: summary(&seg), state });
        self.counters.segments_received += 1;
        cx.tracer.received();
        self.last_heard = cx.now;
        self.keepalive_probes = 0;
        let _ = match state {
            State::Closed => {
                self.pending.reset = closed(&seg)
                    .map(|rst| Reset { seq: rst.seq, ack: rst.has(Flags::ACK).then_some(rst.ack) });
                ControlFlow::Break(())
            }
            State::Listen => listen::listen(self, &seg, cx),
            State::SynSent => syn_sent::syn_sent(self, &mut seg, cx),
            State::SynReceived
            | State::Established
            | State::FinWait1
            | State::FinWait2
            | State::CloseWait
            | State::Closing
            | State::LastAck
            | State::TimeWait => other_states::other_states(self, &mut seg, cx),
        };
        if self.network.is_some() {
            self.judge_mtu_probe(cx);
        }
    }

    /// Whether this segment is a SYN that may open a new connection in place of this one, which sits in
    /// `TIME_WAIT`: its number lies beyond what the old connection used (RFC 9293 3.6.1, MAY-2). Where both
    /// have timestamps, the newer one decides, and of two equal ones the number (RFC 6191 2): an older one
    /// is an old SYN's, wherever its number lies.
    #[must_use]
    pub fn yields_to(&self, seg: &Segment) -> bool {
        let newer_by = match seg.options.timestamps {
            Some(theirs) if self.negotiated.timestamps => {
                theirs.val.wrapping_sub(self.negotiated.ts_recent).cast_signed()
            }
            Some(_) | None => 0,
        };
        self.state == State::TimeWait
            && seg.has(Flags::SYN)
            && !seg.flags.intersects(Flags::ACK | Flags::RST | Flags::FIN)
            && (newer_by > 0 || (newer_by == 0 && seg.seq.gt(self.rcv.nxt)))
    }

    /// Ends `TIME_WAIT` early, for a SYN that [`Tcb::yields_to`] accepts. Returns what the new
    /// connection's ISS has to lie beyond (RFC 1122 4.2.2.13).
    pub fn give_way(&mut self, cx: &mut Context<'_>) -> crate::seq::Seq {
        self.enter(State::Closed, super::state::Cause::NewIncarnation, cx);
        self.snd.nxt
    }

    /// An ACK in answer to a segment that cannot be right, unless it had enough of these: it tells an
    /// honest peer where we stand, and a blind attacker nothing (RFC 5961 3.2, 4.2, 5.2).
    pub(super) fn challenge(&mut self, cx: &Context<'_>) {
        if self.acks.may_challenge(cx.now, cx.config.challenge_acks) {
            self.acks.now = true;
        }
    }

    /// Answers a bad ACK before the connection is synchronized: `<SEQ=SEG.ACK><CTL=RST>`.
    pub(super) fn reset_for_bad_ack(&mut self, seg: &Segment) {
        self.pending.reset = Some(Reset { seq: seg.ack, ack: None });
    }

    /// Takes the window from a segment that may tell it (RFC 9293 3.10.7.4, fifth).
    pub(super) fn take_window(&mut self, seg: &Segment, cx: &mut Context<'_>) {
        // The window of a SYN is never scaled (RFC 7323 2.2).
        let shift = match self.negotiated.snd_shift {
            Some(shift) if !seg.has(Flags::SYN) => shift,
            Some(_) | None => 0,
        };
        let wnd = u32::from(seg.wnd) << shift;
        if wnd != self.snd.wnd {
            cx.raise(Mask::WINDOWS, || What::SendWindow { octets: wnd });
        }
        self.snd.wnd = wnd;
        self.snd.max_wnd = self.snd.max_wnd.max(wnd);
        if seg.has(Flags::ACK) {
            self.snd.edge = self.snd.edge.max(seg.ack + wnd);
        }
        self.snd.wl1 = seg.seq;
        self.snd.wl2 = seg.ack;
    }
}

/// The header of a segment, for events.
pub(super) fn summary(seg: &Segment) -> SegmentSummary {
    SegmentSummary {
        seq: seg.seq,
        ack: seg.ack,
        flags: seg.flags,
        wnd: seg.wnd,
        len: u32::try_from(seg.payload.len()).unwrap_or(u32::MAX),
        segment_size: seg.segment_size,
        ecn: seg.ecn,
        options: seg.options,
    }
}
