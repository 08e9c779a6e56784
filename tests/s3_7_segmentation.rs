//! How the stream is cut into segments (RFC 9293 3.7).

mod common;

use common::*;
use glasstack::wire::{Flags, Options};

/// Octets of both headers: what a link carries less than its MTU.
const HEADERS: usize = if hosts::IS_V6 { 60 } else { 40 };
/// What a peer takes that names no segment size (RFC 9293 3.7.1).
const DEFAULT: u16 = if hosts::IS_V6 { 1220 } else { 536 };

/// Lengths of the data segments that wait to be looked at.
fn lengths(p: &mut Prober) -> Vec<usize> {
    p.take_sent().iter().map(|seg| seg.data.len()).filter(|len| *len > 0).collect()
}

/// Established; the prober's SYN had these options.
fn with_syn_options(options: Options) -> Prober {
    let mut p = Prober::new();
    let later = Options { timestamps: options.timestamps, ..Options::default() };
    p.send(syn().options(options)).expect(syn_ack()).send(ack().options(later)).accept();
    p
}

// MUST-14, SHLD-5, MUST-67, SHLD-6
#[test]
fn our_syn_names_our_segment_size() {
    let mut p = Prober::with(|config| config.mtu = 8960 + HEADERS);
    p.connect();
    let sizes: Vec<_> = p.take_sent().iter().map(|seg| seg.options.and_then(|o| o.mss)).collect();
    p.expect_eq(sizes, vec![Some(8960)], "the MSS");
}

// MAY-3
#[test]
fn the_segment_size_is_named_even_where_it_is_the_default() {
    let mut p = Prober::with(|config| config.mtu = usize::from(DEFAULT) + HEADERS);
    p.send(syn().options(Options::default())).expect(syn_ack().options(mss(DEFAULT)));
}

// MUST-65
#[test]
fn only_syns_name_a_segment_size() {
    let mut p = Prober::in_state(State::Established);
    p.write(pattern(1, 3000)).send(octets(1460)).send(octets(1460)).close().advance(secs(2));
    p.abort();
    let sent = p.take_sent();
    let kinds = sent.iter().fold(Flags::empty(), |all, seg| all | seg.flags);
    p.check(kinds.contains(Flags::FIN | Flags::RST | Flags::PSH), "all kinds should have left");
    let named = sent.iter().filter(|seg| seg.options.is_some_and(|o| o.mss.is_some())).count();
    p.expect_eq(named, 0, "segments that name a size");
}

// MUST-15
#[test]
fn a_peer_that_names_no_segment_size_gets_536() {
    let mut p = with_syn_options(Options::default());
    let size = usize::from(DEFAULT);
    p.write(vec![0; 2 * size]);
    let sent = lengths(&mut p);
    p.expect_eq(sent, vec![size; 2], "the segments");
}

// MUST-16, MUST-14
#[test]
fn the_peers_segment_size_is_honoured() {
    let mut p = with_syn_options(mss(1000));
    p.write(vec![0; 3000]);
    let sent = lengths(&mut p);
    p.expect_eq(sent, vec![1000, 1000, 1000], "the segments");
}

// MUST-16
#[test]
fn a_segment_is_no_larger_than_our_link_carries() {
    let mut p = with_syn_options(mss(9000));
    p.write(vec![0; 2920]);
    let sent = lengths(&mut p);
    p.expect_eq(sent, vec![1460, 1460], "the segments");
}

#[test]
fn a_tiny_segment_size_is_not_taken_at_its_word() {
    let mut p = with_syn_options(mss(1));
    p.write(vec![0; 96]);
    let sent = lengths(&mut p);
    p.expect_eq(sent, vec![48, 48], "the segments");
}

// MUST-16
// RFC 6691 2: the MSS counts no options, the segment does.
#[test]
fn options_take_their_room_from_the_data() {
    let mut p = with_syn_options(Options { mss: Some(1460), ..ts(5, 0) });
    p.write(vec![0; 2896]);
    let sent = lengths(&mut p);
    p.expect_eq(sent, vec![1448, 1448], "the segments");
}

// SHLD-7, MUST-60, SHLD-27, MAY-16: Nagle
#[test]
fn a_small_write_waits_while_something_is_in_flight() {
    let mut p = Prober::in_state(State::Established);
    p.write(b"a").expect(data(b"a")).write(b"b").write(b"c").expect_silence();
    p.send(ack()).expect(data(b"bc").seq(2)).expect_silence();
}

// SHLD-28
#[test]
fn a_full_segment_does_not_wait() {
    let mut p = Prober::in_state(State::Established);
    p.write(b"a").expect(data(b"a")).write(pattern(2, 1500)).expect(octets(1460).seq(2));
    p.expect_silence().send(ack()).expect(octets(40).seq(1462));
}

// MUST-17
#[test]
fn nagle_can_be_turned_off() {
    let mut p = Prober::in_state(State::Established);
    p.set_nodelay().write(b"a").write(b"b");
    p.expect(data(b"a")).expect(data(b"b").seq(2));
}

#[test]
fn turning_nagle_off_lets_go_what_waits() {
    let mut p = Prober::in_state(State::Established);
    p.write(b"a").expect(data(b"a")).write(b"b").expect_silence();
    p.set_nodelay().expect(data(b"b").seq(2));
}

#[test]
fn close_lets_go_what_nagle_holds() {
    let mut p = Prober::in_state(State::Established);
    p.write(b"a").expect(data(b"a")).write(b"b").close().expect(data(b"b").flag(Flags::FIN));
}

// RFC 6928
#[test]
fn the_first_flight_is_ten_segments() {
    let mut p = Prober::in_state(State::Established);
    p.write(vec![0; 100_000]);
    let sent = lengths(&mut p);
    p.expect_eq(sent, vec![1460; 10], "the segments");
}

// RFC 5681 3.1
#[test]
fn after_a_lost_syn_the_first_flight_is_one_segment() {
    let mut p = Prober::in_state(State::SynSent);
    p.expect_after(secs(1), syn()).write(vec![0; 100_000]).send(syn_ack());
    let sent = lengths(&mut p);
    p.expect_eq(sent, vec![1460], "the segments");
}

// MUST-19; RFC 3465: one ACK counts for all its octets
#[test]
fn slow_start_sends_two_for_one() {
    let mut p = Prober::in_state(State::Established);
    p.write(vec![0; 60_000]);
    p.take_sent();
    p.send(ack().ack(1 + 14_600));
    let sent = lengths(&mut p);
    p.expect_eq(sent, vec![1460; 20], "the segments");
}

// MUST-61: PSH on the last of what was written
#[test]
fn the_last_segment_of_a_write_is_pushed() {
    let mut p = Prober::in_state(State::Established);
    p.write(vec![0; 2000]).expect(octets(1460)).send(ack());
    let pushed: Vec<_> = p.take_sent().iter().map(|seg| seg.flags.contains(Flags::PSH)).collect();
    p.expect_eq(pushed, vec![true], "PSH");
}
