//! A call that blocks while the script goes on.

use super::outcome::seconds;
use super::{Failure, Result, Runner, elapsed};
use crate::drill::host::{Blocked, Progress};
use crate::drill::plan::{PlannedCall, Step};
use crate::time::Instant;

/// A call that has not returned.
pub(super) struct Waiting<'a> {
    pub(super) step: &'a Step,
    pub(super) call: &'a PlannedCall,
    /// When it has to return.
    pub(super) end: Instant,
    /// When it began.
    pub(super) began: Instant,
    pub(super) blocked: Blocked,
}

impl Waiting<'_> {
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.blocked.deadline()
    }
}

impl<'a> Runner<'a> {
    /// Something has happened: perhaps the call that waits can return.
    pub(super) fn resume(&mut self) -> Result {
        let Some(waiting) = self.waiting.take() else { return Ok(()) };
        let Waiting { step, call, end, began, blocked } = waiting;
        match self.host.resume(blocked) {
            Progress::Blocked(blocked) => {
                self.waiting = Some(Waiting { step, call, end, began, blocked });
                Ok(())
            }
            Progress::Done(result) => {
                self.returned(step, call, &result)?;
                self.in_time(step, began, end)
            }
        }
    }

    /// Lets time pass until no call waits, but not longer than it may take.
    pub(super) fn wait_for_call(&mut self) -> Result {
        while let Some(waiting) = &self.waiting {
            let (step, end, began) = (waiting.step, waiting.end, waiting.began);
            let latest = end + self.tolerance(end.since(began));
            if !self.next_moment(latest)? && self.waiting.is_some() {
                self.host.advance(latest);
                let what = format!(
                    "the call has not returned: it was to return at {}",
                    seconds(elapsed(end)),
                );
                return Err(Failure::at(step.at, what).into());
            }
        }
        Ok(())
    }

    /// Whether a call that may block has returned when it should.
    pub(super) fn in_time(&self, step: &'a Step, began: Instant, end: Instant) -> Result {
        let now = self.host.now();
        let tolerance = self.tolerance(end.since(began));
        if now + tolerance >= end && now <= end + tolerance {
            return Ok(());
        }
        let [wanted, now] = [end, now].map(|at| seconds(elapsed(at)));
        let what = format!("the call was to return at {wanted}, and returned at {now}");
        Err(Failure::at(step.at, what).into())
    }
}
