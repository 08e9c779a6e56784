//! Fragments of both families as the fuzzer chooses them: places, sizes, order, time. No panic; an echo request
//! that comes whole, none of its parts changed, is answered with its own data.
#![no_main]

mod sums;

use std::sync::Once;

use bytes::Bytes;
use glasstack::stack::{Config, Secret, Stack};
use glasstack::time::Instant;
use glasstack::wire::ip;
use libfuzzer_sys::fuzz_target;
use sums::internet_sum;

/// Octets of the packet that is cut, behind the IP header.
const LEN: usize = 2048;

/// Once, before anything is chosen: the parts as they are draw an answer, or the rest would show nothing.
static BEGUN: Once = Once::new();

fuzz_target!(|data: &[u8]| {
    BEGUN.call_once(|| {
        for is_v6 in [false, true] {
            let (mut stack, payload) = (stack(is_v6), echo_request(is_v6));
            for (from, more) in [(0, true), (LEN / 2, false)] {
                let piece = &payload[from..from + LEN / 2];
                stack.on_packet(&part(is_v6, 1, from, more, piece), Instant::ZERO);
            }
            assert_eq!(stack.counters().echo_replies, 1, "over IPv6: {is_v6}");
        }
    });
    let Some((first, rest)) = data.split_first() else { return };
    let is_v6 = first & 1 == 1;
    let mut stack = stack(is_v6);
    let payload = echo_request(is_v6);
    let mut now = Instant::ZERO;
    let mut is_changed = false;
    for choice in rest.chunks_exact(4) {
        let [place, units, flags, time] = choice else { unreachable!("chunks of four") };
        let from = usize::from(*place) * 8;
        let to = (from + (usize::from(*units) + 1) * 8).min(LEN);
        let mut piece = payload[from.min(LEN)..to].to_vec();
        if flags & 2 == 2 {
            piece.iter_mut().for_each(|octet| *octet ^= 0xff);
            is_changed = true;
        }
        let more = to < LEN || flags & 4 == 4;
        let id = u32::from(flags >> 4);
        stack.on_packet(&part(is_v6, id, from, more, &piece), now);
        now = now + std::time::Duration::from_millis(u64::from(*time) * 100);
        if stack.next_deadline().is_some_and(|deadline| deadline <= now) {
            stack.on_timeout(now);
        }
    }
    let mut answer = Vec::new();
    while let Some(frame) = stack.poll_output(now) {
        assert!(frame.len() <= 1500, "no longer than the link carries");
        let datagram = ip::parse(&frame.to_bytes()).expect("a sound packet");
        if let Some(fragment) = datagram.fragment {
            if fragment.offset == 0 {
                answer.clear();
            }
            assert_eq!(usize::from(fragment.offset), answer.len(), "in order");
            answer.extend_from_slice(&datagram.payload);
            // The sum of what was changed may be right by chance.
            if !fragment.more && !is_changed {
                assert_eq!(answer[4..], payload[4..], "its own data");
            }
        }
    }
    stack.check_invariants();
});

fn stack(is_v6: bool) -> Stack {
    let us = if is_v6 { "2001:db8::2" } else { "192.0.2.2" };
    let addrs = vec![us.parse().unwrap()];
    Stack::new(Config { addrs, ..Config::default() }, Secret([0; 32]))
}

/// The payload of the packet that is cut, with a sound checksum.
fn echo_request(is_v6: bool) -> Vec<u8> {
    let mut payload: Vec<u8> = (0..LEN).map(|at| (at ^ (at >> 8)).to_le_bytes()[0]).collect();
    payload[..8].copy_from_slice(&[if is_v6 { 128 } else { 8 }, 0, 0, 0, 0, 7, 0, 9]);
    let len = u32::try_from(LEN).unwrap();
    // The addresses of both ends, the length and the protocol.
    let pseudo = if is_v6 { 2 * (0x2001 + 0x0db8) + 1 + 2 + len + 58 } else { 0 };
    let sum = internet_sum(&payload, pseudo);
    payload[2..4].copy_from_slice(&sum.to_be_bytes());
    payload
}

fn part(is_v6: bool, id: u32, from: usize, more: bool, piece: &[u8]) -> Bytes {
    let offset = u16::try_from(from).unwrap();
    let len = u16::try_from(piece.len()).unwrap();
    let mut packet = Vec::new();
    if is_v6 {
        packet.extend_from_slice(&[0x60, 0, 0, 0]);
        packet.extend_from_slice(&(len + 8).to_be_bytes());
        packet.extend_from_slice(&[44, 64]);
        for last in [1, 2] {
            packet.extend_from_slice(&[0x20, 1, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, last]);
        }
        packet.extend_from_slice(&[58, 0]);
        packet.extend_from_slice(&(offset | u16::from(more)).to_be_bytes());
        packet.extend_from_slice(&id.to_be_bytes());
    } else {
        packet.extend_from_slice(&[0x45, 0]);
        packet.extend_from_slice(&(len + 20).to_be_bytes());
        packet.extend_from_slice(&u16::try_from(id).unwrap().to_be_bytes());
        packet.extend_from_slice(&(offset >> 3 | u16::from(more) << 13).to_be_bytes());
        packet.extend_from_slice(&[64, 1, 0, 0, 192, 0, 2, 1, 192, 0, 2, 2]);
        let sum = internet_sum(&packet, 0);
        packet[10..12].copy_from_slice(&sum.to_be_bytes());
    }
    packet.extend_from_slice(piece);
    packet.into()
}
