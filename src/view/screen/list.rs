//! The list of connections: columns that stand below each other, whatever the addresses are, with as much of the
//! next timer as there is room for.

use std::ops::Range;

use ratatui::style::{Modifier, Style};
use ratatui::text::Line;

use super::super::sockets::span;
use super::Listed;
use crate::tcp::{Timer, names};

/// The longest name of a state.
const STATE: usize = 11;
/// What is left for the next timer, at least.
const TIMER: usize = 8;
/// With so many lines the first has the names of the columns.
const TALL: usize = 4;

/// Which connections, and where.
pub(super) struct List<'a> {
    pub listed: &'a [&'a Listed],
    pub selected: Option<u64>,
    pub columns: usize,
    pub lines: usize,
    pub utf8: bool,
}

impl List<'_> {
    /// Which of the connections are shown, where not all are: `3-7 of 12`.
    pub fn part(&self) -> Option<String> {
        let (shown, all) = (self.shown(), self.listed.len());
        (!shown.is_empty() && shown.len() < all)
            .then(|| format!("{}-{} of {all}", shown.start + 1, shown.end))
    }

    fn has_head(&self) -> bool {
        self.lines >= TALL
    }

    /// The selected connection is always among them.
    fn shown(&self) -> Range<usize> {
        let room = self.lines - usize::from(self.has_head());
        let place = self.listed.iter().position(|one| Some(one.id) == self.selected);
        let first = (place.unwrap_or(0) + 1).saturating_sub(room);
        first..(first + room).min(self.listed.len())
    }

    /// The lines.
    pub fn drawn(&self) -> Vec<Line<'static>> {
        let ids = self.listed.iter().map(|one| number(one).len()).max().unwrap_or(0);
        let peers = self.listed.iter().map(|one| one.remote.to_string().len()).max().unwrap_or(0);
        // A sign for the selection, and a blank behind each column.
        let before = 1 + ids + 1 + STATE + 1;
        let peers = peers.min(self.columns.saturating_sub(before + TIMER));
        let rest = self.columns.saturating_sub(before + peers + 1);
        let mut lines = Vec::new();
        if self.has_head() {
            let timer = ["next timer", "timer"].into_iter().find(|name| name.len() <= rest);
            let timer = timer.unwrap_or_default();
            let head = format!(" {:ids$} {:STATE$} {:peers$} {timer}", "", "state", "peer");
            lines.push(Line::styled(head, Style::new().add_modifier(Modifier::DIM)));
        }
        for one in &self.listed[self.shown()] {
            let is_selected = Some(one.id) == self.selected;
            let mark = match (is_selected, self.utf8) {
                (true, true) => "►",
                (true, false) => ">",
                (false, _) => " ",
            };
            let (id, state) = (number(one), names::course(one.state));
            let (peer, timer) = (self.cut(&one.remote.to_string(), peers), timer(one, rest));
            let text = format!("{mark}{id:<ids$} {state:<STATE$} {peer:<peers$} {timer}");
            let bold = Style::new().add_modifier(Modifier::BOLD);
            lines.push(if is_selected { Line::styled(text, bold) } else { Line::raw(text) });
        }
        lines
    }

    /// The end of an address says more than its beginning.
    fn cut(&self, peer: &str, columns: usize) -> String {
        if peer.len() <= columns {
            return peer.to_owned();
        }
        let dots = if self.utf8 { "…" } else { ".." };
        let kept = columns.saturating_sub(if self.utf8 { 1 } else { 2 });
        format!("{dots}{}", &peer[peer.len() - kept..])
    }
}

fn number(connection: &Listed) -> String {
    format!("#{}", connection.id)
}

/// What is left of the next timer, and of which: in words, in short, or not at all.
fn timer(connection: &Listed, columns: usize) -> String {
    let Some(next) = connection.timers.iter().min_by_key(|timer| timer.left_us) else {
        return String::new();
    };
    let left = span(next.left_us);
    let texts = [format!("{left} {}", next.timer), format!("{left} {}", short(next.timer)), left];
    texts.into_iter().find(|text| text.len() <= columns).unwrap_or_default()
}

const fn short(timer: Timer) -> &'static str {
    match timer {
        Timer::Retransmission => "RTO",
        Timer::Reordering => "RACK",
        Timer::LossProbe => "TLP",
        Timer::Persist => "persist",
        Timer::DelayedAck => "ACK",
        Timer::Keepalive => "alive",
        Timer::TimeWait => "2MSL",
        Timer::Orphan => "orphan",
        Timer::User => "user",
        Timer::Pacing => "pace",
    }
}
