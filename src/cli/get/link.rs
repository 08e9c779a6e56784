//! The TUN of `glass get`, with a network of its own, and whether packets from there reach a server.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::{error, fmt, io};

use super::super::addresses::{LEAST_MTU, too_narrow};
use super::super::{Failure, exit};
use crate::device::{Cidr, LinkSetup, OffloadMode, Queue, Reach, TunError, setup};
use crate::http::client::Dial;
use crate::runtime::{Net, TcpStream};

/// Networks of four addresses in 198.51.100.0/24, and of 2^64 in 2001:db8:1::/48: so many `glass get` at
/// once.
const NETWORKS: u8 = 64;

/// Which addresses a TUN gets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Families {
    pub(super) ipv4: bool,
    pub(super) ipv6: bool,
}

/// Our own stack on a TUN, which says what would help where its packets lead nowhere.
#[derive(Clone, Debug)]
pub(super) struct Reaching {
    pub(super) net: Net,
    pub(super) ours: Vec<IpAddr>,
}

/// No packet of ours gets there, and this would help.
#[derive(Debug)]
pub(super) struct Unreachable(String);

impl fmt::Display for Unreachable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl error::Error for Unreachable {}

impl Dial for Reaching {
    type Stream = TcpStream;

    async fn dial(&self, remote: SocketAddr) -> io::Result<TcpStream> {
        let ours = self.ours.iter().find(|ours| ours.is_ipv4() == remote.is_ipv4());
        let refuse = |why: String| Err(io::Error::other(Unreachable(why)));
        let Some(ours) = ours else {
            let family = if remote.is_ipv4() { "IPv4" } else { "IPv6" };
            let why = setup::why_no_ipv6().map_or(String::new(), |why| format!(": {why}"));
            return refuse(format!("{} cannot be reached without {family}{why}", remote.ip()));
        };
        match obstacle(remote.ip(), *ours).await {
            Some(why) => refuse(why),
            None => self.net.dial(remote).await,
        }
    }
}

/// Makes a TUN in the first network that is free; returns it with our addresses there.
pub(super) async fn make_tun(
    families: Families,
    mtu: u16,
    offload: OffloadMode,
) -> Result<(Queue, Vec<IpAddr>), Failure> {
    let mut taken = None;
    for number in 0..NETWORKS {
        let (addresses, ours) = networks(families, number).into_iter().unzip();
        let mtu = Some(u32::from(mtu));
        let setup = LinkSetup { addresses, mtu, offload, ..LinkSetup::default() };
        match Queue::create(&format!("glass-get{number}"), &setup).await {
            Ok(mut queues) => {
                let queue = queues.pop().expect("one was asked for");
                return Ok((queue, ours));
            }
            Err(
                error @ (TunError::AddressTaken { .. }
                | TunError::Taken { .. }
                | TunError::Busy { .. }),
            ) => taken = Some(error),
            Err(error) => return Err(error.into()),
        }
    }
    Err(taken.expect("there is at least one network").into())
}

/// Why there is no IPv6 on a link of ours.
pub(super) fn no_ipv6(mtu: u16) -> Option<Failure> {
    if mtu < LEAST_MTU {
        return Some(Failure::new(exit::USAGE, too_narrow(mtu)));
    }
    let why = setup::why_no_ipv6()?;
    Some(Failure::new(exit::UNAVAILABLE, format!("there is no IPv6 here: {why}")))
}

/// The host's address and ours in the networks with this number.
fn networks(families: Families, number: u8) -> Vec<(Cidr, IpAddr)> {
    let ipv4 = families.ipv4.then(|| {
        let at = |last| IpAddr::from(Ipv4Addr::new(198, 51, 100, number * 4 + last));
        (at(1), 30, at(2))
    });
    let ipv6 = families.ipv6.then(|| {
        let number = u16::from(number);
        let at = |last| IpAddr::from(Ipv6Addr::new(0x2001, 0xdb8, 1, number, 0, 0, 0, last));
        (at(1), 64, at(2))
    });
    let all = ipv4.into_iter().chain(ipv6);
    all.map(|(host, prefix, ours)| {
        (Cidr::new(host, prefix).expect("a prefix is shorter than an address"), ours)
    })
    .collect()
}

/// Why packets from our TUN would not reach `dest`, with what would help.
async fn obstacle(dest: IpAddr, ours: IpAddr) -> Option<String> {
    let reach = match setup::reach(dest).await {
        Ok(reach) => reach,
        Err(error) => return Some(format!("cannot ask the kernel for a route: {error}")),
    };
    match reach {
        Reach::Local => None,
        Reach::Loopback => Some(format!(
            "{dest} is a loopback address, and no packet for it is taken from another interface: \
             use another address of this host (a server on 0.0.0.0 or :: answers there too)"
        )),
        Reach::Unreachable => Some(format!("there is no route to {dest} from this host")),
        Reach::Forward { interface } => match setup::forwards(dest) {
            Ok(true) => None,
            Ok(false) | Err(_) => Some(how_to_forward(dest, ours, &interface)),
        },
    }
}

fn how_to_forward(dest: IpAddr, ours: IpAddr, interface: &str) -> String {
    let switch = setup::forwarding_switch(dest);
    let (iptables, network) = match dest {
        IpAddr::V4(_) => ("iptables", "198.51.100.0/24"),
        IpAddr::V6(_) => ("ip6tables", "2001:db8:1::/48"),
    };
    format!(
        "{dest} is behind {interface}, and this host does not forward packets from our \
         address {ours}. To let it:\n    \
         sudo sysctl -w {switch}=1\n    \
         sudo {iptables} -t nat -A POSTROUTING -s {network} -o {interface} -j MASQUERADE"
    )
}
