//! Rules on hand-made packets, in virtual time.

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use bytes::Bytes;

use super::{Faults, parse_list};
use crate::seq::Seq;
use crate::time::Instant;
use crate::trace::{Harm, Way};
use crate::wire::tcp::{self, Ports};
use crate::wire::{Flags, ParseError, Segment, ip};

const US: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 2));
const PEER: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));
const ACK: Flags = Flags::ACK;
const NONE: [u32; 0] = [];

/// A segment that we send from port 80 to `port`: `seq` tells them apart.
fn packet(port: u16, flags: Flags, seq: u32, len: usize) -> Bytes {
    let payload = Bytes::from(vec![7; len]).into();
    let segment = Segment { seq: Seq(seq), flags, payload, ..Segment::default() };
    tcp::emit(Ports { src: 80, dst: port }, US, PEER, segment).to_bytes()
}

fn data(seq: u32) -> Bytes {
    packet(1000, ACK, seq, 100)
}

/// The same the other way.
fn back(flags: Flags, seq: u32) -> Bytes {
    let segment = Segment { seq: Seq(seq), flags, ..Segment::default() };
    tcp::emit(Ports { src: 1000, dst: 80 }, PEER, US, segment).to_bytes()
}

fn faults(rules: &str) -> Faults {
    Faults::new(parse_list(rules).expect("good rules"), 7)
}

fn at(millis: u64) -> Instant {
    Instant::from_millis(millis)
}

/// The sequence numbers of what is sent at `now`.
fn out(faults: &mut Faults, now: Instant) -> Vec<u32> {
    let packets = std::iter::from_fn(|| faults.poll_packet(Way::Tx, now));
    packets.map(|packet| u32::from_be_bytes(packet[24..28].try_into().expect("four"))).collect()
}

fn send(faults: &mut Faults, packet: Bytes, now: Instant) -> Vec<u32> {
    faults.on_packet(Way::Tx, packet, now);
    out(faults, now)
}

#[test]
fn the_first_fin_of_each_connection_is_lost_and_its_retransmission_passes() {
    let mut faults = faults("tx FIN#1 drop");
    let fin = ACK | Flags::FIN;
    for port in [1000, 2000] {
        assert_eq!(send(&mut faults, packet(port, ACK, 1, 5), at(0)), [1]);
        assert_eq!(send(&mut faults, packet(port, fin, 6, 0), at(1)), NONE);
        assert_eq!(send(&mut faults, packet(port, fin, 6, 0), at(2)), [6]);
    }
    faults.on_packet(Way::Rx, back(fin, 9), at(3));
    assert!(faults.poll_packet(Way::Rx, at(3)).is_some(), "the other direction is left alone");
    let strikes = faults.take_strikes();
    assert_eq!(strikes.len(), 2);
    assert_eq!((&*strikes[0].rule, strikes[0].harm), ("tx FIN#1 drop", Harm::Dropped));
    assert_eq!(strikes[0].remote, Some((PEER, 1000).into()));
    assert_eq!(strikes[0].seg.map(|seg| (seg.seq, seg.flags)), Some((Seq(6), fin)));
}

#[test]
fn kinds_are_what_people_call_them() {
    let all = [
        ("S", Flags::SYN, 0),
        ("SA", Flags::SYN | ACK, 0),
        ("A", ACK, 0),
        ("FA", Flags::FIN | ACK, 0),
        ("FAd", Flags::FIN | ACK, 3),
        ("R", Flags::RST, 0),
        ("Ad", ACK | Flags::PSH, 3),
    ];
    for (name, expected) in [
        ("SYN", "S"),
        ("SYN,ACK", "SA"),
        ("FIN", "FA FAd"),
        ("RST", "R"),
        ("data", "FAd Ad"),
        ("ack", "A"),
        ("icmp", ""),
        ("any", "S SA A FA FAd R Ad"),
        ("any#3-4", "A FA"),
    ] {
        let mut faults = faults(&format!("tx {name} drop"));
        let struck = all.into_iter().filter(|(_, flags, len)| {
            send(&mut faults, packet(1000, *flags, 1, *len), at(0)).is_empty()
        });
        let struck: Vec<_> = struck.map(|(short, ..)| short).collect();
        assert_eq!(struck.join(" "), expected, "{name}");
    }
}

#[test]
fn another_syn_between_the_same_ends_counts_from_one() {
    let mut faults = faults("tx data#1 drop");
    // The second SYN repeats the first; the third begins the next connection.
    for (isn, passed) in [(100, [].as_slice()), (100, &[101]), (500, &[])] {
        send(&mut faults, packet(1000, Flags::SYN | ACK, isn, 0), at(0));
        assert_eq!(send(&mut faults, data(isn + 1), at(0)), passed);
    }
}

#[test]
fn the_first_rule_strikes_and_the_others_count() {
    let mut faults = faults("tx data#1-2 drop; tx data#2-3 dup; tx data#1 drop; rx RST drop");
    let sent: Vec<_> = (1..=4).flat_map(|seq| send(&mut faults, data(seq), at(0))).collect();
    assert_eq!(sent, [3, 3, 4]);
    let tally = faults.tally();
    assert_eq!(
        tally.counts().map(|(_, m, s)| (m, s)).collect::<Vec<_>>(),
        [(2, 2), (2, 1), (1, 0), (0, 0)]
    );
    assert_eq!(
        tally.lines(),
        [
            "fault 'tx data#1-2 drop' struck 2 packets",
            "fault 'tx data#2-3 dup' struck 1 packet",
            "fault 'tx data#1 drop' struck nothing: a rule before it took the 1 packet it matched",
            "fault 'rx RST drop' never matched: no such packet came by",
        ]
    );
}

#[test]
fn what_is_delayed_comes_exactly_then_and_others_do_not_wait() {
    let mut faults = faults("tx data#2 delay 300ms; tx data#3 delay 100ms");
    let sent: Vec<_> = (1..=4).flat_map(|seq| send(&mut faults, data(seq), at(5))).collect();
    assert_eq!(sent, [1, 4]);
    assert_eq!(faults.next_deadline(), Some(at(105)));
    assert_eq!(out(&mut faults, at(104)), NONE);
    assert_eq!(out(&mut faults, at(105)), [3]);
    assert_eq!(faults.next_deadline(), Some(at(305)));
    // What is due goes before what comes.
    assert_eq!(send(&mut faults, data(5), at(400)), [2, 5]);
    assert_eq!(faults.next_deadline(), None);
}

#[test]
fn the_reordered_is_overtaken_by_its_own_connection_or_waits_a_tenth_of_a_second() {
    let mut faults = faults("tx data#1 reorder 2");
    assert_eq!(send(&mut faults, data(1), at(0)), NONE);
    assert_eq!(send(&mut faults, packet(2000, ACK, 50, 0), at(1)), [50]);
    assert_eq!(send(&mut faults, data(2), at(2)), [2]);
    assert_eq!(send(&mut faults, data(3), at(3)), [3, 1]);
    assert_eq!(faults.next_deadline(), None);
    assert_eq!(send(&mut faults, packet(3000, ACK, 60, 9), at(10)), NONE);
    assert_eq!(faults.next_deadline(), Some(at(110)));
    assert_eq!(out(&mut faults, at(110)), [60]);
}

#[test]
fn the_corrupted_has_a_wrong_checksum_and_nothing_else_wrong() {
    let mut faults = faults("tx any corrupt");
    for seq in 0..500 {
        let sent = packet(1000, ACK, seq, 3);
        faults.on_packet(Way::Tx, sent.clone(), at(0));
        let came = faults.poll_packet(Way::Tx, at(0)).expect("it passes");
        let flipped: u32 = sent.iter().zip(&came).map(|(a, b)| (a ^ b).count_ones()).sum();
        assert_eq!((flipped, came.len()), (1, sent.len()));
        let datagram = ip::parse(&came).expect("the IP header is whole");
        let error = tcp::parse(&datagram.payload, US, PEER).expect_err("it is damaged");
        assert!(matches!(
            error,
            ParseError::TcpChecksum | ParseError::HeaderLength | ParseError::Truncated
        ));
    }
}

#[test]
fn the_truncated_keeps_an_octet_at_least() {
    let mut faults = faults("tx data#1 truncate 30; tx any truncate 65535");
    for (sent, left) in [(data(1), 110), (data(2), 1), (Bytes::from_static(b"x"), 1)] {
        faults.on_packet(Way::Tx, sent, at(0));
        assert_eq!(faults.poll_packet(Way::Tx, at(0)).map(|packet| packet.len()), Some(left));
    }
    faults.on_packet(Way::Tx, Bytes::new(), at(0));
    assert_eq!(faults.poll_packet(Way::Tx, at(0)), Some(Bytes::new()));
}

/// What a seed loses of one connection, whatever else is on the link.
#[test]
fn a_seed_decides_and_the_rest_of_the_world_does_not() {
    let lost = |seed: u64, noise: bool, rules: &str| -> Vec<u32> {
        let mut faults = Faults::new(parse_list(rules).expect("good rules"), seed);
        let mut lost = Vec::new();
        for seq in 0..2_000 {
            if send(&mut faults, data(seq), at(0)).is_empty() {
                lost.push(seq);
            }
            if noise {
                send(&mut faults, packet(2000, ACK, seq, 1), at(0));
                faults.on_packet(Way::Rx, back(ACK, seq), at(0));
                faults.on_packet(Way::Rx, Bytes::from_static(b"noise"), at(0));
                while faults.poll_packet(Way::Rx, at(0)).is_some() {}
            }
        }
        lost
    };
    let plain = lost(1, false, "tx 5% drop");
    assert!((60..140).contains(&plain.len()), "{} of 2000", plain.len());
    assert_eq!(plain, lost(1, true, "any 5% drop; any 50% dup"));
    assert_ne!(plain, lost(2, false, "tx 5% drop"));
    // Each rule draws for itself.
    assert_ne!(plain, lost(1, false, "rx 5% drop; tx 5% drop"));
}

#[test]
fn what_is_held_is_bounded_and_so_is_what_is_counted() {
    let mut faults = faults("tx any delay 3600s");
    let mut sent = 0;
    for seq in 0..20_000 {
        faults.on_packet(
            Way::Tx,
            packet(u16::try_from(seq % 60_000).unwrap(), ACK, seq, 1400),
            at(0),
        );
        sent += out(&mut faults, at(0)).len();
    }
    // 16 MiB of packets of 1440 octets and 128 for each.
    assert_eq!(20_000 - sent, (16 << 20) / 1568);
    assert_eq!(faults.take_strikes().len(), 4096);
    assert!(faults.next_deadline() > Some(at(0) + Duration::from_secs(3599)));
}
