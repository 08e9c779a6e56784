//! Packets of IPv6 (RFC 8200) that are as they should be, and all that are not: routes (RFC 5095), and fragments
//! (RFC 6946, RFC 7112).

use std::net::IpAddr;

use proptest::prelude::*;

use super::*;
use crate::wire::ip;

const US: IpAddr = IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 2));
const PEER: IpAddr = IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1));
const HOP_BY_HOP: u8 = 0;
const ROUTING: u8 = 43;
const FRAGMENT: u8 = 44;
const OPTIONS: u8 = 60;
const UDP: u8 = 17;

/// A packet in which `first` names what `rest` begins with.
fn packet(first: u8, rest: &[u8]) -> Bytes {
    let header = ip::header(HeaderStyle::default(), PEER, US, first, rest.len());
    [&header[..], rest].concat().into()
}

/// An extension header of eight octets.
fn extension(next: u8, body: [u8; 6]) -> Vec<u8> {
    [&[next, 0][..], &body].concat()
}

fn defect_of(packet: &Bytes) -> Option<(DefectKind, u16)> {
    let datagram = ip::parse(packet).expect("what can be read");
    datagram.defect.map(|defect| (defect.kind, defect.at))
}

#[test]
fn a_packet_is_read_and_padding_cut_off() {
    let style = HeaderStyle { tos: 0xba, ttl: 3, ..HeaderStyle::default() };
    let header = ip::header(style, PEER, US, UDP, 3);
    assert_eq!(&header[..8], &[0x6b, 0xa0, 0, 0, 0, 3, UDP, 3]);
    let bytes = Bytes::from([&header[..], b"abc", &[0; 9]].concat());
    let datagram = ip::parse(&bytes).expect("a good packet");
    assert_eq!((datagram.src, datagram.dst), (PEER, US));
    assert_eq!((datagram.protocol, datagram.protocol_at), (UDP, 6));
    assert_eq!((datagram.ecn, datagram.fragment, datagram.defect), (Ecn::Ect0, None, None));
    assert_eq!((&datagram.header[..], &datagram.payload[..]), (&header[..], &b"abc"[..]));
}

#[test]
fn what_is_cut_short_is_refused() {
    let rest = [extension(OPTIONS, [1, 4, 0, 0, 0, 0]), extension(UDP, [1, 4, 0, 0, 0, 0])];
    let whole = packet(HOP_BY_HOP, &rest.concat());
    assert!(ip::parse(&whole).is_ok());
    for len in 0..whole.len() {
        assert_eq!(ip::parse(&whole.slice(..len)), Err(ParseError::Truncated), "{len} octets");
    }
    // The packet is whole, and its last header claims to be longer.
    let mut long = whole.to_vec();
    long[49] = 1;
    assert_eq!(ip::parse(&long.into()), Err(ParseError::Truncated));
}

#[test]
fn jumbograms_are_refused() {
    let jumbo = extension(UDP, [0xc2, 4, 0, 1, 0, 0]);
    let mut bytes = packet(HOP_BY_HOP, &jumbo).to_vec();
    bytes[4..6].fill(0);
    assert_eq!(ip::parse(&bytes.into()), Err(ParseError::Jumbogram));
    // With a payload length of its own the option is one of those that nobody knows (RFC 2675 3).
    let both = packet(HOP_BY_HOP, &jumbo);
    assert_eq!(defect_of(&both), Some((DefectKind::Option, 42)));
    // A payload of nothing is no mistake.
    let nothing = ip::parse(&packet(UDP, &[])).expect("a good packet");
    assert!(nothing.payload.is_empty());
}

#[test]
fn extensions_are_skipped() {
    let rest = [
        extension(OPTIONS, [0x05, 2, 0, 0, 1, 0]),
        extension(ROUTING, [0x1e, 1, 7, 0, 0, 0]),
        extension(OPTIONS, [0, 0, 0, 0, 0, 0]),
        extension(UDP, [0, 1, 3, 9, 9, 9]),
        b"payload".to_vec(),
    ];
    let datagram = ip::parse(&packet(HOP_BY_HOP, &rest.concat())).expect("a good packet");
    assert_eq!((datagram.defect, datagram.fragment), (None, None));
    assert_eq!((datagram.protocol, datagram.protocol_at), (UDP, 40 + 3 * 8));
    assert_eq!((datagram.header.len(), &datagram.payload[..]), (72, &b"payload"[..]));
}

#[test]
fn no_more_extensions_than_the_limit() {
    let chain = |count: usize| {
        let mut rest: Vec<u8> = (1..count).flat_map(|_| extension(OPTIONS, [0; 6])).collect();
        rest.extend(extension(UDP, [0; 6]));
        ip::parse(&packet(OPTIONS, &rest))
    };
    assert!(chain(MOST_EXTENSIONS).is_ok());
    assert_eq!(chain(MOST_EXTENSIONS + 1), Err(ParseError::ExtensionHeaders));
    let long = |units: u8| {
        let mut rest = vec![0; (usize::from(units) + 1) * 8];
        rest[..2].copy_from_slice(&[UDP, units]);
        ip::parse(&packet(OPTIONS, &rest))
    };
    assert!(long(127).is_ok());
    assert_eq!(long(128), Err(ParseError::ExtensionHeaders));
}

#[test]
fn an_unknown_option_says_itself_what_is_to_be_done() {
    for header in [HOP_BY_HOP, OPTIONS] {
        for (kind, defect) in [
            (0x1e, None),
            (0x5e, Some((DefectKind::SilentOption, 43))),
            (0x9e, Some((DefectKind::Option, 43))),
            (0xde, Some((DefectKind::Option, 43))),
        ] {
            let bytes = packet(header, &extension(UDP, [0, kind, 3, 0, 0, 0]));
            assert_eq!(defect_of(&bytes), defect, "option {kind:#x} in header {header}");
        }
    }
    let too_long = packet(OPTIONS, &extension(UDP, [0, 0x1e, 4, 0, 0, 0]));
    assert_eq!(defect_of(&too_long), Some((DefectKind::Field, 44)));
    let no_length = packet(OPTIONS, &extension(UDP, [0, 0, 0, 0, 0, 0x1e]));
    assert_eq!(defect_of(&no_length), Some((DefectKind::Field, 48)));
}

#[test]
fn no_route_leads_on_from_here() {
    // Type 0 (RFC 5095) is one of those that nobody knows.
    for kind in [0, 2, 4, 0x1e] {
        let done = packet(ROUTING, &extension(UDP, [kind, 0, 0, 0, 0, 0]));
        assert_eq!(defect_of(&done), None, "type {kind}");
        let goes_on = packet(ROUTING, &extension(UDP, [kind, 1, 0, 0, 0, 0]));
        assert_eq!(defect_of(&goes_on), Some((DefectKind::Field, 42)), "type {kind}");
    }
}

#[test]
fn hop_by_hop_options_come_first_or_not_at_all() {
    let rest = [extension(HOP_BY_HOP, [0; 6]), extension(UDP, [0; 6])].concat();
    assert_eq!(defect_of(&packet(OPTIONS, &rest)), Some((DefectKind::NextHeader, 40)));
    assert_eq!(defect_of(&packet(HOP_BY_HOP, &rest)), Some((DefectKind::NextHeader, 40)));
}

/// A fragment header.
fn fragment_header(next: u8, offset: u16, more: bool, id: u32) -> Vec<u8> {
    let field = (offset & !7) | u16::from(more);
    [&[next, 0][..], &field.to_be_bytes(), &id.to_be_bytes()].concat()
}

#[test]
fn a_fragment_is_told_from_a_whole_packet() {
    let part = |offset, more| {
        let rest = [
            extension(FRAGMENT, [0; 6]),
            fragment_header(UDP, offset, more, 0x0102_0304),
            vec![7; 24],
        ];
        ip::parse(&packet(OPTIONS, &rest.concat())).expect("a good packet")
    };
    let second = part(1448, true);
    let fragment = second.fragment.expect("it is one");
    assert_eq!((fragment.id, fragment.offset, fragment.more), (0x0102_0304, 1448, true));
    assert_eq!((fragment.own_header, fragment.named_at), (8, 40));
    assert_eq!((second.protocol, second.header.len(), second.payload.len()), (UDP, 56, 24));
    assert!(part(0, true).fragment.is_some() && part(8, false).fragment.is_some());
    let atomic = part(0, false);
    assert_eq!((atomic.fragment, atomic.protocol, atomic.protocol_at), (None, UDP, 48));
    assert_eq!((atomic.header.len(), atomic.payload.len()), (56, 24));
}

#[test]
fn the_first_fragment_shows_all_headers() {
    let first = |next, rest: &[u8]| {
        defect_of(&packet(FRAGMENT, &[&fragment_header(next, 0, true, 1), rest].concat()))
    };
    let incomplete = Some((DefectKind::IncompleteChain, 0));
    let mut header = [0; 40];
    header[12] = 0x80;
    assert_eq!(first(6, &header[..32]), None);
    assert_eq!(first(6, &header[..24]), incomplete, "the options are cut off");
    assert_eq!(first(6, &header[..16]), incomplete);
    assert_eq!(first(UDP, &header[..8]), None);
    assert_eq!(first(OPTIONS, &extension(UDP, [0; 6])), incomplete);
    assert_eq!(first(OPTIONS, &[extension(UDP, [0; 6]), vec![0; 8]].concat()), None);
    assert_eq!(first(OPTIONS, &[UDP, 3, 0, 0, 0, 0, 0, 0]), incomplete);
    // A later one has no headers to show.
    let later = [&fragment_header(6, 8, true, 1)[..], &[0; 8]].concat();
    assert_eq!(defect_of(&packet(FRAGMENT, &later)), None);
}

#[test]
fn only_what_may_be_marked_is() {
    let with = |tos| {
        let style = HeaderStyle { tos, ..HeaderStyle::default() };
        Bytes::from([&ip::header(style, PEER, US, UDP, 3)[..], b"abc"].concat())
    };
    for tos in [0xb9, 0xba, 0xbb] {
        assert_eq!(ip::mark(&with(tos)), Some(with(0xbb)), "{tos:#x}");
    }
    assert_eq!(ip::mark(&with(0xb8)), None);
    assert_eq!(ip::mark(&with(0xb9).slice(..39)), None);
}

proptest! {
    /// Nothing that comes behind a good header is a panic, and what is read lies within the packet.
    #[test]
    fn any_octets_are_read_or_refused(
        first in prop_oneof![Just(HOP_BY_HOP), Just(ROUTING), Just(FRAGMENT), Just(OPTIONS), any::<u8>()],
        rest in proptest::collection::vec(
            prop_oneof![Just(0), Just(1), Just(ROUTING), Just(FRAGMENT), Just(OPTIONS), any::<u8>()],
            0..200,
        ),
    ) {
        let bytes = packet(first, &rest);
        if let Ok(datagram) = ip::parse(&bytes) {
            prop_assert_eq!(datagram.header.len() + datagram.payload.len(), bytes.len());
            prop_assert_eq!(&datagram.payload[..], &bytes[datagram.header.len()..]);
            prop_assert!(usize::from(datagram.protocol_at) < datagram.header.len());
            if datagram.defect.is_none() {
                prop_assert_eq!(bytes[usize::from(datagram.protocol_at)], datagram.protocol);
            }
            let _ = upper_layer(&bytes);
        }
    }
}
