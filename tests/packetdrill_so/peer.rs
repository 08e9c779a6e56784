//! The other side: a peer that the tests play packet by packet, with etherparse on the wire.

use etherparse::{IpNumber, Ipv4Header, TcpHeader, TcpOptionElement};

use super::library::Host;

pub const HERE: [u8; 4] = [192, 168, 0, 1];
pub const THERE: [u8; 4] = [192, 0, 2, 1];

/// Flags of a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flags {
    Syn,
    SynAck,
    Ack,
    PushAck,
    FinAck,
    RstAck,
}

/// A segment of one end: what it says, without the ports.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Segment {
    pub flags: Flags,
    pub seq: u32,
    pub ack: u32,
    pub payload: Vec<u8>,
}

impl Segment {
    pub fn new(flags: Flags, seq: u32, ack: u32) -> Self {
        Segment { flags, seq, ack, payload: Vec::new() }
    }

    pub fn with(self, payload: &[u8]) -> Self {
        Segment { payload: payload.to_vec(), ..self }
    }
}

/// The packet of a segment, octet for octet, as either end sends it.
fn packet(
    (from, from_port): ([u8; 4], u16),
    (to, to_port): ([u8; 4], u16),
    segment: &Segment,
    (ttl, id, window): (u8, u16, u16),
) -> Vec<u8> {
    let mut tcp = TcpHeader::new(from_port, to_port, segment.seq, window);
    let flags = segment.flags;
    tcp.syn = matches!(flags, Flags::Syn | Flags::SynAck);
    tcp.ack = flags != Flags::Syn;
    tcp.psh = flags == Flags::PushAck;
    tcp.fin = flags == Flags::FinAck;
    tcp.rst = flags == Flags::RstAck;
    tcp.acknowledgment_number = segment.ack;
    if tcp.syn {
        tcp.set_options(&[TcpOptionElement::MaximumSegmentSize(1460)]).expect("short");
    }
    let len = tcp.header_len() + segment.payload.len();
    let len = u16::try_from(len).expect("short");
    let mut ip = Ipv4Header::new(len, ttl, IpNumber::TCP, from, to).expect("short");
    ip.dont_fragment = true;
    ip.identification = id;
    ip.header_checksum = ip.calc_header_checksum();
    tcp.checksum = tcp.calc_checksum_ipv4(&ip, &segment.payload).expect("short");
    let mut octets = Vec::new();
    ip.write(&mut octets).expect("memory");
    tcp.write(&mut octets).expect("memory");
    octets.extend_from_slice(&segment.payload);
    octets
}

/// A peer at a port of its own, and the port of ours that it talks to.
pub struct Peer<'a> {
    pub host: &'a Host,
    pub port: u16,
    pub our_port: u16,
}

impl Peer<'_> {
    /// Sends a segment.
    pub fn send(&self, segment: &Segment) {
        let (from, to) = ((THERE, self.port), (HERE, self.our_port));
        let packet = packet(from, to, segment, (64, 0, 65_000));
        self.host.netdev_send(&packet).expect("it takes any packet");
    }

    /// The next packet of the host is this segment, octet for octet but for what the stack is free to
    /// choose: TTL, identification and window. Returns when it left, in microseconds.
    #[track_caller]
    pub fn expect(&self, segment: &Segment) -> i64 {
        let (at, octets) = self.host.netdev_receive();
        let (ip, rest) = Ipv4Header::from_slice(&octets).expect("IPv4");
        let (tcp, _) = TcpHeader::from_slice(rest).expect("TCP");
        let chosen = (ip.time_to_live, ip.identification, tcp.window_size);
        let expected = packet((HERE, self.our_port), (THERE, self.port), segment, chosen);
        assert_eq!(octets, expected, "{tcp:?} where {segment:?} was expected");
        at
    }
}

/// A SYN of the host, to the peer: its port and its sequence number.
pub fn syn_of(packet: &[u8]) -> (u16, u32) {
    let (ip, rest) = Ipv4Header::from_slice(packet).expect("IPv4");
    let (tcp, _) = TcpHeader::from_slice(rest).expect("TCP");
    assert_eq!((ip.source, ip.destination), (HERE, THERE));
    assert!(tcp.syn);
    (tcp.source_port, tcp.sequence_number)
}
