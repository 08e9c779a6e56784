//! ProbeBW, where a connection spends its life: down, cruise, refill, up (section 5.3.3).

use std::time::Duration;

use super::super::{LostSegment, Path};
use super::arithmetic::{Random, UNBOUNDED, per_cent};
use super::sample::Sample;
use super::window::least_window;
use super::{Bbr, State, bounds};
use crate::time::Instant;

/// Between probes at least so long, unless there was time for Reno to recover from the last one.
const WAIT: Duration = Duration::from_secs(2);
/// And up to so much more, by chance.
const WAIT_SPREAD_NANOS: u64 = 1_000_000_000;
/// The most rounds that are waited for Reno's sake.
const RENO_ROUNDS: u64 = 63;

/// BBR.ack_phase: what acknowledgments tell of the last probe.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Feedback {
    /// Nothing.
    #[default]
    Init,
    Refilling,
    /// A probe has begun, but what is acknowledged left before it.
    Starting,
    /// It is being answered.
    Arriving,
    /// It is over, and its last answers are coming in.
    Stopping,
}

/// Where in the cycle we are.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cycle {
    feedback: Feedback,
    /// BBR.cycle_stamp, and BBR.bw_probe_wait from there on.
    since: Instant,
    wait: Duration,
    /// BBR.rounds_since_probe_up.
    rounds: u64,
    /// BBR.is_bw_probe_sample: losses may be the answer to a probe.
    pub(super) probing: bool,
    /// BBR.prev_probe_too_high and BBR.prev_probe_precautionary.
    too_high: bool,
    precautionary: bool,
    /// BBR.bw_probe_up_rounds, BBR.bw_probe_up_acked, BBR.probe_up_acked_per_inc.
    up_rounds: u32,
    up_acked: u64,
    acked_per_step: u64,
}

impl Cycle {
    pub(super) const NEW: Cycle = Cycle {
        feedback: Feedback::Init,
        since: Instant::ZERO,
        wait: Duration::ZERO,
        rounds: 0,
        probing: false,
        too_high: false,
        precautionary: false,
        up_rounds: 0,
        up_acked: 0,
        acked_per_step: UNBOUNDED,
    };

    pub(super) fn on_round(&mut self) {
        self.rounds = self.rounds.saturating_add(1);
    }

    /// What is acknowledged from now on is the end of a probe.
    pub(super) fn stop_probing(&mut self) {
        self.feedback = Feedback::Stopping;
    }

    /// PickProbeWait: by chance, so that connections that share a path do not probe together for ever.
    fn begin(&mut self, now: Instant, random: &mut Random) {
        self.stop_probing();
        self.acked_per_step = UNBOUNDED;
        self.rounds = random.below(2);
        self.wait = WAIT + Duration::from_nanos(random.below(WAIT_SPREAD_NANOS));
        self.since = now;
    }

    /// RaiseInflightLongtermSlope: in each round of a probe the bound grows twice as fast.
    fn steepen(&mut self, window: u32, mss: u32) {
        self.acked_per_step = u64::from(window >> self.up_rounds).max(u64::from(mss)).max(1);
        self.up_rounds = (self.up_rounds + 1).min(30);
    }

    /// Segments that the bound may grow by, now that so much more was acknowledged.
    fn steps(&mut self, acked: u64) -> u64 {
        self.up_acked = self.up_acked.saturating_add(acked);
        let steps = self.up_acked / self.acked_per_step;
        self.up_acked %= self.acked_per_step;
        steps
    }
}

impl Bbr {
    /// StartProbeBW_DOWN.
    pub(super) fn start_down(&mut self, path: &Path) {
        self.delivery.reset();
        self.cycle.begin(path.now, &mut self.random);
        self.rounds.restart(path.delivered);
        self.state = State::Down;
    }

    /// StartProbeBW_CRUISE.
    pub(super) fn start_cruise(&mut self) {
        self.state = State::Cruise;
    }

    /// StartProbeBW_REFILL: what was learnt from losses since the last probe is forgotten, for it may
    /// have been others' doing.
    pub(super) fn start_refill(&mut self, path: &Path) {
        self.bounds.forget_short_term();
        self.cycle.up_rounds = 0;
        self.cycle.up_acked = 0;
        self.cycle.precautionary = false;
        self.cycle.feedback = Feedback::Refilling;
        self.rounds.restart(path.delivered);
        self.state = State::Refill;
    }

    /// UpdateProbeBWCyclePhase.
    pub(super) fn update_cycle(&mut self, path: &Path, sample: &Sample) {
        if !self.full_pipe.reached || self.adapt_long_term(path, sample) {
            return;
        }
        match self.state {
            State::Down => {
                if self.is_time_to_probe(path) {
                    self.start_refill(path);
                } else if self.is_time_to_cruise(path) {
                    self.start_cruise();
                }
            }
            State::Cruise => {
                if self.is_time_to_probe(path) {
                    self.start_refill(path);
                }
            }
            State::Refill => {
                // One round has filled the pipe.
                if self.rounds.started {
                    self.cycle.probing = true;
                    self.start_up(path, sample);
                }
            }
            State::Up => {
                if self.is_time_to_go_down(path, sample) {
                    self.cycle.too_high = false;
                    self.start_down(path);
                }
            }
            State::Startup | State::Drain | State::ProbeRtt => {}
        }
    }

    /// HandleLostPacket: did the probe put more into the network than it bears? Asked for each segment with
    /// what was in flight when it left, for losses are found long after.
    pub(super) fn judge_loss(&mut self, lost: &LostSegment, path: &Path) {
        if !self.cycle.probing {
            return;
        }
        let since = path.lost.saturating_sub(lost.lost_then);
        let in_flight = u64::from(lost.in_flight_then);
        if bounds::too_high(since, in_flight, self.sack) {
            let at = bounds::in_flight_at_loss(u64::from(lost.octets), in_flight, since);
            self.handle_inflight_too_high(at, lost.app_limited_then, path);
        }
    }

    /// HandleInflightTooHigh: the probe went wrong with so much in flight.
    pub(super) fn handle_inflight_too_high(&mut self, at: u64, app_limited: bool, path: &Path) {
        self.cycle.too_high = true;
        // One answer per probe.
        self.cycle.probing = false;
        if !app_limited {
            self.bounds.long_term = at.max(per_cent(self.target_inflight(), bounds::BETA));
        }
        if self.state == State::Up {
            self.undo.state = Some(State::Up);
            self.start_down(path);
        }
    }

    /// StartProbeBW_UP.
    fn start_up(&mut self, path: &Path, sample: &Sample) {
        self.cycle.feedback = Feedback::Starting;
        self.rounds.restart(path.delivered);
        self.full_pipe.reset(sample.rate);
        self.state = State::Up;
        self.cycle.steepen(self.cwnd, path.mss);
    }

    /// AdaptLongTermModel. True when it moved to another state.
    fn adapt_long_term(&mut self, path: &Path, sample: &Sample) -> bool {
        let probe_bw = self.state.is_probe_bw();
        if self.rounds.started {
            match self.cycle.feedback {
                Feedback::Starting => self.cycle.feedback = Feedback::Arriving,
                Feedback::Stopping => {
                    self.cycle.probing = false;
                    self.cycle.feedback = Feedback::Init;
                    if probe_bw && !sample.app_limited {
                        self.max_bandwidth.advance();
                    }
                    // A cautious probe found nothing wrong: another one, which need not be.
                    if probe_bw && self.cycle.precautionary && !self.cycle.too_high {
                        self.start_refill(path);
                        return true;
                    }
                }
                Feedback::Init | Feedback::Refilling | Feedback::Arriving => {}
            }
        }
        let too_high = bounds::too_high(sample.lost, sample.in_flight_then, self.sack);
        if !too_high && self.bounds.long_term != UNBOUNDED {
            self.bounds.long_term = self.bounds.long_term.max(sample.in_flight_then);
            if self.state == State::Up {
                self.raise_long_term(path.mss, sample);
            }
        }
        false
    }

    /// ProbeInflightLongtermUpward: only a bound that was in the way is moved.
    fn raise_long_term(&mut self, mss: u32, sample: &Sample) {
        if !self.held_by_long_term() {
            return;
        }
        let growth = self.cycle.steps(sample.newly_acked).saturating_mul(u64::from(mss));
        self.bounds.long_term = self.bounds.long_term.saturating_add(growth);
        if self.rounds.started {
            self.cycle.steepen(self.cwnd, mss);
        }
    }

    /// IsTimeToProbeBW.
    fn is_time_to_probe(&self, path: &Path) -> bool {
        path.now > self.cycle.since + self.cycle.wait || self.has_reno_recovered(path.mss)
    }

    /// IsRenoCoexistenceProbeTime: a Reno connection with our window grows by a segment per round trip, and
    /// needs about as many of them to recover from a loss as it has segments in flight.
    fn has_reno_recovered(&self, mss: u32) -> bool {
        // The draft reckons in segments here. Where less than one of them fills the path it would probe
        // without a pause, and never finish a cycle: nobody, Reno included, has fewer than four in flight.
        let segments = (self.target_inflight() / u64::from(mss.max(1))).clamp(4, RENO_ROUNDS);
        self.cycle.rounds >= segments
    }

    /// IsTimeToCruise: the queue has gone, and there is room for others.
    fn is_time_to_cruise(&self, path: &Path) -> bool {
        let in_flight = u64::from(path.in_flight);
        let least = least_window(path.mss);
        in_flight <= self.bounds.with_headroom(u64::from(path.mss), least)
            && in_flight <= self.inflight(self.max_bandwidth.rate(), 100, path.mss)
    }

    /// IsTimeToGoDown.
    fn is_time_to_go_down(&mut self, path: &Path, sample: &Sample) -> bool {
        // Reached means that not another segment fits: in octets a window is hardly ever used to the last.
        let reached = sample.in_flight_before.saturating_add(u64::from(path.mss));
        if self.cycle.too_high && reached > self.bounds.long_term {
            // Here the last probe went wrong. Whether this one does is not known before a round trip.
            self.cycle.precautionary = true;
            return true;
        }
        if self.held_by_long_term() {
            // Of course the bandwidth stands still: it is our own bound that holds it.
            self.full_pipe.reset(sample.rate);
            return false;
        }
        self.full_pipe.now
    }

    fn held_by_long_term(&self) -> bool {
        self.rounds.window_limited() && u64::from(self.cwnd) >= self.bounds.long_term
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn probes_are_two_to_three_seconds_apart_by_chance() {
        let (mut cycle, mut random) = (Cycle::NEW, Random::new(1));
        let waits: Vec<_> = (0..100)
            .map(|_| {
                cycle.begin(Instant::ZERO, &mut random);
                (cycle.wait, cycle.rounds)
            })
            .collect();
        assert!(waits.iter().all(|(wait, rounds)| (2..3).contains(&wait.as_secs()) && *rounds < 2));
        assert!(waits.iter().any(|(wait, _)| wait.subsec_millis() < 100));
        assert!(waits.iter().any(|(wait, _)| wait.subsec_millis() > 900));
        assert!(waits.iter().any(|(_, rounds)| *rounds == 0));
    }
}
