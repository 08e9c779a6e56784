//! Kinds of events.

use bitflags::bitflags;

bitflags! {
    /// Kinds of events, for choosing which to build.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    pub struct Mask: u16 {
        /// Connections made and removed.
        const CONNECTIONS = 1;
        /// State transitions.
        const STATES = 1 << 1;
        /// Segments in and out.
        const SEGMENTS = 1 << 2;
        /// Packets and segments that were not acted on, and why.
        const DROPS = 1 << 3;
        /// Timers armed, cleared and fired.
        const TIMERS = 1 << 4;
        /// Octets acknowledged and delivered.
        const DATA = 1 << 5;
        /// Windows and congestion windows.
        const WINDOWS = 1 << 6;
        /// What the application called.
        const CALLS = 1 << 7;
        /// What faults, made on purpose, did to packets.
        const FAULTS = 1 << 8;
        /// What the network tells of our segments, and what the path carries.
        const PATH = 1 << 9;
        /// What an application is to be told without asking, unless it does not want to (RFC 9293 3.9.1.8,
        /// MUST-47, SHLD-20): urgent data, a peer that does not answer, an ICMP error.
        const REPORTS = 1 << 10;
        /// What was seen of the other end.
        const PEER = 1 << 11;
        /// Packets, whole, as they come and go: for captures. Whoever asks for all kinds but has no use for
        /// octets should leave this one out.
        const PACKETS = 1 << 12;
    }
}
