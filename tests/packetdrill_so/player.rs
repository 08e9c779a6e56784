//! Scripts, played through the table of C functions in the way of the public tool: packets in and out with
//! `netdev_send` and `netdev_receive`, time with `usleep`, a call that may block on a thread of its own.

use std::collections::{BTreeMap, VecDeque};
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::Duration;

use bytes::Bytes;
use glasstack::drill::Words;
use glasstack::drill::host::{Call, Fd, Reply, SentPacket};
use glasstack::drill::plan::{Defaults, Setup};
use glasstack::drill::run::{BEGIN, Returned, Subject};
use glasstack::stack::{FourTuple, Summary};
use glasstack::time::Instant;
use nix::errno::Errno;

use super::library::Host;
use super::packet;
use super::perform::perform;
use super::sleeps;

/// What the interface cannot do: `--so_flags` are read once.
const NO_SYSCTLS: &str = "the interface sets nothing once the host is there";

/// How far the clock is moved at a time while a call is late.
const LATE_STEP: Duration = Duration::from_micros(500);

/// A host of the library, made when the script first needs it: until then, what it sets can become flags.
pub struct Player {
    flags: String,
    domain: i32,
    host: OnceLock<Arc<Host>>,
    /// What the library's clock was at the beginning, in microseconds.
    zero: i64,
    now: Instant,
    sent: VecDeque<SentPacket>,
    /// The sockets of the script, with their two ends as far as packets and calls have shown them.
    sockets: BTreeMap<Fd, Option<FourTuple>>,
    /// Whom a peer's packets have gone to.
    locals: BTreeMap<SocketAddr, SocketAddr>,
    under_way: Option<UnderWay>,
    returned: Option<(Returned, Instant)>,
}

/// A call on a thread of its own.
struct UnderWay {
    call: Call,
    thread_id: Arc<AtomicI32>,
    /// It was seen to sleep, and will ask for the time.
    has_slept: Arc<AtomicBool>,
    result: Receiver<(Returned, Option<i64>)>,
}

impl Player {
    pub fn new(profile: &str, setup: &Setup) -> Self {
        let (ip, mtu) = (setup.local.ip(), setup.mtu);
        Player {
            flags: format!("profile={profile},local_ip={ip},mtu={mtu}"),
            domain: match setup.words {
                Words::Mapped => libc::AF_INET6,
                Words::V4 | Words::V6 => setup.ip_version.domain(),
            },
            host: OnceLock::new(),
            zero: 0,
            now: BEGIN,
            sent: VecDeque::new(),
            sockets: BTreeMap::new(),
            locals: BTreeMap::new(),
            under_way: None,
            returned: None,
        }
    }

    fn host(&mut self) -> Arc<Host> {
        if self.host.get().is_none() {
            let host = Arc::new(Host::new(&self.flags));
            self.zero = host.clock();
            self.host.get_or_init(|| host);
        }
        Arc::clone(self.host.get().expect("just made"))
    }

    fn instant(&self, micros: i64) -> Instant {
        BEGIN + Duration::from_micros(u64::try_from(micros - self.zero).expect("not before"))
    }

    /// The next packet, however long it takes to come.
    fn receive(&mut self) {
        let (micros, packet) = self.host().netdev_receive();
        let at = self.instant(micros);
        self.now = self.now.max(at);
        self.sent.push_back(SentPacket { at, packet: packet.into() });
    }

    /// Waits, in real time, until the call under way sleeps again or has ended.
    fn settle(&mut self) {
        let Some(under_way) = &self.under_way else { return };
        let mut seen_asleep = 0;
        loop {
            let asleep = sleeps(under_way.thread_id.load(Ordering::SeqCst));
            if let Ok((result, micros)) = under_way.result.try_recv() {
                let at = micros.map_or(self.now, |micros| self.instant(micros));
                let call = under_way.call.clone();
                self.under_way = None;
                self.note(&call, &result);
                self.returned = Some((result, at));
                return;
            }
            // Twice in a row: for a moment it may also wait for memory, or for a lock.
            seen_asleep = if asleep { seen_asleep + 1 } else { 0 };
            if seen_asleep == 2 {
                under_way.has_slept.store(true, Ordering::SeqCst);
                return;
            }
            thread::yield_now();
        }
    }

    fn begin(&mut self, call: Call) -> Option<Returned> {
        let (host, domain) = (self.host(), self.domain);
        let thread_id = Arc::new(AtomicI32::new(0));
        let has_slept = Arc::new(AtomicBool::new(false));
        let (tell, result) = channel();
        let (its_id, its_sleep, its_call) = (thread_id.clone(), has_slept.clone(), call.clone());
        thread::spawn(move || {
            its_id.store(nix::unistd::gettid().as_raw(), Ordering::SeqCst);
            let result = perform(&host, &its_call, domain);
            let ended_at = its_sleep.load(Ordering::SeqCst).then(|| host.clock());
            let _ = tell.send((result, ended_at));
        });
        self.under_way = Some(UnderWay { call, thread_id, has_slept, result });
        self.settle();
        self.returned.take().map(|(result, _)| result)
    }

    /// What follows from a call that has returned.
    fn note(&mut self, call: &Call, result: &Returned) {
        match (call, result) {
            (Call::Socket { .. }, Ok(Reply::File(fd))) => {
                self.sockets.insert(*fd, None);
            }
            (Call::EpollCreate, Ok(Reply::File(fd))) => {
                self.sockets.insert(*fd, None);
            }
            (Call::Accept { .. }, Ok(Reply::Accepted(fd, remote))) => {
                let local = self.locals[remote];
                self.sockets.insert(*fd, Some(FourTuple { local, remote: *remote }));
            }
            (Call::Connect { fd, addr }, Ok(_) | Err(Errno::EINPROGRESS)) => {
                self.learn_port(*fd, *addr);
            }
            (Call::Connect { .. }, Err(Errno::EALREADY | Errno::EISCONN)) => {}
            // The socket may try again.
            (Call::Connect { fd, .. }, Err(_)) => {
                self.sockets.entry(*fd).and_modify(|ends| *ends = None);
            }
            (Call::Close { fd }, Ok(_)) => {
                self.sockets.remove(fd);
            }
            _ => {}
        }
    }

    /// The port that a connection calls from is told by its SYN, as there is no `getsockname`.
    fn learn_port(&mut self, fd: Fd, remote: SocketAddr) {
        if self.sockets.get(&fd).is_none_or(Option::is_some) {
            return;
        }
        let known: Vec<_> = self.sockets.values().flatten().copied().collect();
        let is_it = |packet: &SentPacket| {
            let ends = packet::ends(&packet.packet).filter(|_| packet::is_syn(&packet.packet))?;
            let tuple = FourTuple { local: ends.0, remote: ends.1 };
            (tuple.remote == remote && !known.contains(&tuple)).then_some(tuple)
        };
        // It has left, so nothing waits here.
        let tuple = loop {
            match self.sent.iter().rev().find_map(is_it) {
                Some(tuple) => break tuple,
                None => self.receive(),
            }
        };
        self.sockets.insert(fd, Some(tuple));
    }
}

impl Subject for Player {
    fn now(&self) -> Instant {
        self.now
    }

    fn configure(&mut self, defaults: &Defaults) -> Result<(), String> {
        if self.host.get().is_some() {
            return Err(NO_SYSCTLS.to_owned());
        }
        for (name, value) in &defaults.sysctls {
            write!(self.flags, ",{name}={value}").expect("memory");
        }
        Ok(())
    }

    fn on_packet(&mut self, packet: &Bytes) {
        if let Some((remote, local)) = packet::ends(packet) {
            self.locals.insert(remote, local);
        }
        self.host().netdev_send(packet).expect("it takes any packet");
        self.settle();
    }

    fn call(&mut self, call: Call, may_block: bool) -> Option<Returned> {
        let ends = |fd: &Fd| self.sockets.get(fd).copied().flatten().ok_or(Errno::ENOTCONN);
        match &call {
            Call::Name { fd } => return Some(ends(fd).map(|ends| Reply::Addr(ends.local))),
            Call::PeerName { fd } => return Some(ends(fd).map(|ends| Reply::Addr(ends.remote))),
            _ => {}
        }
        if may_block {
            let connects = match &call {
                Call::Connect { fd, addr } => Some((*fd, *addr)),
                _ => None,
            };
            let returned = self.begin(call);
            if let Some((fd, addr)) = connects.filter(|_| returned.is_none()) {
                self.learn_port(fd, addr);
            }
            return returned;
        }
        let result = perform(&self.host(), &call, self.domain);
        self.note(&call, &result);
        self.settle();
        Some(result)
    }

    fn take_returned(&mut self) -> Option<(Returned, Instant)> {
        self.returned.take()
    }

    fn advance(&mut self, until: Instant) {
        while self.now < until {
            let micros = until.since(self.now).as_nanos().div_ceil(1_000);
            let micros = u32::try_from(micros).unwrap_or(u32::MAX);
            self.host().usleep(micros);
            self.now += Duration::from_micros(micros.into());
            self.settle();
        }
    }

    fn next_moment(&mut self, until: Instant) -> bool {
        let there_is_one = self.now < until;
        self.advance(until);
        there_is_one
    }

    fn toward_packet(&mut self, until: Instant) -> bool {
        if self.now > until {
            return false;
        }
        self.receive();
        self.settle();
        true
    }

    fn toward_return(&mut self, expected: Instant, until: Instant) -> bool {
        if self.now >= until {
            return false;
        }
        self.advance(if self.now < expected { expected } else { until.min(self.now + LATE_STEP) });
        true
    }

    fn take_sent(&mut self) -> Option<SentPacket> {
        self.sent.pop_front()
    }

    fn tells_all(&self) -> bool {
        false
    }

    fn status(&self, _tuple: &FourTuple) -> Option<Summary> {
        None
    }

    fn statuses(&self) -> Vec<Summary> {
        Vec::new()
    }
}

impl Drop for Player {
    /// As the tool ends: what is open is closed by the kernel, the host is freed.
    fn drop(&mut self) {
        for fd in self.sockets.keys() {
            let _ = nix::unistd::close(*fd);
        }
        if let Some(host) = self.host.get() {
            host.free();
        }
    }
}
