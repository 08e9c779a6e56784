//! USER TIMEOUT, RETRANSMISSION TIMEOUT and TIME-WAIT TIMEOUT (RFC 9293 3.10.8), and the other timers.

use super::congestion::CongestionControl;
use super::context::Context;
use super::state::{Cause, State};
use super::tcb::Tcb;
use super::timers::Timer;
use crate::error::Error;
use crate::time::Instant;
use crate::trace::{Mask, Retransmission, TimerChange, What};

impl Tcb {
    /// Time has passed: acts on every timer that has run out at `cx.now`. Calling it too often does no
    /// harm, calling it late neither.
    pub fn on_timeout(&mut self, cx: &mut Context<'_>) {
        while let Some(timer) = self.timers.take_expired(cx.now) {
            cx.raise(Mask::TIMERS, || What::Timer { timer, change: TimerChange::Fired });
            match timer {
                Timer::Retransmission => self.retransmission_timeout(cx),
                Timer::Persist => self.persist_timeout(cx),
                Timer::DelayedAck => self.acks.now = true,
                Timer::Keepalive => self.keepalive_timeout(cx),
                Timer::TimeWait => self.enter(State::Closed, Cause::TimeWaitOver, cx),
                Timer::Orphan => self.orphan_timeout(cx),
                Timer::User => self.give_up(cx),
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
        // The threshold falls once for the same data (RFC 5681 3.1).
        if self.retries == 1 {
            let path = self.path(self.flight_size(), cx);
            self.congestion.on_timeout(&path);
            self.window_was_reduced();
            self.tell_congestion(cx);
        }
        self.recovery.on_timeout(self.snd.nxt);
        self.flight.mark_all_lost(Retransmission::Timeout);
        self.rtt.back_off();
        self.arm(Timer::Retransmission, self.rtt.rto(cx.config), cx);
    }

    /// RFC 9293 3.8.6.1: probes go on for as long as the peer answers them.
    fn persist_timeout(&mut self, cx: &mut Context<'_>) {
        if !self.count_retry(cx) {
            return;
        }
        self.pending.probe = true;
        self.flight.mark_all_lost(Retransmission::Probe);
        self.rtt.back_off();
    }

    /// Counts towards R2; gives up beyond it and says `false` (RFC 9293 3.8.3, MUST-20).
    fn count_retry(&mut self, cx: &mut Context<'_>) -> bool {
        let most = if self.snd.syn { cx.config.syn_retries } else { cx.config.data_retries };
        self.retries += 1;
        if self.retries > most {
            self.give_up(cx);
            return false;
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

    fn give_up(&mut self, cx: &mut Context<'_>) {
        match self.state {
            State::SynSent
            | State::SynReceived
            | State::Established
            | State::FinWait1
            | State::FinWait2
            | State::CloseWait
            | State::Closing
            | State::LastAck => self.fail(Error::UserTimeout, Cause::UserTimeout, cx),
            State::Closed | State::Listen | State::TimeWait => {}
        }
    }
}

/// When timers start and stop.
impl Tcb {
    /// RFC 6298 5.2 and 5.3: off when nothing is out, else all over. Into a closed window it is the
    /// persist timer that watches (RFC 9293 3.8.6.1).
    pub(super) fn restart_retransmission_timer(&mut self, cx: &mut Context<'_>) {
        let (wanted, other) = self.wanted_timer();
        self.disarm(other, cx);
        if self.flight.is_empty() {
            self.disarm(wanted, cx);
        } else {
            self.arm(wanted, self.rtt.rto(cx.config), cx);
        }
    }

    /// RFC 6298 5.1: something with a sequence number left.
    pub(super) fn start_retransmission_timer(&mut self, cx: &mut Context<'_>) {
        if !self.timers.is_armed(self.wanted_timer().0) {
            self.restart_retransmission_timer(cx);
        }
        self.watch_user_timeout(cx);
    }

    /// The timer that watches what is out, and the one that has to rest meanwhile.
    fn wanted_timer(&self) -> (Timer, Timer) {
        if self.snd.wnd == 0 && self.state.is_synchronized() {
            (Timer::Persist, Timer::Retransmission)
        } else {
            (Timer::Retransmission, Timer::Persist)
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
