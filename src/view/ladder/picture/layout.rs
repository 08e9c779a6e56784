//! Where everything of a ladder stands: a row has a height of its own, whatever time passes between it and the
//! next, and an arrow goes down from where it leaves to where it arrives.

use super::super::exchange::{Exchange, PeerColumn};
use super::super::peer::PeerCell;
use super::super::record::Record;
use super::super::row::{Direction, End, Leg, Row, SegmentRow};
use super::super::telling;
use super::paper::{MONO, reach};
use crate::tcp::State;
use crate::time::Instant;

/// From one row to the next, and how much more a row takes for each change of state beyond the first.
pub(super) const ROW: i32 = 50;
pub(super) const CHANGE: i32 = 30;
/// How far an arrow goes down that arrives before anything else happens.
pub(super) const SLANT: i32 = 16;
/// Above the states before anything happened: the title, and the names of the ends.
const HEAD: i32 = 96;
/// From these states to the first row.
const FIRST: i32 = 40;
/// Between the lifelines.
const MIDDLE: i32 = 600;
/// A state with what is around it.
pub(super) const STATES: i32 = 118;
/// Half of the name of an end.
pub(super) const NAME: i32 = 60;
/// On all sides.
pub(super) const MARGIN: i32 = 18;

/// The places of one ladder.
pub(super) struct Layout {
    pub width: i32,
    /// Where times end.
    pub time: i32,
    /// The lifelines: the peer's, and ours.
    pub lines: [i32; 2],
    pub top: i32,
    pub bottom: i32,
    /// Of each row: where it is, and where its arrow ends.
    pub rows: Vec<Place>,
    /// What each lifeline goes through.
    pub bands: [Vec<Band>; 2],
}

/// Where a row is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    pub y: i32,
    pub height: i32,
    /// Where its arrow arrives.
    pub arrival: i32,
}

/// How a state is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Certainty {
    /// It was told, or seen.
    Known,
    /// The packets say so.
    Reckoned,
}

/// A stretch of a lifeline in one state.
#[derive(Clone, Debug)]
pub(super) struct Band {
    pub from: i32,
    pub to: i32,
    /// `None` as long as nothing is known.
    pub state: Option<State>,
    pub certainty: Certainty,
    pub section: Option<&'static str>,
}

impl Layout {
    pub fn new(exchange: &Exchange<'_>) -> Self {
        Self::with_time(exchange, Self::end_of_times(exchange))
    }

    /// Where times end at least: the longest begins at the margin.
    pub fn end_of_times(exchange: &Exchange<'_>) -> i32 {
        let Exchange { record, rows, .. } = exchange;
        let last = rows.iter().rev().find_map(Row::at).unwrap_or(record.last).max(record.last);
        MARGIN + reach(&clock(record, last), MONO)
    }

    /// With times that end here, so that ladders below one another have their lines below one another.
    pub fn with_time(exchange: &Exchange<'_>, time: i32) -> Self {
        let Exchange { rows, peer, .. } = exchange;
        let left = time + 20 + if *peer == PeerColumn::Absent { NAME } else { STATES };
        let lines = [left, left + MIDDLE];
        let mut places = Vec::with_capacity(rows.len());
        let mut y = HEAD + FIRST;
        for row in rows {
            let extra = i32::try_from(changes(row).saturating_sub(1)).unwrap_or(0);
            let height = ROW + extra * CHANGE;
            places.push(Place { y, height, arrival: y + SLANT });
            y += height;
        }
        let mut layout = Layout {
            width: lines[1] + STATES + MARGIN,
            time,
            lines,
            top: HEAD,
            bottom: y,
            rows: places,
            bands: [Vec::new(), Vec::new()],
        };
        layout.join_legs(rows);
        layout.bands = [End::Peers, End::Ours].map(|end| layout.lifeline(exchange, end));
        layout
    }

    /// The lifeline of one end.
    pub fn x(&self, end: End) -> i32 {
        match end {
            End::Peers => self.lines[0],
            End::Ours => self.lines[1],
        }
    }

    /// What leaves on one row and arrives on another is one arrow.
    fn join_legs(&mut self, rows: &[Row]) {
        for (index, row) in rows.iter().enumerate() {
            let Row::Segment(leaving) = row else { continue };
            if leaving.leg != Leg::Leaves {
                continue;
            }
            let found = rows.iter().skip(index + 1).position(|row| match row {
                Row::Segment(row) => arrives_as(leaving, row),
                Row::Moment(_) | Row::Folded(_) => false,
            });
            if let Some(after) = found {
                self.rows[index].arrival = self.rows[index + 1 + after].y;
            }
        }
    }

    /// The states of one end, from top to bottom.
    fn lifeline(&self, exchange: &Exchange<'_>, end: End) -> Vec<Band> {
        let (initial, certainty) = match (end, exchange.peer) {
            (End::Ours, _) => (Some(exchange.record.initial), Certainty::Known),
            (End::Peers, PeerColumn::Absent) => (None, Certainty::Known),
            (End::Peers, PeerColumn::Reckoned) => {
                (first_of_peer(&exchange.rows), Certainty::Reckoned)
            }
            (End::Peers, PeerColumn::Told(_)) => (first_of_peer(&exchange.rows), Certainty::Known),
        };
        let band =
            Band { from: self.top, to: self.bottom, state: initial, certainty, section: None };
        let mut bands = vec![band];
        let mut enter = |from: i32, state, certainty, section| {
            if let Some(before) = bands.last_mut() {
                before.to = from;
            }
            bands.push(Band { from, to: self.bottom, state: Some(state), certainty, section });
        };
        for (row, place) in exchange.rows.iter().zip(&self.rows) {
            let Some((entered, sections, seen)) = entered(row, end, exchange.peer) else {
                continue;
            };
            let first = match row {
                Row::Segment(row) if row.leg == Leg::Whole && !row.leaves_from(end) => {
                    place.arrival
                }
                Row::Segment(_) | Row::Moment(_) | Row::Folded(_) => place.y,
            };
            for ((index, state), at) in entered.iter().enumerate().zip(0..) {
                let is_known =
                    seen == Seen::All || (seen == Seen::Last && index + 1 == entered.len());
                let certainty = if is_known { Certainty::Known } else { Certainty::Reckoned };
                enter(first + at * CHANGE, *state, certainty, sections.get(index).copied());
            }
        }
        bands
    }
}

/// Milliseconds since the ladder began.
pub(in super::super) fn clock(record: &Record, at: Instant) -> String {
    telling::clock(record.began, at, 3)
}

impl SegmentRow {
    fn leaves_from(&self, end: End) -> bool {
        match self.direction {
            Direction::In => end == End::Peers,
            Direction::Out => end == End::Ours,
        }
    }
}

fn arrives_as(leaving: &SegmentRow, row: &SegmentRow) -> bool {
    let parts = |row: &SegmentRow| (row.direction, row.flags, row.numbers, row.len);
    row.leg == Leg::Arrives(leaving.at) && parts(row) == parts(leaving)
}

/// Which of the states that were entered on a row are known.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Seen {
    All,
    Last,
    None,
}

/// What one end entered on a row.
fn entered<'a>(
    row: &'a Row,
    end: End,
    peer: PeerColumn<'_>,
) -> Option<(&'a [State], &'a [&'static str], Seen)> {
    let of_peer = |cell: &'a PeerCell| match peer {
        PeerColumn::Absent => None,
        PeerColumn::Told(_) => Some((&cell.entered[..], &cell.sections[..], Seen::All)),
        PeerColumn::Reckoned => {
            let seen = if cell.seen { Seen::Last } else { Seen::None };
            Some((&cell.entered[..], &cell.sections[..], seen))
        }
    };
    match (row, end) {
        (Row::Segment(row), End::Ours) => Some((&row.entered, &row.sections, Seen::All)),
        (Row::Segment(row), End::Peers) => of_peer(&row.peer),
        (Row::Moment(row), End::Ours) => {
            let is_change = row.end == End::Ours && row.what.is_change();
            is_change.then(|| {
                let state = std::slice::from_ref(&row.state);
                (state, row.section.as_slice(), Seen::All)
            })
        }
        (Row::Moment(row), End::Peers) => of_peer(&row.peer),
        (Row::Folded(_), _) => None,
    }
}

/// How many changes of state stand below one another on a row.
fn changes(row: &Row) -> usize {
    match row {
        Row::Segment(row) => row.entered.len().max(row.peer.entered.len()),
        Row::Moment(row) => row.peer.entered.len(),
        Row::Folded(_) => 0,
    }
}

/// The peer's state before anything happened.
fn first_of_peer(rows: &[Row]) -> Option<State> {
    rows.first().and_then(|row| match row {
        Row::Segment(row) => row.peer.state,
        Row::Moment(row) => row.peer.state,
        Row::Folded(fold) => fold.peer,
    })
}
