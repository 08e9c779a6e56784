//! Packets as they are in the file: in one piece, and with the checksums that the device would have filled in.

use std::net::SocketAddr;

use bytes::{Bytes, BytesMut};
use etherparse::ip_number;

use crate::trace::Way;
use crate::wire::{Checksum, Flags, Frame, Packet, SHARED_BELOW, ip, tcp};

/// Where the checksum stands in a TCP header.
const CHECKSUM: usize = 16;
/// Octets of the longest TCP header.
const LONGEST_HEADER: usize = 60;

/// Octets of the longest packet.
const LONGEST_PACKET: usize = 65_535;

/// A packet on its way into the file.
#[derive(Clone, Debug)]
pub(super) enum Octets {
    /// As the stack got it.
    Received(Packet),
    /// As the stack made it.
    Sent(Frame),
    /// As it is.
    Plain(Bytes),
}

impl Octets {
    pub fn len(&self) -> usize {
        match self {
            Octets::Received(packet) => packet.octets.len(),
            Octets::Sent(frame) => frame.len(),
            Octets::Plain(octets) => octets.len(),
        }
    }

    /// Octets of memory that are kept for it. A long packet has a buffer for itself, which may be longer.
    pub fn kept(&self) -> usize {
        match self {
            Octets::Received(packet) if packet.octets.len() >= SHARED_BELOW => LONGEST_PACKET,
            Octets::Received(_) | Octets::Sent(_) | Octets::Plain(_) => self.len(),
        }
    }

    /// In one piece. A checksum that a device has to fill in, or that has never been on a wire, is made right;
    /// a wrong one stays as it is.
    pub fn into_bytes(self) -> Bytes {
        match self {
            Octets::Received(packet) if packet.is_verified => completed(packet.octets),
            Octets::Received(packet) => packet.octets,
            Octets::Sent(frame) if frame.offload.checksum => completed(frame.to_bytes()),
            Octets::Sent(frame) => frame.to_bytes(),
            Octets::Plain(octets) => octets,
        }
    }

    /// Our end and the peer's, and the flags, if it is a TCP segment.
    pub fn segment(&self, way: Way) -> Option<((SocketAddr, SocketAddr), Flags)> {
        let octets = match self {
            Octets::Received(packet) => packet.octets.clone(),
            // A segment that has no payload is read the same, and not copied.
            Octets::Sent(frame) => Bytes::copy_from_slice(&frame.head),
            Octets::Plain(octets) => octets.clone(),
        };
        segment(&octets, way)
    }
}

/// The checksum need not be right, and the payload not be there: only the headers are looked at.
fn segment(octets: &Bytes, way: Way) -> Option<((SocketAddr, SocketAddr), Flags)> {
    let (packet, _) = etherparse::LaxIpSlice::from_slice(octets).ok()?;
    let (src, dst) = (packet.source_addr(), packet.destination_addr());
    let payload = packet.payload();
    if payload.ip_number != ip_number::TCP || payload.fragmented {
        return None;
    }
    let header = payload.payload;
    let header = Bytes::copy_from_slice(&header[..header.len().min(LONGEST_HEADER)]);
    let (ports, segment) = tcp::parse_verified(&header).ok()?;
    let (src, dst) = (SocketAddr::new(src, ports.src), SocketAddr::new(dst, ports.dst));
    let ends = match way {
        Way::Tx => (src, dst),
        Way::Rx => (dst, src),
    };
    Some((ends, segment.flags))
}

/// The packet with its TCP checksum filled in, if it is a TCP segment and whole.
fn completed(octets: Bytes) -> Bytes {
    let Ok(datagram) = ip::parse(&octets) else { return octets };
    let is_tcp = datagram.protocol == ip_number::TCP.0 && datagram.fragment.is_none();
    if !is_tcp || datagram.payload.len() < CHECKSUM + 2 {
        return octets;
    }
    let start = datagram.payload.as_ptr() as usize - octets.as_ptr() as usize;
    let end = start + datagram.payload.len();
    let mut whole = BytesMut::from(&octets[..]);
    let at = start + CHECKSUM;
    whole[at..at + 2].fill(0);
    let mut sum =
        Checksum::pseudo_header(datagram.src, datagram.dst, ip_number::TCP.0, end - start);
    sum.add(&whole[start..end]);
    whole[at..at + 2].copy_from_slice(&sum.finish());
    whole.freeze()
}
