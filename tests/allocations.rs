//! A steady flow asks the system for next to nothing: at most one allocation for each frame of up to
//! 64 KB, sending or receiving, counted by the allocator in everything that a stack does. And what must not be
//! answered any more, for so much was said already, asks for nothing at all.

#[path = "common/hosts.rs"]
mod hosts;

use std::alloc::System;
use std::net::IpAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use etherparse::{IpFragOffset, IpNumber, Ipv4Header, Ipv6FragmentHeader, Ipv6Header, ip_number};
use glasstack::stack::{Config, Handle, Secret, Stack};
use glasstack::tcp::Received;
use glasstack::time::Instant;
use glasstack::wire::{Features, Packet};
use hosts::{CLIENT as RECEIVER, FAMILY, SERVER as SENDER};
use tracking_allocator::{
    AllocationGroupId, AllocationGroupToken, AllocationRegistry, AllocationTracker, Allocator,
};

#[global_allocator]
static ALLOCATOR: Allocator<System> = Allocator::system();

/// Allocations so far by whoever is counted.
static COUNT: AtomicUsize = AtomicUsize::new(0);

struct Counter;

impl AllocationTracker for Counter {
    fn allocated(&self, _: usize, _: usize, _: usize, group: AllocationGroupId) {
        if group != AllocationGroupId::ROOT {
            COUNT.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn deallocated(
        &self,
        _: usize,
        _: usize,
        _: usize,
        _: AllocationGroupId,
        _: AllocationGroupId,
    ) {
    }
}

const MS: Duration = Duration::from_millis(1);
const PIECE: usize = 64 * 1024;
/// Frames before the flow counts as steady, and frames that are counted.
const WARM_UP: usize = 500;
const COUNTED: usize = 2_000;

/// A stack, what it allocates being counted or not.
struct Host {
    stack: Stack,
    counted: Option<AllocationGroupToken>,
}

impl Host {
    fn new(addr: IpAddr, counted: bool) -> Host {
        let features = Features { checksum: true, segmentation: true };
        let config = Config { addrs: vec![addr], features, ..Config::default() };
        let counted = counted.then(|| AllocationGroupToken::register().expect("so few"));
        Host { stack: Stack::new(config, Secret([3; 32])), counted }
    }

    fn call<T>(&mut self, call: impl FnOnce(&mut Stack) -> T) -> T {
        let _counting = self.counted.as_mut().map(AllocationGroupToken::enter);
        call(&mut self.stack)
    }

    /// Passes on what there is to send, and says how many frames of data that were.
    fn pass_on(&mut self, to: &mut Host, now: Instant) -> usize {
        let mut frames = 0;
        while let Some(frame) = self.call(|stack| stack.poll_output(now)) {
            frames += usize::from(!frame.payload.is_empty());
            let segment_size = frame.offload.segment_size;
            let octets = frame.to_bytes();
            // A device hands over a part of what it goes on using: it is shared already.
            let _device = octets.clone();
            let packet = Packet { octets, is_verified: true, segment_size };
            // The device has written it.
            self.call(|_| drop(frame));
            to.call(|stack| stack.on_device_packet(&packet, now));
        }
        let _ = self.call(Stack::take_ready);
        frames
    }
}

/// One connection, over which `write` sends as much as there is room for, again and again.
struct Flow {
    now: Instant,
    sender: Host,
    receiver: Host,
    ends: (Handle, Handle),
}

impl Flow {
    fn new(sender_is_counted: bool) -> Flow {
        let mut sender = Host::new(SENDER.ip(), sender_is_counted);
        let mut receiver = Host::new(RECEIVER, !sender_is_counted);
        let now = Instant::ZERO;
        let listener = sender.stack.listen(SENDER, 1).expect("nothing listens");
        let theirs = receiver.stack.connect(None, SENDER, now).expect("it can be reached");
        for _ in 0..3 {
            receiver.pass_on(&mut sender, now);
            sender.pass_on(&mut receiver, now);
        }
        let ours = sender.stack.accept(listener).expect("the handshake is over");
        Flow { now, sender, receiver, ends: (ours, theirs) }
    }

    /// A round trip; says how many frames of data left.
    fn run(&mut self, write: &impl Fn(&mut Stack, Handle, Instant) -> usize) -> usize {
        self.now += MS;
        let Flow { now, sender, receiver, ends: (ours, theirs) } = self;
        sender.call(|stack| stack.on_timeout(*now));
        receiver.call(|stack| stack.on_timeout(*now));
        sender.call(|stack| while write(stack, *ours, *now) > 0 {});
        let frames = sender.pass_on(receiver, *now);
        while let Ok(Received::Data(data)) =
            receiver.call(|stack| stack.receive_bytes(*theirs, usize::MAX, *now))
        {
            receiver.call(|_| drop(data));
        }
        receiver.pass_on(sender, *now);
        frames
    }

    /// Allocations for each frame once the flow is steady.
    fn allocations_per_frame(
        mut self,
        write: impl Fn(&mut Stack, Handle, Instant) -> usize,
    ) -> f64 {
        let mut frames = 0;
        while frames < WARM_UP {
            frames += self.run(&write);
        }
        let before = COUNT.load(Ordering::Relaxed);
        let mut frames = 0;
        while frames < COUNTED {
            frames += self.run(&write);
        }
        let allocations = COUNT.load(Ordering::Relaxed) - before;
        #[allow(clippy::cast_precision_loss, reason = "thousands")]
        let per_frame = allocations as f64 / frames as f64;
        per_frame
    }
}

/// A packet from the receiver, of a protocol that nobody here speaks, or the first part of one.
fn odd_packet(is_part: bool) -> Bytes {
    let payload = [1; 16];
    let head = match (RECEIVER, SENDER.ip()) {
        (IpAddr::V4(src), IpAddr::V4(dst)) => {
            let header = Ipv4Header::new(16, 64, IpNumber(200), src.octets(), dst.octets());
            let mut header = header.expect("it is short");
            header.more_fragments = is_part;
            header.header_checksum = header.calc_header_checksum();
            header.to_bytes().to_vec()
        }
        (IpAddr::V6(src), IpAddr::V6(dst)) => {
            let part = Ipv6FragmentHeader::new(IpNumber(200), IpFragOffset::ZERO, true, 1);
            let header = Ipv6Header {
                payload_length: if is_part { 24 } else { 16 },
                next_header: if is_part { ip_number::IPV6_FRAG } else { ip_number::IPV6_ROUTE },
                source: src.octets(),
                destination: dst.octets(),
                ..Ipv6Header::default()
            };
            let part = if is_part { part.to_bytes().to_vec() } else { Vec::new() };
            [&header.to_bytes()[..], &part].concat()
        }
        _ => unreachable!("they are of one family"),
    };
    let packet = Bytes::from([&head[..], &payload].concat());
    // It is shared from now on, as what a device hands over is.
    drop(packet.clone());
    packet
}

/// RFC 1812 4.3.2.8, RFC 4443 2.4 f: whether an error may leave is asked before it is made.
fn nothing_is_made_for_errors_beyond_their_limit() {
    let (part, odd) = (odd_packet(true), odd_packet(false));
    let mut host = Host::new(SENDER.ip(), true);
    // The first time, what is counted and what is kept has its place made; and the limit is not reached.
    for (round, may_leave) in [(1, true), (2, false)] {
        let mut now = Instant::from_millis(100_000 * round);
        host.call(|stack| stack.on_packet(&part, now));
        now += Duration::from_mins(1);
        for _ in 0..if may_leave { 1 } else { 100 } {
            host.call(|stack| stack.on_packet(&odd, now));
        }
        while host.call(|stack| stack.poll_output(now)).is_some() {}
        let before = COUNT.load(Ordering::Relaxed);
        host.call(|stack| stack.on_packet(&odd, now));
        let of_odd = COUNT.load(Ordering::Relaxed) - before;
        host.call(|stack| stack.on_timeout(now));
        let of_part = COUNT.load(Ordering::Relaxed) - before - of_odd;
        println!("over {FAMILY}, errors may leave {may_leave}: {of_odd} and {of_part} allocations");
        assert_eq!((of_odd > 0, of_part > 0), (may_leave, may_leave));
        let left = std::iter::from_fn(|| host.call(|stack| stack.poll_output(now))).count();
        assert_eq!(left, if may_leave { 2 } else { 0 });
    }
}

/// One test, for what is counted is counted in the whole process.
#[test]
fn a_frame_costs_at_most_one_allocation() {
    AllocationRegistry::set_global_tracker(Counter).expect("it is called once");
    AllocationRegistry::enable_tracking();
    let piece = vec![b'x'; PIECE];
    let shared = Bytes::from(piece.clone());
    let copied =
        |stack: &mut Stack, handle, now| stack.send(handle, &piece, now).expect("it is open");
    let handed_over = |stack: &mut Stack, handle, now| {
        stack.send_bytes(handle, shared.clone(), now).expect("it is open")
    };
    for (what, per_frame) in [
        ("a write that is copied", Flow::new(true).allocations_per_frame(copied)),
        ("a write that is handed over", Flow::new(true).allocations_per_frame(handed_over)),
        ("a frame that is received", Flow::new(false).allocations_per_frame(copied)),
    ] {
        println!("over {FAMILY}, {what}: {per_frame:.3} allocations a frame");
        assert!(per_frame <= 1.0, "{what}: {per_frame} allocations a frame");
    }
    nothing_is_made_for_errors_beyond_their_limit();
}
