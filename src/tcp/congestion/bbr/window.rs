//! What comes of the model: the pacing rate, the quantum and the window (section 5.6).

use std::time::Duration;

use super::super::new_reno::MOST;
use super::super::{Ack, Path};
use super::arithmetic::{UNBOUNDED, octets, per_cent, rate};
use super::{Bbr, Repair, State};

/// What the bandwidth is paced at, in hundredths: a little below it, lest a queue stay for ever
/// (BBR.PacingMarginPercent).
const MARGIN: u64 = 99;
/// Slower than this, in octets per second, nothing is paced: a path without a bandwidth would never be tried.
const LEAST_RATE: u64 = 100;
/// While the round-trip time is unknown.
const NOMINAL_RTT: Duration = Duration::from_millis(1);
const QUANTUM_TIME: Duration = Duration::from_millis(1);
const MOST_QUANTUM: u64 = 64 * 1024;
/// Quanta that wait in the sender's queue, in its segmentation, and in the receiver's reassembly.
const OFFLOAD_QUANTA: u64 = 3;

/// The pacing rate to begin with.
pub(super) fn initial_pacing_rate(window: u32, srtt: Option<Duration>) -> u64 {
    let nominal = rate(u64::from(window), srtt.unwrap_or(NOMINAL_RTT));
    per_cent(nominal, State::Startup.pacing_gain()).max(LEAST_RATE)
}

/// BBR.MinPipeCwnd: with fewer segments a receiver that acknowledges every other one stalls the pipe.
pub(super) fn least_window(mss: u32) -> u64 {
    u64::from(mss.max(1)).saturating_mul(4).min(u64::from(MOST))
}

impl Bbr {
    /// BBR.bw: the most that all we know lets us send, in octets per second.
    pub(super) fn bandwidth(&self) -> u64 {
        self.max_bandwidth.rate().min(self.bounds.bandwidth)
    }

    /// BDPMultiple: `gain` hundredths of the bandwidth-delay product at `bandwidth`.
    pub(super) fn bdp_multiple(&self, bandwidth: u64, gain: u64) -> u64 {
        match self.min_rtt.value() {
            Some(min_rtt) => per_cent(octets(bandwidth, min_rtt), gain),
            None => u64::from(self.initial_window),
        }
    }

    /// Inflight: the same, but never less than hosts need to keep going.
    pub(super) fn inflight(&self, bandwidth: u64, gain: u64, mss: u32) -> u64 {
        self.quantized(self.bdp_multiple(bandwidth, gain), mss)
    }

    /// TargetInflight.
    pub(super) fn target_inflight(&self) -> u64 {
        self.bdp_multiple(self.bandwidth(), 100).min(u64::from(self.cwnd))
    }

    /// ProbeRTTCwnd.
    pub(super) fn probe_rtt_window(&self, mss: u32) -> u64 {
        let half = self.bdp_multiple(self.bandwidth(), State::ProbeRtt.window_gain());
        half.max(least_window(mss))
    }

    /// SetPacingRateWithGain. Until the pipe was full once the rate only rises: all samples so far may
    /// be of an application that sends little.
    pub(super) fn set_pacing_rate(&mut self, gain: u64) {
        let rate = per_cent(per_cent(self.bandwidth(), gain), MARGIN).max(LEAST_RATE);
        let known = self.max_bandwidth.rate() > 0;
        if known && (self.full_pipe.reached || rate > self.pacing_rate) {
            self.pacing_rate = rate;
        }
    }

    /// SetSendQuantum.
    pub(super) fn set_send_quantum(&mut self, mss: u32) {
        let quantum = octets(self.pacing_rate, QUANTUM_TIME).min(MOST_QUANTUM);
        self.send_quantum = quantum.max(u64::from(mss.max(1)) * 2);
    }

    /// SetCwnd.
    pub(super) fn set_window(&mut self, ack: &Ack) {
        let most = self.max_inflight(ack.path.mss);
        let (window, grown) = (self.cwnd, self.cwnd.saturating_add(ack.delivered));
        let untried = ack.path.delivered < u64::from(self.initial_window);
        self.cwnd = if self.full_pipe.reached {
            narrow(u64::from(grown).min(most))
        } else if u64::from(window) < most || untried {
            grown
        } else {
            window
        };
        self.cwnd = self.cwnd.max(narrow(least_window(ack.path.mss)));
        self.bound_window(&ack.path);
    }

    /// BoundCwndForProbeRTT and BoundCwndForModel: the column "volume cap" of the table in section 5.6.1.
    pub(super) fn bound_window(&mut self, path: &Path) {
        let least = least_window(path.mss);
        let cap = match self.state {
            State::Startup | State::Drain => UNBOUNDED,
            State::Down | State::Refill | State::Up => self.bounds.long_term,
            State::Cruise => self.bounds.with_headroom(u64::from(path.mss), least),
            State::ProbeRtt => {
                let headroom = self.bounds.with_headroom(u64::from(path.mss), least);
                headroom.min(self.probe_rtt_window(path.mss))
            }
        };
        let cap = cap.min(self.bounds.short_term).max(least);
        self.cwnd = narrow(u64::from(self.cwnd).min(cap));
    }

    /// SaveCwnd: the window as it is without any loss to repair and without a probe.
    pub(super) fn save_window(&mut self) {
        if self.repair == Repair::None && self.state != State::ProbeRtt {
            self.prior_window = self.cwnd;
        } else {
            self.prior_window = self.prior_window.max(self.cwnd);
        }
    }

    /// RestoreCwnd.
    pub(super) fn restore_window(&mut self) {
        self.cwnd = self.cwnd.max(self.prior_window);
    }

    /// BBR.max_inflight.
    fn max_inflight(&self, mss: u32) -> u64 {
        let extra = self.aggregation.extra(self.rounds.count, !self.full_pipe.reached);
        let wanted = self.bdp_multiple(self.bandwidth(), self.state.window_gain());
        self.quantized(wanted.saturating_add(extra), mss)
    }

    /// QuantizationBudget.
    fn quantized(&self, octets: u64, mss: u32) -> u64 {
        let offload = self.send_quantum.saturating_mul(OFFLOAD_QUANTA);
        let enough = octets.max(offload).max(least_window(mss));
        // Else a probe could not exceed a pipe of a few segments.
        let spare = if self.state == State::Up { 2 * u64::from(mss) } else { 0 };
        enough.saturating_add(spare)
    }
}

/// Windows are below 2^30 octets (RFC 7323).
fn narrow(octets: u64) -> u32 {
    u32::try_from(octets).unwrap_or(MOST).min(MOST)
}
