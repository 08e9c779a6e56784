//! CMD of `glass run`: how it starts, what it is told, how it ends, and what it leaves behind. Each
//! test runs itself again in a process of its own, because a supervisor waits for all children.

use std::ffi::OsString;
use std::process::Command;
use std::time::Duration;
use std::{env, fs};

use glasstack::cli::child::{Child, Leftovers, SpawnError, end_leftovers};
use rustix::process::{Signal, getpid, kill_process};

/// Runs `body` in a process of its own, started by `prefix`: the test `name` starts itself again.
fn in_process<F: Future<Output = ()>>(name: &str, prefix: &[&str], body: impl FnOnce() -> F) {
    const INSIDE: &str = "GLASS_TEST_INSIDE";
    if env::var_os(INSIDE).is_some() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let limit = Duration::from_secs(20);
        runtime.block_on(async { tokio::time::timeout(limit, body()).await }).expect("in time");
        return;
    }
    // What runs the tests may ignore signals, as in the background of a script.
    let done = Command::new("env")
        .arg("--default-signal=INT,QUIT,HUP,TERM")
        .args(prefix)
        .arg(env::current_exe().unwrap())
        .args(["--exact", name, "--nocapture", "--test-threads=1"])
        .env(INSIDE, "1")
        .output()
        .unwrap();
    let (out, err) = (String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr));
    assert!(done.status.success() && out.contains("1 passed"), "{out}\n{err}");
}

fn spawn(command: &[&str]) -> Result<Child, SpawnError> {
    Child::spawn(&command.iter().map(OsString::from).collect::<Vec<_>>(), &[])
}

/// The exit code of a line of shell.
async fn sh(line: &str) -> i32 {
    spawn(&["sh", "-c", line]).expect("sh").wait().await
}

#[test]
fn exit_codes_are_those_of_a_shell() {
    in_process("exit_codes_are_those_of_a_shell", &[], async || {
        assert_eq!(sh("exit 7").await, 7);
        assert_eq!(sh("kill -TERM $$").await, 128 + 15);
        assert_eq!(sh("kill -INT $$").await, 128 + 2, "the default, though we have a handler");
        assert_eq!(sh("kill -40 $$").await, 128 + 40, "a real-time signal");
        assert_eq!(spawn(&["no-such-program"]).unwrap_err().exit_code(), 127);
        assert_eq!(spawn(&["/etc/passwd"]).unwrap_err().exit_code(), 126);
        let mut child = spawn(&["true"]).unwrap();
        assert_eq!((child.wait().await, child.wait().await), (0, 0));
        assert_eq!(end_leftovers().await, Leftovers::default());
    });
}

#[test]
fn this_program_is_on_the_path_of_cmd() {
    in_process("this_program_is_on_the_path_of_cmd", &[], async || {
        let this = env::current_exe().unwrap();
        let name = this.file_name().unwrap().to_str().unwrap();
        assert_eq!(sh(&format!("command -v {name} >/dev/null")).await, 0);
    });
}

#[test]
fn orphans_are_reaped_while_cmd_runs_and_its_code_is_not_lost() {
    let name = "orphans_are_reaped_while_cmd_runs_and_its_code_is_not_lost";
    in_process(name, &[], async || {
        // Twenty grandchildren whose parent ends first; then CMD looks for zombies of ours.
        let line = "for i in $(seq 20); do (sleep 0.05 &) ; done; sleep 0.4
                    ps -o stat= --ppid $PPID | grep -c Z | grep -qx 0 && exit 9";
        assert_eq!(sh(line).await, 9);
        assert_eq!(end_leftovers().await, Leftovers::default());
    });
}

#[test]
fn term_and_hup_are_forwarded_and_int_too_without_a_terminal() {
    let name = "term_and_hup_are_forwarded_and_int_too_without_a_terminal";
    // A session of its own has no terminal.
    in_process(name, &["setsid", "--wait"], async || {
        let folder = env!("CARGO_TARGET_TMPDIR");
        for (signal, code) in [(Signal::TERM, 21), (Signal::HUP, 22), (Signal::INT, 23)] {
            // A file says that CMD is ready.
            let ready = format!("{folder}/child-{}-{code}", std::process::id());
            let line = format!(
                "trap 'exit 21' TERM; trap 'exit 22' HUP; trap 'exit 23' INT
                 : >'{ready}'; while :; do sleep 0.02; done"
            );
            let mut child = spawn(&["sh", "-c", &line]).unwrap();
            let waited = async {
                while fs::remove_file(&ready).is_err() {
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
                kill_process(getpid(), signal).unwrap();
                std::future::pending::<()>().await;
            };
            let got = tokio::select! { code = child.wait() => code, () = waited => unreachable!() };
            assert_eq!(got, code, "{signal:?}");
        }
    });
}

#[test]
fn what_was_ignored_stays_ignored() {
    let ignoring = ["sh", "-c", "trap '' HUP; exec \"$@\"", "sh"];
    in_process("what_was_ignored_stays_ignored", &ignoring, async || {
        let mut child = spawn(&["sh", "-c", "kill -HUP $PPID; kill -HUP $$; exit 3"]).unwrap();
        assert_eq!(child.wait().await, 3);
    });
}

#[test]
fn what_cmd_left_behind_is_ended() {
    in_process("what_cmd_left_behind_is_ended", &[], async || {
        // Nobody else holds our output: should this fail, the test still ends.
        let line = "exec >/dev/null 2>&1
                    sleep 1000 & (sleep 1000 &)
                    sleep 1000 & kill -STOP $!
                    until grep -q '^State:.*stopped' /proc/$!/status; do :; done";
        assert_eq!(sh(line).await, 0);
        let leftovers = end_leftovers().await;
        assert_eq!(leftovers.ended.len(), 3, "{leftovers:?}");
        assert!(leftovers.remaining.is_empty());
        assert_eq!(end_leftovers().await, Leftovers::default());
    });
}

#[test]
fn what_will_not_end_is_killed_with_all_below_it() {
    in_process("what_will_not_end_is_killed_with_all_below_it", &[], async || {
        // What is ignored stays so for whoever is started.
        let line = "exec >/dev/null 2>&1; trap '' TERM; (sh -c 'sleep 1000 & sleep 1000 & wait' &)";
        assert_eq!(sh(line).await, 0);
        let leftovers = end_leftovers().await;
        let mut names: Vec<_> = leftovers.ended.into_values().collect();
        names.sort_unstable();
        assert_eq!(names, ["sh", "sleep", "sleep"]);
        assert!(leftovers.remaining.is_empty());
        assert_eq!(end_leftovers().await, Leftovers::default());
    });
}
