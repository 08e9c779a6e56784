//! A host in virtual time: our stack, and the socket calls of POSIX on top of it. Whoever drives it,
//! the runner of scripts or a foreign tool, feeds packets and time, makes calls and takes packets.
//!
//! `calls` starts calls and goes on with those that block, `socket` and `files` hold what descriptors
//! mean, `options` is getsockopt and setsockopt, `ready` is poll and epoll, `info` is `TCP_INFO`.

mod call;
mod calls;
mod connect;
mod files;
mod info;
mod options;
mod ready;
mod socket;
mod transfer;

use std::collections::VecDeque;
use std::net::IpAddr;

use bytes::Bytes;

pub use call::{Blocked, Call, Errno, Fd, How, PollFd, Progress, Reply, Value, Watch, WatchChange};
pub use info::{TcpInfo, WindowUnit};
pub(super) use options::algorithm;

use files::Files;

use super::IpVersion;
use crate::stack::{self, FourTuple, Secret, Stack, Summary};
use crate::tcp::Keepalive;
use crate::time::Instant;
use crate::trace::{Mask, Sink};

/// What differs between systems in the calls themselves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Habits {
    /// An accepted socket has the listener's `O_NONBLOCK`, as on the BSDs.
    pub accept_inherits_nonblocking: bool,
    /// `getsockopt` tells twice the buffer that `setsockopt` asked for, as on Linux.
    pub buffers_count_double: bool,
    /// Once the segment size is known, buffers are rounded up to a multiple of it, as on FreeBSD.
    pub buffers_hold_whole_segments: bool,
    /// Writing to a socket that was never connected fails with `ENOTCONN`, and not with `EPIPE`.
    pub unconnected_write_is_enotconn: bool,
    /// How `TCP_INFO` counts congestion windows.
    pub congestion_windows: WindowUnit,
    /// The keep-alive times that sockets start from, once `SO_KEEPALIVE` is on.
    pub keepalive: Keepalive,
}

/// A packet that left the host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SentPacket {
    /// When.
    pub at: Instant,
    /// The whole IP packet.
    pub packet: Bytes,
}

/// The host.
pub struct Host {
    stack: Stack,
    secret: Secret,
    now: Instant,
    files: Files,
    habits: Habits,
    /// The address of sockets that are bound to no other.
    addr: IpAddr,
    sent: VecDeque<SentPacket>,
    /// Who is told what happens in the stack.
    sink: Option<Box<dyn Sink>>,
}

impl std::fmt::Debug for Host {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Host").field("now", &self.now).finish_non_exhaustive()
    }
}

impl Host {
    /// A host with one address, at the instant zero. `descriptors` gives the numbers of new files. One
    /// that is in use was closed behind the host's back: its file is closed as `close` does.
    ///
    /// # Panics
    ///
    /// When `config` names no address.
    #[must_use]
    pub fn new(
        config: stack::Config,
        habits: Habits,
        secret: Secret,
        descriptors: Box<dyn FnMut() -> Fd + Send>,
    ) -> Self {
        let addr = *config.addrs.first().expect("a host has an address");
        Host {
            stack: Stack::new(config, secret),
            secret,
            now: Instant::ZERO,
            files: Files::new(descriptors),
            habits,
            addr,
            sent: VecDeque::new(),
            sink: None,
        }
    }

    /// Tells `sink` from now on what happens in the stack.
    pub fn tell(&mut self, sink: Box<dyn Sink>) {
        self.stack.raise_also(sink.wanted());
        self.sink = Some(sink);
    }

    /// A packet arrives now. What it draws from the stack has left when this returns.
    pub fn on_packet(&mut self, packet: &Bytes) {
        self.stack.on_packet(packet, self.now);
        self.settle();
    }

    /// Lets time pass until `until`, one timer after the other. An instant in the past changes nothing.
    pub fn advance(&mut self, until: Instant) {
        while let Some(next) = self.stack.next_deadline().filter(|next| *next <= until) {
            self.now = self.now.max(next);
            self.on_timers();
        }
        self.now = self.now.max(until);
    }

    /// Goes to the next timer, if it is due by `until`, and lets it run out; says whether there was one.
    pub fn step(&mut self, until: Instant) -> bool {
        match self.stack.next_deadline().filter(|next| *next <= until) {
            Some(next) => {
                self.now = self.now.max(next);
                self.on_timers();
                true
            }
            None => false,
        }
    }

    /// The oldest packet that has left and was not taken yet.
    pub fn take_sent(&mut self) -> Option<SentPacket> {
        self.sent.pop_front()
    }

    /// Looks at the oldest packet that has left.
    #[must_use]
    pub fn next_sent(&self) -> Option<&SentPacket> {
        self.sent.front()
    }

    /// The instant.
    #[must_use]
    pub fn now(&self) -> Instant {
        self.now
    }

    /// When the next timer runs out; it may be a little early.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Instant> {
        self.stack.next_deadline()
    }

    /// The address of the host.
    #[must_use]
    pub fn addr(&self) -> IpAddr {
        self.addr
    }

    /// The version of IP of its address.
    #[must_use]
    pub fn ip_version(&self) -> IpVersion {
        IpVersion::of(self.addr)
    }

    /// STATUS of the connection between these two ends, if there is one.
    #[must_use]
    pub fn status(&self, tuple: &FourTuple) -> Option<Summary> {
        let id = self.stack.id_of(tuple)?;
        self.stack.statuses(self.now).into_iter().find(|summary| summary.id == id)
    }

    /// The settings that sockets start from.
    #[must_use]
    pub fn default_settings(&self) -> &stack::Settings {
        self.files.default_settings(&self.stack)
    }

    /// Changes what sockets made from now on start from.
    pub fn set_default_settings(&mut self, settings: stack::Settings) {
        self.files.set_default_settings(settings);
    }

    /// STATUS of all connections.
    #[must_use]
    pub fn statuses(&self) -> Vec<Summary> {
        self.stack.statuses(self.now)
    }

    /// Changes how calls behave from now on.
    pub fn set_habits(&mut self, habits: Habits) {
        self.habits = habits;
    }

    /// Gives the host another address, while nothing has come of the one it has: `false`, and nothing
    /// changes, while a socket is bound or listens, or there are connections.
    pub fn set_addr(&mut self, addr: IpAddr) -> bool {
        if !self.files.are_unused() || !self.stack.statuses(self.now).is_empty() {
            return false;
        }
        let config = stack::Config { addrs: vec![addr], ..self.stack.config().clone() };
        self.stack = Stack::new(config, self.secret);
        self.stack.raise_also(self.sink.as_ref().map_or(Mask::empty(), |sink| sink.wanted()));
        self.addr = addr;
        true
    }

    fn on_timers(&mut self) {
        self.stack.on_timeout(self.now);
        self.settle();
    }

    /// Sends what there is to send. Sockets are asked when somebody wants to know, so nobody is woken.
    fn settle(&mut self) {
        while let Some(frame) = self.stack.poll_output(self.now) {
            self.sent.push_back(SentPacket { at: self.now, packet: frame.to_bytes() });
        }
        self.stack.take_ready();
        let events = self.stack.take_events();
        if let Some(sink) = &mut self.sink {
            events.iter().for_each(|event| sink.record(event));
            sink.settle();
        }
    }
}
