//! A four-tuple in as few octets as it takes, for tables that hold many.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use super::FourTuple;

/// Both ends of a connection. An IPv4 address lies in the first four octets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Ends {
    local: [u8; 16],
    remote: [u8; 16],
    local_port: u16,
    remote_port: u16,
    is_v6: bool,
}

impl From<&FourTuple> for Ends {
    fn from(tuple: &FourTuple) -> Self {
        let octets = |ip: IpAddr| match ip {
            IpAddr::V4(ip) => {
                let mut octets = [0; 16];
                octets[..4].copy_from_slice(&ip.octets());
                octets
            }
            IpAddr::V6(ip) => ip.octets(),
        };
        Ends {
            local: octets(tuple.local.ip()),
            remote: octets(tuple.remote.ip()),
            local_port: tuple.local.port(),
            remote_port: tuple.remote.port(),
            is_v6: tuple.local.is_ipv6(),
        }
    }
}

impl Ends {
    pub(super) fn tuple(&self) -> FourTuple {
        let end = |octets: [u8; 16], port| {
            let [a, b, c, d, ..] = octets;
            let ip = if self.is_v6 {
                IpAddr::V6(Ipv6Addr::from(octets))
            } else {
                IpAddr::V4(Ipv4Addr::new(a, b, c, d))
            };
            SocketAddr::new(ip, port)
        };
        FourTuple {
            local: end(self.local, self.local_port),
            remote: end(self.remote, self.remote_port),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_families_come_back_as_they_were() {
        let tuple = |local: &str, remote: &str| FourTuple {
            local: local.parse().unwrap(),
            remote: remote.parse().unwrap(),
        };
        for tuple in [
            tuple("192.0.2.2:80", "198.51.100.7:40000"),
            tuple("[2001:db8::2]:80", "[2001:db8::1]:65535"),
            tuple("[c000:202::]:80", "[c633:6407::]:40000"),
        ] {
            assert_eq!(Ends::from(&tuple).tuple(), tuple);
        }
        let (v4, v6) = ("192.0.2.2:80", "[c000:202::]:80");
        assert_ne!(Ends::from(&tuple(v4, v4)), Ends::from(&tuple(v6, v6)));
    }
}
