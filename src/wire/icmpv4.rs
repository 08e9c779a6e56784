//! ICMP for IPv4 (RFC 792): echo, and the errors that we send. Those of others are read in `icmp_error`.

use std::net::IpAddr;

use bytes::{Bytes, BytesMut};
use etherparse::icmpv4::TimeExceededCode;
use etherparse::{IcmpEchoHeader, Icmpv4Header, Icmpv4Slice, Icmpv4Type, icmpv4, ip_number};

use super::checksum::Checksum;
use super::frame::Frame;
use super::icmp::Message;
use super::icmp_error;
use super::ip::{self, Datagram};
use super::{HeaderStyle, ParseError, Payload};

/// Reads a message: `bytes` is the whole payload of an IP packet.
///
/// # Errors
///
/// Fewer than eight octets, a wrong checksum, or an error that quotes too little.
pub fn parse(bytes: &Bytes) -> Result<Message, ParseError> {
    let message = Icmpv4Slice::from_slice(bytes).map_err(|_| ParseError::Truncated)?;
    let mut sum = Checksum::default();
    sum.add(bytes);
    if !sum.is_valid() {
        return Err(ParseError::IcmpChecksum);
    }
    Ok(match message.icmp_type() {
        Icmpv4Type::EchoRequest(IcmpEchoHeader { id, seq }) => {
            Message::EchoRequest { id, seq, data: bytes.slice(message.header_len()..) }
        }
        _ => icmp_error::parse_v4(bytes)?.map_or(Message::Other, Message::Error),
    })
}

/// The packet that answers an echo request: the same data back (RFC 1122 3.2.2.6).
#[must_use]
pub fn echo_reply(src: IpAddr, dst: IpAddr, id: u16, seq: u16, data: Bytes) -> Frame {
    emit(src, dst, Icmpv4Type::EchoReply(IcmpEchoHeader { id, seq }), data)
}

/// The packet that says that nobody listens at the UDP port `rejected` was sent to.
#[must_use]
pub fn port_unreachable(rejected: &Datagram) -> Frame {
    error(rejected, Icmpv4Type::DestinationUnreachable(icmpv4::DestUnreachableHeader::Port))
}

/// The packet that says that nobody here speaks the protocol of `rejected`.
#[must_use]
pub fn protocol_unreachable(rejected: &Datagram) -> Frame {
    error(rejected, Icmpv4Type::DestinationUnreachable(icmpv4::DestUnreachableHeader::Protocol))
}

/// The packet that says that the fragments of a packet, of which `first` is the first, did not all come in
/// time.
#[must_use]
pub fn reassembly_time_exceeded(first: &Datagram) -> Frame {
    error(first, Icmpv4Type::TimeExceeded(TimeExceededCode::FragmentReassemblyTimeExceeded))
}

/// Whether a packet is itself an error, which is not answered with another (RFC 1122 3.2.2).
#[must_use]
pub fn is_error(datagram: &Datagram) -> bool {
    /// Destination unreachable, source quench, redirect, time exceeded, parameter problem.
    const ERRORS: [u8; 5] = [3, 4, 5, 11, 12];
    datagram.protocol == ip_number::ICMP.0
        && datagram.payload.first().is_none_or(|kind| ERRORS.contains(kind))
}

/// It quotes as much of the packet as fits into 576 octets (RFC 1812 4.3.2.3).
fn error(rejected: &Datagram, kind: Icmpv4Type) -> Frame {
    const MOST: usize = 576 - 20 - 8;
    let mut quote = BytesMut::with_capacity(MOST);
    quote.extend_from_slice(&rejected.header);
    let room = MOST.saturating_sub(quote.len()).min(rejected.payload.len());
    quote.extend_from_slice(&rejected.payload[..room]);
    emit(rejected.dst, rejected.src, kind, quote.freeze())
}

fn emit(src: IpAddr, dst: IpAddr, kind: Icmpv4Type, data: Bytes) -> Frame {
    let header = Icmpv4Header::with_checksum(kind, &data).to_bytes();
    let mut head =
        ip::header(HeaderStyle::default(), src, dst, ip_number::ICMP.0, header.len() + data.len());
    head.extend_from_slice(&header);
    Frame { head, payload: Payload::from(data), ..Frame::default() }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    const US: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 2));
    const PEER: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));

    #[test]
    fn a_request_with_an_odd_number_of_octets_is_understood() {
        let echo = IcmpEchoHeader { id: 7, seq: 9 };
        let data = Bytes::from_static(b"odd");
        let frame = emit(PEER, US, Icmpv4Type::EchoRequest(echo), data.clone()).to_bytes();
        let datagram = ip::parse(&frame).expect("a good packet");
        assert_eq!(parse(&datagram.payload), Ok(Message::EchoRequest { id: 7, seq: 9, data }));
        let mut broken = datagram.payload.to_vec();
        broken[9] ^= 1;
        assert_eq!(parse(&broken.into()), Err(ParseError::IcmpChecksum));
        assert_eq!(parse(&datagram.payload.slice(..7)), Err(ParseError::Truncated));
    }

    // RFC 1812 4.3.2.3
    #[test]
    fn an_error_quotes_the_packet_and_stays_short() {
        let long = Bytes::from(vec![1; 1400]);
        let rejected = ip::parse(
            &emit(PEER, US, Icmpv4Type::EchoRequest(IcmpEchoHeader { id: 1, seq: 1 }), long)
                .to_bytes(),
        )
        .expect("a good packet");
        let frame = port_unreachable(&rejected);
        assert_eq!(frame.len(), 576);
        assert_eq!(&frame.payload.to_bytes()[..20], &rejected.header[..]);
    }
}
