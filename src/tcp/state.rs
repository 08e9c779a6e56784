//! The eleven states of RFC 9293 3.3.2, and the table of every arrow between them.
//!
//! The table does not drive anything: the code of `calls`, `segment_arrives` and `timeouts` does, and
//! `Tcb::enter` holds each step against the table. Figure 5 of the RFC leaves out the arrows that RST
//! and timeouts take; its text has them, and so has the table. A FIN that also acknowledges ours in
//! `FIN_WAIT_1` takes two arrows, as the text has it: the fifth step enters `FIN_WAIT_2`, the eighth
//! `TIME_WAIT`.

use std::fmt;

/// A connection's state (RFC 9293 3.3.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum State {
    /// No connection: before OPEN, and at the end.
    Closed,
    /// Waiting for a SYN from anywhere.
    Listen,
    /// Our SYN is out, the peer's has not come.
    SynSent,
    /// Both SYNs have been seen, ours is not acknowledged yet.
    SynReceived,
    /// Data flows both ways.
    Established,
    /// We have closed; our FIN is not acknowledged yet.
    FinWait1,
    /// Our FIN is acknowledged; the peer may still send.
    FinWait2,
    /// The peer has closed; we may still send.
    CloseWait,
    /// Both sides closed at once; our FIN is not acknowledged yet.
    Closing,
    /// The peer closed first, then we did; our FIN is not acknowledged yet.
    LastAck,
    /// All is acknowledged; waiting until no old segment can be about (2 MSL).
    TimeWait,
}

impl State {
    /// All eleven, in the order in which a connection's life may reach them.
    pub const ALL: [State; 11] = [
        State::Closed,
        State::Listen,
        State::SynSent,
        State::SynReceived,
        State::Established,
        State::FinWait1,
        State::FinWait2,
        State::CloseWait,
        State::Closing,
        State::LastAck,
        State::TimeWait,
    ];

    /// Both SYNs have been exchanged and acknowledged ("synchronized", RFC 9293 3.5.2).
    #[must_use]
    pub const fn is_synchronized(self) -> bool {
        match self {
            State::Closed | State::Listen | State::SynSent | State::SynReceived => false,
            State::Established
            | State::FinWait1
            | State::FinWait2
            | State::CloseWait
            | State::Closing
            | State::LastAck
            | State::TimeWait => true,
        }
    }

    /// The peer's FIN has been received.
    #[must_use]
    pub const fn peer_has_closed(self) -> bool {
        match self {
            State::CloseWait | State::Closing | State::LastAck | State::TimeWait => true,
            State::Closed
            | State::Listen
            | State::SynSent
            | State::SynReceived
            | State::Established
            | State::FinWait1
            | State::FinWait2 => false,
        }
    }

    /// Our side has closed: a FIN is queued, sent or acknowledged.
    #[must_use]
    pub const fn we_have_closed(self) -> bool {
        match self {
            State::FinWait1
            | State::FinWait2
            | State::Closing
            | State::LastAck
            | State::TimeWait => true,
            State::Closed
            | State::Listen
            | State::SynSent
            | State::SynReceived
            | State::Established
            | State::CloseWait => false,
        }
    }
}

/// Why a connection moved from one state to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Cause {
    /// The user's passive OPEN.
    PassiveOpen,
    /// The user's active OPEN (or SEND on a listening connection that names its peer).
    ActiveOpen,
    /// The user's CLOSE.
    Close,
    /// The user's ABORT, or a CLOSE that would have lost data the peer sent.
    Abort,
    /// A SYN arrived.
    SynArrived,
    /// A SYN arrived that acknowledges ours.
    SynAckArrived,
    /// Our SYN was acknowledged.
    SynAcknowledged,
    /// The peer's FIN arrived.
    FinArrived,
    /// Our FIN was acknowledged.
    FinAcknowledged,
    /// A RST arrived.
    RstArrived,
    /// An ICMP error arrived about our SYN: it cannot be answered.
    Unreachable,
    /// A SYN arrived within the window of a connection that had come from LISTEN.
    SynInWindow,
    /// Twice the maximum segment lifetime has passed.
    TimeWaitOver,
    /// A new SYN from the same peer ends the wait early (RFC 1122 4.2.2.13, RFC 6191).
    NewIncarnation,
    /// Nothing was acknowledged for too long.
    UserTimeout,
    /// Nobody reads any more and the peer does not close.
    OrphanTimeout,
    /// Data arrived after the application had let go of the connection (RFC 9293 3.6.1, SHLD-3).
    DataAfterClose,
}

impl Cause {
    /// What happened, in a few words for a log line or a label.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Cause::PassiveOpen => "passive OPEN",
            Cause::ActiveOpen => "active OPEN",
            Cause::Close => "CLOSE",
            Cause::Abort => "ABORT",
            Cause::SynArrived => "rcv SYN",
            Cause::SynAckArrived => "rcv SYN,ACK",
            Cause::SynAcknowledged => "rcv ACK of SYN",
            Cause::FinArrived => "rcv FIN",
            Cause::FinAcknowledged => "rcv ACK of FIN",
            Cause::RstArrived => "rcv RST",
            Cause::Unreachable => "rcv ICMP error",
            Cause::SynInWindow => "rcv SYN in window",
            Cause::TimeWaitOver => "2MSL timeout",
            Cause::NewIncarnation => "rcv new SYN",
            Cause::UserTimeout => "user timeout",
            Cause::OrphanTimeout => "orphan timeout",
            Cause::DataAfterClose => "rcv data after CLOSE",
        }
    }

    /// Whether it is a segment that came which has this effect.
    #[must_use]
    pub const fn is_by_arrival(self) -> bool {
        match self {
            Cause::SynArrived
            | Cause::SynAckArrived
            | Cause::SynAcknowledged
            | Cause::FinArrived
            | Cause::FinAcknowledged
            | Cause::RstArrived
            | Cause::SynInWindow
            | Cause::NewIncarnation
            | Cause::DataAfterClose => true,
            Cause::PassiveOpen
            | Cause::Unreachable
            | Cause::ActiveOpen
            | Cause::Close
            | Cause::Abort
            | Cause::TimeWaitOver
            | Cause::UserTimeout
            | Cause::OrphanTimeout => false,
        }
    }

    /// The section of RFC 9293 (or the RFC named) that asks for it.
    #[must_use]
    pub const fn section(self) -> &'static str {
        match self {
            Cause::PassiveOpen | Cause::ActiveOpen => "3.10.1",
            Cause::Close => "3.10.4",
            Cause::Abort => "3.10.5",
            Cause::SynArrived => "3.10.7.2",
            Cause::SynAckArrived => "3.10.7.3",
            Cause::SynAcknowledged | Cause::FinAcknowledged => "3.10.7.4 fifth",
            Cause::FinArrived => "3.10.7.4 eighth",
            Cause::RstArrived => "3.10.7.4 second",
            Cause::Unreachable => "3.9.2.2 SHLD-26",
            Cause::SynInWindow => "3.10.7.4 fourth",
            Cause::TimeWaitOver | Cause::UserTimeout => "3.10.8",
            Cause::NewIncarnation => "3.6.1 MAY-2",
            Cause::OrphanTimeout => "3.6",
            Cause::DataAfterClose => "3.6.1 SHLD-3",
        }
    }

    /// The section that asks for it in the state `from`. RFC 9293 treats SYN-SENT in a paragraph of
    /// its own (3.10.7.3), so the same segment is met elsewhere there.
    #[must_use]
    pub const fn section_from(self, from: State) -> &'static str {
        if !matches!(from, State::SynSent) {
            return self.section();
        }
        match self {
            Cause::RstArrived => "3.10.7.3 second",
            Cause::SynArrived => "3.10.7.3 fourth",
            Cause::PassiveOpen
            | Cause::ActiveOpen
            | Cause::Close
            | Cause::Abort
            | Cause::SynAckArrived
            | Cause::SynAcknowledged
            | Cause::FinArrived
            | Cause::FinAcknowledged
            | Cause::Unreachable
            | Cause::SynInWindow
            | Cause::TimeWaitOver
            | Cause::NewIncarnation
            | Cause::UserTimeout
            | Cause::OrphanTimeout
            | Cause::DataAfterClose => self.section(),
        }
    }
}

/// One arrow of the state diagram: from, to, and why.
pub type Arrow = (State, State, Cause);

/// Every arrow that a connection may take, and no other.
pub const ARROWS: &[Arrow] = {
    use State::{
        CloseWait, Closed, Closing, Established, FinWait1, FinWait2, LastAck, Listen, SynReceived,
        SynSent, TimeWait,
    };
    &[
        // Opening: RFC 9293 3.10.1 and 3.5.
        (Closed, Listen, Cause::PassiveOpen),
        (Closed, SynSent, Cause::ActiveOpen),
        (Listen, SynSent, Cause::ActiveOpen),
        (Listen, SynReceived, Cause::SynArrived),
        (SynSent, SynReceived, Cause::SynArrived),
        (SynSent, Established, Cause::SynAckArrived),
        (SynReceived, Established, Cause::SynAcknowledged),
        // Closing: RFC 9293 3.10.4 and 3.6.
        (Listen, Closed, Cause::Close),
        (SynSent, Closed, Cause::Close),
        (SynReceived, FinWait1, Cause::Close),
        (Established, FinWait1, Cause::Close),
        (Established, CloseWait, Cause::FinArrived),
        (FinWait1, FinWait2, Cause::FinAcknowledged),
        (FinWait1, Closing, Cause::FinArrived),
        (FinWait2, TimeWait, Cause::FinArrived),
        (Closing, TimeWait, Cause::FinAcknowledged),
        (CloseWait, LastAck, Cause::Close),
        (LastAck, Closed, Cause::FinAcknowledged),
        (TimeWait, Closed, Cause::TimeWaitOver),
        (TimeWait, Closed, Cause::NewIncarnation),
        // Resets received: RFC 9293 3.5.3 and 3.10.7.
        (SynSent, Closed, Cause::RstArrived),
        (SynReceived, Listen, Cause::RstArrived),
        (SynReceived, Closed, Cause::RstArrived),
        (SynReceived, Listen, Cause::SynInWindow),
        (Established, Closed, Cause::RstArrived),
        (FinWait1, Closed, Cause::RstArrived),
        (FinWait2, Closed, Cause::RstArrived),
        (CloseWait, Closed, Cause::RstArrived),
        (Closing, Closed, Cause::RstArrived),
        (LastAck, Closed, Cause::RstArrived),
        // Hard errors of ICMP, before the connection is synchronized: RFC 9293 3.9.2.2, RFC 5927 5.2.
        (SynSent, Closed, Cause::Unreachable),
        (SynReceived, Listen, Cause::Unreachable),
        (SynReceived, Closed, Cause::Unreachable),
        // Aborts: RFC 9293 3.10.5.
        (Listen, Closed, Cause::Abort),
        (SynSent, Closed, Cause::Abort),
        (SynReceived, Closed, Cause::Abort),
        (Established, Closed, Cause::Abort),
        (FinWait1, Closed, Cause::Abort),
        (FinWait2, Closed, Cause::Abort),
        (CloseWait, Closed, Cause::Abort),
        (Closing, Closed, Cause::Abort),
        (LastAck, Closed, Cause::Abort),
        (TimeWait, Closed, Cause::Abort),
        // Given up: RFC 9293 3.10.8 and 3.8.3.
        (SynSent, Closed, Cause::UserTimeout),
        (SynReceived, Closed, Cause::UserTimeout),
        (Established, Closed, Cause::UserTimeout),
        (FinWait1, Closed, Cause::UserTimeout),
        (FinWait2, Closed, Cause::UserTimeout),
        (CloseWait, Closed, Cause::UserTimeout),
        (Closing, Closed, Cause::UserTimeout),
        (LastAck, Closed, Cause::UserTimeout),
        // Let go by the application: RFC 9293 3.6.1.
        (FinWait2, Closed, Cause::OrphanTimeout),
        (FinWait1, Closed, Cause::DataAfterClose),
        (FinWait2, Closed, Cause::DataAfterClose),
    ]
};

/// Whether the diagram has this arrow.
#[must_use]
pub fn is_arrow(from: State, to: State, cause: Cause) -> bool {
    ARROWS.contains(&(from, to, cause))
}

/// The course spelling, as people meet it: `SYN_RCVD`.
impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(super::names::course(*self))
    }
}

impl serde::Serialize for State {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(super::names::course(*self))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn no_arrow_is_listed_twice() {
        let distinct: BTreeSet<_> = ARROWS.iter().collect();
        assert_eq!(distinct.len(), ARROWS.len());
    }

    #[test]
    fn every_state_can_be_entered_and_left() {
        for state in State::ALL {
            assert!(ARROWS.iter().any(|(from, _, _)| *from == state), "{state} has no way out");
            assert!(ARROWS.iter().any(|(_, to, _)| *to == state), "{state} has no way in");
        }
    }
}
