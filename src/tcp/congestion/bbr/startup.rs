//! Startup, doubling each round until the pipe is full, and Drain, which empties the queue that this built
//! (section 5.3.1 and 5.3.2).

use super::super::Path;
use super::sample::Sample;
use super::window::least_window;
use super::{Bbr, Repair, State, bounds};

/// BBRStartupFullLossCnt: so many separate losses in a round are no accident.
const GAPS: u32 = 6;
/// Drain ends after so many rounds even if the queue is still there: the bandwidth was overestimated then,
/// and only probes can correct that.
const DRAIN_ROUNDS: u64 = 3;

impl Bbr {
    pub(super) fn enter_startup(&mut self) {
        self.state = State::Startup;
    }

    /// CheckStartupDone.
    pub(super) fn check_startup_done(&mut self, path: &Path, sample: &Sample) {
        if self.state != State::Startup {
            return;
        }
        if self.startup_loses_too_much(sample) {
            self.leave_startup_for_loss(path);
        }
        if self.full_pipe.reached {
            self.state = State::Drain;
            self.drain_since = self.rounds.count;
        }
    }

    /// CheckDrainDone.
    pub(super) fn check_drain_done(&mut self, path: &Path) {
        if self.state != State::Drain {
            return;
        }
        let drained = u64::from(path.in_flight) <= self.inflight(self.bandwidth(), 100, path.mss);
        if drained || self.rounds.count > self.drain_since.saturating_add(DRAIN_ROUNDS) {
            self.start_down(path);
        }
    }

    /// Losses, or a mark, have shown that the pipe is full. More than was seen to arrive shall not be in
    /// flight before a probe finds room for it.
    pub(super) fn leave_startup_for_loss(&mut self, path: &Path) {
        self.undo.state = Some(State::Startup);
        self.full_pipe.found_by_loss();
        let bdp = self.bdp_multiple(self.bandwidth(), 100);
        self.bounds.long_term = bdp.max(self.delivery.octets).max(least_window(path.mss));
    }

    /// CheckStartupHighLoss. With SACK it takes a whole round of recovery to tell, so that a burst that was
    /// unlucky once does not end the search.
    fn startup_loses_too_much(&self, sample: &Sample) -> bool {
        let Repair::Fast { since } = self.repair else {
            return false;
        };
        if !self.sack {
            return true;
        }
        self.delivery.round_started
            && self.rounds.count > since
            && self.delivery.gaps >= GAPS
            && bounds::too_high(sample.lost, sample.in_flight_then, true)
    }
}
