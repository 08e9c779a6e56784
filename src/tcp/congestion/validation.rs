//! Is the congestion window one that was used? RFC 7661: a window that an application has not filled
//! says nothing about the path now. It may be kept for a while, but does not grow, and a loss is
//! answered by what was really in use. How far a window grows and shrinks is the algorithms' own.
//!
//! Bursts (RFC 7661 4.4.2) are not limited here: what one ACK releases leaves at once.

use super::{Ack, Path};
use crate::seq::Seq;
use crate::time::Instant;

/// Time is kept in hundredths of a second: a `u32` of them lasts for more than a year.
const TICK_MS: u64 = 10;
/// The non-validated period: so long a window is kept that nobody uses (RFC 7661 5).
const NON_VALIDATED_PERIOD: u32 = 5 * 60 * 100;
/// The sampling period is max(3 RTT, 1 s) (RFC 7661 4.2); a third of it has one bin.
const BINS: usize = 3;
const LEAST_BIN: u32 = 33;

/// How much of the congestion window an acknowledgment showed to be in use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Usage {
    /// Less than half of it: a window that does not grow.
    Little,
    /// Half of it: enough for slow start, where the window is always twice what one round trip
    /// acknowledged.
    Half,
    /// All of it, up to a segment.
    Full,
}

/// What a loss is measured by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Used {
    /// The window had not been validated: half of `octets` is safe, whatever the algorithm says
    /// (RFC 7661 4.4.1).
    pub unvalidated: bool,
    /// The most that was in use of late: max(pipeACK, FlightSize), but no more than the window.
    pub octets: u32,
}

/// What is known about the window (RFC 7661 4.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// pipeACK is undefined: nothing was sampled yet. Counts as validated.
    Undefined,
    Validated,
    NonValidated,
}

/// A loss that is being repaired.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Repair {
    None,
    /// Of a validated window.
    Usual,
    /// Of one that was not.
    Cautious,
}

/// Keeps pipeACK: the most that was acknowledged within one round trip, lately.
///
/// A round trip is measured in sequence numbers, not in time: it begins with SND.NXT at some ACK, and
/// is over when that is acknowledged. So it is as exact at 20 us as at 2 s, and a pause of the
/// application is no part of it.
#[derive(Clone, Debug)]
pub(super) struct Validation {
    /// SND.UNA and SND.NXT when this round began.
    round_from: Seq,
    round_end: Seq,
    /// The window was full when SND.NXT was this. Until that is acknowledged, every ACK is one of a
    /// full window, also when many are taken in before the next segment leaves.
    full_until: Seq,
    /// The largest sample of each third of the sampling period, the newest first.
    bins: [u32; BINS],
    /// Ticks: when the newest began.
    bin_began: u32,
    /// Ticks: when the window was last known to be validated.
    validated_at: u32,
    /// Octets lost in this recovery: R of RFC 7661 4.4.1, for what was lost is what is sent again.
    repaired: u32,
    phase: Phase,
    repair: Repair,
    /// Nothing is out: the round begins with what will be.
    between: bool,
}

impl Validation {
    pub(super) fn new() -> Self {
        Validation {
            round_from: Seq(0),
            round_end: Seq(0),
            full_until: Seq(0),
            bins: [0; BINS],
            bin_began: 0,
            validated_at: 0,
            repaired: 0,
            phase: Phase::Undefined,
            repair: Repair::None,
            between: true,
        }
    }

    /// An acknowledgment, while the window was `cwnd`.
    pub(super) fn on_ack(&mut self, ack: &Ack, cwnd: u32) -> Usage {
        let half = ack.in_flight_before.saturating_mul(2) >= cwnd;
        if ack.in_recovery {
            // No samples are taken now (RFC 7661 4.2): SND.UNA jumps over what had arrived before.
            // After a timeout it is slow start that repairs, and grows.
            self.between = true;
            let grows = half && self.repair == Repair::None;
            return if grows { Usage::Half } else { Usage::Little };
        }
        if ack.lost == 0 && self.repair == Repair::None {
            self.repaired = 0;
        }
        self.sample(ack, cwnd);
        let before = ack.path.una - ack.octets;
        if ack.window_limited && ack.in_flight_before.saturating_add(ack.path.mss) >= cwnd {
            self.full_until = ack.path.nxt;
        }
        if before.lt(self.full_until) {
            return Usage::Full;
        }
        // Keeps it near, lest it seem to be ahead again after 2^31 octets.
        self.full_until = ack.path.una;
        if half || self.phase == Phase::Validated { Usage::Half } else { Usage::Little }
    }

    /// Nothing was out for a while: samples age, and a window that nobody uses is halved with every
    /// period that passes (RFC 7661 4.4.3), down to the initial one. `ssthresh` remembers most of it.
    ///
    /// True if the window changed.
    pub(super) fn decay(
        &mut self,
        path: &Path,
        initial_window: u32,
        cwnd: &mut u32,
        ssthresh: &mut u32,
    ) -> bool {
        let now = ticks(path.now);
        if path.in_flight == 0 {
            self.age(path);
            self.judge(*cwnd, path);
        }
        if self.phase != Phase::NonValidated {
            self.validated_at = now;
            return false;
        }
        let periods = now.wrapping_sub(self.validated_at) / NON_VALIDATED_PERIOD;
        self.validated_at = self.validated_at.wrapping_add(periods * NON_VALIDATED_PERIOD);
        let before = *cwnd;
        for _ in 0..periods.min(u32::BITS) {
            *ssthresh = (*ssthresh).max(*cwnd / 4 * 3);
            *cwnd = (*cwnd).min(initial_window.max(*cwnd / 2));
        }
        *cwnd != before
    }

    pub(super) fn on_lost(&mut self, octets: u32) {
        self.repaired = self.repaired.saturating_add(octets);
    }

    /// A loss or a mark, while the window was `cwnd`. From now on nothing grows, until
    /// `on_recovered`.
    pub(super) fn on_congestion(&mut self, path: &Path, cwnd: u32) -> Used {
        self.age(path);
        // pipeACK lags behind slow start by a round trip, but a window that is full is in use.
        let is_full = path.una.lt(self.full_until);
        let unvalidated = self.phase == Phase::NonValidated && !is_full;
        self.repair = if unvalidated { Repair::Cautious } else { Repair::Usual };
        Used { unvalidated, octets: self.pipe_ack().max(path.in_flight).min(cwnd) }
    }

    /// The loss is repaired. If the window had not been validated, it shrinks by half of what was sent
    /// again (RFC 7661 4.4.1).
    ///
    /// pipeACK is undefined again: the usual rules hold until there is a new sample.
    pub(super) fn on_recovered(&mut self, mss: u32, cwnd: &mut u32, ssthresh: &mut u32) {
        let excess = if self.repair == Repair::Cautious { self.repaired / 2 } else { 0 };
        if excess > 0 {
            let least = mss.saturating_mul(2).max(1);
            *cwnd = (*cwnd).min(cwnd.saturating_sub(excess).max(least));
            *ssthresh = (*ssthresh).min((*cwnd).max(least));
        }
        self.reset();
    }

    /// What was sampled is of no use any more: after a timeout, a repair, a restart.
    pub(super) fn reset(&mut self) {
        self.bins = [0; BINS];
        self.repaired = 0;
        self.phase = Phase::Undefined;
        self.repair = Repair::None;
        self.between = true;
    }

    fn sample(&mut self, ack: &Ack, cwnd: u32) {
        let path = &ack.path;
        if self.between {
            self.round_from = path.una - ack.octets;
            self.round_end = path.nxt;
            self.full_until = self.round_from;
            self.between = false;
        }
        if path.una.lt(self.round_end) {
            return;
        }
        self.age(path);
        self.bins[0] = self.bins[0].max(path.una.since(self.round_from));
        if self.phase == Phase::Undefined {
            (self.phase, self.validated_at) = (Phase::Validated, ticks(path.now));
        }
        self.judge(cwnd, path);
        self.round_from = path.una;
        self.round_end = path.nxt;
        self.between = path.una == path.nxt;
    }

    /// Forgets the samples that are older than the sampling period.
    fn age(&mut self, path: &Path) {
        let now = ticks(path.now);
        let srtt = path.srtt.map_or(0, |srtt| u64::try_from(srtt.as_millis()).unwrap_or(u64::MAX));
        // An hour is more than any round trip takes.
        let bin = u32::try_from((srtt / TICK_MS).min(360_000))
            .map_or(LEAST_BIN, |bin| bin.max(LEAST_BIN));
        let passed = now.wrapping_sub(self.bin_began) / bin;
        match passed {
            0 => return,
            1 => self.bins = [0, self.bins[0], self.bins[1]],
            2 => self.bins = [0, 0, self.bins[0]],
            _ => {
                self.bins = [0; BINS];
                self.bin_began = now;
                return;
            }
        }
        self.bin_began = self.bin_began.wrapping_add(passed * bin);
    }

    /// Validated is a window of which half was acknowledged within a round trip (RFC 7661 4.3). That
    /// is asked when a round ends, as slow start doubles the window in the course of one, and up to
    /// one segment, as windows are rarely a multiple of it.
    fn judge(&mut self, cwnd: u32, path: &Path) {
        if self.phase != Phase::Undefined {
            let twice = self.pipe_ack().saturating_mul(2).saturating_add(path.mss);
            self.phase = if twice >= cwnd { Phase::Validated } else { Phase::NonValidated };
        }
    }

    fn pipe_ack(&self) -> u32 {
        self.bins.into_iter().fold(0, u32::max)
    }
}

/// Modulo 2^32.
#[expect(clippy::cast_possible_truncation, reason = "only differences are used")]
fn ticks(now: Instant) -> u32 {
    (now.as_millis() / TICK_MS) as u32
}
#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::model::Flow;
    use super::super::new_reno::NewReno;
    use super::super::{CongestionControl, Signal};
    use super::*;

    const MSS: u32 = 1000;
    const MINUTE: Duration = Duration::from_mins(1);

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    /// In congestion avoidance after a loss, with a window of `segments` and nothing out.
    fn grown(segments: u32) -> (NewReno, Flow) {
        let (mut reno, mut flow) = (NewReno::new(10, MSS), Flow::new(MSS, ms(100)));
        while reno.window() < 2 * segments * MSS {
            flow.step(&mut reno);
        }
        flow.lose(&mut reno, 1);
        flow.una = flow.nxt;
        assert_eq!(reno.window(), segments * MSS);
        (reno, flow)
    }

    /// Of 10 segments 4 are used, and 8 acknowledged: not half of what it grows to.
    #[test]
    fn slow_start_grows_to_twice_what_is_used() {
        let (mut reno, mut flow) = (NewReno::new(10, MSS), Flow::new(MSS, ms(100)));
        (0..5).for_each(|_| flow.quiet_round(&mut reno, 4 * MSS));
        assert_eq!(reno.window(), 10 * MSS);
        (0..5).for_each(|_| flow.quiet_round(&mut reno, 6 * MSS));
        // Up to a segment.
        assert!((12 * MSS..=19 * MSS).contains(&reno.window()), "{}", reno.window());
        let grown = reno.window();
        (0..20).for_each(|_| flow.quiet_round(&mut reno, 6 * MSS));
        assert_eq!(reno.window(), grown, "it stops");
    }

    /// The rule of congestion avoidance: full, up to a segment.
    #[test]
    fn congestion_avoidance_wants_a_full_window() {
        for (used, then) in [(18, 20), (19, 21), (20, 21)] {
            let (mut reno, mut flow) = grown(20);
            (0..2).for_each(|_| flow.quiet_round(&mut reno, used * MSS));
            assert_eq!(reno.window(), then * MSS, "{used} of 20");
        }
    }

    /// Many ACKs may be taken in before the next segment leaves: the window was full all the same.
    #[test]
    fn acks_that_come_together_all_count() {
        let (mut reno, mut flow) = grown(20);
        for _ in 0..10 {
            let before = reno.window();
            flow.send(&mut reno, u32::MAX);
            (0..before / MSS).for_each(|_| flow.acknowledge(&mut reno, MSS));
            assert_eq!(reno.window(), before + MSS);
        }
    }

    /// Another limit than this window, the peer's for one: nothing was learnt.
    #[test]
    fn a_window_that_was_not_the_limit_does_not_grow() {
        let (mut reno, mut flow) = grown(20);
        for _ in 0..30 {
            flow.send(&mut reno, u32::MAX);
            let ack = flow.ack(MSS);
            reno.on_ack(&Ack { window_limited: false, ..ack });
        }
        assert_eq!(reno.window(), 20 * MSS);
    }

    /// 41 segments. After five minutes without use the half, after ten a quarter, then the initial
    /// window; ssthresh is beyond three quarters of it already.
    #[test]
    fn an_unused_window_is_kept_for_five_minutes() {
        let (mut reno, mut flow) = grown(40);
        flow.quiet_round(&mut reno, 40 * MSS);
        let cwnd = reno.window();
        assert!((40 * MSS..=41 * MSS).contains(&cwnd));
        for (minutes, window, ssthresh) in [
            (4, cwnd, 40 * MSS),
            (2, cwnd / 2, 40 * MSS),
            (3, cwnd / 2, 40 * MSS),
            (2, cwnd / 4, 40 * MSS),
            (60, 10 * MSS, 40 * MSS),
        ] {
            flow.now += MINUTE * minutes;
            flow.quiet_round(&mut reno, MSS);
            assert_eq!(reno.window(), window.max(10 * MSS), "after {minutes} more minutes");
            assert_eq!(reno.slow_start_threshold(), ssthresh);
        }
    }

    /// The same, with nobody there to notice each end of five minutes; ssthresh keeps 3/4 of 80.
    #[test]
    fn periods_that_passed_unseen_count_each() {
        let mut flow = Flow::new(MSS, ms(100));
        let mut validation = Validation::new();
        validation.phase = Phase::NonValidated;
        flow.now += MINUTE * 12;
        let (mut cwnd, mut ssthresh) = (80 * MSS, 2 * MSS);
        assert!(validation.decay(&flow.path(), 10 * MSS, &mut cwnd, &mut ssthresh));
        assert_eq!((cwnd, ssthresh), (20 * MSS, 60 * MSS));
        assert!(!validation.decay(&flow.path(), 10 * MSS, &mut cwnd, &mut ssthresh));
    }

    /// A window of 80 is kept through a second of 12 segments for each round trip. Then of 10 that are
    /// out 4 are lost: max(12, 10) / 2 = 6 while they are repaired, and 6 - 4 / 2 = 4 afterwards.
    #[test]
    fn a_loss_of_a_window_that_was_kept() {
        let (mut reno, mut flow) = grown(80);
        (0..15).for_each(|_| flow.quiet_round(&mut reno, 12 * MSS));
        assert_eq!(reno.window(), 80 * MSS);
        flow.send(&mut reno, 10 * MSS);
        let mut seen = reno.clone();
        seen.on_congestion(Signal::Loss, &flow.path());
        assert_eq!(seen.window(), 6 * MSS);
        flow.lose_of_what_is_out(&mut reno, 4);
        assert_eq!((reno.window(), reno.slow_start_threshold()), (4 * MSS, 4 * MSS));
        // pipeACK is undefined now: the next loss is a usual one, of what is out.
        flow.una = flow.nxt;
        flow.send(&mut reno, u32::MAX);
        flow.lose_of_what_is_out(&mut reno, 2);
        assert_eq!(reno.window(), 2 * MSS);
    }

    /// Sequence numbers, not time, are what a round is measured by: it is the same at 20 us.
    #[test]
    fn pipe_ack_is_what_a_round_trip_acknowledges() {
        for rtt in [Duration::from_micros(20), ms(100), Duration::from_secs(2)] {
            let (mut validation, mut flow) = (Validation::new(), Flow::new(MSS, rtt));
            let mut reno = NewReno::new(30, MSS);
            for sent in [12, 30, 7, 7] {
                flow.send(&mut reno, sent * MSS);
                flow.now += rtt;
                while flow.una != flow.nxt {
                    validation.on_ack(&flow.ack(MSS), 30 * MSS);
                }
            }
            assert_eq!(validation.pipe_ack(), 30 * MSS, "{rtt:?}");
        }
    }

    /// The sampling period is a second, or three round trips.
    #[test]
    fn samples_are_forgotten_after_the_sampling_period() {
        for (rtt, still, gone) in [(ms(1), 650, 1000), (ms(1000), 1990, 3010)] {
            let (mut validation, mut flow) = (Validation::new(), Flow::new(MSS, rtt));
            flow.nxt = flow.una + 20 * MSS;
            validation.on_ack(&flow.ack(20 * MSS), 20 * MSS);
            flow.now += ms(still);
            validation.age(&flow.path());
            assert_eq!(validation.pipe_ack(), 20 * MSS);
            flow.now += ms(gone - still);
            validation.age(&flow.path());
            assert_eq!(validation.pipe_ack(), 0);
        }
    }
}
