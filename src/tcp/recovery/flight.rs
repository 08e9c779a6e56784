//! One record per transmission, from SND.UNA to SND.NXT without holes.

use std::collections::VecDeque;
use std::hash::{Hash, Hasher};

use crate::seq::Seq;
use crate::tcp::pool::Pool;
use crate::time::Instant;
use crate::trace::Retransmission;

/// One segment that is out: its range, when it left, and what has become of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::tcp) struct Sent {
    /// First sequence number.
    pub seq: Seq,
    /// The number after its last.
    pub end: Seq,
    /// It carries our SYN, at its beginning.
    pub syn: bool,
    /// It carries our FIN, at its end.
    pub fin: bool,
    /// It was pushed: its last octet is the last of a write.
    pub psh: bool,
    /// When it left last.
    pub at: Instant,
    /// How often it has left.
    pub times: u32,
    /// All octets the peer had acknowledged when it left (for rates of delivery).
    pub delivered: u64,
    /// Believed lost, for this reason, and not sent again yet.
    pub lost: Option<Retransmission>,
}

impl Sent {
    pub(in crate::tcp) fn len(&self) -> u32 {
        self.end - self.seq
    }
}

/// Everything in flight, in order.
#[derive(Clone, Debug, Default)]
pub(in crate::tcp) struct Flight {
    sent: VecDeque<Sent>,
    /// Sequence numbers in records that are marked lost.
    lost: u32,
}

impl Flight {
    pub(in crate::tcp) fn is_empty(&self) -> bool {
        self.sent.is_empty()
    }

    /// How many records are `wanted`.
    pub(in crate::tcp) fn count(&self, wanted: impl Fn(&Sent) -> bool) -> u32 {
        let count = self.sent.iter().filter(|sent| wanted(sent)).count();
        u32::try_from(count).unwrap_or(u32::MAX)
    }

    /// Sequence numbers marked lost and not sent again.
    pub(in crate::tcp) fn lost(&self) -> u32 {
        self.lost
    }

    /// Takes a record of what just left, at the end or again at its own place.
    pub(in crate::tcp) fn push(&mut self, sent: Sent, pool: &mut Pool) {
        debug_assert!(self.sent.back().is_none_or(|last| last.end == sent.seq), "no holes");
        pool.records.equip(&mut self.sent);
        self.sent.push_back(sent);
    }

    /// The first record that is marked lost, joined with those behind it that are lost too, and cut down
    /// to `most` numbers of data: small segments go again as few large ones (RFC 9293 3.8.1 leaves the
    /// sender free to repacketize).
    pub(in crate::tcp) fn first_lost(&mut self, most: u32) -> Option<&mut Sent> {
        if self.lost == 0 {
            return None;
        }
        let index = self.sent.iter().position(|sent| sent.lost.is_some())?;
        self.join_lost(index);
        let sent = self.sent[index];
        let data = sent.len() - u32::from(sent.fin) - u32::from(sent.syn);
        if data > most {
            self.cut(index, most);
        }
        Some(&mut self.sent[index])
    }

    /// Makes two records of one: the first with `most` numbers of data, and at least one.
    fn cut(&mut self, index: usize, most: u32) {
        let sent = self.sent[index];
        let cut = sent.seq + most.max(1) + u32::from(sent.syn);
        self.sent.insert(index + 1, Sent { seq: cut, syn: false, ..sent });
        self.sent[index] = Sent { end: cut, fin: false, psh: false, ..sent };
    }

    fn join_lost(&mut self, index: usize) {
        while !self.sent[index].syn
            && let Some(next) = self.sent.get(index + 1).filter(|next| next.lost.is_some()).copied()
        {
            let first = &mut self.sent[index];
            first.end = next.end;
            first.fin = next.fin;
            first.psh = next.psh || (first.psh && next.len() == u32::from(next.fin));
            first.times = first.times.max(next.times);
            self.sent.remove(index + 1);
        }
    }

    /// Notes that the first lost record has left again at `at`.
    pub(in crate::tcp) fn resend_first_lost(&mut self, at: Instant, delivered: u64) {
        if let Some(sent) = self.sent.iter_mut().find(|sent| sent.lost.is_some()) {
            sent.lost = None;
            sent.at = at;
            sent.times += 1;
            sent.delivered = delivered;
            self.lost -= sent.end - sent.seq;
        }
    }

    /// Marks the first record, or its first segment of `most` numbers; says whether there is one and it
    /// was not marked before.
    pub(in crate::tcp) fn mark_first_lost(&mut self, why: Retransmission, most: u32) -> bool {
        if self.sent.front().is_some_and(|first| first.len() > most.saturating_add(1)) {
            self.cut(0, most);
        }
        match self.sent.front_mut() {
            Some(first) if first.lost.is_none() => {
                first.lost = Some(why);
                self.lost += first.end - first.seq;
                true
            }
            Some(_) | None => false,
        }
    }

    pub(in crate::tcp) fn mark_all_lost(&mut self, why: Retransmission) {
        self.lost = 0;
        for sent in &mut self.sent {
            sent.lost = Some(why);
            self.lost += sent.end - sent.seq;
        }
    }

    /// Removes what `ack` covers. Returns the record to measure the round-trip time with, if there is
    /// one: the last that it covers whole, unless it covers anything that was sent again. Then it may
    /// have waited for that, however late the last left (Karn's rule, RFC 6298 3).
    pub(in crate::tcp) fn acknowledge(&mut self, ack: Seq, pool: &mut Pool) -> Option<Sent> {
        let mut newest = None;
        let mut sent_again = false;
        while let Some(first) = self.sent.front_mut() {
            sent_again |= first.times > 1 && first.seq.lt(ack);
            if first.end.le(ack) {
                if first.lost.is_some() {
                    self.lost -= first.len();
                }
                newest = self.sent.pop_front();
            } else {
                if first.seq.lt(ack) {
                    if first.lost.is_some() {
                        self.lost -= ack - first.seq;
                    }
                    first.seq = ack;
                    first.syn = false;
                }
                break;
            }
        }
        if self.sent.is_empty() {
            pool.records.strip(&mut self.sent);
        }
        newest.filter(|_| !sent_again)
    }

    pub(in crate::tcp) fn clear(&mut self) {
        *self = Flight::default();
    }

    pub(in crate::tcp) fn fingerprint(&self, now: Instant, hasher: &mut impl Hasher) {
        for sent in &self.sent {
            (sent.seq, sent.end, sent.syn, sent.fin, sent.psh, sent.times, sent.lost).hash(hasher);
            now.since(sent.at).hash(hasher);
        }
    }

    /// Checks that the records are whole: for tests and debug builds.
    pub(in crate::tcp) fn check(&self, una: Seq, nxt: Seq) {
        let mut at = una;
        let mut lost = 0;
        for sent in &self.sent {
            assert_eq!(sent.seq, at, "records follow one another");
            assert!(sent.seq.lt(sent.end), "no record is empty");
            at = sent.end;
            lost += if sent.lost.is_some() { sent.len() } else { 0 };
        }
        assert_eq!(at, nxt, "records reach from SND.UNA to SND.NXT");
        assert_eq!(lost, self.lost, "the count of what is lost");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flight() -> Flight {
        let mut flight = Flight::default();
        for (seq, end) in [(0, 100), (100, 200), (200, 251)] {
            let sent = Sent {
                seq: Seq(seq),
                end: Seq(end),
                syn: false,
                fin: end == 251,
                psh: end == 251,
                at: Instant::from_millis(u64::from(seq)),
                times: 1,
                delivered: 0,
                lost: None,
            };
            flight.push(sent, &mut Pool::new());
        }
        flight
    }

    #[test]
    fn an_ack_removes_whole_records_and_cuts_the_next() {
        let mut flight = flight();
        flight.mark_all_lost(Retransmission::Timeout);
        let newest = flight.acknowledge(Seq(150), &mut Pool::new()).expect("one record is covered");
        assert_eq!(newest.end, Seq(100));
        flight.check(Seq(150), Seq(251));
        assert_eq!(flight.lost(), 101);
        assert_eq!(flight.acknowledge(Seq(251), &mut Pool::new()).map(|sent| sent.fin), Some(true));
        assert!(flight.is_empty());
    }

    #[test]
    fn an_ack_of_anything_sent_again_measures_nothing() {
        let mut flight = flight();
        flight.mark_first_lost(Retransmission::Timeout, 1_000);
        flight.resend_first_lost(Instant::from_millis(1_000), 0);
        assert_eq!(flight.acknowledge(Seq(200), &mut Pool::new()), None);
        assert_eq!(flight.acknowledge(Seq(251), &mut Pool::new()).map(|sent| sent.times), Some(1));
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
    fn small_lost_records_go_again_together() {
        let mut flight = flight();
        flight.mark_all_lost(Retransmission::Timeout);
        let first = *flight.first_lost(150).expect("it is lost");
        assert_eq!((first.seq, first.end, first.fin), (Seq(0), Seq(150), false));
        flight.resend_first_lost(Instant::ZERO, 0);
        let second = *flight.first_lost(150).expect("the rest is lost");
        assert_eq!((second.seq, second.end, second.fin), (Seq(150), Seq(251), true));
        flight.check(Seq(0), Seq(251));
    }

    #[test]
    fn a_long_record_is_split_and_the_fin_goes_last() {
        let mut flight = flight();
        flight.acknowledge(Seq(200), &mut Pool::new());
        flight.mark_all_lost(Retransmission::Timeout);
        let first = *flight.first_lost(20).expect("it is lost");
        assert_eq!((first.seq, first.end, first.fin), (Seq(200), Seq(220), false));
        flight.resend_first_lost(Instant::ZERO, 0);
        let second = *flight.first_lost(30).expect("the rest is lost");
        assert_eq!((second.seq, second.end, second.fin), (Seq(220), Seq(251), true));
        flight.check(Seq(200), Seq(251));
    }
}
