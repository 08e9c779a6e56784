//! One direction of a wire that is a wire like any other: so many bits a second, a queue before it, a
//! length. What goes wrong on it is not here ([`crate::device::fault`]).

use std::collections::VecDeque;
use std::time::Duration;

use bytes::Bytes;
use rand_core::{Rng, SeedableRng};
use rand_pcg::Pcg64Mcg;

use super::serial::Serial;
use crate::time::Instant;

/// What one direction holds at most, in octets, each packet charged with `OVERHEAD` besides. Beyond it
/// packets are lost as they are where a queue is full.
const MOST_HELD: usize = 64 << 20;
const OVERHEAD: usize = 128;

/// What a wire is like, the same in both directions. The default carries everything at once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Path {
    /// Bits per second, IP headers counted; `None` takes no time.
    pub rate: Option<u64>,
    /// What may wait for the wire, when that has a rate.
    pub queue: Queue,
    /// How long a packet travels.
    pub delay: Duration,
    /// Up to so much longer, by chance, without overtaking another.
    pub jitter: Duration,
}

/// What may wait before a wire. What finds no room is lost; an empty queue has room for any packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Queue {
    /// So many packets.
    Packets(usize),
    /// So many octets.
    Octets(usize),
}

/// A thousand packets, which is what the kernel gives a network card.
impl Default for Queue {
    fn default() -> Self {
        Queue::Packets(1000)
    }
}

/// Packets on their way.
#[derive(Debug)]
pub(super) struct Line {
    path: Path,
    random: Pcg64Mcg,
    queue: Serial,
    /// What has not arrived yet, and when it does: in order.
    travelling: VecDeque<(Instant, Bytes)>,
    held: usize,
    /// When the one that was taken last arrives.
    last: Instant,
}

impl Line {
    pub(super) fn new(path: Path, seed: u64) -> Self {
        Line {
            path,
            random: Pcg64Mcg::seed_from_u64(seed),
            queue: Serial::default(),
            travelling: VecDeque::new(),
            held: 0,
            last: Instant::ZERO,
        }
    }

    /// Takes a packet at `now`. Says whether there was room.
    pub(super) fn take(&mut self, packet: Bytes, now: Instant) -> bool {
        self.queue.pass(now);
        let has_room = match self.path.queue {
            Queue::Packets(most) => self.queue.packets() < most,
            Queue::Octets(most) => self.queue.octets() + packet.len() <= most,
        };
        let weight = packet.len() + OVERHEAD;
        if !(has_room || self.queue.packets() == 0) || self.held + weight > MOST_HELD {
            return false;
        }
        let leaves = self.queue.send(packet.len(), self.path.rate, now);
        let arrives = (leaves + self.path.delay + self.extra()).max(self.last);
        self.last = arrives;
        self.held += weight;
        self.travelling.push_back((arrives, packet));
        true
    }

    /// The next packet that has arrived by `now`.
    pub(super) fn arrived(&mut self, now: Instant) -> Option<Bytes> {
        self.next_arrival().filter(|arrives| *arrives <= now)?;
        let (_, packet) = self.travelling.pop_front()?;
        self.held -= packet.len() + OVERHEAD;
        Some(packet)
    }

    /// When the next packet arrives.
    pub(super) fn next_arrival(&self) -> Option<Instant> {
        self.travelling.front().map(|(arrives, _)| *arrives)
    }

    /// By how much this one takes longer.
    fn extra(&mut self) -> Duration {
        let most = u64::try_from(self.path.jitter.as_nanos()).unwrap_or(u64::MAX);
        if most == 0 {
            return Duration::ZERO;
        }
        let part = (u128::from(self.random.next_u64()) * u128::from(most)) >> 64;
        Duration::from_nanos(u64::try_from(part).expect("less than the whole"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packet(len: usize) -> Bytes {
        vec![0; len].into()
    }

    fn millis(line: &Line) -> Option<u64> {
        line.next_arrival().map(Instant::as_millis)
    }

    #[test]
    fn a_rate_spaces_packets_and_a_queue_has_an_end() {
        // 1,000 octets take 1 ms.
        let path = Path {
            rate: Some(8_000_000),
            queue: Queue::Octets(2_500),
            delay: Duration::from_millis(5),
            ..Path::default()
        };
        let mut line = Line::new(path, 1);
        let now = Instant::from_millis(100);
        assert!(line.take(packet(1000), now) && line.take(packet(1000), now));
        assert!(!line.take(packet(1000), now), "there is no room for a third");
        assert_eq!(line.arrived(Instant::from_millis(105)), None);
        assert_eq!(millis(&line), Some(106));
        assert!(line.take(packet(1000), Instant::from_millis(101)), "the first has left");
        assert!(line.arrived(Instant::from_millis(106)).is_some());
        assert_eq!(millis(&line), Some(107));
        assert!(line.arrived(Instant::from_millis(107)).is_some());
        assert_eq!(millis(&line), Some(108));
    }

    #[test]
    fn a_queue_of_packets_counts_packets() {
        let queue = Queue::Packets(2);
        let mut line = Line::new(Path { rate: Some(8_000), queue, ..Path::default() }, 1);
        let taken = [1400, 20, 20].map(|len| line.take(packet(len), Instant::ZERO));
        assert_eq!(taken, [true, true, false]);
        let queue = Queue::Octets(500);
        let mut line = Line::new(Path { rate: Some(8_000), queue, ..Path::default() }, 1);
        let taken = [1400, 20, 20].map(|len| line.take(packet(len), Instant::ZERO));
        assert_eq!(taken, [true, false, false], "the first finds nothing before it");
    }

    #[test]
    fn without_a_rate_nothing_waits_and_without_a_delay_nothing_travels() {
        let mut line = Line::new(Path { queue: Queue::Packets(1), ..Path::default() }, 1);
        for _ in 0..100 {
            assert!(line.take(packet(1500), Instant::ZERO));
        }
        let arrived = std::iter::from_fn(|| line.arrived(Instant::ZERO)).count();
        assert_eq!(arrived, 100);
    }

    #[test]
    fn jitter_spreads_packets_and_keeps_their_order() {
        let jitter = Duration::from_millis(3);
        let mut line = Line::new(Path { jitter, ..Path::default() }, 1);
        let mut last = Instant::ZERO;
        let mut late = 0;
        for number in 0..1000 {
            let sent = Instant::from_millis(number);
            assert!(line.take(packet(9), sent));
            let arrives = line.next_arrival().expect("it has just been taken");
            assert!(sent <= arrives && arrives <= sent + jitter && last <= arrives);
            late += u32::from(arrives > sent + jitter / 2);
            last = arrives;
            assert!(line.arrived(arrives).is_some());
        }
        assert!((300..700).contains(&late), "{late}");
    }

    #[test]
    fn what_is_held_has_an_end_whatever_the_delay() {
        let mut line = Line::new(Path { delay: Duration::from_hours(1), ..Path::default() }, 1);
        let taken = (0..10_000).take_while(|_| line.take(packet(60_000), Instant::ZERO)).count();
        assert!(taken * 60_000 <= MOST_HELD && taken > 1000, "{taken}");
    }
}
