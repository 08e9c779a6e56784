//! TCP headers (RFC 9293 3.1): to and from [`Segment`], checksum verified and made.

use std::net::IpAddr;

use bytes::Bytes;
use etherparse::{TcpHeader, TcpHeaderSlice, ip_number};

use super::ParseError;
use super::checksum::Checksum;
use super::ecn::Ecn;
use super::frame::{Frame, Head};
use super::ip;
use super::options::Options;
use super::packet::{Features, Offload};
use super::segment::{Flags, Segment};
use super::style::HeaderStyle;
use crate::seq::Seq;

/// The ports of a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ports {
    /// The sender's.
    pub src: u16,
    /// The receiver's.
    pub dst: u16,
}

/// Reads a segment: `bytes` is the whole payload of an IP packet from `src` to `dst`. The data is a
/// slice of `bytes`, not a copy. What only the IP header knows ([`Segment::ecn`]) is left to the caller.
///
/// # Errors
///
/// A header that is cut short or has an impossible length, a wrong checksum.
pub fn parse(bytes: &Bytes, src: IpAddr, dst: IpAddr) -> Result<(Ports, Segment), ParseError> {
    let mut sum = Checksum::pseudo_header(src, dst, ip_number::TCP.0, bytes.len());
    sum.add(bytes);
    // What is cut short is that first, and has no right checksum either.
    let parsed = parse_verified(bytes)?;
    if !sum.is_valid() {
        return Err(ParseError::TcpChecksum);
    }
    Ok(parsed)
}

/// As [`parse`], when somebody else vouches for the checksum.
///
/// # Errors
///
/// A header that is cut short or has an impossible length.
pub fn parse_verified(bytes: &Bytes) -> Result<(Ports, Segment), ParseError> {
    let header = TcpHeaderSlice::from_slice(bytes).map_err(|error| match error {
        etherparse::err::tcp::HeaderSliceError::Len(_) => ParseError::Truncated,
        etherparse::err::tcp::HeaderSliceError::Content(_) => ParseError::HeaderLength,
    })?;
    let flags = Flags::from_bits_retain(bytes[13]);
    let segment = Segment {
        seq: Seq(header.sequence_number()),
        ack: Seq(header.acknowledgment_number()),
        flags,
        wnd: header.window_size(),
        up: header.urgent_pointer(),
        options: Options::parse(header.options()),
        payload: bytes.slice(header.slice().len()..).into(),
        segment_size: 0,
        ecn: Ecn::default(),
    };
    let ports = Ports { src: header.source_port(), dst: header.destination_port() };
    Ok((ports, segment))
}

/// Makes the IP packet that carries `segment` from `src` to `dst`. The data is not copied.
///
/// # Panics
///
/// When the packet would be longer than 65,535 octets, or the addresses are of two families: the
/// sender of the segment has to see to both.
#[must_use]
pub fn emit(ports: Ports, src: IpAddr, dst: IpAddr, segment: Segment) -> Frame {
    let ends = (src, dst);
    emit_as(HeaderStyle::default(), Features::default(), ports, ends, segment)
}

/// As [`emit`], with headers in the given style, and leaving to the device what it can do.
///
/// # Panics
///
/// As [`emit`].
#[must_use]
pub fn emit_as(
    style: HeaderStyle,
    features: Features,
    ports: Ports,
    (src, dst): (IpAddr, IpAddr),
    segment: Segment,
) -> Frame {
    let Segment { seq, ack, flags, wnd, up, options, payload, segment_size, ecn } = segment;
    let mut tcp = TcpHeader::new(ports.src, ports.dst, seq.0, wnd);
    tcp.acknowledgment_number = ack.0;
    tcp.urgent_pointer = up;
    tcp.fin = flags.contains(Flags::FIN);
    tcp.syn = flags.contains(Flags::SYN);
    tcp.rst = flags.contains(Flags::RST);
    tcp.psh = flags.contains(Flags::PSH);
    tcp.ack = flags.contains(Flags::ACK);
    tcp.urg = flags.contains(Flags::URG);
    tcp.ece = flags.contains(Flags::ECE);
    tcp.cwr = flags.contains(Flags::CWR);
    match options.only_timestamps() {
        Some(timestamps) => tcp.set_options_raw(&timestamps.octets()),
        None => tcp.set_options(&options.elements(style.options)),
    }
    .expect("40 octets hold every combination of our options");

    let mut header = tcp.to_bytes();
    let len = header.len() + payload.len();
    let mut sum = Checksum::pseudo_header(src, dst, ip_number::TCP.0, len);
    if features.checksum {
        header[16..18].copy_from_slice(&sum.unfinished());
    } else {
        sum.add(&header);
        sum.add_payload(&payload);
        header[16..18].copy_from_slice(&sum.finish());
    }
    let offload = Offload { checksum: features.checksum, segment_size };

    let style = HeaderStyle { tos: (style.tos & !3) | ecn.bits(), ..style };
    let mut head: Head = ip::header(style, src, dst, ip_number::TCP.0, len);
    head.extend_from_slice(&header);
    Frame { head, payload, offload }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;
    use crate::wire::Timestamps;

    const SRC: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));
    const DST: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 2));

    fn sample() -> Segment {
        Segment {
            seq: Seq(1_000_000),
            ack: Seq(4_000_000_000),
            flags: Flags::ACK | Flags::PSH | Flags::URG | Flags::ECE,
            wnd: 4321,
            up: 3,
            options: Options {
                timestamps: Some(Timestamps { val: 5, ecr: 6 }),
                ..Options::default()
            },
            payload: Bytes::from_static(b"hello").into(),
            segment_size: 0,
            ecn: Ecn::Ect1,
        }
    }

    // MUST-2
    #[test]
    fn what_is_emitted_parses_to_the_same() {
        let ports = Ports { src: 80, dst: 40_000 };
        let frame = emit(ports, SRC, DST, sample());
        let datagram = ip::parse(&frame.to_bytes()).expect("a whole packet");
        assert_eq!((datagram.src, datagram.dst), (SRC, DST));
        let bare = Segment { ecn: Ecn::NotEct, ..sample() };
        assert_eq!(parse(&datagram.payload, SRC, DST), Ok((ports, bare)));
        assert_eq!(datagram.ecn, Ecn::Ect1);
    }

    // SHLD-22
    #[test]
    fn the_segment_says_whether_it_may_be_marked_and_the_style_what_class_it_is_of() {
        let style = HeaderStyle { tos: 0xb9, ..HeaderStyle::default() };
        let ports = Ports { src: 1, dst: 2 };
        let tos = |segment| {
            let frame = emit_as(style, Features::default(), ports, (SRC, DST), segment);
            frame.head[1]
        };
        assert_eq!(tos(sample()), 0xb9, "ECT(1) by the segment");
        assert_eq!(tos(Segment { ecn: Ecn::Ect0, ..sample() }), 0xba);
        assert_eq!(tos(Segment { ecn: Ecn::NotEct, ..sample() }), 0xb8);
    }

    // MUST-3
    #[test]
    fn every_flipped_bit_is_noticed() {
        let frame = emit(Ports { src: 1, dst: 2 }, SRC, DST, sample()).to_bytes();
        for bit in 0..frame.len() * 8 {
            let mut bytes = frame.to_vec();
            bytes[bit / 8] ^= 1 << (bit % 8);
            let result = ip::parse(&Bytes::from(bytes))
                .and_then(|datagram| parse(&datagram.payload, datagram.src, datagram.dst));
            assert!(result.is_err(), "bit {bit} went unnoticed");
        }
    }

    #[test]
    fn a_header_that_claims_too_much_is_refused() {
        let frame = emit(Ports { src: 1, dst: 2 }, SRC, DST, sample()).to_bytes();
        let tcp = frame.slice(20..);
        assert_eq!(parse(&tcp.slice(..19), SRC, DST), Err(ParseError::Truncated));
        let mut bytes = tcp.to_vec();
        bytes[12] = 0x40;
        assert_eq!(parse(&Bytes::from(bytes.clone()), SRC, DST), Err(ParseError::HeaderLength));
        bytes[12] = 0xf0;
        assert_eq!(parse(&Bytes::from(bytes), SRC, DST), Err(ParseError::Truncated));
    }
}
