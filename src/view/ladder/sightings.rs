//! What was seen of the peer, laid beside what its packets say.
//!
//! Whoever looks is a little late: a sighting may be of a state that the peer had a moment ago, or has for a
//! reason that reaches us only a moment later.

use std::time::Duration;

use super::peer::{Peer, PeerCell};
use super::row::{End, Happening, MomentRow, Row};
use crate::tcp::State;
use crate::time::Instant;
use crate::trace::Role;

/// Within this time of each other a sighting and a packet are of the same moment.
const SLACK: Duration = Duration::from_millis(2);

/// A packet that the peer has sent may wait for so long until somebody reads it.
const UNREAD: Duration = Duration::from_millis(50);

/// As many are kept; there are eleven states.
const MOST: usize = 64;

/// In order of time; of one state in a row only the first.
#[derive(Clone, Debug, Default)]
pub(super) struct Sightings(Vec<(Instant, State)>);

impl Sightings {
    /// The peer was seen in this state.
    pub fn push(&mut self, at: Instant, state: State) {
        let is_news = self.0.last().is_none_or(|(_, last)| *last != state);
        if is_news && self.0.len() < MOST {
            self.0.push((at, state));
        }
    }

    /// Gives `rows` what is known of the peer of a connection of ours with this role.
    pub fn with(&self, role: Option<Role>, rows: Vec<Row>) -> Vec<Row> {
        let mut laid = Laid { peer: Peer::new(role), rows: Vec::new(), ours: State::Closed };
        let mut sightings = self.0.iter().copied().peekable();
        for row in rows {
            while let Some((at, state)) =
                sightings.next_if(|(at, state)| is_over(*at, *state, row.at()))
            {
                laid.see(at, state);
            }
            laid.push(row);
        }
        sightings.for_each(|(at, state)| laid.see(at, state));
        laid.rows
    }
}

/// Whether nothing that happens at `now` or later explains why the peer was seen in `state` at `then`. A fold has
/// no moment: what was seen before it was seen in it.
fn is_over(then: Instant, state: State, now: Option<Instant>) -> bool {
    let slack = match state {
        // Where a packet of its own has taken it.
        State::SynSent | State::FinWait1 | State::LastAck => UNREAD,
        State::Closed
        | State::Listen
        | State::SynReceived
        | State::Established
        | State::FinWait2
        | State::CloseWait
        | State::Closing
        | State::TimeWait => SLACK,
    };
    now.is_some_and(|now| now.since(then) > slack)
}

/// Rows with the peer beside them.
struct Laid {
    peer: Peer,
    rows: Vec<Row>,
    /// Our state on the last.
    ours: State,
}

impl Laid {
    fn push(&mut self, mut row: Row) {
        match &mut row {
            Row::Segment(row) => {
                row.peer = self.peer.on_segment(row);
                self.ours = row.entered.last().copied().unwrap_or(row.state);
            }
            Row::Moment(row) => {
                // A segment did this, and none has a row yet: it came before anybody looked.
                let is_first = !self.rows.iter().any(|row| matches!(row, Row::Segment(_)));
                if is_first && matches!(row.what, Happening::Change(cause) if cause.is_by_arrival())
                {
                    self.peer.on_unseen();
                }
                row.peer.state = self.peer.state();
                self.ours = row.state;
            }
            Row::Folded(fold) => {
                self.peer.on_fold(fold);
                fold.peer = self.peer.state();
                self.ours = fold.state;
            }
        }
        self.rows.push(row);
    }

    /// The peer was seen in `state` at `at`: either that is known, or it gets a row of its own.
    fn see(&mut self, at: Instant, state: State) {
        let is_near = |row: &Row| row.at().is_none_or(|then| at.since(then) <= SLACK);
        let near =
            self.rows.iter_mut().rev().take_while(|row| is_near(row)).filter_map(Row::peer_cell);
        if let Some(cell) = near.into_iter().find(|cell| cell.entered.contains(&state)) {
            cell.seen |= cell.entered.last() == Some(&state);
            return;
        }
        if self.peer.state() == Some(state) {
            let changes = self.rows.iter_mut().rev().filter_map(Row::peer_cell);
            if let Some(cell) = changes.into_iter().find(|cell| !cell.entered.is_empty()) {
                cell.seen = true;
            }
            return;
        }
        // It has been there, and there is no way back: whoever looked was late.
        let mut earlier = self.rows.iter_mut().rev().filter_map(Row::peer_cell);
        if !self.peer.may_enter(state)
            && let Some(cell) = earlier.find(|cell| cell.entered.contains(&state))
        {
            cell.seen |= cell.entered.last() == Some(&state);
            return;
        }
        let before = self.peer.state();
        self.peer.on_seen(state);
        self.rows.push(Row::Moment(MomentRow {
            at: self.rows.last().and_then(Row::at).map_or(at, |last| last.max(at)),
            end: End::Peers,
            what: Happening::Seen,
            state: self.ours,
            section: None,
            peer: PeerCell {
                state: before,
                entered: vec![state],
                seen: true,
                ..PeerCell::default()
            },
        }));
    }
}
