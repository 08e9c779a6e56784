//! `glass watch` in a real terminal: tmux, in which keys are typed and whose screen is read.

mod kernel_common;

use std::fs;
use std::path::{Path, PathBuf};

use kernel_common::{
    Done, GLASS, Running, User, command, directory, needs, poll, start_inside, start_outside,
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
    let screen = terminal.shows(&["ladder of #1", "►#1", "[ESTABLISHED]", "seq 1:7 (6)"]);
    assert!(screen.lines().all(|line| line.chars().count() <= 80), "{screen}");
    terminal.types("p");
    terminal.shows(&["written: glass-ladder-1.txt"]);
    let ladder = fs::read_to_string(dir.join("glass-ladder-1.txt")).expect("it is there");
    assert!(ladder.contains("SYN,ACK") && ladder.contains("ESTABLISHED"), "{ladder}");
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
    // The peer is killed, and its kernel closes; we follow.
    drop(held);
    terminal.shows(&["#1   CLOSED", "[CLOSED]", "LAST_ACK"]);

    terminal.types("q");
    let screen = terminal.shows(&["after$"]);
    assert!(!screen.contains("ladder of"), "the terminal is as it was before\n{screen}");
    terminal.types("'stty -a | grep -c -w -e -echo -e -icanon; echo done' Enter");
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
