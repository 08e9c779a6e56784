//! An address with the length of its network's prefix: `192.0.2.1/24`.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

/// An interface's address and how many of its leading bits name the network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Cidr {
    address: IpAddr,
    prefix: u8,
}

impl Cidr {
    /// `None` when `prefix` is longer than the address: 32 bits or 128.
    #[must_use]
    pub const fn new(address: IpAddr, prefix: u8) -> Option<Self> {
        let most = if address.is_ipv4() { 32 } else { 128 };
        if prefix > most { None } else { Some(Cidr { address, prefix }) }
    }

    /// The address.
    #[must_use]
    pub const fn address(self) -> IpAddr {
        self.address
    }

    /// How many leading bits name the network: at most 32, or 128 for IPv6.
    #[must_use]
    pub const fn prefix(self) -> u8 {
        self.prefix
    }

    /// The first address of the network.
    #[must_use]
    pub fn network(self) -> IpAddr {
        match self.address {
            IpAddr::V4(address) => {
                let mask = u32::MAX.checked_shl(32 - u32::from(self.prefix)).unwrap_or(0);
                Ipv4Addr::from_bits(address.to_bits() & mask).into()
            }
            IpAddr::V6(address) => {
                let mask = u128::MAX.checked_shl(128 - u32::from(self.prefix)).unwrap_or(0);
                Ipv6Addr::from_bits(address.to_bits() & mask).into()
            }
        }
    }

    /// Whether `address` is in the network.
    #[must_use]
    pub fn contains(self, address: IpAddr) -> bool {
        Cidr::new(address, self.prefix).is_some_and(|other| other.network() == self.network())
            && address.is_ipv4() == self.address.is_ipv4()
    }
}

impl fmt::Display for Cidr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.prefix)
    }
}

impl FromStr for Cidr {
    type Err = CidrError;

    fn from_str(text: &str) -> Result<Self, CidrError> {
        let (address, prefix) = text.split_once('/').ok_or(CidrError)?;
        let address = address.parse().map_err(|_| CidrError)?;
        let prefix = prefix.parse().map_err(|_| CidrError)?;
        Cidr::new(address, prefix).ok_or(CidrError)
    }
}

/// The text is not an address and a prefix length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CidrError;

impl fmt::Display for CidrError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not an address with a prefix length, such as 192.0.2.1/24")
    }
}

impl std::error::Error for CidrError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn read_and_shown_alike() {
        for text in ["192.0.2.1/24", "10.0.0.1/0", "192.0.2.2/32", "2001:db8::1/64"] {
            assert_eq!(text.parse::<Cidr>().unwrap().to_string(), text);
        }
        for text in ["", "192.0.2.1", "192.0.2.1/33", "192.0.2/24", "2001:db8::1/129", "1.2.3.4/-1"]
        {
            assert_eq!(text.parse::<Cidr>(), Err(CidrError), "{text}");
        }
    }

    #[test]
    fn the_prefix_decides_who_is_a_neighbour() {
        let net: Cidr = "192.0.2.1/24".parse().unwrap();
        assert_eq!(net.network(), IpAddr::from([192, 0, 2, 0]));
        assert!(net.contains([192, 0, 2, 255].into()));
        assert!(!net.contains([192, 0, 3, 0].into()));
        assert!(!net.contains("2001:db8::1".parse().unwrap()));
        let all: Cidr = "192.0.2.1/0".parse().unwrap();
        assert!(all.contains([8, 8, 8, 8].into()));
        assert!(!all.contains("::".parse().unwrap()));
    }
}
