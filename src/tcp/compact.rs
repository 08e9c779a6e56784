//! Connections of which little has to be known: what is kept of one in `TIME_WAIT`, and how a `Tcb` is made
//! of it again for whatever arrives. There is one implementation of RFC 9293 3.10.7.4, and it works on a
//! `Tcb`: a compact connection is expanded for it, and compacted again when it has fallen silent.
//! Half-open connections have a file of their own beside this one.

use std::time::Duration;

use super::config::Config;
use super::context::Context;
use super::ecn::EcnState;
use super::state::{Cause, State};
use super::status::Transition;
use super::tcb::Tcb;
use super::timers::Timer;
use crate::error::Error;
use crate::seq::Seq;
use crate::time::Instant;
use crate::trace::Role;

/// No shift: windows are not scaled.
const UNSCALED: u8 = u8::MAX;
/// No challenge ACK was ever asked for.
const NONE: u32 = u32::MAX;

/// All that a connection in `TIME_WAIT` still has to know, but for its ends and the end of the wait. What it
/// has sent and received is not told any more.
#[derive(Clone, Copy, Debug)]
pub struct TimeWait {
    snd_nxt: Seq,
    snd_wnd: u32,
    max_wnd: u32,
    rcv_nxt: Seq,
    rcv_wnd: u32,
    /// Octets received, as far as it matters: no segment reaches back further than 2^31.
    delivered: u32,
    ts_recent: u32,
    /// Seconds of the stack's clock: it is compared with 24 days.
    ts_recent_at: u32,
    /// Challenge ACKs left, in the second that began so many milliseconds before the end of the wait.
    challenges: u8,
    challenges_since: u32,
    peer_mss: u16,
    rcv_shift: u8,
    snd_shift: u8,
    ecn: u8,
    timestamps: bool,
    sack: bool,
    is_passive: bool,
    /// It came here from CLOSING, not from `FIN_WAIT_2`.
    both_closed: bool,
    is_over_ipv6: bool,
}

impl TimeWait {
    /// What is left of a connection that waits until `until` from now on.
    ///
    /// # Panics
    ///
    /// When it never came to `TIME_WAIT`.
    #[must_use]
    pub fn compact(tcb: &Tcb, until: Instant) -> TimeWait {
        let negotiated = &tcb.negotiated;
        let (challenges, since) = tcb.acks.challenges();
        let last = tcb.history().last().expect("it came from somewhere");
        TimeWait {
            snd_nxt: tcb.snd.nxt,
            snd_wnd: tcb.snd.wnd,
            max_wnd: tcb.snd.max_wnd,
            rcv_nxt: tcb.rcv.nxt,
            rcv_wnd: tcb.rcv.wnd,
            delivered: u32::try_from(tcb.rcv.delivered).unwrap_or(u32::MAX),
            ts_recent: negotiated.ts_recent,
            ts_recent_at: seconds(negotiated.ts_recent_at),
            challenges: u8::try_from(challenges).unwrap_or(u8::MAX),
            challenges_since: since.map_or(NONE, |since| millis(until.since(since))),
            peer_mss: negotiated.peer_mss,
            rcv_shift: negotiated.rcv_shift.unwrap_or(UNSCALED),
            snd_shift: negotiated.snd_shift.unwrap_or(UNSCALED),
            ecn: tcb.ecn.octet(),
            timestamps: negotiated.timestamps,
            sack: negotiated.sack,
            is_passive: tcb.role == Role::Passive,
            both_closed: last.from == State::Closing,
            is_over_ipv6: tcb.is_over_ipv6(),
        }
    }

    /// The connection in `TIME_WAIT` until `until`. Nobody reads what it receives.
    #[must_use]
    pub fn expand(&self, until: Instant, ts_offset: u32, config: &Config) -> Tcb {
        let mut tcb = Tcb::new(self.snd_nxt, ts_offset, config);
        if self.is_over_ipv6 {
            tcb = tcb.over_ipv6(config);
        }
        tcb.state = State::TimeWait;
        tcb.role = if self.is_passive { Role::Passive } else { Role::Active };
        tcb.snd.syn = false;
        tcb.snd.wnd = self.snd_wnd;
        tcb.snd.max_wnd = self.max_wnd;
        tcb.snd.wl1 = self.rcv_nxt - 1;
        tcb.snd.wl2 = self.snd_nxt;
        tcb.fin = Some(self.snd_nxt - 1);
        tcb.close_requested = true;
        tcb.reader_gone = true;
        tcb.rcv.nxt = self.rcv_nxt;
        tcb.rcv.wnd = self.rcv_wnd;
        tcb.rcv.delivered = u64::from(self.delivered);
        tcb.rcv.fin_at = Some(tcb.rcv.delivered);
        tcb.rcv.last_ack_sent = self.rcv_nxt;
        let negotiated = &mut tcb.negotiated;
        negotiated.ts_recent = self.ts_recent;
        negotiated.ts_recent_at = Instant::from_millis(u64::from(self.ts_recent_at) * 1000);
        negotiated.peer_mss = self.peer_mss;
        negotiated.rcv_shift = Some(self.rcv_shift).filter(|shift| *shift != UNSCALED);
        negotiated.snd_shift = Some(self.snd_shift).filter(|shift| *shift != UNSCALED);
        negotiated.timestamps = self.timestamps;
        negotiated.sack = self.sack;
        tcb.ecn = EcnState::from_octet(self.ecn);
        if self.challenges_since != NONE {
            let since = earlier(until, Duration::from_millis(self.challenges_since.into()));
            tcb.acks.resume_challenges(self.challenges.into(), since);
        }
        tcb.timers.arm(Timer::TimeWait, until);
        tcb.remember(self.last_transition(until, config));
        tcb
    }

    /// How it came here; if the peer's FIN came again since, it seems to have been then.
    fn last_transition(&self, until: Instant, config: &Config) -> Transition {
        let at = earlier(until, 2 * config.msl);
        let (from, cause) = if self.both_closed {
            (State::Closing, Cause::FinAcknowledged)
        } else {
            (State::FinWait2, Cause::FinArrived)
        };
        Transition { at, from, to: State::TimeWait, cause }
    }
}

impl Tcb {
    /// Until when it waits in `TIME_WAIT`; none if it is elsewhere, or has something to send.
    #[must_use]
    pub fn rests_until(&self) -> Option<Instant> {
        self.timers.until(Timer::TimeWait).filter(|_| self.is_silent())
    }

    /// Ends `TIME_WAIT` before its time, for lack of room.
    pub fn cut_short(&mut self, cx: &mut Context<'_>) {
        self.fail(Error::ConnectionAborted, Cause::Abort, cx);
    }
}

fn seconds(at: Instant) -> u32 {
    u32::try_from(at.as_millis() / 1000).unwrap_or(u32::MAX)
}

fn millis(duration: Duration) -> u32 {
    u32::try_from(duration.as_millis()).unwrap_or(NONE - 1)
}

fn earlier(at: Instant, by: Duration) -> Instant {
    Instant::ZERO + at.since(Instant::ZERO).saturating_sub(by)
}
