//! CMD of `glass run`: started, watched over, and cleaned up after. The process is a subreaper, so
//! that what CMD leaves behind becomes a child of ours and can be ended.
//!
//! Everything here waits for any child at all, so nothing else in the process may start children
//! and wait for them itself.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;
use std::time::Duration;
use std::{env, fmt, fs, io};

use rustix::io::Errno;
use rustix::process::{
    Pid, Signal, WaitOptions, WaitStatus, getpgrp, getpid, kill_process, kill_process_group,
    set_child_subreaper, wait,
};
use rustix::termios::tcgetpgrp;
use tokio::signal::unix::{self, SignalKind};

use super::open_files;

/// Exit code: a failure of our own, and not of CMD.
const FAILED: u8 = 125;
/// Exit code: CMD is there, and cannot be executed.
const NOT_EXECUTABLE: u8 = 126;
/// Exit code: there is no such CMD.
const NOT_FOUND: u8 = 127;

/// Files that are written by this process: a `glass get` in CMD would write over them. With them goes what
/// means nothing without them, and the terminal.
const FILES_OF_OURS: [&str; 12] = [
    "GLASS_ACCESS_LOG",
    "GLASS_ACCESS_LOG_FORMAT",
    "GLASS_CERT_OUT",
    "GLASS_EVENTS",
    "GLASS_LADDER_HTML",
    "GLASS_LADDER_SVG",
    "GLASS_PCAP",
    "GLASS_PCAP_LIMIT",
    "GLASS_PCAP_SECRETS",
    "GLASS_PCAP_SNAPLEN",
    "GLASS_RECORD",
    "GLASS_RUN_WATCH",
];

/// How long to sleep between two looks at what is left.
const LOOK: Duration = Duration::from_millis(10);
/// After so many looks, SIGTERM was not enough: half a second.
const LOOKS_OF_GRACE: u32 = 50;
/// After so many looks not even SIGKILL was: three seconds.
const LOOKS_AT_MOST: u32 = 300;

/// CMD, running. It has the terminal and our process group: what the keyboard sends it gets itself.
#[derive(Debug)]
pub struct Child {
    pid: Pid,
    /// It leads a process group of its own, and signals are for all of that.
    leads: bool,
    /// How it ended, once it has.
    code: Option<i32>,
    signals: Signals,
}

impl Child {
    /// Starts `command`: a program and its arguments. It inherits everything of ours, with the
    /// directory of this very program at the end of PATH, so that it finds `glass`, and with the
    /// variables of `environment`. From here on SIGINT, SIGQUIT, SIGTERM and SIGHUP no longer end
    /// this process, and it is a subreaper.
    ///
    /// Must be called in a tokio runtime with I/O.
    ///
    /// # Errors
    ///
    /// There is no such program, or it cannot be executed.
    ///
    /// # Panics
    ///
    /// When `command` is empty.
    pub fn spawn(command: &[OsString], environment: &[(&str, &str)]) -> Result<Child, SpawnError> {
        Child::start(command, environment, false)
    }

    /// The same in a process group of its own, in the background of the terminal: what the keyboard sends is
    /// not for it.
    ///
    /// # Errors
    ///
    /// As [`Child::spawn`].
    ///
    /// # Panics
    ///
    /// As [`Child::spawn`].
    pub fn spawn_apart(
        command: &[OsString],
        environment: &[(&str, &str)],
    ) -> Result<Child, SpawnError> {
        Child::start(command, environment, true)
    }

    fn start(
        command: &[OsString],
        environment: &[(&str, &str)],
        leads: bool,
    ) -> Result<Child, SpawnError> {
        let (program, arguments) = command.split_first().expect("the command line asks for a CMD");
        let failed = |source| SpawnError { program: program.clone(), source };
        set_child_subreaper(Some(getpid())).map_err(|errno| failed(errno.into()))?;
        // Before CMD is there, so that none of its signals is missed. `exec` puts handlers back to
        // the default, so CMD starts as if it were alone.
        let signals = Signals::new().map_err(failed)?;
        let mut command = Command::new(program);
        FILES_OF_OURS.iter().for_each(|name| {
            command.env_remove(name);
        });
        command.args(arguments).envs(environment.iter().copied());
        if leads {
            command.process_group(0);
        }
        if let Some(path) = path_with_this_program() {
            command.env("PATH", path);
        }
        let child = open_files::as_at_first(|| command.spawn()).map_err(|error| {
            // Also what it says when a directory of PATH may not be searched, and CMD is nowhere.
            let is_denied = error.kind() == io::ErrorKind::PermissionDenied;
            failed(if is_denied && !is_there(program) { Errno::NOENT.into() } else { error })
        })?;
        let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
        let pid = pid.expect("a process id is a positive i32");
        Ok(Child { pid, leads, code: None, signals })
    }

    /// Its process id.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.pid.as_raw_nonzero().get().unsigned_abs()
    }

    /// Waits for it to end and returns its exit code, or 128 and the number of the signal that ended
    /// it, as shells do. Meanwhile SIGTERM and SIGHUP are forwarded to it, and orphans are reaped.
    /// Cancel safe; once it has ended, returns the same again.
    pub async fn wait(&mut self) -> i32 {
        loop {
            self.reap();
            if let Some(code) = self.code {
                return code;
            }
            if let Some(signal) = self.signals.next(self.leads).await {
                self.signal(signal);
            }
        }
    }

    /// Sends it `signal`, and to its process group if it leads one; nothing once it has ended.
    pub fn signal(&self, signal: Signal) {
        if self.code.is_some() {
            return;
        }
        // Not reaped, so the id is still its own. It may be dead, which is no news.
        let _ = if self.leads {
            kill_process_group(self.pid, signal)
        } else {
            kill_process(self.pid, signal)
        };
    }

    fn reap(&mut self) {
        loop {
            match reap_one() {
                Reaped::One(pid, status) if pid == self.pid => self.code = Some(exit_code(status)),
                Reaped::One(..) => {}
                Reaped::NoneYet => return,
                Reaped::NoChildren => {
                    // Without a code, somebody else has waited for it: better than for ever.
                    self.code.get_or_insert(i32::from(FAILED));
                    return;
                }
            }
        }
    }
}

/// Whether `program` can be seen in a directory of PATH. A name with a slash is not looked for there:
/// what the system said of it holds.
fn is_there(program: &OsStr) -> bool {
    if program.as_encoded_bytes().contains(&b'/') {
        return true;
    }
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path).any(|dir| dir.join(program).is_file())
}

/// Why CMD did not start.
#[derive(Debug)]
pub struct SpawnError {
    program: OsString,
    source: io::Error,
}

impl SpawnError {
    /// The program's exit code, as of shells and `env`: 127 when there is no such CMD, 126 when it
    /// cannot be executed, 125 when the failure is not CMD's.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match self.source.kind() {
            io::ErrorKind::NotFound => NOT_FOUND,
            io::ErrorKind::WouldBlock | io::ErrorKind::OutOfMemory => FAILED,
            _ => NOT_EXECUTABLE,
        }
    }
}

impl fmt::Display for SpawnError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let program = self.program.display();
        let has_slash = self.program.as_encoded_bytes().contains(&b'/');
        match Errno::from_io_error(&self.source) {
            Some(Errno::NOENT) if has_slash && Path::new(&self.program).exists() => write!(
                f,
                "{program}: the interpreter that it names, in its #! line or as an executable, is \
                 not there"
            ),
            Some(Errno::NOENT) if has_slash => write!(f, "{program}: no such file"),
            Some(Errno::NOENT) => write!(f, "{program}: command not found"),
            Some(Errno::ACCESS) if Path::new(&self.program).is_dir() => {
                write!(f, "{program}: is a directory")
            }
            Some(Errno::ACCESS) => write!(f, "{program}: not executable; try: chmod +x"),
            Some(Errno::NOEXEC) => {
                write!(
                    f,
                    "{program}: not a program, nor a script with a #! line; try: sh {program}"
                )
            }
            _ => write!(f, "{program}: {}", self.source),
        }?;
        if self.program.as_encoded_bytes().contains(&b' ') {
            f.write_str(". CMD is a program and its arguments; for a line of shell: sh -c '...'")?;
        }
        Ok(())
    }
}

/// The message holds what the system said, so there is no `source` to print after it.
impl std::error::Error for SpawnError {}

/// What CMD left behind, by process id and name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Leftovers {
    /// Has been ended.
    pub ended: BTreeMap<i32, String>,
    /// Does not end, not even by SIGKILL: it hangs in the kernel, or belongs to somebody else.
    pub remaining: BTreeMap<i32, String>,
}

/// Ends all children of this process, and all theirs, which become ours as their parents end:
/// SIGTERM, and SIGKILL to whoever is left after half a second. Gives up after three.
///
/// Must be called in a tokio runtime with a timer.
pub async fn end_leftovers() -> Leftovers {
    let mut leftovers = Leftovers::default();
    for look in 0..LOOKS_AT_MOST {
        while let Reaped::One(..) = reap_one() {}
        if let Reaped::NoChildren = reap_one() {
            leftovers.remaining.clear();
            return leftovers;
        }
        // Nothing is reaped from here to the end of the round, so the ids stay theirs.
        leftovers.remaining.clear();
        for (pid, Process { name, has_ended, .. }) in children() {
            // One that ended just now will be reaped; if it has not been after the grace, only its
            // main thread has ended.
            if has_ended && look < LOOKS_OF_GRACE {
                continue;
            }
            let raw = pid.as_raw_nonzero().get();
            let is_new = leftovers.ended.insert(raw, name.clone()).is_none();
            leftovers.remaining.insert(raw, name);
            if look >= LOOKS_OF_GRACE {
                let _ = kill_process(pid, Signal::KILL);
            } else if is_new {
                let _ = kill_process(pid, Signal::TERM);
                // One that is stopped would not see it otherwise.
                let _ = kill_process(pid, Signal::CONT);
            }
        }
        tokio::time::sleep(LOOK).await;
    }
    leftovers.ended.retain(|pid, _| !leftovers.remaining.contains_key(pid));
    leftovers
}

/// The signals that come to us while CMD runs. `None` for one that whoever started us had set to be
/// ignored (`nohup`, or `&` in a script): it stays so, for us and for CMD.
#[derive(Debug)]
struct Signals {
    child: unix::Signal,
    interrupt: Option<unix::Signal>,
    quit: Option<unix::Signal>,
    terminate: Option<unix::Signal>,
    hangup: Option<unix::Signal>,
}

impl Signals {
    fn new() -> io::Result<Self> {
        let ignored = ignored_signals();
        let unless_ignored = |kind: SignalKind| {
            let bit = 1 << (kind.as_raw_value() - 1);
            if ignored & bit == 0 { unix::signal(kind).map(Some) } else { Ok(None) }
        };
        Ok(Signals {
            child: unix::signal(SignalKind::child())?,
            interrupt: unless_ignored(SignalKind::interrupt())?,
            quit: unless_ignored(SignalKind::quit())?,
            terminate: unless_ignored(SignalKind::terminate())?,
            hangup: unless_ignored(SignalKind::hangup())?,
        })
    }

    /// Waits for a signal and returns the one that CMD is to get for it, if any.
    async fn next(&mut self, leads: bool) -> Option<Signal> {
        // What leads a group of its own hears nothing from the keyboard.
        let heard = |signal| if leads { Some(signal) } else { unless_from_keyboard(signal) };
        tokio::select! {
            () = received(Some(&mut self.child)) => None,
            () = received(self.terminate.as_mut()) => Some(Signal::TERM),
            () = received(self.hangup.as_mut()) => Some(Signal::HUP),
            () = received(self.interrupt.as_mut()) => heard(Signal::INT),
            () = received(self.quit.as_mut()) => heard(Signal::QUIT),
        }
    }
}

/// Waits for ever when there is nothing to wait for.
async fn received(signal: Option<&mut unix::Signal>) {
    match signal {
        Some(signal) => drop(signal.recv().await),
        None => std::future::pending().await,
    }
}

/// With our process group in the terminal's foreground the keyboard sends to CMD too, and once is
/// enough. Else somebody sent it to us alone, and CMD has to hear of it from us.
fn unless_from_keyboard(signal: Signal) -> Option<Signal> {
    let terminal = fs::File::open("/dev/tty").ok();
    let foreground = terminal.and_then(|terminal| tcgetpgrp(terminal).ok());
    (foreground != Some(getpgrp())).then_some(signal)
}

/// A bit for each signal that this process ignores, from the least significant: SIGHUP, SIGINT, ...
fn ignored_signals() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0)
}

enum Reaped {
    One(Pid, WaitStatus),
    /// There are children, and none of them has ended.
    NoneYet,
    NoChildren,
}

fn reap_one() -> Reaped {
    match rustix::io::retry_on_intr(|| wait(WaitOptions::NOHANG)) {
        Ok(Some((pid, status))) => Reaped::One(pid, status),
        Ok(None) => Reaped::NoneYet,
        Err(_) => Reaped::NoChildren,
    }
}

fn exit_code(status: WaitStatus) -> i32 {
    match (status.exit_status(), status.terminating_signal()) {
        (Some(code), _) => code,
        (None, Some(signal)) => 128 + signal,
        (None, None) => i32::from(FAILED),
    }
}

/// The children of this process, those that have ended and not been reaped among them.
fn children() -> Vec<(Pid, Process)> {
    let us = getpid().as_raw_nonzero().get();
    let Ok(processes) = fs::read_dir("/proc") else { return Vec::new() };
    processes
        .filter_map(Result::ok)
        .filter(|entry| entry.file_name().as_encoded_bytes()[0].is_ascii_digit())
        .filter_map(|entry| fs::read(entry.path().join("stat")).ok())
        .filter_map(|stat| parse_stat(&String::from_utf8_lossy(&stat)))
        .filter(|process| process.parent == us)
        .filter_map(|process| Some((Pid::from_raw(process.pid)?, process)))
        .collect()
}

#[derive(Debug, PartialEq, Eq)]
struct Process {
    pid: i32,
    name: String,
    has_ended: bool,
    parent: i32,
}

/// Reads the beginning of `/proc/PID/stat`: `7 (name) S 1 ...`. The name may hold anything, spaces
/// and parentheses too.
fn parse_stat(stat: &str) -> Option<Process> {
    let (pid, rest) = stat.split_once(" (")?;
    let (name, rest) = rest.rsplit_once(") ")?;
    let mut fields = rest.split(' ');
    let has_ended = matches!(fields.next()?, "Z" | "X" | "x");
    let parent = fields.next()?.parse().ok()?;
    Some(Process { pid: pid.parse().ok()?, name: name.to_owned(), has_ended, parent })
}

/// PATH with the directory of this program at its end; `None` when it is in it already or cannot be.
pub(super) fn path_with_this_program() -> Option<OsString> {
    let program = env::current_exe().ok()?;
    path_with(env::var_os("PATH").as_deref(), program.parent()?)
}

fn path_with(path: Option<&OsStr>, directory: &Path) -> Option<OsString> {
    // What `execvp` searches when there is no PATH.
    let path = path.unwrap_or(OsStr::new("/bin:/usr/bin"));
    let mut directories: Vec<_> = env::split_paths(path).collect();
    if directories.iter().any(|known| known == directory) {
        return None;
    }
    directories.push(directory.to_owned());
    env::join_paths(directories).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(program: &str, errno: Errno) -> SpawnError {
        SpawnError { program: program.into(), source: errno.into() }
    }

    #[test]
    fn shells_codes_and_a_word_of_advice() {
        for (error, code, words) in [
            (error("frobnicate", Errno::NOENT), 127, "frobnicate: command not found"),
            (error("/no/such/file", Errno::NOENT), 127, "no such file"),
            (error("/etc/passwd", Errno::NOENT), 127, "interpreter"),
            (error("/etc/passwd", Errno::ACCESS), 126, "chmod +x"),
            (error("/etc", Errno::ACCESS), 126, "is a directory"),
            (error("/etc/passwd", Errno::NOEXEC), 126, "try: sh /etc/passwd"),
            (error("curl -sS http://192.0.2.2/", Errno::NOENT), 127, "sh -c"),
            (error("sh", Errno::AGAIN), 125, "sh: "),
        ] {
            assert_eq!(error.exit_code(), code, "{error}");
            assert!(error.to_string().contains(words), "{error}");
        }
    }

    #[test]
    fn a_name_may_hold_anything() {
        let name = ") S 1 (".to_owned();
        let process = Process { pid: 42, name, has_ended: false, parent: 7 };
        assert_eq!(parse_stat("42 () S 1 () T 7 42 42 0 -1"), Some(process));
        assert!(parse_stat("42 (sh) Z 7 42").unwrap().has_ended);
        assert_eq!(parse_stat(""), None);
    }

    #[test]
    fn the_directory_comes_last_and_once() {
        let path = |path: &str, directory: &str| {
            path_with(Some(path.as_ref()), directory.as_ref())
                .map(|path| path.into_string().unwrap())
        };
        assert_eq!(
            path("/bin:/usr/bin", "/opt/glass"),
            Some("/bin:/usr/bin:/opt/glass".to_owned())
        );
        assert_eq!(path("/opt/glass:/bin", "/opt/glass"), None);
        assert_eq!(path("/bin", "/a:b"), None, "no way to write it");
        assert_eq!(path_with(None, "/opt".as_ref()), Some("/bin:/usr/bin:/opt".into()));
    }
}
