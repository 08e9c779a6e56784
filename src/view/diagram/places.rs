//! Where things stand in the diagram of the states, chosen by hand: the boxes, the lines between them,
//! and the labels on the lines. What the labels say is in `tcp::ARROWS`, not here.
//!
//! All numbers are user units: pixels, when the picture is shown at its own size.

use crate::tcp::State;

/// The picture's width.
pub(super) const WIDTH: i32 = 900;
/// The picture's height.
pub(super) const HEIGHT: i32 = 1040;
/// The width of every box.
pub(super) const BOX_WIDTH: i32 = 190;
/// The height of a box's upper part, which has the name. Its exits stand in the part below.
pub(super) const HEAD: i32 = 48;

/// The base line of the legend's first row, and where its columns begin.
pub(super) const LEGEND: i32 = 914;
pub(super) const LEGEND_COLUMNS: [i32; 3] = [22, 316, 610];

/// The left edges of the three columns.
const LEFT: i32 = 51;
const MIDDLE: i32 = 355;
const RIGHT: i32 = 659;

/// Where a box stands: its left and its upper edge. Opening from the top down to ESTABLISHED in the
/// middle; below it whoever closes first on the left, whoever closes second on the right.
pub(super) const fn place(state: State) -> (i32, i32) {
    match state {
        State::Closed => (MIDDLE, 70),
        State::Listen => (LEFT, 195),
        State::SynSent => (RIGHT, 195),
        State::SynReceived => (LEFT, 362),
        State::Established => (MIDDLE, 362),
        State::FinWait1 => (LEFT, 562),
        State::Closing => (MIDDLE, 562),
        State::CloseWait => (RIGHT, 562),
        State::FinWait2 => (LEFT, 734),
        State::TimeWait => (MIDDLE, 734),
        State::LastAck => (RIGHT, 734),
    }
}

/// Where a line meets a box: which side, and where along it.
#[derive(Clone, Copy)]
pub(super) enum Port {
    /// On the upper edge, at this x.
    Top(i32),
    /// On the lower edge, at this x.
    Bottom(i32),
    /// On the left edge, at this y.
    Left(i32),
    /// On the right edge, at this y.
    Right(i32),
}

/// Whose usual path a line is on (RFC 9293 figure 5 leaves it to the reader to find them).
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Path {
    /// The client's, which opens actively and closes first.
    Client,
    /// The server's, which opens passively and closes second.
    Server,
    /// Neither's.
    Rare,
}

/// Which end of a label's lines stands at its x.
#[derive(Clone, Copy)]
pub(super) enum Anchor {
    Start,
    Middle,
    End,
}

impl Anchor {
    /// The value of `text-anchor`.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Anchor::Start => "start",
            Anchor::Middle => "middle",
            Anchor::End => "end",
        }
    }
}

/// Where a label stands.
#[derive(Clone, Copy)]
pub(super) struct Label {
    pub(super) x: i32,
    /// The base line of the last cause's words; earlier causes stand above it.
    pub(super) y: i32,
    pub(super) anchor: Anchor,
    /// How far below the words the section stands; 0: beside them.
    pub(super) drop: i32,
}

/// A line between two boxes. It carries every arrow from the one state to the other that is not
/// listed as an exit.
pub(super) struct Route {
    pub(super) from: State,
    pub(super) to: State,
    pub(super) path: Path,
    pub(super) leave: Port,
    /// The corners on the way, each straight across or straight down from the one before.
    pub(super) corners: &'static [(i32, i32)],
    pub(super) arrive: Port,
    pub(super) label: Label,
}

/// Words beside a line that runs down.
const fn beside(x: i32, y: i32) -> Label {
    Label { x, y, anchor: Anchor::Start, drop: 14 }
}

/// Words above and section below a short line that runs across at `y`.
const fn astride(x: i32, y: i32) -> Label {
    Label { x, y: y - 7, anchor: Anchor::Middle, drop: 22 }
}

/// Words and section above a long line that runs across at `y`.
const fn above(x: i32, y: i32) -> Label {
    Label { x, y: y - 7, anchor: Anchor::Middle, drop: 0 }
}

/// Words and section on the left of a line that runs down.
const fn before(x: i32, y: i32) -> Label {
    Label { x, y, anchor: Anchor::End, drop: 0 }
}

/// The lines, in the order in which they are drawn.
#[rustfmt::skip]
pub(super) const ROUTES: &[Route] = {
    use Path::{Client, Rare, Server};
    use Port::{Bottom, Left, Right, Top};
    use State::{
        CloseWait, Closed, Closing, Established, FinWait1, FinWait2, LastAck, Listen, SynReceived,
        SynSent, TimeWait,
    };
    const fn r(
        (from, to, path): (State, State, Path),
        leave: Port,
        corners: &'static [(i32, i32)],
        arrive: Port,
        label: Label,
    ) -> Route {
        Route { from, to, path, leave, corners, arrive, label }
    }
    &[
        r((Closed, Listen, Server), Bottom(410), &[(410, 151), (180, 151)], Top(180),
            above(295, 151)),
        r((Listen, Closed, Rare), Top(110), &[(110, 108)], Left(108), above(232, 108)),
        r((Closed, SynSent, Client), Bottom(490), &[(490, 151), (720, 151)], Top(720),
            above(605, 151)),
        r((SynSent, Closed, Rare), Top(790), &[(790, 108)], Right(108), above(668, 108)),
        r((Listen, SynSent, Rare), Right(219), &[], Left(219), above(450, 219)),
        r((Listen, SynReceived, Server), Bottom(110), &[], Top(110), beside(120, 302)),
        r((SynSent, SynReceived, Rare), Bottom(720), &[(720, 316), (210, 316)], Top(210),
            above(450, 316)),
        r((SynSent, Established, Client), Bottom(790), &[(790, 386)], Right(386), above(668, 386)),
        r((SynReceived, Established, Server), Right(386), &[], Left(386), astride(298, 386)),
        r((SynReceived, FinWait1, Rare), Bottom(110), &[], Top(110), beside(120, 516)),
        r((Established, FinWait1, Client), Bottom(410), &[(410, 510), (200, 510)], Top(200),
            above(310, 510)),
        r((Established, CloseWait, Server), Bottom(490), &[(490, 510), (754, 510)], Top(754),
            above(620, 510)),
        r((FinWait1, FinWait2, Client), Bottom(146), &[], Top(146), beside(157, 692)),
        r((FinWait1, Closing, Rare), Right(586), &[], Left(586), astride(298, 586)),
        r((FinWait2, TimeWait, Client), Right(758), &[], Left(758), astride(298, 758)),
        r((Closing, TimeWait, Rare), Bottom(450), &[], Top(450), beside(460, 692)),
        r((CloseWait, LastAck, Server), Bottom(754), &[], Top(754), beside(765, 692)),
        r((TimeWait, Closed, Client), Bottom(450), &[(450, 874), (22, 874), (22, 80)], Left(80),
            before(438, 864)),
        r((LastAck, Closed, Server), Bottom(754), &[(754, 874), (878, 874), (878, 80)], Right(80),
            before(743, 864)),
    ]
};
