//! Buffers that are used again, so that a steady flow asks the system for nothing: chunks for what
//! applications write, and the lists that a connection needs only while it has something to hold.

use std::collections::VecDeque;

use bytes::{Bytes, BytesMut};

use super::budget::Budget;
use super::ready::Ready;
use super::recovery::Out;

/// How much room a chunk has: what one large write of the device can carry.
pub(super) const CHUNK: usize = 64 * 1024;
/// No more than this are kept for later: 4 MiB.
const MOST_CHUNKS: usize = 64;
/// How much room a short write gets, such as a response with a small body, and how many such buffers are
/// kept: 64 KiB.
const SHORT: usize = 1024;
const MOST_SHORT: usize = 64;
/// Lists that are kept for later, of each kind, and the longest of them: at most 400 KB in all.
const MOST_LISTS: usize = 64;
const LONGEST_LIST: usize = 64;

/// The spare buffers of a stack, shared by its connections.
#[expect(clippy::vec_box, reason = "the boxes themselves go from connection to connection")]
#[derive(Debug, Default)]
pub struct Pool {
    chunks: Vec<BytesMut>,
    short: Vec<BytesMut>,
    /// For octets on their way out.
    pub(super) slices: Lists<Bytes>,
    flights: Vec<Box<Out>>,
    ready: Vec<Box<Ready>>,
    /// Not a buffer, but shared like them: what is held beyond gaps.
    pub(super) out_of_order: Budget,
    /// And what is in their queues.
    pub(super) queues: Budget,
}

/// Spare lists of one kind, all empty.
#[derive(Debug)]
pub(super) struct Lists<T>(Vec<VecDeque<T>>);

impl<T> Default for Lists<T> {
    fn default() -> Self {
        Lists(Vec::new())
    }
}

impl<T> Lists<T> {
    /// Gives `list` room, if it has none: it is about to be used.
    pub(super) fn equip(&mut self, list: &mut VecDeque<T>) {
        if list.capacity() == 0
            && let Some(spare) = self.0.pop()
        {
            *list = spare;
        }
    }

    /// Takes the room of `list`, which is empty: an idle connection holds nothing.
    pub(super) fn strip(&mut self, list: &mut VecDeque<T>) {
        debug_assert!(list.is_empty(), "what is in it would be lost");
        let list = std::mem::take(list);
        if (1..=LONGEST_LIST).contains(&list.capacity()) && self.0.len() < MOST_LISTS {
            self.0.push(list);
        }
    }
}

impl Pool {
    /// Nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Pool::default()
    }

    /// As [`Pool::new`]; connections hold no more than so many octets out of order, in all, and their queues
    /// grow short when they come to hold so many octets.
    #[must_use]
    pub fn with_bounds(out_of_order: usize, queues: usize) -> Self {
        Pool {
            out_of_order: Budget::new(out_of_order),
            queues: Budget::new(queues),
            ..Pool::default()
        }
    }

    /// A connection whose queues held `before` KiB has `after` in them ([`Tcb::queued`](super::Tcb::queued)).
    pub fn book_queues(&mut self, before: u16, after: u16) {
        self.queues.book(usize::from(before) << 10, usize::from(after) << 10);
    }

    /// What is in all queues, in octets, as it was booked.
    #[must_use]
    pub fn queued(&self) -> usize {
        self.queues.held()
    }

    /// What they hold out of order, and what that costs besides.
    #[must_use]
    pub fn out_of_order(&self) -> usize {
        self.out_of_order.held()
    }

    /// Gives back all that is kept, for a crowd has gone whose needs say nothing about the next.
    pub fn shrink(&mut self) {
        let (out_of_order, queues) = (self.out_of_order, self.queues);
        *self = Pool { out_of_order, queues, ..Pool::default() };
    }

    /// Room for what is in flight: empty.
    pub(super) fn take_flight(&mut self) -> Box<Out> {
        self.flights.pop().unwrap_or_default()
    }

    /// Takes that room back.
    pub(super) fn give_flight(&mut self, mut flight: Box<Out>) {
        if flight.room() <= LONGEST_LIST && self.flights.len() < MOST_LISTS {
            flight.reset();
            self.flights.push(flight);
        }
    }

    /// Room for what has arrived: empty.
    #[expect(clippy::unnecessary_box_returns, reason = "it comes from a box and goes into one")]
    pub(super) fn take_ready(&mut self) -> Box<Ready> {
        self.ready.pop().unwrap_or_default()
    }

    /// Takes that room back, from which everything was read.
    pub(super) fn give_ready(&mut self, ready: Box<Ready>) {
        debug_assert_eq!(ready.len(), 0, "what is in it would be lost");
        if ready.room() <= LONGEST_LIST && self.ready.len() < MOST_LISTS {
            self.ready.push(ready);
        }
    }

    /// An empty buffer for a write of `octets`. A short write gets a short buffer: idle connections
    /// hold no whole chunk.
    pub(super) fn take(&mut self, octets: usize) -> BytesMut {
        if octets <= SHORT {
            self.short.pop().unwrap_or_else(|| BytesMut::with_capacity(SHORT))
        } else if octets < CHUNK / 2 {
            BytesMut::with_capacity(octets)
        } else {
            self.chunks.pop().unwrap_or_else(|| BytesMut::with_capacity(CHUNK))
        }
    }

    /// Takes back what nobody needs any more, if it is the last of a buffer.
    pub(super) fn give(&mut self, data: Bytes) {
        if let Ok(buffer) = data.try_into_mut() {
            self.keep(buffer);
        }
    }

    /// Takes back the room that was not used.
    pub(super) fn keep(&mut self, mut buffer: BytesMut) {
        buffer.clear();
        // There is no reclaiming while somebody has a part of it.
        if buffer.capacity() == 0 || !buffer.try_reclaim(SHORT) {
            return;
        }
        if buffer.capacity() == SHORT {
            keep_one_more(&mut self.short, MOST_SHORT, buffer);
        } else if buffer.try_reclaim(CHUNK) {
            keep_one_more(&mut self.chunks, MOST_CHUNKS, buffer);
        }
    }
}

fn keep_one_more(buffers: &mut Vec<BytesMut>, most: usize, buffer: BytesMut) {
    if buffers.len() < most {
        buffers.push(buffer);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chunk_comes_again_once_its_last_piece_is_back() {
        let mut pool = Pool::new();
        let mut chunk = pool.take(CHUNK);
        let place = chunk.as_ptr();
        chunk.extend_from_slice(&[1; 1000]);
        let first = chunk.split().freeze();
        chunk.extend_from_slice(&[2; 500]);
        let second = chunk.split().freeze();
        pool.give(first);
        pool.keep(chunk);
        assert!(pool.chunks.is_empty(), "a piece is still out");
        pool.give(second);
        let again = pool.take(CHUNK);
        assert_eq!((again.as_ptr(), again.len()), (place, 0));
        assert!(again.capacity() >= CHUNK);
    }

    #[test]
    fn what_is_not_a_chunk_or_too_much_is_not_kept() {
        let mut pool = Pool::new();
        pool.give(Bytes::from_static(b"not ours"));
        pool.give(Bytes::from(vec![1; 100]));
        assert!(pool.chunks.is_empty());
        (0..100).for_each(|_| pool.keep(BytesMut::with_capacity(CHUNK)));
        assert_eq!(pool.chunks.len(), MOST_CHUNKS);
        (0..300).for_each(|_| pool.keep(BytesMut::with_capacity(SHORT)));
        assert_eq!(pool.short.len(), MOST_SHORT);
    }

    #[test]
    fn a_short_buffer_comes_again_and_what_is_between_the_two_sizes_does_not() {
        let mut pool = Pool::new();
        let mut short = pool.take(300);
        let place = short.as_ptr();
        short.extend_from_slice(&[1; 300]);
        let written = short.split().freeze();
        pool.give(written);
        assert!(pool.short.is_empty(), "the rest of it is still out");
        pool.keep(short);
        let again = pool.take(1);
        assert_eq!((again.as_ptr(), again.len(), again.capacity()), (place, 0, SHORT));
        pool.keep(BytesMut::with_capacity(CHUNK / 3));
        assert!(pool.short.is_empty() && pool.chunks.is_empty());
    }

    #[test]
    fn lists_are_used_again_unless_they_have_grown_long() {
        let mut lists = Lists::default();
        let (mut short, mut long) = (VecDeque::from([1]), VecDeque::from([1; 100]));
        short.clear();
        long.clear();
        let room = short.capacity();
        lists.strip(&mut short);
        lists.strip(&mut long);
        assert_eq!((short.capacity(), long.capacity(), lists.0.len()), (0, 0, 1));
        lists.equip(&mut long);
        assert_eq!((long.capacity(), lists.0.len()), (room, 0));
    }
}
