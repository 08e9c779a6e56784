//! What happens between the lifelines: arrows, moments, and many rows in one.

use super::layout::{Layout, Place, SLANT, clock};
use super::paper::{Anchor, MONO, Paper, letters, reach, xml};
use crate::view::ladder::exchange::Exchange;
use crate::view::ladder::fields;
use crate::view::ladder::label::Label;
use crate::view::ladder::row::{Direction, End, Fold, Leg, MomentRow, Row, SegmentRow};
use crate::view::ladder::style::{Style, fit};
use crate::view::ladder::telling;
use crate::view::words;
use crate::wire::Flags;

/// From a lifeline to where an arrow begins or ends, and to the words beside it.
const NEAR: i32 = 7;
const WORDS: i32 = 16;

/// Draws one row; `id` is its name in the document, or nothing.
pub(super) fn draw(
    paper: &mut Paper,
    exchange: &Exchange<'_>,
    layout: &Layout,
    (row, place): (&Row, Place),
    id: &str,
) {
    let record = &exchange.record;
    let told = fields::sentence(exchange, row);
    if id.is_empty() {
        paper.open("class=\"row\"");
    } else {
        let told = xml(&told);
        paper.open(&format!(
            "class=\"row\" data-row=\"{id}\" tabindex=\"0\" role=\"img\" aria-label=\"{told}\""
        ));
        let width = layout.width - 8;
        paper.block((4, place.y - 18), (width, place.height), "hit");
    }
    paper.title(&told);
    let time = row.at().map_or_else(|| "⋮".to_owned(), |at| clock(record, at));
    paper.text((layout.time, place.y + 4), Anchor::End, "time", &time);
    match row {
        Row::Segment(row) => arrow(paper, layout, row, place),
        Row::Moment(row) => moment(paper, layout, row, place),
        Row::Folded(fold) => folded(paper, layout, fold, place),
    }
    paper.close();
}

/// Where an arrow begins, and where it ends.
struct Way {
    from: (i32, i32),
    to: (i32, i32),
}

impl Way {
    fn new(layout: &Layout, row: &SegmentRow, place: Place) -> Self {
        let [left, right] = [layout.x(End::Peers) + NEAR, layout.x(End::Ours) - NEAR];
        let (from, to) = match row.direction {
            Direction::In => (left, right),
            Direction::Out => (right, left),
        };
        Way { from: (from, place.y), to: (to, place.arrival) }
    }

    /// A point on it, so many hundredths from its beginning.
    fn at(&self, hundredths: i32) -> (i32, i32) {
        let between = |from: i32, to: i32| from + (to - from) * hundredths / 100;
        (between(self.from.0, self.to.0), between(self.from.1, self.to.1))
    }
}

fn arrow(paper: &mut Paper, layout: &Layout, row: &SegmentRow, place: Place) {
    if let Leg::Arrives(_) = row.leg {
        // Drawn where it left; here is what became of it.
        if row.dropped.is_some() {
            let x = match row.direction {
                Direction::In => layout.x(End::Ours) - NEAR - 4,
                Direction::Out => layout.x(End::Peers) + NEAR + 4,
            };
            paper.cross((x, place.y), "warn");
        }
        return trouble(paper, layout, row, place.y);
    }
    let way = Way::new(layout, row, place);
    let (paint, shaft) = (paint(row), shaft(row));
    let is_one = row.leg == Leg::Whole || place.arrival != place.y + SLANT;
    if row.is_lost() {
        let end = way.at(72);
        paper.line(way.from, end, &shaft);
        paper.cross(end, paint);
    } else if is_one {
        paper.line(way.from, way.to, &shaft);
        if row.dropped.is_some() {
            paper.cross(way.at(99), paint);
        } else {
            paper.head(way.from, way.to, paint);
        }
    } else {
        // It has not arrived while anybody looked.
        let end = way.at(50);
        paper.line(way.from, end, &shaft);
        paper.line(end, way.at(75), &format!("shaft flying {paint}"));
    }
    label(paper, &way, row);
    trouble(paper, layout, row, place.y + SLANT);
}

/// The header in short, and why it was sent: above the beginning of the arrow, which goes down from there.
fn label(paper: &mut Paper, way: &Way, row: &SegmentRow) {
    let why = telling::why(row).unwrap_or_default();
    let room = (way.to.0 - way.from.0).abs() - 2 * (WORDS - NEAR);
    let taken = if why.is_empty() { 0 } else { reach(why, MONO) + 10 };
    let glyphs = Style::default().glyphs();
    let text = Label::new(row).beside(letters(room - taken, MONO), glyphs);
    let (x, anchor) = beside(way.from.0, row.direction == Direction::In);
    paper.texts((x, way.from.1 - 6), anchor, &[("label", &text), ("why", why)]);
}

/// What came of it, if that is not what its sender wanted: below the end of the arrow.
fn trouble(paper: &mut Paper, layout: &Layout, row: &SegmentRow, y: i32) {
    let parts = [row.dropped.map(|why| words::dropped(why).to_owned()), telling::fault(row)];
    let text = parts.into_iter().flatten().collect::<Vec<_>>().join(", ");
    let end = match row.direction {
        Direction::In => End::Ours,
        Direction::Out => End::Peers,
    };
    let room = layout.lines[1] - layout.lines[0] - 2 * (NEAR + WORDS);
    // Bold letters are no wider here.
    let text = fit(&text, letters(room, MONO), Style::default().glyphs());
    let edge = match end {
        End::Peers => layout.x(end) + NEAR,
        End::Ours => layout.x(end) - NEAR,
    };
    let (x, anchor) = beside(edge, end == End::Peers);
    paper.text((x, y + 12), anchor, "label bad", &text);
}

/// Words to the right of a place near the left lifeline, or to the left of one near the right.
fn beside(x: i32, is_left: bool) -> (i32, Anchor) {
    if is_left { (x + WORDS, Anchor::Start) } else { (x - WORDS, Anchor::End) }
}

fn moment(paper: &mut Paper, layout: &Layout, row: &MomentRow, place: Place) {
    let x = layout.x(row.end);
    let (text_x, anchor) = beside(x, row.end == End::Peers);
    let inner = if row.end == End::Peers { x + 11 } else { x - 11 };
    let class = match row.what {
        what if what.is_change() => "label",
        what if what.is_of_a_timer_that_runs() => "label soft",
        _ => "label bad",
    };
    paper.line((x, place.y), (inner, place.y), "tick");
    let room = layout.lines[1] - layout.lines[0] - 2 * WORDS;
    let text = fit(&telling::moment(row), letters(room, MONO), Style::default().glyphs());
    paper.text((text_x, place.y + 4), anchor, class, &text);
}

fn folded(paper: &mut Paper, layout: &Layout, fold: &Fold, place: Place) {
    let [left, right] = layout.lines;
    let (x, width) = (left + WORDS, right - left - 2 * WORDS);
    paper.block((x, place.y - 12), (width, 36), "fold");
    let troubles = telling::troubles(fold);
    let y = if troubles.is_some() { place.y + 3 } else { place.y + 10 };
    if let Some(flow) = telling::flow(fold.incoming) {
        paper.text((x + 10, y), Anchor::Start, "soft", &format!("{flow} →"));
    }
    if let Some(flow) = telling::flow(fold.outgoing) {
        paper.text((x + width - 10, y), Anchor::End, "soft", &format!("← {flow}"));
    }
    if let Some(troubles) = troubles {
        let text = fit(&troubles, letters(width - 20, MONO), Style::default().glyphs());
        paper.text((x + width / 2, place.y + 18), Anchor::Middle, "bad", &text);
    }
}

/// The class of what stands out by its colour.
fn paint(row: &SegmentRow) -> &'static str {
    if row.flags.contains(Flags::RST) {
        "alarm"
    } else if row.dropped.is_some() || row.again.is_some() || row.is_lost() {
        "warn"
    } else {
        match row.direction {
            Direction::In => "in",
            Direction::Out => "out",
        }
    }
}

fn shaft(row: &SegmentRow) -> String {
    let again = if row.again.is_some() { " again" } else { "" };
    format!("shaft {}{again}", paint(row))
}
