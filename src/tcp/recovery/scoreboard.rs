//! The SACK scoreboard: what the peer has beyond gaps (RFC 2018, RFC 6675), and the losses that can be told
//! from that alone.

use smallvec::SmallVec;

use super::delivery::Delivery;
use super::flight::{Flight, Out};
use super::rack::Losses;
use super::sent::Sent;
use crate::seq::Seq;
use crate::trace::Retransmission;
use crate::wire::SackBlocks;

/// Segments beyond a gap that are taken for a loss (RFC 5681 3.2, RFC 6675 2).
pub(in crate::tcp) const DUPLICATE_THRESHOLD: u32 = 3;

/// A range that the peer received twice (RFC 2883).
pub(in crate::tcp) type Twice = (Seq, Seq);

/// The first block, if it tells of something that arrived twice: it lies below the acknowledgment, or
/// within the second block (RFC 2883 4). Nothing that was never sent, or that is too old to be true, counts.
pub(in crate::tcp) fn dsack(
    blocks: &SackBlocks,
    ack: Seq,
    nxt: Seq,
    max_wnd: u32,
) -> Option<Twice> {
    let (left, right) = *blocks.as_slice().first()?;
    let is_old = right.le(ack) && left.ge(ack - max_wnd.max(1));
    let is_within = blocks.as_slice().get(1).is_some_and(|(outer_left, outer_right)| {
        outer_left.le(left) && right.le(*outer_right) && ack.le(left) && right.le(nxt)
    });
    (left.lt(right) && (is_old || is_within)).then_some((left, right))
}

impl Flight {
    /// Marks what the blocks cover, and tells `delivery` of what is new. Blocks that reach beyond what is
    /// out say nothing. Only whole segments count: of one that the peer has in part, the rest is needed,
    /// and how finely a peer can cut our records has an end.
    pub(in crate::tcp) fn take_sack(&mut self, blocks: &SackBlocks, delivery: &mut Delivery) {
        let Some(out) = self.out_mut() else { return };
        let (Some(first), Some(last)) = (out.first(), out.last()) else { return };
        let (una, nxt) = (first.seq, last.end);
        let is_sane =
            |(left, right): &(Seq, Seq)| left.lt(*right) && una.le(*left) && right.le(nxt);
        let mut blocks: SmallVec<[_; 4]> =
            blocks.as_slice().iter().copied().filter(is_sane).collect();
        // In the order of the stream: that of the blocks is no order of arrival (RFC 8985 6.2, step 3).
        blocks.sort_unstable_by_key(|(left, right)| (*left - una, *right - una));
        for (left, right) in blocks {
            out.take_block(left, right, delivery);
        }
        out.join_sacked();
    }

    /// RFC 6675 5.1: the peer has thrown away what it said it had, or the retransmission timer would not
    /// have run out with the first record at its place.
    pub(in crate::tcp) fn forget_sacks(&mut self) {
        let Some(out) = self.out_mut() else { return };
        out.sent.iter_mut().for_each(|sent| sent.sacked = false);
        (out.sacked, out.sacked_segments, out.joinable) = (0, 0, 0);
    }

    /// Whether the peer says that it has the very first segment, which it has not acknowledged.
    pub(in crate::tcp) fn has_reneged(&self) -> bool {
        self.iter().next().is_some_and(|first| first.sacked)
    }

    /// `IsLost` of RFC 6675 4, for every record: three segments beyond it are with the peer. Short ones count
    /// as well: each has drawn a duplicate ACK, and the third begins the repair (5, step 2). What was sent
    /// again stays until the retransmission timer runs out.
    pub(in crate::tcp) fn detect_losses_by_count(&mut self) -> Losses {
        let mut losses = Losses::new();
        let Some(out) = self.out_mut() else { return losses };
        if out.sacked == 0 {
            return losses;
        }
        let mut segments = 0;
        for index in (0..out.sent.len()).rev() {
            let sent = out.sent[index];
            if sent.sacked {
                segments += sent.segments();
            } else if segments >= DUPLICATE_THRESHOLD
                && !sent.was_sent_again()
                && out.mark_lost(index, Retransmission::Fast)
            {
                losses.push(Out::lost_segment(&sent));
            }
        }
        losses
    }
}

impl Out {
    fn take_block(&mut self, left: Seq, right: Seq, delivery: &mut Delivery) {
        let mut index = self.index_of(left);
        while let Some(sent) = self.sent.get(index).copied()
            && sent.seq.lt(right)
        {
            if sent.sacked || sent.syn {
                index += 1;
                continue;
            }
            // Not every peer counts a FIN in what it has beyond a gap.
            if sent.fin && sent.data() > 0 && right + 1 == sent.end {
                self.part_from_fin(index);
                continue;
            }
            let (head, tail) = (left.since(sent.seq), sent.end.since(right));
            if head > 0 && self.cut_segments(index, head, true) {
                index += 1;
                continue;
            }
            if head == 0 && (tail == 0 || self.cut_segments(index, sent.len() - tail, false)) {
                self.mark_sacked(index, delivery);
            }
            index += 1;
        }
    }

    /// Cuts a record at the end of the segment that `octets` lie in, or of the last that they fill; says
    /// whether there is such an end within it.
    fn cut_segments(&mut self, index: usize, octets: u32, up: bool) -> bool {
        let sent = &self.sent[index];
        let size = sent.segment_size.max(1);
        let segments = if up { octets.div_ceil(size) } else { octets / size };
        let at = segments.saturating_mul(size);
        let is_within = at > 0 && at < sent.data();
        if is_within {
            self.cut(index, at);
        }
        is_within
    }

    fn mark_sacked(&mut self, index: usize, delivery: &mut Delivery) {
        let sent = Sent { sacked: true, ..self.sent[index] };
        delivery.octets += sent.len();
        delivery.whole(&sent, &mut self.rack);
        self.unmark_lost(index);
        self.sent[index].sacked = true;
        self.sacked += sent.len();
        self.sacked_segments += sent.segments();
        let is_sacked = |index: usize| self.sent.get(index).is_some_and(|sent| sent.sacked);
        let has_neighbour = is_sacked(index + 1) || (index > 0 && is_sacked(index - 1));
        self.joinable += usize::from(has_neighbour);
    }

    /// Makes one record of neighbours that the peer has, once that is worth going through all: what is not
    /// needed one by one any more shall not be walked over with each acknowledgment.
    fn join_sacked(&mut self) {
        if self.joinable < 16 || self.joinable < self.sent.len() / 8 {
            return;
        }
        self.joinable = 0;
        let mut kept = 0;
        for index in 1..self.sent.len() {
            let next = self.sent[index];
            let last = &mut self.sent[kept];
            let joins = last.sacked && next.sacked && !last.syn && !next.fin;
            let is_whole = last.data().is_multiple_of(last.segment_size.max(1))
                && last.segment_size == next.segment_size;
            if joins && is_whole {
                last.end = next.end;
                last.psh = next.psh;
                last.times = last.times.max(next.times);
            } else {
                kept += 1;
                self.sent[kept] = next;
            }
        }
        self.sent.truncate(kept + 1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tcp::pool::Pool;
    use crate::time::Instant;

    /// Ten segments of 100, and one record of ten segments behind them.
    fn flight() -> Flight {
        let (mut flight, pool) = (Flight::default(), &mut Pool::new());
        for index in 0..10 {
            let at = Instant::from_millis(u64::from(index));
            let sent = Sent::sample(100 * index, 100 * index + 100, at);
            flight.open(Seq(0), at, pool).push(sent);
        }
        let at = Instant::from_millis(10);
        flight.open(Seq(0), at, pool).push(Sent::sample(1000, 2000, at));
        flight
    }

    fn blocks(all: &[(u32, u32)]) -> SackBlocks {
        let mut blocks = SackBlocks::default();
        all.iter().for_each(|(left, right)| {
            blocks.push(Seq(*left), Seq(*right));
        });
        blocks
    }

    fn take(flight: &mut Flight, all: &[(u32, u32)]) -> u32 {
        let mut delivery = Delivery::new(Instant::from_millis(100), None, None);
        flight.take_sack(&blocks(all), &mut delivery);
        let (una, nxt) = (flight.iter().next().unwrap().seq, Seq(2000));
        flight.check(una, nxt);
        delivery.octets
    }

    fn lost(flight: &Flight) -> Vec<u32> {
        flight.iter().filter(|sent| sent.lost.is_some()).map(|sent| sent.seq.0).collect()
    }

    #[test]
    fn each_octet_is_delivered_once() {
        let mut flight = flight();
        assert_eq!(take(&mut flight, &[(300, 500)]), 200);
        assert_eq!(take(&mut flight, &[(300, 600), (300, 500)]), 100);
        assert_eq!(take(&mut flight, &[(300, 600)]), 0);
        assert_eq!(flight.sacked(), 300);
    }

    #[test]
    fn only_whole_segments_count() {
        let mut flight = flight();
        assert_eq!(take(&mut flight, &[(350, 550)]), 100, "of three segments one is whole");
        assert_eq!(take(&mut flight, &[(1050, 1380)]), 200, "and of one record two");
        assert_eq!(take(&mut flight, &[(1001, 1099)]), 0);
        let sacked = flight.iter().filter(|sent| sent.sacked).map(|sent| (sent.seq.0, sent.end.0));
        assert_eq!(sacked.collect::<Vec<_>>(), [(400, 500), (1100, 1300)]);
    }

    #[test]
    fn blocks_beyond_what_is_out_say_nothing() {
        let mut flight = flight();
        for block in [(1900, 2001), (u32::MAX, 100), (500, 400), (500, 500), (3000, 4000)] {
            assert_eq!(take(&mut flight, &[block]), 0, "{block:?}");
        }
    }

    #[test]
    fn three_segments_beyond_it_make_one_lost() {
        let mut flight = flight();
        take(&mut flight, &[(200, 400)]);
        assert!(flight.detect_losses_by_count().is_empty(), "two are not enough");
        take(&mut flight, &[(200, 500)]);
        assert_eq!(flight.detect_losses_by_count().len(), 2);
        assert_eq!(lost(&flight), [0, 100]);
        // Discontiguous ranges count one by one, however small.
        let mut flight = self::flight();
        take(&mut flight, &[(200, 300), (400, 500), (600, 700)]);
        assert_eq!(flight.detect_losses_by_count().len(), 2);
    }

    #[test]
    fn three_short_segments_are_three_segments() {
        let (mut flight, pool) = (Flight::default(), &mut Pool::new());
        for index in 0..5 {
            let sent = Sent::sample(10 * index, 10 * index + 10, Instant::ZERO);
            flight.open(Seq(0), Instant::ZERO, pool).push(sent);
        }
        flight.take_sack(&blocks(&[(10, 40)]), &mut Delivery::new(Instant::ZERO, None, None));
        assert_eq!(flight.detect_losses_by_count().len(), 1);
    }

    #[test]
    fn the_order_of_blocks_is_no_order_of_arrival() {
        let mut flight = flight();
        take(&mut flight, &[(500, 600), (200, 300)]);
        assert!(!flight.out().unwrap().rack.has_seen_reordering());
        take(&mut flight, &[(100, 200)]);
        assert!(flight.out().unwrap().rack.has_seen_reordering());
    }

    /// The FIN is out with the last data; a peer may have that and not tell of the FIN.
    #[test]
    fn data_counts_without_its_fin() {
        let (mut flight, pool) = (Flight::default(), &mut Pool::new());
        for (seq, end) in [(0, 100), (100, 151)] {
            let sent = Sent { fin: end == 151, psh: true, ..Sent::sample(seq, end, Instant::ZERO) };
            flight.open(Seq(0), Instant::ZERO, pool).push(sent);
        }
        let mut delivery = Delivery::new(Instant::ZERO, None, None);
        flight.take_sack(&blocks(&[(100, 150)]), &mut delivery);
        flight.check(Seq(0), Seq(151));
        assert_eq!((delivery.octets, flight.sacked()), (50, 50));
        let last = *flight.out().unwrap().last().unwrap();
        assert_eq!((last.seq, last.fin, last.sacked, last.psh), (Seq(150), true, false, false));
    }

    #[test]
    fn what_arrived_twice_is_below_the_ack_or_within_the_second_block() {
        let twice = |all: &[(u32, u32)], ack: u32| {
            let twice = dsack(&blocks(all), Seq(ack), Seq(5000), 1000);
            twice.map(|(left, right)| (left.0, right.0))
        };
        assert_eq!(twice(&[(3000, 3500)], 4000), Some((3000, 3500)));
        assert_eq!(twice(&[(4000, 4500), (4000, 4600)], 3000), Some((4000, 4500)));
        assert_eq!(twice(&[(4000, 4500), (4600, 4700)], 3000), None);
        assert_eq!(twice(&[(2000, 2500)], 4000), None, "too old to be true");
        assert_eq!(twice(&[(5500, 5600), (5500, 5700)], 3000), None, "never sent");
        assert_eq!(twice(&[], 3000), None);
    }

    #[test]
    fn many_small_blocks_do_not_make_many_records() {
        let mut flight = Flight::default();
        let pool = &mut Pool::new();
        (0..1000).for_each(|index| {
            let sent = Sent::sample(100 * index, 100 * index + 100, Instant::ZERO);
            flight.open(Seq(0), Instant::ZERO, pool).push(sent);
        });
        let mut delivery = Delivery::new(Instant::from_millis(100), None, None);
        for index in 1..1000 {
            let mut blocks = SackBlocks::default();
            blocks.push(Seq(100), Seq(100 * index + 100));
            flight.take_sack(&blocks, &mut delivery);
            flight.check(Seq(0), Seq(100_000));
        }
        assert_eq!((delivery.octets, flight.sacked()), (99_900, 99_900));
        assert!(flight.iter().count() < 600, "{} records", flight.iter().count());
        flight.forget_sacks();
        flight.check(Seq(0), Seq(100_000));
    }

    /// Everything that a random peer may say, beside a list of single octets.
    #[test]
    fn agrees_with_a_slow_and_obvious_model() {
        let mut state = 7_u32;
        let mut below = |limit: u32| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 8) % limit
        };
        for _ in 0..300 {
            let mut flight = flight();
            let (mut model, mut una) = ([false; 2000], 0_u32);
            for _ in 0..30 {
                if below(5) == 0 {
                    una = una.max(100 * below(20));
                    let mut delivery = Delivery::new(Instant::from_millis(99), None, None);
                    flight.acknowledge(Seq(una), &mut delivery, &mut Pool::new());
                }
                if flight.is_empty() {
                    break;
                }
                let left = below(2000);
                let right = left + below(700);
                take(&mut flight, &[(left, right)]);
                if una <= left && left < right && right <= 2000 {
                    let whole = left.div_ceil(100) * 100..right / 100 * 100;
                    whole.for_each(|octet| model[octet as usize] = true);
                }
                let expected = model[una as usize..].iter().filter(|sacked| **sacked).count();
                assert_eq!(flight.sacked() as usize, expected);
            }
        }
    }
}
