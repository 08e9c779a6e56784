//! How `glass` ends, and what it notes of requests: the program and the Linux kernel, in network namespaces of the
//! test's own.

mod kernel_common;

use std::fs;
use std::path::Path;

use kernel_common::{
    Family, Running, User, command, directory, needs, poll, run, run_over, shell_inside,
};
use rustix::process::Signal;
use serde_json::Value;

fn serve(options: &[&str]) -> Running {
    let mut serving = Running::start(command(User::Root, "", &[&["serve"], options].concat()));
    serving.wait_for_out("http://192.0.2.2/\n");
    serving
}

fn objects(path: &Path) -> Vec<Value> {
    let text = fs::read_to_string(path).expect("a log");
    text.lines().map(|line| serde_json::from_str(line).expect(line)).collect()
}

#[test]
fn each_request_is_noted_with_the_number_of_its_ladder() {
    needs(&["curl"]);
    let dir = directory("access_log");
    for family in Family::BOTH {
        let path = dir.join(format!("{family:?}"));
        let log = path.to_str().expect("UTF-8");
        let options = ["--access-log", log, "--access-log-format", "json"];
        let line =
            "curl -sS -o /dev/null http://192.0.2.2/hello -o /dev/null http://192.0.2.2/bytes/1000
                    curl -sS -A '\"agent\"' -d upload http://192.0.2.2/echo";
        let done = run_over(family, User::Root, &options, line).ended_with(0);
        let objects = objects(&path);
        let found: Vec<_> = objects
            .iter()
            .map(|line| {
                let number = |key: &str| line[key].as_u64().expect("a number");
                let numbers = ["conn", "request", "status", "octets_in", "octets_out"].map(number);
                (numbers, line["target"].as_str().expect("a target"))
            })
            .collect();
        let expected = [
            ([1, 1, 200, 0, 51], "/hello"),
            ([1, 2, 200, 0, 1000], "/bytes/1000"),
            ([2, 1, 200, 6, 6], "/echo"),
        ];
        assert_eq!(found, expected, "{done}");
        assert_eq!(objects[2]["agent"], "\"agent\"", "{done}");
        for line in &objects {
            let peer = line["peer"].as_str().expect("a peer");
            let ladder = done.ladder_of(peer);
            assert!(ladder.title.starts_with(&format!("#{} ", line["conn"])), "{done}");
        }
    }
}

#[test]
fn the_log_may_go_to_stdout_and_be_as_web_servers_write_it() {
    needs(&["curl"]);
    let options = ["-q", "--access-log", "-", "--access-log-format", "common"];
    let done = run(User::Root, &options, "curl -sS http://192.0.2.2/status/404").ended_with(0);
    let out = done.out();
    assert!(out.contains("192.0.2.1 - - ["), "{done}");
    assert!(out.contains("] \"GET /status/404 HTTP/1.1\" 404 14 #1/1 in=0 first="), "{done}");
    let done = run(User::Root, &["--access-log", "/no/such/log"], "true").ended_with(2);
    done.says("cannot write --access-log /no/such/log: No such file");
    let done =
        run(User::Root, &["--access-log", "-", "--responder", "by-hand"], "true").ended_with(2);
    done.says("--responder by-hand cannot do --access-log");
}

/// As logrotate does it: the file is moved away, and the program told.
#[test]
fn a_log_that_was_moved_away_is_opened_again() {
    needs(&["curl"]);
    let dir = directory("logrotate");
    let path = dir.join("log");
    let serving =
        serve(&["--access-log", path.to_str().expect("UTF-8"), "--access-log-format", "json"]);
    let signals = [Signal::USR1, Signal::HUP];
    for (n, signal) in (0..).zip(signals) {
        let line = format!("curl -sS http://192.0.2.2/bytes/{n}");
        shell_inside(&serving, &line).ended_with(0);
        fs::rename(&path, dir.join(format!("log.{n}"))).expect("there is a log");
        serving.signal(signal);
        poll("there is a new log", || path.exists().then_some(()));
    }
    shell_inside(&serving, "curl -sS http://192.0.2.2/bytes/2").ended_with(0);
    serving.signal(Signal::TERM);
    let done = serving.wait().ended_with(0);
    for (file, n) in [("log.0", 0), ("log.1", 1), ("log", 2)] {
        let targets: Vec<_> =
            objects(&dir.join(file)).iter().map(|line| line["target"].clone()).collect();
        assert_eq!(targets, [format!("/bytes/{n}")], "in {file}\n{done}");
    }
}

/// One idle connection and one whose answer takes a minute. Says how many seconds after the first the second
/// has ended, when it waits for that.
const TWO_CLIENTS: &str = r#"
import fcntl, socket, struct, sys, time
def ask(path):
    s = socket.create_connection(("192.0.2.2", 80))
    s.sendall(b"GET " + path + b" HTTP/1.1\r\nHost: x\r\n\r\n")
    return s
def end(s):
    try:
        while s.recv(65536): pass
    except OSError: pass
    return time.monotonic()
idle, busy = ask(b"/hello"), ask(b"/delay/60000")
idle.recv(1)
# TIOCOUTQ: what has not been acknowledged yet.
while struct.unpack("i", fcntl.ioctl(busy, 0x5411, b"    "))[0]: time.sleep(0.01)
open("/mnt/ready", "w").close()
first = end(idle)
if "wait" in sys.argv: print(end(busy) - first)
"#;

/// A server that has been told to stop while it has these clients, and what they said.
fn stopped(grace: &str, argument: &str) -> (Running, String) {
    let script = directory(&format!("stop-{grace}")).join("clients.py");
    fs::write(&script, TWO_CLIENTS).unwrap();
    let serving = serve(&["--grace", grace]);
    let line = format!("python3 {} {argument}", script.display());
    let clients = std::thread::scope(|scope| {
        let clients = scope.spawn(|| shell_inside(&serving, &line).ended_with(0));
        poll("the requests are there", || {
            (shell_inside(&serving, "test -e /mnt/ready").code == 0).then_some(())
        });
        serving.signal(Signal::TERM);
        clients.join().expect("python ends")
    });
    (serving, clients.out())
}

#[test]
fn a_stop_closes_what_is_idle_at_once_and_gives_the_rest_its_grace() {
    needs(&["python3"]);
    let (serving, said) = stopped("1.5s", "wait");
    let between: f64 = said.trim().parse().expect("seconds");
    assert!((1.2..4.5).contains(&between), "{between} s");
    serving.wait().ended_with(0);
}

/// Ten minutes are longer than anything here waits.
#[test]
fn a_second_signal_ends_it_at_once() {
    needs(&["python3"]);
    for signal in [Signal::TERM, Signal::INT] {
        let (serving, _) = stopped("600s", "");
        serving.signal(signal);
        serving.wait().ended_with(0);
    }
}
