//! One of the two sides: a stack on a TUN of its own, and how much its process holds.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::{Arc, Mutex};
use std::{fs, io};

use glasstack::device::{Cidr, LinkSetup, OffloadMode, Tun};
use glasstack::engine::Engine;
use glasstack::runtime::{Net, secret};
use glasstack::stack::{Config, Stack};
use glasstack::tcp::State;
use serde::{Deserialize, Serialize};

use super::Options;
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

/// The network of a side and the kernel.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Network {
    first: IpAddr,
    bits: u8,
}

impl Network {
    pub(crate) const fn server(options: &Options) -> Network {
        Network::new([192, 0, 2], 0, options.ipv6)
    }

    pub(crate) const fn client(options: &Options) -> Network {
        Network::new([198, 51, 100], 1, options.ipv6)
    }

    const fn new([a, b, c]: [u8; 3], subnet: u16, is_v6: bool) -> Network {
        if is_v6 {
            let first = Ipv6Addr::new(0x2001, 0xdb8, subnet, 0, 0, 0, 0, 0);
            Network { first: IpAddr::V6(first), bits: 64 }
        } else {
            Network { first: IpAddr::V4(Ipv4Addr::new(a, b, c, 0)), bits: 24 }
        }
    }

    /// The address of its host `last`.
    pub(crate) fn host(self, last: u8) -> IpAddr {
        match self.first {
            IpAddr::V4(first) => Ipv4Addr::from_bits(first.to_bits() | u32::from(last)).into(),
            IpAddr::V6(first) => Ipv6Addr::from_bits(first.to_bits() | u128::from(last)).into(),
        }
    }

    /// The network, from the view of this host.
    pub(crate) fn cidr(self, last: u8) -> Cidr {
        Cidr::new(self.host(last), self.bits).expect("as many bits as are there")
    }
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
