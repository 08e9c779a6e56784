//! Packets from the stack: each field against what the script says.

use std::fmt::Display;
use std::time::Duration;

use super::connection::Connection;
use super::outcome::seconds;
use super::schedule::Window;
use super::{BEGIN, Difference, Failure, Mark, Result, Runner, elapsed};
use crate::drill::packet::{self, Seen, ecn_bits};
use crate::drill::plan::Step;
use crate::drill::script::ast::{Body, Ecn, IpInfo, Options, Packet, Tcp, TcpOption};
use crate::time::Instant;

const SYN: u8 = 2;
const PSH: u8 = 8;
const ACK: u8 = 16;
const URG: u8 = 32;

/// How long to look for a packet that did not come in time, only to be able to say when it came.
const CURIOSITY: Duration = Duration::from_mins(10);
/// How long to wait for a packet that may come at any time.
const PATIENCE: Duration = Duration::from_hours(24);

impl Runner<'_> {
    pub(super) fn expect(&mut self, step: &Step, packet: &Packet, base: Instant) -> Result {
        let Body::Tcp(line) = &packet.body else { unreachable!("the plan has looked") };
        let labels = packet.ports.map(|(ours, theirs)| (theirs, ours));
        let Some(index) = self.connections.for_outbound(labels) else {
            let what = "no connection yet that a packet could be of: nobody has called \
                        connect, and no packet came for a listener";
            return Err(Failure::at(step.at, what).into());
        };
        let window = self.window_of(step, base);
        let limit =
            window.map_or(self.subject.now() + PATIENCE, |window| window.to + window.tolerance);
        let Some((at, mut seen)) = self.next_of(index, limit)? else {
            return Err(self.nothing_came(step, index, window).into());
        };
        self.begin_counting(index, line, &seen);
        let at = if self.plan.setup.strict_segments {
            at
        } else {
            self.join(index, line, &mut seen, limit)?.unwrap_or(at)
        };
        let mut differences = self.differences(index, packet, line, &seen);
        if let Some(window) = window.filter(|window| !window.contains(at)) {
            differences.push(time_difference(&window, at));
        }
        if differences.is_empty() {
            self.remember_timestamp(index, line, &seen);
        }
        let got = notation(self.connections.at(index), &seen);
        self.row_at(at, Mark::Out, Some(step.at.line), got.clone());
        if differences.is_empty() {
            return Ok(());
        }
        let failure = Failure {
            expected: Some(step.text.to_string()),
            got: Some(format!("> {got} at {}", seconds(elapsed(at)))),
            differences,
            ..Failure::at(step.at, "the packet is not as expected")
        };
        Err(failure.into())
    }

    /// The next packet of a connection, at `limit` at the latest.
    fn next_of(&mut self, index: usize, limit: Instant) -> Result<Option<(Instant, Seen)>> {
        loop {
            self.collect();
            if let Some(next) = self.connections.at(index).sent.pop_front() {
                return Ok(Some(next));
            }
            if !self.subject.toward_packet(limit) {
                return Ok(None);
            }
            self.resume()?;
        }
    }

    /// The script counts our numbers from what it says of our SYN; a RST for nobody has none.
    fn begin_counting(&mut self, index: usize, line: &Tcp, seen: &Seen) {
        let connection = self.connections.at(index);
        if connection.offset.is_none() && seen.has(SYN) {
            connection.offset = Some(seen.seq.wrapping_sub(line.seq));
        }
    }

    /// Several segments in a row may be what the script says in one. Returns when the last of them left.
    fn join(
        &mut self,
        index: usize,
        line: &Tcp,
        seen: &mut Seen,
        limit: Instant,
    ) -> Result<Option<Instant>> {
        let mut last = None;
        let wanted = usize::from(line.len);
        let begins_right = seen.seq == self.connections.at(index).wire_number(line.seq);
        while begins_right && !seen.payload.is_empty() && seen.payload.len() < wanted {
            let Some((at, next)) = self.next_of(index, limit)? else { break };
            let end = seen.seq.wrapping_add(u32::try_from(seen.payload.len()).unwrap_or(0));
            let fits = next.seq == end && seen.payload.len() + next.payload.len() <= wanted;
            if !fits || next.payload.is_empty() {
                self.connections.at(index).sent.push_front((at, next));
                break;
            }
            // Pushed is what ends the whole.
            let flags = (seen.flags & !PSH) | next.flags;
            let payload = [&seen.payload[..], &next.payload].concat();
            let mut defects = std::mem::take(&mut seen.defects);
            defects.extend(next.defects.iter().cloned());
            *seen = Seen { seq: seen.seq, flags, payload: payload.into(), defects, ..next };
            last = Some(at);
        }
        Ok(last)
    }

    fn differences(
        &mut self,
        index: usize,
        packet: &Packet,
        line: &Tcp,
        seen: &Seen,
    ) -> Vec<Difference> {
        let connection = self.connections.at(index);
        let mut found = Differences(Vec::new());
        found.compare("flags", &packet::flags(line.flags), &packet::flags(seen.flags));
        let seq = connection.script_number(seen.seq);
        found.compare("sequence number", &line.seq, &seq);
        found.compare("length", &usize::from(line.len), &seen.payload.len());
        if line.flags & seen.flags & ACK != 0 {
            found.compare("acknowledgment number", &line.ack.unwrap_or(0), &seen.ack);
        } else if !seen.has(ACK) {
            found.compare("acknowledgment number without ACK", &0, &seen.ack);
        }
        if let Some(win) = line.win {
            found.compare("window", &win, &seen.win);
        }
        if line.flags & URG != 0 || seen.has(URG) || line.urg.is_some() {
            found.compare("urgent pointer", &line.urg.unwrap_or(0), &seen.urg);
        }
        if let Options::Exactly(options) = &line.options {
            found.compare_options(options, &seen.options);
        }
        found.compare_ip(&packet.ip, seen);
        found.compare_data(connection, seen);
        for defect in &seen.defects {
            found.add("well-formedness", &"a sound packet", defect);
        }
        let mut differences = found.0;
        differences.extend(self.tick_difference(index, line, seen));
        differences
    }

    /// Whether the stack's timestamps move on as fast as the script's.
    fn tick_difference(&mut self, index: usize, line: &Tcp, seen: &Seen) -> Option<Difference> {
        let tick = self.plan.setup.timestamp_tick?;
        let (script, (live, _)) = (timestamp_of(line)?, seen.timestamps()?);
        let connection = self.connections.at(index);
        let (first_script, first_live) = connection.timestamps.iter().next()?;
        let wanted = script.wrapping_sub(*first_script);
        let got = live.wrapping_sub(*first_live);
        let off = tick * wanted.abs_diff(got).min(1 << 20);
        let gap = tick * wanted.min(1 << 24);
        let allowed = self.tolerance(gap) + tick;
        (off > allowed).then(|| Difference {
            field: "TS val",
            expected: format!("{wanted} ticks after the first"),
            got: format!("{got} ticks after it"),
        })
    }

    fn remember_timestamp(&mut self, index: usize, line: &Tcp, seen: &Seen) {
        let connection = self.connections.at(index);
        if let (Some(script), Some((live, _))) = (timestamp_of(line), seen.timestamps()) {
            connection.timestamps.insert(script, live);
        }
    }

    /// Nothing came in time: what did come, and when?
    fn nothing_came(&mut self, step: &Step, index: usize, window: Option<Window>) -> Failure {
        let waited = window.map_or(PATIENCE, |window| window.to.since(BEGIN) + window.tolerance);
        let late = self.next_of(index, self.subject.now() + CURIOSITY).ok().flatten();
        let (got, what) = match late {
            Some((at, seen)) => {
                let at = seconds(elapsed(at));
                let text = notation(self.connections.at(index), &seen);
                let what =
                    format!("no packet left by {}; the next one left at {at}", seconds(waited));
                (format!("> {text} at {at}"), what)
            }
            None => {
                let what = format!("no packet left by {}, nor would one later", seconds(waited));
                ("nothing".to_owned(), what)
            }
        };
        let expected = Some(step.text.to_string());
        Failure { expected, got: Some(got), ..Failure::at(step.at, what) }
    }
}

fn time_difference(window: &Window, at: Instant) -> Difference {
    let [from, to, at] = [window.from, window.to, at].map(|at| seconds(elapsed(at)));
    let tolerance = seconds(window.tolerance);
    let expected = if from == to { from } else { format!("{from} to {to}") };
    Difference { field: "time", expected: format!("{expected} (+-{tolerance})"), got: at }
}

/// Differences as they are found.
struct Differences(Vec<Difference>);

impl Differences {
    fn add(&mut self, field: &'static str, expected: &dyn Display, got: &dyn Display) {
        self.0.push(Difference::new(field, expected, got));
    }

    fn compare<T: PartialEq + Display>(&mut self, field: &'static str, expected: &T, got: &T) {
        if expected != got {
            self.add(field, expected, got);
        }
    }

    /// The same options in the same order; the value of a timestamp is the stack's own.
    fn compare_options(&mut self, expected: &[TcpOption], got: &[TcpOption]) {
        let same = |(a, b): (&TcpOption, &TcpOption)| match (a, b) {
            (TcpOption::Timestamps { ecr: a, .. }, TcpOption::Timestamps { ecr: b, .. }) => a == b,
            _ => a == b,
        };
        if expected.len() != got.len() || !expected.iter().zip(got).all(same) {
            self.add("options", &list(expected), &list(&with_timestamp_of(expected, got)));
        }
    }

    /// The data is what the script has written: the stream begins behind our SYN.
    fn compare_data(&mut self, connection: &Connection, seen: &Seen) {
        let start = connection.script_number(seen.seq) as usize;
        let start = if seen.has(SYN) { start + 1 } else { start };
        let wanted = connection.written.slice(start.saturating_sub(1), seen.payload.len());
        if let Some(at) = wanted.iter().zip(&seen.payload).position(|(a, b)| a != b) {
            self.add("data", &excerpt(&wanted[at..]), &excerpt(&seen.payload[at..]));
        }
    }

    fn compare_ip(&mut self, expected: &IpInfo, seen: &Seen) {
        if let Some(ttl) = expected.ttl {
            self.compare("time to live", &ttl, &seen.ttl);
        }
        if let Some(tos) = expected.tos {
            self.compare("type of service", &format!("{tos:#04x}"), &format!("{:#04x}", seen.tos));
        }
        let name = |bits: u8| ["noecn", "ect1", "ect0", "ce"][usize::from(bits & 3)];
        match expected.ecn {
            None => {}
            Some(Ecn::Ect01) if matches!(seen.tos & 3, 1 | 2) => {}
            Some(Ecn::Ect01) => self.add("ECN", &"ect0 or ect1", &name(seen.tos)),
            Some(ecn) => self.compare("ECN", &name(ecn_bits(ecn)), &name(seen.tos)),
        }
    }
}

/// The options, a timestamp with the value that the script has for it: that is not what differs.
fn with_timestamp_of(script: &[TcpOption], live: &[TcpOption]) -> Vec<TcpOption> {
    let wanted = script.iter().find_map(|option| match option {
        TcpOption::Timestamps { val, .. } => Some(*val),
        _ => None,
    });
    let with = |option: &TcpOption| match option {
        TcpOption::Timestamps { val, ecr } => {
            TcpOption::Timestamps { val: wanted.unwrap_or(*val), ecr: *ecr }
        }
        other => other.clone(),
    };
    live.iter().map(with).collect()
}

fn list(options: &[TcpOption]) -> String {
    let options: Vec<String> = options.iter().map(packet::option).collect();
    format!("<{}>", options.join(","))
}

fn excerpt(octets: &[u8]) -> String {
    format!("\"{}\"", octets[..octets.len().min(16)].escape_ascii())
}

fn timestamp_of(line: &Tcp) -> Option<u32> {
    let Options::Exactly(options) = &line.options else { return None };
    options.iter().find_map(|option| match option {
        TcpOption::Timestamps { val, .. } => Some(*val),
        _ => None,
    })
}

/// A packet from the stack as the script would say it.
fn notation(connection: &Connection, seen: &Seen) -> String {
    let back = connection.timestamps.iter();
    let back = |live: u32| back.clone().find(|(_, wire)| **wire == live).map(|(script, _)| *script);
    let options: Vec<TcpOption> = seen
        .options
        .iter()
        .map(|option| match option {
            TcpOption::Timestamps { val, ecr } => {
                TcpOption::Timestamps { val: back(*val).unwrap_or(*val), ecr: *ecr }
            }
            other => other.clone(),
        })
        .collect();
    let seq = connection.script_number(seen.seq);
    let ack = seen.has(ACK).then_some(seen.ack);
    let len = seen.payload.len();
    packet::segment(seen.flags, seq, len, ack, seen.win, seen.urg, &options)
}
