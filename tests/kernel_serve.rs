//! `glass serve` against the Linux kernel, each time on a TUN in a network namespace of the test's own.

mod kernel_common;

use std::fs;

use kernel_common::{
    Family, Running, User, command, directory, ladders, needs, poll, shell_inside,
};
use rustix::process::Signal;

/// What it says on stdout once it answers.
const READY: &str = "http://192.0.2.2/\n";

/// Makes a TUN that belongs to an ordinary user, as the message of `glass serve` says.
const A_TUN_OF_NOBODYS: &str = "ip tuntap add dev mine mode tun user nobody
                                ip address add 192.0.2.1/24 dev mine
                                ip link set dev mine up";

/// `glass serve` as `user`, after the shell commands `before` in the same namespace.
fn start(user: User, before: &str, options: &[&str]) -> Running {
    Running::start(command(user, before, &[&["serve"], options].concat()))
}

/// The same, and it answers.
fn serve(user: User, before: &str, options: &[&str]) -> Running {
    let mut serving = start(user, before, options);
    serving.wait_for_out(READY);
    serving
}

#[test]
fn it_answers_until_it_is_stopped() {
    needs(&["curl", "ping"]);
    for (signal, family) in [(Signal::TERM, Family::V4), (Signal::INT, Family::V6)] {
        let serving = serve(User::Root, "", &[]);
        let line = family.of("curl -sS http://192.0.2.2/hello; ping -c 1 -W 5 192.0.2.2");
        let client = shell_inside(&serving, &line).ended_with(0);
        assert!(client.out().starts_with("Hello from glasstack"), "{client}");
        serving.signal(signal);
        let done = serving.wait().ended_with(0);
        done.says("try: curl http://192.0.2.2/").says("ss does not list").says("stopping");
        assert_eq!(done.out(), READY, "one line for scripts\n{done}");
        assert_eq!(ladders(&done.err).len(), 0, "{done}");
    }
}

#[test]
fn a_connection_may_finish_after_the_signal() {
    needs(&["curl"]);
    let serving = serve(User::Root, "", &[]);
    let client = std::thread::scope(|scope| {
        let client = scope
            .spawn(|| shell_inside(&serving, "curl -sS http://192.0.2.2/delay/1500").ended_with(0));
        // When the kernel has the connection, the request is on its way or there.
        poll("curl is connected", || {
            let line = "grep -c ' 020200C0:0050 01 ' /proc/net/tcp";
            let count = shell_inside(&serving, line).out().trim().parse::<u32>().expect("a number");
            (count > 0).then_some(())
        });
        serving.signal(Signal::TERM);
        client.join().expect("curl has its answer")
    });
    assert_eq!(client.out(), "This took 1500 ms.\n", "{client}");
    serving.wait().ended_with(0);
}

#[test]
fn a_directory_is_served() {
    needs(&["curl"]);
    let dir = directory("serve");
    fs::write(dir.join("page.txt"), "from a file\n").unwrap();
    let serving = serve(User::Root, "", &[dir.to_str().expect("UTF-8")]);
    let line = "curl -sS http://192.0.2.2/page.txt
                curl -sS -o /dev/null -w '%{http_code}' http://192.0.2.2/no-such-page";
    let client = shell_inside(&serving, line).ended_with(0);
    assert_eq!(client.out(), "from a file\n404", "{client}");
    serving.signal(Signal::TERM);
    serving.wait().ended_with(0);
}

#[test]
fn another_port_and_the_small_services() {
    needs(&["curl", "nc"]);
    let mut serving = start(User::Root, "", &["--port", "8080", "--services", "echo"]);
    serving.wait_for_out("http://192.0.2.2:8080/\n");
    for family in Family::BOTH {
        let line = "curl -sS http://192.0.2.2:8080/hello; echo hi | nc -N 192.0.2.2 7
                    ! nc -z 192.0.2.2 80";
        let client = shell_inside(&serving, &family.of(line)).ended_with(0);
        assert!(client.out().ends_with("\nhi\n"), "{client}");
    }
    serving.signal(Signal::TERM);
    serving.wait().ended_with(0).says("echo on port 7");
}

#[test]
fn an_ordinary_user_serves_on_a_tun_of_theirs() {
    needs(&["curl", "ip"]);
    let serving = serve(User::Ordinary, A_TUN_OF_NOBODYS, &["--tun", "mine"]);
    let client = shell_inside(&serving, "curl -sS http://192.0.2.2/hello").ended_with(0);
    assert!(client.out().starts_with("Hello from glasstack"), "{client}");
    serving.signal(Signal::TERM);
    let done = serving.wait().ended_with(0);
    done.says("attached to mine, which was there already");
    // Whoever made it did not think of IPv6.
    done.says("only IPv4 on mine").says("sudo ip address add 2001:db8::1/64 dev mine");
}

#[test]
fn a_tun_of_theirs_may_have_both_families() {
    needs(&["curl", "ip"]);
    let both = format!("{A_TUN_OF_NOBODYS}\nip address add 2001:db8::1/64 dev mine nodad");
    let serving = serve(User::Ordinary, &both, &["--tun", "mine"]);
    for family in Family::BOTH {
        let line = family.of("curl -sS http://192.0.2.2/hello");
        let client = shell_inside(&serving, &line).ended_with(0);
        assert!(client.out().starts_with("Hello from glasstack"), "{client}");
    }
    serving.signal(Signal::TERM);
    let done = serving.wait().ended_with(0);
    assert!(!done.err.contains("only IPv4"), "{done}");
    // Who asks for IPv6 gets it or nothing.
    let options = ["--tun", "mine", "--addr", "192.0.2.2,2001:db8::2"];
    let done = start(User::Ordinary, A_TUN_OF_NOBODYS, &options).wait().ended_with(69);
    done.says("does not have the address 2001:db8::1/64");
}

#[test]
fn without_permission_it_says_what_to_do() {
    needs(&[]);
    let done = start(User::Ordinary, "", &[]).wait().ended_with(77);
    done.says("sudo ip tuntap add dev glass0 mode tun user $USER").says("glass run");
    let done = start(User::OrdinaryWithoutTun, "", &[]).wait().ended_with(77);
    done.says("sudo chmod 0666 /dev/net/tun");
    let theirs = A_TUN_OF_NOBODYS.replace("user nobody", "user root");
    let done = start(User::Ordinary, &theirs, &["--tun", "mine"]).wait().ended_with(77);
    done.says("belongs to user 0");
}

#[test]
fn a_name_that_is_taken_is_not_taken_away() {
    needs(&["ip"]);
    let bridge = "ip link add glass0 type bridge";
    let done = start(User::Root, bridge, &[]).wait().ended_with(69);
    done.says("there is an interface glass0 already");
    // A TUN of theirs that is in use, and one that is not set up.
    let serving = serve(User::Ordinary, A_TUN_OF_NOBODYS, &["--tun", "mine"]);
    let line = format!("{} serve --tun mine", kernel_common::GLASS);
    shell_inside(&serving, &line).ended_with(69).says("another process is attached");
    serving.signal(Signal::TERM);
    serving.wait().ended_with(0);
    let bare = "ip tuntap add dev mine mode tun user nobody";
    let done = start(User::Ordinary, bare, &["--tun", "mine"]).wait().ended_with(69);
    done.says("ip address add 192.0.2.1/24 dev mine").says("ip link set");
}

#[test]
fn an_address_that_is_taken_is_named() {
    needs(&["ip"]);
    let other = "ip link add d0 type veth peer name d1; ip address add 192.0.2.9/24 dev d0";
    start(User::Root, other, &[]).wait().ended_with(69).says("d0 has 192.0.2.9/24");
    let other = "ip link add d0 type veth peer name d1
                 ip address add 2001:db8::9/64 dev d0 nodad; ip link set d0 up; ip link set d1 up";
    let serving = serve(User::Root, other, &[]);
    serving.signal(Signal::TERM);
    serving.wait().ended_with(0).says("only IPv4 on glass0").says("d0 has 2001:db8::9/64");
}

#[test]
fn wrong_options_are_named() {
    needs(&[]);
    for (options, words) in [
        (&["--no-such-option"][..], "--no-such-option"),
        (&["--tun", "a-name-that-is-too-long"], "a-name-that-is-too-long"),
        (&["--mtu", "70000"], "--mtu"),
        (&["--port", "7", "--services", "echo"], "choose another --port"),
        (&["/no/such/directory"], "/no/such/directory"),
    ] {
        let done = start(User::Root, "", options).wait();
        assert_eq!(done.code, 2, "{options:?}\n{done}");
        done.says(words);
    }
}

#[test]
fn without_ipv6_in_the_kernel_there_is_still_ipv4() {
    needs(&["curl"]);
    for (before, why) in [
        // As in a kernel that was booted with ipv6.disable=1: nothing of it is to be seen.
        ("mount -t tmpfs none /proc/sys/net/ipv6", "only IPv4: the kernel has no IPv6"),
        ("echo 1 >/proc/sys/net/ipv6/conf/default/disable_ipv6", "only IPv4: IPv6 is switched off"),
    ] {
        let serving = serve(User::Root, before, &[]);
        let client = shell_inside(&serving, "curl -sS http://192.0.2.2/hello").ended_with(0);
        assert!(client.out().starts_with("Hello from glasstack"), "{client}");
        serving.signal(Signal::TERM);
        let done = serving.wait().ended_with(0);
        done.says(why);
        assert_eq!(done.err.matches("IPv6").count(), why.matches("IPv6").count(), "once\n{done}");
        let done = start(User::Root, before, &["--addr", "2001:db8::2"]).wait().ended_with(69);
        done.says("there is no IPv6 here");
    }
}
