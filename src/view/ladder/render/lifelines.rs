//! The two lifelines of a row, and the states beside them.

use super::{Canvas, STATE};
use crate::tcp::State;
use crate::view::ladder::exchange::PeerColumn;
use crate::view::ladder::peer::PeerCell;
use crate::view::ladder::style::{Line, Paint, width};

/// One end on one line: what stands on its lifeline, and its state.
#[derive(Clone, Copy)]
pub(super) struct Mark<'a> {
    line: &'a str,
    state: Option<State>,
    /// The section that asks for it.
    section: Option<&'static str>,
}

impl<'a> Mark<'a> {
    pub(super) fn new(line: &'a str, state: Option<State>) -> Self {
        Mark { line, state, section: None }
    }
}

impl Canvas<'_> {
    /// A row without anything between the lifelines.
    pub(super) fn bare(&self, peer: Mark<'_>, ours: Mark<'_>) -> String {
        let middle = vec![(Paint::Plain, " ".repeat(self.middle))];
        self.row("", peer, middle, ours)
    }

    pub(super) fn row(
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
    pub(super) fn marks(
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
}
