//! `%{ ... }%`: assertions on a snapshot of a connection, a small language of expressions.

use super::ast::Position;

/// One line, or part of a line between semicolons.
#[derive(Clone, Debug, PartialEq)]
pub struct Statement {
    /// Where it begins.
    pub at: Position,
    /// As it was written.
    pub text: String,
}

/// Reads the code of one `%{ ... }%`, whose first character stands at `begin`.
pub(super) fn parse(text: &str, begin: Position) -> Result<Vec<Statement>, super::SyntaxError> {
    Ok(vec![Statement { at: begin, text: text.trim().to_owned() }])
}
