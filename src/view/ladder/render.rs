//! Draws the ladder of one connection.

use std::borrow::Cow;

use super::exchange::{Exchange, PeerColumn};
use super::label::{Columns, Label};
use super::peer::PeerCell;
use super::record::Record;
use super::row::{Direction, End, Fold, Leg, MomentRow, Row, SegmentRow};
use super::style::{Glyphs, Line, Paint, Style, fit, flow, width};
use super::telling;
use crate::tcp::State;
use crate::time::Instant;
use crate::trace::ConnId;
use crate::view::words;
use crate::wire::Flags;

/// The longest name of a state: `ESTABLISHED`.
const STATE: usize = 11;

/// An arrow is not drawn shorter, so that small exchanges look alike.
const SHORTEST: usize = 40;

/// What an arrow needs beside its text: `── ` before it, ` ──►` behind it.
const AROUND_LABEL: usize = 7;

/// The blanks around a note.
const AROUND_NOTE: usize = 2;

/// One connection's ladder in pieces; each line ends with a newline.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Drawing {
    /// The title, the names of the columns, and the states before anything happened.
    pub head: String,
    /// What happened, step by step. A step may take several lines.
    pub rows: Vec<String>,
    /// Its summary.
    pub foot: String,
}

impl Drawing {
    /// All of it.
    #[must_use]
    pub fn text(&self) -> String {
        let Drawing { head, rows, foot } = self;
        format!("{head}{}{foot}", rows.concat())
    }
}

/// The title, the rows and the summary of one connection.
pub(super) fn ladder(exchange: &Exchange<'_>, style: &Style) -> Drawing {
    let Exchange { id, record, rows, peer } = exchange;
    let (id, peer) = (*id, *peer);
    let canvas = Canvas::new(record, rows, peer, *style);
    let title = title(id, record, peer, *style);
    let head = title + &canvas.heading(record) + &canvas.first(record, rows);
    let drawn = rows.iter().map(|row| match row {
        Row::Segment(row) => canvas.segment(row),
        Row::Moment(row) => canvas.moment(row),
        Row::Folded(fold) => canvas.fold(fold),
    });
    Drawing { head, rows: drawn.collect(), foot: canvas.summary(record, rows) }
}

/// The last line when there were more connections than ladders.
pub(super) fn beyond(connections: u64, style: &Style) -> String {
    let more = words::count(connections, "more connection");
    let text = format!("{more}: not drawn, the ladder was full");
    fit(&text, style.columns(), style.glyphs()) + "\n"
}

fn title(id: ConnId, record: &Record, peer: PeerColumn<'_>, style: Style) -> String {
    let glyphs = style.glyphs();
    let parts = telling::title(id, record, peer, glyphs);
    let mut text = String::new();
    for line in flow(&parts, "  ", 4, style.columns(), glyphs) {
        let mut bold = Line::default();
        bold.push(Paint::Bold, line);
        text.push_str(&bold.finish(style.color));
    }
    text
}

/// The columns of one ladder: time, the peer's state, its lifeline, arrows, our lifeline, our state.
struct Canvas<'a> {
    style: Style,
    glyphs: &'static Glyphs,
    peer: PeerColumn<'a>,
    began: Instant,
    /// Columns of the time.
    time: usize,
    /// Decimals of a millisecond.
    decimals: usize,
    /// Columns between the lifelines.
    middle: usize,
    columns: Columns,
    /// Columns of the sections behind our state; 0 without them.
    sections: usize,
}

/// One end on one line: what stands on its lifeline, and its state.
#[derive(Clone, Copy)]
struct Mark<'a> {
    line: &'a str,
    state: Option<State>,
    /// The section that asks for it.
    section: Option<&'static str>,
}

impl<'a> Mark<'a> {
    fn new(line: &'a str, state: Option<State>) -> Self {
        Mark { line, state, section: None }
    }
}

impl<'a> Canvas<'a> {
    fn new(record: &Record, rows: &[Row], peer: PeerColumn<'a>, style: Style) -> Self {
        let mut canvas = Canvas {
            style,
            glyphs: style.glyphs(),
            peer,
            began: record.began,
            time: 0,
            decimals: if style.columns() < 80 { 1 } else { 3 },
            middle: 0,
            columns: Columns::default(),
            sections: 0,
        };
        let last = rows.iter().rev().find_map(Row::at).unwrap_or(record.last).max(record.last);
        canvas.time = width(&canvas.clock(last)).max("ms".len());
        // Two blanks after the time and beside each state, and the two lifelines.
        canvas.middle = style.columns() - canvas.before_peer() - 1 - 1 - 2 - STATE;
        if style.sections
            && let Some(widest) = rows.iter().flat_map(sections).map(|section| width(section)).max()
        {
            let columns = 2 + width(canvas.glyphs.section) + widest;
            if canvas.middle >= SHORTEST + columns {
                canvas.sections = columns;
                canvas.middle -= columns;
            }
        }
        let segments = rows.iter().filter_map(|row| match row {
            Row::Segment(row) => Some(Label::new(row)),
            Row::Moment(_) | Row::Folded(_) => None,
        });
        canvas.columns = Columns::new(&segments.collect::<Vec<_>>(), canvas.room());
        let wanted = rows.iter().map(|row| canvas.wanted(row)).max().unwrap_or(0);
        canvas.middle = canvas.middle.min(wanted.max(SHORTEST));
        canvas
    }

    /// Columns before the peer's lifeline.
    fn before_peer(&self) -> usize {
        match self.peer {
            PeerColumn::Absent => self.time + 2,
            PeerColumn::Reckoned | PeerColumn::Told(_) => self.time + 2 + STATE + 2,
        }
    }

    /// The columns between the lifelines that would show all of a row.
    fn wanted(&self, row: &Row) -> usize {
        match row {
            Row::Segment(row) => {
                let notes = Notes::of(row).width();
                width(&Label::new(row).full(self.columns)) + notes + AROUND_LABEL
            }
            Row::Moment(row) => width(&telling::moment(row)) + 2,
            Row::Folded(_) => 0,
        }
    }

    /// Milliseconds since the ladder began.
    fn clock(&self, at: Instant) -> String {
        telling::clock(self.began, at, self.decimals)
    }

    fn heading(&self, record: &Record) -> String {
        let [peer, us] = telling::ends(record);
        let (time, middle) = (self.time, self.middle);
        let heading = match self.peer {
            PeerColumn::Absent => {
                let gap = middle + 2 - width(peer);
                format!("{:>time$}  {peer}{us:>gap$}  our state", "ms")
            }
            PeerColumn::Reckoned => {
                let gap = middle + 2 - width(peer);
                format!("{:>time$}  {:>STATE$}  {peer}{us:>gap$}  our state", "ms", "its state")
            }
            PeerColumn::Told([left, right]) => {
                let gap = middle + 2;
                format!("{:>time$}  {left:>STATE$}  {:gap$}  {right}", "ms", "")
            }
        };
        let mut line = Line::default();
        line.push(Paint::Dim, heading);
        line.finish(self.style.color)
    }

    /// The states before anything happened.
    fn first(&self, record: &Record, rows: &[Row]) -> String {
        let before = rows.first().and_then(|row| match row {
            Row::Segment(row) => row.peer.state,
            Row::Moment(row) => row.peer.state,
            Row::Folded(fold) => fold.peer,
        });
        let line = self.glyphs.line;
        self.bare(Mark::new(line, before), Mark::new(line, Some(record.initial)))
    }

    /// A row without anything between the lifelines.
    fn bare(&self, peer: Mark<'_>, ours: Mark<'_>) -> String {
        let middle = vec![(Paint::Plain, " ".repeat(self.middle))];
        self.row("", peer, middle, ours)
    }

    fn row(
        &self,
        time: &str,
        peer: Mark<'_>,
        middle: Vec<(Paint, String)>,
        ours: Mark<'_>,
    ) -> String {
        let changes = |mark: Mark<'_>| mark.line == self.glyphs.change;
        let paint = |mark| if changes(mark) { Paint::Bold } else { Paint::Dim };
        let name = |mark: Mark<'_>| mark.state.map(|state| state.to_string()).unwrap_or_default();
        let columns = self.time;
        let mut line = Line::default();
        line.push(Paint::Plain, format!("{time:>columns$}  "));
        if self.peer != PeerColumn::Absent {
            line.push(paint(peer), format!("{:>STATE$}", name(peer))).push(Paint::Plain, "  ");
        }
        line.push(paint(peer), peer.line);
        for (paint, text) in middle {
            line.push(paint, text);
        }
        line.push(paint(ours), ours.line).push(Paint::Plain, "  ").push(paint(ours), name(ours));
        if let Some(section) = ours.section.filter(|_| self.sections > 0) {
            let gap = STATE + 2 - width(&name(ours));
            let section = format!("{}{section}", self.glyphs.section);
            line.push(Paint::Plain, " ".repeat(gap)).push(Paint::Dim, section);
        }
        line.finish(self.style.color)
    }

    /// Both ends of a row, line by line: each change has a line of its own.
    fn marks(
        &self,
        peer: &PeerCell,
        (entered, sections): (&[State], &[&'static str]),
        state: State,
    ) -> Vec<[Mark<'_>; 2]> {
        let line = self.glyphs.line;
        let theirs: &[State] = if self.peer == PeerColumn::Absent { &[] } else { &peer.entered };
        let is_told = matches!(self.peer, PeerColumn::Told(_));
        let lines = theirs.len().max(entered.len()).max(1);
        let theirs = |index: usize| match theirs.get(index) {
            Some(state) if is_told || (peer.seen && index + 1 == theirs.len()) => {
                Mark::new(self.glyphs.change, Some(*state))
            }
            Some(state) => Mark::new(self.glyphs.reckoned, Some(*state)),
            None => Mark::new(line, theirs.last().copied().or(peer.state)),
        };
        let ours = |index: usize| match entered.get(index) {
            Some(state) => Mark {
                section: sections.get(index).copied(),
                ..Mark::new(self.glyphs.change, Some(*state))
            },
            None => Mark::new(line, Some(entered.last().copied().unwrap_or(state))),
        };
        (0..lines).map(|index| [theirs(index), ours(index)]).collect()
    }

    fn segment(&self, row: &SegmentRow) -> String {
        let marks = self.marks(&row.peer, (&row.entered, &row.sections), row.state);
        let notes = Notes::of(row);
        let beside = self.has_room_for(row, &notes);
        let nothing = Notes::default();
        let arrow = self.arrow(row, if beside { &notes } else { &nothing });
        let arrow = vec![(paint(row), arrow)];
        let [peer, ours] = marks[0];
        let mut text = self.row(&self.clock(row.at), peer, arrow, ours);
        if !beside {
            let mut below = |words: String| {
                let bare = Mark::new(self.glyphs.line, None);
                text.push_str(&self.row("", bare, vec![(paint(row), words)], bare));
            };
            notes.peers.iter().for_each(|note| below(self.at_the_peers_side(note)));
            notes.ours.iter().for_each(|note| below(self.at_our_side(note)));
        }
        for [peer, ours] in marks.into_iter().skip(1) {
            text.push_str(&self.bare(peer, ours));
        }
        text
    }

    /// Whether the least that an arrow says leaves room for notes on it.
    fn has_room_for(&self, row: &SegmentRow, notes: &Notes) -> bool {
        notes.is_empty() || Label::new(row).least() + notes.width() <= self.room()
    }

    /// The columns that an arrow has for text.
    fn room(&self) -> usize {
        self.middle - AROUND_LABEL
    }

    /// `── SYN  seq 0 ─────►` or `◄─ FIN,ACK  seq 9  ack 4 ──── CLOSE ──`; half of it where one row has half
    /// of the way.
    fn arrow(&self, row: &SegmentRow, notes: &Notes) -> String {
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
    fn at_our_side(&self, text: &str) -> String {
        let columns = self.middle - 1;
        let text = fit(text, columns, self.glyphs);
        format!("{text:>columns$} ")
    }

    /// Text that begins beside the peer's lifeline.
    fn at_the_peers_side(&self, text: &str) -> String {
        let columns = self.middle - 1;
        let text = fit(text, columns, self.glyphs);
        format!(" {text:<columns$}")
    }

    fn moment(&self, row: &MomentRow) -> String {
        let is_change = row.what.is_change();
        let words = telling::moment(row);
        let (text, entered) = match row.end {
            End::Ours if is_change => (self.at_our_side(&words), &[row.state][..]),
            End::Ours => (self.at_our_side(&words), &[][..]),
            End::Peers => (self.at_the_peers_side(&words), &[][..]),
        };
        let paint = match row.what {
            _ if is_change => Paint::Bold,
            what if what.is_of_a_timer_that_runs() => Paint::Dim,
            _ => Paint::Warn,
        };
        let [peer, ours] = self.marks(&row.peer, (entered, row.section.as_slice()), row.state)[0];
        self.row(&self.clock(row.at), peer, vec![(paint, text)], ours)
    }

    fn fold(&self, fold: &Fold) -> String {
        let Glyphs { left, right, shaft, broken, skip, .. } = self.glyphs;
        let out = telling::flow(fold.outgoing).map(|words| format!("{left}{shaft} {words}"));
        let back = telling::flow(fold.incoming).map(|words| format!("{words} {shaft}{right}"));
        let mut lines: Vec<(String, String)> = vec![];
        match (out, back) {
            (Some(out), Some(back)) if width(&out) + width(&back) + 4 > self.middle => {
                lines.extend([(out, String::new()), (String::new(), back)]);
            }
            (None, None) => {}
            (out, back) => lines.push((out.unwrap_or_default(), back.unwrap_or_default())),
        }
        if let Some(troubles) = telling::troubles(fold) {
            lines.push((format!("   {troubles}"), String::new()));
        }
        let mut text = String::new();
        for (from, to) in lines {
            let to = fit(&to, self.middle, self.glyphs);
            let from = fit(&from, self.middle - width(&to), self.glyphs);
            let gap = self.middle - width(&from);
            let middle = vec![(Paint::Dim, format!("{from}{to:>gap$}"))];
            let [peer, ours] = [fold.peer, Some(fold.state)].map(|state| Mark::new(broken, state));
            text.push_str(&self.row(skip, peer, middle, ours));
        }
        text
    }

    fn summary(&self, record: &Record, rows: &[Row]) -> String {
        let mut parts = telling::summary(record);
        if self.peer == PeerColumn::Reckoned && rows.iter().any(Row::is_reckoned) {
            let Glyphs { reckoned, change, .. } = self.glyphs;
            parts.push(format!("{reckoned} reckoned from the packets, {change} seen"));
        }
        let indent = self.before_peer();
        let columns = self.style.columns() - indent;
        let mut text = String::new();
        for line in flow(&parts, "; ", 0, columns, self.glyphs) {
            let mut dim = Line::default();
            dim.push(Paint::Plain, " ".repeat(indent)).push(Paint::Dim, line);
            text.push_str(&dim.finish(self.style.color));
        }
        text
    }
}

/// The sections that ask for our changes of state on this row.
fn sections(row: &Row) -> &[&'static str] {
    match row {
        Row::Segment(row) => &row.sections,
        Row::Moment(row) => row.section.as_slice(),
        Row::Folded(_) => &[],
    }
}

/// What is to say of an arrow, beside the end that it is about.
#[derive(Default)]
struct Notes {
    peers: Option<Cow<'static, str>>,
    ours: Option<Cow<'static, str>>,
}

impl Notes {
    fn of(row: &SegmentRow) -> Self {
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

    fn is_empty(&self) -> bool {
        self.peers.is_none() && self.ours.is_none()
    }

    /// The columns that they take, with what stands around them.
    fn width(&self) -> usize {
        let theirs = self.peers.as_ref().map_or(0, |note| width(note) + AROUND_NOTE + 1);
        theirs + self.ours.as_ref().map_or(0, |note| width(note) + AROUND_NOTE)
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

fn paint(row: &SegmentRow) -> Paint {
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
