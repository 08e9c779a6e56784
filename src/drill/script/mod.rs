//! The packetdrill script language: from text to a [`Script`].
//!
//! In the order in which a text passes them: `preprocess` leaves out what is not defined, `lexer`
//! makes tokens, `cursor` hands them out with their places, `parser` reads options, times and
//! events, `packet`, `tcp_options` and `call` what stands behind a time, `code` what stands in
//! `%{ }%`. Nothing here runs a script.

pub mod ast;
mod call;
pub mod code;
mod cursor;
mod definitions;
mod error;
mod lexer;
mod packet;
mod parser;
mod preprocess;
mod tcp_options;
#[cfg(test)]
mod tests;

pub use self::ast::Script;
pub use self::definitions::{Definition, Definitions};
pub use self::error::SyntaxError;

use self::cursor::Cursor;

/// How deep brackets may be nested, whatever their kind: a hostile script must not overflow the
/// stack.
pub const MAX_NESTING: usize = 32;

/// Reads a script. `definitions` are those of the command line; `--define` options in the script
/// add to them, but do not change one that is there. The time and memory it takes grow with the
/// length of the text, which the caller may limit.
///
/// # Errors
///
/// The first mistake in the script, or the first thing that is not supported.
pub fn parse(text: &str, definitions: &Definitions) -> Result<Script, SyntaxError> {
    let (text, definitions) = preprocess::preprocess(text, definitions)?;
    parser::script(&mut Cursor::new(&text, &definitions))
}
