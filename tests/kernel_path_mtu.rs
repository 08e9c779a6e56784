//! A kernel as the router between us and curl, whose second link carries 1300 octets: in namespaces of the
//! test's own.

mod kernel_common;

use std::fs;

use kernel_common::{Running, User, command, directory, needs, shell_inside};
use rustix::process::Signal;
use serde_json::Value;

/// Another host behind the kernel that has our TUN. Its own end of the link takes 1500 octets, so its SYN
/// does not give away how little the way to it carries.
const A_HOST_BEHIND_A_NARROW_LINK: &str = "
    mount -t tmpfs none /run; mkdir /run/netns; ip netns add far
    ip link add narrow type veth peer name wide netns far
    ip address add 198.51.100.1/24 dev narrow; ip link set narrow mtu 1300 up
    ip -n far address add 198.51.100.2/24 dev wide; ip -n far link set wide up
    ip -n far route add default via 198.51.100.1
    echo 1 > /proc/sys/net/ipv4/ip_forward";

/// What the router has to say about packets goes nowhere.
const IN_SILENCE: &str = "
    ip rule add to 192.0.2.2 ipproto icmp lookup 100
    ip route add blackhole default table 100";

/// Fetches four million octets from behind the link; returns what was learnt of the path, in order: its MTU
/// and how that came.
fn fetch(name: &str, before: &str, offload: &str) -> Vec<(u32, String)> {
    needs(&["curl", "ip"]);
    let events = directory(&format!("path-mtu-{name}-{offload}")).join("events");
    let file = events.to_str().expect("UTF-8");
    let options = ["serve", "--offload", offload, "--events", file];
    let mut serving = Running::start(command(User::Root, before, &options));
    serving.wait_for_out("http://192.0.2.2/\n");
    let line = "ip netns exec far curl -sS -m 60 -o /dev/null -w '%{http_code} %{size_download}' \
                http://192.0.2.2/bytes/4000000";
    let client = shell_inside(&serving, line).ended_with(0);
    assert_eq!(client.out(), "200 4000000", "{client}");
    serving.signal(Signal::TERM);
    serving.wait().ended_with(0);
    let events = fs::read_to_string(&events).expect("it was written");
    let events = events.lines().map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
    let path = events.filter(|event| event["event"] == "path-mtu");
    let told = |event: Value| {
        let mtu = event["mtu"].as_u64().and_then(|mtu| u32::try_from(mtu).ok());
        (mtu.expect("a number"), event["change"].as_str().expect("a word").to_owned())
    };
    path.map(told).collect()
}

#[test]
fn a_download_gets_through_a_router_that_tells() {
    for offload in ["on", "off"] {
        let path = fetch("told", A_HOST_BEHIND_A_NARROW_LINK, offload);
        assert_eq!(path, [(1_300, "told".to_owned())], "offload {offload}");
    }
}

#[test]
fn a_download_gets_through_a_router_that_is_silent() {
    let before = [A_HOST_BEHIND_A_NARROW_LINK, IN_SILENCE].concat();
    for offload in ["on", "off"] {
        let path = fetch("silent", &before, offload);
        assert_eq!(path.first(), Some(&(1_064, "black-hole".to_owned())), "{offload}: {path:?}");
        let (mtu, change) = path.last().expect("there is a first");
        assert!((1_065..=1_300).contains(mtu) && change == "probed", "{offload}: {path:?}");
    }
}
