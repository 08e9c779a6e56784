//! What one connection's ladder remembers, and how events become its rows.
//!
//! A segment is often reported in several events: it arrives, it changes our state, it is dropped; or
//! the application closes, our state changes, a FIN leaves. Events that belong together become one
//! row, which stays pending until an event comes that does not belong to it.

use std::net::SocketAddr;

use super::numbers::Side;
use super::pending::{Pending, PendingSegment};
use super::row::{Direction, Fault, Happening, MomentRow, Row, SegmentRow};
use super::rows::{self, Rows};
use super::sightings::Sightings;
use crate::tcp::{Cause, State, Timer};
use crate::time::Instant;
use crate::trace::{
    DropReason, Event, Retransmission, Role, SegmentSummary, Strike, TimerChange, Way, What,
};

/// One connection.
#[derive(Clone, Debug)]
pub(super) struct Record {
    /// Our address, the peer's, and who opened; `None` when the beginning was not seen.
    pub ends: Option<(SocketAddr, SocketAddr, Role)>,
    /// The first event.
    pub began: Instant,
    /// The last that left a trace here.
    pub last: Instant,
    /// The state before the first row.
    pub initial: State,
    /// The state now.
    pub state: State,
    /// Why it was entered.
    pub cause: Option<Cause>,
    /// The peer's numbers.
    pub theirs: Side,
    /// Ours.
    pub ours: Side,
    /// Segments that came in.
    pub segments_in: u64,
    /// Segments that left.
    pub segments_out: u64,
    /// How many of these had been sent before.
    pub again: u64,
    /// How many of those that came in were not acted on.
    pub dropped: u64,
    /// How many a fault struck, either way.
    pub faults: u64,
    /// Whether timers that are set or cleared get rows.
    pub timers: bool,
    rows: Rows,
    pending: Option<Pending>,
    /// What timers did meanwhile: it follows what is pending.
    asides: Vec<MomentRow>,
    sightings: Sightings,
}

impl Record {
    /// A connection that is first heard of in `event`; keeps at most about `most` rows.
    pub fn new(event: &Event, most: usize) -> Self {
        let (ends, state) = match &event.what {
            What::Opened { local, remote, role } => {
                let state = match role {
                    Role::Active => State::Closed,
                    Role::Passive => State::Listen,
                };
                (Some((*local, *remote, *role)), state)
            }
            What::State { from, .. } => (None, *from),
            What::Received { state, .. } | What::Sent { state, .. } => (None, *state),
            What::Removed
            | What::Dropped { .. }
            | What::Timer { .. }
            | What::Acknowledged { .. }
            | What::Delivered { .. }
            | What::SendWindow { .. }
            | What::CongestionWindow { .. }
            | What::Recovery { .. }
            | What::NetworkError { .. }
            | What::PathMtu { .. }
            | What::MtuProbe { .. }
            | What::Urgent { .. }
            | What::Unanswered { .. }
            | What::Call { .. }
            | What::Packet(_)
            | What::Fault(_)
            | What::PeerObserved { .. } => (None, State::Closed),
        };
        Record {
            ends,
            began: event.at,
            last: event.at,
            initial: state,
            state,
            cause: None,
            theirs: Side::default(),
            ours: Side::default(),
            segments_in: 0,
            segments_out: 0,
            again: 0,
            dropped: 0,
            faults: 0,
            timers: false,
            rows: Rows::new(most),
            pending: None,
            asides: Vec::new(),
            sightings: Sightings::default(),
        }
    }

    /// What the other end of this connection would have on its record had it heard nothing of it.
    pub fn mirrored(&self) -> Self {
        let ends = self.ends.map(|(local, remote, role)| match role {
            Role::Active => (remote, local, Role::Passive),
            Role::Passive => (remote, local, Role::Active),
        });
        Record {
            ends,
            began: self.began,
            last: self.last,
            initial: State::Closed,
            state: State::Closed,
            cause: None,
            theirs: self.ours.clone(),
            ours: self.theirs.clone(),
            segments_in: 0,
            segments_out: 0,
            again: 0,
            dropped: 0,
            faults: 0,
            timers: self.timers,
            rows: Rows::new(rows::ALL),
            pending: None,
            asides: Vec::new(),
            sightings: Sightings::default(),
        }
    }

    /// Whether `other` is of the same connection, kept at the other end.
    pub fn is_other_end_of(&self, other: &Record) -> bool {
        let swapped = other.ends.map(|(local, remote, _)| (remote, local));
        self.ends.is_some_and(|(local, remote, _)| Some((local, remote)) == swapped)
    }

    /// Takes one event of this connection.
    pub fn on_event(&mut self, event: &Event) {
        let at = event.at;
        match &event.what {
            What::State { to, cause, section, .. } => self.on_state(at, *to, *cause, section),
            What::Received { seg, state } => self.on_received(at, *seg, *state),
            What::Sent { seg, state, retransmission } => {
                self.on_sent(at, *seg, *state, *retransmission);
            }
            What::Dropped { why, .. } => self.on_dropped(at, *why),
            What::Timer { timer, change } => self.on_timer(at, *timer, *change),
            What::NetworkError { problem, .. } => self.on_told(at, Happening::Told(*problem)),
            What::PathMtu { mtu, change } => self.on_told(at, Happening::PathMtu(*mtu, *change)),
            What::Fault(strike) => self.on_fault(at, strike),
            What::PeerObserved { state } => self.sightings.push(at, *state),
            What::Removed => self.settle(),
            What::Opened { .. }
            | What::Acknowledged { .. }
            | What::Delivered { .. }
            | What::SendWindow { .. }
            | What::CongestionWindow { .. }
            | What::Recovery { .. }
            | What::MtuProbe { .. }
            | What::Urgent { .. }
            | What::Unanswered { .. }
            | What::Packet(_)
            | What::Call { .. } => {}
        }
    }

    /// Our end has lost its memory, and with it this connection if there still was one.
    pub fn on_crash(&mut self, at: Instant) {
        self.settle();
        if self.state != State::Closed {
            (self.last, self.state) = (at, State::Closed);
            let row = MomentRow::ours(at, Happening::Crashed, State::Closed);
            self.rows.push(Row::Moment(row));
        }
    }

    /// The rows so far, with everything that was still pending, and the peer's state as far as it is known.
    pub fn rows(&self) -> Vec<Row> {
        let role = self.ends.map(|(_, _, role)| role);
        self.sightings.with(role, self.rows_of_ours())
    }

    /// [`Record::rows`] without the peer.
    pub fn rows_of_ours(&self) -> Vec<Row> {
        let mut record = self.clone();
        record.settle();
        record.rows.end_run();
        record.rows.iter().collect()
    }

    /// How many rows are held.
    #[cfg(test)]
    pub fn held(&self) -> usize {
        self.rows.held()
    }

    fn on_state(&mut self, at: Instant, to: State, cause: Cause, section: &'static str) {
        self.last = at;
        self.state = to;
        self.cause = Some(cause);
        match &mut self.pending {
            Some(Pending::Segment(row)) if row.explains(cause, at) => {
                row.entered.push(to);
                row.sections.push(section);
            }
            Some(Pending::Moment(row)) if row.what.is_fired() => {
                row.what = Happening::Change(cause);
                row.state = to;
                row.section = Some(section);
            }
            Some(_) | None => {
                self.settle();
                if cause == Cause::PassiveOpen {
                    // Long before the peer came: where the ladder begins, and not a step of it.
                    self.initial = to;
                    return;
                }
                let what = Happening::Change(cause);
                let row = MomentRow { section: Some(section), ..MomentRow::ours(at, what, to) };
                self.pending = Some(Pending::Moment(row));
            }
        }
    }

    fn on_received(&mut self, at: Instant, seg: SegmentSummary, state: State) {
        self.settle();
        self.last = at;
        self.state = state;
        self.segments_in += 1;
        let row = PendingSegment::new(at, Direction::In, seg, state);
        self.pending = Some(Pending::Segment(row));
    }

    fn on_sent(
        &mut self,
        at: Instant,
        seg: SegmentSummary,
        state: State,
        again: Option<Retransmission>,
    ) {
        let row = PendingSegment { again, ..PendingSegment::new(at, Direction::Out, seg, state) };
        let led = match &self.pending {
            Some(Pending::Moment(moment)) => moment.led_to(row.clone()),
            Some(Pending::Segment(_)) | None => None,
        };
        if led.is_none() {
            self.settle();
        }
        self.last = at;
        self.state = state;
        self.segments_out += 1;
        self.again += u64::from(again.is_some());
        self.pending = Some(Pending::Segment(led.unwrap_or(row)));
    }

    fn on_dropped(&mut self, at: Instant, why: DropReason) {
        match &mut self.pending {
            Some(Pending::Segment(row)) if row.direction == Direction::In && row.at == at => {
                self.dropped += u64::from(row.dropped.is_none());
                row.dropped.get_or_insert(why);
            }
            Some(_) | None => {
                self.settle();
                self.last = at;
                self.dropped += 1;
                let what = Happening::Dropped(why);
                self.pending = Some(Pending::Moment(MomentRow::ours(at, what, self.state)));
            }
        }
    }

    /// A line of its own, whatever leaves because of it.
    fn on_told(&mut self, at: Instant, what: Happening) {
        self.settle();
        self.last = at;
        self.pending = Some(Pending::Moment(MomentRow::ours(at, what, self.state)));
    }

    /// A segment of ours has an arrow already; what should have come gets one that says what became
    /// of it.
    fn on_fault(&mut self, at: Instant, strike: &Strike) {
        let Some(seg) = strike.seg else { return };
        self.last = at;
        self.faults += 1;
        let fault = Fault { rule: strike.rule.clone(), harm: strike.harm };
        let direction = match strike.way {
            Way::Tx => Direction::Out,
            Way::Rx => Direction::In,
        };
        if direction == Direction::Out {
            if let Some(Pending::Segment(row)) = &mut self.pending
                && row.direction == Direction::Out
                && (row.seg.seq, row.seg.len, row.seg.flags) == (seg.seq, seg.len, seg.flags)
            {
                row.fault = Some(fault);
                return;
            }
            let seq = self.ours.shown(seg.seq);
            let is_it = |row: &SegmentRow| {
                row.direction == Direction::Out
                    && (row.seq, row.len, row.flags) == (seq, seg.len, seg.flags)
            };
            if self.rows.strike(is_it, &fault) {
                return;
            }
        }
        self.settle();
        self.pending = Some(Pending::Segment(PendingSegment {
            fault: Some(fault),
            ..PendingSegment::new(at, direction, seg, self.state)
        }));
        self.settle();
    }

    fn on_timer(&mut self, at: Instant, timer: Timer, change: TimerChange) {
        let what = match change {
            TimerChange::Fired => {
                self.settle();
                let row = MomentRow::ours(at, Happening::Fired(timer), self.state);
                self.pending = Some(Pending::Moment(row));
                return;
            }
            TimerChange::Armed { until } => Happening::Armed(timer, until),
            TimerChange::Cleared => Happening::Cleared(timer),
        };
        if !self.timers {
            return;
        }
        self.asides.retain(|aside| !aside.what.is_of(timer));
        self.asides.push(MomentRow::ours(at, what, self.state));
        if self.pending.is_none() {
            self.settle();
        }
    }

    /// Turns what is pending into a row.
    fn settle(&mut self) {
        let after = self.pending.as_ref().map(Pending::state_after);
        match self.pending.take() {
            Some(Pending::Segment(pending)) => {
                let row = match pending.direction {
                    Direction::In => pending.numbered(&mut self.theirs, &self.ours),
                    Direction::Out => pending.numbered(&mut self.ours, &self.theirs),
                };
                self.rows.push(Row::Segment(row));
            }
            Some(Pending::Moment(row)) if row.is_worth_a_line() => {
                self.last = row.at;
                self.rows.push(Row::Moment(row));
            }
            Some(Pending::Moment(_)) | None => {}
        }
        for mut row in std::mem::take(&mut self.asides) {
            self.last = row.at;
            row.state = after.unwrap_or(row.state);
            self.rows.push(Row::Moment(row));
        }
    }
}
