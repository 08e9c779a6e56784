//! The names of ICMP errors (RFC 792, RFC 1122 3.2.2, RFC 1812 5.2.7), and those of ICMPv6 (RFC 4443 3) that mean
//! the same.

use super::{Refusal, Setup};
use crate::drill::IpVersion;
use crate::drill::script::ast::{Icmp, Position};

const UNREACHABLE: [&str; 16] = [
    "net_unreachable",
    "host_unreachable",
    "protocol_unreachable",
    "port_unreachable",
    "frag_needed",
    "source_route_failed",
    "net_unknown",
    "host_unknown",
    "source_host_isolated",
    "net_prohibited",
    "host_prohibited",
    "net_unreachable_for_tos",
    "host_unreachable_for_tos",
    "packet_filtered",
    "precedence_violation",
    "precedence_cutoff",
];
const TIME_EXCEEDED: [&str; 2] = ["ttl_exceeded_in_transit", "frag_reass_exceeded"];

const UNREACHABLE_V6: [(&str, u8); 6] = [
    ("net_unreachable", 0),
    ("no_route", 0),
    ("admin_prohibited", 1),
    ("not_neighbour", 2),
    ("address_unreachable", 3),
    ("port_unreachable", 4),
];
const TIME_EXCEEDED_V6: [(&str, u8); 2] = [("exceeded_hop_limit", 0), ("exceeded_frag_time", 1)];
const PARAMETER_PROBLEM_V6: [(&str, u8); 3] =
    [("header_field", 0), ("unknown_next_header", 1), ("unknown_option", 2)];

/// Where the header of IPv6 names what follows.
const NEXT_HEADER_AT: u32 = 6;

/// An ICMP error: its first eight octets without the checksum.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IcmpMessage {
    /// The type.
    pub kind: u8,
    /// The code.
    pub code: u8,
    /// The last four octets: the MTU, or where the mistake is.
    pub rest: u32,
}

/// The message of a line over `version`; `None` when there is none of this name, or none that means the same.
#[must_use]
pub fn message(line: &Icmp, version: IpVersion) -> Option<IcmpMessage> {
    let (kind, code) = kind_and_code(line)?;
    let rest = line.mtu.unwrap_or(0);
    match version {
        IpVersion::V4 => Some(IcmpMessage { kind, code, rest }),
        IpVersion::V6 => twin(kind, code, rest),
    }
}

/// The message of a line in the words of IPv6, with the MTU as it says: one of ICMPv6, or the twin of what IPv4
/// calls so.
#[must_use]
pub(super) fn message_of_ipv6(line: &Icmp) -> Option<IcmpMessage> {
    let (kind, codes): (u8, &[(&str, u8)]) = match line.kind.as_str() {
        "unreachable" => (1, &UNREACHABLE_V6),
        "packet_too_big" => (2, &[]),
        "time_exceeded" => (3, &TIME_EXCEEDED_V6),
        "parameter_problem" => (4, &PARAMETER_PROBLEM_V6),
        _ => return None,
    };
    let code = match line.code.as_deref() {
        None => Some(0),
        Some(name) => codes
            .iter()
            .find_map(|(known, code)| (*known == name).then_some(*code))
            .or_else(|| numbered(name)),
    };
    let rest = match (kind, code) {
        (4, Some(1)) => NEXT_HEADER_AT,
        _ => line.mtu.unwrap_or(0),
    };
    match code {
        Some(code) => Some(IcmpMessage { kind, code, rest }),
        None => {
            let (kind, code) = kind_and_code(line)?;
            let longer_by = u32::from(IpVersion::V6.longer_by());
            twin(kind, code, line.mtu.map_or(0, |mtu| mtu.saturating_sub(longer_by)))
        }
    }
}

/// The error of ICMPv6 that means what that type and code do in ICMPv4. There, a router always tells the MTU,
/// nobody asks for fewer packets, and a redirect is no error.
fn twin(kind: u8, code: u8, mtu: u32) -> Option<IcmpMessage> {
    let (kind, code, rest) = match (kind, code) {
        (3, 0 | 6 | 8 | 11) => (1, 0, 0),
        (3, 1 | 5 | 7 | 12) => (1, 3, 0),
        (3, 2) => (4, 1, NEXT_HEADER_AT),
        (3, 3) => (1, 4, 0),
        (3, 4) if mtu > 0 => (2, 0, mtu + u32::from(IpVersion::V6.longer_by())),
        (3, 9 | 10 | 13..=15) => (1, 1, 0),
        (11, 0 | 1) => (3, code, 0),
        (12, 0) => (4, 0, 0),
        (_, _) => return None,
    };
    Some(IcmpMessage { kind, code, rest })
}

/// Type and code of an ICMP message; `None` when there is none of this name.
fn kind_and_code(line: &Icmp) -> Option<(u8, u8)> {
    let (kind, codes): (u8, &[&str]) = match line.kind.as_str() {
        "unreachable" => (3, &UNREACHABLE),
        "source_quench" => (4, &[]),
        "redirect" => (5, &[]),
        "time_exceeded" => (11, &TIME_EXCEEDED),
        "parameter_problem" => (12, &[]),
        _ => return None,
    };
    let code = match &line.code {
        None => 0,
        Some(name) => match codes.iter().position(|code| code == name) {
            Some(at) => u8::try_from(at).ok()?,
            None => numbered(name)?,
        },
    };
    Some((kind, code))
}

/// `code_3`, or `3`.
fn numbered(name: &str) -> Option<u8> {
    name.strip_prefix("code_").unwrap_or(name).parse().ok()
}

pub(super) fn check(at: Position, line: &Icmp, setup: &Setup) -> Result<(), Refusal> {
    let code = line.code.as_deref().unwrap_or("");
    if setup.icmp_message(line).is_none() {
        let version = setup.ip_version;
        let what = format!("the ICMP message {} {code} over {version}", line.kind);
        return Err(Refusal::unsupported(at, what));
    }
    if line.mtu.is_some_and(|mtu| mtu > 0xffff) {
        return Err(Refusal::new(at, "the MTU of an ICMP message is at most 65535"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_error_has_its_twin_or_none() {
        let twin = |kind: &str, code: &str, mtu| {
            let code = (!code.is_empty()).then(|| code.to_owned());
            let line = Icmp { kind: kind.to_owned(), code, mtu, quoted: None };
            assert!(message(&line, IpVersion::V4).is_some(), "{line:?}");
            let twin = message(&line, IpVersion::V6);
            twin.map(|message| (message.kind, message.code, message.rest))
        };
        for (code, expected) in UNREACHABLE.into_iter().zip([
            Some((1, 0, 0)),
            Some((1, 3, 0)),
            Some((4, 1, 6)),
            Some((1, 4, 0)),
            None,
            Some((1, 3, 0)),
            Some((1, 0, 0)),
            Some((1, 3, 0)),
            Some((1, 0, 0)),
            Some((1, 1, 0)),
            Some((1, 1, 0)),
            Some((1, 0, 0)),
            Some((1, 3, 0)),
            Some((1, 1, 0)),
            Some((1, 1, 0)),
            Some((1, 1, 0)),
        ]) {
            assert_eq!(twin("unreachable", code, None), expected, "{code}");
        }
        assert_eq!(twin("unreachable", "frag_needed", Some(1_480)), Some((2, 0, 1_500)));
        assert_eq!(twin("time_exceeded", "frag_reass_exceeded", None), Some((3, 1, 0)));
        assert_eq!(twin("parameter_problem", "", None), Some((4, 0, 0)));
        assert_eq!(twin("source_quench", "", None), None);
        assert_eq!(twin("redirect", "", None), None);
    }
}
