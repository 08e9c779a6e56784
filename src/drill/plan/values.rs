//! Arguments of calls as numbers and structures.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use bytes::Bytes;

use super::constants::constant;
use super::{PollFd, Refusal, Value, Watch};
use crate::drill::host::Errno;
use crate::drill::script::ast::{Expr, ExprKind, Field};

/// A number: as it is, by name, or several joined with `|`.
pub(super) fn number(expr: &Expr) -> Result<i64, Refusal> {
    match &expr.kind {
        ExprKind::Integer(number) => Ok(*number),
        ExprKind::Name(name) => constant(name)
            .or_else(|| errno(name).map(|e| e as i64))
            .ok_or_else(|| Refusal::unsupported(expr.at, format!("the constant {name}"))),
        ExprKind::Or(parts) => parts.iter().try_fold(0, |bits, part| Ok(bits | number(part)?)),
        ExprKind::Function(name, args) if name == "htons" && args.len() == 1 => number(&args[0]),
        _ => Err(Refusal::new(expr.at, "expected a number or a constant")),
    }
}

/// A number that fits into an `int`; large ones without a sign are taken for negative ones.
pub(super) fn int(expr: &Expr) -> Result<i32, Refusal> {
    let number = number(expr)?;
    let signed = i32::try_from(number).ok();
    signed
        .or_else(|| u32::try_from(number).ok().map(u32::cast_signed))
        .ok_or_else(|| Refusal::new(expr.at, format!("{number} does not fit into an int")))
}

/// A length: zero or more.
pub(super) fn length(expr: &Expr) -> Result<usize, Refusal> {
    let number = number(expr)?;
    usize::try_from(number)
        .ok()
        .filter(|length| *length <= MOST_OCTETS)
        .ok_or_else(|| Refusal::new(expr.at, format!("{number} is no length (0 to {MOST_OCTETS})")))
}

/// What one call may read or write.
const MOST_OCTETS: usize = 1 << 24;

/// The error of a name.
pub(super) fn errno(name: &str) -> Option<Errno> {
    let name = if name == "EWOULDBLOCK" { "EAGAIN" } else { name };
    (1..=133).map(Errno::from_raw).find(|errno| format!("{errno:?}") == name)
}

/// `[value]` or a value alone.
pub(super) fn only(expr: &Expr) -> Result<&Expr, Refusal> {
    match &expr.kind {
        ExprKind::Array(items) => match &items[..] {
            [item] => Ok(item),
            _ => Err(Refusal::new(expr.at, "expected one value in the brackets")),
        },
        _ => Ok(expr),
    }
}

/// Whether an argument is `...`.
pub(super) fn is_ellipsis(expr: &Expr) -> bool {
    expr.kind == ExprKind::Ellipsis
}

/// The address of a call: `None` for `...`.
pub(super) fn addr(expr: &Expr) -> Result<Option<SocketAddr>, Refusal> {
    if is_ellipsis(expr) {
        return Ok(None);
    }
    let members = members(expr)?;
    let either = |names: [&str; 2]| {
        let found = names.iter().find_map(|name| optional(members, name));
        found.ok_or_else(|| Refusal::new(expr.at, format!("expected a member {}=", names[0])))
    };
    let port = number(either(["sin_port", "sin6_port"])?)?;
    let port = u16::try_from(port)
        .map_err(|_| Refusal::new(expr.at, format!("{port} is no port (0 to 65535)")))?;
    // `inet_pton(AF_INET6, "...", &sin6_addr)` has no name in front of it.
    let alone = members.iter().find(|field| field.name.is_none()).map(|field| &field.value);
    let ip = match alone {
        Some(ip) => ip,
        None => either(["sin_addr", "sin6_addr"])?,
    };
    Ok(Some(SocketAddr::new(ip_addr(ip)?, port)))
}

/// `inet_addr("...")` or `inet_pton(FAMILY, "...")`. One of IPv4 in the form of IPv6 is one of IPv4.
fn ip_addr(expr: &Expr) -> Result<IpAddr, Refusal> {
    let expected = "expected inet_addr(\"...\") or inet_pton(FAMILY, \"...\")";
    let (name, text) = match &expr.kind {
        ExprKind::Function(name, args) if name == "inet_addr" => (name, args.first()),
        ExprKind::Function(name, args) if name == "inet_pton" => (name, args.get(1)),
        _ => return Err(Refusal::new(expr.at, expected)),
    };
    let text = match text.map(|arg| &arg.kind) {
        Some(ExprKind::Text(text)) => String::from_utf8_lossy(text).into_owned(),
        _ => return Err(Refusal::new(expr.at, "expected an address in quotes")),
    };
    let parsed = text.parse::<IpAddr>().map(|ip| ip.to_canonical());
    parsed.map_err(|_| Refusal::new(expr.at, format!("\"{text}\" is no address for {name}")))
}

/// The value of a socket option.
pub(super) fn option_value(expr: &Expr, name: i32) -> Result<Value, Refusal> {
    let inner = only(expr)?;
    match &inner.kind {
        ExprKind::Text(text) => {
            let text = String::from_utf8_lossy(text);
            Ok(Value::Text(text.trim_end_matches('\0').to_owned()))
        }
        ExprKind::Struct(fields) if name == libc::SO_LINGER => {
            let on = number(member(inner, fields, "onoff")?)? != 0;
            Ok(Value::Linger(on, int(member(inner, fields, "linger")?)?))
        }
        ExprKind::Struct(fields) if matches!(name, libc::SO_RCVTIMEO | libc::SO_SNDTIMEO) => {
            let seconds = length(member(inner, fields, "tv_sec")?)?;
            let micros = length(member(inner, fields, "tv_usec")?)?;
            let [seconds, micros] = [seconds, micros].map(|n| u64::try_from(n).unwrap_or(0));
            Ok(Value::Time(Duration::from_secs(seconds) + Duration::from_micros(micros)))
        }
        ExprKind::Struct(_) => Err(Refusal::unsupported(inner.at, "a structure for this option")),
        _ => Ok(Value::Int(int(inner)?)),
    }
}

/// `[{fd=3, events=POLLIN, revents=POLLIN}, ...]`: `revents` is what is expected.
pub(super) fn poll_fds(expr: &Expr) -> Result<Vec<PollFd>, Refusal> {
    let ExprKind::Array(items) = &expr.kind else {
        return Err(Refusal::new(expr.at, "expected [{fd=..., events=...}]"));
    };
    items.iter().map(poll_fd).collect()
}

fn poll_fd(item: &Expr) -> Result<PollFd, Refusal> {
    let fields = members(item)?;
    let bits = |expr: &Expr| {
        let number = number(expr)?;
        i16::try_from(number)
            .map_err(|_| Refusal::new(expr.at, format!("{number} is no set of poll events")))
    };
    Ok(PollFd {
        fd: int(member(item, fields, "fd")?)?,
        events: bits(member(item, fields, "events")?)?,
        revents: optional(fields, "revents").map_or(Ok(0), bits)?,
    })
}

/// `{events=EPOLLIN, fd=4}`: the data is whatever member of the union is named.
pub(super) fn watch(expr: &Expr) -> Result<Watch, Refusal> {
    let fields = members(expr)?;
    let events = int(member(expr, fields, "events")?)?.cast_unsigned();
    let data = ["fd", "ptr", "u32", "u64"].iter().find_map(|name| optional(fields, name));
    let data = data.map_or(Ok(0), number)?;
    Ok(Watch { events, data: data.cast_unsigned() })
}

/// The octets of a write: text, or so many zeros.
pub(super) fn octets(buffer: &Expr, len: usize) -> Result<Bytes, Refusal> {
    match &buffer.kind {
        ExprKind::Ellipsis => Ok(Bytes::from(vec![0; len])),
        ExprKind::Text(text) => {
            let text = text.iter().copied().chain(std::iter::repeat(0));
            Ok(text.take(len).collect())
        }
        _ => Err(Refusal::new(buffer.at, "expected ... or a text for the data")),
    }
}

/// The lengths of `[{..., 100}, {..., 200}]`, together.
pub(super) fn vector(expr: &Expr) -> Result<usize, Refusal> {
    let ExprKind::Array(items) = &expr.kind else {
        return Err(Refusal::new(expr.at, "expected [{..., LENGTH}, ...]"));
    };
    items.iter().try_fold(0, |sum, item| match members(item)? {
        [_, len] => Ok(sum + length(&len.value)?),
        _ => Err(Refusal::new(item.at, "expected {..., LENGTH}")),
    })
}

/// What the buffers of a `msghdr` hold together.
pub(super) fn message_length(expr: &Expr) -> Result<usize, Refusal> {
    let fields = members(expr)?;
    if let Some(control) = optional(fields, "msg_control") {
        return Err(Refusal::unsupported(control.at, "msg_control"));
    }
    vector(member(expr, fields, "msg_iov")?)
}

fn members(expr: &Expr) -> Result<&[Field], Refusal> {
    match &expr.kind {
        ExprKind::Struct(fields) => Ok(fields),
        _ => Err(Refusal::new(expr.at, "expected a structure in braces")),
    }
}

fn member<'a>(expr: &Expr, fields: &'a [Field], name: &str) -> Result<&'a Expr, Refusal> {
    let found = optional(fields, name);
    found.ok_or_else(|| Refusal::new(expr.at, format!("expected a member {name}=")))
}

fn optional<'a>(fields: &'a [Field], name: &str) -> Option<&'a Expr> {
    fields.iter().find(|field| field.name.as_deref() == Some(name)).map(|field| &field.value)
}
