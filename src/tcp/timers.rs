//! The timers of one connection: which are armed, and until when.

use std::fmt;

use crate::time::Instant;

/// A timer of a connection.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize,
)]
#[serde(rename_all = "kebab-case")]
pub enum Timer {
    /// Nothing was acknowledged: send again (RFC 6298).
    Retransmission,
    /// Segments that others have overtaken are late: they are lost (RFC 8985 6.2).
    Reordering,
    /// The acknowledgment of the last segments is overdue: a probe draws it (RFC 8985 7).
    LossProbe,
    /// The peer's window is closed, or too small to be worth using: probe it (RFC 9293 3.8.6.1).
    Persist,
    /// An acknowledgment may wait for company, but not for ever (RFC 9293 3.8.6.3).
    DelayedAck,
    /// The connection has been silent: is the peer still there (RFC 9293 3.8.4)?
    Keepalive,
    /// 2 MSL in TIME_WAIT (RFC 9293 3.6.1, MUST-13).
    TimeWait,
    /// `FIN_WAIT_2` with nobody left to read: the peer has had its time.
    Orphan,
    /// The user's own limit on unacknowledged data (RFC 9293 3.9.1.1, 3.10.8).
    User,
    /// The next segment may leave: they are spaced as congestion control asks.
    Pacing,
}

impl Timer {
    /// All of them; ties between deadlines are broken in this order (`Timers::place` has it, too).
    pub const ALL: [Timer; 10] = [
        Timer::Retransmission,
        Timer::Reordering,
        Timer::LossProbe,
        Timer::Persist,
        Timer::DelayedAck,
        Timer::Keepalive,
        Timer::TimeWait,
        Timer::Orphan,
        Timer::User,
        Timer::Pacing,
    ];

    /// What a person calls it.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Timer::Retransmission => "retransmission",
            Timer::Reordering => "reordering",
            Timer::LossProbe => "loss probe",
            Timer::Persist => "persist",
            Timer::DelayedAck => "delayed ACK",
            Timer::Keepalive => "keep-alive",
            Timer::TimeWait => "2MSL",
            Timer::Orphan => "orphan",
            Timer::User => "user",
            Timer::Pacing => "pacing",
        }
    }
}

impl fmt::Display for Timer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.words())
    }
}

/// When to call `on_timeout`, and what it will be about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deadline {
    /// Not before this.
    pub at: Instant,
    /// The timer that runs out then.
    pub timer: Timer,
}

/// The deadlines of all timers of one connection. Of those that never run at the same time one place
/// holds the deadline of whichever does: a connection has to be small.
#[derive(Clone, Debug)]
pub(super) struct Timers {
    /// `Instant::NEVER` is "not armed".
    at: [Instant; Timers::PLACES],
    /// Which of its timers each place belongs to.
    armed: [Timer; Timers::PLACES],
}

impl Timers {
    const PLACES: usize = 6;

    pub(super) const fn new() -> Self {
        Timers { at: [Instant::NEVER; Self::PLACES], armed: [Timer::User; Self::PLACES] }
    }

    const fn place(timer: Timer) -> usize {
        match timer {
            // One of them at a time watches over what is in flight (RFC 8985 8).
            Timer::Retransmission | Timer::Reordering | Timer::LossProbe | Timer::Persist => 0,
            Timer::DelayedAck => 1,
            Timer::Keepalive => 2,
            // Each belongs to one state.
            Timer::TimeWait | Timer::Orphan => 3,
            Timer::User => 4,
            Timer::Pacing => 5,
        }
    }

    /// Sets `timer`, whatever it was before. Others of its place have been cleared.
    pub(super) fn arm(&mut self, timer: Timer, at: Instant) {
        let place = Self::place(timer);
        debug_assert!(
            self.at[place] == Instant::NEVER || self.armed[place] == timer,
            "{} runs, {timer} is armed",
            self.armed[place]
        );
        self.at[place] = at;
        self.armed[place] = timer;
    }

    /// Says whether it was armed.
    pub(super) fn clear(&mut self, timer: Timer) -> bool {
        let is_armed = self.is_armed(timer);
        if is_armed {
            self.at[Self::place(timer)] = Instant::NEVER;
        }
        is_armed
    }

    pub(super) fn until(&self, timer: Timer) -> Option<Instant> {
        let place = Self::place(timer);
        let at = Some(self.at[place]).filter(|_| self.armed[place] == timer);
        at.filter(|at| *at != Instant::NEVER)
    }

    /// Which timer watches over what is in flight: one at a time (RFC 8985 8).
    pub(super) fn of_flight(&self) -> Option<Timer> {
        (self.at[0] != Instant::NEVER).then_some(self.armed[0])
    }

    pub(super) fn is_armed(&self, timer: Timer) -> bool {
        self.until(timer).is_some()
    }

    /// The timer that runs out first; of several that which stands first in `Timer::ALL`.
    pub(super) fn next(&self) -> Option<Deadline> {
        let first = (1..Self::PLACES)
            .fold(0, |first, place| if self.at[place] < self.at[first] { place } else { first });
        let at = self.at[first];
        (at != Instant::NEVER).then(|| Deadline { at, timer: self.armed[first] })
    }

    /// Clears and returns the first timer that has run out at `now`.
    pub(super) fn take_expired(&mut self, now: Instant) -> Option<Timer> {
        let deadline = self.next().filter(|deadline| deadline.at <= now)?;
        self.clear(deadline.timer);
        Some(deadline.timer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timers_run_out_in_order_of_their_deadlines() {
        let mut timers = Timers::new();
        timers.arm(Timer::DelayedAck, Instant::from_millis(40));
        timers.arm(Timer::Retransmission, Instant::from_millis(200));
        timers.arm(Timer::TimeWait, Instant::from_millis(40));
        timers.clear(Timer::Orphan);
        let first = Deadline { at: Instant::from_millis(40), timer: Timer::DelayedAck };
        assert_eq!(timers.next(), Some(first));
        assert_eq!(timers.take_expired(Instant::from_millis(39)), None);
        let now = Instant::from_millis(100);
        assert_eq!(timers.take_expired(now), Some(Timer::DelayedAck));
        assert_eq!(timers.take_expired(now), Some(Timer::TimeWait));
        assert_eq!(timers.take_expired(now), None);
        assert!(timers.is_armed(Timer::Retransmission));
    }
}
