//! Parts (RFC 791, RFC 8200) that make a whole, parts that never do, and how much is held at most.

use std::net::{Ipv4Addr, Ipv6Addr};

use proptest::prelude::*;

use super::*;
use crate::wire::Frame;
use crate::wire::fragment::cut;
use crate::wire::ip;

const FAMILIES: [[&str; 2]; 2] = [["192.0.2.1", "192.0.2.2"], ["2001:db8::1", "2001:db8::2"]];

fn addr(text: &str) -> IpAddr {
    text.parse().expect("an address")
}

/// A UDP datagram with so many octets behind the IP header.
fn frame(src: IpAddr, dst: IpAddr, len: usize) -> Frame {
    let payload: Vec<u8> = (0..len).map(|at| (at ^ (at >> 8)).to_le_bytes()[0]).collect();
    let mut octets = match (src, dst) {
        (IpAddr::V4(src), IpAddr::V4(dst)) => {
            let len = u16::try_from(len).unwrap();
            let (src, dst) = (src.octets(), dst.octets());
            let header = etherparse::Ipv4Header::new(len, 64, etherparse::ip_number::UDP, src, dst);
            header.unwrap().to_bytes().to_vec()
        }
        (IpAddr::V6(src), IpAddr::V6(dst)) => etherparse::Ipv6Header {
            payload_length: u16::try_from(len).unwrap(),
            next_header: etherparse::ip_number::UDP,
            source: src.octets(),
            destination: dst.octets(),
            ..Default::default()
        }
        .to_bytes()
        .to_vec(),
        _ => panic!("two families"),
    };
    if src.is_ipv4() {
        let sum = etherparse::Ipv4HeaderSlice::from_slice(&octets).unwrap().to_header();
        octets[10..12].copy_from_slice(&sum.calc_header_checksum().to_be_bytes());
    }
    Frame {
        head: octets.as_slice().into(),
        payload: Bytes::from(payload).into(),
        ..Frame::default()
    }
}

fn parts(frame: Frame, mtu: usize, id: u32) -> Vec<Datagram> {
    let parts = cut(frame, mtu, id);
    parts.iter().map(|part| ip::parse(&part.to_bytes()).expect("a sound packet")).collect()
}

fn give(reassembly: &mut Reassembly, part: &Datagram, now: Instant) -> Outcome {
    reassembly.on_fragment(part, part.fragment.expect("a part"), now)
}

/// What is charged is what is there, and no more than may be.
fn check_books(reassembly: &Reassembly) {
    let costs = |partial: &Partial| {
        let pieces: usize = partial.pieces.values().map(|piece| COST_OF_PIECE + piece.len()).sum();
        assert_eq!(partial.pieces.values().map(Bytes::len).sum::<usize>(), {
            if partial.is_refused { 0 } else { partial.octets }
        });
        let header = partial.first.as_ref().map_or(0, |(first, _)| first.header.len());
        assert_eq!(partial.cost, COST_OF_PACKET + header + pieces);
        partial.cost
    };
    let all: usize = reassembly.packets.values().map(costs).sum();
    assert_eq!(reassembly.octets, all);
    assert!(all <= MOST_OCTETS, "{all} octets");
    assert!(reassembly.packets.len() <= MOST_PACKETS);
    assert_eq!(reassembly.by_age.len(), reassembly.packets.len());
    let shares = reassembly.by_source.values();
    assert!(shares.clone().all(|share| share.packets > 0 && share.packets <= MOST_OF_SOURCE));
    assert!(shares.clone().all(|share| share.octets <= MOST_OCTETS_OF_SOURCE));
    assert_eq!(shares.clone().map(|share| share.packets).sum::<usize>(), reassembly.packets.len());
    assert_eq!(shares.map(|share| share.octets).sum::<usize>(), all);
}

fn ends() -> impl Strategy<Value = (IpAddr, IpAddr)> {
    (0..FAMILIES.len()).prop_map(|family| {
        let [src, dst] = FAMILIES[family].map(addr);
        (src, dst)
    })
}

proptest! {
    /// Cut anywhere, in any order, some parts twice: it is the packet again, once.
    #[test]
    fn parts_in_any_order_make_the_packet(
        (src, dst) in ends(),
        len in 2_000_usize..20_000,
        mtu in 128_usize..1500,
        order in proptest::collection::vec(any::<u32>(), 320),
        doubled in proptest::collection::vec(any::<bool>(), 320),
    ) {
        let whole = frame(src, dst, len).to_bytes();
        let mut parts: Vec<_> = parts(frame(src, dst, len), mtu, 7).into_iter().zip(order).collect();
        prop_assert!(parts.len() > 1);
        parts.sort_by_key(|(_, place)| *place);
        let mut reassembly = Reassembly::default();
        let mut made = Vec::new();
        let count = parts.len();
        for (index, ((part, _), twice)) in parts.iter().zip(doubled).enumerate() {
            // The very last would begin a packet anew.
            for _ in 0..=usize::from(twice && index + 1 < count) {
                match give(&mut reassembly, part, Instant::ZERO) {
                    Outcome::Waiting => {}
                    Outcome::Whole(octets) => made.push((index, octets)),
                    Outcome::Dropped(why, _) => panic!("{why:?}"),
                }
            }
            check_books(&reassembly);
        }
        let [(last, octets)] = &made[..] else { panic!("{} packets", made.len()) };
        prop_assert_eq!(*last, count - 1);
        let [made, sent] = [octets, &whole].map(|octets| ip::parse(octets).expect("a sound packet"));
        prop_assert_eq!(&made.payload, &sent.payload);
        prop_assert_eq!((made.src, made.dst, made.protocol), (src, dst, 17));
        prop_assert_eq!((made.fragment, made.header.len()), (None, sent.header.len()));
        prop_assert!(reassembly.packets.is_empty() && reassembly.by_source.is_empty());
        prop_assert_eq!(reassembly.next_deadline(), None);
    }

    /// One part that overlaps others, wherever and whenever it comes: no packet is ever made.
    #[test]
    fn what_overlaps_is_no_packet(
        (src, dst) in ends(),
        len in 600_usize..4_000,
        order in proptest::collection::vec(any::<u32>(), 100),
        from in 0_usize..400,
        units in 1_usize..20,
        when in any::<prop::sample::Index>(),
    ) {
        let mut parts: Vec<_> = parts(frame(src, dst, len), 200, 7).into_iter().zip(order).collect();
        let count = parts.len();
        // Octets that nobody sent, between two boundaries.
        let from = from * 8 % len / 8 * 8;
        let evil_len = (units * 8).min((len - from) / 8 * 8);
        prop_assume!(evil_len > 0);
        let fragment = Fragment {
            offset: u16::try_from(from).unwrap(),
            more: true,
            ..parts[0].0.fragment.unwrap()
        };
        let evil = Datagram {
            fragment: Some(fragment),
            payload: vec![0xee; evil_len].into(),
            ..parts[0].0.clone()
        };
        parts.sort_by_key(|(_, place)| *place);
        // Not after all others: then the packet is made, and rightly so.
        parts.insert(when.index(count), (evil, 0));
        let mut reassembly = Reassembly::default();
        let mut refused = 0;
        for (part, _) in &parts {
            match give(&mut reassembly, part, Instant::ZERO) {
                Outcome::Waiting => {}
                Outcome::Whole(octets) => panic!("{} octets", octets.len()),
                Outcome::Dropped(why, _) => {
                    prop_assert_eq!(why, DropReason::FragmentOverlap);
                    refused += 1;
                }
            }
            check_books(&reassembly);
        }
        prop_assert!(refused > 0);
    }

    /// Fragments of anybody, of any place and size: what is held stays within the limits.
    #[test]
    fn a_flood_stays_within_the_limits(seed in any::<u64>()) {
        let mut random = Numbers(seed);
        let mut reassembly = Reassembly::default();
        let mut evicted = 0;
        for step in 0..4_000_u64 {
            let source = u32::try_from(random.below(40)).unwrap();
            let src = IpAddr::from(Ipv4Addr::from_bits(0x0a00_0000 + source));
            let part = part(src, random.below(3000), random.below(8000), 1 + random.below(180), true);
            let _ = give(&mut reassembly, &part, Instant::from_millis(step));
            evicted += reassembly.take_evicted().len();
            if step % 100 == 0 {
                check_books(&reassembly);
            }
        }
        check_books(&reassembly);
        prop_assert!(evicted > 0);
    }
}

/// Numbers by seed, without a dependency.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit
    }
}

/// So many units of eight octets, at such a place, of the packet with this number.
fn part(src: IpAddr, id: u64, at: u64, units: u64, more: bool) -> Datagram {
    let dst = if src.is_ipv4() { addr("192.0.2.2") } else { addr("2001:db8::2") };
    let first = parts(frame(src, dst, 2000), 1500, u32::try_from(id).unwrap()).remove(0);
    let offset = u16::try_from(at * 8).unwrap();
    let fragment = Fragment { offset, more, ..first.fragment.unwrap() };
    let payload = vec![7; usize::try_from(units * 8).unwrap()].into();
    Datagram { fragment: Some(fragment), payload, ..first }
}

fn is_waiting(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Waiting)
}

#[test]
fn a_source_that_floods_keeps_no_other_out() {
    for [src, dst] in FAMILIES.map(|ends| ends.map(addr)) {
        let mut reassembly = Reassembly::default();
        let other = match src {
            IpAddr::V4(_) => addr("192.0.2.99"),
            IpAddr::V6(_) => addr("2001:db8:0:1::1"),
        };
        let whole = parts(frame(other, dst, 3000), 1500, 1);
        assert!(is_waiting(&give(&mut reassembly, &whole[0], Instant::ZERO)));
        for id in 0..5_000 {
            // From any address of its network.
            let src = match src {
                IpAddr::V4(_) => src,
                IpAddr::V6(src) => Ipv6Addr::from_bits(src.to_bits() + u128::from(id)).into(),
            };
            give(&mut reassembly, &part(src, id, 10, 180, true), Instant::ZERO);
        }
        check_books(&reassembly);
        assert!(is_waiting(&give(&mut reassembly, &whole[1], Instant::ZERO)));
        assert!(matches!(give(&mut reassembly, &whole[2], Instant::ZERO), Outcome::Whole(_)));
        assert!(reassembly.take_evicted().len() > 4_000);
    }
}

#[test]
fn when_many_flood_the_oldest_goes() {
    let mut reassembly = Reassembly::default();
    let source = |number: u32| IpAddr::from(Ipv4Addr::from_bits(0x0a00_0000 + number));
    for number in 0..2_000 {
        give(&mut reassembly, &part(source(number), 1, 0, 10, true), Instant::ZERO);
    }
    check_books(&reassembly);
    let gone = reassembly.take_evicted();
    assert_eq!(gone, (0..2_000 - 1024).map(source).collect::<Vec<_>>());
}

#[test]
fn a_packet_of_crumbs_is_given_up() {
    let mut reassembly = Reassembly::default();
    let src = addr("192.0.2.1");
    let outcomes: Vec<_> = (0..8_000)
        .map(|at| give(&mut reassembly, &part(src, 1, at, 1, true), Instant::ZERO))
        .collect();
    let is_full =
        |outcome: &&Outcome| matches!(outcome, Outcome::Dropped(DropReason::FragmentsFull, None));
    assert_eq!(outcomes.iter().filter(is_full).count(), 1);
    check_books(&reassembly);
    assert_eq!(reassembly.octets, COST_OF_PACKET);
}

#[test]
fn what_is_not_whole_in_time_is_given_up() {
    for [src, dst] in FAMILIES.map(|ends| ends.map(addr)) {
        let mut reassembly = Reassembly::default();
        let [first, second, third] = [1, 2, 3].map(|id| parts(frame(src, dst, 3000), 1500, id));
        let at = |secs: u64| Instant::from_millis(secs * 1000);
        give(&mut reassembly, &first[0], at(10));
        give(&mut reassembly, &second[1], at(20));
        give(&mut reassembly, &third[0], at(30));
        give(&mut reassembly, &part(src, 3, 0, 20, true), at(31));
        // What comes later moves nothing.
        give(&mut reassembly, &first[1], at(40));
        assert_eq!(reassembly.next_deadline(), Some(at(70)));
        assert!(reassembly.expire(at(69)).is_none());
        let (from, told) = reassembly.expire(at(70)).expect("its time is over");
        let told = told.expect("the first fragment came");
        assert_eq!((from, &told.payload), (src, &first[0].payload));
        assert!(reassembly.expire(at(79)).is_none());
        assert!(reassembly.expire(at(80)).expect("its time is over").1.is_none(), "no first one");
        assert!(reassembly.expire(at(90)).expect("its time is over").1.is_none(), "refused");
        assert_eq!((reassembly.next_deadline(), reassembly.octets), (None, 0));
        // A late one begins a packet that will not come.
        assert!(is_waiting(&give(&mut reassembly, &first[2], at(100))));
    }
}

#[test]
fn ends_that_contradict_each_other_make_no_packet() {
    let src = addr("192.0.2.1");
    let overlap = |outcome| matches!(outcome, Outcome::Dropped(DropReason::FragmentOverlap, None));
    for (first, second) in [
        (part(src, 1, 20, 5, false), part(src, 1, 25, 5, false)),
        (part(src, 1, 20, 5, false), part(src, 1, 25, 5, true)),
        (part(src, 1, 20, 5, true), part(src, 1, 10, 5, false)),
        (part(src, 1, 20, 5, false), part(src, 1, 20, 5, true)),
        (part(src, 1, 20, 5, true), part(src, 1, 20, 5, false)),
    ] {
        let mut reassembly = Reassembly::default();
        assert!(is_waiting(&give(&mut reassembly, &first, Instant::ZERO)));
        assert!(overlap(give(&mut reassembly, &second, Instant::ZERO)), "{second:?}");
        // Nor does what comes afterwards.
        assert!(overlap(give(&mut reassembly, &part(src, 1, 0, 20, true), Instant::ZERO)));
    }
}

#[test]
fn impossible_fragments_are_refused_and_the_sender_told_where_the_fault_is() {
    for (src, at) in [(addr("192.0.2.1"), None), (addr("2001:db8::1"), Some(()))] {
        let mut reassembly = Reassembly::default();
        let field = |octet: u16| at.map(|()| Defect { kind: DefectKind::Field, at: octet });
        let mut odd = part(src, 1, 0, 5, true);
        odd.payload = odd.payload.slice(1..);
        let far = part(src, 1, 8190, 20, false);
        let empty = Datagram { payload: Bytes::new(), ..part(src, 1, 3, 1, false) };
        for (datagram, expected) in [(odd, field(4)), (far, field(42)), (empty, None)] {
            match give(&mut reassembly, &datagram, Instant::ZERO) {
                Outcome::Dropped(DropReason::Fragment, defect) => assert_eq!(defect, expected),
                other => panic!("{other:?}"),
            }
        }
        assert!(reassembly.packets.is_empty());
    }
}

#[test]
fn marks_come_together_or_not_at_all() {
    for [src, dst] in FAMILIES.map(|ends| ends.map(addr)) {
        let made = |ecns: [Ecn; 3]| {
            let mut reassembly = Reassembly::default();
            let mut last = None;
            for (part, ecn) in parts(frame(src, dst, 3000), 1500, 1).into_iter().zip(ecns) {
                let part = Datagram { ecn, ..part };
                last = Some(give(&mut reassembly, &part, Instant::ZERO));
            }
            match last {
                Some(Outcome::Whole(octets)) => Some(ip::parse(&octets).expect("sound").ecn),
                Some(Outcome::Dropped(DropReason::Fragment, None)) => None,
                other => panic!("{other:?}"),
            }
        };
        assert_eq!(made([Ecn::Ect0, Ecn::Ce, Ecn::Ect0]), Some(Ecn::Ce));
        assert_eq!(made([Ecn::NotEct; 3]), Some(Ecn::NotEct));
        assert_eq!(made([Ecn::NotEct, Ecn::Ce, Ecn::NotEct]), None);
    }
}

#[test]
fn packets_are_told_apart_by_who_sends_them_and_what_they_carry() {
    let src = addr("192.0.2.1");
    let one = part(src, 1, 0, 5, true);
    let tcp = Datagram { protocol: 6, ..one.clone() };
    let elsewhere = Datagram { dst: addr("192.0.2.3"), ..one.clone() };
    let other = part(addr("192.0.2.9"), 1, 0, 5, true);
    let next = part(src, 2, 0, 5, true);
    let mut reassembly = Reassembly::default();
    for datagram in [one, tcp, elsewhere, other, next] {
        give(&mut reassembly, &datagram, Instant::ZERO);
    }
    assert_eq!(reassembly.packets.len(), 5);
    // In IPv6 the protocol is what the first fragment says.
    let first = part(addr("2001:db8::1"), 1, 0, 5, true);
    let second = Datagram { protocol: 6, ..part(addr("2001:db8::1"), 1, 5, 5, false) };
    let mut reassembly = Reassembly::default();
    give(&mut reassembly, &second, Instant::ZERO);
    let Outcome::Whole(octets) = give(&mut reassembly, &first, Instant::ZERO) else {
        panic!("it is whole")
    };
    assert_eq!(ip::parse(&octets).expect("sound").protocol, 17);
}
