//! `glass ss`: the connections of a running program in a table.

use std::fmt::Write as _;
use std::io::{self, IsTerminal, Write};
use std::time::Duration;

use clap::{Args, ValueEnum};
use serde_json::Value;

use super::looking::Looking;
use super::options::seconds;
use super::{Failure, exit, runtime};
use crate::control::client::Client;
use crate::tcp::{State, names};
use crate::view::sockets::{Connection, Listener, Naming, Table};

/// Show the connections of a running glass serve: states, queues, and timers with what is left of them
///
/// The kernel's ss does not know of them, for they are not the kernel's. Shown are all connections, those in
/// TIME_WAIT among them. Recv-Q is what the application has not read, Send-Q what the peer has not acknowledged;
/// of a listener, those that wait to be accepted, and how many may.
#[derive(Args, Debug)]
#[command(after_help = "Exit code: 0; 69 if no running glass lets you look in.\n\n\
    Examples:\n  glass ss -i\n  glass ss -l\n  glass ss --state time-wait,last-ack\n  \
    glass ss --format json | jq .cwnd\n  glass ss --watch 0.5")]
pub(super) struct Ss {
    /// Only listeners
    #[arg(short, long, env = "GLASS_LISTENING")]
    listening: bool,
    /// Listeners and connections
    #[arg(short, long, env = "GLASS_ALL", conflicts_with = "listening")]
    all: bool,
    /// Below each connection what its machine knows: round-trip times, windows, what was sent again
    #[arg(short, long, env = "GLASS_INFO")]
    info: bool,
    /// Only IPv4
    #[arg(short = '4', long, env = "GLASS_IPV4")]
    ipv4: bool,
    /// Only IPv6
    #[arg(short = '6', long, env = "GLASS_IPV6", conflicts_with = "ipv4")]
    ipv6: bool,
    /// Only connections in these states, by any of their names; also connected (all but LISTEN and CLOSED),
    /// synchronized (those of which both SYNs are acknowledged), and all
    #[arg(long, env = "GLASS_STATE", value_name = "LIST", value_parser = states)]
    state: Option<States>,
    /// Whose names of the states to use
    #[arg(long, value_enum, default_value_t, env = "GLASS_NAMES")]
    names: Names,
    /// Show it again and again, so many seconds apart
    #[arg(
        long, env = "GLASS_WATCH", value_name = "SECONDS", num_args = 0..=1,
        default_missing_value = "1", value_parser = seconds
    )]
    watch: Option<Duration>,
    /// What to write: text; or json, one object a line
    #[arg(long, value_enum, default_value_t, env = "GLASS_FORMAT")]
    format: Format,
    /// Leave the header out
    #[arg(short = 'H', long, env = "GLASS_NO_HEADER")]
    no_header: bool,
    #[command(flatten)]
    looking: Looking,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum Names {
    /// SYN_RCVD, `FIN_WAIT_1`, as course notes have them
    #[default]
    Course,
    /// SYN-RECEIVED, FIN-WAIT-1, as in RFC 9293
    Rfc,
    /// SYN-RECV, ESTAB, as ss has them
    Ss,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum Format {
    /// A table for people
    #[default]
    Text,
    /// One object a line
    Json,
}

/// `--state`.
#[derive(Clone, Debug, PartialEq, Eq)]
struct States(Vec<State>);

fn states(text: &str) -> Result<States, String> {
    let mut states = Vec::new();
    for name in text.split(',').map(str::trim) {
        let all = State::ALL.into_iter();
        match name {
            "all" => states.extend(all),
            "listening" => states.push(State::Listen),
            "connected" => {
                states.extend(all.filter(|one| !matches!(one, State::Listen | State::Closed)));
            }
            "synchronized" => states.extend(all.filter(|one| one.is_synchronized())),
            name => match names::find(name) {
                Some(state) => states.push(state),
                None => {
                    let known = State::ALL.map(names::course).join(", ");
                    let groups = "all, connected, synchronized";
                    return Err(format!("{name} is no state; there are {known}, {groups}"));
                }
            },
        }
    }
    Ok(States(states))
}

impl Ss {
    pub(super) fn execute(self) -> Result<(), Failure> {
        runtime(exit::FAILURE)?.block_on(async {
            loop {
                let told = self.look().await?;
                let mut out = io::stdout().lock();
                if self.watch.is_some() && out.is_terminal() {
                    // Home, the screen cleared below.
                    let _ = out.write_all(b"\x1b[H\x1b[J");
                }
                match out.write_all(told.as_bytes()).and_then(|()| out.flush()) {
                    Ok(()) => {}
                    // `glass ss | head` has seen enough.
                    Err(error) if error.kind() == io::ErrorKind::BrokenPipe => return Ok(()),
                    Err(error) => {
                        return Err(Failure::new(exit::FAILURE, format!("cannot write: {error}")));
                    }
                }
                drop(out);
                let Some(pause) = self.watch else { return Ok(()) };
                tokio::time::sleep(pause).await;
            }
        })
    }

    /// All of it once.
    async fn look(&self) -> Result<String, Failure> {
        let mut clients = self.looking.all().await?;
        let several = clients.len() > 1;
        let mut told = String::new();
        for client in &mut clients {
            if several && self.format == Format::Text {
                let gap = if told.is_empty() { "" } else { "\n" };
                let who = &client.who;
                let _ = writeln!(told, "{gap}{} (process {}):", who.device, who.process);
            }
            let part = match self.format {
                Format::Text => self.table(client).await,
                Format::Json => self.lines(client).await,
            };
            told += &part.map_err(|error| {
                let path = client.path().display();
                Failure::new(exit::UNAVAILABLE, format!("cannot look in by {path}: {error}"))
            })?;
        }
        Ok(told)
    }

    async fn table(&self, client: &mut Client) -> io::Result<String> {
        let naming = match self.names {
            Names::Course => Naming::Course,
            Names::Rfc => Naming::Rfc,
            Names::Ss => Naming::Ss,
        };
        let mut table = Table::new(naming, self.info);
        if self.wants_listeners() {
            let all: Vec<Listener> = listeners(client).await?;
            let wanted = all.iter().filter(|one| self.is_of_family(one.local.is_ipv4()));
            wanted.for_each(|listener| table.listener(listener));
        }
        if self.wants_connections() {
            let each = |page: Vec<Connection>| {
                page.iter().for_each(|connection| table.connection(connection));
                Ok(())
            };
            client.connections(&self.query(), each).await?;
        }
        Ok(table.render(!self.no_header))
    }

    /// As they come from the program, with the TUN.
    async fn lines(&self, client: &mut Client) -> io::Result<String> {
        let device = Value::from(client.who.device.clone());
        let mut told = String::new();
        let mut line = |kind: &str, mut one: Value| {
            one["device"] = device.clone();
            one["kind"] = kind.into();
            told += &one.to_string();
            told.push('\n');
        };
        if self.wants_listeners() {
            let all: Vec<Value> = listeners(client).await?;
            let is_wanted = |one: &Value| {
                let local = one["local"].as_str().and_then(|local| local.parse().ok());
                local.is_none_or(|local: std::net::SocketAddr| self.is_of_family(local.is_ipv4()))
            };
            all.into_iter().filter(is_wanted).for_each(|mut one| {
                one["state"] = names::course(State::Listen).into();
                line("listener", one);
            });
        }
        if self.wants_connections() {
            let each = |page: Vec<Value>| {
                page.into_iter().for_each(|one| line("connection", one));
                Ok(())
            };
            client.connections(&self.query(), each).await?;
        }
        Ok(told)
    }

    fn wants_listeners(&self) -> bool {
        match &self.state {
            Some(States(states)) => states.contains(&State::Listen),
            None => self.listening || self.all,
        }
    }

    fn wants_connections(&self) -> bool {
        let only_listeners = |states: &States| states.0.iter().all(|one| *one == State::Listen);
        !self.listening && !self.state.as_ref().is_some_and(only_listeners)
    }

    fn is_of_family(&self, is_ipv4: bool) -> bool {
        if is_ipv4 { !self.ipv6 } else { !self.ipv4 }
    }

    /// What is asked of the program.
    fn query(&self) -> String {
        let family = match (self.ipv4, self.ipv6) {
            (true, _) => "family=4&",
            (_, true) => "family=6&",
            (false, false) => "",
        };
        match &self.state {
            None => family.to_owned(),
            Some(States(states)) => {
                let names: Vec<_> = states.iter().copied().map(names::course).collect();
                format!("{family}states={}", names.join(","))
            }
        }
    }
}

async fn listeners<T: serde::de::DeserializeOwned>(client: &mut Client) -> io::Result<Vec<T>> {
    #[derive(serde::Deserialize)]
    struct All<T> {
        listeners: Vec<T>,
    }
    client.json("/v1/listeners").await.map(|All { listeners }| listeners)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_by_any_name_and_in_groups() {
        let two = States(vec![State::TimeWait, State::Established]);
        assert_eq!(states("time-wait, ESTAB"), Ok(two));
        assert_eq!(states("all").map(|all| all.0.len()), Ok(11));
        assert_eq!(states("connected").map(|all| all.0.len()), Ok(9));
        assert!(states("asleep").unwrap_err().contains("SYN_RCVD"));
    }
}
