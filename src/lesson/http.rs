//! Lessons about HTTP over TCP.

use super::player::Act::{Close, Pause, Read, ReadToEnd, Say};
use super::plot::{CLIENTS, Live, Plot, rfc, row};
use super::stage::{CLIENT_PORT, Performance, Stage, ms};

pub(super) const PLOTS: [Plot; 2] = [
    Plot {
        name: "http-one-connection-per-request",
        play: one_connection_per_request,
        anchors: &[
            row(&["1:59"]),
            row(&["FIN_WAIT_1"]),
            row(&["active OPEN"]).of(1),
            row(&["TIME_WAIT"]).of(1),
        ],
        readings: &[rfc(9112, "9.3, 9.6")],
        drills: &[
            "tests/drill/close/fin_rides_with_the_last_data.pkt",
            "tests/drill/close/by_us.pkt",
        ],
        scripts: &[],
        live: Some(Live {
            options: &["--close-after", "request", "--msl", "1"],
            command: "curl -sS http://192.0.2.2/hello; curl -sS http://192.0.2.2/hello; sleep 3",
        }),
    },
    Plot {
        name: "http-keep-alive",
        play: keep_alive,
        anchors: &[row(&["1:52"]), row(&["40:79"]), row(&["FIN_WAIT_1"])],
        readings: &[rfc(9112, "9.3, 9.6")],
        drills: &["tests/drill/close/four-way.pkt", "tests/drill/window/ack_rides_with_data.pkt"],
        scripts: &[CLIENTS],
        live: Some(Live {
            options: &[],
            command: "curl -sS http://192.0.2.2/hello http://192.0.2.2/connection",
        }),
    },
];

const GET: &str = "GET /page HTTP/1.1\r\nHost: 192.0.2.2\r\nConnection: close\r\n\r\n";
/// As long as the other.
const GET_OTHER: &str = "GET /more HTTP/1.1\r\nHost: 192.0.2.2\r\nConnection: close\r\n\r\n";
const PAGE: &str =
    "HTTP/1.1 200 OK\r\nContent-Length: 12\r\nConnection: close\r\n\r\nHello there\n";

const GET_PAGE: &str = "GET /page HTTP/1.1\r\nHost: 192.0.2.2\r\n\r\n";
const GET_MORE: &str = "GET /more HTTP/1.1\r\nHost: 192.0.2.2\r\n\r\n";
const FIRST: &str = "HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\nHello there\n";
const SECOND: &str = "HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\nHello again\n";

fn one_connection_per_request() -> Performance {
    let mut stage = Stage::new();
    stage.listen([Read(GET.len()), Say(PAGE), Close, ReadToEnd]);
    for (port, get) in [(CLIENT_PORT, GET), (CLIENT_PORT + 1, GET_OTHER)] {
        stage.call(port, [Pause(ms(30)), Say(get), ReadToEnd, Close]);
        stage.pass(ms(100));
    }
    stage.play(ms(1_000))
}

fn keep_alive() -> Performance {
    let mut stage = Stage::new();
    stage.listen([
        Read(GET_PAGE.len()),
        Say(FIRST),
        Read(GET_MORE.len()),
        Say(SECOND),
        ReadToEnd,
        Close,
    ]);
    stage.call(
        CLIENT_PORT,
        [
            Pause(ms(30)),
            Say(GET_PAGE),
            Read(FIRST.len()),
            Say(GET_MORE),
            Read(SECOND.len()),
            Close,
            ReadToEnd,
        ],
    );
    stage.play(ms(1_000))
}
