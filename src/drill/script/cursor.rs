//! Hands out the tokens of a script, one at a time and with their places, and makes the errors
//! about them.

use std::ops::RangeInclusive;

use logos::{Lexer, Logos};

use super::MAX_NESTING;
use super::ast::Position;
use super::definitions::Definitions;
use super::error::SyntaxError;
use super::lexer::{Token, Trouble};

/// At most so many characters of what was found are shown.
const SHOWN: usize = 40;

/// The tokens of a text.
pub(super) struct Cursor<'a> {
    text: &'a str,
    definitions: &'a Definitions,
    lexer: Lexer<'a, Token<'a>>,
    next: Next<'a>,
    /// Where the next token begins, and where the last one ended.
    begin: Place,
    end: Place,
    /// What was handed out since `start_recording`.
    written: String,
    nesting: usize,
}

/// What comes next.
#[derive(Clone, Debug, PartialEq)]
enum Next<'a> {
    Token(Token<'a>),
    /// A word that is defined, and what it stands for.
    Defined(Token<'a>, &'a str),
    Trouble(Trouble),
    End,
}

/// A place in the text. It only moves forward, so that counting lines costs what reading them does.
#[derive(Clone, Copy)]
pub(super) struct Place {
    pub(super) offset: usize,
    pub(super) at: Position,
}

impl Place {
    /// Moves to the octet `to` of the text.
    pub(super) fn advance(&mut self, text: &str, to: usize) {
        for char in text[self.offset..to].chars() {
            match char {
                '\n' => self.at = Position { line: self.at.line + 1, column: 1 },
                _ => self.at.column += 1,
            }
        }
        self.offset = to;
    }
}

impl<'a> Cursor<'a> {
    /// At the first token of `text`.
    pub(super) fn new(text: &'a str, definitions: &'a Definitions) -> Cursor<'a> {
        let start = Place { offset: 0, at: Position { line: 1, column: 1 } };
        let mut cursor = Cursor {
            text,
            definitions,
            lexer: Token::lexer(text),
            next: Next::End,
            begin: start,
            end: start,
            written: String::new(),
            nesting: 0,
        };
        cursor.read();
        cursor
    }

    /// Hands out the next token. `None` at the end, and where there is no token.
    pub(super) fn take(&mut self) -> Option<Token<'a>> {
        let next = match std::mem::replace(&mut self.next, Next::End) {
            Next::Token(token) | Next::Defined(token, _) => token,
            other @ (Next::Trouble(_) | Next::End) => {
                self.next = other;
                return None;
            }
        };
        self.record(self.begin.offset, self.lexer.span().end);
        self.read();
        Some(next)
    }

    /// Takes the sign if it comes next.
    pub(super) fn take_symbol(&mut self, symbol: char) -> bool {
        let is_next = self.peek() == Some(&Token::Symbol(symbol));
        is_next && self.take().is_some()
    }

    /// Takes the word if it comes next.
    pub(super) fn take_word(&mut self, word: &str) -> bool {
        let is_next = self.peek() == Some(&Token::Word(word));
        is_next && self.take().is_some()
    }

    /// The sign has to come next. `what` it is for is told otherwise.
    pub(super) fn symbol(&mut self, symbol: char, what: &str) -> Result<(), SyntaxError> {
        if self.take_symbol(symbol) {
            return Ok(());
        }
        Err(self.unexpected(format!("`{symbol}` {what}")))
    }

    /// A number within `range` has to come next, decimal or hex.
    pub(super) fn number<N: TryFrom<i64>>(
        &mut self,
        what: &str,
        range: RangeInclusive<i64>,
    ) -> Result<N, SyntaxError> {
        let expected = || format!("{what}, a number from {} to {}", range.start(), range.end());
        let number = match self.peek() {
            Some(Token::Integer(digits)) => digits.parse().ok(),
            Some(Token::Hex(digits)) => i64::from_str_radix(&digits[2..], 16).ok(),
            _ => return Err(self.unexpected(expected())),
        };
        let number = number.filter(|number| range.contains(number));
        let number = number.and_then(|number| N::try_from(number).ok());
        let number = number.ok_or_else(|| self.unexpected(expected()))?;
        self.take();
        Ok(number)
    }

    /// The number behind `word`, if the word comes next.
    pub(super) fn number_behind<N: TryFrom<i64>>(
        &mut self,
        word: &str,
        what: &str,
        range: RangeInclusive<i64>,
    ) -> Result<Option<N>, SyntaxError> {
        if self.take_word(word) { self.number(what, range).map(Some) } else { Ok(None) }
    }

    /// The rest of a note whose `(` comes next: anything up to a `)` on the same line.
    pub(super) fn take_note(&mut self) -> Result<(), SyntaxError> {
        let begin = self.lexer.span().end;
        let rest = &self.text[begin..];
        let end = rest.find([')', '\n']).filter(|end| rest[*end..].starts_with(')'));
        let Some(len) = end else {
            return Err(SyntaxError::new(
                self.at(),
                "a `)` on the same line as the `(` of a note",
                "none",
            ));
        };
        self.lexer.bump(len + 1);
        self.record(self.begin.offset, begin + len + 1);
        self.read();
        Ok(())
    }

    /// Runs `inner` one bracket deeper.
    pub(super) fn nested<T>(
        &mut self,
        inner: impl FnOnce(&mut Self) -> Result<T, SyntaxError>,
    ) -> Result<T, SyntaxError> {
        if self.nesting == MAX_NESTING {
            let expected = format!("brackets at most {MAX_NESTING} deep");
            return Err(SyntaxError::new(self.at(), expected, "one more"));
        }
        self.nesting += 1;
        let result = inner(self);
        self.nesting -= 1;
        result
    }

    /// From here on, what is handed out is written down.
    pub(super) fn start_recording(&mut self) {
        self.written.clear();
    }

    /// What was handed out since, as it stands, with runs of blanks as one.
    pub(super) fn stop_recording(&mut self) -> String {
        std::mem::take(&mut self.written)
    }

    /// The next token; `None` at the end, and where there is no token.
    pub(super) fn peek(&self) -> Option<&Token<'a>> {
        match &self.next {
            Next::Token(token) | Next::Defined(token, _) => Some(token),
            Next::Trouble(_) | Next::End => None,
        }
    }

    /// Whether the text ends here.
    pub(super) fn is_at_end(&self) -> bool {
        self.next == Next::End
    }

    /// Whether the next token is on another line than the last.
    pub(super) fn is_on_new_line(&self) -> bool {
        self.begin.at.line > self.end.at.line
    }

    /// The place of the next token.
    pub(super) fn at(&self) -> Position {
        self.begin.at
    }

    /// The next token as it stands.
    pub(super) fn slice(&self) -> &'a str {
        self.lexer.slice()
    }

    /// The error that the next token is not what was expected. Where an event is complete but for
    /// something at the end of its line, the error is there, not at the next event.
    pub(super) fn unexpected(&self, expected: impl Into<String>) -> SyntaxError {
        if let Next::Trouble(trouble) = self.next {
            return self.trouble(trouble);
        }
        let is_in_event = !self.written.is_empty() && self.nesting == 0;
        if is_in_event && self.is_on_new_line() {
            return SyntaxError::new(self.end.at, expected, "the end of the line");
        }
        SyntaxError::new(self.at(), expected, self.found())
    }

    /// The error that `what`, which begins with the next token, is not supported.
    pub(super) fn unsupported(&self, what: impl Into<String>) -> SyntaxError {
        SyntaxError::unsupported(self.at(), what)
    }

    /// The next token in an error.
    pub(super) fn found(&self) -> String {
        if self.is_at_end() {
            return "the end of the script".to_owned();
        }
        let text = one_blank(self.slice());
        let mut shown: String = text.chars().take(SHOWN).collect();
        if shown.len() < text.len() {
            shown.push_str("...");
        }
        match &self.next {
            Next::Defined(_, value) => format!("`{shown}`, which is defined as `{value}`"),
            Next::Token(_) | Next::Trouble(_) | Next::End => format!("`{shown}`"),
        }
    }

    fn trouble(&self, trouble: Trouble) -> SyntaxError {
        let (expected, found) = match trouble {
            Trouble::Unknown => {
                ("a word or a sign of the script language".to_owned(), self.found())
            }
            Trouble::Endless("\"") => {
                ("a `\"` at the end of the text, on the same line".to_owned(), "none".to_owned())
            }
            Trouble::Endless("`") => {
                ("a backquote at the end of the command".to_owned(), "none".to_owned())
            }
            Trouble::Endless(end) => {
                (format!("`{end}` somewhere behind `{}`", self.slice()), "none".to_owned())
            }
            Trouble::Escape => {
                let escapes = r#"escapes like \" \\ \n \t \r \0 \x41 and no others"#;
                (escapes.to_owned(), self.found())
            }
            Trouble::NoValue => ("a value behind `=`".to_owned(), self.found()),
        };
        SyntaxError::new(self.at(), expected, found)
    }

    /// Reads the next token.
    fn read(&mut self) {
        let next = self.lexer.next();
        let span = self.lexer.span();
        self.begin.advance(self.text, span.start.max(self.begin.offset));
        self.next = match next {
            None => Next::End,
            Some(Err(trouble)) => Next::Trouble(trouble),
            Some(Ok(Token::Word(word))) => match self.definitions.token_for(word) {
                Some((token, value)) => Next::Defined(token, value),
                None => Next::Token(Token::Word(word)),
            },
            Some(Ok(token)) => Next::Token(token),
        };
    }

    /// Writes down what was handed out.
    fn record(&mut self, begin: usize, end: usize) {
        if self.end.offset < begin && !self.written.is_empty() {
            self.written.push(' ');
        }
        self.written.push_str(&one_blank(&self.text[begin..end]));
        self.end.advance(self.text, end);
    }
}

/// The text with every run of blanks as one.
fn one_blank(text: &str) -> String {
    text.split_ascii_whitespace().collect::<Vec<_>>().join(" ")
}
