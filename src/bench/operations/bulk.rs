//! All of a download: two stacks, in virtual time.

use super::Operation;
use crate::bench::{Kind, Pair, Row};
use crate::time::Instant;

/// The handshake and the slow start are over after so many.
const WARM_UP: usize = 200;

pub(super) struct Bulk {
    pair: Pair,
    now: Instant,
    /// Segments that the last round brought beyond what was asked for.
    ahead: u64,
}

impl Bulk {
    pub(super) fn new(server: Kind) -> Self {
        let mut bulk =
            Bulk { pair: Pair::new(Row::Download, server, 1500), now: Instant::ZERO, ahead: 0 };
        (0..WARM_UP).for_each(|_| bulk.round());
        bulk
    }

    fn round(&mut self) {
        self.now = self.pair.next_round(self.now);
        self.pair.round(self.now);
    }
}

impl Operation for Bulk {
    fn prepare(&mut self, _count: usize) {}

    /// A whole number of rounds, about as many as bring so many segments: over a few calls it is exact.
    /// A round that brings none is one in which a timer had to run out.
    fn run(&mut self, count: usize) {
        let mut wanted = count as u64;
        let credit = self.ahead.min(wanted);
        (self.ahead, wanted) = (self.ahead - credit, wanted - credit);
        while wanted > 0 {
            let before = self.pair.done().packets_out;
            self.round();
            let brought = self.pair.done().packets_out - before;
            self.ahead += brought.saturating_sub(wanted);
            wanted = wanted.saturating_sub(brought);
        }
    }
}
