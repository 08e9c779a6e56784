//! The applications: one always has something to send, the other reads whatever comes. What the octets
//! are is nobody's business here: checking them would cost more than the rest.

use bytes::Bytes;

use crate::error::Error;
use crate::sim::{App, Socket, Step};
use crate::tcp::Received;

/// Octets of one write.
const PIECE: usize = 64 * 1024;

/// Sends until it is stopped, without copying.
#[derive(Debug)]
pub(super) struct Source {
    piece: Bytes,
    error: Option<Error>,
}

impl Source {
    pub(super) fn new() -> Self {
        Source { piece: Bytes::from(vec![0; PIECE]), error: None }
    }

    /// Why it could not go on.
    pub(super) const fn error(&self) -> Option<Error> {
        self.error
    }

    fn fill(&mut self, socket: &mut Socket<'_>) -> Result<(), Error> {
        while socket.is_writable() && socket.send_bytes(self.piece.clone())? > 0 {}
        socket.error().map_or(Ok(()), Err)
    }
}

impl App for Source {
    fn on_ready(&mut self, socket: &mut Socket<'_>) -> Step {
        self.error = self.fill(socket).err();
        if self.error.is_some() { Step::Done } else { Step::Wait }
    }
}

/// Reads, and counts.
#[derive(Debug, Default)]
pub(super) struct Sink {
    read: u64,
}

impl Sink {
    /// Octets so far.
    pub(super) const fn read(&self) -> u64 {
        self.read
    }
}

impl App for Sink {
    fn on_ready(&mut self, socket: &mut Socket<'_>) -> Step {
        loop {
            match socket.receive_bytes(usize::MAX) {
                Ok(Received::Data(octets)) => self.read += octets.len() as u64,
                Ok(Received::Pending) => return Step::Wait,
                Ok(Received::Finished) | Err(_) => return Step::Done,
            }
        }
    }
}
