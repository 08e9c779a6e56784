//! `--define NAME=value`: words that stand for something else.

use std::collections::BTreeMap;
use std::str::FromStr;

use logos::Logos;

use super::ast::Position;
use super::error::SyntaxError;
use super::lexer::Token;

const NAMES: &str = "a name of letters, digits and `_` that does not begin with a digit";
const VALUES: &str = "a number, a word, a \"text\" or a `command` as the value of the definition";

/// `NAME` or `NAME=value`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Definition {
    /// The name.
    pub name: String,
    /// What it stands for, as it would stand in a script: a number, a word, a `"text"` or a
    /// `` `command` ``. Without one the name is defined for `#ifdef`, and stands for itself.
    pub value: Option<String>,
}

impl FromStr for Definition {
    type Err = SyntaxError;

    /// Places in the error count from the beginning of `text`, as line 1.
    fn from_str(text: &str) -> Result<Definition, SyntaxError> {
        let (name, value) = match text.split_once('=') {
            Some((name, value)) => (name, Some(value)),
            None => (text, None),
        };
        if !is_name(name) {
            let at = Position { line: 1, column: 1 };
            return Err(SyntaxError::new(at, NAMES, format!("`{name}`")));
        }
        if let Some(value) = value.filter(|value| token(value).is_none()) {
            let column = u32::try_from(name.chars().count()).unwrap_or(u32::MAX - 2) + 2;
            return Err(SyntaxError::new(
                Position { line: 1, column },
                VALUES,
                format!("`{value}`"),
            ));
        }
        Ok(Definition { name: name.to_owned(), value: value.map(str::to_owned) })
    }
}

/// The names that are defined.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Definitions(BTreeMap<String, Option<String>>);

impl Definitions {
    /// No name is defined.
    #[must_use]
    pub fn new() -> Definitions {
        Definitions::default()
    }

    /// Adds a definition. One that is there already stays: who comes first is right, and the
    /// command line comes before the script.
    pub fn add(&mut self, definition: Definition) {
        self.0.entry(definition.name).or_insert(definition.value);
    }

    /// Whether `name` is defined, with a value or without.
    #[must_use]
    pub fn contains(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    /// The token that stands for `name`, and how it was written.
    pub(super) fn token_for(&self, name: &str) -> Option<(Token<'_>, &str)> {
        let value = self.0.get(name)?.as_ref()?;
        Some((token(value)?, value))
    }
}

impl FromIterator<Definition> for Definitions {
    fn from_iter<I: IntoIterator<Item = Definition>>(iter: I) -> Definitions {
        let mut definitions = Definitions::new();
        iter.into_iter().for_each(|definition| definitions.add(definition));
        definitions
    }
}

fn is_name(name: &str) -> bool {
    !name.starts_with(|first: char| first.is_ascii_digit())
        && !name.is_empty()
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

/// The one token of `value`.
fn token(value: &str) -> Option<Token<'_>> {
    let mut lexer = Token::lexer(value);
    let token = lexer.next()?.ok()?;
    let is_value = matches!(
        token,
        Token::Integer(_)
            | Token::Hex(_)
            | Token::Float(_)
            | Token::Word(_)
            | Token::Text(_)
            | Token::Command(_)
    );
    (is_value && lexer.next().is_none()).then_some(token)
}
