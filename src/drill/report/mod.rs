//! What people and programs are told of scripts that have run.

mod json;
mod ladder;
mod reasons;
mod text;

pub use json::{json, summary_json};
pub use ladder::ladder;
pub use reasons::Reasons;
pub use text::{summary, text};

use std::time::Duration;

/// How many scripts went how.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// All was as they say.
    pub passed: usize,
    /// Something was not.
    pub failed: usize,
    /// They are not for the version of IP that scripts are played over.
    pub skipped: usize,
    /// They could not be run.
    pub refused: usize,
    /// What all of them together took of virtual time.
    pub virtual_time: Duration,
}

impl Tally {
    /// Counts one more.
    pub fn add(&mut self, verdict: &super::suite::Verdict) {
        if let super::suite::Outcome::Ran(run) = &verdict.outcome {
            self.virtual_time += run.length;
        }
        if verdict.has_passed() {
            self.passed += 1;
        } else if verdict.has_failed() {
            self.failed += 1;
        } else if verdict.was_skipped() {
            self.skipped += 1;
        } else {
            self.refused += 1;
        }
    }
}
