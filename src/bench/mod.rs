//! Benchmarks that need no device, no kernel and no privileges: two stacks joined in memory, in real time
//! (`glass bench`), and single operations of a stack (`benches/`). What is measured over a TUN is in
//! `scripts/bench`; what the figures mean is in docs/performance.md.

pub mod operations;
mod pair;
mod report;
mod rows;

pub use pair::{Done, Pair, Row};
pub use report::{json, text};
pub use rows::{Measured, Outcome, Plan, run};

use std::net::{IpAddr, Ipv4Addr};

use crate::engine::{Engine, Smoltcp, SmoltcpConfig};
use crate::stack::{self, Secret, Stack};

/// Where the one that is measured is.
const SERVER: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 2));
/// Where its peer is.
const CLIENT: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));

/// Octets that each engine may hold each way for one connection.
const BUFFER: u32 = 1 << 20;

/// Which stack is measured.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// The stack of this project.
    #[default]
    Ours,
    /// The smoltcp crate.
    Smoltcp,
}

impl Kind {
    /// Its name on the command line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Kind::Ours => "ours",
            Kind::Smoltcp => "smoltcp",
        }
    }

    /// A stack that answers to `addr`.
    fn engine(self, addr: IpAddr, mtu: usize) -> Box<dyn Engine> {
        match self {
            Kind::Ours => Box::new(ours(addr, mtu)),
            Kind::Smoltcp => Box::new(Smoltcp::new(SmoltcpConfig {
                addrs: vec![addr],
                mtu,
                receive_buffer: BUFFER as usize,
                send_buffer: BUFFER as usize,
                ..SmoltcpConfig::default()
            })),
        }
    }
}

fn ours(addr: IpAddr, mtu: usize) -> Stack {
    let config = stack::Config { addrs: vec![addr], mtu, ..stack::Config::default() };
    // Nobody is there to guess anything, and every run is to be like the last.
    Stack::new(config, Secret([7; 32]))
}
