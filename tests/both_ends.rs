//! Ladders with both ends: two of our own hosts in the simulator, each with a record of its own.

#[path = "ladders/stage.rs"]
mod stage;

use glasstack::view::Style;
use stage::{Stage, request, response};

impl Stage {
    fn picture(mut self) -> String {
        let [client, server] = self.run();
        format!("\n{}", server.render_with(&client, ["client", "server"], &Style::default()))
    }
}

#[test]
fn a_request_and_a_four_way_close() {
    let picture = Stage::new().listen(response()).connect(request()).picture();
    assert_eq!(
        picture,
        r"
#1  192.0.2.1:37639  →  192.0.2.2:80
    ms       client                                                                      server
             CLOSED  │                                                                │  LISTEN
 0.000     SYN_SEND  ●── SYN  seq 0  win 65535 ─ active OPEN ────────────────────────►●  SYN_RCVD
10.000  ESTABLISHED  ●◄─ SYN,ACK  seq 0  ack 1  win 65535 ────────────────────────────│  SYN_RCVD
20.000  ESTABLISHED  │── PSH,ACK  seq 1:101 (100)  ack 1    win 1048576 ─────────────►●  ESTABLISHED
30.000  ESTABLISHED  │◄─ PSH,ACK  seq 1:501 (500)  ack 101  win 1048576 ──────────────│  ESTABLISHED
40.000   FIN_WAIT_1  ●── FIN,ACK  seq 101          ack 501  win 1048064 ─ CLOSE ─────►●  CLOSE_WAIT
50.000   FIN_WAIT_2  ●◄─ FIN,ACK  seq 501          ack 102  win 1048544 ───── CLOSE ──●  LAST_ACK
          TIME_WAIT  ●                                                                │  LAST_ACK
60.000    TIME_WAIT  │── ACK      seq 102          ack 502  win 1048064 ─────────────►●  CLOSED
                     4 segments in, 3 out; 500 B sent, 100 B received; closed after 70.0 ms
"
    );
}

#[test]
fn the_fin_of_the_server_is_lost() {
    let stage = Stage::new().with_faults("tx FIN#1 drop").listen(response()).connect(request());
    assert_eq!(
        stage.picture(),
        r"
#1  192.0.2.1:37639  →  192.0.2.2:80
     ms       client                                                                     server
              CLOSED  │                                                               │  LISTEN
  0.000     SYN_SEND  ●── SYN  seq 0  win 65535 ─ active OPEN ───────────────────────►●  SYN_RCVD
 10.000  ESTABLISHED  ●◄─ SYN,ACK  seq 0  ack 1  win 65535 ───────────────────────────│  SYN_RCVD
 20.000  ESTABLISHED  │── PSH,ACK  seq 1:101 (100)  ack 1    win 1048576 ────────────►●  ESTABLISHED
 30.000  ESTABLISHED  │◄─ PSH,ACK  seq 1:501 (500)  ack 101  win 1048576 ─────────────│  ESTABLISHED
 40.000   FIN_WAIT_1  ●── FIN,ACK  seq 101          ack 501  win 1048064 ─ CLOSE ────►●  CLOSE_WAIT
 50.000   FIN_WAIT_1  │✗─ FIN,ACK  seq 501          ack 102  win 1048544 ─────────────●  LAST_ACK
                      │                             CLOSE, dropped by 'tx FIN#1 drop' │
130.000   FIN_WAIT_1  │╌╌ FIN,ACK seq 101 ack 501 ╌ loss probe ╌ outside the window ╌✗│  LAST_ACK
140.000   FIN_WAIT_2  ●◄╌ FIN,ACK  seq 501          ack 102 ╌╌╌╌╌╌╌╌╌╌╌╌ loss probe ╌╌│  LAST_ACK
           TIME_WAIT  ●                                                               │  LAST_ACK
150.000    TIME_WAIT  │── ACK      seq 102          ack 502  win 1048064 ────────────►●  CLOSED
                      5 segments in, 4 out, 1 retransmitted, 1 dropped, 1 fault;
                      500 B sent, 100 B received; closed after 160.0 ms
"
    );
}

#[test]
fn the_first_syn_is_lost() {
    let stage = Stage::new().with_faults("rx SYN#1 drop").listen(response()).connect(request());
    assert_eq!(
        stage.picture(),
        r"
#1  192.0.2.1:37639  →  192.0.2.2:80
      ms       client                                                                    server
               CLOSED  │                                                              │  LISTEN
   0.000     SYN_SEND  ●── SYN  seq 0 ─ active OPEN ──── dropped by 'rx SYN#1 drop' ─✗│  LISTEN
1000.000     SYN_SEND  │╌╌ SYN  seq 0  win 65535 ╌ retransmitted (timeout) ╌╌╌╌╌╌╌╌╌╌►●  SYN_RCVD
1010.000  ESTABLISHED  ●◄─ SYN,ACK  seq 0  ack 1  win 65535 ──────────────────────────│  SYN_RCVD
1020.000  ESTABLISHED  │── PSH,ACK  seq 1:101 (100)  ack 1    win 1048576 ───────────►●  ESTABLISHED
1030.000  ESTABLISHED  │◄─ PSH,ACK  seq 1:501 (500)  ack 101  win 1048576 ────────────│  ESTABLISHED
1040.000   FIN_WAIT_1  ●── FIN,ACK  seq 101          ack 501  win 1048064 ─ CLOSE ───►●  CLOSE_WAIT
1050.000   FIN_WAIT_2  ●◄─ FIN,ACK  seq 501          ack 102  win 1048544 ─── CLOSE ──●  LAST_ACK
            TIME_WAIT  ●                                                              │  LAST_ACK
1060.000    TIME_WAIT  │── ACK      seq 102          ack 502  win 1048064 ───────────►●  CLOSED
                       4 segments in, 3 out, 1 fault; 500 B sent, 100 B received;
                       closed after 1.07 s
"
    );
}

#[test]
fn nobody_listens() {
    assert_eq!(
        Stage::new().connect(request()).picture(),
        r"
#1  192.0.2.1:37639  →  192.0.2.2:80
    ms       client                                                                      server
             CLOSED  │                                                                │  CLOSED
 0.000     SYN_SEND  ●── SYN  seq 0  win 65535 ─ active OPEN ────────────────────────►│  CLOSED
20.000       CLOSED  ●◄━ RST,ACK  seq 0  ack 1 ━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━│  CLOSED
                     0 segments in, 0 out; 0 B sent, 0 B received; closed after 20.0 ms
"
    );
}

#[test]
fn nothing_ever_reaches_the_server() {
    let stage = Stage::new().with_faults("rx SYN drop").listen(response()).connect(request());
    assert_eq!(
        stage.picture(),
        r"
#1  192.0.2.1:37639  →  192.0.2.2:80
      ms       client                                                                    server
               CLOSED  │                                                              │  CLOSED
   0.000     SYN_SEND  ●── SYN  seq 0 ─ active OPEN ────── dropped by 'rx SYN drop' ─✗│  CLOSED
1000.000     SYN_SEND  │╌╌ SYN  seq 0    win 65535  <mss 1460, sackOK, ts, ws 5> ╌╌╌╌✗│  CLOSED
                       │ retransmitted (timeout)                                      │
                       │                                     dropped by 'rx SYN drop' │
3000.000     SYN_SEND  │╌╌ SYN  seq 0    win 65535  <mss 1460, sackOK, ts, ws 5> ╌╌╌╌✗│  CLOSED
                       │ retransmitted (timeout)                                      │
                       │                                     dropped by 'rx SYN drop' │
7000.000     SYN_SEND  │╌╌ SYN  seq 0    win 65535  <mss 1460, sackOK, ts, ws 5> ╌╌╌╌✗│  CLOSED
                       │ retransmitted (timeout)                                      │
                       │                                     dropped by 'rx SYN drop' │
                       0 segments in, 0 out, 4 faults; 0 B sent, 0 B received; closed after 7.01 s
"
    );
}

#[test]
fn two_that_call_each_other_cross_on_the_way() {
    let stage = Stage::new().call_each_other();
    assert_eq!(
        stage.picture(),
        r"
#1  192.0.2.2:7000  →  192.0.2.1:7000
    ms       client                                                                      server
             CLOSED  │                                                                │  CLOSED
 0.000     SYN_SEND  ●── SYN  seq 0  win 65535 ─ active OPEN ───────────··············│  CLOSED
 0.000     SYN_RCVD  ●◄─ SYN  seq 0  win 65535 ──────────────────────── active OPEN ──●  SYN_SEND
10.000     SYN_RCVD  │╌╌ SYN,ACK  seq 0  ack 1  win 65535 ╌ again, with ACK ╌╌╌╌······│  SYN_SEND
10.000     SYN_RCVD  │·· SYN  seq 0  win 65535  <mss 1460, sackOK, ts, ws 5> ···─────►●  SYN_RCVD
10.000  ESTABLISHED  ●◄╌ SYN,ACK  seq 0  ack 1  win 65535 ╌╌╌╌╌╌╌╌╌ again, with ACK ╌╌│  SYN_RCVD
20.000   FIN_WAIT_1  ●── FIN,ACK  seq 1  ack 1  win 1048576 ─ CLOSE ────────··········│  SYN_RCVD
20.000   FIN_WAIT_1  │·· SYN,ACK  seq 0  ack 1  win 65535 ·············──────────────►●  ESTABLISHED
20.000      CLOSING  ●◄─ FIN,ACK  seq 1  ack 1  win 1048576 ───────────────── CLOSE ──●  FIN_WAIT_1
30.000      CLOSING  │── ACK      seq 2  ack 2  win 1048544 ────────────··············│  FIN_WAIT_1
30.000      CLOSING  │·· FIN,ACK  seq 1  ack 1  win 1048576 ············─────────────►●  CLOSING
30.000    TIME_WAIT  ●◄─ ACK      seq 2  ack 2  win 1048544 ──────────────────────────│  CLOSING
40.000    TIME_WAIT  │·· ACK      seq 2  ack 2  win 1048544 ············─────────────►●  TIME_WAIT
                     4 segments in, 4 out, 1 retransmitted; 0 B sent, 0 B received;
                     in TIME_WAIT after 40.0 ms
"
    );
}

#[test]
fn what_is_late_leaves_and_arrives_on_rows_of_its_own() {
    let stage = Stage::new().with_faults("rx data#1 delay 300ms");
    let stage = stage.listen(response()).connect(request());
    assert_eq!(
        stage.picture(),
        r"
#1  192.0.2.1:37639  →  192.0.2.2:80
     ms       client                                                                     server
              CLOSED  │                                                               │  LISTEN
  0.000     SYN_SEND  ●── SYN  seq 0  win 65535 ─ active OPEN ───────────────────────►●  SYN_RCVD
 10.000  ESTABLISHED  ●◄─ SYN,ACK  seq 0  ack 1  win 65535 ───────────────────────────│  SYN_RCVD
 20.000  ESTABLISHED  │── PSH,ACK  seq 1:101 (100)  ack 1    win 1048576 ─────········│  SYN_RCVD
                      │                            delayed by 'rx data#1 delay 300ms' │
110.000  ESTABLISHED  │╌╌ PSH,ACK  seq 1:101 (100)  ack 1 ╌ loss probe ╌╌╌╌╌╌╌╌╌╌╌╌╌╌►●  ESTABLISHED
120.000  ESTABLISHED  │◄─ PSH,ACK  seq 1:501 (500)  ack 101  win 1048576 ─────────────│  ESTABLISHED
130.000   FIN_WAIT_1  ●── FIN,ACK  seq 101          ack 501  win 1048064 ─ CLOSE ────►●  CLOSE_WAIT
140.000   FIN_WAIT_2  ●◄─ FIN,ACK  seq 501          ack 102  win 1048544 ──── CLOSE ──●  LAST_ACK
           TIME_WAIT  ●                                                               │  LAST_ACK
150.000    TIME_WAIT  │── ACK      seq 102          ack 502  win 1048064 ────────────►●  CLOSED
340.000    TIME_WAIT  │✗━ RST      seq 1 ━━━━━━━━━━━━━━━━━━━━━━━ outside the window ━━│  CLOSED
                      4 segments in, 3 out, 1 fault; 500 B sent, 100 B received;
                      closed after 340.0 ms
"
    );
}
