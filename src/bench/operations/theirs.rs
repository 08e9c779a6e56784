//! smoltcp by itself: an interface, sockets, and a device in memory.

use std::collections::VecDeque;
use std::hint::black_box;
use std::net::IpAddr;

use bytes::Bytes;
use smoltcp::iface::{Config, Interface, SocketHandle, SocketSet};
use smoltcp::phy::{self, Device, DeviceCapabilities, Medium};
use smoltcp::socket::tcp;
use smoltcp::wire::{HardwareAddress, IpAddress, IpCidr};

use super::Subject;
use crate::bench::SERVER;
use crate::time::Instant;

/// Octets each way for the first connection, as for ours, and for each of the others: all of these are
/// there from the start.
const BUFFER: usize = 8 << 20;
const SMALL_BUFFER: usize = 4096;

pub(super) struct Theirs {
    interface: Interface,
    sockets: SocketSet<'static>,
    memory: Memory,
    first: SocketHandle,
    listening: SocketHandle,
    text: Vec<u8>,
}

/// A packet to come, and the last one that left: both use their room again.
struct Memory {
    inbound: Option<Bytes>,
    outbound: Vec<u8>,
    /// Whether the last one is still to be looked at.
    has_sent: bool,
    queue: VecDeque<Bytes>,
}

impl Theirs {
    pub(super) fn new() -> Self {
        let mut memory = Memory {
            inbound: None,
            outbound: Vec::with_capacity(2048),
            has_sent: false,
            queue: VecDeque::new(),
        };
        let start = smoltcp::time::Instant::ZERO;
        let mut interface = Interface::new(Config::new(HardwareAddress::Ip), &mut memory, start);
        interface.update_ip_addrs(|addrs| {
            let IpAddr::V4(server) = SERVER else { unreachable!("it is of IPv4") };
            let addr: IpAddress = server.into();
            addrs.push(IpCidr::new(addr, 0)).expect("there is room for one");
        });
        let mut sockets = SocketSet::new(Vec::new());
        let first = sockets.add(listener(BUFFER));
        Theirs { interface, sockets, memory, first, listening: first, text: vec![b'x'; BUFFER] }
    }
}

fn listener(buffer: usize) -> tcp::Socket<'static> {
    let room = || tcp::SocketBuffer::new(vec![0; buffer]);
    let mut socket = tcp::Socket::new(room(), room());
    socket.set_congestion_control(tcp::CongestionControl::Reno);
    socket.listen(80).expect("a new socket");
    socket
}

fn theirs(now: Instant) -> smoltcp::time::Instant {
    smoltcp::time::Instant::from_micros(i64::try_from(now.as_micros()).unwrap_or(i64::MAX))
}

impl Subject for Theirs {
    fn on_packet(&mut self, packet: &Bytes, now: Instant) {
        self.memory.inbound = Some(packet.clone());
        self.interface.poll_ingress_single(theirs(now), &mut self.memory, &mut self.sockets);
        if std::mem::take(&mut self.memory.has_sent) {
            // A RST, or an answer to a segment that does not fit: it is on its way at once.
            let sent = Bytes::copy_from_slice(&self.memory.outbound);
            self.memory.queue.push_back(sent);
        }
    }

    fn send_one(&mut self, now: Instant) -> bool {
        self.interface.poll_egress(theirs(now), &mut self.memory, &mut self.sockets);
        black_box(std::mem::take(&mut self.memory.has_sent))
    }

    fn poll_output(&mut self, now: Instant) -> Option<Bytes> {
        if let Some(packet) = self.memory.queue.pop_front() {
            return Some(packet);
        }
        self.send_one(now).then(|| Bytes::copy_from_slice(&self.memory.outbound))
    }

    fn accept(&mut self) {
        if self.sockets.get::<tcp::Socket<'_>>(self.listening).state() != tcp::State::Listen {
            self.listening = self.sockets.add(listener(SMALL_BUFFER));
        }
    }

    fn read(&mut self, _now: Instant) -> usize {
        let socket = self.sockets.get_mut::<tcp::Socket<'_>>(self.first);
        let mut octets = 0;
        while socket.can_recv() {
            let taken = socket.recv(|data| (data.len(), black_box(data).len()));
            octets += taken.expect("there is something to read");
        }
        octets
    }

    fn write(&mut self, octets: usize, _now: Instant) {
        let socket = self.sockets.get_mut::<tcp::Socket<'_>>(self.first);
        let taken = socket.send_slice(&self.text[..octets]).expect("it is established");
        assert_eq!(taken, octets, "the buffer is large enough");
    }
}

impl Device for Memory {
    type RxToken<'a> = Inbound;
    type TxToken<'a> = Outbound<'a>;

    fn receive(&mut self, _now: smoltcp::time::Instant) -> Option<(Inbound, Outbound<'_>)> {
        let packet = self.inbound.take()?;
        Some((Inbound(packet), Outbound(self)))
    }

    fn transmit(&mut self, _now: smoltcp::time::Instant) -> Option<Outbound<'_>> {
        // One at a time: the caller looks at each.
        (!self.has_sent).then_some(Outbound(self))
    }

    fn capabilities(&self) -> DeviceCapabilities {
        let mut capabilities = DeviceCapabilities::default();
        capabilities.medium = Medium::Ip;
        capabilities.max_transmission_unit = 1500;
        capabilities
    }
}

struct Inbound(Bytes);

impl phy::RxToken for Inbound {
    fn consume<R, F: FnOnce(&[u8]) -> R>(self, read: F) -> R {
        read(&self.0)
    }
}

struct Outbound<'a>(&'a mut Memory);

impl phy::TxToken for Outbound<'_> {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, len: usize, write: F) -> R {
        self.0.outbound.resize(len, 0);
        self.0.has_sent = true;
        write(&mut self.0.outbound)
    }
}
