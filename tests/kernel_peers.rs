//! Both ends of a connection with the kernel: its states beside ours, seen where somebody could look in time.

mod kernel_common;

use kernel_common::{Family, Ladder, User, needs, run_over};

/// States of the kernel's end that were seen, and not only reckoned.
fn seen(ladder: &Ladder) -> Vec<&'static str> {
    let peers = ladder.rows.iter().filter_map(|row| row.peer);
    peers.filter(|(_, seen)| *seen).map(|(state, _)| state).collect()
}

#[test]
fn both_ends_of_a_four_way_close() {
    needs(&["curl"]);
    for family in Family::BOTH {
        let options = ["--close-after", "300"];
        let done = run_over(family, User::Root, &options, "curl -sS http://192.0.2.2/hello");
        let ladder = done.ladder();
        let states = ["CLOSED", "SYN_SEND", "ESTABLISHED", "FIN_WAIT_1", "FIN_WAIT_2", "TIME_WAIT"];
        assert_eq!(ladder.peers(), states, "{family:?}\n{done}");
        // It stays in FIN_WAIT_2 for as long as we do not close: nobody can miss that.
        let seen = seen(&ladder);
        assert!(seen.contains(&"FIN_WAIT_2") && seen.contains(&"TIME_WAIT"), "{seen:?}\n{done}");
    }
}

#[test]
fn a_fin_that_is_lost_leaves_the_kernel_as_it_was() {
    needs(&["curl"]);
    for family in Family::BOTH {
        let options = ["--fault", "tx FIN#1 drop", "--close-after", "300"];
        let done = run_over(family, User::Root, &options, "curl -sS http://192.0.2.2/hello");
        let ladder = done.ladder();
        let lost = ladder.rows.iter().find(|row| row.state == "LAST_ACK");
        let peer = lost.and_then(|row| row.peer);
        assert_eq!(peer, Some(("FIN_WAIT_2", false)), "{family:?}\n{done}");
        assert_eq!(ladder.peers().last(), Some(&"TIME_WAIT"), "{family:?}\n{done}");
    }
}

/// The kernel as the server, our stack as the client.
#[test]
fn a_server_of_the_kernels_is_seen_too() {
    needs(&["python3", "nc"]);
    let line = "python3 -m http.server --bind :: 8000 >/dev/null 2>&1 &
                until nc -z 192.0.2.1 8000; do sleep 0.05; done
                glass get http://192.0.2.1:8000/ >/dev/null";
    for family in Family::BOTH {
        let done = run_over(family, User::Root, &[], line).ended_with(0);
        let peers = done.ladder_of("(we opened)").peers();
        assert_eq!(peers[..3], ["LISTEN", "SYN_RCVD", "ESTABLISHED"], "{family:?}\n{done}");
    }
}
