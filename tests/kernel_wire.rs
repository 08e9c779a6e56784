//! `glass wire`: two kernels, or the kernel and a stack of ours, with a bad wire between them.

mod captures;
mod kernel_common;

use std::fs;

use captures::{IN, OUT, Packet, packets, sound, tshark};
use kernel_common::{Done, Family, Running, User, command, directory, needs};

/// A server at the far end, and the wait for it.
const SERVER: [&str; 4] =
    ["--far", "exec python3 -m http.server --bind :: 80 2>/dev/null", "--await", "80"];

/// Runs `glass wire OPTIONS -- sh -c LINE` as `user` to its end.
fn wire(user: User, options: &[&str], line: &str) -> Done {
    let arguments = [&["wire"], options, &["--", "sh", "-c", line]].concat();
    Running::start(command(user, "", &arguments)).wait()
}

/// The far end's address in a URL.
const fn far(family: Family) -> &'static str {
    match family {
        Family::V4 => "203.0.113.2",
        Family::V6 => "[2001:db8:113::2]",
    }
}

/// Fetches a file of so many octets, which the far end serves, over a wire with these options.
fn fetch(family: Family, octets: u32, options: &[&str]) -> Done {
    let far = far(family);
    let line = format!(
        "head -c {octets} /dev/urandom >f
         curl -sS -m 60 -w '%{{stderr}}took %{{time_total}} s\\n' 'http://{far}/f' | cmp - f"
    );
    wire(User::Root, &[&SERVER, options].concat(), &line).ended_with(0)
}

/// The number in the line that begins and ends so.
fn number(done: &Done, before: &str, after: &str) -> u64 {
    let found = done.err.lines().find_map(|line| {
        let rest = line.split_once(before)?.1;
        rest.split_once(after)?.0.parse().ok()
    });
    found.unwrap_or_else(|| panic!("no number between {before:?} and {after:?}\n{done}"))
}

#[test]
fn a_file_arrives_whole_over_each_kind_of_bad_wire() {
    needs(&["curl", "python3"]);
    for rule in [
        "any 3% drop",
        "any 5% dup",
        "any 5% reorder 3",
        "any 3% corrupt",
        "any 3% truncate 5",
        "any 5% delay 20ms",
        "rx data#2-4 drop",
    ] {
        for family in Family::BOTH {
            let options = ["--fault", rule, "--seed", "1", "--delay", "2ms"];
            let done = fetch(family, 300_000, &options);
            let struck = number(&done, &format!("fault '{rule}' struck "), " packet");
            assert!(struck >= 3, "{done}");
        }
    }
}

#[test]
fn a_rate_a_delay_and_a_queue_are_what_they_are_asked_to_be() {
    needs(&["curl", "python3"]);
    // 400,000 octets at 8 Mbit/s take 400 ms at least, and three round trips of 60 ms.
    let slow = ["--rate", "8mbit", "--delay", "30ms", "--jitter", "1ms"];
    let done = fetch(Family::V4, 400_000, &slow);
    let took = done.err.lines().find_map(|line| line.strip_prefix("took ")?.strip_suffix(" s"));
    let took: f64 = took.and_then(|took| took.parse().ok()).expect("curl says how long");
    assert!(took > 0.5, "{done}");
    let done = fetch(Family::V6, 400_000, &[&slow[..], &["--queue", "5packets"]].concat());
    assert!(number(&done, "from the far end: ", " packets found the queue full") > 0, "{done}");
}

#[test]
fn the_kernel_sees_what_was_corrupted() {
    needs(&["curl", "python3"]);
    Family::BOTH.into_iter().for_each(corrupted);
}

fn corrupted(family: Family) {
    let far = far(family);
    let line = format!(
        "set -e; head -c 300000 /dev/urandom >f
         curl -sS -m 60 'http://{far}/f' | cmp - f
         grep ^Tcp: /proc/net/snmp"
    );
    let options = [&SERVER[..], &["--fault", "rx 5% corrupt", "--seed", "1"]].concat();
    let done = wire(User::Root, &options, &line).ended_with(0);
    let out = String::from_utf8_lossy(&done.out).into_owned();
    let rows: Vec<Vec<&str>> = out.lines().map(|line| line.split(' ').collect()).collect();
    let column = rows[0].iter().position(|name| *name == "InCsumErrors").expect("it is counted");
    let errors: u64 = rows[1][column].parse().expect("a number");
    // A bit of a port or of the payload, it is all the same to the checksum.
    assert_eq!(errors, number(&done, "fault 'rx 5% corrupt' struck ", " packet"), "{done}");
}

#[test]
fn a_seed_strikes_the_same_packets() {
    needs(&["python3"]);
    // Each SYN meets a closed port: two packets a connection, and more when they are doubled. What has arrived is
    // counted, and not what was struck: the kernel looks for routers meanwhile, when it likes, and that is struck, too.
    let line = "python3 -c '
import socket, time
for _ in range(60):
    try: socket.create_connection((\"203.0.113.2\", 9))
    except ConnectionRefusedError: pass
time.sleep(0.3)
names, counts = [line.split() for line in open(\"/proc/net/snmp\") if line.startswith(\"Tcp:\")]
print(counts[names.index(\"InSegs\")])
'";
    let arrived = |seed: &str| {
        let options = ["--fault", "tx 30% dup; rx 30% dup", "--seed", seed];
        let done = wire(User::Root, &options, line).ended_with(0);
        String::from_utf8_lossy(&done.out).trim().parse::<u32>().expect("a number")
    };
    let first = arrived("1");
    assert!(first > 80, "60, and those that are doubled: {first}");
    assert_eq!(first, arrived("1"));
    assert!(["2", "3", "4"].iter().any(|seed| arrived(seed) != first), "seeds change nothing");
}

#[test]
fn a_stack_of_ours_may_be_at_either_end() {
    needs(&["curl", "python3"]);
    let faults = ["--fault", "any 5% drop", "--seed", "1"];
    let far_serves = ["--far", "exec glass serve"];
    for family in Family::BOTH {
        // Nothing at the far end answers until it serves: SYNs are refused, or lost.
        let line = "curl -sS -m 60 --connect-timeout 1 --retry 30 --retry-delay 1 \
                    --retry-all-errors http://192.0.2.2/bytes/200000 | wc -c";
        let options = [&faults[..], &far_serves].concat();
        let done = wire(User::Root, &options, &family.of(line)).ended_with(0);
        assert_eq!(String::from_utf8_lossy(&done.out).trim(), "200000", "{done}");
        let far = far(family);
        let line =
            format!("head -c 200000 /dev/urandom >f; glass get -q 'http://{far}/f' | cmp - f");
        wire(User::Root, &[&faults[..], &SERVER].concat(), &line).ended_with(0);
    }
}

#[test]
fn an_ordinary_user_may_and_reaches_the_far_end() {
    needs(&["curl", "python3"]);
    let line = "set -e; head -c 100000 /dev/urandom >f; curl -sS http://203.0.113.2/f | cmp - f
                nsenter --net=\"$GLASS_FAR_NET\" grep -c wire0 /proc/net/dev
                nsenter --net=\"$GLASS_FAR_NET\" curl -s -m 5 http://203.0.113.2/f | cmp - f";
    let done = wire(User::Ordinary, &SERVER, line).ended_with(0);
    assert_eq!(String::from_utf8_lossy(&done.out).trim(), "1", "{done}");
}

#[test]
fn codes_say_who_failed() {
    needs(&["curl"]);
    wire(User::Root, &[], "exit 7").ended_with(7);
    let none = ["wire", "--", "no-such-program"];
    Running::start(command(User::Root, "", &none)).wait().ended_with(127);
    let done = wire(User::Root, &["--fault", "any 5% lose"], "true").ended_with(2);
    done.says("\"lose\" at column 8 is not an action");
    let done = wire(User::Root, &["--far", "exit 3", "--await", "80"], "true").ended_with(125);
    done.says("--far has ended before it listened on port 80");
    wire(User::RootWithoutDriver, &[], "true").ended_with(69);
    // What the far end runs is ended with the wire.
    let done = wire(User::Root, &["--far", "exec sleep 1000"], "true").ended_with(0);
    assert!(!done.err.contains("left behind"), "{done}");
}

/// No stack of ours is there: packets, both ways, and what struck them.
#[test]
fn a_wire_can_be_captured() {
    needs(&["curl", "python3"]);
    let path = directory("wire-capture").join("o.pcapng");
    let text = path.to_str().expect("a path of letters");
    let rules = "tx SYN#1 drop; rx SYN,ACK#1 dup; tx data#1 delay 20ms";
    let options = ["--pcap", text, "--fault", rules];
    let line = "curl -sS -m 60 http://203.0.113.2/ >/dev/null";
    let done = wire(User::Root, &[&SERVER[..], &options].concat(), line).ended_with(0);
    let all = sound(packets(&fs::read(&path).expect("a capture")));
    let of = |said: &str| -> Vec<&Packet> {
        all.iter().filter(|packet| packet.comment.starts_with(said)).collect()
    };
    let lost = of("dropped by 'tx SYN#1 drop'");
    assert_eq!((lost.len(), lost[0].interface, lost[0].direction), (1, 1, OUT), "{all:#?}\n{done}");
    let twice = of("duplicated by 'rx SYN,ACK#1 dup'");
    assert_eq!(
        (twice.len(), twice[0].interface, twice[0].direction),
        (2, 0, IN),
        "{all:#?}\n{done}"
    );
    let late = of("delayed by 'tx data#1 delay 20ms', 2");
    assert_eq!(late.len(), 1, "{all:#?}\n{done}");
    assert_eq!(all.iter().filter(|packet| packet.comment.is_empty()).count(), all.len() - 4);
    if let Some(lines) = tshark(&path, &["frame.interface_name", "tcp.checksum.status"]) {
        assert!(lines.iter().any(|line| line == "wire0 (lost)\t1"), "{lines:?}");
        assert!(
            lines.iter().all(|line| line.ends_with("\t1") || line.ends_with('\t')),
            "{lines:?}"
        );
    }
    // What finds no room is lost as well.
    let slow = ["--rate", "2mbit", "--queue", "2packets", "--pcap", text];
    let line = "head -c 100000 /dev/urandom >f; curl -sS -m 60 http://203.0.113.2/f | cmp - f";
    let done = wire(User::Root, &[&SERVER[..], &slow].concat(), line).ended_with(0);
    let all = packets(&fs::read(&path).expect("a capture"));
    let full = all.iter().filter(|packet| packet.comment == "dropped by '--queue'");
    let told = number(&done, "from the far end: ", " packets found the queue full");
    assert_eq!(
        full.filter(|packet| packet.interface == 1 && packet.direction == IN).count() as u64,
        told
    );
}
