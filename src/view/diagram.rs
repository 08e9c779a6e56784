//! The diagram of the eleven states as an SVG picture, drawn from `tcp::ARROWS`.
//!
//! Opening and closing are lines from box to box; the exits that any connection may take at any time
//! (resets, aborts, timeouts) would hide them, so those stand as lists in the boxes that they leave.
//! An arrow of the table for which `places` has no line becomes an item of such a list: whatever the
//! table says is in the picture.

mod places;
#[cfg(test)]
mod tests;

use std::fmt::Write as _;

use self::places::{
    Anchor, BOX_WIDTH, HEAD, HEIGHT, LEGEND, LEGEND_COLUMNS, Label, Path, Port, ROUTES, Route,
    WIDTH, place,
};
use crate::tcp::{ARROWS, Cause, State, names};

/// Letters of a state's name, of the caption, and of everything smaller than a cause's words. The
/// grey is dark enough for print, light enough to stand behind the names.
const NAME: &str = r#"font-size="15" font-weight="bold""#;
const CAPTION: &str = r#"font-size="20" font-weight="bold""#;
const WORDS: &str = r#"font-size="13""#;
const SMALL: &str = r##"font-size="11" fill="#555""##;
/// From one line of small letters to the next.
const LEADING: i32 = 14;
/// The space between a box's edge and what is written in it.
const PADDING: i32 = 10;
/// How many small letters fit into a line of a box.
const LETTERS: usize = 27;
/// How long an arrow's head is; half of it is its half width.
const ARROW_HEAD: i32 = 12;
/// How round a line's corners are.
const ROUND: i32 = 10;

/// The diagram of the states: a whole SVG 1.1 document, 900 units wide, the same at every call.
///
/// The box of `lit` is shown as the present state: by a frame, a mark, a tint and the description.
#[must_use]
pub fn states_svg(lit: Option<State>) -> String {
    let mut svg = String::new();
    open(&mut svg, lit);
    for route in ROUTES {
        line(&mut svg, route);
    }
    for state in State::ALL {
        card(&mut svg, state, lit == Some(state));
    }
    legend(&mut svg);
    svg.push_str("</svg>\n");
    svg
}

/// Whether a cause belongs to an exit that is listed, not drawn.
const fn is_listed(cause: Cause) -> bool {
    match cause {
        Cause::PassiveOpen
        | Cause::ActiveOpen
        | Cause::Close
        | Cause::SynArrived
        | Cause::SynAckArrived
        | Cause::SynAcknowledged
        | Cause::FinArrived
        | Cause::FinAcknowledged
        | Cause::TimeWaitOver
        | Cause::NewIncarnation => false,
        Cause::Abort
        | Cause::RstArrived
        | Cause::Unreachable
        | Cause::SynInWindow
        | Cause::UserTimeout
        | Cause::OrphanTimeout
        | Cause::DataAfterClose => true,
    }
}

/// The causes that the line between two states carries.
fn drawn(from: State, to: State) -> Vec<Cause> {
    if !ROUTES.iter().any(|route| (route.from, route.to) == (from, to)) {
        return Vec::new();
    }
    causes(from, to).filter(|cause| !is_listed(*cause)).collect()
}

/// The causes that are listed as exits from the one state to the other.
fn listed(from: State, to: State) -> Vec<Cause> {
    let drawn = drawn(from, to);
    causes(from, to).filter(|cause| !drawn.contains(cause)).collect()
}

/// Every cause in the table that leads from the one state to the other.
fn causes(from: State, to: State) -> impl Iterator<Item = Cause> {
    ARROWS.iter().filter(move |(a, b, _)| (*a, *b) == (from, to)).map(|(_, _, cause)| *cause)
}

/// The document's head: size, title, description in words, arrow head, white paper, caption.
fn open(svg: &mut String, lit: Option<State>) {
    let half = ARROW_HEAD / 2;
    let _ = write!(
        svg,
        r##"<?xml version="1.0" encoding="UTF-8"?>
<svg xmlns="http://www.w3.org/2000/svg" version="1.1"
  width="{WIDTH}" height="{HEIGHT}" viewBox="0 0 {WIDTH} {HEIGHT}"
  font-family="Helvetica, Arial, 'Liberation Sans', 'DejaVu Sans', sans-serif" fill="#111">
<title>The states of a TCP connection</title>
<desc>{}</desc>
<defs><marker id="head" refX="0" refY="{half}" orient="auto"
  markerWidth="{ARROW_HEAD}" markerHeight="{ARROW_HEAD}" markerUnits="userSpaceOnUse"
><path d="M0,1 L{ARROW_HEAD},{half} L0,{} z"/></marker></defs>
<rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/>
"##,
        escaped(&description(lit)),
        ARROW_HEAD - 1,
    );
    text(svg, (22, 32), Anchor::Start, CAPTION, "The states of a TCP connection");
    let key = "rcv: a segment arrived.  CAPITALS: the user calls.  Numbers: sections of RFC 9293.";
    text(svg, (22, 54), Anchor::Start, SMALL, key);
}

/// The whole picture in words, for whoever cannot see it.
fn description(lit: Option<State>) -> String {
    let mut words = String::from("The eleven states and every way from one to another.");
    if let Some(state) = lit {
        let _ = write!(words, " The connection is in {state} now.");
    }
    for from in State::ALL {
        let ways: Vec<_> = State::ALL
            .into_iter()
            .map(|to| (to, causes(from, to).map(Cause::words).collect::<Vec<_>>()))
            .filter(|(_, causes)| !causes.is_empty())
            .map(|(to, causes)| format!("to {to} by {}", causes.join(" or ")))
            .collect();
        let _ = write!(words, "\nFrom {from} {}.", ways.join("; "));
    }
    words
}

/// One line with its head and its label.
fn line(svg: &mut String, route: &Route) {
    let Route { from, to, label: at, .. } = *route;
    let causes = drawn(from, to);
    let stroke = stroke(route.path);
    let way = way(&points(route));
    let _ = writeln!(svg, "<g id=\"{from}-to-{to}\"><title>{from} to {to}</title>");
    let _ = writeln!(svg, "<path d=\"{way}\" {stroke} marker-end=\"url(#head)\"/>");
    for (cause, above) in causes.iter().rev().zip(0..) {
        let y = at.y - above * (at.drop + LEADING + 3);
        label(svg, &Label { y, ..at }, cause.words(), cause.section_from(from));
    }
    svg.push_str("</g>\n");
}

/// A cause's words, and the section beside or below them.
fn label(svg: &mut String, at: &Label, words: &str, section: &str) {
    if at.drop == 0 {
        let section = format!("<tspan dx=\"6\" {SMALL}>{}</tspan>", escaped(section));
        raw_text(svg, (at.x, at.y), at.anchor, WORDS, &(escaped(words) + &section));
    } else {
        text(svg, (at.x, at.y), at.anchor, WORDS, words);
        text(svg, (at.x, at.y + at.drop), at.anchor, SMALL, section);
    }
}

/// How a line is drawn. The paths differ in width and dashes, not in colour.
const fn stroke(path: Path) -> &'static str {
    match path {
        Path::Client => r##"fill="none" stroke="#111" stroke-width="3.5""##,
        Path::Server => r##"fill="none" stroke="#111" stroke-width="2" stroke-dasharray="8 5""##,
        Path::Rare => r##"fill="none" stroke="#111" stroke-width="1""##,
    }
}

/// Where a line starts, turns and ends.
fn points(route: &Route) -> Vec<(i32, i32)> {
    let mut points = vec![meet(route.from, route.leave)];
    points.extend(route.corners);
    points.push(meet(route.to, route.arrive));
    points
}

/// The point on a box's edge.
fn meet(state: State, port: Port) -> (i32, i32) {
    let (x, y) = place(state);
    match port {
        Port::Top(at) => (at, y),
        Port::Bottom(at) => (at, y + height(state)),
        Port::Left(at) => (x, at),
        Port::Right(at) => (x + BOX_WIDTH, at),
    }
}

/// The path through these points, with round corners, ending where the arrow's head begins.
fn way(points: &[(i32, i32)]) -> String {
    let (start, end) = (points[0], points[points.len() - 1]);
    let mut way = format!("M{},{}", start.0, start.1);
    for corner in points.windows(3) {
        let (x, y) = corner[1];
        let (before, after) =
            (toward(corner[1], corner[0], ROUND), toward(corner[1], corner[2], ROUND));
        let _ = write!(way, " L{},{} Q{x},{y} {},{}", before.0, before.1, after.0, after.1);
    }
    let end = toward(end, points[points.len() - 2], ARROW_HEAD);
    let _ = write!(way, " L{},{}", end.0, end.1);
    way
}

/// The point so many units from `from` toward `to`, which is straight across or straight down.
fn toward(from: (i32, i32), to: (i32, i32), units: i32) -> (i32, i32) {
    (from.0 + units * (to.0 - from.0).signum(), from.1 + units * (to.1 - from.1).signum())
}

/// One state: its name, the RFC's name when it differs, and the exits that are listed.
fn card(svg: &mut String, state: State, lit: bool) {
    let ((x, y), height) = (place(state), height(state));
    let _ = writeln!(svg, "<g id=\"{state}\"><title>{state}</title>");
    let (tint, frame) = if lit { ("#ffe680", 4) } else { ("#fff", 2) };
    let _ = writeln!(
        svg,
        r##"<rect x="{x}" y="{y}" width="{BOX_WIDTH}" height="{height}" rx="6"
  fill="{tint}" stroke="#111" stroke-width="{frame}"/>"##,
    );
    if lit {
        mark(svg, (x + 5, y + 5));
    }
    let middle = x + BOX_WIDTH / 2;
    if names::rfc(state) == names::course(state) {
        text(svg, (middle, y + 30), Anchor::Middle, NAME, names::course(state));
    } else {
        text(svg, (middle, y + 22), Anchor::Middle, NAME, names::course(state));
        text(svg, (middle, y + 38), Anchor::Middle, SMALL, names::rfc(state));
    }
    let exits = exits(state);
    if !exits.is_empty() {
        let (right, y) = (x + BOX_WIDTH, y + HEAD);
        let _ = writeln!(svg, r##"<path d="M{x},{y} L{right},{y}" stroke="#999"/>"##);
    }
    for (exit, row) in exits.iter().zip(1..) {
        let (x, y) = (x + PADDING, y + HEAD + 3 + row * LEADING);
        let indent = if exit.starts_with('→') { 0 } else { PADDING };
        text(svg, (x + indent, y), Anchor::Start, SMALL, exit);
    }
    svg.push_str("</g>\n");
}

/// The word "now" on a black tag: the present state for whoever sees no colours.
fn mark(svg: &mut String, (x, y): (i32, i32)) {
    let _ = writeln!(svg, r#"<rect x="{x}" y="{y}" width="30" height="15" rx="3"/>"#);
    let white = r##"font-size="11" font-weight="bold" fill="#fff""##;
    text(svg, (x + 15, y + 11), Anchor::Middle, white, "now");
}

/// How high a state's box is.
fn height(state: State) -> i32 {
    match i32::try_from(exits(state).len()).expect("a few lines") {
        0 => HEAD,
        lines => HEAD + lines * LEADING + PADDING,
    }
}

/// The lines that tell a state's exits: `→ CLOSED: rcv RST, ABORT,` and `user timeout`.
fn exits(from: State) -> Vec<String> {
    let mut lines = Vec::new();
    for to in State::ALL {
        let words: Vec<_> =
            listed(from, to).into_iter().map(|cause| cause.words().into()).collect();
        if !words.is_empty() {
            lines.extend(wrapped(&format!("→ {to}:"), &words, LETTERS));
        }
    }
    lines
}

/// What the lines mean, and the sections of the exits.
fn legend(svg: &mut String) {
    let lines = [
        (Path::Client, "the client's usual path", "opens actively, closes first"),
        (Path::Server, "the server's usual path", "opens passively, closes second"),
        (Path::Rare, "the other ways", "simultaneous, or closed early"),
    ];
    for ((path, words, more), x) in lines.into_iter().zip(LEGEND_COLUMNS) {
        let (y, right, stroke) = (LEGEND - 4, x + 48, stroke(path));
        let _ =
            writeln!(svg, r#"<path d="M{x},{y} L{right},{y}" {stroke} marker-end="url(#head)"/>"#);
        text(svg, (right + ARROW_HEAD + 8, LEGEND), Anchor::Start, WORDS, words);
        text(svg, (right + ARROW_HEAD + 8, LEGEND + LEADING), Anchor::Start, SMALL, more);
    }
    let mut y = LEGEND + 44;
    text(svg, (LEGEND_COLUMNS[0], y), Anchor::Start, SMALL, "The exits listed in the boxes:");
    for row in exit_sections().chunks(LEGEND_COLUMNS.len()) {
        y += LEADING + 2;
        for (entry, x) in row.iter().zip(LEGEND_COLUMNS) {
            text(svg, (x, y), Anchor::Start, SMALL, entry);
        }
    }
    let both = "A FIN that also acknowledges ours takes two arrows at once: FIN_WAIT_1 to FIN_WAIT_2, \
                and on to TIME_WAIT.";
    text(svg, (LEGEND_COLUMNS[0], y + 26), Anchor::Start, SMALL, both);
}

/// The causes of listed exits with their sections, each pair once.
fn exit_sections() -> Vec<String> {
    let mut sections = Vec::new();
    for (from, to, cause) in ARROWS {
        let (words, section) = (cause.words(), cause.section_from(*from));
        let entry = if section == cause.section() {
            format!("{words} {section}")
        } else {
            format!("{words} in {from} {section}")
        };
        if listed(*from, *to).contains(cause) && !sections.contains(&entry) {
            sections.push(entry);
        }
    }
    sections
}

/// `head` and the items behind it, with commas, in lines of at most so many letters.
fn wrapped(head: &str, items: &[String], columns: usize) -> Vec<String> {
    let mut lines = Vec::new();
    let mut line = head.to_owned();
    for (item, rest) in items.iter().zip((0..items.len()).rev()) {
        let item = if rest == 0 { item.clone() } else { format!("{item},") };
        if line.chars().count() + 1 + item.chars().count() > columns {
            lines.push(std::mem::replace(&mut line, item));
        } else {
            line = line + " " + &item;
        }
    }
    lines.push(line);
    lines
}

/// A line of text at a point of its base line.
fn text(svg: &mut String, at: (i32, i32), anchor: Anchor, letters: &str, words: &str) {
    raw_text(svg, at, anchor, letters, &escaped(words));
}

/// As `text`, of what is XML already.
fn raw_text(svg: &mut String, (x, y): (i32, i32), anchor: Anchor, letters: &str, xml: &str) {
    let anchor = anchor.name();
    let _ = writeln!(svg, r#"<text x="{x}" y="{y}" text-anchor="{anchor}" {letters}>{xml}</text>"#);
}

/// The words as XML character data.
fn escaped(words: &str) -> String {
    words.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
