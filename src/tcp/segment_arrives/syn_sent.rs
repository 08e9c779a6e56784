//! SEGMENT ARRIVES in SYN-SENT (RFC 9293 3.10.7.3).

use std::ops::ControlFlow;

use super::other_states::{cut_off_the_syn, cut_to_window, from_sixth_step};
use super::{Step, drop_segment};
use crate::error::Error;
use crate::tcp::context::Context;
use crate::tcp::state::{Cause, State};
use crate::tcp::tcb::Tcb;
use crate::trace::{DropReason, Retransmission};
use crate::wire::{Flags, Segment};

pub(super) fn syn_sent(tcb: &mut Tcb, seg: &mut Segment, cx: &mut Context<'_>) -> Step {
    first_check_the_ack_bit(tcb, seg, cx)?;
    second_check_the_rst_bit(tcb, seg, cx)?;
    // Third, security: there is nothing to compare.
    fourth_check_the_syn_bit(tcb, seg, cx)
}

/// Whether SEG.ACK acknowledges our SYN and nothing that was never sent.
fn ack_is_acceptable(tcb: &Tcb, seg: &Segment) -> bool {
    seg.ack.gt(tcb.iss) && seg.ack.le(tcb.snd.nxt)
}

fn first_check_the_ack_bit(tcb: &mut Tcb, seg: &Segment, cx: &mut Context<'_>) -> Step {
    if seg.has(Flags::ACK) && !ack_is_acceptable(tcb, seg) {
        if !seg.has(Flags::RST) {
            tcb.reset_for_bad_ack(seg);
        }
        return drop_segment(DropReason::BadAck, cx);
    }
    ControlFlow::Continue(())
}

/// Only a RST that acknowledges our SYN proves that its sender saw it (RFC 5961 3).
fn second_check_the_rst_bit(tcb: &mut Tcb, seg: &Segment, cx: &mut Context<'_>) -> Step {
    if !seg.has(Flags::RST) {
        return ControlFlow::Continue(());
    }
    if !seg.has(Flags::ACK) {
        return drop_segment(DropReason::ResetIgnored, cx);
    }
    tcb.fail(Error::ConnectionRefused, Cause::RstArrived, cx);
    ControlFlow::Break(())
}

fn fourth_check_the_syn_bit(tcb: &mut Tcb, seg: &mut Segment, cx: &mut Context<'_>) -> Step {
    if !seg.has(Flags::SYN) {
        // Fifth: neither SYN nor RST.
        return drop_segment(DropReason::NoSyn, cx);
    }
    tcb.negotiated.on_syn(&seg.options, cx.now);
    tcb.take_ecn_of_syn(seg, cx.config.ecn);
    tcb.irs = seg.seq;
    tcb.rcv.nxt = seg.seq + 1;
    if seg.has(Flags::ACK) {
        tcb.begin_congestion_control(cx);
        tcb.acknowledge(seg, false, cx);
        tcb.take_window(seg, cx);
        tcb.acks.now = true;
        tcb.enter(State::Established, Cause::SynAckArrived, cx);
        tcb.on_established(cx);
        cut_off_the_syn(seg);
        cut_to_window(tcb, seg);
        return from_sixth_step(tcb, seg, cx);
    }
    // Simultaneous open: our SYN goes again, now with an ACK. What came with the peer's SYN is left for
    // it to send again.
    tcb.take_window(seg, cx);
    tcb.begin_congestion_control(cx);
    tcb.enter(State::SynReceived, Cause::SynArrived, cx);
    tcb.flight.mark_first_lost(Retransmission::Handshake, u32::MAX);
    ControlFlow::Break(())
}
