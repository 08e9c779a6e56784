//! What an acceptable segment does to the connection: text into the receive queue, acknowledgments out
//! of the send queue. The RFC's steps in `segment_arrives` call these.

use super::congestion::{Ack, CongestionControl, Control, Signal};
use super::context::Context;
use super::recovery::DUPLICATE_THRESHOLD;
use super::state::{Cause, State};
use super::tcb::Tcb;
use super::timers::Timer;
use crate::seq::Seq;
use crate::trace::{DropReason, Mask, Retransmission, What};
use crate::wire::{Flags, Segment};

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
            let kept = self.rcv.queue.insert(self.rcv.delivered, gap, &payload.to_bytes());
            if !kept {
                cx.dropped(DropReason::NoRoom);
            }
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
        let enough = self.acks.received(octets, cx.config);
        octets += closed;
        cx.raise(Mask::DATA, || What::Delivered { octets });
        // A gap that is filled, wholly or in part, is acknowledged at once (RFC 5681 4.2).
        if had_gap || enough {
            self.acks.now = true;
        } else if !self.timers.is_armed(Timer::DelayedAck) {
            self.arm(Timer::DelayedAck, cx.config.delayed_ack, cx);
        }
    }

    fn deliver(&mut self, octets: u32) {
        self.rcv.nxt += octets;
        self.rcv.wnd = self.rcv.wnd.saturating_sub(octets);
        self.rcv.delivered += u64::from(octets);
    }
}

/// Acknowledgments.
impl Tcb {
    /// Takes an acknowledgment of something new: SND.UNA < `ack` =< SND.NXT.
    pub(super) fn acknowledge(&mut self, ack: Seq, cx: &mut Context<'_>) {
        let flight_before = self.flight_size();
        let octets = ack - self.snd.una;
        let syn = u32::from(std::mem::take(&mut self.snd.syn));
        let fin = u32::from(self.fin.is_some_and(|fin| ack.gt(fin)));
        let data = octets - syn - fin;
        self.snd.queue.advance(data as usize, cx.pool);
        self.snd.una = ack;
        self.recovery.recover = self.recovery.recover.max(ack);
        self.counters.octets_acknowledged += u64::from(data);
        if self.snd.up.is_some_and(|up| up.le(ack)) {
            self.snd.up = None;
        }
        let syn_was_lost = syn == 1 && self.retries > 0;
        if let Some(newest) = self.flight.acknowledge(ack, cx.pool) {
            self.measure(newest.at, cx);
        }
        self.retries = 0;
        if syn_was_lost {
            self.rtt.after_lost_syn();
        }
        cx.raise(Mask::DATA, || What::Acknowledged { octets });
        self.recover_or_grow(octets, flight_before, cx);
        self.restart_retransmission_timer(cx);
        self.disarm(Timer::User, cx);
        self.watch_user_timeout(cx);
    }

    /// RFC 6582 3.2 when in recovery, RFC 5681 3.1 otherwise.
    fn recover_or_grow(&mut self, octets: u32, flight_before: u32, cx: &mut Context<'_>) {
        let mss = self.send_mss(cx.config);
        match self.recovery.until {
            Some(until) if self.snd.una.ge(until) => {
                self.recovery.until = None;
                self.recovery.duplicates = 0;
                let path = self.path(self.flight_size(), cx);
                self.congestion.on_recovered(&path);
                self.tell_congestion(cx);
            }
            Some(_) => {
                // Partial: the next segment is missing too. What it acknowledged beyond the one sent
                // again had been counted as duplicates.
                let segments = octets / mss.max(1);
                let told = segments.saturating_sub(1);
                self.recovery.duplicates = self.recovery.duplicates.saturating_sub(told);
                self.flight.mark_first_lost(Retransmission::Fast, self.payload_room(cx));
                self.recovery.force_one = true;
            }
            None => {
                self.recovery.duplicates = 0;
                let before = self.congestion.window();
                let ack = Ack {
                    path: self.path(self.flight_size(), cx),
                    octets,
                    delivered: octets,
                    lost: 0,
                    in_flight_before: flight_before,
                    rtt: None,
                    window_limited: true,
                    in_recovery: false,
                    ece: false,
                    rate: None,
                };
                self.congestion.on_ack(&ack);
                if self.congestion.window() != before {
                    self.tell_congestion(cx);
                }
            }
        }
    }

    /// An ACK that repeats the last one: RFC 5681 3.2, RFC 6582 3.2.
    pub(super) fn on_duplicate_ack(&mut self, cx: &mut Context<'_>) {
        self.recovery.duplicates = self.recovery.duplicates.saturating_add(1);
        let enough = self.recovery.duplicates >= DUPLICATE_THRESHOLD;
        // While a timeout is being repaired everything is marked already.
        if self.recovery.until.is_some() || !enough || self.snd.una.lt(self.recovery.recover) {
            return;
        }
        self.window_was_reduced();
        self.recovery.until = Some(self.snd.nxt);
        self.recovery.timed_out = false;
        self.recovery.recover = self.snd.nxt;
        let path = self.path(self.flight_size(), cx);
        self.congestion.on_congestion(Signal::Loss, &path);
        self.tell_congestion(cx);
        if self.flight.mark_first_lost(Retransmission::Fast, self.payload_room(cx)) {
            self.recovery.force_one = true;
        }
    }

    /// What a window that opened or closed means for what is out.
    pub(super) fn on_window_change(&mut self, old_wnd: u32, cx: &mut Context<'_>) {
        let (opened, closed) = (old_wnd == 0 && self.snd.wnd > 0, old_wnd > 0 && self.snd.wnd == 0);
        if opened {
            self.flight.mark_all_lost(Retransmission::Probe);
            self.rtt.reset_backoff();
        }
        if opened || closed {
            self.restart_retransmission_timer(cx);
        }
    }

    pub(super) fn tell_congestion(&self, cx: &mut Context<'_>) {
        cx.raise(Mask::WINDOWS, || What::CongestionWindow {
            cwnd: self.congestion.window(),
            ssthresh: self.congestion.slow_start_threshold(),
        });
    }
}

/// Beginnings.
impl Tcb {
    /// The segment size is known: the initial congestion window is, too. A lost SYN makes it one
    /// segment (RFC 5681 3.1).
    pub(super) fn begin_congestion_control(&mut self, cx: &Context<'_>) {
        let segments = if self.retries > 0 { 1 } else { cx.config.initial_window };
        let algorithm = self.congestion.algorithm();
        self.congestion = Control::new(algorithm, segments, self.send_mss(cx.config));
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
