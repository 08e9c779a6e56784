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
    hystart: Option<HyStart>,
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
            hystart: Some(HyStart::new()),
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
    /// is flat: so after a timeout, and after a slow start without a loss, which is what `cwnd_prior`
    /// is then, too (RFC 9438 4.8, 4.10).
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
        // The window has been ssthresh all along; no more left than was delivered (RFC 9937).
        self.validation.on_recovered(path.mss, &mut self.cwnd, &mut self.ssthresh);
    }

    fn limit_burst(&mut self, most: u32) {
        self.cwnd = self.cwnd.min(most.max(1));
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
#[cfg(test)]
mod tests {
    use super::super::model::Flow;
    use super::*;

    const MSS: u32 = 1000;

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    /// Congestion avoidance from `segments` on, after a loss at 10/7 of it; nothing is out.
    fn after_a_loss(segments: u32, flow: &mut Flow) -> Cubic {
        let mut cubic = Cubic::new(10, MSS);
        cubic.cwnd = segments * MSS * 10 / 7;
        flow.lose(&mut cubic, 1);
        flow.una = flow.nxt;
        assert_eq!(cubic.window(), segments * MSS);
        cubic
    }

    #[test]
    fn a_loss_takes_three_tenths() {
        let mut flow = Flow::new(MSS, ms(100));
        let cubic = after_a_loss(70, &mut flow);
        assert_eq!((cubic.ssthresh, cubic.w_max, cubic.cwnd_prior), (70_000, 100_000, 100_000));
    }

    /// cbrt((1000 - 700) / 0.4) = cbrt(750) = 9.085603 s.
    #[test]
    fn k_is_the_time_back_to_w_max() {
        assert_eq!(k_us(300 * MSS, MSS), 9_085_602);
        assert_eq!(k_us(0, MSS), 0);
        assert_eq!(k_us(1 << 30, 0), k_us(1 << 30, 1));
    }

    #[test]
    fn a_cube_root_is_exact() {
        for root in [0, 1, 2, 3, 10, 1_000_003, u32::MAX] {
            let cube = u128::from(root).pow(3);
            assert_eq!(cube_root(cube), root);
            assert_eq!(cube_root(cube + 1), root.max(1));
            assert_eq!(cube_root(cube.saturating_sub(1)), root.saturating_sub(1));
        }
    }

    /// Against the closed form in floating point, from the loss to far beyond K.
    #[test]
    fn the_curve_is_that_of_the_rfc() {
        for (w_max, mss) in [(100_u32, 1000_u32), (1000, 1460), (100_000, 8960), (3, 536)] {
            let w_max_octets = w_max * mss;
            let mut cubic = Cubic::new(10, mss);
            (cubic.w_max, cubic.cwnd) = (w_max_octets, w_max_octets / 10 * 7);
            cubic.begin_epoch(Instant::ZERO, mss);
            let k = ((f64::from(w_max) - f64::from(cubic.cwnd) / f64::from(mss)) / 0.4).cbrt();
            for tenths in [0_u32, 1, 5, 10, 33, 90, 120, 300, 600] {
                let t = f64::from(tenths) / 10.0;
                let expected = 0.4 * (t - k).powi(3) + f64::from(w_max);
                let expected = expected.min(f64::from(MOST) / f64::from(mss));
                let is = cubic.w_cubic(u64::from(tenths) * 100_000, mss);
                let off = f64::from(is) / f64::from(mss) - expected;
                assert!(off.abs() < 0.01, "W_max {w_max}, t {t}: {off} segments away");
            }
            assert!(cubic.w_cubic(0, mss).abs_diff(cubic.cwnd) <= mss / 100, "begins at cwnd");
            assert_eq!(cubic.w_cubic(u64::MAX, mss), MOST);
        }
    }

    /// 200 ms, 1000 segments: K is 9.09 s. Before it the window is below W_max, concave; the window
    /// follows the curve of one round trip ahead.
    #[test]
    fn the_window_follows_the_curve() {
        let mut flow = Flow::new(MSS, ms(200));
        let mut cubic = after_a_loss(700, &mut flow);
        let start = flow.now;
        for seconds in [1, 3, 6, 9, 10, 12] {
            while flow.now < start + Duration::from_secs(seconds) {
                flow.step(&mut cubic);
            }
            let curve = cubic.w_cubic(seconds * 1_000_000, MSS);
            let ahead = cubic.w_cubic(seconds * 1_000_000 + 200_000, MSS);
            let (least, most) = (curve - 3 * MSS, ahead + 3 * MSS);
            assert!((least..=most).contains(&cubic.cwnd), "{seconds} s: {} {curve}", cubic.cwnd);
        }
        assert!(cubic.cwnd > 1005 * MSS, "beyond W_max: convex");
    }

    /// The target is at most half more, however late it is.
    #[test]
    fn no_round_trip_adds_more_than_half() {
        let mut flow = Flow::new(MSS, ms(100));
        let mut cubic = after_a_loss(70, &mut flow);
        flow.step(&mut cubic);
        cubic.elapsed_us = 100_000_000;
        let before = cubic.cwnd;
        flow.send(&mut cubic, u32::MAX);
        flow.acknowledge(&mut cubic, u32::MAX);
        let most = before + before / 2;
        assert!((most - MSS..=most).contains(&cubic.cwnd), "{before} {}", cubic.cwnd);
        // Nor does an ACK of many windows, such as ends a repair.
        let (before, path) = (cubic.cwnd, flow.path());
        let octets = 10 * before;
        cubic.on_ack(&Ack { path, octets, in_flight_before: before, ..Ack::sample(MSS, 0) });
        assert!((before + MSS..=before + before / 2).contains(&cubic.cwnd));
    }

    /// On a path of 1 ms the curve hardly moves, and W_est does: 9/17 of a segment for each round
    /// trip; from W_max on one, as Reno.
    #[test]
    fn a_short_path_is_as_with_reno() {
        let mut flow = Flow::new(MSS, ms(1));
        let mut cubic = after_a_loss(70, &mut flow);
        (0..34).for_each(|_| flow.round(&mut cubic));
        assert_eq!(cubic.cwnd, (70 + 18) * MSS, "34 * 9 / 17 = 18");
        while cubic.cwnd < 100 * MSS {
            flow.step(&mut cubic);
        }
        (0..20).for_each(|_| flow.round(&mut cubic));
        assert_eq!(cubic.cwnd, 120 * MSS);
    }

    /// 20 us and 2 s: no rounding swallows the growth.
    #[test]
    fn grows_at_any_round_trip_time() {
        for (rtt, rounds) in [(Duration::from_micros(20), 2000), (Duration::from_secs(2), 10)] {
            let mut flow = Flow::new(MSS, rtt);
            let mut cubic = after_a_loss(700, &mut flow);
            (0..rounds).for_each(|_| flow.round(&mut cubic));
            assert!(cubic.cwnd > 1000 * MSS, "{rtt:?}: {}", cubic.cwnd);
        }
    }

    /// A second loss before the window of the last is reached: 70,000 < 100,000, so the curve is flat
    /// at 70,000 * 0.85.
    #[test]
    fn a_window_that_shrinks_makes_room_for_others() {
        let mut flow = Flow::new(MSS, ms(100));
        let mut cubic = after_a_loss(70, &mut flow);
        flow.lose(&mut cubic, 1);
        assert_eq!((cubic.cwnd, cubic.w_max, cubic.cwnd_prior), (49_000, 59_500, 70_000));
    }

    /// W_est is at its beginning, K is 0 and W_max the window where slow start ends, 7 of 10
    /// segments; cwnd_prior stays what was before the timeout.
    #[test]
    fn a_timeout_forgets_the_curve() {
        let mut flow = Flow::new(MSS, ms(100));
        let mut cubic = after_a_loss(70, &mut flow);
        let path = Path { in_flight: 10 * MSS, ..flow.path() };
        cubic.on_timeout(&path);
        assert_eq!((cubic.cwnd, cubic.ssthresh), (MSS, 7 * MSS));
        flow.una = flow.nxt;
        while cubic.counted == Instant::NEVER {
            flow.step(&mut cubic);
        }
        assert_eq!((cubic.k_us, cubic.w_max, cubic.cwnd_prior), (0, 7 * MSS, 70 * MSS));
    }

    #[test]
    fn what_was_no_loss_is_undone() {
        let mut flow = Flow::new(MSS, ms(100));
        let mut cubic = after_a_loss(70, &mut flow);
        (0..10).for_each(|_| flow.round(&mut cubic));
        let before = cubic.clone();
        flow.lose(&mut cubic, 1);
        assert!(cubic.cwnd < before.cwnd && cubic.w_max < before.w_max);
        let early = cubic.clone();
        cubic.undo(&before, &flow.path());
        let all =
            |c: &Cubic| (c.cwnd, c.ssthresh, c.cwnd_prior, c.w_max, c.k_us, c.w_est, c.counted);
        assert_eq!(all(&cubic), all(&before));
        // Too late: it has grown back.
        cubic = early;
        cubic.cwnd = cubic.cwnd_prior;
        cubic.undo(&before, &flow.path());
        assert_eq!(cubic.w_max, cubic.cwnd * 17 / 20);
    }

    /// The first loss ends the first slow start; if it was none, slow start goes on.
    #[test]
    fn an_undone_loss_leaves_slow_start_as_it_was() {
        let (mut flow, mut cubic) = (Flow::new(MSS, ms(10)), Cubic::new(10, MSS));
        flow.round(&mut cubic);
        let before = cubic.clone();
        flow.lose(&mut cubic, 1);
        assert!(cubic.hystart.is_none());
        cubic.undo(&before, &flow.path());
        assert!(cubic.hystart.is_some() && cubic.ssthresh == u32::MAX);
        // What is measured now is not compared with what was before.
        let cwnd = cubic.cwnd;
        flow.una = flow.nxt;
        flow.rtt = ms(50);
        flow.round(&mut cubic);
        assert!(cubic.cwnd + MSS >= 2 * cwnd, "{cwnd} {}", cubic.cwnd);
    }

    /// Neither a minute in which little was sent, nor one in which nothing was, is part of t.
    #[test]
    fn the_curve_waits_for_the_application() {
        let mut flow = Flow::new(MSS, ms(100));
        let mut cubic = after_a_loss(70, &mut flow);
        (0..10).for_each(|_| flow.round(&mut cubic));
        let (elapsed, cwnd) = (cubic.elapsed_us, cubic.cwnd);
        assert!((890_000..1_010_000).contains(&elapsed), "{elapsed}");
        flow.quiet_round(&mut cubic, 0);
        let cwnd = cwnd.max(cubic.cwnd);
        (0..600).for_each(|_| flow.quiet_round(&mut cubic, 2 * MSS));
        flow.now += Duration::from_mins(1);
        flow.send(&mut cubic, u32::MAX);
        flow.now += ms(100);
        flow.acknowledge(&mut cubic, MSS);
        assert!(cubic.elapsed_us < elapsed + 310_000, "{}", cubic.elapsed_us);
        assert!(cubic.cwnd < cwnd + MSS);
        // Something is always out, but little.
        (0..cubic.cwnd / MSS).for_each(|_| flow.acknowledge(&mut cubic, MSS));
        let (elapsed, cwnd) = (cubic.elapsed_us, cubic.cwnd);
        for _ in 0..600 {
            flow.send(&mut cubic, 2 * MSS);
            flow.now += ms(100);
            flow.acknowledge(&mut cubic, MSS);
            flow.nxt = flow.una + MSS;
        }
        assert_eq!((cubic.elapsed_us, cubic.cwnd), (elapsed, cwnd));
        flow.send(&mut cubic, u32::MAX);
        flow.now += ms(100);
        flow.acknowledge(&mut cubic, MSS);
        assert_eq!(cubic.elapsed_us, elapsed + 100_000);
    }

    /// ACKs that are 300 ns apart: a thousand of them take 300 us.
    #[test]
    fn no_part_of_the_time_gets_lost() {
        let mut cubic = Cubic::new(10, MSS);
        cubic.begin_epoch(Instant::ZERO, MSS);
        (1..=1000).for_each(|nth| cubic.count_time(Instant::from_nanos(nth * 300)));
        assert_eq!(cubic.elapsed_us, 300);
    }

    #[test]
    fn the_first_slow_start_may_end_without_a_loss() {
        let (mut flow, mut cubic) = (Flow::new(MSS, ms(50)), Cubic::new(10, MSS));
        while cubic.cwnd < 300 * MSS {
            flow.step(&mut cubic);
        }
        // From now on there is a queue.
        flow.rtt = ms(100);
        (0..7).for_each(|_| flow.round(&mut cubic));
        assert!(cubic.hystart.is_none());
        assert_eq!(cubic.cwnd_prior, cubic.ssthresh);
        assert_eq!((cubic.k_us, cubic.w_max), (0, cubic.ssthresh));
    }

    /// Marks are heard down to a single segment; ssthresh stays at two. Their ACKs do not grow it.
    #[test]
    fn marks_slow_down_to_a_single_segment() {
        let (mut flow, mut cubic) = (Flow::new(MSS, ms(100)), Cubic::new(10, MSS));
        for expected in [7000, 4900, 3430, 2401, 1680, 1176, 1000, 1000] {
            let path = Path { in_flight: cubic.cwnd, ..flow.path() };
            cubic.on_congestion(Signal::Marked, &path);
            cubic.on_recovered(&path);
            assert_eq!(cubic.cwnd, expected);
            let ack = Ack { octets: MSS, ece: true, ..Ack::sample(MSS, expected) };
            cubic.on_ack(&ack);
            assert_eq!(cubic.cwnd, expected);
        }
        assert_eq!(cubic.ssthresh, 2 * MSS);
        flow.send(&mut cubic, MSS);
        flow.acknowledge(&mut cubic, MSS);
        assert_eq!(cubic.cwnd, 2 * MSS, "slow start");
    }

    /// Of 105 segments 10 are out, but 60 were within the last second: 0.7 * 60. After two seconds of
    /// little more than ten: half of what was in use, which is no W_max for anyone.
    #[test]
    fn a_loss_is_measured_by_what_was_in_use() {
        let mut flow = Flow::new(MSS, ms(100));
        let mut cubic = after_a_loss(105, &mut flow);
        flow.quiet_round(&mut cubic, 60 * MSS);
        flow.quiet_round(&mut cubic, 10 * MSS);
        let mut later = (flow.clone(), cubic.clone());
        flow.send(&mut cubic, 10 * MSS);
        flow.lose_of_what_is_out(&mut cubic, 1);
        assert_eq!((cubic.cwnd, cubic.cwnd_prior), (42 * MSS, 105 * MSS));

        let (flow, cubic) = (&mut later.0, &mut later.1);
        (0..20).for_each(|_| flow.quiet_round(cubic, 12 * MSS));
        flow.send(cubic, 10 * MSS);
        cubic.on_congestion(Signal::Loss, &flow.path());
        // 12 after 150, of which fast convergence makes 10.2.
        assert_eq!((cubic.cwnd, cubic.cwnd_prior, cubic.w_max), (6 * MSS, 12 * MSS, 10_200));
    }
}
