//! Window scaling and timestamps (RFC 7323), and the SACK blocks we send (RFC 2018).

mod common;

use common::*;
use glasstack::seq::Seq;
use glasstack::wire::{Options, SackBlocks, Timestamps};

/// A connection with everything in use, opened by the prober.
fn modern() -> Prober {
    let mut p = Prober::new();
    p.send(syn().options(all_options(1000))).expect(syn_ack());
    p.send(ack().options(ts(1000, 0))).accept();
    p
}

fn sent_options(p: &mut Prober) -> Vec<Options> {
    p.take_sent().iter().filter_map(|seg| seg.options).collect()
}

/// The blocks of the only segment that waits, in relative numbers.
fn blocks(p: &mut Prober) -> Vec<(u32, u32)> {
    let isn = p.conn.isn;
    let options = sent_options(p);
    assert_eq!(options.len(), 1, "one ACK");
    let relative = |(left, right): &(Seq, Seq)| (*left - isn, *right - isn);
    options[0].sack.as_slice().iter().map(relative).collect()
}

// RFC 7323 2.2, 1.3
#[test]
fn we_offer_everything_and_answer_only_what_was_offered() {
    let mut p = Prober::new();
    p.connect();
    let ours = sent_options(&mut p)[0];
    assert!(ours.window_scale == Some(5) && ours.sack_permitted && ours.timestamps.is_some());
    let mut p = Prober::new();
    p.send(syn().options(mss(1460))).expect(syn_ack().options(mss(1460)));
}

#[test]
fn the_window_of_a_syn_is_not_scaled_and_later_ones_are() {
    let mut p = Prober::new();
    p.conn.wnd = 1000;
    p.send(syn().options(all_options(1))).expect(syn_ack().wnd(65_535));
    let before = p.status().expect("it stands").send_window;
    p.expect_eq(before, 1000, "SND.WND");
    p.send(ack().options(ts(2, 0))).accept();
    let after = p.status().expect("it stands").send_window;
    p.expect_eq(after, 1000 << 7, "SND.WND");
    p.send(octets(10).options(ts(2, 0))).expect_after(ms(40), ack().wnd(32_767));
}

// RFC 7323 2.3
#[test]
fn a_shift_beyond_14_counts_as_14() {
    let mut p = Prober::new();
    p.conn.wnd = 1;
    p.send(syn().options(Options { window_scale: Some(255), ..mss(1460) })).expect(syn_ack());
    p.send(ack());
    let window = p.status().expect("it stands").send_window;
    p.expect_eq(window, 1 << 14, "SND.WND");
}

// REC-1: one gibioctet, which has no room in 16 bits.
#[test]
fn the_largest_window_fits_into_32_bits() {
    let mut p = Prober::new();
    p.send(syn().options(Options { window_scale: Some(14), ..mss(1460) })).expect(syn_ack());
    p.send(ack()).accept();
    let window = p.status().expect("it stands").send_window;
    p.expect_eq(window, 65_535 << 14, "SND.WND");
    p.write(pattern(1, 14_600)).expect_segments(10);
}

#[test]
fn options_may_be_turned_off() {
    let mut p = Prober::with(|config| {
        config.tcp.window_scaling = false;
        config.tcp.timestamps = false;
        config.tcp.sack = false;
    });
    p.send(syn().options(all_options(1))).expect(syn_ack().options(mss(1460)));
}

// RFC 7323 3.2; MUST-5
#[test]
fn every_segment_echoes_the_peers_timestamp() {
    let mut p = modern();
    p.write(b"x");
    let echoed = sent_options(&mut p)[0].timestamps.map(|ts| ts.ecr);
    p.expect_eq(echoed, Some(1000), "TSecr");
    p.close();
    let echoed = sent_options(&mut p)[0].timestamps.map(|ts| ts.ecr);
    p.expect_eq(echoed, Some(1000), "TSecr");
}

#[test]
fn a_syn_without_ack_echoes_nothing() {
    let mut p = Prober::new();
    p.connect();
    let echoed = sent_options(&mut p)[0].timestamps.map(|ts| ts.ecr);
    p.expect_eq(echoed, Some(0), "TSecr");
}

#[test]
fn without_timestamps_on_the_syn_there_are_none() {
    let mut p = Prober::in_state(State::Established);
    p.write(b"x").expect(data(b"x").options(Options::default()));
}

// RFC 7323 4.3: the timestamp of the segment that the delayed ACK is for first
#[test]
fn a_delayed_ack_echoes_the_earliest_segment_it_acknowledges() {
    let mut p = modern();
    p.send(octets(1460).options(ts(1010, 0))).send(octets(1460).options(ts(1020, 0)));
    let echoed = sent_options(&mut p)[0].timestamps.map(|ts| ts.ecr);
    p.expect_eq(echoed, Some(1010), "TSecr");
}

#[test]
fn a_segment_beyond_a_gap_is_not_echoed_and_one_that_fills_it_is() {
    let mut p = modern();
    p.send(octets(100).seq(101).options(ts(1020, 0)));
    let echoed = sent_options(&mut p)[0].timestamps.map(|ts| ts.ecr);
    p.expect_eq(echoed, Some(1000), "TSecr beyond the gap");
    p.send(octets(100).seq(1).options(ts(1030, 0)));
    let echoed = sent_options(&mut p)[0].timestamps.map(|ts| ts.ecr);
    p.expect_eq(echoed, Some(1030), "TSecr once it is filled");
}

#[test]
fn our_timestamps_are_a_clock_of_milliseconds_with_an_origin_of_its_own() {
    let mut p = modern();
    let stamp = |p: &mut Prober| {
        let seq = p.conn.next - 1;
        p.send(octets(1).seq(seq).options(ts(1000, 0)));
        let options: Option<Timestamps> = sent_options(p)[0].timestamps;
        options.expect("timestamps are in use").val
    };
    let first = stamp(&mut p);
    p.advance(ms(1234));
    let second = stamp(&mut p);
    p.expect_eq(second.wrapping_sub(first), 1234, "the ticks between");
    p.check(first != 0, "the clock should not tell when the stack was started");
}

// RFC 2018 4
#[test]
fn sack_blocks_name_what_arrived_newest_first() {
    let mut p = modern();
    p.send(octets(100).seq(201).options(ts(2000, 0)));
    assert_eq!(blocks(&mut p), [(201, 301)]);
    p.send(octets(100).seq(401).options(ts(2000, 0)));
    assert_eq!(blocks(&mut p), [(401, 501), (201, 301)]);
    p.send(octets(100).seq(301).options(ts(2000, 0)));
    assert_eq!(blocks(&mut p), [(201, 501)]);
}

#[test]
fn three_blocks_fit_beside_timestamps() {
    let mut p = modern();
    for at in [201, 401, 601, 801] {
        p.take_sent();
        p.send(octets(100).seq(at).options(ts(2000, 0)));
    }
    assert_eq!(blocks(&mut p), [(801, 901), (601, 701), (401, 501)]);
}

#[test]
fn a_gap_that_fills_leaves_no_block() {
    let mut p = modern();
    p.send(octets(100).seq(101).options(ts(2000, 0))).take_sent();
    p.send(octets(100).seq(1).options(ts(2000, 0)));
    assert_eq!(blocks(&mut p), []);
}

#[test]
fn no_block_is_sent_to_a_peer_that_did_not_ask() {
    let mut p = Prober::in_state(State::Established);
    p.send(octets(100).seq(101)).expect(ack().options(Options::default()));
}

#[test]
fn blocks_that_claim_nonsense_are_borne() {
    let mut p = modern();
    p.write(b"data");
    p.take_sent();
    let mut sack = SackBlocks::default();
    for (left, right) in [(0_u32, u32::MAX), (5, 5), (9, 2), (77, 1 << 31)] {
        sack.push(Seq(left), Seq(right));
    }
    for _ in 0..10 {
        p.send(ack().ack(1).options(Options { sack, ..Options::default() }));
    }
    p.expect_state(State::Established).send(ack().ack(5).options(ts(2000, 0)));
    let left = p.status().expect("it stands").send_queue;
    p.expect_eq(left, 0, "what is not acknowledged");
}

// RFC 7323 3.2
#[test]
fn without_a_timestamp_nothing_counts_but_a_reset() {
    let mut p = modern();
    p.send(data(b"lost")).expect_silence_for(ms(100));
    let drops = p.drops(DropReason::NoTimestamp);
    p.expect_eq(drops, 1, "segments without a timestamp");
    p.send(data(b"kept").seq(1).options(ts(1000, 0))).expect_read(b"kept");
    p.take_sent();
    // A SYN may be of a peer that has forgotten everything.
    p.send(syn().seq(2)).expect(ack());
    p.send(rst().seq(5)).expect_state(State::Closed);
}

#[test]
fn a_peer_that_forgets_its_timestamps_may_be_borne() {
    let mut p = Prober::with(|config| config.tcp.require_timestamps = false);
    p.send(syn().options(all_options(1000))).expect(syn_ack());
    p.send(ack()).accept().send(data(b"kept")).expect_read(b"kept");
}

// RFC 7323 3.2
#[test]
fn our_reset_carries_a_timestamp_too() {
    let mut p = modern();
    p.abort();
    let echoed = sent_options(&mut p)[0].timestamps.map(|ts| ts.ecr);
    p.expect_eq(echoed, Some(1000), "TSecr");
    let mut p = Prober::in_state(State::Established);
    p.abort().expect(rst_ack().options(Options::default()));
}

// RFC 7323 5.3, R1
#[test]
fn what_is_older_than_the_last_is_acknowledged_and_dropped() {
    let mut p = modern();
    p.send(data(b"old").options(ts(999, 0))).expect(ack().seq(1).ack(1));
    let drops = p.drops(DropReason::OldTimestamp);
    p.expect_eq(drops, 1, "segments from the past");
    p.send(data(b"new").seq(1).options(ts(1000, 0))).expect_read(b"new");
    // The clock of timestamps goes round, too (5.3: modulo 2^32).
    let half = 1000 + (1 << 31);
    p.advance(ms(40)).send(data(b"far").options(ts(half - 1, 0))).expect_read(b"far");
    p.send(data(b"!").seq(7).options(ts(half - 2, 0)));
    let drops = p.drops(DropReason::OldTimestamp);
    p.expect_eq(drops, 2, "segments from the past");
}

// RFC 7323 5.2
#[test]
fn a_reset_counts_with_an_old_timestamp() {
    let mut p = modern();
    p.send(rst().seq(1).options(ts(1, 0))).expect_state(State::Closed);
}

// RFC 7323 5.5
#[test]
fn after_24_days_of_silence_an_old_timestamp_says_nothing() {
    let almost = secs(24 * 24 * 3600 - 1);
    let mut p = modern();
    p.advance(almost).send(data(b"old").options(ts(999, 0)));
    let drops = p.drops(DropReason::OldTimestamp);
    p.expect_eq(drops, 1, "segments from the past");
    p.advance(secs(1)).send(data(b"new").seq(1).options(ts(999, 0))).expect_read(b"new");
    // From here on the new clock holds.
    p.send(data(b"older").options(ts(998, 0)));
    let drops = p.drops(DropReason::OldTimestamp);
    p.expect_eq(drops, 2, "segments from the past");
}

// RFC 7323 4.3, (2): only what begins where the last ACK ended, or before
#[test]
fn a_retransmission_that_overlaps_the_edge_is_echoed() {
    let mut p = modern();
    p.send(octets(100).options(ts(1010, 0))).advance(ms(40)).take_sent();
    p.send(octets(150).seq(51).options(ts(1030, 0))).advance(ms(40));
    let echoed = sent_options(&mut p)[0].timestamps.map(|ts| ts.ecr);
    p.expect_eq(echoed, Some(1030), "TSecr");
}

// RFC 7323 4.3
#[test]
fn the_timestamp_of_a_segment_with_a_bad_acknowledgment_is_not_echoed() {
    let mut p = modern();
    p.send(octets(100).ack(77).options(ts(5000, 0))).take_sent();
    p.send(octets(100).seq(1).options(ts(1001, 0))).advance(ms(40));
    let echoed = sent_options(&mut p)[0].timestamps.map(|ts| ts.ecr);
    p.expect_eq(echoed, Some(1001), "TSecr");
}
