//! What a script is played against: a stack, the socket calls on it, and the time that passes for it. Here is
//! what the runner asks of it, and the answer of the host in virtual time that `glass drill` plays on. A stack
//! that is reached in another way, such as through the C interface of the public tool, is another subject.

use bytes::Bytes;

use super::BEGIN;
use crate::drill::host::{Blocked, Call, Errno, Host, Progress, Reply, SentPacket};
use crate::drill::plan::{Defaults, Setup};
use crate::stack::{self, FourTuple, Secret, Summary};
use crate::time::Instant;
use crate::trace::Sink;

/// What a call has returned.
pub type Returned = std::result::Result<Reply, Errno>;

/// A stack as the runner sees it. Its clock stands at [`BEGIN`] when the script begins.
pub trait Subject {
    /// The instant.
    fn now(&self) -> Instant;

    /// Sockets made from now on start from these.
    ///
    /// # Errors
    ///
    /// Why they cannot, in words.
    fn configure(&mut self, defaults: &Defaults) -> std::result::Result<(), String>;

    /// A packet arrives now.
    fn on_packet(&mut self, packet: &Bytes);

    /// Makes a call. `None`: it blocks. One that `may_block` is then under way until
    /// [`Subject::take_returned`] brings its result; there is never a second one.
    fn call(&mut self, call: Call, may_block: bool) -> Option<Returned>;

    /// What the call under way has brought, and when; `None` while it blocks.
    fn take_returned(&mut self) -> Option<(Returned, Instant)>;

    /// Lets time pass until `until`, whatever happens meanwhile.
    fn advance(&mut self, until: Instant);

    /// Goes to the next moment, at `until` at the latest, at which anything can happen by itself; says whether
    /// there was one.
    fn next_moment(&mut self, until: Instant) -> bool;

    /// As [`Subject::next_moment`], when it is a packet that is waited for.
    fn toward_packet(&mut self, until: Instant) -> bool {
        self.next_moment(until)
    }

    /// As [`Subject::next_moment`], when it is the call under way that is waited for. It should return at
    /// `expected`.
    fn toward_return(&mut self, expected: Instant, until: Instant) -> bool {
        let _ = expected;
        self.next_moment(until)
    }

    /// The oldest packet that has left and was not taken yet.
    fn take_sent(&mut self) -> Option<SentPacket>;

    /// Whether it can be asked for connections that no descriptor names.
    fn tells_all(&self) -> bool;

    /// STATUS of the connection between these two ends, if there is one and it can be told.
    fn status(&self, tuple: &FourTuple) -> Option<Summary>;

    /// STATUS of all connections, if that can be told.
    fn statuses(&self) -> Vec<Summary>;
}

/// Our own stack in virtual time.
pub(super) struct Simulated {
    host: Host,
    /// The call under way.
    blocked: Option<Blocked>,
}

impl Simulated {
    /// Tells `sink` what happens in the stack, if there is one.
    pub(super) fn new(setup: &Setup, sink: Option<Box<dyn Sink>>) -> Self {
        let config = stack::Config {
            addrs: vec![setup.local.ip()],
            mtu: setup.mtu,
            tcp: setup.settings.tcp.clone(),
            header: setup.settings.header,
            ..stack::Config::default()
        };
        let mut next = 2;
        let descriptors = move || {
            next += 1;
            next
        };
        let secret = Secret(*b"the drill always begins the same");
        let mut host = Host::new(config, setup.habits, secret, Box::new(descriptors));
        if let Some(sink) = sink {
            host.tell(sink);
        }
        host.advance(BEGIN);
        Simulated { host, blocked: None }
    }
}

impl Subject for Simulated {
    fn now(&self) -> Instant {
        self.host.now()
    }

    fn configure(&mut self, defaults: &Defaults) -> std::result::Result<(), String> {
        self.host.set_default_settings(defaults.settings.clone());
        self.host.set_habits(defaults.habits);
        Ok(())
    }

    fn on_packet(&mut self, packet: &Bytes) {
        self.host.on_packet(packet);
    }

    fn call(&mut self, call: Call, may_block: bool) -> Option<Returned> {
        match self.host.start(call) {
            Progress::Done(returned) => Some(returned),
            Progress::Blocked(blocked) => {
                if may_block {
                    self.blocked = Some(blocked);
                }
                None
            }
        }
    }

    fn take_returned(&mut self) -> Option<(Returned, Instant)> {
        match self.host.resume(self.blocked.take()?) {
            Progress::Done(returned) => Some((returned, self.host.now())),
            Progress::Blocked(blocked) => {
                self.blocked = Some(blocked);
                None
            }
        }
    }

    fn advance(&mut self, until: Instant) {
        self.host.advance(until);
    }

    fn next_moment(&mut self, until: Instant) -> bool {
        let patience = self.blocked.as_ref().and_then(Blocked::deadline);
        let next = self.host.next_deadline().into_iter().chain(patience).min();
        let Some(next) = next.filter(|next| *next <= until) else { return false };
        self.host.advance(next);
        true
    }

    fn take_sent(&mut self) -> Option<SentPacket> {
        self.host.take_sent()
    }

    fn tells_all(&self) -> bool {
        true
    }

    fn status(&self, tuple: &FourTuple) -> Option<Summary> {
        self.host.status(tuple)
    }

    fn statuses(&self) -> Vec<Summary> {
        self.host.statuses()
    }
}
