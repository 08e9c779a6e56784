//! Lessons about how connections end.

use super::player::Act;
use super::player::Act::{Abort, Close, Pause, Read, ReadToEnd, Send};
use super::plot::{CLIENTS, Live, Plot, SERVERS, rfc, row};
use super::stage::{CLIENT_PORT, End, Performance, Stage, ms};

pub(super) const PLOTS: [Plot; 8] = [
    Plot {
        name: "four-way-close",
        play: four_way_close,
        anchors: &[
            row(&["FIN_WAIT_1"]),
            row(&["FIN_WAIT_2"]),
            row(&["LAST_ACK"]),
            row(&["►●  CLOSED"]),
            row(&["2MSL timeout"]),
        ],
        readings: &[rfc(9293, "3.6")],
        drills: &["tests/drill/close/four-way.pkt", "tests/drill/close/by_the_peer.pkt"],
        scripts: &[SERVERS, CLIENTS],
        live: Some(Live {
            options: &["--close-after", "500"],
            command: "curl -sS http://192.0.2.2/hello",
        }),
    },
    Plot {
        name: "three-packet-close",
        play: three_packet_close,
        anchors: &[row(&["FIN_WAIT_1"]), row(&["LAST_ACK"]), row(&["►●  CLOSED"])],
        readings: &[rfc(9293, "3.6")],
        drills: &[
            "tests/drill/close/fin_that_acknowledges_ours.pkt",
            "tests/drill/close/by_the_peer.pkt",
        ],
        scripts: &[CLIENTS],
        live: Some(Live { options: &[], command: "curl -sS http://192.0.2.2/hello" }),
    },
    Plot {
        name: "active-close",
        play: active_close,
        anchors: &[
            row(&["FIN_WAIT_1"]),
            row(&["FIN_WAIT_2"]),
            row(&["LAST_ACK"]),
            row(&["2MSL timeout"]),
        ],
        readings: &[rfc(9293, "3.6, 3.6.1"), rfc(6191, "2")],
        drills: &[
            "tests/drill/close/by_us.pkt",
            "tests/drill/close/time_wait_lasts_2_msl.pkt",
            "tests/drill/close/time_wait_gives_way_to_a_new_syn.pkt",
        ],
        scripts: &[CLIENTS],
        live: Some(Live {
            options: &["--close-after", "request", "--msl", "1"],
            command: "curl -sS http://192.0.2.2/hello; sleep 3",
        }),
    },
    Plot {
        name: "time-wait-2msl",
        play: time_wait_2msl,
        anchors: &[
            row(&["dropped by"]),
            row(&["FIN,ACK", "outside the window"]),
            row(&["►●  CLOSED"]),
            row(&["2MSL timeout"]),
        ],
        readings: &[rfc(9293, "3.4.2, 3.6.1"), rfc(1337, "2")],
        drills: &[
            "tests/drill/close/time_wait_answers_a_repeated_fin.pkt",
            "tests/drill/close/time_wait_lasts_2_msl.pkt",
            "tests/drill/close/time_wait_ignores_rst.pkt",
        ],
        scripts: &[CLIENTS],
        live: None,
    },
    Plot {
        name: "simultaneous-close",
        play: simultaneous_close,
        anchors: &[
            row(&["FIN_WAIT_1"]),
            row(&["CLOSING"]),
            row(&["►●  CLOSING"]),
            row(&["TIME_WAIT"]),
            row(&["2MSL timeout"]),
        ],
        readings: &[rfc(9293, "3.6")],
        drills: &[
            "tests/drill/close/simultaneously.pkt",
            "tests/drill/close/fin_is_sent_again_in_closing.pkt",
        ],
        scripts: &[CLIENTS, SERVERS],
        live: None,
    },
    Plot {
        name: "half-close",
        play: half_close,
        anchors: &[row(&["FIN_WAIT_1"]), row(&["FIN_WAIT_2"]), row(&["501:1001"])],
        readings: &[rfc(9293, "3.6")],
        drills: &[
            "tests/drill/close/half_closed_by_us.pkt",
            "tests/drill/close/half_closed_by_the_peer.pkt",
        ],
        scripts: &[CLIENTS],
        live: Some(Live { options: &[], command: "echo hello | nc -N 192.0.2.2 7" }),
    },
    Plot {
        name: "close-wait-leak",
        play: close_wait_leak,
        anchors: &[row(&["FIN_WAIT_1"]), row(&["FIN_WAIT_2"]), row(&["orphan timeout"])],
        readings: &[rfc(9293, "3.6")],
        drills: &[
            "tests/drill/close/half_closed_by_the_peer.pkt",
            "tests/drill/states/fin_wait_2/ends_after_a_minute_when_nobody_reads.pkt",
        ],
        scripts: &[SERVERS, CLIENTS],
        live: Some(Live {
            options: &["--close-after", "never"],
            command: "curl -sS http://192.0.2.2/hello",
        }),
    },
    Plot {
        name: "reset-vs-fin",
        play: reset_vs_fin,
        anchors: &[
            row(&["FIN_WAIT_1"]),
            row(&["2MSL timeout"]),
            row(&["1:501"]).of(1),
            row(&["RST"]).of(1),
        ],
        readings: &[rfc(9293, "3.5.2, 3.6, 3.10.5")],
        drills: &[
            "tests/drill/close/linger_zero.pkt",
            "tests/drill/close/with_unread_data.pkt",
            "tests/drill/close/data_after_close.pkt",
        ],
        scripts: &[CLIENTS.of(2), SERVERS.of(2), CLIENTS],
        live: None,
    },
];

/// What a client does that asks once, after a moment, so that the ACK of the handshake goes alone.
const ASK: &[Act] = &[Pause(ms(30)), Send(100), Read(500), Close, ReadToEnd];
/// What a server does that answers, and closes when the client has.
const ANSWER: &[Act] = &[Read(100), Send(500), ReadToEnd, Close];

fn four_way_close() -> Performance {
    let mut stage = Stage::new();
    stage.listen([Read(100), Send(500), ReadToEnd, Pause(ms(500)), Close]);
    stage.call(CLIENT_PORT, ASK);
    stage.play(ms(300_000))
}

fn three_packet_close() -> Performance {
    let mut stage = Stage::new();
    stage.listen(ANSWER);
    stage.call(CLIENT_PORT, ASK);
    stage.play(ms(300_000))
}

fn active_close() -> Performance {
    let mut stage = Stage::new();
    stage.listen([Read(100), Send(500), Close, ReadToEnd]);
    stage.call(CLIENT_PORT, [Pause(ms(30)), Send(100), ReadToEnd, Pause(ms(50)), Close]);
    stage.play(ms(300_000))
}

fn time_wait_2msl() -> Performance {
    let mut stage = Stage::new();
    stage.faults(End::Left, "tx ack#2 drop");
    stage.listen(ANSWER);
    stage.call(CLIENT_PORT, ASK);
    stage.play(ms(300_000))
}

/// The server learns of the connection 10 ms later, and closes at the same moment.
fn simultaneous_close() -> Performance {
    let mut stage = Stage::new();
    stage.listen([Pause(ms(100)), Close, ReadToEnd]);
    stage.call(CLIENT_PORT, [Pause(ms(130)), Close, ReadToEnd]);
    stage.play(ms(300_000))
}

fn half_close() -> Performance {
    let mut stage = Stage::new();
    stage.listen([ReadToEnd, Send(500), Pause(ms(300)), Send(500), Close]);
    stage.call(CLIENT_PORT, [Pause(ms(30)), Send(100), Pause(ms(30)), Close, ReadToEnd]);
    stage.play(ms(300_000))
}

/// The server reads the end and forgets to close; the client's program is gone.
fn close_wait_leak() -> Performance {
    let mut stage = Stage::new();
    stage.listen([Read(100), Send(500), ReadToEnd]);
    stage.call(CLIENT_PORT, [Pause(ms(30)), Send(100), Read(500), Close]);
    stage.play(ms(3_600_000))
}

fn reset_vs_fin() -> Performance {
    let mut stage = Stage::new();
    stage.listen(ANSWER);
    stage.call(CLIENT_PORT, ASK);
    stage.pass(ms(1_000));
    stage.call(CLIENT_PORT + 1, [Pause(ms(30)), Send(100), Pause(ms(25)), Abort]);
    stage.play(ms(300_000))
}
