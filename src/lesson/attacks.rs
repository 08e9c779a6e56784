//! Lessons about strangers and about hosts that forget.

use std::net::{IpAddr, Ipv4Addr};

use super::player::Act::{Pause, Read, ReadToEnd, Send};
use super::plot::{CLIENTS, Plot, rfc, row};
use super::stage::{CLIENT_PORT, Performance, Stage, ms};

pub(super) const PLOTS: [Plot; 2] = [
    Plot {
        name: "syn-flood-and-cookies",
        play: syn_flood_and_cookies,
        anchors: &[
            row(&["SYN_RCVD"]),
            row(&["active OPEN"]).of(1),
            row(&["SYN,ACK"]).of(1),
            row(&["●  ESTABLISHED"]).of(1),
        ],
        readings: &[rfc(4987, "2, 3.6"), rfc(9293, "3.10.7.2")],
        drills: &[
            "tests/drill/handshake/backlog.pkt",
            "tests/drill/handshake/half_open_is_given_up.pkt",
        ],
        scripts: &[CLIENTS],
        live: None,
    },
    Plot {
        name: "half-open-after-a-crash",
        play: half_open_after_a_crash,
        anchors: &[row(&["starts anew"]), row(&["101:201"]), row(&["RST"])],
        readings: &[rfc(9293, "3.5.1, 3.5.2")],
        drills: &[
            "tests/drill/reset/half_open_is_found_out.pkt",
            "tests/drill/reset/ack_for_nobody.pkt",
            "tests/drill/reset/exact_in_established.pkt",
        ],
        scripts: &[CLIENTS],
        live: None,
    },
];

/// Two SYNs of strangers fill the queue of a listener that has room for two.
fn syn_flood_and_cookies() -> Performance {
    let mut stage = Stage::new();
    stage.listen_with(1, [Read(100), Send(500)]);
    for last in 1..=3 {
        let stranger = IpAddr::V4(Ipv4Addr::new(198, 51, 100, last));
        stage.stray_syn(stranger, 1_000 + u16::from(last), 1_000 * u32::from(last));
    }
    stage.pass(ms(20));
    stage.call(CLIENT_PORT, [Pause(ms(30)), Send(100), Read(500)]);
    stage.play(ms(900))
}

fn half_open_after_a_crash() -> Performance {
    let mut stage = Stage::new();
    stage.listen([Read(100), Send(500), ReadToEnd]);
    stage.call(
        CLIENT_PORT,
        [Pause(ms(30)), Send(100), Read(500), Pause(ms(5_000)), Send(100), Read(500)],
    );
    stage.pass(ms(2_000));
    stage.crash([ReadToEnd]);
    stage.play(ms(60_000))
}
