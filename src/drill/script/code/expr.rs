//! The shape of an expression.
//!
//! What repeats is a list, not a tree that leans to one side: `1 + 1 + 1` is as deep as `1 + 1`. So
//! only brackets and signs in front of an operand make an expression deep, and those are counted.

use std::ops::Range;

use super::super::ast::Position;
use super::value::Value;

/// An expression, and where it stands.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Expr {
    pub(super) at: Position,
    /// Its octets in the text of its statement, with the brackets around it, and without.
    pub(super) outer: Range<usize>,
    pub(super) inner: Range<usize>,
    pub(super) kind: Kind,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Kind {
    Literal(Value),
    Name(String),
    /// `[a, b]`, `(a, b)`.
    List(Vec<Expr>),
    Not(Box<Expr>),
    Unary(Unary, Box<Expr>),
    /// `a + b - c`: operators of one level, from the left.
    Chain(Box<Expr>, Vec<(Binary, Expr)>),
    /// `a ** b`.
    Power(Box<Expr>, Box<Expr>),
    /// `a < b <= c`: every pair of neighbours has to hold.
    Compare(Box<Expr>, Vec<(Comparison, Expr)>),
    And(Vec<Expr>),
    Or(Vec<Expr>),
    Call(Function, Vec<Expr>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unary {
    Plus,
    Minus,
    Invert,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Binary {
    Or,
    Xor,
    And,
    Left,
    Right,
    Add,
    Subtract,
    Multiply,
    Divide,
    FloorDivide,
    Modulo,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Comparison {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    In,
    NotIn,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Function {
    Abs,
    Min,
    Max,
    Int,
    Len,
}

impl Expr {
    /// Adds the names that are read, in the order in which they stand.
    pub(super) fn names<'a>(&'a self, names: &mut Vec<(Position, &'a str)>) {
        if let Kind::Name(name) = &self.kind {
            names.push((self.at, name));
        }
        self.parts().into_iter().for_each(|part| part.names(names));
    }

    /// What the comparisons in a condition compare, each by itself; the expression itself if it
    /// compares nothing.
    pub(super) fn sides<'a>(&'a self, sides: &mut Vec<&'a Expr>) {
        match &self.kind {
            Kind::And(_) | Kind::Or(_) | Kind::Not(_) => {
                self.parts().into_iter().for_each(|part| part.sides(sides));
            }
            Kind::Compare(..) => sides.extend(self.parts()),
            Kind::Literal(_)
            | Kind::Name(_)
            | Kind::List(_)
            | Kind::Unary(..)
            | Kind::Chain(..)
            | Kind::Power(..)
            | Kind::Call(..) => sides.push(self),
        }
    }

    /// How it is written, without the brackets around it; `statement` is the text of its statement.
    pub(super) fn written(&self, statement: &str) -> String {
        let written = statement.get(self.inner.clone()).unwrap_or_default();
        written.split_ascii_whitespace().collect::<Vec<_>>().join(" ")
    }

    fn parts(&self) -> Vec<&Expr> {
        match &self.kind {
            Kind::Literal(_) | Kind::Name(_) => Vec::new(),
            Kind::Not(part) | Kind::Unary(_, part) => vec![part],
            Kind::Power(base, exponent) => vec![base, exponent],
            Kind::Chain(first, rest) => {
                [&**first].into_iter().chain(rest.iter().map(|(_, part)| part)).collect()
            }
            Kind::Compare(first, rest) => {
                [&**first].into_iter().chain(rest.iter().map(|(_, part)| part)).collect()
            }
            Kind::List(parts) | Kind::And(parts) | Kind::Or(parts) | Kind::Call(_, parts) => {
                parts.iter().collect()
            }
        }
    }
}
