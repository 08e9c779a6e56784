//! BBR version 3, after draft-ietf-ccwg-bbr-06: a model of the path, made of its bandwidth and its round-trip time
//! without queues, says how much may be in flight and how fast it leaves. Loss bounds the model; it is not
//! what the model is made of.
//!
//! Sections are those of that draft, and so are names like BBR.max_bw and EnterDrain. Here: what happens in
//! which order. The model: `bandwidth`, `min_rtt`, `aggregation`, `bounds`; its measures: `sample`, `rounds`,
//! `delivery`, `full_pipe`; the states: `startup`, `probe_bw`, `probe_rtt`; what comes of it: `window`.
//!
//! Where this differs from the draft, or the draft leaves it open:
//! - A mark (ECE) is an answer of the path like too much loss: it ends Startup or a probe, and otherwise
//!   lowers the short-term bounds. The draft only demands that it be taken for congestion.
//! - State for an undo is saved once per repair instead of once per round with losses: saved later, it
//!   would already hold what the first losses did.
//! - After a timeout the window is one segment; the draft adds what is in flight, but nothing is then.
//! - A cautious probe has reached the long-term bound when not another segment fits below it.
//! - A pause between probes is at least four rounds, even where the path holds less than a segment.

mod aggregation;
mod arithmetic;
mod bandwidth;
mod bounds;
mod delivery;
mod full_pipe;
mod min_rtt;
mod probe_bw;
mod probe_rtt;
mod rounds;
mod sample;
mod startup;
mod state;
mod window;

#[cfg(test)]
mod tests;

use super::new_reno::{MOST, initial_window};
use super::{Ack, CongestionControl, LostSegment, Path, Signal};
use crate::seq::Seq;

use aggregation::Aggregation;
use arithmetic::Random;
use bandwidth::MaxBandwidth;
use bounds::Bounds;
use delivery::Delivery;
use full_pipe::FullPipe;
use min_rtt::MinRtt;
use probe_bw::Cycle;
use probe_rtt::ProbeRtt;
use rounds::Rounds;
use sample::Sample;
use state::State;

/// The algorithm for one connection.
#[derive(Clone, Debug)]
pub(in crate::tcp) struct Bbr {
    state: State,
    /// What the sender obeys: octets, octets per second, octets.
    cwnd: u32,
    pacing_rate: u64,
    send_quantum: u64,
    /// The model.
    max_bandwidth: MaxBandwidth,
    min_rtt: MinRtt,
    aggregation: Aggregation,
    bounds: Bounds,
    /// What it is made from.
    rounds: Rounds,
    delivery: Delivery,
    full_pipe: FullPipe,
    /// Where the states are. `drain_since` is a round.
    drain_since: u64,
    cycle: Cycle,
    probe_rtt: ProbeRtt,
    idle_restart: bool,
    /// What is being repaired, and what to go back to.
    repair: Repair,
    undo: Undo,
    /// BBR.prior_cwnd.
    prior_window: u32,
    /// Known from the beginning, or nearly so.
    initial_window: u32,
    sack: bool,
    begun: bool,
    rtt_known: bool,
    random: Random,
}

/// A loss that is being repaired.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Repair {
    None,
    /// By fast recovery, since this round.
    Fast {
        since: u64,
    },
    /// After a timeout, until this is acknowledged.
    Timeout {
        until: Seq,
    },
}

/// What to restore when a loss was none (section 5.5.11).
#[derive(Clone, Copy, Debug)]
struct Undo {
    /// A repair has begun, and its undo state was saved.
    saved: bool,
    /// The state that the losses made us leave.
    state: Option<State>,
    bounds: Bounds,
}

impl Bbr {
    /// Begins with `initial_segments` (RFC 6928). Nothing is known of the path, not even the time.
    pub(in crate::tcp) fn new(initial_segments: u32, mss: u32) -> Self {
        let window = initial_window(initial_segments, mss);
        Bbr {
            state: State::Startup,
            cwnd: window,
            pacing_rate: window::initial_pacing_rate(window, None),
            send_quantum: u64::from(mss.max(1)) * 2,
            max_bandwidth: MaxBandwidth::default(),
            min_rtt: MinRtt::default(),
            aggregation: Aggregation::default(),
            bounds: Bounds::NONE,
            rounds: Rounds::default(),
            delivery: Delivery::default(),
            full_pipe: FullPipe::default(),
            drain_since: 0,
            cycle: Cycle::NEW,
            probe_rtt: ProbeRtt::default(),
            idle_restart: false,
            repair: Repair::None,
            undo: Undo { saved: false, state: None, bounds: NOTHING },
            prior_window: 0,
            initial_window: window,
            sack: true,
            begun: false,
            rtt_known: false,
            random: Random::new(0),
        }
    }

    /// The rest of the beginning, once there is a path, and what its first round-trip time tells.
    fn begin(&mut self, path: &Path) {
        if !self.begun {
            self.begun = true;
            self.min_rtt.begin(path.now);
            self.aggregation.restart(path.now);
            // Sequence numbers grow from the ISS, which the stack's secret chose: another one for each
            // connection, and the same one when a recording is played again.
            self.random = Random::new(u64::from(path.una.0));
        }
        if !self.rtt_known
            && let Some(srtt) = path.srtt.filter(|srtt| !srtt.is_zero())
        {
            self.rtt_known = true;
            self.min_rtt.suppose(srtt);
            self.pacing_rate = window::initial_pacing_rate(self.initial_window, Some(srtt));
        }
    }

    /// UpdateModelAndState.
    fn update_model(&mut self, ack: &Ack, sample: &Sample) {
        let path = &ack.path;
        self.delivery.update(sample, path.delivered);
        self.update_bandwidth(ack, sample);
        self.aggregation.on_ack(
            path.now,
            sample.newly_acked,
            self.bandwidth(),
            u64::from(self.cwnd),
            self.rounds.count,
        );
        self.full_pipe.on_ack(sample, self.rounds.started);
        self.check_startup_done(path, sample);
        self.check_drain_done(path);
        self.update_cycle(path, sample);
        self.min_rtt.on_ack(path.now, sample.rtt);
        self.check_probe_rtt(path, sample);
        self.delivery.advance(sample);
    }

    /// UpdateCongestionSignals.
    fn update_bandwidth(&mut self, ack: &Ack, sample: &Sample) {
        self.rounds.on_ack(sample.prior_delivered, ack.path.delivered, ack.window_limited);
        if self.rounds.started {
            self.cycle.on_round();
        }
        self.max_bandwidth.sample(sample.rate, sample.app_limited);
        if self.delivery.round_started && std::mem::take(&mut self.delivery.lost) {
            // What a probe loses is for the probe to judge.
            if !self.state.accelerates() {
                let (rate, window) = (self.max_bandwidth.rate(), u64::from(self.cwnd));
                self.bounds.lower(&self.delivery, rate, window);
            }
        }
    }

    /// UpdateControlParameters.
    fn update_control(&mut self, ack: &Ack) {
        self.set_pacing_rate(self.state.pacing_gain());
        self.set_send_quantum(ack.path.mss);
        self.set_window(ack);
    }

    /// SaveStateUponLoss, once per repair.
    fn save_for_undo(&mut self) {
        if !self.undo.saved {
            self.undo = Undo { saved: true, state: None, bounds: self.bounds };
        }
        self.save_window();
    }

    /// Something was lost, whether or not it is known which segment: without SACK it often is not.
    fn note_unnamed_loss(&mut self, path: &Path) {
        self.save_for_undo();
        self.delivery.note_loss(path.delivered);
        if !self.sack && self.cycle.probing {
            self.handle_inflight_too_high(u64::from(path.in_flight), false, path);
        }
    }

    /// RestoreCwnd at the end of a repair, within the model.
    fn end_repair(&mut self, path: &Path) {
        if self.repair != Repair::None {
            self.repair = Repair::None;
            self.undo.saved = false;
            self.restore_window();
            self.bound_window(path);
        }
    }
}

/// Bounds that nothing is restored from.
const NOTHING: Bounds = Bounds { bandwidth: 0, short_term: 0, long_term: 0 };

impl CongestionControl for Bbr {
    fn window(&self) -> u32 {
        self.cwnd
    }

    /// There is none.
    fn slow_start_threshold(&self) -> u32 {
        u32::MAX
    }

    fn pacing_rate(&self) -> Option<u64> {
        Some(self.pacing_rate)
    }

    fn send_quantum(&self) -> u32 {
        u32::try_from(self.send_quantum).unwrap_or(u32::MAX)
    }

    fn meters_recovery(&self) -> bool {
        true
    }

    fn on_negotiated(&mut self, sack: bool) {
        self.sack = sack;
    }

    /// HandleRestartFromIdle: the pipe is empty, and is filled at the bandwidth that it is known to have.
    fn on_send(&mut self, path: &Path, idle: bool) {
        self.begin(path);
        if !idle || path.in_flight > 0 {
            return;
        }
        self.idle_restart = true;
        self.aggregation.restart(path.now);
        if self.state.is_probe_bw() {
            self.set_pacing_rate(100);
        } else if self.state == State::ProbeRtt {
            self.check_probe_rtt_done(path);
        }
    }

    fn on_ack(&mut self, ack: &Ack) {
        self.begin(&ack.path);
        if let Repair::Timeout { until } = self.repair
            && ack.path.una.ge(until)
        {
            self.end_repair(&ack.path);
        }
        let mut sample = Sample::of(ack);
        sample.app_limited |= sample.prior_delivered.is_some_and(|at| self.probe_rtt.held_back(at));
        self.update_model(ack, &sample);
        self.update_control(ack);
        if self.repair == Repair::None && !ack.in_recovery && ack.lost == 0 {
            self.undo.saved = false;
        }
    }

    fn on_lost(&mut self, lost: &LostSegment, path: &Path) {
        self.begin(path);
        self.save_for_undo();
        self.delivery.note_loss(path.delivered);
        self.delivery.count_gap(lost);
        self.judge_loss(lost, path);
    }

    fn on_congestion(&mut self, why: Signal, path: &Path) {
        self.begin(path);
        match why {
            Signal::Loss => {
                self.note_unnamed_loss(path);
                self.repair = Repair::Fast { since: self.rounds.count };
            }
            Signal::Marked => {
                self.delivery.note_loss(path.delivered);
                if self.state == State::Startup {
                    self.leave_startup_for_loss(path);
                    // Marks are never taken back.
                    self.undo.state = None;
                } else if self.cycle.probing {
                    self.handle_inflight_too_high(u64::from(path.in_flight), false, path);
                    self.undo.state = None;
                }
            }
        }
    }

    fn on_timeout(&mut self, path: &Path) {
        self.begin(path);
        self.note_unnamed_loss(path);
        self.repair = Repair::Timeout { until: path.nxt };
        self.cwnd = path.mss.clamp(1, MOST);
    }

    fn on_recovered(&mut self, path: &Path) {
        self.end_repair(path);
    }

    /// A window that was measured need not be measured again: pacing keeps it from leaving in a burst
    /// (section 5.4).
    fn on_idle(&mut self, _path: &Path) {}

    /// HandleSpuriousLossDetection.
    fn undo(&mut self, before: &Self, path: &Path) {
        self.repair = Repair::None;
        self.undo.saved = false;
        self.restore_window();
        self.cwnd = self.cwnd.max(before.cwnd);
        self.delivery.lost = false;
        self.full_pipe.reset(0);
        self.bounds.restore(&self.undo.bounds);
        match self.undo.state.take() {
            Some(State::Startup) if self.state != State::Startup => {
                self.full_pipe.reached = false;
                if self.state != State::ProbeRtt {
                    self.enter_startup();
                }
            }
            Some(State::Up) if self.state != State::Up && self.state != State::ProbeRtt => {
                self.start_refill(path);
            }
            Some(_) | None => {}
        }
        self.bound_window(path);
    }
}
