//! Packets through the descriptor of a TUN: one packet a read and one a write, plain or with a
//! virtio-net header in front of it.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, IoSlice, Write};

use bytes::{Buf, Bytes, BytesMut};
use smallvec::SmallVec;

use super::offload;
use crate::wire::{Features, Frame, Packet, SHARED_BELOW};

/// The longest IP packet there is. A TUN with offload left on by an earlier user may hand over more
/// than its MTU.
const LONGEST_PACKET: usize = 65_535;
/// Room for a packet of any length with its header.
const ROOM: usize = offload::HEADER + LONGEST_PACKET;
/// Room that packets share that are not worth a buffer of their own.
const SHARED: usize = 64 * 1024;
/// Buffers that are kept to be used again once the packets in them are gone (4 MiB), and how many of
/// them are looked at for one that is.
const MOST_LENT: usize = 64;
const LOOKS: usize = 4;
/// The kernel takes no more pieces than this in one write (`UIO_MAXIOV`).
const MOST_SLICES: usize = 1024;

/// How packets are read and written.
#[derive(Debug)]
pub(super) struct Descriptor {
    has_header: bool,
    features: Features,
    /// Empty, with room for a header and a packet.
    buffer: BytesMut,
    /// Buffers with a packet in each that somebody has, or had.
    lent: VecDeque<BytesMut>,
    /// Room for packets below [`SHARED_BELOW`]. Used again once all of those in it are gone.
    shared: BytesMut,
}

impl Descriptor {
    /// With a header in front of each packet, behind which stand these features; or none of both.
    pub(super) fn new(has_header: bool, features: Features) -> Self {
        let buffer = BytesMut::with_capacity(ROOM);
        let (lent, shared) = (VecDeque::new(), BytesMut::new());
        Descriptor { has_header, features, buffer, lent, shared }
    }

    /// What the kernel does for who writes here.
    pub(super) fn features(&self) -> Features {
        self.features
    }

    /// Reads one packet; `None` for one that is shorter than its header.
    pub(super) fn read(&mut self, file: &File) -> io::Result<Option<Packet>> {
        self.buffer.clear();
        self.fill(file)?;
        let begin = if self.has_header { offload::HEADER } else { 0 };
        if self.buffer.len() < begin {
            return Ok(None);
        }
        let (header, packet) = self.buffer.split_at(begin);
        let is_verified = offload::is_verified(header);
        let segment_size = offload::segment_size(header);
        let octets = if packet.len() < SHARED_BELOW {
            if self.shared.capacity() < packet.len() {
                self.shared.reserve(SHARED);
            }
            self.shared.extend_from_slice(packet);
            self.shared.split().freeze()
        } else {
            let mut whole = self.lend_buffer();
            whole.advance(begin);
            whole
        };
        Ok(Some(Packet { octets, is_verified, segment_size }))
    }

    #[allow(unsafe_code, reason = "zeros need not be written where the kernel is about to write")]
    fn fill(&mut self, file: &File) -> io::Result<()> {
        let (filled, _) = rustix::io::read(file, self.buffer.spare_capacity_mut())?;
        let count = filled.len();
        // SAFETY: the buffer was empty, and the kernel has written so many octets from its beginning.
        unsafe { self.buffer.set_len(count) };
        Ok(())
    }

    /// Hands over the buffer with what is in it, and takes another: one that has come back, or a new one.
    fn lend_buffer(&mut self) -> Bytes {
        let packet = self.buffer.split().freeze();
        let next = self.returned().unwrap_or_else(|| BytesMut::with_capacity(ROOM));
        if self.lent.len() >= MOST_LENT {
            self.lent.pop_front();
        }
        self.lent.push_back(std::mem::replace(&mut self.buffer, next));
        packet
    }

    fn returned(&mut self) -> Option<BytesMut> {
        for _ in 0..LOOKS {
            let mut oldest = self.lent.pop_front()?;
            if oldest.try_reclaim(ROOM) {
                return Some(oldest);
            }
            self.lent.push_back(oldest);
        }
        None
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

#[cfg(test)]
mod tests {
    use std::io::Seek;

    use super::*;

    /// A file in place of the device: a read is as long as what is in it.
    fn holding(octets: &[u8]) -> File {
        let file = rustix::fs::memfd_create("packet", rustix::fs::MemfdFlags::CLOEXEC).unwrap();
        let mut file = File::from(file);
        file.write_all(octets).unwrap();
        file.rewind().unwrap();
        file
    }

    fn read(descriptor: &mut Descriptor, octets: &[u8]) -> Bytes {
        descriptor.read(&holding(octets)).unwrap().expect("longer than a header").octets
    }

    #[test]
    fn a_buffer_comes_again_once_its_packet_is_gone() {
        let mut descriptor = Descriptor::new(false, Features::default());
        let long = vec![7; SHARED_BELOW];
        let first = read(&mut descriptor, &long);
        let (place, second) = (first.as_ptr(), read(&mut descriptor, &long));
        assert_ne!(second.as_ptr(), place, "the first is still held");
        drop(first);
        // One is taken ahead each time.
        let third = read(&mut descriptor, &long);
        assert_eq!(read(&mut descriptor, &long).as_ptr(), place);
        assert_eq!((&second[..], &third[..]), (&long[..], &long[..]));
    }

    #[test]
    fn short_packets_share_their_memory() {
        let mut descriptor = Descriptor::new(false, Features::default());
        let (first, second) = (read(&mut descriptor, b"abc"), read(&mut descriptor, b"defg"));
        assert_eq!(second.as_ptr().addr(), first.as_ptr().addr() + 3);
        assert_eq!((&first[..], &second[..]), (&b"abc"[..], &b"defg"[..]));
    }

    #[test]
    fn buffers_that_nobody_gives_back_are_not_waited_for() {
        let mut descriptor = Descriptor::new(false, Features::default());
        let held: Vec<_> = (0..200).map(|_| read(&mut descriptor, &[1; SHARED_BELOW])).collect();
        assert_eq!(descriptor.lent.len(), MOST_LENT);
        assert!(held.iter().all(|packet| packet.len() == SHARED_BELOW));
    }

    #[test]
    fn what_is_shorter_than_its_header_is_nothing() {
        let mut descriptor = Descriptor::new(true, Features::default());
        assert_eq!(descriptor.read(&holding(&[0; offload::HEADER - 1])).unwrap(), None);
        assert!(read(&mut descriptor, &[0; offload::HEADER]).is_empty());
    }
}
