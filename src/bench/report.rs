//! Outcomes as a table for people, and as JSON.

use std::fmt::Write;

use serde_json::{Value, json as object};

use super::Kind;
use super::rows::{Measured, Outcome};

/// The least, the median and the most.
struct Spread {
    min: f64,
    median: f64,
    max: f64,
}

impl Spread {
    fn of(values: impl Iterator<Item = f64>) -> Spread {
        let mut values: Vec<f64> = values.collect();
        values.sort_unstable_by(f64::total_cmp);
        let Some(last) = values.len().checked_sub(1) else {
            return Spread { min: 0.0, median: 0.0, max: 0.0 };
        };
        let median = f64::midpoint(values[last / 2], values[last.div_ceil(2)]);
        Spread { min: values[0], median, max: values[last] }
    }
}

/// The median of the rounds' ratios to smoltcp in the same row, if it took part.
fn ratio_to_smoltcp(outcome: &Outcome, all: &[Outcome]) -> Option<f64> {
    let theirs = all.iter().find(|other| other.row == outcome.row && other.server == Kind::Smoltcp);
    let theirs = theirs.filter(|_| outcome.server != Kind::Smoltcp)?;
    let rounds = outcome.runs.iter().zip(&theirs.runs);
    Some(Spread::of(rounds.map(|(our, their)| our.value / their.value)).median)
}

/// One line for each engine in each row.
#[must_use]
pub fn text(outcomes: &[Outcome]) -> String {
    let mut out = format!(
        "{:<12} {:<8} {:>15} {:>23} {:>12} {:>12} {:>10}\n",
        "row", "server", "median", "least to most", "in, 1/s", "out, 1/s", "/ smoltcp"
    );
    for outcome in outcomes {
        let value = Spread::of(outcome.runs.iter().map(|run| run.value));
        let of = |pick: fn(&Measured) -> f64| Spread::of(outcome.runs.iter().map(pick)).median;
        let (scale, unit, digits) =
            if outcome.row.counts_octets() { (1e9, "GB/s", 3) } else { (1.0, "1/s", 0) };
        let show = |value: f64| format!("{:.digits$}", value / scale);
        let ratio = ratio_to_smoltcp(outcome, outcomes);
        let _ = writeln!(
            out,
            "{:<12} {:<8} {:>15} {:>23} {:>12.0} {:>12.0} {:>10}",
            outcome.row.name(),
            outcome.server.name(),
            format!("{} {unit}", show(value.median)),
            format!("{} to {}", show(value.min), show(value.max)),
            of(|run| run.packets_in),
            of(|run| run.packets_out),
            ratio.map_or_else(String::new, |ratio| format!("{ratio:.2}")),
        );
    }
    let failures: u64 = outcomes.iter().flat_map(|one| &one.runs).map(|run| run.failures).sum();
    if failures > 0 {
        let connections = if failures == 1 { "connection" } else { "connections" };
        let _ = writeln!(out, "{failures} {connections} failed");
    }
    out
}

/// The same, with every single run, on one line.
#[must_use]
pub fn json(outcomes: &[Outcome]) -> String {
    let rows: Vec<Value> = outcomes
        .iter()
        .map(|outcome| {
            let value = Spread::of(outcome.runs.iter().map(|run| run.value));
            object!({
                "row": outcome.row.name(),
                "server": outcome.server.name(),
                "unit": if outcome.row.counts_octets() { "octets/s" } else { "requests/s" },
                "median": value.median, "min": value.min, "max": value.max,
                "ratio_to_smoltcp": ratio_to_smoltcp(outcome, outcomes),
                "runs": outcome.runs,
            })
        })
        .collect();
    format!("{}\n", object!({ "rows": rows }))
}

#[cfg(test)]
mod tests {
    use super::super::Row;
    use super::*;

    fn outcome(server: Kind, values: &[f64]) -> Outcome {
        let run = |value: &f64| Measured {
            value: *value,
            packets_in: 1.0,
            packets_out: 2.0,
            failures: 0,
        };
        Outcome { row: Row::Download, server, runs: values.iter().map(run).collect() }
    }

    #[test]
    fn ratios_are_taken_round_by_round() {
        // The machine was busy in the second round, and met both.
        let all = [outcome(Kind::Ours, &[2e9, 2e8, 4e9]), outcome(Kind::Smoltcp, &[1e9, 1e8, 2e9])];
        assert_eq!(ratio_to_smoltcp(&all[0], &all), Some(2.0));
        assert_eq!(ratio_to_smoltcp(&all[1], &all), None);
        let text = text(&all);
        assert!(text.contains("2.000 GB/s") && text.contains("0.200 to 4.000"), "{text}");
    }

    #[test]
    fn the_median_of_an_even_number_is_between_the_two() {
        assert!((Spread::of([1.0, 4.0, 2.0, 3.0].into_iter()).median - 2.5).abs() < 1e-9);
    }
}
