//! The table of connections: slots, and the way from a four-tuple to its slot.

use hashbrown::HashTable;
use slab::Slab;

use super::secret::TableHasher;
use super::{FourTuple, Handle, ListenerId};
use crate::tcp::Tcb;
use crate::trace::ConnId;

/// Room for so many connections stays when the last of them is gone.
const KEPT: usize = 1024;

/// One connection and what the stack knows of it besides.
#[derive(Debug)]
pub(super) struct Connection {
    pub(super) id: ConnId,
    pub(super) tuple: FourTuple,
    pub(super) tcb: Tcb,
    owner: Owner,
    generation: u32,
    /// What its queues held when that was booked last, in KiB, rounded up.
    pub(super) booked: u16,
    pub(super) marks: Marks,
}

/// Three answers in one octet: with it and what is booked a connection is no larger than without.
#[derive(Clone, Copy, Debug)]
pub(super) struct Marks(u8);

impl Marks {
    /// It is in the stack's list of those with something to send.
    pub(super) const DIRTY: u8 = 1;
    /// It is in the list for the driver.
    pub(super) const READY_NOTED: u8 = 2;
    /// The four-tuple leads here. Not any more once the connection is CLOSED.
    const MAPPED: u8 = 4;

    /// Sets or clears a mark, and says whether it was set.
    pub(super) const fn replace(&mut self, mark: u8, is_set: bool) -> bool {
        let before = self.0 & mark != 0;
        self.0 = if is_set { self.0 | mark } else { self.0 & !mark };
        before
    }
}

/// Who is responsible for a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Owner {
    /// Its handshake is under way; this listener waits for it.
    HalfOpen(ListenerId),
    /// It waits to be accepted.
    AcceptQueue(ListenerId),
    /// The application holds its handle.
    Application,
    /// The application has let go; it ends by itself.
    Nobody,
}

impl Owner {
    const fn is_half_open(self) -> bool {
        match self {
            Owner::HalfOpen(_) => true,
            Owner::AcceptQueue(_) | Owner::Application | Owner::Nobody => false,
        }
    }
}

#[derive(Debug)]
pub(super) struct Connections {
    slots: Slab<Box<Connection>>,
    /// The slots by the hash of their four-tuples, which the connections themselves hold. Never
    /// iterated: its order is nobody's business.
    by_tuple: HashTable<u32>,
    hasher: TableHasher,
    generations: u32,
    /// How many are half-open.
    half_open: usize,
}

impl Connection {
    pub(super) fn owner(&self) -> Owner {
        self.owner
    }

    /// What its queues hold, in KiB, rounded up.
    pub(super) fn queued_kib(&self) -> u16 {
        u16::try_from(self.tcb.queued().div_ceil(1024)).unwrap_or(u16::MAX)
    }
}

impl Connections {
    pub(super) fn new(hasher: TableHasher) -> Self {
        Connections {
            slots: Slab::new(),
            by_tuple: HashTable::new(),
            hasher,
            generations: 0,
            half_open: 0,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.slots.len()
    }

    /// # Panics
    ///
    /// When the four-tuple is in use: the caller has looked.
    pub(super) fn insert(
        &mut self,
        id: ConnId,
        tuple: FourTuple,
        tcb: Tcb,
        owner: Owner,
    ) -> Handle {
        assert_eq!(self.find(&tuple), None, "{tuple:?} is in use");
        self.half_open += usize::from(owner.is_half_open());
        self.generations = self.generations.wrapping_add(1);
        let generation = self.generations;
        let slot = self.slots.insert(Box::new(Connection {
            id,
            tuple,
            tcb,
            owner,
            generation,
            booked: 0,
            marks: Marks(Marks::MAPPED),
        }));
        let slot = u32::try_from(slot).expect("the number of connections is limited");
        let Connections { slots, by_tuple, hasher, .. } = self;
        let hash_of = |slot: &u32| hasher.hash(&slots[*slot as usize].tuple);
        by_tuple.insert_unique(hasher.hash(&tuple), slot, hash_of);
        Handle { slot, generation }
    }

    pub(super) fn find(&self, tuple: &FourTuple) -> Option<u32> {
        let is_it = |slot: &u32| self.slots[*slot as usize].tuple == *tuple;
        self.by_tuple.find(self.hasher.hash(tuple), is_it).copied()
    }

    pub(super) fn get(&self, handle: Handle) -> Option<&Connection> {
        self.slots
            .get(handle.slot())
            .filter(|connection| connection.generation == handle.generation)
            .map(|connection| &**connection)
    }

    pub(super) fn get_mut(&mut self, handle: Handle) -> Option<&mut Connection> {
        self.slots
            .get_mut(handle.slot())
            .filter(|connection| connection.generation == handle.generation)
            .map(|connection| &mut **connection)
    }

    /// The connection in a slot that is known to be in use.
    pub(super) fn at(&mut self, slot: u32) -> &mut Connection {
        &mut self.slots[slot as usize]
    }

    pub(super) fn handle(&self, slot: u32) -> Handle {
        Handle { slot, generation: self.slots[slot as usize].generation }
    }

    /// Hands a connection to somebody else.
    pub(super) fn set_owner(&mut self, slot: u32, owner: Owner) {
        let before = std::mem::replace(&mut self.at(slot).owner, owner);
        self.half_open += usize::from(owner.is_half_open());
        self.half_open -= usize::from(before.is_half_open());
    }

    /// How many of them are half-open.
    pub(super) fn half_open(&self) -> usize {
        self.half_open
    }

    /// Lets another connection use the four-tuple; the slot stays.
    pub(super) fn unmap(&mut self, slot: u32) {
        let connection = &mut self.slots[slot as usize];
        if connection.marks.replace(Marks::MAPPED, false) {
            let hash = self.hasher.hash(&connection.tuple);
            let entry = self.by_tuple.find_entry(hash, |at| *at == slot);
            entry.expect("what is mapped is in the table").remove();
        }
    }

    pub(super) fn remove(&mut self, slot: u32) -> Box<Connection> {
        self.unmap(slot);
        let connection = self.slots.remove(slot as usize);
        self.half_open -= usize::from(connection.owner.is_half_open());
        connection
    }

    /// Says whether the last of a crowd has gone, and with it the room that the crowd took.
    pub(super) fn shrink(&mut self) -> bool {
        let shrinks = self.slots.is_empty() && self.slots.capacity() > KEPT;
        if shrinks {
            self.slots = Slab::new();
            self.by_tuple = HashTable::new();
        }
        shrinks
    }

    /// Connections are in slots below this.
    pub(super) fn places(&self) -> usize {
        self.slots.capacity()
    }

    pub(super) fn in_place(&self, slot: u32) -> Option<&Connection> {
        self.slots.get(slot as usize).map(|connection| &**connection)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (u32, &Connection)> {
        let slot = |slot| u32::try_from(slot).expect("the number of connections is limited");
        self.slots.iter().map(move |(at, connection)| (slot(at), &**connection))
    }
}
