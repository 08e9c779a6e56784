//! Which stack, and where.

use std::fs;
use std::io;
use std::net::IpAddr;
use std::path::PathBuf;

use clap::{Args, ValueEnum};
use glasstack::device::{Cidr, LinkSetup, Tun};
use glasstack::engine::{Engine, Smoltcp, SmoltcpConfig};
use glasstack::runtime::{Net, secret};
use glasstack::stack::{Config, Stack};
use glasstack::tcp::Algorithm;
use glasstack::trace::{Mask, Sink};
use glasstack::view::JsonLines;

/// As `glass` has it.
const MOST_BUFFERED: u32 = 8 << 20;

#[derive(Args)]
pub(crate) struct Side {
    #[arg(long, value_enum)]
    stack: Kind,
    /// The congestion control, by our name for it, which the kernel knows too
    #[arg(long, default_value = "reno", value_parser = str::parse::<Algorithm>)]
    cc: Algorithm,
    /// Of a stack of ours: the kernel's address on its TUN
    #[arg(long, default_value = "192.0.2.1/24")]
    host: Cidr,
    /// Of a stack of ours: its own
    #[arg(long, default_value = "192.0.2.2")]
    pub(crate) addr: IpAddr,
    /// Of ours: write every event to this file
    #[arg(long)]
    events: Option<PathBuf>,
}

#[derive(Clone, Copy, ValueEnum)]
enum Kind {
    Kernel,
    Ours,
    Smoltcp,
}

impl Side {
    /// The stack, its driver running; none where the kernel has one.
    pub(crate) async fn start(&self) -> io::Result<Option<Net>> {
        let addrs = vec![self.addr];
        let mut sinks: Vec<Box<dyn Sink>> = Vec::new();
        if let Some(path) = &self.events {
            sinks.push(Box::new(JsonLines::create(path)?));
        }
        let engine: Box<dyn Engine> = match self.stack {
            Kind::Kernel => {
                // Of this network namespace.
                let setting = "/proc/sys/net/ipv4/tcp_congestion_control";
                fs::write(setting, self.cc.name())?;
                return Ok(None);
            }
            Kind::Ours => {
                let mut config = Config { addrs, ..Config::default() };
                config.tcp.congestion = self.cc;
                config.tcp.receive_buffer_max = MOST_BUFFERED;
                config.tcp.send_buffer_max = MOST_BUFFERED as usize;
                config.events = sinks.iter().fold(Mask::empty(), |mask, sink| mask | sink.wanted());
                Box::new(Stack::new(config, secret()?))
            }
            Kind::Smoltcp => Box::new(Smoltcp::new(SmoltcpConfig {
                addrs,
                receive_buffer: 1 << 20,
                send_buffer: 1 << 20,
                ..SmoltcpConfig::default()
            })),
        };
        let link = LinkSetup { addresses: vec![self.host], ..LinkSetup::default() };
        let tun = Tun::create("glass0", &link).await.map_err(io::Error::other)?;
        let (net, driver) = Net::new(engine, Box::new(tun), sinks)?;
        tokio::spawn(async move {
            if let Err(error) = driver.run().await {
                eprintln!("bench_transfer: the device has failed: {error}");
            }
        });
        Ok(Some(net))
    }
}
