//! `#ifdef NAME`, `#ifndef NAME`, `#else`, `#endif` at the start of a line: leaves out what is not
//! wanted, line by line, before anything else looks at the text.

use logos::Logos;

use super::ast::Position;
use super::definitions::{Definition, Definitions};
use super::error::SyntaxError;
use super::lexer::Token;

/// The text with an empty line for every line that is left out, and for every directive, so that
/// places stay what they are. And the definitions, with those that the script makes itself.
pub(super) fn preprocess(
    text: &str,
    definitions: &Definitions,
) -> Result<(String, Definitions), SyntaxError> {
    let mut preprocessor = Preprocessor {
        definitions: definitions.clone(),
        open: Vec::new(),
        kept: String::with_capacity(text.len()),
    };
    for (line, number) in text.split_inclusive('\n').zip(1..) {
        preprocessor.line(line, Position { line: number, column: 1 })?;
    }
    match preprocessor.open.pop() {
        Some(open) => {
            Err(SyntaxError::new(open.at, format!("an #endif behind {}", open.directive), "none"))
        }
        None => Ok((preprocessor.kept, preprocessor.definitions)),
    }
}

struct Preprocessor {
    definitions: Definitions,
    /// The conditions that are open, the innermost last.
    open: Vec<Condition>,
    kept: String,
}

/// A part of the text that may be left out.
struct Condition {
    /// Where it began, and with what.
    at: Position,
    directive: &'static str,
    /// Whether the lines that come now are wanted, here and in every condition around it.
    is_wanted: bool,
    is_wanted_around: bool,
    has_else: bool,
}

impl Preprocessor {
    fn line(&mut self, line: &str, at: Position) -> Result<(), SyntaxError> {
        let code = line.split("//").next().unwrap_or_default();
        let mut words = code.split_ascii_whitespace();
        let is_directive = match words.next().filter(|_| line.starts_with('#')) {
            Some("#ifdef") => self.begin("#ifdef", words.next(), at)?,
            Some("#ifndef") => self.begin("#ifndef", words.next(), at)?,
            Some("#else") => self.turn(at)?,
            Some("#endif") => self.end(at)?,
            Some(_) | None => false,
        };
        if is_directive && let Some(word) = words.next() {
            return Err(SyntaxError::new(at, "nothing more on this line", format!("`{word}`")));
        }
        if !is_directive && self.is_wanted() {
            self.define(line, at)?;
            self.kept.push_str(line);
        } else if line.ends_with('\n') {
            self.kept.push('\n');
        }
        Ok(())
    }

    fn begin(
        &mut self,
        directive: &'static str,
        name: Option<&str>,
        at: Position,
    ) -> Result<bool, SyntaxError> {
        let Some(name) = name else {
            return Err(SyntaxError::new(at, format!("a name behind {directive}"), "none"));
        };
        let is_wanted_around = self.is_wanted();
        let is_met = self.definitions.contains(name) == (directive == "#ifdef");
        let is_wanted = is_wanted_around && is_met;
        self.open.push(Condition { at, directive, is_wanted, is_wanted_around, has_else: false });
        Ok(true)
    }

    fn turn(&mut self, at: Position) -> Result<bool, SyntaxError> {
        match self.open.last_mut() {
            None => Err(SyntaxError::new(at, "#ifdef or #ifndef before #else", "none")),
            Some(open) if open.has_else => {
                Err(SyntaxError::new(at, format!("one #else for {}", open.directive), "a second"))
            }
            Some(open) => {
                open.has_else = true;
                open.is_wanted = open.is_wanted_around && !open.is_wanted;
                Ok(true)
            }
        }
    }

    fn end(&mut self, at: Position) -> Result<bool, SyntaxError> {
        match self.open.pop() {
            None => Err(SyntaxError::new(at, "#ifdef or #ifndef before #endif", "none")),
            Some(_) => Ok(true),
        }
    }

    fn is_wanted(&self) -> bool {
        self.open.last().is_none_or(|open| open.is_wanted)
    }

    /// Takes in what a line of options defines.
    fn define(&mut self, line: &str, at: Position) -> Result<(), SyntaxError> {
        let mut lexer = Token::lexer(line);
        while let Some(Ok(Token::Option(option))) = lexer.next() {
            if option.name != "define" {
                continue;
            }
            let column = line[..lexer.span().start].chars().count() + 1;
            let at = Position { column: u32::try_from(column).unwrap_or(u32::MAX), ..at };
            let Some(value) = option.value else {
                return Err(SyntaxError::new(
                    at,
                    "--define=NAME or --define=NAME=value",
                    "no name",
                ));
            };
            let definition = value.parse::<Definition>();
            self.definitions.add(definition.map_err(|error| SyntaxError { at, ..error })?);
        }
        Ok(())
    }
}
