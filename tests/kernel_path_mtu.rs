//! A kernel as the router between us and curl, whose second link carries 1300 octets: in namespaces of the
//! test's own, over both families.

mod kernel_common;

use std::fs;

use kernel_common::{Family, Running, User, command, directory, needs, shell_inside};
use rustix::process::Signal;
use serde_json::Value;

/// Another host behind the kernel that has our TUN. Its own end of the link takes 1500 octets, so its SYN
/// does not give away how little the way to it carries.
const A_HOST_BEHIND_A_NARROW_LINK: &str = "
    mount -t tmpfs none /run; mkdir /run/netns; ip netns add far
    ip link add narrow type veth peer name wide netns far
    ip address add 198.51.100.1/24 dev narrow; ip address add 2001:db8:1::1/64 dev narrow nodad
    ip link set narrow mtu 1300 up
    ip -n far address add 198.51.100.2/24 dev wide
    ip -n far address add 2001:db8:1::2/64 dev wide nodad; ip -n far link set wide up
    ip -n far route add default via 198.51.100.1; ip -n far route add default via 2001:db8:1::1
    echo 1 > /proc/sys/net/ipv4/ip_forward; echo 1 > /proc/sys/net/ipv6/conf/all/forwarding";

/// What the router has to say about packets goes nowhere.
const IN_SILENCE: &str = "
    ip rule add to 192.0.2.2 ipproto icmp lookup 100
    ip route add blackhole default table 100
    ip -6 rule add to 2001:db8::2 ipproto ipv6-icmp lookup 100
    ip -6 route add blackhole default table 100";

/// Fetches four million octets from behind the link; returns what was learnt of the path, in order: its MTU
/// and how that came.
fn fetch(family: Family, name: &str, before: &str, offload: &str) -> Vec<(u32, String)> {
    needs(&["curl", "ip"]);
    let events = directory(&format!("path-mtu-{name}-{offload}-{family:?}")).join("events");
    let file = events.to_str().expect("UTF-8");
    let options = ["serve", "--offload", offload, "--events", file];
    let mut serving = Running::start(command(User::Root, before, &options));
    serving.wait_for_out("http://192.0.2.2/\n");
    let line = "ip netns exec far curl -sS -m 60 -o /dev/null -w '%{http_code} %{size_download}' \
                http://192.0.2.2/bytes/4000000";
    let client = shell_inside(&serving, &family.of(line)).ended_with(0);
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

/// With offload and without, over each family.
fn each() -> impl Iterator<Item = (&'static str, Family)> {
    ["on", "off"].into_iter().flat_map(|offload| Family::BOTH.map(|family| (offload, family)))
}

#[test]
fn a_download_gets_through_a_router_that_tells() {
    for (offload, family) in each() {
        let path = fetch(family, "told", A_HOST_BEHIND_A_NARROW_LINK, offload);
        assert_eq!(path, [(1_300, "told".to_owned())], "offload {offload}, {family:?}");
    }
}

#[test]
fn a_download_gets_through_a_router_that_is_silent() {
    let before = [A_HOST_BEHIND_A_NARROW_LINK, IN_SILENCE].concat();
    for (offload, family) in each() {
        let path = fetch(family, "silent", &before, offload);
        // What every link carries: of IPv6 that is so much that there is little left to probe for.
        let least = if family == Family::V4 { 1_064 } else { 1_280 };
        let what = format!("{offload}, {family:?}: {path:?}");
        assert_eq!(path.first(), Some(&(least, "black-hole".to_owned())), "{what}");
        let (mtu, change) = path.last().expect("there is a first");
        assert!((least + 1..=1_300).contains(mtu) && change == "probed", "{what}");
    }
}
