//! Many connections between two stacks of ours, the kernel forwarding between them: all are open at a
//! time, idle, and each then answers. 5,000 of them, or 100,000 with `GLASS_FULL=1`. Without libtest,
//! which has more than one thread: the process enters a namespace. It takes root, or user namespaces.

#[path = "../benches/crowd.rs"]
mod crowd;

use std::process::ExitCode;

use clap::Parser;
use crowd::{Options, Report};

const NAME: &str = "every_connection_of_a_crowd_is_small_and_answers";
/// What an idle connection may cost in the stack, in octets.
const MOST: usize = 1024;

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    // Its own server.
    if arguments.by_ref().any(|argument| argument == "--serve") {
        return crowd::main();
    }
    let wanted = std::env::args().skip(1).find(|argument| !argument.starts_with('-'));
    if wanted.is_some_and(|name| !NAME.contains(&name)) {
        return ExitCode::SUCCESS;
    }
    let is_full = std::env::var_os("GLASS_FULL").is_some_and(|value| value == "1");
    let connections = if is_full { "100000" } else { "5000" };
    let options = Options::parse_from(["crowd", "--idle", "1", "--connections", connections]);
    let report = crowd::measure(&options).expect("two stacks in a namespace");
    println!("{report}");
    check(&report);
    println!("test {NAME} ... ok");
    ExitCode::SUCCESS
}

fn check(report: &Report) {
    assert_eq!(report.pages, report.connections, "each has fetched its page");
    for (name, figures) in report.rows() {
        assert_eq!(figures.established, report.connections, "{name}: nothing was reset or cut");
        assert!(figures.stack <= MOST, "{name}: {} octets each", figures.stack);
    }
}
