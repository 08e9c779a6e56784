//! The long-term view of the bandwidth: the highest rate of delivery seen lately (section 5.5.2 to 5.5.6).

/// BBR.max_bw: the maximum over this cycle of ProbeBW and the one before, for each cycle probes once.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct MaxBandwidth {
    before: u64,
    current: u64,
}

impl MaxBandwidth {
    /// Octets per second; 0 before the first sample.
    pub(super) fn rate(&self) -> u64 {
        self.before.max(self.current)
    }

    /// Takes in a sample. A sample that the application limited says little about the path, except when
    /// it is higher than anything seen.
    pub(super) fn sample(&mut self, rate: u64, app_limited: bool) {
        if rate > 0 && (rate >= self.rate() || !app_limited) {
            self.current = self.current.max(rate);
        }
    }

    /// A cycle is over. One without any samples is none: an estimate is not forgotten for want of a new one.
    pub(super) fn advance(&mut self) {
        if self.current > 0 {
            self.before = std::mem::take(&mut self.current);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_remembered_for_two_cycles() {
        let mut bandwidth = MaxBandwidth::default();
        bandwidth.sample(100, false);
        bandwidth.advance();
        bandwidth.sample(50, false);
        assert_eq!(bandwidth.rate(), 100);
        bandwidth.advance();
        assert_eq!(bandwidth.rate(), 50);
        bandwidth.advance();
        assert_eq!(bandwidth.rate(), 50);
    }

    #[test]
    fn the_application_can_only_raise_it() {
        let mut bandwidth = MaxBandwidth::default();
        bandwidth.sample(100, false);
        bandwidth.advance();
        bandwidth.sample(40, true);
        bandwidth.advance();
        assert_eq!(bandwidth.rate(), 100);
        bandwidth.sample(120, true);
        assert_eq!(bandwidth.rate(), 120);
    }
}
