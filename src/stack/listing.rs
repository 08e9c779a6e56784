//! Lists of everything a stack holds, for people and programs that look on from outside: a page at a time,
//! so that whoever holds the stack's lock for one is done soon, however many connections there are.

use std::net::SocketAddr;

use super::connections::Connection;
use super::{Stack, Summary};
use crate::tcp::State;
use crate::time::Instant;

/// For each connection that a page may have, so many places are looked at: what is left of a crowd is mostly
/// empty.
const LOOKS: usize = 8;
/// How many tables there are.
const TABLES: u8 = 3;

/// Where a list goes on. It is a place in the tables and no connection: it never becomes invalid.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Bookmark {
    /// The table: 0 for half-open connections, 1 for those in slots, 2 for those in `TIME_WAIT`. This is the
    /// order of a connection's life: one that moves on while a list is read may stand in it twice, but it is
    /// not missed.
    pub table: u8,
    /// The first place that was not looked at.
    pub place: u32,
}

impl Bookmark {
    /// Behind all half-open connections, of which a flood of SYNs makes as many as there is room for. A few
    /// handshakes are in slots, too.
    pub const BEHIND_HANDSHAKES: Bookmark = Bookmark { table: 1, place: 0 };
}

/// Part of a list.
#[derive(Clone, Debug)]
pub struct Page<T = Summary> {
    /// Of each connection what was asked for; not more of them than were asked for.
    pub connections: Vec<T>,
    /// Where the next page begins; `None` after the last.
    pub next: Option<Bookmark>,
}

/// Where a connection was found.
enum Found<'a> {
    HalfOpen(u32),
    Slot(u32, &'a Connection),
    TimeWait(u32),
}

/// A listener as lists show it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
pub struct ListenerSummary {
    /// Where it listens.
    pub local: SocketAddr,
    /// Connections that wait to be accepted.
    pub accept_queue: usize,
    /// Connections whose handshake is under way.
    pub half_open: usize,
    /// How many of both may wait at once.
    pub backlog: usize,
}

impl Stack {
    /// STATUS of at most `most` connections, from `from` on. All pages together have every connection that is
    /// there all the while; a page of none is the last.
    #[must_use]
    pub fn page(&self, from: Bookmark, most: usize, now: Instant) -> Page {
        self.walk(from, most, |place| match place {
            Found::HalfOpen(key) => self.summary_of_half_open(key, now),
            Found::Slot(slot, connection) => self.summary(slot, connection, now),
            Found::TimeWait(key) => self.summary_of_time_wait(key, now),
        })
    }

    /// The states of at most `most` connections, as [`Stack::page`] goes through them.
    #[must_use]
    pub fn page_of_states(&self, from: Bookmark, most: usize) -> Page<State> {
        self.walk(from, most, |place| match place {
            Found::HalfOpen(_) => State::SynReceived,
            Found::Slot(_, connection) => connection.tcb.state(),
            Found::TimeWait(_) => State::TimeWait,
        })
    }

    /// Every listener, in order of its address.
    #[must_use]
    pub fn listeners(&self) -> Vec<ListenerSummary> {
        self.listeners.summaries().collect()
    }

    fn walk<T>(&self, from: Bookmark, most: usize, tell: impl Fn(Found<'_>) -> T) -> Page<T> {
        let mut connections = Vec::new();
        if most == 0 {
            return Page { connections, next: None };
        }
        let mut looks = most.saturating_mul(LOOKS);
        let mut at = from;
        while at.table < TABLES {
            let Some(found) = self.look(at) else {
                at = Bookmark { table: at.table + 1, place: 0 };
                continue;
            };
            if connections.len() >= most || looks == 0 {
                return Page { connections, next: Some(at) };
            }
            connections.extend(found.map(&tell));
            looks -= 1;
            at.place += 1;
        }
        Page { connections, next: None }
    }

    /// What is in this place, if anything; `None` behind the last of its table.
    #[expect(clippy::option_option, reason = "a place that is empty is not the end of the table")]
    fn look(&self, at: Bookmark) -> Option<Option<Found<'_>>> {
        let key = at.place;
        match at.table {
            0 if (key as usize) < self.half_opens.places() => {
                Some(self.half_opens.holds(key).then_some(Found::HalfOpen(key)))
            }
            1 if (key as usize) < self.connections.places() => {
                let connection = self.connections.in_place(key);
                Some(connection.map(|connection| Found::Slot(key, connection)))
            }
            2 if (key as usize) < self.time_waits.places() => {
                Some(self.time_waits.holds(key).then_some(Found::TimeWait(key)))
            }
            _ => None,
        }
    }
}
