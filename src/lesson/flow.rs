//! Lessons about how much may be sent, and when.

use super::player::Act::{Close, NoDelay, Pause, Read, ReadToEnd, Send};
use super::plot::{CLIENTS, Plot, SERVERS, rfc, row};
use super::stage::{CLIENT_PORT, End, Performance, Stage, ms};
use crate::tcp::Keepalive;

pub(super) const PLOTS: [Plot; 4] = [
    Plot {
        name: "zero-window",
        play: zero_window,
        anchors: &[
            row(&["SYN,ACK", "win 2920"]),
            row(&["win 0"]),
            row(&["window probe"]),
            row(&["window probe"]).nth(2),
            row(&["◄─ ACK", "win 2920"]),
        ],
        readings: &[rfc(9293, "3.8.6, 3.8.6.1")],
        drills: &[
            "tests/drill/window/zero_window_is_probed.pkt",
            "tests/drill/window/closes_and_opens_with_the_reader.pkt",
            "tests/drill/window/receiver_avoids_small_steps.pkt",
        ],
        scripts: &[CLIENTS, SERVERS.with(&["SOL_SOCKET, SO_RCVBUF, [2920], 4"])],
        live: None,
    },
    Plot {
        name: "nagle-and-delayed-ack",
        play: nagle_and_delayed_ack,
        anchors: &[
            row(&["1:101"]),
            row(&["delayed ACK"]),
            row(&["101:201"]),
            row(&["101:201"]).of(1),
        ],
        readings: &[rfc(9293, "3.7.4, 3.8.6.3")],
        drills: &[
            "tests/drill/window/nagle.pkt",
            "tests/drill/window/delayed_ack.pkt",
            "tests/drill/window/nodelay.pkt",
        ],
        scripts: &[
            CLIENTS,
            SERVERS,
            CLIENTS.of(2).with(&["SOL_TCP, TCP_NODELAY, [1], 4"]),
            SERVERS.of(2),
        ],
        live: None,
    },
    Plot {
        name: "slow-start",
        play: slow_start,
        anchors: &[
            row(&["1461:2921"]),
            row(&["ack 2921"]),
            row(&["7301:8761"]),
            row(&["18981:20441"]),
        ],
        readings: &[rfc(5681, "3.1"), rfc(6928, "2"), rfc(3465, "2")],
        drills: &[
            "tests/drill/retransmission/ten_segments_at_first.pkt",
            "tests/drill/retransmission/slow_start_ends_at_the_threshold.pkt",
        ],
        scripts: &[],
        live: None,
    },
    Plot {
        name: "keep-alive",
        play: keep_alive,
        anchors: &[row(&["keep-alive"]), row(&["◄─ ACK"]), row(&["dropped by"]), row(&["RST,ACK"])],
        readings: &[rfc(9293, "3.8.4")],
        drills: &[
            "tests/drill/socket/keepalive.pkt",
            "tests/drill/socket/no_keepalive_unless_asked_for.pkt",
            "tests/drill/socket/peers_keepalive_is_answered.pkt",
        ],
        scripts: &[
            CLIENTS.with(&[
                "SOL_SOCKET, SO_KEEPALIVE, [1], 4",
                "SOL_TCP, TCP_KEEPIDLE, [7200], 4",
                "SOL_TCP, TCP_KEEPINTVL, [75], 4",
                "SOL_TCP, TCP_KEEPCNT, [4], 4",
            ]),
            SERVERS,
        ],
        live: None,
    },
];

/// Octets of data in a full segment.
const MSS: usize = 1460;

/// Who reads has room for two segments, and other things to do.
fn zero_window() -> Performance {
    let mut stage = Stage::with(|end, tcp| {
        if end == End::Right {
            tcp.receive_buffer = 2 * 1460;
        }
    });
    stage.listen([Pause(ms(5_000)), Read(4 * MSS)]);
    stage.call(CLIENT_PORT, [Pause(ms(30)), Send(4 * MSS)]);
    stage.play(ms(60_000))
}

/// First as usual, then without Nagle.
fn nagle_and_delayed_ack() -> Performance {
    let mut stage = Stage::new();
    stage.listen([Read(200), Send(500), ReadToEnd, Close]);
    let ask = [Pause(ms(30)), Send(100), Pause(ms(1)), Send(100), Read(500)];
    stage.call(CLIENT_PORT, ask);
    stage.pass(ms(2_000));
    stage.call(CLIENT_PORT + 1, [&[NoDelay], &ask[..]].concat());
    stage.play(ms(10_000))
}

/// With a first window of two segments, so that growing is seen from the beginning.
fn slow_start() -> Performance {
    let mut stage = Stage::with(|_, tcp| tcp.initial_window = 2);
    stage.listen([Read(100), Send(14 * MSS)]);
    stage.call(CLIENT_PORT, [Send(100), Read(14 * MSS)]);
    stage.play(ms(10_000))
}

/// The first time somebody is there to answer, the second time nobody. Four probes instead of nine.
fn keep_alive() -> Performance {
    let mut stage = Stage::with(|end, tcp| {
        if end == End::Left {
            tcp.keepalive = Some(Keepalive { probes: 4, ..Keepalive::default() });
        }
    });
    stage.listen([Read(1)]);
    stage.call(CLIENT_PORT, [Read(1)]);
    stage.pass(ms(2 * 3_600_000 + 60_000));
    stage.faults(End::Right, "rx any drop");
    stage.play(ms(3 * 3_600_000))
}
