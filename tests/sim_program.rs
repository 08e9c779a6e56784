//! `glass sim` from outside: the same seed gives the same files, figures are what they say, and mistakes of
//! use are told with what would be right.

mod captures;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::{env, fs};

use captures::{IN, OUT, packets, sound, tshark};
use serde_json::Value;

/// A few seconds over a slow path: little to compute.
const SMALL: [&str; 8] =
    ["--rate", "5mbit", "--rtt", "20ms", "--duration", "4s", "--measure-after", "1s"];

fn sim(args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_glass"));
    for (name, _) in env::vars().filter(|(name, _)| name.starts_with("GLASS_")) {
        command.env_remove(name);
    }
    command.arg("sim").args(args).output().expect("the program runs")
}

fn small(args: &[&str]) -> Output {
    let output = sim(&[&SMALL, args].concat());
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    output
}

fn stdout(output: &Output) -> &str {
    std::str::from_utf8(&output.stdout).expect("text")
}

fn stderr(output: &Output) -> &str {
    std::str::from_utf8(&output.stderr).expect("text")
}

/// A file of this test program's own.
fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join(name)
}

/// The CSV and the picture of a run.
fn files(name: &str, args: &[&str]) -> (String, String) {
    let (csv, svg) = (file(&format!("{name}.csv")), file(&format!("{name}.svg")));
    let paths = ["--csv", csv.to_str().expect("UTF-8"), "--svg", svg.to_str().expect("UTF-8")];
    small(&[args, &paths].concat());
    let read = |path: &Path| fs::read_to_string(path).expect("it was written");
    (read(&csv), read(&svg))
}

#[test]
fn the_same_seed_gives_the_same_files_and_another_gives_others() {
    let noisy = ["--loss", "1%", "--reorder", "1%", "--flows", "2", "--seed"];
    let run = |name: &str, seed: &'static str| files(name, &[&noisy[..], &[seed]].concat());
    let first = run("first", "7");
    assert!(first == run("again", "7"), "octet for octet");
    let other = run("other", "8");
    assert!(first.0 != other.0 && first.1 != other.1, "the seed decides about losses");
}

#[test]
fn csv_has_a_row_for_each_flow_at_each_moment() {
    let (csv, _) = files("rows", &["--flows", "2", "--start-gap", "1s", "--sample", "50ms"]);
    let mut lines = csv.lines();
    let names = "time_s,flow,cc,cwnd,ssthresh,srtt_ms,in_flight,delivered,goodput_mbit,retransmissions,queue";
    assert_eq!(lines.next(), Some(names));
    let rows: Vec<Vec<&str>> = lines.map(|line| line.split(',').collect()).collect();
    assert!(rows.iter().all(|row| row.len() == 11 && row[2] == "cubic"));
    let of = |flow| rows.iter().filter(|row| row[1] == flow).collect::<Vec<_>>();
    // The second connects at 1 s, and the sample of that moment sees it.
    assert_eq!((of("1").len(), of("2").len()), (80, 61));
    assert_eq!((of("1")[0][0], of("1")[79][0], of("2")[0][0]), ("0.05", "4.0", "1.0"));
    let delivered: Vec<u64> = of("1").iter().map(|row| row[7].parse().expect("a number")).collect();
    assert!(delivered.is_sorted() && delivered[79] > 100_000, "{delivered:?}");
}

#[test]
fn the_picture_is_xml_with_five_panels_of_curves() {
    let (_, svg) = files("picture", &["--flows", "2", "--apart"]);
    let document = roxmltree::Document::parse(&svg).expect("XML");
    let texts: Vec<&str> = document
        .descendants()
        .filter(|node| node.has_tag_name("text"))
        .filter_map(|node| node.text())
        .collect();
    for words in ["cubic, cubic: each alone", "1 cubic", "2 cubic", "goodput, Mbit/s", "seconds"] {
        assert!(texts.contains(&words), "{words} in {texts:?}");
    }
    assert!(texts.iter().any(|text| text.starts_with("cwnd; dashed: ssthresh")));
    // cwnd, in flight, RTT, goodput and queue of each; a threshold once there was a loss.
    let curves = document.descendants().filter(|node| node.has_tag_name("path")).count();
    assert!((10..=12).contains(&curves), "{curves}");
}

#[test]
fn the_summary_is_on_stdout_and_the_seed_on_both() {
    let output = small(&["--seed", "42"]);
    let text = stdout(&output);
    assert!(text.starts_with("5 Mbit/s, RTT 20 ms, buffer 1 BDP (12.5 kB), loss 0 %; seed 42\n"));
    assert!(text.lines().any(|line| line.starts_with("1    cubic")), "{text}");
    assert!(stderr(&output).contains("seed 42"));
    let quiet = small(&["-q"]);
    assert!(quiet.stderr.is_empty());
}

#[test]
fn json_has_medians_and_every_run() {
    let args = ["--format", "json", "--runs", "3", "--loss", "0.5%", "--flows", "2", "--seed", "5"];
    let output = small(&args);
    let report: Value = serde_json::from_str(stdout(&output)).expect("JSON");
    assert_eq!(report["seeds"], serde_json::json!([5, 6, 7]));
    assert!(report["fairness"].as_f64().is_some_and(|index| (0.5..=1.0).contains(&index)));
    let flows = report["flows"].as_array().expect("flows");
    assert_eq!(flows.len(), 2);
    for flow in flows {
        let goodput = |run: &Value| run["goodput"].as_f64().expect("a number");
        let mut runs: Vec<f64> =
            flow["runs"].as_array().expect("runs").iter().map(goodput).collect();
        runs.sort_unstable_by(f64::total_cmp);
        assert_eq!(runs.len(), 3);
        assert!((runs[1] - goodput(&flow["median"])).abs() < 1e-9, "{flow}");
        assert!(flow["median"]["lost"].as_u64().is_some_and(|lost| lost > 0), "{flow}");
    }
}

#[test]
fn a_table_is_markdown_with_theory_beside_what_was_measured() {
    let output = small(&["--table", "goodput", "--runs", "2"]);
    let text = stdout(&output);
    assert!(text.starts_with("| flows | loss | goodput, Mbit/s |"), "{text}");
    assert!(text.lines().any(|line| line.starts_with("| reno | 1 % |")), "{text}");
    assert!(text.lines().any(|line| line.starts_with("| 2 x reno | 0 % |")), "{text}");
    let columns = |line: &str| line.matches('|').count();
    assert!(text.lines().all(|line| columns(line) == 9), "{text}");
}

#[test]
fn mistakes_of_use_name_the_option_and_what_would_be_right() {
    for (args, name, remedy) in [
        (["--rate", "100mb"], "--rate", "as 100mbit"),
        (["--rtt", "40"], "--rtt", "as 40ms"),
        (["--rtt", "0s"], "--rtt", "10ms"),
        (["--buffer", "1"], "--buffer", "as 1bdp"),
        (["--buffer", "900mb"], "--buffer", "use less"),
        (["--loss", "120%"], "--loss", "1% or 0.01"),
        (["--cc", "vegas"], "--cc", "choose one of reno"),
        (["--flows", "0"], "--flows", "1..=1000"),
        (["--duration", "5s"], "--duration", "make it longer"),
        (["--sample", "1us"], "--sample", "make it longer"),
        (["--table", "chairs"], "--table", "matrix"),
    ] {
        let output = sim(&args);
        let told = stderr(&output);
        assert_eq!(output.status.code(), Some(2), "{args:?}: {told}");
        assert!(told.contains(name) && told.contains(remedy), "{args:?}: {told}");
        assert!(output.stdout.is_empty(), "{args:?}");
    }
}

#[test]
fn a_file_that_cannot_be_written_is_a_failure_before_anything_is_run() {
    for option in ["--csv", "--svg"] {
        let output = sim(&[option, "/nowhere/at/all", "--duration", "1min"]);
        assert_eq!(output.status.code(), Some(1));
        assert!(stderr(&output).contains("cannot write /nowhere/at/all"), "{}", stderr(&output));
    }
}

/// Both ends of both flows, and what the path lost; the same seed gives the same file.
#[test]
fn a_run_can_be_captured() {
    let options =
        ["--cc", "reno,cubic", "--loss", "1%", "--buffer", "5packets", "--pcap-snaplen", "96"];
    let capture = |name: &str| {
        let path = file(name);
        small(&[&options[..], &["--pcap", path.to_str().expect("UTF-8")]].concat());
        path
    };
    let path = capture("captured.pcapng");
    let octets = fs::read(&path).expect("a capture");
    assert!(octets == fs::read(capture("again.pcapng")).expect("a capture"));
    let all = packets(&octets);
    assert!(all.is_sorted_by_key(|packet| packet.time));
    let said = |words: &str| all.iter().filter(|packet| packet.comment.contains(words)).count();
    for flow in [1, 2] {
        let opens = format!("sender {flow}: #1 CLOSED -> SYN_SEND (active OPEN; RFC 9293 3.10.1)");
        let syn = all.iter().find(|packet| packet.comment.starts_with(&opens)).expect("a SYN");
        let met = " later: #1 LISTEN -> SYN_RCVD (rcv SYN; RFC 9293 3.10.7.2)";
        assert!(syn.direction == OUT && syn.comment.contains(met), "{syn:?}");
    }
    for reason in ["lost on the way", "dropped: the queue was full"] {
        assert!(said(reason) > 0, "{reason}");
    }
    for packet in &all {
        let is_lost = packet.comment.contains("lost on") || packet.comment.contains("dropped: the");
        let is_on_its_way = packet.comment.contains("on its way");
        assert_eq!(packet.interface == 1, is_lost || is_on_its_way, "{packet:?}");
        let ends = ["sender", "receiver"].map(|end| packet.comment.contains(end));
        assert!(ends == [true; 2] || packet.interface == 1, "{packet:?}");
    }
    assert!(all.iter().any(|packet| packet.direction == IN && packet.interface == 0));
    assert!(said("retransmitted (fast)") > 0, "losses are mended");
    if let Some(lines) = tshark(&path, &["frame.comment"]) {
        assert_eq!(lines.len(), all.len());
    }
    // Whole packets have right checksums.
    let whole = file("whole.pcapng");
    small(&["--pcap", whole.to_str().expect("UTF-8")]);
    assert!(!sound(packets(&fs::read(whole).expect("a capture"))).is_empty());
    let refused = sim(&[&SMALL[..], &["--apart", "--pcap", "x"]].concat());
    assert_eq!(refused.status.code(), Some(2));
    assert!(stderr(&refused).contains("--apart makes several"), "{}", stderr(&refused));
}
