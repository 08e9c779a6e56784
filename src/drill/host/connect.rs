//! bind, listen, accept, connect, and whose names are asked for.

use std::net::SocketAddr;

use super::Host;
use super::call::{Attempt, Errno, Fd, OK, Reply};
use super::files::File;
use super::socket::{Role, Socket, errno};
use crate::stack::Handle;
use crate::tcp::State;

impl Host {
    pub(super) fn bind(&mut self, fd: Fd, addr: SocketAddr) -> Result<Reply, Errno> {
        if !addr.ip().is_unspecified() && addr.ip() != self.addr {
            return Err(Errno::EADDRNOTAVAIL);
        }
        let socket = self.files.socket_mut(fd)?;
        if socket.bound.is_some() || socket.role != Role::Idle {
            return Err(Errno::EINVAL);
        }
        socket.bound = Some(addr);
        Ok(OK)
    }

    pub(super) fn listen(&mut self, fd: Fd, backlog: i32) -> Result<Reply, Errno> {
        let any = self.any();
        let socket = self.files.socket_mut(fd)?;
        match socket.role {
            // A listener keeps the backlog it began with.
            Role::Listener(_) => return Ok(OK),
            Role::Connection(_) => return Err(Errno::EINVAL),
            Role::Idle => {}
        }
        // As many as the number says and one more, as Linux and the BSDs count.
        let backlog = usize::try_from(backlog).unwrap_or(0).saturating_add(1);
        let id = self.stack.listen(socket.bound.unwrap_or(any), backlog).map_err(errno)?;
        self.stack.configure_listener(id, socket.settings.clone());
        socket.bound = self.stack.listener_addr(id);
        socket.role = Role::Listener(id);
        Ok(OK)
    }

    pub(super) fn accept(&mut self, fd: Fd, nonblocking: bool) -> Attempt {
        let listener = match self.files.socket(fd) {
            Err(error) => return Some(Err(error)),
            Ok(socket) => match socket.role {
                Role::Listener(id) => id,
                Role::Idle | Role::Connection(_) => return Some(Err(Errno::EINVAL)),
            },
        };
        let handle = self.stack.accept(listener)?;
        Some(Ok(self.accepted(fd, handle, nonblocking)))
    }

    fn accepted(&mut self, fd: Fd, handle: Handle, nonblocking: bool) -> Reply {
        let listener = self.files.socket(fd).expect("just found");
        let inherited = self.habits.accept_inherits_nonblocking && listener.nonblocking;
        let settings = self.stack.settings(handle);
        let mut socket = Socket::new(settings, listener.keepalive, nonblocking || inherited);
        socket.buffer_was_set = listener.buffer_was_set;
        socket.linger = listener.linger;
        socket.kept.clone_from(&listener.kept);
        socket.role = Role::Connection(handle);
        socket.connect_told = true;
        let tuple = self.stack.tuple(handle).expect("just accepted");
        socket.bound = Some(tuple.local);
        Reply::Accepted(self.open_file(File::Socket(Box::new(socket))), tuple.remote)
    }

    pub(super) fn connect(&mut self, fd: Fd, addr: SocketAddr, first: bool) -> Attempt {
        match self.files.socket(fd).map(|socket| socket.role) {
            Err(error) => Some(Err(error)),
            Ok(Role::Listener(_)) => Some(Err(Errno::EISCONN)),
            Ok(Role::Idle) => match self.open(fd, addr) {
                Ok(()) => None,
                Err(error) => Some(Err(error)),
            },
            Ok(Role::Connection(handle)) => self.connecting(fd, handle, first),
        }
    }

    fn open(&mut self, fd: Fd, addr: SocketAddr) -> Result<(), Errno> {
        let socket = self.files.socket_mut(fd)?;
        let settings = Some(Box::new(socket.settings.clone()));
        let handle = self.stack.connect_with(settings, socket.bound, addr, self.now);
        let handle = handle.map_err(errno)?;
        socket.role = Role::Connection(handle);
        socket.error_told = false;
        socket.connect_told = false;
        socket.bound = self.stack.tuple(handle).map(|tuple| tuple.local);
        Ok(())
    }

    /// A `connect` that was begun before, by this call or another.
    fn connecting(&mut self, fd: Fd, handle: Handle, first: bool) -> Attempt {
        let state = self.stack.state(handle);
        let socket = self.files.socket_mut(fd).ok()?;
        match state {
            State::SynSent | State::SynReceived if first => Some(Err(Errno::EALREADY)),
            State::SynSent | State::SynReceived | State::Listen => None,
            State::Closed => {
                let error = socket.take_error(&self.stack).unwrap_or(Errno::ECONNABORTED);
                // The socket may try again.
                self.stack.release(handle, self.now);
                socket.role = Role::Idle;
                Some(Err(error))
            }
            State::Established
            | State::FinWait1
            | State::FinWait2
            | State::CloseWait
            | State::Closing
            | State::LastAck
            | State::TimeWait => {
                let told = std::mem::replace(&mut socket.connect_told, true);
                Some(if told { Err(Errno::EISCONN) } else { Ok(OK) })
            }
        }
    }

    pub(super) fn name(&self, fd: Fd) -> Result<Reply, Errno> {
        Ok(Reply::Addr(self.files.socket(fd)?.bound.unwrap_or(self.any())))
    }

    pub(super) fn peer_name(&self, fd: Fd) -> Result<Reply, Errno> {
        let handle = self.files.socket(fd)?.handle().ok_or(Errno::ENOTCONN)?;
        let tuple = self.stack.tuple(handle).ok_or(Errno::ENOTCONN)?;
        Ok(Reply::Addr(tuple.remote))
    }
    /// What a socket is bound to that is bound to nothing.
    fn any(&self) -> SocketAddr {
        SocketAddr::new(self.ip_version().unspecified(), 0)
    }
}
