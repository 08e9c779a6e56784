//! Reasons, amounts and durations in the words that log lines and ladders share.

use std::time::Duration;

use crate::seq::Seq;
use crate::trace::{
    DropReason, ErrorEffect, PathMtuChange, ProbeFate, RecoveryChange, Retransmission, Undone,
};
use crate::wire::Problem;

/// `1 octet`, `2 octets`: for what is called so and has its plural with an s.
pub(crate) fn counted(number: impl TryInto<u64>, one: &str) -> String {
    match number.try_into().unwrap_or(u64::MAX) {
        1 => format!("1 {one}"),
        number => format!("{number} {one}s"),
    }
}

/// Why something was not acted on, short enough to stand on an arrow.
pub(super) const fn dropped(why: DropReason) -> &'static str {
    match why {
        DropReason::Malformed(_) => "malformed",
        DropReason::NotForUs => "addressed to somebody else",
        DropReason::Multicast => "to a group",
        DropReason::BadSource => "impossible source address",
        DropReason::SourceRoute => "came by a source route",
        DropReason::ExtensionHeader => "unknown IPv6 header or option",
        DropReason::Fragment => "impossible fragment",
        DropReason::FragmentOverlap => "fragments overlap",
        DropReason::FragmentsFull => "no room for more fragments",
        DropReason::FragmentTimeout => "fragments missing",
        DropReason::UnknownProtocol => "unknown protocol",
        DropReason::Icmp => "ICMP that asks for nothing",
        DropReason::Discovery => "router or neighbour discovery",
        DropReason::IcmpNoConnection => "ICMP error, no such connection",
        DropReason::IcmpNotInFlight => "ICMP error, nothing such in flight",
        DropReason::IcmpNotTooBig => "ICMP error, nothing is as big",
        DropReason::SourceQuench => "source quench",
        DropReason::UdpPortUnreachable => "UDP, nobody listens",
        DropReason::NoConnection => "no such connection",
        DropReason::ListenQueueFull => "listen queue full",
        DropReason::TooManyConnections => "too many connections",
        DropReason::OutsideWindow => "outside the window",
        DropReason::ResetNotExact => "RST not exact, challenged",
        DropReason::OldTimestamp => "older timestamp",
        DropReason::NoTimestamp => "no timestamp",
        DropReason::ResetInTimeWait => "RST in TIME_WAIT",
        DropReason::ResetIgnored => "RST proves nothing",
        DropReason::SynInWindow => "SYN in window, challenged",
        DropReason::NoAck => "no ACK",
        DropReason::BadAck => "ACK of nothing sent",
        DropReason::NoSyn => "no SYN",
        DropReason::AfterFin => "after the FIN",
        DropReason::NoRoom => "no room",
        DropReason::OutputFull => "too many answers waiting",
        DropReason::TooManyStrays => "too many segments waiting for another shard",
    }
}

/// Why a segment was sent again.
pub(super) const fn again(why: Retransmission) -> &'static str {
    match why {
        Retransmission::Timeout => "retransmitted (timeout)",
        Retransmission::Fast => "retransmitted (fast)",
        Retransmission::LossProbe => "loss probe",
        Retransmission::Probe => "window probe",
        Retransmission::Handshake => "again, with ACK",
        Retransmission::TooBig => "again, smaller (too big)",
        Retransmission::MtuProbe => "again, smaller (MTU probe lost)",
    }
}

/// What an ICMP error says.
pub(super) fn problem(problem: Problem) -> String {
    let words = match problem {
        Problem::NetworkUnreachable => "network unreachable",
        Problem::HostUnreachable => "host unreachable",
        Problem::Prohibited => "administratively prohibited",
        Problem::ProtocolUnreachable => "protocol unreachable",
        Problem::PortUnreachable => "port unreachable",
        Problem::TooBig { mtu: 0 } => "too big",
        Problem::TooBig { mtu } => return format!("too big, the next link carries {mtu}"),
        Problem::TimeExceeded => "time exceeded",
        Problem::ParameterProblem => "parameter problem",
        Problem::SourceQuench => "source quench",
    };
    words.to_owned()
}

/// What follows from an ICMP error.
pub(super) const fn effect(effect: ErrorEffect) -> &'static str {
    match effect {
        ErrorEffect::Aborts => "there is no point in trying",
        ErrorEffect::Remembered => "remembered",
        ErrorEffect::Shrinks => "segments shrink",
    }
}

/// Why the path is taken to carry what it is taken to carry.
pub(super) const fn path_mtu(change: PathMtuChange) -> &'static str {
    match change {
        PathMtuChange::Told => "told by ICMP",
        PathMtuChange::BlackHole => "full segments seem to vanish",
        PathMtuChange::Probed => "a probe arrived",
        PathMtuChange::Outdated => "what was known is old",
        PathMtuChange::Known => "known from before",
    }
}

/// How the repair of losses changed.
pub(super) fn recovery(change: RecoveryChange, until: Seq) -> String {
    match change {
        RecoveryChange::Fast => {
            format!("loss noticed: fast recovery until {until} is acknowledged")
        }
        RecoveryChange::Timeout => format!("timeout: all over again until {until} is acknowledged"),
        RecoveryChange::Marked => format!("congestion experienced: slower until {until}"),
        RecoveryChange::Over => format!("all is acknowledged up to {until}: recovered"),
        RecoveryChange::Undone(Undone::ArrivedTwice) => {
            "needless: what was sent again had arrived; taken back".to_owned()
        }
        RecoveryChange::Undone(Undone::OlderTimestamp) => {
            "needless: the ACK is of the first copy; taken back".to_owned()
        }
        RecoveryChange::Undone(Undone::LaterAcks) => {
            "needless: ACKs came for what was not sent again; taken back".to_owned()
        }
        RecoveryChange::Undone(Undone::NotSentAgain) => {
            "needless: it arrived before it was sent again; taken back".to_owned()
        }
    }
}

/// What became of a probe of the path.
pub(super) const fn probe(fate: ProbeFate) -> &'static str {
    match fate {
        ProbeFate::Sent => "sent",
        ProbeFate::Lost => "lost, and nothing else",
        ProbeFate::Unclear => "lost, as others were",
    }
}

/// An amount of data in decimal units: `80 B`, `588 kB`, `1.5 MB`. Rounded down, one decimal below a hundred.
pub(super) fn octets(amount: u64) -> String {
    const UNITS: [&str; 6] = ["kB", "MB", "GB", "TB", "PB", "EB"];
    if amount < 1_000 {
        return format!("{amount} B");
    }
    let mut tenths = amount / 100;
    let mut unit = 0;
    while tenths >= 10_000 && unit + 1 < UNITS.len() {
        tenths /= 1_000;
        unit += 1;
    }
    if tenths < 1_000 && !tenths.is_multiple_of(10) {
        format!("{}.{} {}", tenths / 10, tenths % 10, UNITS[unit])
    } else {
        format!("{} {}", tenths / 10, UNITS[unit])
    }
}

/// A span of time: `12.3 ms` below a second, `61.25 s` from there. Rounded down.
pub(super) fn span(duration: Duration) -> String {
    let micros = duration.as_micros();
    if micros < 1_000_000 {
        format!("{}.{} ms", micros / 1_000, micros % 1_000 / 100)
    } else {
        format!("{}.{:02} s", micros / 1_000_000, micros % 1_000_000 / 10_000)
    }
}

/// `1 segment`, `412 segments`.
pub(super) fn count(number: u64, thing: &str) -> String {
    if number == 1 { format!("1 {thing}") } else { format!("{number} {thing}s") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_take_the_unit_that_reads_best() {
        let cases = [
            (0, "0 B"),
            (999, "999 B"),
            (1_000, "1 kB"),
            (1_448, "1.4 kB"),
            (588_123, "588 kB"),
            (999_999, "999 kB"),
            (1_000_000, "1 MB"),
            (100_000_000, "100 MB"),
            (14_480_000_000, "14.4 GB"),
            (99_912_000, "99.9 MB"),
            (u64::MAX, "18.4 EB"),
        ];
        for (amount, text) in cases {
            assert_eq!(octets(amount), text);
        }
    }

    #[test]
    fn spans_change_unit_at_a_second() {
        assert_eq!(span(Duration::from_micros(12_345)), "12.3 ms");
        assert_eq!(span(Duration::from_micros(999_999)), "999.9 ms");
        assert_eq!(span(Duration::from_millis(61_259)), "61.25 s");
    }

    #[test]
    fn one_is_singular() {
        assert_eq!(count(1, "segment"), "1 segment");
        assert_eq!(count(0, "segment"), "0 segments");
    }
}
