//! `--queues` and `--busy-poll` against the Linux kernel: several queues of one TUN, each with a stack and a
//! thread of its own, and the kernel sharing its connections out among them.

mod kernel_common;

use std::collections::BTreeSet;
use std::fs;

use kernel_common::{
    Family, Running, User, command, directory, ladders, needs, run_over, shell_inside,
};
use rustix::process::Signal;
use serde_json::Value;

const READY: &str = "http://192.0.2.2/\n";

/// Asks 60 connections for their numbers, 20 at a time.
const SIXTY_NUMBERS: &str = "seq 60 | xargs -P 20 -I{} curl -sS http://192.0.2.2/connection";

/// A TUN for nobody; `kind` may be multi_queue.
fn a_tun(kind: &str) -> String {
    format!(
        "ip tuntap add dev mine mode tun user nobody {kind}
         ip address add 192.0.2.1/24 dev mine
         ip link set dev mine up"
    )
}

fn start(user: User, before: &str, options: &[&str]) -> Running {
    Running::start(command(user, before, &[&["serve"], options].concat()))
}

fn serve(user: User, before: &str, options: &[&str]) -> Running {
    let mut serving = start(user, before, options);
    serving.wait_for_out(READY);
    serving
}

/// The numbers of the connections that told of themselves in `out`.
fn numbers(out: &str) -> Vec<u64> {
    let told = serde_json::Deserializer::from_str(out).into_iter::<Value>();
    told.map(|told| told.expect("JSON")["id"].as_u64().expect("a number")).collect()
}

/// The places of the shards, of two, that these connections were on; fails when a number is not unique.
fn shards_of(numbers: &[u64]) -> BTreeSet<u64> {
    let unique: BTreeSet<_> = numbers.iter().collect();
    assert_eq!(unique.len(), numbers.len(), "each has a number of its own: {numbers:?}");
    numbers.iter().map(|number| (number - 1) % 2).collect()
}

#[test]
fn the_queues_share_the_connections_out_and_all_are_answered() {
    needs(&["curl"]);
    let serving = serve(User::Root, "", &["--queues", "2"]);
    for family in Family::BOTH {
        let client = shell_inside(&serving, &family.of(SIXTY_NUMBERS)).ended_with(0);
        let numbers = numbers(&client.out());
        assert_eq!(numbers.len(), 60, "{client}");
        assert_eq!(shards_of(&numbers), [0, 1].into(), "{numbers:?}");
        let line = "seq 150 | xargs -P 50 -I{} curl -sS -o /dev/null -w '%{http_code}\\n' \
                    http://192.0.2.2/bytes/100000";
        let client = shell_inside(&serving, &family.of(line)).ended_with(0);
        assert_eq!(client.out(), "200\n".repeat(150), "{client}");
    }
    serving.signal(Signal::TERM);
    serving.wait().ended_with(0).says("(2 queues)").says("stopping");
}

#[test]
fn connections_on_all_queues_may_finish_after_the_signal() {
    needs(&["curl"]);
    for (family, established) in [
        (Family::V4, "grep -c ' 020200C0:0050 01 ' /proc/net/tcp"),
        (Family::V6, "grep -c ' B80D0120000000000000000002000000:0050 01 ' /proc/net/tcp6"),
    ] {
        finish_after_the_signal(family, established);
    }
}

/// `established` counts the client's connections that are.
fn finish_after_the_signal(family: Family, established: &str) {
    let serving = serve(User::Root, "", &["--queues", "2"]);
    let line = family.of("seq 16 | xargs -P 16 -I{} curl -sS http://192.0.2.2/delay/3000");
    let client = std::thread::scope(|scope| {
        let client = scope.spawn(|| shell_inside(&serving, &line).ended_with(0));
        kernel_common::poll("curls are connected", || {
            let count = shell_inside(&serving, established).out();
            let count = count.trim().parse::<u32>().expect("a number");
            (count == 16).then_some(())
        });
        serving.signal(Signal::TERM);
        client.join().expect("the curls have their answers")
    });
    assert_eq!(client.out(), "This took 3000 ms.\n".repeat(16), "{client}");
    serving.wait().ended_with(0);
}

#[test]
fn what_is_seen_and_recorded_covers_all_queues() {
    needs(&["curl"]);
    Family::BOTH.into_iter().for_each(seen_and_recorded);
}

fn seen_and_recorded(family: Family) {
    let dir = directory(&format!("queues-{family:?}"));
    let path = |name: &str| dir.join(name).to_str().expect("UTF-8").to_owned();
    let (events, recording) = (path("events.jsonl"), path("session.glass"));
    let options = ["--queues", "2", "--events", &events, "--record", &recording];
    let options = [&options[..], &["--fault", "tx FIN#1 drop", "--close-after", "50"]].concat();
    let done = run_over(family, User::Root, &options, SIXTY_NUMBERS).ended_with(0);
    let mut told = numbers(&done.out());
    assert_eq!(shards_of(&told), [0, 1].into(), "{told:?}");
    // A ladder for each connection, with its fault, up to its end.
    let all = ladders(&done.err);
    assert_eq!(all.len(), 60, "{done}");
    for ladder in &all {
        assert_eq!(ladder.states().last(), Some(&"CLOSED"), "{}\n{done}", ladder.title);
        let struck = ladder.rows.iter().filter(|row| row.text.contains("dropped by")).count();
        assert_eq!(struck, 1, "{}\n{done}", ladder.title);
    }
    done.says("fault 'tx FIN#1 drop' struck 60 packets");
    // Every event is a line of its own, and tells of a connection that has told of itself.
    let text = fs::read_to_string(&events).expect("the events");
    let opened = text.lines().filter_map(|line| {
        let event: Value = serde_json::from_str(line).unwrap_or_else(|_| panic!("{line}"));
        (event["event"] == "opened").then(|| event["conn"].as_u64().expect("a number"))
    });
    let mut opened: Vec<_> = opened.collect();
    told.sort_unstable();
    opened.sort_unstable();
    assert_eq!(opened, told);
    // The recording gives the same packets again, of all.
    let replay = Running::start(command(User::Root, "", &["replay", &recording])).wait();
    let replay = replay.ended_with(0);
    replay.says("all as recorded");
    assert_eq!(ladders(&replay.out()).len(), 60, "{replay}");
    // The peer's side is there, reckoned from the packets alone.
    let out = replay.out();
    assert_eq!(out.matches("its state").count(), 60, "{replay}");
    assert!(out.contains(" SYN_SEND  ○") && !out.contains("CLOSE_WAIT  ●"), "{replay}");
}

#[test]
fn an_ordinary_user_attaches_to_a_tun_of_several_queues() {
    needs(&["curl", "ip"]);
    let options = ["--tun", "mine", "--queues", "2"];
    let serving = serve(User::Ordinary, &a_tun("multi_queue"), &options);
    let client = shell_inside(&serving, SIXTY_NUMBERS).ended_with(0);
    assert_eq!(shards_of(&numbers(&client.out())), [0, 1].into(), "{client}");
    let line = format!("{} serve --tun mine --queues 2", kernel_common::GLASS);
    shell_inside(&serving, &line).ended_with(69).says("another process is attached");
    serving.signal(Signal::TERM);
    serving.wait().ended_with(0).says("attached to mine").says("(2 queues)");
}

#[test]
fn a_tun_of_the_other_kind_is_named_with_the_commands() {
    needs(&["curl", "ip"]);
    let options = ["--tun", "mine", "--queues", "2"];
    let done = start(User::Ordinary, &a_tun(""), &options).wait().ended_with(69);
    done.says("it has one queue, not 2");
    done.says("sudo ip tuntap add dev mine mode tun user $USER multi_queue");
    let options = ["--tun", "mine", "--queues", "1"];
    let done = start(User::Ordinary, &a_tun("multi_queue"), &options).wait().ended_with(69);
    done.says("it is a multi-queue TUN").says("sudo ip tuntap add dev mine mode tun user $USER\n");
    // Whoever says nothing takes what there is.
    for kind in ["", "multi_queue"] {
        let serving = serve(User::Ordinary, &a_tun(kind), &["--tun", "mine"]);
        let client = shell_inside(&serving, "curl -sS http://192.0.2.2/hello").ended_with(0);
        assert!(client.out().starts_with("Hello from glasstack"), "{client}");
        serving.signal(Signal::TERM);
        serving.wait().ended_with(0);
    }
}

#[test]
fn a_port_that_cannot_be_had_ends_all_shards() {
    needs(&[]);
    let options = ["--queues", "2", "--port", "7", "--services", "echo"];
    start(User::Root, "", &options).wait().ended_with(2).says("choose another --port");
}

#[test]
fn a_busy_poller_answers_and_lets_all_else_go_on() {
    needs(&["curl"]);
    let line = "seq 40 | xargs -P 8 -I{} curl -sS -o /dev/null -w '%{http_code}\\n' \
                http://192.0.2.2/delay/30";
    for (queues, family) in ["1", "2"].into_iter().zip(Family::BOTH) {
        let options = ["--queues", queues, "--busy-poll", "100000", "--close-after", "20"];
        let done = run_over(family, User::Root, &options, line).ended_with(0);
        assert_eq!(done.out(), "200\n".repeat(40), "{done}");
        let all = ladders(&done.err);
        assert_eq!(all.len(), 40, "{done}");
        for ladder in all {
            assert_eq!(ladder.states().last(), Some(&"CLOSED"), "{}\n{done}", ladder.title);
        }
    }
}

#[test]
fn wrong_numbers_are_named() {
    needs(&[]);
    for (options, words) in [
        (&["--queues", "0"][..], "--queues"),
        (&["--queues", "257"], "--queues"),
        (&["--queues", "two"], "--queues"),
        (&["--busy-poll", "1000001"], "--busy-poll"),
        (&["--engine", "smoltcp", "--queues", "2"], "--engine smoltcp cannot do --queues 2"),
        (&["--engine", "smoltcp", "--cc", "reno"], "--engine smoltcp cannot do --cc"),
        (
            &["--engine", "smoltcp", "--mtu-probing", "off"],
            "--engine smoltcp cannot do --mtu-probing",
        ),
        (&["--engine", "smoltcp", "--ecn", "on"], "--engine smoltcp cannot do --ecn"),
        (&["--cc", "none"], "reno"),
        (&["--ecn", "maybe"], "accept"),
    ] {
        for subcommand in [&["serve"][..], &["run"]] {
            let command_line: &[&str] = if subcommand == ["run"] { &["--", "true"] } else { &[] };
            let arguments = [subcommand, options, command_line].concat();
            let done = Running::start(command(User::Root, "", &arguments)).wait();
            assert_eq!(done.code, 2, "{arguments:?}\n{done}");
            done.says(words);
        }
    }
}
