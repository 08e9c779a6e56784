//! An application that does one thing after the other, as a lesson has it.

use std::cell::RefCell;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use crate::error::Error;
use crate::sim::{App, Socket, Step};
use crate::tcp::Received;
use crate::time::Instant;

/// One thing that an application does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    /// Nothing, for so long.
    Pause(Duration),
    /// Writes so many octets; which ones does not matter.
    Send(usize),
    /// Writes a text that is shown.
    Say(&'static str),
    /// Reads until so many octets have come.
    Read(usize),
    /// Reads until the peer's FIN.
    ReadToEnd,
    /// No Nagle for what is written from here.
    NoDelay,
    /// CLOSE.
    Close,
    /// ABORT: a RST.
    Abort,
}

/// What an application has written for people to read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Said {
    /// When.
    pub at: Instant,
    /// Its address and port.
    pub from: SocketAddr,
    /// The text.
    pub text: &'static str,
}

/// What all applications of a lesson have said.
pub(super) type Dialogue = Rc<RefCell<Vec<Said>>>;

/// Plays its acts, then lets go if it has closed, and holds the connection for ever otherwise.
pub(super) struct Player {
    acts: Rc<[Act]>,
    next: usize,
    /// What is left of the act under way.
    left: Option<usize>,
    until: Option<Instant>,
    closed: bool,
    dialogue: Dialogue,
}

impl Player {
    pub(super) fn new(acts: Rc<[Act]>, dialogue: Dialogue) -> Self {
        Player { acts, next: 0, left: None, until: None, closed: false, dialogue }
    }

    /// Goes on until something has to be waited for; what is waited for.
    fn go_on(&mut self, socket: &mut Socket<'_>) -> Result<Step, Error> {
        while let Some(act) = self.acts.get(self.next).copied() {
            let wait = match act {
                Act::Pause(span) => self.pause(span, socket.now()),
                Act::Send(octets) => self.send(octets, socket)?,
                Act::Say(text) => self.say(text, socket)?,
                Act::Read(octets) => self.read(octets, socket)?,
                Act::ReadToEnd => Self::read_to_end(socket)?,
                Act::NoDelay => {
                    socket.set_nodelay(true);
                    None
                }
                Act::Close => self.close(socket)?,
                Act::Abort => {
                    socket.abort();
                    return Ok(Step::Done);
                }
            };
            if let Some(step) = wait {
                return Ok(step);
            }
            (self.left, self.until) = (None, None);
            self.next += 1;
        }
        Ok(if self.closed { Step::Done } else { Step::Wait })
    }

    fn pause(&mut self, span: Duration, now: Instant) -> Option<Step> {
        let until = *self.until.get_or_insert(now + span);
        (now < until).then_some(Step::WakeAt(until))
    }

    fn send(&mut self, octets: usize, socket: &mut Socket<'_>) -> Result<Option<Step>, Error> {
        let left = self.left.get_or_insert(octets);
        if !socket.is_writable() && socket.error().is_none() {
            return Ok(Some(Step::Wait));
        }
        while *left > 0 {
            match socket.send(&vec![b'.'; *left])? {
                0 => return Ok(Some(Step::Wait)),
                taken => *left -= taken,
            }
        }
        Ok(None)
    }

    fn say(&mut self, text: &'static str, socket: &mut Socket<'_>) -> Result<Option<Step>, Error> {
        if !socket.is_writable() && socket.error().is_none() {
            return Ok(Some(Step::Wait));
        }
        // What an application says is short, and its buffer empty: it is taken whole.
        socket.send(text.as_bytes())?;
        if let Some(tuple) = socket.tuple() {
            let said = Said { at: socket.now(), from: tuple.local, text };
            self.dialogue.borrow_mut().push(said);
        }
        Ok(None)
    }

    fn read(&mut self, octets: usize, socket: &mut Socket<'_>) -> Result<Option<Step>, Error> {
        let left = self.left.get_or_insert(octets);
        while *left > 0 {
            match socket.receive_bytes(*left)? {
                Received::Data(data) => *left -= data.len(),
                Received::Finished => return Ok(None),
                Received::Pending => return Ok(Some(Step::Wait)),
            }
        }
        Ok(None)
    }

    fn read_to_end(socket: &mut Socket<'_>) -> Result<Option<Step>, Error> {
        loop {
            match socket.receive_bytes(64 * 1024)? {
                Received::Data(_) => {}
                Received::Finished => return Ok(None),
                Received::Pending => return Ok(Some(Step::Wait)),
            }
        }
    }

    fn close(&mut self, socket: &mut Socket<'_>) -> Result<Option<Step>, Error> {
        // CLOSE before the connection stands would end it.
        if !socket.is_writable() && socket.error().is_none() {
            return Ok(Some(Step::Wait));
        }
        socket.close()?;
        self.closed = true;
        Ok(None)
    }
}

impl App for Player {
    /// Whose call fails has nothing left to do.
    fn on_ready(&mut self, socket: &mut Socket<'_>) -> Step {
        self.go_on(socket).unwrap_or(Step::Done)
    }
}
