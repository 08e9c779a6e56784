//! Starting calls, and going on with those that block.

use std::time::Duration;

use super::Host;
use super::call::{Attempt, Blocked, Call, Errno, Fd, How, OK, Progress, Reply};
use super::files::File;
use super::ready::Epoll;
use super::socket::{Role, Socket, errno};
use crate::tcp::State;

impl Host {
    /// Makes a call. What it draws from the stack has left when this returns.
    pub fn start(&mut self, call: Call) -> Progress {
        let deadline = self.patience(&call).map(|patience| self.now + patience);
        let mut blocked = Blocked { call, written: 0, deadline };
        match self.attempt(&mut blocked, true) {
            Some(result) => Progress::Done(result),
            None if self.may_block(&blocked.call) => self.or_give_up(blocked),
            None => Progress::Done(would_block(&blocked)),
        }
    }

    /// Goes on with a call that blocked.
    pub fn resume(&mut self, mut blocked: Blocked) -> Progress {
        match self.attempt(&mut blocked, false) {
            Some(result) => Progress::Done(result),
            None => self.or_give_up(blocked),
        }
    }

    /// A call that waits still, unless its time is up.
    fn or_give_up(&mut self, blocked: Blocked) -> Progress {
        if blocked.deadline.is_none_or(|deadline| deadline > self.now) {
            return Progress::Blocked(blocked);
        }
        if let Call::Close { fd } = blocked.call {
            return Progress::Done(self.close_now(fd));
        }
        Progress::Done(would_block(&blocked))
    }

    fn attempt(&mut self, blocked: &mut Blocked, first: bool) -> Attempt {
        let attempt = match &blocked.call {
            Call::Accept { fd, nonblocking } => self.accept(*fd, *nonblocking),
            Call::Connect { fd, addr } => self.connect(*fd, *addr, first),
            Call::Receive { fd, len, flags } => self.receive(*fd, *len, *flags),
            Call::Send { fd, data, flags } => {
                let (fd, data, flags) = (*fd, data.slice(blocked.written..), *flags);
                self.send(fd, &data, flags, &mut blocked.written)
            }
            Call::Close { fd } => self.close(*fd, first),
            Call::Poll { fds, .. } => self.poll(fds.clone()),
            Call::EpollWait { epoll, most, .. } => self.epoll_wait(*epoll, *most),
            prompt => {
                let prompt = prompt.clone();
                Some(self.prompt(prompt))
            }
        };
        self.settle();
        attempt
    }

    /// The calls that never block.
    fn prompt(&mut self, call: Call) -> Result<Reply, Errno> {
        match call {
            Call::Socket { nonblocking } => {
                let settings = self.default_settings().clone();
                let socket = Box::new(Socket::new(settings, self.habits.keepalive, nonblocking));
                Ok(Reply::File(self.open_file(File::Socket(socket))))
            }
            Call::Bind { fd, addr } => self.bind(fd, addr),
            Call::Listen { fd, backlog } => self.listen(fd, backlog),
            Call::GetFlags { fd } => self.flags(fd),
            Call::SetFlags { fd, flags } => self.set_nonblocking(fd, flags & libc::O_NONBLOCK != 0),
            Call::GetDescriptorFlags { fd } | Call::SetDescriptorFlags { fd } => {
                self.files.get(fd).map(|_| OK)
            }
            Call::SetNonblocking { fd, nonblocking } => self.set_nonblocking(fd, nonblocking),
            Call::AtMark { fd } => self.at_mark(fd),
            Call::BytesReadable { fd } => self.queue(fd, |status| status.receive_queue),
            Call::BytesUnacknowledged { fd } => self.queue(fd, |status| status.send_queue),
            Call::BytesUnsent { fd } => self.queue(fd, |status| status.unsent),
            Call::Shutdown { fd, how } => self.shutdown(fd, how),
            Call::GetOption { fd, level, name } => self.option(fd, level, name).map(Reply::Option),
            Call::SetOption { fd, level, name, value } => {
                self.set_option(fd, level, name, &value).map(|()| OK)
            }
            Call::EpollCreate => Ok(Reply::File(self.open_file(File::Epoll(Epoll::default())))),
            Call::EpollControl { epoll, change, fd, watch } => {
                self.files.get(fd)?;
                self.files.epoll_mut(epoll)?.change(change, fd, watch).map(|()| OK)
            }
            Call::Name { fd } => self.name(fd),
            Call::PeerName { fd } => self.peer_name(fd),
            Call::Accept { .. }
            | Call::Connect { .. }
            | Call::Receive { .. }
            | Call::Send { .. }
            | Call::Close { .. }
            | Call::Poll { .. }
            | Call::EpollWait { .. } => unreachable!("attempted elsewhere"),
        }
    }

    /// How long a call may block at most.
    fn patience(&self, call: &Call) -> Option<Duration> {
        let socket = |fd: Fd| self.files.socket(fd).ok();
        match call {
            Call::Accept { fd, .. } | Call::Receive { fd, .. } => socket(*fd)?.receive_timeout,
            Call::Connect { fd, .. } | Call::Send { fd, .. } => socket(*fd)?.send_timeout,
            Call::Close { fd } => socket(*fd)?.linger,
            Call::Poll { timeout, .. } | Call::EpollWait { timeout, .. } => *timeout,
            _ => None,
        }
    }

    fn may_block(&self, call: &Call) -> bool {
        let blocking = |fd: Fd| self.files.socket(fd).is_ok_and(|socket| !socket.nonblocking);
        match call {
            Call::Accept { fd, .. } | Call::Connect { fd, .. } => blocking(*fd),
            Call::Receive { fd, flags, .. } | Call::Send { fd, flags, .. } => {
                flags & libc::MSG_DONTWAIT == 0 && blocking(*fd)
            }
            Call::Close { .. } | Call::Poll { .. } | Call::EpollWait { .. } => true,
            _ => false,
        }
    }

    fn flags(&self, fd: Fd) -> Result<Reply, Errno> {
        let nonblocking = match self.files.get(fd)? {
            File::Socket(socket) => socket.nonblocking,
            File::Epoll(_) => false,
        };
        let flags = libc::O_RDWR | if nonblocking { libc::O_NONBLOCK } else { 0 };
        Ok(Reply::Number(flags.into()))
    }

    fn set_nonblocking(&mut self, fd: Fd, nonblocking: bool) -> Result<Reply, Errno> {
        self.files.socket_mut(fd)?.nonblocking = nonblocking;
        Ok(OK)
    }

    fn shutdown(&mut self, fd: Fd, how: How) -> Result<Reply, Errno> {
        let now = self.now;
        let socket = self.files.socket_mut(fd)?;
        match socket.role {
            Role::Idle => Err(Errno::ENOTCONN),
            Role::Listener(id) => {
                if how != How::Write {
                    self.stack.unlisten(id, now);
                    socket.role = Role::Idle;
                }
                Ok(OK)
            }
            Role::Connection(handle) => {
                // When both sides have closed nothing is left to be shut, as Linux and the BSDs have it.
                if matches!(self.stack.state(handle), State::Closed | State::TimeWait) {
                    return Err(Errno::ENOTCONN);
                }
                socket.read_shut |= how != How::Write;
                if how != How::Read {
                    self.stack.close(handle, now).map_err(errno)?;
                }
                Ok(OK)
            }
        }
    }

    /// `close`; with `SO_LINGER` it waits until everything is acknowledged.
    fn close(&mut self, fd: Fd, first: bool) -> Attempt {
        let lingers = match self.files.get(fd) {
            Ok(File::Socket(socket)) => socket.linger.is_some_and(|time| !time.is_zero()),
            Ok(File::Epoll(_)) => false,
            Err(error) => return Some(Err(error)),
        };
        let handle = self.files.socket(fd).ok().and_then(Socket::handle);
        let Some(handle) = handle.filter(|_| lingers) else {
            return Some(self.close_now(fd));
        };
        if first {
            let _ = self.stack.close(handle, self.now);
        }
        let status = self.stack.status(handle, self.now)?.status;
        let is_done = match status.state {
            State::Closed | State::FinWait2 | State::TimeWait => true,
            State::Listen
            | State::SynSent
            | State::SynReceived
            | State::Established
            | State::FinWait1
            | State::CloseWait
            | State::Closing
            | State::LastAck => status.receive_queue > 0,
        };
        is_done.then(|| self.close_now(fd))
    }

    /// Opens a file. Its number may be that of one which was closed without this host: a socket that
    /// nobody can name any more is closed first, as the last `close` would.
    pub(super) fn open_file(&mut self, file: File) -> Fd {
        let fd = self.files.next_number();
        let _ = self.close_now(fd);
        self.files.insert(fd, file);
        fd
    }

    fn close_now(&mut self, fd: Fd) -> Result<Reply, Errno> {
        let now = self.now;
        if let File::Socket(socket) = self.files.close(fd)? {
            match socket.role {
                Role::Idle => {}
                Role::Listener(id) => self.stack.unlisten(id, now),
                Role::Connection(handle) => {
                    if socket.linger == Some(Duration::ZERO) {
                        self.stack.abort(handle, now);
                    }
                    self.stack.release(handle, now);
                }
            }
        }
        self.settle();
        Ok(OK)
    }
}

/// What a call says that may not block (any longer).
fn would_block(blocked: &Blocked) -> Result<Reply, Errno> {
    match &blocked.call {
        Call::Connect { .. } => Err(Errno::EINPROGRESS),
        Call::Send { .. } if blocked.written > 0 => {
            Ok(Reply::Number(i64::try_from(blocked.written).expect("a length in memory")))
        }
        Call::Poll { fds, .. } => Ok(Reply::Polled(0, fds.clone())),
        Call::EpollWait { .. } => Ok(Reply::Events(Vec::new())),
        _ => Err(Errno::EAGAIN),
    }
}
