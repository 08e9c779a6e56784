//! Options of the TCP/IP stack itself, wherever one runs: `run`, `serve`, `get`.

use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, ValueEnum};

use super::Failure;
use super::capture_options::CaptureOptions;
use super::engine::EngineKind;
use super::options::seconds;
use super::quantity::octets;
use crate::device::fault::{self, Faults, Rule, Tally};
use crate::stack;
use crate::tcp::{Algorithm, EcnMode, MtuProbing};

/// Settings of the TCP machine, and what to record of it.
#[derive(Args, Debug)]
pub(super) struct TcpOptions {
    /// The TCP/IP stack: ours, or smoltcp, another one, behind the same sockets (it raises no events:
    /// no ladder, no log of transitions, no --events, no --record)
    #[arg(long, value_enum, default_value_t, env = "GLASS_ENGINE", value_name = "ENGINE")]
    pub(super) engine: EngineKind,
    /// The longest IP packet in octets, 576 to 65535
    #[arg(
        long, env = "GLASS_MTU", default_value_t = 1500, value_name = "OCTETS",
        value_parser = clap::value_parser!(u16).range(576..)
    )]
    pub(super) mtu: u16,
    /// The maximum segment lifetime in seconds: TIME_WAIT lasts twice as long
    #[arg(
        long, env = "GLASS_MSL", default_value = "30", value_name = "SECONDS", value_parser = seconds
    )]
    pub(super) msl: Duration,
    /// The congestion control: how fast data may leave [default: cubic]
    #[arg(long, env = "GLASS_CC", value_name = "NAME", value_parser = algorithm())]
    pub(super) cc: Option<Algorithm>,
    /// How losses are noticed [default: rack]
    #[arg(long, value_enum, env = "GLASS_LOSS_DETECTION", value_name = "HOW")]
    pub(super) loss_detection: Option<LossDetection>,
    /// Explicit congestion notification (RFC 3168): off; accept it from peers that ask; on, our SYNs ask,
    /// too [default: accept]
    #[arg(long, value_enum, env = "GLASS_ECN", value_name = "MODE")]
    pub(super) ecn: Option<Ecn>,
    /// When to find out by probes what the path carries (RFC 4821): off; black-hole, when full segments seem
    /// to vanish without an ICMP error; always, segments begin small [default: black-hole]
    #[arg(long, value_enum, env = "GLASS_MTU_PROBING", value_name = "WHEN")]
    pub(super) mtu_probing: Option<Probing>,
    /// What the queues of all connections may come to hold, written and not acknowledged or come and not
    /// read: as it fills they grow short, to 16 KiB each at last
    #[arg(
        long, env = "GLASS_MAX_QUEUED", default_value = "256mib", value_name = "OCTETS",
        value_parser = octets
    )]
    max_queued: u64,
    /// Write every event to this file, one JSON object a line
    #[arg(long, env = "GLASS_EVENTS", value_name = "FILE")]
    pub(super) events: Option<PathBuf>,
    /// Record every input of the stack to this file, for glass replay (it holds all data and the
    /// stack's secret: mode 0600)
    #[arg(long, env = "GLASS_RECORD", value_name = "FILE")]
    pub(super) record: Option<PathBuf>,
    #[command(flatten)]
    pub(super) capture: CaptureOptions,
    /// Spoil packets on purpose, as `DIR WHAT ACTION`: DIR is tx (we send it), rx (we receive it) or
    /// any; WHAT is 5% of all, or SYN, SYN,ACK, FIN, RST, data, ack, icmp or any, alone or with its
    /// number on that connection (FIN#1, ack#2-5, data#4-); ACTION is drop, dup, delay 700ms,
    /// corrupt, reorder [PACKETS] or truncate [OCTETS]. May be given again, or with ; between rules:
    /// the first that matches a packet strikes it. For example: --fault 'tx FIN#1 drop'
    #[arg(long, env = "GLASS_FAULT", value_name = "RULE", value_parser = rules)]
    fault: Vec<Rules>,
    /// What faults by chance draw from: the same seed strikes the same packets; otherwise the system
    /// draws one, and it is printed
    #[arg(long, env = "GLASS_SEED", value_name = "NUMBER")]
    seed: Option<u64>,
}

/// `--loss-detection`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum LossDetection {
    /// By time, with probes for lost ends (RACK-TLP, RFC 8985), and timeouts that may be taken back
    Rack,
    /// By counting what the peer has beyond them (SACK, RFC 6675), or by the timeout
    Sack,
    /// By three duplicate ACKs, as before SACK (RFC 5681, RFC 6582), or by the timeout
    Dupacks,
}

/// `--ecn`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Ecn {
    /// Never
    Off,
    /// When the peer asks
    Accept,
    /// Ask
    On,
}

/// `--mtu-probing`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Probing {
    /// Never; ICMP errors are heard all the same
    Off,
    /// When full segments seem to vanish
    BlackHole,
    /// From the beginning
    Always,
}

/// The names of all algorithms, and nothing else.
fn algorithm() -> impl TypedValueParser<Value = Algorithm> {
    let names = Algorithm::ALL.map(Algorithm::name);
    PossibleValuesParser::new(names).try_map(|name| name.parse::<Algorithm>())
}

/// How much longer connections may take to end when packets are lost: for the timeouts that double.
const PATIENCE_WITH_FAULTS: Duration = Duration::from_secs(15);

impl TcpOptions {
    pub(super) fn stack(&self, addrs: Vec<IpAddr>) -> stack::Config {
        let mut config =
            stack::Config { addrs, mtu: usize::from(self.mtu), ..stack::Config::default() };
        config.max_queued = usize::try_from(self.max_queued).unwrap_or(usize::MAX);
        config.tcp.msl = self.msl;
        config.tcp.congestion = self.cc.unwrap_or_default();
        let by_time = match self.loss_detection {
            Some(LossDetection::Rack) | None => true,
            Some(LossDetection::Sack | LossDetection::Dupacks) => false,
        };
        config.tcp.rack = by_time;
        config.tcp.tail_loss_probe = by_time;
        config.tcp.frto = by_time;
        config.tcp.sack = self.loss_detection != Some(LossDetection::Dupacks);
        config.tcp.ecn = match self.ecn {
            Some(Ecn::Off) => EcnMode::Off,
            Some(Ecn::Accept) | None => EcnMode::Accept,
            Some(Ecn::On) => EcnMode::On,
        };
        config.tcp.path_mtu_probing = match self.mtu_probing {
            Some(Probing::Off) => MtuProbing::Off,
            Some(Probing::BlackHole) | None => MtuProbing::OnBlackHole,
            Some(Probing::Always) => MtuProbing::Always,
        };
        config
    }

    /// The faults that were asked for, if any.
    pub(super) fn faults(&self) -> std::io::Result<Option<FaultPlan>> {
        if self.has_faults() { FaultPlan::new(&self.fault, self.seed).map(Some) } else { Ok(None) }
    }

    pub(super) fn has_faults(&self) -> bool {
        self.fault.iter().any(|rules| !rules.0.is_empty())
    }

    /// Refuses what the chosen engine cannot do and what cannot be written, before anything is made.
    pub(super) fn check(&self) -> Result<(), Failure> {
        self.engine.check(self)?;
        self.capture.open()
    }

    /// How long to wait for something that takes `patience` on a good wire.
    pub(super) fn patience(&self, patience: Duration) -> Duration {
        if self.has_faults() { patience + PATIENCE_WITH_FAULTS } else { patience }
    }
}

/// Faults for the links of all shards.
pub(super) struct FaultPlan {
    rules: Vec<Rule>,
    pub(super) seed: u64,
    /// Whether the seed decides anything.
    pub(super) is_random: bool,
    /// What they have done, all together.
    pub(super) tally: Tally,
}

impl FaultPlan {
    /// These rules, by `seed`, or by one that the system draws if they need any.
    pub(super) fn new(rules: &[Rules], seed: Option<u64>) -> std::io::Result<FaultPlan> {
        let rules: Vec<Rule> = rules.iter().flat_map(|rules| rules.0.clone()).collect();
        let is_random = rules.iter().any(Rule::is_random);
        let seed = match seed {
            Some(seed) => seed,
            None if is_random => getrandom::u64().map_err(std::io::Error::other)?,
            None => 0,
        };
        let tally = Faults::new(rules.clone(), seed).tally();
        Ok(FaultPlan { rules, seed, is_random, tally })
    }

    /// For the link of one shard, which draws its own numbers from the seed.
    pub(super) fn of(&self, shard: u32) -> Faults {
        let seed = self.seed.wrapping_add(shard.into());
        Faults::new(self.rules.clone(), seed).counted_by(&self.tally)
    }
}

/// Rules with `;` between them.
#[derive(Clone, Debug)]
pub(super) struct Rules(Vec<Rule>);

pub(super) fn rules(text: &str) -> Result<Rules, String> {
    match fault::parse_list(text) {
        Ok(rules) if rules.is_empty() => {
            Err("there is no rule in it; for example: tx FIN#1 drop".to_owned())
        }
        Ok(rules) => Ok(Rules(rules)),
        Err(error) => Err(error.to_string()),
    }
}
