//! The thread that writes a log, and what waits for it: files may be slow, full or gone, and none of that is the
//! business of whoever is being answered.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::Duration;
use std::{fmt, thread};

/// Lines are gathered for so long, counted from the first.
const GATHERING: Duration = Duration::from_millis(50);
/// Or until there are so many octets of them.
const ENOUGH: usize = 64 * 1024;
/// More than that does not wait for a log that is not written.
const MOST: usize = 4 * 1024 * 1024;
/// How long the end of the program waits for the log.
const PATIENCE: Duration = Duration::from_secs(2);

/// Where a log goes.
pub(super) enum Output {
    File { path: PathBuf, file: File },
    Stream(Box<dyn Write + Send>),
}

impl Output {
    pub(super) fn file(path: &Path) -> io::Result<Self> {
        Ok(Output::File { path: path.to_owned(), file: append_to(path)? })
    }

    pub(super) fn stream(stream: impl Write + Send + 'static) -> Self {
        Output::Stream(Box::new(stream))
    }

    fn write(&mut self, lines: &[u8]) -> io::Result<()> {
        match self {
            Output::File { file, .. } => file.write_all(lines),
            Output::Stream(stream) => stream.write_all(lines).and_then(|()| stream.flush()),
        }
    }

    fn reopen(&mut self) -> io::Result<()> {
        match self {
            Output::File { path, file } => *file = append_to(path)?,
            Output::Stream(_) => {}
        }
        Ok(())
    }
}

fn append_to(path: &Path) -> io::Result<File> {
    OpenOptions::new().append(true).create(true).open(path)
}

/// Takes lines and has them written. The last one to drop it ends the thread, once all is written.
pub(super) struct Writer(Arc<Shared>);

struct Shared {
    queue: Mutex<Queue>,
    /// There is something to do for the thread.
    work: Condvar,
    /// The thread has ended.
    ended: Condvar,
}

#[derive(Default)]
struct Queue {
    lines: Vec<u8>,
    reopen: bool,
    closing: bool,
    has_ended: bool,
    /// Lines that the thread has taken and not written.
    in_hand: u64,
    lost: u64,
    has_warned: bool,
}

impl Writer {
    pub(super) fn start(output: Output) -> io::Result<Self> {
        let shared = Arc::new(Shared {
            queue: Mutex::default(),
            work: Condvar::new(),
            ended: Condvar::new(),
        });
        let theirs = Arc::clone(&shared);
        thread::Builder::new().name("access-log".into()).spawn(move || theirs.run(output))?;
        Ok(Writer(shared))
    }

    /// Takes one line, whole. Never waits for more than another line that is being taken.
    pub(super) fn write(&self, line: &[u8]) {
        let mut queue = self.0.lock();
        if queue.closing {
            return;
        }
        if queue.lines.len() + line.len() > MOST {
            return queue.lose(1, &"it is not written as fast as requests come");
        }
        let before = queue.lines.len();
        queue.lines.extend_from_slice(line);
        let is_news = before == 0 || (before < ENOUGH && queue.lines.len() >= ENOUGH);
        drop(queue);
        if is_news {
            self.0.work.notify_one();
        }
    }

    pub(super) fn reopen(&self) {
        self.0.lock().reopen = true;
        self.0.work.notify_one();
    }

    pub(super) fn finish(&self) -> u64 {
        self.close();
        let queue = self.0.lock();
        let waited = self.0.ended.wait_timeout_while(queue, PATIENCE, |queue| !queue.has_ended);
        let (mut queue, _) = waited.expect(NO_PANIC);
        if !queue.has_ended {
            let left = lines_in(&queue.lines) + queue.in_hand;
            queue.lose(left, &"it does not get on");
        }
        queue.lost
    }

    fn close(&self) {
        self.0.lock().closing = true;
        self.0.work.notify_one();
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.close();
    }
}

impl fmt::Debug for Writer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Writer").field("lost", &self.0.lock().lost).finish_non_exhaustive()
    }
}

const NO_PANIC: &str = "nothing under this lock panics";

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().expect(NO_PANIC)
    }

    fn run(&self, mut output: Output) {
        let mut lines = Vec::new();
        loop {
            let (reopen, closing) = self.wait(&mut lines);
            if let Err(error) = output.write(&lines) {
                self.lock().lose(lines_in(&lines), &error);
            }
            lines.clear();
            // What was a flood once need not stay.
            lines.shrink_to(2 * ENOUGH);
            if reopen && let Err(error) = output.reopen() {
                self.lock().lose(0, &error);
            }
            let mut queue = self.lock();
            queue.in_hand = 0;
            if closing && queue.lines.is_empty() {
                queue.has_ended = true;
                self.ended.notify_all();
                return;
            }
        }
    }

    /// Waits for lines, and for more of them. They are swapped for the empty `lines`.
    fn wait(&self, lines: &mut Vec<u8>) -> (bool, bool) {
        let queue = self.lock();
        let is_urgent = |queue: &Queue| queue.closing || queue.reopen;
        let nothing = |queue: &mut Queue| queue.lines.is_empty() && !is_urgent(queue);
        let queue = self.work.wait_while(queue, nothing).expect(NO_PANIC);
        let too_few = |queue: &mut Queue| queue.lines.len() < ENOUGH && !is_urgent(queue);
        let waited = self.work.wait_timeout_while(queue, GATHERING, too_few);
        let (mut queue, _) = waited.expect(NO_PANIC);
        std::mem::swap(&mut queue.lines, lines);
        queue.in_hand = lines_in(lines);
        (std::mem::take(&mut queue.reopen), queue.closing)
    }
}

impl Queue {
    fn lose(&mut self, lines: u64, why: &dyn fmt::Display) {
        self.lost += lines;
        if !std::mem::replace(&mut self.has_warned, true) {
            log::warn!(
                "the access log cannot be written: {why}; requests are answered all the same"
            );
        }
    }
}

fn lines_in(text: &[u8]) -> u64 {
    text.split(|octet| *octet == b'\n').count() as u64 - 1
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    fn file(name: &str) -> PathBuf {
        std::env::temp_dir().join(format!("glass-access-log-{}-{name}", std::process::id()))
    }

    #[test]
    fn lines_are_appended_and_a_file_that_was_moved_away_is_left_to_the_old_ones() {
        let (path, moved) = (file("log"), file("log.1"));
        std::fs::write(&path, "before\n").unwrap();
        let writer = Writer::start(Output::file(&path).unwrap()).unwrap();
        writer.write(b"one\n");
        std::fs::rename(&path, &moved).unwrap();
        writer.reopen();
        for _ in 0..1000 {
            if path.exists() {
                break;
            }
            thread::sleep(Duration::from_millis(10));
        }
        writer.write(b"two\n");
        assert_eq!(writer.finish(), 0);
        let read = |path: &Path| std::fs::read_to_string(path).unwrap();
        assert_eq!((read(&moved), read(&path)), ("before\none\n".into(), "two\n".into()));
        std::fs::remove_file(path).unwrap();
        std::fs::remove_file(moved).unwrap();
    }

    /// Gets stuck in its first line until it is let go.
    struct Stuck(mpsc::Receiver<()>);

    impl Write for Stuck {
        fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
            self.0.recv().map_err(|_| io::ErrorKind::StorageFull)?;
            Ok(octets.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_log_that_is_stuck_holds_up_nobody_and_what_is_lost_is_counted() {
        let (go, stuck) = mpsc::channel();
        let writer = Writer::start(Output::stream(Stuck(stuck))).unwrap();
        let line = [b"x".repeat(1023), b"\n".to_vec()].concat();
        for _ in 0..16 * 1024 {
            writer.write(&line);
        }
        let held = writer.0.lock().lines.len();
        assert!(held <= MOST && held + line.len() > MOST, "{held}");
        let lost = writer.0.lock().lost;
        assert!(
            (8 * 1024..=12 * 1024).contains(&lost),
            "as much again is in the thread's hands: {lost}"
        );
        drop(go);
        assert_eq!(writer.finish(), 16 * 1024, "then the disk was full");
    }

    #[test]
    fn a_log_that_is_never_written_ends_all_the_same() {
        let (_go, stuck) = mpsc::channel();
        let writer = Writer::start(Output::stream(Stuck(stuck))).unwrap();
        writer.write(b"one\n");
        writer.write(b"two\n");
        assert_eq!(writer.finish(), 2);
    }
}
