//! A script: options, times, events. What stands behind a time is read by `packet`, `call` and
//! `code`.

use std::time::Duration;

use super::ast::{Action, Command, Direction, Event, Position, Script, ScriptOption, Time};
use super::cursor::Cursor;
use super::error::SyntaxError;
use super::lexer::Token;
use super::{call, code, packet};

/// Times are at most so many seconds long, which is eleven days and a half.
const LONGEST_TIME_SECS: u64 = 1_000_000;

const EVENT_TIMES: &str = "a time (0.1, +.1, *, 1~2) at the start of an event";
const TIMES: &str = "a time in seconds (0, 0.1, .1)";
const ACTIONS: &str = "a packet (`<` or `>`), a call, a `command` or %{ assertions }%";

/// Everything up to the end.
pub(super) fn script(cursor: &mut Cursor<'_>) -> Result<Script, SyntaxError> {
    let options = options(cursor)?;
    let init = command(cursor);
    let mut events = vec![event(cursor)?];
    let mut cleanup = None;
    while !cursor.is_at_end() && cleanup.is_none() {
        match command(cursor) {
            Some(command) => cleanup = Some(command),
            None => events.push(event(cursor)?),
        }
    }
    if !cursor.is_at_end() {
        return Err(cursor.unexpected("the end of the script behind a `command` without a time"));
    }
    Ok(Script { options, init, events, cleanup })
}

fn options(cursor: &mut Cursor<'_>) -> Result<Vec<ScriptOption>, SyntaxError> {
    let mut options = Vec::new();
    while let Some(Token::Option(option)) = cursor.peek().cloned() {
        let at = cursor.at();
        cursor.take();
        let value = option.value.map(str::to_owned);
        options.push(ScriptOption { at, name: option.name.to_owned(), value });
        let is_option = matches!(cursor.peek(), Some(Token::Option(_)));
        if !is_option && !cursor.is_on_new_line() && !cursor.is_at_end() {
            let expected = "a new line behind an option (--name=value has no blanks in it)";
            return Err(cursor.unexpected(expected));
        }
    }
    cursor.stop_recording();
    Ok(options)
}

/// A command without a time, if that comes next.
fn command(cursor: &mut Cursor<'_>) -> Option<Command> {
    let at = cursor.at();
    let Some(Token::Command(text)) = cursor.peek() else { return None };
    let command = Command { at, text: (*text).to_owned() };
    cursor.take();
    cursor.stop_recording();
    Some(command)
}

fn event(cursor: &mut Cursor<'_>) -> Result<Event, SyntaxError> {
    let at = cursor.at();
    let time = event_time(cursor)?;
    cursor.start_recording();
    let action = action(cursor, time)?;
    let is_expected =
        matches!(&action, Action::Packet(packet) if packet.direction == Direction::Out);
    match time {
        Time::Absolute(_) | Time::Relative(_) => {}
        Time::Any if is_expected => {}
        Time::AbsoluteRange(..) | Time::RelativeRange(..) if is_expected => {}
        Time::Any => return Err(only_expected(at, "`*` as its time")),
        Time::AbsoluteRange(..) | Time::RelativeRange(..) => {
            return Err(only_expected(at, "a range of times"));
        }
    }
    Ok(Event { at, time, action, text: cursor.stop_recording().into() })
}

fn only_expected(at: Position, found: &str) -> SyntaxError {
    SyntaxError::new(at, "one moment for anything but a packet from the stack (`>`)", found)
}

fn event_time(cursor: &mut Cursor<'_>) -> Result<Time, SyntaxError> {
    if cursor.take_symbol('*') {
        return Ok(Time::Any);
    }
    let is_relative = cursor.take_symbol('+');
    if !is_relative {
        refuse_at_event_start(cursor)?;
    }
    let first = time(cursor, if is_relative { TIMES } else { EVENT_TIMES })?;
    if !cursor.take_symbol('~') {
        return Ok(if is_relative { Time::Relative(first) } else { Time::Absolute(first) });
    }
    if is_relative {
        cursor.symbol('+', "in front of the end of a range that begins with `+`")?;
    }
    let at = cursor.at();
    let last = time(cursor, TIMES)?;
    if last < first {
        let expected = "a range of times that ends after its beginning";
        return Err(SyntaxError::new(at, expected, format!("{first:?} to {last:?}")));
    }
    if is_relative {
        return Ok(Time::RelativeRange(first, last));
    }
    Ok(Time::AbsoluteRange(first, last))
}

/// What cannot begin an event, but might be meant to.
fn refuse_at_event_start(cursor: &Cursor<'_>) -> Result<(), SyntaxError> {
    match cursor.peek() {
        Some(Token::Option(_)) => Err(cursor.unexpected("options only before the first event")),
        Some(Token::Symbol('#')) => {
            let signs = "// in front of a comment, or #ifdef, #ifndef, #else, #endif at the start \
                         of a line";
            Err(cursor.unexpected(signs))
        }
        Some(_) | None => Ok(()),
    }
}

/// A time in seconds, not negative, exact to the nanosecond.
pub(super) fn time(cursor: &mut Cursor<'_>, expected: &str) -> Result<Duration, SyntaxError> {
    let Some(Token::Integer(digits) | Token::Float(digits)) = cursor.peek() else {
        return Err(cursor.unexpected(expected));
    };
    let time = exact(digits).map_err(|expected| cursor.unexpected(expected))?;
    cursor.take();
    Ok(time)
}

/// `digits` or `[digits].digits` as seconds; or what they should be.
fn exact(number: &str) -> Result<Duration, String> {
    if number.starts_with('-') {
        return Err("a time that is not negative".to_owned());
    }
    let (seconds, fraction) = number.split_once('.').unwrap_or((number, ""));
    let fraction = fraction.trim_end_matches('0');
    if fraction.len() > 9 {
        return Err("a time with at most 9 decimals, which is to the nanosecond".to_owned());
    }
    let seconds = if seconds.is_empty() { Ok(0) } else { seconds.parse::<u64>() };
    let seconds = seconds.ok().filter(|seconds| *seconds <= LONGEST_TIME_SECS);
    // Nine digits fit.
    let nanos = format!("{fraction:0<9}").parse::<u32>().ok();
    seconds
        .zip(nanos)
        .map(|(seconds, nanos)| Duration::new(seconds, nanos))
        .ok_or_else(|| format!("a time of at most {LONGEST_TIME_SECS} seconds"))
}

fn action(cursor: &mut Cursor<'_>, time: Time) -> Result<Action, SyntaxError> {
    let at = cursor.at();
    match cursor.peek().cloned() {
        Some(Token::Symbol('<' | '>')) => packet::packet(cursor).map(Action::Packet),
        Some(Token::Word(_) | Token::Ellipsis) => call::call(cursor, time).map(Action::Call),
        Some(Token::Command(text)) => {
            cursor.take();
            Ok(Action::Command(Command { at, text: text.to_owned() }))
        }
        Some(Token::Code(text)) => {
            cursor.take();
            // The code begins behind the two characters of `%{`.
            let begin = Position { column: at.column + 2, ..at };
            code::parse(text, begin).map(Action::Code)
        }
        Some(_) | None => Err(cursor.unexpected(ACTIONS)),
    }
}
