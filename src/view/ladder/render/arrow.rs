//! What stands between the lifelines of a row: an arrow with its label, and notes on it or below.

use std::borrow::Cow;

use super::Canvas;
use crate::view::ladder::label::Label;
use crate::view::ladder::row::{Direction, Leg, SegmentRow};
use crate::view::ladder::style::{Glyphs, Paint, fit, width};
use crate::view::ladder::telling;
use crate::view::words;
use crate::wire::Flags;

/// What an arrow needs beside its text: `── ` before it, ` ──►` behind it.
pub(super) const AROUND_LABEL: usize = 7;

/// The blanks around a note.
const AROUND_NOTE: usize = 2;

/// What is to say of an arrow, beside the end that it is about.
#[derive(Default)]
pub(super) struct Notes {
    pub(super) peers: Option<Cow<'static, str>>,
    pub(super) ours: Option<Cow<'static, str>>,
}

impl Notes {
    pub(super) fn of(row: &SegmentRow) -> Self {
        let (why, fault) = (telling::why(row), telling::fault(row));
        let dropped = row.dropped.map(words::dropped);
        let joined = |note: Option<&'static str>| match (note, fault.clone()) {
            (Some(note), Some(fault)) => Some(format!("{note}, {fault}").into()),
            (None, Some(fault)) => Some(fault.into()),
            (note, None) => note.map(Cow::Borrowed),
        };
        match row.direction {
            Direction::In => Notes { peers: why.map(Cow::Borrowed), ours: joined(dropped) },
            Direction::Out => Notes { peers: None, ours: joined(dropped.or(why)) },
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.peers.is_none() && self.ours.is_none()
    }

    /// The columns that they take, with what stands around them.
    pub(super) fn width(&self) -> usize {
        let theirs = self.peers.as_ref().map_or(0, |note| width(note) + AROUND_NOTE + 1);
        theirs + self.ours.as_ref().map_or(0, |note| width(note) + AROUND_NOTE)
    }
}

impl Canvas<'_> {
    /// Whether the least that an arrow says leaves room for notes on it.
    pub(super) fn has_room_for(&self, row: &SegmentRow, notes: &Notes) -> bool {
        notes.is_empty() || Label::new(row).least() + notes.width() <= self.room()
    }

    /// The columns that an arrow has for text.
    pub(super) fn room(&self) -> usize {
        self.middle - AROUND_LABEL
    }

    /// `── SYN  seq 0 ─────►` or `◄─ FIN,ACK  seq 9  ack 4 ──── CLOSE ──`; half of it where one row has half
    /// of the way.
    pub(super) fn arrow(&self, row: &SegmentRow, notes: &Notes) -> String {
        let glyphs = self.glyphs;
        let shaft = shaft(row, glyphs);
        let fails = row.dropped.is_some() || row.is_lost();
        let (near, far) = match row.leg {
            Leg::Whole => (shaft, shaft),
            Leg::Leaves => (shaft, glyphs.flying),
            Leg::Arrives(_) => (glyphs.flying, shaft),
            Leg::Lost => (shaft, shaft),
        };
        let head = match (row.direction, row.leg) {
            (_, Leg::Leaves) if !fails => glyphs.flying,
            (_, _) if fails => glyphs.cross,
            (Direction::In, _) => glyphs.right,
            (Direction::Out, _) => glyphs.left,
        };
        let (left, right) = match row.direction {
            Direction::In => (near, far),
            Direction::Out => (far, near),
        };
        let (theirs, ours) = (&notes.peers, &notes.ours);
        let theirs = theirs.as_ref().map(|note| format!("{left} {note} ")).unwrap_or_default();
        let ours = ours.as_ref().map(|note| format!(" {note} ")).unwrap_or_default();
        let room = self.room() - width(&theirs) - width(&ours);
        let label = Label::new(row).within(room, self.columns, glyphs);
        let fill = room + 1 - width(&label);
        let fill = left.repeat(fill / 2) + &right.repeat(fill - fill / 2);
        let text = format!("{label} {theirs}{fill}{ours}");
        match row.direction {
            Direction::In => format!("{left}{left} {text}{right}{head}"),
            Direction::Out => format!("{head}{left} {text}{right}{right}"),
        }
    }

    /// Text that ends beside our lifeline.
    pub(super) fn at_our_side(&self, text: &str) -> String {
        let columns = self.middle - 1;
        let text = fit(text, columns, self.glyphs);
        format!("{text:>columns$} ")
    }

    /// Text that begins beside the peer's lifeline.
    pub(super) fn at_the_peers_side(&self, text: &str) -> String {
        let columns = self.middle - 1;
        let text = fit(text, columns, self.glyphs);
        format!(" {text:<columns$}")
    }
}

fn shaft(row: &SegmentRow, glyphs: &Glyphs) -> &'static str {
    if row.flags.contains(Flags::RST) {
        glyphs.shaft_reset
    } else if row.again.is_some() {
        glyphs.shaft_again
    } else {
        glyphs.shaft
    }
}

pub(super) fn paint(row: &SegmentRow) -> Paint {
    if row.flags.contains(Flags::RST) {
        Paint::Alarm
    } else if row.dropped.is_some() || row.again.is_some() || row.fault.is_some() {
        Paint::Warn
    } else {
        match row.direction {
            Direction::In => Paint::In,
            Direction::Out => Paint::Out,
        }
    }
}
