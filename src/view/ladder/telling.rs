//! What a ladder says in words, whatever it is drawn with: of a connection, of a row, of how it ended.

use super::exchange::PeerColumn;
use super::record::Record;
use super::row::{Flow, Fold, Happening, MomentRow, SegmentRow};
use super::style::Glyphs;
use crate::tcp::{Cause, State};
use crate::time::Instant;
use crate::trace::{ConnId, Role};
use crate::view::words;

/// `#1  192.0.2.1:40312`, `→  192.0.2.2:80`, `(they opened)`: who talks with whom, in parts.
pub(super) fn title(
    id: ConnId,
    record: &Record,
    peer: PeerColumn<'_>,
    glyphs: &Glyphs,
) -> Vec<String> {
    let mut parts = match record.ends {
        Some((local, remote, role)) => {
            let (from, to, who) = match (role, peer) {
                (Role::Active, PeerColumn::Told(_)) => (local, remote, ""),
                (Role::Passive, PeerColumn::Told(_)) => (remote, local, ""),
                (Role::Active, _) => (local, remote, "(we opened)"),
                (Role::Passive, _) => (remote, local, "(they opened)"),
            };
            vec![format!("{id}  {from}"), format!("{}  {to}", glyphs.to), who.to_owned()]
        }
        None => vec![id.to_string(), "(its beginning was not seen)".to_owned()],
    };
    if !(record.ours.is_relative() || record.theirs.is_relative()) {
        parts.push("(absolute numbers)".to_owned());
    }
    parts
}

/// Milliseconds since the ladder began, with one decimal or three.
pub(super) fn clock(began: Instant, at: Instant, decimals: usize) -> String {
    let micros = at.since(began).as_micros();
    match decimals {
        1 => format!("{}.{}", micros / 1_000, micros % 1_000 / 100),
        _ => format!("{}.{:03}", micros / 1_000, micros % 1_000),
    }
}

/// What the left end and the right end are.
pub(super) const fn ends(record: &Record) -> [&'static str; 2] {
    match record.ends {
        Some((_, _, Role::Active)) => ["peer (server)", "us (client)"],
        Some((_, _, Role::Passive)) => ["peer (client)", "us (server)"],
        None => ["peer", "us"],
    }
}

/// How much went each way, and how it ended, in parts.
pub(super) fn summary(record: &Record) -> Vec<String> {
    let mut counts = vec![
        format!("{} in", words::count(record.segments_in, "segment")),
        format!("{} out", record.segments_out),
    ];
    if record.again > 0 {
        counts.push(format!("{} retransmitted", record.again));
    }
    if record.dropped > 0 {
        counts.push(format!("{} dropped", record.dropped));
    }
    if record.faults > 0 {
        counts.push(words::count(record.faults, "fault"));
    }
    let (sent, received) = (record.ours.octets, record.theirs.octets);
    let data = format!("{} sent, {} received", words::octets(sent), words::octets(received));
    vec![counts.join(", "), data, ending(record)]
}

/// Why its sender has sent it.
pub(super) fn why(row: &SegmentRow) -> Option<&'static str> {
    row.again.map(words::again).or(row.because)
}

/// What a fault did to it.
pub(super) fn fault(row: &SegmentRow) -> Option<String> {
    let fault = row.fault.as_ref()?;
    Some(format!("{} by '{}'", fault.harm.word(), fault.rule))
}

/// What happened without a segment.
pub(super) fn moment(row: &MomentRow) -> String {
    match row.what {
        Happening::Change(cause) => cause.words().to_owned(),
        Happening::Fired(timer) => format!("{timer} timer ran out"),
        Happening::Armed(timer, until) => {
            format!("{timer} timer set: {}", words::span(until.since(row.at)))
        }
        Happening::Cleared(timer) => format!("{timer} timer cleared"),
        Happening::Dropped(why) => format!("dropped: {}", words::dropped(why)),
        Happening::Told(problem) => format!("ICMP error: {}", words::problem(problem)),
        Happening::PathMtu(mtu, change) => {
            format!("path MTU {mtu}: {}", words::path_mtu(change))
        }
        Happening::Crashed => "starts anew, all is forgotten".to_owned(),
        Happening::Seen => "seen in this state".to_owned(),
    }
}

/// How much of it there was; `None` when there was nothing.
pub(super) fn flow(flow: Flow) -> Option<String> {
    let segments = words::count(flow.segments, "segment");
    match (flow.segments, flow.octets) {
        (0, _) => None,
        (_, 0) => Some(segments),
        (_, octets) => Some(format!("{segments}, {}", words::octets(octets))),
    }
}

/// What in it was out of the ordinary.
pub(super) fn troubles(fold: &Fold) -> Option<String> {
    let words: Vec<_> = [
        (fold.again, "retransmission"),
        (fold.dropped, "drop"),
        (fold.faults, "fault"),
        (fold.fired, "timeout"),
        (fold.told, "word of the network"),
        (fold.changes, "state change"),
    ]
    .into_iter()
    .filter(|(number, _)| *number > 0)
    .map(|(number, thing)| words::count(number, thing))
    .collect();
    (!words.is_empty()).then(|| words.join(", "))
}

/// How it ended, and when.
fn ending(record: &Record) -> String {
    let after = words::span(record.last.since(record.began));
    let how = match (record.state, record.cause) {
        (State::Closed, Some(Cause::RstArrived)) => "reset by the peer".to_owned(),
        (State::Closed, Some(Cause::Abort | Cause::DataAfterClose)) => "aborted by us".to_owned(),
        (State::Closed, Some(Cause::UserTimeout)) => "given up".to_owned(),
        (State::Closed, _) => "closed".to_owned(),
        (state, _) => format!("in {state}"),
    };
    format!("{how} after {after}")
}
