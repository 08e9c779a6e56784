//! Ladders of hand-made exchanges: what is drawn, that it fits, and that it does not grow.

mod asked_for;
mod peer;

use unicode_width::UnicodeWidthStr;

use super::{Ladder, LadderRecorder, Limits, Style};
use crate::seq::Seq;
use crate::tcp::State::{
    CloseWait, Closed, Closing, Established, FinWait1, FinWait2, LastAck, Listen, SynReceived,
    SynSent, TimeWait,
};
use crate::tcp::{Cause, State, Timer};
use crate::time::Instant;
use crate::trace::{
    ConnId, DropReason, ErrorEffect, Event, Harm, PathMtuChange, Retransmission, Role,
    SegmentSummary, Sink, Strike, TimerChange, Way, What,
};
use crate::wire::{Ecn, Flags, Options, Problem, SackBlocks, Timestamps};

const THEIR_ISN: u32 = 4_294_967_290;
const OUR_ISN: u32 = 1_000_000;
const ACK: Flags = Flags::ACK;
const DATA: Flags = Flags::ACK.union(Flags::PSH);
const FIN: Flags = Flags::ACK.union(Flags::FIN);
const RST: Flags = Flags::ACK.union(Flags::RST);

/// One connection as its events tell it. Segments carry relative numbers, times are in microseconds.
struct Story {
    ladder: Ladder,
    id: u64,
    micros: u64,
    state: State,
}

impl Story {
    fn new(role: Role) -> Self {
        let state = if role == Role::Passive { Listen } else { Closed };
        let mut story = Story { ladder: Ladder::new(), id: 1, micros: 5_000, state };
        let (local, remote) = match role {
            Role::Passive => ("192.0.2.2:80", "192.0.2.1:40312"),
            Role::Active => ("192.0.2.2:49152", "192.0.2.1:8000"),
        };
        let (local, remote) =
            (local.parse().expect("an address"), remote.parse().expect("an address"));
        story.tell(What::Opened { local, remote, role });
        story
    }

    /// A server after the three-way handshake.
    fn server() -> Self {
        let mut story = Story::new(Role::Passive);
        story.received(Flags::SYN, 0, 0, 0).state(SynReceived, Cause::SynArrived);
        story.after(21).sent(Flags::SYN | ACK, 0, 1, 0);
        story.after(34).received(ACK, 1, 1, 0).state(Established, Cause::SynAcknowledged);
        story
    }

    fn tell(&mut self, what: What) -> &mut Self {
        let at = Instant::from_micros(self.micros);
        self.ladder.record(&Event { at, conn: Some(ConnId(self.id)), what });
        self
    }

    fn after(&mut self, micros: u64) -> &mut Self {
        self.micros += micros;
        self
    }

    fn state(&mut self, to: State, cause: Cause) -> &mut Self {
        let from = std::mem::replace(&mut self.state, to);
        self.tell(What::State { from, to, cause, section: cause.section() })
    }

    fn received(&mut self, flags: Flags, seq: u32, ack: u32, len: u32) -> &mut Self {
        let seg = segment(flags, (THEIR_ISN, seq), (OUR_ISN, ack), len);
        self.tell(What::Received { seg, state: self.state })
    }

    fn sent(&mut self, flags: Flags, seq: u32, ack: u32, len: u32) -> &mut Self {
        let seg = segment(flags, (OUR_ISN, seq), (THEIR_ISN, ack), len);
        self.tell(What::Sent { seg, state: self.state, retransmission: None })
    }

    fn again(&mut self, why: Retransmission, seq: u32, ack: u32, len: u32) -> &mut Self {
        let seg = segment(DATA, (OUR_ISN, seq), (THEIR_ISN, ack), len);
        self.tell(What::Sent { seg, state: self.state, retransmission: Some(why) })
    }

    fn fired(&mut self, timer: Timer) -> &mut Self {
        self.tell(What::Timer { timer, change: TimerChange::Fired })
    }

    fn dropped(&mut self, why: DropReason) -> &mut Self {
        self.tell(What::Dropped { why, from: None })
    }

    /// A fault strikes a segment of this connection.
    fn struck(&mut self, rule: &str, harm: Harm, way: Way, seg: SegmentSummary) -> &mut Self {
        self.tell(What::Fault(strike(rule, harm, way, seg)))
    }

    /// The picture in every style that matters, each line no wider than asked; then in the default.
    fn picture(&self) -> String {
        assert_fits(&self.ladder);
        format!("\n{}", self.ladder.render(&Style::default()))
    }
}

fn strike(rule: &str, harm: Harm, way: Way, seg: SegmentSummary) -> Strike {
    Strike {
        rule: rule.into(),
        harm,
        way,
        local: "192.0.2.2:80".parse().ok(),
        remote: "192.0.2.1:40312".parse().ok(),
        seg: Some(seg),
    }
}

fn segment(flags: Flags, seq: (u32, u32), ack: (u32, u32), len: u32) -> SegmentSummary {
    let is_syn = flags.contains(Flags::SYN);
    let options = Options {
        mss: is_syn.then_some(1460),
        window_scale: is_syn.then_some(7),
        sack_permitted: is_syn,
        timestamps: Some(Timestamps { val: 1, ecr: 2 }),
        sack: SackBlocks::default(),
    };
    SegmentSummary {
        seq: Seq(seq.0) + seq.1,
        ack: if flags.contains(ACK) { Seq(ack.0) + ack.1 } else { Seq(0) },
        flags,
        wnd: if is_syn { 64_240 } else { 502 },
        len,
        segment_size: 0,
        ecn: Ecn::NotEct,
        options,
    }
}

fn assert_fits(ladder: &Ladder) {
    for width in [0, 60, 61, 70, 79, 80, 81, 90, 100, 132, 200] {
        for utf8 in [true, false] {
            let plain = ladder.render(&Style { utf8, width, ..Style::default() });
            for line in plain.lines() {
                assert!(line.width() <= width.max(Style::NARROWEST), "{width}: {line:?}");
                assert!(utf8 || line.is_ascii(), "{line:?}");
            }
            let color = ladder.render(&Style { utf8, color: true, width, ..Style::default() });
            assert_eq!(without_colour(&color), plain);
        }
    }
}

fn without_colour(text: &str) -> String {
    let mut pieces = text.split('\x1b');
    let first = pieces.next().unwrap_or_default().to_owned();
    pieces.fold(first, |plain, piece| plain + piece.split_once('m').expect("a colour code").1)
}

#[test]
fn a_request_answered_and_the_four_way_close_of_a_server() {
    let mut story = Story::server();
    story.after(20).received(DATA, 1, 1, 80).after(10).sent(ACK, 1, 81, 0);
    story.after(900).sent(DATA, 1, 81, 151).after(100).received(ACK, 81, 152, 0);
    story.after(100).received(FIN, 81, 152, 0).state(CloseWait, Cause::FinArrived);
    story.after(10).sent(ACK, 152, 82, 0);
    story.after(500_000).state(LastAck, Cause::Close).after(9).sent(FIN, 152, 82, 0);
    story.after(40).received(ACK, 82, 153, 0).state(Closed, Cause::FinAcknowledged);
    story.tell(What::Removed);
    assert_eq!(
        story.picture(),
        r"
#1  192.0.2.1:40312  →  192.0.2.2:80  (they opened)
     ms  peer (client)                                                      us (server)  our state
         │                                                                            │  LISTEN
  0.000  │── SYN  seq 0  win 64240  <mss 1460, sackOK, ts, ws 7> ────────────────────►●  SYN_RCVD
  0.021  │◄─ SYN,ACK  seq 0  ack 1  win 64240  <mss 1460, sackOK, ts, ws 7> ──────────│  SYN_RCVD
  0.055  │── ACK      seq 1            ack 1    win 64256 ───────────────────────────►●  ESTABLISHED
  0.075  │── PSH,ACK  seq 1:81 (80)    ack 1    win 64256 ───────────────────────────►│  ESTABLISHED
  0.085  │◄─ ACK      seq 1            ack 81   win 64256 ────────────────────────────│  ESTABLISHED
  0.985  │◄─ PSH,ACK  seq 1:152 (151)  ack 81   win 64256 ────────────────────────────│  ESTABLISHED
  1.085  │── ACK      seq 81           ack 152  win 64256 ───────────────────────────►│  ESTABLISHED
  1.185  │── FIN,ACK  seq 81           ack 152  win 64256 ───────────────────────────►●  CLOSE_WAIT
  1.195  │◄─ ACK      seq 152          ack 82   win 64256 ────────────────────────────│  CLOSE_WAIT
501.204  │◄─ FIN,ACK  seq 152          ack 82   win 64256 ─────────────────── CLOSE ──●  LAST_ACK
501.244  │── ACK      seq 82           ack 153  win 64256 ───────────────────────────►●  CLOSED
         6 segments in, 5 out; 151 B sent, 80 B received; closed after 501.2 ms
"
    );
}

#[test]
fn our_side_opens_loses_segments_closes_first_and_waits() {
    let mut story = Story::new(Role::Active);
    story.state(SynSent, Cause::ActiveOpen).after(12).sent(Flags::SYN, 0, 0, 0);
    story.after(300).received(Flags::SYN | ACK, 0, 1, 0).state(Established, Cause::SynAckArrived);
    story.after(10).sent(ACK, 1, 1, 0).after(10).sent(DATA, 1, 1, 100);
    story.after(200_000).fired(Timer::Retransmission).again(Retransmission::Timeout, 1, 1, 100);
    story.after(100).received(ACK, 1, 101, 0);
    story.after(100).received(RST, 50_000, 101, 0).dropped(DropReason::ResetNotExact);
    story.sent(ACK, 101, 1, 0);
    // Data is still waiting when the application closes: CLOSE is one thing, the FIN another.
    story.after(10_000).state(FinWait1, Cause::Close).after(10).sent(DATA, 101, 1, 50);
    story.sent(FIN, 151, 1, 0);
    story.after(100).received(ACK, 1, 152, 0).state(FinWait2, Cause::FinAcknowledged);
    story.after(100).received(FIN, 1, 152, 0).state(TimeWait, Cause::FinArrived);
    story.sent(ACK, 152, 2, 0);
    story.after(60_000_000).fired(Timer::TimeWait).state(Closed, Cause::TimeWaitOver);
    assert_eq!(
        story.picture(),
        r"
#1  192.0.2.2:49152  →  192.0.2.1:8000  (we opened)
       ms  peer (server)                                                    us (client)  our state
           │                                                                          │  CLOSED
    0.012  │◄─ SYN  seq 0  win 64240  <mss 1460, sackOK, ts, ws 7> ──── active OPEN ──●  SYN_SEND
    0.312  │── SYN,ACK  seq 0  ack 1  win 64240  <mss 1460, sackOK, ts, ws 7> ───────►●  ESTABLISHED
    0.322  │◄─ ACK      seq 1             ack 1    win 64256 ─────────────────────────│  ESTABLISHED
    0.332  │◄─ PSH,ACK  seq 1:101 (100)   ack 1    win 64256 ─────────────────────────│  ESTABLISHED
  200.332  │◄╌ PSH,ACK  seq 1:101 (100)   ack 1 ╌╌╌╌╌╌╌╌╌╌╌ retransmitted (timeout) ╌╌│  ESTABLISHED
  200.432  │── ACK      seq 1             ack 101  win 64256 ────────────────────────►│  ESTABLISHED
  200.532  │━━ RST,ACK  seq 50000         ack 101 ━━━━━━━ RST not exact, challenged ━✗│  ESTABLISHED
  200.532  │◄─ ACK      seq 101           ack 1    win 64256 ─────────────────────────│  ESTABLISHED
  210.532  │                                                                    CLOSE ●  FIN_WAIT_1
  210.542  │◄─ PSH,ACK  seq 101:151 (50)  ack 1    win 64256 ─────────────────────────│  FIN_WAIT_1
  210.542  │◄─ FIN,ACK  seq 151           ack 1    win 64256 ─────────────────────────│  FIN_WAIT_1
  210.642  │── ACK      seq 1             ack 152  win 64256 ────────────────────────►●  FIN_WAIT_2
  210.742  │── FIN,ACK  seq 1             ack 152  win 64256 ────────────────────────►●  TIME_WAIT
  210.742  │◄─ ACK      seq 152           ack 2    win 64256 ─────────────────────────│  TIME_WAIT
60210.742  │                                                             2MSL timeout ●  CLOSED
           5 segments in, 8 out, 1 retransmitted, 1 dropped; 150 B sent, 0 B received;
           closed after 60.21 s
"
    );
    let narrow = Style { utf8: false, width: 60, ..Style::default() };
    assert_eq!(
        format!("\n{}", story.ladder.render(&narrow)),
        r"
#1  192.0.2.2:49152  ->  192.0.2.1:8000  (we opened)
     ms  peer (server)              us (client)  our state
         |                                    |  CLOSED
    0.0  |<- SYN  seq 0 ------- active OPEN --*  SYN_SEND
    0.3  |-- SYN,ACK  seq 0  ack 1 ---------->*  ESTABLISHED
    0.3  |<- ACK  seq 1  ack 1 ---------------|  ESTABLISHED
    0.3  |<- ACK seq 1:101 (100) ack 1 -------|  ESTABLISHED
  200.3  |<. ACK seq 1:101 (100) ack 1 .......|  ESTABLISHED
         |            retransmitted (timeout) |
  200.4  |-- ACK  seq 1  ack 101 ------------>|  ESTABLISHED
  200.5  |== RST,ACK  seq 50000  ack 101 ====x|  ESTABLISHED
         |          RST not exact, challenged |
  200.5  |<- ACK  seq 101  ack 1 -------------|  ESTABLISHED
  210.5  |                              CLOSE *  FIN_WAIT_1
  210.5  |<- ACK seq 101:151 (50) ack 1 ------|  FIN_WAIT_1
  210.5  |<- FIN,ACK  seq 151  ack 1 ---------|  FIN_WAIT_1
  210.6  |-- ACK  seq 1  ack 152 ------------>*  FIN_WAIT_2
  210.7  |-- FIN,ACK  seq 1  ack 152 -------->*  TIME_WAIT
  210.7  |<- ACK  seq 152  ack 2 -------------|  TIME_WAIT
60210.7  |                       2MSL timeout *  CLOSED
         5 segments in, 8 out, 1 retransmitted, 1 dropped;
         150 B sent, 0 B received; closed after 60.21 s
"
    );
}

#[test]
fn both_sides_close_at_once() {
    let mut story = Story::server();
    story.after(500).state(FinWait1, Cause::Close).sent(FIN, 1, 1, 0);
    story.after(10).received(FIN, 1, 1, 0).state(Closing, Cause::FinArrived);
    story.after(5).sent(ACK, 2, 2, 0);
    story.after(50).received(ACK, 2, 2, 0).state(TimeWait, Cause::FinAcknowledged);
    assert_eq!(
        story.picture(),
        r"
#1  192.0.2.1:40312  →  192.0.2.2:80  (they opened)
   ms  peer (client)                                               us (server)  our state
       │                                                                     │  LISTEN
0.000  │── SYN      seq 0         win 64240  <mss 1460, sackOK, ts, ws 7> ──►●  SYN_RCVD
0.021  │◄─ SYN,ACK  seq 0  ack 1  win 64240  <mss 1460, sackOK, ts, ws 7> ───│  SYN_RCVD
0.055  │── ACK      seq 1  ack 1  win 64256 ────────────────────────────────►●  ESTABLISHED
0.555  │◄─ FIN,ACK  seq 1  ack 1  win 64256 ──────────────────────── CLOSE ──●  FIN_WAIT_1
0.565  │── FIN,ACK  seq 1  ack 1  win 64256 ────────────────────────────────►●  CLOSING
0.570  │◄─ ACK      seq 2  ack 2  win 64256 ─────────────────────────────────│  CLOSING
0.620  │── ACK      seq 2  ack 2  win 64256 ────────────────────────────────►●  TIME_WAIT
       4 segments in, 3 out; 0 B sent, 0 B received; in TIME_WAIT after 0.6 ms
"
    );
}

#[test]
fn what_the_network_tells_has_lines_of_its_own() {
    let mut story = Story::server();
    story.after(500).sent(DATA, 1, 1, 1_460);
    let (problem, seq) = (Problem::TooBig { mtu: 1_300 }, Seq(OUR_ISN + 1));
    story.after(500).tell(What::NetworkError { problem, seq, effect: ErrorEffect::Shrinks });
    story.tell(What::PathMtu { mtu: 1_300, change: PathMtuChange::Told });
    let picture = story.picture();
    assert!(picture.contains("ICMP error: too big, the next link carries 1300 │"), "{picture}");
    assert!(picture.contains("path MTU 1300: told by ICMP │  ESTABLISHED"), "{picture}");
}

#[test]
fn resets_stand_out_both_ways() {
    let mut story = Story::server();
    story.after(500).received(RST, 1, 1, 0).state(Closed, Cause::RstArrived);
    let picture = story.picture();
    assert!(picture.contains("│━━ RST,ACK  seq 1  ack 1 ━━"), "{picture}");
    assert!(picture.contains("━►●  CLOSED\n"), "{picture}");
    assert!(picture.contains("reset by the peer after 0.5 ms"), "{picture}");

    let mut story = Story::server();
    story.after(500).state(Closed, Cause::Abort).sent(RST, 1, 1, 0);
    let picture = story.picture();
    assert!(picture.contains("│◄━ RST,ACK  seq 1  ack 1 ━━"), "{picture}");
    assert!(picture.contains("━━ ABORT ━━●  CLOSED\n"), "{picture}");
    assert!(picture.contains("aborted by us after 0.5 ms"), "{picture}");
}

#[test]
fn two_changes_at_one_segment_are_both_shown() {
    let mut story = Story::new(Role::Passive);
    story.received(Flags::SYN, 0, 0, 0).state(SynReceived, Cause::SynArrived);
    story.sent(Flags::SYN | ACK, 0, 1, 0);
    story.received(FIN, 1, 1, 0).state(Established, Cause::SynAcknowledged);
    story.state(CloseWait, Cause::FinArrived);
    let picture = story.picture();
    let (_, after) = picture.split_once("►●  ESTABLISHED\n").expect("the first change");
    let next = after.lines().next().expect("another row");
    assert!(next.ends_with(" ●  CLOSE_WAIT"), "{picture}");
}

#[test]
fn a_change_reported_behind_the_segment_that_tells_of_it_is_drawn_on_it() {
    let mut story = Story::server();
    story.after(500).sent(FIN, 1, 1, 0).state(FinWait1, Cause::Close);
    let picture = story.picture();
    let fin = picture.lines().find(|line| line.contains("FIN,ACK")).expect("a row with the FIN");
    assert!(fin.ends_with("─●  FIN_WAIT_1"), "{picture}");
    assert!(!picture.contains("CLOSE ●"), "{picture}");
}

#[test]
fn what_happens_later_is_not_put_on_an_old_segment() {
    let mut story = Story::server();
    story.after(500).received(ACK, 1, 1, 0);
    story.after(500).dropped(DropReason::NoRoom);
    story.after(500).state(Closed, Cause::RstArrived);
    let picture = story.picture();
    assert!(picture.contains(" dropped: no room │  ESTABLISHED\n"), "{picture}");
    assert!(picture.contains(" rcv RST ●  CLOSED\n"), "{picture}");
}

#[test]
fn a_delayed_ack_says_so_and_one_that_rode_along_does_not() {
    let mut story = Story::server();
    story.received(DATA, 1, 1, 10).after(40_000).fired(Timer::DelayedAck).sent(ACK, 1, 11, 0);
    story.received(DATA, 11, 1, 10).after(40_000).fired(Timer::DelayedAck);
    story.after(9_000).sent(DATA, 1, 21, 10);
    let picture = story.picture();
    assert_eq!(picture.matches("delayed ACK").count(), 1, "{picture}");
    assert!(picture.contains("delayed ACK ──│"), "{picture}");
}

#[test]
fn selective_acknowledgments_are_relative() {
    let mut story = Story::server();
    let mut seg = segment(ACK, (THEIR_ISN, 1), (OUR_ISN, 1), 0);
    seg.options.sack.push(Seq(OUR_ISN) + 1461, Seq(OUR_ISN) + 2921);
    story.tell(What::Received { seg, state: Established });
    let picture = story.picture();
    assert!(picture.contains("<sack 1461:2921>"), "{picture}");
}

#[test]
fn a_mark_is_shown_with_the_segment() {
    let mut story = Story::server();
    let mut seg = segment(ACK, (THEIR_ISN, 1), (OUR_ISN, 1), 10);
    seg.ecn = Ecn::Ce;
    story.tell(What::Received { seg, state: Established });
    let picture = story.picture();
    assert!(picture.contains("  CE ──"), "{picture}");
}

#[test]
fn a_ladder_that_begins_in_the_middle_shows_absolute_numbers() {
    let mut story = Story { ladder: Ladder::new(), id: 7, micros: 9, state: Established };
    story.received(DATA, 1, 1, 10).sent(ACK, 1, 11, 0);
    let picture = story.picture();
    assert!(picture.starts_with("\n#7  (its beginning was not seen)  (absolute numbers)\n"));
    assert!(picture.contains("seq 4294967291:4294967301 (10)"), "{picture}");
    assert!(picture.contains("ack 1000001"), "{picture}");
    assert!(picture.contains("1 segment in, 1 out; 0 B sent, 10 B received; in ESTABLISHED"));
}

/// A hundred megabytes down, an ACK for every second segment.
fn transfer(story: &mut Story) {
    for nth in 0..69_000 {
        story.after(10).sent(ACK, 1 + nth * 1448, 81, 1448);
        if nth % 2 == 1 {
            story.after(5).received(ACK, 81, 1 + (nth + 1) * 1448, 0);
        }
    }
}

#[test]
fn a_long_transfer_is_folded_while_it_is_recorded() {
    let mut story = Story::server();
    story.after(20).received(DATA, 1, 1, 80).after(10).sent(ACK, 1, 81, 0);
    transfer(&mut story);
    assert!(story.ladder.records[&ConnId(1)].held() < 12);
    story.after(10).received(FIN, 81, 99_912_001, 0).state(CloseWait, Cause::FinArrived);
    assert_eq!(
        story.picture(),
        r"
#1  192.0.2.1:40312  →  192.0.2.2:80  (they opened)
     ms  peer (client)                                                      us (server)  our state
         │                                                                            │  LISTEN
  0.000  │── SYN  seq 0  win 64240  <mss 1460, sackOK, ts, ws 7> ────────────────────►●  SYN_RCVD
  0.021  │◄─ SYN,ACK  seq 0  ack 1  win 64240  <mss 1460, sackOK, ts, ws 7> ──────────│  SYN_RCVD
  0.055  │── ACK      seq 1                         ack 1         win 64256 ─────────►●  ESTABLISHED
  0.075  │── PSH,ACK  seq 1:81 (80)                 ack 1         win 64256 ─────────►│  ESTABLISHED
  0.085  │◄─ ACK      seq 1                         ack 81        win 64256 ──────────│  ESTABLISHED
  0.095  │◄─ ACK      seq 1:1449 (1448)             ack 81        win 64256 ──────────│  ESTABLISHED
      ⋮  ┊◄─ 68997 segments, 99.9 MB                                 34499 segments ─►┊  ESTABLISHED
862.570  │◄─ ACK      seq 99909105:99910553 (1448)  ack 81        win 64256 ──────────│  ESTABLISHED
862.580  │◄─ ACK      seq 99910553:99912001 (1448)  ack 81        win 64256 ──────────│  ESTABLISHED
862.585  │── ACK      seq 81                        ack 99912001  win 64256 ─────────►│  ESTABLISHED
862.595  │── FIN,ACK  seq 81                        ack 99912001  win 64256 ─────────►●  CLOSE_WAIT
         34504 segments in, 69002 out; 99.9 MB sent, 80 B received; in CLOSE_WAIT after 862.5 ms
"
    );
}

#[test]
fn a_run_is_not_folded_when_that_would_save_no_line() {
    for plain in 1..20 {
        let mut story = Story::server();
        for nth in 0..plain {
            story.sent(DATA, 1 + nth * 10, 1, 10);
        }
        let arrows = u32::try_from(story.picture().matches("PSH").count()).expect("a few");
        assert_eq!(arrows, if plain <= 7 { plain } else { 6 });
        assert_eq!(story.picture().contains('⋮'), plain > 7);
    }
}

#[test]
fn a_bad_wire_makes_no_endless_ladder() {
    let mut story = Story::server();
    story.ladder = Ladder::with_limits(Limits { connections: 1, rows: 20, peer: false });
    for nth in 0..100_000 {
        story.after(9_000).sent(DATA, 1 + nth * 10, 1, 10);
        story.after(9_000).again(Retransmission::Fast, 1 + nth * 10, 1, 10);
    }
    assert!(story.ladder.records[&ConnId(1)].held() <= 20 + 4);
    let picture = story.picture();
    assert!(picture.lines().count() < 30, "{picture}");
    assert!(picture.contains("◄─ 199980 segments, 1.9 MB"), "{picture}");
    assert!(picture.contains("99990 retransmissions"), "{picture}");
}

#[test]
fn connections_beyond_the_limit_are_counted() {
    let mut story = Story::new(Role::Passive);
    story.ladder = Ladder::with_limits(Limits { connections: 3, rows: 20, peer: false });
    for id in 1..=10 {
        story.id = id;
        let (local, remote) =
            ("[2001:db8::2]:80", "[2001:db8:1111:2222:3333:4444:5555:6666]:54321");
        let (local, remote) =
            (local.parse().expect("an address"), remote.parse().expect("an address"));
        story.tell(What::Opened { local, remote, role: Role::Passive });
        story.received(Flags::SYN, 0, 0, 0).tell(What::Removed);
    }
    assert_eq!((story.ladder.len(), story.ladder.beyond()), (3, 7));
    assert_eq!(story.ladder.ids().map(|id| id.0).collect::<Vec<_>>(), [1, 2, 3]);
    let picture = story.picture();
    assert!(picture.ends_with("\n\n7 more connections: not drawn, the ladder was full\n"));
    assert!(story.ladder.render_one(ConnId(4), &Style::default()).is_none());
    let one = story.ladder.render_one(ConnId(2), &Style::default()).expect("a ladder");
    assert!(picture.contains(&one) && one.starts_with("#2  [2001:db8:1111"), "{one}");
}

#[test]
fn what_one_hand_records_the_other_draws() {
    let recorder = LadderRecorder::new(Limits::default());
    let mut sink: Box<dyn Sink> = Box::new(recorder.clone());
    assert!(recorder.lock().is_empty() && recorder.render(&Style::default()).is_empty());
    let what = What::Received { seg: segment(ACK, (0, 1), (0, 1), 0), state: Established };
    sink.record(&Event { at: Instant::ZERO, conn: Some(ConnId(1)), what });
    assert!(recorder.render(&Style::default()).starts_with("#1 "));
}

#[test]
fn a_fault_marks_the_arrow_that_it_struck() {
    let mut story = Story::server();
    for seq in 0..20 {
        story.sent(ACK, 1 + seq * 100, 1, 100);
    }
    // The driver tells after the batch: of the last, of one that is still shown, and of one that is folded.
    for (seq, rule) in [(1901, "tx data#20 drop"), (1801, "tx data#19 dup"), (901, "tx 5% corrupt")]
    {
        let harm = match seq {
            1901 => Harm::Dropped,
            1801 => Harm::Duplicated,
            _ => Harm::Corrupted,
        };
        let seg = segment(ACK, (OUR_ISN, seq), (THEIR_ISN, 1), 100);
        story.struck(rule, harm, Way::Tx, seg);
    }
    let lost = segment(DATA, (THEIR_ISN, 1), (OUR_ISN, 1), 80);
    story.after(5).struck("rx data#1 drop", Harm::Dropped, Way::Rx, lost);
    story.received(DATA, 1, 1, 80).tell(What::Removed);
    let picture = story.picture();
    let line = |text: &str| {
        let lines: Vec<_> = picture.lines().filter(|line| line.contains(text)).collect();
        let [line] = lines[..] else { panic!("{text} stands on one line\n{picture}") };
        line
    };
    assert!(
        line("dropped by 'tx data#20 drop'").contains("│✗─ ACK      seq 1901:2001"),
        "{picture}"
    );
    assert!(
        line("duplicated by 'tx data#19 dup'").contains("│◄─ ACK      seq 1801:1901"),
        "{picture}"
    );
    assert!(
        line("corrupted by 'tx 5% corrupt'").contains("│✗─ ACK      seq 901:1001"),
        "{picture}"
    );
    assert!(
        line("dropped by 'rx data#1 drop' ─✗│").contains("── PSH,ACK  seq 1:81 (80)"),
        "{picture}"
    );
    assert!(
        picture.contains("3 segments in, 21 out, 4 faults; 2 kB sent, 80 B received"),
        "{picture}"
    );
}

#[test]
fn a_syn_that_never_came_is_the_first_row_of_its_connection() {
    let mut ladder = Ladder::new();
    let syn = segment(Flags::SYN, (THEIR_ISN, 0), (0, 0), 0);
    for rule in ["rx SYN#1 drop", "rx SYN#2 drop"] {
        let what = What::Fault(strike(rule, Harm::Dropped, Way::Rx, syn));
        ladder.record(&Event { at: Instant::from_micros(1_000), conn: None, what });
    }
    let mut story = Story { ladder, id: 1, micros: 1_000_000, state: Listen };
    let (local, remote) = ("192.0.2.2:80", "192.0.2.1:40312");
    let (local, remote) = (local.parse().expect("an address"), remote.parse().expect("an address"));
    story.tell(What::Opened { local, remote, role: Role::Passive });
    story.received(Flags::SYN, 0, 0, 0).state(SynReceived, Cause::SynArrived);
    let picture = story.picture();
    let rows: Vec<_> = picture.lines().skip(4).collect();
    assert!(
        rows[0].contains("0.000  │── SYN  seq 0") && rows[0].contains("SYN#1 drop' ─✗│"),
        "{picture}"
    );
    assert!(rows[1].contains("SYN#2 drop' ─✗│"), "{picture}");
    assert!(
        rows[2].contains("999.000  │── SYN  seq 0") && rows[2].ends_with("SYN_RCVD"),
        "{picture}"
    );
}
