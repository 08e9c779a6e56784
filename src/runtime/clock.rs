//! The one place where clocks are read.

use std::time::SystemTime;

use nix::time::{ClockId, clock_gettime};

use crate::time::Instant;

/// The machine's monotonic clock, counted from when this was made.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    /// In nanoseconds of the machine's clock.
    start: u64,
}

impl Clock {
    /// A clock that stands at [`Instant::ZERO`] now.
    #[must_use]
    pub fn start() -> Self {
        Clock { start: monotonic() }
    }

    /// What it shows.
    #[must_use]
    pub fn now(&self) -> Instant {
        Instant::from_nanos(monotonic() - self.start)
    }
}

/// Nanoseconds since some moment in the past, never fewer than before. It is read for every call of a
/// socket: `std::time::Instant` would reckon with seconds and fractions each time.
fn monotonic() -> u64 {
    let now = clock_gettime(ClockId::CLOCK_MONOTONIC).expect("every Linux has this clock");
    let positive = "the monotonic clock has run for less than 292 years";
    let seconds = u64::try_from(now.tv_sec()).expect(positive);
    seconds * 1_000_000_000 + u64::try_from(now.tv_nsec()).expect(positive)
}

/// The time of day.
#[expect(clippy::disallowed_methods, reason = "the one place where clocks are read")]
#[must_use]
pub fn time_of_day() -> SystemTime {
    SystemTime::now()
}
