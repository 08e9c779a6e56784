//! The calls as data: what is asked, what comes back, what is still under way.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;

pub use nix::errno::Errno;

use super::info::TcpInfo;
use crate::time::Instant;

/// A file descriptor.
pub type Fd = i32;

/// A socket call. Constants (flags, levels, commands) are those of Linux.
#[derive(Clone, Debug, PartialEq)]
#[expect(missing_docs, reason = "named for the calls of POSIX, with their arguments")]
pub enum Call {
    Socket { nonblocking: bool },
    Bind { fd: Fd, addr: SocketAddr },
    Listen { fd: Fd, backlog: i32 },
    Accept { fd: Fd, nonblocking: bool },
    Connect { fd: Fd, addr: SocketAddr },
    Receive { fd: Fd, len: usize, flags: i32 },
    Send { fd: Fd, data: Bytes, flags: i32 },
    GetFlags { fd: Fd },
    SetFlags { fd: Fd, flags: i32 },
    GetDescriptorFlags { fd: Fd },
    SetDescriptorFlags { fd: Fd },
    AtMark { fd: Fd },
    BytesReadable { fd: Fd },
    BytesUnacknowledged { fd: Fd },
    BytesUnsent { fd: Fd },
    SetNonblocking { fd: Fd, nonblocking: bool },
    Close { fd: Fd },
    Shutdown { fd: Fd, how: How },
    GetOption { fd: Fd, level: i32, name: i32 },
    SetOption { fd: Fd, level: i32, name: i32, value: Value },
    Poll { fds: Vec<PollFd>, timeout: Option<Duration> },
    EpollCreate,
    EpollControl { epoll: Fd, change: WatchChange, fd: Fd, watch: Watch },
    EpollWait { epoll: Fd, most: usize, timeout: Option<Duration> },
    Name { fd: Fd },
    PeerName { fd: Fd },
}

/// The value of an option.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// Most options.
    Int(i32),
    /// `SO_LINGER`: whether, and how many seconds.
    Linger(bool, i32),
    /// `SO_RCVTIMEO`, `SO_SNDTIMEO`.
    Time(Duration),
    /// `TCP_CONGESTION`.
    Text(String),
    /// `TCP_INFO`.
    Info(TcpInfo),
}

impl Value {
    pub(super) fn int(&self) -> Result<i32, Errno> {
        match self {
            Value::Int(number) => Ok(*number),
            Value::Linger(..) | Value::Time(_) | Value::Text(_) | Value::Info(_) => {
                Err(Errno::EINVAL)
            }
        }
    }
}

/// Which directions `shutdown` closes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum How {
    /// `SHUT_RD`.
    Read,
    /// `SHUT_WR`.
    Write,
    /// `SHUT_RDWR`.
    Both,
}

/// An entry of `poll`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PollFd {
    /// Which file.
    pub fd: Fd,
    /// What is waited for.
    pub events: i16,
    /// What there is.
    pub revents: i16,
}

/// What `epoll_ctl` does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WatchChange {
    /// `EPOLL_CTL_ADD`.
    Add,
    /// `EPOLL_CTL_MOD`.
    Modify,
    /// `EPOLL_CTL_DEL`.
    Delete,
}

/// What `epoll_ctl` asks for, and what `epoll_wait` tells.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Watch {
    /// `EPOLLIN` and others.
    pub events: u32,
    /// The caller's.
    pub data: u64,
}

/// What a call brought.
#[derive(Clone, Debug, PartialEq)]
pub enum Reply {
    /// A number: 0, octets, flags.
    Number(i64),
    /// A new file.
    File(Fd),
    /// A new connection, and who is at the other end.
    Accepted(Fd, SocketAddr),
    /// Octets; none at the end of the stream.
    Received(Bytes),
    /// The value of an option.
    Option(Value),
    /// `poll`: how many are ready, and what of each.
    Polled(i64, Vec<PollFd>),
    /// `epoll_wait`: those that are ready.
    Events(Vec<Watch>),
    /// An address.
    Addr(SocketAddr),
}

/// How far a call has come.
#[derive(Debug)]
pub enum Progress {
    /// It has returned.
    Done(Result<Reply, Errno>),
    /// It blocks: ask again with [`super::Host::resume`] when something has happened.
    Blocked(Blocked),
}

/// How an attempt at a call ended; `None`: it would block.
pub(super) type Attempt = Option<Result<Reply, Errno>>;

/// What most calls return.
pub(super) const OK: Reply = Reply::Number(0);

/// A call that blocks.
#[derive(Clone, Debug)]
pub struct Blocked {
    pub(super) call: Call,
    /// Octets that a send has written so far.
    pub(super) written: usize,
    /// When it gives up waiting.
    pub(super) deadline: Option<Instant>,
}

impl Blocked {
    /// When it gives up waiting, and is to be resumed whatever happens.
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        self.deadline
    }
}

impl Call {
    /// Whether it can have to wait for something.
    #[must_use]
    pub fn can_block(&self) -> bool {
        matches!(
            self,
            Call::Accept { .. }
                | Call::Connect { .. }
                | Call::Receive { .. }
                | Call::Send { .. }
                | Call::Close { .. }
                | Call::Poll { .. }
                | Call::EpollWait { .. }
        )
    }

    /// The descriptors that it names.
    pub fn descriptors(&mut self) -> Vec<&mut Fd> {
        match self {
            Call::Socket { .. } | Call::EpollCreate => Vec::new(),
            Call::Poll { fds, .. } => fds.iter_mut().map(|entry| &mut entry.fd).collect(),
            Call::EpollControl { epoll, fd, .. } => vec![epoll, fd],
            Call::EpollWait { epoll, .. } => vec![epoll],
            Call::Bind { fd, .. }
            | Call::Listen { fd, .. }
            | Call::Accept { fd, .. }
            | Call::Connect { fd, .. }
            | Call::Receive { fd, .. }
            | Call::Send { fd, .. }
            | Call::GetFlags { fd }
            | Call::SetFlags { fd, .. }
            | Call::GetDescriptorFlags { fd }
            | Call::SetDescriptorFlags { fd }
            | Call::AtMark { fd }
            | Call::BytesReadable { fd }
            | Call::BytesUnacknowledged { fd }
            | Call::BytesUnsent { fd }
            | Call::SetNonblocking { fd, .. }
            | Call::Close { fd }
            | Call::Shutdown { fd, .. }
            | Call::GetOption { fd, .. }
            | Call::SetOption { fd, .. }
            | Call::Name { fd }
            | Call::PeerName { fd } => vec![fd],
        }
    }
}
