//! Collects events until whoever drives the stack takes them. With nobody listening nothing is built.
//! Drops are counted by reason whether anybody listens or not.

use std::collections::BTreeMap;
use std::net::IpAddr;

use super::drop_reason::DropReason;
use super::event::{ConnId, Event, What};
use super::mask::Mask;
use super::passage::Passage;
use crate::time::Instant;

/// Somebody who looks at events: a log, a ladder, a file. Drivers hand events to sinks outside of any
/// lock, in the order in which they were raised.
pub trait Sink: Send {
    /// The kinds it wants to see. Asked once, when it is attached.
    fn wanted(&self) -> Mask;

    /// Takes one event. Kinds it did not ask for may come too, when another sink did.
    fn record(&mut self, event: &Event);

    /// A round of the driver is over: all that has happened until now has been told. Most sinks have no use
    /// for it.
    fn settle(&mut self) {}
}

/// Segments of connections, counted whether anybody listens or not. A long one, which a device cuts, is one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Segments {
    /// That arrived.
    pub received: u64,
    /// That left.
    pub sent: u64,
    /// Of these, those that had left before.
    pub sent_again: u64,
}

/// Where the stack raises its events.
#[derive(Debug, Default)]
pub struct Tracer {
    wanted: Mask,
    events: Vec<Event>,
    drops: BTreeMap<DropReason, u64>,
    segments: Segments,
}

impl Tracer {
    /// A tracer that keeps the kinds in `wanted` and never builds any other.
    #[must_use]
    pub fn new(wanted: Mask) -> Self {
        Tracer { wanted, ..Tracer::default() }
    }

    /// Keeps the kinds in `wanted` from now on.
    pub fn set_wanted(&mut self, wanted: Mask) {
        self.wanted = wanted;
    }

    /// Adds one event if its kind is wanted. `build` runs only then.
    ///
    /// With `--cfg glass_without_events` it does nothing: `scripts/bench --events` compares with that, to
    /// see what events cost that nobody listens to.
    #[inline]
    pub fn raise(&mut self, kind: Mask, build: impl FnOnce() -> Event) {
        if !cfg!(glass_without_events) && self.wanted.intersects(kind) {
            self.events.push(build());
        }
    }

    /// Tells that a packet passes. `passage` runs only if somebody wants packets.
    #[inline]
    pub fn packet(&mut self, at: Instant, passage: impl FnOnce() -> Passage) {
        self.raise(Mask::PACKETS, || Event {
            at,
            conn: None,
            what: What::Packet(Box::new(passage())),
        });
    }

    /// Counts and reports a segment or packet that was not acted on.
    pub fn dropped(
        &mut self,
        at: Instant,
        conn: Option<ConnId>,
        why: DropReason,
        from: Option<IpAddr>,
    ) {
        *self.drops.entry(why).or_default() += 1;
        self.raise(Mask::DROPS, || Event { at, conn, what: What::Dropped { why, from } });
    }

    /// Counts a segment that arrived.
    pub fn received(&mut self) {
        self.segments.received += 1;
    }

    /// Counts a segment that left, for the second time or more if it is so.
    pub fn sent(&mut self, again: bool) {
        self.segments.sent += 1;
        self.segments.sent_again += u64::from(again);
    }

    /// What has been counted of segments since the start.
    #[must_use]
    pub fn segments(&self) -> Segments {
        self.segments
    }

    /// How often each reason for dropping has come up since the start.
    #[must_use]
    pub fn drops(&self) -> &BTreeMap<DropReason, u64> {
        &self.drops
    }

    /// Takes what has been raised since the last call, oldest first. A driver calls this after each
    /// batch of inputs, which keeps the list short.
    pub fn take(&mut self) -> Vec<Event> {
        std::mem::take(&mut self.events)
    }

    /// Whether anything waits to be taken.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.events.is_empty()
    }
}
