//! ProbeRTT: with little in flight for a moment, so that the queue runs off and the round-trip time without
//! it shows (section 5.3.4).

use std::time::Duration;

use super::super::Path;
use super::sample::Sample;
use super::{Bbr, State};
use crate::time::Instant;

/// BBR.ProbeRTTDuration.
const DURATION: Duration = Duration::from_millis(200);

/// How far a probe has come.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct ProbeRtt {
    /// BBR.probe_rtt_done_stamp: in flight is little enough, and may become more from then on.
    done_at: Option<Instant>,
    /// BBR.probe_rtt_round_done.
    round_done: bool,
    /// What left while no more and no less than so much was delivered was held back by us.
    quiet: Option<(u64, u64)>,
}

impl ProbeRtt {
    /// MarkConnectionAppLimited, seen from this side: a sample of what left during a probe says as
    /// little about the bandwidth as one of an idle application.
    pub(super) fn held_back(&self, prior_delivered: u64) -> bool {
        self.quiet.is_some_and(|(from, to)| (from..=to).contains(&prior_delivered))
    }
}

impl Bbr {
    /// CheckProbeRTT, on every acknowledgment.
    pub(super) fn check_probe_rtt(&mut self, path: &Path, sample: &Sample) {
        if self.state != State::ProbeRtt && self.min_rtt.expired() && !self.idle_restart {
            self.enter_probe_rtt(path);
        }
        if self.state == State::ProbeRtt {
            self.handle_probe_rtt(path);
        }
        if sample.newly_acked > 0 {
            self.idle_restart = false;
        }
    }

    /// Leaves when the time is over. Also before something is sent after silence, which was as good a
    /// probe as any.
    pub(super) fn check_probe_rtt_done(&mut self, path: &Path) {
        if self.probe_rtt.done_at.is_none_or(|at| path.now <= at) {
            return;
        }
        self.probe_rtt.done_at = None;
        self.min_rtt.probed(path.now);
        self.restore_window();
        self.bounds.forget_short_term();
        if self.full_pipe.reached {
            // The clock of the next probe for bandwidth starts over: filling the pipe again is risk enough.
            self.start_down(path);
            self.start_cruise();
        } else {
            self.enter_startup();
        }
    }

    fn enter_probe_rtt(&mut self, path: &Path) {
        self.save_window();
        self.state = State::ProbeRtt;
        self.probe_rtt.done_at = None;
        self.probe_rtt.quiet = Some((path.delivered, path.delivered));
        self.cycle.stop_probing();
        self.rounds.restart(path.delivered);
    }

    fn handle_probe_rtt(&mut self, path: &Path) {
        let to = path.delivered.saturating_add(u64::from(path.in_flight));
        if let Some(quiet) = &mut self.probe_rtt.quiet {
            quiet.1 = to;
        }
        if self.probe_rtt.done_at.is_none() {
            if u64::from(path.in_flight) <= self.probe_rtt_window(path.mss) {
                self.probe_rtt.done_at = Some(path.now + DURATION);
                self.probe_rtt.round_done = false;
                self.rounds.restart(path.delivered);
            }
            return;
        }
        self.probe_rtt.round_done |= self.rounds.started;
        if self.probe_rtt.round_done {
            self.check_probe_rtt_done(path);
        }
    }
}
