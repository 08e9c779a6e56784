//! The retransmission timeout (RFC 6298): from round-trip times to how long to wait.

use std::hash::{Hash, Hasher};
use std::time::Duration;

use super::config::Config;
use crate::time::Instant;

/// SRTT, RTTVAR and RTO of one connection. In nanoseconds, for they are reckoned with for each ACK.
#[derive(Clone, Debug)]
pub(super) struct Rtt {
    /// `NONE` before the first measurement.
    srtt: u64,
    rttvar: u64,
    /// Without backoff.
    rto: u64,
    /// How often the timeout has been doubled (RFC 6298 5.5).
    backoff: u32,
    /// The least measurement of the last minutes, and when it was made; `NONE` before the first.
    least: u64,
    least_at: Instant,
}

/// How long the least measurement counts, in nanoseconds: paths change (RFC 8985 6.2, step 1 asks for such a
/// window).
const LEAST_LASTS: u64 = 5 * 60 * 1_000_000_000;

/// What no measurement exceeds: far beyond any ceiling of the timeout, far from any overflow.
const LONGEST: u64 = 1 << 50;

/// No measurement, in the place of one.
const NONE: u64 = u64::MAX;

fn known(nanos: u64) -> Option<Duration> {
    (nanos != NONE).then(|| Duration::from_nanos(nanos))
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

impl Rtt {
    pub(super) fn new(config: &Config) -> Self {
        Rtt {
            srtt: NONE,
            rttvar: 0,
            rto: nanos(config.initial_rto),
            backoff: 0,
            least: NONE,
            least_at: Instant::ZERO,
        }
    }

    /// Takes a measurement (RFC 6298 2.2 and 2.3), and with it ends the doubling: until then the wait
    /// stays long, or a timeout too short would come again for each segment and never be mended
    /// (section 5). By Karn's rule the caller measures only what was sent once (section 3).
    pub(super) fn measure(&mut self, rtt_nanos: u64, config: &Config) {
        self.backoff = 0;
        let rtt = rtt_nanos.min(LONGEST);
        let srtt = if self.srtt == NONE {
            self.rttvar = rtt / 2;
            rtt
        } else {
            self.rttvar = (self.rttvar * 3 + self.srtt.abs_diff(rtt)) / 4;
            (self.srtt * 7 + rtt) / 8
        };
        self.srtt = srtt;
        self.reckon(srtt, config);
    }

    fn reckon(&mut self, srtt: u64, config: &Config) {
        let variation = (4 * self.rttvar).max(nanos(config.min_variation));
        let floor = nanos(config.min_rto);
        let ceiling = nanos(config.max_rto).max(floor);
        self.rto = srtt.saturating_add(variation).clamp(floor, ceiling);
    }

    /// Takes an exact measurement for the least round-trip time.
    pub(super) fn take_least(&mut self, rtt_nanos: u64, now: Instant) {
        let is_old = now.nanos_since(self.least_at) > LEAST_LASTS;
        if is_old || rtt_nanos <= self.least {
            self.least = rtt_nanos;
            self.least_at = now;
        }
    }

    /// The least round-trip time of the last minutes.
    pub(super) fn least(&self) -> Option<Duration> {
        known(self.least)
    }

    /// A timeout came too early: what is measured next is to count in full, and until then the variation
    /// is taken for large (RFC 4015 3.2, step 5).
    pub(super) fn be_more_patient(&mut self, config: &Config) {
        self.backoff = 0;
        if self.srtt != NONE {
            self.rttvar = self.rttvar.max(self.srtt / 2);
            self.reckon(self.srtt, config);
        }
    }

    /// Doubles the timeout (5.5), up to the ceiling.
    pub(super) fn back_off(&mut self) {
        self.backoff = (self.backoff + 1).min(31);
    }

    /// Forgets the doubling: the peer's window has opened, what was probed before was not lost.
    pub(super) fn reset_backoff(&mut self) {
        self.backoff = 0;
    }

    /// After a SYN had to be sent again and nothing could be measured: begin with 3 s (5.7).
    pub(super) fn after_lost_syn(&mut self) {
        if self.srtt == NONE {
            self.rto = self.rto.max(nanos(Duration::from_secs(3)));
            self.backoff = 0;
        }
    }

    /// RTO with backoff.
    pub(super) fn rto(&self, config: &Config) -> Duration {
        let doubled = self.rto.saturating_mul(1 << self.backoff);
        Duration::from_nanos(doubled).min(config.max_rto)
    }

    pub(super) fn fingerprint(&self, hasher: &mut impl Hasher) {
        (self.srtt, self.rttvar, self.rto, self.backoff, self.least).hash(hasher);
    }

    pub(super) fn srtt(&self) -> Option<Duration> {
        known(self.srtt)
    }

    /// Twice that: for the loss probe (RFC 8985 7.2).
    pub(super) fn twice_srtt(&self) -> Option<Duration> {
        (self.srtt != NONE).then(|| Duration::from_nanos(2 * self.srtt))
    }

    pub(super) fn rttvar(&self) -> Duration {
        Duration::from_nanos(self.rttvar)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    #[test]
    fn the_first_measurement_sets_and_later_ones_smooth() {
        let config = Config::default();
        let mut rtt = Rtt::new(&config);
        assert_eq!(rtt.rto(&config), ms(1000));
        rtt.measure(nanos(ms(100)), &config);
        assert_eq!((rtt.srtt(), rtt.rttvar(), rtt.rto(&config)), (Some(ms(100)), ms(50), ms(300)));
        rtt.measure(nanos(ms(180)), &config);
        // RTTVAR = 3/4 * 50 + 1/4 * 80, SRTT = 7/8 * 100 + 1/8 * 180
        assert_eq!((rtt.srtt(), rtt.rttvar()), (Some(ms(110)), Duration::from_micros(57_500)));
        assert_eq!(rtt.rto(&config), ms(340));
    }

    #[test]
    fn the_timeout_doubles_up_to_the_ceiling_and_has_a_floor() {
        let config = Config::default();
        let mut rtt = Rtt::new(&config);
        rtt.measure(20_000, &config);
        assert_eq!(rtt.rto(&config), config.min_rto);
        rtt.back_off();
        assert_eq!(rtt.rto(&config), 2 * config.min_rto);
        (0..100).for_each(|_| rtt.back_off());
        assert_eq!(rtt.rto(&config), config.max_rto);
        rtt.measure(20_000, &config);
        assert_eq!(rtt.rto(&config), config.min_rto);
    }

    #[test]
    fn a_lost_syn_makes_the_start_careful() {
        let config = Config::default();
        let mut rtt = Rtt::new(&config);
        rtt.after_lost_syn();
        assert_eq!(rtt.rto(&config), Duration::from_secs(3));
    }
}
