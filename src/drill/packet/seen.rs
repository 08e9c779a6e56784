//! A packet that left the stack, taken apart and checked as a stranger would.

use std::net::{IpAddr, SocketAddr};

use bytes::Bytes;
use etherparse::{Ipv4HeaderSlice, TcpHeaderSlice, ip_number};

use super::super::script::ast::TcpOption;
use super::{Ends, options};

/// A TCP segment, every field as it stands on the wire.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// Who sent it, and to whom.
    pub ends: Ends,
    /// Time to live.
    pub ttl: u8,
    /// DSCP and ECN.
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
    /// Takes a packet apart; `None` when it is no TCP segment in IPv4 at all.
    #[must_use]
    pub fn parse(packet: &Bytes) -> Option<Seen> {
        let ip = Ipv4HeaderSlice::from_slice(packet).ok()?;
        if ip.protocol() != ip_number::TCP {
            return None;
        }
        let mut defects = ip_defects(&ip, packet.len());
        let at = ip.slice().len();
        let tcp = TcpHeaderSlice::from_slice(packet.get(at..)?).ok()?;
        let payload = packet.slice(at + tcp.slice().len()..);
        if tcp.calc_checksum_ipv4(&ip, &payload).ok() != Some(tcp.checksum()) {
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
                src: SocketAddr::new(IpAddr::V4(ip.source_addr()), tcp.source_port()),
                dst: SocketAddr::new(IpAddr::V4(ip.destination_addr()), tcp.destination_port()),
            },
            ttl: ip.ttl(),
            tos: ip.dcp().value() << 2 | ip.ecn().value(),
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

fn ip_defects(ip: &Ipv4HeaderSlice<'_>, len: usize) -> Vec<String> {
    let mut defects = Vec::new();
    if ip.to_header().calc_header_checksum() != ip.header_checksum() {
        defects.push(format!("the IP checksum {:#06x} is wrong", ip.header_checksum()));
    }
    if usize::from(ip.total_len()) != len {
        defects.push(format!("the IP length is {}, the packet has {len} octets", ip.total_len()));
    }
    if ip.ihl() != 5 {
        defects.push(format!("the IP header has options ({} words)", ip.ihl()));
    }
    if ip.is_fragmenting_payload() {
        defects.push("the packet is a fragment".to_owned());
    }
    defects
}
