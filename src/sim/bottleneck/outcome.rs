//! What came of an experiment.

use std::time::Duration;

use super::{FlowPlan, Scenario, statistics};
use crate::error::Error;
use crate::time::Instant;

/// What came of a [`Scenario`].
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    /// The experiment.
    pub scenario: Scenario,
    /// Its flows, in the order of the scenario.
    pub flows: Vec<FlowOutcome>,
}

/// What became of one flow.
#[derive(Clone, Debug, PartialEq)]
pub struct FlowOutcome {
    /// The flow.
    pub plan: FlowPlan,
    /// What was seen of it, from its start on.
    pub samples: Vec<Sample>,
    /// What was measured.
    pub measured: Measured,
    /// Why it ended before the experiment did.
    pub error: Option<Error>,
}

/// A flow at one moment. Sizes are in octets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sample {
    /// When.
    pub at: Instant,
    /// The congestion window.
    pub cwnd: u32,
    /// The slow-start threshold; `None` before the first congestion.
    pub ssthresh: Option<u32>,
    /// The smoothed round-trip time; `None` before the first measurement.
    pub srtt: Option<Duration>,
    /// Sent and not acknowledged.
    pub in_flight: u32,
    /// Read by the receiving application since the start.
    pub delivered: u64,
    /// Segments sent again since the start.
    pub retransmissions: u64,
    /// Waiting for the bottleneck, whose ever it is.
    pub queue: u64,
}

/// A flow, from when measuring began to the end. Rates are in bits per second.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Measured {
    /// What the receiving application read.
    pub goodput: f64,
    /// Packets with data that were sent.
    pub sent: u64,
    /// Of these, those that found the buffer full.
    pub dropped: u64,
    /// Of these, those that were lost by chance.
    pub lost: u64,
    /// Segments sent again.
    pub retransmissions: u64,
    /// The round-trip time that its packets found: the path's, and their wait for the bottleneck. What a
    /// receiver adds when it delays an acknowledgment is not in it.
    pub rtt_mean: Duration,
    /// 95 of 100 packets found no longer one.
    pub rtt_95: Duration,
    /// Octets that waited for the bottleneck, on average over the samples, whose ever they were.
    pub queue_mean: f64,
}

impl Outcome {
    /// What all flows got through, together.
    #[must_use]
    pub fn goodput(&self) -> f64 {
        self.flows.iter().map(|flow| flow.measured.goodput).sum()
    }

    /// How evenly they shared: Jain's index.
    #[must_use]
    pub fn fairness(&self) -> f64 {
        let each: Vec<f64> = self.flows.iter().map(|flow| flow.measured.goodput).collect();
        statistics::jain(&each)
    }
}

impl Measured {
    /// The share of packets that did not arrive.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "packets of an experiment")]
    pub fn loss_rate(&self) -> f64 {
        (self.dropped + self.lost) as f64 / self.sent.max(1) as f64
    }

    /// Of each figure the median over these runs of the same flow.
    #[must_use]
    pub fn median(runs: &[Measured]) -> Measured {
        let of = |figure: fn(&Measured) -> f64| {
            statistics::median(&runs.iter().map(figure).collect::<Vec<_>>())
        };
        let count = |figure: fn(&Measured) -> u64| {
            let mut counts: Vec<u64> = runs.iter().map(figure).collect();
            counts.sort_unstable();
            counts.get(counts.len() / 2).copied().unwrap_or_default()
        };
        let time = |figure: fn(&Measured) -> f64| Duration::from_secs_f64(of(figure));
        Measured {
            goodput: of(|run| run.goodput),
            sent: count(|run| run.sent),
            dropped: count(|run| run.dropped),
            lost: count(|run| run.lost),
            retransmissions: count(|run| run.retransmissions),
            rtt_mean: time(|run| run.rtt_mean.as_secs_f64()),
            rtt_95: time(|run| run.rtt_95.as_secs_f64()),
            queue_mean: of(|run| run.queue_mean),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_median_of_runs_is_taken_figure_by_figure() {
        let run = |goodput, lost, millis| Measured {
            goodput,
            lost,
            rtt_95: Duration::from_millis(millis),
            ..Measured::default()
        };
        let runs = [run(1.0, 9, 30), run(3.0, 7, 20), run(2.0, 8, 10)];
        assert_eq!(Measured::median(&runs), run(2.0, 8, 20));
    }

    #[test]
    fn what_is_dropped_and_what_is_lost_is_no_more_there() {
        let measured = Measured { sent: 200, dropped: 3, lost: 1, ..Measured::default() };
        assert!((measured.loss_rate() - 0.02).abs() < 1e-12);
        assert!(Measured::default().loss_rate().abs() < 1e-12, "nothing was sent");
    }
}
