//! Applications for experiments: they write and check patterns, so that what they report can be trusted.

use std::time::Duration;

use bytes::Bytes;

use super::app::{App, Socket, Step};
use super::pattern::Pattern;
use crate::error::Error;
use crate::tcp::Received;
use crate::time::Instant;

/// What a [`Transfer`] does. By default: nothing is sent, anything is read as fast as it comes, and
/// CLOSE follows at once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// Octets to send.
    pub octets: u64,
    /// Which octets.
    pub send: Pattern,
    /// Octets that the peer is to send.
    pub expected: u64,
    /// Which octets.
    pub expect: Pattern,
    /// The most octets to write with one call.
    pub write: usize,
    /// How long to wait after each such call.
    pub write_pause: Duration,
    /// Write without copying.
    pub write_bytes: bool,
    /// The most octets to read with one call.
    pub read: usize,
    /// How long to wait after each such call.
    pub read_pause: Duration,
    /// How long to wait before the first read.
    pub read_after: Duration,
    /// When to CLOSE.
    pub close: Close,
    /// Turn Nagle's algorithm off.
    pub nodelay: bool,
}

/// When an application closes its side.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Close {
    /// As soon as everything was written: a half-close.
    #[default]
    WhenWritten,
    /// When everything was written and everything expected was read.
    WhenComplete,
    /// When everything was written and the peer has closed.
    AfterPeer,
}

impl Default for Plan {
    fn default() -> Self {
        Plan {
            octets: 0,
            send: Pattern(0),
            expected: 0,
            expect: Pattern(0),
            write: 64 * 1024,
            write_pause: Duration::ZERO,
            write_bytes: false,
            read: 64 * 1024,
            read_pause: Duration::ZERO,
            read_after: Duration::ZERO,
            close: Close::WhenWritten,
            nodelay: false,
        }
    }
}

/// Sends and receives at the same time, as planned; lets go when both sides have closed.
#[derive(Debug)]
pub struct Transfer {
    plan: Plan,
    written: u64,
    read: u64,
    closed: bool,
    peer_closed: bool,
    may_write: Instant,
    may_read: Option<Instant>,
    failure: Option<Failure>,
    /// When the last octet was read.
    last_read: Instant,
}

/// Why a transfer failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// A call failed.
    Call(Error),
    /// The octet at this place of the stream was not the one that was sent.
    WrongOctet(u64),
    /// More came than was sent.
    TooMuch(u64),
}

impl Transfer {
    /// Nothing done yet.
    #[must_use]
    pub fn new(plan: Plan) -> Self {
        Transfer {
            plan,
            written: 0,
            read: 0,
            closed: false,
            peer_closed: false,
            may_write: Instant::ZERO,
            may_read: None,
            failure: None,
            last_read: Instant::ZERO,
        }
    }

    /// Whether all was written and closed, all was read, each octet as it should be, and nothing
    /// behind it.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.failure.is_none()
            && self.closed
            && self.peer_closed
            && self.written == self.plan.octets
            && self.read == self.plan.expected
    }

    /// Octets written so far.
    #[must_use]
    pub const fn written(&self) -> u64 {
        self.written
    }

    /// Octets read so far.
    #[must_use]
    pub const fn read(&self) -> u64 {
        self.read
    }

    /// When the last octet was read.
    #[must_use]
    pub const fn last_read(&self) -> Instant {
        self.last_read
    }

    /// What went wrong.
    #[must_use]
    pub const fn failure(&self) -> Option<Failure> {
        self.failure
    }

    fn go_on(&mut self, socket: &mut Socket<'_>) -> Result<(), Failure> {
        self.write_some(socket)?;
        self.close_if_due(socket)?;
        self.read_some(socket)?;
        self.close_if_due(socket)
    }

    fn write_some(&mut self, socket: &mut Socket<'_>) -> Result<(), Failure> {
        while self.written < self.plan.octets
            && self.may_write <= socket.now()
            && socket.is_writable()
        {
            let left = usize::try_from(self.plan.octets - self.written).unwrap_or(usize::MAX);
            let mut chunk = vec![0; left.min(self.plan.write)];
            self.plan.send.fill(self.written, &mut chunk);
            let taken = if self.plan.write_bytes {
                socket.send_bytes(Bytes::from(chunk))
            } else {
                socket.send(&chunk)
            };
            match taken.map_err(Failure::Call)? {
                0 => break,
                octets => self.written += octets as u64,
            }
            self.may_write = socket.now() + self.plan.write_pause;
        }
        Ok(())
    }

    fn read_some(&mut self, socket: &mut Socket<'_>) -> Result<(), Failure> {
        let now = socket.now();
        let mut may_read = *self.may_read.get_or_insert(now + self.plan.read_after);
        while !self.peer_closed && may_read <= now {
            match socket.receive_bytes(self.plan.read).map_err(Failure::Call)? {
                Received::Data(octets) => {
                    let wrong = self.plan.expect.check(self.read, &octets);
                    wrong.map_err(Failure::WrongOctet)?;
                    self.read += octets.len() as u64;
                    self.last_read = now;
                    if self.read > self.plan.expected {
                        return Err(Failure::TooMuch(self.read));
                    }
                    may_read = now + self.plan.read_pause;
                }
                Received::Finished => self.peer_closed = true,
                Received::Pending => break,
            }
        }
        self.may_read = Some(may_read);
        Ok(())
    }

    fn close_if_due(&mut self, socket: &mut Socket<'_>) -> Result<(), Failure> {
        let due = match self.plan.close {
            Close::WhenWritten => true,
            Close::WhenComplete => self.read == self.plan.expected,
            Close::AfterPeer => self.peer_closed,
        };
        // CLOSE before the connection stands would end it.
        if due && !self.closed && self.written == self.plan.octets && socket.is_writable() {
            socket.close().map_err(Failure::Call)?;
            self.closed = true;
        }
        Ok(())
    }

    fn next_step(&self, now: Instant) -> Step {
        if self.failure.is_some() || (self.closed && self.peer_closed) {
            return Step::Done;
        }
        let write = Some(self.may_write).filter(|_| self.written < self.plan.octets);
        let read = self.may_read.filter(|_| !self.peer_closed);
        let later = write.into_iter().chain(read).filter(|at| *at > now);
        later.min().map_or(Step::Wait, Step::WakeAt)
    }
}

impl App for Transfer {
    fn on_ready(&mut self, socket: &mut Socket<'_>) -> Step {
        if self.may_read.is_none() {
            socket.set_nodelay(self.plan.nodelay);
        }
        if let Err(failure) = self.go_on(socket) {
            self.failure = Some(failure);
        }
        self.next_step(socket.now())
    }
}

/// Sends back what comes, and closes when the peer has.
#[derive(Debug, Default)]
pub struct Echo {
    waiting: Bytes,
    peer_closed: bool,
    echoed: u64,
}

impl Echo {
    /// Octets sent back so far.
    #[must_use]
    pub const fn echoed(&self) -> u64 {
        self.echoed
    }

    fn go_on(&mut self, socket: &mut Socket<'_>) -> Result<Step, Error> {
        loop {
            if self.waiting.is_empty() && !self.peer_closed {
                match socket.receive_bytes(16 * 1024)? {
                    Received::Data(octets) => self.waiting = octets,
                    Received::Finished => self.peer_closed = true,
                    Received::Pending => return Ok(Step::Wait),
                }
            }
            if self.waiting.is_empty() {
                socket.close()?;
                return Ok(Step::Done);
            }
            let octets = socket.send(&self.waiting)?;
            if octets == 0 {
                return Ok(Step::Wait);
            }
            self.echoed += octets as u64;
            self.waiting = self.waiting.slice(octets..);
        }
    }
}

impl App for Echo {
    fn on_ready(&mut self, socket: &mut Socket<'_>) -> Step {
        self.go_on(socket).unwrap_or(Step::Done)
    }
}

/// Asks a [`Replier`] one question after the other and measures how long each answer takes.
#[derive(Debug)]
pub struct Asker {
    request: usize,
    response: u64,
    left: usize,
    /// Between an answer and the next question.
    pause: Duration,
    next: Instant,
    /// The question under way: what is still to be written, to be read, and when it was asked.
    open: Option<(usize, u64, Instant)>,
    times: Vec<Duration>,
    error: Option<Error>,
}

impl Asker {
    /// Will ask `count` questions of `request` octets, await `response` octets each, and rest for
    /// `pause` in between.
    #[must_use]
    pub fn new(count: usize, request: usize, response: u64, pause: Duration) -> Self {
        Asker {
            request: request.max(1),
            response: response.max(1),
            left: count,
            pause,
            next: Instant::ZERO,
            open: None,
            times: Vec::new(),
            error: None,
        }
    }

    /// How long each answer took, so far.
    #[must_use]
    pub fn times(&self) -> &[Duration] {
        &self.times
    }

    /// Why it stopped early.
    #[must_use]
    pub const fn error(&self) -> Option<Error> {
        self.error
    }

    fn go_on(&mut self, socket: &mut Socket<'_>) -> Result<Step, Error> {
        loop {
            let Some((to_write, to_read, asked)) = &mut self.open else {
                if self.left == 0 {
                    socket.close()?;
                    return Ok(Step::Done);
                }
                if !socket.is_writable() {
                    return Ok(Step::Wait);
                }
                if self.next > socket.now() {
                    return Ok(Step::WakeAt(self.next));
                }
                self.left -= 1;
                self.open = Some((self.request, self.response, socket.now()));
                continue;
            };
            while *to_write > 0 {
                match socket.send(&vec![b'?'; *to_write])? {
                    0 => return Ok(Step::Wait),
                    octets => *to_write -= octets,
                }
            }
            match socket.receive_bytes(usize::try_from(*to_read).unwrap_or(usize::MAX))? {
                Received::Data(octets) => *to_read -= octets.len() as u64,
                Received::Finished => return Err(Error::ConnectionClosing),
                Received::Pending => return Ok(Step::Wait),
            }
            if *to_read == 0 {
                self.times.push(socket.now() - *asked);
                self.next = socket.now() + self.pause;
                self.open = None;
            }
        }
    }
}

impl App for Asker {
    fn on_ready(&mut self, socket: &mut Socket<'_>) -> Step {
        self.go_on(socket).unwrap_or_else(|error| {
            self.error = Some(error);
            Step::Done
        })
    }
}

/// Answers every `request` octets with `response` octets, until the peer closes.
#[derive(Debug)]
pub struct Replier {
    request: usize,
    response: u64,
    read: usize,
    to_write: u64,
    peer_closed: bool,
}

impl Replier {
    /// The sizes have to be those of the [`Asker`].
    #[must_use]
    pub fn new(request: usize, response: u64) -> Self {
        Replier {
            request: request.max(1),
            response: response.max(1),
            read: 0,
            to_write: 0,
            peer_closed: false,
        }
    }

    fn go_on(&mut self, socket: &mut Socket<'_>) -> Result<Step, Error> {
        loop {
            while self.to_write > 0 {
                let chunk = self.to_write.min(64 * 1024);
                let chunk = vec![b'!'; usize::try_from(chunk).expect("at most 64 KiB")];
                match socket.send(&chunk)? {
                    0 => return Ok(Step::Wait),
                    octets => self.to_write -= octets as u64,
                }
            }
            if self.peer_closed {
                socket.close()?;
                return Ok(Step::Done);
            }
            match socket.receive_bytes(self.request - self.read)? {
                Received::Data(octets) => self.read += octets.len(),
                Received::Finished => self.peer_closed = true,
                Received::Pending => return Ok(Step::Wait),
            }
            if self.read == self.request {
                self.read = 0;
                self.to_write = self.response;
            }
        }
    }
}

impl App for Replier {
    fn on_ready(&mut self, socket: &mut Socket<'_>) -> Step {
        self.go_on(socket).unwrap_or(Step::Done)
    }
}
