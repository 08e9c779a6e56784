//! `--pcap` against the Linux kernel: what a capture says of curl's connections, packet by packet, and that
//! others can read it. The file is read with another library than ours for TCP, and summed by hand; by tshark
//! as well, where there is one. With `GLASS_TSHARK=must` it is a failure that there is none.

mod captures;
mod kernel_common;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Command;

use captures::{IN, OUT, Packet, packets, program, sound, tshark};
use kernel_common::{
    Done, Family, Running, User, command, directory, needs, run_over, shell_inside,
};
use rustix::process::Signal;

const HELLO: &str = "curl -sS http://192.0.2.2/hello";

fn file(test: &str) -> (PathBuf, String) {
    let path = directory(test).join("o.pcapng");
    let text = path.to_str().expect("a path of letters").to_owned();
    (path, text)
}

/// `glass run --pcap`, and the packets.
fn captured(
    test: &str,
    family: Family,
    options: &[&str],
    line: &str,
) -> (Done, Vec<Packet>, PathBuf) {
    let (path, text) = file(test);
    let options = [&["--pcap", &text], options].concat();
    let done = run_over(family, User::Root, &options, line).ended_with(0);
    let octets = fs::read(&path).expect("a capture");
    (done, packets(&octets), path)
}

/// What each comment says of states: all before the first semicolon.
fn states(packets: &[Packet]) -> Vec<(u32, &str)> {
    packets
        .iter()
        .map(|packet| {
            let end = packet.comment.find("; RFC").or_else(|| packet.comment.find(';'));
            (packet.direction, &packet.comment[..end.unwrap_or(packet.comment.len())])
        })
        .collect()
}

#[test]
fn the_comments_tell_the_story_of_a_connection() {
    needs(&["curl"]);
    for (number, family) in Family::BOTH.into_iter().enumerate() {
        let test = format!("capture-story-{number}");
        let (done, all, path) = captured(&test, family, &["--close-after", "100"], HELLO);
        let tcp = sound(all.clone());
        let changes: Vec<_> =
            states(&tcp).into_iter().filter(|(_, text)| text.contains("->")).collect();
        let expected = [
            (IN, "#1 LISTEN -> SYN_RCVD (rcv SYN"),
            (IN, "#1 SYN_RCVD -> ESTABLISHED (rcv ACK of SYN"),
            (IN, "#1 ESTABLISHED -> CLOSE_WAIT (rcv FIN"),
            (OUT, "#1 CLOSE_WAIT -> LAST_ACK (CLOSE"),
            (IN, "#1 LAST_ACK -> CLOSED (rcv ACK of FIN"),
        ];
        assert_eq!(changes, expected, "{tcp:#?}\n{done}");
        assert!(tcp.iter().all(|packet| packet.comment.starts_with("#1 ")), "{tcp:#?}");
        assert!(tcp[1].comment.contains("retransmission timer 1.00 s"), "{tcp:#?}");
        let answer = tcp.iter().find(|packet| packet.comment.contains("SEND of"));
        assert!(answer.is_some_and(|packet| packet.direction == OUT), "{tcp:#?}");
        // The first FIN is curl's; the time of ours is ours.
        let fins: Vec<_> = tcp.iter().filter(|packet| packet.flags() & 1 != 0).collect();
        assert_eq!(fins.iter().map(|fin| fin.direction).collect::<Vec<_>>(), [IN, OUT]);
        let pause = fins[1].time - fins[0].time;
        assert!((95_000_000..3_000_000_000).contains(&pause), "{pause} ns");
        let now = glasstack::runtime::clock::time_of_day()
            .duration_since(std::time::UNIX_EPOCH)
            .expect("after 1970");
        let age = now.as_nanos() - tcp[0].time;
        assert!(age < 120_000_000_000, "the time of day: {age} ns ago");

        if let Some(lines) = tshark(&path, &["frame.comment", "tcp.checksum.status"]) {
            let of = |packet: &Packet| match packet.segment() {
                Some(_) => format!("{}\t1", packet.comment),
                None => format!("{}\t", packet.comment),
            };
            assert_eq!(lines, all.iter().map(of).collect::<Vec<_>>(), "1 is a good checksum");
        }
    }
}

#[test]
fn what_faults_took_is_marked_and_beside_the_rest() {
    needs(&["curl"]);
    let rule = "tx FIN#1 drop";
    let options = ["--close-after", "50", "--fault", rule];
    let (done, all, path) = captured("capture-faults", Family::V4, &options, HELLO);
    let tcp = sound(all);
    let lost: Vec<_> = tcp.iter().filter(|packet| packet.interface == 1).collect();
    let [fin] = lost[..] else { panic!("{tcp:#?}\n{done}") };
    let said = "dropped by 'tx FIN#1 drop' | #1 CLOSE_WAIT -> LAST_ACK (CLOSE; RFC 9293 3.10.4)";
    assert!(fin.comment.starts_with(said) && fin.direction == OUT, "{fin:?}");
    let again = tcp.iter().find(|packet| packet.comment.contains("; loss probe; "));
    assert!(again.is_some_and(|packet| packet.flags() & 1 != 0), "{tcp:#?}");
    if let Some(lines) = tshark(&path, &["frame.interface_name"]) {
        assert_eq!(lines.iter().filter(|name| *name == "glass0 (lost)").count(), 1, "{lines:?}");
    }

    // Held back, doubled and spoilt packets are in it as they went on.
    for (rule, times, word) in
        [("rx SYN#1 delay 30ms", 1, "delayed"), ("tx SYN,ACK#1 dup", 2, "duplicated")]
    {
        let options = ["--fault", rule];
        let (done, all, _) = captured("capture-faults", Family::V6, &options, HELLO);
        let said = format!("{word} by '{rule}'");
        let struck = sound(all).into_iter().filter(|packet| packet.comment.starts_with(&said));
        assert_eq!(struck.count(), times, "{rule}\n{done}");
    }
    let rule = "tx data#1 corrupt";
    let (_, all, _) = captured("capture-faults", Family::V4, &["--fault", rule], HELLO);
    let spoilt = all.iter().find(|packet| packet.comment.starts_with("corrupted by"));
    let (_, sum) = spoilt.and_then(Packet::segment).expect("a segment that is spoilt");
    assert_ne!(sum, 0xffff, "as it was on the wire");
}

#[test]
fn with_offload_long_packets_have_right_checksums() {
    needs(&["curl"]);
    for (number, family) in Family::BOTH.into_iter().enumerate() {
        let line = "curl -sS -o /dev/null http://192.0.2.2/bytes/500000 && \
                    head -c 300000 /dev/zero | curl -sS -o /dev/null --data-binary @- http://192.0.2.2/echo";
        let test = format!("capture-offload-{number}");
        let (done, all, path) = captured(&test, family, &["--offload", "on"], line);
        let tcp = sound(all);
        for direction in [IN, OUT] {
            let long = tcp.iter().filter(|packet| {
                packet.direction == direction && packet.comment.contains(" segments")
            });
            assert!(long.clone().count() > 0, "direction {direction}\n{done}");
            assert!(long.clone().all(|packet| packet.octets.len() > 1_500));
        }
        if let Some(lines) = tshark(&path, &["tcp.checksum.status"]) {
            let bad = lines.iter().filter(|status| !matches!(status.as_str(), "1" | ""));
            assert_eq!(bad.count(), 0, "{lines:?}");
        }
    }
}

#[test]
fn shards_write_one_file_in_order_of_time() {
    needs(&["curl"]);
    let (path, text) = file("capture-shards");
    let recording = directory("capture-shards-record").join("r.glass");
    let recording = recording.to_str().expect("letters").to_owned();
    let options = ["serve", "--queues", "2", "--pcap", &text, "--record", &recording];
    let mut serving = Running::start(command(User::Root, "", &options));
    serving.wait_for_out("http://192.0.2.2/\n");
    let ask = "seq 40 | xargs -P 10 -I{} curl -sS -o /dev/null http://192.0.2.2/bytes/3000";
    shell_inside(&serving, ask).ended_with(0);
    serving.signal(Signal::TERM);
    let done = serving.wait().ended_with(0);
    let tcp = sound(packets(&fs::read(&path).expect("a capture")));
    let opened = |packet: &&Packet| packet.comment.contains("LISTEN -> SYN_RCVD");
    let numbers: Vec<_> = tcp
        .iter()
        .filter(opened)
        .map(|p| p.comment.split(' ').next().unwrap_or_default())
        .collect();
    assert_eq!(numbers.len(), 40, "{done}");
    let is_odd = |name: &&&str| name[1..].parse::<u64>().expect("a number") % 2 == 1;
    let odd = numbers.iter().filter(is_odd).count();
    assert!((1..40).contains(&odd), "both shards: {numbers:?}");
    // Afterwards it is the same: each shard's packets with what they meant to its own stack.
    let arguments = ["replay", &recording, "--pcap", &text];
    Running::start(command(User::Root, "", &arguments)).wait().ended_with(0);
    let again = sound(packets(&fs::read(&path).expect("a capture")));
    let sorted = |packets: &[Packet]| {
        let states = states(packets).into_iter();
        let mut states: Vec<_> = states.map(|(way, text)| (way, text.to_owned())).collect();
        states.sort();
        states
    };
    assert_eq!(sorted(&again), sorted(&tcp));
}

#[test]
fn stdout_carries_the_capture_and_nothing_else() {
    needs(&["curl"]);
    let done = run_over(Family::V4, User::Ordinary, &["--pcap", "-"], HELLO).ended_with(0);
    let tcp = sound(packets(&done.out));
    assert!(tcp.iter().any(|packet| packet.comment.contains("LAST_ACK -> CLOSED")), "{tcp:#?}");
    done.says("Hello from glasstack");
    let Some(dumpcap) = program("dumpcap") else { return };
    // As Wireshark has it: it reads a pipe by dumpcap, which is choosier than what reads files.
    let (path, text) = file("capture-pipe");
    let mut command = Command::new("sh");
    command
        .args(["-c", "unshare --mount --net \"$0\" run --pcap - -- $1 | \"$2\" -q -i - -w \"$3\""]);
    command.args([kernel_common::GLASS, HELLO]).arg(dumpcap).arg(&text);
    let piped = Running::start(command).wait();
    let of = |octets: &[u8]| packets(octets).into_iter().map(|p| p.comment).collect::<Vec<_>>();
    let comments = of(&fs::read(&path).unwrap_or_else(|error| panic!("{error}\n{piped}")));
    assert!(
        comments.iter().any(|text| text.contains("LAST_ACK -> CLOSED")),
        "{comments:?}\n{piped}"
    );
}

#[test]
fn a_recording_makes_the_capture_afterwards() {
    needs(&["curl"]);
    let recording = directory("capture-replay").join("r.glass");
    let recording = recording.to_str().expect("letters").to_owned();
    let options = ["--record", &recording, "--close-after", "20"];
    let (_, live, _) = captured("capture-replayed", Family::V4, &options, HELLO);
    let (path, text) = file("capture-again");
    let replay = || {
        let arguments = ["replay", &recording, "--pcap", &text];
        Running::start(command(User::Root, "", &arguments)).wait().ended_with(0);
        fs::read(&path).expect("a capture")
    };
    let first = replay();
    let again = packets(&first);
    let comments = |packets: &[Packet]| {
        packets.iter().map(|packet| packet.comment.clone()).collect::<Vec<_>>()
    };
    assert_eq!(comments(&again), comments(&live));
    assert!(again.iter().map(|p| &p.octets).eq(live.iter().map(|p| &p.octets)), "the same packets");
    assert_eq!(replay(), first, "octet for octet");
}

#[test]
fn another_engine_has_packets_and_nothing_to_say() {
    needs(&["curl"]);
    let options = ["--engine", "smoltcp"];
    let (_, all, _) = captured("capture-smoltcp", Family::V4, &options, HELLO);
    let tcp = sound(all);
    let syns = tcp.iter().filter(|packet| packet.flags() & 2 != 0);
    assert_eq!(syns.map(|packet| packet.direction).collect::<Vec<_>>(), [IN, OUT]);
}

#[test]
fn what_cannot_be_written_is_said_before_anything_starts() {
    let started = directory("capture-nowhere").join("started");
    let line = format!("touch {}", started.display());
    let done = run_over(Family::V4, User::Root, &["--pcap", "/nowhere/o.pcapng"], &line);
    assert_eq!(done.code, 2, "{done}");
    done.says("cannot write --pcap /nowhere/o.pcapng");
    done.says("there is no directory /nowhere; make it, or name another file");
    assert!(!started.exists());
    assert_eq!(done.err.lines().count(), 1, "{done}");
}

#[test]
fn a_full_disk_ends_the_capture_and_nothing_else() {
    needs(&["curl"]);
    let line = "curl -sS -o /dev/null -w '%{size_download}' http://192.0.2.2/bytes/500000";
    let done = run_over(Family::V4, User::Root, &["--pcap", "/dev/full"], line).ended_with(0);
    assert_eq!(done.out(), "500000");
    done.says("the capture is no longer written: No space left on device");
    let (path, text) = file("capture-limit");
    let options = ["--pcap", &text, "--pcap-limit", "20kb", "--pcap-snaplen", "96"];
    let done = run_over(Family::V4, User::Root, &options, line).ended_with(0);
    done.says("the capture has reached its limit of 20000 octets");
    let len = fs::metadata(&path).expect("a capture").len();
    assert!((10_000..21_000).contains(&len), "{len}");
    assert!(packets(&fs::read(&path).unwrap()).iter().all(|packet| packet.octets.len() <= 96));
}

#[test]
fn with_secrets_others_read_what_was_said_over_tls() {
    needs(&["curl"]);
    let line = "curl -sS https://192.0.2.2/hello";
    for (secrets, is_read) in [(&["--pcap-secrets"][..], true), (&[][..], false)] {
        let options = [&["--tls", "--http2", "off"], secrets].concat();
        let (done, _, path) = captured("capture-tls", Family::V4, &options, line);
        assert!(done.out().starts_with("Hello"), "{done}");
        let octets = fs::read(&path).expect("a capture");
        let label = b"CLIENT_HANDSHAKE_TRAFFIC_SECRET";
        let is_in = octets.windows(label.len()).any(|part| part == label);
        assert_eq!(is_in, is_read, "secrets are in it only if asked for");
        if let Some(lines) = tshark(&path, &["http.request.uri"]) {
            assert_eq!(lines.iter().any(|uri| uri == "/hello"), is_read, "{lines:?}");
        }
    }
}

#[test]
fn with_secrets_it_is_for_its_owner_alone() {
    needs(&["curl"]);
    let mode = |options: &[&str]| {
        let (_, _, path) = captured("capture-mode", Family::V4, options, HELLO);
        fs::metadata(path).expect("a capture").permissions().mode() & 0o777
    };
    assert_eq!(mode(&["--pcap-secrets"]), 0o600);
    assert_ne!(mode(&[]) & 0o044, 0, "as the umask has it");
}
