//! The two hosts that a test is about. A test file is written once, for hosts of IPv4; a test program whose name
//! ends with `over_ipv6` takes such files in as modules and runs them once more, with hosts of IPv6.

#![allow(dead_code, reason = "each test file uses its own part")]

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// Whether this program runs its tests over IPv6.
pub const IS_V6: bool = ends_with(env!("CARGO_CRATE_NAME"), "over_ipv6");
/// What the program prints of it.
pub const FAMILY: &str = if IS_V6 { "IPv6" } else { "IPv4" };

/// The host that calls.
pub const CLIENT: IpAddr = host(1);
/// Where the other one listens.
pub const SERVER: SocketAddr = SocketAddr::new(host(2), 80);

/// A link that carries what every link of a kind does, and over IPv6 the 20 octets more that its header takes: so
/// segments are as long over both, 1460 octets.
pub const MTU: usize = if IS_V6 { 1520 } else { 1500 };

/// The host `last` of the network of both.
pub const fn host(last: u8) -> IpAddr {
    if IS_V6 {
        IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, last as u16))
    } else {
        IpAddr::V4(Ipv4Addr::new(192, 0, 2, last))
    }
}

/// The host `last` of a network elsewhere.
pub const fn far_host(last: u8) -> IpAddr {
    if IS_V6 {
        IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0xffff, 0, 0, 0, 0, last as u16))
    } else {
        IpAddr::V4(Ipv4Addr::new(198, 51, 100, last))
    }
}

/// A host from anywhere: 32 bits at random name it.
pub const fn anywhere(random: u32) -> IpAddr {
    let [a, b, c, d] = random.to_be_bytes();
    if IS_V6 {
        IpAddr::V6(Ipv6Addr::new(0x2400 + a as u16, b as u16, c as u16, d as u16, 0, 0, 0, 1))
    } else {
        // From 1 to 200: nothing that may not be a source.
        IpAddr::V4(Ipv4Addr::new(1 + a % 200, b, c, d))
    }
}

/// The address of the kernel itself, for servers that are no stack of ours.
pub const LOCALHOST: IpAddr =
    if IS_V6 { IpAddr::V6(Ipv6Addr::LOCALHOST) } else { IpAddr::V4(Ipv4Addr::LOCALHOST) };

const fn ends_with(text: &str, end: &str) -> bool {
    let (text, end) = (text.as_bytes(), end.as_bytes());
    if text.len() < end.len() {
        return false;
    }
    let from = text.len() - end.len();
    let mut at = 0;
    while at < end.len() {
        if text[from + at] != end[at] {
            return false;
        }
        at += 1;
    }
    true
}
