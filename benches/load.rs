//! The load of the benchmark, on the sockets of the kernel: the same client for every server, so that
//! only the servers differ. One thread, which `scripts/bench` pins to a core of its own. Prints one
//! line of JSON: what was measured, and the CPU time that client and server spent meanwhile.
//!
//! With `serve` it is the server instead: the kernel's TCP and next to nothing above it, to compare with.

#![allow(clippy::disallowed_methods, reason = "a benchmark reads the clock")]

#[path = "load/bulk.rs"]
mod bulk;
#[path = "load/cpu.rs"]
mod cpu;
#[path = "load/requests.rs"]
mod requests;
#[path = "load/response.rs"]
mod response;
#[path = "load/serve.rs"]
mod serve;

use std::io;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::{Args, Parser, Subcommand};
use serde_json::json;

/// Load for scripts/bench, and a server on kernel sockets
#[derive(Parser)]
struct Cli {
    #[command(subcommand)]
    row: Row,
}

#[derive(Subcommand)]
enum Row {
    /// One connection that reads as fast as it can: octets a second
    Download(Load),
    /// One connection that writes as fast as it can, to a port that discards: octets a second
    Upload(Load),
    /// Connections that stay, each with one request on its way: requests a second
    Keepalive(Load),
    /// A new connection for each request: requests a second
    Connections(Load),
    /// One request at a time on one connection: the median of the time it takes
    Latency(Load),
    /// Answer all of the above until ended
    Serve {
        /// Where to answer HTTP
        #[arg(long, default_value = "0.0.0.0:80")]
        http: SocketAddr,
        /// Where to discard
        #[arg(long, default_value = "0.0.0.0:9")]
        discard: SocketAddr,
    },
}

#[derive(Args)]
struct Load {
    /// The server
    #[arg(long, default_value = "192.0.2.2:80")]
    addr: SocketAddr,
    /// What to ask for
    #[arg(long, default_value = "/bytes/100")]
    path: String,
    /// How many connections at a time, where it can be more than one
    #[arg(long, default_value_t = 64)]
    connections: usize,
    /// How long to measure
    #[arg(long, default_value_t = 1.0)]
    seconds: f64,
    /// How long to run before that
    #[arg(long, default_value_t = 0.2)]
    warmup: f64,
    /// Whose CPU time to take too: a process id, or "parent"
    #[arg(long, value_name = "PID")]
    server: Option<String>,
}

/// What one row has come to.
struct Measured {
    value: f64,
    unit: &'static str,
    /// Octets or requests, during the measurement.
    work: u64,
    /// What else is worth a look, by name.
    more: Vec<(&'static str, f64)>,
    span: Span,
}

/// From the end of the warm-up to the end: time, and CPU time.
struct Span {
    began: Instant,
    cpu: cpu::Clocks,
    seconds: f64,
}

impl Span {
    fn begin(load: &Load) -> io::Result<Span> {
        let cpu = cpu::Clocks::read(load.server.as_deref())?;
        Ok(Span { began: Instant::now(), cpu, seconds: 0.0 })
    }

    fn end(mut self, load: &Load) -> io::Result<Span> {
        self.seconds = self.began.elapsed().as_secs_f64();
        self.cpu = cpu::Clocks::read(load.server.as_deref())?.since(&self.cpu);
        Ok(self)
    }
}

impl Load {
    fn warmup(&self) -> Duration {
        Duration::from_secs_f64(self.warmup)
    }

    fn duration(&self) -> Duration {
        Duration::from_secs_f64(self.seconds)
    }
}

fn main() -> ExitCode {
    let (name, result) = match Cli::parse().row {
        Row::Download(load) => ("download", bulk::download(&load)),
        Row::Upload(load) => ("upload", bulk::upload(&load)),
        Row::Keepalive(load) => ("keepalive", requests::many(&load, true)),
        Row::Connections(load) => ("connections", requests::many(&load, false)),
        Row::Latency(load) => ("latency", requests::one_at_a_time(&load)),
        Row::Serve { http, discard } => match serve::serve(http, discard) {
            Ok(never) => match never {},
            Err(error) => ("serve", Err(error)),
        },
    };
    match result {
        Ok(measured) => {
            print(name, &measured);
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("bench_load {name}: {error}");
            ExitCode::FAILURE
        }
    }
}

fn print(name: &str, measured: &Measured) {
    let Measured { value, unit, work, more, span } = measured;
    let mut line = json!({
        "row": name, "value": value, "unit": unit, "work": work, "seconds": span.seconds,
        "client_cpu_seconds": span.cpu.client, "cpu_seconds": span.cpu.server,
    });
    more.iter().for_each(|(name, value)| line[*name] = json!(value));
    println!("{line}");
}
