//! Calls: `...END name(args) = result ERRNO (note)`, and what arguments can be.

use std::time::Duration;

use super::ast::{Call, Expr, ExprKind, Field, Time};
use super::cursor::Cursor;
use super::error::SyntaxError;
use super::lexer::Token;
use super::parser;

const ARGUMENTS: &str =
    "an argument: a number, NAME, A|B, \"text\", [array], {structure}, function(...) or `...`";

/// A call at `time`.
pub(super) fn call(cursor: &mut Cursor<'_>, time: Time) -> Result<Call, SyntaxError> {
    let end = end(cursor, time)?;
    let at = cursor.at();
    let Some(Token::Word(name)) = cursor.peek().cloned() else {
        return Err(cursor.unexpected("the name of a call"));
    };
    cursor.take();
    let args = arguments(cursor, "of a call")?;
    cursor.symbol('=', "and the result behind a call")?;
    let result = result(cursor)?;
    // On the next line a word is a mistake: an event without a time.
    let errno = match cursor.peek().cloned() {
        Some(Token::Word(word)) if !cursor.is_on_new_line() => {
            cursor.take();
            Some(word.to_owned())
        }
        Some(_) | None => None,
    };
    if cursor.peek() == Some(&Token::Symbol('(')) && !cursor.is_on_new_line() {
        cursor.take_note()?;
    }
    Ok(Call { at, name: name.to_owned(), args, end, result, errno })
}

/// `...END`.
fn end(cursor: &mut Cursor<'_>, time: Time) -> Result<Option<Duration>, SyntaxError> {
    if cursor.peek() != Some(&Token::Ellipsis) {
        return Ok(None);
    }
    cursor.take();
    let at = cursor.at();
    let end = parser::time(cursor, "the time at which the call has to return")?;
    match time {
        Time::Absolute(begin) | Time::Relative(begin) if end < begin => {
            let expected = "a call that returns after it began";
            Err(SyntaxError::new(at, expected, format!("{begin:?}...{end:?}")))
        }
        Time::Absolute(_) | Time::Relative(_) => Ok(Some(end)),
        // Refused with the event: a call has one moment at which it begins.
        Time::Any | Time::AbsoluteRange(..) | Time::RelativeRange(..) => Ok(Some(end)),
    }
}

/// `(a, b)`, maybe empty.
fn arguments(cursor: &mut Cursor<'_>, whose: &str) -> Result<Vec<Expr>, SyntaxError> {
    cursor.symbol('(', &format!("in front of the arguments {whose}"))?;
    list(cursor, ')', "behind the arguments")
}

/// Expressions with commas between them up to `close`, maybe none.
fn list(cursor: &mut Cursor<'_>, close: char, what: &str) -> Result<Vec<Expr>, SyntaxError> {
    items(cursor, close, what, expression)
}

fn items<'a, T>(
    cursor: &mut Cursor<'a>,
    close: char,
    what: &str,
    item: impl Fn(&mut Cursor<'a>) -> Result<T, SyntaxError>,
) -> Result<Vec<T>, SyntaxError> {
    cursor.nested(|cursor| {
        let mut items = Vec::new();
        if cursor.take_symbol(close) {
            return Ok(items);
        }
        loop {
            items.push(item(cursor)?);
            if !cursor.take_symbol(',') {
                break;
            }
        }
        cursor.symbol(close, &format!("or `,` {what}"))?;
        Ok(items)
    })
}

/// What a call returns.
fn result(cursor: &mut Cursor<'_>) -> Result<Expr, SyntaxError> {
    alternatives(cursor, result_operand)
}

/// A bracket behind a name begins the note here, not arguments.
fn result_operand(cursor: &mut Cursor<'_>) -> Result<Expr, SyntaxError> {
    let at = cursor.at();
    let Some(&Token::Word(name)) = cursor.peek() else { return operand(cursor) };
    cursor.take();
    Ok(Expr { at, kind: ExprKind::Name(name.to_owned()) })
}

fn expression(cursor: &mut Cursor<'_>) -> Result<Expr, SyntaxError> {
    alternatives(cursor, operand)
}

/// `a`, `a|b`, `a|b|c`.
fn alternatives<'a>(
    cursor: &mut Cursor<'a>,
    operand: impl Fn(&mut Cursor<'a>) -> Result<Expr, SyntaxError>,
) -> Result<Expr, SyntaxError> {
    let at = cursor.at();
    let first = operand(cursor)?;
    if cursor.peek() != Some(&Token::Symbol('|')) {
        return Ok(first);
    }
    let mut all = vec![first];
    while cursor.take_symbol('|') {
        all.push(operand(cursor)?);
    }
    Ok(Expr { at, kind: ExprKind::Or(all) })
}

fn operand(cursor: &mut Cursor<'_>) -> Result<Expr, SyntaxError> {
    let at = cursor.at();
    let kind = match cursor.peek().cloned() {
        Some(Token::Integer(_) | Token::Hex(_)) => {
            ExprKind::Integer(cursor.number("an argument", i64::MIN..=i64::MAX)?)
        }
        Some(Token::Word(name)) => {
            cursor.take();
            match cursor.peek() {
                Some(Token::Symbol('(')) => {
                    let args = arguments(cursor, "of a function")?;
                    ExprKind::Function(name.to_owned(), args)
                }
                Some(_) | None => ExprKind::Name(name.to_owned()),
            }
        }
        // An address of where to put something says nothing here: `&sin6_addr`.
        Some(Token::Symbol('&')) => {
            cursor.take();
            return cursor.nested(operand);
        }
        Some(Token::Text(_)) => text(cursor),
        Some(Token::Ellipsis) => {
            cursor.take();
            ExprKind::Ellipsis
        }
        Some(Token::Symbol('[')) => {
            cursor.take();
            ExprKind::Array(list(cursor, ']', "behind the members of an array")?)
        }
        Some(Token::Symbol('{')) => {
            cursor.take();
            let fields = items(cursor, '}', "behind the members of a structure", field)?;
            ExprKind::Struct(fields)
        }
        Some(_) | None => return Err(cursor.unexpected(ARGUMENTS)),
    };
    Ok(Expr { at, kind })
}

/// `"a" "b"`, maybe with `...` behind it.
fn text(cursor: &mut Cursor<'_>) -> ExprKind {
    let mut text = Vec::new();
    while let Some(Token::Text(part)) = cursor.peek() {
        text.extend_from_slice(part);
        cursor.take();
    }
    if cursor.peek() == Some(&Token::Ellipsis) {
        cursor.take();
        return ExprKind::TextEllipsis(text);
    }
    ExprKind::Text(text)
}

/// `value`, `name=value`, `name(args)=value`.
fn field(cursor: &mut Cursor<'_>) -> Result<Field, SyntaxError> {
    let at = cursor.at();
    let first = expression(cursor)?;
    if cursor.peek() != Some(&Token::Symbol('=')) {
        return Ok(Field { at, name: None, args: Vec::new(), value: first });
    }
    let (name, args) = match first.kind {
        ExprKind::Name(name) => (name, Vec::new()),
        ExprKind::Function(name, args) => (name, args),
        _ => return Err(cursor.unexpected("`,` or `}` behind a member without a name")),
    };
    cursor.take();
    Ok(Field { at, name: Some(name), args, value: expression(cursor)? })
}
