//! A bad wire between any two devices: what comes out of one goes into the other, slowed down by a
//! [`Path`] and spoilt by [`Faults`], and the other way round. Who sits at its ends does not matter: the
//! kernel at both, when both are TUNs, or a stack of ours.

mod carrier;
mod line;
mod serial;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

pub use carrier::Carrier;
pub use line::{Path, Queue};
pub(crate) use serial::Serial;

use self::line::Line;
use super::fault::{Faults, Tally};
use crate::time::Instant;
use crate::trace::{Fate, Harm, Way};

/// Packets without room that are remembered until somebody takes them.
const MOST_TURNED_AWAY: usize = 4096;

/// The wire itself: packets in and out, and time, which somebody else tells. [`Way::Tx`] leads from its
/// near end to its far end, [`Way::Rx`] back. Deterministic: the same packets at the same instants with
/// the same faults and seed come out the same.
#[derive(Debug)]
pub struct Wire {
    lines: [Line; 2],
    faults: Faults,
    counts: [Counts; 2],
    /// What found no room, if anybody wants to know what becomes of packets.
    turned_away: Option<Vec<Fate>>,
}

/// What has gone one way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Packets that were put in.
    pub sent: u64,
    /// Those that found the queue full.
    pub queue_full: u64,
    /// Packets that came out: fewer for what was lost, more for what was doubled.
    pub arrived: u64,
}

impl Wire {
    /// A wire like `path` both ways. Packets travel first, and what arrives suffers `faults`. Jitter is
    /// drawn from `seed`.
    #[must_use]
    pub fn new(path: &Path, faults: Faults, seed: u64) -> Self {
        // Two streams of chance that have nothing to do with each other.
        let line = |seed| Line::new(path.clone(), seed);
        Wire {
            lines: [line(seed), line(!seed)],
            faults,
            counts: Default::default(),
            turned_away: None,
        }
    }

    /// Keeps from now on what becomes of packets, for [`Wire::take_fates`].
    #[must_use]
    pub fn telling_fates(self) -> Self {
        let faults = self.faults.telling_all_fates();
        Wire { faults, turned_away: Some(Vec::new()), ..self }
    }

    /// Takes what became of packets since the last call: of each when it came out, or went no further. To be
    /// called after each round, for no more than some thousand are kept.
    pub fn take_fates(&mut self) -> Vec<Fate> {
        let mut fates = self.turned_away.as_mut().map(std::mem::take).unwrap_or_default();
        fates.append(&mut self.faults.take_fates());
        fates
    }

    /// A packet is put in at the end that `way` begins at. What comes out is asked for with
    /// [`Wire::poll_packet`].
    pub fn on_packet(&mut self, way: Way, packet: Bytes, now: Instant) {
        let counts = &mut self.counts[way.index()];
        counts.sent += 1;
        if self.lines[way.index()].take(packet.clone(), now) {
            return;
        }
        counts.queue_full += 1;
        if let Some(turned_away) = &mut self.turned_away
            && turned_away.len() < MOST_TURNED_AWAY
        {
            turned_away.push(Fate {
                way,
                number: counts.sent,
                octets: packet.clone(),
                came: packet,
                struck: Some((Arc::from("--queue"), Harm::Dropped)),
                held: Duration::ZERO,
            });
        }
    }

    /// The next packet that comes out at the end that `way` leads to, if there is one by now.
    pub fn poll_packet(&mut self, way: Way, now: Instant) -> Option<Bytes> {
        loop {
            if let Some(packet) = self.faults.poll_packet(way, now) {
                self.counts[way.index()].arrived += 1;
                return Some(packet);
            }
            let packet = self.lines[way.index()].arrived(now)?;
            self.faults.on_packet(way, packet, now);
            // Nobody draws them; they are counted.
            self.faults.take_strikes();
        }
    }

    /// When to ask again for what comes out this way, if nothing is put in before.
    #[must_use]
    pub fn next_deadline(&self, way: Way) -> Option<Instant> {
        let arrival = self.lines[way.index()].next_arrival();
        arrival.into_iter().chain(self.faults.next_deadline_of(way)).min()
    }

    /// What has gone this way.
    #[must_use]
    pub fn counts(&self, way: Way) -> Counts {
        self.counts[way.index()]
    }

    /// How often each fault struck.
    #[must_use]
    pub fn tally(&self) -> Tally {
        self.faults.tally()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::device::fault::parse_list;

    fn wire(path: &Path, rules: &str, seed: u64) -> Wire {
        let faults = Faults::new(parse_list(rules).expect("good rules"), seed);
        Wire::new(path, faults, seed)
    }

    /// Everything that comes out one way, and when, to the end.
    fn all(wire: &mut Wire, way: Way, mut now: Instant) -> Vec<(u64, Bytes)> {
        let mut packets = Vec::new();
        loop {
            while let Some(packet) = wire.poll_packet(way, now) {
                packets.push((now.as_millis(), packet));
            }
            match wire.next_deadline(way) {
                Some(at) => now = at,
                None => return packets,
            }
        }
    }

    fn ten(wire: &mut Wire, way: Way) {
        for number in 0..10 {
            wire.on_packet(way, vec![number; 20].into(), Instant::ZERO);
        }
    }

    #[test]
    fn each_way_has_its_own_line_and_its_own_faults() {
        let path = Path { delay: Duration::from_millis(7), ..Path::default() };
        let mut wire = wire(&path, "tx any#2 drop; rx any#1 dup; rx any#3 delay 30ms", 1);
        ten(&mut wire, Way::Tx);
        let there = all(&mut wire, Way::Tx, Instant::ZERO);
        let numbers: Vec<u8> = there.iter().map(|(_, packet)| packet[0]).collect();
        assert_eq!(numbers, [0, 2, 3, 4, 5, 6, 7, 8, 9]);
        assert!(there.iter().all(|(at, _)| *at == 7), "{there:?}");
        ten(&mut wire, Way::Rx);
        let back = all(&mut wire, Way::Rx, Instant::ZERO);
        let numbers: Vec<u8> = back.iter().map(|(_, packet)| packet[0]).collect();
        assert_eq!(numbers, [0, 0, 1, 3, 4, 5, 6, 7, 8, 9, 2]);
        assert_eq!(back.last().map(|(at, _)| *at), Some(37), "later than the wire by as much");
        assert_eq!(wire.counts(Way::Tx), Counts { sent: 10, queue_full: 0, arrived: 9 });
        assert_eq!(wire.counts(Way::Rx), Counts { sent: 10, queue_full: 0, arrived: 11 });
    }

    #[test]
    fn what_finds_no_room_is_counted() {
        let queue = Queue::Packets(4);
        let mut wire = wire(&Path { rate: Some(8_000), queue, ..Path::default() }, "", 1);
        ten(&mut wire, Way::Tx);
        assert_eq!(all(&mut wire, Way::Tx, Instant::ZERO).len(), 4);
        assert_eq!(wire.counts(Way::Tx), Counts { sent: 10, queue_full: 6, arrived: 4 });
    }

    #[test]
    fn a_seed_decides_everything() {
        let path = Path { jitter: Duration::from_millis(9), ..Path::default() };
        let run = |seed| {
            let mut wire = wire(&path, "any 30% drop; any 30% corrupt; any 30% dup", seed);
            ten(&mut wire, Way::Tx);
            all(&mut wire, Way::Tx, Instant::ZERO)
        };
        assert_eq!(run(1), run(1));
        assert_ne!(run(1), run(2));
    }
}
