//! `glass lesson` from outside: lists, languages, scripts, mistakes of use, and the steps on a terminal.

mod captures;

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::sync::mpsc;
use std::time::Duration;
use std::{env, fs, thread};

use captures::{IN, OUT, Packet, packets, sound, tshark};
use nix::pty::{Winsize, openpty};

fn glass() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_glass"));
    for (name, _) in env::vars().filter(|(name, _)| name.starts_with("GLASS_")) {
        command.env_remove(name);
    }
    for name in ["LC_ALL", "LC_MESSAGES", "LANG", "COLUMNS"] {
        command.env_remove(name);
    }
    command
}

fn lesson(args: &[&str]) -> Output {
    glass().arg("lesson").args(args).output().expect("the program runs")
}

fn stdout(output: &Output) -> &str {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    std::str::from_utf8(&output.stdout).expect("text")
}

/// The packets of a lesson, as a capture has them.
fn captured(name: &str, path: &Path) -> Vec<Packet> {
    let output = lesson(&[name, "--pcap", path.to_str().expect("UTF-8")]);
    stdout(&output);
    packets(&fs::read(path).expect("a capture"))
}

/// What a mistake of use is answered with.
fn refusal(args: &[&str]) -> String {
    let output = lesson(args);
    assert_eq!(output.status.code(), Some(2), "{args:?}");
    assert!(output.stdout.is_empty(), "{args:?}");
    String::from_utf8(output.stderr).expect("text")
}

#[test]
fn lessons_are_listed_with_a_line_each() {
    let listed = lesson(&[]);
    let names = lesson(&["--names"]);
    let names: Vec<_> = stdout(&names).lines().collect();
    assert_eq!(names.len(), 25);
    for (line, name) in stdout(&listed).lines().zip(&names) {
        let (first, about) = line.split_once(' ').expect("a name and what it is about");
        assert_eq!(first, *name);
        assert!(about.trim().len() > 20, "{line}");
    }
}

/// Beside the ladder: each packet once, with what it meant at both ends.
#[test]
fn a_lesson_can_be_captured() {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("lesson.pcapng");
    let all = sound(captured("syn-lost", &path));
    let said = |packet: &Packet, begins: &str, holds: &str| {
        packet.comment.starts_with(begins) && packet.comment.contains(holds)
    };
    let places: Vec<_> = all
        .iter()
        .take(4)
        .map(|packet| (packet.interface, packet.direction, packet.time))
        .collect();
    let seconds = |seconds: u128| seconds * 1_000_000_000;
    assert_eq!(
        places,
        [(1, IN, 0), (1, IN, seconds(1)), (0, IN, seconds(3)), (0, OUT, seconds(3) + 10_000_000)],
        "twice lost, {all:#?}"
    );
    for (nth, begins, holds) in [
        (
            0,
            "client: #1 CLOSED -> SYN_SEND (active OPEN; RFC 9293 3.10.1); retransmission timer",
            " | server 10.0 ms later: dropped by 'rx SYN#1-2 drop'",
        ),
        (
            2,
            "client: #1 SYN_SEND; retransmitted (timeout); ",
            " | server 10.0 ms later: #1 LISTEN -> SYN_RCVD (rcv SYN; RFC 9293 3.10.7.2)",
        ),
        (3, "server: #1 SYN_RCVD; ", " | client 10.0 ms later: #1 SYN_SEND -> ESTABLISHED ("),
    ] {
        assert!(said(&all[nth], begins, holds), "{begins}{holds}\n{all:#?}");
    }
    if let Some(lines) = tshark(&path, &["frame.comment", "tcp.checksum.status"]) {
        let expected: Vec<_> = all.iter().map(|packet| format!("{}\t1", packet.comment)).collect();
        assert_eq!(lines, expected, "1 is a good checksum");
    }
    assert!(refusal(&["--pcap", "x"]).contains("name one"));
}

/// What is not lost was told of by both ends, whatever happens in a lesson.
#[test]
fn every_lesson_can_be_captured() {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("every-lesson.pcapng");
    for name in stdout(&lesson(&["--names"])).lines() {
        let all = sound(captured(name, &path));
        assert!(all.len() >= 2, "{name}");
        for packet in &all {
            let told = ["client", "server"].map(|end| packet.comment.contains(end));
            let is_from_nowhere = packet.comment.starts_with("from nowhere | server");
            let is_whole = told == [true; 2] || is_from_nowhere || packet.interface == 1;
            assert!(is_whole, "{name}: {packet:?}\n{all:#?}");
        }
    }
}

#[test]
fn every_lesson_is_shown_and_as_it_is_kept() {
    for name in stdout(&lesson(&["--names"])).lines() {
        let kept = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/lessons/{name}.txt"));
        let kept = fs::read_to_string(kept).expect("it is kept");
        assert!(stdout(&lesson(&[name])) == kept, "{name} is not as it is kept");
    }
}

#[test]
fn the_language_comes_from_the_locale_or_as_asked_for() {
    let chinese = "要看什么";
    assert!(stdout(&lesson(&["four-way-close", "--lang", "zh"])).contains(chinese));
    assert!(!stdout(&lesson(&["four-way-close"])).contains(chinese));
    let with = |variable, value: &str, args: &[&str]| {
        let output =
            glass().arg("lesson").args(args).env(variable, value).output().expect("it runs");
        stdout(&output).to_owned()
    };
    assert!(with("LANG", "zh_CN.UTF-8", &["four-way-close"]).contains(chinese));
    assert!(!with("LANG", "zh_CN.UTF-8", &["four-way-close", "--lang", "en"]).contains(chinese));
    assert!(with("GLASS_LANGUAGE", "zh", &[]).contains("连接怎样开始"), "the list, too");
}

#[test]
fn a_script_can_be_printed_and_passes() {
    let script = lesson(&["data-lost", "--script"]);
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("data-lost.pkt");
    fs::write(&path, stdout(&script)).expect("a file of this test");
    let drill = glass().arg("drill").arg(&path).output().expect("the program runs");
    assert!(stdout(&drill).contains("1 passed"), "{}", stdout(&drill));
}

#[test]
fn each_end_has_its_script() {
    let of = |end: &str| stdout(&lesson(&[end, "four-way-close"])).to_owned();
    let (client, server) = (of("--script=client"), of("--script=server"));
    assert!(client.contains("the client's end") && client.contains("connect(3"), "{client}");
    assert!(server.contains("the server's end") && server.contains("accept(3"), "{server}");
    assert_eq!(of("--script"), server, "the one that tells most is the first");
}

#[test]
fn a_lesson_can_be_had_as_page_and_as_picture() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let (svg, html) = (folder.join("lesson.svg"), folder.join("lesson.html"));
    let paths = [&svg, &html].map(|path| path.to_str().expect("a path of ours"));
    let args = ["half-close", "--markdown", "--ladder-svg", paths[0], "--ladder-html", paths[1]];
    let page = lesson(&args);
    assert!(stdout(&page).starts_with("# The half-close\n"), "{}", stdout(&page));
    assert!(!stdout(&page).contains("README.md"), "a page by itself leads to no others");
    assert!(fs::read_to_string(svg).expect("the picture").contains("class=\"disc\""));
    assert!(fs::read_to_string(html).expect("the page").contains("The half-close"));
}

#[test]
fn a_course_is_written_in_one_language_or_in_both() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("course-of-lessons");
    let _ = fs::remove_dir_all(&folder);
    let (both, chinese) = (folder.join("both"), folder.join("new/zh"));
    for (path, lang) in [(&both, &[][..]), (&chinese, &["--lang", "zh"][..])] {
        let args = [&["--course", path.to_str().expect("a path of ours")], lang].concat();
        let output = lesson(&args);
        assert!(stdout(&output).is_empty());
        let told = String::from_utf8_lossy(&output.stderr);
        assert!(told.contains("README.md"), "{told}");
    }
    let read = |path: &Path| fs::read_to_string(path).unwrap_or_default();
    assert!(read(&both.join("four-way-close.md")).contains("## What to look at"));
    assert!(read(&both.join("zh/four-way-close.md")).contains("## 要看什么"));
    assert!(read(&chinese.join("four-way-close.md")).contains("## 要看什么"));
    for file in ["README.md", "glossary.md", "states.svg", "four-way-close.svg"] {
        assert!(chinese.join(file).is_file() && both.join(file).is_file(), "{file}");
    }
    let folders = |path: &Path| {
        let entries = fs::read_dir(path).expect("the course").filter_map(Result::ok);
        entries.filter(|entry| entry.path().is_dir()).count()
    };
    assert_eq!((folders(&both), folders(&chinese)), (1, 0), "one language only");
}

#[test]
fn mistakes_are_told_with_what_would_be_right() {
    let told = refusal(&["four-way"]);
    assert!(told.contains("no lesson \"four-way\": did you mean four-way-close?"), "{told}");
    let told = refusal(&["gardening"]);
    assert!(told.contains("`glass lesson` lists them"), "{told}");
    let told = refusal(&["http-one-connection-per-request", "--script"]);
    assert!(told.contains("tests/drill/close/by_us.pkt") && told.contains("data-lost"), "{told}");
    let told = refusal(&["reset-vs-fin", "--script=server"]);
    assert!(told.contains("client-2, server-2, client"), "{told}");
    let told = refusal(&["four-way-close", "--ladder-svg", "/nowhere/ladder.svg"]);
    assert!(told.contains("cannot write --ladder-svg /nowhere/ladder.svg"), "{told}");
    let told = refusal(&["--course", "/dev/null/course"]);
    assert!(told.contains("cannot write --course /dev/null/course"), "{told}");
    refusal(&["--course", "course", "four-way-close"]);
    refusal(&["--ladder-svg", "ladder.svg"]);
    refusal(&["--markdown"]);
    let told = refusal(&["simultaneous-open", "--live"]);
    assert!(told.contains("cannot be arranged") && told.contains("four-way-close"), "{told}");
    refusal(&["--step"]);
    refusal(&["four-way-close", "--lang", "la"]);
}

#[test]
fn without_a_terminal_steps_are_shown_at_once() {
    let stepped = lesson(&["four-way-close", "--step"]);
    assert_eq!(stdout(&stepped), stdout(&lesson(&["four-way-close"])));
}

/// A lesson on a terminal of its own.
struct Terminal {
    child: std::process::Child,
    keys: File,
    output: mpsc::Receiver<Vec<u8>>,
    seen: String,
}

impl Terminal {
    fn start(args: &[&str]) -> Self {
        let size = Winsize { ws_row: 40, ws_col: 100, ws_xpixel: 0, ws_ypixel: 0 };
        let pty = openpty(&size, None).expect("a pseudo terminal");
        let end = |fd: &OwnedFd| Stdio::from(fd.try_clone().expect("a descriptor"));
        let child = glass()
            .arg("lesson")
            .args(args)
            .stdin(end(&pty.slave))
            .stdout(end(&pty.slave))
            .stderr(end(&pty.slave))
            .spawn()
            .expect("the program runs");
        let keys = File::from(pty.master);
        let mut screen = keys.try_clone().expect("a descriptor");
        let (sender, output) = mpsc::channel();
        thread::spawn(move || {
            let mut chunk = [0; 4096];
            while let Ok(octets @ 1..) = screen.read(&mut chunk) {
                if sender.send(chunk[..octets].to_vec()).is_err() {
                    break;
                }
            }
        });
        Terminal { child, keys, output, seen: String::new() }
    }

    /// Waits until `text` is on the screen, and forgets what was there until then.
    fn expect(&mut self, text: &str) -> &mut Self {
        while !self.seen.contains(text) {
            let chunk = self.output.recv_timeout(Duration::from_secs(20));
            let chunk = chunk.unwrap_or_else(|_| panic!("no {text:?} in {}", self.seen));
            self.seen.push_str(&String::from_utf8_lossy(&chunk));
        }
        let end = self.seen.find(text).expect("just seen") + text.len();
        self.seen.drain(..end);
        self
    }

    fn press(&mut self, keys: &str) -> &mut Self {
        self.keys.write_all(keys.as_bytes()).expect("the terminal takes keys");
        self
    }

    /// It ends by itself, with success and with the screen given back.
    fn ends(mut self) -> String {
        self.expect("\x1b[?1049l");
        let status = self.child.wait().expect("it ends");
        assert!(status.success(), "{status}");
        // The terminal is closed now: what is left comes at once, and then nothing can.
        while let Ok(chunk) = self.output.recv_timeout(Duration::from_secs(20)) {
            self.seen.push_str(&String::from_utf8_lossy(&chunk));
        }
        self.seen
    }
}

#[test]
fn keys_lead_through_a_lesson_and_the_screen_is_given_back() {
    let mut terminal = Terminal::start(&["three-way-handshake", "--step", "--color", "never"]);
    terminal.expect("\x1b[?1049h").expect("Question").expect("0/7");
    terminal.press("n").expect("active OPEN").expect("[1] The client").expect("1/7");
    terminal.press(" ").expect("SYN,ACK").expect("2/7");
    terminal.press("b").expect("active OPEN").expect("1/7");
    terminal.press("e").expect("To read").expect("7/7");
    let after = {
        terminal.press("n");
        terminal.ends()
    };
    assert!(
        after.contains("Question") && after.contains("To read"),
        "it stays to be read: {after}"
    );
}

#[test]
fn q_and_control_c_end_it_at_any_time() {
    for key in ["q", "\x03"] {
        let mut terminal = Terminal::start(&["three-way-handshake", "--step"]);
        terminal.expect("0/7").press("n").expect("1/7").press(key);
        let after = terminal.ends();
        assert!(!after.contains("Question"), "{key:?}: nothing more is written: {after}");
    }
}
