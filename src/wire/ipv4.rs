//! IPv4 headers (RFC 791): read, written, marked.

use std::net::Ipv4Addr;

use bytes::Bytes;
use etherparse::{IpDscp, IpEcn, IpNumber, Ipv4Header, Ipv4HeaderSlice};
use smallvec::SmallVec;

use super::ParseError;
use super::checksum::Checksum;
use super::ecn::Ecn;
use super::frame::Head;
use super::ip::{Datagram, Fragment};
use super::style::HeaderStyle;

/// Where the protocol stands in the header.
const PROTOCOL: u16 = 9;

/// Reads a packet. Options are skipped.
pub(super) fn parse(bytes: &Bytes) -> Result<Datagram, ParseError> {
    let header = slice(bytes)?;
    let header_len = header.slice().len();
    let total_len = usize::from(header.total_len());
    if total_len < header_len {
        return Err(ParseError::HeaderLength);
    }
    if total_len > bytes.len() {
        return Err(ParseError::Truncated);
    }
    let mut sum = Checksum::default();
    sum.add(header.slice());
    if !sum.is_valid() {
        return Err(ParseError::IpChecksum);
    }
    let fragment = header.is_fragmenting_payload().then(|| Fragment {
        id: header.identification().into(),
        offset: header.fragments_offset().value() << 3,
        more: header.more_fragments(),
        own_header: 0,
        named_at: PROTOCOL,
    });
    Ok(Datagram {
        src: header.source_addr().into(),
        dst: header.destination_addr().into(),
        protocol: header.protocol().0,
        protocol_at: PROTOCOL,
        ecn: Ecn::of_tos(header.ecn().value()),
        fragment,
        defect: None,
        header: SmallVec::from_slice(header.slice()),
        payload: bytes.slice(header_len..total_len),
    })
}

fn slice(bytes: &[u8]) -> Result<Ipv4HeaderSlice<'_>, ParseError> {
    use etherparse::err::ipv4::{HeaderError, HeaderSliceError};
    Ipv4HeaderSlice::from_slice(bytes).map_err(|error| match error {
        HeaderSliceError::Len(_) => ParseError::Truncated,
        HeaderSliceError::Content(HeaderError::UnexpectedVersion { .. }) => ParseError::IpVersion,
        HeaderSliceError::Content(HeaderError::HeaderLengthSmallerThanHeader { .. }) => {
            ParseError::HeaderLength
        }
    })
}

/// A header with "don't fragment" set, and therefore identification 0 (RFC 6864 4.1).
pub(super) fn header(
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

pub(super) fn mark(packet: &Bytes) -> Option<Bytes> {
    let header = Ipv4HeaderSlice::from_slice(packet).ok()?;
    Ecn::of_tos(header.ecn().value()).is_capable().then(|| {
        let mut header = header.to_header();
        header.ecn = IpEcn::THREE;
        header.header_checksum = header.calc_header_checksum();
        let payload = packet.get(header.header_len()..).unwrap_or_default();
        [&header.to_bytes()[..], payload].concat().into()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::ip;

    fn packet(style: HeaderStyle, payload: &[u8]) -> Vec<u8> {
        let [src, dst] = [1, 2].map(|last| Ipv4Addr::new(192, 0, 2, last).into());
        let mut bytes = ip::header(style, src, dst, 6, payload.len()).to_vec();
        bytes.extend_from_slice(payload);
        bytes
    }

    // RFC 791
    #[test]
    fn padding_behind_the_packet_is_cut_off() {
        let mut bytes = packet(HeaderStyle::default(), b"abc");
        bytes.extend_from_slice(&[0; 17]);
        let datagram = ip::parse(&bytes.into()).expect("a good packet");
        assert_eq!(&datagram.payload[..], b"abc");
        assert_eq!((datagram.fragment, datagram.defect), (None, None));
    }

    #[test]
    fn only_what_may_be_marked_is() {
        let with = |tos| Bytes::from(packet(HeaderStyle { tos, ..HeaderStyle::default() }, b"abc"));
        for tos in [0xb9, 0xba, 0xbb] {
            assert_eq!(ip::mark(&with(tos)), Some(with(0xbb)), "{tos:#x}");
        }
        assert_eq!(ip::mark(&with(0xb8)), None);
        assert_eq!(ip::mark(&with(0xb9).slice(..19)), None);
    }

    #[test]
    fn each_defect_is_named() {
        let good = packet(HeaderStyle::default(), b"abc");
        let with = |at: usize, octet: u8| {
            let mut bytes = good.clone();
            bytes[at] = octet;
            ip::parse(&bytes.into())
        };
        assert_eq!(ip::parse(&good[..22].to_vec().into()), Err(ParseError::Truncated));
        assert_eq!(with(0, 0x55), Err(ParseError::IpVersion));
        assert_eq!(with(0, 0x44), Err(ParseError::HeaderLength));
        assert_eq!(with(3, 5), Err(ParseError::HeaderLength));
        assert_eq!(with(8, 63), Err(ParseError::IpChecksum));
    }
}
