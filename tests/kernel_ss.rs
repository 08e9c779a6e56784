//! `glass ss` and what else looks into a running `glass serve`, from a network namespace of the test's own.

mod kernel_common;

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use kernel_common::{
    Done, GLASS, Running, User, command, directory, needs, poll, shell_inside, start_inside,
};
use rustix::process::Signal;
use serde_json::Value;

/// What it says on stdout once it answers.
const READY: &str = "http://192.0.2.2/\n";

/// `glass serve` with its socket in `dir`, where there is a loopback.
fn serve(dir: &Path, options: &[&str]) -> Running {
    let socket = socket(dir);
    let control = ["serve", "--control", socket.to_str().expect("UTF-8")];
    let mut serving =
        Running::start(command(User::Root, "ip link set lo up", &[&control, options].concat()));
    serving.wait_for_out(READY);
    serving
}

fn socket(dir: &Path) -> PathBuf {
    dir.join("looking.sock")
}

/// `glass ss` with these options, to its end. It needs no namespace: the socket is a file.
fn ss(dir: &Path, inside: &Running, options: &str) -> Done {
    let line = format!("'{GLASS}' ss --control '{}' {options}", socket(dir).display());
    shell_inside(inside, &line)
}

/// The lines of a table, each in its columns.
fn rows(done: &Done) -> Vec<Vec<String>> {
    let lines = done.out();
    lines.lines().map(|line| line.split_whitespace().map(str::to_owned).collect()).collect()
}

#[test]
fn connections_listeners_and_time_wait_are_listed() {
    needs(&["curl", "nc", "ip"]);
    let dir = directory("ss");
    let serving = serve(&dir, &["--services", "echo", "--close-after", "request"]);

    let listeners = ss(&dir, &serving, "-l").ended_with(0);
    let told = rows(&listeners);
    assert_eq!(told[0][..3], ["State", "Recv-Q", "Send-Q"], "{listeners}");
    assert_eq!(told[1..].len(), 2, "HTTP and echo\n{listeners}");
    assert_eq!(told[1], ["LISTEN", "0", "1024", "[::]:7", "[::]:*"], "{listeners}");

    // We close first, so TIME_WAIT is ours.
    shell_inside(&serving, "curl -sS http://192.0.2.2/hello").ended_with(0);
    let waiting = poll("a connection in TIME_WAIT", || {
        let done = ss(&dir, &serving, "-H --state time-wait").ended_with(0);
        rows(&done).pop()
    });
    assert_eq!(waiting[0], "TIME_WAIT");
    assert_eq!(waiting[3], "192.0.2.2:80");
    assert_eq!(waiting[6], "2MSL", "its timer, and what is left of it: {waiting:?}");
    let connection = &waiting[5];

    // One that stays, over the other family.
    let mut held = start_inside(&serving, "(echo hello; exec sleep 120) | nc 2001:db8::2 7");
    held.wait_for_out("hello\n");
    let done = ss(&dir, &serving, "-H -6 -i --names ss").ended_with(0);
    let told = rows(&done);
    assert_eq!(told.len(), 2, "a line, and one below it\n{done}");
    assert_eq!(told[0][..4], ["ESTAB", "0", "0", "[2001:db8::2]:7"], "{done}");
    for word in ["cubic", "wscale:", "rto:", "rtt:", "mss:1440", "pmtu:1500", "cwnd:", "segs_in:"] {
        assert!(told[1].iter().any(|told| told.starts_with(word)), "{word}\n{done}");
    }
    assert!(told[1].contains(&"bytes_received:6".to_owned()), "{done}");

    let all = ss(&dir, &serving, "--all --format json").ended_with(0);
    let text = all.out();
    let each: Vec<Value> =
        text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let kinds = |kind: &str| each.iter().filter(|one| one["kind"] == kind).count();
    assert_eq!((kinds("listener"), kinds("connection")), (2, 2), "{all}");
    let established = each.iter().find(|one| one["state"] == "ESTABLISHED").expect("it is held");
    assert_eq!(established["octets_received"], 6);
    assert_eq!(established["device"], "glass0");
    let number = format!("#{}", each.iter().find(|one| one["state"] == "TIME_WAIT").unwrap()["id"]);
    assert_eq!(&number, connection);

    // Whoever looks again and again stops when it is told to.
    let line = format!(
        "'{GLASS}' ss --watch 0.2 -H -4 --control '{}' | head -n 3",
        socket(&dir).display()
    );
    let watching = shell_inside(&serving, &line).ended_with(0);
    assert_eq!(rows(&watching).len(), 3, "one row each time\n{watching}");
    drop(held);

    serving.signal(Signal::TERM);
    serving.wait().ended_with(0);
    assert!(!socket(&dir).exists(), "the socket goes with the program");
}

#[test]
fn nobody_else_may_look_in() {
    needs(&["nc", "ip"]);
    // In a directory that anybody can reach, so that it is the socket that counts.
    let open = PathBuf::from(format!("/tmp/glasstack-test-{}", std::process::id()));
    let _ = fs::remove_dir_all(&open);
    fs::create_dir(&open).unwrap();
    fs::set_permissions(&open, fs::Permissions::from_mode(0o755)).unwrap();
    let serving = serve(&open, &[]);
    let found = fs::metadata(socket(&open)).expect("it is there");
    assert_eq!(found.mode() & 0o777, 0o600, "a socket of one user's");
    let ask = |user: &str| {
        let line = format!(
            "printf 'GET /v1 HTTP/1.1\\r\\nHost: glass\\r\\nConnection: close\\r\\n\\r\\n' | setpriv --reuid {user} --regid {user} \
             --clear-groups nc -U '{}'",
            socket(&open).display()
        );
        shell_inside(&serving, &line)
    };
    assert!(ask("0").ended_with(0).out().contains("HTTP/1.1 200"), "its user has an answer");
    ask("65534").ended_with(1).says("Permission denied");
    // Even if the mode of the file is changed, they are asked who they are.
    fs::set_permissions(socket(&open), fs::Permissions::from_mode(0o666)).unwrap();
    let done = ask("65534");
    assert!(!done.out().contains("HTTP/1.1"), "no answer for them\n{done}");
    serving.signal(Signal::TERM);
    serving.wait().ended_with(0).says("user 65534 may not look");
    fs::remove_dir(&open).expect("the socket is gone, and nothing else was there");
}

#[test]
fn where_nothing_runs_it_says_what_to_do() {
    needs(&["ip"]);
    let dir = directory("ss-nobody");
    let arguments = ["ss", "--control", "nowhere.sock"];
    let done = Running::start(command(User::Root, "", &arguments)).wait().ended_with(69);
    done.says("nowhere.sock").says("--control of a running glass");
    let off = "export GLASS_CONTROL=off";
    let done = Running::start(command(User::Root, off, &["ss"])).wait().ended_with(2);
    done.says("GLASS_CONTROL=off").says("name the socket");
    // The socket of a program that was killed is there, and nobody answers; the next program takes its place.
    let killed = serve(&dir, &[]);
    killed.signal(Signal::KILL);
    killed.wait();
    assert!(socket(&dir).exists());
    let serving = serve(&dir, &[]);
    ss(&dir, &serving, "").ended_with(0);
    let socket = socket(&dir);
    let another = ["serve", "--control", socket.to_str().expect("UTF-8")];
    let done = Running::start(command(User::Root, "", &another)).wait().ended_with(2);
    done.says("cannot make the control socket").says("choose another path for --control");
    let another = ["serve", "--control", dir.to_str().expect("UTF-8")];
    let done = Running::start(command(User::Root, "", &another)).wait().ended_with(2);
    done.says("this is a directory; name a file in it").says("glass0.sock");
    serving.signal(Signal::TERM);
    serving.wait().ended_with(0);
}

/// What `GET path` on the socket brings: a line with the status and the type, and the body.
fn get(dir: &Path, inside: &Running, path: &str) -> Done {
    let line = format!(
        "curl -sS -o body -w '%{{http_code}} %{{content_type}}\\n' --unix-socket '{}' \
         'http://glass{path}' && cat body",
        socket(dir).display()
    );
    shell_inside(inside, &format!("cd '{}'; {line}", dir.display()))
}

/// The samples of an answer in the text form, each with its labels; every line has to be of that form.
fn samples(text: &str) -> Vec<(String, f64)> {
    let is_name =
        |name: &str| name.chars().all(|sign| sign.is_ascii_alphanumeric() || "_:".contains(sign));
    let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines
        .map(|line| {
            let (series, value) = line.rsplit_once(' ').unwrap_or_else(|| panic!("{line}"));
            let name = series.split('{').next().unwrap_or_default();
            assert!(is_name(name) && name.starts_with("glass_"), "{line}");
            assert_eq!(series.contains('{'), series.ends_with('}'), "{line}");
            assert!(text.contains(&format!("# TYPE {name} ")), "{name} has a type\n{text}");
            (series.to_owned(), value.parse().unwrap_or_else(|_| panic!("{line}")))
        })
        .collect()
}

#[test]
fn prometheus_reads_what_is_counted() {
    needs(&["curl", "nc", "ip"]);
    let dir = directory("ss-metrics");
    let serving = serve(&dir, &["--metrics", "127.0.0.1:9100", "--close-after", "request"]);
    shell_inside(&serving, "curl -sS http://192.0.2.2/hello; ! nc -z 192.0.2.2 81").ended_with(0);
    let find = |text: &str, series: &str| {
        let all = samples(text);
        let found = all.iter().find(|(name, _)| name == series);
        found.unwrap_or_else(|| panic!("no {series}\n{text}")).1
    };
    let text = poll("TIME_WAIT is counted", || {
        let text = get(&dir, &serving, "/metrics").ended_with(0).out();
        assert!(text.starts_with("200 text/plain; version=0.0.4"), "{text}");
        let body = text.split_once('\n').expect("a body").1.to_owned();
        let waiting = find(&body, "glass_connections{shard=\"0\",state=\"TIME_WAIT\"}");
        (waiting >= 1.0).then_some(body)
    });
    assert!(find(&text, "glass_connections_opened_total{shard=\"0\"}") >= 1.0);
    assert!(find(&text, "glass_segments_received_total{shard=\"0\"}") >= 3.0);
    assert!(find(&text, "glass_segments_sent_total{shard=\"0\"}") >= 3.0);
    assert!(find(&text, "glass_resets_sent_total{shard=\"0\"}") >= 1.0);
    assert!(find(&text, "glass_drops_total{shard=\"0\",reason=\"no-connection\"}") >= 1.0);
    assert!(find(&text, "glass_accept_queue{local=\"[::]:80\"}").abs() < 0.5);
    assert!(find(&text, "glass_tun_queue_drops_total").abs() < 0.5);

    let line = "curl -sS http://127.0.0.1:9100/metrics; curl -sS -o /dev/null -w '%{http_code}' \
                http://127.0.0.1:9100/v1/connections";
    let over_tcp = shell_inside(&serving, line).ended_with(0).out();
    let (text, code) = over_tcp.rsplit_once('\n').expect("several lines");
    assert_eq!(code, "404", "only what is counted can be read there");
    assert!(find(text, "glass_connections_opened_total{shard=\"0\"}") >= 1.0);
    serving.signal(Signal::TERM);
    serving.wait().ended_with(0);
    let arguments = ["serve", "--metrics", "0.0.0.0:9100"];
    let done = Running::start(command(User::Root, "", &arguments)).wait().ended_with(2);
    done.says("not on the loopback");
}

#[test]
fn what_is_asked_wrongly_is_told() {
    needs(&["curl", "ip"]);
    let dir = directory("ss-wrong");
    let serving = serve(&dir, &[]);
    for (path, status, words) in [
        ("/v1/connections?states=asleep", 400, "asleep is no state"),
        ("/v1/connections?from=9.0.0", 400, "no such shard"),
        ("/v1/connections?limit=0", 400, "limit=0 is no number from 1 to 1000"),
        ("/v1/connections?state=ESTAB", 400, "state is nothing that can be asked for here"),
        ("/v1/events?kind=states", 400, "there are: kinds"),
        ("/v1/events?kinds=packets", 400, "--pcap captures them"),
        ("/v1/ladders/1?size=3", 400, "width, utf8, format"),
        ("/v1/events?kinds=moods", 400, "moods is no kind"),
        ("/v1/ladders/none", 400, "number of a connection"),
        ("/v1/ladders/1", 404, "nothing was seen"),
        ("/v1/ladders/1?width=wide", 400, "width=wide cannot be"),
        ("/v2", 404, "/v1 tells who answers"),
        ("/v1", 200, "\"device\":\"glass0\""),
        ("/v1/counters", 200, "\"drops\":{"),
    ] {
        let done = get(&dir, &serving, path).ended_with(0);
        let told = done.out();
        assert!(told.starts_with(&status.to_string()) && told.contains(words), "{path}\n{done}");
    }
    serving.signal(Signal::TERM);
    serving.wait().ended_with(0);
}
