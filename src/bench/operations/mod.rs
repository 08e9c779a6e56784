//! Single operations of a stack, for `cargo bench` (time) and for `bench_operations` under callgrind
//! (instructions, which noise does not touch). smoltcp is measured through its own `Interface`, not
//! through our engine, so that our adapter costs it nothing.
//!
//! Each is prepared for a number of times first, which is not to be measured, and done so often then.
//! The peer, made by hand, offers no timestamps, for smoltcp knows none: both send 1,460 octets a segment.

mod bulk;
mod ours;
mod parts;
mod peer;
mod segments;
mod theirs;

use bytes::Bytes;

use super::Kind;
use crate::time::Instant;

use bulk::Bulk;
use ours::Ours;
use parts::{ChecksumOf, WheelAdvance, WheelSet};
use segments::{AckIn, Demux, SegmentIn, SegmentOut};
use theirs::Theirs;

/// As many as may be prepared at once: they are in memory, or in flight.
pub const MOST_AT_ONCE: usize = 1024;

/// Something that can be done many times over.
pub trait Operation {
    /// Makes ready for `count` times more, at most [`MOST_AT_ONCE`]. What was prepared and not done is
    /// forgotten.
    fn prepare(&mut self, count: usize);

    /// Does it `count` times, which were prepared.
    fn run(&mut self, count: usize);
}

/// An operation by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its name.
    pub name: &'static str,
    /// What is done.
    pub what: &'static str,
    /// Which stacks it can be done with.
    pub kinds: &'static [Kind],
}

const OURS: &[Kind] = &[Kind::Ours];
const THEIRS: &[Kind] = &[Kind::Smoltcp];
const BOTH: &[Kind] = &[Kind::Ours, Kind::Smoltcp];

/// Every operation there is.
pub const ALL: [Entry; 10] = [
    Entry {
        name: "segment-in",
        what: "1,460 octets come in order, are read, and every second segment is acknowledged",
        kinds: BOTH,
    },
    Entry {
        name: "ack-in",
        what: "an ACK comes for two full segments; nothing follows",
        kinds: BOTH,
    },
    Entry { name: "segment-out", what: "1,460 octets that were written leave", kinds: BOTH },
    Entry {
        name: "demux-10",
        what: "an ACK that says nothing new comes for one of 10 connections",
        kinds: BOTH,
    },
    Entry { name: "demux-1000", what: "the same, of 1,000", kinds: THEIRS },
    Entry { name: "demux-100000", what: "the same, of 100,000", kinds: OURS },
    Entry { name: "wheel-set", what: "one of 100,000 timers is set anew", kinds: OURS },
    Entry { name: "wheel-advance", what: "time moves on, and one of them runs out", kinds: OURS },
    Entry { name: "checksum", what: "1,460 octets are summed", kinds: BOTH },
    Entry {
        name: "download",
        what: "a segment of a download between two stacks, all of both: write, send, copy, receive, \
               read, acknowledge; the client is ours, the server is measured",
        kinds: BOTH,
    },
];

impl Entry {
    /// The one of that name.
    #[must_use]
    pub fn find(name: &str) -> Option<Entry> {
        ALL.into_iter().find(|entry| entry.name == name)
    }

    /// Sets the operation up; `None` when that stack cannot take it.
    #[must_use]
    pub fn start(&self, kind: Kind) -> Option<Box<dyn Operation>> {
        if !self.kinds.contains(&kind) {
            return None;
        }
        Some(match (self.name, kind) {
            ("wheel-set", _) => Box::new(WheelSet::new()),
            ("wheel-advance", _) => Box::new(WheelAdvance::new()),
            ("checksum", kind) => Box::new(ChecksumOf::new(kind)),
            ("download", kind) => Box::new(Bulk::new(kind)),
            (name, Kind::Ours) => on(name, Ours::new()),
            (name, Kind::Smoltcp) => on(name, Theirs::new()),
        })
    }
}

fn on<S: Subject + 'static>(name: &str, subject: S) -> Box<dyn Operation> {
    match name {
        "segment-in" => Box::new(SegmentIn::new(subject)),
        "ack-in" => Box::new(AckIn::new(subject)),
        "segment-out" => Box::new(SegmentOut::new(subject)),
        _ => {
            let connections = name.strip_prefix("demux-").and_then(|count| count.parse().ok());
            Box::new(Demux::new(subject, connections.expect("the table has no other names")))
        }
    }
}

/// A stack that listens, as its driver and its application use it.
trait Subject {
    /// A packet comes.
    fn on_packet(&mut self, packet: &Bytes, now: Instant);

    /// Sends one packet, without keeping it; says whether there was one.
    fn send_one(&mut self, now: Instant) -> bool;

    /// Sends one packet, for the peer to look at.
    fn poll_output(&mut self, now: Instant) -> Option<Bytes>;

    /// Accepts what is there to be accepted. The first is the one to read and write on.
    fn accept(&mut self);

    /// Looks who is ready, and reads all that has come; says how much.
    fn read(&mut self, now: Instant) -> usize;

    /// Writes.
    fn write(&mut self, octets: usize, now: Instant);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each operation checks itself as far as it can: what has come was read, what was written left.
    #[test]
    fn every_operation_can_be_done_again_and_again() {
        for entry in ALL {
            for kind in entry.kinds {
                let mut operation = entry.start(*kind).expect("as the table says");
                for count in [10, 64] {
                    operation.prepare(count);
                    operation.run(count);
                }
                operation.prepare(32);
                operation.run(4);
            }
        }
        assert!(Entry::find("demux-100000").expect("it is there").start(Kind::Smoltcp).is_none());
    }
}
