//! Segments in and out, with a peer made by hand.

use bytes::Bytes;

use super::peer::{MSS, Peer};
use super::{MOST_AT_ONCE, Operation, Subject};
use crate::time::Instant;

/// Time moves on a little with each packet, so that no timer runs out.
const STEP: std::time::Duration = std::time::Duration::from_nanos(100);

/// A stack, a connection to it, and the time.
struct Scene<S> {
    subject: S,
    peer: Peer,
    now: Instant,
    packets: Vec<Bytes>,
    /// Segments that have left and that the peer was not shown.
    unseen: usize,
}

impl<S: Subject> Scene<S> {
    fn new(mut subject: S) -> Self {
        let peer = Peer::connect(&mut subject, 0, Instant::ZERO);
        Scene { subject, peer, now: Instant::ZERO, packets: Vec::new(), unseen: 0 }
    }

    /// The peer takes all that comes and acknowledges every second segment, until nothing comes; says
    /// how many segments were in flight at the end of the first burst.
    fn exchange(&mut self) -> usize {
        let mut first = None;
        loop {
            let mut acks = Vec::new();
            let mut count = 0;
            while let Some(packet) = self.subject.poll_output(self.now) {
                self.peer.take(&packet);
                count += 1;
                if count % 2 == 0 {
                    acks.push(self.peer.ack());
                }
            }
            first.get_or_insert(count);
            if count == 0 {
                return first.unwrap_or(0);
            }
            acks.push(self.peer.ack());
            for ack in acks {
                self.now += STEP;
                self.subject.on_packet(&ack, self.now);
            }
            self.subject.read(self.now);
        }
    }

    /// Opens the congestion window so far that `segments` can be in flight.
    fn open_window(&mut self, segments: usize) {
        for _ in 0..20 {
            self.subject.write(segments * MSS, self.now);
            if self.exchange() >= segments {
                return;
            }
        }
        panic!("the window does not open to {segments} segments");
    }
}

pub(super) struct SegmentIn<S>(Scene<S>);

impl<S: Subject> SegmentIn<S> {
    pub(super) fn new(subject: S) -> Self {
        SegmentIn(Scene::new(subject))
    }
}

impl<S: Subject> Operation for SegmentIn<S> {
    fn prepare(&mut self, count: usize) {
        let scene = &mut self.0;
        // What was prepared and not done would be missing: it comes first.
        let rest: Vec<Bytes> = scene.packets.drain(..).collect();
        for packet in rest {
            scene.subject.on_packet(&packet, scene.now);
            scene.subject.read(scene.now);
        }
        scene.packets = (0..count).map(|_| scene.peer.data()).collect();
    }

    fn run(&mut self, count: usize) {
        let scene = &mut self.0;
        for packet in scene.packets.drain(..count) {
            scene.now += STEP;
            scene.subject.on_packet(&packet, scene.now);
            let octets = scene.subject.read(scene.now);
            assert_eq!(octets, MSS, "it is read at once");
            while scene.subject.send_one(scene.now) {}
        }
    }
}

pub(super) struct AckIn<S>(Scene<S>);

impl<S: Subject> AckIn<S> {
    pub(super) fn new(subject: S) -> Self {
        let mut scene = Scene::new(subject);
        scene.open_window(2 * MOST_AT_ONCE);
        AckIn(scene)
    }
}

impl<S: Subject> Operation for AckIn<S> {
    fn prepare(&mut self, count: usize) {
        let scene = &mut self.0;
        let last = scene.packets.drain(..).next_back();
        last.iter().for_each(|ack| scene.subject.on_packet(ack, scene.now));
        scene.subject.write(2 * count * MSS, scene.now);
        for _ in 0..count {
            for _ in 0..2 {
                let packet = scene.subject.poll_output(scene.now).expect("the window is open");
                assert_eq!(scene.peer.take(&packet), MSS, "full segments");
            }
            scene.packets.push(scene.peer.ack());
        }
    }

    fn run(&mut self, count: usize) {
        let scene = &mut self.0;
        for packet in scene.packets.drain(..count) {
            scene.now += STEP;
            scene.subject.on_packet(&packet, scene.now);
            scene.subject.read(scene.now);
            assert!(!scene.subject.send_one(scene.now), "an ACK is not answered");
        }
    }
}

pub(super) struct SegmentOut<S>(Scene<S>);

impl<S: Subject> SegmentOut<S> {
    pub(super) fn new(subject: S) -> Self {
        let mut scene = Scene::new(subject);
        scene.open_window(MOST_AT_ONCE);
        SegmentOut(scene)
    }
}

impl<S: Subject> Operation for SegmentOut<S> {
    fn prepare(&mut self, count: usize) {
        let scene = &mut self.0;
        scene.peer.take_unseen(std::mem::take(&mut scene.unseen) * MSS);
        scene.subject.on_packet(&scene.peer.ack(), scene.now);
        // What was prepared and not done leaves now.
        scene.exchange();
        scene.subject.write(count * MSS, scene.now);
    }

    fn run(&mut self, count: usize) {
        let scene = &mut self.0;
        for _ in 0..count {
            scene.now += STEP;
            assert!(scene.subject.send_one(scene.now), "the window is open");
        }
        scene.unseen += count;
    }
}

/// Many connections; a packet comes for one of them, and then for another one far away.
pub(super) struct Demux<S> {
    subject: S,
    packets: Vec<Bytes>,
    at: usize,
    now: Instant,
}

/// No neighbour follows a neighbour.
const STRIDE: usize = 7919;

impl<S: Subject> Demux<S> {
    pub(super) fn new(mut subject: S, connections: usize) -> Self {
        let packets = (0..connections)
            .map(|number| Peer::connect(&mut subject, number, Instant::ZERO).ack())
            .collect();
        Demux { subject, packets, at: 0, now: Instant::ZERO }
    }
}

impl<S: Subject> Operation for Demux<S> {
    fn prepare(&mut self, _count: usize) {}

    fn run(&mut self, count: usize) {
        for _ in 0..count {
            self.now += STEP;
            self.subject.on_packet(&self.packets[self.at], self.now);
            assert!(!self.subject.send_one(self.now), "there is nothing to say to that");
            self.at = (self.at + STRIDE) % self.packets.len();
        }
    }
}
