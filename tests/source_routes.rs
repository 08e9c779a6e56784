//! Source routes (RFC 791 3.1; RFC 9293 3.9.2.1): the way that an application chooses, and the way back of what
//! arrived by one. Of IPv4 alone: they are options of its header, and IPv6 has given its own up (RFC 5095).

mod common;

use std::net::{Ipv4Addr, SocketAddr};

use bytes::Bytes;
use common::*;
use etherparse::Ipv4Header;
use glasstack::wire::{SourceRoute, ip, tcp};

const LOOSE: u8 = 131;

fn hop(last: u8) -> Ipv4Addr {
    Ipv4Addr::new(198, 51, 100, last)
}

/// The packet as it arrives by these hosts; `next` is where the next of them stands in the option.
fn by(packet: &Bytes, hops: &[Ipv4Addr], next: u8) -> Bytes {
    let mut header = Ipv4Header::from_slice(packet).expect("a sound header").0;
    let len = u8::try_from(3 + 4 * hops.len()).expect("it is short");
    let mut options = vec![1, LOOSE, len, next];
    hops.iter().for_each(|hop| options.extend(hop.octets()));
    header.options = options[..].try_into().expect("whole words");
    header.set_payload_len(packet.len() - 20).expect("it is short");
    header.header_checksum = header.calc_header_checksum();
    [&header.to_bytes()[..], &packet[20..]].concat().into()
}

/// All of them have been passed.
fn passed(packet: &Bytes, hops: &[Ipv4Addr]) -> Bytes {
    by(packet, hops, u8::try_from(4 + 4 * hops.len()).expect("it is short"))
}

fn willing() -> Prober {
    Prober::with(|config| config.source_routes = true)
}

/// Where a packet goes first, and the hosts that its option names. Its checksum holds for the prober.
fn way(packet: &Bytes) -> Vec<Ipv4Addr> {
    let datagram = ip::parse(packet).expect("a sound packet");
    tcp::parse(&datagram.payload, US, PEER).expect("a sound segment for the peer");
    let header = Ipv4Header::from_slice(packet).expect("a sound header").0;
    let mut way = vec![Ipv4Addr::from(header.destination)];
    if let Some(named) = header.options.get(4..) {
        assert_eq!(header.options[..2], [1, LOOSE]);
        assert_eq!((usize::from(header.options[2]), header.options[3]), (3 + named.len(), 4));
        let hop = |octets: &[u8]| Ipv4Addr::from(<[u8; 4]>::try_from(octets).expect("four"));
        way.extend(named.chunks(4).map(hop));
    }
    way
}

/// The ways of all that waits to be looked at; there is something.
fn ways(p: &mut Prober) -> Vec<Vec<Ipv4Addr>> {
    let packets = p.settle().take_packets();
    assert!(!packets.is_empty(), "something should have left");
    packets.iter().map(way).collect()
}

fn peer() -> Ipv4Addr {
    "192.0.2.1".parse().expect("an address")
}

/// A connection to the prober by `hops`; its SYN has left.
fn opened_by(p: &mut Prober, hops: &[Ipv4Addr]) {
    let mut settings = p.stack.default_settings();
    settings.route = SourceRoute::by(hops);
    let remote = SocketAddr::new(PEER, 8000);
    let handle = p.stack.connect_with(Some(Box::new(settings)), None, remote, p.now);
    p.conn.handle = Some(handle.expect("there are ports"));
}

/// The prober's SYN,ACK for the SYN in `packet`, by `hops`.
fn answer(p: &mut Prober, packet: &Bytes, hops: &[Ipv4Addr]) {
    let datagram = ip::parse(packet).expect("a sound packet");
    let (ports, syn) = tcp::parse(&datagram.payload, US, PEER).expect("a sound segment");
    (p.conn.our_port, p.conn.peer_port, p.conn.iss) = (ports.src, ports.dst, Some(syn.seq));
    p.conn.expected = 1;
    let packet = p.packet(syn_ack());
    let packet = if hops.is_empty() { packet } else { passed(&packet, hops) };
    p.stack.on_packet(&packet, p.now);
}

// MUST-51: what the application names is the way of every segment, a RST and what goes again included.
#[test]
fn an_application_chooses_the_way_of_what_it_opens() {
    let mut p = Prober::new();
    opened_by(&mut p, &[hop(1), hop(2)]);
    let expected = vec![hop(1), hop(2), peer()];
    p.settle().advance(secs(1));
    let syns = p.take_packets();
    assert_eq!(syns.iter().map(way).collect::<Vec<_>>(), vec![expected.clone(); 2]);
    answer(&mut p, &syns[0], &[]);
    p.write(pattern(1, 3000));
    let mut later = ways(&mut p);
    p.abort();
    later.extend(ways(&mut p));
    assert_eq!(later, vec![expected; 2], "one segment, for a SYN was lost, and a RST");
}

// The options take their room from the data, as 3.7.1 has it.
#[test]
fn a_routed_packet_is_no_longer_than_the_link_carries() {
    let mut p = Prober::new();
    opened_by(&mut p, &[hop(1), hop(2)]);
    let syn = p.settle().take_packets().remove(0);
    answer(&mut p, &syn, &[]);
    p.settle().take_packets();
    p.write(pattern(1, 5000));
    let lengths: Vec<_> = p.take_packets().iter().map(Bytes::len).collect();
    p.expect_eq(lengths, vec![1500, 1500, 1500], "the packets");
}

/// A connection that the prober has opened; its SYN came by `hops`.
fn called_by(mut p: Prober, hops: &[Ipv4Addr]) -> Prober {
    let packet = p.packet(syn());
    p.send_packet(&passed(&packet, hops));
    let packets = p.take_packets();
    let datagram = ip::parse(&packets[0]).expect("a sound packet");
    let (_, syn_ack) = tcp::parse(&datagram.payload, US, PEER).expect("a sound segment");
    (p.conn.iss, p.conn.expected) = (Some(syn_ack.seq), 1);
    p.send(ack()).accept().expect_state(State::Established);
    p
}

/// The way of what is written next.
fn way_of_data(p: &mut Prober) -> Vec<Ipv4Addr> {
    p.stack.set_nodelay(p.handle(), true, p.now);
    p.write(b"x");
    let mut ways = ways(p);
    assert_eq!(ways.len(), 1);
    ways.remove(0)
}

// MUST-53: the hosts in the other order, for all that is sent.
#[test]
fn a_listener_answers_by_the_way_that_the_syn_came() {
    let mut p = willing();
    let packet = p.packet(syn());
    p.send_packet(&passed(&packet, &[hop(1), hop(2)])).advance(secs(1));
    let expected = vec![hop(2), hop(1), peer()];
    assert_eq!(ways(&mut p), vec![expected.clone(); 2], "SYN,ACK, and again");
    let mut p = called_by(willing(), &[hop(1), hop(2)]);
    assert_eq!(way_of_data(&mut p), expected);
    p.abort();
    assert_eq!(ways(&mut p), [expected]);
}

// SHLD-24
#[test]
fn another_way_that_comes_later_takes_its_place() {
    let mut p = called_by(willing(), &[hop(1)]);
    let packet = p.packet(data(b"abc"));
    p.send_packet(&passed(&packet, &[hop(3), hop(4)]));
    assert_eq!(way_of_data(&mut p), [hop(4), hop(3), peer()]);
    // What comes without any changes nothing.
    p.send(data(b"def"));
    assert_eq!(way_of_data(&mut p), [hop(4), hop(3), peer()]);
}

// MUST-52
#[test]
fn a_way_that_arrives_does_not_take_the_place_of_one_that_was_chosen() {
    let mut p = willing();
    opened_by(&mut p, &[hop(1)]);
    let syn = p.settle().take_packets().remove(0);
    answer(&mut p, &syn, &[hop(7), hop(8)]);
    assert_eq!(ways(&mut p), [[hop(1), peer()]]);

    let mut p = called_by(willing(), &[hop(7)]);
    let mut settings = p.stack.settings(p.handle());
    settings.route = SourceRoute::by(&[hop(2)]);
    p.stack.configure(p.handle(), settings, p.now);
    let packet = p.packet(data(b"abc"));
    p.send_packet(&passed(&packet, &[hop(9)]));
    assert_eq!(way_of_data(&mut p), [hop(2), peer()]);
}

// RFC 5961: whoever does not know the numbers of a connection does not lead its segments astray.
#[test]
fn a_blind_guess_does_not_change_the_way() {
    let mut p = called_by(willing(), &[hop(1)]);
    for guess in [data(b"x").seq(5_000_000), data(b"x").ack(77), syn().seq(500), rst().seq(9)] {
        let packet = p.packet(guess);
        p.send_packet(&passed(&packet, &[hop(66)])).take_packets();
        assert_eq!(way_of_data(&mut p), [hop(1), peer()]);
    }
}

// RFC 7126 4.3: unless they are wanted, packets that came by a source route are dropped.
#[test]
fn routes_are_not_taken_unless_they_are_wanted() {
    let mut p = Prober::new();
    let packet = p.packet(syn());
    p.send_packet(&passed(&packet, &[hop(1)])).expect_silence();
    assert_eq!(p.drops(DropReason::SourceRoute), 1);
}

#[test]
fn a_route_that_leads_on_is_not_for_us() {
    let mut p = willing();
    let packet = p.packet(syn());
    p.send_packet(&by(&packet, &[hop(1), hop(2)], 8)).expect_silence();
    assert_eq!(p.drops(DropReason::SourceRoute), 1);
}
