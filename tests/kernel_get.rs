//! `glass get` against the Linux kernel: active open through our own stack. The servers are python's,
//! `nc`, and our own at the other end of two TUNs.

mod kernel_common;

use kernel_common::{Done, EACH, Family, Running, User, command, needs, run, run_over};

/// Starts python's server in the background and waits for it.
const A_SERVER: &str = "python3 -m http.server --bind :: 8000 >/dev/null 2>&1 &
                        until nc -z 192.0.2.1 8000; do sleep 0.05; done";

/// `glass get` as root in a network namespace that `before` has set up.
fn get(before: &str, arguments: &[&str]) -> Done {
    Running::start(command(User::Root, before, &[&["get"], arguments].concat())).wait()
}

#[test]
fn our_stack_talks_to_our_stack() {
    needs(&[]);
    for (user, family) in EACH {
        let done = run_over(family, user, &[], "glass get http://192.0.2.2/hello").ended_with(0);
        assert_eq!(done.out(), "Hello from glasstack, a TCP/IP stack in userspace.\n", "{done}");
        // The client asks for the connection to be closed, so the server closes first.
        let server = done.ladder_of("(they opened)");
        let states = ["FIN_WAIT_1", "FIN_WAIT_2", "TIME_WAIT"];
        assert_eq!(server.states()[3..], states, "{user:?}\n{done}");
        let client = done.ladder_of("(we opened)");
        let states = ["CLOSED", "SYN_SEND", "ESTABLISHED", "CLOSE_WAIT", "LAST_ACK", "CLOSED"];
        assert_eq!(client.states(), states, "{user:?}\n{done}");
    }
}

#[test]
fn ten_megabytes_come_whole_from_a_server_of_the_kernel() {
    needs(&["python3", "nc"]);
    let line = format!(
        "head -c 10000000 /dev/urandom >f
         {A_SERVER}
         glass get http://192.0.2.1:8000/f | cmp - f"
    );
    for (user, family) in EACH {
        let done = run_over(family, user, &[], &line).ended_with(0);
        assert_eq!(done.ladder().states()[..3], ["CLOSED", "SYN_SEND", "ESTABLISHED"], "{done}");
    }
}

/// The kernel agrees to ECN when it is asked, and so do we.
#[test]
fn congestion_notification_is_agreed_on_with_the_kernel() {
    needs(&["python3", "nc"]);
    let line = format!(
        "head -c 3000000 /dev/urandom >f
         {A_SERVER}
         glass get --ecn on http://192.0.2.1:8000/f | cmp - f"
    );
    let done = run(User::Root, &[], &line).ended_with(0);
    done.says("SYN,ECE,CWR");
    done.says("SYN,ACK,ECE");
    let done = run(User::Root, &[], "glass get --ecn on http://192.0.2.2/hello").ended_with(0);
    done.says("SYN,ACK,ECE");
    let done = run(User::Root, &[], "glass get http://192.0.2.2/hello").ended_with(0);
    assert!(!done.err.contains("ECE"), "nobody asks\n{done}");
    let off = ["--ecn", "off"];
    let done = run(User::Root, &off, "glass get --ecn on http://192.0.2.2/hello").ended_with(0);
    assert!(!done.err.contains("SYN,ACK,ECE"), "it was turned off\n{done}");
}

#[test]
fn several_at_once_have_networks_of_their_own() {
    needs(&["python3", "nc"]);
    let line = format!(
        "head -c 1000000 /dev/urandom >f
         {A_SERVER}
         for i in 1 2 3 4; do glass -q get http://192.0.2.1:8000/f >got$i & pids=\"$pids $!\"; done
         for pid in $pids; do wait $pid || exit; done
         for i in 1 2 3 4; do cmp f got$i || exit; done"
    );
    run_over(Family::V6, User::Root, &[], &line).ended_with(0);
}

#[test]
fn a_closed_port_refuses() {
    needs(&[]);
    for family in Family::BOTH {
        let run = |line| run_over(family, User::Root, &[], line);
        let done = run("glass get http://192.0.2.1:81/").ended_with(1);
        done.says(&family.of("cannot connect to 192.0.2.1:81: connection refused"));
        run("glass get http://192.0.2.2:81/").ended_with(1).says("connection refused");
    }
}

#[test]
fn a_status_that_says_error_is_a_failure() {
    needs(&[]);
    let done = run(User::Root, &[], "glass get http://192.0.2.2/status/404").ended_with(1);
    done.says("the server answered 404");
}

#[test]
fn nobody_there_is_not_waited_for_for_ever() {
    needs(&["ip"]);
    // Packets for 192.0.2.7 reach our own stack, which is not 192.0.2.7 and stays silent.
    let line = "glass get --connect-timeout 0.5 http://192.0.2.7/";
    run(User::Root, &[], line).ended_with(1).says("no answer within 500ms");
}

#[test]
fn what_would_take_forwarding_comes_with_the_commands() {
    needs(&["ip"]);
    let network = "echo 0 >/proc/sys/net/ipv4/ip_forward
                   ip link add d0 type veth peer name d1
                   ip address add 10.9.0.1/24 dev d0
                   ip link set lo up; ip link set d0 up; ip link set d1 up";
    let done = get(network, &["http://10.9.0.2/"]).ended_with(69);
    done.says("10.9.0.2 is behind d0").says("sudo sysctl -w net.ipv4.ip_forward=1");
    done.says("-o d0 -j MASQUERADE");
    let network = "ip link add d0 type veth peer name d1
                   ip address add fd09::1/64 dev d0 nodad
                   ip link set lo up; ip link set d0 up; ip link set d1 up";
    let done = get(network, &["http://[fd09::2]/"]).ended_with(69);
    done.says("fd09::2 is behind d0").says("sudo sysctl -w net.ipv6.conf.all.forwarding=1");
    done.says("ip6tables -t nat -A POSTROUTING -s 2001:db8:1::/48 -o d0 -j MASQUERADE");
    get(network, &["http://[fd0a::9]/"]).ended_with(69).says("no route to fd0a::9");
    get(network, &["http://[::1]/"]).ended_with(69).says("loopback");
    get(network, &["http://10.9.9.9/"]).ended_with(69).says("no route to 10.9.9.9");
    get(network, &["http://127.0.0.1/"]).ended_with(69).says("loopback");
}

#[test]
fn without_permission_it_says_what_to_do() {
    needs(&[]);
    let started = command(User::Ordinary, "", &["get", "http://192.0.2.1/"]);
    Running::start(started).wait().ended_with(77).says("glass run").says("setcap");
}

#[test]
fn wrong_urls_are_named() {
    needs(&[]);
    for (url, words) in [
        ("ftp://192.0.2.1/", "is not http or https"),
        ("192.0.2.1", "has no scheme"),
        ("no url at all", "no url at all"),
        ("http://[2001:db8::1/", "invalid"),
    ] {
        let done = get("", &[url]);
        assert_eq!(done.code, 2, "{url}\n{done}");
        done.says(words);
    }
    let done = get("", &["-4", "http://[2001:db8::1]/"]).ended_with(2);
    done.says("-4 goes to addresses of IPv4 only, and 2001:db8::1 is none");
    let done = get("", &["-6", "http://192.0.2.1/"]).ended_with(2);
    done.says("-6 goes to addresses of IPv6 only, and 192.0.2.1 is none");
    let long = format!("http://192.0.2.1/{}", "x".repeat(70_000));
    let done = get("", &[&long]).ended_with(2);
    done.says("has 70017 octets, and at most 65534 can be asked for");
    let done = get("", &["--mtu", "1279", "http://[2001:db8::1]/"]).ended_with(2);
    done.says("--mtu 1279 is less than the 1280 octets");
    let off = "echo 1 >/proc/sys/net/ipv6/conf/default/disable_ipv6";
    get(off, &["http://[2001:db8::1]/"]).ended_with(69).says("IPv6 is switched off");
    let done = run(User::Root, &[], "glass get http://no.such.name.invalid/").ended_with(69);
    done.says("there is no DNS");
}
