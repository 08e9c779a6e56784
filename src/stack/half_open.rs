//! Connections whose handshake is under way: what listeners wait for. A few may stay whole, for most are
//! answered within a round trip; beyond that, once the answer to a SYN has left, a compact entry is all that
//! stays of it, however many there are. An entry becomes a connection again for whatever arrives, and for its
//! timer, one at a time.

use std::collections::VecDeque;
use std::sync::Arc;

use hashbrown::HashTable;
use slab::Slab;

use super::connections::{Connection, Owner};
use super::ends::Ends;
use super::secret::TableHasher;
use super::{FourTuple, ListenerId, Settings, Stack, Summary, Wheel};
use crate::tcp::{self, HalfOpen, Pool, Tcb};
use crate::time::Instant;
use crate::trace::ConnId;

/// Room for so many entries stays when the last of them is gone.
const KEPT: usize = 64;

/// What is kept of one connection.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) id: ConnId,
    pub(super) listener: ListenerId,
    ends: Ends,
    tcp: HalfOpen,
    settings: Option<Arc<Settings>>,
    /// Its timer has run out, and it stands in the queue of those for which that was not acted on.
    is_due: bool,
}

#[derive(Debug)]
pub(super) struct HalfOpens {
    entries: Slab<Entry>,
    by_ends: HashTable<u32>,
    hasher: TableHasher,
    wheel: Wheel,
    due: VecDeque<u32>,
}

impl Entry {
    pub(super) fn tuple(&self) -> FourTuple {
        self.ends.tuple()
    }

    fn config<'a>(&'a self, shared: &'a tcp::Config) -> &'a tcp::Config {
        self.settings.as_ref().map_or(shared, |own| &own.tcp)
    }
}

impl HalfOpens {
    pub(super) fn new(hasher: TableHasher) -> Self {
        HalfOpens {
            entries: Slab::new(),
            by_ends: HashTable::new(),
            hasher,
            wheel: Wheel::new(),
            due: VecDeque::new(),
        }
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(super) fn find(&self, tuple: &FourTuple) -> Option<u32> {
        if self.entries.is_empty() {
            return None;
        }
        let ends = Ends::from(tuple);
        let is_it = |key: &u32| self.at(*key).ends == ends;
        self.by_ends.find(self.hasher.hash(tuple), is_it).copied()
    }

    pub(super) fn at(&self, key: u32) -> &Entry {
        &self.entries[key as usize]
    }

    /// Entries are in places below this.
    pub(super) fn places(&self) -> usize {
        self.entries.capacity()
    }

    pub(super) fn holds(&self, key: u32) -> bool {
        self.entries.contains(key as usize)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (u32, &Entry)> {
        let key = |key| u32::try_from(key).expect("the number of connections is limited");
        self.entries.iter().map(move |(at, entry)| (key(at), entry))
    }

    pub(super) fn next_deadline(&self) -> Option<Instant> {
        // Mostly there are none, and this is asked in every round.
        if self.entries.is_empty() { None } else { self.wheel.next_deadline() }
    }

    /// Timers have run out that were not acted on.
    pub(super) fn are_due(&self) -> bool {
        !self.due.is_empty()
    }

    pub(super) fn advance(&mut self, now: Instant) {
        for key in self.wheel.advance(now) {
            let entry = &mut self.entries[key as usize];
            if !std::mem::replace(&mut entry.is_due, true) {
                self.due.push_back(key);
            }
        }
    }

    /// The ends of the next whose timer has run out. Some may be gone since.
    fn next_due(&mut self) -> Option<FourTuple> {
        loop {
            let key = self.due.pop_front()?;
            if let Some(entry) = self.entries.get(key as usize).filter(|entry| entry.is_due) {
                return Some(entry.tuple());
            }
        }
    }

    fn insert(&mut self, entry: Entry, deadline: Option<Instant>) {
        let hash = self.hasher.hash(&entry.tuple());
        let key = u32::try_from(self.entries.insert(entry)).expect("their number is limited");
        let HalfOpens { entries, by_ends, hasher, wheel, .. } = self;
        let hash_of = |key: &u32| hasher.hash(&entries[*key as usize].tuple());
        by_ends.insert_unique(hash, key, hash_of);
        if let Some(deadline) = deadline {
            wheel.set(key, deadline);
        }
    }

    fn remove(&mut self, key: u32) -> Entry {
        self.wheel.remove(key);
        let entry = self.entries.remove(key as usize);
        let hash = self.hasher.hash(&entry.tuple());
        let place = self.by_ends.find_entry(hash, |at| *at == key);
        place.expect("every entry is in the table").remove();
        if self.entries.is_empty() && self.entries.capacity() > KEPT {
            self.entries = Slab::new();
            self.by_ends = HashTable::new();
            self.wheel.shrink();
            self.due.shrink_to_fit();
        }
        entry
    }
}

impl Stack {
    /// A half-open connection has fallen silent: unless it is one of a few, an entry is all that stays. Says
    /// whether that is so.
    pub(super) fn rest_half_open(&mut self, slot: u32, deadline: Option<Instant>) -> bool {
        if self.connections.half_open() <= self.config.whole_handshakes {
            return false;
        }
        let config = self.own_settings.of(slot).map_or(&self.config.tcp, |own| &own.tcp);
        let connection = self.connections.at(slot);
        let Owner::HalfOpen(listener) = connection.owner() else { return false };
        let Connection { id, tuple, tcb, .. } = connection;
        let Some(tcp) = HalfOpen::compact(tcb, config) else { return false };
        let (id, ends) = (*id, Ends::from(&*tuple));
        let settings = self.own_settings.take(slot);
        self.give_back(slot);
        let entry = Entry { id, listener, ends, tcp, settings, is_due: false };
        self.half_opens.insert(entry, deadline);
        true
    }

    /// Makes a connection of the entry for these two ends, if there is one: something has come for it.
    pub(super) fn expand_half_open(&mut self, tuple: &FourTuple) -> Option<u32> {
        let key = self.half_opens.find(tuple)?;
        let Entry { id, listener, tcp, settings, .. } = self.half_opens.remove(key);
        let owner = Owner::HalfOpen(listener);
        Some(self.insert_half_open(id, *tuple, &tcp, owner, settings))
    }

    /// A connection of what is known of it.
    pub(super) fn insert_half_open(
        &mut self,
        id: ConnId,
        tuple: FourTuple,
        tcp: &HalfOpen,
        owner: Owner,
        settings: Option<Arc<Settings>>,
    ) -> u32 {
        let config = settings.as_ref().map_or(&self.config.tcp, |own| &own.tcp);
        let offset = self.secret.timestamp_offset(tuple.local.ip(), tuple.remote.ip());
        let tcb = tcp.expand(offset, config, &mut self.pool);
        self.take_on(id, tuple, tcb, owner, settings)
    }

    /// Acts on the timer of one entry, if any has run out. There may be many: so they become connections one
    /// after the other, each when what the one before has to say has left.
    pub(super) fn next_half_open_timeout(&mut self, now: Instant) -> bool {
        let Some(tuple) = self.half_opens.next_due() else { return false };
        let slot = self.expand_half_open(&tuple).expect("it is there");
        let (connection, mut cx) = self.with_context(slot, now);
        connection.tcb.on_timeout(&mut cx);
        self.after_input(slot, now);
        true
    }

    /// The listener is gone: so are those that wait for it.
    pub(super) fn abandon_half_opens(&mut self, id: ListenerId, now: Instant) {
        let of_it = self.half_opens.iter().filter(|(_, entry)| entry.listener == id);
        let orphans: Vec<FourTuple> = of_it.map(|(_, entry)| entry.tuple()).collect();
        for tuple in orphans {
            let slot = self.expand_half_open(&tuple).expect("it is there");
            self.abandon(slot, now);
        }
    }

    /// STATUS of an entry.
    pub(super) fn summary_of_half_open(&self, key: u32, now: Instant) -> Summary {
        let entry = self.half_opens.at(key);
        let FourTuple { local, remote } = entry.tuple();
        let offset = self.secret.timestamp_offset(local.ip(), remote.ip());
        let config = entry.config(&self.config.tcp);
        let tcb: Tcb = entry.tcp.expand(offset, config, &mut Pool::new());
        Summary { id: entry.id, local, remote, status: tcb.status(now, config) }
    }
}
