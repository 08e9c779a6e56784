//! What came of a script.

use std::fmt;
use std::time::Duration;

use crate::drill::script::ast::Position;
use crate::tcp::{State, TimerLeft};

/// A script that has run.
#[derive(Clone, Debug)]
pub struct Run {
    /// Why it failed; `None` if it has passed.
    pub failure: Option<Box<Failure>>,
    /// What happened, in order.
    pub rows: Vec<Row>,
    /// What was printed, and what was not as expected and was to be gone over.
    pub notes: Vec<Note>,
    /// Events that were as they should be.
    pub steps: usize,
    /// Assertions that nobody could be asked about: what the script is played against tells nothing of a
    /// connection that has no descriptor. None against our own stack.
    pub unasked: usize,
    /// Virtual time that passed.
    pub length: Duration,
}

/// Where a script's expectation and the stack part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The event.
    pub at: Position,
    /// What is wrong, in a sentence.
    pub what: String,
    /// What the script says.
    pub expected: Option<String>,
    /// What happened, in the same words.
    pub got: Option<String>,
    /// Field by field.
    pub differences: Vec<Difference>,
}

/// One field that is not as expected.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Difference {
    /// Its name.
    pub field: &'static str,
    /// What the script says.
    pub expected: String,
    /// What it was.
    pub got: String,
}

impl Failure {
    /// One that a sentence tells all of.
    pub(super) fn at(at: Position, what: impl Into<String>) -> Self {
        Failure { at, what: what.into(), expected: None, got: None, differences: Vec::new() }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)?;
        let differences: Vec<String> = self.differences.iter().map(ToString::to_string).collect();
        if !differences.is_empty() {
            write!(f, ": {}", differences.join("; "))?;
        }
        Ok(())
    }
}

impl Difference {
    pub(super) fn new(
        field: &'static str,
        expected: &dyn fmt::Display,
        got: &dyn fmt::Display,
    ) -> Self {
        Difference { field, expected: expected.to_string(), got: got.to_string() }
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: expected {}, got {}", self.field, self.expected, self.got)
    }
}

/// What a row is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mark {
    /// A packet to the stack.
    In,
    /// A packet from the stack.
    Out,
    /// A packet from the stack of no connection under test.
    Skipped,
    /// A call that has returned.
    Call,
    /// A call that has begun, and blocks.
    Begun,
    /// Anything else.
    Note,
}

/// One thing that happened, and what the connection under test was like after it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// When, from the beginning of the script.
    pub at: Duration,
    /// The line that asked for it.
    pub line: Option<u32>,
    /// What it is about.
    pub mark: Mark,
    /// In words, or as a script would say it.
    pub text: String,
    /// Our state; `None` while there is no socket.
    pub state: Option<State>,
    /// The timers that run, and what is left of each.
    pub timers: Vec<TimerLeft>,
}

/// Something to tell that decides nothing.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Note {
    /// The line it is about.
    pub line: u32,
    /// What to tell.
    pub text: String,
}

/// A time of a script: `0.300000 s` without what it does not need.
pub(super) fn seconds(time: Duration) -> String {
    let text = format!("{}.{:06}", time.as_secs(), time.subsec_micros());
    let text = text.trim_end_matches('0');
    let whole = text.ends_with('.');
    format!("{text}{} s", if whole { "0" } else { "" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_read_without_needless_zeros() {
        for (micros, text) in
            [(0, "0.0 s"), (300_000, "0.3 s"), (1_000_001, "1.000001 s"), (60_000_000, "60.0 s")]
        {
            assert_eq!(seconds(Duration::from_micros(micros)), text);
        }
    }
}
