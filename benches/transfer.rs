//! One transfer between two stacks, for scripts/interop: the same program at both ends, on the sockets of
//! the kernel, of our stack or of smoltcp, so that only the stacks differ. The client prints a line of
//! JSON: whether everything arrived whole, and how long it took.

#![allow(clippy::disallowed_methods, reason = "what is measured is the time")]

#[path = "transfer/side.rs"]
mod side;
#[path = "transfer/talk.rs"]
mod talk;

use std::fs::File;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::{Parser, Subcommand};
use glasstack::runtime;
use serde_json::json;
use tokio::net;
use tokio::time::{sleep, timeout};

use side::Side;
use talk::Request;

/// One transfer between two stacks, for scripts/interop
#[derive(Parser)]
struct Cli {
    #[command(subcommand)]
    role: Role,
}

#[derive(Subcommand)]
enum Role {
    /// Answer until ended
    Serve {
        #[command(flatten)]
        side: Side,
        /// Make this file when listening
        #[arg(long)]
        ready: PathBuf,
        #[arg(long, default_value_t = 7000)]
        port: u16,
    },
    /// Make one transfer
    Call {
        #[command(flatten)]
        side: Side,
        /// Wait for this file first
        #[arg(long)]
        ready: PathBuf,
        /// Where to
        #[arg(long)]
        to: SocketAddr,
        /// Send the octets, instead of receiving them
        #[arg(long)]
        send: bool,
        /// How many
        #[arg(long)]
        octets: u64,
        /// Which
        #[arg(long, default_value_t = 1)]
        key: u64,
        /// Give up after so many seconds
        #[arg(long, default_value_t = 600.0)]
        patience: f64,
    },
}

fn main() -> ExitCode {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let role = Cli::parse().role;
    let result = runtime.and_then(|runtime| runtime.block_on(run(role)));
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench_transfer: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(role: Role) -> io::Result<()> {
    match role {
        Role::Serve { side, ready, port } => serve(&side, &ready, port).await,
        Role::Call { side, ready, to, send, octets, key, patience } => {
            let patience = Duration::from_secs_f64(patience);
            let net = side.start().await?;
            wait_for(&ready).await?;
            let request = Request { octets, key, caller_sends: send };
            let began = Instant::now();
            let called = timeout(patience, call(net.as_ref(), to, request)).await;
            let seconds = began.elapsed().as_secs_f64();
            let called = called.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()));
            let error = called.err().map(|error| error.to_string());
            println!("{}", json!({ "whole": error.is_none(), "seconds": seconds, "error": error }));
            Ok(())
        }
    }
}

async fn call(net: Option<&runtime::Net>, to: SocketAddr, request: Request) -> io::Result<()> {
    match net {
        Some(net) => talk::call(runtime::TcpStream::connect(net, to).await?, request).await,
        None => talk::call(net::TcpStream::connect(to).await?, request).await,
    }
}

async fn serve(side: &Side, ready: &Path, port: u16) -> io::Result<()> {
    let failed = |error| eprintln!("bench_transfer serve: {error}");
    match side.start().await? {
        Some(net) => {
            let listener = runtime::TcpListener::bind(&net, (side.addr, port).into())?;
            File::create(ready)?;
            loop {
                talk::answer(listener.accept().await?.0).await.unwrap_or_else(failed);
            }
        }
        None => {
            let any = if side.addr.is_ipv4() { "0.0.0.0" } else { "::" };
            let listener = net::TcpListener::bind((any, port)).await?;
            File::create(ready)?;
            loop {
                talk::answer(listener.accept().await?.0).await.unwrap_or_else(failed);
            }
        }
    }
}

/// Looking for it costs no packets.
async fn wait_for(file: &Path) -> io::Result<()> {
    for _ in 0..3000 {
        if file.exists() {
            return Ok(());
        }
        sleep(Duration::from_millis(5)).await;
    }
    Err(io::Error::other("the other side is not ready after 15 s"))
}
