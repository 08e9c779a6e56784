//! What stands on one line of a ladder.

use std::sync::Arc;

use super::peer::PeerCell;
use crate::seq::Seq;
use crate::tcp::{Cause, State, Timer};
use crate::time::Instant;
use crate::trace::{DropReason, Harm, PathMtuChange, Retransmission};
use crate::wire::{Flags, Options, Problem, Timestamps};

/// One line, more or less.
#[derive(Clone, Debug)]
pub(super) enum Row {
    /// An arrow.
    Segment(SegmentRow),
    /// Something that happened on our side without a segment.
    Moment(MomentRow),
    /// Many rows in one.
    Folded(Fold),
}

impl Row {
    /// When it happened; `None` for many rows in one.
    pub fn at(&self) -> Option<Instant> {
        match self {
            Row::Segment(row) => Some(row.at),
            Row::Moment(row) => Some(row.at),
            Row::Folded(_) => None,
        }
    }

    /// The other end.
    pub fn peer_cell(&mut self) -> Option<&mut PeerCell> {
        match self {
            Row::Segment(row) => Some(&mut row.peer),
            Row::Moment(row) => Some(&mut row.peer),
            Row::Folded(_) => None,
        }
    }

    /// Whether it has a state of the peer that nobody has seen.
    pub fn is_reckoned(&self) -> bool {
        match self {
            Row::Segment(row) => !(row.peer.entered.is_empty() || row.peer.seen),
            Row::Moment(_) | Row::Folded(_) => false,
        }
    }

    /// Whether it may be folded with its neighbours: data or an ACK that changed nothing.
    pub fn is_plain(&self) -> bool {
        match self {
            Row::Segment(row) => {
                !row.flags.intersects(Flags::SYN | Flags::FIN | Flags::RST)
                    && row.entered.is_empty()
                    && row.again.is_none()
                    && row.dropped.is_none()
                    && !row.is_lost()
                    && row.fault.is_none()
                    && row.peer.entered.is_empty()
            }
            // Timers are set and cleared all the time.
            Row::Moment(row) => row.what.is_of_a_timer_that_runs(),
            Row::Folded(_) => false,
        }
    }
}

/// How much of its way a segment covers on one row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Leg {
    /// All of it.
    Whole,
    /// It leaves; other things happen before it arrives.
    Leaves,
    /// It arrives, having left at this moment.
    Arrives(Instant),
    /// It leaves, and never arrives.
    Lost,
}

/// Which way an arrow points. Our side is on the right.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Direction {
    /// From the peer to us.
    In,
    /// From us to the peer.
    Out,
}

/// A segment, with the numbers that the ladder shows.
#[derive(Clone, Debug)]
pub(super) struct SegmentRow {
    pub at: Instant,
    pub direction: Direction,
    pub leg: Leg,
    pub flags: Flags,
    /// SEG.SEQ and SEG.ACK.
    pub numbers: (Seq, Seq),
    /// Its first number, counted from its sender's SYN.
    pub seq: i64,
    /// What it acknowledges, counted from the receiver's SYN; `None` without the ACK flag.
    pub ack: Option<i64>,
    /// Octets of payload.
    pub len: u32,
    /// How many segments it is on the wire: with offload it may be many.
    pub segments: u32,
    /// In octets, scaled.
    pub window: u32,
    /// As it stood in the header.
    pub window_field: u16,
    pub timestamps: Option<Timestamps>,
    /// When it came to the other end, where that has told.
    pub arrived: Option<Instant>,
    /// The options of a SYN; nothing on any other segment.
    pub options: Option<Box<Options>>,
    /// What it acknowledges selectively.
    pub sack: Vec<(i64, i64)>,
    /// A congested router has marked it.
    pub marked: bool,
    /// It was sent before.
    pub again: Option<Retransmission>,
    /// It was not acted on.
    pub dropped: Option<DropReason>,
    /// A fault struck it on its way.
    pub fault: Option<Fault>,
    /// What made us send it, where that is worth a word.
    pub because: Option<&'static str>,
    /// Our state when it came or left.
    pub state: State,
    /// The states we entered because of it, or in order to send it.
    pub entered: Vec<State>,
    /// The section of RFC 9293 that asks for each of these.
    pub sections: Vec<&'static str>,
    /// The other end.
    pub peer: PeerCell,
}

impl SegmentRow {
    /// Whether the arrow tells of a fault alone: the segment never came, or comes on another row.
    pub fn is_beside(&self) -> bool {
        self.direction == Direction::In && self.fault.is_some()
    }

    /// Whether it never arrives.
    pub fn is_lost(&self) -> bool {
        self.leg == Leg::Lost || self.fault.as_ref().is_some_and(|fault| !fault.harm.spares())
    }

    /// The sequence number behind its last.
    pub fn end(&self) -> Seq {
        let controls = [Flags::SYN, Flags::FIN].map(|flag| u32::from(self.flags.contains(flag)));
        self.numbers.0 + self.len + controls[0] + controls[1]
    }
}

/// What a rule did to a segment.
#[derive(Clone, Debug)]
pub(super) struct Fault {
    /// The rule, as it was written.
    pub rule: Arc<str>,
    pub harm: Harm,
}

/// Something that happened at one end without a segment.
#[derive(Clone, Debug)]
pub(super) struct MomentRow {
    pub at: Instant,
    /// At which.
    pub end: End,
    pub what: Happening,
    /// Our state after it.
    pub state: State,
    /// The section of RFC 9293 that asks for a change of state.
    pub section: Option<&'static str>,
    /// The other end.
    pub peer: PeerCell,
}

/// One of the two ends of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// On the right.
    Ours,
    /// On the left.
    Peers,
}

impl MomentRow {
    /// Something at our end.
    pub fn ours(at: Instant, what: Happening, state: State) -> Self {
        MomentRow { at, end: End::Ours, what, state, section: None, peer: PeerCell::default() }
    }
}

/// What happened.
#[derive(Clone, Copy, Debug)]
pub(super) enum Happening {
    /// We changed state.
    Change(Cause),
    /// A timer ran out.
    Fired(Timer),
    /// A timer was set, to run out at this moment.
    Armed(Timer, Instant),
    /// A timer is not needed any more.
    Cleared(Timer),
    /// Something arrived, and was not acted on.
    Dropped(DropReason),
    /// An ICMP error came about a segment of ours.
    Told(Problem),
    /// The longest packet that we send is another from now on.
    PathMtu(u32, PathMtuChange),
    /// This end has lost its memory.
    Crashed,
    /// The peer was found in a state that no packet explains.
    Seen,
}

impl Happening {
    /// Whether the state behind it is another than before.
    pub const fn is_change(self) -> bool {
        match self {
            Happening::Change(_) | Happening::Crashed | Happening::Seen => true,
            Happening::Fired(_)
            | Happening::Armed(..)
            | Happening::Cleared(_)
            | Happening::Dropped(_)
            | Happening::Told(_)
            | Happening::PathMtu(..) => false,
        }
    }

    /// Whether it only tells how a timer is getting on.
    pub const fn is_of_a_timer_that_runs(self) -> bool {
        match self {
            Happening::Armed(..) | Happening::Cleared(_) => true,
            Happening::Change(_)
            | Happening::Fired(_)
            | Happening::Dropped(_)
            | Happening::Told(_)
            | Happening::PathMtu(..)
            | Happening::Crashed
            | Happening::Seen => false,
        }
    }
}

/// Many rows in one.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fold {
    /// What came in.
    pub incoming: Flow,
    /// What we sent.
    pub outgoing: Flow,
    /// How many of these were sent again.
    pub again: u64,
    /// How many were not acted on.
    pub dropped: u64,
    /// How many a fault struck.
    pub faults: u64,
    /// How many timers ran out.
    pub fired: u64,
    /// How often the network told something, or was found to carry something else.
    pub told: u64,
    /// How often we changed state.
    pub changes: u64,
    /// Our state after the last.
    pub state: State,
    /// What of ours has reached the peer, as far as its ACKs tell and nothing says otherwise.
    pub reached: Option<Seq>,
    /// The other end's state after the last.
    pub peer: Option<State>,
}

/// Segments one way.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Flow {
    pub segments: u64,
    /// Octets of payload, repetitions counted.
    pub octets: u64,
}

impl Fold {
    /// Nothing yet.
    pub fn new(state: State) -> Self {
        Fold {
            incoming: Flow::default(),
            outgoing: Flow::default(),
            again: 0,
            dropped: 0,
            faults: 0,
            fired: 0,
            told: 0,
            changes: 0,
            state,
            reached: None,
            peer: None,
        }
    }

    /// Whether nothing has been taken in.
    pub fn is_empty(&self) -> bool {
        self.incoming.segments
            + self.outgoing.segments
            + self.dropped
            + self.faults
            + self.fired
            + self.told
            + self.changes
            == 0
    }

    /// Takes a row in.
    pub fn take(&mut self, row: &Row) {
        match row {
            Row::Segment(row) => self.take_segment(row),
            Row::Moment(row) => {
                match row.what {
                    Happening::Change(_) | Happening::Crashed => self.changes += 1,
                    Happening::Fired(_) => self.fired += 1,
                    Happening::Dropped(_) => self.dropped += 1,
                    Happening::Told(_) | Happening::PathMtu(..) => self.told += 1,
                    Happening::Armed(..) | Happening::Cleared(_) | Happening::Seen => {}
                }
                self.state = row.state;
                self.peer = row.peer.after();
            }
            Row::Folded(fold) => self.take_fold(fold),
        }
    }

    fn take_segment(&mut self, row: &SegmentRow) {
        self.faults += u64::from(row.fault.is_some());
        if !row.is_beside() {
            let flow = match row.direction {
                Direction::In => &mut self.incoming,
                Direction::Out => &mut self.outgoing,
            };
            flow.segments += 1;
            flow.octets += u64::from(row.len);
        }
        self.again += u64::from(row.again.is_some());
        self.dropped += u64::from(row.dropped.is_some());
        self.changes += row.entered.len() as u64;
        self.state = row.entered.last().copied().unwrap_or(row.state);
        self.peer = row.peer.after();
        match row.direction {
            Direction::In if row.ack.is_some() => self.on_reached(Some(row.numbers.1)),
            Direction::Out if !row.is_lost() => self.on_reached(Some(row.end())),
            Direction::In | Direction::Out => {}
        }
    }

    fn on_reached(&mut self, place: Option<Seq>) {
        if let Some(place) = place
            && self.reached.is_none_or(|reached| reached.lt(place))
        {
            self.reached = Some(place);
        }
    }

    fn take_fold(&mut self, other: &Fold) {
        for (flow, more) in
            [(&mut self.incoming, other.incoming), (&mut self.outgoing, other.outgoing)]
        {
            flow.segments += more.segments;
            flow.octets += more.octets;
        }
        self.again += other.again;
        self.dropped += other.dropped;
        self.faults += other.faults;
        self.fired += other.fired;
        self.told += other.told;
        self.changes += other.changes;
        self.state = other.state;
        self.peer = other.peer;
        self.on_reached(other.reached);
    }
}
