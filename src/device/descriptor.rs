//! Packets through the descriptor of a TUN: one packet a read and one a write, plain or with a
//! virtio-net header in front of it.

use std::fs::File;
use std::io::{self, IoSlice, Write};

use bytes::{Bytes, BytesMut};
use smallvec::SmallVec;

use super::offload;
use crate::wire::{Features, Frame, Packet};

/// The longest IP packet there is. A TUN with offload left on by an earlier user may hand over more
/// than its MTU.
const LONGEST_PACKET: usize = 65_535;
/// A shorter packet is copied out, so that a queued segment never pins a whole buffer; a longer one
/// takes the buffer along.
const WORTH_A_BUFFER: usize = 16 * 1024;
/// Packets below this share a buffer: their payload is short, and is copied out if it has to wait.
const SMALL: usize = 512;
/// Room that small packets share.
const SHARED: usize = 32 * 1024;
/// The kernel takes no more pieces than this in one write (`UIO_MAXIOV`).
const MOST_SLICES: usize = 1024;

/// How packets are read and written.
#[derive(Debug)]
pub(super) struct Descriptor {
    has_header: bool,
    features: Features,
    /// Empty, with room for a header and a packet.
    buffer: Vec<u8>,
    /// Room for small packets. Used again once all of those in it are gone.
    shared: BytesMut,
}

impl Descriptor {
    /// With a header in front of each packet, behind which stand these features; or none of both.
    pub(super) fn new(has_header: bool, features: Features) -> Self {
        Descriptor { has_header, features, buffer: fresh(), shared: BytesMut::new() }
    }

    /// What the kernel does for who writes here.
    pub(super) fn features(&self) -> Features {
        self.features
    }

    /// Reads one packet; `None` for one that is shorter than its header.
    pub(super) fn read(&mut self, file: &File) -> io::Result<Option<Packet>> {
        self.buffer.clear();
        rustix::io::read(file, rustix::buffer::spare_capacity(&mut self.buffer))?;
        let begin = if self.has_header { offload::HEADER } else { 0 };
        if self.buffer.len() < begin {
            return Ok(None);
        }
        let header = &self.buffer[..begin];
        let is_verified = offload::is_verified(header);
        let segment_size = offload::segment_size(header);
        let packet = &self.buffer[begin..];
        let octets = if packet.len() < SMALL {
            if self.shared.capacity() < packet.len() {
                self.shared.reserve(SHARED);
            }
            self.shared.extend_from_slice(packet);
            self.shared.split().freeze()
        } else if packet.len() < WORTH_A_BUFFER {
            Bytes::copy_from_slice(packet)
        } else {
            Bytes::from(std::mem::replace(&mut self.buffer, fresh())).slice(begin..)
        };
        Ok(Some(Packet { octets, is_verified, segment_size }))
    }

    /// Writes one packet: a TUN takes each write for a packet of its own.
    pub(super) fn write(&self, mut file: &File, frame: &Frame) -> io::Result<()> {
        let header = offload::header(frame);
        let mut slices: SmallVec<[IoSlice<'_>; 6]> = SmallVec::new();
        if self.has_header {
            slices.push(IoSlice::new(&header));
        }
        slices.push(IoSlice::new(&frame.head));
        slices.extend(frame.payload.slices().iter().map(|slice| IoSlice::new(slice)));
        let written = if slices.len() <= MOST_SLICES {
            file.write_vectored(&slices)
        } else {
            let whole: Vec<u8> = slices.iter().flat_map(|slice| slice.iter().copied()).collect();
            file.write(&whole)
        };
        written.map(drop)
    }
}

fn fresh() -> Vec<u8> {
    Vec::with_capacity(offload::HEADER + LONGEST_PACKET)
}
