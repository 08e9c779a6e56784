//! From octets delivered to a rate at each moment.

use std::time::Duration;

use crate::sim::bottleneck::{Sample, Scenario};

/// Over how long a time a rate is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Window(Duration);

impl Window {
    /// A tenth of a second at least: with less, a curve shows packets.
    const LEAST: Duration = Duration::from_millis(100);

    pub(super) fn of(scenario: &Scenario) -> Self {
        Window(Window::LEAST.max(scenario.rtt).max(scenario.sample))
    }
}

/// Bits per second up to each sample: over the window, or as much of it as there was.
#[expect(clippy::cast_precision_loss, reason = "octets of a window")]
pub(super) fn over(samples: &[Sample], window: Window) -> Vec<f64> {
    let mut from = 0;
    let rates = samples.iter().enumerate().map(|(index, sample)| {
        while from + 1 < index && samples[from + 1].at + window.0 <= sample.at {
            from += 1;
        }
        let before = samples[from];
        let took = (sample.at - before.at).as_secs_f64();
        let bits = (sample.delivered - before.delivered) as f64 * 8.0;
        if took > 0.0 { bits / took } else { 0.0 }
    });
    rates.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Instant;

    #[test]
    fn a_rate_is_taken_over_the_window() {
        let sample = |(at, delivered)| Sample {
            at: Instant::from_millis(at),
            cwnd: 0,
            ssthresh: None,
            srtt: None,
            in_flight: 0,
            delivered,
            retransmissions: 0,
            queue: 0,
        };
        let samples = [(0, 0), (100, 1000), (200, 1000), (300, 4000)].map(sample);
        let window = Window(Duration::from_millis(100));
        assert_eq!(over(&samples, window), [0.0, 80_000.0, 0.0, 240_000.0]);
        let window = Window(Duration::from_millis(200));
        assert_eq!(over(&samples, window), [0.0, 80_000.0, 40_000.0, 120_000.0]);
    }
}
