//! The SACK blocks we send, by the examples of RFC 2018 7 and RFC 2883 4: the exact blocks of each ACK.

mod common;

use common::*;
use glasstack::seq::Seq;
use glasstack::wire::Options;

/// An ACK as the tables of the RFCs write it: its number, and the blocks.
type Told = (u32, Vec<(u32, u32)>);

/// Before a stack with SACK in use, all of whose ACKs up to `next` have arrived.
fn at(next: u32) -> Prober {
    at_with(next, Options { sack_permitted: true, ..mss(1460) }, |_| {})
}

fn at_with(
    next: u32,
    options: Options,
    configure: impl FnOnce(&mut glasstack::stack::Config),
) -> Prober {
    let mut p = Prober::with(configure);
    p.send(syn().options(options)).expect(syn_ack());
    // Timestamps that say nothing new.
    let options = Options { timestamps: options.timestamps, ..Options::default() };
    p.send(ack().options(options)).accept();
    p.send(octets(next as usize - 1).options(options)).advance(ms(40)).take_sent();
    p
}

/// The ACKs that wait, as the tables write them.
fn told(p: &mut Prober) -> Vec<Told> {
    let isn = p.conn.isn;
    let relative = |(left, right): &(Seq, Seq)| (*left - isn, *right - isn);
    let told = |seg: Seg| {
        let blocks = seg.options.expect("it was seen").sack;
        (seg.ack.expect("an ACK"), blocks.as_slice().iter().map(relative).collect())
    };
    p.take_sent().into_iter().map(told).collect()
}

/// `first..=last` arrives, as the tables write ranges of octets, and is answered at once by one ACK.
#[track_caller]
fn arrives(p: &mut Prober, first: u32, last: u32, expected: (u32, &[(u32, u32)])) {
    p.send(octets((last + 1 - first) as usize).seq(first));
    expect_told(p, &[(expected.0, expected.1.to_vec())], &format!("the answer to {first}-{last}"));
}

#[track_caller]
fn expect_told(p: &mut Prober, expected: &[Told], what: &str) {
    let answers = told(p);
    p.expect_eq(&answers[..], expected, what);
}

/// Of the ACKs that wait the last is this.
#[track_caller]
fn expect_last(p: &mut Prober, expected: Told, what: &str) {
    let last = told(p).pop();
    p.expect_eq(last, Some(expected), what);
}

// RFC 2018 7, case 1
#[test]
fn what_comes_in_order_has_no_blocks() {
    let mut p = at(5000);
    for first in [5000, 5500, 6000, 6500] {
        p.send(octets(500).seq(first));
    }
    p.advance(ms(40));
    expect_last(&mut p, (7000, vec![]), "the last answer");
}

// RFC 2018 7, case 2
#[test]
fn one_block_grows_while_the_first_segment_is_missing() {
    let mut p = at(5000);
    for first in (5500..9000).step_by(500) {
        arrives(&mut p, first, first + 499, (5000, &[(5500, first + 500)]));
    }
}

// RFC 2018 7, case 3
#[test]
fn every_second_segment_is_missing() {
    let mut p = at(5000);
    p.send(octets(500).seq(5000)).advance(ms(40));
    expect_told(&mut p, &[(5500, vec![])], "the answer to the first");
    arrives(&mut p, 6000, 6499, (5500, &[(6000, 6500)]));
    arrives(&mut p, 7000, 7499, (5500, &[(7000, 7500), (6000, 6500)]));
    arrives(&mut p, 8000, 8499, (5500, &[(8000, 8500), (7000, 7500), (6000, 6500)]));
    arrives(&mut p, 6500, 6999, (5500, &[(6000, 7500), (8000, 8500)]));
    arrives(&mut p, 5500, 5999, (7500, &[(8000, 8500)]));
}

// RFC 2018 4: as many as fit, those that were reported last first
#[test]
fn of_many_islands_the_latest_four_are_told() {
    let mut p = at(5000);
    for first in [6000, 7000, 8000, 9000, 10_000] {
        p.send(octets(500).seq(first));
    }
    let blocks = [(10_000, 10_500), (9000, 9500), (8000, 8500), (7000, 7500)];
    expect_last(&mut p, (5000, blocks.to_vec()), "the last answer");
    // The oldest comes back to the front when it grows.
    let blocks = [(6000, 6600), (10_000, 10_500), (9000, 9500), (8000, 8500)];
    arrives(&mut p, 6500, 6599, (5000, &blocks));
}

// RFC 2018 4: data may carry the option as well
#[test]
fn data_tells_of_islands_too() {
    let mut p = at(5000);
    p.send(octets(500).seq(6000)).take_sent();
    p.write(b"data");
    expect_told(&mut p, &[(5000, vec![(6000, 6500)])], "what goes with the data");
}

// RFC 2883 4.1.1
#[test]
fn a_segment_that_was_acknowledged_is_reported_once() {
    let mut p = at(4000);
    arrives(&mut p, 3000, 3499, (4000, &[(3000, 3500)]));
    p.send(octets(100).seq(4000)).advance(ms(40));
    expect_told(&mut p, &[(4100, vec![])], "the next ACK");
}

// RFC 2883 4.1.2
#[test]
fn a_duplicate_below_comes_in_front_of_the_island() {
    let mut p = at(4000);
    arrives(&mut p, 4500, 4999, (4000, &[(4500, 5000)]));
    arrives(&mut p, 3000, 3499, (4000, &[(3000, 3500), (4500, 5000)]));
    arrives(&mut p, 5000, 5499, (4000, &[(4500, 5500)]));
}

// RFC 2883 4.1.3
#[test]
fn a_duplicate_in_an_island_comes_in_front_of_that_island() {
    let mut p = at(4000);
    arrives(&mut p, 4500, 4999, (4000, &[(4500, 5000)]));
    arrives(&mut p, 5000, 5499, (4000, &[(4500, 5500)]));
    arrives(&mut p, 5000, 5499, (4000, &[(5000, 5500), (4500, 5500)]));
    arrives(&mut p, 6000, 6499, (4000, &[(6000, 6500), (4500, 5500)]));
    let blocks = [(4500, 4600), (4500, 5500), (6000, 6500)];
    arrives(&mut p, 4500, 4599, (4000, &blocks));
}

// RFC 2883 4.2.1
#[test]
fn of_a_segment_that_is_new_in_part_the_old_part_is_reported() {
    let mut p = at(1000);
    arrives(&mut p, 2000, 2499, (1000, &[(2000, 2500)]));
    arrives(&mut p, 1000, 1499, (1500, &[(2000, 2500)]));
    arrives(&mut p, 1000, 1999, (2500, &[(1000, 1500)]));
}

// RFC 2883 4.2.2
#[test]
fn of_two_old_parts_the_first_is_reported_when_it_lies_below() {
    let mut p = at(1000);
    arrives(&mut p, 3000, 3499, (1000, &[(3000, 3500)]));
    arrives(&mut p, 1000, 1499, (1500, &[(3000, 3500)]));
    arrives(&mut p, 2000, 2499, (1500, &[(2000, 2500), (3000, 3500)]));
    arrives(&mut p, 1000, 2499, (2500, &[(1000, 1500), (3000, 3500)]));
}

// RFC 2883 4.2.3
#[test]
fn of_two_old_parts_the_first_is_reported_when_it_lies_beyond() {
    let mut p = at(1000);
    arrives(&mut p, 3500, 3999, (1000, &[(3500, 4000)]));
    arrives(&mut p, 1500, 1999, (1000, &[(1500, 2000), (3500, 4000)]));
    let blocks = [(2500, 3000), (1500, 2000), (3500, 4000)];
    arrives(&mut p, 2500, 2999, (1000, &blocks));
    arrives(&mut p, 1500, 2999, (1000, &[(1500, 2000), (1500, 3000), (3500, 4000)]));
}

#[test]
fn in_order_data_that_covers_an_island_reports_it() {
    let mut p = at(1000);
    arrives(&mut p, 1500, 1999, (1000, &[(1500, 2000)]));
    arrives(&mut p, 1000, 2499, (2500, &[(1500, 2000)]));
}

#[test]
fn what_comes_twice_in_one_batch_goes_into_one_report_if_it_is_one_range() {
    let mut p = at(4000);
    p.send_batch([octets(500).seq(3000), octets(500).seq(3500)]);
    expect_told(&mut p, &[(4000, vec![(3000, 4000)])], "the answer");
    p.send_batch([octets(500).seq(2000), octets(500).seq(3500)]);
    expect_told(&mut p, &[(4000, vec![(3500, 4000)])], "the answer to two ranges");
}

// RFC 2883 4: the report is the first of what fits
#[test]
fn a_report_takes_the_place_of_the_oldest_block() {
    let mut p = at_with(4000, all_options(1000), |_| {});
    let stamped = |first: u32| octets(500).seq(first).options(ts(2000, 0));
    for first in [5000, 6000, 7000, 3000] {
        p.send(stamped(first));
    }
    let blocks = [(3000, 3500), (7000, 7500), (6000, 6500)];
    expect_last(&mut p, (4000, blocks.to_vec()), "the answer");
}

#[test]
fn what_an_old_timestamp_drops_is_reported_beside_its_island() {
    let mut p = at_with(4000, all_options(1000), |_| {});
    for (first, stamp) in [(5000, 2000), (6000, 2000), (4000, 3000), (4000, 1500), (5000, 1500)] {
        p.send(octets(500).seq(first).options(ts(stamp, 0)));
    }
    let blocks = |blocks: &[(u32, u32)]| (4500, blocks.to_vec());
    let expected = [
        blocks(&[(4000, 4500), (6000, 6500), (5000, 5500)]),
        blocks(&[(5000, 5500), (5000, 5500), (6000, 6500)]),
    ];
    let answers = told(&mut p);
    p.expect_eq(answers[3..].to_vec(), expected.to_vec(), "the answers");
    let old = p.drops(DropReason::OldTimestamp);
    p.expect_eq(old, 2, "segments from the past");
}

#[test]
fn a_fin_that_comes_again_is_reported_with_its_data() {
    let mut p = at(4000);
    p.send(fin().seq(4000)).take_sent();
    p.send(Seg { len: Some(500), ..fin() }.seq(3500));
    expect_told(&mut p, &[(4001, vec![(3500, 4001)])], "the answer");
}

#[test]
fn what_never_was_in_the_stream_is_not_reported() {
    let mut p = at(1000);
    // Before the peer's SYN.
    p.send(octets(10).seq(0_u32.wrapping_sub(500)));
    expect_told(&mut p, &[(1000, vec![])], "the answer");
    // A keep-alive without data, and a bare ACK beyond.
    p.send(ack().seq(999)).send(ack().seq(1100));
    expect_told(&mut p, &[(1000, vec![])], "the answer to a keep-alive");
}

#[test]
fn a_bad_acknowledgment_reports_nothing() {
    let mut p = at(1000);
    p.send(octets(100).seq(1200)).take_sent();
    p.send(octets(100).seq(1200).ack(5000));
    expect_told(&mut p, &[(1000, vec![(1200, 1300)])], "the answer");
}

#[test]
fn a_report_goes_with_data_but_not_with_many_segments_at_once() {
    let mut p = at_with(4000, Options { sack_permitted: true, ..mss(1460) }, |config| {
        config.features.segmentation = true;
    });
    let handle = p.handle();
    p.stack.send(handle, &[7; 6000], p.now).expect("there is room");
    let packet = p.packet(octets(500).seq(3000));
    p.stack.on_packet(&packet, p.now);
    let frames: Vec<_> = std::iter::from_fn(|| p.stack.poll_output(p.now)).collect();
    let sizes: Vec<_> = frames.iter().map(|frame| frame.offload.segment_size).collect();
    assert_eq!(sizes[..2], [0, 1460], "the report, then the rest together");
    assert_eq!(frames[0].payload.len(), 1460 - 12, "less the option");
}

#[test]
fn reports_can_be_turned_off_and_need_sack() {
    let sack = Options { sack_permitted: true, ..mss(1460) };
    let mut off = at_with(4000, sack, |config| config.tcp.dsack = false);
    arrives(&mut off, 3000, 3499, (4000, &[]));
    let mut none = at_with(4000, mss(1460), |_| {});
    arrives(&mut none, 3000, 3499, (4000, &[]));
}
