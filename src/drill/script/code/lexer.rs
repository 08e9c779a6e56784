//! The words and signs of `%{ ... }%`.

use logos::{Lexer, Logos};

/// A word or a sign.
#[derive(Logos, Clone, Debug, PartialEq)]
#[logos(error = Trouble)]
#[logos(skip r"[ \t\r\x0c]+")]
#[logos(skip(r"#[^\n]*", allow_greedy = true))]
#[logos(skip r"\\\r?\n")]
pub(super) enum Token<'a> {
    /// The end of a line.
    #[token("\n")]
    Newline,
    /// `12`, `0x1f`.
    #[regex(r"[0-9]+", priority = 5)]
    #[regex(r"0[xX][0-9a-fA-F]+", priority = 5)]
    Integer(&'a str),
    /// `1.5`, which there is not.
    #[regex(r"[0-9]*\.[0-9]+")]
    #[regex(r"[0-9]+\.")]
    Float,
    /// A name, or a word of the language.
    #[regex(r"[A-Za-z_][A-Za-z0-9_]*")]
    Name(&'a str),
    /// What is between the quotes, escapes resolved.
    #[token("'", |lexer| text(lexer, '\''))]
    #[token("\"", |lexer| text(lexer, '"'))]
    Text(String),
    /// Any other sign; also such as have no meaning here, so that they can be named.
    #[regex(r"\*\*=?|//=?|<<=?|>>=?|[-+*/%&|^<>=!:]=|[-+*/%&|^~<>=()\[\]{},;.:@!?]")]
    Sign(&'a str),
}

/// Why something is no token.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Trouble {
    /// No token begins so.
    #[default]
    Unknown,
    /// A text without an end on its line.
    Endless,
    /// A backslash, and something that does not belong behind it.
    Escape,
}

fn text<'a>(lexer: &mut Lexer<'a, Token<'a>>, quote: char) -> Result<String, Trouble> {
    let rest = lexer.remainder();
    let mut text = String::new();
    let mut chars = rest.char_indices();
    loop {
        match chars.next() {
            None | Some((_, '\n')) => return Err(Trouble::Endless),
            Some((at, char)) if char == quote => {
                lexer.bump(at + 1);
                return Ok(text);
            }
            Some((_, '\\')) => match chars.next() {
                Some((_, 'n')) => text.push('\n'),
                Some((_, 't')) => text.push('\t'),
                Some((_, quoted @ ('\\' | '\'' | '"'))) => text.push(quoted),
                Some(_) | None => return Err(Trouble::Escape),
            },
            Some((_, char)) => text.push(char),
        }
    }
}
