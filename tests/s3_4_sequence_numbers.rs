//! Sequence numbers (RFC 9293 3.4): what lies in the window, and going round the circle.

mod common;

use common::*;
use glasstack::seq::Seq;
use glasstack::wire::Flags;

/// A connection whose receive window is 1,000 octets, of which the prober knows.
fn window_of_1000() -> Prober {
    let mut p = Prober::with(|config| config.tcp.receive_buffer = 1000);
    p.reach(State::Established);
    p
}

// 3.4, the table of 3.10.7.4: second row, and the whole of the fourth.
#[test]
fn a_segment_is_taken_when_its_first_or_last_octet_lies_in_the_window() {
    // (seq, len, in the window): the window is 1..1001.
    for (seq, len, taken) in [
        (1, 0, true),
        (1000, 0, true),
        (1001, 0, false),
        (0, 0, false),
        (1, 1, true),
        (1000, 1, true),
        (1001, 1, false),
        (0, 1, false),
        (0, 2, true),
        (1000, 2, true),
        (500, 500, true),
        (0xffff_ff00, 100, false),
        (0x7000_0000, 10, false),
    ] {
        let mut p = window_of_1000();
        p.send(octets(len).seq(seq));
        let refused = p.drops(DropReason::OutsideWindow) == 1;
        p.check(refused != taken, &format!("seq {seq} len {len} should be taken: {taken}"));
    }
}

// 3.10.7.4, the third row of the table
#[test]
fn a_closed_window_takes_no_text_but_the_ack_at_its_edge() {
    let mut p = window_of_1000();
    p.write(b"ours").expect(data(b"ours"));
    p.send(octets(1000)).expect_after(ms(40), ack().ack(1001).wnd(0));
    p.send(octets(1).seq(1001).ack(5)).expect(ack().ack(1001).wnd(0));
    let left = p.status().expect("it stands").send_queue;
    p.expect_eq(left, 0, "what is not acknowledged");
    p.send(ack().seq(1002)).expect(ack().ack(1001));
}

// MUST-66: a RST and an urgent pointer count though the window is closed, whatever text comes with them.
#[test]
fn a_closed_window_hears_of_urgent_data_and_of_a_reset() {
    let closed = || {
        let mut p = window_of_1000();
        p.send(octets(1000)).expect_after(ms(40), ack().ack(1001).wnd(0));
        p
    };
    let mut p = closed();
    p.send(octets(5).seq(1001).urgent(5)).expect(ack().ack(1001).wnd(0));
    let urgent = p.status().expect("it stands").urgent;
    p.expect_eq(urgent, 1005, "octets to the end of the urgent data");
    for text in [0, 5] {
        let mut p = closed();
        p.send(octets(text).seq(1001).flag(Flags::RST)).expect_silence();
        p.expect_state(State::Closed);
    }
}

// 3.10.7.4, first: an unacceptable segment is answered with an ACK and dropped.
#[test]
fn an_unacceptable_segment_is_answered_with_where_we_stand() {
    let mut p = window_of_1000();
    p.send(octets(10).seq(5000)).expect(ack().seq(1).ack(1).wnd(1000)).expect_silence();
}

// 3.10.7.4, first: unless the RST bit is set
#[test]
fn an_unacceptable_reset_is_not_answered() {
    let mut p = window_of_1000();
    p.send(rst().seq(5000)).expect_silence().expect_state(State::Established);
}

#[test]
fn text_is_cut_to_the_window_on_both_sides() {
    let mut p = window_of_1000();
    p.send(octets(4)).expect_silence();
    p.send(octets(8).seq(1)).send(octets(1200).seq(9)).expect_after(ms(40), ack().ack(1001).wnd(0));
    p.expect_read(pattern(1, 1000)).expect(ack().wnd(1000));
}

#[test]
fn a_fin_beyond_the_window_waits_for_its_turn() {
    let mut p = window_of_1000();
    p.send(octets(1000).flag(Flags::FIN)).expect_after(ms(40), ack().ack(1001).wnd(0));
    p.expect_state(State::Established).expect_read(pattern(1, 1000)).expect(ack().wnd(1000));
    p.send(fin().seq(1001)).expect(ack().ack(1002)).expect_state(State::CloseWait).expect_end();
}

// MUST-8: the prober's numbers always wrap in the handshake; here those of the stack do, too.
#[test]
fn numbers_may_wrap_at_any_point_of_the_handshake() {
    for iss in [u32::MAX - 1, u32::MAX, 0] {
        for isn in [u32::MAX - 2, u32::MAX - 1, u32::MAX, 0] {
            let mut p = Prober::with_iss(Seq(iss));
            p.conn.isn = Seq(isn);
            p.reach(State::Established);
            p.expect_eq(p.conn.iss, Some(Seq(iss)), "the ISS");
            p.send(data(b"ab")).expect_read(b"ab").write(b"cd").expect(data(b"cd").seq(1).ack(3));
            p.send(ack()).close().expect(fin().seq(3)).send(ack()).send(fin());
            p.expect(ack().seq(4).ack(4)).expect_state(State::TimeWait);
        }
    }
}

#[test]
fn data_goes_round_the_circle_in_both_directions() {
    let mut p = Prober::with_iss(Seq(u32::MAX - 5_000));
    p.conn.isn = Seq(u32::MAX - 5_000);
    p.reach(State::Established);
    for round in 0..10 {
        let at = 1 + round * 1000;
        p.send(octets(1000)).expect_read(pattern(at, 1000));
        p.write(pattern(at, 1000)).expect(data(pattern(at, 1000)).seq(at).ack(at + 1000));
        p.send(ack()).expect_silence();
    }
}

// SHLD-31
#[test]
fn data_out_of_order_across_the_wrap_is_put_together() {
    let mut p = Prober::new();
    p.conn.isn = Seq(u32::MAX - 10);
    p.reach(State::Established);
    p.send(octets(20).seq(21)).expect(ack().ack(1)).send(octets(10).seq(11)).expect(ack().ack(1));
    p.send(octets(10).seq(1)).expect(ack().ack(41)).expect_read(pattern(1, 40));
}

// MUST-8, SHLD-1
#[test]
fn initial_numbers_follow_the_clock_and_the_four_tuple() {
    let iss_after = |wait_us: u64, port: u16| {
        let mut p = Prober::new();
        p.advance(std::time::Duration::from_micros(wait_us)).on_port(port);
        p.send(syn()).expect(syn_ack());
        p.conn.iss.expect("it was seen")
    };
    let first = iss_after(0, 40_000);
    assert_eq!(iss_after(4_000, 40_000), first + 1000, "the clock ticks every 4 us");
    assert_ne!(iss_after(0, 40_001), first, "another port has other numbers");
}

#[test]
fn four_gibibytes_later_the_numbers_of_the_syn_come_again_and_nothing_happens() {
    let mut sender = sender::Sender::new();
    for segment in 0..(1 << 17) + 4 {
        // The first is one short, so that one begins at ISS + 2^32.
        assert!(!sender.send_one(1 << 15, segment == 0).has(Flags::SYN));
        sender.acknowledge();
    }
    assert_eq!(sender.unacknowledged(), 0);
}

#[test]
fn a_loss_is_noticed_after_three_gibibytes_without_any() {
    let mut sender = sender::Sender::new();
    for _ in 0..3 << 15 {
        sender.send_one(1 << 15, false);
        sender.acknowledge();
    }
    let lost = sender.send_one(1 << 15, false);
    (0..3).for_each(|_| sender.repeat_the_last_ack());
    assert_eq!(sender.next_segment().map(|segment| segment.seq), Some(lost.seq));
}

/// One connection without a stack: packets and their checksums would take their time.
mod sender {
    use bytes::Bytes;
    use glasstack::seq::Seq;
    use glasstack::tcp::{Config, Context, Output, Pool, Tcb};
    use glasstack::time::Instant;
    use glasstack::trace::{ConnId, Tracer};
    use glasstack::wire::{Flags, Options, Segment};

    const ISS: Seq = Seq(77);

    pub struct Sender {
        tcb: Tcb,
        config: Config,
        tracer: Tracer,
        data: Bytes,
        acked: Seq,
        sent: Seq,
    }

    impl Sender {
        /// Established, with segments of 32 KiB.
        pub fn new() -> Sender {
            let config = Config { mss: 1 << 15, timestamps: false, ..Config::default() };
            let mut sender = Sender {
                tcb: Tcb::new(ISS, 0, &config),
                config,
                tracer: Tracer::default(),
                data: Bytes::from(vec![0; 1 << 15]),
                acked: ISS + 1,
                sent: ISS + 1,
            };
            sender.with(Tcb::open_active).expect("it is new");
            assert_eq!(sender.next_segment().map(|syn| syn.seq), Some(ISS));
            let options = Options { mss: Some(1 << 15), ..Options::default() };
            sender.receive(Segment { seq: Seq(0), options, ..sender.ack(Flags::SYN | Flags::ACK) });
            sender
        }

        /// Writes and sends one segment of `len` octets, or one less.
        pub fn send_one(&mut self, len: usize, one_less: bool) -> Segment {
            let data = self.data.slice(usize::from(one_less)..len);
            let taken = self.with(|tcb, cx| tcb.send_bytes(data.clone(), cx));
            assert_eq!(taken, Ok(data.len()));
            let segment = self.next_segment().expect("the windows are open");
            assert_eq!(segment.payload.len(), data.len());
            self.sent = segment.end();
            segment
        }

        pub fn acknowledge(&mut self) {
            self.acked = self.sent;
            self.repeat_the_last_ack();
        }

        pub fn repeat_the_last_ack(&mut self) {
            self.receive(self.ack(Flags::ACK));
        }

        pub fn unacknowledged(&self) -> usize {
            self.tcb.status(Instant::ZERO, &self.config).send_queue
        }

        /// The next segment with a sequence number.
        pub fn next_segment(&mut self) -> Option<Segment> {
            loop {
                match self.with(Tcb::poll_output) {
                    Output::Transmit(segment) if segment.is_empty() => {}
                    Output::Transmit(segment) => return Some(segment),
                    Output::Wait(_) => return None,
                }
            }
        }

        fn ack(&self, flags: Flags) -> Segment {
            Segment { seq: Seq(1), ack: self.acked, flags, wnd: 65_535, ..Segment::default() }
        }

        fn receive(&mut self, segment: Segment) {
            self.with(|tcb, cx| tcb.on_segment(segment, cx));
            self.tcb.check_invariants(&self.config);
        }

        fn with<T>(&mut self, call: impl FnOnce(&mut Tcb, &mut Context<'_>) -> T) -> T {
            let (config, tracer) = (&self.config, &mut self.tracer);
            let pool = &mut Pool::new();
            let mut cx = Context { now: Instant::ZERO, config, conn: ConnId(1), tracer, pool };
            call(&mut self.tcb, &mut cx)
        }
    }
}
