//! RFC 9293 3.9.2.2 (MUST-54, MUST-55, MUST-56, SHLD-25, SHLD-26): what ICMP errors do to a connection, and
//! what forged ones do not (RFC 5927). In the codes of ICMPv4, and with MTUs that IPv6 does not have: the scripts in
//! tests/drill/icmp do the same over both families, and path_mtu.rs has what a router tells in ICMPv6.

mod common;

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use bytes::Bytes;
use common::icmp::{self, HOST_UNREACHABLE, PORT_UNREACHABLE, TOO_BIG, error_about};
use common::{DropReason, OPEN_STATES, PEER, Prober, State, US, ack, data, ms, secs, syn, syn_ack};
use glasstack::error::Error;
use glasstack::stack::{Config, Place, Secret, Stack};
use glasstack::tcp::{MtuSource, Status};
use glasstack::time::Instant;
use glasstack::trace::{ErrorEffect, Mask, Retransmission, What};
use glasstack::wire::Problem;

const PROTOCOL_UNREACHABLE: (u8, u8) = (3, 2);
const PROHIBITED: (u8, u8) = (3, 13);
const SOURCE_QUENCH: (u8, u8) = (4, 0);

/// Those of which the standard says that they are hard, and one that a router decides on.
const HARD: [((u8, u8), Error); 3] = [
    (PROTOCOL_UNREACHABLE, Error::ProtocolUnreachable),
    (PORT_UNREACHABLE, Error::ConnectionRefused),
    (PROHIBITED, Error::Prohibited),
];

/// Those that may pass.
const SOFT: [((u8, u8), Error); 6] = [
    ((3, 0), Error::NetworkUnreachable),
    (HOST_UNREACHABLE, Error::HostUnreachable),
    ((3, 5), Error::HostUnreachable),
    ((11, 0), Error::HostUnreachable),
    ((11, 1), Error::HostUnreachable),
    ((12, 0), Error::HostUnreachable),
];

/// ESTABLISHED, with `count` full segments out that start with number 1.
fn with_segments_out(count: usize) -> Prober {
    let mut p = Prober::in_state(State::Established);
    p.write(vec![7; 1_460 * count]).expect_segments(count);
    p
}

fn status(p: &Prober) -> Status {
    p.status().expect("there is a connection")
}

fn mtu(p: &Prober) -> u32 {
    status(p).path.mtu
}

#[test]
fn a_hard_error_ends_an_attempt_to_connect_shld_26() {
    for (what, error) in HARD {
        let mut p = Prober::active_in_state(State::SynSent);
        p.tell(0, what, 0).expect_silence().expect_state(State::Closed);
        p.expect_eq(p.error(), Some(error), "the error");
    }
}

#[test]
fn a_hard_error_sends_a_passive_connection_back_to_listen() {
    for (what, _) in HARD {
        let mut p = Prober::in_state(State::SynReceived);
        p.tell(0, what, 0).expect_silence();
        p.expect_eq(p.stack.statuses(p.now).len(), 0, "connections");
        // The listener is as good as ever.
        p.on_port(50_000).send(syn()).expect(syn_ack());
    }
}

#[test]
fn a_hard_error_is_soft_once_the_connection_stands() {
    for (what, _) in HARD {
        let mut p = with_segments_out(1);
        p.tell(1, what, 0).expect_silence().expect_state(State::Established);
        p.send(ack().ack(1_461)).expect_state(State::Established);
        p.send(data(b"still here")).expect_read(b"still here");
    }
}

/// As it comes it is told to whoever wants reports (MUST-47), and in the end it is why.
#[test]
fn a_soft_error_ends_no_attempt_and_is_told_when_time_has_run_out_must_56_shld_25() {
    for (what, error) in SOFT {
        let mut p = Prober::with(|config| config.events = Mask::REPORTS);
        p.reach_actively(State::SynSent).tell(0, what, 0);
        p.expect_silence().expect_state(State::SynSent);
        let reports = p.events.iter().map(|event| &event.what);
        let told = reports.filter(|what| matches!(what, What::NetworkError { .. })).count();
        p.expect_eq(told, 1, "reports");
        p.expect_eq(status(&p).path.trouble, Some(error), "what is remembered");
        p.advance(secs(600)).expect_state(State::Closed);
        p.expect_eq(p.error(), Some(error), "the error");
    }
}

#[test]
fn a_soft_error_is_told_when_an_open_connection_is_given_up() {
    for (what, error) in SOFT {
        let mut p = with_segments_out(1);
        p.tell(1, what, 0).advance(secs(2_000)).expect_state(State::Closed);
        p.expect_eq(p.error(), Some(error), "the error");
        let read = p.try_read(1);
        p.expect_eq(read, Err(error), "what RECEIVE says");
    }
}

#[test]
fn a_soft_error_is_history_once_something_is_delivered() {
    let mut p = with_segments_out(2);
    p.tell(1, HOST_UNREACHABLE, 0);
    p.expect_eq(status(&p).path.trouble, Some(Error::HostUnreachable), "what is remembered");
    p.send(ack().ack(1_461));
    p.expect_eq(status(&p).path.trouble, None, "what is remembered");
    p.advance(secs(2_000));
    p.expect_eq(p.error(), Some(Error::UserTimeout), "the error");
}

/// RFC 6633: nobody should send any, and nobody act on them.
#[test]
fn a_source_quench_changes_nothing_must_55() {
    let mut p = with_segments_out(1);
    let before = status(&p);
    p.tell(1, SOURCE_QUENCH, 0).expect_silence();
    p.expect_eq(status(&p), before, "the status");
    // Whatever it is about.
    p.tell(2_000, SOURCE_QUENCH, 0).expect_silence();
    p.expect_eq(p.stack.drops()[&DropReason::SourceQuench], 2, "drops");
}

#[test]
fn an_error_about_what_is_not_in_flight_changes_nothing() {
    for what in [HOST_UNREACHABLE, PORT_UNREACHABLE, TOO_BIG] {
        let mut p = with_segments_out(2);
        p.send(ack().ack(1_461));
        let before = status(&p);
        for seq in [0, 1, 1_460, 2_921, 2_922, 1 << 31, u32::MAX] {
            p.tell(seq, what, 1_300).expect_silence();
            p.expect_eq(status(&p), before.clone(), format!("the status after {seq}"));
        }
        p.expect_eq(p.stack.drops()[&DropReason::IcmpNotInFlight], 7, "drops");
    }
    let mut p = Prober::active_in_state(State::SynSent);
    p.tell(1, PORT_UNREACHABLE, 0).expect_state(State::SynSent);
}

#[test]
fn nothing_is_in_flight_that_an_error_could_be_about_in_any_other_state() {
    for state in OPEN_STATES.into_iter().filter(|state| *state != State::SynReceived) {
        let mut p = Prober::in_state(state);
        let fin_is_out = [State::FinWait1, State::Closing, State::LastAck].contains(&state);
        for what in [HOST_UNREACHABLE, PORT_UNREACHABLE] {
            p.tell(0, what, 0).expect_silence().expect_state(state);
            p.tell(1, what, 0).expect_silence().expect_state(state);
        }
        let trouble = status(&p).path.trouble;
        p.expect_eq(trouble.is_some(), fin_is_out, format!("trouble in {state}"));
    }
}

/// MUST-54: it is the connection that the error quotes, and no other.
#[test]
fn an_error_about_another_connection_or_none_changes_nothing() {
    let mut p = with_segments_out(1);
    let before = status(&p);
    let iss = p.conn.iss.unwrap().0;
    let stranger = IpAddr::V4(Ipv4Addr::new(198, 51, 100, 7));
    let about =
        |ends, ports| icmp::error_about_segment(ends, ports, (iss + 1, 1_500), TOO_BIG, 600);
    for error in [
        about((US, PEER), (80, 40_001)),
        about((US, PEER), (81, 40_000)),
        about((US, stranger), (80, 40_000)),
        // What it quotes has not come from us.
        about((PEER, US), (40_000, 80)),
    ] {
        p.send_packet(&error).expect_silence();
        p.expect_eq(status(&p), before.clone(), "the status");
    }
    p.expect_eq(p.stack.drops()[&DropReason::IcmpNoConnection], 3, "drops");
    // The last one was addressed to the peer.
    p.expect_eq(p.stack.drops()[&DropReason::NotForUs], 1, "drops");
}

#[test]
fn an_error_cut_short_or_spoilt_changes_nothing() {
    let mut p = with_segments_out(1);
    let before = status(&p);
    let error = p.icmp_error(1, TOO_BIG, 600);
    for len in 0..error.len() {
        p.send_packet(&error.slice(..len)).expect_silence();
    }
    for at in 20..error.len() {
        let mut spoilt = error.to_vec();
        spoilt[at] ^= 0x10;
        p.send_packet(&Bytes::from(spoilt)).expect_silence();
    }
    p.expect_eq(status(&p), before, "the status");
    p.send_packet(&error);
    p.expect_eq(mtu(&p), 600, "as it is it counts");
}

#[test]
fn what_is_too_big_goes_again_at_once_and_the_window_stays_must_54() {
    let mut p = with_segments_out(3);
    let before = status(&p);
    p.tell(1_461, TOO_BIG, 1_040);
    p.expect(data([7; 1_000]).seq(1)).expect(data([7; 1_000]).seq(1_001));
    p.expect(data([7; 1_000]).seq(2_001)).expect(data([7; 1_000]).seq(3_001));
    p.expect(data([7; 380]).seq(4_001)).expect_silence();
    let after = status(&p);
    p.expect_eq((after.cwnd, after.ssthresh), (before.cwnd, before.ssthresh), "the window");
    p.expect_eq((after.path.mtu, after.path.mtu_source), (1_040, MtuSource::Told), "the path");
    p.expect_eq(after.timeouts, 0, "timeouts");
    let told = p.events.iter().any(|event| {
        let (problem, effect) = (Problem::TooBig { mtu: 1_040 }, ErrorEffect::Shrinks);
        matches!(event.what, What::NetworkError { problem: p, effect: e, .. }
            if (p, e) == (problem, effect))
    });
    p.check(told, "an event tells of the error");
    let again = p.events.iter().filter(|event| {
        let why = Some(Retransmission::TooBig);
        matches!(event.what, What::Sent { retransmission, .. } if retransmission == why)
    });
    let again = again.count();
    p.expect_eq(again, 5, "segments sent again for that");
    // The others were too big as well, and a router says so of each.
    p.tell(1, TOO_BIG, 1_040).tell(2_921, TOO_BIG, 1_040).expect_silence();
    p.send(ack().ack(4_381)).expect_silence_for(secs(60));
}

#[test]
fn the_timer_begins_anew_with_what_goes_again() {
    let mut p = with_segments_out(1);
    // It would run out after 200 ms.
    p.advance(ms(150)).tell(1, TOO_BIG, 1_040).expect_segments(2);
    p.expect_silence_for(ms(190)).advance(ms(20)).expect_segments(1);
}

#[test]
fn a_size_larger_than_ours_changes_nothing() {
    let mut p = with_segments_out(1);
    let before = status(&p);
    for larger in [1_500, 1_501, 9_000, u16::MAX] {
        p.tell(1, TOO_BIG, larger).expect_silence();
        p.expect_eq(status(&p), before.clone(), format!("the status after {larger}"));
    }
    p.expect_eq(p.stack.drops()[&DropReason::IcmpNotTooBig], 4, "drops");
    // Nor does one for which the segment was not too big.
    let mut p = Prober::in_state(State::Established);
    p.write([7; 500]).expect_segments(1).tell(1, TOO_BIG, 1_000).expect_silence();
    p.expect_eq(mtu(&p), 1_500, "the MTU");
}

#[test]
fn nobody_gets_us_to_send_ever_smaller_segments() {
    for tiny in [1, 40, 67, 68, 551] {
        let mut p = with_segments_out(1);
        p.tell(1, TOO_BIG, tiny).expect(data([7; 512]).seq(1)).expect_segments(2);
        p.expect_eq(mtu(&p), 552, format!("the MTU after {tiny}"));
        p.tell(1, TOO_BIG, tiny).expect_silence();
    }
}

#[test]
fn the_least_can_be_configured() {
    let mut p = Prober::with(|config| config.tcp.min_path_mtu = 68);
    p.reach(State::Established).write([7; 100]).expect_segments(1);
    p.tell(1, TOO_BIG, 68).expect(data([7; 28]).seq(1)).expect_segments(3);
    p.expect_eq(mtu(&p), 68, "the MTU");
}

/// Each lowers the size by an octet, and has us send again what is in flight: but not for long.
#[test]
fn a_flood_of_steps_down_costs_little() {
    let mut p = with_segments_out(10);
    let mut sent = 0;
    for mtu in (0..1_500).rev() {
        p.tell(1, TOO_BIG, mtu);
        sent += p.take_sent().iter().map(|seg| seg.data.len()).sum::<usize>();
    }
    p.check(sent <= 10 * 14_600, &format!("{sent} octets sent again for 1,500 errors"));
    p.expect_eq(mtu(&p), 552, "the MTU");
}

#[test]
fn a_router_from_before_rfc_1191_gets_the_next_common_size() {
    let mut p = with_segments_out(1);
    p.tell(1, TOO_BIG, 0).expect(data([7; 1_452]).seq(1)).expect_segments(1);
    p.expect_eq(mtu(&p), 1_492, "the MTU");
}

/// A SYN without data fits everywhere.
#[test]
fn a_syn_is_never_too_big() {
    let mut p = Prober::active_in_state(State::SynSent);
    p.tell(0, TOO_BIG, 68).expect_silence();
    p.send(syn_ack()).expect(ack());
    p.expect_eq(mtu(&p), 1_500, "the MTU");
}

/// MUST-16: options take their room of what the path carries, too.
#[test]
fn options_count_in_what_the_path_carries() {
    let mut p = Prober::new();
    p.send(syn().options(common::all_options(1))).expect(syn_ack());
    p.send(ack().options(common::ts(2, 0))).accept().write([7; 3_000]);
    p.take_packets();
    p.tell(1, TOO_BIG, 1_000);
    let longest = p.take_packets().iter().map(Bytes::len).max();
    p.expect_eq(longest, Some(1_000), "the longest packet");
}

/// RFC 1122 3.2.2: an error about an error would go on for ever. Fragments draw none either.
#[test]
fn our_own_errors_are_limited_whatever_they_are_about() {
    let mut p = Prober::new();
    let packet = |protocol: u8, len: u8| {
        let mut header = etherparse::Ipv4Header::new(
            len.into(),
            64,
            etherparse::IpNumber(protocol),
            [192, 0, 2, 1],
            [192, 0, 2, 2],
        )
        .expect("it is short");
        header.header_checksum = header.calc_header_checksum();
        Bytes::from([&header.to_bytes()[..], &vec![0; len.into()]].concat())
    };
    let drawn = |p: &mut Prober| {
        for _ in 0..90 {
            p.send_packet(&packet(17, 8)).send_packet(&packet(132, 8));
        }
        let errors = p.take_packets();
        let codes = errors.iter().map(|error| (error[20], error[21]));
        let of = |code| codes.clone().filter(|found| *found == code).count();
        (of((3, 3)), of((3, 2)), errors.len())
    };
    let errors = drawn(&mut p);
    p.expect_eq(errors, (50, 50, 100), "errors");
    let errors = drawn(&mut p);
    p.expect_eq(errors, (0, 0, 0), "errors in the same second");
    p.advance(secs(1));
    let errors = drawn(&mut p);
    p.expect_eq(errors, (50, 50, 100), "errors in the next");
    let error = error_about(&packet(17, 8), PORT_UNREACHABLE, 0);
    p.advance(secs(1)).send_packet(&error).expect_silence();
}

/// MUST-54. Several stacks behind one address: the kernel chooses the queue of an ICMP error by its own addresses.
#[test]
fn an_error_finds_its_connection_with_a_sibling() {
    let stack = |index| {
        let place = Place { index, count: 2 };
        let config = Config { addrs: vec![US], place, ..Config::default() };
        Stack::new(config, Secret([7; 32]))
    };
    let [mut owner, mut other] = [stack(0), stack(1)];
    let remote = SocketAddr::new(PEER, 80);
    let handle = owner.connect(None, remote, Instant::ZERO).expect("there are ports");
    let syn = owner.poll_output(Instant::ZERO).expect("a SYN").to_bytes();
    let error = error_about(&syn, PORT_UNREACHABLE, 0);
    other.on_packet(&error, Instant::ZERO);
    // What no stack of the family can have sent is nobody's.
    let foreign =
        icmp::error_about_segment((PEER, US), (80, 80), (0, 60), PORT_UNREACHABLE, 0).to_vec();
    let foreign = icmp::error(Ipv4Addr::new(192, 0, 2, 2), PORT_UNREACHABLE, 0, &foreign[28..]);
    other.on_packet(&foreign, Instant::ZERO);
    let strays = other.take_strays(Instant::ZERO);
    assert_eq!(strays.len(), 1, "it is put aside");
    assert_eq!(Some(strays[0].tuple), owner.tuple(handle));
    owner.on_device_packet(&strays[0].packet, Instant::ZERO);
    assert_eq!(owner.error(handle), Some(Error::ConnectionRefused));
    // Nobody knows it any more: then it is nothing.
    other.on_unclaimed(&strays[0].packet, Instant::ZERO);
    assert!(!other.has_output(), "no RST is sent for an error");
    assert_eq!(other.drops()[&DropReason::IcmpNoConnection], 2);
}
