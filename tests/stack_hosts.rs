//! The stack as a host: listeners and their queues, ports, ICMP, and packets that are no segments. What of it
//! is not the same for both families, headers and ICMP, is of IPv4 here; for IPv6 it is in ipv6.rs.

mod common;

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};

use bytes::Bytes;
use common::*;
use etherparse::PacketBuilder;
use glasstack::error::Error;
use glasstack::stack::Ready;
use glasstack::trace::DropReason as Why;
use glasstack::wire::{ParseError, ip};

fn octets_of(addr: IpAddr) -> [u8; 4] {
    match addr {
        IpAddr::V4(addr) => addr.octets(),
        IpAddr::V6(_) => unreachable!("the tests speak IPv4"),
    }
}

fn from_to(src: [u8; 4], dst: [u8; 4]) -> etherparse::PacketBuilderStep<etherparse::IpHeaders> {
    PacketBuilder::ipv4(src, dst, 64)
}

fn from_peer() -> etherparse::PacketBuilderStep<etherparse::IpHeaders> {
    from_to(octets_of(PEER), octets_of(US))
}

fn udp(payload: &[u8]) -> Bytes {
    let mut packet = Vec::new();
    from_peer().udp(5000, 53).write(&mut packet, payload).expect("a vector takes it");
    packet.into()
}

/// The octets of a SYN packet, changed by the test, with a sound IP checksum.
fn altered_syn(p: &mut Prober, alter: impl FnOnce(&mut Vec<u8>)) -> Bytes {
    let mut packet = p.packet(syn()).to_vec();
    alter(&mut packet);
    let mut header = etherparse::Ipv4Header::from_slice(&packet).expect("a sound header").0;
    header.header_checksum = header.calc_header_checksum();
    packet[..20].copy_from_slice(&header.to_bytes());
    packet.into()
}

#[test]
fn fifty_clients_at_once_are_all_served() {
    let mut p = Prober::new();
    p.stack.unlisten(p.listener.expect("it listens"), p.now);
    p.listener = Some(p.stack.listen(SocketAddr::new(US, 80), 50).expect("it is free"));
    for port in 1..=50 {
        p.on_port(port).send(syn()).expect(syn_ack());
        let iss = p.conn.iss;
        assert!(iss.is_some());
    }
    p.expect_eq(p.stack.states().count(), 50, "the connections");
    assert_eq!(p.drops(Why::ListenQueueFull), 0);
}

#[test]
fn a_full_listener_ignores_a_syn_and_takes_it_when_there_is_room() {
    let mut p = Prober::new();
    for port in 1..=16 {
        p.on_port(port).send(syn()).expect(syn_ack()).send(ack());
    }
    p.on_port(17).send(syn()).expect_silence();
    assert_eq!(p.drops(Why::ListenQueueFull), 1);
    p.accept().on_port(17).send(syn().seq(0)).expect(syn_ack());
}

#[test]
fn connections_are_accepted_in_the_order_of_their_handshakes() {
    let mut p = Prober::new();
    for port in [7, 5, 6] {
        p.on_port(port).send(syn()).expect(syn_ack()).send(ack());
    }
    let ports = [0, 1, 2].map(|_| {
        p.accept();
        p.stack.tuple(p.handle()).expect("it exists").remote.port()
    });
    assert_eq!(ports, [7, 5, 6]);
}

#[test]
fn a_listener_tells_that_somebody_waits() {
    let mut p = Prober::in_state(State::SynReceived);
    assert_eq!(p.stack.take_ready().as_slice(), []);
    p.send(ack());
    let listener = p.listener.expect("it listens");
    assert_eq!(p.stack.take_ready().as_slice(), [Ready::Listener(listener)]);
}

#[test]
fn a_connection_that_is_reset_before_it_is_accepted_tells_so() {
    let mut p = Prober::new();
    p.send(syn()).expect(syn_ack()).send(ack()).send(rst()).accept();
    p.expect_eq(p.error(), Some(Error::ConnectionReset), "the error");
}

#[test]
fn unlisten_resets_those_who_wait() {
    let mut p = Prober::new();
    p.send(syn()).expect(syn_ack());
    p.stack.unlisten(p.listener.expect("it listens"), p.now);
    p.settle().expect(rst_ack().seq(1)).expect_silence();
    p.expect_eq(p.stack.states().count(), 0, "the connections");
}

#[test]
fn a_released_connection_leaves_nothing_behind() {
    let mut p = Prober::in_state(State::LastAck);
    p.release().send(ack().ack(2));
    p.expect_eq(p.stack.states().count(), 0, "the connections");
    p.expect_eq(p.stack.next_deadline(), None, "the next deadline");
}

// MUST-41
#[test]
fn an_address_can_be_listened_on_once_and_has_to_be_ours() {
    let mut p = Prober::new();
    let taken = p.stack.listen(SocketAddr::new(US, 80), 1);
    assert_eq!(taken, Err(Error::ConnectionAlreadyExists));
    let theirs = p.stack.listen(SocketAddr::new(PEER, 80), 1);
    assert_eq!(theirs, Err(Error::AddressNotAvailable));
}

// 3.9.1.1: the local address may be left open
#[test]
fn a_listener_on_any_address_answers_from_the_one_that_was_called() {
    let mut p = Prober::new();
    p.stack.unlisten(p.listener.expect("it listens"), p.now);
    p.listener = Some(p.stack.listen("0.0.0.0:80".parse().expect("an address"), 4).expect("free"));
    p.reach(State::Established);
}

// 3.10.7.1
#[test]
fn a_reset_never_answers_a_reset() {
    let mut p = Prober::in_state(State::Closed);
    p.send(rst().seq(5)).send(rst_ack().seq(5).ack(7)).expect_silence();
}

// MUST-2, MUST-3
#[test]
fn a_syn_with_a_bad_checksum_is_ignored() {
    let mut p = Prober::new();
    let packet = altered_syn(&mut p, |packet| packet[36] ^= 0x40);
    p.send_packet(&packet).expect_silence();
    assert_eq!(p.drops(Why::Malformed(ParseError::TcpChecksum)), 1);
}

// MUST-57 for broadcast and multicast
#[test]
fn packets_for_others_are_not_answered() {
    let mut p = Prober::new();
    for destination in [[192, 0, 2, 77], [192, 0, 2, 255], [255; 4], [224, 0, 0, 1]] {
        let packet = altered_syn(&mut p, |packet| packet[16..20].copy_from_slice(&destination));
        p.send_packet(&packet).expect_silence();
    }
    assert_eq!((p.drops(Why::NotForUs), p.drops(Why::Multicast)), (3, 1));
}

// MUST-41, MUST-42
#[test]
fn a_port_may_listen_while_a_connection_of_ours_uses_it() {
    let mut p = Prober::new();
    let (local, remote) = (SocketAddr::new(US, OUR_PORT), SocketAddr::new(PEER, 8000));
    let handle = p.stack.connect(Some(local), remote, p.now).expect("the four-tuple is free");
    p.settle().take_packets();
    p.on_port(4001).reach(State::Established);
    assert_eq!(p.stack.state(handle), State::SynSent);
}

// MUST-43, MUST-44, MUST-45: the application names its address, or the stack chooses one; what follows comes
// from the same.
#[test]
fn a_host_of_two_addresses_speaks_from_the_one_that_the_connection_has() {
    let second = IpAddr::from([192, 0, 2, 3]);
    for (wanted, expected) in [(None, US), (Some(US), US), (Some(second), second)] {
        let mut p = Prober::with(|config| config.addrs = vec![US, second]);
        let local = wanted.map(|ip| SocketAddr::new(ip, 0));
        let remote = SocketAddr::new(PEER, 8000);
        let handle = p.stack.connect(local, remote, p.now).expect("the addresses are ours");
        p.settle().advance(secs(8));
        p.stack.abort(handle, p.now);
        let packets = p.settle().take_packets();
        assert_eq!(packets.len(), 4, "a SYN, and three again");
        for packet in packets {
            assert_eq!(ip::parse(&packet).expect("a sound packet").src, expected);
        }
        let tuple = p.stack.tuple(handle).expect("it exists");
        assert_eq!(tuple.local.ip(), expected);
    }
    let mut p = Prober::with(|config| config.addrs = vec![US, second]);
    let theirs = Some(SocketAddr::new(IpAddr::from([192, 0, 2, 9]), 0));
    let refused = p.stack.connect(theirs, SocketAddr::new(PEER, 8000), p.now);
    assert_eq!(refused, Err(Error::AddressNotAvailable));
}

// MUST-45
#[test]
fn whoever_calls_the_second_address_is_answered_from_there() {
    let second = [192, 0, 2, 3];
    let mut p = Prober::with(|config| config.addrs = vec![US, IpAddr::from(second)]);
    p.stack.listen("192.0.2.3:80".parse().expect("an address"), 4).expect("it is free");
    let mut packet = Vec::new();
    let to_second = from_to(octets_of(PEER), second).tcp(4000, 80, 77, 9000).syn();
    to_second.write(&mut packet, &[]).expect("a vector takes it");
    p.send_packet(&packet.into()).advance(secs(10));
    let packets = p.take_packets();
    assert!(packets.len() > 2, "a SYN,ACK, again and again");
    for packet in packets {
        assert_eq!(ip::parse(&packet).expect("a sound packet").src, IpAddr::from(second));
    }
}

// MUST-50: record route, timestamp, router alert, one of an impossible length, one that nobody knows.
#[test]
fn ip_options_mean_nothing_to_tcp() {
    for options in [
        &[7, 7, 4, 0, 0, 0, 0, 0][..],
        &[68, 8, 5, 0, 0, 0, 0, 0],
        &[148, 4, 0, 0],
        &[7, 0, 4, 0],
        &[222, 4, 1, 2],
        &[1, 1, 1, 0],
    ] {
        let mut p = Prober::new();
        let plain = p.packet(syn());
        let mut header = etherparse::Ipv4Header::from_slice(&plain).expect("a sound header").0;
        header.options = options.try_into().expect("whole words");
        header.set_payload_len(plain.len() - 20).expect("it is short");
        header.header_checksum = header.calc_header_checksum();
        let packet = [&header.to_bytes()[..], &plain[20..]].concat();
        p.send_packet(&packet.into()).expect(syn_ack()).send(ack()).accept();
        p.expect_state(State::Established);
    }
}

// MUST-63; RFC 1122 3.2.1.3
#[test]
fn packets_from_impossible_senders_are_not_answered() {
    let mut p = Prober::new();
    let sources = [[255; 4], [224, 0, 0, 1], [0; 4], [127, 0, 0, 1], octets_of(US), [240, 0, 0, 1]];
    for source in sources {
        let packet = altered_syn(&mut p, |packet| packet[12..16].copy_from_slice(&source));
        p.send_packet(&packet).expect_silence();
    }
    assert_eq!(p.drops(Why::BadSource), 6);
}

#[test]
fn a_fragment_alone_opens_nothing() {
    let mut p = Prober::new();
    let packet = altered_syn(&mut p, |packet| packet[6] = 0x20);
    p.send_packet(&packet).expect_silence();
    p.expect_eq(p.stack.states().count(), 0, "the connections");
    p.advance(secs(60));
    let answer = ip::parse(&p.take_packets()[0]).expect("a sound packet");
    assert_eq!(&answer.payload[..2], [11, 1], "time exceeded");
    assert_eq!(p.drops(Why::FragmentTimeout), 1);
}

#[test]
fn ipv6_is_nothing_to_a_stack_without_an_address_of_it() {
    let mut p = Prober::new();
    let mut packet = Vec::new();
    PacketBuilder::ipv6([1; 16], [2; 16], 1).udp(1, 2).write(&mut packet, b"x").expect("it fits");
    p.send_packet(&packet.into()).expect_silence();
    assert_eq!(p.drops(Why::NotForUs), 1);
}

#[test]
fn rubbish_is_counted() {
    let mut p = Prober::new();
    let whole = p.packet(syn());
    for len in 0..whole.len() {
        p.send_packet(&whole.slice(..len)).expect_silence();
    }
    assert_eq!(p.drops(Why::Malformed(ParseError::Truncated)), whole.len() as u64);
}

// RFC 792; RFC 1122 3.2.2.6
#[test]
fn a_ping_is_answered_with_its_own_data() {
    let mut p = Prober::new();
    let mut packet = Vec::new();
    from_peer().icmpv4_echo_request(7, 9).write(&mut packet, b"how are you").expect("it fits");
    p.send_packet(&packet.into());
    let answer = p.take_packets().pop().expect("an answer");
    let datagram = ip::parse(&answer).expect("a sound packet");
    assert_eq!((datagram.src, datagram.dst), (US, PEER));
    assert_eq!(&datagram.payload[..2], [0, 0], "an echo reply");
    assert_eq!(&datagram.payload[4..], b"\0\x07\0\x09how are you");
}

// RFC 792; RFC 1122 3.2.2.1
#[test]
fn a_udp_datagram_is_told_that_nobody_listens() {
    let mut p = Prober::new();
    let packet = udp(b"query");
    p.send_packet(&packet);
    let answer = ip::parse(&p.take_packets()[0]).expect("a sound packet");
    assert_eq!(&answer.payload[..2], [3, 3], "port unreachable");
    assert_eq!(answer.payload[8..], packet);
}

// RFC 1812 4.3.2.8
#[test]
fn only_a_hundred_such_answers_leave_in_a_second() {
    let mut p = Prober::new();
    for _ in 0..300 {
        p.send_packet(&udp(b"flood"));
    }
    assert_eq!(p.take_packets().len(), 100);
    p.advance(secs(1)).send_packet(&udp(b"again"));
    assert_eq!(p.take_packets().len(), 1);
}

// RFC 6056
#[test]
fn ports_of_connections_do_not_collide_and_are_not_in_a_row() {
    let mut p = Prober::new();
    let ports: Vec<u16> = (0..200).map(|_| p.connect().conn.our_port).collect();
    assert_eq!(ports.iter().collect::<BTreeSet<_>>().len(), 200);
    assert!(ports.iter().all(|port| *port >= 32_768));
}

// MUST-43
#[test]
fn a_connection_may_choose_its_own_port() {
    let mut p = Prober::new();
    let (local, remote) = (SocketAddr::new(US, 1234), SocketAddr::new(PEER, 8000));
    let handle = p.stack.connect(Some(local), remote, p.now).expect("it is free");
    assert_eq!(p.stack.tuple(handle).expect("it exists").local, local);
}

#[test]
fn the_same_inputs_give_the_same_packets_and_events() {
    let run = || {
        let mut p = Prober::new();
        let mut packets = Vec::new();
        for state in [State::LastAck, State::TimeWait, State::Closing, State::Established] {
            p.on_port(1000 + state as u16).reach(state);
        }
        for _ in 0..20 {
            p.connect();
        }
        packets.append(&mut p.take_packets());
        p.on_port(2000).reach(State::Established).write(pattern(1, 50_000)).advance(secs(30));
        packets.append(&mut p.take_packets());
        (packets, p.events)
    };
    let (first, second) = (run(), run());
    assert!(first == second, "two runs should not differ");
    assert!(first.0.len() > 40 && first.1.len() > 200);
}
