//! One of the two sides: a stack on a TUN of its own, and how much its process holds.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::{Arc, Mutex};
use std::{fs, io};

use glasstack::device::{Cidr, LinkSetup, OffloadMode, Tun};
use glasstack::engine::Engine;
use glasstack::runtime::{Net, secret};
use glasstack::stack::{Config, Stack};
use glasstack::tcp::State;
use serde::{Deserialize, Serialize};

use super::accounts::{self, Account};
use super::counted::Counted;

/// A stack on a TUN, its driver running.
pub(crate) struct Side {
    pub(crate) net: Net,
    account: Arc<Mutex<Account>>,
    tun: &'static str,
}

/// What a process holds, in octets, and how its connections are.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Held {
    /// Connections in ESTABLISHED.
    pub(crate) established: usize,
    /// The stack's: connections, tables, wheel, queues.
    pub(crate) stack: usize,
    /// All the rest: sockets, wakers, tasks and what they hold.
    pub(crate) others: usize,
    /// Pages in memory: what the allocator makes of it, and 8 or 16 octets for each allocation that the
    /// counting takes.
    pub(crate) resident: usize,
    /// Segments that were sent more than once.
    pub(crate) retransmissions: u64,
    /// Packets to it that the kernel dropped, for its TUN's queue of 500 was full.
    pub(crate) dropped: u64,
}

impl Side {
    /// Makes the TUN `name`, on which `host` is the kernel's address and `addrs` are the stack's.
    pub(crate) async fn start(
        tun: &'static str,
        host: Cidr,
        addrs: Vec<IpAddr>,
    ) -> io::Result<Side> {
        let account = Arc::new(Mutex::new(Account::open()));
        let config = Config { addrs, ..Config::default() };
        let stack = Counted::new(config, secret()?, &account);
        Side::run(tun, host, Box::new(stack), account).await
    }

    /// The same with nothing counted.
    pub(crate) async fn start_plain(
        tun: &'static str,
        host: Cidr,
        addrs: Vec<IpAddr>,
    ) -> io::Result<Side> {
        let config = Config { addrs, ..Config::default() };
        let stack = Stack::new(config, secret()?);
        Side::run(tun, host, Box::new(stack), Arc::new(Mutex::new(Account::open()))).await
    }

    async fn run(
        tun: &'static str,
        host: Cidr,
        engine: Box<dyn Engine>,
        account: Arc<Mutex<Account>>,
    ) -> io::Result<Side> {
        let offload = OffloadMode::Off;
        let link = LinkSetup { addresses: vec![host], offload, ..LinkSetup::default() };
        let device = Tun::create(tun, &link).await.map_err(io::Error::other)?;
        let (net, driver) = Net::new(engine, Box::new(device), Vec::new())?;
        tokio::spawn(async move {
            if let Err(error) = driver.run().await {
                eprintln!("bench_crowd: the device has failed: {error}");
            }
        });
        Ok(Side { net, account, tun })
    }

    pub(crate) fn held(&self) -> io::Result<Held> {
        // First the sums, for asking takes memory as well.
        let stack = self.account.lock().expect("nobody panics").live();
        let others = accounts::live_of_nobody();
        let resident = resident()?;
        let all = self.net.statuses();
        Ok(Held {
            established: all.iter().filter(|one| one.status.state == State::Established).count(),
            stack,
            others,
            resident,
            retransmissions: all.iter().map(|one| one.status.retransmissions).sum(),
            dropped: dropped(self.tun)?,
        })
    }
}

/// The network 198.51.100.0/24 or 192.0.2.0/24, from the view of its host `last`.
pub(crate) fn cidr(network: Ipv4Addr, last: u8) -> Cidr {
    let [a, b, c, _] = network.octets();
    Cidr::new(Ipv4Addr::new(a, b, c, last).into(), 24).expect("24 bits fit into 32")
}

/// The twelfth number of the interface's line.
fn dropped(tun: &str) -> io::Result<u64> {
    let text = fs::read_to_string("/proc/self/net/dev")?;
    let line = text.lines().find_map(|line| line.trim().strip_prefix(tun)?.strip_prefix(':'));
    let number = line.and_then(|line| line.split_whitespace().nth(11)?.parse().ok());
    number.ok_or_else(|| io::Error::other(format!("/proc/self/net/dev does not tell of {tun}")))
}

fn resident() -> io::Result<usize> {
    let text = fs::read_to_string("/proc/self/status")?;
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kilobytes = line.and_then(|line| line.trim().strip_suffix(" kB")?.parse::<usize>().ok());
    let kilobytes = kilobytes.ok_or_else(|| io::Error::other("/proc/self/status has no VmRSS"))?;
    Ok(kilobytes * 1024)
}
