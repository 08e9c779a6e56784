//! One direction of a link, and what becomes of a packet on it.

use std::time::Duration;

use bytes::Bytes;
use smallvec::{SmallVec, smallvec};

use super::host::HostId;
use super::random::Random;
use crate::device::wire::Serial;
use crate::time::Instant;
use crate::wire::ip;

/// One direction of a link. Probabilities are from 0 to 1; the default wire is perfect.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Wire {
    /// Bits per second; `None` takes no time to send anything.
    pub rate: Option<u64>,
    /// How long each packet travels.
    pub delay: Duration,
    /// How much longer a packet may travel: up to this, evenly, but none overtakes another.
    pub jitter: Duration,
    /// How much may wait to be sent. Matters only with a rate.
    pub queue: Queue,
    /// How likely a packet is lost on the way.
    pub loss: f64,
    /// How likely a packet takes longer, so that others overtake it.
    pub reorder: f64,
    /// How much longer: up to this, evenly.
    pub reorder_delay: Duration,
    /// How likely a packet arrives twice.
    pub duplicate: f64,
    /// How likely one bit of a packet is flipped.
    pub corrupt: f64,
    /// A packet that finds so many octets waiting, or more, is marked, if it may be (RFC 3168): CE.
    pub mark_above: Option<usize>,
    /// How likely a packet that may be marked is, however little waits.
    pub mark: f64,
}

/// The room before a wire, the packet that is being sent included. What does not fit is dropped.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Queue {
    /// All the room in the world.
    #[default]
    Unlimited,
    /// So many octets.
    Octets(usize),
    /// So many packets.
    Packets(usize),
}

/// What was seen of one packet, when a host gave it to a wire.
#[derive(Clone, Copy, Debug)]
pub struct Observed<'a> {
    /// When.
    pub at: Instant,
    /// Who sent it.
    pub from: HostId,
    /// Where the wire leads.
    pub to: HostId,
    /// The packet, as it was sent.
    pub packet: &'a Bytes,
    /// What will become of it.
    pub fate: Fate,
    /// What arrives of it, and when: none, one or two, marked or damaged as the wire made them.
    pub arrivals: &'a [(Instant, Bytes)],
    /// Octets that waited for the wire before it.
    pub waiting: usize,
}

/// What becomes of a packet on a wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It arrives.
    Carried {
        /// When (the first of two, if it is doubled).
        arrives: Instant,
        /// It takes longer than its place in the order says.
        delayed: bool,
        /// It arrives twice.
        doubled: bool,
        /// A bit of it is flipped.
        corrupted: bool,
        /// It is marked CE.
        marked: bool,
    },
    /// It is lost on the way.
    Lost,
    /// There was no room for it in the queue.
    QueueFull,
}

/// A wire at work.
#[derive(Debug)]
pub(super) struct Lane {
    /// The hosts that send by it, and those that it leads to.
    pub(super) from: Vec<HostId>,
    pub(super) to: Vec<HostId>,
    pub(super) wire: Wire,
    random: Random,
    queue: Serial,
    /// When the last packet arrives that keeps its place in the order.
    last_arrival: Instant,
}

/// Packets and when they arrive.
type Arrivals = SmallVec<[(Instant, Bytes); 2]>;

impl Lane {
    pub(super) fn new(from: &[HostId], to: &[HostId], wire: Wire, random: Random) -> Self {
        let (from, to) = (from.to_vec(), to.to_vec());
        let (queue, last_arrival) = (Serial::default(), Instant::ZERO);
        Lane { from, to, wire, random, queue, last_arrival }
    }

    /// Octets in the queue at `now`.
    pub(super) fn waiting(&mut self, now: Instant) -> usize {
        self.queue.pass(now);
        self.queue.octets()
    }

    /// Takes a packet at `now`, and says what becomes of it.
    pub(super) fn carry(&mut self, packet: &Bytes, now: Instant) -> (Fate, Arrivals) {
        let octets = self.waiting(now);
        let fits = match self.wire.queue {
            Queue::Unlimited => true,
            Queue::Octets(most) => octets + packet.len() <= most,
            Queue::Packets(most) => self.queue.packets() < most,
        };
        if !fits {
            return (Fate::QueueFull, Arrivals::new());
        }
        let leaves = self.queue.send(packet.len(), self.wire.rate, now);
        // Whatever happens takes the same numbers from the stream of chance, so that two runs which
        // differ in one fault stay alike in the others for as long as they send alike.
        let lost = self.random.chance(self.wire.loss);
        let corrupted = self.random.chance(self.wire.corrupt);
        let doubled = self.random.chance(self.wire.duplicate);
        let unlucky = self.random.chance(self.wire.mark);
        let (arrives, delayed) = self.arrival(leaves);
        if lost {
            return (Fate::Lost, Arrivals::new());
        }
        let is_congested = self.wire.mark_above.is_some_and(|most| octets >= most);
        let marks = unlucky || is_congested;
        let marked = marks.then(|| ip::mark(packet)).flatten();
        let packet = marked.as_ref().unwrap_or(packet);
        let marked = marked.is_some();
        let packet = if corrupted { self.flip_a_bit(packet) } else { packet.clone() };
        let mut arrivals: Arrivals = smallvec![(arrives, packet.clone())];
        if doubled {
            let (again, _) = self.arrival(leaves);
            arrivals.push((again, packet));
        }
        (Fate::Carried { arrives, delayed, doubled, corrupted, marked }, arrivals)
    }

    fn arrival(&mut self, leaves: Instant) -> (Instant, bool) {
        let mut arrives = leaves + self.wire.delay;
        if !self.wire.jitter.is_zero() {
            arrives = (arrives + self.up_to(self.wire.jitter)).max(self.last_arrival);
            self.last_arrival = arrives;
        }
        if !self.random.chance(self.wire.reorder) {
            return (arrives, false);
        }
        (arrives + self.up_to(self.wire.reorder_delay), true)
    }

    fn up_to(&mut self, most: Duration) -> Duration {
        let most = u64::try_from(most.as_nanos()).unwrap_or(u64::MAX);
        Duration::from_nanos(self.random.between(0, most))
    }

    fn flip_a_bit(&mut self, packet: &Bytes) -> Bytes {
        let mut octets = packet.to_vec();
        let bit = self.random.below(8 * octets.len() as u64);
        if let Some(octet) = usize::try_from(bit / 8).ok().and_then(|at| octets.get_mut(at)) {
            *octet ^= 1 << (bit % 8);
        }
        octets.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::Ecn;

    const A: HostId = HostId(0);
    const B: HostId = HostId(1);

    fn lane(wire: Wire) -> Lane {
        Lane::new(&[A], &[B], wire, Random::new(1))
    }

    fn packet(len: usize) -> Bytes {
        vec![0; len].into()
    }

    #[test]
    fn a_rate_spaces_packets_and_a_queue_has_an_end() {
        // 1,000 octets take 1 ms.
        let rate = Some(8_000_000);
        let delay = Duration::from_millis(5);
        let mut lane = lane(Wire { rate, delay, queue: Queue::Octets(2_500), ..Wire::default() });
        let at = |arrivals: Arrivals| arrivals.first().map(|(at, _)| at.as_millis());
        let now = Instant::from_millis(100);
        assert_eq!(at(lane.carry(&packet(1000), now).1), Some(106));
        assert_eq!(at(lane.carry(&packet(1000), now).1), Some(107));
        assert_eq!(lane.carry(&packet(1000), now).0, Fate::QueueFull);
        assert_eq!(lane.waiting(Instant::from_millis(101)), 1000);
        assert_eq!(at(lane.carry(&packet(1000), Instant::from_millis(101)).1), Some(108));
    }

    /// A packet of so many octets of payload that may be marked, or not.
    fn datagram(len: usize, tos: u8) -> Bytes {
        let mut header = etherparse::Ipv4Header::new(
            u16::try_from(len).expect("it is short"),
            64,
            etherparse::ip_number::TCP,
            [192, 0, 2, 1],
            [192, 0, 2, 2],
        )
        .expect("it is short");
        header.ecn = etherparse::IpEcn::try_new(tos & 3).expect("two bits");
        header.header_checksum = header.calc_header_checksum();
        [&header.to_bytes()[..], &vec![0; len]].concat().into()
    }

    #[test]
    fn a_queue_marks_what_may_be_marked_before_it_is_full() {
        let queue = Queue::Octets(3_000);
        let rate = Some(8_000_000);
        let mut lane = lane(Wire { rate, queue, mark_above: Some(1_000), ..Wire::default() });
        let mut carry = |tos| {
            let (fate, arrivals) = lane.carry(&datagram(980, tos), Instant::ZERO);
            let arrived = arrivals.first().map(|(_, packet)| ip::parse(packet).expect("sound").ecn);
            (matches!(fate, Fate::Carried { marked: true, .. }), arrived)
        };
        assert_eq!(carry(2), (false, Some(Ecn::Ect0)), "nothing waits");
        assert_eq!(carry(2), (true, Some(Ecn::Ce)));
        assert_eq!(carry(0), (false, Some(Ecn::NotEct)), "it may not be");
        assert_eq!(carry(2), (false, None), "there is no room");
    }

    #[test]
    fn jitter_changes_when_packets_arrive_and_not_their_order() {
        let jitter = Duration::from_millis(3);
        let mut lane = lane(Wire { jitter, ..Wire::default() });
        let sent = (0..1000).map(Instant::from_millis);
        let arrived: Vec<_> = sent.map(|at| (at, lane.carry(&packet(9), at).1[0].0)).collect();
        assert!(arrived.windows(2).all(|pair| pair[0].1 <= pair[1].1));
        assert!(arrived.iter().all(|(at, arrives)| *at <= *arrives && *arrives <= *at + jitter));
        let late = arrived.iter().filter(|(at, arrives)| arrives.since(*at) > jitter / 2).count();
        assert!((300..900).contains(&late), "{late}");
    }

    #[test]
    fn faults_come_as_often_as_they_are_asked_for() {
        let faults = |wire| {
            let mut lane = lane(wire);
            let fates = (0..10_000).map(move |_| lane.carry(&packet(100), Instant::ZERO));
            fates.collect::<Vec<_>>()
        };
        let lost = faults(Wire { loss: 0.1, ..Wire::default() });
        let lost = lost.iter().filter(|(fate, _)| *fate == Fate::Lost).count();
        assert!((900..1100).contains(&lost), "{lost} lost");
        let doubled = faults(Wire { duplicate: 0.1, ..Wire::default() });
        let doubled = doubled.iter().filter(|(_, arrivals)| arrivals.len() == 2).count();
        assert!((900..1100).contains(&doubled), "{doubled} doubled");
        let bad = faults(Wire { corrupt: 0.1, ..Wire::default() });
        let bad = bad.iter().filter(|(_, arrivals)| arrivals[0].1 != packet(100)).count();
        assert!((900..1100).contains(&bad), "{bad} corrupted");
        let mut lane = lane(Wire { mark: 0.1, ..Wire::default() });
        let packet = datagram(100, 1);
        let fates = (0..10_000).map(|_| lane.carry(&packet, Instant::ZERO).0);
        let marked =
            fates.filter(|fate| matches!(fate, Fate::Carried { marked: true, .. })).count();
        assert!((900..1100).contains(&marked), "{marked} marked");
        let reorder_delay = Duration::from_millis(1);
        let late = faults(Wire { reorder: 0.1, reorder_delay, ..Wire::default() });
        let late = late.iter().filter(|(_, arrivals)| arrivals[0].0 > Instant::ZERO).count();
        assert!((900..1100).contains(&late), "{late} delayed");
    }
}
