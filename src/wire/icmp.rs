//! What ICMP messages of both versions ask for or tell (RFC 792, RFC 4443). How they are written is in `icmpv4` and
//! `icmpv6`.

use bytes::Bytes;

use super::ip::Datagram;
use super::{IcmpError, ParseError, icmpv4, icmpv6};

/// An ICMP message, as far as this stack tells them apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message {
    /// Somebody asks whether we are there.
    EchoRequest {
        /// Identifier.
        id: u16,
        /// Sequence number.
        seq: u16,
        /// The data to send back.
        data: Bytes,
    },
    /// A packet of ours did not arrive.
    Error(IcmpError),
    /// Router or neighbour discovery (RFC 4861), or a redirect.
    Discovery,
    /// Anything else.
    Other,
}

/// Reads the message that a packet of ICMP carries, of the version that belongs to its addresses.
///
/// # Errors
///
/// Fewer than eight octets, a wrong checksum, or, of ICMPv4, an error that quotes too little.
pub fn parse(datagram: &Datagram) -> Result<Message, ParseError> {
    if datagram.dst.is_ipv6() {
        icmpv6::parse(&datagram.payload, datagram.src, datagram.dst)
    } else {
        icmpv4::parse(&datagram.payload)
    }
}
