//! The options of a segment: `<mss 1460,nop,wscale 7>`.

use super::ast::{Direction, Options, Position, TcpOption};
use super::cursor::Cursor;
use super::error::SyntaxError;
use super::lexer::{Token, hex_digit};

const NAMES: &str = "an option: mss N, wscale N, sackOK, sack A:B, TS val N ecr N, nop, eol, \
                     FO HEX, FOEXP HEX, md5 HEX";
/// The header has room for so many octets of options (RFC 9293 3.1).
const MAX_LEN: usize = 40;
/// How the options of Multipath TCP begin in the dialects that there are.
const MULTIPATH: [&str; 5] = ["mp", "dss", "add_addr", "rm_addr", "remove_addr"];
const U32: i64 = u32::MAX as i64;

const MD5: u8 = 19;
const FAST_OPEN: u8 = 34;
const EXPERIMENT: u8 = 254;
/// Fast Open among the experiments (RFC 7413 4.1.1 and RFC 6994).
const FAST_OPEN_EXPERIMENT: [u8; 2] = [0xf9, 0x89];

/// The options, from `<` on.
pub(super) fn options(
    cursor: &mut Cursor<'_>,
    direction: Direction,
) -> Result<Options, SyntaxError> {
    let at = cursor.at();
    cursor.symbol('<', "in front of the options")?;
    if cursor.peek() == Some(&Token::Ellipsis) {
        return unchecked(cursor, direction);
    }
    let mut options = Vec::new();
    let mut len = 0;
    loop {
        let option = option(cursor)?;
        len += octets(&option);
        options.push(option);
        if !cursor.take_symbol(',') {
            break;
        }
    }
    cursor.symbol('>', "or `,` behind an option")?;
    check_len(len, at)?;
    Ok(Options::Exactly(options))
}

/// `<...>`.
fn unchecked(cursor: &mut Cursor<'_>, direction: Direction) -> Result<Options, SyntaxError> {
    if direction == Direction::In {
        return Err(cursor.unexpected("the options of a segment to the stack"));
    }
    cursor.take();
    cursor.symbol('>', "behind `...` in the options")?;
    Ok(Options::Any)
}

fn check_len(len: usize, at: Position) -> Result<(), SyntaxError> {
    let expected = match len {
        _ if len > MAX_LEN => "options of at most 40 octets",
        _ if !len.is_multiple_of(4) => "options of a multiple of 4 octets (fill with nop or eol)",
        _ => return Ok(()),
    };
    Err(SyntaxError::new(at, expected, format!("{len} octets")))
}

/// How many octets it has in a header.
fn octets(option: &TcpOption) -> usize {
    match option {
        TcpOption::Eol | TcpOption::Nop => 1,
        TcpOption::Mss(_) => 4,
        TcpOption::WindowScale(_) => 3,
        TcpOption::SackPermitted => 2,
        TcpOption::Sack(blocks) => 2 + 8 * blocks.len(),
        TcpOption::Timestamps { .. } => 10,
        TcpOption::Other { data, .. } => 2 + data.len(),
    }
}

fn option(cursor: &mut Cursor<'_>) -> Result<TcpOption, SyntaxError> {
    let Some(Token::Word(name)) = cursor.peek().cloned() else {
        return Err(cursor.unexpected(NAMES));
    };
    refuse_unknown(cursor, name)?;
    if !is_name(name) {
        return Err(cursor.unexpected(NAMES));
    }
    cursor.take();
    match name {
        "mss" => cursor.number("a segment size", 0..=0xffff).map(TcpOption::Mss),
        "wscale" => cursor.number("a window scale", 0..=0xff).map(TcpOption::WindowScale),
        "sackOK" => Ok(TcpOption::SackPermitted),
        "sack" => sack(cursor),
        "TS" => timestamps(cursor),
        "nop" => Ok(TcpOption::Nop),
        "eol" => Ok(TcpOption::Eol),
        "FO" => Ok(TcpOption::Other { kind: FAST_OPEN, data: hex(cursor)? }),
        "FOEXP" => {
            let data = [&FAST_OPEN_EXPERIMENT, hex(cursor)?.as_slice()].concat();
            Ok(TcpOption::Other { kind: EXPERIMENT, data })
        }
        _ => Ok(TcpOption::Other { kind: MD5, data: digest(cursor)? }),
    }
}

fn is_name(name: &str) -> bool {
    let names = ["mss", "wscale", "sackOK", "sack", "TS", "nop", "eol", "FO", "FOEXP", "md5"];
    names.contains(&name)
}

fn refuse_unknown(cursor: &Cursor<'_>, name: &str) -> Result<(), SyntaxError> {
    match name {
        "ECN" | "AccECN" => Err(cursor.unsupported(format!("the option `{name}`"))),
        _ if MULTIPATH.iter().any(|known| name.starts_with(known)) => {
            Err(cursor.unsupported(format!("the option `{name}` of Multipath TCP")))
        }
        _ => Ok(()),
    }
}

/// `A:B`, once or several times.
fn sack(cursor: &mut Cursor<'_>) -> Result<TcpOption, SyntaxError> {
    let mut blocks = Vec::new();
    while blocks.is_empty() || matches!(cursor.peek(), Some(Token::Integer(_))) {
        let left = cursor.number("the left edge of a block", 0..=U32)?;
        cursor.symbol(':', "between the edges of a block")?;
        blocks.push((left, cursor.number("the right edge of a block", 0..=U32)?));
    }
    Ok(TcpOption::Sack(blocks))
}

/// `val N ecr N`.
fn timestamps(cursor: &mut Cursor<'_>) -> Result<TcpOption, SyntaxError> {
    let val = cursor.number_behind("val", "a timestamp", 0..=U32)?;
    let val = val.ok_or_else(|| cursor.unexpected("`val` in TS val N ecr N"))?;
    let ecr = cursor.number_behind("ecr", "a timestamp", 0..=U32)?;
    let ecr = ecr.ok_or_else(|| cursor.unexpected("`ecr` in TS val N ecr N"))?;
    Ok(TcpOption::Timestamps { val, ecr })
}

/// The 16 octets of a signature.
fn digest(cursor: &mut Cursor<'_>) -> Result<Vec<u8>, SyntaxError> {
    if let Some(Token::Word(word @ ("valid" | "invalid"))) = cursor.peek() {
        return Err(cursor.unsupported(format!("signing segments (`md5 {word}`)")));
    }
    let at = cursor.at();
    let digest = hex(cursor)?;
    match digest.len() {
        16 => Ok(digest),
        len => Err(SyntaxError::new(at, "16 octets behind md5", format!("{len}"))),
    }
}

/// Octets as pairs of hex digits; none if the option ends here.
fn hex(cursor: &mut Cursor<'_>) -> Result<Vec<u8>, SyntaxError> {
    let digits = match cursor.peek().cloned() {
        Some(Token::Word(digits) | Token::Integer(digits)) => digits.as_bytes(),
        Some(Token::Text(_)) => return Err(cursor.unexpected("octets without quotes")),
        Some(_) | None => return Ok(Vec::new()),
    };
    let octet = |pair: &[u8]| match pair {
        [high, low] => Some(hex_digit(*high)? << 4 | hex_digit(*low)?),
        _ => None,
    };
    let octets: Option<Vec<u8>> = digits.chunks(2).map(octet).collect();
    let expected = "octets as pairs of hex digits (0a1b), or a name that is defined as such";
    let octets = octets.ok_or_else(|| cursor.unexpected(expected))?;
    cursor.take();
    Ok(octets)
}
