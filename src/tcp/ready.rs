//! What has arrived in order and the application has not read.

use std::collections::VecDeque;

use bytes::{Bytes, BytesMut};

use crate::wire::SHARED_BELOW;

/// Payloads that may wait in shared frames.
const MOST_FRESH: usize = 64;
/// Room for what is copied together: little for the first, for it may be all.
const FIRST: usize = 512;
const CHUNK: usize = 16 * 1024;

/// Octets in order, at least one.
#[derive(Clone, Debug, Default)]
pub(super) struct Ready {
    /// None of them empty.
    slices: VecDeque<Bytes>,
    /// Octets behind `slices` that were copied together.
    tail: BytesMut,
    /// Octets behind `tail` that lie in frames which share their memory with others.
    fresh: VecDeque<Bytes>,
    len: usize,
}

impl Ready {
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// How long the lists can become without new memory.
    pub(super) fn room(&self) -> usize {
        self.slices.capacity().max(self.fresh.capacity())
    }

    /// Adds octets at the end. What is short stays in its frame for the moment, though others share the
    /// memory of that: an application that is waiting takes it before [`Ready::settle`].
    pub(super) fn append(&mut self, data: Bytes) {
        self.len += data.len();
        let is_shared = data.len() < SHARED_BELOW;
        if !is_shared || self.fresh.len() >= MOST_FRESH {
            self.settle();
        }
        if is_shared {
            return self.fresh.push_back(data);
        }
        self.seal();
        self.slices.push_back(data);
    }

    /// Lets go of shared frames whose octets nobody has read: they are copied together, so that many small
    /// segments cost about what they carry.
    pub(super) fn settle(&mut self) {
        while let Some(data) = self.fresh.pop_front() {
            if self.tail.capacity() - self.tail.len() < data.len() {
                self.seal();
                let room = if self.slices.is_empty() { FIRST } else { CHUNK };
                self.tail = BytesMut::with_capacity(room.max(data.len()));
            }
            self.tail.extend_from_slice(&data);
        }
    }

    /// Takes up to `most` octets that lie in one piece, without copying.
    pub(super) fn take(&mut self, most: usize) -> Option<Bytes> {
        let data = if self.slices.is_empty() && self.tail.is_empty() {
            take_from(&mut self.fresh, most)?
        } else {
            if self.slices.is_empty() {
                self.seal();
            }
            take_from(&mut self.slices, most)?
        };
        self.len -= data.len();
        if self.len == 0 {
            self.tail = BytesMut::new();
        }
        Some(data)
    }

    /// A copy of up to `most` octets, which stay.
    pub(super) fn peek(&self, most: usize) -> Bytes {
        let mut copy = BytesMut::with_capacity(most.min(self.len));
        let slices = self.slices.iter().map(|piece| &piece[..]);
        let fresh = self.fresh.iter().map(|piece| &piece[..]);
        for piece in slices.chain([&self.tail[..]]).chain(fresh) {
            let room = (most - copy.len()).min(piece.len());
            copy.extend_from_slice(&piece[..room]);
        }
        copy.freeze()
    }

    fn seal(&mut self) {
        if !self.tail.is_empty() {
            self.slices.push_back(self.tail.split().freeze());
        }
    }
}

/// Up to `most` octets from the front of `pieces`, as far as they lie in one piece.
fn take_from(pieces: &mut VecDeque<Bytes>, most: usize) -> Option<Bytes> {
    let first = pieces.front_mut()?;
    let data = first.split_to(most.min(first.len()));
    if first.is_empty() {
        pieces.pop_front();
    }
    Some(data)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_pieces_are_gathered_and_large_ones_shared() {
        let mut ready = Ready::default();
        (0..100).for_each(|_| ready.append(Bytes::from_static(b"ab")));
        ready.settle();
        assert!(ready.slices.is_empty() && ready.fresh.is_empty());
        let large = Bytes::from(vec![7; SHARED_BELOW]);
        ready.append(large.clone());
        assert_eq!(ready.take(1000).map(|data| data.len()), Some(200));
        assert_eq!(ready.take(usize::MAX).map(|data| data.as_ptr()), Some(large.as_ptr()));
        assert_eq!(ready.len(), 0);
    }

    #[test]
    fn what_is_read_at_once_is_not_copied_and_what_is_not_lets_its_frame_go() {
        let mut ready = Ready::default();
        let frame = Bytes::from(vec![7; 100]);
        ready.append(frame.clone());
        assert_eq!(ready.take(60).map(|data| data.as_ptr()), Some(frame.as_ptr()));
        ready.settle();
        assert!(frame.is_unique(), "nobody holds on to the frame");
        ready.append(Bytes::from_static(b"later"));
        assert_eq!(ready.peek(99), [&[7; 40][..], b"later"].concat());
        let rest: Vec<u8> = std::iter::from_fn(|| ready.take(7)).flatten().collect();
        assert_eq!(rest, [&[7; 40][..], b"later"].concat());
    }
}
