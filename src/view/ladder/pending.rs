//! Rows that later events may still belong to, which do, and what becomes of them.

use std::time::Duration;

use super::numbers::Side;
use super::peer::PeerCell;
use super::row::{Direction, Fault, Happening, Leg, MomentRow, SegmentRow};
use crate::tcp::{Cause, State, Timer};
use crate::time::Instant;
use crate::trace::{DropReason, Retransmission, SegmentSummary};
use crate::wire::{Ecn, Flags};

/// A segment that leaves within this time after a call or a timer is taken for its consequence: the
/// driver may drain a connection a moment after the call.
const PROMPTLY: Duration = Duration::from_millis(1);

/// A row that later events may still belong to.
#[derive(Clone, Debug)]
pub(super) enum Pending {
    Segment(PendingSegment),
    Moment(MomentRow),
}

impl Pending {
    /// Our state when the row is over.
    pub fn state_after(&self) -> State {
        match self {
            Pending::Segment(row) => row.entered.last().copied().unwrap_or(row.state),
            Pending::Moment(row) => row.state,
        }
    }
}

/// A segment, before it has the numbers that it is shown with.
#[derive(Clone, Debug)]
pub(super) struct PendingSegment {
    pub at: Instant,
    pub direction: Direction,
    pub seg: SegmentSummary,
    pub again: Option<Retransmission>,
    pub dropped: Option<DropReason>,
    pub fault: Option<Fault>,
    pub because: Option<&'static str>,
    pub state: State,
    pub entered: Vec<State>,
    pub sections: Vec<&'static str>,
}

impl PendingSegment {
    /// As it was seen at `at` in `state`, with nothing else known of it.
    pub fn new(at: Instant, direction: Direction, seg: SegmentSummary, state: State) -> Self {
        PendingSegment {
            at,
            direction,
            seg,
            again: None,
            dropped: None,
            fault: None,
            because: None,
            state,
            entered: Vec::new(),
            sections: Vec::new(),
        }
    }

    /// Whether this segment is why we changed state at `at`.
    pub fn explains(&self, cause: Cause, at: Instant) -> bool {
        match self.direction {
            Direction::In => self.at == at && cause.is_by_arrival(),
            Direction::Out => {
                self.entered.is_empty()
                    && at.since(self.at) <= PROMPTLY
                    && is_told_by(cause, self.seg.flags)
            }
        }
    }

    /// Gives it the numbers that it is shown with, and counts what it carries.
    pub fn numbered(self, sender: &mut Side, receiver: &Side) -> SegmentRow {
        let PendingSegment { at, direction, seg, again, dropped, fault, because, state, .. } = self;
        let PendingSegment { entered, sections, .. } = self;
        let arrives = !(direction == Direction::In && fault.is_some());
        let is_syn = seg.flags.contains(Flags::SYN);
        if is_syn && dropped.is_none() && (!sender.is_relative() || !entered.is_empty()) {
            sender.begin(&seg);
        }
        let seq = sender.shown(seg.seq);
        if dropped.is_none() && arrives {
            sender.advance(&seg);
        }
        let sack = seg.options.sack.as_slice().iter();
        SegmentRow {
            at,
            direction,
            leg: Leg::Whole,
            flags: seg.flags,
            numbers: (seg.seq, seg.ack),
            seq,
            ack: seg.flags.contains(Flags::ACK).then(|| receiver.shown(seg.ack)),
            len: seg.len,
            segments: seg.segments(),
            window: sender.window(&seg, receiver),
            window_field: seg.wnd,
            timestamps: seg.options.timestamps,
            arrived: None,
            options: is_syn.then(|| Box::new(seg.options)),
            sack: sack
                .map(|(left, right)| (receiver.shown(*left), receiver.shown(*right)))
                .collect(),
            marked: seg.ecn == Ecn::Ce,
            again,
            dropped,
            fault,
            because,
            state,
            entered,
            sections,
            peer: PeerCell::default(),
        }
    }
}

impl MomentRow {
    /// A delayed ACK that did not leave alone rode on something that is shown anyway; and who has heard
    /// something meanwhile has nothing to ask.
    pub fn is_worth_a_line(&self) -> bool {
        !matches!(self.what, Happening::Fired(Timer::DelayedAck | Timer::Keepalive))
    }

    /// The row of `row`, which we sent, with this moment in it if that is what made us send it.
    pub fn led_to(&self, row: PendingSegment) -> Option<PendingSegment> {
        if row.at.since(self.at) > PROMPTLY {
            return None;
        }
        match self.what {
            Happening::Change(cause) if is_told_by(cause, row.seg.flags) => Some(PendingSegment {
                because: Some(cause.words()),
                entered: vec![self.state],
                sections: Vec::from_iter(self.section),
                ..row
            }),
            Happening::Fired(timer) if makes_a_segment(timer) => {
                Some(PendingSegment { because: Some(timer.words()), ..row })
            }
            _ => None,
        }
    }
}

impl Happening {
    pub fn is_fired(self) -> bool {
        matches!(self, Happening::Fired(_))
    }

    /// Whether it tells how this timer is getting on.
    pub fn is_of(self, timer: Timer) -> bool {
        matches!(self, Happening::Armed(of, _) | Happening::Cleared(of) if of == timer)
    }
}

/// Whether a segment with these flags is how the peer is told of it.
const fn is_told_by(cause: Cause, flags: Flags) -> bool {
    match cause {
        Cause::ActiveOpen => flags.contains(Flags::SYN),
        Cause::Close => flags.contains(Flags::FIN),
        Cause::Abort | Cause::UserTimeout | Cause::OrphanTimeout => flags.contains(Flags::RST),
        Cause::PassiveOpen
        | Cause::SynArrived
        | Cause::SynAckArrived
        | Cause::SynAcknowledged
        | Cause::FinArrived
        | Cause::FinAcknowledged
        | Cause::RstArrived
        | Cause::Unreachable
        | Cause::SynInWindow
        | Cause::TimeWaitOver
        | Cause::NewIncarnation
        | Cause::DataAfterClose => false,
    }
}

/// Whether this timer is there to send something.
const fn makes_a_segment(timer: Timer) -> bool {
    match timer {
        Timer::Retransmission
        | Timer::Reordering
        | Timer::LossProbe
        | Timer::Persist
        | Timer::DelayedAck
        | Timer::Keepalive => true,
        // Pacing sends nothing that would not be sent anyway.
        Timer::TimeWait | Timer::Orphan | Timer::User | Timer::Pacing => false,
    }
}
