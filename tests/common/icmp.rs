//! ICMP errors as routers send them.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use bytes::Bytes;
use etherparse::{
    Icmpv6Type, Ipv4Header, Ipv4HeaderSlice, Ipv6HeaderSlice, PacketBuilder, ip_number,
};

/// A router somewhere on the way.
pub const ROUTER: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 1);

pub const ROUTER_V6: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0, 0xffff, 0, 0, 0, 1);

/// Type and code.
pub const HOST_UNREACHABLE: (u8, u8) = (3, 1);
pub const PORT_UNREACHABLE: (u8, u8) = (3, 3);
pub const TOO_BIG: (u8, u8) = (3, 4);

/// The error of this type and code about `packet`, to whoever sent it. It quotes the header and eight octets
/// (RFC 792), and names `mtu` where RFC 1191 has it.
pub fn error_about(packet: &[u8], (kind, code): (u8, u8), mtu: u16) -> Bytes {
    let header = Ipv4HeaderSlice::from_slice(packet).expect("it is of IPv4").to_header();
    let quote = &packet[..packet.len().min(header.header_len() + 8)];
    error(Ipv4Addr::from(header.source), (kind, code), mtu, quote)
}

/// As [`error_about`] a TCP segment of these ends with this number, in a packet of `len` octets.
pub fn error_about_segment(
    (src, dst): (IpAddr, IpAddr),
    (src_port, dst_port): (u16, u16),
    (seq, len): (u32, u16),
    what: (u8, u8),
    mtu: u16,
) -> Bytes {
    let (IpAddr::V4(src), IpAddr::V4(dst)) = (src, dst) else { panic!("only IPv4 is carried") };
    let header = Ipv4Header::new(len.max(20) - 20, 64, ip_number::TCP, src.octets(), dst.octets());
    let header = header.expect("it is short").to_bytes();
    let ports = [src_port.to_be_bytes(), dst_port.to_be_bytes()].concat();
    error(src, what, mtu, &[&header[..], &ports, &seq.to_be_bytes()].concat())
}

/// An error to `dst` that quotes what the caller likes.
pub fn error(dst: Ipv4Addr, (kind, code): (u8, u8), mtu: u16, quote: &[u8]) -> Bytes {
    let [high, low] = mtu.to_be_bytes();
    let mut message = [&[kind, code, 0, 0, 0, 0, high, low][..], quote].concat();
    let sum = etherparse::checksum::Sum16BitWords::new().add_slice(&message).ones_complement();
    message[2..4].copy_from_slice(&sum.to_ne_bytes());
    let len = u16::try_from(message.len()).expect("it is short");
    let mut header = Ipv4Header::new(len, 64, ip_number::ICMP, ROUTER.octets(), dst.octets())
        .expect("it is short");
    header.header_checksum = header.calc_header_checksum();
    [&header.to_bytes()[..], &message].concat().into()
}

/// The ICMPv6 message that `packet` is too long for a link that carries `mtu` octets (RFC 4443 3.2).
pub fn packet_too_big(packet: &[u8], mtu: u32) -> Bytes {
    let header = Ipv6HeaderSlice::from_slice(packet).expect("it is of IPv6");
    let quote = &packet[..packet.len().min(1280 - 48)];
    let builder = PacketBuilder::ipv6(ROUTER_V6.octets(), header.source(), 64)
        .icmpv6(Icmpv6Type::PacketTooBig { mtu });
    let mut message = Vec::with_capacity(builder.size(quote.len()));
    builder.write(&mut message, quote).expect("a Vec takes everything");
    message.into()
}
