//! Losses that were none: a sender that hears so before it has sent anything again goes on as if nothing
//! had been. What it hears later is in `tests/drill/recovery`.

mod common;

use common::*;
use glasstack::tcp::RecoveryState;
use glasstack::wire::{Options, SackBlocks};

const MSS: u32 = 1000;

/// Before a stack that has sent ten segments, all it may at first, and a round-trip time has passed.
fn ten_out() -> Prober {
    let mut p = Prober::new();
    p.send(syn().options(Options { sack_permitted: true, ..mss(1000) })).expect(syn_ack());
    p.advance(ms(100)).send(ack()).accept();
    p.write(vec![0; 30 * MSS as usize]).advance(ms(100)).take_sent();
    p
}

/// The segments `first..last`, the first being 0, have arrived beyond a gap, and all before `next`.
fn has(p: &Prober, next: u32, first: u32, last: u32) -> Seg {
    let iss = p.conn.iss.expect("it was seen");
    let mut sack = SackBlocks::default();
    sack.push(iss + 1 + first * MSS, iss + 1 + last * MSS);
    ack().ack(1 + next * MSS).options(Options { sack, ..Options::default() })
}

/// What leaves now that had left before.
fn again(p: &mut Prober, sent_before: u32) -> usize {
    let sent = p.take_sent();
    sent.iter().filter(|seg| seg.seq.is_some_and(|seq| seq < 1 + sent_before * MSS)).count()
}

#[test]
fn what_arrives_before_it_is_sent_again_was_not_lost() {
    let mut p = ten_out();
    let before = p.status().expect("established");
    // Three beyond the first: it is taken for lost. But its acknowledgment is in the same batch.
    let news = [has(&p, 0, 1, 4), ack().ack(1 + 4 * MSS)];
    p.send_batch(news);
    let after = p.status().expect("established");
    p.expect_eq(after.recovery, RecoveryState::Open, "the repair");
    p.expect_eq(after.ssthresh, before.ssthresh, "the threshold");
    p.check(after.cwnd >= before.cwnd, "the window is at least what it was");
    let count = again(&mut p, 10);
    p.expect_eq(count, 0, "what was sent again");
}

#[test]
fn a_part_that_arrives_is_no_reason_to_forget_the_rest() {
    let mut p = ten_out();
    let before = p.status().expect("established");
    let news = [has(&p, 0, 2, 5), has(&p, 1, 2, 5)];
    p.send_batch(news);
    let after = p.status().expect("established");
    p.expect_eq(after.recovery, RecoveryState::Recovery, "the repair");
    p.check(after.ssthresh < before.ssthresh, "the threshold has come down");
    let count = again(&mut p, 10);
    p.expect_eq(count, 1, "what was sent again");
}
