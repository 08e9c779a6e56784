//! A packet that left the stack, taken apart and checked as a stranger would.

use std::net::{IpAddr, SocketAddr};

use bytes::Bytes;
use etherparse::{Ipv4HeaderSlice, Ipv6HeaderSlice, TcpHeaderSlice, ip_number};

use super::super::script::ast::TcpOption;
use super::{Ends, options};

/// A TCP segment, every field as it stands on the wire.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// Who sent it, and to whom.
    pub ends: Ends,
    /// Time to live, or hop limit.
    pub ttl: u8,
    /// DSCP and ECN, or the traffic class, which is both.
    pub tos: u8,
    /// Octet 13 of the TCP header.
    pub flags: u8,
    /// Sequence number.
    pub seq: u32,
    /// The acknowledgment field, whether it counts or not.
    pub ack: u32,
    /// The window field.
    pub win: u16,
    /// The urgent pointer.
    pub urg: u16,
    /// The options, in order.
    pub options: Vec<TcpOption>,
    /// The data.
    pub payload: Bytes,
    /// What is wrong with it, whatever was expected: checksums, lengths, reserved bits.
    pub defects: Vec<String>,
}

impl Seen {
    /// Takes a packet apart; `None` when it is no TCP segment at all.
    #[must_use]
    pub fn parse(packet: &Bytes) -> Option<Seen> {
        let ip = Internet::parse(packet)?;
        let at = ip.header_len();
        let tcp = TcpHeaderSlice::from_slice(packet.get(at..)?).ok()?;
        let payload = packet.slice(at + tcp.slice().len()..);
        let mut defects = ip.defects(packet.len());
        if ip.tcp_checksum(&tcp, &payload) != Some(tcp.checksum()) {
            defects.push(format!("the TCP checksum {:#06x} is wrong", tcp.checksum()));
        }
        if tcp.slice()[12] & 0x0e != 0 {
            defects.push("a reserved bit of the TCP header is set".to_owned());
        }
        let options = options::read(tcp.options()).unwrap_or_else(|| {
            defects.push("the length of a TCP option is impossible".to_owned());
            Vec::new()
        });
        Some(Seen {
            ends: Ends {
                src: SocketAddr::new(ip.src(), tcp.source_port()),
                dst: SocketAddr::new(ip.dst(), tcp.destination_port()),
            },
            ttl: ip.ttl(),
            tos: ip.tos(),
            flags: tcp.slice()[13],
            seq: tcp.sequence_number(),
            ack: tcp.acknowledgment_number(),
            win: tcp.window_size(),
            urg: tcp.urgent_pointer(),
            options,
            payload,
            defects,
        })
    }

    /// Whether a flag is set.
    #[must_use]
    pub fn has(&self, flag: u8) -> bool {
        self.flags & flag != 0
    }

    /// The timestamps, if it carries them.
    #[must_use]
    pub fn timestamps(&self) -> Option<(u32, u32)> {
        self.options.iter().find_map(|option| match option {
            TcpOption::Timestamps { val, ecr } => Some((*val, *ecr)),
            _ => None,
        })
    }
}

/// The header of IP around a segment.
enum Internet<'a> {
    V4(Ipv4HeaderSlice<'a>),
    V6(Ipv6HeaderSlice<'a>),
}

impl<'a> Internet<'a> {
    /// `None` unless TCP is what follows the header.
    fn parse(packet: &'a [u8]) -> Option<Self> {
        let (ip, protocol) = match packet.first()? >> 4 {
            6 => {
                let ip = Ipv6HeaderSlice::from_slice(packet).ok()?;
                let next = ip.next_header();
                (Internet::V6(ip), next)
            }
            _ => {
                let ip = Ipv4HeaderSlice::from_slice(packet).ok()?;
                let protocol = ip.protocol();
                (Internet::V4(ip), protocol)
            }
        };
        (protocol == ip_number::TCP).then_some(ip)
    }

    fn header_len(&self) -> usize {
        match self {
            Internet::V4(ip) => ip.slice().len(),
            Internet::V6(ip) => ip.slice().len(),
        }
    }

    fn src(&self) -> IpAddr {
        match self {
            Internet::V4(ip) => ip.source_addr().into(),
            Internet::V6(ip) => ip.source_addr().into(),
        }
    }

    fn dst(&self) -> IpAddr {
        match self {
            Internet::V4(ip) => ip.destination_addr().into(),
            Internet::V6(ip) => ip.destination_addr().into(),
        }
    }

    fn ttl(&self) -> u8 {
        match self {
            Internet::V4(ip) => ip.ttl(),
            Internet::V6(ip) => ip.hop_limit(),
        }
    }

    fn tos(&self) -> u8 {
        match self {
            Internet::V4(ip) => ip.dcp().value() << 2 | ip.ecn().value(),
            Internet::V6(ip) => ip.traffic_class(),
        }
    }

    /// What the checksum of the segment should be.
    fn tcp_checksum(&self, tcp: &TcpHeaderSlice<'_>, payload: &[u8]) -> Option<u16> {
        match self {
            Internet::V4(ip) => tcp.calc_checksum_ipv4(ip, payload).ok(),
            Internet::V6(ip) => tcp.calc_checksum_ipv6(ip, payload).ok(),
        }
    }

    /// What is wrong with the header of a packet of `len` octets.
    fn defects(&self, len: usize) -> Vec<String> {
        let mut defects = Vec::new();
        let said = match self {
            Internet::V4(ip) => usize::from(ip.total_len()),
            Internet::V6(ip) => self.header_len() + usize::from(ip.payload_length()),
        };
        if said != len {
            defects.push(format!("the IP length is {said}, the packet has {len} octets"));
        }
        if let Internet::V4(ip) = self {
            if ip.to_header().calc_header_checksum() != ip.header_checksum() {
                defects.push(format!("the IP checksum {:#06x} is wrong", ip.header_checksum()));
            }
            if ip.ihl() != 5 {
                defects.push(format!("the IP header has options ({} words)", ip.ihl()));
            }
            if ip.is_fragmenting_payload() {
                defects.push("the packet is a fragment".to_owned());
            }
        }
        defects
    }
}
