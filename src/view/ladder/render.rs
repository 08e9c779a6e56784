//! Draws the ladder of one connection, row by row: `lifelines` has the two ends of a row, `arrow` what is between them.

mod arrow;
mod lifelines;

use self::arrow::{AROUND_LABEL, Notes, paint};
use self::lifelines::Mark;
use super::exchange::{Exchange, PeerColumn};
use super::label::{Columns, Label};
use super::record::Record;
use super::row::{End, Fold, MomentRow, Row, SegmentRow};
use super::style::{Glyphs, Line, Paint, Style, fit, flow, width};
use super::telling;
use crate::time::Instant;
use crate::trace::ConnId;
use crate::view::words;

/// The longest name of a state: `ESTABLISHED`.
const STATE: usize = 11;

/// An arrow is not drawn shorter, so that small exchanges look alike.
const SHORTEST: usize = 40;

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
