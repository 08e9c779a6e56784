//! Bytes to headers and back, with etherparse. Pure functions: no clock, no state, no panic on any
//! input. What a field means is not decided here.

mod checksum;
mod ecn;
pub(crate) mod fragment;
mod frame;
pub mod icmp;
pub mod icmp_error;
pub mod icmpv4;
pub mod icmpv6;
pub mod ip;
mod ipv4;
mod ipv6;
pub(crate) mod octets;
mod options;
mod packet;
mod payload;
mod route;
mod segment;
mod style;
pub mod tcp;

use std::fmt;

pub(crate) use checksum::Checksum;
pub use ecn::Ecn;
pub use frame::{Frame, Head};
pub use icmp_error::{IcmpError, Problem, Quoted};
pub use options::{Options, SackBlocks, Timestamps};
pub use packet::{Features, Offload, Packet, SHARED_BELOW};
pub use payload::Payload;
pub(crate) use route::Arrival;
pub use route::SourceRoute;
pub use segment::{Flags, Segment};
pub use style::{HeaderStyle, OptionOrder};

/// What is wrong with a packet that could not be parsed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ParseError {
    /// Shorter than its own header says.
    Truncated,
    /// Neither IPv4 nor IPv6.
    IpVersion,
    /// A header length that cannot be.
    HeaderLength,
    /// More extension headers, or longer ones, than anybody needs (RFC 8504 5.3).
    ExtensionHeaders,
    /// A jumbogram (RFC 2675), which this stack does not take.
    Jumbogram,
    /// The IPv4 header's checksum is wrong.
    IpChecksum,
    /// The TCP checksum is wrong (RFC 9293 3.1, MUST-3).
    TcpChecksum,
    /// The ICMP checksum is wrong.
    IcmpChecksum,
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            ParseError::Truncated => "shorter than its header says",
            ParseError::IpVersion => "neither IPv4 nor IPv6",
            ParseError::HeaderLength => "impossible header length",
            ParseError::ExtensionHeaders => "too many extension headers",
            ParseError::Jumbogram => "a jumbogram",
            ParseError::IpChecksum => "wrong IP checksum",
            ParseError::TcpChecksum => "wrong TCP checksum",
            ParseError::IcmpChecksum => "wrong ICMP checksum",
        })
    }
}
