use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, UNIX_EPOCH};

use bytes::Bytes;
use pcap_file::DataLink;
use pcap_file::pcapng::blocks::enhanced_packet::EnhancedPacketOption;
use pcap_file::pcapng::blocks::interface_description::InterfaceDescriptionOption;
use pcap_file::pcapng::blocks::interface_statistics::InterfaceStatisticsOption;
use pcap_file::pcapng::blocks::section_header::SectionHeaderOption;
use pcap_file::pcapng::{Block, PcapNgReader};

use super::*;
use crate::device::fault::{Faults, parse_list};
use crate::sim;
use crate::stack::{Config, Handle, Secret, Stack};
use crate::tcp::{Algorithm, Received};
use crate::time::Instant;
use crate::trace::{DropReason, Passage, Way, What};
use crate::wire::{Features, Frame, ip, tcp};

/// A file that can be read while somebody writes it.
#[derive(Clone, Default)]
struct Shared(Arc<Mutex<Vec<u8>>>);

impl Write for Shared {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(octets);
        Ok(octets.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Shared {
    fn octets(&self) -> Vec<u8> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// A packet as a reader finds it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Seen {
    interface: u32,
    time: Duration,
    flags: u32,
    comment: String,
    octets: Vec<u8>,
    len: u32,
}

/// All that a reader finds in a file.
#[derive(Debug, Default)]
struct Read {
    application: String,
    interfaces: Vec<(String, u16, u8)>,
    packets: Vec<Seen>,
    /// Of each interface at the end: received and left out, and the remark.
    statistics: Vec<(u64, u64, String)>,
    /// When these were made.
    ended: Vec<Duration>,
    secrets: Vec<Vec<u8>>,
}

fn read(octets: &[u8]) -> Read {
    let mut reader = PcapNgReader::new(octets).expect("a section header");
    let mut read = Read::default();
    for option in &reader.section().options {
        if let SectionHeaderOption::UserApplication(name) = option {
            read.application = name.to_string();
        }
    }
    while let Some(block) = reader.next_block() {
        match block.expect("a whole block") {
            Block::InterfaceDescription(block) => {
                let mut seen = (String::new(), 0, 0);
                seen.1 = u16::try_from(u32::from(block.linktype)).unwrap();
                for option in &block.options {
                    match option {
                        InterfaceDescriptionOption::IfName(name) => seen.0 = name.to_string(),
                        InterfaceDescriptionOption::IfTsResol(digits) => seen.2 = *digits,
                        _ => {}
                    }
                }
                assert_eq!(block.linktype, DataLink::RAW);
                read.interfaces.push(seen);
            }
            Block::EnhancedPacket(block) => {
                let mut seen = Seen {
                    interface: block.interface_id,
                    time: block.timestamp,
                    flags: 0,
                    comment: String::new(),
                    octets: block.data.to_vec(),
                    len: block.original_len,
                };
                for option in &block.options {
                    match option {
                        EnhancedPacketOption::Comment(text) => seen.comment = text.to_string(),
                        EnhancedPacketOption::Flags(flags) => seen.flags = *flags,
                        _ => {}
                    }
                }
                read.packets.push(seen);
            }
            Block::InterfaceStatistics(block) => {
                let mut seen = (0, 0, String::new());
                for option in &block.options {
                    match option {
                        InterfaceStatisticsOption::IsbIfRecv(number) => seen.0 = *number,
                        InterfaceStatisticsOption::IsbIfDrop(number) => seen.1 = *number,
                        InterfaceStatisticsOption::Comment(text) => seen.2 = text.to_string(),
                        _ => {}
                    }
                }
                read.statistics.push(seen);
                // The higher half stands first.
                let [high, low] =
                    [block.timestamp, block.timestamp >> 32].map(|half| half & 0xffff_ffff);
                let nanos = if cfg!(target_endian = "little") {
                    high << 32 | low
                } else {
                    low << 32 | high
                };
                read.ended.push(Duration::from_nanos(nanos));
            }
            Block::Unknown(block) if block.type_ == 10 => read.secrets.push(block.value.to_vec()),
            other => panic!("an unexpected block: {other:?}"),
        }
    }
    read
}

/// Two hosts, of which the second is captured, and what lies between them.
struct World {
    client: Stack,
    server: Stack,
    faults: Faults,
    now: Instant,
    sink: CaptureSink,
    file: Shared,
}

const PORT: u16 = 80;

fn stack(addr: &str, secret: u8, features: Features) -> Stack {
    let addrs = vec![addr.parse().expect("an address")];
    let mut config = Config { addrs, features, events: Mask::all(), ..Config::default() };
    config.tcp.congestion = Algorithm::NewReno;
    Stack::new(config, Secret([secret; 32]))
}

impl World {
    fn new(rules: &str, settings: CaptureSettings) -> World {
        World::between("192.0.2.1", "192.0.2.2", Features::default(), rules, settings)
    }

    fn between(
        client: &str,
        server: &str,
        features: Features,
        rules: &str,
        settings: CaptureSettings,
    ) -> World {
        let file = Shared::default();
        let has_faults = !rules.is_empty();
        let settings = CaptureSettings {
            origin: Origin::At(UNIX_EPOCH),
            is_complete: true,
            has_faults,
            ..settings
        };
        let capture = Capture::start(file.clone(), settings).expect("a thread");
        let rules = parse_list(rules).expect("good rules");
        World {
            client: stack(client, 1, Features::default()),
            server: stack(server, 2, features),
            faults: Faults::new(rules, 1).telling_fates(),
            now: Instant::ZERO,
            sink: capture.sink(),
            file,
        }
    }

    fn address(&self) -> SocketAddr {
        SocketAddr::new(self.server.config().addrs[0], PORT)
    }

    /// As a driver does it: what came goes in, what is to leave goes out, and everybody is told.
    fn step(&mut self) -> bool {
        let mut moved = false;
        while let Some(frame) = self.client.poll_output(self.now) {
            self.faults.on_packet(Way::Rx, whole(&frame), self.now);
            moved = true;
        }
        let mut came = Vec::new();
        came.extend(std::iter::from_fn(|| self.faults.poll_packet(Way::Rx, self.now)));
        self.tell_fates();
        self.server.on_timeout(self.now);
        came.iter().for_each(|packet| self.server.on_packet(packet, self.now));
        moved |= !came.is_empty();
        while let Some(frame) = self.server.poll_output(self.now) {
            moved = true;
            self.tell();
            self.sink.settle();
            self.faults.on_packet(Way::Tx, whole(&frame), self.now);
        }
        self.tell();
        self.sink.settle();
        while let Some(packet) = self.faults.poll_packet(Way::Tx, self.now) {
            self.client.on_packet(&packet, self.now);
            moved = true;
        }
        self.tell_fates();
        self.client.on_timeout(self.now);
        self.client.take_events();
        moved
    }

    fn tell(&mut self) {
        for event in self.server.take_events() {
            self.sink.record(&event);
        }
    }

    fn tell_fates(&mut self) {
        for fate in self.faults.take_fates() {
            let what = What::Packet(Box::new(Passage::Met(fate)));
            self.sink.record(&Event { at: self.now, conn: None, what });
        }
    }

    /// Until nothing happens before `until`.
    fn run(&mut self, until: Duration) {
        loop {
            while self.step() {}
            let deadlines = [
                self.client.next_deadline(),
                self.server.next_deadline(),
                self.faults.next_deadline(),
            ];
            match deadlines.into_iter().flatten().min() {
                Some(at) if at <= Instant::ZERO + until => self.now = at.max(self.now),
                Some(_) | None => return,
            }
        }
    }

    /// The client asks, the server answers with so many octets; who closes is up to the test.
    fn exchange(&mut self, octets: usize) -> (Handle, Handle) {
        let address = self.address();
        let listener = self.server.listen(address, 8).expect("a free port");
        let client = self.client.connect(None, address, self.now).expect("a free port");
        self.run(Duration::from_secs(30));
        self.client.send(client, b"what?", self.now).expect("connected");
        self.run(Duration::from_secs(30));
        let server = self.server.accept(listener).expect("the handshake came through");
        self.server.receive_bytes(server, 100, self.now).expect("something");
        self.server.send(server, &vec![7; octets], self.now).expect("room");
        self.run(Duration::from_mins(1));
        (client, server)
    }

    /// Both close, the client first.
    fn close(&mut self, (client, server): (Handle, Handle)) {
        let until = self.now.since(Instant::ZERO) + Duration::from_secs(200);
        while let Ok(Received::Data(_)) = self.client.receive_bytes(client, 99_999, self.now) {}
        self.client.close(client, self.now).expect("connected");
        self.run(self.now.since(Instant::ZERO));
        self.now += Duration::from_millis(100);
        self.server.close(server, self.now).expect("connected");
        self.run(until);
        self.server.release(server, self.now);
        self.run(until);
    }

    fn read(self) -> Read {
        let World { sink, file, .. } = self;
        drop(sink);
        read(&file.octets())
    }
}

/// The packet as a device would put it on a wire.
fn whole(frame: &Frame) -> Bytes {
    octets::Octets::Sent(frame.clone()).into_bytes()
}

/// Fails unless the checksums of a TCP segment are right.
fn check(packet: &Seen) {
    let octets = Bytes::copy_from_slice(&packet.octets);
    let datagram = ip::parse(&octets).expect("a right IP header");
    tcp::parse(&datagram.payload, datagram.src, datagram.dst).expect("a right checksum");
}

const IN: u32 = 1;
const OUT: u32 = 2;

/// The direction of each packet and the beginning of its comment.
fn story(read: &Read) -> Vec<(u32, String)> {
    let first = |text: &str| text.split(';').next().unwrap_or_default().trim().to_owned();
    read.packets.iter().map(|packet| (packet.flags, first(&packet.comment))).collect()
}

#[test]
fn each_packet_says_what_it_meant() {
    let mut world = World::new("", CaptureSettings::default());
    let both = world.exchange(10);
    world.close(both);
    let read = world.read();
    assert_eq!(read.application, concat!("glasstack ", env!("CARGO_PKG_VERSION")));
    assert_eq!(read.interfaces, [("glass0".to_owned(), 101, 9)]);
    let expected = [
        (IN, "#1 LISTEN -> SYN_RCVD (rcv SYN"),
        (OUT, "#1 SYN_RCVD"),
        (IN, "#1 SYN_RCVD -> ESTABLISHED (rcv ACK of SYN"),
        (IN, "#1 ESTABLISHED"),
        (OUT, "#1 ESTABLISHED"),
        (OUT, "#1 ESTABLISHED"),
        (IN, "#1 ESTABLISHED"),
        (IN, "#1 ESTABLISHED -> CLOSE_WAIT (rcv FIN"),
        (OUT, "#1 CLOSE_WAIT"),
        (OUT, "#1 CLOSE_WAIT -> LAST_ACK (CLOSE"),
        (IN, "#1 LAST_ACK -> CLOSED (rcv ACK of FIN"),
    ];
    assert_eq!(story(&read), expected.map(|(way, text)| (way, text.to_owned())));
    let comments: Vec<_> = read.packets.iter().map(|packet| packet.comment.as_str()).collect();
    assert!(comments[0].contains("RFC 9293 3.10.7.2"), "{comments:#?}");
    assert!(comments[1].contains("retransmission timer 1.00 s"), "{comments:#?}");
    assert!(comments[2].contains("retransmission timer off"), "{comments:#?}");
    assert!(comments[4].contains("delayed ACK timer fired"), "{comments:#?}");
    assert!(comments[5].contains("SEND of 10 octets"), "{comments:#?}");
    read.packets.iter().for_each(check);
    assert!(read.packets.is_sorted_by_key(|packet| packet.time));
    assert_eq!(read.statistics, [(11, 0, String::new())]);
    assert_eq!(read.ended, [read.packets[10].time]);
}

#[test]
fn what_faults_take_has_an_interface_of_its_own_and_says_why() {
    let rules = "tx FIN#1 drop; rx data#1 drop";
    let mut world = World::new(rules, CaptureSettings::default());
    let both = world.exchange(10);
    world.close(both);
    let read = world.read();
    let names: Vec<_> = read.interfaces.iter().map(|(name, ..)| name.as_str()).collect();
    assert_eq!(names, ["glass0", "glass0 (lost)"]);
    let lost: Vec<_> = read.packets.iter().filter(|packet| packet.interface == 1).collect();
    let [data, fin] = lost[..] else { panic!("{:#?}", read.packets) };
    assert!(data.comment.starts_with("dropped by 'rx data#1 drop' | #1 ESTABLISHED"), "{data:?}");
    assert_eq!(data.flags, IN);
    let said = "dropped by 'tx FIN#1 drop' | #1 CLOSE_WAIT -> LAST_ACK (CLOSE; RFC 9293 3.10.4)";
    assert!(fin.comment.starts_with(said), "{fin:?}");
    assert_eq!(fin.flags, OUT);
    lost.into_iter().for_each(check);
    let again = read.packets.iter().find(|packet| packet.comment.contains("loss probe;"));
    let again = again.unwrap_or_else(|| panic!("{:#?}", read.packets));
    assert!(again.interface == 0 && again.comment.starts_with("#1 LAST_ACK"), "{again:?}");
    assert!(again.comment.contains("loss probe timer fired"), "{again:?}");
}

#[test]
fn what_faults_spoil_is_in_the_file_as_it_went_on() {
    for (rule, times, word) in [
        ("tx SYN,ACK#1 dup", 2, "duplicated"),
        ("rx SYN#1 dup", 2, "duplicated"),
        ("tx SYN,ACK#1 delay 50ms", 1, "delayed"),
        ("rx SYN#1 delay 50ms", 1, "delayed"),
        ("tx SYN,ACK#1 corrupt", 1, "corrupted"),
        ("rx SYN#1 corrupt", 1, "corrupted"),
        ("tx SYN,ACK#1 truncate 4", 1, "truncated"),
    ] {
        let mut world = World::new(rule, CaptureSettings::default());
        world.exchange(1);
        let read = world.read();
        let said = format!("{word} by '{rule}'");
        let struck: Vec<_> =
            read.packets.iter().filter(|packet| packet.comment.starts_with(&said)).collect();
        assert_eq!(struck.len(), times, "{rule}: {:#?}", read.packets);
        assert!(struck.iter().all(|packet| packet.interface == 0), "{rule}: it arrives");
        match word {
            "duplicated" => assert_eq!(struck[0].octets, struck[1].octets, "{rule}"),
            "delayed" => {
                assert!(struck[0].comment.contains(", 50.0 ms late"), "{rule}: {struck:?}");
                assert!(struck[0].time >= Duration::from_millis(50), "{rule}: {struck:?}");
            }
            _ => {
                let octets = Bytes::copy_from_slice(&struck[0].octets);
                let sound = ip::parse(&octets).ok().and_then(|datagram| {
                    tcp::parse(&datagram.payload, datagram.src, datagram.dst).ok()
                });
                assert!(sound.is_none(), "{rule}: as it was on the wire");
            }
        }
        if rule.starts_with("rx SYN#1 corrupt") {
            assert!(struck[0].comment.contains("not acted on: malformed"), "{struck:?}");
        }
    }
}

#[test]
fn what_is_still_held_back_at_the_end_is_lost() {
    let mut world = World::new("tx data#1 delay 100s", CaptureSettings::default());
    world.exchange(10);
    let read = world.read();
    let held: Vec<_> =
        read.packets.iter().filter(|packet| packet.comment.contains("at the end")).collect();
    let [held] = held[..] else { panic!("{:#?}", read.packets) };
    assert!(held.interface == 1 && held.flags == OUT, "{held:?}");
}

#[test]
fn with_offload_packets_are_long_and_their_checksums_right() {
    for (client, server) in [("192.0.2.1", "192.0.2.2"), ("2001:db8::1", "2001:db8::2")] {
        let features = Features { checksum: true, segmentation: true };
        let settings = CaptureSettings::default();
        let mut world = World::between(client, server, features, "", settings);
        let both = world.exchange(30_000);
        world.close(both);
        let read = world.read();
        let long: Vec<_> =
            read.packets.iter().filter(|packet| packet.comment.contains(" segments")).collect();
        assert!(!long.is_empty(), "{:#?}", story(&read));
        assert!(long.iter().all(|packet| packet.octets.len() > 2_000));
        read.packets.iter().for_each(check);
        let version = u8::from(server.parse::<IpAddr>().unwrap().is_ipv6()) * 2 + 4;
        assert!(read.packets.iter().all(|packet| packet.octets[0] >> 4 == version));
    }
}

#[test]
fn a_segment_of_no_connection_and_its_answer() {
    let mut world = World::new("", CaptureSettings::default());
    let address = world.address();
    world.client.connect(None, address, world.now).expect("a free port");
    world.run(Duration::from_secs(1));
    let read = world.read();
    let expected = [
        (IN, "not acted on: no such connection"),
        (OUT, "answers what is of no connection (RFC 9293 3.10.7.1)"),
    ];
    assert_eq!(story(&read), expected.map(|(way, text)| (way, text.to_owned())));
}

#[test]
fn only_so_much_of_each_packet_and_of_the_file() {
    let mut world = World::new("", CaptureSettings { snaplen: 64, ..CaptureSettings::default() });
    world.exchange(1_000);
    let packets = world.read().packets;
    assert!(packets.iter().all(|packet| packet.octets.len() <= 64));
    assert!(packets.iter().any(|packet| packet.octets.len() == 64 && packet.len > 1_000));

    let limit = 4_000;
    let mut world = World::new("", CaptureSettings { limit, ..CaptureSettings::default() });
    world.exchange(20_000);
    let file = world.file.clone();
    let read = world.read();
    assert!(!read.packets.is_empty());
    let [(_, _, remark)] = &read.statistics[..] else { panic!("{read:?}") };
    assert_eq!(remark, "the capture ends at its limit of 4000 octets");
    let len = file.octets().len() as u64;
    // The last words, of the interface, go beyond it.
    assert!((limit / 2..limit + 200).contains(&len), "{len}");
}

#[test]
fn secrets_come_before_the_packets_that_follow_them() {
    let file = Shared::default();
    let capture = Capture::start(file.clone(), CaptureSettings::default()).expect("a thread");
    capture.secrets("CLIENT_RANDOM 00 11");
    drop(capture);
    let read = read(&file.octets());
    let line = b"CLIENT_RANDOM 00 11\n";
    let len = u32::try_from(line.len()).unwrap();
    // "TLSK" as a number, the length, the line; a block ends at a multiple of four.
    let expected = [&0x544c_534b_u32.to_ne_bytes(), &len.to_ne_bytes(), &line[..]].concat();
    assert_eq!(read.secrets, [expected]);
}

/// Fails at once, as a full disk does.
struct Full;

impl Write for Full {
    fn write(&mut self, _: &[u8]) -> io::Result<usize> {
        Err(io::ErrorKind::StorageFull.into())
    }

    fn flush(&mut self) -> io::Result<()> {
        Err(io::ErrorKind::StorageFull.into())
    }
}

/// Never comes back until it is let go.
struct Stuck(std::sync::mpsc::Receiver<()>);

impl Write for Stuck {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        let _ = self.0.recv();
        Ok(octets.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Packets of no meaning, so many.
fn flood(sink: &mut CaptureSink, packets: usize) {
    flood_with(sink, packets, &Bytes::from(vec![0x45; 1_500]));
}

fn flood_with(sink: &mut CaptureSink, packets: usize, packet: &Bytes) {
    for _ in 0..packets {
        let passage = Passage::Arrives(packet.clone().into());
        let what = What::Packet(Box::new(passage));
        sink.record(&Event { at: Instant::ZERO, conn: None, what });
        sink.settle();
    }
}

#[test]
fn neither_a_full_disk_nor_a_slow_reader_holds_anything_up() {
    let capture = Capture::start(Full, CaptureSettings::default()).expect("a thread");
    flood(&mut capture.sink(), 100_000);
    drop(capture);

    // Short ones are bounded by their number, long ones by the memory that they take.
    let most = u64::try_from(writer::MOST_WAITING).unwrap();
    for (len, waiting) in [(1_500, most), (20_000, 1_024)] {
        let (release, stuck) = std::sync::mpsc::channel();
        let capture = Capture::start(Stuck(stuck), CaptureSettings::default()).expect("a thread");
        let packet = Bytes::from(vec![0x45; len]);
        flood_with(&mut capture.sink(), 100_000, &packet);
        let (octets, left_out) = capture.0.waiting();
        // Before anything can fail: the thread would be waited for.
        drop(release);
        assert_eq!(100_000 - left_out, waiting, "packets of {len} octets that wait");
        assert!((20_000_000..=writer::MOST_OCTETS).contains(&octets), "{octets}");
    }
}

#[test]
fn a_long_packet_counts_with_all_of_its_buffer() {
    let kept = |len| octets::Octets::Received(Bytes::from(vec![0x45; len]).into()).kept();
    assert_eq!(kept(1_500), 1_500, "it shares one");
    assert_eq!(kept(20_000), 65_535);
}

#[test]
fn fragments_that_are_given_up_are_not_the_packet_that_came_last() {
    let file = Shared::default();
    let capture = Capture::start(file.clone(), CaptureSettings::default()).expect("a thread");
    let mut sink = capture.sink();
    for why in [DropReason::FragmentTimeout, DropReason::FragmentsFull, DropReason::Fragment] {
        let passage = Passage::Arrives(Bytes::from_static(b"E").into());
        for what in [What::Packet(Box::new(passage)), What::Dropped { why, from: None }] {
            sink.record(&Event { at: Instant::ZERO, conn: None, what });
        }
        sink.settle();
    }
    drop((sink, capture));
    let comments: Vec<_> = read(&file.octets()).packets.into_iter().map(|p| p.comment).collect();
    assert!(comments[..2].iter().all(String::is_empty), "{comments:?}");
    assert!(comments[2].starts_with("not acted on: "), "{comments:?}");
}

#[test]
fn a_simulated_host_is_captured_moment_by_moment() {
    let [client, server]: [IpAddr; 2] =
        ["192.0.2.1", "192.0.2.2"].map(|addr| addr.parse().expect("an address"));
    let file = Shared::default();
    let settings = CaptureSettings {
        origin: Origin::At(UNIX_EPOCH),
        is_complete: true,
        has_faults: true,
        ..CaptureSettings::default()
    };
    let capture = Capture::start(file.clone(), settings).expect("a thread");
    let mut world = sim::World::new(1);
    let hosts = [(client, "client", 1), (server, "server", 2)].map(|(addr, name, secret)| {
        let stack = stack(&addr.to_string(), secret, Features::default());
        world.add_host(name, addr, Box::new(stack))
    });
    let wire = sim::Wire { delay: Duration::from_millis(10), ..sim::Wire::default() };
    world.link(hosts[0], hosts[1], wire.clone(), wire);
    let rules = parse_list("tx FIN#1 drop; rx data#1 delay 40ms").expect("good rules");
    world.set_faults(hosts[1], Faults::new(rules, 1).telling_fates());
    world.add_sink(hosts[1], Box::new(capture.sink()));
    let plan = sim::Plan { octets: 100, expected: 100, ..sim::Plan::default() };
    let address = SocketAddr::new(server, PORT);
    let transfer = move || Box::new(sim::Transfer::new(plan.clone())) as Box<dyn sim::App>;
    world.listen(hosts[1], address, 8, transfer.clone()).expect("a free port");
    world.connect(hosts[0], address, transfer()).expect("a free port");
    assert_eq!(world.run(Duration::from_hours(1)), sim::Ended::Quiet);
    drop((world, capture));
    let read = read(&file.octets());
    let lost: Vec<_> = read.packets.iter().filter(|packet| packet.interface == 1).collect();
    let [fin] = lost[..] else { panic!("{:#?}", story(&read)) };
    assert!(fin.comment.starts_with("dropped by 'tx FIN#1 drop' | #1 "), "{fin:?}");
    let late: Vec<_> =
        read.packets.iter().filter(|packet| packet.comment.contains("40.0 ms late")).collect();
    assert_eq!(late.len(), 1, "{:#?}", story(&read));
    assert!(late[0].flags == IN && late[0].comment.contains(" | #1 "), "{late:?}");
    assert!(read.packets.is_sorted_by_key(|packet| packet.time));
    read.packets.iter().for_each(check);
}

#[test]
fn a_live_reader_sees_packets_soon() {
    let file = Shared::default();
    let capture = Capture::start(file.clone(), CaptureSettings::default()).expect("a thread");
    let mut sink = capture.sink();
    flood(&mut sink, 1);
    let soon = (0..500).any(|_| {
        std::thread::sleep(Duration::from_millis(10));
        file.octets().len() > 1_500
    });
    assert!(soon, "while the capture goes on");
    assert_eq!(read(&file.octets()).packets.len(), 1);
}

#[test]
fn several_shards_in_order_of_time() {
    let file = Shared::default();
    let settings = CaptureSettings { origin: Origin::At(UNIX_EPOCH), ..CaptureSettings::default() };
    let capture = Capture::start(file.clone(), settings).expect("a thread");
    let (mut first, mut second) = (capture.sink(), capture.sink());
    let packet = |at| {
        let passage = Passage::Arrives(Bytes::from_static(b"E").into());
        Event { at: Instant::from_millis(at), conn: None, what: What::Packet(Box::new(passage)) }
    };
    for at in [1, 3, 5] {
        // The second is a little behind.
        first.record(&packet(at));
        first.settle();
        // Long enough for what is written at once.
        std::thread::sleep(Duration::from_millis(20));
        second.record(&packet(at - 1));
        second.settle();
    }
    drop((first, second, capture));
    let times: Vec<_> = read(&file.octets()).packets.iter().map(|p| p.time.as_millis()).collect();
    assert_eq!(times, [0, 1, 2, 3, 4, 5]);
}
