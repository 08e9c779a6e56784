//! Reading captures, with another library than ours for TCP: packets, their comments, and checksums summed by hand;
//! and by tshark, where there is one. With `GLASS_TSHARK=must` it is a failure that there is none.

#![allow(dead_code, reason = "each test file uses its own part")]

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Once;
use std::{env, fmt};

use pcap_file::pcapng::blocks::enhanced_packet::EnhancedPacketOption;
use pcap_file::pcapng::{Block, PcapNgReader};

/// `epb_flags` of what comes to our stack, and of what it sends.
pub const IN: u32 = 1;
pub const OUT: u32 = 2;

#[derive(Clone)]
pub struct Packet {
    pub interface: u32,
    /// Nanoseconds since 1970.
    pub time: u128,
    pub direction: u32,
    pub comment: String,
    pub octets: Vec<u8>,
}

/// Without the octets, which nobody reads.
impl fmt::Debug for Packet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Packet { interface, time, direction, comment, octets } = self;
        write!(f, "{time} {interface} {direction} {} octets: {comment}", octets.len())
    }
}

pub fn packets(octets: &[u8]) -> Vec<Packet> {
    let mut reader = PcapNgReader::new(octets).expect("a capture");
    let mut packets = Vec::new();
    while let Some(block) = reader.next_block() {
        if let Block::EnhancedPacket(block) = block.expect("a whole block") {
            let mut packet = Packet {
                interface: block.interface_id,
                time: block.timestamp.as_nanos(),
                direction: 0,
                comment: String::new(),
                octets: block.data.to_vec(),
            };
            for option in &block.options {
                match option {
                    EnhancedPacketOption::Comment(text) => packet.comment = text.to_string(),
                    EnhancedPacketOption::Flags(flags) => packet.direction = *flags,
                    _ => {}
                }
            }
            packets.push(packet);
        }
    }
    packets
}

impl Packet {
    /// The TCP segment in it, if there is one, and its checksum with the pseudo-header.
    pub fn segment(&self) -> Option<(&[u8], u16)> {
        let octets = &self.octets;
        let (addresses, protocol, segment) = match octets[0] >> 4 {
            4 => (&octets[12..20], octets[9], &octets[usize::from(octets[0] & 15) * 4..]),
            _ => (&octets[8..40], octets[6], &octets[40..]),
        };
        let len = u32::try_from(segment.len()).unwrap().to_be_bytes();
        let pseudo = [addresses, &[0, 0, 0, protocol], &len, segment].concat();
        (protocol == 6).then(|| (segment, sum(&pseudo)))
    }

    pub fn flags(&self) -> u8 {
        self.segment().map_or(0, |(segment, _)| segment[13])
    }
}

/// 0xffff for data that holds its own checksum.
fn sum(octets: &[u8]) -> u16 {
    let words = octets.chunks(2);
    let sum: u32 = words.map(|w| u32::from(w[0]) << 8 | u32::from(*w.get(1).unwrap_or(&0))).sum();
    let folded = (sum & 0xffff) + (sum >> 16);
    u16::try_from((folded & 0xffff) + (folded >> 16)).expect("folded")
}

pub fn times(packets: &[Packet]) -> Vec<u128> {
    packets.iter().map(|packet| packet.time).collect()
}

/// The TCP packets among them; fails unless all have right checksums and come in order of time.
pub fn sound(packets: Vec<Packet>) -> Vec<Packet> {
    assert!(
        packets.is_sorted_by_key(|packet| packet.time),
        "in order of time: {:?}",
        times(&packets)
    );
    let tcp: Vec<_> = packets.into_iter().filter(|packet| packet.segment().is_some()).collect();
    for packet in &tcp {
        let (_, sum) = packet.segment().expect("TCP");
        assert_eq!(sum, 0xffff, "a right checksum: {packet:?}");
    }
    tcp
}

/// A program that a test uses where it is there, and says that it was left out where it is not.
pub fn program(name: &str) -> Option<PathBuf> {
    let dirs = env::var_os("PATH").unwrap_or_default();
    let found = env::split_paths(&dirs).map(|dir| dir.join(name)).find(|path| path.exists());
    let must = env::var_os("GLASS_TSHARK").is_some_and(|value| value == "must");
    assert!(found.is_some() || !must, "this test needs {name}: apt-get install tshark");
    if found.is_none() {
        static SAID: Once = Once::new();
        // On the real stderr: what a test prints is held back while it passes.
        let what = "is left out, it is not there: apt-get install tshark";
        SAID.call_once(|| drop(writeln!(std::io::stderr(), "{name} {what}")));
    }
    found
}

/// What tshark prints of these fields, a line for each packet; `None` where there is no tshark.
pub fn tshark(path: &Path, fields: &[&str]) -> Option<Vec<String>> {
    let mut command = Command::new(program("tshark")?);
    command.arg("-r").arg(path).args([
        "-o",
        "tcp.check_checksum:TRUE",
        "-o",
        "ip.check_checksum:TRUE",
    ]);
    command.args(["-T", "fields"]);
    command.args(fields.iter().flat_map(|field| ["-e", field]));
    let done = command.output().expect("tshark runs");
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    Some(String::from_utf8_lossy(&done.stdout).lines().map(str::to_owned).collect())
}
