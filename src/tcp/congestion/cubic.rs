//! CUBIC (RFC 9438): after a loss the window grows with the third power of time, flat around the size
//! at which the loss came, steep far from it. So it does not depend on the round-trip time how fast a
//! window is found again. The first slow start is HyStart++'s; whether the window was used is for
//! `validation`.
//!
//! All is integers, octets and microseconds: a replay gives the same windows on every machine.

use std::time::Duration;

use super::hystart::{Growth, HyStart};
use super::new_reno::{MOST, initial_window};
use super::validation::{Usage, Validation};
use super::{Ack, CongestionControl, LostSegment, Path, Signal};
use crate::time::Instant;

/// The factor of a decrease, beta of RFC 9438 4.6: 7/10. A ratio, as are all that follow.
const BETA: (u32, u32) = (7, 10);
/// (1 + beta) / 2: what fast convergence makes of a window that did not reach the last one.
const FAST_CONVERGENCE: (u32, u32) = (17, 20);
/// alpha = 3 (1 - beta) / (1 + beta): with it, additive increase and a decrease by beta get as much as
/// Reno gets (RFC 9438 4.3).
const ALPHA: (u64, u64) = (9, 17);
/// C = 4/10 segments per cubic second (RFC 9438 5.1).
const C: (u128, u128) = (4, 10);
/// Microseconds of a second, cubed.
const CUBIC_SECOND: u128 = 1_000_000_000_000_000_000;
/// C t^3 is beyond `MOST` then, even with segments of one octet. Microseconds.
const LONG: u64 = 1_400_000_000;

/// The algorithm and what it remembers of the last loss.
#[derive(Clone, Debug)]
pub(in crate::tcp) struct Cubic {
    cwnd: u32,
    ssthresh: u32,
    /// cwnd when ssthresh was last set; zero before.
    cwnd_prior: u32,
    /// Where the curve is flat; zero if there was no loss yet, or a timeout since.
    w_max: u32,
    /// What Reno would have; octets acknowledged towards its next segment.
    w_est: u32,
    est_credit: u32,
    /// Towards the next octet of cwnd, in parts of cwnd.
    credit: u32,
    /// K: when the curve reaches `w_max`. Microseconds.
    k_us: u32,
    /// t: how long this congestion avoidance lasts, without the time in which the application was the
    /// limit (RFC 9438 5.8). Microseconds.
    elapsed_us: u32,
    /// So far `elapsed_us` was counted; `Instant::NEVER` outside of congestion avoidance.
    counted: Instant,
    /// The first slow start; gone when it is over.
    hystart: Option<Box<HyStart>>,
    validation: Validation,
    /// IW in segments (RFC 6928).
    initial_segments: u8,
}

impl Cubic {
    /// Begins with `initial_segments` (RFC 6928).
    pub(in crate::tcp) fn new(initial_segments: u32, mss: u32) -> Self {
        Cubic {
            cwnd: initial_window(initial_segments, mss),
            ssthresh: u32::MAX,
            cwnd_prior: 0,
            w_max: 0,
            w_est: 0,
            est_credit: 0,
            credit: 0,
            k_us: 0,
            elapsed_us: 0,
            counted: Instant::NEVER,
            hystart: Some(Box::new(HyStart::new())),
            validation: Validation::new(),
            // A restart after a pause needs no more than that.
            initial_segments: u8::try_from(initial_segments).unwrap_or(u8::MAX),
        }
    }

    /// RFC 9438 4.10.
    fn slow_start(&mut self, ack: &Ack) {
        let growth = match &mut self.hystart {
            Some(hystart) => hystart.on_ack(ack),
            None => Growth::By(ack.octets),
        };
        match growth {
            Growth::By(octets) => {
                self.cwnd = self.cwnd.saturating_add(octets).min(self.ssthresh).min(MOST);
            }
            Growth::Over => {
                self.hystart = None;
                self.ssthresh = self.cwnd;
                self.cwnd_prior = self.cwnd;
            }
        }
    }

    /// An ACK of a full window in congestion avoidance (RFC 9438 4.2 to 4.5).
    fn avoid_congestion(&mut self, ack: &Ack) {
        let mss = ack.path.mss.max(1);
        if self.counted == Instant::NEVER {
            self.begin_epoch(ack.path.now, mss);
        }
        self.count_time(ack.path.now);
        // More than a window in one ACK is no reason to overtake the curve.
        let octets = ack.octets.min(self.cwnd);
        self.grow_estimate(octets, mss);
        let t = u64::from(self.elapsed_us);
        if self.w_cubic(t, mss) < self.w_est {
            // The Reno-friendly region.
            self.cwnd = self.cwnd.max(self.w_est);
        } else {
            let rtt = ack.path.srtt.or(ack.rtt).unwrap_or_default();
            let target = self.w_cubic(t.saturating_add(micros(rtt)), mss);
            self.grow_towards(target, octets);
        }
        self.cwnd = self.cwnd.min(MOST);
    }

    /// Congestion avoidance begins. A window that is beyond `w_max`, or knows none, is where the curve
    /// is flat: so after a timeout, and after a slow start without a loss (RFC 9438 4.8, 4.10).
    fn begin_epoch(&mut self, now: Instant, mss: u32) {
        if self.w_max <= self.cwnd {
            (self.w_max, self.k_us) = (self.cwnd, 0);
        } else {
            self.k_us = k_us(self.w_max - self.cwnd, mss);
        }
        if self.cwnd_prior == 0 {
            self.cwnd_prior = self.cwnd;
        }
        self.w_est = self.cwnd;
        (self.est_credit, self.credit, self.elapsed_us) = (0, 0, 0);
        self.counted = now;
    }

    /// Whole microseconds; the rest is counted with the next.
    fn count_time(&mut self, now: Instant) {
        let passed = micros(now.since(self.counted));
        self.elapsed_us =
            u32::try_from(u64::from(self.elapsed_us).saturating_add(passed)).unwrap_or(u32::MAX);
        self.counted += Duration::from_micros(passed);
    }

    /// W_est, by whole segments as Reno does it: one for each cwnd / alpha octets. Once it is back
    /// where the window was, alpha is 1 (RFC 9438 4.3).
    fn grow_estimate(&mut self, octets: u32, mss: u32) {
        let cwnd = u64::from(self.cwnd);
        let price = if self.w_est >= self.cwnd_prior { cwnd } else { cwnd * ALPHA.1 / ALPHA.0 };
        let credit = u64::from(self.est_credit) + u64::from(octets);
        let segments = u32::try_from(credit / price).unwrap_or(u32::MAX);
        self.w_est = self.w_est.saturating_add(segments.saturating_mul(mss)).min(MOST);
        self.est_credit = u32::try_from(credit % price).unwrap_or(u32::MAX);
    }

    /// By (target - cwnd) / cwnd for each segment, where the target is at least the window, and at
    /// most half more: slower than slow start (RFC 9438 4.2, 4.4, 4.5).
    fn grow_towards(&mut self, target: u32, octets: u32) {
        let most = self.cwnd.saturating_add(self.cwnd / 2);
        let missing = target.clamp(self.cwnd, most) - self.cwnd;
        let cwnd = u64::from(self.cwnd);
        let earned = u64::from(missing) * u64::from(octets) + u64::from(self.credit);
        self.cwnd = u32::try_from(cwnd + earned / cwnd).unwrap_or(MOST);
        self.credit = u32::try_from(earned % cwnd).unwrap_or(0);
    }

    /// W_cubic(t) = C (t - K)^3 + W_max (RFC 9438 4.2, equation 1), in octets.
    fn w_cubic(&self, t_us: u64, mss: u32) -> u32 {
        let k = u64::from(self.k_us);
        let away = u128::from(t_us.abs_diff(k).min(LONG));
        let octets = u128::from(mss) * away.pow(3) * C.0 / (C.1 * CUBIC_SECOND);
        let octets = u32::try_from(octets).unwrap_or(u32::MAX);
        if t_us < k {
            self.w_max.saturating_sub(octets)
        } else {
            self.w_max.saturating_add(octets).min(MOST)
        }
    }

    /// What the next curve is drawn by, when `cwnd` was too much (RFC 9438 4.7): others may have come,
    /// if it was less than the last time, and get some room.
    fn remember(&mut self, cwnd: u32) {
        self.cwnd_prior = cwnd;
        let less = cwnd < self.w_max;
        self.w_max = if less { scaled(cwnd, FAST_CONVERGENCE) } else { cwnd };
        self.leave_congestion_avoidance();
        self.hystart = None;
    }

    fn leave_congestion_avoidance(&mut self) {
        self.counted = Instant::NEVER;
    }

    fn decay(&mut self, path: &Path) {
        let initial = initial_window(u32::from(self.initial_segments), path.mss);
        if self.validation.decay(path, initial, &mut self.cwnd, &mut self.ssthresh) {
            self.leave_congestion_avoidance();
        }
    }
}

/// The time from `missing` octets below `w_max` to there (RFC 9438 4.2, equation 2).
fn k_us(missing: u32, mss: u32) -> u32 {
    cube_root(u128::from(missing) * C.1 * CUBIC_SECOND / (C.0 * u128::from(mss.max(1))))
}

/// The greatest number whose cube is no more than `n`: bit by bit, for a library's cube root may differ
/// from machine to machine.
fn cube_root(n: u128) -> u32 {
    (0..u32::BITS).rev().fold(0, |root, bit| {
        let larger = root | 1 << bit;
        if u128::from(larger).pow(3) <= n { larger } else { root }
    })
}

fn scaled(octets: u32, (times, per): (u32, u32)) -> u32 {
    u32::try_from(u64::from(octets) * u64::from(times) / u64::from(per)).unwrap_or(u32::MAX)
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

/// ssthresh is at least two segments (RFC 9438 4.6).
fn at_least_two(octets: u32, mss: u32) -> u32 {
    octets.max(mss.saturating_mul(2)).clamp(1, MOST)
}

impl CongestionControl for Cubic {
    fn window(&self) -> u32 {
        self.cwnd
    }

    fn slow_start_threshold(&self) -> u32 {
        self.ssthresh
    }

    fn on_send(&mut self, path: &Path, _idle: bool) {
        if path.in_flight > 0 {
            return;
        }
        if self.counted != Instant::NEVER {
            // While nothing was out the window was not the limit.
            self.counted = path.now;
        }
        self.decay(path);
    }

    fn on_ack(&mut self, ack: &Ack) {
        let usage = self.validation.on_ack(ack, self.cwnd);
        self.decay(&ack.path);
        if ack.ece {
            // Whatever a mark does to the window, its ACK does not let it grow (RFC 3168 6.1.2).
            return;
        }
        if self.cwnd < self.ssthresh {
            if usage >= Usage::Half {
                self.slow_start(ack);
            }
        } else if usage == Usage::Full {
            self.avoid_congestion(ack);
        } else if self.counted != Instant::NEVER {
            // The application is the limit: the curve waits for it (RFC 9438 4.2, 5.8).
            self.counted = ack.path.now;
        }
    }

    fn on_lost(&mut self, lost: &LostSegment, _path: &Path) {
        self.validation.on_lost(lost.octets);
    }

    fn on_congestion(&mut self, why: Signal, path: &Path) {
        let used = self.validation.on_congestion(path, self.cwnd);
        // FlightSize alone would punish an application that happened to write little just now: the
        // most that it had out in the last second counts too (RFC 9438 4.6, RFC 7661 4.4.1).
        let reduced = if used.unvalidated {
            // Nobody has seen the path take this window: it is no point to return to.
            self.remember(used.octets);
            used.octets / 2
        } else {
            self.remember(self.cwnd);
            scaled(used.octets, BETA)
        };
        self.ssthresh = at_least_two(reduced, path.mss);
        self.cwnd = match why {
            Signal::Loss => self.ssthresh,
            // Marks go on slowing down, to a single segment (RFC 9438 4.6).
            Signal::Marked => reduced.max(path.mss).clamp(1, MOST),
        };
    }

    fn on_timeout(&mut self, path: &Path) {
        // RFC 9438 4.8: as Reno, but with beta. What the curve was is forgotten; the next one is flat
        // where slow start ends.
        self.remember(self.cwnd);
        self.w_max = 0;
        self.ssthresh = at_least_two(scaled(path.in_flight, BETA), path.mss);
        self.cwnd = path.mss.max(1);
        self.validation.reset();
    }

    fn on_recovered(&mut self, path: &Path) {
        // The window has been ssthresh all along; no more left than was delivered (RFC 6937).
        let excess = self.validation.on_recovered();
        if excess > 0 {
            let least = path.mss.saturating_mul(2).max(1);
            self.cwnd = self.cwnd.min(self.cwnd.saturating_sub(excess).max(least));
            self.ssthresh = self.ssthresh.min(self.cwnd.max(least));
        }
    }

    fn on_idle(&mut self, path: &Path) {
        self.cwnd = self.cwnd.min(initial_window(u32::from(self.initial_segments), path.mss));
        self.leave_congestion_avoidance();
        self.validation.reset();
        if let Some(hystart) = &mut self.hystart {
            hystart.restart_round();
        }
    }

    /// RFC 9438 4.9: everything as if there had been no loss, also the time since; unless the window
    /// has grown back by itself.
    fn undo(&mut self, before: &Self, _path: &Path) {
        self.validation.reset();
        if self.cwnd >= self.cwnd_prior {
            return;
        }
        let validation = self.validation.clone();
        *self = Cubic { validation, ..before.clone() };
        if let Some(hystart) = &mut self.hystart {
            hystart.restart_round();
        }
    }
}
