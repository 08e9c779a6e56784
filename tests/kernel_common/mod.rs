//! What the tests of the built program share: starting it as one user or another, in a network of its
//! own, watching it with bounds, and reading its ladders. Nothing here touches the host's network.

#![allow(dead_code, reason = "each test file uses its own part")]

mod ladder;

use std::ffi::OsStr;
use std::fmt;
use std::io::Read;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle, sleep};
use std::time::Duration;
use std::{env, fs};

use rustix::process::{Pid, Signal, geteuid, kill_process};

pub use ladder::{Ladder, ladders};

/// The program under test.
pub const GLASS: &str = env!("CARGO_BIN_EXE_glass");

/// The time between two looks at whether something has come true.
const LOOK: Duration = Duration::from_millis(10);
/// So many looks at most: two minutes, for machines that are busy.
const LOOKS: u32 = 12_000;

/// Every process that a test starts has this in its environment, with a value of its own.
const MARK: &str = "KERNEL_TEST_MARK";

/// Who runs the program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum User {
    Root,
    /// Neither root nor capabilities, and a TUN driver that anybody may open, as udev makes it.
    Ordinary,
    /// The same, but the TUN driver is root's alone.
    OrdinaryWithoutTun,
    /// Root, where there is no TUN driver at all.
    RootWithoutDriver,
}

/// Addresses of IPv4, or those of IPv6 in their place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    V4,
    V6,
}

/// Each user once, and each family once: neither has to do with the other.
pub const EACH: [(User, Family); 2] = [(User::Root, Family::V4), (User::Ordinary, Family::V6)];

impl Family {
    pub const BOTH: [Family; 2] = [Family::V4, Family::V6];

    /// The text, with 2001:db8::N for each 192.0.2.N: in brackets in a URL, and before a port.
    pub fn of(self, text: &str) -> String {
        const NETWORK: &str = "192.0.2.";
        if self == Family::V4 {
            return text.to_owned();
        }
        let mut parts = text.split(NETWORK);
        let mut done = parts.next().unwrap_or_default().to_owned();
        for part in parts {
            let digits = part.find(|sign: char| !sign.is_ascii_digit()).unwrap_or(part.len());
            let (host, rest) = part.split_at(digits);
            let [open, close] =
                if done.ends_with("//") || rest.starts_with(':') { ["[", "]"] } else { ["", ""] };
            done += &[open, "2001:db8::", host, close, rest].concat();
        }
        done
    }
}

impl User {
    /// A script for `unshare --mount sh`, in which "$@" is the program and its arguments. It runs in
    /// a directory of its own, which anybody may write to.
    fn script(self) -> &'static str {
        match self {
            User::Root => "mount -t tmpfs none /mnt; cd /mnt; exec \"$@\"",
            User::Ordinary => {
                "mount -t tmpfs none /dev/net; mknod -m 0666 /dev/net/tun c 10 200
                 glass=$1; shift; touch /dev/net/glass; mount --bind \"$glass\" /dev/net/glass
                 mkdir -m 0777 /dev/net/work; chmod 0755 /dev/net; cd /dev/net/work
                 exec setpriv --reuid 65534 --regid 65534 --clear-groups /dev/net/glass \"$@\""
            }
            User::OrdinaryWithoutTun => {
                "mount -t tmpfs none /dev/net; mknod -m 0600 /dev/net/tun c 10 200
                 glass=$1; shift; touch /dev/net/glass; mount --bind \"$glass\" /dev/net/glass
                 chmod 0755 /dev/net; cd /dev/net
                 exec setpriv --reuid 65534 --regid 65534 --clear-groups /dev/net/glass \"$@\""
            }
            User::RootWithoutDriver => "mount -t tmpfs none /dev/net; exec \"$@\"",
        }
    }
}

/// Fails, saying what to install, unless each of these programs is there, and we are root.
pub fn needs(programs: &[&str]) {
    assert!(
        geteuid().is_root(),
        "this test needs root, to become other users and to make network namespaces of its own: run \
         scripts/test as root, or: sudo -E env PATH=\"$PATH\" cargo test"
    );
    let path = env::var_os("PATH").unwrap_or_default();
    for program in ["unshare", "nsenter", "setpriv", "mount"].iter().chain(programs) {
        let is_there = env::split_paths(&path).any(|dir| dir.join(program).exists());
        let package = match *program {
            "curl" => "curl",
            "nc" => "netcat-openbsd",
            "openssl" => "openssl",
            "python3" => "python3",
            "ping" => "iputils-ping",
            "ip" => "iproute2",
            "mount" => "mount",
            "tmux" => "tmux",
            "h2load" => "nghttp2-client",
            "wrk" => "wrk",
            "unshare" | "nsenter" | "setpriv" | "setsid" => "util-linux",
            other => panic!("in which package is {other}?"),
        };
        assert!(is_there, "this test needs {program}: apt-get install {package}");
    }
}

/// The program with these arguments, not yet started.
pub fn command(user: User, before: &str, arguments: &[&str]) -> Command {
    command_of(GLASS, user, before, arguments)
}

/// The same of another program.
pub fn command_of(
    program: impl AsRef<OsStr>,
    user: User,
    before: &str,
    arguments: &[&str],
) -> Command {
    let mut command = Command::new("unshare");
    let script = format!("set -e\n{before}\n{}", user.script());
    command.args(["--mount", "--net", "sh", "-c", &script, "sh"]).arg(program).args(arguments);
    in_plain_environment(command)
}

/// Runs `glass run OPTIONS -- sh -c LINE` as `user` to its end.
pub fn run(user: User, options: &[&str], line: &str) -> Done {
    let arguments = [&["run"], options, &["--", "sh", "-c", line]].concat();
    Running::start(command(user, "", &arguments)).wait()
}

/// The same over a family: the line, and the options, are written with addresses of IPv4.
pub fn run_over(family: Family, user: User, options: &[&str], line: &str) -> Done {
    let options: Vec<_> = options.iter().map(|option| family.of(option)).collect();
    let options: Vec<_> = options.iter().map(String::as_str).collect();
    run(user, &options, &family.of(line))
}

/// Runs a line of shell in the namespaces of `inside`, to its end.
pub fn shell_inside(inside: &Running, line: &str) -> Done {
    start_inside(inside, line).wait()
}

/// Starts a line of shell in the namespaces of `inside`.
pub fn start_inside(inside: &Running, line: &str) -> Running {
    let pid = inside.child.id().to_string();
    let mut command = Command::new("nsenter");
    command.args(["--target", &pid, "--net", "--mount", "sh", "-c", line]);
    Running::start(in_plain_environment(command))
}

/// Starts a line of shell where we are: not for anything that has to do with the network.
pub fn start_outside(line: &str) -> Running {
    let mut command = Command::new("sh");
    command.args(["-c", line]);
    Running::start(in_plain_environment(command))
}

/// What our own environment says about proxies, logs, languages and options stays outside.
fn in_plain_environment(mut command: Command) -> Command {
    for (name, _) in env::vars_os() {
        let text = name.to_string_lossy().to_lowercase();
        // So that all of this can be run with offload as well.
        if text == "glass_offload" {
            continue;
        }
        let unwanted = ["_proxy", "rust_log", "glass_", "curl_", "columns", "lc_", "lang"];
        if unwanted.iter().any(|part| text.contains(part)) {
            command.env_remove(name);
        }
    }
    command.env("LC_ALL", "C.UTF-8").env("COLUMNS", "120");
    command
}

/// Looks until there is an answer, and fails when it takes too long.
pub fn poll<T>(what: impl fmt::Display, mut look: impl FnMut() -> Option<T>) -> T {
    for _ in 0..LOOKS {
        if let Some(found) = look() {
            return found;
        }
        sleep(LOOK);
    }
    panic!("in two minutes this has not come true: {what}");
}

/// A new directory for the files of the test `name`.
pub fn directory(name: &str) -> PathBuf {
    let dir = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = fs::remove_dir_all(&dir);
    fs::create_dir_all(&dir).expect("a directory for files of tests");
    dir
}

/// A process that was started, with what it has written so far. Dropped, it is killed, with all that
/// it has started.
pub struct Running {
    child: Child,
    mark: String,
    out: Arc<Mutex<Vec<u8>>>,
    err: Arc<Mutex<Vec<u8>>>,
    readers: Vec<JoinHandle<()>>,
}

/// How a process ended, and all that it wrote.
#[derive(Debug)]
pub struct Done {
    /// 128 and the number of the signal when one ended it.
    pub code: i32,
    pub out: Vec<u8>,
    pub err: String,
}

impl Running {
    pub fn start(mut command: Command) -> Running {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let mark = format!("{}-{count}", std::process::id());
        command.env(MARK, &mark).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let (out, out_reader) = collect(child.stdout.take().expect("piped"));
        let (err, err_reader) = collect(child.stderr.take().expect("piped"));
        Running { child, mark, out, err, readers: vec![out_reader, err_reader] }
    }

    pub fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(self.child.id().cast_signed()).expect("a process id");
        kill_process(pid, signal).expect("it is our child and has not been waited for");
    }

    /// What it has written on stdout until now.
    pub fn out(&self) -> String {
        String::from_utf8_lossy(&self.out.lock().unwrap()).into_owned()
    }

    /// Waits until it has written `text` on stdout.
    pub fn wait_for_out(&mut self, text: &str) {
        poll(format!("{text:?} on stdout"), || {
            let out = self.out();
            if let Ok(Some(status)) = self.child.try_wait() {
                let err = String::from_utf8_lossy(&self.err.lock().unwrap()).into_owned();
                assert!(out.contains(text), "ended ({status}) without {text:?}\n{out}\n{err}");
            }
            out.contains(text).then_some(())
        });
    }

    /// Waits for it to end, and until nobody holds its output any more; fails when processes are left
    /// that it, or one of its children, has started.
    pub fn wait(mut self) -> Done {
        let status = poll("the process ends", || self.child.try_wait().expect("our child"));
        // Left processes first: they may be what keeps the output open.
        let left = processes_with(&self.mark);
        poll("nobody holds its stdout and stderr", || {
            self.readers.iter().all(JoinHandle::is_finished).then_some(())
        });
        let code = {
            use std::os::unix::process::ExitStatusExt;
            status.code().unwrap_or_else(|| 128 + status.signal().expect("a code or a signal"))
        };
        let out = std::mem::take(&mut *self.out.lock().unwrap());
        let err = String::from_utf8_lossy(&self.err.lock().unwrap()).into_owned();
        let done = Done { code, out, err };
        assert!(left.is_empty(), "processes are left: {left:?}\n{done}");
        done
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        for (pid, _) in processes_with(&self.mark) {
            let _ = kill_process(pid, Signal::KILL);
        }
        let _ = self.child.wait();
    }
}

impl Done {
    /// Fails with all that was written unless the exit code is this one.
    #[track_caller]
    pub fn ended_with(self, code: i32) -> Done {
        assert_eq!(self.code, code, "the exit code\n{self}");
        self
    }

    pub fn out(&self) -> String {
        String::from_utf8_lossy(&self.out).into_owned()
    }

    #[track_caller]
    pub fn says(&self, text: &str) -> &Done {
        assert!(self.err.contains(text), "nothing of {text:?} on stderr\n{self}");
        self
    }

    /// The only ladder.
    #[track_caller]
    pub fn ladder(&self) -> Ladder {
        let mut all = ladders(&self.err);
        assert_eq!(all.len(), 1, "one connection, one ladder\n{self}");
        all.remove(0)
    }

    /// The ladder with this in its title.
    #[track_caller]
    pub fn ladder_of(&self, title: &str) -> Ladder {
        let found = ladders(&self.err).into_iter().find(|ladder| ladder.title.contains(title));
        found.unwrap_or_else(|| panic!("no ladder of {title}\n{self}"))
    }
}

/// The ladders first, for they explain the rest.
impl fmt::Display for Done {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let out: String = self.out().chars().take(4_000).collect();
        let err: String = self.err.chars().take(40_000).collect();
        write!(f, "--- stderr\n{err}\n--- stdout\n{out}\n--- exit code {}", self.code)
    }
}

fn collect(mut from: impl Read + Send + 'static) -> (Arc<Mutex<Vec<u8>>>, JoinHandle<()>) {
    let collected = Arc::new(Mutex::new(Vec::new()));
    let into = Arc::clone(&collected);
    let reader = thread::spawn(move || {
        let mut buffer = vec![0; 65_536];
        while let Ok(len @ 1..) = from.read(&mut buffer) {
            into.lock().unwrap().extend_from_slice(&buffer[..len]);
        }
    });
    (collected, reader)
}

/// The ids and command lines of all processes that carry the mark.
fn processes_with(mark: &str) -> Vec<(Pid, String)> {
    let wanted = format!("{MARK}={mark}");
    let entries = fs::read_dir("/proc").expect("/proc").flatten();
    entries
        .filter_map(|entry| {
            let pid = Pid::from_raw(entry.file_name().to_str()?.parse().ok()?)?;
            let environment = fs::read(entry.path().join("environ")).ok()?;
            if !environment.split(|octet| *octet == 0).any(|entry| entry == wanted.as_bytes()) {
                return None;
            }
            let line = fs::read(entry.path().join("cmdline")).unwrap_or_default();
            Some((pid, String::from_utf8_lossy(&line).replace('\0', " ")))
        })
        .collect()
}
