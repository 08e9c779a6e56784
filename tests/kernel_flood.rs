//! A flood of SYNs in a namespace, 100,000 of them from addresses and ports at random, while curl fetches 100
//! pages: all of these arrive, and the memory of the program hardly grows. So over IPv4, and over IPv6. Without
//! libtest, for the program is also what `glass run` runs: it floods, and has curl fetch. It takes root.

mod kernel_common;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::unix::process::parent_id;
use std::process::{Command, ExitCode};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::{scope, sleep};
use std::time::Duration;

use glasstack::seq::Seq;
use glasstack::sim::Random;
use glasstack::wire::tcp::{Ports, emit};
use glasstack::wire::{Flags, Options, Segment, Timestamps};
use kernel_common::{Family, Running, User, command, needs};
use rustix::net::{AddressFamily, SendFlags, SocketType, ipproto, sendto, socket};

const NAME: &str = "a_flood_of_syns_keeps_nobody_out";
const SYNS: usize = 100_000;
const PAGES: usize = 100;
/// So many at a time, a millisecond apart: the queue of the TUN holds 500 packets, and what the kernel drops
/// there is no test of ours.
const AT_ONCE: usize = 20;
/// What the flood may take, in KiB: of debug builds, with buffers for what is read and written.
const MOST_KIB: usize = 8 * 1024;

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip_while(|argument| argument != "--inside");
    if let Some(name) = arguments.nth(1) {
        let family = Family::BOTH.into_iter().find(|family| format!("{family:?}") == name);
        inside(family.expect("one of them"));
        return ExitCode::SUCCESS;
    }
    let wanted = std::env::args().skip(1).find(|argument| !argument.starts_with('-'));
    if wanted.is_some_and(|name| !NAME.contains(&name)) {
        return ExitCode::SUCCESS;
    }
    needs(&["curl"]);
    Family::BOTH.into_iter().for_each(check);
    println!("test {NAME} ... ok");
    ExitCode::SUCCESS
}

fn check(family: Family) {
    let program = std::env::current_exe().expect("this program");
    let program = program.to_str().expect("UTF-8");
    let arguments = ["run", "--", program, "--inside", &format!("{family:?}")];
    let done = Running::start(command(User::Root, "", &arguments)).wait().ended_with(0);
    let name = format!("{family:?}").to_lowercase();
    print!("over IP{name}: {}", done.out());
    let figures: Vec<usize> =
        done.out().split_whitespace().filter_map(|word| word.parse().ok()).collect();
    done.says("SYN cookies, for a full listen queue: ");
    let [syns, pages, before, peak] = figures[..] else { panic!("four figures\n{done}") };
    assert!(syns >= SYNS, "{syns} SYNs\n{done}");
    assert_eq!(pages, PAGES, "all arrive\n{done}");
    assert!(peak - before <= MOST_KIB, "from {before} to {peak} KiB\n{done}");
}

/// In the namespace: floods until all pages have come and all SYNs have gone.
fn inside(family: Family) {
    // So that what a first connection takes is there before.
    fetch(family);
    let before = memory("VmRSS");
    let (sent, is_over) = (AtomicUsize::new(0), AtomicBool::new(false));
    let pages = scope(|scope| {
        scope.spawn(|| flood(family, &sent, &is_over));
        // The queue is full before the first page is asked for.
        while sent.load(Ordering::Relaxed) < 3_000 {
            sleep(Duration::from_millis(1));
        }
        let pages = (0..PAGES).filter(|_| fetch(family)).count();
        is_over.store(true, Ordering::Relaxed);
        pages
    });
    println!(
        "{} SYNs, {pages} pages, memory {before} KiB before, {} KiB at most",
        sent.load(Ordering::Relaxed),
        memory("VmHWM")
    );
}

fn flood(family: Family, sent: &AtomicUsize, is_over: &AtomicBool) {
    let kind = match family {
        Family::V4 => AddressFamily::INET,
        Family::V6 => AddressFamily::INET6,
    };
    let raw =
        socket(kind, SocketType::RAW, Some(ipproto::RAW)).expect("root may send what it likes");
    let mut random = Random::new(1);
    let mut number = move || u32::try_from(random.below(1 << 32)).expect("32 bits");
    let stack: IpAddr = family.of("192.0.2.2").parse().expect("an address");
    // Packets have no ports, and the kernel refuses such of IPv6 that are said to have one.
    let to = SocketAddr::new(stack, 0);
    while sent.load(Ordering::Relaxed) < SYNS || !is_over.load(Ordering::Relaxed) {
        for _ in 0..AT_ONCE {
            let from = anybody(family, number());
            let [high, low, ..] = number().to_be_bytes();
            let ports = Ports { src: u16::from_be_bytes([high, low]).max(1), dst: 80 };
            let options = Options {
                mss: Some(1460),
                window_scale: Some(7),
                sack_permitted: true,
                timestamps: Some(Timestamps { val: number(), ecr: 0 }),
                ..Options::default()
            };
            let flags = Flags::SYN;
            let syn =
                Segment { seq: Seq(number()), flags, wnd: 64_240, options, ..Segment::default() };
            let packet = emit(ports, from, stack, syn).to_bytes();
            if sendto(&raw, &packet, SendFlags::empty(), &to).is_ok() {
                sent.fetch_add(1, Ordering::Relaxed);
            }
        }
        sleep(Duration::from_millis(1));
    }
}

/// An address that may be a source, of nobody here.
fn anybody(family: Family, random: u32) -> IpAddr {
    let [a, b, c, d] = random.to_be_bytes();
    match family {
        Family::V4 => Ipv4Addr::new(1 + a % 100, b, c, 1 + d % 250).into(),
        Family::V6 => {
            Ipv6Addr::new(0x2400 + u16::from(a), b.into(), c.into(), d.into(), 0, 0, 0, 1).into()
        }
    }
}

/// One page, by curl; says whether it came.
fn fetch(family: Family) -> bool {
    let mut curl = Command::new("curl");
    curl.args(["-sS", "--max-time", "30", &family.of("http://192.0.2.2/hello")]);
    let done = curl.output().expect("curl is here");
    done.status.success() && done.stdout.starts_with(b"Hello")
}

/// A line of what the kernel says of the program with the stack: its parent.
fn memory(what: &str) -> usize {
    let status =
        std::fs::read_to_string(format!("/proc/{}/status", parent_id())).expect("the program runs");
    let line = status.lines().find(|line| line.starts_with(what)).expect("it is told");
    line.split_whitespace().nth(1).and_then(|kib| kib.parse().ok()).expect("a number of KiB")
}
