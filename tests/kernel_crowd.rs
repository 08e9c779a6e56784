//! Many connections between two stacks of ours, the kernel forwarding between them: all are open at a
//! time, idle, and each then answers. 5,000 of them, or 100,000 with `GLASS_FULL=1`, over IPv4 and as many over
//! IPv6. Without libtest, which has more than one thread: the process enters a namespace, and has another of its kind
//! enter one for the other family. It takes root, or user namespaces.

#[path = "../benches/crowd.rs"]
mod crowd;

use std::process::{Command, ExitCode};

use clap::Parser;
use crowd::{Options, Report};

const NAME: &str = "every_connection_of_a_crowd_is_small_and_answers";
const IPV6: &str = "--ipv6";
/// What an idle connection may cost in the stack, in octets.
const MOST: usize = 1024;

fn main() -> ExitCode {
    let is_asked = |name| std::env::args().skip(1).any(|argument| argument == name);
    // Its own server.
    if is_asked("--serve") {
        return crowd::main();
    }
    let wanted = std::env::args().skip(1).find(|argument| !argument.starts_with('-'));
    if wanted.is_some_and(|name| !NAME.contains(&name)) {
        return ExitCode::SUCCESS;
    }
    let is_full = std::env::var_os("GLASS_FULL").is_some_and(|value| value == "1");
    let connections = if is_full { "100000" } else { "5000" };
    let options = ["crowd", "--idle", "1", "--connections", connections];
    let is_v6 = is_asked(IPV6);
    if !is_v6 {
        let this = std::env::current_exe().expect("this program");
        let other = Command::new(this).arg(IPV6).status().expect("it runs twice");
        assert!(other.success(), "over IPv6: {other}");
    }
    let options = Options::parse_from(options.into_iter().chain(is_v6.then_some(IPV6)));
    let report = crowd::measure(&options).expect("two stacks in a namespace");
    println!("over {}: {report}", if is_v6 { "IPv6" } else { "IPv4" });
    check(&report);
    if !is_v6 {
        println!("test {NAME} ... ok");
    }
    ExitCode::SUCCESS
}

fn check(report: &Report) {
    assert_eq!(report.pages, report.connections, "each has fetched its page");
    for (name, figures) in report.rows() {
        assert_eq!(figures.established, report.connections, "{name}: nothing was reset or cut");
        assert!(figures.stack <= MOST, "{name}: {} octets each", figures.stack);
    }
}
