//! Over which version of IP scripts are played. They are written for IPv4; over IPv6 each is played as its
//! twin: an address, a socket option or a length of IPv4 stands for what is the same there. Which ICMP errors
//! have a twin is in `plan/icmp`, which scripts have none in `twin`.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// A version of IP.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum IpVersion {
    /// IPv4, as scripts are written
    #[default]
    #[value(name = "4", aliases = ["ipv4", "ipv4-mapped-ipv6"])]
    V4,
    /// IPv6: each script as its twin
    #[value(name = "6", alias = "ipv6")]
    V6,
}

impl IpVersion {
    /// All of them.
    pub const ALL: [IpVersion; 2] = [IpVersion::V4, IpVersion::V6];

    /// The network of the twins' addresses, which is kept for documentation (RFC 3849).
    const DOCUMENTATION: [u16; 2] = [0x2001, 0xdb8];
    /// Addresses of many, known everywhere (RFC 4291 2.7).
    const MULTICAST: [u16; 2] = [0xff0e, 0];

    /// The version of an address.
    #[must_use]
    pub const fn of(addr: IpAddr) -> Self {
        match addr {
            IpAddr::V4(_) => IpVersion::V4,
            IpAddr::V6(_) => IpVersion::V6,
        }
    }

    /// Octets that a packet is longer than over IPv4 with the same segment in it. A link carries so much more,
    /// for segments to be as long, and all numbers of a script the same.
    #[must_use]
    pub const fn longer_by(self) -> u16 {
        match self {
            IpVersion::V4 => 0,
            IpVersion::V6 => 20,
        }
    }

    /// What an address of a script stands for: the same octets at the end of one for documentation. One of
    /// nobody or of many remains one.
    #[must_use]
    pub fn addr(self, addr: Ipv4Addr) -> IpAddr {
        let network = match self {
            IpVersion::V4 => return addr.into(),
            IpVersion::V6 if addr.is_unspecified() => return Ipv6Addr::UNSPECIFIED.into(),
            IpVersion::V6 if addr.is_multicast() || addr.is_broadcast() => IpVersion::MULTICAST,
            IpVersion::V6 => IpVersion::DOCUMENTATION,
        };
        let [a, b, c, d] = addr.octets();
        let end = [u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d])];
        Ipv6Addr::new(network[0], network[1], 0, 0, 0, 0, end[0], end[1]).into()
    }

    /// What an address with a port stands for.
    #[must_use]
    pub fn socket_addr(self, addr: SocketAddr) -> SocketAddr {
        match addr.ip() {
            IpAddr::V4(ip) => SocketAddr::new(self.addr(ip), addr.port()),
            IpAddr::V6(_) => addr,
        }
    }

    /// The address of nobody, or of whoever it may be.
    #[must_use]
    pub fn unspecified(self) -> IpAddr {
        self.addr(Ipv4Addr::UNSPECIFIED)
    }

    /// `AF_INET` or `AF_INET6`.
    #[must_use]
    pub const fn domain(self) -> i32 {
        match self {
            IpVersion::V4 => libc::AF_INET,
            IpVersion::V6 => libc::AF_INET6,
        }
    }

    /// The level and the name of the socket option that one of IPv4 stands for.
    #[must_use]
    pub const fn option(self, level: i32, name: i32) -> (i32, i32) {
        match (self, level, name) {
            (IpVersion::V6, libc::SOL_IP, libc::IP_TTL) => {
                (libc::SOL_IPV6, libc::IPV6_UNICAST_HOPS)
            }
            (IpVersion::V6, libc::SOL_IP, libc::IP_TOS) => (libc::SOL_IPV6, libc::IPV6_TCLASS),
            (IpVersion::V6, libc::SOL_IP, libc::IP_RECVERR) => (libc::SOL_IPV6, libc::IPV6_RECVERR),
            (IpVersion::V6, libc::SOL_IP, libc::IP_MTU_DISCOVER) => {
                (libc::SOL_IPV6, libc::IPV6_MTU_DISCOVER)
            }
            (IpVersion::V4 | IpVersion::V6, level, name) => (level, name),
        }
    }
}

impl fmt::Display for IpVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            IpVersion::V4 => "IPv4",
            IpVersion::V6 => "IPv6",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_its_own_or_that_of_its_twin() {
        for (of_v4, of_v6) in [
            ([192, 0, 2, 1], "2001:db8::c000:201"),
            ([0, 0, 0, 0], "::"),
            ([224, 0, 0, 1], "ff0e::e000:1"),
            ([255, 255, 255, 255], "ff0e::ffff:ffff"),
        ] {
            let addr = Ipv4Addr::from(of_v4);
            assert_eq!(IpVersion::V4.addr(addr), IpAddr::from(of_v4));
            assert_eq!(IpVersion::V6.addr(addr).to_string(), of_v6);
        }
    }

    #[test]
    fn options_of_ipv4_have_twins() {
        let ttl = (libc::SOL_IP, libc::IP_TTL);
        let nodelay = (libc::SOL_TCP, libc::TCP_NODELAY);
        assert_eq!(IpVersion::V4.option(ttl.0, ttl.1), ttl);
        let hops = (libc::SOL_IPV6, libc::IPV6_UNICAST_HOPS);
        assert_eq!(IpVersion::V6.option(ttl.0, ttl.1), hops);
        assert_eq!(IpVersion::V6.option(nodelay.0, nodelay.1), nodelay);
    }
}
