//! Any octets as packets: the parsers and the whole way in. No panic, and what is parsed as a segment is
//! written and read again to the same.
#![no_main]

use bytes::Bytes;
use glasstack::stack::{Config, Secret, Stack};
use glasstack::time::Instant;
use glasstack::wire::{icmpv4, ip, tcp};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let packet = Bytes::copy_from_slice(data);
    if let Ok(datagram) = ip::parse(&packet) {
        let _ = icmpv4::parse(&datagram.payload);
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
        Config { addrs: vec!["192.0.2.2".parse().unwrap()], ..Config::default() },
        Secret([0; 32]),
    );
    stack.listen("192.0.2.2:80".parse().unwrap(), 4).expect("a fresh stack");
    stack.on_packet(&packet, Instant::ZERO);
    while stack.poll_output(Instant::ZERO).is_some() {}
    stack.check_invariants();
});
