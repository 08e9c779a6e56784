//! Samples as comma-separated values, one row for each flow at each moment.

use std::io;
use std::time::Duration;

use super::goodput::{self, Window};
use crate::sim::bottleneck::Outcome;

/// The columns. Sizes are in octets; a field is empty where there is nothing to say yet.
#[derive(serde::Serialize)]
struct Row {
    time_s: f64,
    /// The number of the flow, from one.
    flow: usize,
    cc: &'static str,
    cwnd: u32,
    ssthresh: Option<u32>,
    srtt_ms: Option<f64>,
    in_flight: u32,
    delivered: u64,
    /// Over the last round-trip time, or a tenth of a second if that is longer.
    goodput_mbit: f64,
    retransmissions: u64,
    queue: u64,
}

/// How many rows [`write_csv`] writes below the line of names.
#[must_use]
pub fn rows(outcomes: &[Outcome]) -> usize {
    outcomes.iter().flat_map(|outcome| &outcome.flows).map(|flow| flow.samples.len()).sum()
}

/// Writes a line of names, and the samples of all flows, numbered through: flow by flow, by time.
///
/// # Errors
///
/// As `out`.
pub fn write_csv(outcomes: &[Outcome], out: impl io::Write) -> io::Result<()> {
    let mut writer = csv::Writer::from_writer(out);
    let flows = outcomes
        .iter()
        .flat_map(|outcome| outcome.flows.iter().map(move |flow| (&outcome.scenario, flow)));
    for ((scenario, flow), number) in flows.zip(1..) {
        let goodputs = goodput::over(&flow.samples, Window::of(scenario));
        for (sample, goodput) in flow.samples.iter().zip(goodputs) {
            writer
                .serialize(Row {
                    time_s: sample.at.as_secs_f64(),
                    flow: number,
                    cc: flow.plan.algorithm.name(),
                    cwnd: sample.cwnd,
                    ssthresh: sample.ssthresh,
                    srtt_ms: sample.srtt.map(millis),
                    in_flight: sample.in_flight,
                    delivered: sample.delivered,
                    goodput_mbit: (goodput / 1e3).round() / 1e3,
                    retransmissions: sample.retransmissions,
                    queue: sample.queue,
                })
                .map_err(io::Error::other)?;
        }
    }
    writer.flush()
}

#[expect(clippy::cast_precision_loss, reason = "a round-trip time")]
fn millis(time: Duration) -> f64 {
    time.as_micros() as f64 / 1e3
}
