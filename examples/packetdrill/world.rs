//! One host in virtual time, and the threads that wait in its calls.
//!
//! Time stands still unless somebody moves it: every question for the time moves it by a microsecond,
//! so that whoever spins on the clock gets on; `usleep` moves it by as much as it says; and whoever
//! waits for a packet moves it to the next timer, until one leaves.
//!
//! A call that blocks sleeps on a condition variable, on its own thread: the tool looks at the state
//! of the thread to find out that it blocks. Whoever changes something (a packet, a timer, another
//! call) makes the next attempt at all calls that sleep before it returns itself, and leaves the
//! result, with its instant, for the thread to fetch. So the order of things does not depend on how
//! fast threads wake up.
//!
//! The thread that feeds packets cannot sleep like that, for nobody would be left to wake it.
//! When a call of its own blocks, time goes on by itself, from timer to timer, until the call ends;
//! when there is no timer left, it would block for ever, and the process ends.
//!
//! When its call returns, the thread asks for the time to learn when that was; by then virtual time may
//! have gone on, for it can go on by minutes before a thread has woken up. So the first question
//! of a thread after a call in which it slept is answered with the instant at which that call ended.
//! Nobody waits for the thread to ask: it may never do so, and then nothing is held up. Only `usleep`,
//! during which the tool lets go of its lock, also takes a little real time when a call has ended: the
//! tool's thread must get that lock to write down what the call brought, before the script goes on.

use std::cell::Cell;
use std::ffi::c_int;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::os::fd::IntoRawFd;
use std::sync::{Condvar, Mutex, MutexGuard};
use std::thread::{self, ThreadId};
use std::time::Duration;

use bytes::Bytes;
use glasstack::drill::IpVersion;
use glasstack::drill::host::{Blocked, Call, Errno, Fd, Host, Progress, Reply, SentPacket};
use glasstack::stack::{self, Secret};
use glasstack::time::Instant;
use rustix::event::{EventfdFlags, eventfd};

use crate::flags::Flags;

/// What time it is at the start. Not zero: a tool may take that for "not known".
const START: Instant = Instant::from_millis(1_000);
/// What a question for the time takes.
const QUESTION: Duration = Duration::from_micros(1);
/// The headers of IPv4 and TCP, without options: what the size of segments is told by.
const HEADERS: usize = 40;
/// The address, while no socket is bound to one and no flag names one; over IPv6, its twin.
const DEFAULT_ADDR: Ipv4Addr = Ipv4Addr::new(192, 168, 0, 1);
/// Nobody is to be kept from guessing here, and two runs are to be the same.
const SECRET: Secret = Secret([0x67; 32]);

/// What a thread gets, in real time, to wake up and do something with the result of its call.
const GRACE: Duration = Duration::from_millis(2);
/// When a thread has not even fetched its result by then, in real time, nobody waits for it any more.
const LONGEST_GRACE: Duration = Duration::from_millis(200);

thread_local! {
    /// When the last call of this thread ended, if it slept in it and has not asked for the time since.
    static ENDED_AT: Cell<Option<Instant>> = const { Cell::new(None) };
}

/// A host that several threads use.
pub(crate) struct World {
    inner: Mutex<Inner>,
    /// A call that slept has ended.
    ended: Condvar,
}

struct Inner {
    host: Host,
    /// The calls that sleep, oldest first.
    sleeping: Vec<(Ticket, Blocked)>,
    /// Those that have ended, until their threads fetch the results.
    ended: Vec<(Ticket, Ended)>,
    last_ticket: u64,
    /// The thread that feeds packets: the one that did it last, or made the host. (The tool's other
    /// thread calls `usleep` as well, before its call is due.)
    driver: ThreadId,
    /// A call that slept has ended, and its thread has had no grace yet.
    owes_grace: bool,
    /// The next address that a socket is bound to becomes that of the host.
    takes_address: bool,
    /// The family of its sockets, `AF_INET` or `AF_INET6`, once there is one. Those of IPv6 have mapped
    /// addresses when the host is one of IPv4 (RFC 4291 2.5.5.2).
    domain: Option<c_int>,
}

/// Names a call that sleeps.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Ticket(u64);

struct Ended {
    result: Result<Reply, Errno>,
    at: Instant,
}

impl World {
    /// A host as `flags` say.
    pub(crate) fn new(flags: &Flags) -> Self {
        let addr = flags.local_ip.unwrap_or(IpAddr::V4(DEFAULT_ADDR));
        let mut tcp = flags.settings.tcp.clone();
        tcp.mss = u16::try_from(flags.mtu - HEADERS).unwrap_or(u16::MAX);
        let config = stack::Config {
            addrs: vec![addr],
            mtu: flags.mtu,
            tcp,
            header: flags.settings.header,
            ..stack::Config::default()
        };
        let mut host = Host::new(config, flags.habits, SECRET, Box::new(new_descriptor));
        host.advance(START);
        let inner = Inner {
            host,
            sleeping: Vec::new(),
            ended: Vec::new(),
            last_ticket: 0,
            driver: thread::current().id(),
            owes_grace: false,
            takes_address: flags.local_ip.is_none(),
            domain: None,
        };
        World { inner: Mutex::new(inner), ended: Condvar::new() }
    }

    /// Makes a call, and sleeps until it has ended.
    pub(crate) fn call(&self, call: Call) -> Result<Reply, Errno> {
        let mut inner = self.enter();
        let progress = inner.host.start(call);
        // What it did may be what another one waits for.
        self.attempt_sleeping(&mut inner);
        match progress {
            Progress::Done(result) => result,
            Progress::Blocked(blocked) => self.sleep_in(inner, blocked),
        }
    }

    /// Whether a socket of this family can be made. All sockets are of one family: the first decides
    /// whether the host is one of IPv6, unless a flag has named its address.
    pub(crate) fn has_domain(&self, domain: c_int) -> bool {
        let mut inner = self.enter();
        let version = match domain {
            libc::AF_INET => IpVersion::V4,
            libc::AF_INET6 => IpVersion::V6,
            _ => return false,
        };
        if inner.domain.is_none_or(|first| first == domain) {
            let is_mapped = version == IpVersion::V6 && !inner.takes_address;
            if inner.domain.is_none() && !is_mapped && !inner.speaks(version) {
                return false;
            }
            inner.domain = Some(domain);
            return true;
        }
        false
    }

    /// Whether sockets are of IPv6.
    pub(crate) fn has_long_addresses(&self) -> bool {
        // No call of its own: a thread may still have to ask when its last one ended.
        let inner = self.inner.lock().expect("a panic ends the process");
        inner.domain == Some(libc::AF_INET6)
    }

    /// `connect`. Whom it goes to decides the version of IP, as with [`World::bind`].
    pub(crate) fn connect(&self, fd: Fd, addr: SocketAddr) -> Result<Reply, Errno> {
        self.enter().speaks(IpVersion::of(addr.ip()));
        self.call(Call::Connect { fd, addr })
    }

    /// `bind`. While nothing has said which address the host has, the first one that is asked for is it:
    /// the tool draws its local address by chance unless it is told one.
    pub(crate) fn bind(&self, fd: Fd, addr: SocketAddr) -> Result<Reply, Errno> {
        let mut inner = self.enter();
        if addr.ip().is_unspecified() {
            inner.speaks(IpVersion::of(addr.ip()));
        } else if inner.takes_address {
            inner.takes_address = !inner.host.set_addr(addr.ip());
        }
        drop(inner);
        self.call(Call::Bind { fd, addr })
    }

    /// A packet arrives.
    pub(crate) fn on_packet(&self, packet: &Bytes) {
        let mut inner = self.enter();
        inner.driver = thread::current().id();
        inner.host.on_packet(packet);
        self.attempt_sleeping(&mut inner);
    }

    /// The next packet that leaves; time goes on until one does. `None`: nothing can happen any more
    /// by the passing of time alone.
    pub(crate) fn next_packet(&self) -> Option<SentPacket> {
        let mut inner = self.enter();
        inner.driver = thread::current().id();
        loop {
            if let Some(sent) = inner.host.take_sent() {
                return Some(sent);
            }
            let next = inner.next_deadline()?;
            self.pass(&mut inner, next);
        }
    }

    /// Time passes.
    pub(crate) fn sleep(&self, time: Duration) {
        let mut inner = self.enter();
        let until = inner.host.now() + time;
        self.pass(&mut inner, until);
        if std::mem::take(&mut inner.owes_grace) {
            self.give_grace(inner);
        }
    }

    /// The time; see the head of this file.
    pub(crate) fn clock(&self) -> Instant {
        if let Some(ended_at) = ENDED_AT.take() {
            return ended_at;
        }
        let mut inner = self.enter();
        let until = inner.host.now() + QUESTION;
        self.pass(&mut inner, until);
        until
    }

    /// The host is not used any more: calls that still sleep in it are interrupted.
    pub(crate) fn retire(&self) {
        let mut inner = self.enter();
        let at = inner.host.now();
        let sleeping = std::mem::take(&mut inner.sleeping);
        let ended = sleeping.into_iter().map(|(ticket, _)| {
            let result = Err(Errno::EINTR);
            (ticket, Ended { result, at })
        });
        inner.ended.extend(ended);
        self.ended.notify_all();
    }

    fn enter(&self) -> MutexGuard<'_, Inner> {
        ENDED_AT.set(None);
        self.inner.lock().expect("a panic ends the process")
    }

    fn sleep_in(&self, mut inner: MutexGuard<'_, Inner>, blocked: Blocked) -> Result<Reply, Errno> {
        inner.last_ticket += 1;
        let ticket = Ticket(inner.last_ticket);
        inner.sleeping.push((ticket, blocked));
        if inner.driver == thread::current().id() {
            return self.drive_to_end(&mut inner, ticket);
        }
        loop {
            if let Some(ended) = inner.fetch(ticket) {
                // Somebody may wait for all results to be fetched.
                self.ended.notify_all();
                ENDED_AT.set(Some(ended.at));
                return ended.result;
            }
            inner = self.ended.wait(inner).expect("a panic ends the process");
        }
    }

    /// Lets time pass until the call has ended.
    fn drive_to_end(&self, inner: &mut Inner, ticket: Ticket) -> Result<Reply, Errno> {
        loop {
            if let Some(ended) = inner.fetch(ticket) {
                return ended.result;
            }
            let Some(next) = inner.next_deadline() else {
                eprintln!(
                    "libpacketdrill.so: a call blocks on the thread that feeds packets, \
                     and no timer is armed: it would block for ever"
                );
                std::process::abort();
            };
            self.pass(inner, next);
        }
    }

    /// Lets the threads fetch their results and get on with them, in real time.
    fn give_grace(&self, inner: MutexGuard<'_, Inner>) {
        let unfetched = |inner: &mut Inner| !inner.ended.is_empty();
        let waited = self.ended.wait_timeout_while(inner, LONGEST_GRACE, unfetched);
        drop(waited.expect("a panic ends the process"));
        thread::sleep(GRACE);
    }

    /// Lets time pass until `until`, from one timer, or end of a call's patience, to the next.
    fn pass(&self, inner: &mut Inner, until: Instant) {
        while let Some(next) = inner.next_deadline().filter(|next| *next <= until) {
            if !inner.host.step(next) {
                inner.host.advance(next);
            }
            self.attempt_sleeping(inner);
        }
        inner.host.advance(until);
    }

    /// Goes on with the calls that sleep, until none of them gets further.
    fn attempt_sleeping(&self, inner: &mut Inner) {
        while inner.attempt_once() {
            inner.owes_grace = true;
            self.ended.notify_all();
        }
    }
}

impl Inner {
    /// Whether the host is one of this version of IP; it becomes one if it may choose its address.
    fn speaks(&mut self, version: IpVersion) -> bool {
        self.host.ip_version() == version
            || (self.takes_address && self.host.set_addr(version.addr(DEFAULT_ADDR)))
    }

    /// One attempt at every call that sleeps; says whether one of them ended.
    fn attempt_once(&mut self) -> bool {
        let before = self.ended.len();
        for (ticket, blocked) in std::mem::take(&mut self.sleeping) {
            match self.host.resume(blocked) {
                Progress::Blocked(blocked) => self.sleeping.push((ticket, blocked)),
                Progress::Done(result) => {
                    self.ended.push((ticket, Ended { result, at: self.host.now() }));
                }
            }
        }
        self.ended.len() > before
    }

    fn fetch(&mut self, ticket: Ticket) -> Option<Ended> {
        let index = self.ended.iter().position(|(which, _)| *which == ticket)?;
        Some(self.ended.swap_remove(index).1)
    }

    /// When the passing of time alone changes something.
    fn next_deadline(&self) -> Option<Instant> {
        let patience = self.sleeping.iter().filter_map(|(_, blocked)| blocked.deadline());
        patience.chain(self.host.next_deadline()).min()
    }
}

/// A number for a new file: a real descriptor, which means nothing to the kernel, because a tool closes
/// what its script left open with the kernel's `close`. -1 when there are none left.
///
/// The kernel gives a number again once it was closed, also behind the back of the host, which then
/// takes the old file for closed.
fn new_descriptor() -> Fd {
    eventfd(0, EventfdFlags::CLOEXEC).map_or(-1, IntoRawFd::into_raw_fd)
}
