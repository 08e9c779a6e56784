//! The terminal that a screen is drawn on: that of the process, wherever stdin and stdout lead. It is given back as
//! it was, after a panic too.

use std::fs::File;
use std::io::{self, BufWriter};
use std::ops::{Deref, DerefMut};
use std::panic;
use std::sync::Once;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use ratatui::Terminal;
use ratatui::backend::CrosstermBackend;
use ratatui::crossterm::cursor::{MoveTo, Show};
use ratatui::crossterm::event::{self, Event};
use ratatui::crossterm::execute;
use ratatui::crossterm::terminal::{
    Clear, ClearType, EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode,
};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use tokio::sync::mpsc;

use super::diverted;

/// Between two looks at whether anybody still waits for keys.
const LOOK: Timespec = Timespec { tv_sec: 0, tv_nsec: 100_000_000 };

/// Whether a screen has the terminal.
static IS_TAKEN: AtomicBool = AtomicBool::new(false);

/// The terminal, taken. Dropped, it is given back.
pub(super) struct Tty(Terminal<CrosstermBackend<BufWriter<File>>>);

impl Tty {
    /// Takes it.
    ///
    /// # Errors
    ///
    /// There is none, or it is not one that obeys.
    pub(super) fn take() -> io::Result<Tty> {
        static ON_PANIC: Once = Once::new();
        ON_PANIC.call_once(|| {
            let usual = panic::take_hook();
            panic::set_hook(Box::new(move |why| {
                give_back();
                diverted::restore();
                usual(why);
            }));
        });
        let mut file = open()?;
        IS_TAKEN.store(true, Ordering::SeqCst);
        let taken = enable_raw_mode().and_then(|()| execute!(file, EnterAlternateScreen));
        let terminal =
            taken.and_then(|()| Terminal::new(CrosstermBackend::new(BufWriter::new(file))));
        // Here it is dropped, and given back, if it could not be had whole.
        terminal.map(Tty).inspect_err(|_| give_back())
    }

    /// What is typed, and that the window has changed, until nobody asks any more.
    pub(super) fn keys() -> mpsc::Receiver<Event> {
        let (sender, receiver) = mpsc::channel(64);
        std::thread::spawn(move || {
            let Ok(terminal) = open() else { return };
            while !sender.is_closed() && is_there(&terminal) && pass_on(&sender).is_ok() {}
        });
        receiver
    }
}

/// Waits a while for something to be typed, and says whether the terminal is still there: from one that is not
/// events would be read without end.
fn is_there(terminal: &File) -> bool {
    let mut looked_at = [PollFd::new(terminal, PollFlags::IN)];
    match poll(&mut looked_at, Some(&LOOK)) {
        Ok(_) => !looked_at[0].revents().intersects(PollFlags::HUP | PollFlags::ERR),
        Err(error) => error == Errno::INTR,
    }
}

/// Passes on what has been typed, if anything has.
fn pass_on(keys: &mpsc::Sender<Event>) -> io::Result<()> {
    while event::poll(Duration::ZERO)? {
        keys.blocking_send(event::read()?).map_err(io::Error::other)?;
    }
    Ok(())
}

impl Deref for Tty {
    type Target = Terminal<CrosstermBackend<BufWriter<File>>>;

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

impl DerefMut for Tty {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.0
    }
}

impl Drop for Tty {
    fn drop(&mut self) {
        give_back();
    }
}

/// The terminal of this process, if it has one.
pub(super) fn open() -> io::Result<File> {
    File::options().read(true).write(true).open("/dev/tty")
}

fn give_back() {
    if IS_TAKEN.swap(false, Ordering::SeqCst) {
        let _ = disable_raw_mode();
        // Cleared before, or tmux leaves some of it where it was made larger meanwhile.
        let _ = open().and_then(|mut file| {
            execute!(file, Clear(ClearType::All), MoveTo(0, 0), LeaveAlternateScreen, Show)
        });
    }
}

#[cfg(test)]
mod tests {
    use std::env;
    use std::process::{Command, Stdio};

    use super::*;

    #[test]
    #[ignore = "it panics: the test below runs it, on a terminal of its own"]
    fn panics() {
        let _tty = Tty::take().expect("a terminal");
        panic!("what went wrong");
    }

    #[test]
    fn a_panic_is_read_on_a_terminal_as_it_was_before() {
        let program = env::current_exe().expect("this program");
        let it = "cli::watch::tty::tests::panics";
        let run = format!("{program:?} --ignored --exact --nocapture {it}; stty -g");
        let commands = format!("stty -g; {run}");
        let mut script = Command::new("script");
        let script = script.args(["-qec", &commands, "/dev/null"]).stdin(Stdio::null());
        let output = script.output().expect("script, which runs it on a terminal");
        let shown = String::from_utf8_lossy(&output.stdout);
        let lines: Vec<_> = shown.lines().collect();
        assert_eq!(lines.first(), lines.last(), "the settings of the terminal\n{shown}");
        assert!(shown.contains("panicked at"), "{shown}");
        let before = |first: &str, second: &str| {
            let places = shown.find(first).zip(shown.find(second));
            places.is_some_and(|(first, second)| first < second)
        };
        let (taken, given_back, why) = ("\x1b[?1049h", "\x1b[?1049l", "what went wrong");
        assert!(before(taken, given_back) && before(given_back, why), "{shown:?}");
    }
}
