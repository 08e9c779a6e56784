//! One log line per transition, as `RUST_LOG=info` shows it; segments at `debug`, timers and the
//! rest at `trace`. All through the `log` crate with the target `glasstack`.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use log::Level;

use super::words;
use crate::trace::{
    Call, ConnId, DropReason, Event, Mask, Role, SegmentSummary, Sink, Strike, TimerChange, What,
};
use crate::wire::{Ecn, Flags};

/// The target of all lines, for filters such as `RUST_LOG=glasstack=debug`.
const TARGET: &str = "glasstack";

/// Writes events to the log. It asks only for what the log's level lets through, and remembers the
/// peer of each live connection, nothing else.
#[derive(Debug, Default)]
pub struct LogLines {
    peers: BTreeMap<ConnId, SocketAddr>,
}

impl LogLines {
    /// Nothing is remembered yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The text of the line that `event` makes.
    fn text(&self, event: &Event) -> String {
        let who = self.who(event.conn);
        match &event.what {
            What::Opened { local, role, .. } => format!("{who}: {} {local}", words_of_role(*role)),
            What::Removed => format!("{who}: removed"),
            What::State { from, to, cause, section } => {
                format!("{who}: {from} -> {to} ({}; RFC 9293 {section})", cause.words())
            }
            What::Received { seg, state } => format!("{who}: {state} <- {}", segment(seg)),
            What::Sent { seg, state, retransmission } => {
                let again = retransmission.map(|why| format!(", {}", words::again(why)));
                format!("{who}: {state} -> {}{}", segment(seg), again.unwrap_or_default())
            }
            What::Dropped { why, from } => {
                let from = from.map(|from| format!(" from {from}")).unwrap_or_default();
                format!("{who}: dropped{from}: {}", words_of_drop(*why))
            }
            What::Timer { timer, change } => {
                format!("{who}: {timer} timer {}", words_of_change(*change))
            }
            What::Acknowledged { octets } => {
                format!("{who}: {} acknowledged", words::counted(*octets, "octet"))
            }
            What::Delivered { octets } => {
                format!("{who}: {} readable", words::counted(*octets, "octet"))
            }
            What::SendWindow { octets } => format!("{who}: SND.WND {octets}"),
            What::CongestionWindow { cwnd, ssthresh } => {
                format!("{who}: cwnd {cwnd}, ssthresh {ssthresh}")
            }
            What::Recovery { change, until } => {
                format!("{who}: {}", words::recovery(*change, *until))
            }
            What::NetworkError { problem, seq, effect } => {
                let (problem, effect) = (words::problem(*problem), words::effect(*effect));
                format!("{who}: ICMP error about {seq}: {problem}; {effect}")
            }
            What::PathMtu { mtu, change } => {
                format!("{who}: path MTU {mtu} ({})", words::path_mtu(*change))
            }
            What::MtuProbe { mtu, fate } => {
                format!("{who}: probe of {mtu} octets {}", words::probe(*fate))
            }
            What::Urgent { pointer } => format!("{who}: urgent data until {pointer}"),
            What::Unanswered { timeouts } => {
                format!("{who}: {timeouts} timeouts in a row: the peer does not answer")
            }
            What::Call { call, error } => {
                let error = error.map(|error| format!(": {error}")).unwrap_or_default();
                format!("{who}: {}{error}", words_of_call(*call))
            }
            What::Fault(strike) => format!("{who}: {}", words_of_strike(strike)),
            What::PeerObserved { state } => format!("{who}: the peer is in {state}"),
            What::Packet(_) => format!("{who}: a packet"),
        }
    }

    fn who(&self, conn: Option<ConnId>) -> String {
        match conn.map(|id| (id, self.peers.get(&id))) {
            Some((id, Some(peer))) => format!("{id} {peer}"),
            Some((id, None)) => id.to_string(),
            None => "-".to_owned(),
        }
    }
}

impl Sink for LogLines {
    fn wanted(&self) -> Mask {
        let mut wanted = Mask::empty();
        if log::log_enabled!(target: TARGET, Level::Info) {
            wanted |= Mask::CONNECTIONS | Mask::STATES;
        }
        if log::log_enabled!(target: TARGET, Level::Debug) {
            wanted |= Mask::SEGMENTS | Mask::DROPS | Mask::FAULTS | Mask::REPORTS | Mask::PATH;
        }
        if log::log_enabled!(target: TARGET, Level::Trace) {
            wanted |= Mask::all() - Mask::PACKETS;
        }
        wanted
    }

    fn record(&mut self, event: &Event) {
        if let (Some(id), What::Opened { remote, .. }) = (event.conn, &event.what) {
            self.peers.insert(id, *remote);
        }
        if event.what.kind() == Mask::PACKETS {
            return;
        }
        let level = level(event.what.kind());
        if log::log_enabled!(target: TARGET, level) {
            log::log!(target: TARGET, level, "{}", self.text(event));
        }
        if let (Some(id), What::Removed) = (event.conn, &event.what) {
            self.peers.remove(&id);
        }
    }
}

/// What is logged at `debug`.
const DEBUG: Mask = Mask::CONNECTIONS
    .union(Mask::SEGMENTS)
    .union(Mask::DROPS)
    .union(Mask::FAULTS)
    .union(Mask::REPORTS)
    .union(Mask::PATH);

/// The level at which events of this kind are logged.
fn level(kind: Mask) -> Level {
    if kind.intersects(Mask::STATES) {
        Level::Info
    } else if kind.intersects(DEBUG) {
        Level::Debug
    } else {
        Level::Trace
    }
}

/// The header in one line, absolute numbers: a log is searched, a ladder is read.
fn segment(seg: &SegmentSummary) -> String {
    let SegmentSummary { seq, ack, flags, wnd, len, .. } = seg;
    let marked = if seg.ecn == Ecn::Ce { " CE" } else { "" };
    if flags.contains(Flags::ACK) {
        let several = match seg.segments() {
            1 => String::new(),
            segments => format!(" in {segments} segments"),
        };
        format!("{flags} seq {seq} ack {ack} win {wnd} len {len}{several}{marked}")
    } else {
        format!("{flags} seq {seq} win {wnd} len {len}{marked}")
    }
}

const fn words_of_role(role: Role) -> &'static str {
    match role {
        Role::Active => "opened by us from",
        Role::Passive => "opened by the peer to",
    }
}

fn words_of_drop(why: DropReason) -> String {
    match why {
        DropReason::Malformed(error) => format!("malformed, {error}"),
        other => words::dropped(other).to_owned(),
    }
}

fn words_of_change(change: TimerChange) -> String {
    match change {
        TimerChange::Armed { until } => format!("armed until {until}"),
        TimerChange::Cleared => "cleared".to_owned(),
        TimerChange::Fired => "fired".to_owned(),
    }
}

fn words_of_call(call: Call) -> String {
    match call {
        Call::Send { octets } => format!("SEND of {}", words::counted(octets, "octet")),
        Call::Receive { octets } => format!("RECEIVE of {}", words::counted(octets, "octet")),
        Call::Shutdown => "CLOSE of our sending side".to_owned(),
        Call::Close => "CLOSE".to_owned(),
        Call::Abort => "ABORT".to_owned(),
    }
}

fn words_of_strike(strike: &Strike) -> String {
    let Strike { rule, harm, remote, seg, .. } = strike;
    let packet = match (seg, remote) {
        (Some(seg), _) => segment(seg),
        (None, Some(remote)) => format!("a packet between us and {}", remote.ip()),
        (None, None) => "a packet".to_owned(),
    };
    format!("fault '{rule}': {}: {packet}", harm.word())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seq::Seq;
    use crate::tcp::{Cause, State};
    use crate::time::Instant;
    use crate::trace::{ErrorEffect, PathMtuChange, ProbeFate};
    use crate::wire::{Options, Problem};

    fn event(conn: Option<u64>, what: What) -> Event {
        Event { at: Instant::ZERO, conn: conn.map(ConnId), what }
    }

    fn opened() -> What {
        What::Opened {
            local: "192.0.2.2:80".parse().expect("an address"),
            remote: "192.0.2.1:40312".parse().expect("an address"),
            role: Role::Passive,
        }
    }

    fn syn_arrived() -> What {
        let (from, to, cause) = (State::Listen, State::SynReceived, Cause::SynArrived);
        What::State { from, to, cause, section: cause.section() }
    }

    #[test]
    fn a_transition_says_who_from_to_why_and_where_it_is_written() {
        let mut lines = LogLines::new();
        lines.record(&event(Some(1), opened()));
        assert_eq!(level(syn_arrived().kind()), Level::Info);
        assert_eq!(
            lines.text(&event(Some(1), syn_arrived())),
            "#1 192.0.2.1:40312: LISTEN -> SYN_RCVD (rcv SYN; RFC 9293 3.10.7.2)"
        );
    }

    #[test]
    fn a_mark_stands_behind_the_segment() {
        let seg = |ecn| SegmentSummary {
            seq: Seq(1),
            ack: Seq(2),
            flags: Flags::ACK | Flags::ECE,
            wnd: 3,
            len: 4,
            segment_size: 0,
            ecn,
            options: Options::default(),
        };
        assert_eq!(segment(&seg(Ecn::Ce)), "ACK,ECE seq 1 ack 2 win 3 len 4 CE");
        assert_eq!(segment(&seg(Ecn::Ect0)), "ACK,ECE seq 1 ack 2 win 3 len 4");
    }

    #[test]
    fn what_the_network_tells_says_what_follows() {
        let lines = LogLines::new();
        let (problem, effect) = (Problem::PortUnreachable, ErrorEffect::Remembered);
        assert_eq!(
            lines.text(&event(Some(1), What::NetworkError { problem, seq: Seq(7), effect })),
            "#1: ICMP error about 7: port unreachable; remembered"
        );
        let change = PathMtuChange::BlackHole;
        assert_eq!(
            lines.text(&event(Some(1), What::PathMtu { mtu: 1_064, change })),
            "#1: path MTU 1064 (full segments seem to vanish)"
        );
        assert_eq!(
            lines.text(&event(Some(1), What::MtuProbe { mtu: 1_500, fate: ProbeFate::Lost })),
            "#1: probe of 1500 octets lost, and nothing else"
        );
    }

    #[test]
    fn a_connection_is_forgotten_when_it_is_removed() {
        let mut lines = LogLines::new();
        for id in 0..10_000 {
            lines.record(&event(Some(id), opened()));
            lines.record(&event(Some(id), What::Removed));
        }
        assert!(lines.peers.is_empty());
        let text = lines.text(&event(Some(1), syn_arrived()));
        assert!(text.starts_with("#1: LISTEN"), "{text}");
    }
}
