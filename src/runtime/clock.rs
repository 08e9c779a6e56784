//! The one place where clocks are read.

use std::time::SystemTime;

use crate::time::Instant;

/// The machine's monotonic clock, counted from when this was made.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    start: std::time::Instant,
}

impl Clock {
    /// A clock that stands at [`Instant::ZERO`] now.
    #[expect(clippy::disallowed_methods, reason = "the one place where clocks are read")]
    #[must_use]
    pub fn start() -> Self {
        Clock { start: std::time::Instant::now() }
    }

    /// What it shows.
    #[must_use]
    pub fn now(&self) -> Instant {
        let nanos = self.start.elapsed().as_nanos();
        Instant::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
    }
}

/// The time of day.
#[expect(clippy::disallowed_methods, reason = "the one place where clocks are read")]
#[must_use]
pub fn time_of_day() -> SystemTime {
    SystemTime::now()
}
