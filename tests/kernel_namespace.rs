//! The private network namespace of `glass run`, as root and as an ordinary user. Without libtest,
//! which has more than one thread: each case runs in a process of its own, started by this one.
//! Takes root: only root can become each of the users.

use std::env;
use std::fs;
use std::process::{Command, ExitCode};

use glasstack::cli::namespace;
use glasstack::device::setup::{forwards, loopback_up};
use glasstack::device::{LinkSetup, Tun};
use nix::unistd::geteuid;

/// A name, how its process is started (`"$@"`, by a shell in a mount namespace of its own), and what
/// it does.
const CASES: [(&str, &str, fn()); 4] = [
    ("root_needs_no_user_namespace", "exec \"$@\"", root_needs_no_user_namespace),
    ("an_ordinary_user_is_root_inside", AS_NOBODY, an_ordinary_user_is_root_inside),
    (
        "a_program_with_file_capabilities_gets_in_too",
        WITH_FILE_CAPABILITIES,
        an_ordinary_user_is_root_inside,
    ),
    ("what_forbids_it_is_named", WITHOUT_NAMESPACES, what_forbids_it_is_named),
];

/// As `nobody`, with a TUN driver that anybody may open, as udev makes it.
const AS_NOBODY: &str = "
    mount -t tmpfs none /dev/net && mknod -m 0666 /dev/net/tun c 10 200
    cp \"$1\" /dev/net/test; shift; chmod 0755 /dev/net /dev/net/test
    exec setpriv --reuid 65534 --regid 65534 --clear-groups /dev/net/test \"$@\"";

/// The same after the `setcap` that glass itself advises. The shell between has no capabilities, so
/// the process gains some as it starts, which makes it not dumpable.
const WITH_FILE_CAPABILITIES: &str = "
    mount -t tmpfs none /dev/net && mknod -m 0666 /dev/net/tun c 10 200
    cp \"$1\" /dev/net/test; shift; chmod 0755 /dev/net /dev/net/test
    setcap cap_net_admin+ep /dev/net/test
    exec setpriv --reuid 65534 --regid 65534 --clear-groups sh -c '/dev/net/test \"$@\"' sh \"$@\"";

/// As root of a user namespace in which no more of them may be made, and without capabilities.
const WITHOUT_NAMESPACES: &str = "
    exec unshare --user --map-root-user sh -ec '
        echo 0 >/proc/sys/user/max_user_namespaces
        exec setpriv --bounding-set -all --inh-caps -all \"$@\"' sh \"$@\"";

fn main() -> ExitCode {
    let arguments: Vec<_> = env::args().skip(1).collect();
    if let [flag, name] = arguments.as_slice()
        && flag == "--inside"
    {
        let (_, _, body) = CASES.iter().find(|(case, ..)| case == name).expect("a case");
        body();
        return ExitCode::SUCCESS;
    }
    if !geteuid().is_root() {
        eprintln!("becoming other users takes root: run scripts/test as root");
        return ExitCode::FAILURE;
    }
    let wanted = arguments.iter().find(|argument| !argument.starts_with('-'));
    let mut code = ExitCode::SUCCESS;
    for (name, start, _) in CASES {
        if wanted.is_some_and(|wanted| !name.contains(wanted.as_str())) {
            continue;
        }
        let status = Command::new("unshare")
            .args(["--mount", "sh", "-ec", start, "sh"])
            .arg(env::current_exe().unwrap())
            .args(["--inside", name])
            .status()
            .expect("unshare, of util-linux");
        println!("test {name} ... {}", if status.success() { "ok" } else { "FAILED" });
        if !status.success() {
            code = ExitCode::FAILURE;
        }
    }
    code
}

fn root_needs_no_user_namespace() {
    let before = network_namespace();
    let entered = namespace::enter().unwrap();
    assert!(!entered.user && entered.warnings.is_empty(), "{entered:?}");
    assert_ne!(network_namespace(), before);
    works_inside();
}

fn an_ordinary_user_is_root_inside() {
    let before = network_namespace();
    assert!(!geteuid().is_root());
    let entered = namespace::enter().unwrap();
    assert!(entered.user && entered.warnings.is_empty(), "{entered:?}");
    assert_ne!(network_namespace(), before);
    assert!(geteuid().is_root());
    works_inside();
}

/// The TUN, the loopback and `ping`; and a program that we start may make a TUN as well.
fn works_inside() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        loopback_up().await.unwrap();
        let _tun = Tun::create("glass0", &LinkSetup::default()).await.unwrap();
        for dest in ["192.0.2.1", "2001:db8::1"] {
            assert!(forwards(dest.parse().unwrap()).unwrap(), "{dest}");
        }
        shell("test $(id -u) = 0; ping -c 1 -W 2 127.0.0.1 >/dev/null");
        shell("test \"$(cat /proc/sys/net/ipv4/ping_group_range | xargs)\" = '0 0'");
        shell("ip tuntap add dev nested mode tun; ip link show glass0 >/dev/null");
    });
}

fn what_forbids_it_is_named() {
    let error = namespace::enter().unwrap_err();
    assert_eq!(error.exit_code(), 77, "{error}");
    let remedy = "sudo sysctl -w user.max_user_namespaces=15000";
    assert!(error.to_string().contains(remedy), "{error}");
}

fn network_namespace() -> std::path::PathBuf {
    fs::read_link("/proc/self/ns/net").unwrap()
}

fn shell(commands: &str) {
    let status = Command::new("sh").args(["-ec", commands]).status().expect("sh");
    assert!(status.success(), "{commands}: {status}");
}
