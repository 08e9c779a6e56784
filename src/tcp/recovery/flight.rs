//! Everything in flight: one record per transmission, from SND.UNA to SND.NXT without holes, and what is
//! known of each. What the peer has beyond gaps is marked by `scoreboard`, losses by `rack` and its
//! older relatives.

use std::collections::VecDeque;
use std::hash::{Hash, Hasher};

use super::delivery::Delivery;
use super::rack::Rack;
use super::sent::Sent;
use crate::seq::Seq;
use crate::tcp::congestion::LostSegment;
use crate::tcp::pool::Pool;
use crate::time::Instant;
use crate::trace::Retransmission;

/// What is in flight. A connection that has nothing out holds nothing here.
#[derive(Clone, Debug, Default)]
pub(in crate::tcp) struct Flight(Option<Box<Out>>);

/// The state that lasts while something is out.
#[derive(Clone, Debug, Default)]
pub(in crate::tcp) struct Out {
    /// In order of sequence numbers.
    pub(super) sent: VecDeque<Sent>,
    /// Sequence numbers in records that are marked lost.
    lost: u32,
    /// Sequence numbers, and segments, in records that are marked as with the peer.
    pub(super) sacked: u32,
    pub(super) sacked_segments: u32,
    /// No record before this one is lost, as long as any is.
    lost_from: Seq,
    /// About so many records could be joined with their neighbour: the peer has both.
    pub(super) joinable: usize,
    pub(in crate::tcp) rack: Rack,
    /// When something was delivered last, and when what was newest of that had left.
    pub(in crate::tcp) delivered_at: Instant,
    pub(in crate::tcp) first_sent_at: Instant,
    /// When the retransmission timer is to run out, whichever timer runs in its place.
    pub(in crate::tcp) timeout_at: Instant,
    /// Segments that were overtaken are waited for until then (RFC 8985 6.2, step 5).
    pub(in crate::tcp) reordering_until: Option<Instant>,
    /// With a pacing rate: nothing leaves before this.
    pub(in crate::tcp) paced_until: Instant,
}

impl Flight {
    pub(in crate::tcp) fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// The records and what belongs to them, if anything is out.
    pub(in crate::tcp) fn out(&self) -> Option<&Out> {
        self.0.as_deref()
    }

    pub(in crate::tcp) fn out_mut(&mut self) -> Option<&mut Out> {
        self.0.as_deref_mut()
    }

    /// All records in order.
    pub(in crate::tcp) fn iter(&self) -> impl DoubleEndedIterator<Item = &Sent> {
        self.0.iter().flat_map(|out| &out.sent)
    }

    /// How many segments are in records that are `wanted`.
    pub(in crate::tcp) fn count(&self, wanted: impl Fn(&Sent) -> bool) -> u32 {
        let segments = self.iter().filter(|sent| wanted(sent)).map(Sent::segments);
        segments.fold(0, u32::saturating_add)
    }

    /// Sequence numbers marked lost and not sent again.
    pub(in crate::tcp) fn lost(&self) -> u32 {
        self.0.as_ref().map_or(0, |out| out.lost)
    }

    /// Sequence numbers that the peer has beyond gaps.
    pub(in crate::tcp) fn sacked(&self) -> u32 {
        self.0.as_ref().map_or(0, |out| out.sacked)
    }

    /// Begins to hold what is out from `una` on, if nothing was.
    pub(in crate::tcp) fn open(&mut self, una: Seq, now: Instant, pool: &mut Pool) -> &mut Out {
        self.0.get_or_insert_with(|| {
            let mut out = pool.take_flight();
            out.first_sent_at = now;
            out.delivered_at = now;
            out.rack = Rack::new(una);
            out
        })
    }

    /// Removes what `ack` covers, and tells `delivery` of what that delivered.
    pub(in crate::tcp) fn acknowledge(
        &mut self,
        ack: Seq,
        delivery: &mut Delivery,
        pool: &mut Pool,
    ) {
        let Some(out) = &mut self.0 else { return };
        out.acknowledge_plain(ack, delivery);
        while let Some(first) = out.sent.front_mut() {
            if first.seq.ge(ack) {
                break;
            }
            delivery.covers(first);
            let covered = first.end.min(ack) - first.seq;
            if first.lost.is_some() {
                out.lost -= covered;
            }
            if first.sacked {
                out.sacked -= covered;
            } else {
                delivery.octets += covered;
            }
            if first.end.gt(ack) {
                if !first.sacked && covered >= first.segment_size {
                    delivery.part(first);
                }
                let segments = first.segments();
                first.seq = ack;
                first.syn = false;
                if first.sacked {
                    out.sacked_segments -= segments - first.segments();
                }
                break;
            }
            if first.sacked {
                out.sacked_segments -= first.segments();
            } else {
                delivery.whole(first, &mut out.rack);
            }
            out.sent.pop_front();
        }
        out.lost_from = out.lost_from.max(ack);
        if out.sent.is_empty() {
            self.clear(pool);
        }
    }

    /// The first record that is marked lost, joined with those behind it that are lost too, and cut down
    /// to `most` numbers of data: small segments go again as few large ones (RFC 9293 3.8.1 leaves the
    /// sender free to repacketize).
    pub(in crate::tcp) fn first_lost(&mut self, most: u32) -> Option<&mut Sent> {
        let out = self.0.as_mut()?;
        let index = out.first_lost()?;
        out.join_lost(index, most);
        out.cut(index, most);
        Some(&mut out.sent[index])
    }

    /// The first record that is marked lost, as it is.
    pub(in crate::tcp) fn next_lost(&self) -> Option<&Sent> {
        let out = self.0.as_ref()?;
        out.first_lost().map(|index| &out.sent[index])
    }

    /// Whether anything was found lost and is not known to have arrived since.
    pub(in crate::tcp) fn has_losses(&self) -> bool {
        self.iter().any(|sent| match sent.lost {
            Some(why) => matches!(why, Retransmission::Fast | Retransmission::Timeout),
            None => sent.was_sent_again() && !sent.sacked,
        })
    }

    /// Marks the first record, or its first segment of `most` numbers; says whether there is one and it
    /// was not marked before.
    pub(in crate::tcp) fn mark_first_lost(&mut self, why: Retransmission, most: u32) -> bool {
        let Some(out) = &mut self.0 else { return false };
        out.cut(0, most);
        out.mark_lost(0, why)
    }

    /// Marks whatever is under way.
    pub(in crate::tcp) fn mark_all_lost(&mut self, why: Retransmission) {
        let Some(out) = &mut self.0 else { return };
        for index in 0..out.sent.len() {
            out.mark_lost(index, why);
            out.sent[index].lost = out.sent[index].lost.map(|_| why);
        }
    }

    /// Takes all marks of loss back: what was taken for lost is under way.
    pub(in crate::tcp) fn unmark_lost(&mut self) {
        let Some(out) = &mut self.0 else { return };
        out.sent.iter_mut().for_each(|sent| sent.lost = None);
        out.lost = 0;
    }

    pub(in crate::tcp) fn clear(&mut self, pool: &mut Pool) {
        if let Some(out) = self.0.take() {
            pool.give_flight(out);
        }
    }

    pub(in crate::tcp) fn fingerprint(&self, now: Instant, hasher: &mut impl Hasher) {
        for sent in self.iter() {
            (sent.seq, sent.end, sent.syn, sent.fin, sent.psh, sent.sacked).hash(hasher);
            (sent.times, sent.lost).hash(hasher);
            now.since(sent.at).hash(hasher);
        }
        if let Some(out) = &self.0 {
            out.rack.fingerprint(now, hasher);
        }
    }

    /// Checks that the records are whole: for tests and debug builds.
    pub(in crate::tcp) fn check(&self, una: Seq, nxt: Seq) {
        let mut at = una;
        let (mut lost, mut sacked, mut segments) = (0, 0, 0);
        for sent in self.iter() {
            assert_eq!(sent.seq, at, "records follow one another");
            assert!(sent.seq.lt(sent.end), "no record is empty");
            assert!(!(sent.sacked && sent.lost.is_some()), "what the peer has is not lost");
            at = sent.end;
            lost += if sent.lost.is_some() { sent.len() } else { 0 };
            sacked += if sent.sacked { sent.len() } else { 0 };
            segments += if sent.sacked { sent.segments() } else { 0 };
        }
        assert_eq!(at, nxt, "records reach from SND.UNA to SND.NXT");
        assert_eq!((lost, sacked), (self.lost(), self.sacked()), "the counts of lost and sacked");
        let counted = self.0.as_ref().map_or(0, |out| out.sacked_segments);
        assert_eq!(segments, counted, "the count of segments that the peer has");
    }
}

impl Out {
    /// Gives all memory back but a short list, to be used again.
    pub(in crate::tcp) fn reset(&mut self) {
        let mut sent = std::mem::take(&mut self.sent);
        sent.clear();
        *self = Out { sent, ..Out::default() };
    }

    /// Removes what `ack` covers as long as it is what is usual: records that left once and of which
    /// nothing was heard. Each has left after the one before it, so that the last stands for all.
    fn acknowledge_plain(&mut self, ack: Seq, delivery: &mut Delivery) {
        let is_plain = |sent: &&Sent| sent.end.le(ack) && sent.times == 1 && sent.is_under_way();
        let (mut count, mut last) = (0, None);
        for sent in self.sent.iter().take_while(is_plain) {
            delivery.octets += sent.len();
            self.rack.detect_reordering(sent);
            (count, last) = (count + 1, Some(sent));
        }
        if let Some(last) = last {
            delivery.whole(last, &mut self.rack);
        }
        for _ in 0..count {
            self.sent.pop_front();
        }
    }

    /// Takes a record of what just left, behind all others.
    pub(in crate::tcp) fn push(&mut self, sent: Sent) {
        debug_assert!(self.sent.back().is_none_or(|last| last.end == sent.seq), "no holes");
        self.sent.push_back(sent);
    }

    /// Notes that the first lost record has left again, with what is new of it.
    pub(in crate::tcp) fn resend_first_lost(&mut self, again: impl FnOnce(&mut Sent)) {
        if let Some(index) = self.first_lost() {
            let sent = &mut self.sent[index];
            sent.lost = None;
            sent.times += 1;
            again(sent);
            self.lost -= sent.len();
            self.lost_from = sent.end;
        }
    }

    /// How long the list of records can become without new memory.
    pub(in crate::tcp) fn room(&self) -> usize {
        self.sent.capacity()
    }

    /// The newest record.
    pub(in crate::tcp) fn last(&self) -> Option<&Sent> {
        self.sent.back()
    }

    pub(in crate::tcp) fn first(&self) -> Option<&Sent> {
        self.sent.front()
    }

    /// The index of the first record that ends beyond `seq`.
    pub(super) fn index_of(&self, seq: Seq) -> usize {
        self.sent.partition_point(|sent| sent.end.le(seq))
    }

    /// Marks one record; says whether it was under way.
    pub(super) fn mark_lost(&mut self, index: usize, why: Retransmission) -> bool {
        match self.sent.get_mut(index) {
            Some(sent) if sent.is_under_way() => {
                sent.lost = Some(why);
                if self.lost == 0 || sent.seq.lt(self.lost_from) {
                    self.lost_from = sent.seq;
                }
                self.lost += sent.end - sent.seq;
                true
            }
            Some(_) | None => false,
        }
    }

    /// One record is not lost after all.
    pub(super) fn unmark_lost(&mut self, index: usize) {
        let sent = &mut self.sent[index];
        if sent.lost.take().is_some() {
            self.lost -= sent.end - sent.seq;
        }
    }

    /// Marks the newest segment, of up to `most` numbers, as to be sent again: as a probe.
    pub(in crate::tcp) fn mark_last(&mut self, why: Retransmission, most: u32) -> bool {
        let Some(index) = self.sent.len().checked_sub(1) else { return false };
        let last = self.sent[index];
        if last.data() > most {
            // What is left over at the end, as the device has cut it.
            let rest = (last.data() - 1) % most.max(1) + 1;
            self.cut(index, last.data() - rest);
        }
        self.mark_lost(self.sent.len() - 1, why)
    }

    /// Makes two records of one that holds more than `most` numbers of data: the first with `most`, and at
    /// least one.
    pub(super) fn cut(&mut self, index: usize, most: u32) {
        let sent = self.sent[index];
        if sent.data() <= most.max(1) {
            return;
        }
        let cut = sent.seq + most.max(1) + u32::from(sent.syn);
        let second = Sent { seq: cut, syn: false, ..sent };
        let first = Sent { end: cut, fin: false, psh: false, ..sent };
        if sent.sacked {
            self.sacked_segments += first.segments() + second.segments() - sent.segments();
        }
        self.sent.insert(index + 1, second);
        self.sent[index] = first;
    }

    /// Makes two records of one that holds data and the FIN, and has not been acknowledged.
    pub(super) fn part_from_fin(&mut self, index: usize) {
        let sent = self.sent[index];
        debug_assert!(sent.fin && sent.data() > 0 && !sent.sacked, "there are two parts");
        let at = sent.end - 1;
        self.sent.insert(index + 1, Sent { seq: at, syn: false, psh: false, ..sent });
        self.sent[index] = Sent { end: at, fin: false, ..sent };
    }

    fn first_lost(&self) -> Option<usize> {
        if self.lost == 0 {
            return None;
        }
        let from = self.index_of(self.lost_from);
        let index = self.sent.range(from..).position(|sent| sent.lost.is_some());
        debug_assert!(index.is_some(), "something is lost, and nothing before `lost_from`");
        index.map(|index| from + index)
    }

    fn join_lost(&mut self, index: usize, most: u32) {
        let mut first = self.sent[index];
        let mut behind = index + 1;
        while !first.syn
            && let Some(next) = self.sent.get(behind).filter(|next| next.lost.is_some())
            && (first.data() < most || next.data() == 0)
        {
            first.end = next.end;
            first.fin = next.fin;
            first.psh = next.psh || (first.psh && next.len() == u32::from(next.fin));
            first.times = first.times.max(next.times);
            behind += 1;
        }
        self.sent[index] = first;
        self.sent.drain(index + 1..behind);
    }

    /// What is known of a lost record, for congestion control.
    pub(super) fn lost_segment(sent: &Sent) -> LostSegment {
        LostSegment {
            octets: sent.len(),
            in_flight_then: sent.mark.in_flight,
            delivered_then: sent.mark.delivered,
            lost_then: sent.mark.lost,
            app_limited_then: sent.mark.app_limited,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flight() -> Flight {
        let (mut flight, pool) = (Flight::default(), &mut Pool::new());
        for (seq, end) in [(0, 100), (100, 200), (200, 251)] {
            let at = Instant::from_millis(u64::from(seq));
            let (fin, psh) = (end == 251, end == 251);
            let sent = Sent { fin, psh, ..Sent::sample(seq, end, at) };
            flight.open(Seq(0), at, pool).push(sent);
        }
        flight
    }

    fn acknowledge(flight: &mut Flight, ack: u32) -> Delivery {
        let mut delivery = Delivery::new(Instant::from_millis(5_000), None, None);
        flight.acknowledge(Seq(ack), &mut delivery, &mut Pool::new());
        delivery
    }

    fn resend(flight: &mut Flight) {
        let out = flight.out_mut().expect("something is out");
        out.resend_first_lost(|sent| sent.at = Instant::from_millis(1_000));
    }

    #[test]
    fn an_ack_removes_whole_records_and_cuts_the_next() {
        let mut flight = flight();
        flight.mark_all_lost(Retransmission::Timeout);
        let delivery = acknowledge(&mut flight, 150);
        assert_eq!(delivery.newest.map(|sent| sent.end), Some(Seq(100)));
        assert_eq!(delivery.octets, 150);
        flight.check(Seq(150), Seq(251));
        assert_eq!(flight.lost(), 101);
        assert_eq!(acknowledge(&mut flight, 251).newest.map(|sent| sent.end), Some(Seq(251)));
        assert!(flight.is_empty());
    }

    #[test]
    fn an_ack_of_anything_sent_again_measures_nothing() {
        let mut flight = flight();
        flight.mark_first_lost(Retransmission::Timeout, 1_000);
        resend(&mut flight);
        assert_eq!(acknowledge(&mut flight, 200).rtt_nanos(), None);
        let rtt = acknowledge(&mut flight, 251).rtt_nanos();
        assert_eq!(rtt, Some(4_800_000_000));
    }

    /// The first ACKs of a long burst measure how long the way is, the last how long the burst.
    #[test]
    fn an_ack_of_a_part_of_a_burst_measures() {
        let (mut flight, pool) = (Flight::default(), &mut Pool::new());
        let at = Instant::from_millis(4_000);
        flight.open(Seq(0), at, pool).push(Sent::sample(0, 1_000, at));
        assert_eq!(acknowledge(&mut flight, 50).rtt_nanos(), None, "not a whole segment");
        let rtt = acknowledge(&mut flight, 200).rtt_nanos();
        assert_eq!(rtt, Some(1_000_000_000));
        flight.mark_first_lost(Retransmission::Fast, 1_000);
        resend(&mut flight);
        assert_eq!(acknowledge(&mut flight, 400).rtt_nanos(), None, "which copy was it?");
    }

    /// RFC 8985 6.2, step 2: RACK.rtt is that of what left last, wherever that stands in the stream.
    #[test]
    fn of_what_one_ack_delivers_the_latest_tells_the_round_trip() {
        let mut flight = flight();
        flight.mark_first_lost(Retransmission::Fast, 1_000);
        resend(&mut flight);
        // The first left again at 1,000 ms, the second once at 100 ms.
        acknowledge(&mut flight, 200);
        assert_eq!(flight.out().unwrap().rack.rtt(), std::time::Duration::from_secs(4));
    }

    #[test]
    fn small_records_are_joined_only_for_what_leaves() {
        let mut flight = flight();
        flight.mark_all_lost(Retransmission::Timeout);
        assert_eq!(flight.next_lost().map(|sent| sent.end), Some(Seq(100)));
        flight.first_lost(100);
        assert_eq!(flight.iter().count(), 3);
    }

    #[test]
    fn of_a_burst_only_the_first_segment_is_taken_for_lost() {
        let mut flight = flight();
        flight.mark_first_lost(Retransmission::Fast, 40);
        assert_eq!(flight.lost(), 40);
        flight.check(Seq(0), Seq(251));
        let first = *flight.first_lost(40).expect("it is lost");
        assert_eq!((first.seq, first.end), (Seq(0), Seq(40)));
    }

    #[test]
    fn the_newest_segment_is_the_rest_of_the_last_burst() {
        let mut flight = flight();
        let out = flight.out_mut().unwrap();
        assert!(out.mark_last(Retransmission::LossProbe, 40));
        flight.check(Seq(0), Seq(251));
        let probe = *flight.first_lost(40).expect("it is to be sent");
        assert_eq!((probe.seq, probe.end, probe.fin), (Seq(240), Seq(251), true));
    }

    #[test]
    fn small_lost_records_go_again_together() {
        let mut flight = flight();
        flight.mark_all_lost(Retransmission::Timeout);
        let first = *flight.first_lost(150).expect("it is lost");
        assert_eq!((first.seq, first.end, first.fin), (Seq(0), Seq(150), false));
        resend(&mut flight);
        let second = *flight.first_lost(150).expect("the rest is lost");
        assert_eq!((second.seq, second.end, second.fin), (Seq(150), Seq(251), true));
        flight.check(Seq(0), Seq(251));
    }

    #[test]
    fn a_long_record_is_split_and_the_fin_goes_last() {
        let mut flight = flight();
        acknowledge(&mut flight, 200);
        flight.mark_all_lost(Retransmission::Timeout);
        let first = *flight.first_lost(20).expect("it is lost");
        assert_eq!((first.seq, first.end, first.fin), (Seq(200), Seq(220), false));
        resend(&mut flight);
        let second = *flight.first_lost(30).expect("the rest is lost");
        assert_eq!((second.seq, second.end, second.fin), (Seq(220), Seq(251), true));
        flight.check(Seq(200), Seq(251));
    }

    #[test]
    fn what_is_lost_later_is_found_whatever_was_sent_again_before() {
        let mut flight = flight();
        let out = flight.out_mut().unwrap();
        out.mark_lost(2, Retransmission::Fast);
        out.mark_lost(1, Retransmission::Fast);
        out.unmark_lost(1);
        assert_eq!(flight.first_lost(100).map(|sent| sent.seq), Some(Seq(200)));
        resend(&mut flight);
        flight.out_mut().unwrap().mark_lost(0, Retransmission::Fast);
        assert_eq!(flight.first_lost(100).map(|sent| sent.seq), Some(Seq(0)));
    }
}
