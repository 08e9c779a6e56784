//! From the name of a host to addresses: the system's resolver, and what was said beforehand.

use std::io;
use std::net::{IpAddr, SocketAddr};

/// Asks the system, unless it was told.
#[derive(Clone, Debug, Default)]
pub struct Resolver {
    told: Vec<(String, u16, Vec<IpAddr>)>,
    /// Whether addresses of IPv6 count; `None`: both families do.
    ipv6: Option<bool>,
}

impl Resolver {
    /// `host`, where its `port` is wanted, is at `addrs`, whatever the system says.
    pub fn tell(&mut self, host: &str, port: u16, addrs: Vec<IpAddr>) {
        self.told.push((bare(host).to_ascii_lowercase(), port, addrs));
    }

    /// Only addresses of IPv6 (`true`) or of IPv4 count.
    pub fn only_ipv6(&mut self, ipv6: bool) {
        self.ipv6 = Some(ipv6);
    }

    /// The addresses of `host`, in the order to be tried; there is at least one.
    ///
    /// # Errors
    ///
    /// The name is not known, or has no address of the family that counts.
    pub async fn resolve(&self, host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
        let host = bare(host);
        let counts = |addr: &SocketAddr| self.ipv6.is_none_or(|ipv6| ipv6 == addr.is_ipv6());
        let found: Vec<SocketAddr> = match self.told(host, port) {
            Some(addrs) => addrs.iter().map(|ip| SocketAddr::new(*ip, port)).collect(),
            None => tokio::net::lookup_host((host, port)).await?.collect(),
        };
        let addrs: Vec<_> = found.into_iter().filter(counts).collect();
        if addrs.is_empty() {
            let family = match self.ipv6 {
                Some(true) => " of IPv6",
                Some(false) => " of IPv4",
                None => "",
            };
            let why = format!("it has no address{family}");
            return Err(io::Error::new(io::ErrorKind::AddrNotAvailable, why));
        }
        Ok(addrs)
    }

    fn told(&self, host: &str, port: u16) -> Option<&[IpAddr]> {
        let is_it = |name: &str, at: u16| at == port && name.eq_ignore_ascii_case(host);
        self.told.iter().rev().find(|(name, at, _)| is_it(name, *at)).map(|(.., addrs)| &addrs[..])
    }
}

/// Without the brackets that an IPv6 address has in a URL.
pub(super) fn bare(host: &str) -> &str {
    host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(host)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_it_was_told_counts_for_that_port_only() {
        let mut resolver = Resolver::default();
        let addrs: Vec<IpAddr> = vec!["192.0.2.2".parse().unwrap(), "2001:db8::2".parse().unwrap()];
        resolver.tell("Example.test", 443, addrs);
        let found = resolver.resolve("example.TEST", 443).await.unwrap();
        assert_eq!(found.len(), 2);
        resolver.only_ipv6(true);
        let found = resolver.resolve("example.test", 443).await.unwrap();
        assert_eq!(found, ["[2001:db8::2]:443".parse().unwrap()]);
        assert_eq!(resolver.told("example.test", 80), None);
        let error = resolver.resolve("192.0.2.2", 80).await.unwrap_err();
        assert_eq!(error.to_string(), "it has no address of IPv6");
        assert!(resolver.resolve("[2001:db8::7]", 80).await.is_ok());
    }
}
