//! Faults on a live TUN, by name and by chance, with the Linux kernel as the other side in both roles:
//! what is lost comes again, and everything arrives whole.
//!
//! Where we send at 5 % of loss and above, transfers are 1 MB; with GLASS_FULL=1 they are 10 MB, which takes
//! minutes.

mod kernel_common;

use std::env;

use kernel_common::{Done, Family, Ladder, User, needs, run, run_over};

const HELLO: &str = "curl -sS http://192.0.2.2/hello";

/// The text of which /bytes/N is made, as a line of shell: endless.
const PATTERN: &str = "yes 0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// Starts python's server in the background and waits for it.
const A_SERVER: &str = "python3 -m http.server --bind :: 8000 >/dev/null 2>&1 &
                        until nc -z 192.0.2.1 8000; do sleep 0.05; done";

/// `glass run` with these rules and options.
fn faulty(rules: &str, options: &[&str], line: &str) -> Done {
    faulty_over(Family::V4, rules, options, line)
}

/// The same over a family; the line is written with addresses of IPv4.
fn faulty_over(family: Family, rules: &str, options: &[&str], line: &str) -> Done {
    let rules = if rules.is_empty() { vec![] } else { vec!["--fault", rules] };
    let options = [&rules, options].concat();
    run_over(family, User::Root, &options, line).ended_with(0)
}

/// The time and the text of the rows that say this.
fn rows<'a>(ladder: &'a Ladder, text: &str) -> Vec<(f64, &'a str)> {
    let rows = ladder.rows.iter().filter(|row| row.text.contains(text));
    rows.map(|row| (row.ms, row.text.as_str())).collect()
}

#[test]
fn the_fin_that_was_lost_comes_again_in_last_ack() {
    needs(&["curl"]);
    // A probe for lost ends comes first; without such, the retransmission timeout of 200 ms.
    let by_timeout = ["--loss-detection", "sack"];
    for (options, why, least) in
        [(&[][..], "loss probe", 45.0), (&by_timeout[..], "retransmitted (timeout)", 190.0)]
    {
        let options = [&["--close-after", "100"], options].concat();
        let done = faulty("tx FIN#1 drop", &options, HELLO);
        let ladder = done.ladder();
        let [lost] = rows(&ladder, "dropped by 'tx FIN#1 drop'")[..] else { panic!("{done}") };
        let [again] = rows(&ladder, why)[..] else { panic!("{why}\n{done}") };
        for (_, row) in [lost, again] {
            assert!(row.contains(" FIN,ACK ") && row.ends_with("LAST_ACK"), "{row}\n{done}");
        }
        assert!(lost.1.starts_with('✗'), "an arrow that does not arrive\n{done}");
        assert!(again.0 - lost.0 > least, "after {least} ms\n{done}");
        assert_eq!(ladder.states().last(), Some(&"CLOSED"), "{done}");
        done.says("fault 'tx FIN#1 drop' struck 1 packet");
    }
}

#[test]
fn a_handshake_survives_what_is_lost_doubled_damaged_and_late() {
    needs(&["curl"]);
    // How long it takes at least to become ESTABLISHED, in milliseconds.
    for (rule, least) in [
        ("rx SYN#1 drop", 900.0),
        ("tx SYN,ACK#1 drop", 900.0),
        ("tx SYN,ACK#1 corrupt", 900.0),
        ("tx SYN,ACK#1 truncate 4", 900.0),
        ("rx ack#1 delay 300ms", 0.0),
        ("tx SYN,ACK#1 dup", 0.0),
        ("rx SYN#1 dup", 0.0),
        ("rx SYN#1 delay 50ms", 45.0),
    ] {
        let done = faulty(rule, &["--seed", "1"], HELLO);
        assert!(done.out().starts_with("Hello"), "{rule}\n{done}");
        let ladder = done.ladder();
        assert_eq!(rows(&ladder, &format!("by '{rule}'")).len(), 1, "{rule}\n{done}");
        assert!(ladder.entered("ESTABLISHED") >= least, "{rule}\n{done}");
        assert_eq!(ladder.states().last(), Some(&"CLOSED"), "{rule}\n{done}");
    }
}

#[test]
fn what_a_client_sends_arrives_whatever_becomes_of_the_third_segment() {
    needs(&["curl"]);
    let line = "head -c 30000 /dev/urandom >f
                curl -sS --data-binary @f http://192.0.2.2/echo | cmp - f";
    let families = Family::BOTH.into_iter().cycle();
    let actions = ["delay 300ms", "drop", "dup", "reorder 4", "corrupt", "truncate 9"];
    for (action, family) in actions.into_iter().zip(families) {
        let rule = format!("rx data#3 {action}");
        let done = faulty_over(family, &rule, &[], line);
        assert_eq!(rows(&done.ladder(), &format!("by '{rule}'")).len(), 1, "{rule}\n{done}");
    }
}

#[test]
fn acks_may_be_lost_for_the_next_says_the_same() {
    needs(&["curl"]);
    let line = format!(
        "curl -sS http://192.0.2.2/bytes/1000000 >down
         {PATTERN} | head -c 1000000 | cmp - down"
    );
    faulty("any ack#2-5 drop", &[], &line).says("fault 'any ack#2-5 drop' struck ");
}

#[test]
fn the_first_rule_strikes_and_one_that_never_matched_says_so() {
    needs(&["curl"]);
    let rules = "tx SYN,ACK#1 dup; rx data#30 drop; any SYN,ACK drop";
    let done = faulty(rules, &[], HELLO);
    done.says("fault 'rx data#30 drop' never matched");
    done.says("fault 'any SYN,ACK drop' struck nothing: a rule before it took the 1 packet");
    assert!(!done.err.contains("--seed"), "nothing is random\n{done}");
    faulty("any 0% drop", &[], HELLO).says("faults by chance from --seed ");
}

#[test]
fn a_rule_that_cannot_be_read_says_where_and_how() {
    needs(&[]);
    let done = run(User::Root, &["--fault", "tx FIN#1 lose"], "true").ended_with(2);
    done.says("\"lose\" at column 10 is not an action: drop, dup,");
    done.says("for example: ");
}

#[test]
fn our_own_syn_and_request_come_again() {
    needs(&["python3", "nc"]);
    let rules = "tx SYN#1 drop; tx data#1 drop; rx FIN#1 dup; any RST drop";
    let line = format!(
        "head -c 100000 /dev/urandom >f
         {A_SERVER}
         glass get --fault '{rules}' http://192.0.2.1:8000/f | cmp - f"
    );
    let done = run(User::Root, &[], &line).ended_with(0);
    let ladder = done.ladder_of("(we opened)");
    assert!(ladder.entered("ESTABLISHED") >= 900.0, "{done}");
    for strike in ["dropped by 'tx SYN#1 drop'", "dropped by 'tx data#1 drop'"] {
        let [(_, row)] = rows(&ladder, strike)[..] else { panic!("{strike}\n{done}") };
        assert!(row.starts_with('✗'), "{row}\n{done}");
    }
}

/// The peer sends, or we do; both with losses each way.
fn transfers(percent: u32, seed: &str, family: Family) {
    needs(&["curl", "python3", "nc"]);
    let is_slow = percent > 1 && env::var_os("GLASS_FULL").is_none();
    let ours = if is_slow { 1_000_000 } else { 10_000_000 };
    let rules = format!("any {percent}% drop; any 1% dup; any 1% reorder 3");
    let options = ["--seed", seed];
    let down = format!(
        "curl -sS -w '%{{stderr}}took %{{time_total}} s\\n' http://192.0.2.2/bytes/{ours} >down
         {PATTERN} | head -c {ours} | cmp - down"
    );
    let echo = format!(
        "head -c {ours} /dev/urandom >f
         curl -sS -w '%{{stderr}}took %{{time_total}} s\\n' --data-binary @f \
         http://192.0.2.2/echo | cmp - f"
    );
    let get = format!(
        "head -c 10000000 /dev/urandom >f
         {A_SERVER}
         glass get --fault '{rules}' --seed {seed} http://192.0.2.1:8000/f | cmp - f"
    );
    for (what, line, rules) in
        [("we send", &down, &*rules), ("both send", &echo, &rules), ("we get", &get, "")]
    {
        let done = faulty_over(family, rules, &options, line);
        let took =
            done.err.lines().filter(|line| line.contains("took ") || line.contains(" after "));
        eprintln!(
            "{percent} % loss over {family:?}, {what}: {}",
            took.collect::<Vec<_>>().join(", ")
        );
    }
}

#[test]
fn everything_arrives_whole_without_loss() {
    transfers(0, "1", Family::V6);
}

#[test]
fn everything_arrives_whole_at_one_percent() {
    transfers(1, "2", Family::V4);
}

#[test]
fn everything_arrives_whole_at_five_percent() {
    transfers(5, "3", Family::V6);
}

#[test]
fn everything_arrives_whole_at_ten_percent() {
    transfers(10, "4", Family::V4);
}
