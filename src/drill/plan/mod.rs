//! From a script to what is to be done: names become numbers, calls become [`Call`]s, sysctls become
//! settings. Everything that this stack cannot do is found here, before anything runs, and named.

mod calls;
mod commands;
mod constants;
mod icmp;
mod options;
mod sysctl;
mod values;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

pub use calls::{Expected, Out, PlannedCall};
pub use commands::{Defaults, Order};
pub use constants::information_constant;
pub use icmp::{IcmpMessage, message as icmp_message};
pub use sysctl::{apply as apply_sysctl, documented as documented_sysctls};

use super::host::{Call, Habits, How, PollFd, TcpInfo, Value, Watch, WatchChange};
use super::script::ast::{Action, Body, Icmp, Packet, Position, Script, Time};
use super::script::code::{Statement, unassigned};
use super::script::{Definition, Definitions, SyntaxError};
use super::{IpVersion, Profile, Words};
use crate::stack::Settings;

/// Why a script cannot be run: it cannot be read, or asks for what is not supported.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Where.
    pub at: Position,
    /// What is wrong, and what would be right.
    pub message: String,
}

impl Refusal {
    pub(super) fn new(at: Position, message: impl Into<String>) -> Self {
        Refusal { at, message: message.into() }
    }

    fn unsupported(at: Position, what: impl std::fmt::Display) -> Self {
        Refusal { at, message: format!("{what} is not supported") }
    }
}

impl From<SyntaxError> for Refusal {
    fn from(error: SyntaxError) -> Self {
        Refusal { at: error.at, message: error.to_string() }
    }
}

/// What the command line says about all scripts.
#[derive(Clone, Debug, Default)]
pub struct Choices {
    /// Whose choices the stack makes.
    pub profile: Profile,
    /// Over which version of IP.
    pub ip_version: IpVersion,
    /// `--define`.
    pub definitions: Definitions,
    /// How far times may be off, in microseconds, whatever scripts say.
    pub tolerance_usecs: Option<u64>,
}

impl Choices {
    /// The definitions of the command line, and those of the profile unless the command line says for
    /// whom scripts are to speak.
    #[must_use]
    pub fn all_definitions(&self) -> Definitions {
        let mut definitions = self.definitions.clone();
        let says = Profile::NAMES.iter().any(|name| definitions.contains(name));
        if !says {
            let name = self.profile.defines().to_owned();
            definitions.add(Definition { name, value: None });
        }
        definitions
    }
}

/// What a script needs before its first event, from its options.
#[derive(Clone, Debug, PartialEq)]
pub struct Setup {
    /// What sockets start from.
    pub settings: Settings,
    /// How socket calls behave.
    pub habits: Habits,
    /// Over which version of IP the script is played.
    pub ip_version: IpVersion,
    /// In whose words it is.
    pub words: Words,
    /// The address of the stack, and the port that `bind(3, ..., ...)` takes.
    pub local: SocketAddr,
    /// The address of the other side, and the port that `connect(3, ..., ...)` goes to.
    pub remote: SocketAddr,
    /// The longest IP packet of the link, in octets.
    pub mtu: usize,
    /// How far a time may be off.
    pub tolerance: Duration,
    /// How far it may be off in percent of the time since the event before, where that is more.
    pub tolerance_percent: f64,
    /// Segments have to be as long as the script says, not together as long.
    pub strict_segments: bool,
    /// A packet that is not as expected is noted, and the script goes on.
    pub packets_are_non_fatal: bool,
    /// As for packets, a call.
    pub calls_are_non_fatal: bool,
    /// How long a tick of the stack's timestamps has to be; not checked if `None`.
    pub timestamp_tick: Option<Duration>,
}

impl Setup {
    /// Octets that packets are longer than the script counts them.
    #[must_use]
    pub fn longer_by(&self) -> u16 {
        self.ip_version.longer_by() - self.words.counts().longer_by()
    }

    /// The ICMP message of a line; `None` when there is none of this name.
    #[must_use]
    pub fn icmp_message(&self, line: &Icmp) -> Option<IcmpMessage> {
        match self.words {
            Words::V4 | Words::Mapped => icmp_message(line, self.ip_version),
            Words::V6 => icmp::message_of_ipv6(line),
        }
    }
}

/// A script, ready to run.
#[derive(Clone, Debug)]
pub struct Plan {
    /// What has to be so before the first event.
    pub setup: Setup,
    /// The commands in front of the first event.
    pub init: Vec<Order>,
    /// The events.
    pub steps: Vec<Step>,
}

/// One event.
#[derive(Clone, Debug)]
pub struct Step {
    /// Where it stands.
    pub at: Position,
    /// When.
    pub time: Time,
    /// As it was written.
    pub text: Arc<str>,
    /// What.
    pub deed: Deed,
}

/// What there is to do.
#[derive(Clone, Debug)]
pub enum Deed {
    /// A packet goes to the stack.
    Inject(Packet),
    /// A packet has to come from the stack.
    Expect(Packet),
    /// A call.
    Call(Box<PlannedCall>),
    /// Commands.
    Orders(Vec<Order>),
    /// Assertions about the connection.
    Assert(Vec<Statement>),
}

/// Makes a plan of a script.
///
/// # Errors
///
/// The first thing in the script that is not supported.
pub fn plan(script: Script, choices: &Choices) -> Result<Plan, Refusal> {
    let setup = options::setup(&script.options, Words::of(&script), choices)?;
    let mut orders = commands::Orders::new(&setup);
    let init =
        script.init.iter().map(|command| orders.read(command)).collect::<Result<Vec<_>, _>>()?;
    let init = init.concat();
    let mut steps = Vec::with_capacity(script.events.len());
    for event in script.events {
        let deed = match event.action {
            Action::Packet(packet) => expect_or_inject(packet, &setup)?,
            Action::Call(call) => Deed::Call(Box::new(calls::plan(&call, &setup)?)),
            Action::Command(command) => Deed::Orders(orders.read(&command)?),
            Action::Code(statements) => Deed::Assert(statements),
        };
        steps.push(Step { at: event.at, time: event.time, text: event.text, deed });
    }
    check_names(&steps)?;
    if let Some(cleanup) = &script.cleanup {
        // It would undo what the script has set, for scripts that come after: none does here.
        orders.read(cleanup)?;
    }
    Ok(Plan { setup, init, steps })
}

fn expect_or_inject(packet: Packet, setup: &Setup) -> Result<Deed, Refusal> {
    use super::script::ast::Direction;
    if packet.ip.flow_label.is_some() {
        return Err(Refusal::unsupported(packet.at, "a flow label"));
    }
    if let Body::Icmp(line) = &packet.body {
        icmp::check(packet.at, line, setup)?;
    }
    match (packet.direction, &packet.body) {
        (Direction::In, _) => Ok(Deed::Inject(packet)),
        (Direction::Out, Body::Tcp(_)) => Ok(Deed::Expect(packet)),
        (Direction::Out, Body::Udp { .. }) => {
            Err(Refusal::unsupported(packet.at, "a UDP datagram from the stack"))
        }
        (Direction::Out, Body::Icmp(_)) => {
            Err(Refusal::unsupported(packet.at, "an ICMP message from the stack"))
        }
    }
}

/// Assertions may ask for what `TCP_INFO` tells, and for the constants that go with it.
fn check_names(steps: &[Step]) -> Result<(), Refusal> {
    let statements = steps.iter().flat_map(|step| match &step.deed {
        Deed::Assert(statements) => &statements[..],
        _ => &[],
    });
    let known = TcpInfo::known_fields();
    for (at, name) in unassigned(statements) {
        if !known.contains(&name) && information_constant(name).is_none() {
            return Err(Refusal::unsupported(at, format!("{name} in an assertion")));
        }
    }
    Ok(())
}
