//! As much of packets as whoever drives a library has to know: whom they are from, whom they are for, and
//! which one opens a connection.

use std::net::SocketAddr;

use etherparse::{NetSlice, SlicedPacket, TransportSlice};

/// The two ends of a TCP packet, the sender's first.
pub fn ends(packet: &[u8]) -> Option<(SocketAddr, SocketAddr)> {
    let sliced = SlicedPacket::from_ip(packet).ok()?;
    let (from, to) = match sliced.net? {
        NetSlice::Ipv4(ip) => {
            let header = ip.header();
            (header.source_addr().into(), header.destination_addr().into())
        }
        NetSlice::Ipv6(ip) => {
            let header = ip.header();
            (header.source_addr().into(), header.destination_addr().into())
        }
        NetSlice::Arp(_) => return None,
    };
    let Some(TransportSlice::Tcp(tcp)) = sliced.transport else { return None };
    let (from_port, to_port) = (tcp.source_port(), tcp.destination_port());
    Some((SocketAddr::new(from, from_port), SocketAddr::new(to, to_port)))
}

/// Whether it is a TCP packet with SYN and without ACK.
pub fn is_syn(packet: &[u8]) -> bool {
    let sliced = SlicedPacket::from_ip(packet).ok().and_then(|sliced| sliced.transport);
    matches!(sliced, Some(TransportSlice::Tcp(tcp)) if tcp.syn() && !tcp.ack())
}
