//! A host: an engine, the applications on it, and where its packets go.

use std::collections::BTreeMap;
use std::net::IpAddr;

use bytes::Bytes;

use super::app::{App, Running, Socket, Step};
use crate::device::fault::Faults;
use crate::engine::Engine;
use crate::stack::{FourTuple, Handle, ListenerId, Ready};
use crate::time::Instant;
use crate::trace::{Event, Fate, Passage, Sink, Strike, Way, What};
use crate::wire::Frame;

/// Names a host of a world: 0, 1, 2 ... in the order in which they were added.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct HostId(pub(super) usize);

impl HostId {
    /// The number.
    #[must_use]
    pub const fn index(self) -> usize {
        self.0
    }
}

/// Makes the application for a connection that was accepted.
pub(super) type MakeApp = Box<dyn FnMut() -> Box<dyn App>>;

pub(super) struct Host {
    pub(super) name: String,
    pub(super) addr: IpAddr,
    pub(super) engine: Box<dyn Engine>,
    pub(super) listeners: BTreeMap<ListenerId, MakeApp>,
    pub(super) apps: Vec<Running>,
    by_handle: BTreeMap<Handle, usize>,
    pub(super) sinks: Vec<Box<dyn Sink>>,
    /// The lanes that leave from here.
    pub(super) lanes: Vec<usize>,
    /// What strikes packets between the engine and the wires.
    pub(super) faults: Option<Faults>,
    /// What became of packets there since the last report, if the faults tell.
    fates: Vec<Fate>,
}

/// An application that wants to be woken: which, and when.
pub(super) type Alarm = (usize, Instant);

impl Host {
    pub(super) fn new(name: &str, addr: IpAddr, engine: Box<dyn Engine>) -> Self {
        Host {
            name: name.to_owned(),
            addr,
            engine,
            listeners: BTreeMap::new(),
            apps: Vec::new(),
            by_handle: BTreeMap::new(),
            sinks: Vec::new(),
            lanes: Vec::new(),
            faults: None,
            fates: Vec::new(),
        }
    }

    /// Forgets everything. The places of applications stay taken, for alarms may name them.
    pub(super) fn restart(&mut self, engine: Box<dyn Engine>) {
        self.engine = engine;
        self.listeners.clear();
        self.by_handle.clear();
        self.apps.iter_mut().for_each(|running| running.is_done = true);
    }

    /// Sets an application to work on a connection.
    pub(super) fn start(&mut self, app: Box<dyn App>, handle: Handle) -> usize {
        let index = self.apps.len();
        self.apps.push(Running { app, handle, wake_at: None, is_done: false });
        self.by_handle.insert(handle, index);
        index
    }

    /// Calls whoever the engine says may have something to do. Says whether there was anybody.
    pub(super) fn dispatch(&mut self, now: Instant, alarms: &mut Vec<Alarm>) -> bool {
        let ready = self.engine.take_ready();
        for entry in &ready {
            match *entry {
                Ready::Connection(handle) => {
                    if let Some(index) = self.by_handle.get(&handle) {
                        self.call(*index, now, alarms);
                    }
                }
                Ready::Listener(id) => self.accept(id, now, alarms),
            }
        }
        !ready.is_empty()
    }

    fn accept(&mut self, id: ListenerId, now: Instant, alarms: &mut Vec<Alarm>) {
        while let Some(handle) = self.engine.accept(id) {
            let make = self.listeners.get_mut(&id).expect("listeners are made by `World::listen`");
            let app = make();
            let index = self.start(app, handle);
            self.call(index, now, alarms);
        }
    }

    /// Calls one application.
    pub(super) fn call(&mut self, index: usize, now: Instant, alarms: &mut Vec<Alarm>) {
        let running = &mut self.apps[index];
        if running.is_done {
            return;
        }
        if running.wake_at.is_some_and(|at| at <= now) {
            running.wake_at = None;
        }
        let handle = running.handle;
        let mut socket = Socket { engine: &mut *self.engine, handle, now };
        match running.app.on_ready(&mut socket) {
            Step::Wait => {}
            Step::WakeAt(at) => {
                if running.wake_at.is_none_or(|before| at < before) {
                    running.wake_at = Some(at);
                    alarms.push((index, at));
                }
            }
            Step::Done => {
                running.is_done = true;
                self.by_handle.remove(&handle);
                self.engine.release(handle, now);
            }
        }
    }

    /// An alarm goes off; one that was overtaken by an earlier call means nothing.
    pub(super) fn wake(&mut self, index: usize, now: Instant, alarms: &mut Vec<Alarm>) {
        if self.apps[index].wake_at.is_some_and(|at| at <= now) {
            self.call(index, now, alarms);
        }
    }

    pub(super) fn poll_output(&mut self, now: Instant) -> Option<Frame> {
        self.engine.poll_output(now)
    }

    /// What becomes of a packet on its way between the engine and the wires; with those that were held back
    /// and are due.
    pub(super) fn suffer(&mut self, way: Way, packet: Option<Bytes>, now: Instant) -> Vec<Bytes> {
        let Some(faults) = &mut self.faults else { return packet.into_iter().collect() };
        if let Some(packet) = packet {
            faults.on_packet(way, packet, now);
        }
        let packets = std::iter::from_fn(|| faults.poll_packet(way, now)).collect();
        self.fates.append(&mut faults.take_fates());
        packets
    }

    /// When something happens here without anybody's doing.
    pub(super) fn next_deadline(&self) -> Option<Instant> {
        let faults = self.faults.as_ref().and_then(Faults::next_deadline);
        self.engine.next_deadline().into_iter().chain(faults).min()
    }

    /// Hands what happened to whoever looks at it: what became of packets before they came here, what the
    /// engine did, and what became of packets that it sent. What struck a segment stands behind it.
    pub(super) fn report(&mut self, now: Instant) {
        let events = self.engine.take_events();
        let strikes = self.faults.as_mut().map(Faults::take_strikes).unwrap_or_default();
        let fates = std::mem::take(&mut self.fates);
        let (came, left): (Vec<_>, Vec<_>) =
            fates.into_iter().partition(|fate| fate.way == Way::Rx);
        let met =
            |fates: Vec<Fate>| fates.into_iter().map(|fate| met(fate, now)).collect::<Vec<_>>();
        self.tell(&met(came));
        self.tell(&events);
        self.tell(&met(left));
        let id_of = |strike: &Strike| {
            let (local, remote) = strike.local.zip(strike.remote)?;
            self.engine.id_of(&FourTuple { local, remote })
        };
        let strikes = strikes.into_iter().map(|strike| Event {
            at: now,
            conn: id_of(&strike),
            what: What::Fault(strike),
        });
        let strikes: Vec<_> = strikes.collect();
        self.tell(&strikes);
    }

    /// As a driver tells its sinks.
    fn tell(&mut self, events: &[Event]) {
        for event in events {
            self.sinks.iter_mut().for_each(|sink| sink.record(event));
        }
        if !events.is_empty() {
            self.sinks.iter_mut().for_each(|sink| sink.settle());
        }
    }
}

fn met(fate: Fate, at: Instant) -> Event {
    Event { at, conn: None, what: What::Packet(Box::new(Passage::Met(fate))) }
}
