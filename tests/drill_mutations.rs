//! Scripts that are wrong in one place have to fail there, and the report has to say what differs: a
//! tool that notices nothing would let every script pass.

mod drill_support;

use std::collections::BTreeSet;
use std::fs;

use drill_support::{failed_at, folder, run_text, scripts, told};

/// One script, what to change in it (where it stands first), and what the report has to say of it.
type Mutation = (&'static str, &'static str, &'static str, &'static [&'static str]);

#[rustfmt::skip]
const MUTATIONS: &[Mutation] = &[
    // Packets: flags, numbers, window.
    ("handshake/active", "> . 1:1(0)", "> . 2:2(0)", &["sequence number: expected 2, got 1"]),
    ("handshake/backlog", "4003 S. 0:0(0) ack 1", "4003 S. 0:0(0) ack 2", &["acknowledgment number: expected 2, got 1"]),
    ("handshake/bad_ack_draws_rst_in_syn_rcvd", "R 78:78(0)", "R. 78:78(0) ack 1", &["flags: expected R., got R\n"]),
    ("handshake/segment_size_follows_the_mtu", "1301:2601(1300)", "1301:2600(1299)", &["length: expected 1299, got 1300"]),
    ("close/simultaneously", "> . 2:2(0)", "> F. 2:2(0)", &["flags: expected F., got .\n"]),
    ("close/fin_rides_with_the_last_data", "> FP. 101", "> P. 101", &["flags: expected P., got FP."]),
    ("close/fin_waits_for_the_window", "> . 1:1001(1000)", "> . 1:1000(999)", &["length: expected 999, got 1000"]),
    ("close/in_listen", "4001 R. 1:1(0) ack 1", "4001 R. 1:1(0) ack 2", &["acknowledgment number: expected 2, got 1"]),
    ("reset/ack_for_nobody", "> R 71:71(0)", "> R 72:72(0)", &["sequence number: expected 72, got 71"]),
    ("reset/no_ack_for_nobody", "ack 41", "ack 40", &["acknowledgment number: expected 40, got 41"]),
    ("reset/counts_with_a_closed_window", "ack 2001 win 1000", "ack 2001 win 2000", &["window: expected 2000, got 1000"]),
    ("retransmission/partial_ack", "> . 3001:4001(1000)", "> . 4001:5001(1000)", &["sequence number: expected 4001, got 3001"]),
    ("retransmission/acknowledges_what_came_meanwhile", "+.1 > . 1:1001(1000) ack 201", "+.1 > . 1:1001(1000) ack 1", &["acknowledgment number: expected 1, got 201"]),
    ("window/urgent_data_is_pointed_at", "urg 7", "urg 6", &["urgent pointer: expected 6, got 7"]),
    ("window/push_ends_what_was_written", "> P. 2001", "> . 2001", &["flags: expected ., got P."]),
    ("window/closes_and_opens_with_the_reader", "ack 4001 win 4000", "ack 4001 win 3999", &["window: expected 3999, got 4000"]),
    ("socket/keepalive", "> R. 1:1(0)", "> R. 0:0(0)", &["sequence number: expected 0, got 1"]),

    // Options: a value, one missing, one too many, their order, blocks; the IP header.
    ("handshake/passive", "<mss 1460>", "<mss 1461>", &["options: expected <mss 1461>, got <mss 1460>"]),
    ("handshake/all_options", "ecr 7000,nop,wscale 0>", "ecr 7000,nop,wscale 1>", &["options: expected <", ",wscale 1>, got <", "ecr 7000,nop,wscale 0>"]),
    ("handshake/only_sack", "<mss 1460,nop,nop,sackOK>", "<mss 1460>", &["options: expected <mss 1460>, got <mss 1460,nop,nop,sackOK>"]),
    ("handshake/no_options", "<mss 1460>", "<mss 1460,nop,wscale 0>", &["options: expected <mss 1460,nop,wscale 0>, got <mss 1460>"]),
    ("handshake/only_window_scaling", "<mss 1460,nop,wscale 0>", "<nop,wscale 0,mss 1460>", &["options: expected <nop,wscale 0,mss 1460>, got <mss 1460,nop,wscale 0>"]),
    ("handshake/only_timestamps", "ecr 41>", "ecr 31>", &["options: expected <", "ecr 31>, got <", "ecr 41>"]),
    ("window/gaps_are_told_by_sack", "<nop,nop,sack 5001:6001 1001:2001>", "<nop,nop,sack 1001:2001 5001:6001>",
        &["options: expected <nop,nop,sack 1001:2001 5001:6001>, got <nop,nop,sack 5001:6001 1001:2001>"]),
    ("socket/ttl_and_tos", "[ttl 9, tos 0x10] S.", "[ttl 8, tos 0x10] S.", &["time to live: expected 8, got 9"]),
    ("socket/ttl_and_tos", "[ttl 200, tos 0xb8]", "[ttl 200, tos 0xb4]", &["type of service: expected 0xb4, got 0xb8"]),
    ("socket/ordinary_packets", "noecn", "ect0", &["ECN: expected ect0, got noecn"]),

    // ECN: who asks and answers, what may be marked, echo and CWR; what came twice.
    ("ecn/a_peer_that_asks_is_answered", "SE. 0:0", "S. 0:0", &["flags: expected S., got SE."]),
    ("ecn/a_peer_that_asks_is_answered", "[ect0] P.", "[noecn] P.", &["ECN: expected noecn, got ect0"]),
    ("ecn/we_ask", "SEW", "S", &["flags: expected S, got SEW"]),
    ("ecn/a_mark_is_echoed_until_cwr", "[noecn] E.", "[noecn] .", &["flags: expected ., got E."]),
    ("ecn/a_mark_is_echoed_until_cwr", "> . 101:101(0) ack 4581", "> E. 101:101(0) ack 4581", &["flags: expected E., got ."]),
    ("ecn/only_new_data_may_be_marked", "[ect0] PW.", "[ect0] P.", &["flags: expected P., got PW."]),
    ("window/duplicates_are_told_by_dsack", "sack 1:1001", "sack 1:1002", &["options: expected <nop,nop,sack 1:1002>, got <nop,nop,sack 1:1001>"]),
    ("window/the_urgent_mark_can_be_asked_for", "SIOCATMARK, [1]", "SIOCATMARK, [0]", &["value"]),

    // ICMP errors: what goes again, in which pieces, and what it is called.
    ("icmp/too_big_is_sent_again_smaller", "> . 1:1301(1300)", "> . 1:1461(1460)", &["length: expected 1460, got 1300"]),
    ("icmp/too_big_is_sent_again_smaller", "tcpi_pmtu == 1340", "tcpi_pmtu == 1500", &["tcpi_pmtu is 1340"]),
    ("icmp/too_big_that_is_not", "tcpi_pmtu == 1500", "tcpi_pmtu == 600", &["tcpi_pmtu is 1500"]),
    ("icmp/soft_in_syn_sent", "-1 ENETUNREACH", "-1 ETIMEDOUT", &["error: expected ETIMEDOUT, got ENETUNREACH"]),

    // Times.
    ("handshake/syn_ack_lost", "+2 > S.", "+3 > S.", &["time: expected 4.0 s (+-0.375 s), got 3.0 s"]),
    ("handshake/syn_lost_is_sent_again", "+4 > S", "+3 > S", &["no packet left by 6.375 s", "the next one left at 7.0 s"]),
    ("handshake/connect_blocks_until_it_is_complete", "+0...0.25", "+0...0.35", &["was to return at 0.35 s, and returned at 0.25 s"]),
    ("close/fin_is_sent_again", "+4 > F.", "+8 > F.", &["time: expected 11.1 s (+-1.0 s), got 7.1 s"]),
    ("close/linger_blocks", "+0...0.5 close", "+0...0.3 close", &["the call was to return at 0.4 s, and returned at 0.6 s"]),
    ("reset/outside_the_window_is_ignored", "+.17 > .", "+.1 > .", &["no packet left by", "the next one left at 0.3 s"]),
    ("retransmission/timeout_doubles", "+32 > .", "+40 > .", &["time: expected 71.1 s (+-5.0 s), got 63.1 s"]),
    ("retransmission/user_timeout", "+0...5 read", "+0...7 read", &["was to return at 7.1 s, and returned at 5.1 s"]),
    ("window/zero_window_is_probed", "+3.9 > .", "+1.9 > .", &["no packet left by", "the next one left at 7.2 s"]),
    ("window/delayed_ack", "+.2 > .", "+.3 > .", &["time: expected 0.4 s (+-0.0375 s), got 0.3 s"]),

    // Calls: result, error, value.
    ("handshake/refused", "-1 ECONNREFUSED", "-1 ETIMEDOUT", &["error: expected ETIMEDOUT, got ECONNREFUSED"]),
    ("handshake/syn_retries_can_be_set", "[2], [4])", "[3], [4])", &["value: expected [3], got [2]"]),
    ("close/by_the_peer", "read(4, ..., 100) = 0", "read(4, ..., 100) = 1", &["result: expected 1, got 0"]),
    ("close/linger_zero", "{onoff=1, linger=0}, [8]", "{onoff=1, linger=5}, [8]", &["value: expected {onoff=1, linger=5}, got {onoff=1, linger=0}"]),
    ("close/write_after_shutdown", "-1 EPIPE", "-1 ECONNRESET", &["error: expected ECONNRESET, got EPIPE"]),
    ("close/data_after_fin", "SIOCINQ, [0]", "SIOCINQ, [50]", &["value: expected 50, got 0", "got:      0 with [0] at"]),
    ("reset/exact_in_established", "= -1 ECONNRESET", "= 0", &["result: expected 0, got -1 ECONNRESET"]),
    ("reset/told_by_so_error", "[ECONNRESET]", "[ECONNREFUSED]", &["value: expected [111], got [104]"]),
    ("socket/poll", "revents=POLLIN|POLLRDHUP", "revents=POLLIN", &["revents: expected 0x1, got 0x2001"]),
    ("socket/poll_tells_of_a_reset", "|POLLERR|POLLHUP", "|POLLERR", &["revents: expected 0x9, got 0x19"]),
    ("socket/epoll_edge", "{events=EPOLLIN, fd=4}", "{events=EPOLLOUT, fd=4}", &["events: expected {events=0x4, data=4}, got {events=0x1, data=4}"]),
    ("socket/text_arrives_as_it_was_written", r"\x00\x00\x00", r"\x00\x01\x00", &["data: expected ", r"\x00\x01\x00", "got ", r"\x00\x00\x00"]),
    ("socket/send_buffer_blocks_the_writer", "5000) = 5000", "5000) = 4999", &["result: expected 4999, got 5000"]),
    ("socket/receive_timeout", "tv_usec=500000}, [16]", "tv_usec=400000}, [16]", &["value: expected {tv_sec=1, tv_usec=400000}, got {tv_sec=1, tv_usec=500000}"]),
    ("socket/queues_are_counted", "SIOCOUTQNSD, [3000]", "SIOCOUTQNSD, [2999]", &["value: expected 2999, got 3000"]),
    ("socket/nonblocking", "-1 EAGAIN (nobody)", "-1 EINVAL (nobody)", &["error: expected EINVAL, got EAGAIN"]),

    // Assertions.
    ("handshake/lost_syn_begins_carefully", "tcpi_snd_cwnd == 1", "tcpi_snd_cwnd == 2", &["the assertion fails: tcpi_snd_cwnd == 2", "tcpi_snd_cwnd is 1"]),
    ("close/by_us", "== TCP_FIN_WAIT2", "== TCP_FIN_WAIT1", &["the assertion fails: tcpi_state == TCP_FIN_WAIT1", "tcpi_state is 5, TCP_FIN_WAIT1 is 4"]),
    ("close/time_wait_lasts_2_msl", "+239.9 %{", "+240.1 %{", &["the assertion fails: tcpi_state == TCP_TIME_WAIT", "tcpi_state is 7, TCP_TIME_WAIT is 6"]),
    ("retransmission/third_duplicate_ack", "ssthresh == 3", "ssthresh == 4", &["the assertion fails: tcpi_snd_ssthresh == 4", "tcpi_snd_ssthresh is 3"]),
    ("socket/information", "tcpi_bytes_acked == 2000", "tcpi_bytes_acked == 2001", &["the assertion fails: tcpi_bytes_acked == 2001", "tcpi_bytes_acked is 2000"]),
];

#[test]
fn a_changed_field_is_noticed() {
    let mut wrong = Vec::new();
    for (script, find, replacement, words) in MUTATIONS {
        let path = folder("drill").join(script).with_extension("pkt");
        let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{script}: {error}"));
        let at = text.find(find).unwrap_or_else(|| panic!("{script}: no \"{find}\""));
        let line = text[..at].lines().count().max(1) + usize::from(text[..at].ends_with('\n'));
        let verdict = run_text(script, &text.replacen(find, replacement, 1));
        let report = told(&verdict);
        let is_told = words.iter().all(|words| report.contains(words));
        if failed_at(&verdict) != Some(line) || !is_told {
            wrong.push(format!(
                "{script}:{line} {find} -> {replacement}: wanted {words:?}\n{report}"
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let distinct: BTreeSet<_> = MUTATIONS.iter().map(|mutation| mutation.0).collect();
    assert!(distinct.len() >= 40, "{} scripts", distinct.len());
}

/// Every packet that any script expects: with another flag, number, length, ACK, window, option or time.
#[test]
fn every_expected_packet_is_compared() {
    let count = in_every_line(|line| Expected::parse(line).map_or(vec![], |line| line.mutations()));
    assert!(count >= 2000, "{count}");
}

/// Every call of any script: with another result or another error.
#[test]
fn every_result_is_compared() {
    let count = in_every_line(|line| other_result(line).into_iter().collect());
    assert!(count >= 600, "{count}");
}

/// Every assertion of any script: with its opposite.
#[test]
fn every_assertion_is_checked() {
    let count = in_every_line(|line| match line.split_once(" == ") {
        Some((head, tail)) if line.contains("assert ") => {
            vec![(format!("{head} != {tail}"), " does not hold: ".to_owned())]
        }
        Some(_) | None => vec![],
    });
    assert!(count >= 100, "{count}");
}

/// Changes every line of every script in each way that `mutations` gives with the words that the report
/// has to have: each has to fail there. Returns how many there were.
fn in_every_line(mutations: impl Fn(&str) -> Vec<(String, String)>) -> usize {
    let mut count = 0;
    let mut wrong = Vec::new();
    for path in scripts("drill") {
        let name = path.display().to_string();
        let text = fs::read_to_string(&path).expect("it was listed");
        let lines: Vec<&str> = text.lines().collect();
        let said = |(_, line): &(usize, &&str)| !line.starts_with("//");
        for (index, line) in lines.iter().enumerate().filter(said) {
            for (changed, words) in mutations(line) {
                count += 1;
                let mut lines = lines.clone();
                lines[index] = &changed;
                let verdict = run_text(&name, &(lines.join("\n") + "\n"));
                let report = told(&verdict);
                if failed_at(&verdict) != Some(index + 1) || !report.contains(&words) {
                    wrong
                        .push(format!("{name}:{}: {changed}: wanted {words}\n{report}", index + 1));
                }
            }
        }
    }
    println!("{count} lines changed");
    assert!(wrong.is_empty(), "{} of {count}:\n{}", wrong.len(), wrong.join("\n"));
    count
}

/// A call with another result, and what the report has to say. A new file has whatever number a script
/// gives it, so there it is a failure that is expected.
fn other_result(line: &str) -> Option<(String, String)> {
    let (call, result) = line.split_once(") = ")?;
    let word = result.split([' ', '(']).next()?;
    if let Some(error) = result.strip_prefix("-1 ") {
        let error = error.split(' ').next()?;
        let words = format!("error: expected EXDEV, got {error}\n");
        return Some((format!("{call}) = -1 EXDEV"), words));
    }
    let opens = ["socket(", "accept(", "accept4(", "epoll_create("];
    let other = match word.parse::<i32>() {
        Ok(_) if opens.iter().any(|name| call.contains(name)) => -1,
        Ok(number) => number + 1,
        Err(_) => 0,
    };
    Some((format!("{call}) = {other}"), format!("result: expected {other}, got ")))
}

/// A line that expects a packet, cut where its fields are.
struct Expected<'a> {
    time: &'a str,
    /// Up to the flags.
    head: &'a str,
    flags: &'a str,
    seq: u32,
    len: u32,
    ack: Option<u32>,
    /// From behind the numbers on.
    tail: &'a str,
}

impl<'a> Expected<'a> {
    fn parse(line: &'a str) -> Option<Self> {
        let (time, _) = line.trim_start().split_once(' ')?;
        let time_end = line.find(time)? + time.len();
        line[time_end..].trim_start().starts_with("> ").then_some(())?;
        let colon = line.find(':')?;
        let seq_at = line[..colon].rfind(' ')? + 1;
        let flags_at = line[..seq_at - 1].rfind(' ')? + 1;
        let numbers_end = line[seq_at..].find(' ').map_or(line.len(), |at| seq_at + at);
        let (_, len) = line[seq_at..numbers_end].split_once('(')?;
        let tail = &line[numbers_end..];
        let (ack, tail) = match tail.strip_prefix(" ack ") {
            Some(rest) => {
                let end = rest.find(' ').unwrap_or(rest.len());
                (Some(rest[..end].parse().ok()?), &rest[end..])
            }
            None => (None, tail),
        };
        Some(Expected {
            time,
            head: &line[..flags_at],
            flags: &line[flags_at..seq_at - 1],
            seq: line[seq_at..colon].parse().ok()?,
            len: len.trim_end_matches(')').parse().ok()?,
            ack,
            tail,
        })
    }

    /// The line with one field changed, and what the report has to say.
    fn mutations(&self) -> Vec<(String, String)> {
        let Expected { flags, seq, len, ack, tail, .. } = *self;
        let same = |tail: &str| self.line(flags, seq, len, ack, tail);
        let mut all = Vec::new();
        let other = other_flags(flags);
        let words = format!("flags: expected {other}, got {flags}\n");
        all.push((self.line(&other, seq, len, ack, tail), words));
        let words = format!("length: expected {}, got {len}\n", len + 1);
        all.push((self.line(flags, seq, len + 1, ack, tail), words));
        if let Some(ack) = ack {
            let words = format!("acknowledgment number: expected {}, got {ack}\n", ack + 1);
            all.push((self.line(flags, seq, len, Some(ack + 1), tail), words));
        }
        // Our SYN says from where a script counts.
        if !flags.contains('S') {
            let words = format!("sequence number: expected {}, got {seq}\n", seq + 1);
            all.push((self.line(flags, seq + 1, len, ack, tail), words));
        }
        if let Some(rest) = tail.strip_prefix(" win ") {
            let (win, rest) = rest.split_once(' ').unwrap_or((rest, ""));
            let other = win.parse::<u16>().expect("a window") ^ 1;
            let words = format!("window: expected {other}, got {win}\n");
            all.push((same(&format!(" win {other} {rest}")), words));
        }
        if !tail.contains('<') {
            let words = "options: expected <nop,nop,nop,nop>, got <>\n".to_owned();
            all.push((same(&format!("{tail} <nop,nop,nop,nop>")), words));
        }
        if let Ok(time) = self.time.parse::<f64>() {
            let sign = if self.time.starts_with('+') { "+" } else { "" };
            let later = format!("{sign}{}", time * 2.0 + 1.0);
            all.push((same(tail).replacen(self.time, &later, 1), "time: expected ".to_owned()));
        }
        all
    }

    fn line(&self, flags: &str, seq: u32, len: u32, ack: Option<u32>, tail: &str) -> String {
        let ack = ack.map_or(String::new(), |ack| format!(" ack {ack}"));
        let end = seq.wrapping_add(len);
        format!("{}{flags} {seq}:{end}({len}){ack}{tail}", self.head)
    }
}

/// With PSH when there is none, without when there is, in the order of a report: F, P, U, ECE, CWR, ACK.
fn other_flags(flags: &str) -> String {
    if flags.contains('P') {
        return flags.replace('P', "");
    }
    let at = flags.find(['U', 'E', 'W', '.']).unwrap_or(flags.len());
    format!("{}P{}", &flags[..at], &flags[at..])
}
