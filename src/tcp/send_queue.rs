//! What the application has written and the peer has not acknowledged yet. Octets stay here, shared
//! with the segments that carry them, until they are acknowledged.

use std::collections::VecDeque;

use bytes::{Bytes, BytesMut};

use super::pool::Pool;
use crate::wire::Payload;

/// The send queue. Offsets count from the first unacknowledged octet.
#[derive(Clone, Debug, Default)]
pub(super) struct SendQueue {
    /// Octets that may be shared with segments. None of them is empty.
    slices: VecDeque<Bytes>,
    /// Written octets behind `slices` that no segment carries yet, and room for more. Small writes
    /// gather here.
    tail: BytesMut,
    /// All octets, those in `tail` included.
    len: usize,
    /// Where reading ended last: an offset, and the slice that it lies in, with the offset of that
    /// slice's first octet. New data is read in order, so this saves walking the queue.
    cursor: Cursor,
}

#[derive(Clone, Copy, Debug, Default)]
struct Cursor {
    index: usize,
    start: usize,
}

impl SendQueue {
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// Copies `data` behind what is there: the one copy that a write costs.
    pub(super) fn copy_in(&mut self, mut data: &[u8], pool: &mut Pool) {
        self.len += data.len();
        pool.slices.equip(&mut self.slices);
        while !data.is_empty() {
            if self.tail.capacity() == self.tail.len() {
                self.seal();
                let fresh = pool.take(data.len());
                pool.keep(std::mem::replace(&mut self.tail, fresh));
            }
            let room = self.tail.capacity() - self.tail.len();
            let (now, later) = data.split_at(room.min(data.len()));
            self.tail.extend_from_slice(now);
            data = later;
        }
    }

    /// Takes `data` as it is, without copying.
    pub(super) fn push(&mut self, data: Bytes, pool: &mut Pool) {
        if !data.is_empty() {
            pool.slices.equip(&mut self.slices);
            self.seal();
            self.len += data.len();
            self.slices.push_back(data);
        }
    }

    /// The `len` octets from `offset`, shared and not copied.
    ///
    /// # Panics
    ///
    /// When they are not all there.
    pub(super) fn slice(&mut self, offset: usize, len: usize) -> Payload {
        assert!(offset + len <= self.len, "{len} octets at {offset} of a queue of {}", self.len);
        if offset + len > self.len - self.tail.len() {
            self.seal();
        }
        let mut payload = Payload::new();
        if len == 0 {
            return payload;
        }
        let mut at = if self.cursor.start <= offset { self.cursor } else { Cursor::default() };
        let (mut from, end) = (offset, offset + len);
        while from < end {
            let slice = &self.slices[at.index];
            let slice_end = at.start + slice.len();
            if from < slice_end {
                let upto = end.min(slice_end);
                payload.push(slice.slice(from - at.start..upto - at.start));
                from = upto;
            }
            if from < end {
                at = Cursor { index: at.index + 1, start: slice_end };
            }
        }
        self.cursor = at;
        payload
    }

    /// Lets go of the first `octets`: they are acknowledged.
    ///
    /// # Panics
    ///
    /// When there are not so many.
    pub(super) fn advance(&mut self, octets: usize, pool: &mut Pool) {
        assert!(octets <= self.len, "{octets} of {} octets acknowledged", self.len);
        if octets > self.len - self.tail.len() {
            self.seal();
        }
        self.len -= octets;
        if self.len == 0 {
            // Before the slices go: the last of a buffer takes all of it back.
            pool.keep(std::mem::take(&mut self.tail));
        }
        let mut left = octets;
        let mut removed = 0;
        while left > 0 {
            let first = self.slices.front_mut().expect("the length counts the slices");
            if first.len() <= left {
                left -= first.len();
                removed += 1;
                self.slices.pop_front().into_iter().for_each(|slice| pool.give(slice));
            } else {
                *first = first.slice(left..);
                left = 0;
            }
        }
        self.cursor = if self.cursor.index >= removed && self.cursor.start >= octets {
            Cursor { index: self.cursor.index - removed, start: self.cursor.start - octets }
        } else {
            Cursor::default()
        };
        if self.len == 0 {
            pool.slices.strip(&mut self.slices);
        }
    }

    pub(super) fn clear(&mut self) {
        *self = SendQueue::default();
    }

    /// Makes what is in `tail` sharable; the rest of its room goes on taking writes.
    fn seal(&mut self) {
        if !self.tail.is_empty() {
            self.slices.push_back(self.tail.split().freeze());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tcp::pool::CHUNK;

    #[test]
    fn reads_what_was_written_wherever_it_is_cut() {
        let mut queue = SendQueue::default();
        let (mut all, mut pool) = (Vec::new(), Pool::new());
        for round in 0..40_u8 {
            let piece = vec![round; usize::from(round) * 37 % 101];
            all.extend_from_slice(&piece);
            if round % 3 == 0 {
                queue.push(piece.into(), &mut pool);
            } else {
                queue.copy_in(&piece, &mut pool);
            }
            let from = all.len() * 2 / 3;
            assert_eq!(queue.slice(from, all.len() - from).to_bytes(), all[from..]);
            assert_eq!(queue.slice(0, all.len() / 2).to_bytes(), all[..all.len() / 2]);
            let gone = all.len() / 5;
            queue.advance(gone, &mut pool);
            all.drain(..gone);
            assert_eq!(queue.len(), all.len());
            let mut walked = Vec::new();
            while walked.len() < all.len() {
                let step = 7.min(all.len() - walked.len());
                walked.extend_from_slice(&queue.slice(walked.len(), step).to_bytes());
            }
            assert_eq!(walked, all);
        }
    }

    #[test]
    fn what_is_pushed_is_not_copied() {
        let data = Bytes::from(vec![1; 5000]);
        let mut queue = SendQueue::default();
        queue.push(data.clone(), &mut Pool::new());
        let payload = queue.slice(1000, 1460);
        assert_eq!(payload.slices()[0].as_ptr(), data[1000..].as_ptr());
    }

    #[test]
    fn what_is_acknowledged_holds_no_memory_whatever_its_length() {
        for len in [1, 300, 1023, 1024, 1025, 5000, CHUNK - 1, CHUNK, CHUNK + 1] {
            let (mut queue, mut pool) = (SendQueue::default(), Pool::new());
            queue.copy_in(&vec![1; len], &mut pool);
            drop(queue.slice(0, len));
            queue.advance(len, &mut pool);
            // Memory that is shared cannot be reclaimed; of its own it has none.
            assert!(queue.tail.capacity() == 0 && !queue.tail.try_reclaim(1), "{len} octets");
        }
    }

    #[test]
    fn a_large_write_fills_chunks() {
        let mut queue = SendQueue::default();
        let data: Vec<u8> = (0..200_000_u32).map(|i| i.to_le_bytes()[0]).collect();
        let pool = &mut Pool::new();
        queue.copy_in(&data, pool);
        assert_eq!(queue.slice(0, data.len()).to_bytes(), data);
        queue.advance(data.len(), pool);
        assert_eq!((queue.len(), queue.slices.capacity()), (0, 0));
    }
}
