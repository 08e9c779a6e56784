//! The environment of a TUN: its addresses, MTU and link, the loopback, and what the host does with
//! packets that come out of it. All through netlink, in process; making the namespace is not here
//! (`cli::namespace`), nor the TUN itself ([`super::Tun`]).

use std::fs;
use std::io;
use std::net::IpAddr;
use std::time::Duration;

use rtnetlink::packet_route::route::RouteType;

use super::cidr::Cidr;
use super::error::{Fault, TunError};
use super::netlink::{Link, Netlink, TunFlags};

/// How a TUN has to be set up: what `create` does to it, and what `attach` asks of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LinkSetup {
    /// The host's own addresses on the TUN. The stack's addresses are neighbours of these.
    pub addresses: Vec<Cidr>,
    /// The longest packet in octets. `None` takes what the kernel gives (1500), or what the attached
    /// TUN has.
    pub mtu: Option<u32>,
    /// Whether the kernel shall cut long segments and fill in checksums.
    pub offload: OffloadMode,
    /// How many queues it has.
    pub queues: Queues,
}

/// How many queues a TUN has: those of one can be read by as many threads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Queues {
    /// So many, at least one. A TUN made for one queue cannot be attached with several, nor the other way
    /// round.
    Exactly(usize),
    /// So many, at least one; but one when attaching to a TUN that has no more.
    UpTo(usize),
}

impl Queues {
    /// As many as there can be.
    #[must_use]
    pub const fn most(self) -> usize {
        match self {
            Queues::Exactly(0) | Queues::UpTo(0) => 1,
            Queues::Exactly(count) | Queues::UpTo(count) => count,
        }
    }
}

/// Whether a TUN does the work of a network card: checksums, and segments of many times the MTU.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OffloadMode {
    /// Every packet as it would be on the wire.
    #[default]
    Off,
    /// If the kernel can.
    Auto,
    /// Or else it is an error.
    On,
}

/// 192.0.2.1/24, which RFC 5737 sets aside for documentation, the kernel's MTU, and one queue.
impl Default for LinkSetup {
    fn default() -> Self {
        let host = Cidr::new(IpAddr::from([192, 0, 2, 1]), 24).expect("24 bits fit into 32");
        LinkSetup {
            addresses: vec![host],
            mtu: None,
            offload: OffloadMode::Off,
            queues: Queues::Exactly(1),
        }
    }
}

/// What this host does with a packet to some address, when it comes in by a TUN.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reach {
    /// The address is this host's own: the packet arrives.
    Local,
    /// It is this host's own loopback address: no packet for it is taken from another interface.
    Loopback,
    /// It is elsewhere, through this interface: the packet has to be forwarded.
    Forward {
        /// The interface it would leave by.
        interface: String,
    },
    /// There is no route.
    Unreachable,
}

/// Sets the loopback up, which in a new network namespace is down.
///
/// # Errors
///
/// Without `CAP_NET_ADMIN` in the namespace.
pub async fn loopback_up() -> io::Result<()> {
    let netlink = Netlink::open()?;
    match netlink.link("lo").await? {
        Some(link) if link.up => Ok(()),
        Some(link) => netlink.set_up(link.index, None).await,
        None => Err(io::Error::new(io::ErrorKind::NotFound, "there is no loopback interface")),
    }
}

/// How many packets for us the kernel has dropped since the TUN is there, for its queue was full.
///
/// # Errors
///
/// There is no such interface here, or the kernel does not answer.
pub async fn dropped_by_the_kernel(tun: &str) -> io::Result<u64> {
    match Netlink::open()?.link(tun).await? {
        Some(link) => Ok(link.dropped),
        None => Err(io::Error::new(io::ErrorKind::NotFound, format!("there is no {tun}"))),
    }
}

/// What this host does with packets to `dest`.
///
/// # Errors
///
/// The kernel does not answer.
pub async fn reach(dest: IpAddr) -> io::Result<Reach> {
    let netlink = Netlink::open()?;
    let Some((kind, out)) = netlink.route(dest).await? else {
        return Ok(Reach::Unreachable);
    };
    match kind {
        RouteType::Local if dest.is_loopback() => Ok(Reach::Loopback),
        RouteType::Local => Ok(Reach::Local),
        RouteType::Unicast => {
            let name = match out {
                Some(index) => netlink.name_of(index).await?,
                None => None,
            };
            Ok(Reach::Forward { interface: name.unwrap_or_else(|| "an interface".to_owned()) })
        }
        _ => Ok(Reach::Unreachable),
    }
}

/// Whether `dest` is an address of this very host.
///
/// # Errors
///
/// The kernel does not answer.
pub async fn route_is_local(dest: IpAddr) -> io::Result<bool> {
    Ok(matches!(reach(dest).await?, Reach::Local | Reach::Loopback))
}

/// The switch, as sysctl names it, that lets this host forward packets of the family of `dest` from one
/// interface to another.
#[must_use]
pub const fn forwarding_switch(dest: IpAddr) -> &'static str {
    match dest {
        IpAddr::V4(_) => "net.ipv4.ip_forward",
        IpAddr::V6(_) => "net.ipv6.conf.all.forwarding",
    }
}

/// Whether this host forwards packets to `dest` from one interface to another.
///
/// # Errors
///
/// There is no `/proc/sys`.
pub fn forwards(dest: IpAddr) -> io::Result<bool> {
    let path = format!("/proc/sys/{}", forwarding_switch(dest).replace('.', "/"));
    fs::read_to_string(path).map(|text| text.trim() != "0")
}

/// Why a new interface can have no address of IPv6 here; `None` if it can.
#[must_use]
pub fn why_no_ipv6() -> Option<&'static str> {
    let off = |text: String| text.trim() != "0";
    match fs::read_to_string("/proc/sys/net/ipv6/conf/default/disable_ipv6").map(off) {
        Ok(false) => None,
        Ok(true) => Some("IPv6 is switched off (sysctl net.ipv6.conf.default.disable_ipv6)"),
        Err(_) => Some("the kernel has no IPv6"),
    }
}

/// Makes a TUN the way to everywhere, as the only link of a network namespace is, and gives it a long
/// queue: what is lost on a wire behind it shall be lost there.
///
/// # Errors
///
/// As [`TunError`] says.
pub async fn lead_everywhere(name: &str, has_v6: bool) -> Result<(), TunError> {
    const QUEUE: u32 = 10_000;
    let failed =
        |doing| move |source: io::Error| TunError::System { doing, name: name.to_owned(), source };
    let netlink = Netlink::open().map_err(|source| asking("anything", source))?;
    let link = netlink.link(name).await.map_err(failed("look for the interface"))?;
    let index = link.map_or(0, |link| link.index);
    netlink.set_queue(index, QUEUE).await.map_err(failed("set the queue of"))?;
    netlink.add_default_route(index, false).await.map_err(failed("route by"))?;
    if has_v6 {
        netlink.add_default_route(index, true).await.map_err(failed("route IPv6 by"))?;
    }
    Ok(())
}

/// Refuses addresses that another interface has, or whose network is another interface's: the
/// kernel would take them, and send the packets to whichever came first.
pub(super) async fn check_addresses_free(
    netlink: &Netlink,
    setup: &LinkSetup,
) -> Result<(), TunError> {
    let present = netlink.addresses().await.map_err(|source| asking("addresses", source))?;
    for address in &setup.addresses {
        let clash = present.iter().find(|(_, other)| {
            other.address() == address.address()
                || (other.prefix() == address.prefix() && other.contains(address.address()))
        });
        if let Some((index, other)) = clash {
            let interface = netlink.name_of(*index).await.ok().flatten();
            return Err(TunError::AddressTaken {
                address: *address,
                other: *other,
                interface: interface.unwrap_or_else(|| format!("number {index}")),
            });
        }
    }
    Ok(())
}

/// Gives a new TUN its addresses, MTU and link, and says what the kernel made of it.
pub(super) async fn configure(
    netlink: &Netlink,
    name: &str,
    setup: &LinkSetup,
) -> Result<Link, TunError> {
    let failed = |doing| {
        move |source: io::Error| match source.kind() {
            io::ErrorKind::PermissionDenied => TunError::CreateDenied { name: name.to_owned() },
            _ => TunError::System { doing, name: name.to_owned(), source },
        }
    };
    let gone = || io::Error::new(io::ErrorKind::NotFound, "the interface has gone again");
    let look = || async { netlink.link(name).await.and_then(|link| link.ok_or_else(gone)) };

    let link = look().await.map_err(failed("find the new interface"))?;
    let others = |queues: u32| usize::try_from(queues) != Ok(setup.queues.most());
    let is_theirs = |tun: &TunFlags| tun.persistent || (tun.multi_queue && others(tun.queues));
    if link.tun.as_ref().is_some_and(is_theirs) {
        // Somebody made it between our look and our asking the kernel, which attached us to it.
        let kind = link.describe();
        return Err(TunError::Taken { name: name.to_owned(), kind, attachable: true });
    }
    if let Err(error) = netlink.no_link_local_address(link.index).await {
        // It makes for a few packets that nobody answers, or there is no IPv6.
        log::debug!("{name}: the kernel may give it an address of its own: {error}");
    }
    for address in &setup.addresses {
        let added = netlink.add_address(link.index, *address).await;
        added.map_err(failed("give its address to"))?;
    }
    netlink.set_up(link.index, setup.mtu).await.map_err(failed("set the MTU and the link of"))?;
    for address in setup.addresses.iter().map(|cidr| cidr.address()).filter(IpAddr::is_ipv6) {
        wait_until_local(netlink, name, address).await;
    }
    look().await.map_err(failed("read back"))
}

/// Waits until packets to an IPv6 address of this host are taken for its own. The kernel sees to that at
/// leisure, behind whatever else is done to interfaces, and drops answers until it has.
async fn wait_until_local(netlink: &Netlink, name: &str, address: IpAddr) {
    const LOOK: Duration = Duration::from_millis(2);
    const LOOKS_AT_MOST: u32 = 1000;
    for _ in 0..LOOKS_AT_MOST {
        match netlink.route(address).await {
            Ok(Some((RouteType::Local, _))) | Err(_) => return,
            Ok(Some(_) | None) => tokio::time::sleep(LOOK).await,
        }
    }
    log::warn!("{name}: the kernel does not take {address} for its own; answers may be lost");
}

/// Waits until packets pass over an interface that we have just attached to. The kernel notes the
/// change of a link at leisure, up to a second later, and drops packets until it has.
pub(super) async fn wait_until_running(netlink: &Netlink, name: &str) {
    const LOOK: Duration = Duration::from_millis(10);
    const LOOKS_AT_MOST: u32 = 200;
    for _ in 0..LOOKS_AT_MOST {
        match netlink.link(name).await {
            Ok(Some(link)) if !link.running => tokio::time::sleep(LOOK).await,
            // Packets pass; or the interface has gone, of which the first read will tell.
            _ => return,
        }
    }
    log::warn!("{name}: the kernel does not report the link as running; packets may be lost");
}

/// All that keeps us from attaching to `link`, with the commands that mend it.
pub(super) fn faults(
    name: &str,
    link: &Link,
    addresses: &[(u32, Cidr)],
    setup: &LinkSetup,
) -> Vec<Fault> {
    let remake = || {
        let mut commands = vec![format!("sudo ip link del dev {name}")];
        commands.extend(commands_to_make(name, setup));
        commands
    };
    let Some(tun) = &link.tun else {
        return vec![Fault { what: link.describe(), mend: Vec::new() }];
    };
    if tun.tap {
        let what = "it is a TAP, which carries Ethernet frames, and not a TUN".to_owned();
        return vec![Fault { what, mend: remake() }];
    }
    match (setup.queues, tun.multi_queue) {
        (Queues::Exactly(0 | 1), true) => {
            let what = "it is a multi-queue TUN, and one queue was asked for: ask for several, or \
                        make it anew";
            return vec![Fault { what: what.to_owned(), mend: remake() }];
        }
        (Queues::Exactly(count @ 2..), false) => {
            let what = format!("it has one queue, not {count}");
            return vec![Fault { what, mend: remake() }];
        }
        (Queues::Exactly(0 | 1), false) | (Queues::Exactly(2..), true) | (Queues::UpTo(_), _) => {}
    }
    let mut faults = Vec::new();
    for address in &setup.addresses {
        if !addresses.contains(&(link.index, *address)) {
            faults.push(Fault {
                what: format!("it does not have the address {address}"),
                mend: vec![format!("sudo ip address add {address} dev {name}")],
            });
        }
    }
    if let Some(mtu) = setup.mtu.filter(|mtu| usize::try_from(*mtu) != Ok(link.mtu)) {
        faults.push(Fault {
            what: format!("its MTU is {}, not {mtu}", link.mtu),
            mend: vec![format!("sudo ip link set dev {name} mtu {mtu}")],
        });
    }
    if !link.up {
        faults.push(Fault {
            what: "its link is down".to_owned(),
            mend: vec![format!("sudo ip link set dev {name} up")],
        });
    }
    faults
}

/// The commands that make a TUN which an ordinary user can attach to.
pub(super) fn commands_to_make(name: &str, setup: &LinkSetup) -> Vec<String> {
    let queues = if setup.queues.most() > 1 { " multi_queue" } else { "" };
    let mut commands = vec![format!("sudo ip tuntap add dev {name} mode tun user $USER{queues}")];
    for address in &setup.addresses {
        commands.push(format!("sudo ip address add {address} dev {name}"));
    }
    let mtu = setup.mtu.map_or(String::new(), |mtu| format!(" mtu {mtu}"));
    commands.push(format!("sudo ip link set dev {name}{mtu} up"));
    commands
}

/// An error of a question about all interfaces.
pub(super) fn asking(what: &'static str, source: io::Error) -> TunError {
    TunError::System { doing: "ask the kernel for", name: what.to_owned(), source }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tun() -> Link {
        Link { index: 3, mtu: 1500, up: true, tun: Some(TunFlags::default()), ..Link::default() }
    }

    #[test]
    fn a_tun_that_is_as_asked_has_no_fault() {
        let setup = LinkSetup::default();
        assert_eq!(faults("t0", &tun(), &[(3, setup.addresses[0])], &setup), []);
    }

    #[test]
    fn everything_that_is_wrong_is_said_at_once() {
        let setup = LinkSetup { mtu: Some(9000), ..LinkSetup::default() };
        let link = Link { up: false, ..tun() };
        let commands: Vec<_> = faults("t0", &link, &[(2, setup.addresses[0])], &setup)
            .into_iter()
            .flat_map(|fault| fault.mend)
            .collect();
        assert_eq!(
            commands,
            [
                "sudo ip address add 192.0.2.1/24 dev t0",
                "sudo ip link set dev t0 mtu 9000",
                "sudo ip link set dev t0 up",
            ]
        );
    }

    #[test]
    fn the_commands_that_make_a_tun_make_a_fit_one() {
        let setup = LinkSetup { mtu: Some(1400), ..LinkSetup::default() };
        assert_eq!(
            commands_to_make("t0", &setup),
            [
                "sudo ip tuntap add dev t0 mode tun user $USER",
                "sudo ip address add 192.0.2.1/24 dev t0",
                "sudo ip link set dev t0 mtu 1400 up",
            ]
        );
    }

    #[test]
    fn queues_are_as_the_tun_was_made() {
        let many = || TunFlags { multi_queue: true, ..TunFlags::default() };
        for (queues, tun_flags, command) in [
            (Queues::Exactly(1), TunFlags::default(), None),
            (Queues::Exactly(1), many(), Some("mode tun user $USER")),
            (Queues::Exactly(3), TunFlags::default(), Some("mode tun user $USER multi_queue")),
            (Queues::Exactly(3), many(), None),
            (Queues::UpTo(3), TunFlags::default(), None),
            (Queues::UpTo(1), many(), None),
        ] {
            let setup = LinkSetup { queues, ..LinkSetup::default() };
            let link = Link { tun: Some(tun_flags), ..tun() };
            let faults = faults("t0", &link, &[(3, setup.addresses[0])], &setup);
            let mend: Vec<_> = faults.iter().flat_map(|fault| &fault.mend).collect();
            match command {
                Some(end) => assert!(mend.iter().any(|line| line.ends_with(end)), "{mend:?}"),
                None => assert!(mend.is_empty(), "{queues:?}: {mend:?}"),
            }
        }
    }

    #[test]
    fn what_is_not_a_tun_cannot_be_mended() {
        let bridge = Link { kind: Some("bridge".to_owned()), tun: None, ..tun() };
        let faults = faults("br0", &bridge, &[], &LinkSetup::default());
        assert_eq!(faults.len(), 1);
        assert!(faults[0].mend.is_empty() && faults[0].what.contains("bridge"));
    }
}
