//! The peer's state, as far as its packets and ours betray it.
//!
//! Nobody tells us what state the other end is in, but it follows the same RFC: whoever sees every segment, and
//! knows which of them arrived, can reckon it out. What was reckoned and not seen is marked so.

use super::row::{Direction, Fold, SegmentRow};
use crate::seq::Seq;
use crate::tcp::State::{self, CloseWait, Closed, Closing, Established, FinWait1, FinWait2};
use crate::tcp::State::{LastAck, Listen, SynReceived, SynSent, TimeWait};
use crate::tcp::{ARROWS, Arrow};
use crate::trace::Role;
use crate::wire::Flags;

/// What is known of the peer on one row.
#[derive(Clone, Debug, Default)]
pub(super) struct PeerCell {
    /// Its state when the row began.
    pub state: Option<State>,
    /// The states it entered on this row, in order.
    pub entered: Vec<State>,
    /// The section of RFC 9293 that asks for each of these, where it has told.
    pub sections: Vec<&'static str>,
    /// Whether the last of these was seen, and not only reckoned.
    pub seen: bool,
}

impl PeerCell {
    /// Its state when the row is over.
    pub fn after(&self) -> Option<State> {
        self.entered.last().copied().or(self.state)
    }
}

/// A model of the peer, moved on by what passes between us.
#[derive(Clone, Debug)]
pub(super) struct Peer {
    /// Unknown when the beginning of the connection was not seen.
    state: Option<State>,
    /// Where the peer's FIN ends, once it has left.
    fin: Option<Seq>,
    /// Where our FIN ends, once it has left.
    our_fin: Option<Seq>,
    /// What of ours has reached the peer without a gap, as far as can be known.
    reached: Option<Seq>,
}

/// From one state to another.
type Steps = [(State, State)];

/// RFC 9293 3.10.7, from the other side: what its state becomes when something arrives there ...
const ARRIVES_SYN: &Steps = &[(SynSent, SynReceived), (Listen, SynReceived)];
const ARRIVES_SYN_ACK: &Steps = &[(SynSent, Established)];
const ARRIVES_ACK: &Steps = &[(SynReceived, Established)];
const ARRIVES_ACK_OF_FIN: &Steps = &[(FinWait1, FinWait2), (Closing, TimeWait), (LastAck, Closed)];
const ARRIVES_FIN: &Steps = &[
    (SynReceived, CloseWait),
    (Established, CloseWait),
    (FinWait1, Closing),
    (FinWait2, TimeWait),
];
/// ... and what it must have become before something left.
const LEAVES_SYN: &Steps = &[(Closed, SynSent), (TimeWait, SynSent)];
const LEAVES_SYN_ACK: &Steps = &[(Listen, SynReceived), (SynSent, SynReceived)];
const LEAVES_ACK: &Steps = &[(SynSent, Established)];
const LEAVES_FIN: &Steps =
    &[(SynReceived, FinWait1), (Established, FinWait1), (CloseWait, LastAck)];

impl Peer {
    /// The peer of a connection that `role` opened on our side; without it nothing is known.
    pub fn new(role: Option<Role>) -> Self {
        let state = role.map(|role| match role {
            Role::Active => Listen,
            Role::Passive => Closed,
        });
        Peer { state, fin: None, our_fin: None, reached: None }
    }

    /// Its state now.
    pub fn state(&self) -> Option<State> {
        self.state
    }

    /// Whether a single step leads from its state to this one.
    pub fn may_enter(&self, state: State) -> bool {
        let leads_there = |(from, to, _): &Arrow| (Some(*from), *to) == (self.state, state);
        self.state.is_none() || ARROWS.iter().any(leads_there)
    }

    /// Somebody has looked.
    pub fn on_seen(&mut self, state: State) {
        self.state = Some(state);
    }

    /// Something has come from it that nobody has seen: where it is now cannot be told.
    pub fn on_unseen(&mut self) {
        self.state = None;
    }

    /// A segment has passed, or was lost. Returns what that did to the peer.
    pub fn on_segment(&mut self, row: &SegmentRow) -> PeerCell {
        let state = self.state;
        let mut entered = Vec::new();
        match row.direction {
            Direction::In => self.on_leaving(row, &mut entered),
            Direction::Out if row.is_lost() => {}
            Direction::Out => self.on_arriving(row, &mut entered),
        }
        PeerCell { state, entered, ..PeerCell::default() }
    }

    /// Many plain segments have passed.
    pub fn on_fold(&mut self, fold: &Fold) -> PeerCell {
        let state = self.state;
        let mut entered = Vec::new();
        self.on_reached(fold.reached);
        self.on_our_fin(&mut entered);
        PeerCell { state, entered, ..PeerCell::default() }
    }

    /// The peer has sent this.
    fn on_leaving(&mut self, row: &SegmentRow, entered: &mut Vec<State>) {
        let is = |flags| row.flags.contains(flags);
        if is(Flags::RST) {
            return self.reset(entered);
        }
        if is(Flags::ACK) {
            self.on_reached(Some(row.numbers.1));
            self.on_our_fin(entered);
        }
        match (is(Flags::SYN), is(Flags::ACK)) {
            (true, true) => self.step(LEAVES_SYN_ACK, entered),
            (true, false) => self.step(LEAVES_SYN, entered),
            (false, true) => self.step(LEAVES_ACK, entered),
            (false, false) => {}
        }
        if is(Flags::FIN) {
            self.fin = Some(row.end());
            self.step(LEAVES_FIN, entered);
        }
    }

    /// This has arrived at the peer.
    fn on_arriving(&mut self, row: &SegmentRow, entered: &mut Vec<State>) {
        let is = |flags| row.flags.contains(flags);
        if is(Flags::RST) {
            return self.reset(entered);
        }
        match (is(Flags::SYN), is(Flags::ACK)) {
            (true, true) => self.step(ARRIVES_SYN_ACK, entered),
            (true, false) => self.step(ARRIVES_SYN, entered),
            (false, true) => self.step(ARRIVES_ACK, entered),
            (false, false) => {}
        }
        if is(Flags::ACK) && self.fin.is_some_and(|fin| row.numbers.1.ge(fin)) {
            self.step(ARRIVES_ACK_OF_FIN, entered);
        }
        if is(Flags::FIN) {
            self.our_fin = Some(row.end());
        }
        let fits = self.reached.is_none_or(|reached| reached.ge(row.numbers.0));
        if fits || is(Flags::SYN) {
            self.on_reached(Some(row.end()));
        }
        self.on_our_fin(entered);
    }

    fn on_reached(&mut self, end: Option<Seq>) {
        let Some(end) = end else { return };
        if self.reached.is_none_or(|reached| reached.lt(end)) {
            self.reached = Some(end);
        }
    }

    /// Our FIN counts for the peer as soon as everything before it is there, too.
    fn on_our_fin(&mut self, entered: &mut Vec<State>) {
        if let (Some(fin), Some(reached)) = (self.our_fin, self.reached)
            && reached.ge(fin)
        {
            self.step(ARRIVES_FIN, entered);
        }
    }

    fn reset(&mut self, entered: &mut Vec<State>) {
        if self.state.replace(Closed) != Some(Closed) {
            entered.push(Closed);
        }
    }

    fn step(&mut self, steps: &Steps, entered: &mut Vec<State>) {
        if let Some((_, to)) = steps.iter().find(|(from, _)| Some(*from) == self.state) {
            self.state = Some(*to);
            entered.push(*to);
        }
    }
}
