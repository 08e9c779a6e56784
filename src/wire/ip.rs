//! IP headers. IPv4 (RFC 791) today; addresses are `IpAddr` everywhere, so that IPv6 is an addition.

use std::net::{IpAddr, Ipv4Addr};

use bytes::Bytes;
use etherparse::{IpDscp, IpEcn, IpNumber, Ipv4Header, Ipv4HeaderSlice};
use smallvec::SmallVec;

use super::ParseError;
use super::ecn::Ecn;
use super::frame::Head;
use super::style::HeaderStyle;

/// What the stack needs of a received IP packet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Datagram {
    /// Source address.
    pub src: IpAddr,
    /// Destination address.
    pub dst: IpAddr,
    /// Protocol number of the payload (6 is TCP, 1 ICMP, 17 UDP).
    pub protocol: u8,
    /// The ECN field.
    pub ecn: Ecn,
    /// Whether it is a part of a larger packet.
    pub is_fragment: bool,
    /// The header as it came, for ICMP errors, which quote it.
    pub header: SmallVec<[u8; 20]>,
    /// What follows the header, cut to the length that the header states.
    pub payload: Bytes,
}

/// The version field of a packet; `None` for an empty one.
#[must_use]
pub fn version(bytes: &[u8]) -> Option<u8> {
    bytes.first().map(|octet| octet >> 4)
}

/// Reads an IPv4 packet; the payload is a slice of `bytes`. IP options are skipped.
///
/// # Errors
///
/// Another version, a header cut short or of an impossible length, fewer octets than the header
/// states, a wrong header checksum.
pub fn parse(bytes: &Bytes) -> Result<Datagram, ParseError> {
    use etherparse::err::ipv4::{HeaderError, HeaderSliceError};
    let header = Ipv4HeaderSlice::from_slice(bytes).map_err(|error| match error {
        HeaderSliceError::Len(_) => ParseError::Truncated,
        HeaderSliceError::Content(HeaderError::UnexpectedVersion { .. }) => ParseError::IpVersion,
        HeaderSliceError::Content(HeaderError::HeaderLengthSmallerThanHeader { .. }) => {
            ParseError::HeaderLength
        }
    })?;
    let header_len = header.slice().len();
    let total_len = usize::from(header.total_len());
    if total_len < header_len {
        return Err(ParseError::HeaderLength);
    }
    if total_len > bytes.len() {
        return Err(ParseError::Truncated);
    }
    let mut sum = super::checksum::Checksum::default();
    sum.add(header.slice());
    if !sum.is_valid() {
        return Err(ParseError::IpChecksum);
    }
    Ok(Datagram {
        src: header.source_addr().into(),
        dst: header.destination_addr().into(),
        protocol: header.protocol().0,
        ecn: Ecn::of_tos(header.ecn().value()),
        is_fragment: header.is_fragmenting_payload(),
        header: SmallVec::from_slice(header.slice()),
        payload: bytes.slice(header_len..total_len),
    })
}

/// Octets of IP header before a payload to `dst`.
#[must_use]
pub const fn header_len(dst: IpAddr) -> usize {
    match dst {
        IpAddr::V4(_) => 20,
        IpAddr::V6(_) => 40,
    }
}

/// The header of a packet with `payload_len` octets behind it: "don't fragment" set, and therefore
/// identification 0 (RFC 6864 4.1).
///
/// # Panics
///
/// When the packet would be longer than 65,535 octets or the addresses are not both IPv4.
pub(super) fn header(
    style: HeaderStyle,
    src: IpAddr,
    dst: IpAddr,
    protocol: u8,
    payload_len: usize,
) -> Head {
    let (IpAddr::V4(src), IpAddr::V4(dst)) = (src, dst) else {
        panic!("a packet from {src} to {dst}: only IPv4 is carried");
    };
    let len = u16::try_from(payload_len).expect("the sender keeps packets below 65,535 octets");
    ipv4_header(style, src, dst, IpNumber(protocol), len)
}

fn ipv4_header(
    style: HeaderStyle,
    src: Ipv4Addr,
    dst: Ipv4Addr,
    protocol: IpNumber,
    payload_len: u16,
) -> Head {
    let mut header = Ipv4Header::new(payload_len, style.ttl, protocol, src.octets(), dst.octets())
        .expect("the sender keeps packets below 65,535 octets");
    header.dscp = IpDscp::try_new(style.tos >> 2).expect("six bits");
    header.ecn = IpEcn::try_new(style.tos & 3).expect("two bits");
    header.dont_fragment = true;
    header.header_checksum = header.calc_header_checksum();
    Head::from_slice(&header.to_bytes())
}

/// The packet as a congested router leaves it: marked CE (RFC 3168 5). `None` if it may not be marked, or
/// is no IPv4 packet.
#[must_use]
pub fn mark(packet: &Bytes) -> Option<Bytes> {
    let header = Ipv4HeaderSlice::from_slice(packet).ok()?;
    Ecn::of_tos(header.ecn().value()).is_capable().then(|| {
        let mut header = header.to_header();
        header.ecn = IpEcn::THREE;
        header.header_checksum = header.calc_header_checksum();
        let payload = packet.get(header.header_len()..).unwrap_or_default();
        [&header.to_bytes()[..], payload].concat().into()
    })
}

/// Whether a packet may come from `addr` at all: not from a group, a broadcast address, the
/// unspecified one or a loopback address (RFC 1122 3.2.1.3; RFC 9293 3.9.2.3, MUST-63).
#[must_use]
pub fn may_be_source(addr: IpAddr) -> bool {
    let broadcast = match addr {
        IpAddr::V4(addr) => addr.is_broadcast() || addr.octets()[0] == 0 || addr.octets()[0] >= 240,
        IpAddr::V6(_) => false,
    };
    !(broadcast || addr.is_multicast() || addr.is_unspecified() || addr.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packet(payload: &[u8]) -> Vec<u8> {
        let src = Ipv4Addr::new(192, 0, 2, 1).into();
        let dst = Ipv4Addr::new(192, 0, 2, 2).into();
        let mut bytes = header(HeaderStyle::default(), src, dst, 6, payload.len()).to_vec();
        bytes.extend_from_slice(payload);
        bytes
    }

    #[test]
    fn padding_behind_the_packet_is_cut_off() {
        let mut bytes = packet(b"abc");
        bytes.extend_from_slice(&[0; 17]);
        let datagram = parse(&bytes.into()).expect("a good packet");
        assert_eq!(&datagram.payload[..], b"abc");
    }

    #[test]
    fn only_what_may_be_marked_is() {
        let with = |tos: u8| {
            let style = HeaderStyle { tos, ..HeaderStyle::default() };
            let [src, dst] = [1, 2].map(|last| Ipv4Addr::new(192, 0, 2, last).into());
            Bytes::from([&header(style, src, dst, 6, 3)[..], b"abc"].concat())
        };
        for tos in [0xb9, 0xba, 0xbb] {
            assert_eq!(mark(&with(tos)), Some(with(0xbb)), "{tos:#x}");
        }
        assert_eq!(mark(&with(0xb8)), None);
        assert_eq!(mark(&with(0xb9).slice(..19)), None);
    }

    #[test]
    fn each_defect_is_named() {
        let good = packet(b"abc");
        let with = |at: usize, octet: u8| {
            let mut bytes = good.clone();
            bytes[at] = octet;
            parse(&bytes.into())
        };
        assert_eq!(parse(&Bytes::new()), Err(ParseError::Truncated));
        assert_eq!(parse(&good[..22].to_vec().into()), Err(ParseError::Truncated));
        assert_eq!(with(0, 0x55), Err(ParseError::IpVersion));
        assert_eq!(with(0, 0x44), Err(ParseError::HeaderLength));
        assert_eq!(with(3, 5), Err(ParseError::HeaderLength));
        assert_eq!(with(8, 63), Err(ParseError::IpChecksum));
    }
}
