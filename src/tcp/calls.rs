//! The user's calls: OPEN, SEND, RECEIVE, CLOSE, ABORT (RFC 9293 3.10.1 to 3.10.5). STATUS (3.10.6) is
//! `Tcb::status`.

use std::time::Duration;

use bytes::Bytes;

use super::config::{Config, Keepalive};
use super::congestion::{Algorithm, Control};
use super::context::Context;
use super::pool::Pool;
use super::state::{Cause, State};
use super::tcb::Tcb;
use super::timers::Timer;
use super::variables::Reset;
use crate::error::Error;
use crate::trace::{Call, Mask, Role, What};

/// What a RECEIVE brought.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Received<T> {
    /// Octets.
    Data(T),
    /// The peer has closed, and everything before its FIN was read.
    Finished,
    /// Nothing yet.
    Pending,
}

/// OPEN (3.10.1).
impl Tcb {
    /// Passive OPEN: waits for a SYN.
    ///
    /// # Errors
    ///
    /// The connection exists already.
    pub fn open_passive(&mut self, cx: &mut Context<'_>) -> Result<(), Error> {
        match self.state {
            State::Closed if self.error.is_none() => {
                self.role = Role::Passive;
                self.enter(State::Listen, Cause::PassiveOpen, cx);
                Ok(())
            }
            _ => Err(Error::ConnectionAlreadyExists),
        }
    }

    /// Active OPEN: a SYN leaves with the next output. A listening connection turns active (RFC 9293 3.10.1).
    ///
    /// # Errors
    ///
    /// The connection exists already.
    pub fn open_active(&mut self, cx: &mut Context<'_>) -> Result<(), Error> {
        match self.state {
            State::Closed if self.error.is_some() => Err(Error::ConnectionAlreadyExists),
            State::Closed | State::Listen => {
                self.role = Role::Active;
                self.last_heard = cx.now;
                self.enter(State::SynSent, Cause::ActiveOpen, cx);
                Ok(())
            }
            State::SynSent
            | State::SynReceived
            | State::Established
            | State::FinWait1
            | State::FinWait2
            | State::CloseWait
            | State::Closing
            | State::LastAck
            | State::TimeWait => Err(Error::ConnectionAlreadyExists),
        }
    }
}

/// SEND (3.10.2).
impl Tcb {
    /// Octets that SEND would take now.
    #[must_use]
    pub fn send_room(&self, config: &Config, pool: &Pool) -> usize {
        let most = self.send_buffer(config).min(pool.queues.longest_queue());
        most.saturating_sub(self.snd.queue.len())
    }

    /// Copies as much of `data` into the send queue as there is room for, and says how much.
    ///
    /// # Errors
    ///
    /// We have closed, or the connection does not exist (any more).
    pub fn send(&mut self, data: &[u8], cx: &mut Context<'_>) -> Result<usize, Error> {
        let octets = self.may_send().map(|()| data.len().min(self.send_room(cx.config, cx.pool)));
        if let Ok(octets) = octets {
            self.snd.queue.copy_in(&data[..octets], cx.pool);
        }
        note_send(octets, cx)
    }

    /// Puts `data` into the send queue as it is, without copying. All of it is taken or none: nothing
    /// while the queue is at its limit (so it exceeds that by one piece at most).
    ///
    /// # Errors
    ///
    /// As [`Tcb::send`].
    pub fn send_bytes(&mut self, data: Bytes, cx: &mut Context<'_>) -> Result<usize, Error> {
        let room = self.send_room(cx.config, cx.pool);
        let octets = self.may_send().map(|()| if room > 0 { data.len() } else { 0 });
        if octets.is_ok_and(|octets| octets > 0) {
            self.snd.queue.push(data, cx.pool);
        }
        note_send(octets, cx)
    }

    pub(super) fn may_send(&self) -> Result<(), Error> {
        match self.state {
            State::Closed => Err(self.error.unwrap_or(Error::ConnectionDoesNotExist)),
            State::Listen => Err(Error::RemoteSocketUnspecified),
            State::SynSent | State::SynReceived | State::Established | State::CloseWait => {
                if self.close_requested { Err(Error::ConnectionClosing) } else { Ok(()) }
            }
            State::FinWait1
            | State::FinWait2
            | State::Closing
            | State::LastAck
            | State::TimeWait => Err(Error::ConnectionClosing),
        }
    }
}

/// RECEIVE (3.10.3).
impl Tcb {
    /// Takes up to `most` octets that arrived in order, as they lie, without copying.
    ///
    /// # Errors
    ///
    /// The connection was reset or given up, or does not exist.
    pub fn receive_bytes(
        &mut self,
        most: usize,
        cx: &mut Context<'_>,
    ) -> Result<Received<Bytes>, Error> {
        match self.rcv.queue.take(self.up_to_mark(most), cx.pool) {
            Some(data) => {
                self.after_receive(data.len(), cx);
                Ok(Received::Data(data))
            }
            None => self.receive_nothing(),
        }
    }

    /// Copies up to `most` octets that arrived in order, and leaves them to be received.
    #[must_use]
    pub fn peek(&self, most: usize) -> Bytes {
        self.rcv.queue.peek(self.up_to_mark(most))
    }

    /// The octets that the peer may have sent, or may send, before anything more is read.
    #[must_use]
    pub fn offered_buffer(&self) -> u32 {
        let ready = u32::try_from(self.rcv.queue.ready_len()).unwrap_or(u32::MAX);
        ready.saturating_add(self.rcv.wnd)
    }

    /// In-order octets waiting to be read.
    #[must_use]
    pub fn readable_octets(&self) -> usize {
        self.rcv.queue.ready_len()
    }

    /// Whether RECEIVE would bring anything: data, the end, or an error.
    #[must_use]
    pub fn is_readable(&self) -> bool {
        self.rcv.queue.ready_len() > 0 || self.receive_nothing::<()>() != Ok(Received::Pending)
    }

    /// Whether SEND would take anything, or fail.
    #[must_use]
    pub fn is_writable(&self, config: &Config, pool: &Pool) -> bool {
        match self.state {
            State::Listen | State::SynSent | State::SynReceived => false,
            State::Established
            | State::FinWait1
            | State::FinWait2
            | State::CloseWait
            | State::Closing
            | State::LastAck
            | State::TimeWait
            | State::Closed => self.may_send().is_err() || self.send_room(config, pool) > 0,
        }
    }

    fn receive_nothing<T>(&self) -> Result<Received<T>, Error> {
        match self.state {
            State::Closed => match self.error {
                Some(error) => Err(error),
                // Closed by both sides: the end stays readable.
                None if self.fin.is_some() => Ok(Received::Finished),
                None => Err(Error::ConnectionDoesNotExist),
            },
            State::CloseWait | State::Closing | State::LastAck | State::TimeWait => {
                Ok(Received::Finished)
            }
            State::Listen
            | State::SynSent
            | State::SynReceived
            | State::Established
            | State::FinWait1
            | State::FinWait2 => Ok(Received::Pending),
        }
    }

    fn after_receive(&mut self, octets: usize, cx: &mut Context<'_>) {
        cx.raise(Mask::CALLS, || What::Call { call: Call::Receive { octets }, error: None });
        self.forget_mark_once_read();
        self.grow_receive_buffer(cx.now, cx.config);
        if self.window_update_is_due(cx.config, cx.pool) {
            self.acks.now = true;
        }
    }
}

/// CLOSE (3.10.4) and ABORT (3.10.5).
impl Tcb {
    /// CLOSE: nothing more will be sent; what was written still goes out, and the FIN behind it.
    /// Reading goes on. A second call changes nothing.
    ///
    /// # Errors
    ///
    /// The connection does not exist (any more).
    pub fn close(&mut self, cx: &mut Context<'_>) -> Result<(), Error> {
        let result = self.close_by_state(cx);
        cx.raise(Mask::CALLS, || What::Call { call: Call::Shutdown, error: result.err() });
        result
    }

    fn close_by_state(&mut self, cx: &mut Context<'_>) -> Result<(), Error> {
        match self.state {
            State::Closed => Err(self.error.unwrap_or(Error::ConnectionDoesNotExist)),
            State::Listen | State::SynSent => {
                self.error = Some(Error::ConnectionClosing);
                self.enter(State::Closed, Cause::Close, cx);
                Ok(())
            }
            State::SynReceived => {
                self.close_requested = true;
                // With data pending the request waits for ESTABLISHED.
                if self.snd.queue.len() == 0 {
                    self.enter(State::FinWait1, Cause::Close, cx);
                }
                Ok(())
            }
            State::Established => {
                if !self.close_requested {
                    self.close_requested = true;
                    self.enter(State::FinWait1, Cause::Close, cx);
                }
                Ok(())
            }
            // LAST_ACK is entered when the FIN has left, behind the data.
            State::CloseWait => {
                self.close_requested = true;
                Ok(())
            }
            State::FinWait1
            | State::FinWait2
            | State::Closing
            | State::LastAck
            | State::TimeWait => Ok(()),
        }
    }

    /// The application lets go of the connection: CLOSE, and nobody will read any more. When received
    /// data has not been read, the peer is told by RST that it was lost (RFC 9293 3.6.1, SHLD-3); the
    /// same when data arrives later.
    pub fn let_go(&mut self, cx: &mut Context<'_>) {
        let unread = self.rcv.queue.ready_len() + self.rcv.queue.out_of_order_len() > 0;
        self.reader_gone = true;
        cx.raise(Mask::CALLS, || What::Call { call: Call::Close, error: None });
        if unread && self.state.is_synchronized() && self.state != State::TimeWait {
            self.abort_quietly(cx);
        } else if self.close_by_state(cx).is_ok() {
            self.watch_orphan(cx);
        }
    }

    /// ABORT: the connection ends at once, and the peer is told by RST if it can know of it.
    pub fn abort(&mut self, cx: &mut Context<'_>) {
        cx.raise(Mask::CALLS, || What::Call { call: Call::Abort, error: None });
        self.abort_quietly(cx);
    }

    fn abort_quietly(&mut self, cx: &mut Context<'_>) {
        match self.state {
            State::Closed => {}
            State::Listen | State::SynSent | State::Closing | State::LastAck | State::TimeWait => {
                self.fail(Error::ConnectionAborted, Cause::Abort, cx);
            }
            State::SynReceived
            | State::Established
            | State::FinWait1
            | State::FinWait2
            | State::CloseWait => {
                self.reset_peer();
                self.fail(Error::ConnectionAborted, Cause::Abort, cx);
            }
        }
    }

    /// A RST that the peer accepts, or at worst challenges, as the next output.
    pub(super) fn reset_peer(&mut self) {
        let seq = self.acceptable_seq();
        self.pending.reset = Some(Reset { seq, ack: Some(self.rcv.nxt) });
    }
}

/// What can be set on a connection at any time.
impl Tcb {
    /// Turns Nagle's algorithm off or on (RFC 9293 3.7.4, MUST-17).
    pub fn set_nodelay(&mut self, nodelay: bool) {
        self.settings.nagle = !nodelay;
    }

    /// Whether Nagle's algorithm is off.
    #[must_use]
    pub const fn nodelay(&self) -> bool {
        !self.settings.nagle
    }

    /// Chooses how the congestion window moves from now on. It begins as on a new connection, for what one
    /// algorithm has learnt means little to another.
    pub fn set_congestion(&mut self, algorithm: Algorithm, cx: &Context<'_>) {
        if self.congestion.algorithm() != algorithm {
            let mss = self.send_mss(cx.config);
            self.congestion = Control::new(algorithm, cx.config.initial_window, mss);
        }
    }

    /// Turns keep-alive probes on or off (RFC 9293 3.8.4, MUST-24).
    pub fn set_keepalive(&mut self, keepalive: Option<Keepalive>, cx: &mut Context<'_>) {
        self.settings.keepalive = keepalive.map(Box::new);
        self.watch_silence(cx);
    }

    /// Gives up when nothing is acknowledged for `timeout` (RFC 9293 3.9.1.1).
    pub fn set_user_timeout(&mut self, timeout: Option<Duration>, cx: &mut Context<'_>) {
        self.settings.user_timeout = timeout;
        self.disarm(Timer::User, cx);
        self.watch_user_timeout(cx);
    }
}

fn note_send(octets: Result<usize, Error>, cx: &mut Context<'_>) -> Result<usize, Error> {
    if octets != Ok(0) {
        cx.raise(Mask::CALLS, || What::Call {
            call: Call::Send { octets: octets.unwrap_or(0) },
            error: octets.err(),
        });
    }
    octets
}
