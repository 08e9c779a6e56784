//! The few sums that BBR is made of, in integers, so that two machines reckon alike. They saturate
//! instead of overflowing, and are exact from 8 kbit/s to 400 Gbit/s and from microseconds to hours.

use std::time::Duration;

const NANOS: u128 = 1_000_000_000;

/// A bound that does not bind.
pub(super) const UNBOUNDED: u64 = u64::MAX;

/// `per_cent` hundredths of `value`. What is unbounded stays so.
pub(super) fn per_cent(value: u64, per_cent: u64) -> u64 {
    if value == UNBOUNDED {
        return UNBOUNDED;
    }
    saturate(u128::from(value) * u128::from(per_cent) / 100)
}

/// The octets that `rate` octets per second bring in `time`.
pub(super) fn octets(rate: u64, time: Duration) -> u64 {
    // A Duration is below 2^94 nanoseconds: beside a rate of 2^64 that may be too much even here.
    saturate(u128::from(rate).saturating_mul(time.as_nanos()) / NANOS)
}

/// Octets per second, when `octets` pass in `time`.
pub(super) fn rate(octets: u64, time: Duration) -> u64 {
    saturate(u128::from(octets) * NANOS / time.as_nanos().max(1))
}

fn saturate(value: u128) -> u64 {
    u64::try_from(value).unwrap_or(u64::MAX)
}

/// Random numbers whose seed comes from outside: splitmix64. They only spread probes in time, so that
/// anybody may guess them.
#[derive(Clone, Copy, Debug)]
pub(super) struct Random(u64);

impl Random {
    pub(super) const fn new(seed: u64) -> Self {
        Random(seed)
    }

    /// One of 0 to `bound` - 1.
    pub(super) fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^= mixed >> 31;
        saturate((u128::from(mixed) * u128::from(bound)) >> 64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sums_are_exact_on_slow_and_on_fast_paths() {
        assert_eq!(octets(1_000, Duration::from_secs(2)), 2_000);
        assert_eq!(octets(50_000_000_000, Duration::from_micros(20)), 1_000_000);
        assert_eq!(octets(u64::MAX, Duration::MAX), u64::MAX);
        assert_eq!(rate(1_000_000, Duration::from_micros(20)), 50_000_000_000);
        assert_eq!(rate(1, Duration::ZERO), 1_000_000_000);
        assert_eq!(per_cent(50_000_000_000, 277), 138_500_000_000);
        assert_eq!(per_cent(UNBOUNDED, 70), UNBOUNDED);
    }

    #[test]
    fn random_numbers_fill_their_range_and_repeat_for_a_seed() {
        let draw = |seed| {
            let mut random = Random::new(seed);
            (0..1000).map(|_| random.below(10)).collect::<Vec<_>>()
        };
        let drawn = draw(7);
        assert!((0..10).all(|value| drawn.contains(&value)));
        assert!(drawn.iter().all(|&value| value < 10));
        assert_eq!(drawn, draw(7));
        assert_ne!(drawn, draw(8));
    }
}
