//! Both families at one stack: connections over IPv6 (RFC 8200, RFC 4291), what is told in ICMP (RFC 4443), and
//! packets that come in parts (RFC 791, RFC 5722, RFC 7739).

use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use etherparse::{
    Icmpv6Type, IpFragOffset, IpNumber, Ipv4Header, Ipv6FragmentHeader, Ipv6Header, ip_number,
};
use glasstack::error::Error;
use glasstack::seq::Seq;
use glasstack::stack::{Config, Handle, Input, Journal, Secret, Stack, checksum};
use glasstack::tcp::{Received, State};
use glasstack::time::Instant;
use glasstack::trace::DropReason as Why;
use glasstack::wire::ip::Datagram;
use glasstack::wire::{Flags, Frame, Options, Segment, icmpv6, ip, tcp};

/// The stack and its peer, in each family.
const FAMILIES: [[&str; 2]; 2] = [["192.0.2.2", "192.0.2.1"], ["2001:db8::2", "2001:db8::1"]];

fn addr(text: &str) -> IpAddr {
    text.parse().expect("an address")
}

fn end(ip: IpAddr, port: u16) -> SocketAddr {
    SocketAddr::new(ip, port)
}

fn stack_with(configure: impl FnOnce(&mut Config)) -> Stack {
    let addrs = FAMILIES.map(|[us, _]| addr(us)).to_vec();
    let mut config = Config { addrs, ..Config::default() };
    configure(&mut config);
    Stack::new(config, Secret([7; 32]))
}

fn stack() -> Stack {
    stack_with(|_| {})
}

fn at(secs: u64) -> Instant {
    Instant::from_millis(secs * 1000)
}

/// Everything it has to say now.
fn drain(stack: &mut Stack, now: Instant) -> Vec<Datagram> {
    let packets = std::iter::from_fn(|| stack.poll_output(now));
    packets.map(|frame| ip::parse(&frame.to_bytes()).expect("a sound packet")).collect()
}

/// What it answers to a packet.
fn answers(stack: &mut Stack, packet: &Bytes) -> Vec<Datagram> {
    stack.on_packet(packet, Instant::ZERO);
    drain(stack, Instant::ZERO)
}

fn dropped(stack: &Stack, why: Why) -> u64 {
    stack.drops().get(&why).copied().unwrap_or(0)
}

/// Lets two stacks talk until both are silent.
fn talk(one: &mut Stack, other: &mut Stack) {
    loop {
        let mut idle = true;
        for _ in 0..2 {
            while let Some(frame) = one.poll_output(Instant::ZERO) {
                other.on_packet(&frame.to_bytes(), Instant::ZERO);
                idle = false;
            }
            std::mem::swap(one, other);
        }
        if idle {
            return;
        }
    }
}

fn segment_of(datagram: &Datagram) -> Segment {
    let parsed = tcp::parse(&datagram.payload, datagram.src, datagram.dst);
    parsed.expect("a sound segment").1
}

fn syn(to: [&str; 2], port: u16, options: Options) -> Bytes {
    let [us, peer] = to.map(addr);
    let segment =
        Segment { seq: Seq(1000), flags: Flags::SYN, wnd: 65_535, options, ..Segment::default() };
    tcp::emit(tcp::Ports { src: 40_000, dst: port }, peer, us, segment).to_bytes()
}

/// A packet from the peer with this payload.
fn packet([us, peer]: [&str; 2], protocol: IpNumber, payload: &[u8]) -> Bytes {
    let len = u16::try_from(payload.len()).expect("it is short");
    let head = match (addr(us), addr(peer)) {
        (IpAddr::V4(us), IpAddr::V4(peer)) => {
            let header = Ipv4Header::new(len, 64, protocol, peer.octets(), us.octets());
            let mut header = header.expect("it is short");
            header.header_checksum = header.calc_header_checksum();
            header.to_bytes().to_vec()
        }
        (IpAddr::V6(us), IpAddr::V6(peer)) => Ipv6Header {
            payload_length: len,
            next_header: protocol,
            hop_limit: 64,
            source: peer.octets(),
            destination: us.octets(),
            ..Ipv6Header::default()
        }
        .to_bytes()
        .to_vec(),
        _ => panic!("two families"),
    };
    [&head[..], payload].concat().into()
}

/// Cuts a packet of either family as a router or a sender would, after so many octets of payload each.
fn in_parts(packet: &Bytes, size: usize, id: u16) -> Vec<Bytes> {
    let whole = ip::parse(packet).expect("a sound packet");
    let count = whole.payload.len().div_ceil(size);
    let part = |index: usize| {
        let piece = whole.payload.slice(index * size..whole.payload.len().min((index + 1) * size));
        let offset = IpFragOffset::try_new(u16::try_from(index * size / 8).unwrap()).unwrap();
        let more = index + 1 < count;
        let head = if whole.src.is_ipv4() {
            let (mut header, _) = Ipv4Header::from_slice(packet).unwrap();
            (header.identification, header.dont_fragment) = (id, false);
            (header.fragment_offset, header.more_fragments) = (offset, more);
            header.set_payload_len(piece.len()).unwrap();
            header.header_checksum = header.calc_header_checksum();
            header.to_bytes().to_vec()
        } else {
            let (mut header, _) = Ipv6Header::from_slice(packet).unwrap();
            let next = std::mem::replace(&mut header.next_header, ip_number::IPV6_FRAG);
            header.set_payload_length(8 + piece.len()).unwrap();
            let own = Ipv6FragmentHeader::new(next, offset, more, id.into());
            [&header.to_bytes()[..], &own.to_bytes()].concat()
        };
        Bytes::from([&head[..], &piece].concat())
    };
    (0..count).map(part).collect()
}

#[test]
fn one_stack_serves_both_families_with_the_segments_that_each_has_room_for() {
    let mut server = stack();
    let listener = server.listen(end(addr("::"), 80), 8).unwrap();
    let mut client = stack_with(|config| {
        config.addrs = FAMILIES.map(|[_, peer]| addr(peer)).to_vec();
    });
    for ([us, peer], mss) in FAMILIES.into_iter().zip([1460, 1440]) {
        let here = client.connect(None, end(addr(us), 80), Instant::ZERO).unwrap();
        let first = client.poll_output(Instant::ZERO).expect("a SYN").to_bytes();
        let first = ip::parse(&first).expect("a sound packet");
        assert_eq!((first.src, first.dst), (addr(peer), addr(us)));
        assert_eq!(segment_of(&first).options.mss, Some(mss));
        server.on_packet(&[&first.header[..], &first.payload].concat().into(), Instant::ZERO);
        talk(&mut client, &mut server);
        let there = server.accept(listener).expect("the handshake came through");
        assert_eq!(server.tuple(there).unwrap().local, end(addr(us), 80));
        let status = server.status(there, Instant::ZERO).unwrap().status;
        assert_eq!((status.send_mss, status.receive_mss), (mss.into(), mss.into()));

        server.send(there, &vec![9; 5000], Instant::ZERO).unwrap();
        let sent = std::iter::from_fn(|| server.poll_output(Instant::ZERO)).collect::<Vec<_>>();
        assert_eq!(sent[0].len(), 1500, "a full packet");
        assert!(sent.iter().all(|frame| frame.len() <= 1500));
        sent.iter().for_each(|frame| client.on_packet(&frame.to_bytes(), Instant::ZERO));
        talk(&mut client, &mut server);
        assert_eq!(received(&mut client, here), vec![9; 5000]);
        client.close(here, Instant::ZERO).unwrap();
        talk(&mut client, &mut server);
        server.close(there, Instant::ZERO).unwrap();
        talk(&mut client, &mut server);
        assert_eq!((client.state(here), server.state(there)), (State::TimeWait, State::Closed));
        client.check_invariants();
        server.check_invariants();
    }
}

fn received(stack: &mut Stack, handle: Handle) -> Vec<u8> {
    let mut all = Vec::new();
    while let Ok(Received::Data(data)) = stack.receive_bytes(handle, 65_536, Instant::ZERO) {
        all.extend_from_slice(&data);
    }
    all
}

// RFC 9293 MUST-15
#[test]
fn a_peer_that_names_no_segment_size_gets_what_every_link_of_its_family_carries() {
    for (family, default) in FAMILIES.into_iter().zip([536, 1220]) {
        let mut stack = stack();
        let listener = stack.listen(end(addr("::"), 80), 8).unwrap();
        let syn_ack = segment_of(&answers(&mut stack, &syn(family, 80, Options::default()))[0]);
        let [us, peer] = family.map(addr);
        let ports = tcp::Ports { src: 40_000, dst: 80 };
        let (seq, ack, flags) = (Seq(1001), syn_ack.seq + 1, Flags::ACK);
        let ack = Segment { seq, ack, flags, wnd: 65_535, ..Segment::default() };
        answers(&mut stack, &tcp::emit(ports, peer, us, ack).to_bytes());
        let handle = stack.accept(listener).expect("the handshake is complete");
        stack.send(handle, &[1; 4000], Instant::ZERO).unwrap();
        let sent = drain(&mut stack, Instant::ZERO);
        assert_eq!(segment_of(&sent[0]).payload.len(), default, "{us}");
    }
}

#[test]
fn where_a_connection_comes_from_and_where_it_cannot_go() {
    let connect = |stack: &mut Stack, local: Option<SocketAddr>, remote: &str| {
        let handle = stack.connect(local, end(addr(remote), 80), Instant::ZERO)?;
        Ok(stack.tuple(handle).expect("it is open").local.ip())
    };
    let mut both = stack();
    assert_eq!(connect(&mut both, None, "192.0.2.1"), Ok(addr("192.0.2.2")));
    assert_eq!(connect(&mut both, None, "2001:db8::1"), Ok(addr("2001:db8::2")));
    let any = Some(end(addr("::"), 0));
    assert_eq!(connect(&mut both, any, "2001:db8::1"), Ok(addr("2001:db8::2")));
    let nowhere = Err(Error::AddressNotAvailable);
    let mine = Some(end(addr("2001:db8::2"), 0));
    assert_eq!(connect(&mut both, mine, "192.0.2.1"), nowhere, "two families");
    assert_eq!(connect(&mut both, None, "2001:db8::2"), nowhere, "ourselves");
    let group = Err(Error::RemoteSocketUnspecified);
    assert_eq!(connect(&mut both, None, "ff02::1"), group);
    assert_eq!(connect(&mut both, None, "::"), group);
    // As programs for both families may write it.
    assert_eq!(connect(&mut both, None, "::ffff:192.0.2.1"), Ok(addr("192.0.2.2")));
    let zone = std::net::SocketAddrV6::new("2001:db8::1".parse().unwrap(), 81, 5, 2).into();
    let handle = both.connect(None, zone, Instant::ZERO).unwrap();
    assert_eq!(both.tuple(handle).unwrap().remote, end(addr("2001:db8::1"), 81));
    let mut old = stack_with(|config| config.addrs.retain(IpAddr::is_ipv4));
    assert_eq!(connect(&mut old, None, "2001:db8::1"), nowhere);
    let mut new = stack_with(|config| config.addrs.retain(IpAddr::is_ipv6));
    assert_eq!(connect(&mut new, None, "192.0.2.1"), nowhere);
    assert_eq!(new.listen(end(addr("192.0.2.2"), 80), 1), Err(Error::AddressNotAvailable));
}

#[test]
fn a_listener_on_fewer_addresses_goes_first() {
    let mut stack = stack();
    let all = stack.listen(end(addr("::"), 80), 8).unwrap();
    let taken = |stack: &mut Stack, family, listener| {
        answers(stack, &syn(family, 80, Options::default()));
        // The half-open connection holds a place of whoever took it.
        stack.unlisten(listener, Instant::ZERO);
        drain(stack, Instant::ZERO).len()
    };
    let [v4, v6] = FAMILIES;
    let old = stack.listen(end(addr("0.0.0.0"), 80), 8).unwrap();
    let one = stack.listen(end(addr(v4[0]), 80), 8).unwrap();
    assert_eq!(taken(&mut stack, v4, one), 1, "the RST of a listener that ends");
    assert_eq!(taken(&mut stack, v4, old), 1);
    let mine = stack.listen(end(addr(v6[0]), 80), 8).unwrap();
    assert_eq!(taken(&mut stack, v6, mine), 1);
    answers(&mut stack, &syn(v4, 80, Options::default()));
    assert_eq!(taken(&mut stack, v6, all), 2, "one of each family");
    // Nobody is left.
    for family in FAMILIES {
        let answer = segment_of(&answers(&mut stack, &syn(family, 80, Options::default()))[0]);
        assert_eq!(answer.flags, Flags::RST | Flags::ACK);
    }
}

fn ping(family: [&str; 2], data: &[u8]) -> Bytes {
    let [us, peer] = family.map(addr);
    match (us, peer) {
        (IpAddr::V6(us), IpAddr::V6(peer)) => {
            let echo = etherparse::IcmpEchoHeader { id: 7, seq: 9 };
            let kind = Icmpv6Type::EchoRequest(echo);
            let header = kind.to_header(peer.octets(), us.octets(), data).unwrap();
            packet(family, ip_number::IPV6_ICMP, &[&header.to_bytes()[..], data].concat())
        }
        _ => {
            let echo = etherparse::IcmpEchoHeader { id: 7, seq: 9 };
            let kind = etherparse::Icmpv4Type::EchoRequest(echo);
            let header = etherparse::Icmpv4Header::with_checksum(kind, data);
            packet(family, ip_number::ICMP, &[&header.to_bytes()[..], data].concat())
        }
    }
}

#[test]
fn a_ping_is_answered_however_long_it_is() {
    for family in FAMILIES {
        let data: Vec<u8> = (0..60_000_u32).map(|at| (at * 7).to_le_bytes()[0]).collect();
        for len in [0, 11, 1472, 4000, 60_000] {
            let mut stack = stack();
            let whole = ping(family, &data[..len]);
            let parts = if whole.len() > 1500 { in_parts(&whole, 1400, 1) } else { vec![whole] };
            let (last, others) = parts.split_last().unwrap();
            for part in others {
                assert_eq!(answers(&mut stack, part), []);
            }
            stack.on_packet(last, Instant::ZERO);
            assert_eq!(stack.next_deadline(), None, "nothing is waited for");
            // A second stack puts the answer together again.
            let mut peer = stack_with(|config| config.addrs = vec![addr(family[1])]);
            let mut reply = None;
            for part in std::iter::from_fn(|| stack.poll_output(Instant::ZERO)) {
                assert!(part.len() <= 1500, "{} octets", part.len());
                peer.on_packet(&part.to_bytes(), Instant::ZERO);
                reply = Some(part.to_bytes());
            }
            assert_eq!(
                dropped(&peer, Why::Icmp),
                1,
                "one echo reply, {len} octets: sound, asked by nobody"
            );
            if len < 1400 {
                let reply = ip::parse(&reply.unwrap()).unwrap();
                assert_eq!(&reply.payload[4..], [&[0, 7, 0, 9], &data[..len]].concat());
            }
            assert_eq!(stack.counters().echo_replies, 1);
        }
    }
}

/// Type, code, and the four octets behind the checksum; the packet that is quoted.
fn icmpv6_of(answers: &[Datagram]) -> (u8, u8, u32, Bytes) {
    let [answer] = answers else { panic!("{} answers", answers.len()) };
    assert_eq!(answer.protocol, ip_number::IPV6_ICMP.0);
    let message = icmpv6::parse(&answer.payload, answer.src, answer.dst);
    message.expect("a sound message");
    let word = u32::from_be_bytes(*answer.payload[4..].first_chunk().unwrap());
    (answer.payload[0], answer.payload[1], word, answer.payload.slice(8..))
}

#[test]
fn a_udp_datagram_is_told_that_nobody_listens() {
    let mut stack = stack();
    let query = packet(FAMILIES[1], ip_number::UDP, b"\x13\x88\0\x35\0\x0d\0\0query");
    assert_eq!(icmpv6_of(&answers(&mut stack, &query)), (1, 4, 0, query.clone()));
    for _ in 0..300 {
        stack.on_packet(&query, Instant::ZERO);
    }
    assert_eq!(drain(&mut stack, Instant::ZERO).len(), 99, "a hundred in a second");
    assert_eq!(dropped(&stack, Why::UdpPortUnreachable), 301);
}

#[test]
fn what_cannot_be_read_is_told_with_its_place() {
    let options = |kind: u8| [ip_number::TCP.0, 0, kind, 4, 0, 0, 0, 0];
    let routing = |kind: u8, left: u8| [ip_number::TCP.0, 0, kind, left, 0, 0, 0, 0];
    for (protocol, payload, told) in [
        (IpNumber(200), options(0), Some((4, 1, 6))),
        (ip_number::IPV6_DEST_OPTIONS, options(0x82), Some((4, 2, 42))),
        (ip_number::IPV6_DEST_OPTIONS, options(0xc2), Some((4, 2, 42))),
        (ip_number::IPV6_DEST_OPTIONS, options(0x42), None),
        (ip_number::IPV6_ROUTE, routing(0, 1), Some((4, 0, 42))),
        (ip_number::IPV6_NO_NEXT_HEADER, options(0), None),
    ] {
        let mut stack = stack();
        let odd = packet(FAMILIES[1], protocol, &payload);
        let answers = answers(&mut stack, &odd);
        match told {
            Some((kind, code, pointer)) => {
                assert_eq!(icmpv6_of(&answers), (kind, code, pointer, odd), "{protocol:?}");
            }
            None => assert_eq!(answers, [], "{protocol:?}"),
        }
        let drops = dropped(&stack, Why::ExtensionHeader) + dropped(&stack, Why::UnknownProtocol);
        assert_eq!(drops, 1, "{protocol:?}");
    }
}

/// RFC 4443 2.4 e.1: two hosts that do not understand each other would go on for ever.
#[test]
fn an_error_is_not_answered_with_an_error_whatever_stands_before_it() {
    let options = |next: IpNumber, kind: u8| vec![next.0, 0, kind, 4, 0, 0, 0, 0];
    let routing = |next: IpNumber| vec![next.0, 0, 0, 1, 0, 0, 0, 0];
    // It says that more follows, and its length is no multiple of eight.
    let part = |next: IpNumber| vec![next.0, 0, 0, 1, 0, 0, 0, 9];
    let security = |next: IpNumber| [&[next.0, 1][..], &[0; 10]].concat();
    let (dest, frag) = (ip_number::IPV6_DEST_OPTIONS, ip_number::IPV6_FRAG);
    let icmp = ip_number::IPV6_ICMP;
    let headers = |last: IpNumber| {
        [
            (dest, options(last, 0x82)),
            (ip_number::IPV6_ROUTE, routing(last)),
            (dest, [options(ip_number::IPV6_HOP_BY_HOP, 0), options(last, 0)].concat()),
            (dest, [options(dest, 0xc2), options(last, 0)].concat()),
            (dest, [options(frag, 0x82), part(last)].concat()),
            (frag, part(last)),
            (frag, [part(dest), options(last, 0)].concat()),
            (ip_number::AUTH, security(last)),
            (dest, [options(ip_number::AUTH, 0), security(last)].concat()),
        ]
    };
    let drawn = |first: IpNumber, headers: Vec<u8>, message: &[u8]| {
        let mut stack = stack();
        answers(&mut stack, &packet(FAMILIES[1], first, &[&headers[..], message].concat())).len()
    };
    // Of a group of its own, for which nobody has found a meaning yet; and cut off before it says what it is.
    for message in [&[1, 4, 0, 0, 0, 0, 0, 0, 0][..], &[127, 0, 0, 0, 0, 0, 0, 0, 0], &[]] {
        for (first, headers) in headers(icmp) {
            assert_eq!(drawn(first, headers, message), 0, "{first:?}, {message:?}");
        }
        let many = (0..20).flat_map(|_| options(dest, 0x82)).collect();
        assert_eq!(drawn(dest, many, message), 0, "nobody looks so far");
    }
    // An echo request is none, nor is a datagram of UDP: who sends that is told.
    for (last, message) in [(icmp, &[128, 0, 0, 0, 0, 0, 0, 0, 0][..]), (ip_number::UDP, &[9; 9])] {
        for (first, headers) in headers(last) {
            assert_eq!(drawn(first, headers, message), 1, "{first:?} before {last:?}");
        }
    }
    // Nor is the sender told that not all of an error has come.
    let first = [vec![dest.0, 0, 0, 1, 0, 0, 0, 9], options(icmp, 0), vec![1; 800]].concat();
    let mut stack = stack();
    assert_eq!(answers(&mut stack, &packet(FAMILIES[1], frag, &first)), []);
    stack.on_timeout(at(60));
    assert_eq!(drain(&mut stack, at(60)), []);
    assert_eq!(dropped(&stack, Why::FragmentTimeout), 1);
}

#[test]
fn what_is_to_a_group_or_about_neighbours_is_dropped_in_silence() {
    let mut stack = stack();
    let query = b"\x13\x88\0\x35\0\x08\0\0";
    for group in ["ff02::1", "ff02::1:ff00:2", "ff02::16"] {
        assert_eq!(answers(&mut stack, &packet([group, "fe80::1"], ip_number::UDP, query)), []);
    }
    let multicast = packet(["224.0.0.251", "192.0.2.1"], ip_number::UDP, query);
    assert_eq!(answers(&mut stack, &multicast), []);
    assert_eq!(dropped(&stack, Why::Multicast), 4);
    for kind in 133..=137 {
        let [us, peer] =
            FAMILIES[1].map(|text| text.parse::<std::net::Ipv6Addr>().unwrap().octets());
        let kind = Icmpv6Type::Unknown { type_u8: kind, code_u8: 0, bytes5to8: [0; 4] };
        let header = kind.to_header(peer, us, &us).unwrap();
        let payload = [&header.to_bytes()[..8], &us].concat();
        assert_eq!(answers(&mut stack, &packet(FAMILIES[1], ip_number::IPV6_ICMP, &payload)), []);
    }
    assert_eq!(dropped(&stack, Why::Discovery), 5);
    for bad in ["::", "::1", "ff02::1", "2001:db8::2", "::ffff:192.0.2.1"] {
        let [us, _] = FAMILIES[1];
        assert_eq!(answers(&mut stack, &packet([us, bad], ip_number::UDP, query)), []);
    }
    assert_eq!(dropped(&stack, Why::BadSource), 5);
    let elsewhere = packet(["2001:db8::3", "2001:db8::1"], ip_number::UDP, query);
    assert_eq!(answers(&mut stack, &elsewhere), []);
    assert_eq!(dropped(&stack, Why::NotForUs), 1);
}

#[test]
fn a_segment_that_came_in_parts_is_a_segment() {
    for family in FAMILIES {
        let mut stack = stack();
        stack.listen(end(addr("::"), 80), 8).unwrap();
        let whole = syn(family, 80, Options { mss: Some(1000), ..Options::default() });
        // Of IPv6 the first has to hold the whole header; of IPv4 eight octets are a part.
        let parts = in_parts(&whole, if family == FAMILIES[0] { 8 } else { 24 }, 1);
        let parts = if parts.len() > 1 { parts } else { in_parts(&with_data(family), 24, 1) };
        let count = parts.len();
        for (index, part) in parts.iter().rev().enumerate() {
            let answers = answers(&mut stack, part);
            assert_eq!(answers.len(), usize::from(index + 1 == count), "{family:?}");
        }
        assert_eq!(
            stack.states().map(|(_, state)| state).collect::<Vec<_>>(),
            [State::SynReceived]
        );
        // What nobody has vouched for is looked at.
        let mut bad = parts;
        let last = bad.last_mut().unwrap();
        let mut octets = last.to_vec();
        *octets.last_mut().unwrap() ^= 1;
        *last = octets.into();
        assert!(bad.iter().all(|part| answers(&mut stack, part).is_empty()));
        let wrong = Why::Malformed(glasstack::wire::ParseError::TcpChecksum);
        assert_eq!(dropped(&stack, wrong), 1, "{family:?}");
    }
}

/// A SYN with data, longer than its header.
fn with_data(family: [&str; 2]) -> Bytes {
    let [us, peer] = family.map(addr);
    let payload = Bytes::from_static(&[5; 40]).into();
    let options = Options { mss: Some(1000), ..Options::default() };
    let syn = Segment { flags: Flags::SYN, wnd: 1000, payload, options, ..Segment::default() };
    tcp::emit(tcp::Ports { src: 40_000, dst: 80 }, peer, us, syn).to_bytes()
}

#[test]
fn parts_that_stay_away_are_given_up_and_the_sender_told() {
    for family in FAMILIES {
        let parts = in_parts(&ping(family, &[1; 3000]), 1400, 1);
        let queries = in_parts(&packet(family, ip_number::UDP, &[0; 3000]), 1400, 2);
        let mut stack = stack();
        for part in [&parts[0], &parts[2], &queries[1]] {
            stack.on_packet(part, at(5));
        }
        assert_eq!(stack.next_deadline(), Some(at(65)));
        stack.on_timeout(at(64));
        assert_eq!(drain(&mut stack, at(64)), []);
        stack.on_timeout(at(65));
        let told = drain(&mut stack, at(65));
        let [told] = &told[..] else { panic!("{} answers", told.len()) };
        let exceeded = if family == FAMILIES[0] { [11, 1] } else { [3, 1] };
        assert_eq!(told.payload[..2], exceeded, "time exceeded, of the one whose first part came");
        assert_eq!(told.payload[8..40], parts[0][..32]);
        assert_eq!((told.dst, stack.next_deadline()), (addr(family[1]), None));
        assert_eq!(dropped(&stack, Why::FragmentTimeout), 2);
    }
}

#[test]
fn overlapping_and_nested_parts_make_no_packet() {
    for family in FAMILIES {
        let parts = in_parts(&ping(family, &[1; 3000]), 1400, 1);
        let others = in_parts(&ping(family, &[2; 3000]), 1200, 1);
        let mut stack = stack();
        for part in [&parts[0], &others[1], &parts[1], &parts[2]] {
            assert_eq!(answers(&mut stack, part), []);
        }
        assert_eq!(dropped(&stack, Why::FragmentOverlap), 3);
        // Something that is a fragment again when it is whole: of IPv6 alone there is such a thing.
        let [first, ..] = &in_parts(&ping(family, &[3; 3000]), 2000, 9)[..] else { unreachable!() };
        if family == FAMILIES[1] {
            let inner = ip::parse(first).unwrap();
            let inner = [&inner.header[40..], &inner.payload].concat();
            for part in in_parts(&packet(family, ip_number::IPV6_FRAG, &inner), 1400, 3) {
                assert_eq!(answers(&mut stack, &part), []);
            }
            assert_eq!(dropped(&stack, Why::Fragment), 1);
        }
    }
}

/// Keeps what it is told.
#[derive(Clone, Default)]
struct Notes(Arc<Mutex<Vec<(Instant, Input)>>>);

impl Journal for Notes {
    fn note(&mut self, at: Instant, input: Input) {
        self.0.lock().unwrap().push((at, input));
    }
}

#[test]
fn parts_and_their_deadlines_are_replayed() {
    let mut stack = stack();
    let notes = Notes::default();
    stack.set_journal(Box::new(notes.clone()));
    let mut sent: Vec<Frame> = Vec::new();
    for round in 0..4_u16 {
        for family in FAMILIES {
            let parts = in_parts(&ping(family, &[1; 3000]), 1400, round);
            let missing = usize::from(round) % 4;
            for (index, part) in parts.iter().enumerate().filter(|(index, _)| *index != missing) {
                stack.on_packet(part, at(u64::from(round) * 20 + index as u64));
            }
        }
        let now = at(u64::from(round) * 20 + 10);
        sent.extend(std::iter::from_fn(|| stack.poll_output(now)));
    }
    let mut now = at(70);
    while let Some(deadline) = stack.next_deadline() {
        now = now.max(deadline) + Duration::from_micros(1);
        stack.on_timeout(now);
        sent.extend(std::iter::from_fn(|| stack.poll_output(now)));
    }
    assert_eq!(dropped(&stack, Why::FragmentTimeout), 6);
    assert_eq!(sent.len(), 4 + 2 * 3, "four told, and two answers in three parts");
    let mut again = self::stack();
    let mut replayed = Vec::new();
    for (at, input) in notes.0.lock().unwrap().drain(..) {
        replayed.extend(again.apply(at, input));
    }
    let sums = |frames: &[Frame]| frames.iter().map(checksum).collect::<Vec<_>>();
    assert_eq!(sums(&replayed), sums(&sent));
    assert_eq!(again.drops(), stack.drops());
}
