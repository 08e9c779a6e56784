//! Draws the ladder of one connection.

use std::borrow::Cow;

use super::label::{Columns, Label};
use super::record::Record;
use super::row::{Direction, Flow, Fold, Happening, MomentRow, Row, SegmentRow};
use super::style::{Glyphs, Line, Paint, Style, fit, flow, width};
use crate::tcp::{Cause, State};
use crate::time::Instant;
use crate::trace::{ConnId, Role};
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

/// The title, the rows and the summary of one connection; each line ends with a newline.
pub(super) fn ladder(id: ConnId, record: &Record, style: &Style) -> String {
    let rows = record.rows();
    let canvas = Canvas::new(record, &rows, *style);
    let mut text = title(id, record, *style);
    text.push_str(&canvas.heading(record));
    text.push_str(&canvas.bare(canvas.glyphs.line, record.initial));
    for row in &rows {
        text.push_str(&match row {
            Row::Segment(row) => canvas.segment(row),
            Row::Moment(row) => canvas.moment(row),
            Row::Folded(fold) => canvas.fold(fold),
        });
    }
    text.push_str(&canvas.summary(record));
    text
}

/// The last line when there were more connections than ladders.
pub(super) fn beyond(connections: u64, style: &Style) -> String {
    let more = words::count(connections, "more connection");
    let text = format!("{more}: not drawn, the ladder was full");
    fit(&text, style.columns(), style.glyphs()) + "\n"
}

fn title(id: ConnId, record: &Record, style: Style) -> String {
    let glyphs = style.glyphs();
    let mut parts = match record.ends {
        Some((local, remote, role)) => {
            let (from, to, who) = match role {
                Role::Active => (local, remote, "(we opened)"),
                Role::Passive => (remote, local, "(they opened)"),
            };
            vec![format!("{id}  {from}"), format!("{}  {to}", glyphs.to), who.to_owned()]
        }
        None => vec![id.to_string(), "(its beginning was not seen)".to_owned()],
    };
    if !(record.ours.is_relative() || record.theirs.is_relative()) {
        parts.push("(absolute numbers)".to_owned());
    }
    let mut text = String::new();
    for line in flow(&parts, "  ", 4, style.columns(), glyphs) {
        let mut bold = Line::default();
        bold.push(Paint::Bold, line);
        text.push_str(&bold.finish(style.color));
    }
    text
}

/// The columns of one ladder: time, the peer's lifeline, arrows, our lifeline, our state.
struct Canvas {
    style: Style,
    glyphs: &'static Glyphs,
    began: Instant,
    /// Columns of the time.
    time: usize,
    /// Decimals of a millisecond.
    decimals: usize,
    /// Columns between the lifelines.
    middle: usize,
    columns: Columns,
}

impl Canvas {
    fn new(record: &Record, rows: &[Row], style: Style) -> Self {
        let mut canvas = Canvas {
            style,
            glyphs: style.glyphs(),
            began: record.began,
            time: 0,
            decimals: if style.columns() < 80 { 1 } else { 3 },
            middle: 0,
            columns: Columns::default(),
        };
        canvas.time = width(&canvas.clock(record.last)).max("ms".len());
        // Two blanks after the time and before the state, and the two lifelines.
        canvas.middle = style.columns() - canvas.time - 2 - 1 - 1 - 2 - STATE;
        let segments = rows.iter().filter_map(|row| match row {
            Row::Segment(row) => Some(Label::new(row)),
            Row::Moment(_) | Row::Folded(_) => None,
        });
        canvas.columns = Columns::new(&segments.collect::<Vec<_>>(), canvas.room());
        let wanted = rows.iter().map(|row| canvas.wanted(row)).max().unwrap_or(0);
        canvas.middle = canvas.middle.min(wanted.max(SHORTEST));
        canvas
    }

    /// The columns between the lifelines that would show all of a row.
    fn wanted(&self, row: &Row) -> usize {
        match row {
            Row::Segment(row) => {
                let note = note(row).map_or(0, |note| width(&note) + AROUND_NOTE);
                width(&Label::new(row).full(self.columns)) + note + AROUND_LABEL
            }
            Row::Moment(row) => width(&words_of(row.what)) + 2,
            Row::Folded(_) => 0,
        }
    }

    /// Milliseconds since the ladder began.
    fn clock(&self, at: Instant) -> String {
        let micros = at.since(self.began).as_micros();
        match self.decimals {
            1 => format!("{}.{}", micros / 1_000, micros % 1_000 / 100),
            _ => format!("{}.{:03}", micros / 1_000, micros % 1_000),
        }
    }

    fn heading(&self, record: &Record) -> String {
        let (peer, us) = match record.ends {
            Some((_, _, Role::Active)) => ("peer (server)", "us (client)"),
            Some((_, _, Role::Passive)) => ("peer (client)", "us (server)"),
            None => ("peer", "us"),
        };
        let time = self.time;
        let gap = self.middle + 2 - width(peer);
        let mut line = Line::default();
        line.push(Paint::Dim, format!("{:>time$}  {peer}{us:>gap$}  our state", "ms"));
        line.finish(self.style.color)
    }

    /// A row without anything between the lifelines.
    fn bare(&self, ours: &str, state: State) -> String {
        let middle = vec![(Paint::Plain, " ".repeat(self.middle))];
        self.row("", self.glyphs.line, middle, ours, &state.to_string())
    }

    fn row(
        &self,
        time: &str,
        peer: &str,
        middle: Vec<(Paint, String)>,
        ours: &str,
        state: &str,
    ) -> String {
        let changed = if ours == self.glyphs.change { Paint::Bold } else { Paint::Dim };
        let columns = self.time;
        let mut line = Line::default();
        line.push(Paint::Plain, format!("{time:>columns$}  ")).push(Paint::Dim, peer);
        for (paint, text) in middle {
            line.push(paint, text);
        }
        line.push(changed, ours).push(Paint::Plain, "  ").push(changed, state);
        line.finish(self.style.color)
    }

    fn segment(&self, row: &SegmentRow) -> String {
        let (ours, state) = match row.entered.first() {
            Some(entered) => (self.glyphs.change, *entered),
            None => (self.glyphs.line, row.state),
        };
        let note = note(row);
        let beside = note.as_deref().is_none_or(|note| self.has_room_for(row, note));
        let arrow = self.arrow(row, note.as_deref().filter(|_| beside));
        let arrow = vec![(paint(row), arrow)];
        let mut text =
            self.row(&self.clock(row.at), self.glyphs.line, arrow, ours, &state.to_string());
        if let Some(note) = note.filter(|_| !beside) {
            let below = vec![(paint(row), self.at_our_side(&note))];
            text.push_str(&self.row("", self.glyphs.line, below, self.glyphs.line, ""));
        }
        for state in row.entered.iter().skip(1) {
            text.push_str(&self.bare(self.glyphs.change, *state));
        }
        text
    }

    /// Whether the least that an arrow says leaves room for a note on it.
    fn has_room_for(&self, row: &SegmentRow, note: &str) -> bool {
        Label::new(row).least() + width(note) + AROUND_NOTE <= self.room()
    }

    /// The columns that an arrow has for text.
    fn room(&self) -> usize {
        self.middle - AROUND_LABEL
    }

    /// `── SYN  seq 0 ─────►` or `◄─ FIN,ACK  seq 9  ack 4 ──── CLOSE ──`.
    fn arrow(&self, row: &SegmentRow, note: Option<&str>) -> String {
        let glyphs = self.glyphs;
        let shaft = shaft(row, glyphs);
        let (tail, head) = match (row.direction, row.dropped.is_some() || row.is_lost()) {
            (Direction::In, false) => (shaft, glyphs.right),
            (Direction::In, true) => (shaft, glyphs.cross),
            (Direction::Out, false) => (glyphs.left, shaft),
            (Direction::Out, true) => (glyphs.cross, shaft),
        };
        let note = note.map(|note| format!(" {note} ")).unwrap_or_default();
        let room = self.room() - width(&note);
        let label = Label::new(row).within(room, self.columns, glyphs);
        let fill = shaft.repeat(room + 1 - width(&label));
        format!("{tail}{shaft} {label} {fill}{note}{shaft}{head}")
    }

    /// Text that ends beside our lifeline.
    fn at_our_side(&self, text: &str) -> String {
        let columns = self.middle - 1;
        let text = fit(text, columns, self.glyphs);
        format!("{text:>columns$} ")
    }

    fn moment(&self, row: &MomentRow) -> String {
        let (ours, paint) = match row.what {
            Happening::Change(_) => (self.glyphs.change, Paint::Bold),
            Happening::Fired(_)
            | Happening::Dropped(_)
            | Happening::Told(_)
            | Happening::PathMtu(..) => (self.glyphs.line, Paint::Warn),
        };
        let middle = vec![(paint, self.at_our_side(&words_of(row.what)))];
        self.row(&self.clock(row.at), self.glyphs.line, middle, ours, &row.state.to_string())
    }

    fn fold(&self, fold: &Fold) -> String {
        let Glyphs { left, right, shaft, broken, skip, .. } = self.glyphs;
        let out = words_of_flow(fold.outgoing).map(|words| format!("{left}{shaft} {words}"));
        let back = words_of_flow(fold.incoming).map(|words| format!("{words} {shaft}{right}"));
        let mut lines: Vec<(String, String)> = vec![];
        match (out, back) {
            (Some(out), Some(back)) if width(&out) + width(&back) + 4 > self.middle => {
                lines.extend([(out, String::new()), (String::new(), back)]);
            }
            (None, None) => {}
            (out, back) => lines.push((out.unwrap_or_default(), back.unwrap_or_default())),
        }
        if let Some(troubles) = words_of_troubles(fold) {
            lines.push((format!("   {troubles}"), String::new()));
        }
        let mut text = String::new();
        for (from, to) in lines {
            let to = fit(&to, self.middle, self.glyphs);
            let from = fit(&from, self.middle - width(&to), self.glyphs);
            let gap = self.middle - width(&from);
            let middle = vec![(Paint::Dim, format!("{from}{to:>gap$}"))];
            text.push_str(&self.row(skip, broken, middle, broken, &fold.state.to_string()));
        }
        text
    }

    fn summary(&self, record: &Record) -> String {
        let mut counts = vec![
            format!("{} in", words::count(record.segments_in, "segment")),
            format!("{} out", record.segments_out),
        ];
        if record.again > 0 {
            counts.push(format!("{} retransmitted", record.again));
        }
        if record.dropped > 0 {
            counts.push(format!("{} dropped", record.dropped));
        }
        if record.faults > 0 {
            counts.push(words::count(record.faults, "fault"));
        }
        let (sent, received) = (record.ours.octets, record.theirs.octets);
        let data = format!("{} sent, {} received", words::octets(sent), words::octets(received));
        let parts = [counts.join(", "), data, ending(record)];
        let indent = self.time + 2;
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

/// What to say at the origin or the end of an arrow, on our side.
fn note(row: &SegmentRow) -> Option<Cow<'static, str>> {
    let dropped = row.dropped.map(words::dropped);
    let note = dropped.or(row.again.map(words::again)).or(row.because);
    let fault =
        row.fault.as_ref().map(|fault| format!("{} by '{}'", fault.harm.word(), fault.rule));
    match (note, fault) {
        (Some(note), Some(fault)) => Some(format!("{note}, {fault}").into()),
        (None, Some(fault)) => Some(fault.into()),
        (note, None) => note.map(Cow::Borrowed),
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

fn words_of(what: Happening) -> String {
    match what {
        Happening::Change(cause) => cause.words().to_owned(),
        Happening::Fired(timer) => format!("{timer} timer ran out"),
        Happening::Dropped(why) => format!("dropped: {}", words::dropped(why)),
        Happening::Told(problem) => format!("ICMP error: {}", words::problem(problem)),
        Happening::PathMtu(mtu, change) => {
            format!("path MTU {mtu}: {}", words::path_mtu(change))
        }
    }
}

fn words_of_flow(flow: Flow) -> Option<String> {
    let segments = words::count(flow.segments, "segment");
    match (flow.segments, flow.octets) {
        (0, _) => None,
        (_, 0) => Some(segments),
        (_, octets) => Some(format!("{segments}, {}", words::octets(octets))),
    }
}

fn words_of_troubles(fold: &Fold) -> Option<String> {
    let words: Vec<_> = [
        (fold.again, "retransmission"),
        (fold.dropped, "drop"),
        (fold.faults, "fault"),
        (fold.fired, "timeout"),
        (fold.told, "word of the network"),
        (fold.changes, "state change"),
    ]
    .into_iter()
    .filter(|(number, _)| *number > 0)
    .map(|(number, thing)| words::count(number, thing))
    .collect();
    (!words.is_empty()).then(|| words.join(", "))
}

/// How it ended, and when.
fn ending(record: &Record) -> String {
    let after = words::span(record.last.since(record.began));
    let how = match (record.state, record.cause) {
        (State::Closed, Some(Cause::RstArrived)) => "reset by the peer".to_owned(),
        (State::Closed, Some(Cause::Abort | Cause::DataAfterClose)) => "aborted by us".to_owned(),
        (State::Closed, Some(Cause::UserTimeout)) => "given up".to_owned(),
        (State::Closed, _) => "closed".to_owned(),
        (state, _) => format!("in {state}"),
    };
    format!("{how} after {after}")
}
