//! The options in front of a script.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use super::{Choices, Refusal, Setup};
use crate::drill::script::ast::ScriptOption;
use crate::drill::{IpVersion, Words};

/// Addresses and port when a script names none: those of the public tool.
const LOCAL: Ipv4Addr = Ipv4Addr::new(192, 168, 0, 1);
const REMOTE: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);
const PORT: u16 = 8080;
/// And those of a script in the words of IPv6: what the suites of Linux run such scripts with.
const LOCAL_V6: Ipv6Addr = Ipv6Addr::new(0xfd3d, 0x0a0b, 0x17d6, 0, 0, 0, 0, 1);
const REMOTE_V6: Ipv6Addr = Ipv6Addr::new(0xfd3d, 0xfa7b, 0xd17d, 0, 0, 0, 0, 1);
/// The longest packet of the link when a script says nothing, over IPv4.
const MTU: usize = 1500;
/// The headers of IPv4 and TCP, without options.
const HEADERS: usize = 40;

/// How far times may be off, when nobody says otherwise.
const TOLERANCE_USECS: u64 = 4_000;
const TOLERANCE_PERCENT: f64 = 12.5;

pub(super) fn setup(
    options: &[ScriptOption],
    words: Words,
    choices: &Choices,
) -> Result<Setup, Refusal> {
    let ip_version = words.played_over(choices.ip_version);
    let [local, remote] = match words {
        Words::V4 | Words::Mapped => [LOCAL, REMOTE].map(|addr| ip_version.addr(addr)),
        Words::V6 => [LOCAL_V6, REMOTE_V6].map(IpAddr::V6),
    };
    let mut setup = Setup {
        settings: choices.profile.settings(),
        habits: choices.profile.habits(),
        ip_version,
        words,
        local: SocketAddr::new(local, PORT),
        remote: SocketAddr::new(remote, PORT),
        mtu: MTU,
        tolerance: Duration::from_micros(TOLERANCE_USECS),
        tolerance_percent: TOLERANCE_PERCENT,
        strict_segments: false,
        packets_are_non_fatal: false,
        calls_are_non_fatal: false,
        timestamp_tick: None,
    };
    for option in options {
        take(option, &mut setup)?;
    }
    if let Some(micros) = choices.tolerance_usecs {
        setup.tolerance = Duration::from_micros(micros);
    }
    // Whoever asks for IPv6 has a link on which segments are as long as over IPv4; one that a script in the words
    // of IPv6 describes is as it says.
    let names_link = options.iter().any(|option| matches!(option.name.as_str(), "mtu" | "mss"));
    setup.mtu += usize::from(match words {
        Words::V4 => choices.ip_version.longer_by(),
        Words::V6 if !names_link => choices.ip_version.longer_by(),
        Words::V6 | Words::Mapped => 0,
    });
    setup.settings.tcp.mss = u16::try_from(setup.mtu - HEADERS).unwrap_or(u16::MAX);
    Ok(setup)
}

fn take(option: &ScriptOption, setup: &mut Setup) -> Result<(), Refusal> {
    match option.name.as_str() {
        // The words have been found out from it.
        "ip_version" => match value(option)? {
            "ipv4" | "ipv4-mapped-ipv6" | "ipv6" => {}
            other => return Err(bad(option, "ipv4, ipv6 or ipv4-mapped-ipv6", other)),
        },
        "local_ip" => setup.local.set_ip(addr(option, setup)?),
        "remote_ip" | "connect_ip" => setup.remote.set_ip(addr(option, setup)?),
        "bind_port" => setup.local.set_port(number(option, 1, 65_535)?),
        "connect_port" => setup.remote.set_port(number(option, 1, 65_535)?),
        "gateway_ip" | "netmask_ip" | "speed" | "wire_protocol" | "init_scripts" => {}
        "mtu" => setup.mtu = number(option, 68, 65_535)?,
        "mss" => {
            let headers = HEADERS + usize::from(setup.words.counts().longer_by());
            setup.mtu = number::<usize>(option, 28, 65_495)? + headers;
        }
        "tolerance_usecs" => {
            setup.tolerance = Duration::from_micros(number(option, 0, u64::MAX)?);
        }
        "tolerance_percent" => {
            let percent: f64 = value(option)?.parse().unwrap_or(-1.0);
            if !(0.0..=1_000.0).contains(&percent) {
                return Err(bad(option, "a number from 0 to 1000", value(option)?));
            }
            setup.tolerance_percent = percent;
        }
        "tcp_ts_tick_usecs" => {
            let micros = number(option, 0, 1_000_000)?;
            setup.timestamp_tick = (micros > 0).then(|| Duration::from_micros(micros));
        }
        "strict_segments" => setup.strict_segments = true,
        "non_fatal" => non_fatal(option, setup)?,
        // The parser has seen to it.
        "define" | "D" => {}
        "verbose" | "debug" | "dry_run" => {}
        other => {
            return Err(Refusal::unsupported(option.at, format!("the option --{other}")));
        }
    }
    Ok(())
}

fn non_fatal(option: &ScriptOption, setup: &mut Setup) -> Result<(), Refusal> {
    for kind in value(option)?.split(',') {
        match kind {
            "packet" => setup.packets_are_non_fatal = true,
            "syscall" => setup.calls_are_non_fatal = true,
            other => return Err(bad(option, "packet or syscall", other)),
        }
    }
    Ok(())
}

fn addr(option: &ScriptOption, setup: &Setup) -> Result<IpAddr, Refusal> {
    let addr: IpAddr =
        value(option)?.parse().or_else(|_| Err(bad(option, "an address", value(option)?)))?;
    match (addr.to_canonical(), setup.ip_version) {
        (IpAddr::V4(addr), version) => Ok(version.addr(addr)),
        (addr @ IpAddr::V6(_), IpVersion::V6) => Ok(addr),
        (IpAddr::V6(_), IpVersion::V4) => {
            Err(bad(option, "an IPv4 address, for the packets are of IPv4", value(option)?))
        }
    }
}

fn number<T>(option: &ScriptOption, least: T, most: T) -> Result<T, Refusal>
where
    T: std::str::FromStr + PartialOrd + std::fmt::Display + Copy,
{
    let text = value(option)?;
    let number = text.parse().ok().filter(|number| (least..=most).contains(number));
    number.ok_or_else(|| bad(option, &format!("a number from {least} to {most}"), text))
}

fn value(option: &ScriptOption) -> Result<&str, Refusal> {
    let missing = || Refusal::new(option.at, format!("--{} needs a value", option.name));
    option.value.as_deref().ok_or_else(missing)
}

fn bad(option: &ScriptOption, expected: &str, found: &str) -> Refusal {
    let message = format!("--{} takes {expected}, found \"{found}\"", option.name);
    Refusal::new(option.at, message)
}
