//! ICMP for IPv6 (RFC 4443): echo, and the errors that we send. Those of others are read in `icmp_error`. Of
//! neighbour discovery (RFC 4861) it is only known what it is: a TUN has no neighbours to be found.

use std::net::IpAddr;

use bytes::{Bytes, BytesMut};
use etherparse::icmpv6::{
    DestUnreachableCode, ParameterProblemCode, ParameterProblemHeader, TimeExceededCode,
};
use etherparse::{IcmpEchoHeader, Icmpv6Header, Icmpv6Slice, Icmpv6Type, IpNumber, ip_number};

use super::checksum::Checksum;
use super::frame::Frame;
use super::icmp::Message;
use super::icmp_error;
use super::ip::{self, Datagram, Defect, DefectKind};
use super::{HeaderStyle, ParseError, Payload, ipv6};

/// An error quotes as much of a packet as fits into what every link carries (RFC 4443 2.4 c).
const MOST_QUOTED: usize = 1280 - 40 - 8;
/// Types below this are errors, which are not answered with errors.
const FIRST_INFORMATION: u8 = 128;

/// Reads a message: `bytes` is the whole payload of a packet from `src` to `dst`.
///
/// # Errors
///
/// Fewer than eight octets, or a wrong checksum.
pub fn parse(bytes: &Bytes, src: IpAddr, dst: IpAddr) -> Result<Message, ParseError> {
    let message = Icmpv6Slice::from_slice(bytes).map_err(|_| ParseError::Truncated)?;
    let mut sum = Checksum::pseudo_header(src, dst, ip_number::IPV6_ICMP.0, bytes.len());
    sum.add(bytes);
    if !sum.is_valid() {
        return Err(ParseError::IcmpChecksum);
    }
    Ok(match message.icmp_type() {
        Icmpv6Type::EchoRequest(IcmpEchoHeader { id, seq }) => {
            Message::EchoRequest { id, seq, data: bytes.slice(message.header_len()..) }
        }
        Icmpv6Type::DestinationUnreachable(_)
        | Icmpv6Type::PacketTooBig { .. }
        | Icmpv6Type::TimeExceeded(_)
        | Icmpv6Type::ParameterProblem(_) => {
            icmp_error::parse_v6(bytes).map_or(Message::Other, Message::Error)
        }
        Icmpv6Type::RouterSolicitation
        | Icmpv6Type::RouterAdvertisement(_)
        | Icmpv6Type::NeighborSolicitation
        | Icmpv6Type::NeighborAdvertisement(_)
        | Icmpv6Type::Redirect => Message::Discovery,
        Icmpv6Type::EchoReply(_) | Icmpv6Type::Unknown { .. } => Message::Other,
    })
}

/// The packet that answers an echo request: the same data back (RFC 4443 4.2).
///
/// # Panics
///
/// When the addresses are not both of IPv6.
#[must_use]
pub fn echo_reply(src: IpAddr, dst: IpAddr, id: u16, seq: u16, data: Bytes) -> Frame {
    emit(src, dst, Icmpv6Type::EchoReply(IcmpEchoHeader { id, seq }), data)
}

/// The packet that says that nobody listens at the UDP port `rejected` was sent to.
///
/// # Panics
///
/// When `rejected` is not of IPv6; so do the others.
#[must_use]
pub fn port_unreachable(rejected: &Datagram) -> Frame {
    error(rejected, Icmpv6Type::DestinationUnreachable(DestUnreachableCode::Port))
}

/// The packet that says which header nobody here knows.
///
/// # Panics
///
/// As [`port_unreachable`].
#[must_use]
pub fn unknown_next_header(rejected: &Datagram) -> Frame {
    let at = rejected.protocol_at;
    error(rejected, problem(ParameterProblemCode::UnrecognizedNextHeader, at))
}

/// The packet that says that the fragments of a packet, of which `first` is the first, did not all come in
/// time.
///
/// # Panics
///
/// As [`port_unreachable`].
#[must_use]
pub fn reassembly_time_exceeded(first: &Datagram) -> Frame {
    error(first, Icmpv6Type::TimeExceeded(TimeExceededCode::FragmentReassemblyTimeExceeded))
}

/// The packet that tells the sender of `rejected`, which was to us and no group, of a mistake in it. Whether the
/// sender wants to know ([`DefectKind::SilentOption`]) is for the caller to ask.
///
/// # Panics
///
/// As [`port_unreachable`].
#[must_use]
pub fn parameter_problem(rejected: &Datagram, defect: Defect) -> Frame {
    let code = match defect.kind {
        DefectKind::Field => ParameterProblemCode::ErroneousHeaderField,
        DefectKind::NextHeader => ParameterProblemCode::UnrecognizedNextHeader,
        DefectKind::Option => ParameterProblemCode::UnrecognizedIpv6Option,
        DefectKind::SilentOption => ParameterProblemCode::UnrecognizedIpv6Option,
        DefectKind::IncompleteChain => ParameterProblemCode::Ipv6FirstFragmentIncompleteHeaderChain,
    };
    error(rejected, problem(code, defect.at))
}

/// Whether a packet is itself an error, or may be one: then it is not answered with another (RFC 4443 2.4 e). That
/// it has extension headers which cannot be taken, before what it carries, makes no difference.
#[must_use]
pub fn is_error(datagram: &Datagram) -> bool {
    if datagram.fragment.is_some_and(|fragment| fragment.offset > 0) {
        return false;
    }
    match ipv6::carried(IpNumber(datagram.protocol), &datagram.payload) {
        Some((ip_number::IPV6_ICMP, message)) => {
            message.first().is_none_or(|kind| *kind < FIRST_INFORMATION)
        }
        Some(_) => false,
        None => true,
    }
}

const fn problem(code: ParameterProblemCode, at: u16) -> Icmpv6Type {
    Icmpv6Type::ParameterProblem(ParameterProblemHeader { code, pointer: at as u32 })
}

fn error(rejected: &Datagram, kind: Icmpv6Type) -> Frame {
    let whole = rejected.header.len() + rejected.payload.len();
    let mut quote = BytesMut::with_capacity(whole.min(MOST_QUOTED));
    for part in [&rejected.header[..], &rejected.payload[..]] {
        let room = (MOST_QUOTED - quote.len()).min(part.len());
        quote.extend_from_slice(&part[..room]);
    }
    emit(rejected.dst, rejected.src, kind, quote.freeze())
}

fn emit(src: IpAddr, dst: IpAddr, kind: Icmpv6Type, data: Bytes) -> Frame {
    let mut header = Icmpv6Header::new(kind).to_bytes();
    let len = header.len() + data.len();
    let mut sum = Checksum::pseudo_header(src, dst, ip_number::IPV6_ICMP.0, len);
    sum.add(&header);
    sum.add(&data);
    header[2..4].copy_from_slice(&sum.finish());
    let mut head = ip::header(HeaderStyle::default(), src, dst, ip_number::IPV6_ICMP.0, len);
    head.extend_from_slice(&header);
    Frame { head, payload: Payload::from(data), ..Frame::default() }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv6Addr;

    use super::*;
    use crate::seq::Seq;
    use crate::wire::{Flags, Problem, Segment, tcp};

    const US: IpAddr = IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 2));
    const PEER: IpAddr = IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1));

    fn parsed(frame: &Frame) -> (Datagram, Message) {
        let datagram = ip::parse(&frame.to_bytes()).expect("a good packet");
        let message = parse(&datagram.payload, datagram.src, datagram.dst).expect("a good message");
        (datagram, message)
    }

    #[test]
    fn an_echo_request_is_read_and_answered() {
        let echo = IcmpEchoHeader { id: 7, seq: 9 };
        let data = Bytes::from_static(b"how are you");
        let request = emit(PEER, US, Icmpv6Type::EchoRequest(echo), data.clone());
        let asked = Message::EchoRequest { id: 7, seq: 9, data: data.clone() };
        assert_eq!(parsed(&request).1, asked);
        let reply = echo_reply(US, PEER, 7, 9, data.clone()).to_bytes();
        let datagram = ip::parse(&reply).expect("a good packet");
        assert_eq!((datagram.src, datagram.dst, datagram.protocol), (US, PEER, 58));
        assert_eq!(datagram.payload[0], 129, "an echo reply");
        assert_eq!(&datagram.payload[8..], &data[..]);
        let mut bad = datagram.payload.to_vec();
        bad[9] ^= 1;
        assert_eq!(parse(&bad.into(), US, PEER), Err(ParseError::IcmpChecksum));
        let forged = parse(&datagram.payload, PEER, PEER);
        assert_eq!(forged, Err(ParseError::IcmpChecksum), "the addresses count");
    }

    /// A segment of ours that somebody complains of.
    fn segment(len: usize) -> Datagram {
        let ports = tcp::Ports { src: 80, dst: 40_000 };
        let segment = Segment {
            seq: Seq(77),
            flags: Flags::ACK,
            payload: Bytes::from(vec![1; len]).into(),
            ..Segment::default()
        };
        ip::parse(&tcp::emit(ports, US, PEER, segment).to_bytes()).expect("a good packet")
    }

    #[test]
    fn an_error_tells_of_the_packet_that_it_quotes() {
        let too_big = Icmpv6Type::PacketTooBig { mtu: 1280 };
        let hops = Icmpv6Type::TimeExceeded(TimeExceededCode::HopLimitExceeded);
        let nobody = Icmpv6Type::DestinationUnreachable(DestUnreachableCode::Port);
        let odd = problem(ParameterProblemCode::ErroneousHeaderField, 4);
        for (kind, told) in [
            (too_big, Problem::TooBig { mtu: 1280 }),
            (hops, Problem::TimeExceeded),
            (nobody, Problem::PortUnreachable),
            (odd, Problem::ParameterProblem),
        ] {
            let frame = error(&segment(3000), kind);
            assert!(frame.len() <= 1280, "{} octets", frame.len());
            let Message::Error(error) = parsed(&frame).1 else { panic!("{kind:?}") };
            assert_eq!(error.problem, told);
            let quoted = error.quoted;
            assert_eq!((quoted.src, quoted.dst, quoted.len), (US, PEER, 3060));
            let ports = tcp::Ports { src: 80, dst: 40_000 };
            assert_eq!(quoted.tcp(), Some((ports, Seq(77))));
        }
    }

    #[test]
    fn an_error_that_quotes_too_little_tells_of_nothing() {
        let quote = segment(0);
        let whole = [&quote.header[..], &quote.payload[..]].concat();
        for len in 0..whole.len() {
            let cut = Bytes::copy_from_slice(&whole[..len]);
            let message = parsed(&emit(PEER, US, Icmpv6Type::PacketTooBig { mtu: 1280 }, cut)).1;
            let is_error = matches!(message, Message::Error(_));
            assert_eq!(is_error, len >= 48, "{len} octets: {message:?}");
        }
    }

    #[test]
    fn discovery_asks_for_nothing() {
        for kind in 133..=137 {
            let odd = Icmpv6Type::Unknown { type_u8: kind, code_u8: 0, bytes5to8: [0; 4] };
            let message = parsed(&emit(PEER, US, odd, Bytes::from(vec![0; 32]))).1;
            assert_eq!(message, Message::Discovery, "type {kind}");
        }
    }

    #[test]
    fn errors_are_not_answered_with_errors() {
        let of = |frame: Frame| ip::parse(&frame.to_bytes()).expect("a good packet");
        assert!(is_error(&of(error(&segment(0), Icmpv6Type::PacketTooBig { mtu: 1280 }))));
        assert!(!is_error(&of(echo_reply(US, PEER, 1, 1, Bytes::new()))));
        assert!(!is_error(&segment(0)));
    }
}
