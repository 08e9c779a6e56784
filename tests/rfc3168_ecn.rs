//! Explicit congestion notification (RFC 3168): who asks, who answers, what may be marked, and what a mark
//! leads to.

mod common;

use common::*;
use glasstack::tcp::EcnMode;
use glasstack::wire::{Ecn, Flags};

const SETUP: Flags = Flags::ECE.union(Flags::CWR);

fn with(mode: EcnMode) -> Prober {
    Prober::with(|config| config.tcp.ecn = mode)
}

/// A connection that the prober has opened with ECN.
fn capable() -> Prober {
    capable_with(|_| {})
}

fn capable_with(configure: impl FnOnce(&mut glasstack::stack::Config)) -> Prober {
    let mut p = Prober::with(configure);
    p.send(syn().flag(SETUP)).expect(syn_ack().flag(Flags::ECE).ecn(Ecn::NotEct));
    p.send(ack()).accept();
    p
}

fn is_in_use(p: &Prober) -> bool {
    p.status().expect("it stands").ecn
}

fn cwnd(p: &Prober) -> u32 {
    p.status().expect("it stands").cwnd
}

// 6.1.1; SHLD-8
#[test]
fn a_peer_that_asks_is_answered_and_one_that_does_not_is_not() {
    assert!(is_in_use(&capable()));
    let mut p = Prober::new();
    p.send(syn()).expect(syn_ack().ecn(Ecn::NotEct)).send(ack()).accept();
    assert!(!is_in_use(&p));
    p.write(b"data").expect(data(b"data").ecn(Ecn::NotEct));
}

#[test]
fn one_flag_alone_does_not_ask() {
    for flag in [Flags::ECE, Flags::CWR] {
        let mut p = Prober::new();
        p.send(syn().flag(flag)).expect(syn_ack()).send(ack()).accept();
        assert!(!is_in_use(&p), "{flag}");
    }
}

#[test]
fn nobody_is_answered_when_it_is_off() {
    let mut p = with(EcnMode::Off);
    p.send(syn().flag(SETUP)).expect(syn_ack()).send(ack()).accept();
    assert!(!is_in_use(&p));
    p.send(octets(2920).ecn(Ecn::Ce)).expect(ack().ecn(Ecn::NotEct));
}

#[test]
fn we_ask_only_if_we_are_told_to() {
    for mode in [EcnMode::Off, EcnMode::Accept] {
        let mut p = with(mode);
        p.connect().expect(syn().ecn(Ecn::NotEct));
        p.send(syn_ack().flag(Flags::ECE)).expect(ack());
        assert!(!is_in_use(&p), "{mode:?}: nobody has asked");
    }
    let mut p = with(EcnMode::On);
    p.connect().expect(syn().flag(SETUP).ecn(Ecn::NotEct));
    p.send(syn_ack().flag(Flags::ECE)).expect(ack().ecn(Ecn::NotEct));
    assert!(is_in_use(&p));
}

#[test]
fn an_answer_without_the_flag_declines() {
    let mut p = with(EcnMode::On);
    p.connect().expect(syn().flag(SETUP));
    p.send(syn_ack()).expect(ack());
    assert!(!is_in_use(&p));
}

#[test]
fn flags_that_only_come_back_are_no_answer() {
    let mut p = with(EcnMode::On);
    p.connect().expect(syn().flag(SETUP));
    p.send(syn_ack().flag(SETUP)).expect(ack());
    assert!(!is_in_use(&p));
}

// 6.1.1.1
#[test]
fn a_syn_that_is_sent_again_does_not_ask() {
    let mut p = with(EcnMode::On);
    p.connect().expect(syn().flag(SETUP)).expect_after(secs(1), syn());
    // The answer to the first comes after all: we have declined since.
    p.send(syn_ack().flag(Flags::ECE)).expect(ack());
    assert!(!is_in_use(&p));
}

#[test]
fn an_answer_that_is_sent_again_still_agrees() {
    let mut p = Prober::new();
    p.send(syn().flag(SETUP)).expect(syn_ack().flag(Flags::ECE));
    p.expect_after(secs(1), syn_ack().flag(Flags::ECE));
}

#[test]
fn a_peer_that_asks_no_more_gets_no_more() {
    let mut p = Prober::new();
    p.send(syn().flag(SETUP)).expect(syn_ack().flag(Flags::ECE));
    p.send(syn().flag(SETUP).seq(0)).expect(syn_ack().flag(Flags::ECE));
    p.send(syn().seq(0)).expect(syn_ack());
    p.send(ack()).accept();
    assert!(!is_in_use(&p));
}

#[test]
fn two_syns_that_cross_agree_if_both_ask() {
    for (theirs, agreed) in [(SETUP, true), (Flags::empty(), false), (Flags::ECE, false)] {
        let mut p = with(EcnMode::On);
        p.connect().expect(syn().flag(SETUP));
        let answer = if agreed { Flags::ECE } else { Flags::empty() };
        p.send(syn().flag(theirs)).expect(syn_ack().flag(answer));
        p.send(syn_ack().seq(0).flag(answer)).expect_state(State::Established);
        assert_eq!(is_in_use(&p), agreed, "{theirs}");
    }
}

// 6.1.2, 5: only new data may be marked
#[test]
fn new_data_may_be_marked_and_nothing_else() {
    let mut p = capable();
    p.write([7; 100]).expect(octets(100).ecn(Ecn::Ect0));
    p.expect_after(ms(200), octets(100).seq(1).ecn(Ecn::NotEct));
    p.ack_all().send(octets(2920)).expect(ack().ecn(Ecn::NotEct));
    p.close().expect(fin().ecn(Ecn::NotEct));
}

#[test]
fn a_fin_with_data_may_be_marked() {
    let mut p = capable();
    p.conn.wnd = 0;
    p.send(ack()).write([7; 100]).close().expect_silence();
    p.send(ack().wnd(1000)).expect(Seg { len: Some(100), ..fin() }.ecn(Ecn::Ect0));
}

// 6.1.6
#[test]
fn a_probe_may_not_be_marked() {
    let mut p = capable();
    p.conn.wnd = 0;
    p.send(ack()).write(b"data");
    p.expect_after(ms(200), data(b"d").ecn(Ecn::NotEct));
}

#[test]
fn resets_and_keep_alives_may_not_be_marked() {
    let mut p =
        capable_with(|config| config.tcp.keepalive = Some(glasstack::tcp::Keepalive::default()));
    p.advance(secs(2 * 3600)).expect(ack().ecn(Ecn::NotEct));
    p.abort().expect(rst_ack().ecn(Ecn::NotEct));
}

// 6.1.3; SHLD-8
#[test]
fn a_mark_is_echoed_until_the_peer_says_that_it_slows_down() {
    let mut p = capable();
    let ect = || octets(100).ecn(Ecn::Ect0);
    // At once, although an ACK might wait otherwise.
    p.send(octets(100).ecn(Ecn::Ce)).expect(ack().flag(Flags::ECE).ack(101));
    for _ in 0..3 {
        p.send(ect()).expect_after(ms(40), ack().flag(Flags::ECE));
    }
    p.write(b"data").expect(data(b"data").flag(Flags::ECE).ecn(Ecn::Ect0));
    p.send(ect().flag(Flags::CWR)).expect(ack().ack(501));
    p.send(ect()).expect_after(ms(40), ack().ack(601));
    p.write(b"data").expect(data(b"data"));
}

#[test]
fn a_mark_on_the_segment_that_says_so_is_a_new_one() {
    let mut p = capable();
    p.send(octets(100).ecn(Ecn::Ce)).expect(ack().flag(Flags::ECE));
    p.send(octets(100).ecn(Ecn::Ce).flag(Flags::CWR)).expect_after(ms(40), ack().flag(Flags::ECE));
}

#[test]
fn a_delayed_ack_echoes_any_mark_it_covers() {
    let mut p = capable();
    p.send_batch([octets(1460).ecn(Ecn::Ce), octets(1460).ecn(Ecn::Ect0)]);
    p.expect(ack().flag(Flags::ECE).ack(2921)).expect_silence();
}

#[test]
fn a_mark_beyond_a_gap_is_echoed() {
    let mut p = capable();
    p.send(octets(100).seq(201).ecn(Ecn::Ce)).expect(ack().flag(Flags::ECE).ack(1));
}

// 6.1.5
#[test]
fn a_mark_on_what_is_not_new_or_has_no_data_is_not_echoed() {
    let mut p = capable();
    p.send(octets(100)).expect_after(ms(40), ack());
    p.send(octets(100).seq(1).ecn(Ecn::Ce)).expect(ack());
    p.send(octets(100).seq(100_000).ecn(Ecn::Ce)).expect(ack());
    p.send(ack().ecn(Ecn::Ce)).send(octets(100)).expect_after(ms(40), ack());
}

#[test]
fn without_agreement_marks_and_flags_mean_nothing() {
    let mut p = Prober::in_state(State::Established);
    p.send(octets(2920).ecn(Ecn::Ce)).expect(ack());
    let before = cwnd(&p);
    p.write([7; 1000]).take_sent();
    p.send(ack().ack(501).flag(Flags::ECE));
    let after = cwnd(&p);
    p.check(after >= before, "the window should not shrink");
}

// 6.1.2; SHLD-8
#[test]
fn an_echo_halves_the_window_once_for_what_is_out() {
    let mut p = capable();
    p.write([7; 14_600]);
    let before = cwnd(&p);
    p.take_sent();
    p.send(ack().ack(1461).flag(Flags::ECE));
    let after = cwnd(&p);
    p.check(after < before && after >= 2920, "the window should have shrunk by about half");
    // New data says so, once.
    for acked in [2921, 4381, 5841, 14_601] {
        p.send(ack().ack(acked).flag(Flags::ECE));
    }
    let threshold = p.status().expect("it stands").ssthresh;
    p.expect_eq(threshold, after, "ssthresh");
    p.ack_all().write([7; 100]).expect(octets(100).flag(Flags::CWR).ecn(Ecn::Ect0));
    p.write([7; 1460]).send(ack().ack(14_701)).expect(octets(1460).ecn(Ecn::Ect0));
    let before = cwnd(&p);
    // An echo of what left after that is another.
    p.send(ack().ack(16_161).flag(Flags::ECE));
    let after = cwnd(&p);
    p.check(after < before, "the window should shrink again");
}

#[test]
fn a_retransmission_does_not_say_that_the_window_was_reduced() {
    let mut p = capable();
    p.write([7; 100]).expect(octets(100).ecn(Ecn::Ect0));
    p.expect_after(ms(200), octets(100).seq(1).ecn(Ecn::NotEct));
    p.ack_all().write([7; 50]).expect(octets(50).flag(Flags::CWR).ecn(Ecn::Ect0));
    p.ack_all().write([7; 50]).expect(octets(50).ecn(Ecn::Ect0));
}

#[test]
fn a_syn_that_echoes_is_no_echo() {
    let mut p = capable();
    p.write([7; 14_600]).take_sent();
    let before = cwnd(&p);
    p.send(syn().flag(SETUP)).expect(ack());
    let after = cwnd(&p);
    p.expect_eq(after, before, "cwnd");
}
