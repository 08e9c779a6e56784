//! The addresses of a server: ours, which the stack answers to, and the host's on the TUN. Of both families,
//! unless somebody wants it otherwise or this host has no IPv6.

use std::net::IpAddr;

use clap::Args;

use super::options::Output;
use super::{Failure, exit};
use crate::device::{Cidr, setup};

/// The least MTU of a link that carries IPv6 (RFC 8200 5).
pub(super) const LEAST_MTU: u16 = 1280;

/// What each is when nobody says.
const OURS: [&str; 2] = ["192.0.2.2", "2001:db8::2"];
const HOSTS: [&str; 2] = ["192.0.2.1/24", "2001:db8::1/64"];

/// `--addr` and `--host`.
#[derive(Args, Debug)]
pub(super) struct AddressOptions {
    /// Our address, which the stack answers to; or two, one of each family, with a comma between them
    /// [default: 192.0.2.2,2001:db8::2; of one family only if --host has one only]
    #[arg(long, env = "GLASS_ADDR", value_name = "ADDRESS", value_delimiter = ',')]
    addr: Vec<IpAddr>,
    /// The host's address on the TUN, with the length of the network's prefix; or two, one of each family
    /// [default: 192.0.2.1/24,2001:db8::1/64; of one family only if --addr has one only]
    #[arg(long, env = "GLASS_HOST", value_name = "ADDRESS/LEN", value_delimiter = ',')]
    host: Vec<Cidr>,
}

/// Both ends of the TUN: an address each in one family or in both.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Ends {
    /// The stack's, the one of IPv4 first.
    pub(super) ours: Vec<IpAddr>,
    /// The host's, in the same order.
    pub(super) hosts: Vec<Cidr>,
    /// Nobody has asked for IPv6 in so many words: without it there is still IPv4.
    pub(super) may_lack_ipv6: bool,
}

impl AddressOptions {
    /// What the options say together, for a link with this MTU.
    pub(super) fn ends(&self, mtu: u16) -> Result<Ends, Failure> {
        let nobody_asked = self.addr.is_empty() && self.host.is_empty();
        let (mut ours, mut hosts) = (Vec::new(), Vec::new());
        for (is_v6, index) in [(false, 0), (true, 1)] {
            let addr = one_of("--addr", &self.addr, |addr| addr.is_ipv6() == is_v6)?;
            let host = one_of("--host", &self.host, |host| host.address().is_ipv6() == is_v6)?;
            // Of what is not given the usual one is taken, if the family is wanted at all.
            let addr = addr.or_else(|| usual(&self.addr, OURS[index]));
            let host = host.or_else(|| usual(&self.host, HOSTS[index]));
            match (addr, host) {
                (Some(addr), Some(host)) => {
                    check_neighbours(addr, host)?;
                    ours.push(addr);
                    hosts.push(host);
                }
                // The other option names one of the other family.
                (Some(_), None) if self.addr.is_empty() => {}
                (None, Some(_)) if self.host.is_empty() => {}
                (None, None) => {}
                (Some(addr), None) => return Err(alone("--addr", &addr, "--host")),
                (None, Some(host)) => return Err(alone("--host", &host, "--addr")),
            }
        }
        let ends = Ends { ours, hosts, may_lack_ipv6: nobody_asked };
        if mtu >= LEAST_MTU || !ends.has_ipv6() {
            return Ok(ends);
        }
        ends.without_ipv6().map_err(|_| Failure::new(exit::USAGE, too_narrow(mtu)))
    }
}

impl Ends {
    pub(super) fn has_ipv6(&self) -> bool {
        self.ours.iter().any(IpAddr::is_ipv6)
    }

    /// IPv4 alone, if there is that and nobody has asked for more; else all of it back.
    pub(super) fn without_ipv6(mut self) -> Result<Ends, Ends> {
        if !self.may_lack_ipv6 {
            return Err(self);
        }
        self.ours.retain(IpAddr::is_ipv4);
        self.hosts.retain(|host| host.address().is_ipv4());
        Ok(self)
    }

    /// Leaves IPv6 out if the kernel has none, and says so.
    pub(super) fn with_what_the_kernel_has(self, output: &Output) -> Result<Ends, Failure> {
        if !self.has_ipv6() {
            return Ok(self);
        }
        let Some(why) = setup::why_no_ipv6() else { return Ok(self) };
        let ends = self.without_ipv6().map_err(|_| {
            let message =
                format!("there is no IPv6 here: {why}; leave it out of --addr and --host");
            Failure::new(exit::UNAVAILABLE, message)
        })?;
        output.note(format_args!("only IPv4: {why}"));
        Ok(ends)
    }

    /// Where to listen for all of our addresses.
    pub(super) fn any(&self) -> IpAddr {
        match self.ours.as_slice() {
            [one] => *one,
            _ => std::net::Ipv6Addr::UNSPECIFIED.into(),
        }
    }

    /// The host's addresses, for people.
    pub(super) fn hosts_in_words(&self) -> String {
        let hosts: Vec<_> = self.hosts.iter().map(|host| host.address().to_string()).collect();
        hosts.join(" and ")
    }
}

/// What is wrong with an MTU for IPv6.
pub(super) fn too_narrow(mtu: u16) -> String {
    format!("--mtu {mtu} is less than the {LEAST_MTU} octets that IPv6 needs")
}

/// The one of these that is `wanted`.
fn one_of<T: Copy + std::fmt::Display>(
    option: &str,
    given: &[T],
    wanted: impl Fn(&T) -> bool,
) -> Result<Option<T>, Failure> {
    let found: Vec<T> = given.iter().copied().filter(wanted).collect();
    match found.as_slice() {
        [] => Ok(None),
        [one] => Ok(Some(*one)),
        [first, second, ..] => {
            let message =
                format!("{option} has two of one family, {first} and {second}: choose one");
            Err(Failure::new(exit::USAGE, message))
        }
    }
}

/// What an option means that was not given.
fn usual<T>(given: &[T], text: &str) -> Option<T>
where
    T: std::str::FromStr,
    T::Err: std::fmt::Debug,
{
    given.is_empty().then(|| text.parse().expect("an address"))
}

fn check_neighbours(addr: IpAddr, host: Cidr) -> Result<(), Failure> {
    if host.contains(addr) && host.address() != addr {
        return Ok(());
    }
    let message = format!(
        "--addr {addr} is not a neighbour of --host {host}: choose another address of that network"
    );
    Err(Failure::new(exit::USAGE, message))
}

fn alone(option: &str, address: &impl std::fmt::Display, other: &str) -> Failure {
    let message = format!("{option} {address} has no {other} of its family: give both, or neither");
    Failure::new(exit::USAGE, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// In words, ours and the host's.
    type Texts = (Vec<String>, Vec<String>);

    fn ends(addr: &[&str], host: &[&str], mtu: u16) -> Result<Texts, String> {
        let options = AddressOptions {
            addr: addr.iter().map(|addr| addr.parse().unwrap()).collect(),
            host: host.iter().map(|host| host.parse().unwrap()).collect(),
        };
        let texts = |ends: Ends| {
            let ours = ends.ours.iter().map(IpAddr::to_string).collect();
            (ours, ends.hosts.iter().map(Cidr::to_string).collect())
        };
        options.ends(mtu).map(texts).map_err(|failure| failure.message)
    }

    fn are(ours: &[&str], hosts: &[&str]) -> Texts {
        let owned = |texts: &[&str]| texts.iter().map(|&text| text.to_owned()).collect();
        (owned(ours), owned(hosts))
    }

    #[test]
    fn both_families_unless_one_is_named() {
        assert_eq!(ends(&[], &[], 1500), Ok(are(&OURS, &HOSTS)));
        assert_eq!(ends(&["192.0.2.9"], &[], 1500), Ok(are(&["192.0.2.9"], &HOSTS[..1])));
        assert_eq!(ends(&["2001:db8::9"], &[], 1500), Ok(are(&["2001:db8::9"], &HOSTS[1..])));
        assert_eq!(ends(&[], &["192.0.2.7/24"], 1500), Ok(are(&OURS[..1], &["192.0.2.7/24"])));
        let (ours, hosts) = (["10.0.0.2", "fd00::2"], ["10.0.0.1/8", "fd00::1/64"]);
        assert_eq!(ends(&["fd00::2", "10.0.0.2"], &hosts, 1500), Ok(are(&ours, &hosts)));
        assert_eq!(ends(&ours[1..], &hosts[1..], 1500), Ok(are(&ours[1..], &hosts[1..])));
    }

    #[test]
    fn a_link_that_is_too_narrow_has_ipv4_alone() {
        assert_eq!(ends(&[], &[], 1279), Ok(are(&OURS[..1], &HOSTS[..1])));
        assert_eq!(ends(&[], &[], 1280), Ok(are(&OURS, &HOSTS)));
        assert!(ends(&OURS, &HOSTS, 1279).unwrap_err().contains("--mtu 1279"));
    }

    #[test]
    fn what_does_not_go_together_is_said() {
        for (addr, host, words) in [
            (&["10.0.0.2"][..], &[][..], "not a neighbour"),
            (&["192.0.2.1"], &[], "not a neighbour"),
            (&["192.0.2.2", "192.0.2.3"], &[], "two of one family"),
            (&["2001:db8::2"], &["192.0.2.1/24"], "has no --addr of its family"),
            (&OURS, &["192.0.2.1/24"], "has no --host of its family"),
            (&["192.0.2.2"], &HOSTS, "has no --addr of its family"),
        ] {
            let error = ends(addr, host, 1500).expect_err(words);
            assert!(error.contains(words), "{error}");
        }
    }
}
