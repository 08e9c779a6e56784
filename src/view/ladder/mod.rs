//! The ladder: the segments of a connection as arrows between the peer and us, and our state after
//! each of them.
//!
//! ```text
//!    ms  peer (client)                                             us (server)  our state
//!        │                                                                   │  LISTEN
//! 0.000  │── SYN      seq 0         win 64240  <mss 1460, sackOK, ws 10> ───►●  SYN_RCVD
//! 0.021  │◄─ SYN,ACK  seq 0  ack 1  win 65535  <mss 1460, sackOK, ws 7> ─────│  SYN_RCVD
//! 0.055  │── ACK      seq 1  ack 1  win 64512 ──────────────────────────────►●  ESTABLISHED
//! ```
//!
//! `record` makes rows of events, `rows` keeps them few, `numbers` counts from the SYNs, `render` draws.

mod both;
mod exchange;
mod fields;
mod label;
mod numbers;
mod page;
mod peer;
mod pending;
mod picture;
mod record;
mod render;
mod row;
mod rows;
mod sightings;
mod style;
mod telling;
mod weave;

use std::borrow::Cow;
use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

pub use picture::{Mark, PictureStyle};
pub use render::Drawing;
pub use style::Style;

use self::both::BothEnds;
use self::exchange::{Exchange, PeerColumn};
use self::record::Record;
use crate::time::Instant;
use crate::trace::{ConnId, Event, Mask, Sink, Strike, What};
use crate::wire::Flags;

/// Faults that wait for their connection to begin.
const STRAYS: usize = 64;

/// How much a ladder keeps. Both bounds hold whatever the traffic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Connections that get a ladder: the first so many. Later ones are only counted.
    pub connections: usize,
    /// Rows of one connection, give or take a few. When there are more, the first half and the last
    /// half of this number are kept, and one row tells what lay between.
    pub rows: usize,
    /// Whether the peer's state is shown, too: as [`What::PeerObserved`] tells it, and in between as its
    /// packets and ours let one reckon it out.
    pub peer: bool,
}

impl Default for Limits {
    /// 1,000 connections of 200 rows, without the peer's state.
    fn default() -> Self {
        Limits { connections: 1_000, rows: 200, peer: false }
    }
}

/// The ladders of all connections of one stack. Feed it events; render it at any time.
#[derive(Clone, Debug, Default)]
pub struct Ladder {
    limits: Limits,
    records: BTreeMap<ConnId, Record>,
    beyond: u64,
    /// Whether timers that are set and cleared get rows, too.
    timers: bool,
    /// Faults that struck segments of no connection that we knew of: the first SYN of one may be lost.
    strays: VecDeque<Event>,
}

impl Ladder {
    /// No connection yet, with the default limits.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// No connection yet, with these limits.
    #[must_use]
    pub fn with_limits(limits: Limits) -> Self {
        Ladder { limits, ..Self::default() }
    }

    /// Whether timers that are set and cleared get rows, too: there are many. It counts for connections that
    /// begin from now on.
    pub fn show_timers(&mut self, timers: bool) {
        self.timers = timers;
    }

    /// How many connections have a ladder.
    #[must_use]
    pub fn len(&self) -> usize {
        self.records.len()
    }

    /// Whether no connection was seen.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    /// How many connections came after the limit was reached, and have no ladder.
    #[must_use]
    pub fn beyond(&self) -> u64 {
        self.beyond
    }

    /// The connections that have a ladder, in order of their numbers.
    pub fn ids(&self) -> impl Iterator<Item = ConnId> {
        self.records.keys().copied()
    }

    /// Nothing is known of this connection any more, and there is room for another.
    pub fn forget(&mut self, id: ConnId) {
        self.records.remove(&id);
    }

    /// A copy that has one connection only; `None` when there is no such ladder.
    #[must_use]
    pub fn only(&self, id: ConnId) -> Option<Ladder> {
        let record = self.records.get(&id)?.clone();
        let records = [(id, record)].into();
        Some(Ladder { limits: self.limits, timers: self.timers, records, ..Ladder::default() })
    }

    /// All ladders in order of the connections' numbers, an empty line between them. Ends with a
    /// newline unless there is nothing to show. No line is wider than [`Style::width`].
    #[must_use]
    pub fn render(&self, style: &Style) -> String {
        let ladders = self.exchanges().map(|exchange| render::ladder(&exchange, style).text());
        let beyond = (self.beyond > 0).then(|| render::beyond(self.beyond, style));
        ladders.chain(beyond).collect::<Vec<_>>().join("\n")
    }

    /// The ladder of one connection; `None` when there is none.
    #[must_use]
    pub fn render_one(&self, id: ConnId, style: &Style) -> Option<String> {
        self.exchange(id).map(|exchange| render::ladder(&exchange, style).text())
    }

    fn exchanges(&self) -> impl Iterator<Item = Exchange<'_>> {
        self.records.iter().map(|(id, record)| self.exchange_of(*id, record))
    }

    fn exchange(&self, id: ConnId) -> Option<Exchange<'_>> {
        self.records.get(&id).map(|record| self.exchange_of(id, record))
    }

    fn exchange_of<'a>(&'a self, id: ConnId, record: &'a Record) -> Exchange<'a> {
        let peer = if self.limits.peer { PeerColumn::Reckoned } else { PeerColumn::Absent };
        Exchange { id, record: Cow::Borrowed(record), rows: record.rows(), peer }
    }

    /// The record that `event` of connection `id` belongs to, made if there is room.
    fn record_of(&mut self, id: ConnId, event: &Event) -> Option<&mut Record> {
        if !self.records.contains_key(&id) {
            if self.records.len() >= self.limits.connections {
                self.beyond += u64::from(matches!(event.what, What::Opened { .. }));
                return None;
            }
            let record = self.begin(event);
            self.records.insert(id, record);
        }
        self.records.get_mut(&id)
    }
}

/// Both ends.
impl Ladder {
    /// A ladder that keeps every row of its connections, to be laid beside that of the other end.
    #[must_use]
    pub fn of_one_end() -> Self {
        let limits = Limits { rows: rows::ALL, ..Limits::default() };
        Ladder { limits, ..Self::default() }
    }

    /// The ladders of all connections between two ends, each of which has kept its own, as
    /// [`Ladder::of_one_end`]: `self` is on the right, `theirs` on the left. A connection that only one of
    /// them has heard of is drawn, too. `names` are what the left and the right are called.
    #[must_use]
    pub fn render_with(&self, theirs: &Ladder, names: [&str; 2], style: &Style) -> String {
        let both = BothEnds { left: theirs, right: self, names, rows: Limits::default().rows };
        let ladders = both.exchanges();
        let texts = ladders.iter().map(|exchange| render::ladder(exchange, style).text());
        texts.collect::<Vec<_>>().join("\n")
    }

    /// What [`Ladder::render_with`] draws, connection by connection and step by step, with nothing folded.
    #[must_use]
    pub fn draw_with(&self, theirs: &Ladder, names: [&str; 2], style: &Style) -> Vec<Drawing> {
        let both = BothEnds { left: theirs, right: self, names, rows: rows::ALL };
        both.exchanges().iter().map(|exchange| render::ladder(exchange, style)).collect()
    }
}

/// Pictures and pages: the same rows as in the text, to look at in a browser. They load nothing from
/// elsewhere, and follow what the reader's system prefers, light or dark.
impl Ladder {
    /// At most so many connections are in one picture, and on one page.
    pub const MOST_PICTURES: usize = 100;

    /// The ladder of one connection as an SVG 1.1 document; `None` when there is none.
    #[must_use]
    pub fn svg(&self, id: ConnId, style: &PictureStyle) -> Option<String> {
        Some(picture::document(&[self.exchange(id)?], 0, style))
    }

    /// All ladders, or the first [`Ladder::MOST_PICTURES`], below one another in one SVG 1.1 document.
    #[must_use]
    pub fn svg_all(&self, style: &PictureStyle) -> String {
        let (exchanges, beyond) = self.first_exchanges();
        picture::document(&exchanges, beyond, style)
    }

    /// As [`Ladder::svg_all`], with both ends as in [`Ladder::render_with`].
    #[must_use]
    pub fn svg_with(&self, theirs: &Ladder, names: [&str; 2], style: &PictureStyle) -> String {
        self.svg_marked(theirs, names, &[], style)
    }

    /// As [`Ladder::svg_with`], with numbers beside rows, for whoever has something to say about them.
    #[must_use]
    pub fn svg_marked(
        &self,
        theirs: &Ladder,
        names: [&str; 2],
        marks: &[Mark],
        style: &PictureStyle,
    ) -> String {
        let (exchanges, beyond) = self.first_exchanges_with(theirs, names, style);
        picture::marked(&exchanges, beyond, marks, style)
    }

    /// An HTML document of its own: the picture of each connection, what each header says, a legend, and
    /// the names of the states. `title` is what it is about.
    #[must_use]
    pub fn page(&self, title: &str, style: &PictureStyle) -> String {
        let (exchanges, beyond) = self.first_exchanges();
        page::document(title, &exchanges, beyond, style)
    }

    /// As [`Ladder::page`], with both ends as in [`Ladder::render_with`].
    #[must_use]
    pub fn page_with(
        &self,
        theirs: &Ladder,
        names: [&str; 2],
        title: &str,
        style: &PictureStyle,
    ) -> String {
        let (exchanges, beyond) = self.first_exchanges_with(theirs, names, style);
        page::document(title, &exchanges, beyond, style)
    }

    /// What there is room for, and how many more connections there were.
    fn first_exchanges(&self) -> (Vec<Exchange<'_>>, u64) {
        let exchanges = self.exchanges().take(Self::MOST_PICTURES).collect();
        let more = self.records.len().saturating_sub(Self::MOST_PICTURES);
        (exchanges, self.beyond + more as u64)
    }

    fn first_exchanges_with<'a>(
        &'a self,
        theirs: &'a Ladder,
        names: [&'a str; 2],
        style: &PictureStyle,
    ) -> (Vec<Exchange<'a>>, u64) {
        let rows = if style.every_row { rows::ALL } else { Limits::default().rows };
        let mut exchanges = BothEnds { left: theirs, right: self, names, rows }.exchanges();
        let more = exchanges.len().saturating_sub(Self::MOST_PICTURES);
        exchanges.truncate(Self::MOST_PICTURES);
        (exchanges, self.beyond + more as u64)
    }
}

/// What is no event of a stack.
impl Ladder {
    /// The host has lost its memory at `at`: none of its connections is left.
    pub fn on_crash(&mut self, at: Instant) {
        self.records.values_mut().for_each(|record| record.on_crash(at));
    }
}

/// Faults.
impl Ladder {
    /// A record that begins with what was lost of the connection before `event` made it known.
    fn begin(&mut self, event: &Event) -> Record {
        let mut record = Record::new(event, self.limits.rows);
        record.timers = self.timers;
        if let What::Opened { local, remote, .. } = &event.what {
            let ends = (Some(*local), Some(*remote));
            let (lost, others) = std::mem::take(&mut self.strays)
                .into_iter()
                .partition::<VecDeque<_>, _>(|stray| ends_of(stray) == Some(ends));
            self.strays = others;
            record.began = lost.front().map_or(event.at, |first| first.at);
            lost.iter().for_each(|event| record.on_event(event));
        }
        record
    }

    /// A fault struck a segment of no connection: the last of one that is over, or the first of one
    /// that may come.
    fn on_stray(&mut self, strike: &Strike, event: &Event) {
        if strike.seg.is_some_and(|seg| seg.flags.contains(Flags::SYN)) {
            self.strays.push_back(event.clone());
            if self.strays.len() > STRAYS {
                self.strays.pop_front();
            }
            return;
        }
        let (Some(local), Some(remote)) = (strike.local, strike.remote) else { return };
        let is_it = |record: &&mut Record| {
            record.ends.is_some_and(|(ours, theirs, _)| (ours, theirs) == (local, remote))
        };
        if let Some(record) = self.records.values_mut().rev().find(is_it) {
            record.on_event(event);
        }
    }
}

fn ends_of(event: &Event) -> Option<(Option<SocketAddr>, Option<SocketAddr>)> {
    match &event.what {
        What::Fault(strike) => Some((strike.local, strike.remote)),
        _ => None,
    }
}

impl Sink for Ladder {
    fn wanted(&self) -> Mask {
        Mask::CONNECTIONS
            | Mask::STATES
            | Mask::SEGMENTS
            | Mask::DROPS
            | Mask::TIMERS
            | Mask::FAULTS
            | Mask::PATH
            | Mask::PEER
    }

    fn record(&mut self, event: &Event) {
        if let (None, What::Fault(strike)) = (event.conn, &event.what) {
            return self.on_stray(strike, event);
        }
        if let Some(id) = event.conn
            && let Some(record) = self.record_of(id, event)
        {
            record.on_event(event);
        }
    }
}

/// A ladder in two hands: one clone is a sink that the driver feeds, another is asked for the picture
/// when all is over.
#[derive(Clone, Debug, Default)]
pub struct LadderRecorder(Arc<Mutex<Ladder>>);

impl LadderRecorder {
    /// Records with these limits.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        LadderRecorder::of(Ladder::with_limits(limits))
    }

    /// Records into this ladder.
    #[must_use]
    pub fn of(ladder: Ladder) -> Self {
        LadderRecorder(Arc::new(Mutex::new(ladder)))
    }

    /// The ladder, locked: nothing is recorded while the guard lives.
    ///
    /// A panic elsewhere while the lock was held does not spoil what has been recorded.
    pub fn lock(&self) -> MutexGuard<'_, Ladder> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// [`Ladder::render`].
    #[must_use]
    pub fn render(&self, style: &Style) -> String {
        self.lock().render(style)
    }
}

impl Sink for LadderRecorder {
    fn wanted(&self) -> Mask {
        self.lock().wanted()
    }

    fn record(&mut self, event: &Event) {
        self.lock().record(event);
    }
}

#[cfg(test)]
mod tests;
