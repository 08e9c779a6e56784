//! SEGMENT ARRIVES in SYN-RECEIVED and the synchronized states (RFC 9293 3.10.7.4).

use std::ops::ControlFlow;
use std::time::Duration;

use super::{Step, drop_segment};
use crate::error::Error;
use crate::seq::Seq;
use crate::tcp::context::Context;
use crate::tcp::state::{Cause, State};
use crate::tcp::tcb::Tcb;
use crate::tcp::timers::Timer;
use crate::time::Instant;
use crate::trace::{DropReason, Mask, Retransmission, Role, What};
use crate::wire::{Flags, Segment};

/// The eight checks. Each `?` is a "return" in the RFC's text.
pub(super) fn other_states(tcb: &mut Tcb, seg: &mut Segment, cx: &mut Context<'_>) -> Step {
    repeated_syn_of_the_handshake(tcb, seg, cx)?;
    first_check_sequence_number(tcb, seg, cx)?;
    second_check_the_rst_bit(tcb, seg, cx)?;
    // Third, security: IP security options are long gone, there is nothing to compare.
    fourth_check_the_syn_bit(tcb, seg, cx)?;
    let (first, twice) = (seg.seq, tcb.duplicate_in(seg));
    cut_to_window(tcb, seg);
    fifth_check_the_ack_field(tcb, seg, cx)?;
    take_timestamp(tcb, seg, first, cx.now);
    tcb.report_duplicate(twice, cx);
    tcb.take_mark(seg);
    from_sixth_step(tcb, seg, cx)
}

/// The last three checks; SYN-SENT joins here once its SYN is acknowledged.
pub(super) fn from_sixth_step(tcb: &mut Tcb, seg: &mut Segment, cx: &mut Context<'_>) -> Step {
    sixth_check_the_urg_bit(tcb, seg, cx);
    seventh_process_the_segment_text(tcb, seg, cx)?;
    eighth_check_the_fin_bit(tcb, seg, cx)
}

/// In SYN-RECEIVED the peer's own SYN may come again. With an ACK it completes a simultaneous open
/// (RFC 9293 3.5, figure 8): the SYN is cut off and the rest checked as it stands. Without, the peer
/// has not seen our SYN,ACK: that goes again at once, which is the acknowledgment it is owed.
/// Data may come with it, in the window; that does not make it a new SYN.
fn repeated_syn_of_the_handshake(tcb: &mut Tcb, seg: &mut Segment, cx: &mut Context<'_>) -> Step {
    let repeated = tcb.state == State::SynReceived
        && seg.seq == tcb.irs
        && seg.has(Flags::SYN)
        && !seg.has(Flags::RST);
    if !repeated {
        return ControlFlow::Continue(());
    }
    tcb.take_ecn_of_repeated_syn(seg);
    if seg.has(Flags::ACK) {
        cut_off_the_syn(seg);
        return ControlFlow::Continue(());
    }
    tcb.flight.mark_first_lost(Retransmission::Handshake, u32::MAX);
    drop_segment(DropReason::OutsideWindow, cx)
}

fn first_check_sequence_number(tcb: &mut Tcb, seg: &mut Segment, cx: &mut Context<'_>) -> Step {
    if cx.config.require_timestamps && lacks_timestamp(tcb, seg) {
        return drop_segment(DropReason::NoTimestamp, cx);
    }
    if is_from_the_past(tcb, seg, cx.now) {
        acknowledge_again(tcb, seg, cx);
        return drop_segment(DropReason::OldTimestamp, cx);
    }
    if is_acceptable(tcb, seg) {
        return ControlFlow::Continue(());
    }
    if closed_window_allows(tcb, seg) {
        // The data did not fit, so the peer is told where we stand; ACK, URG and RST count.
        seg.payload.truncate(0);
        seg.flags.remove(Flags::FIN);
        tcb.acks.now = true;
        return ControlFlow::Continue(());
    }
    if seg.has(Flags::RST) {
        return drop_segment(DropReason::OutsideWindow, cx);
    }
    if tcb.state == State::TimeWait && seg.has(Flags::FIN) && seg.end() == tcb.rcv.nxt {
        // The peer's FIN again: our ACK of it was lost. The wait starts over (eighth check, TIME-WAIT).
        tcb.acks.now = true;
        tcb.arm(Timer::TimeWait, 2 * cx.config.msl, cx);
        return drop_segment(DropReason::OutsideWindow, cx);
    }
    acknowledge_again(tcb, seg, cx);
    if is_one_behind(tcb, seg) {
        return ControlFlow::Continue(());
    }
    drop_segment(DropReason::OutsideWindow, cx)
}

/// While the peer's window is closed, an ACK from just before what we expect. Its sender may have had an
/// octet taken from beyond our window (a probe), and not have heard of it; if the same has happened the
/// other way, neither of two closed windows would ever be told to have opened. So what it acknowledges
/// counts, and it is answered all the same: a keep-alive probe looks like this, too (RFC 9293 3.8.4;
/// 3.10.7.4 makes such an allowance where our window is zero).
fn is_one_behind(tcb: &Tcb, seg: &Segment) -> bool {
    let is_bare = seg.is_empty() && seg.has(Flags::ACK) && !seg.has(Flags::RST);
    let is_blocked = tcb.snd.wnd == 0 && tcb.state.is_synchronized();
    is_bare && is_blocked && seg.seq + 1 == tcb.rcv.nxt
}

/// Tells the peer where we stand, because of a segment that is not acceptable.
fn acknowledge_again(tcb: &mut Tcb, seg: &Segment, cx: &mut Context<'_>) {
    if may_have_come_before(tcb, seg, cx) {
        // Our ACK of it was lost, or it travelled for long.
        tcb.acks.now = true;
        tcb.report_duplicate(tcb.duplicate_in(seg), cx);
    } else {
        // Nothing that needs an acknowledgment, or what nobody has sent: two confused peers could go on for
        // ever, and whoever guesses numbers would have an answer to each.
        tcb.challenge(cx);
    }
}

/// Data, or a FIN, from near where we are: within a window below what we expect, or in the window.
fn may_have_come_before(tcb: &Tcb, seg: &Segment, cx: &Context<'_>) -> bool {
    let (end, nxt) = (seg.end(), tcb.rcv.nxt);
    let window = tcb.receive_buffer(cx.config).max(1 << 16);
    let is_near = nxt.since(end) <= window && end.since(nxt) <= tcb.rcv.wnd;
    !seg.is_empty() && !seg.has(Flags::SYN) && is_near
}

/// Protection against wrapped sequence numbers (RFC 7323 5.3): a segment with an older timestamp is an
/// old one, whatever its number. After 24 days of silence the peer's clock may have gone round, and
/// says nothing (5.5). A RST counts all the same (5.2).
fn is_from_the_past(tcb: &Tcb, seg: &Segment, now: Instant) -> bool {
    const VALID_FOR: Duration = Duration::from_hours(24 * 24);
    let negotiated = &tcb.negotiated;
    let Some(theirs) = seg.options.timestamps.filter(|_| negotiated.timestamps) else {
        return false;
    };
    let is_older = theirs.val.wrapping_sub(negotiated.ts_recent).cast_signed() < 0;
    is_older && !seg.has(Flags::RST) && now.since(negotiated.ts_recent_at) < VALID_FOR
}

/// Whatever cannot show how old it is may be so old that its number has come round again: it is dropped
/// without a word (RFC 7323 3.2). A RST counts all the same, and a SYN may be of a peer that has forgotten
/// the connection: it is challenged.
fn lacks_timestamp(tcb: &Tcb, seg: &Segment) -> bool {
    tcb.negotiated.timestamps
        && seg.options.timestamps.is_none()
        && !seg.flags.intersects(Flags::RST | Flags::SYN)
}

/// The four cases of the table in RFC 9293 3.10.7.4.
fn is_acceptable(tcb: &Tcb, seg: &Segment) -> bool {
    let window_end = tcb.rcv.nxt + tcb.rcv.wnd;
    let in_window = |seq: crate::seq::Seq| tcb.rcv.nxt.le(seq) && seq.lt(window_end);
    match (seg.len(), tcb.rcv.wnd) {
        (0, 0) => seg.seq == tcb.rcv.nxt,
        (0, _) => in_window(seg.seq),
        (_, 0) => false,
        (_, _) => in_window(seg.seq) || in_window(seg.end() - 1),
    }
}

impl Tcb {
    /// Whether its numbers are such as only the peer knows: in the window, with an ACK that may be true.
    #[must_use]
    pub fn believes(&self, seg: &Segment) -> bool {
        let has_numbers = self.state.is_synchronized() || self.state == State::SynReceived;
        has_numbers && seg.has(Flags::ACK) && is_acceptable(self, seg) && may_be_true(self, seg)
    }
}

/// A zero window takes no data, but ACK, URG and RST of a segment at its edge (MUST-66).
fn closed_window_allows(tcb: &Tcb, seg: &Segment) -> bool {
    tcb.rcv.wnd == 0 && seg.seq == tcb.rcv.nxt && !seg.has(Flags::SYN)
}

/// Remembers the timestamp to echo (RFC 7323 4.3) of a segment that began at `first`. Only now, for a
/// forged one with an ACK that cannot be must not put a wrong one in its place.
fn take_timestamp(tcb: &mut Tcb, seg: &Segment, first: Seq, now: Instant) {
    if let Some(theirs) = seg.options.timestamps
        && tcb.negotiated.timestamps
        && first.le(tcb.rcv.last_ack_sent)
    {
        // Not older than the last, or that was too long ago: the first check has seen to it.
        tcb.negotiated.ts_recent = theirs.val;
        tcb.negotiated.ts_recent_at = now;
    }
}

/// RFC 5961 3.2: exactly at RCV.NXT it counts, elsewhere in the window it is challenged.
fn second_check_the_rst_bit(tcb: &mut Tcb, seg: &Segment, cx: &mut Context<'_>) -> Step {
    if !seg.has(Flags::RST) {
        return ControlFlow::Continue(());
    }
    if tcb.state == State::TimeWait {
        // RFC 1337: it would end the wait that protects the next connection.
        return drop_segment(DropReason::ResetInTimeWait, cx);
    }
    if seg.seq != tcb.rcv.nxt {
        tcb.challenge(cx);
        return drop_segment(DropReason::ResetNotExact, cx);
    }
    match tcb.state {
        State::SynReceived if tcb.role == Role::Passive => {
            tcb.enter(State::Listen, Cause::RstArrived, cx);
        }
        State::SynReceived => tcb.fail(Error::ConnectionRefused, Cause::RstArrived, cx),
        State::Established
        | State::FinWait1
        | State::FinWait2
        | State::CloseWait
        | State::Closing
        | State::LastAck => tcb.fail(Error::ConnectionReset, Cause::RstArrived, cx),
        State::Closed | State::Listen | State::SynSent | State::TimeWait => {
            unreachable!("{} does not come here", tcb.state)
        }
    }
    ControlFlow::Break(())
}

/// RFC 5961 4.2: a SYN on a synchronized connection is challenged, whatever its number.
fn fourth_check_the_syn_bit(tcb: &mut Tcb, seg: &Segment, cx: &mut Context<'_>) -> Step {
    if !seg.has(Flags::SYN) {
        return ControlFlow::Continue(());
    }
    if tcb.state == State::SynReceived && tcb.role == Role::Passive {
        tcb.enter(State::Listen, Cause::SynInWindow, cx);
    } else {
        tcb.challenge(cx);
    }
    drop_segment(DropReason::SynInWindow, cx)
}

/// Leaves of a segment what stands behind its SYN, from whose number the urgent pointer counts.
pub(super) fn cut_off_the_syn(seg: &mut Segment) {
    seg.flags.remove(Flags::SYN);
    seg.seq += 1;
    seg.up = seg.up.saturating_sub(1);
}

/// Keeps of an acceptable segment what lies in the window; a FIN beyond it goes.
pub(super) fn cut_to_window(tcb: &Tcb, seg: &mut Segment) {
    let before = tcb.rcv.nxt.since(seg.seq);
    if before > 0 {
        seg.payload.advance(before as usize);
        seg.seq = tcb.rcv.nxt;
        // The urgent pointer counts from the beginning that was cut off.
        seg.up = u16::try_from(u32::from(seg.up).saturating_sub(before)).expect("it shrinks");
    }
    let window_end = tcb.rcv.nxt + tcb.rcv.wnd;
    let beyond = seg.end().since(window_end);
    if beyond > 0 {
        let fin = u32::from(seg.has(Flags::FIN));
        seg.flags.remove(Flags::FIN);
        let keep = seg.payload.len().saturating_sub((beyond - fin.min(beyond)) as usize);
        seg.payload.truncate(keep);
    }
}

fn fifth_check_the_ack_field(tcb: &mut Tcb, seg: &Segment, cx: &mut Context<'_>) -> Step {
    if !seg.has(Flags::ACK) {
        return drop_segment(DropReason::NoAck, cx);
    }
    match tcb.state {
        State::SynReceived => {
            ack_in_syn_received(tcb, seg, cx)?;
            ack_of_data(tcb, seg, cx)
        }
        State::Established | State::FinWait2 | State::CloseWait => ack_of_data(tcb, seg, cx),
        State::FinWait1 => {
            ack_of_data(tcb, seg, cx)?;
            if tcb.fin_is_acknowledged() {
                tcb.enter(State::FinWait2, Cause::FinAcknowledged, cx);
            }
            ControlFlow::Continue(())
        }
        State::Closing => {
            ack_of_data(tcb, seg, cx)?;
            if tcb.fin_is_acknowledged() {
                tcb.enter(State::TimeWait, Cause::FinAcknowledged, cx);
            }
            ControlFlow::Continue(())
        }
        State::LastAck => {
            ack_of_data(tcb, seg, cx)?;
            if tcb.fin_is_acknowledged() {
                tcb.enter(State::Closed, Cause::FinAcknowledged, cx);
                return ControlFlow::Break(());
            }
            ControlFlow::Continue(())
        }
        State::TimeWait => ack_in_time_wait(tcb, seg, cx),
        State::Closed | State::Listen | State::SynSent => {
            unreachable!("{} does not come here", tcb.state)
        }
    }
}

/// SYN-RECEIVED: our SYN has to be acknowledged, and nothing that was not sent.
fn ack_in_syn_received(tcb: &mut Tcb, seg: &Segment, cx: &mut Context<'_>) -> Step {
    if !(tcb.snd.una.lt(seg.ack) && seg.ack.le(tcb.snd.nxt)) {
        tcb.reset_for_bad_ack(seg);
        return drop_segment(DropReason::BadAck, cx);
    }
    tcb.take_window(seg, cx);
    tcb.begin_congestion_control(cx);
    tcb.enter(State::Established, Cause::SynAcknowledged, cx);
    tcb.on_established(cx);
    ControlFlow::Continue(())
}

/// TIME-WAIT: nothing of ours is out. The peer's FIN again is the only thing that can arrive; the first check
/// has seen to it. Whatever else takes up a number is told where we stand, as by Linux and FreeBSD.
fn ack_in_time_wait(tcb: &mut Tcb, seg: &Segment, cx: &mut Context<'_>) -> Step {
    ack_has_to_be_possible(tcb, seg, cx)?;
    if !seg.is_empty() {
        tcb.acks.now = true;
    }
    ControlFlow::Continue(())
}

fn ack_has_to_be_possible(tcb: &mut Tcb, seg: &Segment, cx: &mut Context<'_>) -> Step {
    if !may_be_true(tcb, seg) {
        tcb.challenge(cx);
        return drop_segment(DropReason::BadAck, cx);
    }
    ControlFlow::Continue(())
}

/// ESTABLISHED, and what all later states do as well.
fn ack_of_data(tcb: &mut Tcb, seg: &Segment, cx: &mut Context<'_>) -> Step {
    ack_has_to_be_possible(tcb, seg, cx)?;
    let (old_wnd, old_una) = (tcb.snd.wnd, tcb.snd.una);
    let may_tell_window =
        tcb.snd.wl1.lt(seg.seq) || (tcb.snd.wl1 == seg.seq && tcb.snd.wl2.le(seg.ack));
    if seg.ack.ge(tcb.snd.una) && may_tell_window {
        tcb.take_window(seg, cx);
    }
    if seg.ack.ge(old_una) {
        let is_duplicate = seg.ack == old_una && is_duplicate(tcb, seg, old_wnd);
        tcb.acknowledge(seg, is_duplicate, cx);
    }
    // A peer that answers is alive, however small its window: R2 counts from here (MUST-37).
    if tcb.snd.wnd == 0 {
        tcb.retries = 0;
    }
    tcb.on_window_change(old_wnd, cx);
    ControlFlow::Continue(())
}

/// RFC 5961 5.2: an ACK of what was not sent, or older than any window we were ever given, is a guess.
fn may_be_true(tcb: &Tcb, seg: &Segment) -> bool {
    let oldest = tcb.snd.una - tcb.snd.max_wnd.max(1);
    seg.ack.le(tcb.snd.nxt) && seg.ack.ge(oldest)
}

/// RFC 5681 2, the definition of a duplicate acknowledgment; the number is checked by the caller.
fn is_duplicate(tcb: &Tcb, seg: &Segment, old_wnd: u32) -> bool {
    !tcb.flight.is_empty()
        && seg.payload.is_empty()
        && !seg.flags.intersects(Flags::SYN | Flags::FIN)
        && tcb.snd.wnd == old_wnd
        && old_wnd > 0
}

fn sixth_check_the_urg_bit(tcb: &mut Tcb, seg: &Segment, cx: &mut Context<'_>) {
    if !seg.has(Flags::URG) {
        return;
    }
    match tcb.state {
        State::Established | State::FinWait1 | State::FinWait2 => {
            let pointer = seg.seq + u32::from(seg.up);
            let later = tcb.rcv.up.is_none_or(|up| up.lt(pointer));
            if later && pointer.gt(tcb.rcv.nxt) {
                tcb.rcv.up = Some(pointer);
                cx.raise(Mask::REPORTS, || What::Urgent { pointer });
            }
        }
        // The peer has closed: it has nothing to say any more.
        State::CloseWait | State::Closing | State::LastAck | State::TimeWait => {}
        State::Closed | State::Listen | State::SynSent | State::SynReceived => {
            unreachable!("{} does not come here", tcb.state)
        }
    }
}

fn seventh_process_the_segment_text(
    tcb: &mut Tcb,
    seg: &mut Segment,
    cx: &mut Context<'_>,
) -> Step {
    if seg.payload.is_empty() {
        return ControlFlow::Continue(());
    }
    match tcb.state {
        State::Established => tcb.take_text(seg, cx),
        State::FinWait1 | State::FinWait2 => {
            if tcb.reader_gone {
                // Nobody is left to read it: the peer has to know (RFC 9293 3.6.1, SHLD-3).
                tcb.reset_peer();
                tcb.fail(Error::ConnectionAborted, Cause::DataAfterClose, cx);
                return ControlFlow::Break(());
            }
            tcb.take_text(seg, cx);
        }
        // Behind the peer's FIN there is nothing.
        State::CloseWait | State::Closing | State::LastAck | State::TimeWait => {
            return drop_segment(DropReason::AfterFin, cx);
        }
        State::Closed | State::Listen | State::SynSent | State::SynReceived => {
            unreachable!("{} does not come here", tcb.state)
        }
    }
    ControlFlow::Continue(())
}

/// The FIN counts once everything before it has arrived; until then its place is remembered.
fn eighth_check_the_fin_bit(tcb: &mut Tcb, seg: &Segment, cx: &mut Context<'_>) -> Step {
    if seg.has(Flags::FIN) && !tcb.state.peer_has_closed() {
        let payload_end = seg.seq + (seg.len() - 1);
        let place = tcb.rcv.delivered + u64::from(payload_end.since(tcb.rcv.nxt));
        if payload_end.ge(tcb.rcv.nxt) {
            tcb.rcv.fin_at.get_or_insert(place);
        }
        // Text beyond a gap has drawn its ACK in the seventh step.
        if payload_end.gt(tcb.rcv.nxt) && seg.payload.is_empty() {
            tcb.acks.duplicate();
        }
    }
    if tcb.rcv.fin_at != Some(tcb.rcv.delivered) || tcb.state.peer_has_closed() {
        return ControlFlow::Continue(());
    }
    tcb.rcv.nxt += 1;
    tcb.rcv.wnd = tcb.rcv.wnd.saturating_sub(1);
    tcb.acks.now = true;
    match tcb.state {
        State::Established => tcb.enter(State::CloseWait, Cause::FinArrived, cx),
        // Had our FIN been acknowledged, the fifth check would have moved us on.
        State::FinWait1 => tcb.enter(State::Closing, Cause::FinArrived, cx),
        State::FinWait2 => tcb.enter(State::TimeWait, Cause::FinArrived, cx),
        State::CloseWait | State::Closing | State::LastAck | State::TimeWait => {}
        State::Closed | State::Listen | State::SynSent | State::SynReceived => {
            unreachable!("{} does not come here", tcb.state)
        }
    }
    ControlFlow::Break(())
}
