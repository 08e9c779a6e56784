//! The device limit of the benchmark: a program that answers a TUN with canned segments and has no TCP
//! machine, so that what it reaches is what the TUN, its driver in the kernel, the kernel's TCP at the
//! other end and the reads and writes of `glasstack::device` leave to any stack. It makes a namespace
//! and a TUN as `glass run` does, runs CMD in it, and plays along with the kernel just so far that its
//! clients are content: there are no retransmission timers, no congestion window, no reassembly.

#[path = "limit/answers.rs"]
mod answers;
#[path = "limit/canned.rs"]
mod canned;

use std::ffi::OsString;
use std::future::poll_fn;
use std::io;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Parser, ValueEnum};
use glasstack::cli::child::Child;
use glasstack::cli::namespace;
use glasstack::device::{Device, LinkSetup, OffloadMode, Tun, setup};

use answers::{Answer, Answers};

/// As the driver of the stack: packets that are read before the first is answered.
const BATCH: usize = 64;
/// When the client says nothing for so long, something was lost.
const QUIET: Duration = Duration::from_millis(50);

/// Answer a TUN with canned segments, without any TCP, while CMD runs
#[derive(Parser)]
struct Cli {
    /// What to answer
    #[arg(long, value_enum)]
    answer: Answer,
    /// Let the kernel cut and join segments and fill in checksums
    #[arg(long, value_enum, default_value_t = Offload::Off)]
    offload: Offload,
    /// The longest IP packet in octets
    #[arg(long, default_value_t = 1500, value_parser = clap::value_parser!(u16).range(576..))]
    mtu: u16,
    /// At most so many octets unacknowledged, in either direction
    #[arg(long, default_value_t = 512 * 1024)]
    flight: u32,
    /// The program to run, and its arguments
    #[arg(required = true, trailing_var_arg = true, value_name = "CMD")]
    command: Vec<OsString>,
}

#[derive(Clone, Copy, ValueEnum)]
enum Offload {
    On,
    Off,
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    // Before the runtime, for that may start threads, and a namespace is entered by one.
    let result = namespace::enter().map_err(io::Error::other).and_then(|_| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(run(&cli))
    });
    match result {
        Ok(code) => ExitCode::from(u8::try_from(code).unwrap_or(125)),
        Err(error) => {
            eprintln!("bench_limit: {error}");
            ExitCode::from(125)
        }
    }
}

async fn run(cli: &Cli) -> io::Result<i32> {
    let offload = match cli.offload {
        Offload::On => OffloadMode::On,
        Offload::Off => OffloadMode::Off,
    };
    let link = LinkSetup { mtu: Some(u32::from(cli.mtu)), offload, ..LinkSetup::default() };
    setup::loopback_up().await?;
    let tun = Tun::create("glass0", &link).await.map_err(io::Error::other)?;
    let answers = Answers::new(cli.answer, cli.mtu, tun.features(), cli.flight);
    let device = tokio::spawn(answer(tun, answers));
    let mut child = Child::spawn(&cli.command, &[]).map_err(io::Error::other)?;
    let code = child.wait().await;
    device.abort();
    match device.await {
        Ok(Err(error)) => Err(error),
        Ok(Ok(())) | Err(_) => Ok(code),
    }
}

/// Reads a batch, then writes what it asks for; for ever.
async fn answer(mut tun: Tun, mut answers: Answers) -> io::Result<()> {
    let mut packets = Vec::new();
    let mut frames = Vec::new();
    loop {
        let read = poll_fn(|cx| tun.poll_read(cx, &mut packets, BATCH));
        match tokio::time::timeout(QUIET, read).await {
            Ok(count) => drop(count?),
            Err(_) => answers.on_quiet(),
        }
        packets.drain(..).for_each(|packet| answers.on_packet(&packet.octets, &mut frames));
        loop {
            for frame in frames.drain(..) {
                poll_fn(|cx| tun.poll_write(cx, &frame)).await?;
            }
            if !answers.poll_bulk(&mut frames) {
                break;
            }
        }
    }
}
