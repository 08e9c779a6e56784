//! The world: its clock, its agenda, and how one moment leads to the next.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use bytes::Bytes;

use super::agenda::{Agenda, What};
use super::app::{App, Running};
use super::host::{Alarm, Host, HostId};
use super::random::Random;
use super::wire::{Lane, Observed, Wire};
use crate::device::fault::Faults;
use crate::engine::Engine;
use crate::error::Error;
use crate::stack::ListenerId;
use crate::time::Instant;
use crate::trace::{Sink, Way};
use crate::wire::ip;

/// Rounds without any progress of time, and packets that one host sends at one moment, before the
/// world is called stuck.
const MOST_ROUNDS: u32 = 10_000;
const MOST_AT_ONCE: u32 = 100_000;

/// Why [`World::run`] came back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ended {
    /// There is nothing left to do: no packet on its way, no timer, nobody who wants to be woken.
    Quiet,
    /// The limit of virtual time was reached.
    TimeLimit,
    /// Things go on happening and time does not move: a defect of an engine or an application.
    Stuck {
        /// On this host.
        host: HostId,
        /// How it shows.
        why: &'static str,
    },
}

type Observer = Box<dyn FnMut(&Observed<'_>)>;

/// A virtual network.
pub struct World {
    now: Instant,
    agenda: Agenda,
    hosts: Vec<Host>,
    lanes: Vec<Lane>,
    random: Random,
    observers: Vec<Observer>,
    checks: bool,
    /// Hosts to which something happened at this moment.
    touched: Vec<bool>,
}

/// Making a world.
impl World {
    /// An empty world; `seed` decides about everything that its wires leave to chance.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        World {
            now: Instant::ZERO,
            agenda: Agenda::default(),
            hosts: Vec::new(),
            lanes: Vec::new(),
            random: Random::new(seed),
            observers: Vec::new(),
            checks: false,
            touched: Vec::new(),
        }
    }

    /// Sets the clock before anything has happened, for sequence numbers and timestamps come from it.
    ///
    /// # Panics
    ///
    /// When it would go backwards.
    pub fn start_at(&mut self, now: Instant) {
        assert!(self.now <= now, "time goes forward only");
        self.now = now;
    }

    /// Checks the invariants of the engines after everything that happens to them. Off by default: it
    /// costs time.
    pub fn check_invariants(&mut self, checks: bool) {
        self.checks = checks;
    }

    /// Adds a host that answers to `addr`, as its engine has to.
    pub fn add_host(&mut self, name: &str, addr: IpAddr, engine: Box<dyn Engine>) -> HostId {
        self.hosts.push(Host::new(name, addr, engine));
        self.touched.push(false);
        HostId(self.hosts.len() - 1)
    }

    /// Joins two hosts, with a wire each way. A host with several links sends each packet to the host
    /// that has its destination address, and what it cannot place by the first.
    pub fn link(&mut self, one: HostId, other: HostId, there: Wire, back: Wire) {
        self.join(&[one], &[other], there, back);
    }

    /// Joins each host of one side with each of the other by wires that they share, one each way: what
    /// one of them sends waits in the same queue as what its neighbours send.
    pub fn join(&mut self, left: &[HostId], right: &[HostId], there: Wire, back: Wire) {
        for (from, to, wire) in [(left, right, there), (right, left, back)] {
            let random = self.random.fork();
            for host in from {
                self.hosts[host.0].lanes.push(self.lanes.len());
            }
            self.lanes.push(Lane::new(from, to, wire, random));
        }
    }

    /// Changes the wire from one host to another. What is on its way already goes on as it was.
    pub fn set_wire(&mut self, from: HostId, to: HostId, wire: Wire) {
        self.lane(from, to).wire = wire;
    }

    /// Shows every packet to `observer` when it is sent, with what becomes of it.
    pub fn observe(&mut self, observer: impl FnMut(&Observed<'_>) + 'static) {
        self.observers.push(Box::new(observer));
    }

    /// Puts faults between a host and its wires: `tx` is what the host sends. Its sinks are told what they
    /// strike.
    pub fn set_faults(&mut self, host: HostId, faults: Faults) {
        let before = self.hosts[host.0].faults.replace(faults);
        if before.is_some_and(|before| before.tells_fates()) {
            self.tell_fates(host);
        }
    }

    /// Has the sinks of a host told what becomes of packets between its engine and its wires: of each that
    /// leaves, and of those that come and are struck by a fault. For captures.
    pub fn tell_fates(&mut self, host: HostId) {
        let host = &mut self.hosts[host.0];
        let faults = host.faults.take().unwrap_or_else(|| Faults::new(Vec::new(), 0));
        host.faults = Some(faults.telling_fates());
    }

    /// Hands the events of a host's engine to `sink`. Which are raised is a setting of the engine.
    pub fn add_sink(&mut self, host: HostId, sink: Box<dyn Sink>) {
        self.hosts[host.0].sinks.push(sink);
    }
}

/// Setting hosts to work.
impl World {
    /// Listens; each connection is given to an application that `make` makes.
    ///
    /// # Errors
    ///
    /// As [`Engine::listen`].
    pub fn listen(
        &mut self,
        host: HostId,
        local: SocketAddr,
        backlog: usize,
        make: impl FnMut() -> Box<dyn App> + 'static,
    ) -> Result<ListenerId, Error> {
        let host = &mut self.hosts[host.0];
        let id = host.engine.listen(local, backlog)?;
        host.listeners.insert(id, Box::new(make));
        Ok(id)
    }

    /// Connects now and gives the connection to `app`. Returns the application's place among those of
    /// its host.
    ///
    /// # Errors
    ///
    /// As [`Engine::connect`].
    pub fn connect(
        &mut self,
        host: HostId,
        remote: SocketAddr,
        app: Box<dyn App>,
    ) -> Result<usize, Error> {
        self.connect_from(host, None, remote, app)
    }

    /// As [`World::connect`], from this address and port: so two hosts can call each other.
    ///
    /// # Errors
    ///
    /// As [`Engine::connect`].
    pub fn connect_from(
        &mut self,
        host: HostId,
        local: Option<SocketAddr>,
        remote: SocketAddr,
        app: Box<dyn App>,
    ) -> Result<usize, Error> {
        let handle = self.hosts[host.0].engine.connect(local, remote, self.now)?;
        let index = self.hosts[host.0].start(app, handle);
        self.with_alarms(host, |host, now, alarms| host.call(index, now, alarms));
        Ok(index)
    }

    /// Connects at a later moment. When that fails then, nothing happens.
    pub fn connect_at(&mut self, at: Instant, host: HostId, remote: SocketAddr, app: Box<dyn App>) {
        self.agenda.add(at, host, What::Connect { remote, app });
    }

    /// Does something to a host's engine now, outside of any application.
    pub fn with_engine<T>(
        &mut self,
        host: HostId,
        act: impl FnOnce(&mut dyn Engine, Instant) -> T,
    ) -> T {
        self.touched[host.0] = true;
        act(&mut *self.hosts[host.0].engine, self.now)
    }

    /// A host loses its memory, connections, listeners and applications, and begins anew with this engine.
    pub fn restart(&mut self, host: HostId, engine: Box<dyn Engine>) {
        self.hosts[host.0].restart(engine);
        self.touched[host.0] = true;
    }

    /// Lets a packet arrive at a host now, from nowhere.
    pub fn inject(&mut self, host: HostId, packet: Bytes) {
        self.agenda.add(self.now, host, What::Arrival(packet));
    }
}

/// Looking at it.
impl World {
    /// The present moment.
    #[must_use]
    pub const fn now(&self) -> Instant {
        self.now
    }

    /// A host's engine.
    #[must_use]
    pub fn engine(&self, host: HostId) -> &dyn Engine {
        &*self.hosts[host.0].engine
    }

    /// What a host is called.
    #[must_use]
    pub fn name(&self, host: HostId) -> &str {
        &self.hosts[host.0].name
    }

    /// Octets that wait for the wire from one host to another, or are being sent.
    pub fn queued(&mut self, from: HostId, to: HostId) -> usize {
        let now = self.now;
        self.lane(from, to).waiting(now)
    }

    /// The applications of a host, in the order in which they began.
    pub fn apps(&self, host: HostId) -> impl Iterator<Item = &Running> {
        self.hosts[host.0].apps.iter()
    }
}

/// Running.
impl World {
    /// Goes on from event to event for at most `duration` of virtual time.
    pub fn run(&mut self, duration: Duration) -> Ended {
        let until = self.now + duration;
        let mut rounds = 0;
        loop {
            if let Err(stuck) = self.settle() {
                return stuck;
            }
            let Some((at, host)) = self.next_moment() else { return Ended::Quiet };
            if at > until {
                self.now = until;
                return Ended::TimeLimit;
            }
            rounds = if at > self.now { 0 } else { rounds + 1 };
            if rounds > MOST_ROUNDS {
                return Ended::Stuck { host, why: "events without end at one moment" };
            }
            self.advance(at);
        }
    }

    /// When something happens next, and to whom.
    fn next_moment(&self) -> Option<(Instant, HostId)> {
        let timers = self
            .hosts
            .iter()
            .enumerate()
            .filter_map(|(index, host)| Some((host.next_deadline()?, HostId(index))));
        timers.chain(self.agenda.next()).min().map(|(at, host)| (at.max(self.now), host))
    }

    /// Lets everything happen that is due at `at`. All packets that arrive together are taken in before
    /// anybody answers.
    fn advance(&mut self, at: Instant) {
        self.now = at;
        // What these add to the same moment makes another round of it.
        let count = self.agenda.count();
        while let Some((host, what)) = self.agenda.take_due(at, count) {
            self.happen(host, what);
        }
        self.release_held(at);
        for (host, touched) in self.hosts.iter_mut().zip(&mut self.touched) {
            if host.engine.next_deadline().is_some_and(|deadline| deadline <= at) {
                host.engine.on_timeout(at);
                *touched = true;
            }
        }
    }

    /// Lets go on what faults have held back until now.
    fn release_held(&mut self, at: Instant) {
        for host in (0..self.hosts.len()).map(HostId) {
            let faults = self.hosts[host.0].faults.as_ref();
            if faults.and_then(Faults::next_deadline).is_some_and(|deadline| deadline <= at) {
                self.arrive(host, None);
                self.leave(host, None);
            }
        }
    }

    /// A packet reaches a host, and its engine unless a fault strikes it.
    fn arrive(&mut self, host: HostId, packet: Option<Bytes>) {
        self.touched[host.0] = true;
        for packet in self.hosts[host.0].suffer(Way::Rx, packet, self.now) {
            self.hosts[host.0].engine.on_packet(&packet, self.now);
        }
    }

    /// A packet leaves a host's engine, and reaches a wire unless a fault strikes it.
    fn leave(&mut self, host: HostId, packet: Option<Bytes>) {
        self.touched[host.0] = true;
        for packet in self.hosts[host.0].suffer(Way::Tx, packet, self.now) {
            self.send(host, &packet);
        }
    }

    fn happen(&mut self, host: HostId, what: What) {
        match what {
            What::Arrival(packet) => {
                self.arrive(host, Some(packet));
            }
            What::Alarm(index) => {
                self.with_alarms(host, |host, now, alarms| host.wake(index, now, alarms));
            }
            What::Connect { remote, app } => {
                let _ = self.connect(host, remote, app);
            }
        }
    }

    /// Lets the hosts to which something happened finish this moment: applications, packets, events.
    fn settle(&mut self) -> Result<(), Ended> {
        for index in 0..self.hosts.len() {
            if std::mem::take(&mut self.touched[index]) {
                let host = HostId(index);
                self.settle_host(host)?;
                self.hosts[index].report(self.now);
                if self.checks {
                    self.hosts[index].engine.check_invariants();
                }
            }
        }
        Ok(())
    }

    fn settle_host(&mut self, host: HostId) -> Result<(), Ended> {
        let mut sent = 0;
        for _ in 0..MOST_ROUNDS {
            let mut idle = true;
            idle &= !self.with_alarms(host, Host::dispatch);
            while let Some(frame) = self.hosts[host.0].poll_output(self.now) {
                self.leave(host, Some(frame.to_bytes()));
                idle = false;
                sent += 1;
                if sent > MOST_AT_ONCE {
                    return Err(Ended::Stuck { host, why: "packets without end at one moment" });
                }
            }
            if idle {
                self.touched[host.0] = false;
                return Ok(());
            }
        }
        Err(Ended::Stuck { host, why: "readiness without end at one moment" })
    }

    fn send(&mut self, from: HostId, packet: &Bytes) {
        let Some((lane, to)) = self.route(from, packet) else { return };
        let now = self.now;
        let lane = &mut self.lanes[lane];
        let waiting = lane.waiting(now);
        let (fate, arrivals) = lane.carry(packet, now);
        let observed = Observed { at: now, from, to, packet, fate, arrivals: &arrivals, waiting };
        self.observers.iter_mut().for_each(|observer| observer(&observed));
        for (at, packet) in arrivals {
            self.agenda.add(at, to, What::Arrival(packet));
        }
    }

    /// The wire for a packet, and the host at its end.
    fn route(&self, from: HostId, packet: &[u8]) -> Option<(usize, HostId)> {
        let lanes = &self.hosts[from.0].lanes;
        let dst = ip::destination(packet);
        let ends = lanes.iter().flat_map(|lane| self.lanes[*lane].to.iter().map(|to| (*lane, *to)));
        let leads_there = |(_, to): &(usize, HostId)| Some(self.hosts[to.0].addr) == dst;
        ends.clone().find(leads_there).or(ends.clone().next())
    }

    fn lane(&mut self, from: HostId, to: HostId) -> &mut Lane {
        let joins = |lane: &&mut Lane| lane.from.contains(&from) && lane.to.contains(&to);
        self.lanes.iter_mut().find(joins).expect("the hosts are linked")
    }

    /// Lets `act` happen to a host, and plans the alarms that come of it.
    fn with_alarms<T>(
        &mut self,
        host: HostId,
        act: impl FnOnce(&mut Host, Instant, &mut Vec<Alarm>) -> T,
    ) -> T {
        self.touched[host.0] = true;
        let mut alarms = Vec::new();
        let result = act(&mut self.hosts[host.0], self.now, &mut alarms);
        for (index, at) in alarms {
            self.agenda.add(at, host, What::Alarm(index));
        }
        result
    }
}
