//! A whole IP packet on its way out: headers in one piece, payload in slices.

use std::io::IoSlice;

use bytes::{Bytes, BytesMut};
use smallvec::SmallVec;

use super::packet::Offload;
use super::payload::Payload;

/// Room for an IPv4 or IPv6 header and a TCP header with all its options.
pub type Head = SmallVec<[u8; 120]>;

/// One IP packet, ready for the device.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Frame {
    /// The IP header and the header of the transport.
    pub head: Head,
    /// What follows them.
    pub payload: Payload,
    /// What the device has to do with it.
    pub offload: Offload,
}

impl Frame {
    /// The packet's length in octets.
    #[must_use]
    pub fn len(&self) -> usize {
        self.head.len() + self.payload.len()
    }

    /// Whether the packet is empty, which only a default one is.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The pieces in order, for one vectored write.
    #[must_use]
    pub fn io_slices(&self) -> SmallVec<[IoSlice<'_>; 4]> {
        let mut slices = SmallVec::with_capacity(1 + self.payload.slices().len());
        slices.push(IoSlice::new(&self.head));
        slices.extend(self.payload.slices().iter().map(|slice| IoSlice::new(slice)));
        slices
    }

    /// The packet in one piece: a copy.
    #[must_use]
    pub fn to_bytes(&self) -> Bytes {
        let mut whole = BytesMut::with_capacity(self.len());
        whole.extend_from_slice(&self.head);
        self.payload.slices().iter().for_each(|slice| whole.extend_from_slice(slice));
        whole.freeze()
    }
}
