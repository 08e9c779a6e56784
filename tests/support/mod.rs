//! What the tests of whole exchanges share: stacks in a virtual network, and what to print when one of
//! them fails.
#![allow(dead_code, reason = "each test uses its part")]

pub mod harness;
#[path = "../common/icmp.rs"]
pub mod icmp;

use std::net::{IpAddr, SocketAddr};

use bytes::Bytes;
use glasstack::seq::Seq;
use glasstack::stack::{Config, FourTuple, Secret, Stack};
use glasstack::time::Instant;
use glasstack::wire::{Flags, Segment, ip, tcp};

/// The two hosts.
pub const CLIENT: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));
pub const SERVER: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 2));
/// The two hosts: of IPv4, and of IPv6.
pub const HOSTS: [[IpAddr; 2]; 2] = [
    [CLIENT, SERVER],
    [
        IpAddr::V6(std::net::Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1)),
        IpAddr::V6(std::net::Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 2)),
    ],
];
/// Where the server listens.
pub const PORT: u16 = 80;

/// A packet as a segment and its ends, seen from its sender.
pub fn parse(packet: &Bytes) -> Option<(FourTuple, Segment)> {
    let datagram = ip::parse(packet).ok()?;
    let (ports, segment) = tcp::parse(&datagram.payload, datagram.src, datagram.dst).ok()?;
    let local = SocketAddr::new(datagram.src, ports.src);
    let remote = SocketAddr::new(datagram.dst, ports.dst);
    Some((FourTuple { local, remote }, segment))
}

/// The packet that carries `segment` from `tuple.local` to `tuple.remote`.
pub fn packet(tuple: FourTuple, segment: Segment) -> Bytes {
    let ports = tcp::Ports { src: tuple.local.port(), dst: tuple.remote.port() };
    tcp::emit(ports, tuple.local.ip(), tuple.remote.ip(), segment).to_bytes()
}

/// The first sequence number and timestamp that a client with this secret would use for its first
/// connection to the server at the very start of time. Both only grow with the clock from there.
pub fn first_syn(secret: Secret, [client, server]: [IpAddr; 2]) -> (FourTuple, Seq, u32) {
    let mut stack = Stack::new(Config { addrs: vec![client], ..Config::default() }, secret);
    stack.connect(None, SocketAddr::new(server, PORT), Instant::ZERO).expect("a fresh stack");
    let syn = stack.poll_output(Instant::ZERO).expect("a SYN").to_bytes();
    let (tuple, segment) = parse(&syn).expect("our own segment");
    (tuple, segment.seq, segment.options.timestamps.expect("offered").val)
}

/// The same for the answer of a server with this secret to that client.
pub fn first_syn_ack(secret: Secret, client: FourTuple) -> Seq {
    let addrs = vec![client.remote.ip()];
    let mut stack = Stack::new(Config { addrs, ..Config::default() }, secret);
    stack.listen(client.remote, 1).expect("a fresh stack");
    let syn = Segment { flags: Flags::SYN, ..Segment::default() };
    stack.on_packet(&packet(client, syn), Instant::ZERO);
    let answer = stack.poll_output(Instant::ZERO).expect("a SYN,ACK").to_bytes();
    parse(&answer).expect("our own segment").1.seq
}

/// Reads a number from the environment.
pub fn number_from_env(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name}={text} is not a number")))
}

/// The seeds to run: one (`GLASS_SEED`), or the first so many (`GLASS_SEEDS`).
pub fn seeds(default: u64) -> std::ops::Range<u64> {
    match number_from_env("GLASS_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number_from_env("GLASS_SEEDS").unwrap_or(default),
    }
}

/// What a panic said.
pub fn panic_text(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().cloned();
    let text = text.or(panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
    text.unwrap_or_else(|| "a panic".to_owned())
}
