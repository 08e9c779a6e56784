//! Packets that go to the stack.

use std::net::{IpAddr, Ipv4Addr};

use bytes::Bytes;
use etherparse::{IpDscp, IpEcn, IpNumber, Ipv4Header, TcpHeader, ip_number};

use super::super::script::ast::{Ecn, IpInfo, Tcp};
use super::{Ends, Numbers, options};

/// A packet that cannot be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unmakeable(pub String);

/// A TCP segment: what `line` says, with these numbers and `line.len` zeros.
///
/// # Errors
///
/// The addresses are not both IPv4, or the packet would be longer than 65,535 octets.
pub fn tcp(ends: Ends, ip: &IpInfo, line: &Tcp, numbers: &Numbers) -> Result<Bytes, Unmakeable> {
    let (src, dst) = v4(ends)?;
    let mut header =
        TcpHeader::new(ends.src.port(), ends.dst.port(), numbers.seq, line.win.unwrap_or(0));
    header.acknowledgment_number = numbers.ack;
    header.urgent_pointer = line.urg.unwrap_or(0);
    let too_long = |_| Unmakeable("the options do not fit into a header".to_owned());
    header.set_options_raw(&options::write(&numbers.options)).map_err(too_long)?;
    let payload = vec![0; usize::from(line.len)];
    let mut octets = header.to_bytes().to_vec();
    octets[13] = line.flags;
    let whole = [&octets[..], &payload].concat();
    // One bit is enough, whatever the sum.
    let sum = tcp_checksum(src, dst, &whole) ^ u16::from(line.bad_checksum);
    octets[16..18].copy_from_slice(&sum.to_be_bytes());
    packet(src, dst, ip, ip_number::TCP, &[&octets, &payload])
}

/// A UDP datagram with `len` zeros.
///
/// # Errors
///
/// As [`tcp`].
pub fn udp(ends: Ends, ip: &IpInfo, len: u16) -> Result<Bytes, Unmakeable> {
    let (src, dst) = v4(ends)?;
    let payload = vec![0; usize::from(len)];
    let too_long = |_| Unmakeable("the datagram is longer than 65,535 octets".to_owned());
    let header = etherparse::UdpHeader::with_ipv4_checksum(
        ends.src.port(),
        ends.dst.port(),
        &Ipv4Header::new(0, 64, ip_number::UDP, src.octets(), dst.octets())
            .expect("an empty packet fits"),
        &payload,
    )
    .map_err(too_long)?;
    packet(src, dst, ip, ip_number::UDP, &[&header.to_bytes(), &payload])
}

/// An ICMP error of the given type and code about a segment of the stack: it quotes the IP header and
/// the first eight octets behind it (RFC 792), with the sequence number `seq`.
///
/// # Errors
///
/// As [`tcp`].
pub fn icmp(
    ends: Ends,
    ip: &IpInfo,
    (kind, code): (u8, u8),
    mtu: u16,
    (seq, len): (u32, u16),
) -> Result<Bytes, Unmakeable> {
    let (src, dst) = v4(ends)?;
    // The quoted packet went the other way.
    let header = Ipv4Header::new(20 + len, 64, ip_number::TCP, dst.octets(), src.octets())
        .map_err(|_| Unmakeable("the quoted packet is longer than 65,535 octets".to_owned()))?;
    let mut quoted = Ipv4Header { dont_fragment: true, ..header };
    quoted.header_checksum = quoted.calc_header_checksum();
    let segment = TcpHeader::new(ends.dst.port(), ends.src.port(), seq, 0).to_bytes();
    let mut octets = vec![kind, code, 0, 0, 0, 0];
    octets.extend_from_slice(&mtu.to_be_bytes());
    octets.extend_from_slice(&quoted.to_bytes());
    octets.extend_from_slice(&segment[..8]);
    let sum = etherparse::checksum::Sum16BitWords::new().add_slice(&octets).ones_complement();
    octets[2..4].copy_from_slice(&sum.to_ne_bytes());
    packet(src, dst, ip, ip_number::ICMP, &[&octets])
}

fn v4(ends: Ends) -> Result<(Ipv4Addr, Ipv4Addr), Unmakeable> {
    match (ends.src.ip(), ends.dst.ip()) {
        (IpAddr::V4(src), IpAddr::V4(dst)) => Ok((src, dst)),
        (IpAddr::V4(_) | IpAddr::V6(_), IpAddr::V4(_) | IpAddr::V6(_)) => {
            Err(Unmakeable("IPv6 is not carried yet".to_owned()))
        }
    }
}

fn packet(
    src: Ipv4Addr,
    dst: Ipv4Addr,
    info: &IpInfo,
    protocol: IpNumber,
    pieces: &[&[u8]],
) -> Result<Bytes, Unmakeable> {
    let payload = pieces.concat();
    let too_long = |_| Unmakeable("the packet is longer than 65,535 octets".to_owned());
    let len = u16::try_from(payload.len()).map_err(too_long)?;
    let ttl = info.ttl.unwrap_or(64);
    let header = Ipv4Header::new(len, ttl, protocol, src.octets(), dst.octets());
    let mut header =
        header.map_err(|_| Unmakeable("the packet is longer than 65,535 octets".to_owned()))?;
    let tos = info.tos.unwrap_or(0) | info.ecn.map_or(0, ecn_bits);
    header.dscp = IpDscp::try_new(tos >> 2).expect("six bits");
    header.ecn = IpEcn::try_new(tos & 3).expect("two bits");
    header.header_checksum = header.calc_header_checksum();
    Ok([&header.to_bytes()[..], &payload].concat().into())
}

/// The two bits of the ECN field; what may be either is ECT(0).
pub(in crate::drill) fn ecn_bits(ecn: Ecn) -> u8 {
    match ecn {
        Ecn::NotEct => 0,
        Ecn::Ect1 => 1,
        Ecn::Ect0 | Ecn::Ect01 => 2,
        Ecn::Ce => 3,
    }
}

fn tcp_checksum(src: Ipv4Addr, dst: Ipv4Addr, segment: &[u8]) -> u16 {
    let len = u32::try_from(segment.len()).expect("a packet is short");
    let sum = etherparse::checksum::Sum16BitWords::new()
        .add_slice(&src.octets())
        .add_slice(&dst.octets())
        .add_2bytes([0, ip_number::TCP.0])
        .add_slice(&len.to_be_bytes())
        .add_slice(segment);
    u16::from_be_bytes(sum.ones_complement().to_ne_bytes())
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use super::super::super::script::ast::{Options, TcpOption};
    use super::super::Seen;
    use super::*;

    fn ends() -> Ends {
        Ends {
            src: SocketAddr::from(([192, 0, 2, 1], 1234)),
            dst: SocketAddr::from(([192, 168, 0, 1], 8080)),
        }
    }

    #[test]
    fn what_is_made_is_seen_without_a_defect() {
        let line = Tcp {
            flags: 0xda,
            seq: 0,
            len: 33,
            ack: Some(7),
            win: Some(500),
            urg: Some(3),
            options: Options::Any,
            bad_checksum: false,
        };
        let options = vec![TcpOption::Mss(1000), TcpOption::Nop, TcpOption::WindowScale(2)];
        let options = [options, vec![TcpOption::SackPermitted, TcpOption::Eol, TcpOption::Eol]];
        let numbers = Numbers { seq: 4_000_000_000, ack: 8, options: options.concat() };
        let ip = IpInfo { ecn: Some(Ecn::Ce), ttl: Some(3), ..IpInfo::default() };
        let packet = tcp(ends(), &ip, &line, &numbers).expect("it can be made");
        let seen = Seen::parse(&packet).expect("it is a segment");
        assert_eq!(seen.defects, Vec::<String>::new());
        assert_eq!((seen.seq, seen.ack, seen.flags), (4_000_000_000, 8, 0xda));
        assert_eq!((seen.win, seen.urg, seen.payload.len()), (500, 3, 33));
        assert_eq!((seen.ttl, seen.tos, &seen.options), (3, 3, &numbers.options));
        let mut broken = packet.to_vec();
        broken[60] ^= 1;
        assert_eq!(Seen::parse(&broken.into()).expect("still one").defects.len(), 1);
        let line = Tcp { bad_checksum: true, ..line };
        let packet = tcp(ends(), &ip, &line, &numbers).expect("it can be made");
        assert_eq!(Seen::parse(&packet).expect("still one").defects.len(), 1);
    }
}
