//! Packet lines: `<` or `>`, what the IP header says, and TCP, UDP or ICMP.

use super::ast::{Body, Direction, Ecn, Icmp, IpInfo, Options, Packet, Position, Tcp};
use super::cursor::Cursor;
use super::error::SyntaxError;
use super::lexer::Token;
use super::tcp_options;

const FLAGS: &str = "flags (letters of SFRPUEW, `.` for ACK, `-` for none)";
const IP_FIELDS: &str =
    "ect0, ect1, ect01, noecn, ce, tos 0xN (class), ttl N (hlim) or flowlabel 0xN";
const U8: i64 = u8::MAX as i64;
const U16: i64 = u16::MAX as i64;
const U20: i64 = 0xf_ffff;
const U32: i64 = u32::MAX as i64;

/// Headers around a packet that are known, but not built.
const ENCAPSULATIONS: [&str; 6] = ["ipv4", "ipv6", "gre", "GREv0", "mpls", "encap"];

/// A packet, from its `<` or `>` on.
pub(super) fn packet(cursor: &mut Cursor<'_>) -> Result<Packet, SyntaxError> {
    let at = cursor.at();
    let direction = direction(cursor)?;
    refuse_encapsulations(cursor)?;
    let ip = ip_info(cursor, direction)?;
    refuse_encapsulations(cursor)?;
    let mut ports = ports(cursor)?;
    let body = if cursor.take_word("udp") {
        ports = ports.or(self::ports(cursor)?);
        udp(cursor)?
    } else if cursor.take_word("icmp") {
        icmp(cursor).map(Body::Icmp)?
    } else {
        tcp(cursor, direction).map(Body::Tcp)?
    };
    Ok(Packet { at, direction, ip, ports, body })
}

fn direction(cursor: &mut Cursor<'_>) -> Result<Direction, SyntaxError> {
    if cursor.take_symbol('<') {
        return Ok(Direction::In);
    }
    cursor.symbol('>', "or `<` in front of a packet")?;
    Ok(Direction::Out)
}

fn refuse_encapsulations(cursor: &Cursor<'_>) -> Result<(), SyntaxError> {
    match cursor.peek() {
        Some(Token::Word(word)) if ENCAPSULATIONS.contains(word) => {
            Err(cursor.unsupported(format!("encapsulation (`{word}`)")))
        }
        Some(Token::Word(word @ ("sctp" | "udplite"))) => {
            Err(cursor.unsupported(format!("the protocol `{word}`")))
        }
        Some(_) | None => Ok(()),
    }
}

/// `[ect0]`, `(tos 0x10, flowlabel 0x1)`: the IP header, in either kind of brackets.
fn ip_info(cursor: &mut Cursor<'_>, direction: Direction) -> Result<IpInfo, SyntaxError> {
    let close = match cursor.peek() {
        Some(Token::Symbol('[')) => ']',
        Some(Token::Symbol('(')) => ')',
        Some(_) | None => return Ok(IpInfo::default()),
    };
    cursor.take();
    let mut ip = IpInfo::default();
    loop {
        ip_field(cursor, direction, &mut ip)?;
        if !cursor.take_symbol(',') {
            break;
        }
    }
    cursor.symbol(close, "or `,` behind a field of the IP header")?;
    Ok(ip)
}

fn ip_field(
    cursor: &mut Cursor<'_>,
    direction: Direction,
    ip: &mut IpInfo,
) -> Result<(), SyntaxError> {
    let at = cursor.at();
    let Some(Token::Word(word)) = cursor.peek().cloned() else {
        return Err(cursor.unexpected(IP_FIELDS));
    };
    if word == "ect01" && direction == Direction::In {
        return Err(cursor.unexpected("one value for a packet to the stack (ect0 or ect1)"));
    }
    let is_new = if let Some(ecn) = ecn(word) {
        cursor.take();
        ip.ecn.replace(ecn).is_none()
    } else if let Some(tos) = either(cursor, ["tos", "class"], "DSCP and ECN", U8)? {
        ip.tos.replace(tos).is_none()
    } else if let Some(ttl) = either(cursor, ["ttl", "hlim"], "the time to live", U8)? {
        ip.ttl.replace(ttl).is_none()
    } else if let Some(label) = cursor.number_behind("flowlabel", "the flow label", 0..=U20)? {
        ip.flow_label.replace(label).is_none()
    } else {
        return Err(cursor.unexpected(IP_FIELDS));
    };
    if is_new && (ip.ecn.is_none() || ip.tos.is_none()) {
        return Ok(());
    }
    let expected = "every field of the IP header once (`tos` has the ECN field in it)";
    Err(SyntaxError::new(at, expected, format!("another `{word}`")))
}

/// A number behind its name in IPv4 or in IPv6.
fn either<N: TryFrom<i64>>(
    cursor: &mut Cursor<'_>,
    words: [&str; 2],
    what: &str,
    max: i64,
) -> Result<Option<N>, SyntaxError> {
    let number = cursor.number_behind(words[0], what, 0..=max)?;
    if number.is_some() { Ok(number) } else { cursor.number_behind(words[1], what, 0..=max) }
}

fn ecn(word: &str) -> Option<Ecn> {
    match word {
        "noecn" => Some(Ecn::NotEct),
        "ect0" => Some(Ecn::Ect0),
        "ect1" => Some(Ecn::Ect1),
        "ect01" => Some(Ecn::Ect01),
        "ce" => Some(Ecn::Ce),
        _ => None,
    }
}

/// `1234 > 80`.
fn ports(cursor: &mut Cursor<'_>) -> Result<Option<(u16, u16)>, SyntaxError> {
    let at = cursor.at();
    let Some(Token::Integer(_)) = cursor.peek() else { return Ok(None) };
    let first = cursor.found();
    let source = cursor.number("the port of the sender", 0..=U16)?;
    if cursor.peek() == Some(&Token::Symbol(':')) {
        return Err(SyntaxError::new(at, FLAGS, first));
    }
    cursor.symbol('>', "between two ports (1234 > 80)")?;
    Ok(Some((source, cursor.number("the port of the receiver", 0..=U16)?)))
}

/// `(LEN)`.
fn udp(cursor: &mut Cursor<'_>) -> Result<Body, SyntaxError> {
    cursor.symbol('(', "in front of the octets of a datagram")?;
    let len = cursor.number("the octets of a datagram", 0..=U16)?;
    cursor.symbol(')', "behind the octets of a datagram")?;
    Ok(Body::Udp { len })
}

fn icmp(cursor: &mut Cursor<'_>) -> Result<Icmp, SyntaxError> {
    let Some(Token::Word(kind)) = cursor.peek().cloned() else {
        return Err(cursor.unexpected("the type of an ICMP message (unreachable)"));
    };
    cursor.take();
    let code = match cursor.peek().cloned() {
        Some(Token::Word(word)) if !matches!(word, "mtu" | "id") => {
            cursor.take();
            Some(word.to_owned())
        }
        Some(_) | None => None,
    };
    let mtu = cursor.number_behind("mtu", "the MTU of the next hop", 0..=U32)?;
    if cursor.peek() == Some(&Token::Word("id")) {
        return Err(cursor.unsupported("the identifier of an echo (`id`)"));
    }
    Ok(Icmp { kind: kind.to_owned(), code, mtu, quoted: quoted(cursor)? })
}

/// `[seq:end(len)]`.
fn quoted(cursor: &mut Cursor<'_>) -> Result<Option<(u32, u16)>, SyntaxError> {
    if !cursor.take_symbol('[') {
        return Ok(None);
    }
    if let Some(Token::Word(word @ ("udp" | "raw" | "sctp"))) = cursor.peek() {
        return Err(cursor.unsupported(format!("quoting anything but TCP (`{word}`)")));
    }
    let quoted = sequence(cursor)?;
    refuse_udp_encapsulation(cursor)?;
    cursor.symbol(']', "behind the segment that an ICMP message quotes")?;
    Ok(Some(quoted))
}

fn tcp(cursor: &mut Cursor<'_>, direction: Direction) -> Result<Tcp, SyntaxError> {
    let flags = flags(cursor)?;
    let (seq, len) = sequence(cursor)?;
    if cursor.peek() == Some(&Token::Symbol('!')) {
        return Err(cursor.unsupported("an absolute sequence number (`!`)"));
    }
    let ack = cursor.number_behind("ack", "an acknowledgment number", 0..=U32)?;
    let win = cursor.number_behind("win", "a window", 0..=U16)?;
    if win.is_none() && direction == Direction::In {
        return Err(cursor.unexpected("`win N`, which every segment to the stack needs"));
    }
    let urg = cursor.number_behind("urg", "an urgent pointer", 0..=U16)?;
    let options = match cursor.peek() {
        Some(Token::Symbol('<')) => tcp_options::options(cursor, direction)?,
        Some(_) | None => Options::Exactly(Vec::new()),
    };
    refuse_udp_encapsulation(cursor)?;
    let bad_checksum = direction == Direction::In && cursor.take_word("badsum");
    Ok(Tcp { flags, seq, len, ack, win, urg, options, bad_checksum })
}

/// `/udp(1 > 2)`.
fn refuse_udp_encapsulation(cursor: &Cursor<'_>) -> Result<(), SyntaxError> {
    match cursor.peek() {
        Some(Token::Symbol('/')) => Err(cursor.unsupported("TCP in UDP (`/udp`)")),
        Some(_) | None => Ok(()),
    }
}

fn flags(cursor: &mut Cursor<'_>) -> Result<u8, SyntaxError> {
    let at = cursor.at();
    if cursor.take_symbol('-') {
        return Ok(0);
    }
    let mut flags = 0;
    let mut is_empty = true;
    loop {
        match cursor.peek().cloned() {
            Some(Token::Symbol('.')) => add_flag(&mut flags, '.', at)?,
            Some(Token::Word(letters)) => {
                for letter in letters.chars() {
                    refuse_ace(cursor, letter)?;
                    match flag(letter) {
                        Some(_) => add_flag(&mut flags, letter, at)?,
                        None => return Err(cursor.unexpected(FLAGS)),
                    }
                }
            }
            Some(Token::Float(ace)) if ace.starts_with('.') => refuse_ace(cursor, '0')?,
            Some(_) | None if is_empty => return Err(cursor.unexpected(FLAGS)),
            Some(_) | None => return Ok(flags),
        }
        is_empty = false;
        cursor.take();
    }
}

fn add_flag(flags: &mut u8, letter: char, at: Position) -> Result<(), SyntaxError> {
    let bit = flag(letter).unwrap_or_default();
    if *flags & bit != 0 {
        let found = format!("`{letter}` again");
        return Err(SyntaxError::new(at, "every flag once", found));
    }
    *flags |= bit;
    Ok(())
}

/// Accurate ECN has a flag more, and counts in the three of them.
fn refuse_ace(cursor: &Cursor<'_>, letter: char) -> Result<(), SyntaxError> {
    match letter {
        'A' => Err(cursor.unsupported("the flag `A` of accurate ECN")),
        '0'..='9' => Err(cursor.unsupported("the counter of accurate ECN in the flags")),
        _ => Ok(()),
    }
}

/// The bit in octet 13 of the header.
fn flag(letter: char) -> Option<u8> {
    match letter {
        'F' => Some(1),
        'S' => Some(2),
        'R' => Some(4),
        'P' => Some(8),
        '.' => Some(16),
        'U' => Some(32),
        'E' => Some(64),
        'W' => Some(128),
        _ => None,
    }
}

/// `seq:end(len)`: the first number and the octets.
fn sequence(cursor: &mut Cursor<'_>) -> Result<(u32, u16), SyntaxError> {
    if cursor.peek() == Some(&Token::Ellipsis) {
        return Err(cursor.unsupported("an unchecked sequence number (`...`)"));
    }
    let seq: u32 = cursor.number("the first sequence number in seq:end(len)", 0..=U32)?;
    cursor.symbol(':', "in seq:end(len)")?;
    let at = cursor.at();
    let end: u32 = cursor.number("the end in seq:end(len)", 0..=U32)?;
    cursor.symbol('(', "in seq:end(len)")?;
    let len: u16 = cursor.number("the octets of payload in seq:end(len)", 0..=U16)?;
    cursor.symbol(')', "in seq:end(len)")?;
    let sum = seq.wrapping_add(u32::from(len));
    if sum != end {
        let expected = format!("{sum} as the end of seq:end(len), for {seq} + {len} = {sum}");
        return Err(SyntaxError::new(at, expected, end.to_string()));
    }
    Ok((seq, len))
}
