//! Packets that go to the stack.

use bytes::Bytes;
use etherparse::{IpNumber, TcpHeader, UdpHeader, ip_number};

use super::super::plan::IcmpMessage;
use super::super::script::ast::{IpInfo, Tcp};
use super::internet::{Route, checksum_alone};
use super::{Ends, Numbers, options};

/// An error of ICMPv6 quotes as much as fits into what every link carries (RFC 4443 2.4 c).
const MOST_QUOTED: usize = 1280 - 40 - 8;
/// One of ICMPv4 quotes so much behind the IP header (RFC 792).
const QUOTED_BY_V4: usize = 8;

/// A packet that cannot be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unmakeable(pub String);

/// A TCP segment: what `line` says, with these numbers and `line.len` zeros.
///
/// # Errors
///
/// The addresses are not of one version of IP, or the packet would be longer than 65,535 octets.
pub fn tcp(ends: Ends, ip: &IpInfo, line: &Tcp, numbers: &Numbers) -> Result<Bytes, Unmakeable> {
    let mut header =
        TcpHeader::new(ends.src.port(), ends.dst.port(), numbers.seq, line.win.unwrap_or(0));
    header.acknowledgment_number = numbers.ack;
    header.urgent_pointer = line.urg.unwrap_or(0);
    let too_long = |_| Unmakeable("the options do not fit into a header".to_owned());
    header.set_options_raw(&options::write(&numbers.options)).map_err(too_long)?;
    let payload = vec![0; usize::from(line.len)];
    let mut octets = header.to_bytes().to_vec();
    octets[13] = line.flags;
    octets.extend_from_slice(&payload);
    let route = Route::of(ends)?;
    // One bit is enough, whatever the sum.
    let sum = route.checksum(ip_number::TCP, &octets) ^ u16::from(line.bad_checksum);
    octets[16..18].copy_from_slice(&sum.to_be_bytes());
    packet(route, ip, ip_number::TCP, &octets)
}

/// A UDP datagram with `len` zeros.
///
/// # Errors
///
/// As [`tcp`].
pub fn udp(ends: Ends, ip: &IpInfo, len: u16) -> Result<Bytes, Unmakeable> {
    let too_long = || Unmakeable("the datagram is longer than 65,535 octets".to_owned());
    let length = len.checked_add(UdpHeader::LEN_U16).ok_or_else(too_long)?;
    let (source_port, destination_port) = (ends.src.port(), ends.dst.port());
    let header = UdpHeader { source_port, destination_port, length, checksum: 0 };
    let mut octets = header.to_bytes().to_vec();
    octets.resize(usize::from(length), 0);
    let route = Route::of(ends)?;
    // Zero would say that there is none (RFC 768).
    let sum = match route.checksum(ip_number::UDP, &octets) {
        0 => u16::MAX,
        sum => sum,
    };
    octets[6..8].copy_from_slice(&sum.to_be_bytes());
    packet(route, ip, ip_number::UDP, &octets)
}

/// An ICMP error about a segment of the stack, of so many octets from the sequence number `seq` on: it quotes
/// what errors of its version quote at least.
///
/// # Errors
///
/// As [`tcp`].
pub fn icmp(
    ends: Ends,
    ip: &IpInfo,
    message: IcmpMessage,
    (seq, len): (u32, u16),
) -> Result<Bytes, Unmakeable> {
    let route = Route::of(ends)?;
    let mut octets = vec![message.kind, message.code, 0, 0];
    octets.extend_from_slice(&message.rest.to_be_bytes());
    octets.extend_from_slice(&quoted(ends, route, seq, len)?);
    let (protocol, sum) = match route {
        Route::V4(..) => (ip_number::ICMP, checksum_alone(&octets)),
        Route::V6(..) => (ip_number::IPV6_ICMP, route.checksum(ip_number::IPV6_ICMP, &octets)),
    };
    octets[2..4].copy_from_slice(&sum.to_be_bytes());
    packet(route, ip, protocol, &octets)
}

/// The beginning of the packet that an error is about, which went the other way.
fn quoted(ends: Ends, route: Route, seq: u32, len: u16) -> Result<Vec<u8>, Unmakeable> {
    let too_long = || Unmakeable("the quoted packet is longer than 65,535 octets".to_owned());
    let segment = TcpHeader::new(ends.dst.port(), ends.src.port(), seq, 0).to_bytes();
    let whole = segment.len() + usize::from(len);
    let header = route.back().header(&IpInfo::default(), ip_number::TCP, whole);
    let mut octets = header.map_err(|_| too_long())?;
    match route {
        Route::V4(..) => octets.extend_from_slice(&segment[..QUOTED_BY_V4]),
        Route::V6(..) => {
            let most = MOST_QUOTED.min(octets.len() + whole);
            octets.extend_from_slice(&segment);
            octets.resize(most, 0);
        }
    }
    Ok(octets)
}

fn packet(
    route: Route,
    info: &IpInfo,
    protocol: IpNumber,
    payload: &[u8],
) -> Result<Bytes, Unmakeable> {
    Ok([&route.header(info, protocol, payload.len())?[..], payload].concat().into())
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use super::super::super::script::ast::{Ecn, Options, TcpOption};
    use super::super::Seen;
    use super::*;
    use crate::drill::IpVersion;
    use crate::wire::{Problem, icmp, icmpv4, icmpv6, ip};

    /// The same ends over each version.
    fn ends() -> [Ends; 2] {
        IpVersion::ALL.map(|version| Ends {
            src: version.socket_addr(SocketAddr::from(([192, 0, 2, 1], 1234))),
            dst: version.socket_addr(SocketAddr::from(([192, 168, 0, 1], 8080))),
        })
    }

    /// Octets of the header of IP.
    fn header_len(ends: Ends) -> usize {
        20 + usize::from(IpVersion::of(ends.src.ip()).longer_by())
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
        let broken_line = Tcp { bad_checksum: true, ..line.clone() };
        for ends in ends() {
            let packet = tcp(ends, &ip, &line, &numbers).expect("it can be made");
            let seen = Seen::parse(&packet).expect("it is a segment");
            assert_eq!(seen.defects, Vec::<String>::new());
            assert_eq!(seen.ends, ends);
            assert_eq!((seen.seq, seen.ack, seen.flags), (4_000_000_000, 8, 0xda));
            assert_eq!((seen.win, seen.urg, seen.payload.len()), (500, 3, 33));
            assert_eq!((seen.ttl, seen.tos, &seen.options), (3, 3, &numbers.options));
            let mut broken = packet.to_vec();
            broken[header_len(ends) + 40] ^= 1;
            assert_eq!(Seen::parse(&broken.into()).expect("still one").defects.len(), 1);
            let long = [&packet[..], &[0]].concat();
            let defects = Seen::parse(&long.into()).expect("still one").defects;
            assert!(defects.iter().any(|defect| defect.contains("length")), "{defects:?}");
            let packet = tcp(ends, &ip, &broken_line, &numbers).expect("it can be made");
            assert_eq!(Seen::parse(&packet).expect("still one").defects.len(), 1);
        }
    }

    /// As the stack reads them, and not as what made them would.
    #[test]
    fn errors_and_datagrams_are_sound() {
        for (ends, (kind, code)) in ends().into_iter().zip([(3, 3), (1, 4)]) {
            let message = IcmpMessage { kind, code, rest: 0 };
            let made = icmp(ends, &IpInfo::default(), message, (7, 1_400)).expect("it can be made");
            let datagram = ip::parse(&made).expect("it is a packet");
            let error = match IpVersion::of(ends.src.ip()) {
                IpVersion::V4 => match icmpv4::parse(&datagram.payload) {
                    Ok(icmp::Message::Error(error)) => error,
                    other => panic!("{other:?}"),
                },
                IpVersion::V6 => {
                    match icmpv6::parse(&datagram.payload, ends.src.ip(), ends.dst.ip()) {
                        Ok(icmp::Message::Error(error)) => error,
                        other => panic!("{other:?}"),
                    }
                }
            };
            assert_eq!(error.problem, Problem::PortUnreachable);
            assert_eq!((error.quoted.src, error.quoted.dst), (ends.dst.ip(), ends.src.ip()));
            assert_eq!(error.quoted.len as usize, header_len(ends) + 20 + 1_400);
            assert_eq!(error.quoted.tcp().map(|(_, seq)| seq.0), Some(7));
            let made = udp(ends, &IpInfo::default(), 5).expect("it can be made");
            assert_eq!(made.len(), header_len(ends) + 8 + 5);
            assert!(udp(ends, &IpInfo::default(), 65_530).is_err());
            assert!(icmp(ends, &IpInfo::default(), message, (7, u16::MAX)).is_err());
        }
    }
}
