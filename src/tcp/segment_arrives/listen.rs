//! SEGMENT ARRIVES in LISTEN (RFC 9293 3.10.7.2).

use std::ops::ControlFlow;

use super::{Step, drop_segment};
use crate::tcp::context::Context;
use crate::tcp::state::{Cause, State};
use crate::tcp::tcb::Tcb;
use crate::trace::DropReason;
use crate::wire::{Flags, Segment};

pub(super) fn listen(tcb: &mut Tcb, seg: &Segment, cx: &mut Context<'_>) -> Step {
    first_check_for_a_rst(seg, cx)?;
    second_check_for_an_ack(tcb, seg, cx)?;
    third_check_for_a_syn(tcb, seg, cx)?;
    // Fourth: anything else has no business here.
    drop_segment(DropReason::NoSyn, cx)
}

fn first_check_for_a_rst(seg: &Segment, cx: &mut Context<'_>) -> Step {
    if seg.has(Flags::RST) {
        return drop_segment(DropReason::ResetIgnored, cx);
    }
    ControlFlow::Continue(())
}

fn second_check_for_an_ack(tcb: &mut Tcb, seg: &Segment, cx: &mut Context<'_>) -> Step {
    if seg.has(Flags::ACK) {
        tcb.reset_for_bad_ack(seg);
        return drop_segment(DropReason::BadAck, cx);
    }
    ControlFlow::Continue(())
}

/// The SYN is taken; data or a FIN that comes with it is not. It is not acknowledged either, so the
/// peer sends it again once the connection stands: nobody can fill our memory with one datagram.
fn third_check_for_a_syn(tcb: &mut Tcb, seg: &Segment, cx: &mut Context<'_>) -> Step {
    if !seg.has(Flags::SYN) {
        return ControlFlow::Continue(());
    }
    tcb.negotiated.on_syn(&seg.options, cx.now);
    tcb.take_ecn_of_syn(seg, cx.config.ecn);
    tcb.irs = seg.seq;
    tcb.rcv.nxt = seg.seq + 1;
    tcb.take_window(seg, cx);
    tcb.enter(State::SynReceived, Cause::SynArrived, cx);
    ControlFlow::Break(())
}
