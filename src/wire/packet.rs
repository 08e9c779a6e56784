//! A packet as a device hands it over.

use bytes::Bytes;

/// A packet shorter than this may share its memory with others: whoever keeps a part of it for longer than
/// a round of the driver copies that out, so that a few octets never hold on to many.
pub const SHARED_BELOW: usize = 16 * 1024;

/// One IP packet, and what the device knows of it. With segmentation offload it may hold many segments
/// of one connection, put together into one.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Packet {
    /// The packet.
    #[serde(with = "super::octets")]
    pub octets: Bytes,
    /// The device vouches for the checksum of the transport: it was looked at, or it has never been on a
    /// wire and is not even filled in.
    pub is_verified: bool,
    /// Octets of data in each segment that this one was put together from; 0 for one as it was.
    pub segment_size: u16,
}

/// A packet that nobody has looked at.
impl From<Bytes> for Packet {
    fn from(octets: Bytes) -> Self {
        Packet { octets, ..Packet::default() }
    }
}

/// What a device can do for a stack.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Features {
    /// It fills in TCP checksums.
    pub checksum: bool,
    /// It cuts long TCP segments into such as the MTU allows (TSO). Needs `checksum`.
    pub segmentation: bool,
}

/// What is left to the device for one packet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Offload {
    /// The TCP checksum: the field holds the sum of the pseudo-header.
    pub checksum: bool,
    /// Octets of data in each segment that the packet is to be cut into; 0: it goes as it is.
    pub segment_size: u16,
}
