//! Any octets as packets: the parsers and the whole way in. No panic, and what is parsed as a segment is
//! written and read again to the same. Octets whose sums are wrong do not get far, so each input is
//! tried as it is, and again with lengths, addresses and sums put right.
#![no_main]

mod sums;

use bytes::Bytes;
use glasstack::stack::{Config, Secret, Stack};
use glasstack::time::Instant;
use glasstack::wire::{icmpv4, icmpv6, ip, tcp};
use libfuzzer_sys::fuzz_target;
use sums::internet_sum;

fuzz_target!(|data: &[u8]| {
    try_packet(Bytes::copy_from_slice(data));
    for packet in [mended(data), mended_v6(data)].into_iter().flatten() {
        try_packet(packet.into());
    }
});

fn try_packet(packet: Bytes) {
    if let Ok(datagram) = ip::parse(&packet) {
        let _ = icmpv4::parse(&datagram.payload);
        let _ = icmpv6::parse(&datagram.payload, datagram.src, datagram.dst);
        if let Ok((ports, segment)) = tcp::parse(&datagram.payload, datagram.src, datagram.dst) {
            let frame = tcp::emit(ports, datagram.src, datagram.dst, segment.clone()).to_bytes();
            let again = ip::parse(&frame).expect("our own packet");
            let again = tcp::parse(&again.payload, again.src, again.dst).expect("our own segment");
            // More SACK blocks than fit beside timestamps are left out when written.
            let mut expected = segment;
            let room = expected.options.room_for_sack();
            expected.options.sack.truncate(room);
            assert_eq!(again, (ports, expected));
        }
    }
    let mut stack = Stack::new(
        Config {
            addrs: vec!["192.0.2.2".parse().unwrap(), "2001:db8::2".parse().unwrap()],
            ..Config::default()
        },
        Secret([0; 32]),
    );
    stack.listen("[::]:80".parse().unwrap(), 4).expect("a fresh stack");
    stack.on_packet(&packet, Instant::ZERO);
    while stack.poll_output(Instant::ZERO).is_some() {}
    stack.check_invariants();
}

/// An IPv4 packet from 192.0.2.1 to port 80 of the stack, the rest as the fuzzer likes.
fn mended(data: &[u8]) -> Option<Vec<u8>> {
    let mut packet = data.get(..65_535.min(data.len()))?.to_vec();
    let header = usize::from(packet.first()? & 15).max(5) * 4;
    if packet.len() < header + 20 {
        return None;
    }
    packet[0] = 0x40 | u8::try_from(header / 4).ok()?;
    let total = u16::try_from(packet.len()).ok()?;
    packet[2..4].copy_from_slice(&total.to_be_bytes());
    packet[6] &= 0x40;
    packet[7] = 0;
    packet[9] = if packet[9] % 8 == 0 { 1 } else { 6 };
    packet[12..20].copy_from_slice(&[192, 0, 2, 1, 192, 0, 2, 2]);
    packet[10..12].fill(0);
    let sum = internet_sum(&packet[..header], 0);
    packet[10..12].copy_from_slice(&sum.to_be_bytes());
    let protocol = u32::from(packet[9]);
    let (at, pseudo) = if protocol == 6 {
        packet[header + 2..header + 4].copy_from_slice(&[0, 80]);
        let len = u32::from(total) - u32::try_from(header).ok()?;
        (header + 16, 2 * (0xc000 + 0x0200) + 1 + 2 + protocol + len)
    } else {
        (header + 2, 0)
    };
    packet[at..at + 2].fill(0);
    let sum = internet_sum(&packet[header..], pseudo);
    packet[at..at + 2].copy_from_slice(&sum.to_be_bytes());
    Some(packet)
}

/// An IPv6 packet from 2001:db8::1 to the stack. Behind the fixed header: extension headers as the fuzzer likes,
/// and if these lead to TCP or ICMP, port 80 and a right sum.
fn mended_v6(data: &[u8]) -> Option<Vec<u8>> {
    const FIRST: [u8; 6] = [0, 43, 44, 60, 6, 58];
    let mut packet = data.get(..65_535.min(data.len()))?.to_vec();
    let payload_len = u16::try_from(packet.len().checked_sub(40)?).ok()?;
    packet[0] = 0x60 | packet[0] & 15;
    packet[4..6].copy_from_slice(&payload_len.to_be_bytes());
    packet[6] = FIRST[usize::from(packet[6]) % FIRST.len()];
    for (at, last) in [(8, 1), (24, 2)] {
        packet[at..at + 16].fill(0);
        packet[at..at + 4].copy_from_slice(&[0x20, 1, 0x0d, 0xb8]);
        packet[at + 15] = last;
    }
    let Ok(read) = ip::parse(&Bytes::copy_from_slice(&packet)) else { return Some(packet) };
    let (start, protocol) = (read.header.len(), u32::from(read.protocol));
    let len = u32::try_from(packet.len() - start).ok()?;
    let at = match protocol {
        6 if len >= 20 => {
            packet[start + 2..start + 4].copy_from_slice(&[0, 80]);
            start + 16
        }
        58 if len >= 8 => start + 2,
        _ => return Some(packet),
    };
    packet[at..at + 2].fill(0);
    let sum = internet_sum(&packet[start..], 2 * (0x2001 + 0x0db8) + 1 + 2 + len + protocol);
    packet[at..at + 2].copy_from_slice(&sum.to_be_bytes());
    Some(packet)
}
