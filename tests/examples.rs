//! The examples, as strangers run them: each as a program on a TUN of its own, with the kernel's tools as
//! the other side, until Ctrl-C. What they are to show is in their own first lines.

mod kernel_common;

#[path = "examples/built.rs"]
mod built;

use std::path::PathBuf;
use std::sync::OnceLock;

use kernel_common::{
    Done, Running, User, command_of, directory, needs, shell_inside, start_inside,
};
use rustix::process::Signal;

/// A persistent TUN that belongs to an ordinary user.
const A_TUN_OF_NOBODYS: &str = "
    ip tuntap add dev mine mode tun user nobody
    ip address add 192.0.2.1/24 dev mine; ip link set mine up";

/// Those that serve, and what they say once they do, on stdout or stderr.
const SERVERS: [(&str, &str); 4] = [
    ("echo", "echo at 192.0.2.2:7, until Ctrl-C\n"),
    ("axum", "http://192.0.2.2:80/, until Ctrl-C\n"),
    ("tls", "-----END CERTIFICATE-----\n"),
    ("tcp_chat", "a room at 192.0.2.2:2323, until Ctrl-C\n"),
];

fn program(name: &str) -> PathBuf {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    let all = ["axum", "client", "echo", "http_by_hand", "tcp_chat", "tls"];
    BUILT.get_or_init(|| built::built(&all)).join(name)
}

fn start(name: &str, arguments: &[&str]) -> Running {
    Running::start(command_of(program(name), User::Root, "", arguments))
}

/// One of [`SERVERS`], when it answers.
fn serving(name: &str) -> Running {
    let (_, words) = SERVERS.iter().find(|(server, _)| *server == name).expect("a server");
    let mut serving = start(name, &[]);
    serving.wait_for_out(words);
    serving
}

/// Ctrl-C, which it is to come back from by itself.
fn interrupt(serving: Running) -> Done {
    serving.signal(Signal::INT);
    serving.wait().ended_with(0)
}

#[test]
fn echo_sends_back_what_comes() {
    needs(&["nc"]);
    let serving = serving("echo");
    let line = "head -c 5000000 /dev/urandom >sent; nc -N 192.0.2.2 7 <sent | cmp - sent
                echo hello | nc -N 192.0.2.2 7";
    let client = shell_inside(&serving, &format!("set -e; cd /mnt; {line}")).ended_with(0);
    assert_eq!(client.out(), "hello\n");
    // Somebody who is still there when it ends.
    let mut idle = start_inside(&serving, "{ echo first; sleep 60; } | timeout 60 nc 192.0.2.2 7");
    idle.wait_for_out("first\n");
    let done = interrupt(serving);
    assert!(done.out().contains(": 5000000 octets\n") && done.out().contains(": 6 octets\n"));
    assert_eq!(done.err, "", "{done}");
}

#[test]
fn axum_answers_and_knows_its_connections() {
    needs(&["curl"]);
    let serving = serving("axum");
    let line = "curl -sS http://192.0.2.2/ http://192.0.2.2/connection
                curl -sS -d 'do you hear me?' http://192.0.2.2/shout
                curl -sS -o /dev/null -w '%{http_code}' http://192.0.2.2/nothing";
    let out = shell_inside(&serving, line).ended_with(0).out();
    assert!(out.starts_with("axum answers, on a TCP of its own\n{"), "{out}");
    let asked = serde_json::Deserializer::from_str(out.split_once('\n').unwrap().1);
    let summary: serde_json::Value = asked.into_iter().next().unwrap().unwrap();
    assert_eq!(summary["id"], 1, "the second question by the same connection: {summary}");
    assert_eq!(summary["local"], "192.0.2.2:80");
    assert_eq!(summary["state"], "ESTABLISHED");
    assert!(out.ends_with("}DO YOU HEAR ME?\n404"), "{out}");
    interrupt(serving);
}

#[test]
fn tls_is_spoken_with_whoever_trusts_the_certificate() {
    needs(&["curl", "openssl", "nc"]);
    let serving = serving("tls");
    let certificate = serving.out();
    let line = format!(
        "cd /mnt; echo '{certificate}' >tls.pem
         curl -sS --cacert tls.pem https://192.0.2.2/ https://192.0.2.2/
         printf 'GET / HTTP/1.0\\r\\n\\r\\n' |
            openssl s_client -quiet -verify_return_error -CAfile tls.pem -connect 192.0.2.2:443
         echo 'is it you?' | nc -N 192.0.2.2 443
         curl -sS https://192.0.2.2/; echo \"curl: $?\""
    );
    let client = shell_inside(&serving, &line).ended_with(0);
    let told = "TLSv1_3, TLS13_AES_256_GCM_SHA384, over a TCP of our own (round trip ";
    assert_eq!(client.out().matches(told).count(), 3, "{client}");
    assert!(client.out().contains("HTTP/1.0 200 OK"), "{client}");
    assert!(client.out().ends_with("curl: 60\n"), "nobody else trusts it\n{client}");
    let done = interrupt(serving);
    done.says("https://192.0.2.2:443/").says("no TLS: received corrupt message");
}

#[test]
fn client_fetches_by_one_connection() {
    needs(&["python3", "ip", "nc"]);
    let dir = directory("example_client");
    std::fs::write(dir.join("page"), "words of the kernel's\n").unwrap();
    let line = format!(
        "ip link set lo up
         python3 -m http.server --protocol HTTP/1.1 -d {} 8000 >/dev/null 2>&1 & server=$!
         until nc -z 127.0.0.1 8000; do sleep 0.05; done
         {} other http://192.0.2.1:8000/page http://192.0.2.1:8000/page; code=$?
         exec 2>/dev/null; kill $server; wait $server; exit $code",
        dir.display(),
        program("client").display(),
    );
    let done =
        Running::start(command_of("sh", User::Root, "", &["-c", &line])).wait().ended_with(0);
    assert_eq!(done.out(), "words of the kernel's\n".repeat(2), "{done}");
    let lines: Vec<_> = done.err.lines().collect();
    assert_eq!(lines.len(), 2, "{done}");
    assert_eq!(lines[0], lines[1], "with the port of one connection\n{done}");
    assert!(lines[0].contains("page: 200 OK, 22 octets, from our 192.0.2.2:"), "{done}");

    let done = start("client", &["http://192.0.2.1:8000/"]).wait().ended_with(1);
    done.says("client: http://192.0.2.1:8000/: client error (Connect): ")
        .says("connection refused");
    let done = start("client", &["gopher://192.0.2.1/"]).wait().ended_with(1);
    done.says("the scheme is neither http nor https");
    start("client", &[]).wait().ended_with(2).says("usage: client [TUN] URL");
}

#[test]
fn in_the_room_everybody_hears_the_others() {
    needs(&["python3", "nc"]);
    let serving = serving("tcp_chat");
    let line = r"printf 'nina\r\n/who\r\n' | nc -N 192.0.2.2 2323";
    let nina = shell_inside(&serving, line).ended_with(0).out();
    assert!(nina.starts_with("Your name? * here are: nina (/who, /quit)\n"), "{nina}");
    assert!(nina.ends_with("* here are: nina\n* Goodbye.\n"), "{nina}");

    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/examples/chat.py");
    let mut people = start_inside(&serving, &format!("exec python3 {script}"));
    people.wait_for_out("all here\n");
    serving.signal(Signal::INT);
    people.wait().ended_with(0);
    serving.wait().ended_with(0);
}

/// It says nothing when it is ready, and has nothing to do at the end: it is in class to be short.
#[test]
fn http_by_hand_is_a_program_too() {
    needs(&["curl"]);
    let line = format!(
        "{} & server=$!
         curl -sS --retry 60 --retry-delay 1 --retry-all-errors http://192.0.2.2/hello; code=$?
         exec 2>/dev/null; kill $server; wait $server; exit $code",
        program("http_by_hand").display(),
    );
    let done = Running::start(command_of("sh", User::Root, "", &["-c", &line]));
    let done = done.wait().ended_with(0);
    assert!(done.out().starts_with("Hello from glasstack"), "{done}");
}

#[test]
fn who_has_a_tun_needs_no_privileges() {
    needs(&["ip", "nc"]);
    let command = command_of(program("echo"), User::Ordinary, A_TUN_OF_NOBODYS, &["mine"]);
    let mut serving = Running::start(command);
    serving.wait_for_out("192.0.2.2:7");
    let client = shell_inside(&serving, "echo mine | nc -N 192.0.2.2 7").ended_with(0);
    assert_eq!(client.out(), "mine\n");
    interrupt(serving);
}

/// What a system can refuse is told in words, once, with what helps, and by the exit code.
#[test]
fn each_says_what_stands_in_its_way() {
    needs(&["ip"]);
    for (name, _) in SERVERS {
        let done = Running::start(command_of(program(name), User::Ordinary, "", &[]));
        let done = done.wait().ended_with(1);
        done.says("sudo ip tuntap add dev glass0 mode tun user $USER");
        assert!(done.err.starts_with(&format!("{name}: ")), "{done}");
        assert!(!done.err.contains("panicked") && !done.err.contains("CreateDenied"), "{done}");

        let bridge = "ip link add glass0 type bridge";
        let done = Running::start(command_of(program(name), User::Root, bridge, &[]));
        done.wait().ended_with(1).says("there is an interface glass0 already");

        let serving = serving(name);
        shell_inside(&serving, "ip link delete glass0").ended_with(0);
        serving.wait().ended_with(1).says("the TUN glass0 is gone");
    }
}
