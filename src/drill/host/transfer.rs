//! Reading and writing.

use bytes::{Bytes, BytesMut};

use super::Host;
use super::call::{Attempt, Errno, Fd, Reply};
use super::socket::{Role, errno};
use crate::stack::Handle;
use crate::tcp::{Received, State, Status};

impl Host {
    pub(super) fn receive(&mut self, fd: Fd, len: usize, flags: i32) -> Attempt {
        let socket = match self.files.socket_mut(fd) {
            Ok(socket) => socket,
            Err(error) => return Some(Err(error)),
        };
        let Some(handle) = socket.handle() else { return Some(Err(Errno::ENOTCONN)) };
        if flags & libc::MSG_OOB != 0 {
            // Urgent data is read in line (RFC 6093 2).
            return Some(Err(Errno::EINVAL));
        }
        let read_shut = socket.read_shut;
        if len == 0 && self.stack.state(handle) != State::Closed {
            return Some(Ok(Reply::Received(Bytes::new())));
        }
        let data = self.stack.peek(handle, len);
        if !data.is_empty() {
            return self.receive_some(handle, data, len, flags).map(Ok);
        }
        if let Some(error) = self.files.socket_mut(fd).ok()?.take_error(&self.stack) {
            return Some(Err(error));
        }
        match self.stack.receive_bytes(handle, len, self.now) {
            Ok(Received::Pending) if !read_shut => None,
            // The end, or an end that has been told.
            Ok(Received::Pending | Received::Finished | Received::Data(_)) | Err(_) => {
                Some(Ok(Reply::Received(Bytes::new())))
            }
        }
    }

    /// There is something: `data`, of `len` that are asked for.
    fn receive_some(
        &mut self,
        handle: Handle,
        data: Bytes,
        len: usize,
        flags: i32,
    ) -> Option<Reply> {
        let waits = flags & libc::MSG_WAITALL != 0 && flags & libc::MSG_DONTWAIT == 0;
        let can_grow = match self.stack.state(handle) {
            State::Established | State::FinWait1 | State::FinWait2 => true,
            State::Closed
            | State::Listen
            | State::SynSent
            | State::SynReceived
            | State::CloseWait
            | State::Closing
            | State::LastAck
            | State::TimeWait => false,
        };
        if waits && can_grow && data.len() < len {
            return None;
        }
        if flags & libc::MSG_PEEK != 0 {
            return Some(Reply::Received(data));
        }
        let mut whole = BytesMut::with_capacity(data.len());
        while whole.len() < data.len() {
            match self.stack.receive_bytes(handle, data.len() - whole.len(), self.now) {
                Ok(Received::Data(piece)) => whole.extend_from_slice(&piece),
                Ok(Received::Finished | Received::Pending) | Err(_) => break,
            }
        }
        Some(Reply::Received(whole.freeze()))
    }

    pub(super) fn send(
        &mut self,
        fd: Fd,
        data: &Bytes,
        flags: i32,
        written: &mut usize,
    ) -> Attempt {
        let never_connected =
            if self.habits.unconnected_write_is_enotconn { Errno::ENOTCONN } else { Errno::EPIPE };
        let socket = match self.files.socket_mut(fd) {
            Ok(socket) => socket,
            Err(error) => return Some(Err(error)),
        };
        let Role::Connection(handle) = socket.role else { return Some(Err(never_connected)) };
        if let Some(error) = socket.take_error(&self.stack) {
            return Some(after_failure(*written, error));
        }
        match self.stack.state(handle) {
            State::SynSent | State::SynReceived => return None,
            State::Closed => return Some(after_failure(*written, Errno::EPIPE)),
            State::Listen
            | State::Established
            | State::FinWait1
            | State::FinWait2
            | State::CloseWait
            | State::Closing
            | State::LastAck
            | State::TimeWait => {}
        }
        match self.stack.send(handle, data, self.now) {
            Err(error) => Some(after_failure(*written, errno(error))),
            Ok(octets) => {
                *written += octets;
                if flags & libc::MSG_OOB != 0 && octets > 0 {
                    let _ = self.stack.mark_urgent(handle, self.now);
                }
                if octets < data.len() {
                    self.files.socket_mut(fd).ok()?.short_writes += 1;
                    return None;
                }
                Some(Ok(number(*written)))
            }
        }
    }

    /// Whether the next octet to be read ends urgent data.
    pub(super) fn at_mark(&self, fd: Fd) -> Result<Reply, Errno> {
        let handle = self.files.socket(fd)?.handle().ok_or(Errno::EINVAL)?;
        Ok(number(self.stack.is_at_mark(handle).into()))
    }

    /// The length of a queue of a connection.
    pub(super) fn queue(
        &self,
        fd: Fd,
        which: impl FnOnce(&Status) -> usize,
    ) -> Result<Reply, Errno> {
        let handle = self.files.socket(fd)?.handle().ok_or(Errno::EINVAL)?;
        let summary = self.stack.status(handle, self.now);
        Ok(number(summary.map_or(0, |summary| which(&summary.status))))
    }
}

/// What was written before counts; the failure shows next time.
fn after_failure(written: usize, error: Errno) -> Result<Reply, Errno> {
    if written > 0 { Ok(number(written)) } else { Err(error) }
}

fn number(octets: usize) -> Reply {
    Reply::Number(i64::try_from(octets).expect("a length in memory"))
}
