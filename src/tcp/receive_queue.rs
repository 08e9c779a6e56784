//! What has arrived and the application has not read: octets in order, and islands beyond gaps.

use std::collections::BTreeMap;

use bytes::Bytes;

use super::budget::{Budget, PIECE};
use super::pool::Pool;
use super::ready::Ready;
use crate::seq::Seq;
use crate::wire::{SHARED_BELOW, SackBlocks};

/// Islands and pieces of islands one connection may hold: beyond these, small out-of-order segments
/// are dropped as if the wire had lost them. The window bounds the octets.
const MOST_ISLANDS: usize = 128;
const MOST_PIECES: usize = 2048;

/// The receive queue of one connection.
#[derive(Clone, Debug, Default)]
pub(super) struct ReceiveQueue {
    /// In order: boxed, for an idle connection has none.
    ready: Option<Box<Ready>>,
    /// Out of order: boxed, for most connections never need it.
    islands: Option<Box<Islands>>,
}

/// Out-of-order data. Positions are octets from the start of the stream.
#[derive(Clone, Debug, Default)]
struct Islands {
    /// Octets delivered in order so far, as the origin of positions.
    pieces: BTreeMap<u64, Bytes>,
    len: usize,
    /// The contiguous ranges that `pieces` make up, the one that grew last first (RFC 2018 4).
    ranges: Vec<(u64, u64)>,
}

impl ReceiveQueue {
    /// In-order octets waiting to be read.
    pub(super) fn ready_len(&self) -> usize {
        self.ready.as_ref().map_or(0, |ready| ready.len())
    }

    /// Octets beyond a gap.
    pub(super) fn out_of_order_len(&self) -> usize {
        self.islands.as_ref().map_or(0, |islands| islands.len)
    }

    /// Adds octets, at least one, at the end of what is in order.
    pub(super) fn append(&mut self, data: Bytes, pool: &mut Pool) {
        self.ready.get_or_insert_with(|| pool.take_ready()).append(data);
    }

    /// As [`Ready::settle`].
    pub(super) fn settle(&mut self) {
        if let Some(ready) = &mut self.ready {
            ready.settle();
        }
    }

    /// Keeps `data`, which begins `gap` octets (at least one) beyond what is in order at position
    /// `delivered`. Says whether there was room. What is there already stays as it is.
    pub(super) fn insert(
        &mut self,
        delivered: u64,
        gap: u32,
        data: &Bytes,
        budget: &mut Budget,
    ) -> bool {
        let before = self.out_of_order_cost();
        if !budget.allows(before, data.len() + PIECE) {
            return false;
        }
        let islands = self.islands.get_or_insert_default();
        let start = delivered + u64::from(gap);
        let is_kept = islands.insert(start, data);
        budget.book(before, self.out_of_order_cost());
        is_kept
    }

    /// What of the budget is taken.
    pub(super) fn out_of_order_cost(&self) -> usize {
        let islands = self.islands.as_ref();
        islands.map_or(0, |islands| islands.len + islands.pieces.len() * PIECE)
    }

    /// Moves what has become contiguous with position `delivered` to the end of what is in order;
    /// returns how many octets, never beyond position `limit`.
    pub(super) fn close_gap(&mut self, delivered: u64, limit: u64, pool: &mut Pool) -> u32 {
        let mut at = delivered;
        if self.islands.is_none() {
            return 0;
        }
        let before = self.out_of_order_cost();
        while let Some(islands) = &mut self.islands {
            let Some(data) = islands.take_at(at) else { break };
            let room = usize::try_from(limit.saturating_sub(at)).unwrap_or(usize::MAX);
            let data = data.slice(..room.min(data.len()));
            at += data.len() as u64;
            self.append(data, pool);
        }
        if self.islands.as_ref().is_some_and(|islands| islands.pieces.is_empty()) {
            self.islands = None;
        }
        pool.out_of_order.book(before, self.out_of_order_cost());
        u32::try_from(at - delivered).expect("a window holds fewer than 2^32 octets")
    }

    /// The blocks of a SACK option, the newest first (RFC 2018 4). `nxt` is RCV.NXT, which stands at
    /// position `delivered`.
    #[expect(clippy::cast_possible_truncation, reason = "sequence numbers wrap")]
    pub(super) fn sack_blocks(&self, delivered: u64, nxt: Seq) -> SackBlocks {
        let mut blocks = SackBlocks::default();
        for (left, right) in self.islands.iter().flat_map(|islands| &islands.ranges) {
            let seq = |position: u64| nxt + (position - delivered) as u32;
            if !blocks.push(seq(*left), seq(*right)) {
                break;
            }
        }
        blocks
    }

    /// The first octets that are here already of `len`, which begin `gap` octets beyond what is in order at
    /// position `delivered`: how many come before them, and how many they are.
    #[expect(clippy::cast_possible_truncation, reason = "both are within one segment")]
    pub(super) fn first_held(&self, delivered: u64, gap: u32, len: usize) -> Option<(u32, u32)> {
        let start = delivered + u64::from(gap);
        let end = start + len as u64;
        let ranges = self.islands.iter().flat_map(|islands| &islands.ranges);
        let held = ranges.map(|(left, right)| (start.max(*left), end.min(*right)));
        let (left, right) = held.filter(|(left, right)| left < right).min()?;
        Some(((left - start) as u32, (right - left) as u32))
    }

    /// Takes up to `most` in-order octets that lie in one piece, without copying.
    pub(super) fn take(&mut self, most: usize, pool: &mut Pool) -> Option<Bytes> {
        let ready = self.ready.as_mut()?;
        let data = ready.take(most);
        if ready.len() == 0 {
            self.ready.take().into_iter().for_each(|ready| pool.give_ready(ready));
        }
        data
    }

    /// A copy of up to `most` octets in order, which stay.
    pub(super) fn peek(&self, most: usize) -> Bytes {
        self.ready.as_ref().map_or_else(Bytes::new, |ready| ready.peek(most))
    }

    pub(super) fn clear(&mut self, budget: &mut Budget) {
        budget.book(self.out_of_order_cost(), 0);
        *self = ReceiveQueue::default();
    }
}

impl Islands {
    fn insert(&mut self, start: u64, data: &Bytes) -> bool {
        let end = start + data.len() as u64;
        let joins = |range: &(u64, u64)| range.0 <= end && start <= range.1;
        let is_new_island = !self.ranges.iter().any(joins);
        if self.pieces.len() >= MOST_PIECES || (is_new_island && self.ranges.len() >= MOST_ISLANDS)
        {
            return false;
        }
        self.fill_holes(start, end, data);
        let mut grown = (start, end);
        self.ranges.retain(|range| {
            let keep = !joins(range);
            if !keep {
                grown = (grown.0.min(range.0), grown.1.max(range.1));
            }
            keep
        });
        self.ranges.insert(0, grown);
        true
    }

    /// Stores the parts of `data` that are not there yet.
    fn fill_holes(&mut self, start: u64, end: u64, data: &Bytes) {
        let mut at = match self.pieces.range(..=start).next_back() {
            Some((left, piece)) => start.max(left + piece.len() as u64),
            None => start,
        };
        while at < end {
            let next = self.pieces.range(at..end).next();
            let (hole_end, resume) = match next {
                Some((left, piece)) => (*left, left + piece.len() as u64),
                None => (end, end),
            };
            if at < hole_end {
                let offset =
                    |position: u64| usize::try_from(position - start).expect("within one segment");
                let part = data.slice(offset(at)..offset(hole_end));
                let is_shared = part.len() < SHARED_BELOW;
                let part = if is_shared { Bytes::copy_from_slice(&part) } else { part };
                self.len += part.len();
                self.pieces.insert(at, part);
            }
            at = resume;
        }
    }

    /// Takes the octets that begin at `at`, if there are any; drops what lies before it.
    fn take_at(&mut self, at: u64) -> Option<Bytes> {
        loop {
            let first = self.pieces.first_entry()?;
            let start = *first.key();
            if start > at {
                return None;
            }
            let piece = first.remove();
            self.len -= piece.len();
            let end = start + piece.len() as u64;
            self.ranges.retain_mut(|range| {
                range.0 = range.0.max(end);
                range.0 < range.1
            });
            if end > at {
                let skip = usize::try_from(at - start).expect("within one segment");
                return Some(piece.slice(skip..));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drain(queue: &mut ReceiveQueue) -> Vec<u8> {
        std::iter::from_fn(|| queue.take(7, &mut Pool::new())).flatten().collect()
    }

    /// Every order of overlapping pieces gives the same stream.
    #[test]
    fn pieces_in_any_order_give_the_stream() {
        let stream: Vec<u8> = (0..60).collect();
        let pieces = [(0_usize, 10_usize), (5, 25), (20, 30), (28, 50), (40, 60), (12, 14)];
        let mut order = [0, 1, 2, 3, 4, 5];
        for round in 0..720_usize {
            // A walk through all permutations (Lehmer code of `round`).
            let mut rest: Vec<usize> = (0..6).collect();
            let mut code = round;
            for (slot, base) in order.iter_mut().zip((1..=6).rev()) {
                *slot = rest.remove(code % base);
                code /= base;
            }
            let pool = &mut Pool::new();
            let mut queue = ReceiveQueue::default();
            let mut delivered = 0_u64;
            for (start, end) in order.map(|index| pieces[index]) {
                let data = Bytes::copy_from_slice(&stream[start..end]);
                if start as u64 > delivered {
                    let gap = u32::try_from(start as u64 - delivered).unwrap();
                    assert!(queue.insert(delivered, gap, &data, &mut pool.out_of_order));
                } else if end as u64 > delivered {
                    let skip = usize::try_from(delivered).unwrap() - start;
                    queue.append(data.slice(skip..), pool);
                    delivered = end as u64;
                    delivered += u64::from(queue.close_gap(delivered, u64::MAX, pool));
                }
            }
            assert_eq!((delivered, queue.out_of_order_len()), (60, 0), "order {order:?}");
            assert_eq!(drain(&mut queue), stream);
            assert!(queue.islands.is_none());
            assert_eq!(pool.out_of_order.held(), 0);
        }
    }

    #[test]
    fn blocks_name_the_newest_island_first() {
        let mut queue = ReceiveQueue::default();
        let data = Bytes::from(vec![0; 10]);
        for gap in [100, 300, 200, 310] {
            queue.insert(50, gap, &data, &mut Budget::default());
        }
        let nxt = Seq(u32::MAX);
        let blocks = queue.sack_blocks(50, nxt);
        let expected = [(300, 320), (200, 210), (100, 110)].map(|(l, r)| (nxt + l, nxt + r));
        assert_eq!(blocks.as_slice(), expected);
    }

    #[test]
    fn what_is_held_of_a_segment_is_found_from_its_beginning() {
        let mut queue = ReceiveQueue::default();
        assert_eq!(queue.first_held(50, 0, 1000), None);
        let data = Bytes::from(vec![0; 10]);
        for gap in [100, 300, 200] {
            queue.insert(50, gap, &data, &mut Budget::default());
        }
        assert_eq!(queue.first_held(50, 0, 1000), Some((100, 10)));
        assert_eq!(queue.first_held(50, 105, 1000), Some((0, 5)));
        assert_eq!(queue.first_held(50, 110, 92), Some((90, 2)));
        assert_eq!(queue.first_held(50, 110, 90), None);
        assert_eq!(queue.first_held(145, 5, 3), Some((0, 3)), "counted from further on");
    }

    #[test]
    fn a_flood_of_tiny_islands_is_bounded() {
        let mut queue = ReceiveQueue::default();
        let data = Bytes::from_static(b"x");
        let kept = (0..10_000)
            .filter(|i| queue.insert(0, 1 + 2 * i, &data, &mut Budget::default()))
            .count();
        assert_eq!(kept, MOST_ISLANDS);
        let mut queue = ReceiveQueue::default();
        let kept =
            (0..10_000).filter(|i| queue.insert(0, 1 + i, &data, &mut Budget::default())).count();
        assert_eq!(kept, MOST_PIECES);
    }
}
