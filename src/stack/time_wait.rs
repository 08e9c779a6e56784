//! Connections in `TIME_WAIT` that nobody holds any more: compact entries, as many as are allowed. They stand
//! in the order in which their waits end, which is the order in which they come, for all wait equally long.
//!
//! An entry is expanded into a connection when a segment arrives for it, and comes back when that has said
//! what it has to say. Only its end needs no connection: nothing is ever sent then.

use std::sync::Arc;

use hashbrown::HashTable;

use super::connections::{Connection, Owner};
use super::ends::Ends;
use super::secret::TableHasher;
use super::settings::OwnSettings;
use super::{FourTuple, Settings, Stack, Summary};
use crate::tcp::{Context, Tcb, TimeWait};
use crate::time::Instant;
use crate::trace::{ConnId, Mask, What};

/// Entries are allocated by so many: nothing is ever moved, and at most one page is half empty.
const PAGE: usize = 64;
/// An entry whose wait ends before that of so many others waits as long as the youngest: its place is not looked
/// for any further.
const MOST_STEPS: usize = 256;
const NONE: u32 = u32::MAX;

/// What is kept of one connection.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) id: ConnId,
    until: Instant,
    /// Its neighbours in the order of their ends. Of a free entry, `younger` is the next free one, and
    /// `older` itself.
    older: u32,
    younger: u32,
    ends: Ends,
    tcp: TimeWait,
}

#[derive(Debug)]
pub(super) struct TimeWaits {
    pages: Vec<Vec<Entry>>,
    free: u32,
    len: usize,
    oldest: u32,
    youngest: u32,
    by_ends: HashTable<u32>,
    hasher: TableHasher,
    /// Of those that do not share the stack's.
    settings: OwnSettings,
}

impl Entry {
    pub(super) fn tuple(&self) -> FourTuple {
        self.ends.tuple()
    }
}

impl TimeWaits {
    pub(super) fn new(hasher: TableHasher) -> Self {
        TimeWaits {
            pages: Vec::new(),
            free: NONE,
            len: 0,
            oldest: NONE,
            youngest: NONE,
            by_ends: HashTable::new(),
            hasher,
            settings: OwnSettings::default(),
        }
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    pub(super) fn find(&self, tuple: &FourTuple) -> Option<u32> {
        if self.len == 0 {
            return None;
        }
        let ends = Ends::from(tuple);
        let is_it = |key: &u32| self.at(*key).ends == ends;
        self.by_ends.find(self.hasher.hash(tuple), is_it).copied()
    }

    pub(super) fn at(&self, key: u32) -> &Entry {
        &self.pages[key as usize / PAGE][key as usize % PAGE]
    }

    /// Entries are in places below this.
    pub(super) fn places(&self) -> usize {
        let full = self.pages.len().saturating_sub(1) * PAGE;
        full + self.pages.last().map_or(0, Vec::len)
    }

    pub(super) fn holds(&self, key: u32) -> bool {
        self.at(key).older != key
    }

    /// When the first wait ends.
    pub(super) fn next_deadline(&self) -> Option<Instant> {
        self.oldest().map(|key| self.at(key).until)
    }

    /// The entry that leaves first.
    fn oldest(&self) -> Option<u32> {
        (self.len > 0).then_some(self.oldest)
    }

    /// From the oldest to the youngest.
    pub(super) fn iter(&self) -> impl Iterator<Item = (u32, &Entry)> {
        let next = |key: &u32| Some(self.at(*key).younger).filter(|key| *key != NONE);
        std::iter::successors(self.oldest(), next).map(|key| (key, self.at(key)))
    }

    /// The end of the wait of an entry that would end then: later, if its place is not near the youngest. 2 MSL is
    /// the least that it has to wait (RFC 9293 3.6.1, MUST-13).
    fn end_in_order(&self, until: Instant) -> Instant {
        if self.place(until).is_some() { until } else { self.at(self.youngest).until }
    }

    /// The entry behind which one belongs that ends then.
    fn place(&self, until: Instant) -> Option<u32> {
        let mut at = self.youngest;
        for _ in 0..MOST_STEPS {
            if at == NONE || self.at(at).until <= until {
                return Some(at);
            }
            at = self.at(at).older;
        }
        None
    }

    fn insert(
        &mut self,
        id: ConnId,
        tuple: &FourTuple,
        settings: Option<Arc<Settings>>,
        (tcp, until): (TimeWait, Instant),
    ) {
        let older = self.place(until).expect("the caller has asked");
        let younger = if older == NONE { self.oldest } else { self.at(older).younger };
        let entry = Entry { id, until, older, younger, ends: Ends::from(tuple), tcp };
        let key = self.store(entry);
        *self.younger_of(older) = key;
        *self.older_of(younger) = key;
        self.len += 1;
        if let Some(settings) = settings {
            self.settings.set(key, settings);
        }
        let TimeWaits { pages, by_ends, hasher, .. } = self;
        let hash_of = |key: &u32| {
            hasher.hash(&pages[*key as usize / PAGE][*key as usize % PAGE].ends.tuple())
        };
        by_ends.insert_unique(hasher.hash(tuple), key, hash_of);
    }

    fn store(&mut self, entry: Entry) -> u32 {
        if self.free != NONE {
            let key = self.free;
            let place = self.at_mut(key);
            let next = place.younger;
            *place = entry;
            self.free = next;
            return key;
        }
        if self.pages.last().is_none_or(|page| page.len() == PAGE) {
            self.pages.push(Vec::with_capacity(PAGE));
        }
        let before = (self.pages.len() - 1) * PAGE;
        let page = self.pages.last_mut().expect("one was just added");
        page.push(entry);
        u32::try_from(before + page.len() - 1).expect("their number is limited")
    }

    fn remove(&mut self, key: u32) -> (FourTuple, Option<Arc<Settings>>) {
        let (tuple, older, younger) =
            (self.at(key).tuple(), self.at(key).older, self.at(key).younger);
        let entry = self.by_ends.find_entry(self.hasher.hash(&tuple), |at| *at == key);
        entry.expect("every entry is in the table").remove();
        *self.younger_of(older) = younger;
        *self.older_of(younger) = older;
        self.at_mut(key).older = key;
        self.at_mut(key).younger = self.free;
        self.free = key;
        self.len -= 1;
        let settings = self.settings.take(key);
        if self.len == 0 {
            self.shrink();
        }
        (tuple, settings)
    }

    /// The last has gone: of the room of a crowd one page stays.
    fn shrink(&mut self) {
        self.pages.truncate(1);
        self.pages.iter_mut().for_each(Vec::clear);
        self.pages.shrink_to_fit();
        self.free = NONE;
        if self.by_ends.capacity() > 2 * PAGE {
            self.by_ends = HashTable::new();
        }
    }

    fn at_mut(&mut self, key: u32) -> &mut Entry {
        &mut self.pages[key as usize / PAGE][key as usize % PAGE]
    }

    /// Where it stands which entry is next to `key`, on the side of the younger ones.
    fn younger_of(&mut self, key: u32) -> &mut u32 {
        if key == NONE { &mut self.oldest } else { &mut self.at_mut(key).younger }
    }

    fn older_of(&mut self, key: u32) -> &mut u32 {
        if key == NONE { &mut self.youngest } else { &mut self.at_mut(key).older }
    }
}

impl Stack {
    /// A connection in `TIME_WAIT` that nobody holds has fallen silent: an entry is all that stays, if it has a
    /// place. Says whether that is so.
    pub(super) fn rest_in_time_wait(&mut self, slot: u32, now: Instant) -> bool {
        let Some(until) = self.connections.at(slot).tcb.rests_until() else { return false };
        if self.config.max_time_waits == 0 {
            return false;
        }
        let until = self.time_waits.end_in_order(until);
        let Connection { id, tuple, tcb, .. } = self.connections.at(slot);
        let (id, tuple, tcp) = (*id, *tuple, TimeWait::compact(tcb, until));
        if self.time_waits.len() >= self.config.max_time_waits {
            self.cut_oldest_short(now);
        }
        let settings = self.own_settings.take(slot);
        self.give_back(slot);
        self.time_waits.insert(id, &tuple, settings, (tcp, until));
        true
    }

    /// Makes a connection of the entry for these two ends, if there is one: something has come for it.
    pub(super) fn expand_time_wait(&mut self, tuple: &FourTuple) -> Option<u32> {
        let key = self.time_waits.find(tuple)?;
        let tcb = self.tcb_in_time_wait(key);
        let id = self.time_waits.at(key).id;
        let (tuple, settings) = self.time_waits.remove(key);
        let slot = self.connections.insert(id, tuple, tcb, Owner::Nobody).slot;
        if let Some(settings) = settings {
            self.own_settings.set(slot, settings);
        }
        Some(slot)
    }

    /// The waits that are over end.
    pub(super) fn end_time_waits(&mut self, now: Instant) {
        while self.time_waits.next_deadline().is_some_and(|until| until <= now) {
            self.end_oldest(now, Tcb::on_timeout);
        }
    }

    /// There are too many: the one that has waited longest has to do with less (RFC 9293 3.6.1 wants 2 MSL;
    /// what holds without them is written in docs/attacks.md).
    fn cut_oldest_short(&mut self, now: Instant) {
        self.counters.time_waits_cut_short += 1;
        self.end_oldest(now, Tcb::cut_short);
    }

    fn end_oldest(&mut self, now: Instant, end: impl FnOnce(&mut Tcb, &mut Context<'_>)) {
        let Some(key) = self.time_waits.oldest() else { return };
        let mut tcb = self.tcb_in_time_wait(key);
        let conn = self.time_waits.at(key).id;
        let (_, settings) = self.time_waits.remove(key);
        let config = settings.as_ref().map_or(&self.config.tcp, |own| &own.tcp);
        let (tracer, pool) = (&mut self.tracer, &mut self.pool);
        end(&mut tcb, &mut Context { now, config, conn, tracer, pool });
        self.raise(conn, now, Mask::CONNECTIONS, || What::Removed);
    }

    fn tcb_in_time_wait(&self, key: u32) -> Tcb {
        let entry = self.time_waits.at(key);
        let tuple = entry.tuple();
        let offset = self.secret.timestamp_offset(tuple.local.ip(), tuple.remote.ip());
        let own = self.time_waits.settings.of(key);
        let config = own.map_or(&self.config.tcp, |own| &own.tcp);
        entry.tcp.expand(entry.until, offset, config)
    }

    /// STATUS of an entry.
    pub(super) fn summary_of_time_wait(&self, key: u32, now: Instant) -> Summary {
        let entry = self.time_waits.at(key);
        let FourTuple { local, remote } = entry.tuple();
        let own = self.time_waits.settings.of(key);
        let config = own.map_or(&self.config.tcp, |own| &own.tcp);
        let status = self.tcb_in_time_wait(key).status(now, config);
        Summary { id: entry.id, local, remote, status }
    }
}
