//! `glass sim`: flows over a bottleneck, in virtual time.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{Args, ValueEnum};

use super::capture_options::CaptureFile;
use super::options::Output;
use super::quantity::{buffer, rate, share, some_time, time};
use super::{Failure, exit};
use crate::sim::bottleneck::{self, Buffer, FlowPlan, Outcome, Scenario};
use crate::tcp::Algorithm;
use crate::trace::Way;
use crate::view::curves::{self, Summary, tables};
use crate::view::{Capture, CapturedHost, WireCapture, counted};

/// No run takes more samples of a flow.
const MOST_SAMPLES: u128 = 1_000_000;

/// Run flows over a bottleneck in virtual time, and show what their windows do
///
/// Both ends are this stack; each flow sends as much as it can. The figures of each flow are on stdout; --csv and
/// --svg write curves of cwnd, ssthresh, round-trip time, data in flight and goodput. The same
/// options give the same files, octet for octet. For example:
///
///   glass sim --cc reno --rate 20mbit --rtt 100ms --loss 0.1% --svg curves.svg
#[derive(Args, Debug)]
#[command(verbatim_doc_comment)]
pub(super) struct Sim {
    /// The congestion control of each flow, with commas between
    #[arg(
        long, env = "GLASS_CC", value_name = "NAME[,NAME...]", value_delimiter = ',',
        default_value = "cubic", value_parser = str::parse::<Algorithm>
    )]
    cc: Vec<Algorithm>,
    /// How many flows: the names of --cc are used in turn [default: one for each name]
    #[arg(
        long, env = "GLASS_FLOWS", value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1000)
    )]
    flows: Option<u16>,
    /// Each flow has a bottleneck for itself: curves to be compared, and no competition
    #[arg(long, env = "GLASS_APART")]
    apart: bool,
    /// How long after the one before it each flow begins
    #[arg(
        long, env = "GLASS_START_GAP", value_name = "TIME", default_value = "0s", value_parser = time
    )]
    start_gap: Duration,
    #[command(flatten)]
    path: PathOptions,
    /// How long the experiment lasts
    #[arg(
        long, env = "GLASS_DURATION", value_name = "TIME", default_value = "60s",
        value_parser = some_time
    )]
    duration: Duration,
    /// What is measured begins so long after the start of the last flow
    #[arg(
        long, env = "GLASS_MEASURE_AFTER", value_name = "TIME", default_value = "5s",
        value_parser = time
    )]
    measure_after: Duration,
    /// The time between two samples, which is that between two rows of --csv
    #[arg(
        long, env = "GLASS_SAMPLE", value_name = "TIME", default_value = "10ms",
        value_parser = some_time
    )]
    sample: Duration,
    /// What everything is drawn from that is left to chance: the same seed gives the same run
    #[arg(long, env = "GLASS_SEED", value_name = "NUMBER", default_value_t = 1)]
    seed: u64,
    /// How many runs, each with the seed after the one before: figures are medians, curves of the first
    #[arg(
        long, env = "GLASS_RUNS", value_name = "N", default_value_t = 1,
        value_parser = clap::value_parser!(u64).range(1..=1000)
    )]
    runs: u64,
    /// Write the samples to this file, one row for each flow at each moment
    #[arg(long, env = "GLASS_CSV", value_name = "FILE")]
    csv: Option<PathBuf>,
    /// Draw the curves into this file
    #[arg(long, env = "GLASS_SVG", value_name = "FILE")]
    svg: Option<PathBuf>,
    #[command(flatten)]
    capture: CaptureFile,
    /// What to write on stdout
    #[arg(long, value_enum, default_value_t, env = "GLASS_FORMAT")]
    format: Format,
    /// Instead of the flows of --cc, run a table of docs/congestion.md, and write it in Markdown
    #[arg(
        long, value_enum, env = "GLASS_TABLE", value_name = "TABLE",
        conflicts_with_all = ["csv", "svg", "apart", "flows"]
    )]
    table: Option<TableName>,
}

/// The bottleneck.
#[derive(Args, Debug)]
struct PathOptions {
    /// What the bottleneck carries, headers counted
    #[arg(
        long, env = "GLASS_RATE", value_name = "RATE", default_value = "100mbit", value_parser = rate
    )]
    rate: u64,
    /// The round-trip time without any waiting
    #[arg(
        long, env = "GLASS_RTT", value_name = "TIME", default_value = "40ms", value_parser = some_time
    )]
    rtt: Duration,
    /// The room before the bottleneck: bandwidth-delay products (1bdp), octets (64kb) or packets
    /// (100packets)
    #[arg(
        long, env = "GLASS_BUFFER", value_name = "SIZE", default_value = "1bdp", value_parser = buffer
    )]
    buffer: Buffer,
    /// How many of the packets with data are lost by chance
    #[arg(
        long, env = "GLASS_LOSS", value_name = "SHARE", default_value = "0%", value_parser = share
    )]
    loss: f64,
    /// How many of them take longer than others
    #[arg(
        long, env = "GLASS_REORDER", value_name = "SHARE", default_value = "0%", value_parser = share
    )]
    reorder: f64,
    /// How much longer at most
    #[arg(
        long, env = "GLASS_REORDER_DELAY", value_name = "TIME", default_value = "10ms",
        value_parser = time
    )]
    reorder_delay: Duration,
    /// How much longer a packet may travel, without overtaking another: so flows do not move in step
    /// [default: what a full packet takes at the bottleneck]
    #[arg(long, env = "GLASS_JITTER", value_name = "TIME", value_parser = time)]
    jitter: Option<Duration>,
    /// Flows ask for ECN, and a packet that finds so much waiting is marked: a size as for --buffer
    #[arg(long, env = "GLASS_MARK_ABOVE", value_name = "SIZE", value_parser = buffer)]
    mark_above: Option<Buffer>,
    /// The longest IP packet in octets, 576 to 65535
    #[arg(
        long, env = "GLASS_MTU", default_value_t = 1500, value_name = "OCTETS",
        value_parser = clap::value_parser!(u16).range(576..)
    )]
    mtu: u16,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum Format {
    /// A table for people
    #[default]
    Text,
    /// One object, with every single run
    Json,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum TableName {
    /// Each algorithm without loss, with 1 %, and two flows of it, beside theory
    Goodput,
    /// Each algorithm at loss 0, 0.1, 1, 5 %, RTT 1, 20, 100, 300 ms, buffer 0.5, 1, 4 BDP
    Matrix,
}

impl Sim {
    pub(super) fn execute(self, output: &Output) -> Result<(), Failure> {
        if cfg!(debug_assertions) {
            output.note("this program was built for debugging: it takes long");
        }
        let scenario = self.scenario();
        check(&scenario)?;
        if self.capture.is_wanted() && (self.apart || self.table.is_some()) {
            let other = if self.apart { "--apart" } else { "--table" };
            let message = format!(
                "--pcap captures one network, and {other} makes several: leave one of them out"
            );
            return Err(Failure::new(exit::USAGE, message));
        }
        match self.table {
            Some(table) => self.table(table, &scenario, output),
            None => self.run(&scenario, output),
        }
    }

    fn scenario(&self) -> Scenario {
        let count = self.flows.map_or(self.cc.len(), usize::from);
        let starts = (0..).map(|index| self.start_gap * index);
        let flows = self.cc.iter().cycle().zip(starts).take(count);
        let PathOptions {
            rate,
            rtt,
            buffer,
            loss,
            reorder,
            reorder_delay,
            jitter,
            mark_above,
            mtu,
        } = self.path;
        Scenario {
            flows: flows
                .map(|(algorithm, start)| FlowPlan { algorithm: *algorithm, start })
                .collect(),
            rate,
            rtt,
            buffer,
            loss,
            reorder,
            reorder_delay,
            jitter,
            mark_above,
            mtu: usize::from(mtu),
            duration: self.duration,
            measure_after: self.measure_after,
            sample: self.sample,
            seed: self.seed,
        }
    }

    fn table(&self, name: TableName, base: &Scenario, output: &Output) -> Result<(), Failure> {
        let kind = match name {
            TableName::Goodput => tables::Kind::Goodput,
            TableName::Matrix => tables::Kind::Matrix,
        };
        let table = tables::Table::new(kind, base, self.runs);
        let scenarios = table.scenarios();
        output.note(format!("{}, {}", counted(scenarios.len(), "run"), self.seeds()));
        let measured = run_all(&scenarios, tables::Table::keep)?;
        print(&table.markdown(&measured))
    }

    fn run(&self, scenario: &Scenario, output: &Output) -> Result<(), Failure> {
        // Before anything is run: a long run is not to end at a folder that is not there.
        let mut csv = self.csv.as_deref().map(create).transpose()?;
        let mut svg = self.svg.as_deref().map(create).transpose()?;
        output.note(self.seeds());
        let bottlenecks = self.bottlenecks(scenario);
        let seeds = (scenario.seed..).take(usize::try_from(self.runs).unwrap_or(usize::MAX));
        let scenarios: Vec<Scenario> = seeds
            .flat_map(|seed| bottlenecks.iter().map(move |one| Scenario { seed, ..one.clone() }))
            .collect();
        let first = scenario.seed;
        let keep = |outcome| without_curves(outcome, first);
        let outcomes = match self.capture.start_virtual("sim")? {
            Some(capture) => {
                let captured = captured(&scenarios[0], &capture).map_err(|why| stuck(&why))?;
                // It is complete when this is gone.
                drop(capture);
                let others = run_all(&scenarios[1..], keep)?;
                [captured].into_iter().chain(others).collect()
            }
            None => run_all(&scenarios, keep)?,
        };
        let runs: Vec<Vec<Outcome>> =
            outcomes.chunks(bottlenecks.len()).map(<[Outcome]>::to_vec).collect();
        for flow in runs[0].iter().flat_map(|outcome| &outcome.flows) {
            if let Some(error) = flow.error {
                output.note(format!("a flow of {} ended early: {error}", flow.plan.algorithm));
            }
        }
        if let Some(file) = &mut csv {
            file.write(|out| curves::write_csv(&runs[0], out))?;
            let rows = counted(curves::rows(&runs[0]), "row");
            output.note(format!("{}: {rows}", file.path.display()));
        }
        if let Some(file) = &mut svg {
            let picture = curves::figure(&runs[0]).to_svg();
            file.write(|out| out.write_all(picture.as_bytes()))?;
        }
        let summary = Summary::of(&runs);
        print(&match self.format {
            Format::Text => summary.text(),
            Format::Json => summary.json(),
        })
    }

    /// One for all flows, or one for each.
    fn bottlenecks(&self, scenario: &Scenario) -> Vec<Scenario> {
        if !self.apart {
            return vec![scenario.clone()];
        }
        let alone = |flow: &FlowPlan| Scenario { flows: vec![*flow], ..scenario.clone() };
        scenario.flows.iter().map(alone).collect()
    }

    fn seeds(&self) -> String {
        match self.runs {
            1 => format!("seed {}", self.seed),
            runs => format!("seeds {} to {}", self.seed, self.seed.saturating_add(runs - 1)),
        }
    }
}

/// Refuses what cannot be measured.
fn check(scenario: &Scenario) -> Result<(), Failure> {
    let usage = |message| Err(Failure::new(exit::USAGE, message));
    if scenario.measured_for() < scenario.sample * 2 {
        return usage(format!(
            "--duration {:?} leaves no time to measure, which begins at {:?} (--start-gap, \
             --measure-after) and takes two samples at least: make it longer",
            scenario.duration,
            scenario.measured_from().since(crate::time::Instant::ZERO),
        ));
    }
    if scenario.duration.as_nanos() / scenario.sample.as_nanos().max(1) > MOST_SAMPLES {
        return usage(format!(
            "--sample {:?} would take more than {MOST_SAMPLES} samples in {:?}: make it longer",
            scenario.sample, scenario.duration,
        ));
    }
    if scenario.held() > Scenario::MOST_HELD {
        return usage(format!(
            "--rate, --rtt and --buffer: path and buffer hold {} octets, more than a window can fill: use \
             less of one of them",
            scenario.held(),
        ));
    }
    Ok(())
}

fn run_all<T: Send>(
    scenarios: &[Scenario],
    keep: impl Fn(Outcome) -> T + Sync,
) -> Result<Vec<T>, Failure> {
    bottleneck::run_all(scenarios, keep).map_err(|why| stuck(&why))
}

fn stuck(why: &str) -> Failure {
    Failure::new(exit::FAILURE, format!("the simulation is stuck, which is a defect: {why}"))
}

/// Runs a scenario with a capture of all that its hosts send each other. Directions are the senders'.
fn captured(scenario: &Scenario, capture: &Capture) -> Result<Outcome, String> {
    scenario.run_watched(WireCapture::WANTED, |world, hosts| {
        let ways = [Way::Tx, Way::Rx].into_iter().cycle();
        let named = hosts.iter().zip(ways).map(|(host, sends)| {
            let name = world.name(*host).to_owned();
            CapturedHost { name, sends }
        });
        capture.of_wires(named.collect()).watch(world, hosts);
    })
}

/// Only the first run is drawn.
fn without_curves(mut outcome: Outcome, first: u64) -> Outcome {
    if outcome.scenario.seed != first {
        outcome.flows.iter_mut().for_each(|flow| flow.samples = Vec::new());
    }
    outcome
}

/// A file to be written, and what it is called.
struct Written<'a> {
    path: &'a Path,
    file: File,
}

fn create(path: &Path) -> Result<Written<'_>, Failure> {
    let file = File::create(path).map_err(|error| cannot_write(path, &error))?;
    Ok(Written { path, file })
}

impl Written<'_> {
    fn write(
        &mut self,
        write: impl FnOnce(&mut dyn Write) -> io::Result<()>,
    ) -> Result<(), Failure> {
        let mut out = BufWriter::new(&mut self.file);
        let written = write(&mut out).and_then(|()| out.flush());
        written.map_err(|error| cannot_write(self.path, &error))
    }
}

fn cannot_write(path: &Path, error: &io::Error) -> Failure {
    Failure::new(exit::FAILURE, format!("cannot write {}: {error}", path.display()))
}

fn print(text: &str) -> Result<(), Failure> {
    io::stdout()
        .write_all(text.as_bytes())
        .map_err(|error| Failure::new(exit::FAILURE, format!("cannot write: {error}")))
}
