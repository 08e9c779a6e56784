//! In the words of which version of IP a script is. Most are in those of IPv4, and can be played over either. One
//! that says `--ip_version=ipv6`, or has sockets, addresses or ICMP errors that only IPv6 knows, means it
//! literally: it is played over IPv6, whatever is asked for, and its numbers are those of IPv6. With
//! `--ip_version=ipv4-mapped-ipv6` sockets and addresses are of IPv6, and packets of IPv4.

use std::net::Ipv6Addr;

use super::IpVersion;
use super::script::Script;
use super::script::ast::{Action, Body, Call, Expr, ExprKind, Field, ScriptOption};

/// How a script speaks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Words {
    /// In the words of IPv4, which have twins.
    #[default]
    V4,
    /// In the words of IPv6.
    V6,
    /// Packets of IPv4, sockets and addresses of IPv6 (RFC 4291 2.5.5.2).
    Mapped,
}

impl Words {
    /// The words of a script.
    #[must_use]
    pub fn of(script: &Script) -> Self {
        let said = script.options.iter().rev().find(|option| option.name == "ip_version");
        match said.and_then(|option| option.value.as_deref()) {
            Some("ipv6") => Words::V6,
            Some("ipv4-mapped-ipv6") => Words::Mapped,
            Some(_) => Words::V4,
            None if script.options.iter().any(names_ipv6) => Words::V6,
            None if script.events.iter().any(|event| is_of_ipv6(&event.action)) => Words::V6,
            None => Words::V4,
        }
    }

    /// The version of IP that it is played over when `asked` is asked for.
    #[must_use]
    pub fn played_over(self, asked: IpVersion) -> IpVersion {
        match self {
            Words::V4 => asked,
            Words::V6 => IpVersion::V6,
            Words::Mapped => IpVersion::V4,
        }
    }

    /// The version of IP whose packets its numbers count.
    #[must_use]
    pub fn counts(self) -> IpVersion {
        match self {
            Words::V4 | Words::Mapped => IpVersion::V4,
            Words::V6 => IpVersion::V6,
        }
    }
}

/// `--local_ip=fd00::1`.
fn names_ipv6(option: &ScriptOption) -> bool {
    let is_addr = matches!(option.name.as_str(), "local_ip" | "remote_ip" | "connect_ip");
    is_addr && option.value.as_deref().is_some_and(|value| value.parse::<Ipv6Addr>().is_ok())
}

fn is_of_ipv6(action: &Action) -> bool {
    match action {
        Action::Packet(packet) => match &packet.body {
            Body::Icmp(line) => line.kind == "packet_too_big",
            Body::Tcp(_) | Body::Udp { .. } => false,
        },
        Action::Call(Call { args, .. }) => args.iter().any(names_the_family),
        Action::Command(_) | Action::Code(_) => false,
    }
}

/// Whether `AF_INET6` stands in it.
fn names_the_family(expr: &Expr) -> bool {
    let in_field =
        |field: &Field| names_the_family(&field.value) || field.args.iter().any(names_the_family);
    match &expr.kind {
        ExprKind::Name(name) => name == "AF_INET6" || name == "PF_INET6",
        ExprKind::Struct(fields) => fields.iter().any(in_field),
        ExprKind::Array(items) | ExprKind::Or(items) | ExprKind::Function(_, items) => {
            items.iter().any(names_the_family)
        }
        ExprKind::Ellipsis
        | ExprKind::Integer(_)
        | ExprKind::Text(_)
        | ExprKind::TextEllipsis(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::super::script::{Definitions, parse};
    use super::*;

    #[test]
    fn the_words_tell_the_version() {
        let socket = "0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3\n";
        for (text, words) in [
            (socket.to_owned(), Words::V4),
            (format!("--ip_version=ipv4\n{socket}"), Words::V4),
            (format!("--ip_version=ipv6\n{socket}"), Words::V6),
            (format!("--ip_version=ipv4-mapped-ipv6\n{socket}"), Words::Mapped),
            (format!("--local_ip=fd00::1\n{socket}"), Words::V6),
            (format!("--local_ip=192.0.2.9\n{socket}"), Words::V4),
            (socket.replace("...", "AF_INET6"), Words::V6),
            (socket.replace("...", "AF_INET"), Words::V4),
            (format!("{socket}+0 < icmp packet_too_big mtu 1280 [1:2(1)]\n"), Words::V6),
            (
                format!(
                    "{socket}+0 bind(3, {{sa_family = AF_INET6, sin_port = htons(1), \
                     sin_addr = inet_addr(\"fd00::1\")}}, ...) = 0\n"
                ),
                Words::V6,
            ),
            // The domain is the answer there, and has a twin.
            (
                format!("{socket}+0 getsockopt(3, SOL_SOCKET, SO_DOMAIN, [AF_INET], [4]) = 0\n"),
                Words::V4,
            ),
        ] {
            let script = parse(&text, &Definitions::default()).expect("a sound script");
            assert_eq!(Words::of(&script), words, "{text}");
        }
    }
}
