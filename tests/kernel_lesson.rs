//! `glass lesson --live`: the lessons that can be had with the kernel at the other end show there what they are
//! about.

mod kernel_common;

use glasstack::lesson::plots;
use kernel_common::{Done, Running, User, command, ladders, needs};

fn live(user: User, name: &str) -> Done {
    Running::start(command(user, "", &["lesson", name, "--live"])).wait().ended_with(0)
}

/// What has to be on the ladder of each, beside the states that our end goes through.
const SHOWN: [(&str, &[&str], &[&str]); 13] = [
    ("three-way-handshake", &["SYN_RCVD", "ESTABLISHED"], &["SYN,ACK"]),
    ("syn-lost", &["SYN_RCVD", "ESTABLISHED"], &["rx SYN#1 drop"]),
    ("syn-ack-lost", &["SYN_RCVD", "ESTABLISHED"], &["tx SYN,ACK#1 drop"]),
    ("four-way-close", &["CLOSE_WAIT", "LAST_ACK", "CLOSED"], &["FIN,ACK"]),
    ("three-packet-close", &["CLOSE_WAIT", "LAST_ACK", "CLOSED"], &["FIN,ACK"]),
    ("active-close", &["FIN_WAIT_1", "TIME_WAIT", "CLOSED"], &["2MSL timeout"]),
    ("half-close", &["CLOSE_WAIT", "LAST_ACK"], &["FIN"]),
    ("close-wait-leak", &["ESTABLISHED", "CLOSE_WAIT"], &["FIN,ACK"]),
    ("data-lost", &["ESTABLISHED"], &["tx data#1 drop", "retransmitted (timeout)"]),
    ("fast-retransmit", &["ESTABLISHED"], &["tx data#3 drop", "retransmitted (fast)"]),
    ("reordering", &["ESTABLISHED"], &["tx data#3 reorder 2"]),
    ("http-one-connection-per-request", &["FIN_WAIT_1", "TIME_WAIT"], &["CLOSE"]),
    ("http-keep-alive", &["ESTABLISHED", "CLOSED"], &["PSH,ACK"]),
];

#[test]
fn lessons_can_be_had_with_the_kernel() {
    needs(&["curl", "nc"]);
    for plot in plots().filter(|plot| plot.live.is_some()) {
        let (_, states, words) =
            SHOWN.iter().find(|(name, ..)| *name == plot.name).expect("what it has to show");
        let done = live(User::Ordinary, plot.name);
        let ladder = ladders(&done.err).into_iter().next();
        let ladder = ladder.unwrap_or_else(|| panic!("{}: no ladder\n{done}", plot.name));
        for state in *states {
            assert!(ladder.states().contains(state), "{}: not in {state}\n{done}", plot.name);
        }
        words.iter().for_each(|word| {
            done.says(word);
        });
        assert!(done.out().contains("\nAnswer\n"), "{}\n{done}", plot.name);
    }
}

#[test]
fn two_requests_by_one_connection_or_by_two() {
    needs(&["curl"]);
    let count = |name| ladders(&live(User::Root, name).err).len();
    assert_eq!(count("http-keep-alive"), 1);
    assert_eq!(count("http-one-connection-per-request"), 2);
}
