//! `glass watch` and `glass run --watch` in a real terminal: tmux, in which keys are typed and whose screen is read.

mod kernel_common;

use std::fs;
use std::path::{Path, PathBuf};

use kernel_common::{
    Done, GLASS, Running, User, command, directory, ladders, needs, poll, start_inside,
    start_outside,
};
use rustix::process::Signal;

/// What `glass serve` says on stdout once it answers.
const READY: &str = "http://192.0.2.2/\n";

struct Terminal {
    /// Runs as long as tmux does.
    session: Running,
    server: String,
}

impl Terminal {
    /// A terminal of this size, in which `line` runs; a shell comes after it.
    fn open(dir: &Path, size: (u16, u16), line: &str) -> Terminal {
        let server = dir.join("tmux").display().to_string();
        let (columns, rows) = size;
        let script = dir.join("session.sh");
        let text = format!("cd '{}'\n{line}\nexec sh -i\n", dir.display());
        fs::write(&script, text).unwrap();
        let start = format!(
            "tmux -S '{server}' -f /dev/null new-session -d -x {columns} -y {rows} \"PS1='after$ ' sh '{}'\"
             pid=$(tmux -S '{server}' display-message -p '#{{pid}}')
             while kill -0 \"$pid\" 2>/dev/null; do sleep 0.05; done",
            script.display()
        );
        let session = start_outside(&start);
        Terminal { session, server }
    }

    fn tmux(&self, command: &str) -> Done {
        start_outside(&format!("tmux -S '{}' {command}", self.server)).wait()
    }

    fn types(&self, keys: &str) {
        self.tmux(&format!("send-keys {keys}")).ended_with(0);
    }

    /// Looks until all of these are on the screen, and returns it. A path that is long may break what
    /// stands behind it over two lines.
    #[track_caller]
    fn shows(&self, texts: &[&str]) -> String {
        poll(format!("on the screen: {texts:?}"), || {
            let screen = self.tmux("capture-pane -p").out();
            let unbroken = screen.replace('\n', "");
            let is_there = |text: &&str| screen.contains(text) || unbroken.contains(text);
            texts.iter().all(is_there).then_some(screen)
        })
    }

    fn close(self) {
        self.tmux("kill-server").ended_with(0);
        self.session.wait();
    }
}

fn serve(socket: &Path) -> Running {
    let control = socket.to_str().expect("UTF-8");
    let options = ["serve", "--control", control, "--services", "echo"];
    let mut serving = Running::start(command(User::Root, "", &options));
    serving.wait_for_out(READY);
    serving
}

fn place(name: &str) -> (PathBuf, PathBuf) {
    let dir = directory(name);
    (dir.clone(), dir.join("looking.sock"))
}

#[test]
fn a_connection_is_watched_from_its_syn_to_its_end() {
    needs(&["tmux", "nc"]);
    let (dir, socket) = place("watch");
    let serving = serve(&socket);
    let line = format!("'{GLASS}' watch --control '{}'", socket.display());
    let terminal = Terminal::open(&dir, (80, 24), &line);
    terminal.shows(&["glass0 (process", "0 connections", "none yet", "q quit"]);

    let mut held = start_inside(&serving, "(echo hello; exec sleep 120) | nc 192.0.2.2 7");
    held.wait_for_out("hello\n");
    let screen = terminal.shows(&["ladder of #1", "►#1", "[ESTABLISHED]", "1:7 (6)", "its state"]);
    assert!(screen.lines().all(|line| line.chars().count() <= 80), "{screen}");
    terminal.types("p");
    terminal.shows(&["written: glass-ladder-1.txt"]);
    let ladder = fs::read_to_string(dir.join("glass-ladder-1.txt")).expect("it is there");
    assert!(ladder.contains("ESTABLISHED  ●◄─ SYN,ACK"), "the peer's state was seen\n{ladder}");
    terminal.types("s");
    terminal.shows(&["written: glass-ladder-1.svg"]);
    let picture = fs::read_to_string(dir.join("glass-ladder-1.svg")).expect("it is there");
    assert!(picture.starts_with("<svg") && picture.contains("SYN,ACK"), "{picture}");
    terminal.types("f time Enter");
    terminal.shows(&["connections with \"time\""]);
    terminal.types("Escape");
    terminal.shows(&["[ESTABLISHED]"]);

    // In a larger window the ladder stands beside the list.
    terminal.tmux("resize-window -x 150 -y 40").ended_with(0);
    let screen = terminal.shows(&["ladder of #1", "FIN_WAIT_1 by CLOSE"]);
    let row = screen.lines().find(|line| line.contains("ladder of #1")).expect("it is shown");
    assert!(row.contains("connections"), "side by side\n{screen}");
    // The other end is the kernel's, on this host: what was seen of it stands on the left.
    terminal.shows(&["ESTABLISHED  ●◄─ SYN,ACK"]);
    // The peer is killed, and its kernel closes; we follow.
    drop(held);
    terminal.shows(&["#1 CLOSED", "[CLOSED]", "LAST_ACK"]);

    terminal.types("q");
    let screen = terminal.shows(&["after$"]);
    assert!(!screen.contains('│'), "the terminal is as it was before\n{screen}");
    terminal.types("'stty -a | grep -c -w -e -echo -e -icanon; echo do\"\"ne' Enter");
    let screen = terminal.shows(&["done\n"]);
    assert!(screen.contains("\n0\n"), "it echoes, line by line\n{screen}");
    terminal.close();
    serving.signal(Signal::TERM);
    serving.wait().ended_with(0);
}

#[test]
fn it_ends_in_order_when_the_program_does() {
    needs(&["tmux"]);
    let (dir, socket) = place("watch-end");
    let serving = serve(&socket);
    let line = format!("'{GLASS}' watch --control '{}'; echo code $?", socket.display());
    let terminal = Terminal::open(&dir, (80, 24), &line);
    terminal.shows(&["none yet"]);
    serving.signal(Signal::TERM);
    terminal.shows(&["does not answer any more", "code 69", "after$"]);
    terminal.close();
    serving.wait().ended_with(0);
    // Where there is no terminal it says so.
    let arguments = ["watch", "--control", "nowhere.sock"];
    let done = Running::start(command(User::Root, "", &arguments)).wait().ended_with(2);
    done.says("needs a terminal").says("glass ss --watch");
}

#[test]
fn a_run_is_watched_in_one_command() {
    needs(&["tmux", "curl"]);
    let dir = directory("watch-run");
    let command = "curl -sS http://192.0.2.2/hello; echo an error >&2; exit 7";
    let options = "--watch --close-after request --msl 30";
    let line = format!("'{GLASS}' run {options} -- sh -c '{command}'; echo code $?");
    let terminal = Terminal::open(&dir, (120, 40), &line);
    let screen =
        terminal.shows(&["sh has ended with code 7", "[TIME_WAIT]", "2MSL", "ladder of #1"]);
    assert!(screen.contains("Hello from glasstack") && screen.contains("an error"), "{screen}");
    assert!(
        screen.contains("its state") && screen.contains("1 connection: 1 TIME_WAIT"),
        "{screen}"
    );
    // It stays, and time goes on.
    let left = |screen: &str| {
        let row =
            screen.lines().find(|line| line.contains("►#1")).expect("it is selected").to_owned();
        row.split("2MSL").next().expect("a part").to_owned()
    };
    let before = left(&screen);
    poll("the time that is left grows less", || {
        (left(&terminal.shows(&["►#1"])) != before).then_some(())
    });
    terminal.types("o");
    let screen = terminal.shows(&["output of sh: "]);
    assert!(!screen.contains("ladder of"), "in its place\n{screen}");
    terminal.types("o");
    terminal.shows(&["ladder of #1"]);

    terminal.types("q");
    terminal.shows(&["after$", "code 7"]);
    let screen = terminal.tmux("capture-pane -p -J -S -200").out();
    let places = ["no DNS inside", "Hello from glasstack", "an error", "(they opened)", "code 7"];
    let places = places.map(|text| screen.find(text).unwrap_or_else(|| panic!("{text}\n{screen}")));
    assert!(places.is_sorted(), "as if there had been no screen\n{screen}");
    assert_eq!(ladders(&screen).len(), 1, "{screen}");
    terminal.close();
}

#[test]
fn what_runs_beside_the_screen_is_ended_when_it_shall() {
    needs(&["tmux", "nc", "setsid"]);
    let dir = directory("watch-run-end");
    let slow = "sh -c 'echo started; sleep 100; true'";
    let line = format!(
        "{{ '{GLASS}' run --watch -- {slow}; echo code $?
         '{GLASS}' run --watch -- {slow}; echo code $?
         echo piped | '{GLASS}' run --watch -- nc -N 192.0.2.2 7 >page; echo code $?; }}"
    );
    let terminal = Terminal::open(&dir, (80, 24), &line);
    terminal.shows(&["sh runs", "0 connections", "none yet"]);
    terminal.types("o");
    terminal.shows(&["output of sh: 8 octets", "started"]);
    terminal.types("q");
    terminal.shows(&["sh still runs: q again ends it"]);
    terminal.types("k");
    terminal.shows(&["q quit"]);
    terminal.types("C-c");
    terminal.shows(&["sh was ended by signal 2 (code 130)"]);
    terminal.types("q");
    terminal.shows(&["sh runs", "0 connections"]);
    terminal.types("q");
    terminal.shows(&["q again ends it"]);
    terminal.types("q");
    // What is no terminal is left alone, on both sides.
    terminal.shows(&["nc has ended with code 0", "ladder of #1", "CLOSED"]);
    assert_eq!(fs::read_to_string(dir.join("page")).expect("it is there"), "piped\n");
    terminal.types("q");
    terminal.shows(&["after$"]);
    let screen = terminal.tmux("capture-pane -p -J -S -200").out();
    let codes: Vec<_> = screen.lines().filter(|line| line.starts_with("code ")).collect();
    assert_eq!(codes, ["code 130", "code 143", "code 0"], "{screen}");
    assert_eq!(screen.matches("started\n").count(), 2, "printed in the end\n{screen}");
    terminal.close();
    let done = start_outside(&format!("setsid -w '{GLASS}' run --watch -- true")).wait();
    done.ended_with(2).says("--watch needs a terminal");
}
