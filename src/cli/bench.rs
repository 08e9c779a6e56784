//! `glass bench`: how fast the stack is by itself, without a device, a kernel and privileges.

use std::io::{self, Write};
use std::time::Duration;

use clap::{Args, ValueEnum};

use super::engine::EngineKind;
use super::options::{Output, seconds};
use super::{Failure, exit};
use crate::bench::{self, Kind, Plan, Row};
use crate::runtime::clock::Clock;

/// Measure this stack by itself: two stacks in memory, on one thread, in real time
///
/// The client is always ours; the server is the engine that is measured. No device, no kernel and no
/// privileges take part, so that a figure is what both ends and the copies between them cost together. What
/// a TUN leaves of that, and how others do, measures scripts/bench.
#[derive(Args, Debug)]
pub(super) struct Bench {
    /// What to measure: may be given again, or with commas between [default: all]
    #[arg(
        long, value_enum, env = "GLASS_ROW", value_name = "ROW", value_delimiter = ',',
        default_values_t = RowName::value_variants().to_vec(), hide_default_value = true
    )]
    row: Vec<RowName>,
    /// The server's stack: may be given again, or with commas between; two take turns [default: both]
    #[arg(
        long, value_enum, env = "GLASS_ENGINE", value_name = "ENGINE", value_delimiter = ',',
        default_values_t = EngineKind::value_variants().to_vec(), hide_default_value = true
    )]
    engine: Vec<EngineKind>,
    /// How long each run lasts
    #[arg(
        long, env = "GLASS_SECONDS", default_value = "0.5", value_name = "SECONDS",
        value_parser = seconds
    )]
    seconds: Duration,
    /// How often each row is run with each engine
    #[arg(
        long, env = "GLASS_ROUNDS", default_value_t = 5, value_name = "N",
        value_parser = clap::value_parser!(u32).range(1..=1000)
    )]
    rounds: u32,
    /// The longest IP packet in octets, 576 to 65535
    #[arg(
        long, env = "GLASS_MTU", default_value_t = 1500, value_name = "OCTETS",
        value_parser = clap::value_parser!(u16).range(576..)
    )]
    mtu: u16,
    /// What to write
    #[arg(long, value_enum, default_value_t, env = "GLASS_FORMAT")]
    format: Format,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum Format {
    /// A table: the median of the rounds, the least and the most, packets to and from the server, and
    /// the median of the rounds' ratios to smoltcp
    #[default]
    Text,
    /// One object, with every single run
    Json,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum RowName {
    /// The server sends on one connection as much as it can
    Download,
    /// The client does
    Upload,
    /// 64 connections, each with one request on its way
    Keepalive,
    /// A connection for each request, 64 at a time; the server closes first
    Connections,
}

impl From<RowName> for Row {
    fn from(name: RowName) -> Row {
        match name {
            RowName::Download => Row::Download,
            RowName::Upload => Row::Upload,
            RowName::Keepalive => Row::Keepalive,
            RowName::Connections => Row::Connections,
        }
    }
}

impl From<EngineKind> for Kind {
    fn from(engine: EngineKind) -> Kind {
        match engine {
            EngineKind::Ours => Kind::Ours,
            EngineKind::Smoltcp => Kind::Smoltcp,
        }
    }
}

impl Bench {
    pub(super) fn execute(self, output: &Output) -> Result<(), Failure> {
        if cfg!(debug_assertions) {
            output.note("this program was built for debugging: the figures mean little");
        }
        let mut plan = Plan {
            rows: self.row.into_iter().map(Row::from).collect(),
            servers: self.engine.into_iter().map(Kind::from).collect(),
            rounds: self.rounds,
            each: self.seconds,
            mtu: usize::from(self.mtu),
        };
        // Who asks twice for the same is answered once.
        plan.rows.sort_unstable();
        plan.rows.dedup();
        plan.servers.sort_unstable();
        plan.servers.dedup();
        let outcomes = bench::run(&plan, Clock::start(), |row, server, round| {
            log::info!("round {round}: {}, {}", row.name(), server.name());
        });
        let told = match self.format {
            Format::Text => bench::text(&outcomes),
            Format::Json => bench::json(&outcomes),
        };
        io::stdout()
            .write_all(told.as_bytes())
            .map_err(|error| Failure::new(exit::FAILURE, format!("cannot write: {error}")))
    }
}
