//! The names of ICMP errors (RFC 792, RFC 1122 3.2.2, RFC 1812 5.2.7).

use super::Refusal;
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

/// Type and code of an ICMP message; `None` when there is none of this name.
#[must_use]
pub fn kind_and_code(line: &Icmp) -> Option<(u8, u8)> {
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
            None => name.strip_prefix("code_").unwrap_or(name).parse().ok()?,
        },
    };
    Some((kind, code))
}

pub(super) fn check(at: Position, line: &Icmp) -> Result<(), Refusal> {
    let code = line.code.as_deref().unwrap_or("");
    if kind_and_code(line).is_none() {
        return Err(Refusal::unsupported(at, format!("the ICMP message {} {code}", line.kind)));
    }
    if line.mtu.is_some_and(|mtu| mtu > 0xffff) {
        return Err(Refusal::new(at, "the MTU of an ICMP message is at most 65535"));
    }
    Ok(())
}
