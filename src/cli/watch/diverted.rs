//! What would be written on the terminal while a screen has it: by a program that was started with the screen,
//! and by ourselves. Of stdin, stdout and stderr those that are the terminal lead elsewhere meanwhile; those that are
//! a file or a pipe are left alone.

use std::fs::File;
use std::io::{self, IsTerminal, PipeReader, PipeWriter, Read, Write, stderr, stdin, stdout};
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::fcntl_dupfd_cloexec;
use rustix::stdio::{dup2_stderr, dup2_stdin, dup2_stdout};

use crate::view::screen::Written;

/// Where they led before.
static BEFORE: Mutex<Before> = Mutex::new(Before { stdin: None, stdout: None, stderr: None });

struct Before {
    stdin: Option<OwnedFd>,
    stdout: Option<OwnedFd>,
    stderr: Option<OwnedFd>,
}

/// Collects what is written. Dropped, everything leads where it led before, and what was collected is lost.
pub(super) struct Diverted {
    written: Arc<Mutex<Written>>,
    is_over: Arc<AtomicBool>,
    reader: Option<JoinHandle<()>>,
    /// Whether what is collected was meant for stdout as well.
    has_stdout: bool,
}

impl Diverted {
    pub(super) fn begin() -> io::Result<Diverted> {
        let (reader, writer) = io::pipe()?;
        // What is diverted leads back when this goes, wherever that is.
        let mut diverted = Diverted {
            written: Arc::default(),
            is_over: Arc::default(),
            reader: None,
            has_stdout: false,
        };
        divert(&writer)?;
        diverted.has_stdout = lock().stdout.is_some();
        let (written, is_over) = (Arc::clone(&diverted.written), Arc::clone(&diverted.is_over));
        let reading = thread::Builder::new()
            .name("written".to_owned())
            .spawn(move || collect(reader, &written, &is_over))?;
        diverted.reader = Some(reading);
        Ok(diverted)
    }

    /// What was written until now.
    pub(super) fn written(&self) -> MutexGuard<'_, Written> {
        self.written.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Gives everything back, and writes on the terminal what was meant for it.
    pub(super) fn end(mut self) {
        let _ = stdout().flush();
        restore();
        self.is_over.store(true, Ordering::Relaxed);
        if let Some(reader) = self.reader.take() {
            let _ = reader.join();
        }
        let written = self.written();
        // Whoever was meant to read it may be gone.
        let _ = if self.has_stdout {
            written.write_to(&mut stdout())
        } else {
            written.write_to(&mut stderr())
        };
    }
}

impl Drop for Diverted {
    fn drop(&mut self) {
        restore();
        self.is_over.store(true, Ordering::Relaxed);
    }
}

fn divert(writer: &PipeWriter) -> io::Result<()> {
    let mut before = lock();
    if stdin().is_terminal() {
        before.stdin = Some(fcntl_dupfd_cloexec(stdin(), 3)?);
        dup2_stdin(File::open("/dev/null")?)?;
    }
    if stdout().is_terminal() {
        stdout().flush()?;
        before.stdout = Some(fcntl_dupfd_cloexec(stdout(), 3)?);
        dup2_stdout(writer)?;
    }
    if stderr().is_terminal() {
        before.stderr = Some(fcntl_dupfd_cloexec(stderr(), 3)?);
        dup2_stderr(writer)?;
    }
    Ok(())
}

/// Has stdin, stdout and stderr lead where they led before, if they do not.
pub(super) fn restore() {
    let mut before = lock();
    // There is nothing to be done about one that cannot be had back.
    let _ = before.stdin.take().map(dup2_stdin);
    let _ = before.stdout.take().map(dup2_stdout);
    let _ = before.stderr.take().map(dup2_stderr);
}

/// Until nobody can write any more, or it is over and all has been read.
fn collect(mut from: PipeReader, written: &Mutex<Written>, is_over: &AtomicBool) {
    const PATIENCE: Timespec = Timespec { tv_sec: 0, tv_nsec: 50_000_000 };
    let mut buffer = vec![0; 64 << 10];
    // As much as a pipe holds: somebody may go on writing whom nobody could end.
    let mut rest = 64 << 10;
    loop {
        // In this order: what was written before it was over is read.
        let was_over = is_over.load(Ordering::Relaxed);
        let patience = if was_over { Timespec { tv_sec: 0, tv_nsec: 0 } } else { PATIENCE };
        match poll(&mut [PollFd::new(&from, PollFlags::IN)], Some(&patience)) {
            Ok(0) if was_over => return,
            Ok(0) | Err(rustix::io::Errno::INTR) => {}
            Ok(_) => match from.read(&mut buffer) {
                Ok(0) | Err(_) => return,
                Ok(octets) => {
                    written.lock().unwrap_or_else(PoisonError::into_inner).push(&buffer[..octets]);
                    rest -= if was_over { octets.min(rest) } else { 0 };
                    if rest == 0 {
                        return;
                    }
                }
            },
            Err(_) => return,
        }
    }
}

fn lock() -> MutexGuard<'static, Before> {
    BEFORE.lock().unwrap_or_else(PoisonError::into_inner)
}
