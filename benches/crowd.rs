//! Many connections at once, from a stack of ours to a stack of ours: what they cost while they are idle,
//! and that each of them still answers afterwards.
//!
//! Both stacks have a TUN in one private namespace, where the kernel forwards between them. The server is
//! a process of its own, so that each side's memory is counted apart.

#[path = "crowd/accounts.rs"]
mod accounts;
#[path = "crowd/client.rs"]
mod client;
#[path = "crowd/counted.rs"]
mod counted;
#[path = "crowd/packets.rs"]
mod packets;
#[path = "crowd/report.rs"]
mod report;
#[path = "crowd/server.rs"]
mod server;
#[path = "crowd/side.rs"]
mod side;

use std::io;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use glasstack::cli::namespace;
use glasstack::device::setup;
use tokio::time::{Instant, sleep, timeout};

pub(crate) use report::Report;
pub(crate) use server::Responder;

use packets::Costs;
use server::Server;
use side::{Network, Side};

/// What opening, or fetching, may take.
const PATIENCE: Duration = Duration::from_mins(2);

/// Open many connections between two stacks, leave them idle, and fetch a page on each
#[derive(Clone, Debug, Parser)]
pub(crate) struct Options {
    /// How many connections
    #[arg(long, default_value_t = 100_000, value_parser = connections)]
    pub(crate) connections: usize,
    /// What answers
    #[arg(long, value_enum, default_value_t)]
    pub(crate) responder: Responder,
    /// Handshakes, and later requests, that are under way at a time
    #[arg(long, default_value_t = 200)]
    pub(crate) at_once: usize,
    /// How long all of them are idle, in seconds, before the fetch and after it
    #[arg(long, default_value_t = 3)]
    pub(crate) idle: u64,
    /// Instead of memory, measure what a request costs on ten connections, alone and among many, and on any
    /// of the many
    #[arg(long)]
    pub(crate) packets: bool,
    /// Over IPv6 instead of IPv4
    #[arg(long)]
    pub(crate) ipv6: bool,
    /// Print one JSON object instead of a table
    #[arg(long)]
    pub(crate) json: bool,
    /// Be the server, which asks for no namespace
    #[arg(long, hide = true)]
    pub(crate) serve: bool,
}

fn connections(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(number @ 1..=1_000_000) => Ok(number),
        Ok(_) | Err(_) => Err("not a number from 1 to 1000000".to_owned()),
    }
}

/// The program.
pub(crate) fn main() -> ExitCode {
    let options = Options::parse();
    let result = if options.serve {
        serve(&options)
    } else if options.packets {
        measure_packets(&options).map(|costs| print(&options, &costs))
    } else {
        measure(&options).map(|report| print(&options, &report))
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench_crowd: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Be the server of a process that measures.
pub(crate) fn serve(options: &Options) -> io::Result<()> {
    if !options.packets {
        accounts::begin();
    }
    runtime()?.block_on(server::serve(options))
}

/// Measures, in a namespace that it enters: once in a process, while it has one thread.
pub(crate) fn measure(options: &Options) -> io::Result<Report> {
    namespace::enter().map_err(io::Error::other)?;
    accounts::begin();
    runtime()?.block_on(run(options))
}

/// The same for what a packet costs: nothing is counted that would cost something itself.
fn measure_packets(options: &Options) -> io::Result<Costs> {
    namespace::enter().map_err(io::Error::other)?;
    runtime()?.block_on(async {
        setup::loopback_up().await?;
        packets::measure(options, &mut Server::start(options)?).await
    })
}

fn runtime() -> io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()
}

async fn run(options: &Options) -> io::Result<Report> {
    setup::loopback_up().await?;
    let mut server = Server::start(options)?;
    let network = Network::client(options);
    let addrs = client::addresses(network, options.connections);
    let client = Side::start("glass1", network.cidr(1), addrs.clone()).await?;
    let mut held = Vec::new();
    held.push((client.held()?, server.held()?));

    let start = Instant::now();
    let to = server::addr(options);
    let opening = client::open(&client.net, &addrs, to, options.connections, options.at_once);
    let mut streams = in_time(opening, "connections did not open").await?;
    let established = start.elapsed();
    // Real time, for the kernel takes part; what is left to say is said in far less.
    sleep(Duration::from_secs(options.idle)).await;
    held.push((client.held()?, server.held()?));

    let start = Instant::now();
    let fetching = client::fetch_all(&mut streams, options.at_once);
    let pages = in_time(fetching, "pages did not come").await?;
    let fetched = start.elapsed();
    sleep(Duration::from_secs(options.idle)).await;
    held.push((client.held()?, server.held()?));
    Ok(Report::new(options, established, fetched, pages, &held))
}

async fn in_time<T>(work: impl Future<Output = io::Result<T>>, what: &str) -> io::Result<T> {
    let late = |_| io::Error::other(format!("within {PATIENCE:?} some {what}"));
    timeout(PATIENCE, work).await.map_err(late)?
}

fn print(options: &Options, report: &(impl serde::Serialize + std::fmt::Display)) {
    if options.json {
        println!("{}", serde_json::to_string(report).expect("numbers and words"));
    } else {
        println!("{report}");
    }
}
