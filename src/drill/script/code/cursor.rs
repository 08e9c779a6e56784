//! Hands out the tokens of one `%{ ... }%`, with their places, and makes the errors about them.

use logos::{Lexer, Logos};

use super::super::MAX_NESTING;
use super::super::ast::Position;
use super::super::cursor::Place;
use super::super::error::SyntaxError;
use super::expr::{Comparison, Expr, Kind};
use super::lexer::{Token, Trouble};

/// What Python means something by.
pub(super) const KEYWORDS: [&str; 30] = [
    "None", "as", "async", "await", "break", "class", "continue", "def", "del", "elif", "else",
    "except", "exec", "finally", "for", "from", "global", "if", "import", "is", "lambda",
    "nonlocal", "pass", "raise", "return", "try", "while", "with", "yield", "match",
];

/// How values are compared, but for `in` and `not in`.
pub(super) const COMPARISONS: [(&str, Comparison); 6] = [
    ("==", Comparison::Equal),
    ("!=", Comparison::NotEqual),
    ("<", Comparison::Less),
    ("<=", Comparison::LessOrEqual),
    (">", Comparison::Greater),
    (">=", Comparison::GreaterOrEqual),
];

/// The tokens of a text.
pub(super) struct Cursor<'a> {
    text: &'a str,
    lexer: Lexer<'a, Token<'a>>,
    next: Next<'a>,
    /// Where the next token begins, and the last one ended.
    begin: Place,
    end: usize,
    /// How many brackets are open: in them the end of a line is a blank.
    brackets: usize,
    nesting: usize,
    /// Where the statement begins: its expressions count their octets from there.
    statement: usize,
}

#[derive(Clone, Debug, PartialEq)]
enum Next<'a> {
    Token(Token<'a>),
    Trouble(Trouble),
    End,
}

impl<'a> Cursor<'a> {
    /// At the first token of `text`, whose first character stands at `begin`.
    pub(super) fn new(text: &'a str, begin: Position) -> Cursor<'a> {
        let mut cursor = Cursor {
            text,
            lexer: Token::lexer(text),
            next: Next::End,
            begin: Place { offset: 0, at: begin },
            end: 0,
            brackets: 0,
            nesting: 0,
            statement: 0,
        };
        cursor.read();
        cursor
    }

    /// A statement begins with the next token.
    pub(super) fn begin_statement(&mut self) -> Position {
        self.statement = self.begin.offset;
        self.at()
    }

    /// Runs `inner` one level deeper.
    pub(super) fn nested<T>(
        &mut self,
        inner: impl FnOnce(&mut Self) -> Result<T, SyntaxError>,
    ) -> Result<T, SyntaxError> {
        if self.nesting == MAX_NESTING {
            let expected = format!("expressions at most {MAX_NESTING} deep");
            return Err(SyntaxError::new(self.begin.at, expected, "a deeper one"));
        }
        self.nesting += 1;
        let result = inner(self);
        self.nesting -= 1;
        result
    }

    /// The next token; `None` at the end, and where there is no token.
    pub(super) fn peek(&self) -> Option<&Token<'a>> {
        match &self.next {
            Next::Token(token) => Some(token),
            Next::Trouble(_) | Next::End => None,
        }
    }

    /// The place of the next token.
    pub(super) fn at(&self) -> Position {
        self.begin.at
    }

    pub(super) fn is_at_end(&self) -> bool {
        self.next == Next::End
    }

    /// The statement up to the last token.
    pub(super) fn statement_text(&self) -> &'a str {
        &self.text[self.statement..self.end]
    }

    /// Where the last token ended, counted from the statement.
    pub(super) fn last(&self) -> usize {
        self.end - self.statement
    }

    /// An expression from `begin` to the last token.
    pub(super) fn expr(&self, at: Position, begin: usize, kind: Kind) -> Expr {
        let place = begin..self.last();
        Expr { at, outer: place.clone(), inner: place, kind }
    }

    pub(super) fn take(&mut self) {
        match self.next {
            Next::Token(Token::Sign("(" | "[")) => self.brackets += 1,
            Next::Token(Token::Sign(")" | "]")) => self.brackets = self.brackets.saturating_sub(1),
            Next::Token(_) | Next::Trouble(_) | Next::End => {}
        }
        self.end = self.lexer.span().end;
        self.read();
    }

    pub(super) fn take_sign(&mut self, sign: &str) -> bool {
        let is_next = self.next == Next::Token(Token::Sign(sign));
        if is_next {
            self.take();
        }
        is_next
    }

    pub(super) fn take_name(&mut self, name: &str) -> bool {
        let is_next = self.next == Next::Token(Token::Name(name));
        if is_next {
            self.take();
        }
        is_next
    }

    pub(super) fn take_one_of<T: Copy>(&mut self, operators: &[(&str, T)]) -> Option<T> {
        operators.iter().find(|(sign, _)| self.take_sign(sign)).map(|(_, operator)| *operator)
    }

    pub(super) fn sign(&mut self, sign: &str, what: &str) -> Result<(), SyntaxError> {
        if self.take_sign(sign) {
            return Ok(());
        }
        Err(self.unexpected(format!("`{sign}` {what}")))
    }

    fn read(&mut self) {
        let is_bracketed = self.brackets > 0;
        let next = self.lexer.find(|token| !is_bracketed || *token != Ok(Token::Newline));
        self.next = match next {
            None => Next::End,
            Some(Ok(token)) => Next::Token(token),
            Some(Err(trouble)) => Next::Trouble(trouble),
        };
        self.begin.advance(self.text, self.lexer.span().start);
    }

    /// Where the next token begins, counted from the statement.
    pub(super) fn offset(&self) -> usize {
        self.begin.offset - self.statement
    }

    pub(super) fn is_between_statements(&self) -> bool {
        matches!(self.next, Next::Token(Token::Newline | Token::Sign(";")))
    }

    /// The error that a statement goes on where it should end.
    pub(super) fn is_no_end(&self) -> SyntaxError {
        if let Next::Token(Token::Sign("[")) = self.next {
            return SyntaxError::unsupported(self.begin.at, "an index (`[`) in %{ }%");
        }
        self.unexpected("an operator, or the end of the statement (a new line or `;`)")
    }

    /// The error that the next token is not what was expected; or that it is not supported.
    pub(super) fn unexpected(&self, expected: impl Into<String>) -> SyntaxError {
        let at = self.begin.at;
        let found = self.lexer.slice();
        match &self.next {
            Next::End => SyntaxError::new(at, expected, "the end of the code"),
            Next::Token(Token::Newline) => SyntaxError::new(at, expected, "the end of the line"),
            Next::Token(Token::Float) => SyntaxError::unsupported(
                at,
                format!("a number with a fraction (`{found}`) in %{{ }}%"),
            ),
            Next::Token(Token::Sign(".")) => {
                SyntaxError::unsupported(at, "access to an attribute (`.`) in %{ }%")
            }
            Next::Token(token) if is_left_out(token) => {
                SyntaxError::unsupported(at, format!("`{found}` in %{{ }}%"))
            }
            Next::Token(_) => SyntaxError::new(at, expected, format!("`{found}`")),
            Next::Trouble(Trouble::Unknown) => {
                SyntaxError::new(at, "a word or a sign of Python", format!("`{found}`"))
            }
            Next::Trouble(Trouble::Endless) => SyntaxError::new(
                at,
                format!("`{found}` at the end of the text, on its line"),
                "none",
            ),
            Next::Trouble(Trouble::Escape) => {
                let expected = r#"escapes like \' \" \\ \n \t and no others"#;
                SyntaxError::new(at, expected, "another in this text")
            }
        }
    }
}

/// What Python has, and this has not.
fn is_left_out(token: &Token<'_>) -> bool {
    match token {
        Token::Name(name) => KEYWORDS.contains(name),
        Token::Sign(sign) => {
            let is_assignment = sign.len() > 1 && sign.ends_with('=');
            let is_known = COMPARISONS.iter().any(|(known, _)| known == sign);
            matches!(*sign, "{" | "}" | ":" | "@") || (is_assignment && !is_known)
        }
        Token::Newline | Token::Integer(_) | Token::Float | Token::Text(_) => false,
    }
}
