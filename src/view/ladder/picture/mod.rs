//! The ladder as an SVG picture.
//!
//! `layout` says where things are, `rows` draws what happens between the lifelines, `paper` writes elements.
//! Colours repeat what shapes and words say: a segment that was sent again is dashed, what came to nothing ends
//! in a cross, a state that was reckoned has a hollow, dashed box.

mod layout;
mod legend;
pub(super) mod paper;
mod rows;

use std::fmt::Write as _;

pub(super) use self::layout::clock;
use self::layout::{Band, CHANGE, Certainty, Layout, MARGIN, NAME, STATES};
use self::paper::{Anchor, MONO, Paper, letters, xml};
use super::exchange::{Exchange, PeerColumn};
use super::row::{End, Row};
use super::style::{Style, fit, flow};
use super::telling;
use crate::tcp::State;
use crate::view::words;

/// The looks of everything, for light paper and for dark.
pub(super) const CSS: &str = include_str!("picture.css");

/// Between two ladders.
const BETWEEN: i32 = 28;
/// What a column of numbers beside rows takes.
const MARKS: i32 = 24;
/// Of one line of the summary.
const LINE: i32 = 17;

/// What a picture shows beside segments and states.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PictureStyle {
    /// The section of RFC 9293 that asks for each change of state.
    pub sections: bool,
    /// With both ends: nothing is folded, however long it gets.
    pub every_row: bool,
}

impl Default for PictureStyle {
    /// With sections; what is long is folded.
    fn default() -> Self {
        PictureStyle { sections: true, every_row: false }
    }
}

/// A number beside a row, for a remark about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mark {
    /// Of which ladder of the picture, from 0.
    pub ladder: usize,
    /// Beside which row of it, from 0.
    pub row: usize,
    /// The number.
    pub number: usize,
}

/// The ladder of one connection: elements, and the room that they take.
pub(super) struct Picture {
    pub width: i32,
    pub height: i32,
    pub elements: String,
}

/// All ladders below one another; `beyond` is of how many connections there are none.
pub(super) fn document(exchanges: &[Exchange<'_>], beyond: u64, style: &PictureStyle) -> String {
    marked(exchanges, beyond, &[], style)
}

/// The same with numbers beside rows, in a column of their own on the left.
pub(super) fn marked(
    exchanges: &[Exchange<'_>],
    beyond: u64,
    marks: &[Mark],
    style: &PictureStyle,
) -> String {
    let column = if marks.is_empty() { 0 } else { MARKS };
    let time = exchanges.iter().map(Layout::end_of_times).max().unwrap_or(MARGIN);
    let mut width = 400;
    let mut y = 0;
    let mut body = String::new();
    for (index, exchange) in exchanges.iter().enumerate() {
        let layout = Layout::with_time(exchange, time);
        let here = marks.iter().filter(|mark| mark.ladder == index);
        let badges = badges(&layout, here);
        let picture = draw(exchange, &layout, "", style);
        let elements = &picture.elements;
        let _ = write!(body, "<g transform=\"translate({column} {y})\">\n{elements}{badges}</g>\n");
        width = width.max(column + picture.width);
        y += picture.height + BETWEEN;
    }
    y = (y - BETWEEN).max(0);
    let rest = match (beyond, exchanges.len()) {
        (0, 0) => Some("No connection was seen.".to_owned()),
        (0, _) => None,
        (beyond, _) => Some(format!("{}: not drawn.", words::count(beyond, "more connection"))),
    };
    if let Some(rest) = rest {
        let mut paper = Paper::default();
        paper.text((MARGIN, y + 30), Anchor::Start, "soft", &rest);
        body.push_str(&paper.finish());
        y += 48;
    }
    let titles: Vec<_> = exchanges.iter().map(heading).collect();
    let descriptions: Vec<_> = exchanges.iter().map(description).collect();
    open(width, y, &titles.join("; "), &descriptions.join(" ")) + &body + "</svg>\n"
}

fn open(width: i32, height: i32, title: &str, description: &str) -> String {
    let (title, description) = (xml(title), xml(description));
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" version=\"1.1\" role=\"img\" \
         width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {width} {height}\">\n\
         <title>{title}</title>\n<desc>{description}</desc>\n<style>\n{CSS}</style>\n\
         <rect class=\"paper\" width=\"{width}\" height=\"{height}\"/>\n"
    )
}

/// Who talks with whom, in one line.
pub(super) fn heading(exchange: &Exchange<'_>) -> String {
    let glyphs = Style::default().glyphs();
    let parts = telling::title(exchange.id, &exchange.record, exchange.peer, glyphs);
    parts.join(" ").trim_end().to_owned()
}

/// The picture in words, for whoever cannot see it.
pub(super) fn description(exchange: &Exchange<'_>) -> String {
    let layout = Layout::new(exchange);
    let [left, right] = exchange.ends();
    let states = |bands: &[Band]| {
        let names: Vec<_> =
            bands.iter().filter_map(|band| band.state).map(|state| state.to_string()).collect();
        names.join(", ")
    };
    let [theirs, ours] = &layout.bands;
    let peer = match states(theirs) {
        states if states.is_empty() => String::new(),
        states => format!(" States of {left}: {states}."),
    };
    format!(
        "Segments between {left}, on the left, and {right}, on the right, from top to bottom.{peer} \
         States of {right}: {}. {}.",
        states(ours),
        telling::summary(&exchange.record).join("; ")
    )
}

/// Draws one connection. `ids` is put before the numbers of the rows, for whoever looks for one; without it
/// rows have no numbers.
pub(super) fn picture(exchange: &Exchange<'_>, ids: &str, style: &PictureStyle) -> Picture {
    draw(exchange, &Layout::new(exchange), ids, style)
}

fn draw(exchange: &Exchange<'_>, layout: &Layout, ids: &str, style: &PictureStyle) -> Picture {
    let mut paper = Paper::default();
    let [left, right] = layout.lines;
    let title = heading(exchange);
    let room = layout.width - 2 * MARGIN;
    let title = fit(&title, letters(room, 1000), Style::default().glyphs());
    paper.text((MARGIN, 30), Anchor::Start, "title", &title);
    paper.text((layout.time, 62), Anchor::End, "soft", "ms");
    // As much as stands beside a lifeline.
    let most = letters(2 * NAME, 760);
    for (end, x) in exchange.ends().into_iter().zip([left, right]) {
        let name = fit(end, most, Style::default().glyphs());
        paper.text((x, 62), Anchor::Middle, "end", &name);
    }
    lifelines(&mut paper, exchange, layout, style);
    for (number, (row, place)) in exchange.rows.iter().zip(&layout.rows).enumerate() {
        rows::draw(&mut paper, exchange, layout, (row, *place), &number_of(ids, number));
    }
    let mut y = layout.bottom + 22;
    let parts = telling::summary(&exchange.record);
    let columns = letters(layout.width - left - MARGIN, MONO);
    for line in flow(&parts, "; ", 0, columns, Style::default().glyphs()) {
        paper.text((left, y), Anchor::Start, "soft", &line);
        y += LINE;
    }
    y = legend::draw(&mut paper, exchange, (left, y));
    Picture { width: layout.width, height: y + MARGIN - 6, elements: paper.finish() }
}

/// The numbers beside the rows of one connection.
fn badges<'a>(layout: &Layout, marks: impl Iterator<Item = &'a Mark>) -> String {
    let mut paper = Paper::default();
    for mark in marks {
        let Some(place) = layout.rows.get(mark.row) else { continue };
        paper.badge((MARGIN - MARKS / 2 - 4, place.y), mark.number);
    }
    paper.finish()
}

/// The name of a row in a document.
pub(super) fn number_of(ids: &str, number: usize) -> String {
    if ids.is_empty() { String::new() } else { format!("{ids}-{number}") }
}

/// The lifelines: a band for each state, and its name where it begins.
fn lifelines(paper: &mut Paper, exchange: &Exchange<'_>, layout: &Layout, style: &PictureStyle) {
    for (end, bands) in [End::Peers, End::Ours].into_iter().zip(&layout.bands) {
        let x = layout.x(end);
        for band in bands {
            match band.state {
                Some(state) => {
                    let class = format!("band {}", looks(state, band.certainty));
                    let height = (band.to - band.from).max(1);
                    paper.block((x - 5, band.from), (10, height), &class);
                }
                None => paper.line((x, band.from), (x, band.to), "bare"),
            }
        }
        // Above the bands, for two may be close.
        for band in bands {
            if let Some(state) = band.state {
                name(paper, (end, x), state, band, style);
            }
        }
    }
    for (row, place) in exchange.rows.iter().zip(&layout.rows) {
        if let Row::Folded(_) = row {
            for x in layout.lines {
                for slit in [8, 16, 24] {
                    paper.block((x - 8, place.y - 8 + slit), (16, 4), "gap");
                }
            }
        }
    }
}

/// The name of a state beside its lifeline, and the section that asks for it.
fn name(paper: &mut Paper, (end, x): (End, i32), state: State, band: &Band, style: &PictureStyle) {
    const WIDTH: i32 = STATES - 22;
    let (left, middle) = match end {
        End::Peers => (x - 12 - WIDTH, x - 12 - WIDTH / 2),
        End::Ours => (x + 12, x + 12 + WIDTH / 2),
    };
    let class = format!("name {}", looks(state, band.certainty));
    let y = band.from;
    paper.block((left, y - 8), (WIDTH, 16), &class);
    paper.text((middle, y + 4), Anchor::Middle, "state", &state.to_string());
    if let Some(section) = band.section.filter(|_| style.sections) {
        const { assert!(CHANGE >= 30, "a section stands between two states") };
        paper.text((middle, y + 18), Anchor::Middle, "section", &format!("§{section}"));
    }
}

/// The class of a state: how far the connection has come, and on which way it ends.
fn looks(state: State, certainty: Certainty) -> String {
    let class = match state {
        State::Closed | State::Listen => "idle",
        State::SynSent | State::SynReceived => "open",
        State::Established => "flow",
        State::FinWait1 | State::FinWait2 | State::Closing => "first",
        State::CloseWait | State::LastAck => "second",
        State::TimeWait => "wait",
    };
    match certainty {
        Certainty::Known => class.to_owned(),
        Certainty::Reckoned => format!("{class} reckoned"),
    }
}

/// Every state of either end.
pub(super) fn states(exchange: &Exchange<'_>) -> Vec<State> {
    let [theirs, ours] = Layout::new(exchange).bands;
    theirs.into_iter().chain(ours).filter_map(|band| band.state).collect()
}

/// Whether some state of the peer is not known but reckoned.
fn has_reckoned(exchange: &Exchange<'_>) -> bool {
    exchange.peer == PeerColumn::Reckoned && exchange.rows.iter().any(Row::is_reckoned)
}
