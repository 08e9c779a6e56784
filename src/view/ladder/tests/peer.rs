//! The peer's column: what is reckoned of it, what was seen of it, and where these differ.

use super::*;

/// As [`Story::server`], with the peer's state beside ours.
fn server() -> Story {
    let mut story = Story::new(Role::Passive);
    story.ladder.limits.peer = true;
    story.received(Flags::SYN, 0, 0, 0).state(SynReceived, Cause::SynArrived);
    story.after(21).sent(Flags::SYN | ACK, 0, 1, 0);
    story.after(34).received(ACK, 1, 1, 0).state(Established, Cause::SynAcknowledged);
    story
}

impl Story {
    fn seen(&mut self, state: State) -> &mut Self {
        self.tell(What::PeerObserved { state })
    }
}

#[test]
fn both_ends_of_a_four_way_close() {
    let mut story = server();
    story.seen(Established).after(20).received(DATA, 1, 1, 80).after(10).sent(DATA, 1, 81, 151);
    story.after(100).received(ACK, 81, 152, 0);
    story.after(100).received(FIN, 81, 152, 0).state(CloseWait, Cause::FinArrived);
    story.after(10).sent(ACK, 152, 82, 0).after(80).seen(FinWait2);
    story.after(500_000).state(LastAck, Cause::Close).after(9).sent(FIN, 152, 82, 0);
    story.after(5).seen(TimeWait);
    story.after(40).received(ACK, 82, 153, 0).state(Closed, Cause::FinAcknowledged);
    assert_eq!(
        story.picture(),
        r"
#1  192.0.2.1:40312  →  192.0.2.2:80  (they opened)
     ms    its state  peer (client)                                         us (server)  our state
              CLOSED  │                                                               │  LISTEN
  0.000     SYN_SEND  ○── SYN  seq 0  win 64240  <mss 1460, sackOK, ts, ws 7> ───────►●  SYN_RCVD
  0.021  ESTABLISHED  ●◄─ SYN,ACK  seq 0  ack 1  win 64240 ───────────────────────────│  SYN_RCVD
  0.055  ESTABLISHED  │── ACK      seq 1            ack 1    win 64256 ──────────────►●  ESTABLISHED
  0.075  ESTABLISHED  │── PSH,ACK  seq 1:81 (80)    ack 1    win 64256 ──────────────►│  ESTABLISHED
  0.085  ESTABLISHED  │◄─ PSH,ACK  seq 1:152 (151)  ack 81   win 64256 ───────────────│  ESTABLISHED
  0.185  ESTABLISHED  │── ACK      seq 81           ack 152  win 64256 ──────────────►│  ESTABLISHED
  0.285   FIN_WAIT_1  ○── FIN,ACK  seq 81           ack 152  win 64256 ──────────────►●  CLOSE_WAIT
  0.295   FIN_WAIT_2  ●◄─ ACK      seq 152          ack 82   win 64256 ───────────────│  CLOSE_WAIT
500.384    TIME_WAIT  ●◄─ FIN,ACK  seq 152          ack 82   win 64256 ────── CLOSE ──●  LAST_ACK
500.429    TIME_WAIT  │── ACK      seq 82           ack 153  win 64256 ──────────────►●  CLOSED
                      6 segments in, 4 out; 151 B sent, 80 B received; closed after 500.4 ms;
                      ○ reckoned from the packets, ● seen
"
    );
}

#[test]
fn of_what_nobody_saw_nothing_is_said() {
    let mut story = Story::new(Role::Passive);
    story.ladder.limits.peer = true;
    story.state(SynReceived, Cause::SynArrived).after(30);
    story.state(Established, Cause::SynAcknowledged).after(1_000);
    story.received(DATA, 1, 1, 6);
    let before = story.picture();
    assert!(!before.contains("CLOSED"), "{before}");
    assert!(!before.contains("SYN_SEND"), "{before}");
    story.after(10).seen(Established);
    story.after(9_000).received(FIN, 7, 1, 0).state(CloseWait, Cause::FinArrived);
    let after = story.picture();
    assert!(
        after.contains("FIN_WAIT_1  ○── FIN,ACK"),
        "from what was seen on it is reckoned\n{after}"
    );
}

#[test]
fn what_was_lost_has_not_reached_the_peer() {
    let mut story = server();
    story.after(500).state(FinWait1, Cause::Close).sent(FIN, 1, 1, 0);
    let fin = segment(FIN, (OUR_ISN, 1), (THEIR_ISN, 1), 0);
    story.struck("tx FIN#1 drop", Harm::Dropped, Way::Tx, fin);
    story.after(100).seen(Established);
    story.after(200_000).fired(Timer::Retransmission);
    let retransmission = Some(Retransmission::Timeout);
    story.tell(What::Sent { seg: fin, state: FinWait1, retransmission });
    assert_eq!(
        story.picture(),
        r"
#1  192.0.2.1:40312  →  192.0.2.2:80  (they opened)
     ms    its state  peer (client)                                         us (server)  our state
              CLOSED  │                                                               │  LISTEN
  0.000     SYN_SEND  ○── SYN  seq 0  win 64240  <mss 1460, sackOK, ts, ws 7> ───────►●  SYN_RCVD
  0.021  ESTABLISHED  ●◄─ SYN,ACK  seq 0  ack 1  win 64240 ───────────────────────────│  SYN_RCVD
  0.055  ESTABLISHED  │── ACK      seq 1  ack 1  win 64256 ──────────────────────────►●  ESTABLISHED
  0.555  ESTABLISHED  │✗─ FIN,ACK  seq 1  ack 1 ─ CLOSE, dropped by 'tx FIN#1 drop' ──●  FIN_WAIT_1
200.655   CLOSE_WAIT  ○◄╌ FIN,ACK  seq 1  ack 1 ╌╌╌╌╌╌╌╌╌╌╌ retransmitted (timeout) ╌╌│  FIN_WAIT_1
                      2 segments in, 3 out, 1 retransmitted, 1 fault; 0 B sent, 0 B received;
                      in FIN_WAIT_1 after 200.6 ms; ○ reckoned from the packets, ● seen
"
    );
}

#[test]
fn a_state_that_no_packet_explains_has_a_line_of_its_own() {
    let mut story = server();
    story.after(10_000).seen(Closed);
    let picture = story.picture();
    assert!(picture.contains("10.055       CLOSED  ● seen in this state "), "{picture}");
    // Somebody who looked a moment too early or too late has seen nothing new.
    let mut story = server();
    story.after(900).seen(CloseWait).after(100).sent(FIN, 1, 1, 0).after(50).seen(Established);
    let picture = story.picture();
    assert!(!picture.contains("seen in this state"), "{picture}");
}

/// Seen a moment before the FIN, and told when all of the close is there.
#[test]
fn nobody_goes_back_to_a_state_that_was_left() {
    let mut story = server();
    story.after(3_000).seen(Established).after(1_000).received(FIN, 1, 1, 0);
    story.state(CloseWait, Cause::FinArrived).after(10).sent(ACK, 1, 2, 0);
    story.after(5_000).seen(FinWait2);
    let picture = story.picture();
    assert!(!picture.contains("seen in this state"), "{picture}");
    let last = picture.lines().rfind(|line| line.ends_with("CLOSE_WAIT")).expect("a row");
    assert!(last.contains("FIN_WAIT_2  ●"), "{picture}");
}
