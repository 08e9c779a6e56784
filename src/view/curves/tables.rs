//! The tables of docs/congestion.md, in Markdown: what is measured, beside what theory leads one to expect.
//! A table says which experiments it is made of; somebody else runs them.

use std::fmt::Write as _;
use std::time::Duration;

use super::words;
use crate::sim::Random;
use crate::sim::bottleneck::{Buffer, FlowPlan, Measured, Outcome, Scenario, statistics, theory};
use crate::tcp::Algorithm;

/// The conditions of the matrix.
const LOSSES: [f64; 4] = [0.0, 0.001, 0.01, 0.05];
const RTTS_MS: [u64; 4] = [1, 20, 100, 300];
const BUFFERS: [f64; 3] = [0.5, 1.0, 4.0];

/// Tables need no curves.
const SAMPLE: Duration = Duration::from_millis(100);

/// Experiments, and how to tell what came of them.
#[derive(Clone, Debug)]
pub struct Table {
    kind: Kind,
    /// Each once, with its first seed.
    cells: Vec<Scenario>,
    runs: u64,
}

/// What a table is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// One flow without loss and with 1 % of it, and two that share, over one path.
    Goodput,
    /// One flow at every combination of loss, round-trip time and buffer.
    Matrix,
}

impl Table {
    /// A table of all algorithms over the bottleneck of `base`, each figure the median of `runs` seeds.
    #[must_use]
    pub fn new(kind: Kind, base: &Scenario, runs: u64) -> Self {
        let base = Scenario { sample: SAMPLE.max(base.sample), flows: Vec::new(), ..base.clone() };
        let cells = match kind {
            Kind::Goodput => goodput_cells(&base),
            Kind::Matrix => {
                Algorithm::ALL.into_iter().flat_map(|of| matrix_cells(of, &base)).collect()
            }
        };
        Table { kind, cells, runs: runs.max(1) }
    }

    /// What to run, for [`Table::markdown`].
    #[must_use]
    pub fn scenarios(&self) -> Vec<Scenario> {
        let runs = |cell: &Scenario| {
            let seeds = (cell.seed..).take(usize::try_from(self.runs).unwrap_or(usize::MAX));
            let cell = cell.clone();
            seeds.map(move |seed| with_seed(&cell, seed)).collect::<Vec<_>>()
        };
        self.cells.iter().flat_map(runs).collect()
    }

    /// What a table needs of an outcome: its flows, as they were measured.
    #[must_use]
    pub fn keep(outcome: Outcome) -> Vec<Measured> {
        outcome.flows.into_iter().map(|flow| flow.measured).collect()
    }

    /// The table; `measured` are the flows of each scenario, in their order.
    ///
    /// # Panics
    ///
    /// When there are not as many as scenarios.
    #[must_use]
    pub fn markdown(&self, measured: &[Vec<Measured>]) -> String {
        let runs = usize::try_from(self.runs).unwrap_or(usize::MAX);
        assert_eq!(measured.len(), self.cells.len() * runs, "one for each scenario");
        let cells: Vec<Cell<'_>> = self
            .cells
            .iter()
            .zip(measured.chunks(runs))
            .map(|(scenario, runs)| Cell { scenario, runs })
            .collect();
        match self.kind {
            Kind::Goodput => goodput_table(&cells),
            Kind::Matrix => matrix_tables(&cells),
        }
    }
}

/// The flows of a scenario, by run.
struct Cell<'a> {
    scenario: &'a Scenario,
    runs: &'a [Vec<Measured>],
}

impl Cell<'_> {
    fn algorithm(&self) -> Algorithm {
        self.scenario.flows[0].algorithm
    }

    /// Bits per second of all flows together, by run.
    fn goodputs(&self) -> Vec<f64> {
        let all = |flows: &Vec<Measured>| flows.iter().map(|flow| flow.goodput).sum();
        self.runs.iter().map(all).collect()
    }

    fn goodput(&self) -> f64 {
        statistics::median(&self.goodputs())
    }

    fn theory(&self) -> Option<f64> {
        theory::goodput(self.algorithm(), self.scenario)
    }

    /// How far the flow that is farthest from a fair share is from it: 0.2 is a fifth too much, or too
    /// little.
    fn unfairness(&self) -> f64 {
        let of_run = |flows: &Vec<Measured>| {
            let goodputs: Vec<f64> = flows.iter().map(|flow| flow.goodput).collect();
            let fair = statistics::mean(&goodputs).max(1.0);
            goodputs.iter().map(|one| (one / fair - 1.0).abs()).fold(0.0, f64::max)
        };
        statistics::median(&self.runs.iter().map(of_run).collect::<Vec<_>>())
    }
}

fn flows(algorithm: Algorithm, count: usize) -> Vec<FlowPlan> {
    vec![FlowPlan { algorithm, start: Duration::ZERO }; count]
}

/// With another seed, which also says when a second flow begins: within a round trip of the first.
fn with_seed(cell: &Scenario, seed: u64) -> Scenario {
    let mut random = Random::new(seed);
    let mut scenario = Scenario { seed, ..cell.clone() };
    for flow in scenario.flows.iter_mut().skip(1) {
        let round_trip = u64::try_from(cell.rtt.as_micros()).unwrap_or(u64::MAX);
        flow.start = Duration::from_micros(random.below(round_trip.max(1)));
    }
    scenario
}

fn goodput_cells(base: &Scenario) -> Vec<Scenario> {
    let rows = [(1, 0.0), (1, 0.01), (2, 0.0)];
    let of = |(count, loss)| {
        Algorithm::ALL.into_iter().map(move |algorithm| Scenario {
            flows: flows(algorithm, count),
            loss,
            ..base.clone()
        })
    };
    rows.into_iter().flat_map(of).collect()
}

fn goodput_table(cells: &[Cell<'_>]) -> String {
    let mut out = String::from(
        "| flows | loss | goodput, Mbit/s | least to most | of what fits | theory, Mbit/s | of theory | \
         farthest from a fair share |\n|---|---:|---:|---:|---:|---:|---:|---:|\n",
    );
    for cell in cells {
        let Cell { scenario, .. } = cell;
        let (count, name) = (scenario.flows.len(), cell.algorithm().name());
        let flows = if count == 1 { name.to_owned() } else { format!("{count} x {name}") };
        let goodputs = cell.goodputs();
        let least = goodputs.iter().copied().fold(f64::INFINITY, f64::min);
        let most = goodputs.iter().copied().fold(0.0, f64::max);
        let _ = writeln!(
            out,
            "| {flows} | {} | {} | {} to {} | {:.1} % | {} | {} | {} |",
            words::percent(scenario.loss),
            mbit(cell.goodput()),
            mbit(least),
            mbit(most),
            cell.goodput() / scenario.payload_rate() * 100.0,
            cell.theory().map_or_else(String::new, mbit),
            cell.theory().map_or_else(String::new, |theory| share(cell.goodput() / theory)),
            if count == 1 { String::new() } else { share(cell.unfairness()) },
        );
    }
    out
}

/// Ordered as [`matrix_tables`] reads them.
fn matrix_cells(algorithm: Algorithm, base: &Scenario) -> Vec<Scenario> {
    let mut cells = Vec::new();
    for loss in LOSSES {
        for rtt in RTTS_MS.map(Duration::from_millis) {
            for buffer in BUFFERS.map(Buffer::Bdp) {
                let flows = flows(algorithm, 1);
                cells.push(Scenario { flows, rtt, buffer, loss, ..base.clone() });
            }
        }
    }
    cells
}

fn matrix_tables(cells: &[Cell<'_>]) -> String {
    let mut out = String::new();
    let each = LOSSES.len() * RTTS_MS.len() * BUFFERS.len();
    for (cells, table) in cells.chunks(each).zip(0..) {
        if table > 0 {
            out.push('\n');
        }
        let name = cells[0].algorithm().name();
        let _ = write!(out, "| {name}: loss | RTT | theory, Mbit/s |");
        BUFFERS.iter().for_each(|buffer| {
            let _ = write!(out, " {buffer} BDP |");
        });
        out.push_str("\n|---:|---:|---:|");
        out.push_str(&"---:|".repeat(BUFFERS.len()));
        out.push('\n');
        cells.chunks(BUFFERS.len()).for_each(|row| matrix_row(&mut out, row));
    }
    out
}

fn matrix_row(out: &mut String, row: &[Cell<'_>]) {
    let scenario = row[0].scenario;
    let theory = row.iter().filter_map(Cell::theory).fold(0.0, f64::max);
    let (loss, rtt) = (words::percent(scenario.loss), words::time(scenario.rtt));
    let _ = write!(out, "| {loss} | {rtt} | {} |", mbit(theory));
    for cell in row {
        let ratio = cell.theory().map(|theory| share(cell.goodput() / theory));
        let ratio = ratio.map_or_else(String::new, |ratio| format!(" ({ratio})"));
        let _ = write!(out, " {}{ratio} |", mbit(cell.goodput()));
    }
    out.push('\n');
}

/// Three figures that mean something.
fn mbit(bits: f64) -> String {
    let mbit = bits / 1e6;
    let digits = usize::from(mbit < 100.0) + usize::from(mbit < 10.0);
    format!("{mbit:.digits$}")
}

fn share(share: f64) -> String {
    format!("{:.0} %", share * 100.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn measured(table: &Table) -> Vec<Vec<Measured>> {
        let flow = |goodput| Measured { goodput, ..Measured::default() };
        let of = |scenario: &Scenario| match scenario.flows.len() {
            1 => vec![flow(48.3e6)],
            _ => vec![flow(60e6), flow(36.6e6)],
        };
        table.scenarios().iter().map(of).collect()
    }

    #[test]
    fn the_goodput_table_has_three_rows_for_each_algorithm() {
        let table = Table::new(Kind::Goodput, &Scenario::default(), 2);
        assert_eq!(table.scenarios().len(), 6 * Algorithm::ALL.len());
        let text = table.markdown(&measured(&table));
        assert_eq!(text.lines().count(), 2 + 3 * Algorithm::ALL.len());
        let first = "| reno | 0 % | 48.3 | 48.3 to 48.3 | 50.0 % | 96.5 | 50 % |  |";
        assert_eq!(text.lines().nth(2), Some(first));
        let shared = text.lines().find(|line| line.starts_with("| 2 x reno")).expect("a row");
        assert!(shared.ends_with("| 96.5 | 100 % | 24 % |"), "{shared}");
    }

    #[test]
    fn the_matrix_has_every_combination() {
        let table = Table::new(Kind::Matrix, &Scenario::default(), 1);
        assert_eq!(table.scenarios().len(), 48 * Algorithm::ALL.len());
        let text = table.markdown(&measured(&table));
        let rows = text.lines().filter(|line| line.contains(" ms |") || line.contains(" s |"));
        assert_eq!(rows.count(), 16 * Algorithm::ALL.len(), "{text}");
        assert!(
            text.lines().all(|line| line.is_empty() || line.matches('|').count() == 7),
            "{text}"
        );
    }

    #[test]
    fn a_second_flow_begins_when_the_seed_says() {
        let cell = Scenario { flows: flows(Algorithm::default(), 2), ..Scenario::default() };
        let start = |seed| with_seed(&cell, seed).flows[1].start;
        assert_eq!(start(1), start(1));
        assert_ne!(start(1), start(2));
        assert!(with_seed(&cell, 1).flows[0].start.is_zero());
    }
}
