//! The facts a stack can report, one type each.

use std::fmt;
use std::net::{IpAddr, SocketAddr};

use super::drop_reason::DropReason;
use super::mask::Mask;
use super::passage::Passage;
use super::segment::{Retransmission, SegmentSummary};
use super::strike::Strike;
use crate::error::Error;
use crate::seq::Seq;
use crate::tcp::{Cause, State, Timer};
use crate::time::Instant;
use crate::wire::Problem;

/// A connection's number in the event log, the ladder and the access log: 1, 2, 3 ... in the order in
/// which this stack met them; of several stacks behind the same addresses the first counts 1, 1 + n, 1 + 2n
/// ..., the second 2, 2 + n, ... Never reused while the stack lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize)]
#[serde(transparent)]
pub struct ConnId(pub u64);

impl fmt::Display for ConnId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{}", self.0)
    }
}

/// One fact and when it became true.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct Event {
    /// When, on the stack's clock.
    #[serde(rename = "at_ns")]
    pub at: Instant,
    /// The connection it is about; `None` for packets that belong to none.
    pub conn: Option<ConnId>,
    /// What happened.
    #[serde(flatten)]
    pub what: What,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum What {
    /// A connection came to be.
    Opened {
        /// Our address and port.
        local: SocketAddr,
        /// The peer's.
        remote: SocketAddr,
        /// Who asked for it.
        role: Role,
    },
    /// The connection's slot was given back: nothing of it is left.
    Removed,
    /// The connection moved to another state.
    State {
        /// From here.
        from: State,
        /// To here.
        to: State,
        /// For this reason.
        cause: Cause,
        /// The section of RFC 9293 that asks for it.
        section: &'static str,
    },
    /// A segment of this connection arrived; `state` is the state it found.
    Received {
        /// Its header.
        #[serde(flatten)]
        seg: SegmentSummary,
        /// The state on arrival.
        state: State,
    },
    /// A segment left; `state` is the state it was sent in.
    Sent {
        /// Its header.
        #[serde(flatten)]
        seg: SegmentSummary,
        /// The state at that moment.
        state: State,
        /// Set when (part of) it had been sent before: why again.
        #[serde(skip_serializing_if = "Option::is_none")]
        retransmission: Option<Retransmission>,
    },
    /// A segment or packet was not acted on.
    Dropped {
        /// Why.
        why: DropReason,
        /// Where it came from, where that is known.
        #[serde(skip_serializing_if = "Option::is_none")]
        from: Option<IpAddr>,
    },
    /// A timer changed.
    Timer {
        /// Which.
        timer: Timer,
        /// How.
        #[serde(flatten)]
        change: TimerChange,
    },
    /// The peer acknowledged octets of ours (SYN and FIN counted).
    Acknowledged {
        /// How many.
        octets: u32,
    },
    /// In-order octets became readable.
    Delivered {
        /// How many.
        octets: u32,
    },
    /// The peer's window, as it now stands, in octets.
    SendWindow {
        /// SND.WND.
        octets: u32,
    },
    /// The congestion window changed.
    CongestionWindow {
        /// cwnd in octets.
        cwnd: u32,
        /// ssthresh in octets.
        ssthresh: u32,
    },
    /// The repair of losses began, ended or was taken back.
    Recovery {
        /// Which of these.
        #[serde(flatten)]
        change: RecoveryChange,
        /// It lasts until this is acknowledged.
        until: Seq,
    },
    /// An ICMP error came about a segment of ours that is in flight.
    NetworkError {
        /// What it says.
        #[serde(flatten)]
        problem: Problem,
        /// The segment's number.
        seq: Seq,
        /// What follows.
        effect: ErrorEffect,
    },
    /// What the path carries is known better, or taken to be different.
    PathMtu {
        /// The longest packet that we send from now on, in octets.
        mtu: u32,
        /// How that came.
        change: PathMtuChange,
    },
    /// A packet that is longer than what is known to pass left, or did not arrive.
    MtuProbe {
        /// Its length in octets.
        mtu: u32,
        /// Which of these.
        fate: ProbeFate,
    },
    /// The peer announced urgent data that ends at this point.
    Urgent {
        /// RCV.UP.
        pointer: Seq,
    },
    /// The peer does not answer: what was sent has gone again so often in vain that the application may
    /// want to know (R1 of RFC 9293 3.8.3). The connection lives on until R2.
    Unanswered {
        /// Timeouts in a row without an acknowledgment.
        timeouts: u32,
    },
    /// The application made a call.
    Call {
        /// Which.
        #[serde(flatten)]
        call: Call,
        /// How it failed, if it did.
        #[serde(skip_serializing_if = "Option::is_none")]
        error: Option<Error>,
    },
    /// A fault, made on purpose, struck a packet outside of the stack. The connection is known only
    /// if there was one when it struck.
    Fault(Strike),
    /// The other end of the connection was looked at: the kernel told its state, or a simulated host did.
    PeerObserved {
        /// The state that it was in. [`State::Closed`] when there is no such connection (any more).
        state: State,
    },
    /// A packet passed. It is of no connection here: what is told next to it says of which it is.
    Packet(Box<Passage>),
}

impl What {
    /// The kind of this event.
    #[must_use]
    pub const fn kind(&self) -> Mask {
        match self {
            What::Opened { .. } | What::Removed => Mask::CONNECTIONS,
            What::State { .. } => Mask::STATES,
            What::Received { .. } | What::Sent { .. } => Mask::SEGMENTS,
            What::Dropped { .. } => Mask::DROPS,
            What::Timer { .. } => Mask::TIMERS,
            What::Acknowledged { .. } | What::Delivered { .. } => Mask::DATA,
            What::Urgent { .. } | What::Unanswered { .. } => Mask::REPORTS,
            What::SendWindow { .. } | What::CongestionWindow { .. } | What::Recovery { .. } => {
                Mask::WINDOWS
            }
            // An application wants to know of it, too.
            What::NetworkError { .. } => Mask::PATH.union(Mask::REPORTS),
            What::PathMtu { .. } | What::MtuProbe { .. } => Mask::PATH,
            What::Call { .. } => Mask::CALLS,
            What::Fault(_) => Mask::FAULTS,
            What::PeerObserved { .. } => Mask::PEER,
            What::Packet(_) => Mask::PACKETS,
        }
    }
}

/// Who opened a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// We called; the first SYN is ours.
    Active,
    /// A listener of ours was called.
    Passive,
}

/// How the repair of losses changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(tag = "recovery", content = "why", rename_all = "kebab-case")]
pub enum RecoveryChange {
    /// A loss was noticed: fast recovery began (RFC 5681 3.2).
    Fast,
    /// The retransmission timer ran out (RFC 6298 5.4).
    Timeout,
    /// The peer told of a marked packet: the window came down (RFC 3168 6.1.2).
    Marked,
    /// All is acknowledged that was out when it began.
    Over,
    /// It was needless, and what it did to the congestion window is taken back.
    Undone(Undone),
}

/// How a repair was found to be needless.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Undone {
    /// All that was sent again arrived twice (DSACK, RFC 3708).
    ArrivedTwice,
    /// An acknowledgment echoes a timestamp from before anything was sent again (Eifel, RFC 3522).
    OlderTimestamp,
    /// After a timeout, acknowledgments came for what was not sent again (F-RTO, RFC 5682).
    LaterAcks,
    /// What was taken for lost arrived before any of it was sent again.
    NotSentAgain,
}

/// What follows from an ICMP error about a segment of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ErrorEffect {
    /// The attempt to connect ends (RFC 9293 3.9.2.2, SHLD-26).
    Aborts,
    /// Nothing for now: should the connection be given up, this is why (SHLD-25, MUST-56).
    Remembered,
    /// Segments become smaller, or less of a larger size is hoped for.
    Shrinks,
}

/// How what is known of the path changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum PathMtuChange {
    /// An ICMP error told (RFC 1191, RFC 8201).
    Told,
    /// Full segments seem to vanish without a word (RFC 4821 7.7, RFC 8899 4.3).
    BlackHole,
    /// A larger packet has arrived (RFC 4821 7.6.1).
    Probed,
    /// What was known is too old: it is tried whether more passes (RFC 1191 6.3).
    Outdated,
    /// An earlier connection to the same address has learnt it, or it is begun carefully.
    Known,
}

/// What became of a probe of the path.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ProbeFate {
    /// It left.
    Sent,
    /// It did not arrive, and everything around it did.
    Lost,
    /// It did not arrive, as other segments did not: that says nothing.
    Unclear,
}

/// How a timer changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(tag = "change", rename_all = "kebab-case")]
pub enum TimerChange {
    /// Set to run out at `until`.
    Armed {
        /// When it runs out.
        #[serde(rename = "until_ns")]
        until: Instant,
    },
    /// No longer needed.
    Cleared,
    /// Ran out.
    Fired,
}

/// A call of the application (RFC 9293 3.9.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(tag = "call", rename_all = "kebab-case")]
pub enum Call {
    /// SEND.
    Send {
        /// Octets accepted.
        octets: usize,
    },
    /// RECEIVE.
    Receive {
        /// Octets handed over.
        octets: usize,
    },
    /// CLOSE of our sending side; we go on reading.
    Shutdown,
    /// CLOSE, and nobody will read any more.
    Close,
    /// ABORT.
    Abort,
}
