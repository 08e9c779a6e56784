//! The scripts in `tests/drill`, every one of them, through the shared library for the public packetdrill tool: they
//! are read here, and what they do goes through its table of C functions, over IPv4 and over IPv6.
//!
//! The library ends the process when a script waits for what can never come, as the tool would wait for ever. So
//! scripts are played in processes of their own, and one that ends is told as a failure of its script.

#![allow(unsafe_code, reason = "calls a C interface")]

#[path = "examples/built.rs"]
mod built;
mod drill_support;
#[path = "packetdrill_so/library.rs"]
#[allow(dead_code, reason = "each test binary uses a part of this module")]
mod library;
#[path = "packetdrill_so/packet.rs"]
mod packet;
#[path = "packetdrill_so/perform.rs"]
mod perform;
#[path = "packetdrill_so/player.rs"]
mod player;

use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::{env, fs, io, thread};

use drill_support::{choices_over, scripts, told};
use glasstack::drill::run::run_against;
use glasstack::drill::suite::{self, Outcome, Verdict};
use glasstack::drill::{IpVersion, Profile};
use player::Player;

/// What a process of ours is to play, when it is started by this test: `VERSION FIRST`.
const PLAY: &str = "GLASS_TEST_PLAY";
/// How a line begins that says what came of a script.
const MARK: &str = "@@";

/// The interface asks for `TCP_INFO` by descriptor. Assertions (`%{ }%`) about connections that have none, for they
/// were closed or nobody has accepted them, are left out: one in seven.
const MOST_UNASKED: usize = 120;

/// Scripts that pass over either version, at the least.
const LEAST_PASSED: usize = 500;

fn sleeps(thread_id: i32) -> bool {
    let stat = fs::read_to_string(format!("/proc/self/task/{thread_id}/stat"));
    stat.is_ok_and(|stat| stat.rsplit_once(") ").is_some_and(|(_, rest)| rest.starts_with('S')))
}

/// Plays a script through the library.
fn play(text: &str, version: IpVersion) -> Outcome {
    suite::play_text(text, &choices_over(Profile::Rfc, version), |plan| {
        run_against(plan, Box::new(Player::new("rfc", &plan.setup)))
    })
}

/// What came of a script, in a word, and in more words for people.
#[derive(Clone, Debug, PartialEq)]
struct Told {
    script: String,
    word: String,
    unasked: usize,
    why: String,
}

#[test]
fn every_script_passes_through_the_library() {
    if let Ok(what) = env::var(PLAY) {
        play_from(&what);
        return;
    }
    let paths = scripts("drill");
    library::init();
    let [v4, v6] = thread::scope(|scope| {
        let played = IpVersion::ALL.map(|version| {
            let paths = &paths;
            scope.spawn(move || play_all(paths, version))
        });
        played.map(|played| played.join().expect("no panic"))
    });
    let mut wrong = Vec::new();
    for (version, all) in [("4", &v4), ("6", &v6)] {
        assert_eq!(all.len(), paths.len(), "IPv{version}");
        for told in all {
            let is_right = matches!(told.word.as_str(), "passed" | "skipped");
            if !is_right {
                wrong.push(format!(
                    "over IPv{version}: {} {}: {}",
                    told.script, told.word, told.why
                ));
            }
        }
        let of = |word: &str| all.iter().filter(|told| told.word == word).count();
        let unasked = all.iter().map(|told| told.unasked).sum::<usize>();
        println!(
            "over IPv{version}: {} passed, {} are for the other version; {unasked} assertions are \
             about connections without a descriptor",
            of("passed"),
            of("skipped"),
        );
        assert!(of("passed") >= LEAST_PASSED, "a script that is skipped has shown nothing");
        assert!(unasked <= MOST_UNASKED, "{unasked} assertions were left out");
    }
    assert!(wrong.is_empty(), "{} scripts:\n{}", wrong.len(), wrong.join("\n"));
}

/// Plays all scripts, in as many processes as it takes.
fn play_all(paths: &[PathBuf], version: IpVersion) -> Vec<Told> {
    let mut all: Vec<Told> = Vec::new();
    while all.len() < paths.len() {
        let this = env::current_exe().expect("a program knows where it is");
        let name = "every_script_passes_through_the_library";
        let mut child = Command::new(this)
            .args(["--exact", name, "--nocapture", "--test-threads=1"])
            .env(PLAY, format!("{version} {}", all.len()))
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("it starts");
        let stderr = child.stderr.take().expect("piped");
        let errors = thread::spawn(move || io::read_to_string(stderr).unwrap_or_default());
        let out = BufReader::new(child.stdout.take().expect("piped"));
        let lines = out.lines().map_while(Result::ok);
        all.extend(lines.filter_map(|line| read(line.split_once(MARK)?.1)));
        let status = child.wait().expect("it is ours");
        let errors = errors.join().expect("no panic");
        if all.len() < paths.len() {
            let script = name_of(&paths[all.len()]);
            let why = format!("the process ended ({status}): {}", errors.trim());
            all.push(Told { script, word: "failed".to_owned(), unasked: 0, why });
        }
    }
    all
}

/// Plays the scripts from one on, in this process, and says of each what came of it.
fn play_from(what: &str) {
    let (version, first) = what.split_once(' ').expect("VERSION FIRST");
    let version = IpVersion::ALL.into_iter().find(|known| known.to_string() == version);
    let version = version.expect("a version");
    let first = first.parse().expect("a number");
    for path in scripts("drill").into_iter().skip(first) {
        let text = fs::read_to_string(&path).expect("it was listed");
        let outcome = play(&text, version);
        let (word, unasked) = match &outcome {
            Outcome::Ran(run) => match &run.failure {
                None => ("passed", run.unasked),
                Some(_) => ("failed", 0),
            },
            Outcome::Skipped(_) => ("skipped", 0),
            Outcome::Refused(_) | Outcome::Unreadable(_) => ("failed", 0),
        };
        let script = name_of(&path);
        let why = if word == "passed" { String::new() } else { told(&Verdict { path, outcome }) };
        let why = why.escape_default();
        // A line at once: the next script may end the process.
        println!("{MARK}{script} {word} {unasked} {why}");
        io::stdout().flush().expect("somebody reads");
    }
}

fn read(line: &str) -> Option<Told> {
    let mut words = line.splitn(4, ' ');
    let mut next = || words.next().map(str::to_owned);
    let (script, word, unasked) = (next()?, next()?, next()?.parse().ok()?);
    let why = next()?.replace("\\n", "\n").replace("\\'", "'").replace("\\\"", "\"");
    Some(Told { script, word, unasked, why })
}

/// `FOLDER/NAME`, without the ending.
fn name_of(path: &std::path::Path) -> String {
    let below = path.strip_prefix(drill_support::folder("drill")).expect("it was listed there");
    below.with_extension("").display().to_string()
}

/// A script that is wrong in one place fails through the library as well, and says where.
#[test]
fn what_is_wrong_in_a_script_is_found_through_the_library() {
    #[rustfmt::skip]
    let mutations = [
        ("handshake/passive", "<mss 1460>", "<mss 1461>", "options: expected <mss 1461>, got <mss 1460>"),
        ("reset/ack_for_nobody", "> R 71:71(0)", "> R 72:72(0)", "sequence number: expected 72, got 71"),
        ("window/closes_and_opens_with_the_reader", "ack 4001 win 4000", "ack 4001 win 3999", "window: expected 3999, got 4000"),
        ("retransmission/timeout_doubles", "+32 > .", "+40 > .", "time: expected 71.1 s (+-5.0 s), got 63.1 s"),
        ("handshake/connect_blocks_until_it_is_complete", "+0...0.25", "+0...0.35", "was to return at 0.35 s, and returned at 0.25 s"),
        ("handshake/refused", "-1 ECONNREFUSED", "-1 ETIMEDOUT", "error: expected ETIMEDOUT, got ECONNREFUSED"),
        ("close/by_the_peer", "read(4, ..., 100) = 0", "read(4, ..., 100) = 1", "result: expected 1, got 0"),
        ("icmp/too_big_is_sent_again_smaller", "tcpi_pmtu == 1340", "tcpi_pmtu == 1500", "tcpi_pmtu is 1340"),
    ];
    for version in IpVersion::ALL {
        for (name, from, to, words) in mutations {
            let path = drill_support::folder("drill").join(name).with_extension("pkt");
            let text = fs::read_to_string(&path).expect("a script");
            let wrong = text.replacen(from, to, 1);
            assert_ne!(text, wrong, "{name}");
            let outcome = play(&wrong, version);
            let told = told(&Verdict { path, outcome });
            assert!(told.contains(words), "over {version}: {name}: {told}");
        }
    }
}
