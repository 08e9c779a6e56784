//! Lessons about how connections begin.

use super::player::Act::{Pause, Read, ReadToEnd, Send};
use super::plot::{CLIENTS, Live, Plot, SERVERS, rfc, row};
use super::stage::{CLIENT, CLIENT_PORT, End, Performance, Stage, ms};

pub(super) const PLOTS: [Plot; 6] = [
    Plot {
        name: "three-way-handshake",
        play: three_way_handshake,
        anchors: &[
            row(&["active OPEN"]),
            row(&["SYN,ACK"]),
            row(&["►●  ESTABLISHED"]),
            row(&["1:6"]),
            row(&["delayed ACK"]),
        ],
        readings: &[rfc(9293, "3.4.1, 3.5")],
        drills: &["tests/drill/handshake/passive.pkt", "tests/drill/handshake/active.pkt"],
        scripts: &[SERVERS, CLIENTS],
        live: Some(Live { options: &[], command: "curl -sS http://192.0.2.2/hello" }),
    },
    Plot {
        name: "syn-lost",
        play: syn_lost,
        anchors: &[
            row(&["active OPEN"]),
            row(&["retransmitted (timeout)"]),
            row(&["retransmitted (timeout)"]).nth(2),
        ],
        readings: &[rfc(9293, "3.8.1, 3.8.3"), rfc(6298, "2.1, 5.5")],
        drills: &[
            "tests/drill/handshake/syn_lost_is_sent_again.pkt",
            "tests/drill/handshake/syn_is_tried_for_three_minutes.pkt",
        ],
        scripts: &[CLIENTS, SERVERS],
        live: Some(Live {
            options: &["--fault", "rx SYN#1 drop"],
            command: "curl -sS http://192.0.2.2/hello",
        }),
    },
    Plot {
        name: "syn-ack-lost",
        play: syn_ack_lost,
        anchors: &[
            row(&["dropped by"]),
            row(&["outside the window"]),
            row(&["SYN,ACK", "retransmitted (timeout)"]),
            row(&["►●  ESTABLISHED"]),
        ],
        readings: &[rfc(9293, "3.8.1, 3.10.7.4")],
        drills: &[
            "tests/drill/handshake/syn_ack_lost.pkt",
            "tests/drill/handshake/repeated_syn_draws_the_same_answer.pkt",
        ],
        scripts: &[SERVERS, CLIENTS],
        live: Some(Live {
            options: &["--fault", "tx SYN,ACK#1 drop"],
            command: "curl -sS http://192.0.2.2/hello",
        }),
    },
    Plot {
        name: "connection-refused",
        play: connection_refused,
        anchors: &[row(&["active OPEN"]), row(&["RST,ACK"])],
        readings: &[rfc(9293, "3.5.2, 3.10.7.1")],
        drills: &[
            "tests/drill/handshake/refused.pkt",
            "tests/drill/handshake/rst_in_syn_sent_needs_our_number.pkt",
        ],
        scripts: &[CLIENTS],
        live: None,
    },
    Plot {
        name: "old-duplicate-syn",
        play: old_duplicate_syn,
        anchors: &[row(&["SYN_RCVD"]), row(&["SYN,ACK"]), row(&["RST"])],
        readings: &[rfc(9293, "3.5, 3.10.7.1")],
        drills: &[
            "tests/drill/handshake/bad_ack_draws_rst_in_syn_sent.pkt",
            "tests/drill/reset/in_syn_rcvd_after_a_passive_open.pkt",
        ],
        scripts: &[SERVERS],
        live: None,
    },
    Plot {
        name: "simultaneous-open",
        play: simultaneous_open,
        anchors: &[
            row(&["active OPEN"]),
            row(&["active OPEN"]).nth(2),
            row(&["again, with ACK"]),
            row(&["ESTABLISHED  ●◄"]),
        ],
        readings: &[rfc(9293, "3.5")],
        drills: &[
            "tests/drill/handshake/simultaneous_open.pkt",
            "tests/drill/handshake/simultaneous_open_ends_with_a_plain_ack.pkt",
        ],
        scripts: &[CLIENTS, SERVERS],
        live: None,
    },
];

fn three_way_handshake() -> Performance {
    let mut stage = Stage::new();
    stage.listen([Read(5)]);
    stage.call(CLIENT_PORT, [Pause(ms(60)), Send(5)]);
    stage.play(ms(1_000))
}

fn syn_lost() -> Performance {
    let mut stage = Stage::new();
    stage.faults(End::Right, "rx SYN#1-2 drop");
    stage.listen([Read(5)]);
    stage.call(CLIENT_PORT, []);
    stage.play(ms(10_000))
}

fn syn_ack_lost() -> Performance {
    let mut stage = Stage::new();
    stage.faults(End::Right, "tx SYN,ACK#1 drop");
    stage.listen([Read(5)]);
    stage.call(CLIENT_PORT, []);
    stage.play(ms(10_000))
}

fn connection_refused() -> Performance {
    let mut stage = Stage::new();
    stage.call(CLIENT_PORT, [Send(100)]);
    stage.play(ms(10_000))
}

/// A SYN of long ago arrives, and the client knows nothing of it (any more).
fn old_duplicate_syn() -> Performance {
    let mut stage = Stage::new();
    stage.listen([ReadToEnd]);
    stage.stray_syn(CLIENT, CLIENT_PORT, 1_000_000);
    stage.play(ms(10_000))
}

fn simultaneous_open() -> Performance {
    let mut stage = Stage::new();
    stage.call_from(End::Left, 7_000, 7_000, []);
    stage.call_from(End::Right, 7_000, 7_000, []);
    stage.play(ms(10_000))
}
