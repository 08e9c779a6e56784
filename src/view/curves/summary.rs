//! The figures of an experiment: of one run, or medians of several that differ in their seeds.

use std::fmt::Write as _;

use serde_json::{Value, json as object};

use super::words;
use crate::sim::bottleneck::{FlowPlan, Measured, Outcome, Scenario, statistics};

/// Several runs of the same flows.
#[derive(Clone, Debug, PartialEq)]
pub struct Summary {
    scenario: Scenario,
    seeds: Vec<u64>,
    flows: Vec<Flow>,
    /// Jain's index, where flows have shared a bottleneck.
    fairness: Option<f64>,
}

#[derive(Clone, Debug, PartialEq)]
struct Flow {
    plan: FlowPlan,
    /// By run.
    runs: Vec<Measured>,
    median: Measured,
}

impl Summary {
    /// Of runs, each of which is one outcome, or several when every flow had a bottleneck for itself.
    ///
    /// # Panics
    ///
    /// Without a run.
    #[must_use]
    pub fn of(runs: &[Vec<Outcome>]) -> Self {
        let flows_of = |run: &Vec<Outcome>| -> Vec<(FlowPlan, Measured)> {
            let flows = run.iter().flat_map(|outcome| &outcome.flows);
            flows.map(|flow| (flow.plan, flow.measured)).collect()
        };
        let by_run: Vec<_> = runs.iter().map(flows_of).collect();
        let flows = by_run[0].iter().enumerate().map(|(index, (plan, _))| {
            let runs: Vec<Measured> = by_run.iter().map(|run| run[index].1).collect();
            Flow { plan: *plan, median: Measured::median(&runs), runs }
        });
        let first = runs[0].first().expect("a run has an outcome");
        let shared = runs[0].len() == 1 && first.flows.len() > 1;
        let fairness: Vec<f64> = runs.iter().map(|run| run[0].fairness()).collect();
        Summary {
            scenario: first.scenario.clone(),
            seeds: runs.iter().map(|run| run[0].scenario.seed).collect(),
            flows: flows.collect(),
            fairness: shared.then(|| statistics::median(&fairness)),
        }
    }

    /// A table for people.
    #[must_use]
    pub fn text(&self) -> String {
        let scenario = &self.scenario;
        let mut out = format!("{}; {}\n", words::conditions(scenario), self.seeds_in_words());
        let _ = writeln!(
            out,
            "measured from {} to {}; {} of data fit through the bottleneck\n",
            words::time(scenario.measured_from().since(crate::time::Instant::ZERO)),
            words::time(scenario.duration),
            words::rate(scenario.payload_rate()),
        );
        let _ = writeln!(
            out,
            "{:<4} {:<8} {:>14} {:>9} {:>10} {:>10} {:>9} {:>8} {:>10}",
            "flow",
            "cc",
            "goodput",
            "of fit",
            "mean RTT",
            "95 % RTT",
            "loss",
            "again",
            "mean queue",
        );
        for (flow, number) in self.flows.iter().zip(1..) {
            let Measured { goodput, rtt_mean, rtt_95, retransmissions, queue_mean, .. } =
                flow.median;
            let _ = writeln!(
                out,
                "{number:<4} {:<8} {:>14} {:>9} {:>10} {:>10} {:>9} {retransmissions:>8} {:>10}",
                flow.plan.algorithm.name(),
                words::rate(goodput),
                format!("{:.1} %", goodput / scenario.payload_rate() * 100.0),
                words::time(rounded(rtt_mean)),
                words::time(rounded(rtt_95)),
                format!("{:.3} %", flow.median.loss_rate() * 100.0),
                words::octets(queue_mean.round()),
            );
        }
        if let Some(fairness) = self.fairness {
            let all: f64 = self.flows.iter().map(|flow| flow.median.goodput).sum();
            let share = all / scenario.payload_rate() * 100.0;
            let _ = writeln!(out, "all           {:>14} {share:>7.1} %", words::rate(all));
            let _ = writeln!(out, "fairness (Jain): {fairness:.3}");
        }
        out
    }

    /// The same and more, with every single run, on one line.
    #[must_use]
    pub fn json(&self) -> String {
        let scenario = &self.scenario;
        let flows: Vec<Value> = self.flows.iter().map(Flow::json).collect();
        let report = object!({
            "rate": scenario.rate, "rtt_ms": scenario.rtt.as_secs_f64() * 1e3,
            "buffer": scenario.buffer_octets(), "bdp": scenario.bdp(), "loss": scenario.loss,
            "reorder": scenario.reorder, "jitter_ms": scenario.jitter().as_secs_f64() * 1e3, "mark_above": scenario.mark_above_octets(),
            "mtu": scenario.mtu,
            "duration_s": scenario.duration.as_secs_f64(),
            "measured_from_s": scenario.measured_from().as_secs_f64(),
            "payload_rate": scenario.payload_rate(),
            "seeds": self.seeds, "flows": flows, "fairness": self.fairness,
        });
        format!("{report}\n")
    }

    fn seeds_in_words(&self) -> String {
        match self.seeds[..] {
            [seed] => format!("seed {seed}"),
            [first, .., last] => {
                format!("medians of {} runs, seeds {first} to {last}", self.seeds.len())
            }
            [] => String::new(),
        }
    }
}

impl Flow {
    fn json(&self) -> Value {
        object!({
            "cc": self.plan.algorithm.name(),
            "start_s": self.plan.start.as_secs_f64(),
            "median": measured(&self.median),
            "runs": self.runs.iter().map(measured).collect::<Vec<_>>(),
        })
    }
}

fn measured(measured: &Measured) -> Value {
    object!({
        "goodput": measured.goodput,
        "packets": measured.sent, "dropped": measured.dropped, "lost": measured.lost,
        "retransmissions": measured.retransmissions,
        "rtt_mean_ms": measured.rtt_mean.as_secs_f64() * 1e3,
        "rtt_95_ms": measured.rtt_95.as_secs_f64() * 1e3,
        "queue_mean": measured.queue_mean,
    })
}

/// To 10 us: more digits mean nothing.
fn rounded(time: std::time::Duration) -> std::time::Duration {
    let steps = (time.as_micros() + 5) / 10;
    std::time::Duration::from_micros(u64::try_from(steps * 10).unwrap_or(u64::MAX))
}
