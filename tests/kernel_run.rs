//! `glass run` against the Linux kernel: what a first user types, through the built program, as root
//! and as an ordinary user. curl, nc, ping and python are the other side.

mod kernel_common;

use std::fs::{self, File};
use std::io::Write;

use kernel_common::{
    EACH, Family, Running, User, command, directory, ladders, needs, run, run_over,
};
use nix::pty::openpty;
use rustix::process::Signal;
use serde_json::Value;

/// Our states when the peer closes first, and we follow at once.
const THEY_CLOSE: [&str; 6] =
    ["LISTEN", "SYN_RCVD", "ESTABLISHED", "CLOSE_WAIT", "LAST_ACK", "CLOSED"];

const HELLO: &str = "Hello from glasstack, a TCP/IP stack in userspace.\n";

/// The text of which /bytes/N is made, as a line of shell: endless.
const PATTERN: &str = "yes 0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

#[test]
fn curl_gets_its_page_as_root_and_as_an_ordinary_user() {
    needs(&["curl"]);
    for (user, family) in [User::Root, User::Ordinary]
        .into_iter()
        .flat_map(|user| Family::BOTH.map(|family| (user, family)))
    {
        let done = run_over(family, user, &[], "curl -sS http://192.0.2.2/hello").ended_with(0);
        assert_eq!(done.out(), HELLO, "{user:?} over {family:?}\n{done}");
        let ladder = done.ladder();
        assert_eq!(ladder.states(), THEY_CLOSE, "{user:?} over {family:?}\n{done}");
        assert_eq!(ladder.sent("FIN,ACK"), 1, "the ACK of their FIN rides with ours\n{done}");
        assert!(ladder.title.contains(&family.of("→  192.0.2.2:80  (they opened)")), "{done}");
        assert!(ladder.title.contains(&family.of("192.0.2.1:")), "{done}");
        done.says("no DNS inside").says("http://192.0.2.2/ and http://[2001:db8::2]/");
    }
}

#[test]
fn a_hundred_megabytes_come_down_whole() {
    needs(&["curl"]);
    let line = format!(
        "curl -sS http://192.0.2.2/bytes/100000000 >down
         wc -c <down; {PATTERN} | head -c 100000000 | cmp - down"
    );
    for (user, family) in EACH {
        let done = run_over(family, user, &[], &line).ended_with(0);
        assert_eq!(done.out(), "100000000\n", "{user:?}\n{done}");
        assert_eq!(done.ladder().states(), THEY_CLOSE, "{user:?}\n{done}");
    }
}

#[test]
fn fifty_megabytes_come_back_as_they_went() {
    needs(&["curl"]);
    let line = "head -c 50000000 /dev/urandom >f
                curl -sS --data-binary @f http://192.0.2.2/echo | cmp - f";
    for (user, family) in EACH {
        let done = run_over(family, user, &[], line).ended_with(0);
        assert_eq!(done.out(), "", "{user:?}: cmp finds no difference\n{done}");
        assert_eq!(done.ladder().states(), THEY_CLOSE, "{user:?}\n{done}");
    }
}

#[test]
fn long_segments_go_both_ways_over_both_families() {
    needs(&["curl"]);
    let line = format!(
        "head -c 20000000 /dev/urandom >f
         curl -sS --data-binary @f http://192.0.2.2/echo | cmp - f &&
         curl -sS http://192.0.2.2/bytes/50000000 >down &&
         {PATTERN} | head -c 50000000 | cmp - down"
    );
    for (user, family) in EACH {
        let done = run_over(family, user, &["--offload", "on"], &line).ended_with(0);
        assert_eq!(done.out(), "", "{family:?}: cmp finds no difference\n{done}");
        for ladder in ladders(&done.err) {
            assert_eq!(ladder.states(), THEY_CLOSE, "{}\n{done}", ladder.title);
        }
    }
}

#[test]
fn two_kinds_of_bulk_at_once_do_not_disturb_each_other() {
    needs(&["curl"]);
    let line = format!(
        "head -c 20000000 /dev/urandom >f
         curl -sS http://192.0.2.2/bytes/50000000 >down & one=$!
         curl -sS --data-binary @f http://192.0.2.2/echo >back & two=$!
         curl -sS http://192.0.2.2/bytes/50000000 >again & three=$!
         wait $one && wait $two && wait $three && cmp f back && cmp down again &&
         {PATTERN} | head -c 50000000 | cmp - down"
    );
    let done = run_over(Family::V6, User::Root, &[], &line).ended_with(0);
    let all = ladders(&done.err);
    assert_eq!(all.len(), 3, "{done}");
    for ladder in all {
        assert_eq!(ladder.states(), THEY_CLOSE, "{}\n{done}", ladder.title);
    }
}

#[test]
fn three_hundred_clients_fifty_at_a_time_are_all_served() {
    needs(&["curl"]);
    let line = "seq 300 | xargs -P 50 -I{} curl -sS -o /dev/null http://192.0.2.2/hello";
    for (user, family) in EACH {
        let done = run_over(family, user, &[], line).ended_with(0);
        let all = ladders(&done.err);
        assert_eq!(all.len(), 300, "{user:?}");
        for ladder in all {
            assert_eq!(ladder.states(), THEY_CLOSE, "{user:?}: {}", ladder.title);
            let resets = ladder.rows.iter().filter(|row| row.text.contains("RST")).count();
            assert_eq!(resets, 0, "{user:?}: {}", ladder.title);
        }
    }
}

#[test]
fn a_slow_close_sits_in_close_wait() {
    needs(&["curl"]);
    for (user, family) in EACH {
        let done =
            run_over(family, user, &["--close-after", "500"], "curl -sS http://192.0.2.2/hello");
        let done = done.ended_with(0);
        assert_eq!(done.out(), HELLO);
        let ladder = done.ladder();
        assert_eq!(ladder.states(), THEY_CLOSE, "{user:?}\n{done}");
        let lasted = ladder.entered("LAST_ACK") - ladder.entered("CLOSE_WAIT");
        assert!((500.0..2_000.0).contains(&lasted), "CLOSE_WAIT for {lasted} ms\n{done}");
        // FIN, ACK, FIN, ACK: the close that books draw.
        assert_eq!(ladder.sent("FIN,ACK"), 1, "{done}");
        let at = ladder.rows.iter().position(|row| row.state == "CLOSE_WAIT").unwrap();
        assert!(ladder.rows[at + 1].text.contains("◄─ ACK "), "their FIN is acknowledged\n{done}");
    }
}

#[test]
fn who_closes_first_waits_for_two_msl() {
    needs(&["curl"]);
    let options = ["--close-after", "request", "--msl", "1"];
    for (user, family) in EACH {
        let done = run_over(family, user, &options, "curl -sS http://192.0.2.2/hello; sleep 3")
            .ended_with(0);
        let ladder = done.ladder();
        let expected = ["LISTEN", "SYN_RCVD", "ESTABLISHED", "FIN_WAIT_1", "FIN_WAIT_2"];
        assert_eq!(ladder.states()[..5], expected, "{user:?}\n{done}");
        assert_eq!(ladder.states()[5..], ["TIME_WAIT", "CLOSED"], "{user:?}\n{done}");
        let lasted = ladder.entered("CLOSED") - ladder.entered("TIME_WAIT");
        assert!((2_000.0..2_900.0).contains(&lasted), "TIME_WAIT for {lasted} ms\n{done}");
    }
}

#[test]
fn never_closing_leaves_it_in_close_wait() {
    needs(&["curl"]);
    let done = run_over(
        Family::V6,
        User::Root,
        &["--close-after", "never"],
        "curl -sS http://192.0.2.2/hello",
    );
    let done = done.ended_with(0);
    assert_eq!(done.ladder().states().last(), Some(&"CLOSE_WAIT"), "{done}");
}

#[test]
fn our_own_client_opens_to_a_server_of_the_kernel() {
    needs(&["python3", "nc"]);
    let line = "python3 -m http.server --bind :: 8000 >/dev/null 2>&1 &
                until nc -z 192.0.2.1 8000; do sleep 0.05; done
                glass get http://192.0.2.1:8000/";
    for (user, family) in EACH {
        let done = run_over(family, user, &[], line).ended_with(0);
        assert!(done.out().contains("Directory listing for /"), "{user:?}\n{done}");
        let ladder = done.ladder_of(&family.of("→  192.0.2.1:8000"));
        assert_eq!(ladder.states()[..3], ["CLOSED", "SYN_SEND", "ESTABLISHED"], "{done}");
        // Running::wait has seen that no process is left.
        done.says("ended what CMD left behind: python3");
    }
}

#[test]
fn a_client_that_half_closes_still_gets_its_answer() {
    needs(&["nc"]);
    let line =
        r#"printf "GET /delay/200 HTTP/1.1\r\nHost: x\r\n\r\n" | nc -N 192.0.2.2 80 | tr -d '\r'"#;
    for (user, family) in EACH {
        let done = run_over(family, user, &[], line).ended_with(0);
        assert!(done.out().starts_with("HTTP/1.1 200 OK\n"), "{user:?}\n{done}");
        let ladder = done.ladder();
        assert_eq!(ladder.states(), THEY_CLOSE, "{user:?}\n{done}");
        let lasted = ladder.entered("LAST_ACK") - ladder.entered("CLOSE_WAIT");
        assert!(lasted >= 199.0, "we answer in CLOSE_WAIT, after {lasted} ms\n{done}");
    }
}

/// Pings of more than a packet come, and are answered, in parts.
#[test]
fn ping_is_answered() {
    needs(&["ping"]);
    for (user, family) in EACH {
        for size in ["56", "1453", "5000", "60000"] {
            let line = format!("ping -c 3 -i 0.2 -s {size} 192.0.2.2");
            let done = run_over(family, user, &[], &line).ended_with(0);
            assert!(done.out().contains(" 3 received, 0% packet loss"), "{user:?}\n{done}");
            assert_eq!(ladders(&done.err).len(), 0, "no connection, no ladder\n{done}");
        }
    }
}

#[test]
fn echo_gives_back_and_daytime_closes_first() {
    needs(&["nc"]);
    for (user, family) in EACH {
        let done = run_over(family, user, &[], "echo hi | nc -N 192.0.2.2 7; nc 192.0.2.2 13")
            .ended_with(0);
        let out = done.out();
        let (hi, day) = out.split_once('\n').expect("two lines");
        assert_eq!(hi, "hi", "{user:?}\n{done}");
        assert!(day.trim_end().ends_with(" GMT"), "{user:?}\n{done}");
        assert_eq!(done.ladder_of(&family.of("192.0.2.2:7 ")).states(), THEY_CLOSE, "{done}");
        let states = done.ladder_of(&family.of("192.0.2.2:13 ")).states();
        assert_eq!(states[3..], ["FIN_WAIT_1", "FIN_WAIT_2", "TIME_WAIT"], "{user:?}\n{done}");
    }
}

#[test]
fn a_closed_port_refuses() {
    needs(&["curl", "nc"]);
    for family in Family::BOTH {
        let run = |line| run_over(family, User::Root, &[], line);
        run("curl -sS http://192.0.2.2:81/").ended_with(7).says("connect");
        run("nc -v 192.0.2.2 81").ended_with(1).says("refused");
        let done = run("echo x | nc -u -w 5 192.0.2.2 9999; echo it ended").ended_with(0);
        assert_eq!(done.out(), "it ended\n", "port unreachable ends nc\n{done}");
    }
}

#[test]
fn exit_codes_are_those_of_a_shell() {
    needs(&[]);
    let user = User::Ordinary;
    run(user, &[], "exit 7").ended_with(7);
    run(user, &[], "kill -TERM $$").ended_with(128 + 15);
    run(user, &[], "kill -KILL $$").ended_with(128 + 9);
    let exec = |program: &str| Running::start(command(user, "", &["run", "--", program])).wait();
    exec("no-such-program").ended_with(127).says("command not found");
    exec("/etc/passwd").ended_with(126).says("not executable");
    exec("/").ended_with(126).says("is a directory");
}

#[test]
fn wrong_options_are_named() {
    needs(&[]);
    for (arguments, words) in [
        (&["run", "--no-such-option", "--", "true"][..], "--no-such-option"),
        (&["run"], "CMD"),
        (&["run", "--msl", "soon", "--", "true"], "seconds"),
        (&["run", "--close-after", "later", "--", "true"], "--close-after"),
        (&["run", "--services", "finger", "--", "true"], "finger"),
        (&["run", "--addr", "10.0.0.1", "--", "true"], "neighbour"),
        (&["run", "--addr", "2001:db8:7::2", "--", "true"], "neighbour"),
        (&["run", "--addr", "192.0.2.3,192.0.2.4", "--", "true"], "two of one family"),
        (&["run", "--mtu", "1000", "--host", "2001:db8::7/64", "--", "true"], "1280"),
        (&["run", "--dir", "/no/such", "--", "true"], "/no/such"),
        (&["run", "--no-listing", "--", "true"], "--dir DIR"),
        (&["serve", "--cache-control", "no-store"], "glass serve DIR"),
        (&["run", "--events", "/no/such/file", "--", "true"], "/no/such/file"),
        (&["run", "--engine", "smoltcp", "--record", "f", "--", "true"], "--record"),
        (&["run", "--engine", "smoltcp", "--events", "f", "--", "true"], "--events"),
        (&["run", "--engine", "smoltcp", "--msl", "1", "--", "true"], "--msl"),
        (&["get", "--engine", "smoltcp", "--record", "f", "http://192.0.2.2/"], "--record"),
        (&["run", "--responder", "by-hand", "--dir", "/", "--", "true"], "no files"),
        (&["serve", "--responder", "by-hand", "/"], "no files"),
        (&["run", "--responder", "by-hand", "--close-after", "5", "--", "true"], "--close-after 5"),
        (&["run", "--responder", "by-hand", "--close-after", "never", "--", "true"], "never"),
        (&["frobnicate"], "frobnicate"),
    ] {
        let done = Running::start(command(User::Root, "", arguments)).wait();
        assert_eq!(done.code, 2, "{arguments:?}\n{done}");
        done.says(words);
        assert_eq!(done.out(), "", "nothing on stdout: {arguments:?}");
    }
}

#[test]
fn what_is_missing_is_named_with_the_remedy() {
    needs(&[]);
    let done = run(User::OrdinaryWithoutTun, &[], "true").ended_with(77);
    done.says("sudo chmod 0666 /dev/net/tun");
    let done = run(User::RootWithoutDriver, &[], "true").ended_with(69);
    done.says("sudo modprobe tun");
}

#[test]
fn quiet_means_quiet() {
    needs(&["curl"]);
    for family in Family::BOTH {
        let line = "curl -sS http://192.0.2.2/hello";
        let done = run_over(family, User::Root, &["-q"], line).ended_with(0);
        assert_eq!((done.out().as_str(), done.err.as_str()), (HELLO, ""), "{family:?}");
    }
}

#[test]
fn every_transition_is_a_line_of_the_log_with_its_section() {
    needs(&["curl"]);
    for family in Family::BOTH {
        let line = family.of("curl -sS http://192.0.2.2/hello");
        let mut command = command(User::Root, "", &["run", "--", "sh", "-c", &line]);
        command.env("RUST_LOG", "info");
        let done = Running::start(command).wait().ended_with(0);
        let lines: Vec<_> = done.err.lines().filter(|line| line.contains(" -> ")).collect();
        let arrows = THEY_CLOSE.windows(2).map(|pair| format!(" {} -> {} ", pair[0], pair[1]));
        let expected: Vec<_> =
            [" CLOSED -> LISTEN ".to_owned()].into_iter().chain(arrows).collect();
        assert_eq!(lines.len(), expected.len(), "one line per transition\n{done}");
        for (line, arrow) in lines.iter().zip(expected) {
            assert!(line.contains(&arrow), "{arrow} in {line}");
            assert!(
                line.contains(&family.of("#1 192.0.2.1:")) && line.contains("; RFC 9293 3.10."),
                "{line}"
            );
        }
    }
}

#[test]
fn events_are_lines_of_json_with_the_transitions_in_them() {
    needs(&["curl"]);
    let file = directory("events").join("events.jsonl");
    let path = file.to_str().expect("UTF-8");
    let line = "curl -sS http://192.0.2.2/hello";
    run_over(Family::V6, User::Root, &["--events", path], line).ended_with(0);
    let text = fs::read_to_string(&file).expect("the events");
    assert!(text.ends_with('\n'), "whole lines only");
    let events: Vec<Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}")))
        .collect();
    // What was seen of the peer may come a little late.
    let (seen, ours): (Vec<_>, Vec<_>) =
        events.iter().partition(|event| event["event"] == "peer-observed");
    let times: Vec<_> = ours.iter().map(|event| event["at_ns"].as_u64().unwrap()).collect();
    assert!(times.is_sorted(), "in order: {times:?}");
    let seen: Vec<_> = seen.iter().map(|event| event["state"].as_str().unwrap()).collect();
    assert!(seen.last().is_some_and(|last| ["CLOSED", "TIME_WAIT"].contains(last)), "{seen:?}");
    let states = events.iter().filter(|event| event["event"] == "state");
    let states: Vec<_> = states.map(|event| event["to"].as_str().unwrap()).collect();
    assert_eq!(states, THEY_CLOSE);
    let opened = events.iter().find(|event| event["event"] == "opened").expect("one is");
    assert_eq!(opened["local"], "[2001:db8::2]:80");
    assert!(opened["remote"].as_str().unwrap().starts_with("[2001:db8::1]:"), "{opened}");
    for kind in ["opened", "received", "sent", "delivered", "acknowledged", "call", "timer"] {
        assert!(events.iter().any(|event| event["event"] == kind), "none is {kind}:\n{text}");
    }
}

#[test]
fn a_connection_tells_of_itself() {
    needs(&["curl"]);
    for family in Family::BOTH {
        let line = "curl -sS http://192.0.2.2/connection";
        let done = run_over(family, User::Root, &["-q"], line).ended_with(0);
        let told: Value = serde_json::from_slice(&done.out).expect("JSON");
        let local = family.of("192.0.2.2:80");
        assert_eq!((&told["local"], &told["state"]), (&local.into(), &"ESTABLISHED".into()));
        let states = told["transitions"].as_array().expect("a list").iter();
        let states: Vec<_> = states.map(|transition| transition["to"].as_str().unwrap()).collect();
        assert_eq!(states, THEY_CLOSE[..3], "{done}");
        assert!(told["remote"].as_str().unwrap().starts_with(&family.of("192.0.2.1:")), "{done}");
        assert!(told["srtt_us"].as_u64().is_some_and(|us| us < 1_000_000), "{done}");
    }
}

#[test]
fn a_directory_is_served_instead_of_the_site() {
    needs(&["curl"]);
    let dir = directory("served");
    fs::write(dir.join("page.txt"), "from a file\n").unwrap();
    let path = dir.to_str().expect("UTF-8");
    let line = "curl -sS http://192.0.2.2/page.txt";
    let done = run(User::Root, &["--dir", path], line).ended_with(0);
    assert_eq!(done.out(), "from a file\n", "{done}");
}

#[test]
fn the_responder_by_hand_answers_curl() {
    needs(&["curl"]);
    let line = format!(
        "head -c 10000000 /dev/urandom >f
         curl -sS http://192.0.2.2/hello http://192.0.2.2/hello &&
         curl -sS --data-binary @f http://192.0.2.2/echo | cmp - f &&
         curl -sS http://192.0.2.2/bytes/100000000 >down &&
         {PATTERN} | head -c 100000000 | cmp - down"
    );
    let options = ["--responder", "by-hand"];
    let done = run_over(Family::V6, User::Root, &options, &line).ended_with(0);
    assert_eq!(done.out(), HELLO.repeat(2), "{done}");
    let all = ladders(&done.err);
    assert_eq!(all.len(), 3, "both pages by one connection\n{done}");
    for ladder in all {
        assert_eq!(ladder.states(), THEY_CLOSE, "{}\n{done}", ladder.title);
    }
    let options = ["--responder", "by-hand", "--close-after", "request"];
    let done = run(User::Root, &options, "curl -sS http://192.0.2.2/hello").ended_with(0);
    assert_eq!(done.out(), HELLO, "{done}");
    assert_eq!(done.ladder().states()[3..], ["FIN_WAIT_1", "FIN_WAIT_2", "TIME_WAIT"], "{done}");
}

#[test]
fn smoltcp_stands_behind_the_same_sockets() {
    needs(&["curl"]);
    let line = format!(
        "head -c 20000000 /dev/urandom >f
         curl -sS http://192.0.2.2/hello &&
         curl -sS --data-binary @f http://192.0.2.2/echo | cmp - f &&
         curl -sS http://192.0.2.2/bytes/100000000 >down &&
         {PATTERN} | head -c 100000000 | cmp - down &&
         curl -sS http://192.0.2.2/connection | grep -q ESTABLISHED &&
         glass get --engine smoltcp http://192.0.2.2/hello &&
         seq 300 | xargs -P 50 -I{{}} curl -sS -o /dev/null http://192.0.2.2/hello"
    );
    for (responder, family) in [("axum", Family::V4), ("by-hand", Family::V6)] {
        let line = match responder {
            "axum" => line.clone(),
            _ => line.replace("/connection | grep -q ESTABLISHED", "/hello | grep -q Hello"),
        };
        let options = ["--engine", "smoltcp", "--responder", responder];
        let done = run_over(family, User::Ordinary, &options, &line).ended_with(0);
        assert_eq!(done.out(), HELLO.repeat(2), "{done}");
        assert_eq!(ladders(&done.err).len(), 0, "it raises no events\n{done}");
        assert!(!done.err.contains("have not ended"), "{done}");
    }
    run(User::Ordinary, &["--engine", "smoltcp"], "exit 7").ended_with(7);
}

#[test]
fn term_is_forwarded_to_cmd() {
    needs(&[]);
    for (line, code) in [
        ("trap 'exit 21' TERM; echo ready; while :; do sleep 0.02; done", 21),
        ("echo ready; while :; do sleep 0.02; done", 128 + 15),
    ] {
        let arguments = ["run", "--", "sh", "-c", line];
        let mut running = Running::start(command(User::Ordinary, "", &arguments));
        running.wait_for_out("ready");
        running.signal(Signal::TERM);
        running.wait().ended_with(code);
    }
}

#[test]
fn an_interrupt_from_the_keyboard_is_cmds_alone() {
    needs(&["setsid", "curl"]);
    // A trap that counts: once by the terminal, and not once more by us. Then we still show what
    // there was.
    let line = "trap 'n=$((n+1))' INT; n=0; curl -sS http://192.0.2.2/hello; echo ready
                until [ $n -gt 0 ]; do sleep 0.02; done
                for i in 1 2 3 4 5 6 7 8 9 10; do sleep 0.02; done; exit $n";
    let pty = openpty(None, None).expect("a terminal");
    let plain = command(User::Root, "", &["run", "--", "sh", "-c", line]);
    let mut command = std::process::Command::new("setsid");
    // What runs the tests may ignore the signal, as in the background of a script.
    command.args(["--ctty", "env", "--default-signal=INT"]);
    command.arg(plain.get_program()).args(plain.get_args());
    for (name, value) in plain.get_envs() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    command.stdin(pty.slave);
    let mut running = Running::start(command);
    running.wait_for_out("ready");
    File::from(pty.master).write_all(b"\x03").expect("the keyboard");
    let done = running.wait().ended_with(1);
    assert_eq!(done.ladder().states(), THEY_CLOSE, "{done}");
}

#[test]
fn addresses_of_one_family_or_of_both_can_be_chosen() {
    needs(&["curl"]);
    let curl = |addr: &str| format!("curl -sS --connect-timeout 5 http://{addr}/hello");
    for (options, addr) in [
        (&["--addr", "fd00::7,10.7.0.7", "--host", "10.7.0.1/24,fd00::1/64"][..], "10.7.0.7"),
        (&["--addr", "fd00::7,10.7.0.7", "--host", "10.7.0.1/24,fd00::1/64"], "[fd00::7]"),
        (&["--addr", "2001:db8::9"], "[2001:db8::9]"),
        (&["--host", "192.0.2.9/24"], "192.0.2.2"),
        (&["--mtu", "1000"], "192.0.2.2"),
    ] {
        let done = run(User::Root, options, &curl(addr)).ended_with(0);
        assert_eq!(done.out(), HELLO, "{options:?}\n{done}");
    }
    let done = run(User::Root, &["--addr", "192.0.2.2"], "cat /proc/net/if_inet6").ended_with(0);
    assert!(!done.out().contains("glass0"), "nothing of IPv6 was asked for\n{done}");
    let done = run(User::Root, &[], "cat /proc/net/if_inet6").ended_with(0);
    let addresses = done.out().lines().filter(|line| line.ends_with("glass0")).count();
    assert_eq!(addresses, 1, "ours, and none that the kernel made up\n{done}");
}
