//! Options that several subcommands share.

use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::time::Duration;

use clap::{ArgAction, Args, ValueEnum};

use super::addresses::{AddressOptions, Ends};
use super::files_options::FilesOptions;
use super::http_options::HttpOptions;
use super::tcp_options::TcpOptions;
use super::terminal::{self, Color};
use super::tls_options::TlsOptions;
use super::{Failure, exit};
use crate::device::{LinkSetup, OffloadMode, Queues};
use crate::http::CloseAfter;
use crate::services::Service;
use crate::view::Style;

/// What to write, and how.
#[derive(Args, Debug)]
pub(super) struct Output {
    /// Say more: transitions, with -vv segments, with -vvv timers (RUST_LOG overrides)
    #[arg(short, long, action = ArgAction::Count, global = true, env = "GLASS_VERBOSE")]
    pub(super) verbose: u8,
    /// Say nothing but errors
    #[arg(short, long, global = true, env = "GLASS_QUIET")]
    pub(super) quiet: bool,
    /// Use colour on stderr
    #[arg(
        long,
        value_enum,
        default_value_t,
        global = true,
        env = "GLASS_COLOR",
        value_name = "WHEN"
    )]
    pub(super) color: Color,
}

impl Output {
    /// `has_text`: with a single -v the command writes a text of its own, among which no other lines stand.
    pub(super) fn init_log(&self, has_text: bool) {
        let level = match (self.quiet, self.verbose) {
            (true, _) => "error",
            (false, 0) => "warn",
            (false, 1) if has_text => "warn",
            (false, 1) => "info",
            (false, 2) => "debug",
            (false, _) => "trace",
        };
        // The libraries below us talk of their own affairs from `debug` on.
        let filter =
            format!("{},glasstack={level}", if level == "error" { "error" } else { "warn" });
        let env = env_logger::Env::default().default_filter_or(filter);
        env_logger::Builder::from_env(env)
            .write_style(if terminal::style(self.color).color {
                env_logger::WriteStyle::Always
            } else {
                env_logger::WriteStyle::Never
            })
            .init();
    }

    pub(super) fn style(&self) -> Style {
        terminal::style(self.color)
    }

    /// Something a person may want to know, but no program.
    pub(super) fn note(&self, text: impl std::fmt::Display) {
        use std::io::Write;
        if !self.quiet {
            let _ = writeln!(std::io::stderr(), "glass: {text}");
        }
    }
}

/// The stack and its link.
#[derive(Args, Debug)]
#[command(next_help_heading = "Stack and link")]
pub(super) struct StackOptions {
    #[command(flatten)]
    pub(super) addresses: AddressOptions,
    /// Let the kernel cut and join segments and fill in checksums, so that 64 KB go at a time: auto
    /// does so if the kernel can; on insists; with off every packet is as it would be on the wire
    /// [default: off for run, auto for serve; off with --fault]
    #[arg(long, value_enum, env = "GLASS_OFFLOAD", value_name = "WHEN")]
    offload: Option<Offload>,
    /// Serve the TUN by so many queues, each with a thread and connections of its own, 1 to 256: new
    /// connections stay where their first packet came. A TUN that is attached must have been made with
    /// multi_queue [default: 1 for run, so that there is one sequence to see; for serve the number of
    /// cores, at most 8, but 1 on two cores or less and on a TUN that has one]
    #[arg(
        long, env = "GLASS_QUEUES", value_name = "NUMBER",
        value_parser = clap::value_parser!(u16).range(1..=256)
    )]
    queues: Option<u16>,
    /// Look for packets again and again for so many microseconds before sleeping, at most 1000000. It
    /// saves the time of waking up, and costs a core that is never idle for as long, for each queue:
    /// power, and whatever else would run there
    #[arg(
        long, env = "GLASS_BUSY_POLL", default_value_t = 0, value_name = "MICROSECONDS",
        value_parser = clap::value_parser!(u32).range(..=1_000_000)
    )]
    busy_poll: u32,
    #[command(flatten)]
    pub(super) tcp: TcpOptions,
}

/// What becomes of the link when nobody says.
#[derive(Clone, Copy, Debug)]
pub(super) struct Usual {
    pub(super) offload: OffloadMode,
    pub(super) queues: Queues,
}

/// `--offload`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Offload {
    /// If the kernel can
    Auto,
    /// Or fail
    On,
    /// No
    Off,
}

impl StackOptions {
    /// The addresses of both ends.
    pub(super) fn ends(&self) -> Result<Ends, Failure> {
        self.addresses.ends(self.tcp.mtu)
    }

    /// The link between these.
    pub(super) fn link(&self, ends: &Ends, usual: Usual) -> Result<LinkSetup, Failure> {
        Ok(LinkSetup {
            addresses: ends.hosts.clone(),
            mtu: Some(u32::from(self.tcp.mtu)),
            offload: self.offload(usual.offload)?,
            queues: self.queues(usual.queues)?,
        })
    }
}

impl StackOptions {
    pub(super) fn busy_poll(&self) -> Duration {
        Duration::from_micros(self.busy_poll.into())
    }

    fn queues(&self, usual: Queues) -> Result<Queues, Failure> {
        match self.queues {
            Some(queues @ 2..) if !self.tcp.engine.has_siblings() => {
                let message = format!(
                    "--engine smoltcp cannot do --queues {queues}: it would reset connections of which \
                     a packet comes by another queue; leave it out, or use --engine ours"
                );
                Err(Failure::new(exit::USAGE, message))
            }
            Some(queues) => Ok(Queues::Exactly(queues.into())),
            None if self.tcp.engine.has_siblings() => Ok(usual),
            None => Ok(Queues::UpTo(1)),
        }
    }

    fn offload(&self, usual: OffloadMode) -> Result<OffloadMode, Failure> {
        let obstacle = if self.tcp.has_faults() {
            Some("--fault names single packets, and --offload on joins them")
        } else if !self.tcp.engine.has_offload() {
            Some("--engine smoltcp wants every packet by itself and its checksum filled in")
        } else {
            None
        };
        match (self.offload, obstacle) {
            (Some(Offload::On), Some(why)) => {
                let message = format!("{why}: leave one of --offload on and that out");
                Err(Failure::new(exit::USAGE, message))
            }
            (_, Some(_)) | (Some(Offload::Off), None) => Ok(OffloadMode::Off),
            (Some(Offload::Auto), None) => Ok(OffloadMode::Auto),
            (Some(Offload::On), None) => Ok(OffloadMode::On),
            (None, None) => Ok(usual),
        }
    }
}

/// What answers on the stack.
#[derive(Args, Clone, Debug)]
pub(super) struct ServerOptions {
    /// The port that answers HTTP
    #[arg(long, env = "GLASS_PORT", default_value_t = 80, value_name = "PORT")]
    pub(super) port: u16,
    /// Who closes: "request": we do, after each response; a number: the peer does, and we follow so
    /// many milliseconds later; "never": the peer does, and we never follow. Without it: the peer
    /// does, and we follow at once
    #[arg(long, env = "GLASS_CLOSE_AFTER", value_name = "request|never|MS", verbatim_doc_comment)]
    pub(super) close_after: Option<CloseAfter>,
    /// What answers HTTP: axum (on hyper) with the built-in site or a directory; or the responder that
    /// examples/http_by_hand.rs is, with /hello, /bytes/N and POST /echo
    #[arg(long, value_enum, default_value_t, env = "GLASS_RESPONDER", value_name = "RESPONDER")]
    pub(super) responder: Responder,
    /// Connections to HTTP that may be open at a time, 1 to 1000000: further peers wait in the queue
    #[arg(
        long, env = "GLASS_MAX_CONNECTIONS", default_value = "10000", value_name = "NUMBER",
        value_parser = max_connections
    )]
    pub(super) max_connections: usize,
    #[command(flatten)]
    pub(super) http: HttpOptions,
    #[command(flatten)]
    pub(super) tls: TlsOptions,
    #[command(flatten)]
    pub(super) files: FilesOptions,
}

/// What answers HTTP.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum Responder {
    /// hyper and axum
    #[default]
    #[value(alias = "hyper")]
    Axum,
    /// Two hundred lines on our sockets, without a library
    ByHand,
}

impl ServerOptions {
    /// When our side closes.
    pub(super) fn closes(&self) -> CloseAfter {
        match self.close_after {
            _ if self.http.connection_per_request => CloseAfter::Request,
            close_after => close_after.unwrap_or_default(),
        }
    }

    /// Refuses what the chosen responder cannot do, before anything is made.
    pub(super) fn check(&self, dir: Option<&Path>) -> Result<(), Failure> {
        self.files.check(dir)?;
        let refuse = |option: &str, why: &str| {
            let hint = "leave it out, or use --responder axum";
            Err(Failure::new(
                exit::USAGE,
                format!("--responder by-hand cannot do {option}: {why}; {hint}"),
            ))
        };
        self.http.check(self.close_after)?;
        self.tls.check(self.port)?;
        if let (Responder::ByHand, Some(option)) = (self.responder, self.tls.what_needs_tls()) {
            return refuse(option, "it speaks HTTP/1 in plain text, so that all of it can be read");
        }
        let beyond = self.http.beyond_the_responder_by_hand();
        match (self.responder, self.closes()) {
            (Responder::Axum, _) => Ok(()),
            (Responder::ByHand, _) if beyond.is_some() => {
                refuse(beyond.unwrap_or_default(), "it has limits of its own, and keeps no log")
            }
            (Responder::ByHand, _) if dir.is_some() => {
                refuse("DIR", "it has three paths of its own and serves no files")
            }
            (Responder::ByHand, CloseAfter::Promptly | CloseAfter::Request) => Ok(()),
            (Responder::ByHand, close_after @ (CloseAfter::Never | CloseAfter::Delay(_))) => {
                let option = format!("--close-after {close_after}");
                refuse(&option, "it closes when HTTP is done (\"request\" it can do)")
            }
        }
    }
}

/// A list of small services: `echo,daytime`, `all` or `none`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Services(pub(super) Vec<Service>);

pub(super) fn services(text: &str) -> Result<Services, String> {
    match text {
        "all" => Ok(Services(Service::ALL.to_vec())),
        "none" | "" => Ok(Services(Vec::new())),
        list => list
            .split(',')
            .map(|name| name.trim().parse::<Service>().map_err(|error| error.to_string()))
            .collect::<Result<_, _>>()
            .map(Services)
            .map_err(|error| format!("{error}; or say all, or none")),
    }
}

fn max_connections(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(number @ 1..=1_000_000) => Ok(number),
        Ok(_) | Err(_) => Err("not a number from 1 to 1000000".to_owned()),
    }
}

/// Seconds, with a fraction if need be.
pub(super) fn seconds(text: &str) -> Result<Duration, String> {
    const MOST: f64 = 3600.0;
    let seconds: f64 = text.parse().map_err(|_| "not a number of seconds".to_owned())?;
    if (0.001..=MOST).contains(&seconds) {
        Ok(Duration::from_secs_f64(seconds))
    } else {
        Err(format!("not between 0.001 and {MOST} seconds"))
    }
}

/// `ADDRESS:PORT`, without the port when it is the usual one.
pub(super) fn authority(addr: SocketAddr) -> String {
    match (addr.port(), addr.ip()) {
        (80, IpAddr::V4(ip)) => ip.to_string(),
        (80, IpAddr::V6(ip)) => format!("[{ip}]"),
        (_, _) => addr.to_string(),
    }
}

/// As many queues as there are cores to read them: the peer's half of the work wants some too, so with two
/// or less one reads.
pub(super) fn usual_queues() -> Queues {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    Queues::UpTo(queues_for(cores))
}

fn queues_for(cores: usize) -> usize {
    const MOST: usize = 8;
    if cores <= 2 { 1 } else { cores.min(MOST) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queues_by_cores() {
        let cores = [1, 2, 3, 4, 8, 9, 64];
        assert_eq!(cores.map(queues_for), [1, 1, 3, 4, 8, 8, 8]);
    }

    #[test]
    fn urls_of_both_families() {
        let texts = ["192.0.2.2:80", "192.0.2.2:81", "[2001:db8::2]:80", "[2001:db8::2]:81"];
        let shown = texts.map(|addr| authority(addr.parse().unwrap()));
        assert_eq!(shown, ["192.0.2.2", "192.0.2.2:81", "[2001:db8::2]", "[2001:db8::2]:81"]);
    }

    #[test]
    fn lists_of_services() {
        assert_eq!(services("all").map(|list| list.0.len()), Ok(4));
        assert_eq!(services("none"), Ok(Services(Vec::new())));
        assert_eq!(services("echo, daytime"), Ok(Services(vec![Service::Echo, Service::Daytime])));
        assert!(services("echo,finger").unwrap_err().contains("finger"));
    }

    #[test]
    fn seconds_are_positive_and_bounded() {
        assert_eq!(seconds("0.5"), Ok(Duration::from_millis(500)));
        for bad in ["0", "-1", "nan", "inf", "1e9", "soon"] {
            assert!(seconds(bad).is_err(), "{bad}");
        }
    }
}
