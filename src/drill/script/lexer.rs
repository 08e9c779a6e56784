//! The words and signs of a script. Blanks and comments end here.

use logos::{Lexer, Logos, Skip};

/// A word or a sign.
#[derive(Logos, Clone, Debug, PartialEq)]
#[logos(error = Trouble)]
#[logos(skip r"[ \t\r\n\x0c]+")]
#[logos(skip(r"//[^\n]*", allow_greedy = true))]
#[logos(skip(r"/\*", callback = block_comment))]
pub(super) enum Token<'a> {
    /// `-12`.
    #[regex(r"-?[0-9]+", priority = 5)]
    Integer(&'a str),
    /// `0x1f`.
    #[regex(r"0x[0-9a-fA-F]+", priority = 5)]
    Hex(&'a str),
    /// `.1`, `0.1`.
    #[regex(r"-?[0-9]*\.[0-9]+")]
    Float(&'a str),
    /// A name; also the like of `12ab`, which is how hex octets are written.
    #[regex(r"[A-Za-z0-9_]+", priority = 4)]
    Word(&'a str),
    /// What is between the quotes, escapes resolved.
    #[token("\"", text)]
    Text(Vec<u8>),
    /// What is between backquotes, as it stands: escapes are for the shell.
    #[token("`", command)]
    Command(&'a str),
    /// What is between `%{` and `}%`.
    #[token("%{", code)]
    Code(&'a str),
    /// `--name`, `--name=value`.
    #[regex(r"--[A-Za-z0-9_]+", option)]
    Option(OptionToken<'a>),
    /// `...`.
    #[token("...")]
    Ellipsis,
    /// Any other sign.
    #[regex(r"[-+*~<>=:,.|()\[\]{}/!;#%&]", |lexer| lexer.slice().chars().next())]
    Symbol(char),
}

/// An option, without dashes and quotes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct OptionToken<'a> {
    pub(super) name: &'a str,
    pub(super) value: Option<&'a str>,
}

/// Why something is no token.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Trouble {
    /// No token begins so.
    #[default]
    Unknown,
    /// It begins and never ends: this sign is missing.
    Endless(&'static str),
    /// A backslash in a text, and something that does not belong behind it.
    Escape,
    /// `--option=`, and nothing behind it.
    NoValue,
}

fn block_comment<'a>(lexer: &mut Lexer<'a, Token<'a>>) -> Result<Skip, Trouble> {
    until(lexer, "*/").map(|_| Skip)
}

fn code<'a>(lexer: &mut Lexer<'a, Token<'a>>) -> Result<&'a str, Trouble> {
    until(lexer, "}%")
}

/// Everything up to `end`, which is eaten too.
fn until<'a>(lexer: &mut Lexer<'a, Token<'a>>, end: &'static str) -> Result<&'a str, Trouble> {
    let rest = lexer.remainder();
    let len = rest.find(end).ok_or(Trouble::Endless(end))?;
    lexer.bump(len + end.len());
    Ok(&rest[..len])
}

fn command<'a>(lexer: &mut Lexer<'a, Token<'a>>) -> Result<&'a str, Trouble> {
    let rest = lexer.remainder();
    let len = closing(rest, '`').ok_or(Trouble::Endless("`"))?;
    lexer.bump(len + 1);
    Ok(&rest[..len])
}

fn text<'a>(lexer: &mut Lexer<'a, Token<'a>>) -> Result<Vec<u8>, Trouble> {
    let rest = lexer.remainder();
    let len = closing_on_line(rest, '"').ok_or(Trouble::Endless("\""))?;
    lexer.bump(len + 1);
    unescape(&rest[..len]).ok_or(Trouble::Escape)
}

fn option<'a>(lexer: &mut Lexer<'a, Token<'a>>) -> Result<OptionToken<'a>, Trouble> {
    let name = &lexer.slice()[2..];
    let Some(rest) = lexer.remainder().strip_prefix('=') else {
        return Ok(OptionToken { name, value: None });
    };
    let len = value_len(rest)?;
    lexer.bump(len + 1);
    let value = &rest[..len];
    let unquoted = value.strip_prefix('"').and_then(|value| value.strip_suffix('"'));
    Ok(OptionToken { name, value: Some(unquoted.unwrap_or(value)) })
}

/// How long the value of an option is: up to the next blank, but not one between quotes.
fn value_len(rest: &str) -> Result<usize, Trouble> {
    let blank = rest.find([' ', '\t', '\n', '\r']).unwrap_or(rest.len());
    let quote = rest[..blank].find(['"', '`']);
    let Some((begin, rest)) = quote.map(|begin| rest.split_at(begin + 1)) else {
        return if blank == 0 { Err(Trouble::NoValue) } else { Ok(blank) };
    };
    let (quote, missing) = if begin.ends_with('"') { ('"', "\"") } else { ('`', "`") };
    let len = closing_on_line(rest, quote).ok_or(Trouble::Endless(missing))?;
    Ok(begin.len() + len + 1)
}

/// Where the closing `quote` is, if it is on this line.
fn closing_on_line(rest: &str, quote: char) -> Option<usize> {
    closing(rest, quote).filter(|len| !rest[..*len].contains('\n'))
}

/// Where the closing `quote` is; a backslash hides the character behind it.
fn closing(rest: &str, quote: char) -> Option<usize> {
    let mut hidden = false;
    for (at, char) in rest.char_indices() {
        match char {
            _ if hidden => hidden = false,
            '\\' => hidden = true,
            _ if char == quote => return Some(at),
            _ => {}
        }
    }
    None
}

fn unescape(text: &str) -> Option<Vec<u8>> {
    let mut bytes = text.bytes();
    let mut unescaped = Vec::with_capacity(text.len());
    while let Some(byte) = bytes.next() {
        unescaped.push(match byte {
            b'\\' => match bytes.next()? {
                b'n' => b'\n',
                b't' => b'\t',
                b'r' => b'\r',
                b'0' => 0,
                b'x' => hex_digit(bytes.next()?)? << 4 | hex_digit(bytes.next()?)?,
                quoted @ (b'"' | b'\\') => quoted,
                _ => return None,
            },
            byte => byte,
        });
    }
    Some(unescaped)
}

/// What a hex digit counts.
pub(super) fn hex_digit(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok())
}
