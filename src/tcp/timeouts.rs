//! USER TIMEOUT, RETRANSMISSION TIMEOUT and TIME-WAIT TIMEOUT (RFC 9293 3.10.8), and the other timers.

use std::time::Duration;

use super::context::Context;
use super::state::{Cause, State};
use super::tcb::Tcb;
use super::timers::Timer;
use crate::error::Error;
use crate::time::Instant;
use crate::trace::{Mask, Retransmission, TimerChange, What};

/// R1 (RFC 9293 3.8.3, SHLD-10: at least 3 retransmissions): so many timeouts in a row are told to the
/// application. The layer below has one link and no gateways to choose from, so it needs no advice.
const R1: u32 = 3;

impl Tcb {
    /// Time has passed: acts on every timer that has run out at `cx.now`. Calling it too often does no
    /// harm, calling it late neither.
    pub fn on_timeout(&mut self, cx: &mut Context<'_>) {
        while let Some(timer) = self.timers.take_expired(cx.now) {
            cx.raise(Mask::TIMERS, || What::Timer { timer, change: TimerChange::Fired });
            match timer {
                Timer::Retransmission => self.retransmission_timeout(cx),
                Timer::Reordering => self.reordering_timeout(cx),
                Timer::LossProbe => self.loss_probe_timeout(cx),
                Timer::Persist => self.persist_timeout(cx),
                Timer::DelayedAck => self.acks.now = true,
                Timer::Keepalive => self.keepalive_timeout(cx),
                Timer::TimeWait => self.enter(State::Closed, Cause::TimeWaitOver, cx),
                Timer::Orphan => self.orphan_timeout(cx),
                Timer::User => self.give_up(cx),
                // What it held back leaves when `poll_output` asks.
                Timer::Pacing => {}
            }
        }
    }

    /// When `on_timeout` wants to be called next, as far as is known before `poll_output`.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Instant> {
        self.timers.next().map(|deadline| deadline.at)
    }

    /// RFC 6298 5.4 to 5.6, RFC 5681 3.1.
    fn retransmission_timeout(&mut self, cx: &mut Context<'_>) {
        if !self.count_retry(cx) {
            return;
        }
        self.time_mtu_probe_out(cx);
        self.suspect_black_hole(cx);
        self.begin_timeout_repair(cx);
        self.rtt.back_off();
        self.wait_for_a_timeout(cx);
    }

    /// RFC 8985 6.2, step 5: what was overtaken and has not come since is lost.
    fn reordering_timeout(&mut self, cx: &mut Context<'_>) {
        self.detect_losses(None, cx);
        self.revise_retransmission_timer(cx);
    }

    /// RFC 8985 7.3: one probe at a time, and none after which no round-trip time was measured.
    fn loss_probe_timeout(&mut self, cx: &mut Context<'_>) {
        if self.recovery.probe.is_none() && std::mem::take(&mut self.recovery.may_probe) {
            self.pending.loss_probe = true;
        }
        self.wait_for_a_timeout(cx);
    }

    /// RFC 9293 3.8.6.1: probes go on for as long as the peer answers them (MUST-37); but where the application has
    /// let go, nobody is left to decide that it is enough (RFC 6429), so that they are counted. Opening the window
    /// from time to time, and taking nothing, takes none of them back.
    fn persist_timeout(&mut self, cx: &mut Context<'_>) {
        self.unheeded = self.unheeded.saturating_add(u16::from(self.reader_gone));
        if !self.count_retry(cx) {
            return;
        }
        self.pending.probe = true;
        if self.flight.has_reneged() {
            self.flight.forget_sacks();
        }
        self.flight.mark_all_lost(Retransmission::Probe);
        self.rtt.back_off();
    }

    /// Counts towards R1, which is told (SHLD-9), and R2; gives up beyond that and says `false` (RFC 9293
    /// 3.8.3, MUST-20). SYNs are counted like all else (MUST-22).
    fn count_retry(&mut self, cx: &mut Context<'_>) -> bool {
        let most = match (self.snd.syn, self.reader_gone) {
            (true, _) => cx.config.syn_retries,
            (false, true) => cx.config.orphan_retries.min(cx.config.data_retries),
            (false, false) => cx.config.data_retries,
        };
        // Of more than this nobody has ever heard: weeks would have passed.
        let most = u16::try_from(most).unwrap_or(u16::MAX - 1).min(u16::MAX - 1);
        self.retries += 1;
        if self.retries.max(self.unheeded) > most {
            if self.snd.wnd == 0 && self.state.is_synchronized() {
                // It may well be there, and has the connection still.
                self.reset_peer();
            }
            self.give_up(cx);
            return false;
        }
        if u32::from(self.retries) == R1 {
            cx.raise(Mask::REPORTS, || What::Unanswered { timeouts: R1 });
        }
        true
    }

    fn keepalive_timeout(&mut self, cx: &mut Context<'_>) {
        let Some(keepalive) = self.settings.keepalive.as_deref().copied() else { return };
        let silent = cx.now.since(self.last_heard);
        if silent < keepalive.idle {
            self.arm(Timer::Keepalive, keepalive.idle.saturating_sub(silent), cx);
        } else if !self.flight.is_empty() {
            // The retransmission timer finds out.
            self.arm(Timer::Keepalive, keepalive.interval, cx);
        } else if self.keepalive_probes >= keepalive.probes {
            self.reset_peer();
            self.give_up(cx);
        } else {
            self.keepalive_probes += 1;
            self.pending.keepalive = true;
            self.arm(Timer::Keepalive, keepalive.interval, cx);
        }
    }

    /// Nobody reads, and the peer does not close.
    fn orphan_timeout(&mut self, cx: &mut Context<'_>) {
        if self.state == State::FinWait2 {
            self.enter(State::Closed, Cause::OrphanTimeout, cx);
        }
    }

    /// What the network has told meanwhile is why (RFC 9293 3.9.2.2, SHLD-25).
    fn give_up(&mut self, cx: &mut Context<'_>) {
        let error = self.trouble().unwrap_or(Error::UserTimeout);
        match self.state {
            State::SynSent
            | State::SynReceived
            | State::Established
            | State::FinWait1
            | State::FinWait2
            | State::CloseWait
            | State::Closing
            | State::LastAck => self.fail(error, Cause::UserTimeout, cx),
            State::Closed | State::Listen | State::TimeWait => {}
        }
    }
}

/// When timers start and stop.
impl Tcb {
    /// RFC 6298 5.2 and 5.3: off when nothing is out, else all over. Into a closed window it is the
    /// persist timer that watches (RFC 9293 3.8.6.1), while segments are late the one for reordering, and
    /// where a loss probe may come before the timeout, that (RFC 8985 8).
    pub(super) fn restart_retransmission_timer(&mut self, cx: &mut Context<'_>) {
        if self.flight.is_empty() {
            return self.timers.of_flight().into_iter().for_each(|timer| self.disarm(timer, cx));
        }
        let timeout_at = self.begin_timeout(cx);
        let (timer, at) = self.watcher(timeout_at, cx);
        self.watch_flight(timer, at, cx);
    }

    /// The retransmission timer, and no other, watches from now on: something was sent again, or would
    /// have been (RFC 6298 5.6, RFC 8985 7.3).
    fn wait_for_a_timeout(&mut self, cx: &mut Context<'_>) {
        let timeout_at = self.begin_timeout(cx);
        self.watch_flight(Timer::Retransmission, timeout_at, cx);
    }

    /// What is out has a whole RTO from now on, whichever timer runs meanwhile. Returns its end.
    fn begin_timeout(&mut self, cx: &Context<'_>) -> Instant {
        let at = cx.now + self.rtt.rto(cx.config);
        if let Some(out) = self.flight.out_mut() {
            out.timeout_at = at;
        }
        at
    }

    /// The first segment leaves again, not for a timeout: the retransmission timer begins anew with it, or it
    /// would run out just before the acknowledgment can come (as RFC 6298 5.3 has it for progress).
    pub(super) fn put_timeout_off(&mut self, cx: &mut Context<'_>) {
        let at = self.begin_timeout(cx);
        if self.timers.is_armed(Timer::Retransmission) {
            self.watch_flight(Timer::Retransmission, at, cx);
        }
    }

    /// What is out is as much as before, but more is known of it: another timer may have to watch, and the
    /// retransmission timer runs out when it would have.
    pub(super) fn revise_retransmission_timer(&mut self, cx: &mut Context<'_>) {
        let Some(out) = self.flight.out() else { return };
        let (timer, at) = self.watcher(out.timeout_at, cx);
        let is_same = self.timers.is_armed(timer) && timer != Timer::Reordering;
        if !is_same {
            self.watch_flight(timer, at, cx);
        }
    }

    /// RFC 6298 5.1: something with a sequence number left. New data puts a loss probe off (RFC 8985 7.2).
    pub(super) fn start_retransmission_timer(&mut self, cx: &mut Context<'_>) {
        match self.timers.of_flight() {
            None => self.restart_retransmission_timer(cx),
            Some(Timer::LossProbe) => {
                let timeout_at = self.flight.out().map_or(cx.now, |out| out.timeout_at);
                let (timer, at) = self.watcher(timeout_at, cx);
                self.watch_flight(timer, at, cx);
            }
            Some(_) => {}
        }
        self.watch_user_timeout(cx);
    }

    /// Which timer has to watch over what is out, and until when, when the retransmission timer is to run
    /// out at `timeout_at`.
    fn watcher(&self, timeout_at: Instant, cx: &Context<'_>) -> (Timer, Instant) {
        let reordering = self.flight.out().and_then(|out| out.reordering_until);
        let (timer, at) = if self.snd.wnd == 0 && self.state.is_synchronized() {
            (Timer::Persist, timeout_at)
        } else if let Some(until) = reordering {
            (Timer::Reordering, until)
        } else if self.may_probe_for_losses(cx) {
            (Timer::LossProbe, (cx.now + self.probe_timeout(cx)).min(timeout_at))
        } else {
            (Timer::Retransmission, timeout_at)
        };
        (timer, at.max(cx.now))
    }

    /// Sets one of the timers that watch over what is out; the others rest.
    fn watch_flight(&mut self, timer: Timer, at: Instant, cx: &mut Context<'_>) {
        if let Some(other) = self.timers.of_flight().filter(|other| *other != timer) {
            self.disarm(other, cx);
        }
        self.arm_until(timer, at, cx);
    }

    /// With nothing out and something to send, only the peer's window can be in the way: if its opening
    /// gets lost, nobody would ever move again. So the persist timer runs (RFC 9293 3.8.6.1, MUST-36).
    pub(super) fn watch_for_a_blocked_sender(&mut self, cx: &mut Context<'_>) {
        if !self.flight.is_empty() {
            return;
        }
        let may_send = match self.state {
            State::Established
            | State::FinWait1
            | State::CloseWait
            | State::Closing
            | State::LastAck => true,
            State::Closed
            | State::Listen
            | State::SynSent
            | State::SynReceived
            | State::FinWait2
            | State::TimeWait => false,
        };
        let wants = self.unsent() > 0 || (self.close_requested && self.fin.is_none());
        if may_send {
            if !wants {
                self.disarm(Timer::Persist, cx);
            } else if !self.timers.is_armed(Timer::Persist) {
                self.arm(Timer::Persist, self.rtt.rto(cx.config), cx);
            }
        }
    }

    /// RFC 8985 7.2: only while nothing is missing, and one probe at a time.
    fn may_probe_for_losses(&self, cx: &Context<'_>) -> bool {
        cx.config.tail_loss_probe
            && self.negotiated.sack
            && self.state.is_synchronized()
            && !self.snd.syn
            && self.recovery.probe.is_none()
            && self.recovery.may_probe
            && self.recovery.episode.is_none()
            && self.flight.sacked() == 0
    }

    /// PTO (RFC 8985 7.2).
    fn probe_timeout(&self, cx: &Context<'_>) -> Duration {
        let Some(twice) = self.rtt.twice_srtt() else { return Duration::from_secs(1) };
        // Less than two full segments may be acknowledged late (RFC 9293 3.8.6.3).
        let is_short = self.flight_size() < 2 * self.send_mss(cx.config);
        let late = if is_short { cx.config.max_ack_delay } else { Duration::ZERO };
        twice.max(cx.config.min_probe_timeout) + late
    }

    /// Something was acknowledged: the user's limit begins anew.
    pub(super) fn restart_user_timeout(&mut self, cx: &mut Context<'_>) {
        if self.settings.user_timeout.is_some() {
            self.disarm(Timer::User, cx);
            self.watch_user_timeout(cx);
        }
    }

    /// The user's limit runs while anything is not acknowledged.
    pub(super) fn watch_user_timeout(&mut self, cx: &mut Context<'_>) {
        if let Some(timeout) = self.settings.user_timeout
            && !self.flight.is_empty()
            && !self.timers.is_armed(Timer::User)
        {
            self.arm(Timer::User, timeout, cx);
        }
    }

    /// Keep-alive begins with ESTABLISHED, or when it is asked for.
    pub(super) fn watch_silence(&mut self, cx: &mut Context<'_>) {
        match self.settings.keepalive.as_deref().copied() {
            Some(keepalive) if self.state.is_synchronized() && self.state != State::TimeWait => {
                self.arm(Timer::Keepalive, keepalive.idle, cx);
            }
            Some(_) | None => self.disarm(Timer::Keepalive, cx),
        }
    }
}
