//! What is wrong with a script.

use std::fmt;

use super::ast::Position;

/// The first mistake in a script, in the words that a person needs to mend it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SyntaxError {
    /// Where it is.
    pub at: Position,
    /// What should be there. Empty if the script may be right, but asks for what is not supported.
    pub expected: String,
    /// What is there instead; or what is not supported.
    pub found: String,
    /// The script may be right: what was found is a part of the language that is left out here.
    pub unsupported: bool,
}

impl SyntaxError {
    /// `expected EXPECTED, found FOUND`.
    pub(super) fn new(
        at: Position,
        expected: impl Into<String>,
        found: impl Into<String>,
    ) -> SyntaxError {
        SyntaxError { at, expected: expected.into(), found: found.into(), unsupported: false }
    }

    /// `WHAT is not supported`.
    pub(super) fn unsupported(at: Position, what: impl Into<String>) -> SyntaxError {
        SyntaxError { at, expected: String::new(), found: what.into(), unsupported: true }
    }
}

impl fmt::Display for SyntaxError {
    /// Without the place, which callers show as they show places.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.unsupported {
            return write!(f, "{} is not supported", self.found);
        }
        write!(f, "expected {}, found {}", self.expected, self.found)
    }
}

impl std::error::Error for SyntaxError {}
