//! Reads the code of one `%{ ... }%`.

use super::super::ast::Position;
use super::super::error::SyntaxError;
use super::cursor::{COMPARISONS, Cursor, KEYWORDS};
use super::expr::{Binary, Comparison, Expr, Function, Kind, Unary};
use super::lexer::Token;
use super::value::Value;
use super::{Action, Statement};

const STATEMENTS: &str =
    "assert CONDITION, print(...), NAME = VALUE, NAME += VALUE or NAME -= VALUE";
const OPERANDS: &str = "a number, a name, a 'text', a list or brackets";

/// The operators between two operands, those that bind least first. Those of one level go from the
/// left.
const LEVELS: [&[(&str, Binary)]; 6] = [
    &[("|", Binary::Or)],
    &[("^", Binary::Xor)],
    &[("&", Binary::And)],
    &[("<<", Binary::Left), (">>", Binary::Right)],
    &[("+", Binary::Add), ("-", Binary::Subtract)],
    &[
        ("*", Binary::Multiply),
        ("/", Binary::Divide),
        ("//", Binary::FloorDivide),
        ("%", Binary::Modulo),
    ],
];

const UNARIES: [(&str, Unary); 3] = [("+", Unary::Plus), ("-", Unary::Minus), ("~", Unary::Invert)];

const FUNCTIONS: [(&str, Function); 5] = [
    ("abs", Function::Abs),
    ("min", Function::Min),
    ("max", Function::Max),
    ("int", Function::Int),
    ("len", Function::Len),
];

/// Lists are searched from end to end, so they are not long.
const MAX_LIST: usize = 1024;

/// Reads the code whose first character stands at `begin`.
pub(in super::super) fn parse(text: &str, begin: Position) -> Result<Vec<Statement>, SyntaxError> {
    let mut cursor = Cursor::new(text, begin);
    let mut statements = Vec::new();
    loop {
        while cursor.is_between_statements() {
            cursor.take();
        }
        if cursor.is_at_end() {
            return Ok(statements);
        }
        statements.push(cursor.statement()?);
        if !cursor.is_at_end() && !cursor.is_between_statements() {
            return Err(cursor.is_no_end());
        }
    }
}

/// Statements.
impl Cursor<'_> {
    fn statement(&mut self) -> Result<Statement, SyntaxError> {
        let at = self.begin_statement();
        let Some(&Token::Name(name)) = self.peek() else {
            return Err(self.unexpected(STATEMENTS));
        };
        if KEYWORDS.contains(&name) || is_word(name) {
            return Err(self.unexpected(STATEMENTS));
        }
        let name_expr = self.name(name);
        let action = match name {
            "assert" => self.assert()?,
            "print" => {
                self.sign("(", "behind print")?;
                Action::Print(self.items(")")?)
            }
            _ => self.assign(name_expr, name)?,
        };
        Ok(Statement { at, text: self.statement_text().to_owned(), action })
    }

    fn assert(&mut self) -> Result<Action, SyntaxError> {
        let condition = self.expression()?;
        if matches!(condition.kind, Kind::List(_)) {
            // In Python this holds whatever is in it, which nobody means.
            let expected = "assert CONDITION, MESSAGE without brackets around both";
            return Err(SyntaxError::new(condition.at, expected, "a list, which always holds"));
        }
        let message = if self.take_sign(",") { Some(self.expression()?) } else { None };
        Ok(Action::Assert { condition, message })
    }

    fn assign(&mut self, target: Expr, name: &str) -> Result<Action, SyntaxError> {
        let operator = match self.peek() {
            Some(Token::Sign("=")) => None,
            Some(Token::Sign("+=")) => Some(Binary::Add),
            Some(Token::Sign("-=")) => Some(Binary::Subtract),
            Some(Token::Sign("(")) => {
                let what = format!("the call `{name}(...)` as a statement in %{{ }}%");
                return Err(SyntaxError::unsupported(target.at, what));
            }
            Some(Token::Sign("[")) => return Err(self.is_no_end()),
            Some(_) | None => {
                return Err(self.unexpected(format!("`=` behind `{name}` ({STATEMENTS})")));
            }
        };
        self.take();
        let value = self.expression()?;
        let value = match operator {
            None => value,
            Some(operator) => self.chain(target, vec![(operator, value)]),
        };
        Ok(Action::Assign { name: name.to_owned(), value })
    }
}

/// Expressions, those that bind least first.
impl Cursor<'_> {
    fn expression(&mut self) -> Result<Expr, SyntaxError> {
        self.words("or", |cursor| cursor.words("and", Self::not, Kind::And), Kind::Or)
    }

    /// Operands with `word` between them.
    fn words(
        &mut self,
        word: &str,
        operand: impl Fn(&mut Self) -> Result<Expr, SyntaxError>,
        kind: impl FnOnce(Vec<Expr>) -> Kind,
    ) -> Result<Expr, SyntaxError> {
        let first = operand(self)?;
        if self.peek() != Some(&Token::Name(word)) {
            return Ok(first);
        }
        let (at, begin) = (first.at, first.outer.start);
        let mut operands = vec![first];
        while self.take_name(word) {
            operands.push(operand(self)?);
        }
        Ok(self.expr(at, begin, kind(operands)))
    }

    fn not(&mut self) -> Result<Expr, SyntaxError> {
        let (at, begin) = (self.at(), self.offset());
        if !self.take_name("not") {
            return self.comparison();
        }
        let operand = self.nested(Self::not)?;
        Ok(self.expr(at, begin, Kind::Not(Box::new(operand))))
    }

    fn comparison(&mut self) -> Result<Expr, SyntaxError> {
        let first = self.level(0)?;
        let mut rest = Vec::new();
        while let Some(comparison) = self.take_comparison()? {
            rest.push((comparison, self.level(0)?));
        }
        if rest.is_empty() {
            return Ok(first);
        }
        let (at, begin) = (first.at, first.outer.start);
        Ok(self.expr(at, begin, Kind::Compare(Box::new(first), rest)))
    }

    fn take_comparison(&mut self) -> Result<Option<Comparison>, SyntaxError> {
        if self.take_name("in") {
            return Ok(Some(Comparison::In));
        }
        if self.take_name("not") {
            if !self.take_name("in") {
                return Err(self.unexpected("`in` behind `not` between two values"));
            }
            return Ok(Some(Comparison::NotIn));
        }
        Ok(self.take_one_of(&COMPARISONS))
    }

    fn level(&mut self, level: usize) -> Result<Expr, SyntaxError> {
        let Some(operators) = LEVELS.get(level) else { return self.unary() };
        let first = self.level(level + 1)?;
        let mut rest = Vec::new();
        while let Some(operator) = self.take_one_of(operators) {
            rest.push((operator, self.level(level + 1)?));
        }
        Ok(if rest.is_empty() { first } else { self.chain(first, rest) })
    }

    fn unary(&mut self) -> Result<Expr, SyntaxError> {
        let (at, begin) = (self.at(), self.offset());
        let Some(operator) = self.take_one_of(&UNARIES) else { return self.power() };
        let operand = self.nested(Self::unary)?;
        Ok(self.expr(at, begin, Kind::Unary(operator, Box::new(operand))))
    }

    /// `-2 ** -2` is `-(2 ** (-2))`.
    fn power(&mut self) -> Result<Expr, SyntaxError> {
        let base = self.operand()?;
        if !self.take_sign("**") {
            return Ok(base);
        }
        let (at, begin) = (base.at, base.outer.start);
        let exponent = self.nested(Self::unary)?;
        Ok(self.expr(at, begin, Kind::Power(Box::new(base), Box::new(exponent))))
    }

    fn operand(&mut self) -> Result<Expr, SyntaxError> {
        let (at, begin) = (self.at(), self.offset());
        let kind = match self.peek().cloned() {
            Some(Token::Integer(digits)) => {
                let number = integer(digits);
                let number = number.map_err(|expected| self.unexpected(expected))?;
                self.take();
                Kind::Literal(Value::Integer(number))
            }
            Some(Token::Text(text)) => {
                self.take();
                Kind::Literal(Value::Text(text.into()))
            }
            Some(Token::Name(word @ ("True" | "False"))) => {
                self.take();
                Kind::Literal(Value::Truth(word == "True"))
            }
            Some(Token::Name(name)) if !KEYWORDS.contains(&name) && !is_word(name) => {
                return self.name_or_call(name);
            }
            Some(Token::Sign("[")) => {
                self.take();
                Kind::List(self.items("]")?)
            }
            Some(Token::Sign("(")) => return self.brackets(),
            Some(_) | None => return Err(self.unexpected(OPERANDS)),
        };
        Ok(self.expr(at, begin, kind))
    }

    fn name_or_call(&mut self, name: &str) -> Result<Expr, SyntaxError> {
        let expr = self.name(name);
        if !self.take_sign("(") {
            return Ok(expr);
        }
        let Some((_, function)) = FUNCTIONS.iter().find(|(known, _)| *known == name) else {
            let what = format!("the function `{name}` in %{{ }}%");
            return Err(SyntaxError::unsupported(expr.at, what));
        };
        let arguments = self.items(")")?;
        Ok(self.expr(expr.at, expr.outer.start, Kind::Call(*function, arguments)))
    }

    fn name(&mut self, name: &str) -> Expr {
        let (at, begin) = (self.at(), self.offset());
        self.take();
        self.expr(at, begin, Kind::Name(name.to_owned()))
    }

    /// `(a)` is `a`; `(a,)` and `(a, b)` are lists.
    fn brackets(&mut self) -> Result<Expr, SyntaxError> {
        let (at, begin) = (self.at(), self.offset());
        self.take();
        if self.take_sign(")") {
            return Ok(self.expr(at, begin, Kind::List(Vec::new())));
        }
        let first = self.nested(Self::expression)?;
        if self.take_sign(",") {
            let mut members = vec![first];
            members.append(&mut self.items(")")?);
            return Ok(self.expr(at, begin, Kind::List(members)));
        }
        self.sign(")", "behind an expression in brackets")?;
        Ok(Expr { outer: begin..self.last(), ..first })
    }

    /// Expressions with commas between them, up to `close`.
    fn items(&mut self, close: &str) -> Result<Vec<Expr>, SyntaxError> {
        let mut items = Vec::new();
        while !self.take_sign(close) {
            if items.len() == MAX_LIST {
                let expected = format!("a list of at most {MAX_LIST} values");
                return Err(SyntaxError::new(self.at(), expected, "more"));
            }
            items.push(self.nested(Self::expression)?);
            if !self.take_sign(",") {
                self.sign(close, "or `,` in a list")?;
                break;
            }
        }
        Ok(items)
    }

    fn chain(&self, first: Expr, rest: Vec<(Binary, Expr)>) -> Expr {
        let (at, begin) = (first.at, first.outer.start);
        self.expr(at, begin, Kind::Chain(Box::new(first), rest))
    }
}

/// The words of the language that are here, too. None is a name.
fn is_word(name: &str) -> bool {
    matches!(name, "and" | "or" | "not" | "in" | "True" | "False")
}

fn integer(digits: &str) -> Result<i128, &'static str> {
    let hex = digits.strip_prefix("0x").or_else(|| digits.strip_prefix("0X"));
    let number = match hex {
        Some(hex) => i128::from_str_radix(hex, 16),
        None if digits.len() > 1 && digits.starts_with('0') => {
            return Err("a number that does not begin with 0");
        }
        None => digits.parse(),
    };
    number.map_err(|_| "a number that fits 128 bits")
}
