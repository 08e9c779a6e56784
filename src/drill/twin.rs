//! Scripts that can only mean one version of IP. One says so itself, in a line of its own at its head,
//!
//! ```text
//! // only: IPv4, an IPv6 path carries more
//! ```
//!
//! or has something in it that the other does not know. It is skipped over the other, and the reason is told.

use super::plan::icmp_message;
use super::script::Script;
use super::script::ast::{Action, Body, Event, Position, ScriptOption};
use super::{IpVersion, Words};

/// How a script begins the line that says for which version it is.
const ONLY: &str = "only:";
/// The shortest packet that every IPv6 link carries whole (RFC 8200 5).
const LEAST_OF_IPV6: u32 = 1280;

/// Why a script is not played.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Skip {
    /// What decides it.
    pub at: Position,
    /// In words.
    pub why: String,
}

/// Why a script cannot be played over `version`; `None` if it can.
#[must_use]
pub fn missing(text: &str, script: &Script, version: IpVersion) -> Option<Skip> {
    let said = said(text).filter(|(only, _)| *only != version);
    if let Some((only, skip)) = said {
        let why = format!("only for {only}: {}", skip.why);
        return Some(Skip { why, ..skip });
    }
    if Words::of(script) == Words::V6 {
        // It is for IPv6, and played over that, whatever is asked for.
        return None;
    }
    match version {
        IpVersion::V4 => None,
        IpVersion::V6 => {
            let options = script.options.iter().find_map(of_option);
            options.or_else(|| script.events.iter().find_map(of_event))
        }
    }
}

/// For which version the head of a script says that it is, and why. The head is what stands before anything
/// but comments. A line that names no version or no reason is a comment like any other.
fn said(text: &str) -> Option<(IpVersion, Skip)> {
    (1..)
        .zip(text.lines())
        .map_while(|(number, line)| {
            let line = line.trim();
            let comment = line.strip_prefix("//").or(line.is_empty().then_some(""));
            comment.map(|comment| (number, comment.trim()))
        })
        .find_map(|(line, comment)| {
            let (name, why) = comment.strip_prefix(ONLY)?.split_once(',')?;
            let is_named = |version: &IpVersion| version.to_string() == name.trim();
            let version = IpVersion::ALL.into_iter().find(is_named)?;
            let why = why.trim().trim_end_matches('.').to_owned();
            let at = Position { line, column: 1 };
            (!why.is_empty()).then_some((version, Skip { at, why }))
        })
}

/// What an option says that IPv6 does not know.
fn of_option(option: &ScriptOption) -> Option<Skip> {
    let value = option.value.as_deref().unwrap_or_default();
    let told = || format!("--{}={value}", option.name);
    let headers = match option.name.as_str() {
        "ip_version" if value.starts_with("ipv4") => {
            return Some(Skip { at: option.at, why: format!("it is for IPv4 ({})", told()) });
        }
        "mtu" => u32::from(IpVersion::V6.longer_by()),
        "mss" => u32::from(IpVersion::V6.longer_by()) + 40,
        _ => return None,
    };
    let link = value.parse::<u32>().ok()?.saturating_add(headers);
    let why = format!("no IPv6 link carries less than {LEAST_OF_IPV6} octets ({})", told());
    (link < LEAST_OF_IPV6).then_some(Skip { at: option.at, why })
}

/// An ICMP error that IPv6 does not know; one that nobody knows is for the plan to refuse.
fn of_event(event: &Event) -> Option<Skip> {
    let Action::Packet(packet) = &event.action else { return None };
    let Body::Icmp(line) = &packet.body else { return None };
    let message = icmp_message(line, IpVersion::V4)?;
    if icmp_message(line, IpVersion::V6).is_some() {
        return None;
    }
    let code = line.code.as_deref().map_or(String::new(), |code| format!(" {code}"));
    let is_too_big = (message.kind, message.code) == (3, 4);
    let mtu = if is_too_big { " without an MTU" } else { "" };
    let why = format!("ICMPv6 has no {}{code}{mtu}", line.kind);
    Some(Skip { at: packet.at, why })
}

#[cfg(test)]
mod tests {
    use super::super::script::{Definitions, parse};
    use super::*;

    const SOCKET: &str = "0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3\n";

    fn skipped(text: &str, version: IpVersion) -> Option<String> {
        let script = parse(text, &Definitions::default()).expect("a sound script");
        missing(text, &script, version).map(|skip| format!("{}: {}", skip.at.line, skip.why))
    }

    #[test]
    fn the_head_says_for_which_version_a_script_is() {
        let head = "// RFC 9293 3.9: a title.\n\n// only: IPv4, it says so.\n";
        let text = format!("{head}{SOCKET}");
        assert_eq!(skipped(&text, IpVersion::V4), None);
        assert_eq!(skipped(&text, IpVersion::V6).as_deref(), Some("3: only for IPv4: it says so"));
        let text = text.replace("IPv4", "IPv6");
        assert_eq!(skipped(&text, IpVersion::V6), None);
        assert!(skipped(&text, IpVersion::V4).is_some());
        for other in ["// only: IPv5, why", "// only: IPv4,", "// only: IPv4"] {
            assert_eq!(skipped(&format!("{other}\n{SOCKET}"), IpVersion::V6), None, "{other}");
        }
        let late = format!("{SOCKET}// only: IPv4, too late\n");
        assert_eq!(skipped(&late, IpVersion::V6), None);
    }

    #[test]
    fn what_ipv6_does_not_know_has_no_twin() {
        for (text, why) in [
            (format!("--mtu=1259\n{SOCKET}"), Some("1: no IPv6 link carries less than 1280")),
            (format!("--mtu=1260\n{SOCKET}"), None),
            (format!("--mss=1219\n{SOCKET}"), Some("1: no IPv6 link carries less than 1280")),
            (format!("--mss=1220\n{SOCKET}"), None),
            (format!("--ip_version=ipv4\n{SOCKET}"), Some("1: it is for IPv4")),
            ("+0 < icmp source_quench [1:2(1)]".to_owned(), Some("1: ICMPv6 has no source_quench")),
            ("+0 < icmp unreachable frag_needed mtu 1300 [1:2(1)]".to_owned(), None),
            (
                "+0 < icmp unreachable frag_needed [1:2(1)]".to_owned(),
                Some("1: ICMPv6 has no unreachable frag_needed without an MTU"),
            ),
            ("+0 < icmp unreachable net_unknown [1:2(1)]".to_owned(), None),
        ] {
            let found = skipped(&text, IpVersion::V6);
            let is_right = match (&found, why) {
                (Some(found), Some(why)) => found.starts_with(why),
                (found, why) => found.is_none() && why.is_none(),
            };
            assert!(is_right, "{text}: {found:?}");
            assert_eq!(skipped(&text, IpVersion::V4), None, "{text}");
        }
    }
}
