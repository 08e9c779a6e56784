//! `%{ ... }%`: assertions on a snapshot of a connection, in a small language of expressions that
//! reads as Python does.
//!
//! There are integers of 128 bits, texts, truths and flat lists; no loops, no branches, no objects.
//! What Python has and this has not is refused when the script is read. Whatever the code says,
//! running it ends: with a value, or with a [`Failure`] for an overflow, a division by zero, a text
//! that grows without end.

mod cursor;
mod expr;
mod format;
mod lexer;
mod parser;
mod run;
#[cfg(test)]
mod tests;
mod value;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use self::expr::Expr;
pub(super) use self::parser::parse;
use self::value::Value;
use super::ast::Position;

/// One line, or part of a line between semicolons.
#[derive(Clone, Debug, PartialEq)]
pub struct Statement {
    /// Where it begins.
    pub at: Position,
    /// As it was written.
    pub text: String,
    action: Action,
}

/// What a statement does.
#[derive(Clone, Debug, PartialEq)]
enum Action {
    /// `assert CONDITION, MESSAGE`.
    Assert { condition: Expr, message: Option<Expr> },
    /// `print(a, b)`.
    Print(Vec<Expr>),
    /// `name = value`. For `name += value` and `name -= value` the value has the name in it.
    Assign { name: String, value: Expr },
}

/// What a script's code has assigned so far, for all its `%{ }%` together.
#[derive(Clone, Debug, Default)]
pub struct Variables(BTreeMap<String, Value>);

/// Why a statement failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// Where: the assertion, or the part of an expression that has no value.
    pub at: Position,
    /// What is wrong, with the values that were found.
    pub reason: String,
}

impl fmt::Display for Failure {
    /// Without the place, which callers show as they show places.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.reason)
    }
}

impl std::error::Error for Failure {}

impl Statement {
    /// Runs it. A name stands for what was assigned to it, or else for what `lookup` knows. Returns
    /// what was printed, without an end of line.
    ///
    /// # Errors
    ///
    /// The assertion does not hold, a name is not known, or something cannot be computed.
    pub fn run(
        &self,
        variables: &mut Variables,
        lookup: &dyn Fn(&str) -> Option<i64>,
    ) -> Result<Option<String>, Failure> {
        run::run(self, variables, lookup)
    }

    /// The names that it reads, in order, with their places.
    fn names(&self) -> Vec<(Position, &str)> {
        let mut names = Vec::new();
        match &self.action {
            Action::Assert { condition, message } => {
                condition.names(&mut names);
                message.iter().for_each(|message| message.names(&mut names));
            }
            Action::Print(values) => values.iter().for_each(|value| value.names(&mut names)),
            Action::Assign { value, .. } => value.names(&mut names),
        }
        names
    }
}

/// The names that are read before any of the statements assigns to them, each where it is read
/// first. They have to be names that `lookup` will know. Takes the statements of one block, or of a
/// whole script, for variables last.
pub fn unassigned<'a>(
    statements: impl IntoIterator<Item = &'a Statement>,
) -> Vec<(Position, &'a str)> {
    let mut known = BTreeSet::new();
    let mut unassigned = Vec::new();
    for statement in statements {
        unassigned.extend(statement.names().into_iter().filter(|(_, name)| known.insert(*name)));
        if let Action::Assign { name, .. } = &statement.action {
            known.insert(name);
        }
    }
    unassigned
}
