//! Is the pipe full? When sending faster brings no more, it is (section 5.3.1.2).

use super::arithmetic::per_cent;
use super::sample::Sample;

/// Growth below this in a round counts as none.
const GROWTH: u64 = 125;
/// So many rounds without growth are a plateau: fewer may be a receive window that is still growing.
const PLATEAU: u8 = 3;

/// The estimator, for Startup and for every probe upward.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct FullPipe {
    /// BBR.full_bw_reached: the pipe has been full at least once.
    pub(super) reached: bool,
    /// BBR.full_bw_now: it has been since the estimator was last reset.
    pub(super) now: bool,
    /// BBR.full_bw: the rate to beat.
    baseline: u64,
    /// BBR.full_bw_count: rounds that failed to.
    count: u8,
}

impl FullPipe {
    /// Begins to look anew, for rates well above `baseline`.
    pub(super) fn reset(&mut self, baseline: u64) {
        *self = FullPipe { reached: self.reached, baseline, ..FullPipe::default() };
    }

    /// Takes in an acknowledgment.
    pub(super) fn on_ack(&mut self, sample: &Sample, round_started: bool) {
        if self.now || !round_started || sample.app_limited {
            return;
        }
        if sample.rate >= per_cent(self.baseline, GROWTH) {
            self.reset(sample.rate);
            return;
        }
        self.count += 1;
        self.now = self.count >= PLATEAU;
        self.reached |= self.now;
    }

    /// Losses have shown that it is full.
    pub(super) fn found_by_loss(&mut self) {
        (self.now, self.reached) = (true, true);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(rates: &[u64], app_limited: bool) -> FullPipe {
        let mut pipe = FullPipe::default();
        for &rate in rates {
            pipe.on_ack(&Sample { rate, app_limited, ..Sample::default() }, true);
            pipe.on_ack(&Sample { rate: 1, ..Sample::default() }, false);
        }
        pipe
    }

    #[test]
    fn three_rounds_without_a_quarter_more_are_a_plateau() {
        assert!(!after(&[100, 200, 400, 400, 410], false).reached);
        assert!(after(&[100, 200, 400, 400, 410, 499], false).reached);
        assert!(!after(&[100, 124, 124, 125, 125, 125], false).now);
        assert!(!after(&[100, 100, 100, 100, 100], true).now);
    }
}
