//! What can be told of a packet by looking at it from outside, and what has been counted of each
//! connection.

use std::collections::{BTreeMap, VecDeque};
use std::net::{IpAddr, SocketAddr};

use bytes::Bytes;
use etherparse::ip_number;

use super::rule::Name;
use crate::seq::Seq;
use crate::trace::{SegmentSummary, Way};
use crate::wire::{Flags, ip, tcp};

/// Connections that are counted at the same time. Beyond it the one met first is forgotten; should it
/// come again, it counts from one.
const MOST_FLOWS: usize = 4096;

/// Two ends and a protocol; ports only of TCP. All packets that cannot be read are one flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key {
    protocol: u8,
    ends: Option<(SocketAddr, SocketAddr)>,
}

/// One packet.
#[derive(Clone, Debug)]
pub(super) struct Sight {
    pub key: Key,
    /// Its header, if it is a TCP segment.
    pub seg: Option<SegmentSummary>,
    /// Where the IP header ends; zero if it cannot be read.
    pub body: usize,
}

impl Sight {
    pub fn of(way: Way, packet: &Bytes) -> Sight {
        let Ok(datagram) = ip::parse(packet) else {
            return Sight { key: Key { protocol: 0, ends: None }, seg: None, body: 0 };
        };
        let is_tcp = datagram.protocol == ip_number::TCP.0 && datagram.fragment.is_none();
        let parsed = is_tcp.then(|| tcp::parse(&datagram.payload, datagram.src, datagram.dst));
        let (ports, segment) = parsed.and_then(Result::ok).unzip();
        let (from, to) = ports.map_or((0, 0), |ports| (ports.src, ports.dst));
        let (from, to) = (SocketAddr::new(datagram.src, from), SocketAddr::new(datagram.dst, to));
        let ends = match way {
            Way::Tx => (from, to),
            Way::Rx => (to, from),
        };
        let seg = segment.map(|segment| SegmentSummary {
            seq: segment.seq,
            ack: if segment.has(Flags::ACK) { segment.ack } else { Seq(0) },
            flags: segment.flags,
            wnd: segment.wnd,
            len: u32::try_from(segment.payload.len()).expect("a packet is shorter than 2^16"),
            segment_size: 0,
            ecn: datagram.ecn,
            options: segment.options,
        });
        let key = Key { protocol: datagram.protocol, ends: Some(ends) };
        Sight { key, seg, body: datagram.header.len() }
    }

    /// Our end and the peer's.
    pub fn ends(&self) -> Option<(SocketAddr, SocketAddr)> {
        self.key.ends
    }

    pub fn is(&self, name: Name) -> bool {
        match (&self.seg, name) {
            (_, Name::Any) => true,
            (Some(seg), _) => name.is_segment(seg.flags, seg.len),
            (None, Name::Icmp) => self.key.is_icmp(),
            (None, _) => false,
        }
    }
}

impl Key {
    fn is_icmp(&self) -> bool {
        match self.ends.map(|(local, _)| local.ip()) {
            Some(IpAddr::V4(_)) => self.protocol == ip_number::ICMP.0,
            Some(IpAddr::V6(_)) => self.protocol == ip_number::IPV6_ICMP.0,
            None => false,
        }
    }
}

/// What has been counted of one connection.
#[derive(Clone, Debug)]
pub(super) struct Flow {
    /// Its number among the connections, or among all that is none, in the order in which they were met.
    pub number: u64,
    /// Packets each way.
    pub packets: [u64; 2],
    /// For each rule, the packets of its kind each way.
    pub of_kind: Vec<[u64; 2]>,
    /// The sequence number of the SYN each way, by which a repeated one is known.
    isn: [Option<Seq>; 2],
}

/// All connections that are counted.
#[derive(Clone, Debug, Default)]
pub(super) struct Flows {
    by_key: BTreeMap<Key, Flow>,
    /// In the order in which they were met.
    met: VecDeque<Key>,
    connections: u64,
    others: u64,
}

impl Flows {
    /// The flow of a packet; a new one if it is the first, or a SYN that begins the next connection
    /// between the same ends.
    pub fn of(&mut self, way: Way, sight: &Sight, rules: usize) -> &mut Flow {
        let syn = sight.seg.filter(|seg| seg.flags.contains(Flags::SYN)).map(|seg| seg.seq);
        let is_next = match (self.by_key.get(&sight.key), syn) {
            (None, _) => true,
            (Some(flow), Some(seq)) => flow.isn[way.index()].is_some_and(|isn| isn != seq),
            (Some(_), None) => false,
        };
        if is_next {
            self.begin(sight, rules);
        }
        let flow = self.by_key.get_mut(&sight.key).expect("it was there, or has been made");
        if syn.is_some() {
            flow.isn[way.index()] = syn;
        }
        flow
    }

    fn begin(&mut self, sight: &Sight, rules: usize) {
        let counter = match sight.seg {
            Some(_) => &mut self.connections,
            None => &mut self.others,
        };
        let number = *counter;
        *counter += 1;
        let flow = Flow { number, packets: [0; 2], of_kind: vec![[0; 2]; rules], isn: [None; 2] };
        if self.by_key.insert(sight.key, flow).is_some() {
            return;
        }
        self.met.push_back(sight.key);
        if self.met.len() > MOST_FLOWS
            && let Some(oldest) = self.met.pop_front()
        {
            self.by_key.remove(&oldest);
        }
    }
}
