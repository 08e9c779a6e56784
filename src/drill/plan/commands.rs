//! Shell commands. None is run: nearly all of them set sysctls, which become settings, and a few ask for
//! the states of sockets. The rest is refused by name.

use super::sysctl::{self, Target};
use super::{Refusal, Setup};
use crate::drill::host::Habits;
use crate::drill::script::ast::{Command, Position};
use crate::stack::Settings;
use crate::tcp::{State, names};

/// What a command means.
#[derive(Clone, Debug, PartialEq)]
pub enum Order {
    /// Sockets made from now on start from these; and where the command stands.
    Settings(Position, Box<Defaults>),
    /// So many connections have to be in this state.
    Count {
        /// Where the command stands.
        at: Position,
        /// The state.
        state: State,
        /// How many.
        count: usize,
    },
}

/// What sockets start from.
#[derive(Clone, Debug, PartialEq)]
pub struct Defaults {
    /// The settings.
    pub settings: Settings,
    /// How socket calls behave.
    pub habits: Habits,
    /// The sysctls that the script has set to get there, in order: name and value.
    pub sysctls: Vec<(String, String)>,
}

/// Reads the commands of a script, one after the other: each begins where the one before has left the
/// sysctls.
pub(super) struct Orders {
    at_first: Target,
    target: Target,
    sysctls: Vec<(String, String)>,
}

impl Orders {
    pub(super) fn new(setup: &Setup) -> Self {
        let target = Target { settings: setup.settings.clone(), habits: setup.habits };
        Orders { at_first: target.clone(), target, sysctls: Vec::new() }
    }

    pub(super) fn read(&mut self, command: &Command) -> Result<Vec<Order>, Refusal> {
        let before = self.target.clone();
        let mut orders = Vec::new();
        // A shell joins lines at a backslash, and leaves comments out.
        let text = command.text.replace("\\\n", " ");
        let lines = text.lines().map(|line| line.split(" #").next().unwrap_or_default());
        for part in lines.flat_map(|line| line.split("&&")).flat_map(|part| part.split(';')) {
            let part = part.trim();
            if !part.is_empty() && !part.starts_with('#') {
                orders.extend(self.part(part, command.at)?);
            }
        }
        if self.target != before {
            let Target { settings, habits } = self.target.clone();
            let defaults = Defaults { settings, habits, sysctls: self.sysctls.clone() };
            orders.push(Order::Settings(command.at, Box::new(defaults)));
        }
        Ok(orders)
    }

    fn part(&mut self, part: &str, at: Position) -> Result<Option<Order>, Refusal> {
        let words: Vec<&str> = part.split_whitespace().collect();
        let program = words[0].rsplit('/').next().unwrap_or_default();
        match program {
            "sysctl" => self.assignments(part, at).map(|()| None),
            "set_sysctls.py" => self.assignments(part, at).map(|()| None),
            "defaults.sh" => self.linux_defaults(at).map(|()| None),
            name if name.starts_with("sysctl_restore_") => {
                self.target = self.at_first.clone();
                self.sysctls.clear();
                Ok(None)
            }
            // Caches of earlier connections, counters and queueing: every script begins without.
            "ip" if words.contains(&"tcp_metrics") => Ok(None),
            "tc" | "ethtool" | "nstat" => Ok(None),
            "sockstat" => count(part, at).map(Some),
            _ => Err(Refusal::unsupported(at, format!("the command `{part}`"))),
        }
    }

    /// `NAME=VALUE` or `NAME="VALUE VALUE"`, also with a path for the name.
    fn assignments(&mut self, part: &str, at: Position) -> Result<(), Refusal> {
        let mut rest = part.split_once(char::is_whitespace).map_or("", |(_, rest)| rest).trim();
        while !rest.is_empty() {
            if let Some(flag) = rest.strip_prefix('-') {
                rest = flag.split_once(char::is_whitespace).map_or("", |(_, rest)| rest).trim();
                continue;
            }
            if rest.starts_with(['>', '&', '|']) || rest.starts_with("2>") {
                return Ok(());
            }
            let (name, value) = rest.split_once('=').ok_or_else(|| {
                Refusal::new(at, format!("expected NAME=VALUE for a sysctl, found \"{rest}\""))
            })?;
            let (value, behind) = match value.strip_prefix('"') {
                Some(quoted) => quoted.split_once('"').unwrap_or((quoted, "")),
                None => value.split_once(char::is_whitespace).unwrap_or((value, "")),
            };
            let name = name.trim().trim_start_matches("/proc/sys/").replace('/', ".");
            self.set(&name, value, at)?;
            rest = behind.trim();
        }
        Ok(())
    }

    /// The file with which the scripts of the Linux suite begin.
    fn linux_defaults(&mut self, at: Position) -> Result<(), Refusal> {
        const DEFAULTS: [(&str, &str); 7] = [
            ("net.ipv4.tcp_rmem", "4096 540000 15728640"),
            ("net.ipv4.tcp_wmem", "4096 262144 4194304"),
            ("net.ipv4.tcp_timestamps", "1"),
            ("net.ipv4.tcp_sack", "1"),
            ("net.ipv4.tcp_syn_retries", "5"),
            ("net.ipv4.tcp_reordering", "3"),
            ("net.ipv4.tcp_slow_start_after_idle", "0"),
        ];
        for (name, value) in DEFAULTS {
            self.set(name, value, at)?;
        }
        Ok(())
    }

    fn set(&mut self, name: &str, value: &str, at: Position) -> Result<(), Refusal> {
        let set = sysctl::set(&mut self.target, name, value);
        set.map_err(|message| Refusal::new(at, message))?;
        self.sysctls.push((name.to_owned(), value.to_owned()));
        Ok(())
    }
}

/// `sockstat ... | grep -c STATE | grep COUNT`.
fn count(part: &str, at: Position) -> Result<Order, Refusal> {
    let unsupported = || Refusal::unsupported(at, format!("the command `{part}`"));
    let greps: Vec<&str> = part.split('|').map(str::trim).skip(1).collect();
    let wanted = greps.iter().find_map(|grep| grep.strip_prefix("grep -c "));
    let state = wanted.and_then(|name| state_of(name.trim())).ok_or_else(unsupported)?;
    let count = greps.last().and_then(|grep| grep.strip_prefix("grep ")?.trim().parse().ok());
    Ok(Order::Count { at, state, count: count.ok_or_else(unsupported)? })
}

/// A state by the name that BSD's tools print.
fn state_of(name: &str) -> Option<State> {
    let name = name.replace('-', "_");
    State::ALL.into_iter().find(|state| match state {
        State::SynSent => name == "SYN_SENT",
        State::SynReceived => name == "SYN_RCVD" || name == "SYN_RECEIVED",
        _ => names::course(*state) == name,
    })
}
