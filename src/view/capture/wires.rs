//! Captures of a virtual network: each packet stands there once, when it was sent, with what it meant at both
//! ends.
//!
//! What a host tells of its packets is put together as for a capture of one stack, and what the wire did with a
//! packet leads from the one that left to the one that came.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;

use super::super::words;
use super::entry::Entry;
use super::join::Join;
use super::octets::Octets;
use super::writer::{Record, Writer};
use super::{Capture, comment};
use crate::sim::{self, HostId, Observed, World};
use crate::time::Instant;
use crate::trace::{Event, Mask, Sink, Way};

/// A host of a virtual network, for a capture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CapturedHost {
    /// What it is called in comments.
    pub name: String,
    /// The direction that its packets have in the file.
    pub sends: Way,
}

/// A capture of the wires between some hosts, which have to tell of what becomes of their packets
/// ([`World::tell_fates`]). It is complete when this is gone.
#[derive(Debug)]
pub struct WireCapture {
    hosts: Vec<(CapturedHost, Join)>,
    /// What the wires were given, and no host has told of yet.
    carried: Vec<Flight>,
    /// In the order in which packets left.
    waiting: VecDeque<Waiting>,
    writer: Arc<Writer>,
    now: Instant,
}

#[derive(Debug)]
enum Waiting {
    Flight(Box<Flight>),
    /// What goes no further, or came from nowhere.
    Ready(Box<Record>),
}

/// A packet on a wire.
#[derive(Debug)]
struct Flight {
    from: usize,
    to: usize,
    at: Instant,
    packet: Bytes,
    fate: sim::Fate,
    /// What is still to arrive of it.
    coming: Vec<Bytes>,
    /// As the sender tells of it.
    left: Option<Entry>,
    /// As the receiver tells of it.
    came: Vec<Entry>,
}

impl Capture {
    /// For what `hosts` send each other.
    #[must_use]
    pub fn of_wires(&self, hosts: Vec<CapturedHost>) -> WireCapture {
        self.0.add_sink();
        WireCapture {
            hosts: hosts.into_iter().map(|host| (host, Join::new(true))).collect(),
            carried: Vec::new(),
            waiting: VecDeque::new(),
            writer: Arc::clone(&self.0),
            now: Instant::ZERO,
        }
    }
}

impl WireCapture {
    /// The kinds of events that it is to be told.
    pub const WANTED: Mask = super::WANTED;

    /// Is told from now on what those hosts of a world do that it is for, in their order.
    ///
    /// # Panics
    ///
    /// When `hosts` are not as many.
    pub fn watch(self, world: &mut World, hosts: &[HostId]) {
        assert_eq!(self.hosts.len(), hosts.len(), "it knows what each of them is called");
        let shared = Arc::new(Mutex::new(self));
        for (index, host) in hosts.iter().enumerate() {
            world.tell_fates(*host);
            let capture = Arc::clone(&shared);
            world.add_sink(*host, Box::new(HostSink { capture, index }));
        }
        let known = hosts.to_vec();
        world.observe(move |seen| {
            let place = |host| known.iter().position(|known| *known == host);
            if let Some((from, to)) = place(seen.from).zip(place(seen.to)) {
                lock(&shared).on_sent(from, to, seen);
            }
        });
    }

    /// Something happened at a host.
    pub fn on_event(&mut self, host: usize, event: &Event) {
        if self.writer.is_open() {
            self.now = event.at;
            self.join(host, |join, out| join.on_event(event, out));
        }
    }

    /// All that has happened at a host until now has been told.
    pub fn on_settled(&mut self, host: usize) {
        self.join(host, Join::settle);
        // What a sender tells nothing of stands there without its words.
        let now = self.now;
        for flight in self.carried.extract_if(.., |flight| flight.at < now) {
            self.waiting.push_back(Waiting::Flight(Box::new(flight)));
        }
        self.write();
    }

    /// A wire was given a packet, of which the sender tells next.
    pub fn on_sent(&mut self, from: usize, to: usize, seen: &Observed<'_>) {
        if !self.writer.is_open() {
            return;
        }
        self.carried.push(Flight {
            from,
            to,
            at: seen.at,
            packet: seen.packet.clone(),
            fate: seen.fate,
            coming: seen.arrivals.iter().map(|(_, packet)| packet.clone()).collect(),
            left: None,
            came: Vec::new(),
        });
    }

    fn join(&mut self, host: usize, tell: impl FnOnce(&mut Join, super::join::Out<'_>)) {
        let mut entries = Vec::new();
        tell(&mut self.hosts[host].1, &mut |entry| entries.push(entry));
        for entry in entries {
            match entry.way {
                Way::Tx => self.on_left(host, entry),
                Way::Rx => self.on_came(host, entry),
            }
        }
    }

    fn on_left(&mut self, host: usize, entry: Entry) {
        let goes_on = entry.fate.as_ref().filter(|_| !entry.is_lost()).map(|fate| &fate.octets);
        let found = goes_on.and_then(|octets| {
            let is_it = |flight: &Flight| flight.from == host && is_same(&flight.packet, octets);
            self.carried.iter().position(is_it)
        });
        self.waiting.push_back(match found {
            Some(place) => {
                let flight = self.carried.remove(place);
                Waiting::Flight(Box::new(Flight { left: Some(entry), ..flight }))
            }
            None => {
                let mut parts: Vec<String> = entry.struck().into_iter().collect();
                parts.push(self.sender_words(host, &entry));
                self.ready(host, &entry, &parts)
            }
        });
    }

    fn on_came(&mut self, host: usize, entry: Entry) {
        let came = came(&entry);
        let flights = self.waiting.iter_mut().filter_map(|waiting| match waiting {
            Waiting::Flight(flight) if flight.to == host => Some(flight),
            Waiting::Flight(_) | Waiting::Ready(_) => None,
        });
        let mut again = None;
        for flight in flights {
            if let Some(place) = flight.coming.iter().position(|octets| is_same(octets, &came)) {
                flight.coming.remove(place);
                flight.came.push(entry);
                return;
            }
            if flight.came.iter().any(|before| is_same(&self::came(before), &came)) {
                again = again.or(Some(flight));
            }
        }
        if let Some(flight) = again {
            return flight.came.push(entry);
        }
        let mut parts = vec!["from nowhere".to_owned()];
        parts.push(self.receiver_words(host, &entry, None));
        // It comes from the others.
        let sender = (0..self.hosts.len()).find(|other| *other != host).unwrap_or(host);
        let ready = self.ready(sender, &entry, &parts);
        self.waiting.push_back(ready);
    }

    fn ready(&self, sender: usize, entry: &Entry, parts: &[String]) -> Waiting {
        Waiting::Ready(Box::new(Record {
            at: entry.passed,
            way: self.hosts[sender].0.sends,
            is_lost: entry.is_lost(),
            octets: entry.octets(),
            comment: comment::joined(parts),
        }))
    }

    fn sender_words(&self, host: usize, entry: &Entry) -> String {
        let name = &self.hosts[host].0.name;
        format!("{name}: {}", entry.told().collect::<Vec<_>>().join(" | "))
    }

    /// `left` is when it was sent.
    fn receiver_words(&self, host: usize, entry: &Entry, left: Option<Instant>) -> String {
        let name = &self.hosts[host].0.name;
        let took = left.map(|left| entry.at.since(left)).filter(|took| !took.is_zero());
        let later = took.map_or(String::new(), |took| format!(" {} later", words::span(took)));
        format!("{name}{later}: {}", entry.words().join(" | "))
    }

    /// Writes what is complete.
    fn write(&mut self) {
        while let Some(first) = self.waiting.front() {
            let is_complete = match first {
                Waiting::Flight(flight) => flight.coming.is_empty(),
                Waiting::Ready(_) => true,
            };
            if !is_complete {
                return;
            }
            self.write_first();
        }
    }

    fn write_first(&mut self) {
        let record = match self.waiting.pop_front() {
            Some(Waiting::Flight(flight)) => self.record(&flight),
            Some(Waiting::Ready(record)) => *record,
            None => return,
        };
        self.writer.write(record);
    }

    fn record(&self, flight: &Flight) -> Record {
        let Flight { from, to, at, packet, fate, coming, left, came } = flight;
        let mut parts = Vec::new();
        if let Some(left) = left {
            parts.extend(left.struck());
            parts.push(self.sender_words(*from, left));
        }
        parts.extend(on_the_way(*fate).map(str::to_owned));
        parts.extend(came.iter().map(|entry| self.receiver_words(*to, entry, Some(*at))));
        if !coming.is_empty() {
            parts.push("on its way, or held back by a fault, at the end".to_owned());
        }
        let arrived = came.iter().find(|entry| !entry.is_lost());
        Record {
            at: *at,
            way: self.hosts[*from].0.sends,
            is_lost: arrived.is_none(),
            octets: arrived.map_or_else(|| Octets::Plain(packet.clone()), Entry::octets),
            comment: comment::joined(&parts),
        }
    }
}

/// What is on its way now never arrives.
impl Drop for WireCapture {
    fn drop(&mut self) {
        for host in 0..self.hosts.len() {
            self.join(host, Join::end);
        }
        while !self.waiting.is_empty() {
            self.write_first();
        }
    }
}

/// The packet as the wire gave it to the host.
fn came(entry: &Entry) -> Bytes {
    match (&entry.fate, &entry.octets) {
        (Some(fate), _) => fate.came.clone(),
        (None, Octets::Received(packet)) => packet.octets.clone(),
        (None, Octets::Sent(frame)) => frame.to_bytes(),
        (None, Octets::Plain(octets)) => octets.clone(),
    }
}

/// Whether they lie in the same place in memory: a copy would be another packet.
fn is_same(one: &Bytes, other: &Bytes) -> bool {
    one.as_ptr() == other.as_ptr() && one.len() == other.len()
}

/// What a wire did with a packet, besides carrying it.
fn on_the_way(fate: sim::Fate) -> impl Iterator<Item = &'static str> {
    let found = match fate {
        sim::Fate::Lost => [Some("lost on the way"), None, None, None],
        sim::Fate::QueueFull => [Some("dropped: the queue was full"), None, None, None],
        sim::Fate::Carried { delayed, doubled, corrupted, marked, .. } => [
            delayed.then_some("held up on the way"),
            doubled.then_some("doubled on the way"),
            corrupted.then_some("corrupted on the way"),
            marked.then_some("marked on the way (CE)"),
        ],
    };
    found.into_iter().flatten()
}

fn lock(capture: &Mutex<WireCapture>) -> MutexGuard<'_, WireCapture> {
    capture.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What one host tells.
#[derive(Debug)]
struct HostSink {
    capture: Arc<Mutex<WireCapture>>,
    index: usize,
}

impl Sink for HostSink {
    fn wanted(&self) -> Mask {
        WireCapture::WANTED
    }

    fn record(&mut self, event: &Event) {
        lock(&self.capture).on_event(self.index, event);
    }

    fn settle(&mut self) {
        lock(&self.capture).on_settled(self.index);
    }
}
