//! The TUN against the Linux kernel, in network namespaces of the tests' own. Each test runs itself
//! again under `unshare`, which takes root.

use std::env;
use std::future::poll_fn;
use std::io;
use std::net::UdpSocket;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use glasstack::device::setup::{loopback_up, reach, route_is_local};
use glasstack::device::{
    Cidr, Device, LinkSetup, OffloadMode, Queue, Queues, Reach, Tun, TunError,
};
use glasstack::runtime::{Net, Siblings, TcpStream};
use glasstack::stack::{Config, Place, Secret, Stack};
use glasstack::wire::{Features, Frame, Offload, Packet};
use nix::unistd::{Gid, Uid, geteuid, setgid, setgroups, setuid};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

const NOBODY: u32 = 65_534;

/// A TUN driver that anybody may open, as udev makes it.
const OPEN_TO_ALL: &str = "mount -t tmpfs none /dev/net && mknod -m 0666 /dev/net/tun c 10 200";

/// Runs `body` in a new network and mount namespace, after the shell commands of `before`: the test
/// `name` starts itself once more there.
fn in_namespace<F: Future<Output = ()>>(name: &str, before: &str, body: impl FnOnce() -> F) {
    const INSIDE: &str = "GLASS_TEST_INSIDE";
    if env::var_os(INSIDE).is_some() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            tokio::select! {
                // The limit first: one more look at the body would hide a waker that was lost.
                biased;
                () = tokio::time::sleep(Duration::from_secs(20)) => panic!("in time"),
                () = body() => {}
            }
        });
        return;
    }
    assert!(geteuid().is_root(), "making a network namespace takes root: run scripts/test as root");
    let done = Command::new("unshare")
        .args(["--net", "--mount", "sh", "-c", &format!("set -e\n{before}\nexec \"$@\""), "sh"])
        .arg(env::current_exe().unwrap())
        .args(["--exact", name, "--nocapture", "--test-threads=1"])
        .env(INSIDE, "1")
        .output()
        .expect("unshare, of util-linux");
    let (out, err) = (String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr));
    assert!(done.status.success() && out.contains("1 passed"), "{out}\n{err}");
}

fn shell(commands: &str) {
    let status = Command::new("sh").args(["-ec", commands]).status().expect("sh");
    assert!(status.success(), "{commands}: {status}");
}

/// Gives up root for good.
fn become_nobody() {
    setgroups(&[]).unwrap();
    setgid(Gid::from_raw(NOBODY)).unwrap();
    setuid(Uid::from_raw(NOBODY)).unwrap();
}

async fn create(name: &str) -> Result<Tun, TunError> {
    Tun::create(name, &LinkSetup::default()).await
}

async fn attach(name: &str) -> Result<Tun, TunError> {
    Tun::attach(name, &LinkSetup::default()).await
}

async fn read(tun: &mut Tun) -> Vec<Bytes> {
    let mut packets = Vec::new();
    poll_fn(|cx| tun.poll_read(cx, &mut packets, 64)).await.expect("a TUN that works");
    packets.into_iter().map(|packet: Packet| packet.octets).collect()
}

async fn write(tun: &mut Tun, octets: &[u8]) {
    let frame = Frame { head: octets.into(), ..Frame::default() };
    poll_fn(|cx| tun.poll_write(cx, &frame)).await.expect("a TUN that works");
}

/// Reads up to the first ICMP echo request over IPv4: a fresh TUN has IPv6 noise on it.
async fn read_echo_request(tun: &mut Tun) -> Bytes {
    loop {
        let mut packets = read(tun).await.into_iter();
        let is_echo = |packet: &Bytes| packet[0] == 0x45 && packet[9] == 1 && packet[20] == 8;
        if let Some(request) = packets.find(is_echo) {
            return request;
        }
    }
}

#[test]
fn ping_gets_its_answer() {
    in_namespace("ping_gets_its_answer", "", async || {
        let mut tun = create("glass0").await.unwrap();
        assert_eq!((tun.name(), tun.mtu()), ("glass0", 1500));
        let mut ping = Command::new("ping")
            .args(["-c", "1", "-W", "5", "192.0.2.2"])
            .stdout(Stdio::null())
            .spawn()
            .expect("ping");
        let mut packet = read_echo_request(&mut tun).await.to_vec();
        assert_eq!(packet.len(), 84, "one packet is one read");
        // From a request to its reply: the addresses trade places, and the type goes from 8 to 0.
        let (source, destination) = packet[12..20].split_at_mut(4);
        source.swap_with_slice(destination);
        packet[20] = 0;
        let (sum, carry) = u16::from_be_bytes([packet[22], packet[23]]).overflowing_add(0x0800);
        packet[22..24].copy_from_slice(&(sum + u16::from(carry)).to_be_bytes());
        write(&mut tun, &packet).await;
        let status = tokio::task::spawn_blocking(move || ping.wait().unwrap()).await.unwrap();
        assert!(status.success(), "ping heard the reply");
        assert_eq!((tun.refused(), tun.kernel_drops()), (0, Some(0)));
    });
}

#[test]
fn what_is_asked_of_the_link_is_done() {
    in_namespace("what_is_asked_of_the_link_is_done", "", async || {
        let addresses: Vec<Cidr> =
            ["10.7.0.1/30", "2001:db8::1/64"].map(|text| text.parse().unwrap()).into();
        let tun =
            Tun::create("own", &LinkSetup { addresses, mtu: Some(9000), ..LinkSetup::default() })
                .await
                .unwrap();
        assert_eq!(tun.mtu(), 9000);
        shell("ip -br addr show dev own | grep -q '10.7.0.1/30 .*2001:db8::1/64'");
        shell("ip -o link show dev own | grep -q 'UP,LOWER_UP.* mtu 9000 '");
        drop(tun);
        shell("! ip link show dev own 2>/dev/null");
    });
}

#[test]
fn a_number_is_found_for_a_pattern() {
    in_namespace("a_number_is_found_for_a_pattern", "", async || {
        let first = create("glass%d").await.unwrap();
        let setup =
            LinkSetup { addresses: vec!["10.7.0.1/24".parse().unwrap()], ..LinkSetup::default() };
        let second = Tun::create("glass%d", &setup).await.unwrap();
        assert_eq!((first.name(), second.name()), ("glass0", "glass1"));
    });
}

#[test]
fn nothing_is_taken_that_is_there() {
    let before = "ip link add bridge0 type bridge; ip tuntap add dev kept mode tun user nobody";
    in_namespace("nothing_is_taken_that_is_there", before, async || {
        let bridge = create("bridge0").await.unwrap_err();
        assert!(matches!(bridge, TunError::Taken { attachable: false, .. }), "{bridge}");
        let kept = create("kept").await.unwrap_err();
        assert!(matches!(kept, TunError::Taken { attachable: true, .. }), "{kept}");
        let lo = create("lo").await.unwrap_err();
        let _first = create("glass0").await.unwrap();
        let again = create("glass0").await.unwrap_err();
        for error in [&bridge, &kept, &lo, &again] {
            assert_eq!(error.exit_code(), 69, "{error}");
            assert!(error.to_string().contains("already"), "{error}");
        }
        let other = create("glass1").await.unwrap_err();
        assert!(matches!(other, TunError::AddressTaken { .. }), "{other}");
        assert!(other.to_string().contains("glass0"), "{other}");
    });
}

#[test]
fn names_that_cannot_be_are_refused() {
    in_namespace("names_that_cannot_be_are_refused", "", async || {
        for name in ["sixteen-octets-x", "a/b", "a b", "fourteen-octet%d", ""] {
            assert_eq!(create(name).await.unwrap_err().exit_code(), 2, "{name}");
            assert_eq!(attach(name).await.unwrap_err().exit_code(), 2, "{name}");
        }
        let longest = create("fifteen-octets-").await.unwrap();
        assert_eq!(longest.name(), "fifteen-octets-");
    });
}

#[test]
fn an_ordinary_user_attaches_to_a_tun_of_theirs() {
    in_namespace("an_ordinary_user_attaches_to_a_tun_of_theirs", OPEN_TO_ALL, async || {
        let missing = attach("mine").await.unwrap_err();
        let TunError::Missing { ref commands, .. } = missing else { panic!("{missing}") };
        // The remedy, as it is printed, makes a TUN that can be attached.
        shell(&commands.join("\n").replace("sudo ", "").replace("$USER", "nobody"));
        become_nobody();
        let denied = create("glass0").await.unwrap_err();
        assert!(matches!(denied, TunError::AddressTaken { .. }), "{denied}");
        let elsewhere = LinkSetup { addresses: Vec::new(), ..LinkSetup::default() };
        let denied = Tun::create("glass0", &elsewhere).await.unwrap_err();
        assert!(matches!(denied, TunError::CreateDenied { .. }), "{denied}");
        let mut tun = attach("mine").await.unwrap();
        UdpSocket::bind("192.0.2.1:0").unwrap().send_to(b"hi", "192.0.2.2:9").unwrap();
        while !read(&mut tun).await.iter().any(|packet| packet.ends_with(b"hi")) {}
        let again = attach("mine").await.unwrap_err();
        assert!(matches!(again, TunError::Busy { .. }), "{again}");
    });
}

#[test]
fn a_tun_of_somebody_else_is_refused() {
    let before = format!(
        "{OPEN_TO_ALL}
         ip tuntap add dev theirs mode tun user root
         ip address add 192.0.2.1/24 dev theirs
         ip link set dev theirs up"
    );
    in_namespace("a_tun_of_somebody_else_is_refused", &before, async || {
        become_nobody();
        let refused = attach("theirs").await.unwrap_err();
        assert!(matches!(refused, TunError::NotOwner { owner: Some(0), .. }), "{refused}");
        assert_eq!(refused.exit_code(), 77);
    });
}

#[test]
fn attaching_says_all_that_is_wrong_and_how_to_mend_it() {
    let before = "ip tuntap add dev bare mode tun
                  ip tuntap add dev frames mode tap
                  ip tuntap add dev many mode tun multi_queue
                  ip tuntap add dev offload mode tun vnet_hdr
                  ip link add cable type veth";
    in_namespace("attaching_says_all_that_is_wrong_and_how_to_mend_it", before, async || {
        for name in ["frames", "many", "cable", "lo"] {
            let refused = attach(name).await.unwrap_err();
            assert!(matches!(refused, TunError::Unfit { .. }), "{refused}");
            assert_eq!(refused.exit_code(), 69);
        }
        for name in ["bare", "offload", "frames", "many"] {
            let wrong = attach(name).await.unwrap_err();
            let TunError::Unfit { ref faults, .. } = wrong else { panic!("{wrong}") };
            let mend: Vec<_> = faults.iter().flat_map(|fault| fault.mend.clone()).collect();
            shell(&mend.join("\n").replace("sudo ", "").replace("$USER", "root"));
            drop(attach(name).await.unwrap_or_else(|error| panic!("{mend:?}, and yet: {error}")));
            shell(&format!("ip link del dev {name}"));
        }
    });
}

#[test]
fn without_a_driver_it_says_so() {
    let before = "mount -t tmpfs none /dev/net";
    in_namespace("without_a_driver_it_says_so", before, async || {
        let error = create("glass0").await.unwrap_err();
        assert_eq!(error.exit_code(), 69);
        assert!(error.to_string().contains("modprobe tun"), "{error}");
        shell("mknod -m 0600 /dev/net/tun c 10 200");
        become_nobody();
        let error = create("glass0").await.unwrap_err();
        assert_eq!(error.exit_code(), 77);
        assert!(error.to_string().contains("chmod 0666"), "{error}");
    });
}

#[test]
fn a_refused_packet_is_not_a_broken_device() {
    in_namespace("a_refused_packet_is_not_a_broken_device", "", async || {
        let mut tun = create("glass0").await.unwrap();
        write(&mut tun, &[0; 40]).await;
        assert_eq!(tun.refused(), 1, "no version of IP is zero");
        shell("ip link set dev glass0 down");
        write(&mut tun, &[0x45; 40]).await;
        assert_eq!(tun.refused(), 2, "the link is down");
        shell("ip link set dev glass0 up");
        write(&mut tun, &[0x45; 40]).await;
        assert_eq!(tun.refused(), 2);
    });
}

#[test]
fn what_was_not_read_in_time_is_counted() {
    in_namespace("what_was_not_read_in_time_is_counted", "", async || {
        let mut tun = create("glass0").await.unwrap();
        let socket = UdpSocket::bind("192.0.2.1:0").unwrap();
        for _ in 0..700 {
            socket.send_to(b"hi", "192.0.2.2:9").unwrap();
        }
        let drops = tun.kernel_drops().unwrap();
        assert!((200..300).contains(&drops), "the queue holds 500, so of 700 not {drops} are lost");
        let mut packets = Vec::new();
        let count = poll_fn(|cx| tun.poll_read(cx, &mut packets, 3)).await.unwrap();
        assert_eq!((count, packets.len()), (3, 3), "no more than asked for");
        while packets.len() < 500 {
            packets.extend(read(&mut tun).await.into_iter().map(Packet::from));
        }
    });
}

#[test]
fn a_deleted_interface_is_noticed_while_waiting() {
    in_namespace("a_deleted_interface_is_noticed_while_waiting", "", async || {
        let mut tun = create("glass0").await.unwrap();
        let deleting = tokio::spawn(async {
            tokio::time::sleep(Duration::from_millis(100)).await;
            shell("ip link del dev glass0");
        });
        let mut packets = Vec::new();
        let error = loop {
            match poll_fn(|cx| tun.poll_read(cx, &mut packets, 64)).await {
                Ok(_) => packets.clear(),
                Err(error) => break error,
            }
        };
        assert!(error.to_string().contains("glass0 is gone"), "{error}");
        deleting.await.unwrap();
        let frame = Frame { head: [0x45; 40].as_slice().into(), ..Frame::default() };
        let error = poll_fn(|cx| tun.poll_write(cx, &frame)).await.unwrap_err();
        assert!(error.to_string().contains("glass0 is gone"), "{error}");
        assert!(poll_fn(|cx| tun.poll_read(cx, &mut packets, 64)).await.is_err());
    });
}

#[test]
fn the_host_says_where_a_packet_would_go() {
    in_namespace("the_host_says_where_a_packet_would_go", "", async || {
        loopback_up().await.unwrap();
        loopback_up().await.unwrap();
        shell("ip -o link show dev lo | grep -q UP");
        let _tun = create("glass0").await.unwrap();
        assert_eq!(reach([192, 0, 2, 1].into()).await.unwrap(), Reach::Local);
        assert_eq!(reach([127, 0, 0, 1].into()).await.unwrap(), Reach::Loopback);
        let interface = "glass0".to_owned();
        assert_eq!(reach([192, 0, 2, 2].into()).await.unwrap(), Reach::Forward { interface });
        assert_eq!(reach([8, 8, 8, 8].into()).await.unwrap(), Reach::Unreachable);
        assert!(route_is_local([192, 0, 2, 1].into()).await.unwrap());
        assert!(!route_is_local([192, 0, 2, 2].into()).await.unwrap());
    });
}

/// A TUN for so many readers.
fn of_queues(queues: usize) -> LinkSetup {
    LinkSetup { queues: Queues::Exactly(queues), ..LinkSetup::default() }
}

fn say_hi(socket: &UdpSocket) {
    socket.send_to(b"hi", "192.0.2.2:9").expect("a TUN that is up");
}

/// Reads both queues until `count` datagrams have come, and says how many came by each.
async fn datagrams(queues: &mut [Tun], count: usize) -> Vec<usize> {
    let mut by_queue = vec![0; queues.len()];
    while by_queue.iter().sum::<usize>() < count {
        let (mut packets, mut from) = (Vec::new(), 0);
        poll_fn(|cx| {
            let mut polls = queues.iter_mut().enumerate();
            let ready = polls.find_map(|(queue, tun)| {
                tun.poll_read(cx, &mut packets, 64).is_ready().then_some(queue)
            });
            ready.map_or(Poll::Pending, |queue| {
                from = queue;
                Poll::Ready(())
            })
        })
        .await;
        by_queue[from] += packets.iter().filter(|packet| packet.octets.ends_with(b"hi")).count();
    }
    by_queue
}

#[test]
fn several_queues_share_the_packets_and_keep_a_connection_together() {
    let name = "several_queues_share_the_packets_and_keep_a_connection_together";
    in_namespace(name, "", async || {
        for offload in [OffloadMode::Off, OffloadMode::On] {
            let setup = LinkSetup { offload, ..of_queues(2) };
            let opened = Queue::create("glass%d", &setup).await.unwrap();
            let has = offload == OffloadMode::On;
            let features = Features { checksum: has, segmentation: has };
            assert!(opened.iter().all(|queue| queue.features() == features), "{opened:?}");
            let mut queues: Vec<Tun> =
                opened.into_iter().map(|queue| Tun::new(queue).unwrap()).collect();
            assert_eq!(queues.len(), 2);
            assert_eq!(queues[0].name(), queues[1].name());
            let many: Vec<_> = (0..64).map(|_| UdpSocket::bind("192.0.2.1:0").unwrap()).collect();
            many.iter().for_each(say_hi);
            let by_queue = datagrams(&mut queues, 64).await;
            assert!(by_queue.iter().all(|count| *count > 8), "{by_queue:?}");
            (0..64).for_each(|_| say_hi(&many[0]));
            let by_queue = datagrams(&mut queues, 64).await;
            assert!(by_queue.contains(&64), "one connection, one queue: {by_queue:?}");
            let interface = queues[0].name().to_owned();
            queues.pop();
            shell(&format!("ip link show dev {interface} >/dev/null"));
            queues.pop();
            shell(&format!("! ip link show dev {interface} 2>/dev/null"));
        }
    });
}

#[test]
fn a_tun_of_several_queues_is_attached_with_as_many_as_asked_for() {
    let before = format!(
        "{OPEN_TO_ALL}
         ip tuntap add dev one mode tun user nobody
         ip address add 192.0.2.1/24 dev one; ip link set dev one up"
    );
    let name = "a_tun_of_several_queues_is_attached_with_as_many_as_asked_for";
    in_namespace(name, &before, async || {
        let refused = Queue::attach("one", &of_queues(2)).await.unwrap_err();
        assert!(refused.to_string().contains("it has one queue, not 2"), "{refused}");
        let TunError::Unfit { ref faults, .. } = refused else { panic!("{refused}") };
        let either = LinkSetup { queues: Queues::UpTo(2), ..LinkSetup::default() };
        assert_eq!(Queue::attach("one", &either).await.unwrap().len(), 1, "all that it has");
        // The remedy, as it is printed, makes one of several.
        let mend = faults[0].mend.join("\n").replace("sudo ", "").replace("$USER", "nobody");
        shell(&mend);
        become_nobody();
        let refused = attach("one").await.unwrap_err();
        assert!(refused.to_string().contains("it is a multi-queue TUN"), "{refused}");
        for count in [2, 5] {
            assert_eq!(Queue::attach("one", &of_queues(count)).await.unwrap().len(), count);
        }
        let queues = Queue::attach("one", &either).await.unwrap();
        assert_eq!(queues.len(), 2);
        let mut queues: Vec<_> = queues.into_iter().map(|queue| Tun::new(queue).unwrap()).collect();
        let busy = Queue::attach("one", &of_queues(2)).await.unwrap_err();
        assert!(matches!(busy, TunError::Busy { .. }), "{busy}");
        let sockets = (0..32).map(|_| UdpSocket::bind("192.0.2.1:0").unwrap());
        sockets.for_each(|socket| say_hi(&socket));
        let by_queue = datagrams(&mut queues, 32).await;
        assert!(by_queue.iter().all(|count| *count > 0), "{by_queue:?}");
    });
}

/// Counts what it reads.
struct Counted(Tun, Arc<AtomicUsize>);

impl Device for Counted {
    fn name(&self) -> &str {
        self.0.name()
    }

    fn mtu(&self) -> usize {
        self.0.mtu()
    }

    fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        packets: &mut Vec<Packet>,
        most: usize,
    ) -> Poll<io::Result<usize>> {
        let poll = self.0.poll_read(cx, packets, most);
        let is_tcp = |packet: &&Packet| packet.octets[0] == 0x45 && packet.octets[9] == 6;
        self.1.fetch_add(packets.iter().filter(is_tcp).count(), Ordering::Relaxed);
        poll
    }

    fn poll_write(&mut self, cx: &mut Context<'_>, frame: &Frame) -> Poll<io::Result<()>> {
        self.0.poll_write(cx, frame)
    }
}

/// The kernel forgets by which queue a connection's packets were written some three to six seconds after
/// the last, and then about half of what it sends comes by the queue of the other shard.
#[test]
fn connections_that_were_idle_live_on_when_their_packets_come_by_another_queue() {
    let name = "connections_that_were_idle_live_on_when_their_packets_come_by_another_queue";
    in_namespace(name, "", async || {
        let siblings = Siblings::new();
        let mut counts = Vec::new();
        let mut nets = Vec::new();
        for (index, queue) in (0..2).zip(Queue::create("glass0", &of_queues(2)).await.unwrap()) {
            let count = Arc::new(AtomicUsize::new(0));
            let device = Counted(Tun::new(queue).unwrap(), Arc::clone(&count));
            let addrs = vec!["192.0.2.2".parse().unwrap()];
            let config = Config { addrs, place: Place { index, count: 2 }, ..Config::default() };
            let engine = Box::new(Stack::new(config, Secret([9; 32])));
            let (net, driver) =
                Net::among(&siblings, engine, Box::new(device), Vec::new()).unwrap();
            tokio::spawn(driver.run());
            counts.push(count);
            nets.push(net);
        }
        let server = tokio::net::TcpListener::bind("192.0.2.1:7000").await.unwrap();
        let addr = server.local_addr().unwrap();
        let (mut ours, mut theirs) = (Vec::new(), Vec::new());
        for _ in 0..20 {
            let (connected, accepted) =
                tokio::join!(TcpStream::connect(&nets[1], addr), server.accept());
            ours.push(connected.unwrap());
            theirs.push(accepted.unwrap().0);
        }
        tokio::time::sleep(Duration::from_secs(7)).await;
        let before = counts[0].load(Ordering::Relaxed);
        for (ours, theirs) in ours.iter_mut().zip(&mut theirs) {
            theirs.write_all(b"awake").await.unwrap();
            let mut heard = [0; 5];
            ours.read_exact(&mut heard).await.unwrap();
            assert_eq!(&heard, b"awake");
        }
        let astray = counts[0].load(Ordering::Relaxed) - before;
        assert!(astray > 2, "only {astray} packets came by the queue of the other shard");
    });
}

/// In the flags of TCP.
const CWR: u8 = 0x80;

/// What the header says of a long segment has to be right for the kernel to cut it, on its way to a TUN
/// that takes none.
#[test]
fn the_kernel_cuts_long_segments_over_both_versions_of_ip() {
    let name = "the_kernel_cuts_long_segments_over_both_versions_of_ip";
    in_namespace(name, "", async || {
        let link = |addresses: [&str; 2], offload| LinkSetup {
            addresses: addresses.map(|text| text.parse().unwrap()).into(),
            offload,
            ..LinkSetup::default()
        };
        let setup = link(["192.0.2.1/24", "2001:db8::1/64"], OffloadMode::On);
        let mut tun = Tun::create("glass0", &setup).await.unwrap();
        let setup = link(["198.51.100.1/24", "2001:db8:1::1/64"], OffloadMode::Off);
        let mut out = Tun::create("out", &setup).await.unwrap();
        shell(
            "echo 1 >/proc/sys/net/ipv4/ip_forward; echo 1 >/proc/sys/net/ipv6/conf/all/forwarding",
        );
        assert_eq!(tun.features(), Features { checksum: true, segmentation: true });
        let data = Bytes::from(vec![7; 3_500]);
        let offload = Offload { checksum: true, segment_size: 1_000 };
        for flags in [0x10, 0x10 | CWR] {
            for mut head in [v4_header(data.len()), v6_header(data.len())] {
                let ip_header = head.len();
                head.extend_from_slice(&[0x80, 0, 0, 80, 0, 0, 0, 1, 0, 0, 0, 1, 0x50, flags]);
                head.extend_from_slice(&[0; 6]);
                let head = head.as_slice().into();
                let frame = Frame { head, payload: data.clone().into(), offload };
                poll_fn(|cx| tun.poll_write(cx, &frame)).await.unwrap();
                let mut cut = Vec::new();
                while cut.len() < 4 {
                    let packets = read(&mut out).await.into_iter();
                    cut.extend(packets.filter(|packet| packet.ends_with(&[7; 500])));
                }
                let lengths: Vec<_> =
                    cut.iter().map(|packet| packet.len() - ip_header - 20).collect();
                assert_eq!(lengths, [1_000, 1_000, 1_000, 500]);
                let cwr: Vec<_> = cut.iter().map(|packet| packet[ip_header + 13] & CWR).collect();
                assert_eq!(cwr, [flags & CWR, 0, 0, 0], "CWR is on the first alone");
            }
        }
    });
}

fn v4_header(data: usize) -> Vec<u8> {
    let [high, low] = u16::try_from(40 + data).unwrap().to_be_bytes();
    let mut header = vec![0x45, 0, high, low, 0, 0, 0x40, 0, 64, 6, 0, 0];
    header.extend_from_slice(&[192, 0, 2, 2, 198, 51, 100, 2]);
    let words = header.chunks(2).map(|word| u32::from(u16::from_be_bytes([word[0], word[1]])));
    let sum = words.sum::<u32>();
    let sum = !u16::try_from((sum & 0xffff) + (sum >> 16)).unwrap();
    header[10..12].copy_from_slice(&sum.to_be_bytes());
    header
}

fn v6_header(data: usize) -> Vec<u8> {
    let [high, low] = u16::try_from(20 + data).unwrap().to_be_bytes();
    let mut header = vec![0x60, 0, 0, 0, high, low, 6, 64];
    for network in [0, 1] {
        header.extend_from_slice(&[0x20, 1, 0x0d, 0xb8, 0, network, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2]);
    }
    header
}
