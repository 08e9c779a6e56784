//! IP packets of both families: what the stack needs of them, whichever they are. What only one family has is
//! in `ipv4` and `ipv6`.

use std::net::IpAddr;

use bytes::Bytes;
use etherparse::IpNumber;
use smallvec::SmallVec;

use super::ecn::Ecn;
use super::frame::Head;
use super::style::HeaderStyle;
use super::{ParseError, ipv4, ipv6};

/// What the stack needs of a received IP packet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Datagram {
    /// Source address.
    pub src: IpAddr,
    /// Destination address, of the same family.
    pub dst: IpAddr,
    /// Protocol number of the payload (6 is TCP, 1 ICMP, 17 UDP, 58 `ICMPv6`). Of a fragment: as its
    /// header says.
    pub protocol: u8,
    /// Where the octet that says so stands in the packet.
    pub protocol_at: u16,
    /// The ECN field.
    pub ecn: Ecn,
    /// Which part of a larger packet it is, if it is one.
    pub fragment: Option<Fragment>,
    /// What is wrong with the headers, when the sender is to be told of it: then nothing else of the packet
    /// may be acted on. Only IPv6 has such.
    pub defect: Option<Defect>,
    /// All headers before the payload, as they came.
    pub header: SmallVec<[u8; 40]>,
    /// What follows them, cut to the length that the header states.
    pub payload: Bytes,
}

/// The place of a fragment in its packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fragment {
    /// Which packet of its sender's it is a part of: 16 bits in IPv4, 32 in IPv6.
    pub id: u32,
    /// Where in the payload of that packet it begins, in octets: a multiple of eight.
    pub offset: u16,
    /// There are others behind it.
    pub more: bool,
    /// Octets of the header that are not repeated in front of the whole packet: the fragment header of
    /// IPv6, which is the last.
    pub own_header: u8,
    /// Where the octet stands that names what follows this header.
    pub named_at: u16,
}

/// A mistake in the headers of IPv6 that its sender is told of (RFC 4443 3.4), unless it asks not to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Defect {
    /// What it is.
    pub kind: DefectKind,
    /// Which octet of the packet is at fault.
    pub at: u16,
}

/// The kinds of such mistakes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DefectKind {
    /// A field that cannot be as it is.
    Field,
    /// A header that nobody here knows, or that must not stand where it does.
    NextHeader,
    /// An option that nobody here knows, with the order to say so: to all senders, or only to those of packets
    /// that were not to a group (RFC 8200 4.2), and no packet to a group is taken here.
    Option,
    /// An option that nobody here knows, with the order to say nothing.
    SilentOption,
    /// The headers go on beyond the first fragment (RFC 7112).
    IncompleteChain,
}

/// The version field of a packet; `None` for an empty one.
#[must_use]
pub fn version(bytes: &[u8]) -> Option<u8> {
    bytes.first().map(|octet| octet >> 4)
}

/// Where a packet is going, if that is there to be seen. Nothing else of it is looked at.
#[must_use]
pub fn destination(bytes: &[u8]) -> Option<IpAddr> {
    match version(bytes)? {
        6 => bytes.get(24..)?.first_chunk::<16>().map(|octets| IpAddr::from(*octets)),
        _ => bytes.get(16..)?.first_chunk::<4>().map(|octets| IpAddr::from(*octets)),
    }
}

/// Reads a packet; the payload is a slice of `bytes`. Options and extension headers that ask for nothing are
/// skipped.
///
/// # Errors
///
/// Another version, a header cut short or of an impossible length, fewer octets than the header
/// states, a wrong header checksum, more extension headers than anybody needs.
pub fn parse(bytes: &Bytes) -> Result<Datagram, ParseError> {
    match version(bytes) {
        Some(6) => ipv6::parse(bytes),
        _ => ipv4::parse(bytes),
    }
}

/// Octets of IP header before a payload to `dst`.
#[must_use]
pub const fn header_len(dst: IpAddr) -> usize {
    match dst {
        IpAddr::V4(_) => 20,
        IpAddr::V6(_) => 40,
    }
}

/// The header of a packet with `payload_len` octets behind it. It must not be cut on its way: IPv4 says so
/// with "don't fragment", and IPv6 always means it.
///
/// # Panics
///
/// When the packet would be longer than 65,535 octets, or the addresses are of two families.
pub(super) fn header(
    style: HeaderStyle,
    src: IpAddr,
    dst: IpAddr,
    protocol: u8,
    payload_len: usize,
) -> Head {
    let len = u16::try_from(payload_len).expect("the sender keeps packets below 65,535 octets");
    match (src, dst) {
        (IpAddr::V4(src), IpAddr::V4(dst)) => {
            ipv4::header(style, src, dst, IpNumber(protocol), len)
        }
        (IpAddr::V6(src), IpAddr::V6(dst)) => {
            ipv6::header(style, src, dst, IpNumber(protocol), len)
        }
        (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => {
            panic!("a packet from {src} to {dst}: two address families in one packet")
        }
    }
}

/// The packet as a congested router leaves it: marked CE (RFC 3168 5). `None` if it may not be marked, or
/// is no IP packet.
#[must_use]
pub fn mark(packet: &Bytes) -> Option<Bytes> {
    match version(packet) {
        Some(6) => ipv6::mark(packet),
        _ => ipv4::mark(packet),
    }
}

/// Whether a packet may come from `addr` at all: not from a group, a broadcast address, the
/// unspecified one or a loopback address (RFC 1122 3.2.1.3; RFC 4291 2.5 to 2.7; RFC 9293 3.9.2.3, MUST-63),
/// nor, in IPv6, from what stands for an address of IPv4 inside of a host.
#[must_use]
pub fn may_be_source(addr: IpAddr) -> bool {
    let broadcast = match addr {
        IpAddr::V4(addr) => addr.is_broadcast() || addr.octets()[0] == 0 || addr.octets()[0] >= 240,
        IpAddr::V6(addr) => addr.to_ipv4_mapped().is_some(),
    };
    !(broadcast || addr.is_multicast() || addr.is_unspecified() || addr.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_that_cannot_be() {
        for good in ["192.0.2.1", "10.0.0.1", "2001:db8::1", "fe80::1", "64:ff9b::1"] {
            assert!(may_be_source(good.parse().unwrap()), "{good}");
        }
        for bad in [
            "0.0.0.0",
            "0.1.2.3",
            "127.0.0.1",
            "224.0.0.1",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "ff02::1",
            "::ffff:192.0.2.1",
        ] {
            assert!(!may_be_source(bad.parse().unwrap()), "{bad}");
        }
    }

    #[test]
    fn what_is_of_no_version_is_refused() {
        assert_eq!(parse(&Bytes::new()), Err(ParseError::Truncated));
        for first in [0x00, 0x50, 0x70, 0xf0] {
            assert_eq!(parse(&vec![first; 60].into()), Err(ParseError::IpVersion), "{first:#x}");
        }
    }
}
