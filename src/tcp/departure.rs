//! What is noted when something leaves, and when the next may: records of what is in flight, pacing, and
//! whether it was the application that had no more to send.

use std::time::Duration;

use super::congestion::CongestionControl;
use super::context::Context;
use super::recovery::Sent;
use super::tcb::Tcb;
use super::timers::Timer;
use crate::trace::Retransmission;
use crate::wire::Flags;

impl Tcb {
    /// Numbers leave for the first time.
    pub(super) fn note_in_flight(&mut self, numbers: u32, flags: Flags, cx: &mut Context<'_>) {
        let pipe = self.pipe(cx.config);
        if self.flight.is_empty() {
            let path = self.path(pipe, cx);
            self.congestion.on_send(&path, self.progress.app_limited > 0);
        }
        let segment_size = self.payload_room(cx);
        let seq = self.snd.nxt;
        let out = self.flight.open(seq, cx.now, cx.pool);
        let sent = Sent {
            seq,
            end: seq + numbers,
            syn: flags.contains(Flags::SYN),
            fin: flags.contains(Flags::FIN),
            psh: flags.contains(Flags::PSH),
            sacked: false,
            lost: None,
            times: 1,
            segment_size,
            at: cx.now,
            mark: self.progress.mark(out, pipe, numbers),
        };
        out.push(sent);
        self.snd.nxt = sent.end;
        self.pace(numbers, cx);
    }

    /// The first lost record leaves again.
    pub(super) fn note_sent_again(
        &mut self,
        sent: &Sent,
        why: Retransmission,
        cx: &mut Context<'_>,
    ) {
        let (pipe, numbers) = (self.pipe(cx.config), sent.len());
        let segment_size = self.payload_room(cx);
        let Some(out) = self.flight.out_mut() else { return };
        let mark = self.progress.mark(out, pipe, numbers);
        self.counters.octets_sent_again += u64::from(sent.data());
        out.resend_first_lost(|sent| {
            sent.at = cx.now;
            sent.mark = mark;
            sent.segment_size = segment_size;
        });
        if why != Retransmission::LossProbe
            && let Some(undo) = self.recovery.undo.as_deref_mut()
        {
            undo.on_sent_again(numbers, sent.end, cx.now);
        }
        self.pace(numbers, cx);
    }

    /// Congestion control may want the next segment later.
    fn pace(&mut self, numbers: u32, cx: &mut Context<'_>) {
        if let Some(prr) = self.recovery.prr_mut() {
            prr.on_sent(numbers);
        }
        if let Some(rate) = self.congestion.pacing_rate()
            && let Some(out) = self.flight.out_mut()
        {
            let nanos = u64::from(numbers) * 1_000_000_000 / rate.max(1);
            out.paced_until = out.paced_until.max(cx.now) + Duration::from_nanos(nanos);
        }
    }

    pub(super) fn may_leave_now(&self, cx: &Context<'_>) -> bool {
        self.flight.out().is_none_or(|out| out.paced_until <= cx.now)
    }

    /// Nothing leaves now. If that is for pacing, a timer runs; if the application has nothing more, what is
    /// delivered next says nothing of the path.
    pub(super) fn rest(&mut self, cx: &mut Context<'_>) {
        let has_more = self.flight.lost() > 0 || self.unsent() > 0;
        match self.flight.out().map(|out| out.paced_until).filter(|until| *until > cx.now) {
            Some(until) if has_more => self.arm_until(Timer::Pacing, until, cx),
            Some(_) | None => self.disarm(Timer::Pacing, cx),
        }
        if !has_more {
            let pipe = self.pipe(cx.config);
            if pipe < self.window() {
                self.progress.on_nothing_to_send(pipe);
            }
        }
    }
}
