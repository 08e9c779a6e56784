//! What we ask of the kernel's routing netlink: to describe an interface, set it up, and say where
//! it would send a packet. Netlink, and not `/sys/class/net`: after `unshare`, `/sys` goes on
//! showing the interfaces of the namespace it was mounted in, while netlink speaks of our own.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use futures_util::TryStreamExt;
use rtnetlink::packet_core::Nla;
use rtnetlink::packet_route::address::{AddressAttribute, AddressHeaderFlags};
use rtnetlink::packet_route::link::{
    AfSpecInet6, AfSpecUnspec, In6AddrGenMode, InfoData, InfoKind, InfoTun, LinkAttribute,
    LinkFlags, LinkInfo, LinkMessage,
};
use rtnetlink::packet_route::route::{RouteAttribute, RouteScope, RouteType};
use rtnetlink::{Handle, LinkUnspec, RouteMessageBuilder};

use super::cidr::Cidr;

/// A conversation with the kernel, which ends when this is dropped.
pub(super) struct Netlink(Handle);

/// An interface as the kernel describes it.
#[derive(Clone, Debug, Default)]
pub(super) struct Link {
    pub index: u32,
    pub mtu: usize,
    pub up: bool,
    /// Whether packets pass: up, and the kernel has seen that somebody is attached.
    pub running: bool,
    /// `veth`, `bridge`, `tun`: nothing for a real network card or the loopback.
    pub kind: Option<String>,
    /// What only a TUN or a TAP has.
    pub tun: Option<TunFlags>,
    /// Packets on their way out that the kernel dropped: of a TUN, those for which its queue had no room.
    pub dropped: u64,
}

/// The attributes `IFLA_TUN_*` of `linux/if_link.h`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct TunFlags {
    pub owner: Option<u32>,
    pub group: Option<u32>,
    pub tap: bool,
    pub persistent: bool,
    pub multi_queue: bool,
    /// Of a multi-queue one: how many queues somebody has open.
    pub queues: u32,
}

impl Netlink {
    /// Must be called in a tokio runtime with I/O, and in the network namespace that is meant.
    pub fn open() -> io::Result<Self> {
        let (connection, handle, _) = rtnetlink::new_connection()?;
        tokio::spawn(connection);
        Ok(Netlink(handle))
    }

    pub async fn link(&self, name: &str) -> io::Result<Option<Link>> {
        match self.0.link().get().match_name(name).execute().try_next().await {
            Ok(message) => Ok(message.map(|message| Link::from(&message))),
            Err(error) => match into_io(error) {
                error if error.raw_os_error() == Some(nix::libc::ENODEV) => Ok(None),
                error => Err(error),
            },
        }
    }

    /// The addresses of all interfaces, each with the index of its interface.
    pub async fn addresses(&self) -> io::Result<Vec<(u32, Cidr)>> {
        let mut all = Vec::new();
        let mut messages = self.0.address().get().execute();
        while let Some(message) = messages.try_next().await.map_err(into_io)? {
            // On a point-to-point link ADDRESS is the peer's and LOCAL is ours; IPv6 has no LOCAL.
            let (mut address, mut local) = (None, None);
            for attribute in &message.attributes {
                match attribute {
                    AddressAttribute::Address(ip) => address = Some(*ip),
                    AddressAttribute::Local(ip) => local = Some(*ip),
                    _ => {}
                }
            }
            let cidr = local.or(address).and_then(|ip| Cidr::new(ip, message.header.prefix_len));
            all.extend(cidr.map(|cidr| (message.header.index, cidr)));
        }
        Ok(all)
    }

    /// The name of the interface with this index, if there is still one.
    pub async fn name_of(&self, index: u32) -> io::Result<Option<String>> {
        let found = self.0.link().get().match_index(index).execute().try_next().await;
        Ok(found.map_err(into_io)?.and_then(|message| {
            message.attributes.into_iter().find_map(|attribute| match attribute {
                LinkAttribute::IfName(name) => Some(name),
                _ => None,
            })
        }))
    }

    pub async fn add_address(&self, index: u32, address: Cidr) -> io::Result<()> {
        let mut request = self.0.address().add(index, address.address(), address.prefix());
        if address.address().is_ipv6() {
            // Nobody else on this link could have it: no need to look for a second.
            request.message_mut().header.flags |= AddressHeaderFlags::Nodad;
        }
        request.execute().await.map_err(into_io)
    }

    /// The kernel shall make up no address of its own when the link comes up, and look for no router with it.
    pub async fn no_link_local_address(&self, index: u32) -> io::Result<()> {
        let none = AfSpecInet6::AddrGenMode(In6AddrGenMode::None);
        let spec = LinkAttribute::AfSpecUnspec(vec![AfSpecUnspec::Inet6(vec![none])]);
        let link = LinkUnspec::new_with_index(index).append_extra_attribute(spec);
        self.0.link().set(link.build()).execute().await.map_err(into_io)
    }

    /// Sets the MTU, when one is given, and the link up.
    pub async fn set_up(&self, index: u32, mtu: Option<u32>) -> io::Result<()> {
        let mut link = LinkUnspec::new_with_index(index).up();
        if let Some(mtu) = mtu {
            link = link.mtu(mtu);
        }
        self.0.link().set(link.build()).execute().await.map_err(into_io)
    }

    /// Sends all packets of this family that have no other route out by an interface, behind which
    /// everybody is a neighbour.
    pub async fn add_default_route(&self, index: u32, is_v6: bool) -> io::Result<()> {
        let route = if is_v6 {
            RouteMessageBuilder::<Ipv6Addr>::new().output_interface(index).build()
        } else {
            let route = RouteMessageBuilder::<Ipv4Addr>::new().output_interface(index);
            route.scope(RouteScope::Link).build()
        };
        self.0.route().add(route).execute().await.map_err(into_io)
    }

    /// Lets so many packets wait for whoever reads what the interface sends.
    pub async fn set_queue(&self, index: u32, packets: u32) -> io::Result<()> {
        let link = LinkUnspec::new_with_index(index).txqueuelen(packets);
        self.0.link().set(link.build()).execute().await.map_err(into_io)
    }

    /// The route a packet of this host's to `dest` takes: its kind, and the index of the interface.
    /// `None` when there is no route.
    pub async fn route(&self, dest: IpAddr) -> io::Result<Option<(RouteType, Option<u32>)>> {
        let question = match dest {
            IpAddr::V4(dest) => {
                RouteMessageBuilder::<Ipv4Addr>::new().destination_prefix(dest, 32).build()
            }
            IpAddr::V6(dest) => {
                RouteMessageBuilder::<Ipv6Addr>::new().destination_prefix(dest, 128).build()
            }
        };
        let found = match self.0.route().get(question).execute().try_next().await {
            Ok(found) => found,
            Err(error) => {
                let error = into_io(error);
                let none = [nix::libc::ENETUNREACH, nix::libc::EHOSTUNREACH, nix::libc::EACCES];
                let is_none = error.raw_os_error().is_some_and(|code| none.contains(&code));
                return if is_none { Ok(None) } else { Err(error) };
            }
        };
        Ok(found.map(|route| {
            let out = route.attributes.iter().find_map(|attribute| match attribute {
                RouteAttribute::Oif(index) => Some(*index),
                _ => None,
            });
            (route.header.kind, out)
        }))
    }
}

impl From<&LinkMessage> for Link {
    fn from(message: &LinkMessage) -> Self {
        let mut link = Link {
            index: message.header.index,
            up: message.header.flags.contains(LinkFlags::Up),
            running: message.header.flags.contains(LinkFlags::Running),
            ..Link::default()
        };
        for attribute in &message.attributes {
            match attribute {
                LinkAttribute::Mtu(mtu) => link.mtu = usize::try_from(*mtu).unwrap_or(usize::MAX),
                LinkAttribute::Stats64(stats) => link.dropped = stats.tx_dropped,
                LinkAttribute::LinkInfo(infos) => infos.iter().for_each(|info| link.add(info)),
                _ => {}
            }
        }
        link
    }
}

impl Link {
    fn add(&mut self, info: &LinkInfo) {
        match info {
            LinkInfo::Kind(kind) => {
                self.kind = Some(kind.to_string());
                if *kind == InfoKind::Tun {
                    self.tun.get_or_insert_default();
                }
            }
            LinkInfo::Data(InfoData::Tun(attributes)) => {
                let tun = self.tun.get_or_insert_default();
                for attribute in attributes {
                    tun.add(attribute);
                }
            }
            _ => {}
        }
    }

    /// What it is, in words.
    pub fn describe(&self) -> String {
        match (&self.tun, &self.kind) {
            (Some(TunFlags { tap: true, .. }), _) => "a TAP".to_owned(),
            (Some(TunFlags { persistent: true, .. }), _) => "a persistent TUN".to_owned(),
            (Some(_), _) => "a TUN that another process has made".to_owned(),
            (None, Some(kind)) => format!("its kind is {kind}, not tun"),
            (None, None) => "it is not a TUN".to_owned(),
        }
    }
}

impl TunFlags {
    fn add(&mut self, attribute: &InfoTun) {
        let mut value = vec![0; attribute.value_len()];
        attribute.emit_value(&mut value);
        let word = || value.first_chunk().map(|bytes| u32::from_ne_bytes(*bytes));
        let flag = value.first().is_some_and(|byte| *byte != 0);
        match attribute.kind() {
            1 => self.owner = word(),
            2 => self.group = word(),
            3 => self.tap = value.first() == Some(&2),
            6 => self.persistent = flag,
            7 => self.multi_queue = flag,
            // Those that packets come by, and those that are put aside for now.
            8 | 9 => self.queues += word().unwrap_or(0),
            _ => {}
        }
    }
}

/// What the kernel said, as the error it is.
fn into_io(error: rtnetlink::Error) -> io::Error {
    match error {
        rtnetlink::Error::NetlinkError(message) => message.to_io(),
        other => io::Error::other(other),
    }
}
