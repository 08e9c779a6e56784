//! What an acknowledgment does: octets out of the send queue, a round-trip time, news of losses for
//! `repair`, and all of that told to congestion control. The RFC's steps in `segment_arrives` call it.

use std::time::Duration;

use super::congestion::{Ack, CongestionControl, RateSample};
use super::context::Context;
use super::recovery::{Delivery, Echo, ProbeAck, Twice, dsack};
use super::tcb::Tcb;
use crate::seq::Seq;
use crate::trace::{Mask, What};
use crate::wire::{Options, Segment};

/// What the acknowledgment in hand has told, for `repair`.
#[derive(Debug)]
pub(super) struct News<'a> {
    /// SND.UNA moved by so much.
    pub(super) octets: u32,
    /// For our SYN alone, which says nothing of a window.
    pub(super) of_syn: bool,
    pub(super) delivery: &'a Delivery,
    pub(super) echo: Option<Echo>,
    /// A range that the peer received twice.
    pub(super) twice: Option<Twice>,
    /// It says that a packet of ours was marked (RFC 3168 6.1.2).
    pub(super) ece: bool,
    /// It repeats the last one (RFC 5681 2).
    pub(super) is_duplicate: bool,
    /// What was in the network before it.
    pub(super) in_flight_before: u32,
}

impl Tcb {
    /// Takes the acknowledgment of `seg`, which lies from SND.UNA to SND.NXT. `is_duplicate`: it repeats
    /// the last one.
    pub(super) fn acknowledge(&mut self, seg: &Segment, is_duplicate: bool, cx: &mut Context<'_>) {
        let blocks = &seg.options.sack;
        let has_sack = self.negotiated.sack && !blocks.is_empty();
        let advances = seg.ack != self.snd.una;
        let twice = self.twice(seg, has_sack);
        if self.recovery.probe.is_some() {
            let dsack_end = twice.map(|(_, right)| right);
            let plain_duplicate = !advances && !has_sack && seg.is_empty();
            self.judge_probe(&ProbeAck { ack: seg.ack, dsack_end, plain_duplicate }, cx);
        }
        if self.flight.is_empty() || !(advances || is_duplicate || has_sack) {
            return;
        }
        let in_flight_before = self.pipe(cx.config);
        let echo = self.echo(&seg.options, cx);
        let mut delivery = Delivery::new(cx.now, echo, self.rtt.least());
        let octets = seg.ack - self.snd.una;
        let of_syn = self.snd.syn && octets == 1;
        if advances {
            self.advance(seg.ack, &mut delivery, cx);
        }
        if has_sack {
            self.flight.take_sack(blocks, &mut delivery);
        }
        let rtt = self.measure_round_trip(&delivery, advances, cx);
        let rate = self.sample_rate(&delivery, cx);
        let ece = self.take_ece(seg);
        let delivery = &delivery;
        let news =
            News { octets, of_syn, delivery, echo, twice, ece, is_duplicate, in_flight_before };
        self.after_acknowledgment(&news, rtt, rate, cx);
    }

    /// What the peer says arrived twice.
    fn twice(&mut self, seg: &Segment, has_sack: bool) -> Option<Twice> {
        if !has_sack {
            return None;
        }
        let twice = dsack(&seg.options.sack, seg.ack, self.snd.nxt, self.snd.max_wnd);
        let more = u32::from(twice.is_some());
        self.counters.arrived_twice = self.counters.arrived_twice.saturating_add(more);
        twice
    }

    /// The timestamp that came back.
    pub(super) fn echo(&self, options: &Options, cx: &Context<'_>) -> Option<Echo> {
        let ours = self.negotiated.timestamps_at(cx.now)?;
        let theirs = options.timestamps.filter(|theirs| theirs.ecr != 0)?;
        Some(Echo { val: theirs.ecr, now: ours.val })
    }

    /// SND.UNA moves to `ack`.
    fn advance(&mut self, ack: Seq, delivery: &mut Delivery, cx: &mut Context<'_>) {
        let octets = ack - self.snd.una;
        let syn = u32::from(std::mem::take(&mut self.snd.syn));
        let fin = u32::from(self.fin.is_some_and(|fin| ack.gt(fin)));
        let data = octets - syn - fin;
        self.snd.queue.advance(data as usize, cx.pool);
        self.snd.una = ack;
        self.recovery.follow(ack);
        self.counters.octets_acknowledged += u64::from(data);
        self.snd.up = self.snd.up.filter(|up| up.gt(ack));
        if syn == 1 && self.retries > 0 {
            self.rtt.after_lost_syn();
        }
        self.flight.acknowledge(ack, delivery, cx.pool);
        self.retries = 0;
        self.unheeded = 0;
        cx.raise(Mask::DATA, || What::Acknowledged { octets });
    }

    fn measure_round_trip(
        &mut self,
        delivery: &Delivery,
        advances: bool,
        cx: &mut Context<'_>,
    ) -> Option<Duration> {
        let exact = delivery.rtt_nanos();
        // Beyond a gap the peer echoes what came last before it: that is no measurement (RFC 7323 4.1).
        let nanos = exact.or_else(|| delivery.rtt_nanos_by_timestamp().filter(|_| advances))?;
        self.rtt.measure(nanos, cx.config);
        self.recovery.may_probe = true;
        // What timestamps tell is too coarse for it.
        if let Some(nanos) = exact {
            self.rtt.take_least(nanos, cx.now);
        }
        exact.map(Duration::from_nanos)
    }

    fn sample_rate(&mut self, delivery: &Delivery, cx: &Context<'_>) -> Option<RateSample> {
        self.progress.on_delivery(delivery, &mut self.flight, self.rtt.least(), cx.now)
    }

    fn after_acknowledgment(
        &mut self,
        news: &News<'_>,
        rtt: Option<Duration>,
        rate: Option<RateSample>,
        cx: &mut Context<'_>,
    ) {
        self.recovery.reordering.on_ack(news.twice.is_some(), self.snd.una, self.snd.nxt);
        self.undo_what_was_needless(news, cx);
        let was_fast = self.recovery.is_fast();
        let lost = self.detect_losses(Some(news), cx);
        if !news.of_syn {
            let ack = Ack {
                path: self.path(self.pipe(cx.config), cx),
                octets: news.octets,
                delivered: news.delivery.octets,
                lost,
                in_flight_before: news.in_flight_before,
                rtt,
                window_limited: false,
                in_recovery: was_fast || self.recovery.is_fast(),
                ece: news.ece,
                rate,
            };
            self.tell_congestion_control(ack, cx);
        }
        self.end_or_go_on(news, cx);
        self.forget_answered_marks();
        if news.ece {
            self.answer_echo(news.octets, cx);
        }
        if self.flight.is_empty() {
            self.recovery.on_all_acknowledged();
        }
        if news.octets > 0 {
            self.restart_retransmission_timer(cx);
            self.restart_user_timeout(cx);
        } else {
            self.revise_retransmission_timer(cx);
        }
    }

    fn tell_congestion_control(&mut self, mut ack: Ack, cx: &mut Context<'_>) {
        let (before, mss) = (self.window(), ack.path.mss);
        if let Some(prr) = self.recovery.prr_mut() {
            let progress = ack.octets > 0 && ack.lost == 0;
            prr.on_ack(ack.delivered, ack.path.in_flight, mss, progress);
        }
        if ack.delivered > 0 {
            ack.window_limited = ack.in_flight_before.saturating_add(mss) > before;
            self.congestion.on_ack(&ack);
        }
        if self.window() != before {
            self.tell_congestion(cx);
        }
    }
}
