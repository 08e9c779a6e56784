//! When events take place, and whether that was in time.

use std::time::Duration;

use super::outcome::{Failure, seconds};
use super::{Result, Runner, elapsed};
use crate::drill::plan::{Deed, Step};
use crate::drill::script::ast::Time;
use crate::time::Instant;

/// The event before.
#[derive(Clone, Copy, Debug)]
pub(super) struct Previous {
    /// When it was to take place.
    scheduled: Instant,
    /// It was a packet to the stack.
    was_inbound: bool,
}

impl Previous {
    pub(super) fn begin(at: Instant) -> Self {
        Previous { scheduled: at, was_inbound: false }
    }
}

/// When a packet may leave.
#[derive(Clone, Copy, Debug)]
pub(super) struct Window {
    /// As the script says.
    pub(super) from: Instant,
    /// As the script says; the same as `from` unless it says a range.
    pub(super) to: Instant,
    /// How far off it may be on either side.
    pub(super) tolerance: Duration,
}

impl Window {
    pub(super) fn contains(&self, at: Instant) -> bool {
        at + self.tolerance >= self.from && at <= self.to + self.tolerance
    }
}

impl Runner<'_> {
    /// What a relative time counts from. Packets to the stack that follow one another keep the distances
    /// that the script gives them; all else counts from when the event before was over.
    pub(super) fn base_of(&self, step: &Step) -> Instant {
        let is_inbound = matches!(step.deed, Deed::Inject(_));
        if is_inbound && self.previous.was_inbound {
            self.previous.scheduled
        } else {
            self.subject.now()
        }
    }

    pub(super) fn previous_of(&self, step: &Step, base: Instant) -> Previous {
        let scheduled = self.window_of(step, base).map_or(self.subject.now(), |window| window.from);
        Previous { scheduled, was_inbound: matches!(step.deed, Deed::Inject(_)) }
    }

    /// When an event is to take place; `None` for any time.
    pub(super) fn window_of(&self, step: &Step, base: Instant) -> Option<Window> {
        let begin = super::BEGIN;
        let (from, to) = match step.time {
            Time::Absolute(at) => (begin + at, begin + at),
            Time::Relative(after) => (base + after, base + after),
            Time::AbsoluteRange(from, to) => (begin + from, begin + to),
            Time::RelativeRange(from, to) => (base + from, base + to),
            Time::Any => return None,
        };
        let gap = to.since(self.previous.scheduled);
        Some(Window { from, to, tolerance: self.tolerance(gap) })
    }

    /// How far off a time may be that comes `gap` after another.
    pub(super) fn tolerance(&self, gap: Duration) -> Duration {
        let setup = &self.plan.setup;
        let share = gap.mul_f64(setup.tolerance_percent / 100.0);
        setup.tolerance.max(share)
    }

    /// Lets time pass until an event that we make ourselves is to take place.
    pub(super) fn go_to(&mut self, step: &Step, base: Instant) -> Result {
        let Some(window) = self.window_of(step, base) else { return Ok(()) };
        self.pass_time(window.from)?;
        if self.subject.now() > window.from + window.tolerance {
            let [wanted, now] = [window.from, self.subject.now()].map(|at| seconds(elapsed(at)));
            let what = format!("the event was to take place at {wanted}, but it is {now} already");
            return Err(Failure::at(step.at, what).into());
        }
        Ok(())
    }

    /// Lets time pass, one timer after the other, so that a call that waits returns when it is due.
    pub(super) fn pass_time(&mut self, until: Instant) -> Result {
        while self.next_moment(until)? {}
        self.subject.advance(until);
        self.resume()
    }

    /// Goes to the next moment, at `until` at the latest, at which anything can happen by itself; says
    /// whether there is one.
    pub(super) fn next_moment(&mut self, until: Instant) -> Result<bool> {
        if !self.subject.next_moment(until) {
            return Ok(false);
        }
        self.resume()?;
        Ok(true)
    }
}
