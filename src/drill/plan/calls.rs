//! Call lines: what to call, and what it has to return.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;

use super::values::{
    addr, errno, int, is_ellipsis, length, message_length, number, octets, only, option_value,
    poll_fds, vector, watch,
};
use super::{Call, How, PollFd, Refusal, Setup, Value, Watch, WatchChange};
use crate::drill::host::Errno;
use crate::drill::script::ast::{self, Expr, ExprKind, Position};
use crate::drill::{IpVersion, Words};

/// A call, its descriptors being those of the script.
#[derive(Clone, Debug, PartialEq)]
pub struct PlannedCall {
    /// What to call.
    pub call: Call,
    /// When it has to return, if it may block.
    pub end: Option<Duration>,
    /// What it has to return.
    pub expected: Expected,
}

/// What a call has to return.
#[derive(Clone, Debug, PartialEq)]
pub struct Expected {
    /// The number; `None` is not checked.
    pub result: Option<i64>,
    /// The error, for -1.
    pub errno: Option<Errno>,
    /// What it has to leave in its arguments.
    pub out: Out,
}

/// What a call leaves in its arguments.
#[derive(Clone, Debug, PartialEq)]
pub enum Out {
    /// Nothing, or nothing that is checked.
    Nothing,
    /// The value of an option, or of `ioctl`.
    Value(Value),
    /// Octets.
    Octets(Bytes),
    /// Octets that begin with these.
    Begin(Bytes),
    /// `revents` of each file.
    Polled(Vec<PollFd>),
    /// What `epoll_wait` tells.
    Events(Vec<Watch>),
}

type Planned = Result<(Call, Out), Refusal>;

/// A plan for one line.
pub(super) fn plan(line: &ast::Call, setup: &Setup) -> Result<PlannedCall, Refusal> {
    let args = Args { at: line.at, name: &line.name, items: &line.args };
    let (call, out) = call(&args, setup)?;
    let result = if is_ellipsis(&line.result) { None } else { Some(number(&line.result)?) };
    let errno = match &line.errno {
        None => None,
        Some(name) => Some(errno(name).ok_or_else(|| {
            Refusal::unsupported(line.at, format!("the error {name} of {}", line.name))
        })?),
    };
    if line.end.is_some() && !call.can_block() {
        return Err(Refusal::new(line.at, format!("{} never blocks: leave ...END out", line.name)));
    }
    Ok(PlannedCall { call, end: line.end, expected: Expected { result, errno, out } })
}

fn call(args: &Args<'_>, setup: &Setup) -> Planned {
    match args.name {
        "socket" => socket(args, setup),
        "bind" => {
            let [fd, to, _] = args.take()?;
            plain(Call::Bind { fd: int(fd)?, addr: end(to, setup)?.unwrap_or(setup.local) })
        }
        "listen" => {
            let [fd, backlog] = args.take()?;
            plain(Call::Listen { fd: int(fd)?, backlog: int(backlog)? })
        }
        "accept" => {
            let [fd, _, _] = args.take()?;
            plain(Call::Accept { fd: int(fd)?, nonblocking: false })
        }
        "accept4" => {
            let [fd, _, _, flags] = args.take()?;
            let nonblocking = int(flags)? & libc::SOCK_NONBLOCK != 0;
            plain(Call::Accept { fd: int(fd)?, nonblocking })
        }
        "connect" => {
            let [fd, to, _] = args.take()?;
            plain(Call::Connect { fd: int(fd)?, addr: end(to, setup)?.unwrap_or(setup.remote) })
        }
        "read" | "readv" | "recv" | "recvfrom" | "recvmsg" => receive(args),
        "write" | "writev" | "send" | "sendto" | "sendmsg" => send(args),
        "fcntl" => fcntl(args),
        "ioctl" => ioctl(args),
        "close" => {
            let [fd] = args.take()?;
            plain(Call::Close { fd: int(fd)? })
        }
        "shutdown" => shutdown(args),
        "getsockopt" | "setsockopt" => socket_option(args, setup),
        "poll" => poll(args),
        "epoll_create" | "epoll_create1" => {
            let [_] = args.take()?;
            plain(Call::EpollCreate)
        }
        "epoll_ctl" => epoll_control(args),
        "epoll_wait" => epoll_wait(args),
        other => Err(Refusal::unsupported(args.at, format!("the call {other}"))),
    }
}

#[expect(clippy::unnecessary_wraps, reason = "it ends what may fail")]
fn plain(call: Call) -> Planned {
    Ok((call, Out::Nothing))
}

/// The address that a call names; `None` for `...`.
fn end(expr: &Expr, setup: &Setup) -> Result<Option<SocketAddr>, Refusal> {
    let Some(addr) = addr(expr)?.map(|addr| setup.ip_version.socket_addr(addr)) else {
        return Ok(None);
    };
    if IpVersion::of(addr.ip()) != setup.ip_version {
        let what = format!("an address of IPv6 where packets are of {}", setup.ip_version);
        return Err(Refusal::unsupported(expr.at, what));
    }
    Ok(Some(addr))
}

fn socket(args: &Args<'_>, setup: &Setup) -> Planned {
    let [domain, kind, protocol] = args.take()?;
    // That of IPv4 stands for that of the version of IP that the script is played over.
    let known = match setup.words {
        Words::V4 => libc::AF_INET,
        Words::V6 | Words::Mapped => libc::AF_INET6,
    };
    if !is_ellipsis(domain) && int(domain)? != known {
        let name = if known == libc::AF_INET { "AF_INET" } else { "AF_INET6" };
        return Err(Refusal::unsupported(domain.at, format!("a socket that is not of {name}")));
    }
    let kind_bits = int(kind)?;
    if kind_bits & 0xf != libc::SOCK_STREAM {
        return Err(Refusal::unsupported(kind.at, "a socket that is not of SOCK_STREAM"));
    }
    if !matches!(int(protocol)?, libc::IPPROTO_TCP | 0) {
        return Err(Refusal::unsupported(protocol.at, "a socket that is not of IPPROTO_TCP"));
    }
    plain(Call::Socket { nonblocking: kind_bits & libc::SOCK_NONBLOCK != 0 })
}

fn receive(args: &Args<'_>) -> Planned {
    let (fd, len, flags, buffer) = match args.name {
        "read" => {
            let [fd, buffer, len] = args.take()?;
            (fd, length(len)?, 0, Some(buffer))
        }
        "readv" => {
            let [fd, vectors, _] = args.take()?;
            (fd, vector(vectors)?, 0, None)
        }
        "recv" => {
            let [fd, buffer, len, flags] = args.take()?;
            (fd, length(len)?, int(flags)?, Some(buffer))
        }
        "recvfrom" => {
            let [fd, buffer, len, flags, _, _] = args.take()?;
            (fd, length(len)?, int(flags)?, Some(buffer))
        }
        _ => {
            let [fd, message, flags] = args.take()?;
            (fd, message_length(message)?, int(flags)?, None)
        }
    };
    let out = match buffer.map(|buffer| (&buffer.kind, buffer.at)) {
        None | Some((ExprKind::Ellipsis, _)) => Out::Nothing,
        Some((ExprKind::Text(text), _)) => Out::Octets(Bytes::copy_from_slice(text)),
        Some((ExprKind::TextEllipsis(text), _)) => Out::Begin(Bytes::copy_from_slice(text)),
        Some((_, at)) => return Err(Refusal::new(at, "expected ... or a text for the data")),
    };
    Ok((Call::Receive { fd: int(fd)?, len, flags }, out))
}

fn send(args: &Args<'_>) -> Planned {
    let (fd, data, flags) = match args.name {
        "write" => {
            let [fd, buffer, len] = args.take()?;
            (fd, octets(buffer, length(len)?)?, 0)
        }
        "writev" => {
            let [fd, vectors, _] = args.take()?;
            (fd, vec![0; vector(vectors)?].into(), 0)
        }
        "send" => {
            let [fd, buffer, len, flags] = args.take()?;
            (fd, octets(buffer, length(len)?)?, send_flags(flags)?)
        }
        "sendto" => {
            let [fd, buffer, len, flags, _, _] = args.take()?;
            (fd, octets(buffer, length(len)?)?, send_flags(flags)?)
        }
        _ => {
            let [fd, message, flags] = args.take()?;
            (fd, vec![0; message_length(message)?].into(), send_flags(flags)?)
        }
    };
    plain(Call::Send { fd: int(fd)?, data, flags })
}

fn send_flags(expr: &Expr) -> Result<i32, Refusal> {
    let flags = int(expr)?;
    let known = libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL | libc::MSG_OOB;
    if flags & !known != 0 {
        let what = format!("the flag {:#x} of send", flags & !known);
        return Err(Refusal::unsupported(expr.at, what));
    }
    Ok(flags)
}

fn fcntl(args: &Args<'_>) -> Planned {
    let (fd, command, argument) = match args.items {
        [fd, command] => (int(fd)?, command, None),
        [fd, command, argument] => (int(fd)?, command, Some(argument)),
        _ => return Err(args.wrong("2 or 3")),
    };
    let value = || argument.map_or(Err(args.wrong("3")), int);
    plain(match int(command)? {
        libc::F_GETFL => Call::GetFlags { fd },
        libc::F_SETFL => Call::SetFlags { fd, flags: value()? },
        libc::F_GETFD => Call::GetDescriptorFlags { fd },
        libc::F_SETFD => Call::SetDescriptorFlags { fd },
        _ => return Err(Refusal::unsupported(command.at, "this command of fcntl")),
    })
}

fn ioctl(args: &Args<'_>) -> Planned {
    let [fd, request, value] = args.take()?;
    let fd = int(fd)?;
    let told = |call: Call| Ok((call, Out::Value(Value::Int(int(only(value)?)?))));
    match number(request)? {
        // SIOCATMARK, SIOCINQ, SIOCOUTQ, SIOCOUTQNSD: linux/sockios.h.
        0x8905 => told(Call::AtMark { fd }),
        0x541b => told(Call::BytesReadable { fd }),
        0x5411 => told(Call::BytesUnacknowledged { fd }),
        0x894b => told(Call::BytesUnsent { fd }),
        0x5421 => plain(Call::SetNonblocking { fd, nonblocking: int(only(value)?)? != 0 }),
        _ => Err(Refusal::unsupported(request.at, "this request of ioctl")),
    }
}

fn shutdown(args: &Args<'_>) -> Planned {
    let [fd, how] = args.take()?;
    let direction = match int(how)? {
        libc::SHUT_RD => How::Read,
        libc::SHUT_WR => How::Write,
        libc::SHUT_RDWR => How::Both,
        _ => return Err(Refusal::new(how.at, "expected SHUT_RD, SHUT_WR or SHUT_RDWR")),
    };
    plain(Call::Shutdown { fd: int(fd)?, how: direction })
}

fn socket_option(args: &Args<'_>, setup: &Setup) -> Planned {
    let [fd, level, name, value, _] = args.take()?;
    let fd = int(fd)?;
    let (level, number) = setup.ip_version.option(int(level)?, int(name)?);
    if args.name == "setsockopt" {
        let value = option_value(value, number)?;
        return plain(Call::SetOption { fd, level, name: number, value });
    }
    let is_unchecked = is_ellipsis(only(value)?);
    let out = if is_unchecked { Out::Nothing } else { Out::Value(option_value(value, number)?) };
    let out = match out {
        Out::Value(Value::Int(libc::AF_INET | libc::AF_INET6))
            if (level, number) == (libc::SOL_SOCKET, libc::SO_DOMAIN) =>
        {
            Out::Value(Value::Int(setup.ip_version.domain()))
        }
        other => other,
    };
    Ok((Call::GetOption { fd, level, name: number }, out))
}

fn poll(args: &Args<'_>) -> Planned {
    let [fds, _, timeout] = args.take()?;
    let fds = poll_fds(fds)?;
    let asked = fds.iter().map(|entry| PollFd { revents: 0, ..*entry }).collect();
    Ok((Call::Poll { fds: asked, timeout: millis(timeout)? }, Out::Polled(fds)))
}

fn epoll_control(args: &Args<'_>) -> Planned {
    let [epoll, change, fd, event] = args.take()?;
    let change = match int(change)? {
        libc::EPOLL_CTL_ADD => WatchChange::Add,
        libc::EPOLL_CTL_MOD => WatchChange::Modify,
        libc::EPOLL_CTL_DEL => WatchChange::Delete,
        _ => return Err(Refusal::new(change.at, "expected EPOLL_CTL_ADD, _MOD or _DEL")),
    };
    let watch = if is_ellipsis(event) || change == WatchChange::Delete {
        Watch::default()
    } else {
        watch(event)?
    };
    plain(Call::EpollControl { epoll: int(epoll)?, change, fd: int(fd)?, watch })
}

fn epoll_wait(args: &Args<'_>) -> Planned {
    let [epoll, events, most, timeout] = args.take()?;
    let expected = match &events.kind {
        ExprKind::Ellipsis => None,
        ExprKind::Array(items) => Some(items.iter().map(watch).collect::<Result<Vec<_>, _>>()?),
        _ => Some(vec![watch(events)?]),
    };
    let out = expected.map_or(Out::Nothing, |events| {
        // `{events=0, ptr=0}` says that there is none.
        Out::Events(events.into_iter().filter(|event| event.events != 0).collect())
    });
    let most = length(most)?;
    Ok((Call::EpollWait { epoll: int(epoll)?, most, timeout: millis(timeout)? }, out))
}

/// A timeout of poll: `None` for ever.
fn millis(expr: &Expr) -> Result<Option<Duration>, Refusal> {
    Ok(u64::try_from(int(expr)?).ok().map(Duration::from_millis))
}

/// The arguments of a line.
struct Args<'a> {
    at: Position,
    name: &'a str,
    items: &'a [Expr],
}

impl<'a> Args<'a> {
    /// All of them, when there are `N`.
    fn take<const N: usize>(&self) -> Result<[&'a Expr; N], Refusal> {
        let items: &'a [Expr; N] = self.items.try_into().map_err(|_| self.wrong(&N.to_string()))?;
        Ok(items.each_ref())
    }

    fn wrong(&self, wanted: &str) -> Refusal {
        let found = self.items.len();
        let message = format!("{} takes {wanted} arguments, {found} found", self.name);
        Refusal::new(self.at, message)
    }
}

/// The address that a call names, for the runner to know the two ends.
impl PlannedCall {
    /// Where `connect` goes.
    #[must_use]
    pub fn remote(&self) -> Option<SocketAddr> {
        match &self.call {
            Call::Connect { addr, .. } => Some(*addr),
            _ => None,
        }
    }
}
