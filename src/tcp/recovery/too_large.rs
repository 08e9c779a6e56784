//! Segments in flight that are larger than the path carries, and those that were meant to find that out.

use super::flight::Flight;
use super::sent::Sent;
use crate::seq::Seq;
use crate::trace::Retransmission;

impl Flight {
    /// The record that has the number `seq`.
    pub(in crate::tcp) fn find(&self, seq: Seq) -> Option<&Sent> {
        let out = self.out()?;
        out.sent.get(out.index_of(seq)).filter(|sent| sent.seq.le(seq))
    }

    /// Marks the segment that has the number `quoted`, for it did not arrive, and whatever else is under way
    /// in segments of more than `room` octets of data, for it will not. Says whether anything was.
    pub(in crate::tcp) fn mark_too_large(&mut self, quoted: Seq, room: u32) -> bool {
        let Some(out) = self.out_mut() else { return false };
        let quoted = out.index_of(quoted);
        let mut any = false;
        for index in 0..out.sent.len() {
            if index == quoted || out.sent[index].largest_segment() > room {
                any |= out.mark_lost(index, Retransmission::TooBig);
            }
        }
        any
    }

    /// Sequence numbers from `seq` to `end` in records that are marked lost.
    pub(in crate::tcp) fn lost_within(&self, seq: Seq, end: Seq) -> u32 {
        let within = self.iter().filter(|sent| seq.le(sent.seq) && sent.end.le(end));
        within.filter(|sent| sent.lost.is_some()).map(Sent::len).sum()
    }

    /// Whatever is marked lost is so for another reason.
    pub(in crate::tcp) fn relabel_lost(&mut self, why: Retransmission) {
        let Some(out) = self.out_mut() else { return };
        out.sent.iter_mut().for_each(|sent| sent.lost = sent.lost.map(|_| why));
    }
}

impl Sent {
    /// Octets of data in its largest segment on the wire.
    pub(in crate::tcp) fn largest_segment(&self) -> u32 {
        self.data().min(self.segment_size)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tcp::pool::Pool;
    use crate::time::Instant;

    /// A segment of 40, one of 100, and a record of ten segments of 100.
    fn flight() -> Flight {
        let (mut flight, pool) = (Flight::default(), &mut Pool::new());
        for (seq, end) in [(0, 40), (40, 140), (140, 1_140)] {
            flight.open(Seq(0), Instant::ZERO, pool).push(Sent::sample(seq, end, Instant::ZERO));
        }
        flight
    }

    #[test]
    fn what_is_larger_than_the_path_carries_goes_again_in_pieces() {
        let mut flight = flight();
        assert!(flight.mark_too_large(Seq(150), 80));
        assert_eq!((flight.lost(), flight.lost_within(Seq(40), Seq(140))), (1_100, 100));
        flight.check(Seq(0), Seq(1_140));
        let first = *flight.first_lost(80).expect("it is lost");
        assert_eq!((first.seq, first.end), (Seq(40), Seq(120)));
        assert_eq!(first.lost, Some(Retransmission::TooBig));
        assert!(!flight.mark_too_large(Seq(150), 80), "it is marked");
    }

    #[test]
    fn the_quoted_segment_goes_again_whatever_its_size() {
        let mut flight = flight();
        assert!(flight.mark_too_large(Seq(3), 200));
        assert_eq!(flight.lost(), 40);
        flight.relabel_lost(Retransmission::MtuProbe);
        assert_eq!(flight.next_lost().and_then(|sent| sent.lost), Some(Retransmission::MtuProbe));
        assert_eq!(flight.find(Seq(40)).map(|sent| sent.end), Some(Seq(140)));
        assert_eq!(flight.find(Seq(1_140)), None);
    }
}
