//! Puts packets together with what they did, and with what made them leave.
//!
//! Of a packet that comes is what follows it and can only be done by a packet; of one that leaves is what its
//! connection did before, since it last sent something. What a connection does when its packets have been
//! dealt with (timers, mostly) is of the last of them in the same round of the driver.

mod conns;
mod faults;

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;

use self::conns::Conn;
use super::super::words;
use super::comment::{self, Notes, Step};
use super::entry::Entry;
use super::octets::Octets;
use crate::tcp::{Cause, State};
use crate::time::Instant;
use crate::trace::{
    Call, ConnId, DropReason, Event, Fate, Passage, Retransmission, SegmentSummary, TimerChange,
    Way, What,
};
use crate::wire::Flags;

/// Packets of one round, where nobody says when it is over.
const LONGEST_ROUND: usize = 1024;
/// Packets that have yet to come through faults.
const MOST_UNDECIDED: usize = 64 * 1024;
/// What faults did to packets that have yet to reach the stack, which they do in the next round.
const MOST_STRUCK: usize = 1024;

type Ends = (SocketAddr, SocketAddr);

/// Takes what is complete.
pub(super) type Out<'a> = &'a mut dyn FnMut(Entry);

/// The events of one stack on their way into records.
#[derive(Debug)]
pub(super) struct Join {
    has_faults: bool,
    /// When the last event was.
    now: Instant,
    conns: BTreeMap<ConnId, Conn>,
    ids: BTreeMap<Ends, ConnId>,
    /// The packets of this round, in order.
    round: Vec<Entry>,
    /// The one of them that is being acted on.
    arriving: Option<usize>,
    /// The segment that was made and whose packet comes next.
    leaving: Option<(ConnId, Notes)>,
    /// Packets that left.
    sent: u64,
    /// Those of which it is not known yet what becomes of them, by their numbers.
    undecided: BTreeMap<u64, Entry>,
    /// What struck packets that the stack gets next.
    struck: VecDeque<Fate>,
}

impl Join {
    pub fn new(has_faults: bool) -> Self {
        Join {
            has_faults,
            now: Instant::ZERO,
            conns: BTreeMap::new(),
            ids: BTreeMap::new(),
            round: Vec::new(),
            arriving: None,
            leaving: None,
            sent: 0,
            undecided: BTreeMap::new(),
            struck: VecDeque::new(),
        }
    }

    pub fn on_event(&mut self, event: &Event, out: Out<'_>) {
        self.now = event.at;
        if let What::Packet(passage) = &event.what {
            return self.on_passage(event.at, passage, out);
        }
        match event.conn {
            Some(conn) => self.on_event_of(conn, event),
            None => self.on_event_of_none(&event.what),
        }
    }

    /// The round is over.
    pub fn settle(&mut self, out: Out<'_>) {
        (self.arriving, self.leaving) = (None, None);
        for entry in std::mem::take(&mut self.round) {
            for (conn, _) in &entry.notes {
                if let Some(conn) = self.conns.get_mut(conn) {
                    conn.last = None;
                }
            }
            if entry.way == Way::Tx {
                self.sent += 1;
                if self.has_faults && self.undecided.len() < MOST_UNDECIDED {
                    self.undecided.insert(self.sent, entry);
                    continue;
                }
            }
            out(entry);
        }
    }

    /// Nothing comes any more.
    pub fn end(&mut self, out: Out<'_>) {
        self.settle(out);
        for (_, mut entry) in std::mem::take(&mut self.undecided) {
            entry.remarks.insert(0, "on its way, or held back by a fault, at the end".to_owned());
            (entry.passed, entry.is_held) = (self.now, true);
            out(entry);
        }
    }

    fn on_passage(&mut self, at: Instant, passage: &Passage, out: Out<'_>) {
        match passage {
            Passage::Arrives(packet) => {
                let has_sent = self.round.last().is_some_and(|last| last.way == Way::Tx);
                if has_sent || self.round.len() >= LONGEST_ROUND {
                    self.settle(out);
                }
                self.leaving = None;
                let fate = self.fate_of(packet);
                self.arriving = Some(self.round.len());
                self.round.push(Entry { fate, ..Entry::new(at, Octets::Received(packet.clone())) });
            }
            Passage::IsPutAside => {
                if let Some(entry) = self.arriving.take().and_then(|_| self.round.pop()) {
                    self.struck.extend(entry.fate);
                }
            }
            Passage::Leaves(frame) => {
                self.arriving = None;
                let mut entry = Entry::new(at, Octets::Sent(frame.clone()));
                entry.way = Way::Tx;
                match self.leaving.take() {
                    Some((id, notes)) => {
                        entry.notes.push((id, notes));
                        // With it the connection may be over, and forgotten.
                        if let Some(conn) = self.conns.get_mut(&id) {
                            conn.last = Some((self.round.len(), 0));
                        }
                    }
                    None => {
                        let flags = entry.octets.segment(Way::Tx).map(|(_, flags)| flags);
                        let remark = flags.and_then(comment::stray);
                        entry.remarks.extend(remark.map(str::to_owned));
                    }
                }
                self.round.push(entry);
            }
            Passage::Met(fate) => self.on_fate(at, fate, out),
        }
    }

    fn on_event_of(&mut self, id: ConnId, event: &Event) {
        let at = event.at;
        match &event.what {
            What::Opened { local, remote, .. } => {
                self.conn(id).ends = Some((*local, *remote));
                self.ids.insert((*local, *remote), id);
            }
            What::Removed => self.forget(id),
            What::Received { seg, state } => {
                self.conn(id).state = Some(*state);
                if let Some(notes) = self.notes_of_arriving(id) {
                    notes.state.get_or_insert(*state);
                    notes.several = several(seg);
                }
            }
            What::Sent { seg, state, retransmission } => {
                self.on_sent(id, seg, *state, *retransmission);
            }
            What::State { from, to, cause, section } => {
                self.conn(id).state = Some(*to);
                let step = Step { at, from: *from, to: *to, cause: *cause, section };
                if *cause != Cause::PassiveOpen {
                    self.notes_for(id, is_by_packet(*cause)).steps.push(step);
                }
            }
            What::Dropped { why, .. } => {
                if let Some(notes) = self.notes_of_arriving(id) {
                    notes.dropped.get_or_insert(*why);
                }
            }
            What::Timer { timer, change: TimerChange::Fired } => {
                self.arriving = None;
                let fired = &mut self.conn(id).next.fired;
                if !fired.contains(timer) {
                    fired.push(*timer);
                }
            }
            What::Timer { timer, change } => self.notes(id).timer(*timer, *change),
            What::CongestionWindow { cwnd, .. } => self.notes(id).cwnd = Some(*cwnd),
            What::Call { call: Call::Send { octets }, .. } => {
                self.arriving = None;
                self.conn(id).next.sent += octets;
            }
            What::Call { call: Call::Receive { octets }, .. } => {
                self.arriving = None;
                self.conn(id).next.received += octets;
            }
            What::Call { call: Call::Shutdown | Call::Close | Call::Abort, .. } => {
                self.arriving = None;
            }
            What::NetworkError { problem, effect, .. } => {
                let said = format!("{}; {}", words::problem(*problem), words::effect(*effect));
                self.notes_for(id, true).told.push(said);
            }
            what => {
                if let Some(text) = told(what) {
                    self.notes(id).told.push(text);
                }
            }
        }
    }

    /// A segment is being made: what its connection did before is why.
    fn on_sent(
        &mut self,
        id: ConnId,
        seg: &SegmentSummary,
        state: State,
        retransmission: Option<Retransmission>,
    ) {
        self.arriving = None;
        let conn = self.conn(id);
        conn.state = Some(state);
        let mut notes = std::mem::take(&mut conn.next);
        notes.state = Some(state);
        notes.again = retransmission;
        notes.several = several(seg);
        if seg.len > 0 || seg.flags.intersects(Flags::SYN | Flags::FIN) {
            notes.received = 0;
        } else {
            // It goes on waiting for a segment that carries it.
            conn.next.sent = std::mem::take(&mut notes.sent);
        }
        self.leaving = Some((id, notes));
    }

    /// What is of no connection is of the packet that came last, unless it is about fragments that had come
    /// before.
    fn on_event_of_none(&mut self, what: &What) {
        if let What::Dropped {
            why: DropReason::FragmentTimeout | DropReason::FragmentsFull, ..
        } = what
        {
            return;
        }
        if let (What::Dropped { why, .. }, Some(at)) = (what, self.arriving) {
            let text = format!("not acted on: {}", words::dropped(*why));
            self.round[at].remarks.push(text);
        }
    }
}

/// Whether a packet that came has this effect.
fn is_by_packet(cause: Cause) -> bool {
    cause.is_by_arrival() || cause == Cause::Unreachable
}

/// With offload one packet is several segments.
fn several(seg: &SegmentSummary) -> Option<(u32, u32)> {
    let segments = seg.segments();
    (segments > 1).then_some((seg.len, segments))
}

/// What else is worth a word on a packet.
fn told(what: &What) -> Option<String> {
    match what {
        What::Recovery { change, until } => Some(words::recovery(*change, *until)),
        What::PathMtu { mtu, change } => {
            Some(format!("path MTU {mtu} ({})", words::path_mtu(*change)))
        }
        What::MtuProbe { mtu, fate } => {
            Some(format!("probe of {mtu} octets {}", words::probe(*fate)))
        }
        What::Urgent { pointer } => Some(format!("urgent data until {pointer}")),
        What::Unanswered { timeouts } => Some(format!("{timeouts} timeouts in a row")),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seq::Seq;
    use crate::trace::Role;
    use crate::wire::{Ecn, Options, Segment, tcp};

    /// A reset leaves when its connection has gone.
    #[test]
    fn nothing_is_kept_of_a_connection_that_went_with_its_last_packet() {
        let mut join = Join::new(false);
        let ends: Ends = ("192.0.2.2:80".parse().unwrap(), "192.0.2.1:1".parse().unwrap());
        let seg = SegmentSummary {
            seq: Seq(1),
            ack: Seq(0),
            flags: Flags::RST,
            wnd: 0,
            len: 0,
            segment_size: 0,
            ecn: Ecn::default(),
            options: Options::default(),
        };
        let ports = tcp::Ports { src: 80, dst: 1 };
        let reset = Segment { flags: Flags::RST, ..Segment::default() };
        let frame = tcp::emit(ports, ends.0.ip(), ends.1.ip(), reset);
        let passage = Passage::Leaves(frame);
        let whats = [
            What::Opened { local: ends.0, remote: ends.1, role: Role::Passive },
            What::Sent { seg, state: State::Closed, retransmission: None },
            What::Removed,
            What::Packet(Box::new(passage)),
        ];
        let mut entries = Vec::new();
        for what in whats {
            let conn = if matches!(what, What::Packet(_)) { None } else { Some(ConnId(1)) };
            let event = Event { at: Instant::ZERO, conn, what };
            join.on_event(&event, &mut |entry| entries.push(entry));
        }
        join.settle(&mut |entry| entries.push(entry));
        assert_eq!(entries.len(), 1);
        assert_eq!(entries[0].notes[0].0, ConnId(1), "the reset is known for whose it was");
        assert!(join.conns.is_empty() && join.ids.is_empty(), "{join:?}");
    }
}
