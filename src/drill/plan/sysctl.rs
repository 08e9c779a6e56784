//! The sysctls that scripts set, and what each means here. A sysctl that is not in the tables, or a
//! value that this stack cannot honour, is refused by name.

use std::time::Duration;

use crate::drill::host::{Habits, algorithm};
use crate::stack::Settings;
use crate::tcp::{EcnMode, MtuProbing};

/// What a sysctl changes: sockets made later start from it.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Target {
    pub(super) settings: Settings,
    pub(super) habits: Habits,
}

/// One sysctl.
struct Sysctl {
    name: &'static str,
    /// What it means here, for the documentation.
    means: &'static str,
    effect: Effect,
}

/// What a value does.
enum Effect {
    /// The numbers of the value, as many as there have to be, change settings.
    Set(usize, fn(&mut Target, &[u64])),
    /// One of these changes settings; others are refused.
    OneOf(&'static [u64], fn(&mut Target, u64)),
    /// A congestion control by its name; what is not known here changes nothing.
    Algorithm,
    /// One of these is what this stack does anyway.
    Only(&'static [u64]),
    /// Any value will do: nothing here depends on it.
    Nothing,
}

use Effect::{Algorithm, Nothing, OneOf, Only, Set};

const fn entry(name: &'static str, means: &'static str, effect: Effect) -> Sysctl {
    Sysctl { name, means, effect }
}

const LINUX: &[Sysctl] = &[
    entry(
        "net.ipv4.tcp_rmem",
        "half of the second number is the receive buffer; the third decides the window scale",
        Set(3, |to, n| {
            to.settings.tcp.receive_buffer = clamp(n[1] / 2);
            to.settings.tcp.window_shift = Some(linux_shift(n[2]));
        }),
    ),
    entry(
        "net.ipv4.tcp_wmem",
        "the third number is the send buffer",
        Set(3, |to, n| to.settings.tcp.send_buffer = clamp(n[2]) as usize),
    ),
    entry("net.ipv4.tcp_timestamps", "timestamps on or off", Set(1, |to, n| set_ts(to, n[0] != 0))),
    entry("net.ipv4.tcp_sack", "SACK on or off", Set(1, |to, n| set_sack(to, n[0] != 0))),
    entry(
        "net.ipv4.tcp_window_scaling",
        "window scaling on or off",
        Set(1, |to, n| to.settings.tcp.window_scaling = n[0] != 0),
    ),
    entry(
        "net.ipv4.tcp_syn_retries",
        "how often a SYN is sent again",
        Set(1, |to, n| to.settings.tcp.syn_retries = clamp(n[0])),
    ),
    entry(
        "net.ipv4.tcp_synack_retries",
        "how often a SYN is sent again",
        Set(1, |to, n| to.settings.tcp.syn_retries = clamp(n[0])),
    ),
    entry(
        "net.ipv4.tcp_retries2",
        "how often data is sent again",
        Set(1, |to, n| to.settings.tcp.data_retries = clamp(n[0])),
    ),
    entry(
        "net.ipv4.tcp_orphan_retries",
        "how often data is sent again once nobody reads",
        Set(1, |to, n| to.settings.tcp.orphan_retries = clamp(n[0])),
    ),
    entry(
        "net.ipv4.tcp_fin_timeout",
        "seconds in FIN_WAIT_2 when nobody reads",
        Set(1, |to, n| to.settings.tcp.orphan_timeout = Duration::from_secs(n[0])),
    ),
    entry(
        "net.ipv4.tcp_keepalive_time",
        "seconds of silence before the first keep-alive probe",
        Set(1, |to, n| to.habits.keepalive.idle = Duration::from_secs(n[0])),
    ),
    entry(
        "net.ipv4.tcp_keepalive_intvl",
        "seconds between keep-alive probes",
        Set(1, |to, n| to.habits.keepalive.interval = Duration::from_secs(n[0])),
    ),
    entry(
        "net.ipv4.tcp_keepalive_probes",
        "keep-alive probes without an answer",
        Set(1, |to, n| to.habits.keepalive.probes = clamp(n[0])),
    ),
    entry(
        "net.ipv4.tcp_slow_start_after_idle",
        "whether a pause brings back the initial window",
        Set(1, |to, n| to.settings.tcp.restart_after_idle = n[0] != 0),
    ),
    entry(
        "net.ipv4.tcp_rto_min_us",
        "the least retransmission timeout in microseconds",
        Set(1, |to, n| to.settings.tcp.min_rto = Duration::from_micros(n[0])),
    ),
    entry(
        "net.ipv4.ip_default_ttl",
        "the time to live",
        Set(1, |to, n| to.settings.header.ttl = u8::try_from(n[0]).unwrap_or(u8::MAX)),
    ),
    entry("net.ipv4.tcp_reordering", "3 duplicate ACKs, and nothing else", Only(&[3])),
    entry(
        "net.ipv4.tcp_ecn",
        "ECN: 0 never, 1 our SYNs ask for it, 2 when the peer asks",
        OneOf(&[0, 1, 2], set_ecn),
    ),
    entry(
        "net.ipv4.tcp_mtu_probing",
        "path MTU probing: 0 off, 1 when full segments seem to vanish, 2 from the beginning",
        OneOf(&[0, 1, 2], set_mtu_probing),
    ),
    entry(
        "net.ipv4.route.min_pmtu",
        "the shortest packets that ICMP errors lead to",
        Set(1, |to, n| to.settings.tcp.min_path_mtu = u16::try_from(n[0]).unwrap_or(u16::MAX)),
    ),
    entry("net.ipv4.tcp_abort_on_overflow", "off", Only(&[0])),
    entry("net.ipv4.tcp_rfc1337", "on", Only(&[1])),
    entry(
        "net.ipv4.tcp_congestion_control",
        "the congestion control, if there is one of that name here",
        Algorithm,
    ),
    entry("net.ipv4.tcp_autocorking", "nothing", Nothing),
    entry(
        "net.ipv4.tcp_dsack",
        "whether what came twice is reported",
        Set(1, |to, n| to.settings.tcp.dsack = n[0] != 0),
    ),
    entry(
        "net.ipv4.tcp_early_retrans",
        "3 or 4: tail loss probes, where SACK is in use",
        Set(1, |to, n| to.settings.tcp.tail_loss_probe = n[0] >= 3),
    ),
    entry("net.ipv4.tcp_ecn_option", "nothing", Nothing),
    entry("net.ipv4.tcp_fack", "nothing", Nothing),
    entry("net.ipv4.tcp_fastopen", "nothing: there is no TCP Fast Open", Nothing),
    entry("net.ipv4.tcp_fastopen_key", "nothing", Nothing),
    entry(
        "net.ipv4.tcp_frto",
        "whether a timeout has to be proven right before more is sent again",
        Set(1, |to, n| to.settings.tcp.frto = n[0] != 0),
    ),
    entry("net.ipv4.tcp_min_tso_segs", "nothing: segments leave one by one", Nothing),
    entry("net.ipv4.tcp_moderate_rcvbuf", "nothing: buffers keep their size", Nothing),
    entry("net.ipv4.tcp_no_metrics_save", "nothing: every script begins afresh", Nothing),
    entry("net.ipv4.tcp_notsent_lowat", "nothing", Nothing),
    entry("net.ipv4.tcp_pacing_ca_ratio", "nothing: there is no pacing", Nothing),
    entry("net.ipv4.tcp_pacing_ss_ratio", "nothing: there is no pacing", Nothing),
    entry(
        "net.ipv4.tcp_recovery",
        "bit 0: losses are told by time, where SACK is in use; otherwise by counting",
        Set(1, |to, n| to.settings.tcp.rack = n[0] & 1 != 0),
    ),
    entry("net.ipv4.tcp_syncookies", "nothing", Nothing),
    entry("net.ipv4.tcp_tso_win_divisor", "nothing", Nothing),
    entry("net.core.rmem_max", "nothing", Nothing),
    entry("net.core.wmem_max", "nothing", Nothing),
    entry("net.core.default_qdisc", "nothing", Nothing),
];

const FREEBSD: &[Sysctl] = &[
    entry(
        "net.inet.tcp.rfc1323",
        "window scaling and timestamps on or off",
        Set(1, |to, n| {
            to.settings.tcp.window_scaling = n[0] != 0 && n[0] != 3;
            to.settings.tcp.timestamps = n[0] != 0 && n[0] != 2;
        }),
    ),
    entry("net.inet.tcp.sack.enable", "SACK on or off", Set(1, |to, n| set_sack(to, n[0] != 0))),
    entry(
        "net.inet.tcp.recvspace",
        "the receive buffer",
        Set(1, |to, n| to.settings.tcp.receive_buffer = clamp(n[0])),
    ),
    entry(
        "net.inet.tcp.sendspace",
        "the send buffer",
        Set(1, |to, n| to.settings.tcp.send_buffer = clamp(n[0]) as usize),
    ),
    entry(
        "kern.ipc.maxsockbuf",
        "decides the window scale",
        Set(1, |to, n| to.settings.tcp.window_shift = Some(freebsd_shift(n[0]))),
    ),
    entry(
        "net.inet.tcp.delacktime",
        "milliseconds that an ACK may wait",
        Set(1, |to, n| to.settings.tcp.delayed_ack = Duration::from_millis(n[0])),
    ),
    entry(
        "net.inet.tcp.msl",
        "the maximum segment lifetime in milliseconds",
        Set(1, |to, n| to.settings.tcp.msl = Duration::from_millis(n[0])),
    ),
    entry(
        "net.inet.tcp.finwait2_timeout",
        "milliseconds in FIN_WAIT_2 when nobody reads",
        Set(1, |to, n| to.settings.tcp.orphan_timeout = Duration::from_millis(n[0])),
    ),
    entry(
        "net.inet.tcp.rexmit_initial",
        "the first retransmission timeout in milliseconds",
        Set(1, |to, n| to.settings.tcp.initial_rto = Duration::from_millis(n[0])),
    ),
    entry(
        "net.inet.tcp.rexmit_min",
        "the least retransmission timeout in milliseconds",
        Set(1, |to, n| to.settings.tcp.min_rto = Duration::from_millis(n[0])),
    ),
    entry(
        "net.inet.tcp.keepidle",
        "milliseconds of silence before the first keep-alive probe",
        Set(1, |to, n| to.habits.keepalive.idle = Duration::from_millis(n[0])),
    ),
    entry(
        "net.inet.tcp.keepintvl",
        "milliseconds between keep-alive probes",
        Set(1, |to, n| to.habits.keepalive.interval = Duration::from_millis(n[0])),
    ),
    entry(
        "net.inet.tcp.keepcnt",
        "keep-alive probes without an answer",
        Set(1, |to, n| to.habits.keepalive.probes = clamp(n[0])),
    ),
    entry(
        "net.inet.tcp.initcwnd_segments",
        "the initial congestion window in segments",
        Set(1, |to, n| to.settings.tcp.initial_window = clamp(n[0])),
    ),
    entry(
        "net.inet.ip.ttl",
        "the time to live",
        Set(1, |to, n| to.settings.header.ttl = u8::try_from(n[0]).unwrap_or(u8::MAX)),
    ),
    entry("net.inet.tcp.blackhole", "off: what is for nobody draws a RST", Only(&[0])),
    entry(
        "net.inet.tcp.ecn.enable",
        "ECN: 0 never, 1 our SYNs ask for it, 2 when the peer asks",
        OneOf(&[0, 1, 2], set_ecn),
    ),
    entry("net.inet.tcp.insecure_rst", "off: RSTs as RFC 5961 says", Only(&[0])),
    entry("net.inet.tcp.insecure_syn", "off: SYNs as RFC 5961 says", Only(&[0])),
    entry("net.inet.tcp.drop_synfin", "off", Only(&[0])),
    entry("net.inet.tcp.fastopen.client_enable", "off", Only(&[0])),
    entry("net.inet.tcp.fastopen.server_enable", "off", Only(&[0])),
    entry("net.inet.tcp.udp_tunneling_port", "off", Only(&[0])),
    entry("net.inet.tcp.rexmit_drop_options", "off: a SYN keeps its options", Only(&[0])),
    entry("net.inet.tcp.syncookies_only", "off", Only(&[0])),
    entry("net.inet.tcp.always_keepalive", "off", Only(&[0])),
    entry("net.inet.tcp.hostcache.purgenow", "nothing: every script begins afresh", Nothing),
    entry("net.inet.tcp.hostcache.enable", "nothing", Nothing),
    entry("net.inet.tcp.icmp_may_rst", "on: ICMP errors end attempts to connect", Only(&[1])),
    entry("net.inet.tcp.path_mtu_discovery", "on", Only(&[1])),
    entry(
        "net.inet.tcp.pmtud_blackhole_detection",
        "path MTU probing: 0 off, 1 or 2 when full segments seem to vanish",
        OneOf(&[0, 1, 2], |to, n| set_mtu_probing(to, n.min(1))),
    ),
    entry("net.inet.tcp.rexmit_slop", "nothing", Nothing),
    entry("net.inet.tcp.syncookies", "nothing", Nothing),
    entry("net.inet.tcp.tso", "nothing: segments leave one by one", Nothing),
    entry(
        "net.inet.tcp.cc.algorithm",
        "the congestion control, if there is one of that name here",
        Algorithm,
    ),
    entry(
        "net.inet.tcp.tolerate_missing_ts",
        "whether segments without a timestamp count where timestamps are in use",
        Set(1, |to, n| to.settings.tcp.require_timestamps = n[0] == 0),
    ),
];

/// Names and meanings of all sysctls that are honoured, for the documentation.
pub fn documented() -> impl Iterator<Item = (&'static str, &'static str)> {
    LINUX.iter().chain(FREEBSD).map(|sysctl| (sysctl.name, sysctl.means))
}

/// Sets `name` to `value`, as a command of a script would.
///
/// # Errors
///
/// What is not supported, in words.
pub fn apply(
    settings: &mut Settings,
    habits: &mut Habits,
    name: &str,
    value: &str,
) -> Result<(), String> {
    let mut target = Target { settings: settings.clone(), habits: *habits };
    set(&mut target, name, value)?;
    (*settings, *habits) = (target.settings, target.habits);
    Ok(())
}

/// Sets `name` to `value`.
///
/// # Errors
///
/// What is not supported, in words.
pub(super) fn set(target: &mut Target, name: &str, value: &str) -> Result<(), String> {
    let known = LINUX.iter().chain(FREEBSD).find(|sysctl| sysctl.name == name);
    let known = known.ok_or_else(|| format!("the sysctl {name} is not supported"))?;
    match &known.effect {
        Nothing => Ok(()),
        Algorithm => {
            if let Some(algorithm) = algorithm(value) {
                target.settings.tcp.congestion = algorithm;
            }
            Ok(())
        }
        Only(values) => one_of(values, name, value).map(|_| ()),
        OneOf(values, effect) => one_of(values, name, value).map(|number| effect(target, number)),
        Set(count, effect) => {
            let numbers: Option<Vec<u64>> = numbers(value).into_iter().collect();
            let numbers = numbers.filter(|numbers| numbers.len() == *count).ok_or_else(|| {
                format!("the sysctl {name} takes {count} number(s), found \"{value}\"")
            })?;
            effect(target, &numbers);
            Ok(())
        }
    }
}

fn one_of(values: &[u64], name: &str, value: &str) -> Result<u64, String> {
    match numbers(value)[..] {
        [Some(number)] if values.contains(&number) => Ok(number),
        _ => {
            let values: Vec<_> = values.iter().map(u64::to_string).collect();
            let values = values.join(" or ");
            Err(format!("the sysctl {name}={value} is not supported, only {values}"))
        }
    }
}

fn numbers(value: &str) -> Vec<Option<u64>> {
    let number = |word: &str| match word.strip_prefix("0x") {
        Some(hex) => u64::from_str_radix(hex, 16).ok(),
        None => word.parse().ok(),
    };
    value.split_whitespace().map(number).collect()
}

fn clamp(number: u64) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX >> 2).min(u32::MAX >> 2)
}

fn set_ts(target: &mut Target, on: bool) {
    target.settings.tcp.timestamps = on;
}

fn set_ecn(target: &mut Target, mode: u64) {
    target.settings.tcp.ecn = match mode {
        0 => EcnMode::Off,
        1 => EcnMode::On,
        _ => EcnMode::Accept,
    };
}

fn set_mtu_probing(target: &mut Target, when: u64) {
    target.settings.tcp.path_mtu_probing = match when {
        0 => MtuProbing::Off,
        1 => MtuProbing::OnBlackHole,
        _ => MtuProbing::Always,
    };
}

fn set_sack(target: &mut Target, on: bool) {
    target.settings.tcp.sack = on;
}

/// The shift with which the largest buffer fits into the window field.
fn linux_shift(largest: u64) -> u8 {
    (0..14).find(|shift| largest >> shift <= 0xffff).unwrap_or(14)
}

/// The shift with which the largest window reaches the largest buffer.
fn freebsd_shift(largest: u64) -> u8 {
    (0..14).find(|shift| 0xffff << shift >= largest).unwrap_or(14)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::drill::Profile;

    fn target() -> Target {
        Target { settings: Profile::Linux.settings(), habits: Profile::Linux.habits() }
    }

    #[test]
    fn buffers_decide_the_window_scale() {
        let mut target = target();
        set(&mut target, "net.ipv4.tcp_rmem", "4096 540000 15728640").expect("it is known");
        assert_eq!(target.settings.tcp.window_shift, Some(8));
        assert_eq!(target.settings.tcp.receive_buffer, 270_000);
        set(&mut target, "kern.ipc.maxsockbuf", "2097152").expect("it is known");
        assert_eq!(target.settings.tcp.window_shift, Some(6));
    }

    #[test]
    fn what_cannot_be_honoured_is_named() {
        let refusal = |name, value| set(&mut target(), name, value).expect_err("it is refused");
        assert!(refusal("net.ipv4.tcp_new", "1").contains("net.ipv4.tcp_new is not supported"));
        assert!(refusal("net.ipv4.tcp_ecn", "3").contains("only 0 or 1 or 2"));
        assert!(refusal("net.ipv4.tcp_rmem", "4096").contains("3 number(s)"));
        assert!(refusal("net.ipv4.tcp_sack", "on").contains("found \"on\""));
    }

    #[test]
    fn the_documentation_has_each_with_its_meaning() {
        let page = include_str!("../../../docs/drill.md");
        for (name, means) in documented() {
            let row = format!("| `{name}` | {means} |");
            assert!(page.lines().any(|line| line == row), "docs/drill.md lacks: {row}");
        }
    }

    #[test]
    fn every_name_is_there_once() {
        let mut names: Vec<_> = documented().map(|(name, _)| name).collect();
        names.sort_unstable();
        assert!(names.windows(2).all(|pair| pair[0] != pair[1]));
    }
}
