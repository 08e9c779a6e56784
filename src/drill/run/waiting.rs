//! A call that blocks while the script goes on.

use super::outcome::seconds;
use super::{Failure, Result, Runner, elapsed};
use crate::drill::plan::{PlannedCall, Step};
use crate::time::Instant;

/// A call that has not returned.
#[derive(Clone, Copy)]
pub(super) struct Waiting<'a> {
    pub(super) step: &'a Step,
    pub(super) call: &'a PlannedCall,
    /// When it has to return.
    pub(super) end: Instant,
    /// When it began.
    pub(super) began: Instant,
}

impl<'a> Runner<'a> {
    /// Something has happened: perhaps the call that waits can return.
    pub(super) fn resume(&mut self) -> Result {
        let Some(Waiting { step, call, end, began }) = self.waiting else { return Ok(()) };
        let Some((result, at)) = self.subject.take_returned() else { return Ok(()) };
        self.waiting = None;
        self.returned(step, call, &result)?;
        self.in_time(step, began, end, at)
    }

    /// Lets time pass until no call waits, but not longer than it may take.
    pub(super) fn wait_for_call(&mut self) -> Result {
        while let Some(waiting) = &self.waiting {
            let (step, end, began) = (waiting.step, waiting.end, waiting.began);
            let latest = end + self.tolerance(end.since(began));
            if self.subject.toward_return(end, latest) {
                self.resume()?;
            } else if self.waiting.is_some() {
                self.subject.advance(latest);
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
    pub(super) fn in_time(
        &self,
        step: &'a Step,
        began: Instant,
        end: Instant,
        at: Instant,
    ) -> Result {
        let tolerance = self.tolerance(end.since(began));
        if at + tolerance >= end && at <= end + tolerance {
            return Ok(());
        }
        let [wanted, at] = [end, at].map(|at| seconds(elapsed(at)));
        let what = format!("the call was to return at {wanted}, and returned at {at}");
        Err(Failure::at(step.at, what).into())
    }
}
