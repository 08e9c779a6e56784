//! `glass wire`: two network namespaces with a bad wire between them, and CMD in one of them.

use std::ffi::OsString;
use std::io::{self, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::os::fd::AsFd;
use std::path::Path as FilePath;
use std::process::{self, Command};
use std::time::Duration;

use clap::Args;
use tokio::time::sleep;

use super::capture_options::CaptureFile;
use super::child::{Child, end_leftovers};
use super::ends::{End, Ends};
use super::options::Output;
use super::quantity::{buffer, rate, time};
use super::tcp_options::{FaultPlan, Rules, rules};
use super::{Failure, exit, runtime};
use crate::device::wire::{self, Carrier, Path};
use crate::device::{Cidr, LinkSetup, Queue, Tun, TunError, setup};
use crate::runtime::clock::Clock;
use crate::sim::bottleneck::Buffer;
use crate::trace::Way;
use crate::view::{CaptureSettings, counted};

/// The interface at either end.
const INTERFACE: &str = "wire0";

/// How long to wait for whoever is to listen at the far end, and between two looks.
const PATIENCE: Duration = Duration::from_secs(20);
const LOOK: Duration = Duration::from_millis(10);

/// Run CMD at one end of a bad wire between two networks, whatever stacks are at its ends
///
/// Makes two private network namespaces (no root needed) with a TUN each, 203.0.113.1 at the near end
/// and 203.0.113.2 at the far end (2001:db8:113::1 and ::2), and carries packets between them, slowed
/// down and spoilt as asked. Each is the other's way to everywhere, so a stack of ours at either end
/// (glass serve, glass get) is reached from the other. CMD runs at the near end; there
/// nsenter --net="$GLASS_FAR_NET" PROGRAM runs a program at the far end, as --far does. Packets are
/// carried as they are: the kernel has filled in their checksums and looks at them again.
#[derive(Args, Debug)]
#[command(
    after_help = "Exit code: CMD's; 126 or 127 if it cannot be run, 128+N if signal N ended \
    it; 125, 77, 69, 65 or 2 if glass itself fails.\n\n\
    Examples:\n  glass wire --far 'python3 -m http.server 80' --await 80 --fault 'any 5% drop' \
    --seed 1 -- \\\n      curl -sS http://203.0.113.2/\n  \
    glass wire --delay 10ms --rate 20mbit --far 'glass serve' -- \\\n      \
    curl -sS --retry 9 --retry-connrefused http://192.0.2.2/hello"
)]
pub(super) struct Wire {
    /// Spoil packets, as `DIR WHAT ACTION`: DIR is tx (from CMD's end to the far end), rx (from there)
    /// or any; WHAT is 5% of all, or SYN, SYN,ACK, FIN, RST, data, ack, icmp or any, alone or with its
    /// number on that connection (FIN#1, ack#2-5, data#4-); ACTION is drop, dup, delay 700ms,
    /// corrupt, reorder [PACKETS] or truncate [OCTETS]. May be given again, or with ; between rules:
    /// the first that matches a packet strikes it
    #[arg(long, env = "GLASS_FAULT", value_name = "RULE", value_parser = rules)]
    fault: Vec<Rules>,
    /// What faults by chance and jitter draw from: the same seed strikes the same packets of a
    /// connection; otherwise the system draws one, and it is printed
    #[arg(long, env = "GLASS_SEED", value_name = "NUMBER")]
    seed: Option<u64>,
    #[command(flatten)]
    path: PathOptions,
    /// Run this line of shell at the far end meanwhile; what it writes goes to stderr. It is ended after
    /// CMD
    #[arg(long, env = "GLASS_FAR", value_name = "LINE")]
    far: Option<OsString>,
    /// Start CMD when the kernel at the far end listens on this port
    #[arg(
        long = "await", env = "GLASS_AWAIT", value_name = "PORT", requires = "far",
        value_parser = clap::value_parser!(u16).range(1..)
    )]
    awaited: Option<u16>,
    /// The longest IP packet in octets, 1280 to 65535
    #[arg(
        long, env = "GLASS_MTU", default_value_t = 1500, value_name = "OCTETS",
        value_parser = clap::value_parser!(u16).range(1280..)
    )]
    mtu: u16,
    #[command(flatten)]
    capture: CaptureFile,
    /// The program to run, and its arguments
    #[arg(required = true, trailing_var_arg = true, value_name = "CMD")]
    command: Vec<OsString>,
}

/// What the wire is like besides its faults, each way.
#[derive(Args, Debug)]
struct PathOptions {
    /// How long a packet travels: half of the round-trip time
    #[arg(long, env = "GLASS_DELAY", value_name = "TIME", default_value = "0ms", value_parser = time)]
    delay: Duration,
    /// How much longer a packet may travel, by chance, without overtaking another
    #[arg(long, env = "GLASS_JITTER", value_name = "TIME", default_value = "0ms", value_parser = time)]
    jitter: Duration,
    /// What the wire carries, headers counted: 20mbit [default: no limit]
    #[arg(long, env = "GLASS_RATE", value_name = "RATE", value_parser = rate)]
    rate: Option<u64>,
    /// What may wait for a wire with a rate: packets (100packets), octets (64kb) or bandwidth-delay
    /// products (1bdp, of twice the delay)
    #[arg(
        long, env = "GLASS_QUEUE", value_name = "SIZE", default_value = "1000packets",
        value_parser = buffer
    )]
    queue: Buffer,
}

impl PathOptions {
    fn path(&self) -> Path {
        let PathOptions { delay, jitter, rate, queue } = *self;
        let queue = match queue {
            Buffer::Packets(packets) => wire::Queue::Packets(packets),
            Buffer::Octets(octets) => wire::Queue::Octets(saturated(octets)),
            // Without a rate nothing waits, whatever the room.
            Buffer::Bdp(products) => {
                wire::Queue::Octets(octets_of(products, rate.unwrap_or(0), delay * 2))
            }
        };
        Path { rate, queue, delay, jitter }
    }
}

impl Wire {
    /// Returns CMD's exit code.
    pub(super) fn execute(self, output: &Output) -> Result<u8, Failure> {
        self.capture.open()?;
        // Before the runtime, for that may start threads, and a namespace is entered by one.
        let ends = Ends::make().map_err(|error| Failure::new(error.exit_code(), error))?;
        for warning in &ends.warnings {
            log::warn!("{warning}");
        }
        runtime(exit::RUN_FAILED)?.block_on(self.between(&ends, output))
    }

    async fn between(self, ends: &Ends, output: &Output) -> Result<u8, Failure> {
        let near = self.tun(ends, End::Near).await?;
        let far = self.tun(ends, End::Far).await?;
        let plan = FaultPlan::new(&self.fault, self.seed).map_err(failed)?;
        if plan.is_random {
            // However quiet: without it nobody could see the same again.
            let _ = writeln!(io::stderr(), "glass: faults by chance from --seed {}", plan.seed);
        }
        let wire = wire::Wire::new(&self.path.path(), plan.of(0), plan.seed);
        let clock = Clock::start();
        let mut carrier = Carrier::new(wire, near, far, move || clock.now()).map_err(failed)?;
        let settings = CaptureSettings {
            interface: INTERFACE.to_owned(),
            has_faults: true,
            ..CaptureSettings::default()
        };
        if let Some(capture) = self.capture.start(settings)? {
            carrier = carrier.telling(Box::new(capture.passing()));
        }

        let code = tokio::select! {
            ended = carrier.run() => match ended {
                Ok(()) => unreachable!("it carries for ever"),
                Err(error) => Err(failed(format!("the wire broke: {error}"))),
            },
            code = self.run_commands(ends, output) => code,
        };

        report(&carrier, ends, output);
        code
    }

    /// A TUN at one end, with its addresses, and the way to everywhere.
    async fn tun(&self, ends: &Ends, end: End) -> Result<Tun, Failure> {
        let has_v6 = FilePath::new("/proc/sys/net/ipv6").exists();
        let setup = LinkSetup {
            addresses: addresses(end, has_v6),
            mtu: Some(u32::from(self.mtu)),
            ..LinkSetup::default()
        };
        ends.go_to(end).map_err(failed)?;
        setup::loopback_up().await.map_err(failed)?;
        let tun = async {
            let mut queues = Queue::create(INTERFACE, &setup).await?;
            setup::lead_everywhere(INTERFACE, has_v6).await?;
            Tun::new(queues.pop().expect("one was asked for"))
        };
        let tun = tun.await.map_err(|error: TunError| Failure::from(error));
        ends.go_to(End::Near).map_err(failed)?;
        tun
    }

    async fn run_commands(&self, ends: &Ends, output: &Output) -> Result<u8, Failure> {
        let far = self.start_far(ends)?;
        self.await_far(ends, far).await?;
        let path = ends.far_path();
        let mut child = Child::spawn(&self.command, &[("GLASS_FAR_NET", &path)])
            .map_err(|error| Failure::new(error.exit_code(), error))?;
        let code = child.wait().await;
        let leftovers = end_leftovers().await;
        if !leftovers.ended.is_empty() && self.far.is_none() {
            let names: Vec<_> = leftovers.ended.values().map(String::as_str).collect();
            output.note(format_args!("ended what CMD left behind: {}", names.join(", ")));
        }
        for (pid, name) in &leftovers.remaining {
            log::warn!("{name} (process {pid}), which was left behind, does not end");
        }
        Ok(u8::try_from(code).unwrap_or(exit::RUN_FAILED))
    }

    fn start_far(&self, ends: &Ends) -> Result<Option<process::Child>, Failure> {
        let Some(line) = &self.far else { return Ok(None) };
        let mut command = Command::new("sh");
        // Our stdout is CMD's.
        let stderr = io::stderr().as_fd().try_clone_to_owned().map_err(failed)?;
        command.arg("-c").arg(line).stdout(stderr);
        if let Some(path) = super::child::path_with_this_program() {
            command.env("PATH", path);
        }
        let child = ends.at_far(|| command.spawn()).and_then(|child| child);
        child.map(Some).map_err(|error| failed(format!("cannot run sh for --far: {error}")))
    }

    /// Waits until the far end listens, if it shall.
    async fn await_far(&self, ends: &Ends, mut far: Option<process::Child>) -> Result<(), Failure> {
        let Some(port) = self.awaited else { return Ok(()) };
        let looks = PATIENCE.as_millis() / LOOK.as_millis();
        for _ in 0..looks {
            if ends.far_listens(port).map_err(failed)? {
                return Ok(());
            }
            let ended = far.as_mut().and_then(|far| far.try_wait().ok().flatten());
            if let Some(status) = ended {
                let what = format!("--far has ended before it listened on port {port}: {status}");
                return Err(failed(what));
            }
            sleep(LOOK).await;
        }
        end_leftovers().await;
        Err(failed(format!("nobody at the far end listens on port {port} after {PATIENCE:?}")))
    }
}

/// So many bandwidth-delay products in octets.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "it saturates, and a rate is far below 2^53"
)]
fn octets_of(products: f64, rate: u64, rtt: Duration) -> usize {
    let octets = rate as f64 / 8.0 * rtt.as_secs_f64() * products;
    saturated(octets as u64)
}

fn saturated(octets: u64) -> usize {
    usize::try_from(octets).unwrap_or(usize::MAX)
}

/// 203.0.113.0/24, which RFC 5737 sets aside for documentation, and the like of IPv6.
fn addresses(end: End, has_v6: bool) -> Vec<Cidr> {
    let last = match end {
        End::Near => 1,
        End::Far => 2,
    };
    let v4 = Cidr::new(Ipv4Addr::new(203, 0, 113, last).into(), 24);
    let v6 = Ipv6Addr::new(0x2001, 0xdb8, 0x113, 0, 0, 0, 0, last.into());
    let v6 = Cidr::new(IpAddr::from(v6), 64).filter(|_| has_v6);
    v4.into_iter().chain(v6).collect()
}

/// Says what has gone over the wire, and what became of it.
fn report(carrier: &Carrier<Tun>, ends: &Ends, output: &Output) {
    let wire = carrier.wire();
    for (way, words) in [(Way::Tx, "to the far end"), (Way::Rx, "from the far end")] {
        let wire::Counts { sent, queue_full, arrived } = wire.counts(way);
        let sent = counted(sent, "packet");
        output.note(format_args!("{words}: {sent} sent, {arrived} arrived"));
        if queue_full > 0 {
            let packets = counted(queue_full, "packet");
            output.note(format_args!("{words}: {packets} found the queue full"));
        }
    }
    wire.tally().lines().into_iter().for_each(|line| output.note(line));
    let [near, far] = carrier.devices();
    let drops = [Some(near.kernel_drops()), ends.at_far(|| far.kernel_drops()).ok()];
    let drops: u64 = drops.into_iter().flatten().flatten().sum();
    if drops > 0 {
        let packets = counted(drops, "packet");
        output.note(format_args!("{packets} lost before the wire: we were too slow"));
    }
}

fn failed(error: impl std::fmt::Display) -> Failure {
    Failure::new(exit::RUN_FAILED, error)
}
