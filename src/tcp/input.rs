//! What an acceptable segment does to the connection besides acknowledging: its text goes into the receive
//! queue, a window that opens or closes changes what is waited for. And what congestion control is begun
//! with and told of the connection. The RFC's steps in `segment_arrives` call these.

use super::config::Config;
use super::congestion::{CongestionControl, Control, Path};
use super::context::Context;
use super::recovery::Prr;
use super::state::{Cause, State};
use super::tcb::Tcb;
use super::timers::Timer;
use crate::trace::{DropReason, Mask, Retransmission, What};
use crate::wire::{Flags, Segment, Timestamps};

/// Text.
impl Tcb {
    /// Takes the text of a segment that was cut to the window: into the receive queue when it is the
    /// next, beside it when it lies beyond a gap.
    pub(super) fn take_text(&mut self, seg: &mut Segment, cx: &mut Context<'_>) {
        let gap = seg.seq.since(self.rcv.nxt);
        // Where a FIN stands is reckoned from the text, so that it is needed once more then.
        let fin = seg.has(Flags::FIN);
        let mut payload = if fin { seg.payload.clone() } else { std::mem::take(&mut seg.payload) };
        // Octets behind the peer's FIN are not part of the stream.
        if let Some(fin_at) = self.rcv.fin_at {
            let start = self.rcv.delivered + u64::from(gap);
            let room = usize::try_from(fin_at.saturating_sub(start)).unwrap_or(usize::MAX);
            payload.truncate(room);
        }
        if payload.is_empty() {
            return;
        }
        if gap > 0 {
            let (delivered, budget) = (self.rcv.delivered, &mut cx.pool.out_of_order);
            let kept = self.rcv.queue.insert(delivered, gap, &payload.to_bytes(), budget);
            if !kept {
                cx.dropped(DropReason::NoRoom);
            }
            self.acks.duplicate();
            return;
        }
        // A window that was offered while there was room for it may be more than there is now.
        let ready = self.rcv.queue.ready_len();
        if ready > 0 && ready + payload.len() > cx.pool.queues.longest_queue() {
            cx.dropped(DropReason::NoRoom);
            self.acks.duplicate();
            return;
        }
        let had_gap = self.rcv.queue.out_of_order_len() > 0;
        let mut octets = u32::try_from(payload.len()).expect("an IP packet is below 2^16 octets");
        self.deliver(octets);
        payload.into_slices().for_each(|slice| self.rcv.queue.append(slice, cx.pool));
        let limit = self.rcv.fin_at.unwrap_or(u64::MAX);
        let closed = self.rcv.queue.close_gap(self.rcv.delivered, limit, cx.pool);
        self.deliver(closed);
        let enough = self.acks.received(octets, self.own_mss(cx.config), cx.config);
        octets += closed;
        cx.raise(Mask::DATA, || What::Delivered { octets });
        // A gap that is filled, wholly or in part, is acknowledged at once (RFC 5681 4.2).
        if had_gap || enough {
            self.acks.now = true;
        } else if !self.timers.is_armed(Timer::DelayedAck) {
            let delay = cx.config.delayed_ack.min(Config::LONGEST_ACK_DELAY);
            self.arm(Timer::DelayedAck, delay, cx);
        }
    }

    fn deliver(&mut self, octets: u32) {
        self.rcv.nxt += octets;
        self.rcv.wnd = self.rcv.wnd.saturating_sub(octets);
        self.rcv.delivered += u64::from(octets);
    }
}

/// Windows.
impl Tcb {
    /// What a window that opened or closed means for what is out.
    pub(super) fn on_window_change(&mut self, old_wnd: u32, cx: &mut Context<'_>) {
        let (opened, closed) = (old_wnd == 0 && self.snd.wnd > 0, old_wnd > 0 && self.snd.wnd == 0);
        if opened {
            self.flight.mark_all_lost(Retransmission::Probe);
            self.rtt.reset_backoff();
            // Probes of the closed window were no timeouts.
            self.retries = 0;
        }
        if opened || closed {
            self.restart_retransmission_timer(cx);
        }
    }

    pub(super) fn tell_congestion(&self, cx: &mut Context<'_>) {
        cx.raise(Mask::WINDOWS, || What::CongestionWindow {
            cwnd: self.window(),
            ssthresh: self.congestion.slow_start_threshold(),
        });
    }
}

/// Beginnings.
impl Tcb {
    /// The segment size is known: the initial congestion window is, too. A lost SYN makes it one
    /// segment (RFC 5681 3.1).
    pub(super) fn begin_congestion_control(&mut self, cx: &mut Context<'_>) {
        self.begin_path_mtu(cx);
        let segments = if self.retries > 0 { 1 } else { cx.config.initial_window };
        self.congestion = self.fresh_congestion_control(segments, cx);
        if let Some(mut undo) = self.recovery.undo.take() {
            // Had the SYN not been sent again, it would have begun with a whole window.
            undo.before = self.fresh_congestion_control(cx.config.initial_window, cx);
            self.recovery.undo = Some(undo);
        }
    }

    fn fresh_congestion_control(&self, segments: u32, cx: &Context<'_>) -> Control {
        let algorithm = self.congestion.algorithm();
        let mut fresh = Control::new(algorithm, segments, self.send_mss(cx.config));
        fresh.on_negotiated(self.negotiated.sack);
        fresh
    }

    /// What follows from having become ESTABLISHED.
    pub(super) fn on_established(&mut self, cx: &mut Context<'_>) {
        self.watch_silence(cx);
        if self.close_requested {
            // CLOSE came in SYN-RECEIVED behind data (RFC 9293 3.10.4).
            self.enter(State::FinWait1, Cause::Close, cx);
        }
    }
}

/// Congestion control.
impl Tcb {
    /// cwnd as it is now: while losses are repaired, what is left of it.
    pub(super) fn window(&self) -> u32 {
        self.recovery.prr().map_or(self.congestion.window(), Prr::window)
    }

    /// The connection as congestion control sees it, with `in_flight` octets in the network.
    pub(super) fn path(&self, in_flight: u32, cx: &Context<'_>) -> Path {
        let mss = self.send_mss(cx.config);
        let options = if self.negotiated.timestamps { Timestamps::LEN } else { 0 };
        let options = u32::try_from(options).expect("twelve");
        Path {
            now: cx.now,
            mss,
            segment: mss.saturating_sub(options).max(1),
            in_flight,
            una: self.snd.una,
            nxt: self.snd.nxt,
            srtt: self.rtt.srtt(),
            min_rtt: self.rtt.least(),
            delivered: self.progress.delivered,
            lost: self.progress.lost,
        }
    }
}
