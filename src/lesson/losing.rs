//! Lessons about what is lost or overtaken on the way.

use super::player::Act::{Close, Pause, Read, ReadToEnd, Send};
use super::plot::{CLIENTS, Live, Plot, SERVERS, rfc, row};
use super::stage::{CLIENT_PORT, DELAY, End, Performance, Stage, ms};
use crate::sim::Wire;

pub(super) const PLOTS: [Plot; 3] = [
    Plot {
        name: "data-lost",
        play: data_lost,
        anchors: &[
            row(&["dropped by"]),
            row(&["retransmitted (timeout)"]),
            row(&["retransmitted (timeout)"]).nth(2),
            row(&["1:201"]),
        ],
        readings: &[rfc(6298, "2, 5"), rfc(9293, "3.8.1")],
        drills: &[
            "tests/drill/retransmission/timeout_doubles.pkt",
            "tests/drill/retransmission/karn.pkt",
            "tests/drill/retransmission/after_a_timeout_one_segment.pkt",
        ],
        scripts: &[CLIENTS, SERVERS],
        live: Some(Live {
            options: &["--fault", "tx data#1 drop", "--loss-detection", "sack"],
            command: "curl -sS http://192.0.2.2/hello",
        }),
    },
    Plot {
        name: "fast-retransmit",
        play: fast_retransmit,
        anchors: &[
            row(&["dropped by"]),
            row(&["ack 1461"]),
            row(&["ack 1461"]).nth(4),
            row(&["retransmitted (fast)"]),
            row(&["ack 8761"]),
        ],
        readings: &[rfc(5681, "3.2, 4.2"), rfc(6582, "3.2")],
        drills: &[
            "tests/drill/retransmission/third_duplicate_ack.pkt",
            "tests/drill/retransmission/partial_ack.pkt",
            "tests/drill/recovery/one_loss.pkt",
        ],
        scripts: &[CLIENTS, SERVERS],
        live: Some(Live {
            options: &["--fault", "tx data#3 drop"],
            command: "curl -sS -o /dev/null http://192.0.2.2/bytes/20000",
        }),
    },
    Plot {
        name: "reordering",
        play: reordering,
        anchors: &[
            row(&["reordered by"]),
            row(&["ack 1461"]),
            row(&["ack 1461"]).nth(2),
            row(&["ack 7301"]),
        ],
        readings: &[rfc(5681, "3.2"), rfc(8985, "3")],
        drills: &[
            "tests/drill/recovery/reordered.pkt",
            "tests/drill/recovery/needless_by_dsack.pkt",
        ],
        scripts: &[CLIENTS],
        live: Some(Live {
            options: &["--fault", "tx data#3 reorder 2"],
            command: "curl -sS -o /dev/null http://192.0.2.2/bytes/20000",
        }),
    },
];

/// Octets of data in a full segment.
const MSS: usize = 1460;

fn data_lost() -> Performance {
    let mut stage = Stage::new();
    stage.faults(End::Right, "rx data#1-2 drop");
    stage.listen([Read(100), Send(200), ReadToEnd, Close]);
    stage.call(CLIENT_PORT, [Pause(ms(100)), Send(100), Read(200)]);
    stage.play(ms(60_000))
}

/// Its rate lets a full segment take 1.2 ms to leave, so that each arrives by itself.
fn slow_wire() -> Wire {
    Wire { rate: Some(10_000_000), delay: DELAY, ..Wire::default() }
}

fn fast_retransmit() -> Performance {
    // Without SACK, as in the textbooks.
    let mut stage = Stage::with_wire(slow_wire(), |_, tcp| tcp.sack = false);
    stage.faults(End::Right, "rx data#2 drop");
    stage.listen([Read(6 * MSS)]);
    stage.call(CLIENT_PORT, [Pause(ms(30)), Send(6 * MSS)]);
    stage.play(ms(60_000))
}

fn reordering() -> Performance {
    let mut stage = Stage::with_wire(slow_wire(), |_, tcp| tcp.sack = false);
    stage.faults(End::Right, "rx data#2 reorder 3");
    stage.listen([Read(6 * MSS)]);
    stage.call(CLIENT_PORT, [Pause(ms(30)), Send(6 * MSS)]);
    stage.play(ms(60_000))
}
