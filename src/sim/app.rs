//! An application on a host of the virtual network: a state machine that is told when there may be
//! something to do.

use std::any::Any;

use bytes::Bytes;

use crate::engine::Engine;
use crate::error::Error;
use crate::stack::{FourTuple, Handle, Summary};
use crate::tcp::{Received, State};
use crate::time::Instant;

/// One end of one connection, as an application.
pub trait App: Any {
    /// Called when the connection begins, when it may have become readable, writable, established or
    /// over, and when a time that was asked for has come. Calls for nothing are possible.
    fn on_ready(&mut self, socket: &mut Socket<'_>) -> Step;
}

/// What an application waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Until the connection is ready for something.
    Wait,
    /// The same, but not for longer than to this point.
    WakeAt(Instant),
    /// It has done its work: the connection is let go of, as by dropping a socket.
    Done,
}

/// The calls of an application.
pub struct Socket<'a> {
    pub(super) engine: &'a mut dyn Engine,
    pub(super) handle: Handle,
    pub(super) now: Instant,
}

/// The meaning of each is that of the method of [`crate::stack::Stack`] with the same name.
#[expect(missing_docs, reason = "documented once, at Stack")]
#[expect(clippy::missing_errors_doc, reason = "documented once, at Stack")]
impl Socket<'_> {
    pub fn send(&mut self, data: &[u8]) -> Result<usize, Error> {
        self.engine.send(self.handle, data, self.now)
    }

    pub fn send_bytes(&mut self, data: Bytes) -> Result<usize, Error> {
        self.engine.send_bytes(self.handle, data, self.now)
    }

    pub fn receive_bytes(&mut self, most: usize) -> Result<Received<Bytes>, Error> {
        self.engine.receive_bytes(self.handle, most, self.now)
    }

    pub fn close(&mut self) -> Result<(), Error> {
        self.engine.close(self.handle, self.now)
    }

    pub fn abort(&mut self) {
        self.engine.abort(self.handle, self.now);
    }

    pub fn set_nodelay(&mut self, nodelay: bool) {
        self.engine.set_nodelay(self.handle, nodelay, self.now);
    }

    #[must_use]
    pub fn is_writable(&self) -> bool {
        self.engine.is_writable(self.handle)
    }

    #[must_use]
    pub fn is_readable(&self) -> bool {
        self.engine.is_readable(self.handle)
    }

    #[must_use]
    pub fn state(&self) -> State {
        self.engine.state(self.handle)
    }

    #[must_use]
    pub fn error(&self) -> Option<Error> {
        self.engine.error(self.handle)
    }

    #[must_use]
    pub fn tuple(&self) -> Option<FourTuple> {
        self.engine.tuple(self.handle)
    }

    #[must_use]
    pub fn status(&self) -> Option<Summary> {
        self.engine.status(self.handle, self.now)
    }

    /// The present moment.
    #[must_use]
    pub const fn now(&self) -> Instant {
        self.now
    }
}

/// An application of a host, at work or done.
pub struct Running {
    pub(super) app: Box<dyn App>,
    pub(super) handle: Handle,
    pub(super) wake_at: Option<Instant>,
    pub(super) is_done: bool,
}

impl Running {
    /// The application itself, if it is a `T`.
    #[must_use]
    pub fn get<T: App>(&self) -> Option<&T> {
        let app: &dyn Any = &*self.app;
        app.downcast_ref()
    }

    /// Its connection, for asking the engine. Once it is done that may mean nothing any more.
    #[must_use]
    pub const fn handle(&self) -> Handle {
        self.handle
    }

    /// Whether it has let go of its connection.
    #[must_use]
    pub const fn is_done(&self) -> bool {
        self.is_done
    }
}
