//! The other end of a connection, made by hand: it says what it is told to say, and keeps count.

use std::net::{IpAddr, Ipv4Addr};

use bytes::Bytes;

use super::Subject;
use crate::bench::SERVER;
use crate::seq::Seq;
use crate::time::Instant;
use crate::wire::{Flags, Options, Segment, ip, tcp};

/// Octets of data in a full segment.
pub(super) const MSS: usize = 1460;
/// By how much windows are shifted, and what they are: 1 GiB, or nearly.
const SHIFT: u8 = 14;
/// Connections of one address.
const PORTS: usize = 50_000;

pub(super) struct Peer {
    addr: IpAddr,
    port: u16,
    /// The next octet to send.
    next: Seq,
    /// The next octet to come.
    expected: Seq,
    text: Bytes,
}

impl Peer {
    /// Connects to the subject; no two peers have the same `number`.
    pub(super) fn connect(subject: &mut impl Subject, number: usize, now: Instant) -> Peer {
        let host = u8::try_from(number / PORTS).expect("a few addresses") + 1;
        let port = u16::try_from(1024 + number % PORTS).expect("a port");
        let mut peer = Peer {
            addr: Ipv4Addr::new(198, 51, 100, host).into(),
            port,
            next: Seq(1000),
            expected: Seq(0),
            text: Bytes::from(vec![b'x'; MSS]),
        };
        let options = Options { mss: Some(1460), window_scale: Some(SHIFT), ..Options::default() };
        let syn = Segment {
            seq: peer.next,
            flags: Flags::SYN,
            wnd: u16::MAX,
            options,
            ..Segment::default()
        };
        subject.on_packet(&peer.packet(syn), now);
        let answer = subject.poll_output(now).expect("a SYN is answered");
        let syn_ack = parse(&answer);
        assert!(syn_ack.has(Flags::SYN | Flags::ACK), "it is taken on: {syn_ack:?}");
        (peer.next, peer.expected) = (syn_ack.ack, syn_ack.end());
        subject.on_packet(&peer.ack(), now);
        assert!(subject.poll_output(now).is_none(), "nothing follows the handshake");
        subject.accept();
        peer
    }

    /// A full segment of data; the next one follows it.
    pub(super) fn data(&mut self) -> Bytes {
        let segment = Segment { payload: self.text.clone().into(), ..self.segment() };
        self.next = segment.end();
        self.packet(segment)
    }

    /// An ACK for all that has come.
    pub(super) fn ack(&self) -> Bytes {
        self.packet(self.segment())
    }

    /// Looks at a packet that has come, in order; says how many octets of data were in it.
    pub(super) fn take(&mut self, packet: &Bytes) -> usize {
        let segment = parse(packet);
        assert_eq!(segment.seq, self.expected, "in order");
        self.expected = segment.end();
        segment.payload.len()
    }

    /// So many octets have come, and nobody looked at them.
    pub(super) fn take_unseen(&mut self, octets: usize) {
        self.expected += u32::try_from(octets).expect("far below the window");
    }

    fn segment(&self) -> Segment {
        Segment {
            seq: self.next,
            ack: self.expected,
            flags: Flags::ACK,
            wnd: u16::MAX,
            ..Segment::default()
        }
    }

    fn packet(&self, segment: Segment) -> Bytes {
        let ports = tcp::Ports { src: self.port, dst: 80 };
        let packet = tcp::emit(ports, self.addr, SERVER, segment).to_bytes();
        // The first copy of a handle to octets makes them shared, which costs an allocation. Those that come
        // from a device are shared already.
        drop(packet.clone());
        packet
    }
}

fn parse(packet: &Bytes) -> Segment {
    let datagram = ip::parse(packet).expect("a whole packet");
    let parsed = tcp::parse(&datagram.payload, datagram.src, datagram.dst);
    parsed.expect("a whole segment").1
}
