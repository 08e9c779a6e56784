//! `glass drill` as a program: what it writes where, and how it ends.

mod captures;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use captures::{IN, OUT, Packet, packets, sound, tshark};
use serde_json::Value;

/// A call that nobody answers.
const CALL: &str = "    0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3
   +0 fcntl(3, F_SETFL, O_RDWR|O_NONBLOCK) = 0
   +0 connect(3, ..., ...) = -1 EINPROGRESS (in progress)
   +0 > S 0:0(0) win 65535 <...>
";

/// A folder of one test's own.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Folder {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("drill_program").join(name);
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).expect("a folder");
        Folder(path)
    }

    fn write(&self, name: &str, text: &str) -> &Folder {
        fs::write(self.0.join(name), text).expect("a file");
        self
    }

    /// Runs the program here.
    fn drill(&self, args: &[&str]) -> Run {
        let program = env!("CARGO_BIN_EXE_glass");
        let mut command = Command::new(program);
        command.env_clear().current_dir(&self.0).arg("drill").args(args);
        let output = command.output().expect("it runs");
        Run {
            code: output.status.code().expect("it ends by itself"),
            out: String::from_utf8(output.stdout).expect("text"),
            err: String::from_utf8(output.stderr).expect("text"),
        }
    }
}

struct Run {
    code: i32,
    out: String,
    err: String,
}

impl Run {
    #[track_caller]
    fn says(&self, code: i32, words: &[&str]) {
        let (out, err) = (&self.out, &self.err);
        assert_eq!(self.code, code, "{out}{err}");
        for words in words {
            assert!(out.contains(words) || err.contains(words), "no \"{words}\" in:\n{out}{err}");
        }
    }
}

#[test]
fn zero_when_all_pass() {
    let folder = Folder::new("pass");
    folder.write("a.pkt", CALL).write("b.pkt", CALL).write("notes.txt", "no script");
    let run = folder.drill(&["."]);
    run.says(0, &["2 passed, 0 failed; 0.0 s of virtual time\n"]);
    assert_eq!(run.out.lines().filter(|line| line.starts_with("ok ")).count(), 2, "{}", run.out);
    assert_eq!(run.err, "");
}

#[test]
fn one_when_a_script_fails() {
    let folder = Folder::new("fail");
    folder.write("a.pkt", CALL).write("b.pkt", &CALL.replace("win 65535", "win 1234"));
    let run = folder.drill(&["a.pkt", "b.pkt"]);
    run.says(
        1,
        &[
            "FAIL b.pkt:4: the packet is not as expected\n",
            "expected (line 4): > S 0:0(0) win 1234 <...>",
            "window: expected 1234, got 65535",
            "1 passed, 1 failed;",
        ],
    );
}

#[test]
fn a_syntax_error_is_pointed_at() {
    let folder = Folder::new("syntax");
    folder.write("good.pkt", CALL);
    for (text, words) in [
        ("0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3\n+0 > Q 0:0(0)\n", "bad.pkt:2:6: expected"),
        ("0 > S 0:1(0)\n", "bad.pkt:1:9: expected"),
        ("0 close(3\n", "bad.pkt:2:1: expected `)`"),
        ("soon close(3) = 0\n", "bad.pkt:1:1: expected a time"),
        ("0 > S 0:0(0) <mss 1460,nop>\n", "bad.pkt:1:14: expected options of a multiple of 4"),
        ("", "expected"),
    ] {
        folder.write("bad.pkt", text);
        // What can be run is run.
        folder
            .drill(&["bad.pkt", "good.pkt"])
            .says(65, &[words, "ok   good.pkt\n", "1 passed, 0 failed, 1 could not be run;"]);
    }
}

#[test]
fn what_is_not_supported_is_named() {
    let folder = Folder::new("unsupported");
    let socket = "0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3\n";
    for (text, words) in [
        (
            format!("{socket}+0 sendfile(3, 4, 5, 6) = 0\n"),
            "x.pkt:2:4: the call sendfile is not supported",
        ),
        (
            format!("0 `sysctl -q net.ipv4.tcp_nonesuch=1`\n+0 {}", &socket[2..]),
            "net.ipv4.tcp_nonesuch is not supported",
        ),
        (format!("0 `reboot`\n+0 {}", &socket[2..]), "reboot"),
        (
            format!("--frobnicate=1\n{socket}"),
            "x.pkt:1:1: the option --frobnicate is not supported",
        ),
        (
            format!("--ip_version=ipv4-mapped-ipv6\n{socket}").replace("...", "AF_INET"),
            "a socket that is not of AF_INET6 is not supported",
        ),
        (
            format!("--ip_version=ipv6\n{socket}+0 > [flowlabel 0x1] S 0:0(0) <...>\n"),
            "a flow label",
        ),
        (
            format!("{socket}+0 setsockopt(3, SOL_SOCKET, SO_NONESUCH, [1], 4) = 0\n"),
            "the constant SO_NONESUCH is not supported",
        ),
        (socket.replace("SOCK_STREAM", "2"), "not of SOCK_STREAM is not supported"),
    ] {
        folder.write("x.pkt", &text).drill(&["x.pkt"]).says(65, &[words, "1 could not be run;"]);
    }
}

/// A script is written once. What can only mean IPv4 is skipped over IPv6, and the reason told.
#[test]
fn the_version_of_ip_can_be_chosen() {
    let folder = Folder::new("ip_version");
    folder.write("a.pkt", CALL);
    folder.write("b.pkt", &format!("// RFC 791 3.1: a title.\n// only: IPv4, it is old\n{CALL}"));
    folder.write("c.pkt", &format!("{CALL}+0 < icmp source_quench [0:0(0)]\n"));
    let all = "3 passed, 0 failed; ";
    folder.drill(&["."]).says(0, &[all]);
    folder.drill(&["--ip-version", "4", "."]).says(0, &[all]);
    for over_ipv6 in ["--ip-version=6", "--ip_version=ipv6"] {
        let run = folder.drill(&[over_ipv6, "."]);
        run.says(
            0,
            &[
                "ok   ./a.pkt\n",
                "skip ./b.pkt:2: only for IPv4: it is old\n",
                "skip ./c.pkt:5: ICMPv6 has no source_quench\n",
                "1 passed, 0 failed, 2 skipped; ",
            ],
        );
    }
    let run = folder.drill(&["--ip-version=6", "--format=json", "b.pkt"]);
    run.says(0, &["\"result\":\"skipped\"", "only for IPv4: it is old", "\"skipped\":1"]);
    folder.drill(&["--ip-version=5", "."]).says(2, &["--ip-version", "possible values: 4, 6"]);
}

/// A script in the words of IPv6 means it, whatever is asked for.
#[test]
fn scripts_in_the_words_of_ipv6_are_played_over_it() {
    let folder = Folder::new("words");
    let own = format!("--ip_version=ipv6\n{CALL}")
        .replace("<...>", "<mss 1440,sackOK,TS val 1 ecr 0,nop,wscale 0>");
    folder.write("own.pkt", &own);
    folder.write("family.pkt", &CALL.replacen("...", "AF_INET6", 1));
    folder.write("wrong.pkt", &own.replace("1440", "1460"));
    let run = folder.drill(&["own.pkt", "family.pkt", "wrong.pkt"]);
    run.says(1, &["ok   own.pkt\n", "ok   family.pkt\n", "FAIL wrong.pkt:5:", "got <mss 1440,"]);
    // Asked for IPv6, it has the link on which segments are as long as over IPv4.
    let run = folder.drill(&["--ip-version=6", "own.pkt", "family.pkt", "wrong.pkt"]);
    run.says(1, &["FAIL own.pkt:5:", "ok   family.pkt\n", "ok   wrong.pkt\n"]);
}

#[test]
fn many_scripts_are_summed_up_by_folder_and_by_reason() {
    let folder = Folder::new("summary");
    for name in ["a", "b"] {
        fs::create_dir(folder.0.join(name)).expect("a folder");
    }
    folder.write("a/1.pkt", CALL).write("a/2.pkt", &CALL.replace("win 65535", "win 1234"));
    folder.write("b/1.pkt", "0 clone() = 0\n").write("b/2.pkt", "0 clone(7) = 3\n");
    let run = folder.drill(&["--summary", "."]);
    run.says(
        65,
        &[
            "folder  passed  failed  skipped  could not be run\n",
            "./a          1       1        0                 0\n",
            "./b          0       0        0                 2\n",
            "      2  could not be run: the call clone is not supported\n",
            "      1  failed: the packet is not as expected (window)\n",
            "1 passed, 1 failed, 2 could not be run;",
        ],
    );
    assert!(!run.out.contains(".pkt"), "{}", run.out);
    let run = folder.drill(&["--summary", "--format=json", "."]);
    let all: Value = serde_json::from_str(&run.out).expect("one object");
    assert_eq!(
        (&all["folders"][0]["passed"], &all["reasons"][0]["scripts"]),
        (&1.into(), &2.into())
    );
}

#[test]
fn what_is_not_there_is_named() {
    let folder = Folder::new("missing");
    fs::create_dir(folder.0.join("empty")).expect("a folder");
    let run = folder.drill(&["nowhere.pkt"]);
    run.says(2, &["nowhere.pkt"]);
    assert_eq!(run.out, "", "results only on stdout");
    folder.drill(&["empty"]).says(2, &["no *.pkt in empty or below"]);
    folder.drill(&[]).says(2, &["required"]);
    folder.drill(&["--jobs", "0", "."]).says(2, &["--jobs"]);
    folder.drill(&["--define", "9x", "."]).says(2, &["--define"]);
    fs::write(folder.0.join("octets.pkt"), [0xff, 0xfe]).expect("a file");
    folder.drill(&["octets.pkt"]).says(65, &["octets.pkt is no text in UTF-8"]);
}

/// What the script lets arrive and what our host sends, at the times of the script.
#[test]
fn a_script_can_be_captured() {
    let folder = Folder::new("capture");
    let four_way = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/drill/close/four-way.pkt");
    folder.drill(&["--pcap", "o.pcapng", four_way]).says(0, &["1 passed"]);
    let path = folder.0.join("o.pcapng");
    let all = sound(packets(&fs::read(&path).expect("a capture")));
    let first: Vec<_> = all.iter().take(2).map(|packet| (packet.direction, packet.time)).collect();
    assert_eq!(first, [(IN, 0), (OUT, 0)], "the clock of the script: {all:#?}");
    for (direction, said) in [
        (IN, "#1 LISTEN -> SYN_RCVD (rcv SYN; RFC 9293 3.10.7.2)"),
        (IN, "#1 ESTABLISHED -> CLOSE_WAIT (rcv FIN; RFC 9293 3.10.7.4 eighth)"),
        (OUT, "#1 CLOSE_WAIT -> LAST_ACK (CLOSE; RFC 9293 3.10.4)"),
        (IN, "#1 LAST_ACK -> CLOSED (rcv ACK of FIN; RFC 9293 3.10.7.4 fifth)"),
    ] {
        let is_it =
            |packet: &&Packet| packet.direction == direction && packet.comment.starts_with(said);
        assert_eq!(all.iter().filter(is_it).count(), 1, "{said}: {all:#?}");
    }
    if let Some(lines) = tshark(&path, &["frame.comment", "tcp.checksum.status"]) {
        let expected: Vec<_> = all.iter().map(|packet| format!("{}\t1", packet.comment)).collect();
        assert_eq!(lines, expected, "1 is a good checksum");
    }
    folder.write("a.pkt", CALL).write("b.pkt", CALL);
    folder.drill(&["--pcap", "o.pcapng", "."]).says(2, &["captures one script", "these are 2"]);
}

#[test]
fn json_is_an_object_a_line() {
    let folder = Folder::new("json");
    folder.write("a.pkt", CALL).write("b.pkt", &CALL.replace("win 65535", "win 1234"));
    folder.write("c.pkt", "0 clone() = 0\n");
    let run = folder.drill(&["--format", "json", "."]);
    assert_eq!((run.code, run.err.as_str()), (65, ""));
    let lines: Vec<Value> =
        run.out.lines().map(|line| serde_json::from_str(line).expect("an object")).collect();
    let [a, b, c, all] = &lines[..] else { panic!("{}", run.out) };
    assert!(lines.iter().all(Value::is_object));
    assert_eq!(
        (&a["file"], &a["result"], &a["events"]),
        (&"./a.pkt".into(), &"pass".into(), &4.into())
    );
    assert!(a.get("ladder").is_none() && a.get("differences").is_none());

    assert_eq!((&b["result"], &b["line"]), (&"fail".into(), &4.into()));
    let difference = serde_json::json!([{ "field": "window", "expected": "1234", "got": "65535" }]);
    assert_eq!(b["differences"], difference);
    assert_eq!(b["ladder"].as_array().map(Vec::len), Some(4));
    assert_eq!(b["ladder"][3]["what"], "out");
    assert_eq!(b["ladder"][3]["state"], "SYN_SEND");

    assert_eq!((&c["result"], &c["line"], &c["column"]), (&"refused".into(), &1.into(), &3.into()));
    assert!(c["message"].as_str().is_some_and(|message| message.contains("clone")));
    let tally: Vec<_> =
        ["passed", "failed", "refused"].iter().map(|key| all[key].as_u64()).collect();
    assert_eq!(tally, [Some(1); 3]);
}

#[test]
fn as_many_at_once_as_one_likes() {
    let folder = Folder::new("jobs");
    for index in 0..20 {
        let text = if index % 7 == 3 { CALL.replace("= 0\n", "= 1\n") } else { CALL.to_owned() };
        folder.write(&format!("{index:02}.pkt"), &text);
    }
    for format in ["text", "json"] {
        let [one, four] =
            ["1", "4"].map(|jobs| folder.drill(&["--jobs", jobs, "--format", format, "."]));
        assert_eq!((one.code, four.code), (1, 1));
        assert_eq!(one.out, four.out);
    }
}

#[test]
fn verbose_shows_what_happened() {
    let folder = Folder::new("verbose");
    folder.write("a.pkt", CALL);
    assert_eq!(folder.drill(&["a.pkt"]).out.lines().count(), 2);
    let run = folder.drill(&["-v", "a.pkt"]);
    run.says(
        0,
        &[
            "our state",
            "timers (s)",
            "S 0:0(0) win 65535 <mss 1460,",
            "SYN_SEND",
            "retransmission 1.000",
        ],
    );
    assert!(run.out.lines().count() >= 6, "{}", run.out);
    // Without a terminal there are no colours.
    assert!(!run.out.contains('\x1b'));
}

/// A packet that the script comes to late stands where it left.
#[test]
fn ladders_follow_the_clock() {
    let folder = Folder::new("order");
    folder.write("a.pkt", &(CALL.to_owned() + "1.5 %{ print(7) }%\n+0 > S 0:0(0) <...>\n"));
    let run = folder.drill(&["a.pkt"]);
    run.says(1, &["FAIL a.pkt:6:", "time: expected 1.5 s", "got 1.0 s", "note (line 5): 7"]);
    let place = |words: &str| run.out.find(words).unwrap_or_else(|| panic!("{words}: {}", run.out));
    assert!(place("1.000000     6") < place("1.500000     5"), "{}", run.out);
}

#[test]
fn definitions_decide() {
    let folder = Folder::new("define");
    let text = CALL.replace("win 65535", "win WINDOW")
        + "#ifdef AGAIN\n+1 > S 0:0(0) <...>\n#else\n+1 > F. 0:0(0) ack 0 <...>\n#endif\n";
    folder.write("a.pkt", &text);
    folder.drill(&["-D", "WINDOW=65535", "--define", "AGAIN", "a.pkt"]).says(0, &["1 passed"]);
    folder
        .drill(&["-D", "WINDOW=65535", "a.pkt"])
        .says(1, &["FAIL a.pkt:8:", "flags: expected F., got S"]);
    folder
        .drill(&["-D", "WINDOW=65534", "a.pkt"])
        .says(1, &["FAIL a.pkt:4:", "window: expected 65534, got 65535"]);
    folder.drill(&["a.pkt"]).says(65, &["a.pkt:4:"]);
}

#[test]
fn tolerance_is_a_choice() {
    let folder = Folder::new("tolerance");
    // The second SYN leaves 30 ms early, where an eighth of the time since the last event is 16 ms.
    let text = CALL.to_owned() + ".9 %{ print(1) }%\n1.03 > S 0:0(0) <...>\n";
    folder.write("a.pkt", &text);
    folder.drill(&["a.pkt"]).says(1, &["a.pkt:6:", "time: expected 1.03 s", "got 1.0 s"]);
    folder.drill(&["--tolerance-usecs", "30000", "a.pkt"]).says(0, &["1 passed"]);
    folder.drill(&["--tolerance-usecs", "29000", "a.pkt"]).says(1, &["(+-0.029 s)"]);
    // What the command line says comes first.
    folder.write("b.pkt", &format!("--tolerance_usecs=60000\n{text}"));
    folder.drill(&["b.pkt"]).says(0, &["1 passed"]);
    folder.drill(&["--tolerance_usecs=29000", "b.pkt"]).says(1, &["(+-0.029 s)"]);
}

#[test]
fn the_profile_is_a_choice() {
    let folder = Folder::new("profile");
    folder.write("a.pkt", &CALL.replace("<...>", "<mss 1460,nop,wscale 6,sackOK,TS val 1 ecr 0>"));
    folder.drill(&["a.pkt"]).says(1, &["options: expected <mss 1460,nop,wscale 6,sackOK,TS val 1 ecr 0>, got <mss 1460,sackOK,TS val 1 ecr 0,nop,wscale 0>"]);
    folder.drill(&["--profile", "freebsd", "a.pkt"]).says(0, &["1 passed"]);
}
