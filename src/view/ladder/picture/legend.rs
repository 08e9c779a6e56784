//! What the signs of a picture mean: those that are in it, and no others.

use super::has_reckoned;
use super::paper::{Anchor, MONO, Paper, reach};
use crate::view::ladder::exchange::Exchange;
use crate::view::ladder::row::{Leg, Row, SegmentRow};
use crate::wire::Flags;

/// A sign takes this much room before its words.
const SIGN: i32 = 34;
const BETWEEN: i32 = 22;
const LINE: i32 = 18;

/// Draws it from a place on; returns where it ends.
pub(super) fn draw(paper: &mut Paper, exchange: &Exchange<'_>, (left, top): (i32, i32)) -> i32 {
    let any = |is: fn(&SegmentRow) -> bool| {
        exchange.rows.iter().any(|row| matches!(row, Row::Segment(row) if is(row)))
    };
    let mut items: Vec<(Sign, &str)> = Vec::new();
    if any(|row| row.again.is_some()) {
        items.push((Sign::Dashes, "sent again"));
    }
    if any(|row| row.is_lost() || row.dropped.is_some()) {
        items.push((Sign::Cross, "lost, or not acted on"));
    }
    if any(|row| row.flags.contains(Flags::RST)) {
        items.push((Sign::Thick, "RST"));
    }
    if any(|row| row.leg == Leg::Leaves) {
        items.push((Sign::Nothing, "arrows that cross: both were under way at once"));
    }
    if has_reckoned(exchange) {
        items.push((Sign::Hollow, "state reckoned from the packets"));
        items.push((Sign::Filled, "state known"));
    }
    items.push((Sign::Nothing, "numbers count from the SYNs; rows are not to scale in time"));
    let right = left + 600;
    let (mut x, mut y) = (left, top + 2);
    for (sign, words) in items {
        let before = if sign == Sign::Nothing { 0 } else { SIGN };
        let wide = before + reach(words, MONO);
        if x > left && x + wide > right {
            (x, y) = (left, y + LINE);
        }
        sign.draw(paper, (x, y - 4));
        paper.text((x + before, y), Anchor::Start, "soft", words);
        x += wide + BETWEEN;
    }
    y + 4
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Sign {
    Dashes,
    Cross,
    Thick,
    Hollow,
    Filled,
    Nothing,
}

impl Sign {
    fn draw(self, paper: &mut Paper, (x, y): (i32, i32)) {
        match self {
            Sign::Dashes => paper.line((x, y), (x + 26, y), "shaft warn again"),
            Sign::Cross => {
                paper.line((x, y), (x + 18, y), "shaft warn");
                paper.cross((x + 18, y), "warn");
            }
            Sign::Thick => paper.line((x, y), (x + 26, y), "shaft alarm"),
            Sign::Hollow => paper.block((x, y - 5), (26, 11), "name flow reckoned"),
            Sign::Filled => paper.block((x, y - 5), (26, 11), "name flow"),
            Sign::Nothing => {}
        }
    }
}
