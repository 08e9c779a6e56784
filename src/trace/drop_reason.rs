//! Why packets and segments are not acted on, by name.

use crate::wire::ParseError;

/// Why a packet was dropped. The peer, or the wire, is at fault: none of these is an error of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum DropReason {
    /// Could not be parsed.
    Malformed(ParseError),
    /// Addressed to somebody else.
    NotForUs,
    /// To a group: this stack is a member of none.
    Multicast,
    /// From an address nobody may send from: multicast, broadcast, or our own.
    BadSource,
    /// It came by a source route, which is not wanted here, or which goes on.
    SourceRoute,
    /// A header or option of IPv6 that nobody here knows or that cannot be. The sender is told where the
    /// rules ask for it, as often as the rate limit allows.
    ExtensionHeader,
    /// A fragment of an impossible size or place, or of a packet that would be one.
    Fragment,
    /// Fragments that overlap, or say different things of where their packet ends: all of it is given up
    /// (RFC 5722).
    FragmentOverlap,
    /// Other fragments needed the room.
    FragmentsFull,
    /// The other fragments of its packet did not come in time.
    FragmentTimeout,
    /// A transport protocol nobody here speaks.
    UnknownProtocol,
    /// An ICMP message that asks for nothing: no request, and no error that a host acts on.
    Icmp,
    /// Router or neighbour discovery: on this link there is nobody to be found.
    Discovery,
    /// An ICMP error about no connection of ours.
    IcmpNoConnection,
    /// An ICMP error about nothing that is in flight (RFC 5927 4.1).
    IcmpNotInFlight,
    /// An ICMP error that something is too big which is no larger than it says (RFC 5927 7.2).
    IcmpNotTooBig,
    /// A source quench (RFC 9293 3.9.2.2, MUST-55; RFC 6633).
    SourceQuench,
    /// UDP: nobody listens. The sender is told, as often as the rate limit allows.
    UdpPortUnreachable,
    /// A TCP segment for no connection and no listener. It is answered with RST.
    NoConnection,
    /// The listener's queue is full; the peer will try again.
    ListenQueueFull,
    /// No room for another connection.
    TooManyConnections,
    /// Nothing in the segment lies in the window (RFC 9293 3.10.7.4, first).
    OutsideWindow,
    /// A RST that is in the window but not at its left edge (RFC 5961 3.2): challenged.
    ResetNotExact,
    /// Its timestamp is older than one that came before (RFC 7323 5.3).
    OldTimestamp,
    /// It has no timestamp, and timestamps are in use (RFC 7323 3.2).
    NoTimestamp,
    /// A RST in TIME_WAIT (RFC 1337).
    ResetInTimeWait,
    /// A RST that proves nothing: SYN_SEND without an ACK of our SYN, or LISTEN.
    ResetIgnored,
    /// A SYN on a synchronized connection (RFC 5961 4.2): challenged.
    SynInWindow,
    /// No ACK flag where one is required.
    NoAck,
    /// The ACK is for something never sent, or too old to be true (RFC 5961 5.2).
    BadAck,
    /// No SYN, ACK or RST where a SYN was awaited.
    NoSyn,
    /// The segment came after the peer's FIN, or we are closed.
    AfterFin,
    /// No room to keep out-of-order data.
    NoRoom,
    /// Too many answers were waiting to leave.
    OutputFull,
    /// A segment of no connection here, and too many others were waiting for the other stacks behind the
    /// same addresses to be asked about them.
    TooManyStrays,
}
