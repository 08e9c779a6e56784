//! Several stacks behind the same addresses, each fed by a queue of one link: what such a stack knows of
//! the others, and what it does with segments that may be theirs. Asking them is not here, for a stack
//! knows nothing of its siblings but how many there are (`runtime::siblings`).

use etherparse::ip_number;

use super::{FourTuple, Input, Stack};
use crate::time::Instant;
use crate::trace::{ConnId, DropReason, Passage};
use crate::wire::{Flags, Packet, Segment, ip, tcp as tcp_wire};

/// Strays that may wait to be taken: more than a driver feeds in one round.
const MOST_STRAYS: usize = 1024;

/// The place of a stack among those that share its addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Place {
    /// Which it is, from 0.
    pub index: u32,
    /// How many there are.
    pub count: u32,
}

/// A segment of no connection that this stack knows of, or an ICMP error about one. A sibling may know better.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stray {
    /// The ends of the connection it would belong to.
    pub tuple: FourTuple,
    /// All of it.
    pub packet: Packet,
}

/// One stack, alone.
impl Default for Place {
    fn default() -> Self {
        Place { index: 0, count: 1 }
    }
}

impl Place {
    /// Whether there are other stacks with these addresses.
    #[must_use]
    pub const fn has_siblings(self) -> bool {
        self.count > 1
    }

    /// The number of the connection that is the `nth` of this stack, from 1: no other stack gives it.
    pub(super) fn conn_id(self, nth: u64) -> ConnId {
        ConnId((nth - 1) * u64::from(self.count.max(1)) + u64::from(self.index) + 1)
    }

    /// Whether connections that this stack opens may have this port: no two stacks take the same, for
    /// they could come to the same four-tuple.
    pub(super) fn may_choose(self, port: u16) -> bool {
        u32::from(port) % self.count.max(1) == self.index
    }
}

impl Stack {
    /// Takes the segments for which the siblings have to be asked, in the order in which they came. To
    /// whoever knows the connection belongs the packet; when nobody does, it comes back with
    /// [`Stack::on_unclaimed`]. Without siblings there are none.
    pub fn take_strays(&mut self, now: Instant) -> Vec<Stray> {
        if self.strays.is_empty() {
            return Vec::new();
        }
        self.note(now, || Input::TakeStrays);
        std::mem::take(&mut self.strays)
    }

    /// No sibling knows the connection of a stray: now it gets the answer that it would have got
    /// without siblings.
    pub fn on_unclaimed(&mut self, packet: &Packet, now: Instant) {
        self.note(now, || Input::Unclaimed(packet.clone()));
        self.tracer.packet(now, || Passage::Arrives(packet.clone()));
        // It was put aside as a good one, and its checksum has been looked at.
        let Ok(datagram) = ip::parse(&packet.octets) else { return };
        if datagram.protocol != ip_number::TCP.0 {
            return self.drop_packet(DropReason::IcmpNoConnection, Some(datagram.src), now);
        }
        let Ok(parsed) = tcp_wire::parse_verified(&datagram.payload) else { return };
        self.on_tcp_segment(&datagram, packet, parsed, false, now);
    }

    /// Whether a segment of no connection of ours may be one of a sibling's: all but those with which a
    /// peer calls a listener, for a connection stays where its first segment came.
    pub(super) fn may_be_a_siblings(&self, tuple: &FourTuple, segment: &Segment) -> bool {
        let opens = segment.has(Flags::SYN) && !segment.flags.intersects(Flags::ACK | Flags::RST);
        self.config.place.has_siblings() && !(opens && self.listeners.find(tuple.local).is_some())
    }

    pub(super) fn put_aside(&mut self, tuple: FourTuple, packet: &Packet, now: Instant) {
        if self.strays.len() < MOST_STRAYS {
            self.strays.push(Stray { tuple, packet: packet.clone() });
            self.tracer.packet(now, || Passage::IsPutAside);
        } else {
            self.drop_packet(DropReason::TooManyStrays, Some(tuple.remote.ip()), now);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;
    use crate::stack::{Config, Journal, Secret};
    use crate::tcp::State;

    /// Two servers behind one address, and a client.
    fn family() -> ([Stack; 2], Stack) {
        let stack = |addr: [u8; 4], place| {
            let config = Config { addrs: vec![addr.into()], place, ..Config::default() };
            Stack::new(config, Secret([7; 32]))
        };
        let sibling = |index| stack([192, 0, 2, 2], Place { index, count: 2 });
        ([sibling(0), sibling(1)], stack([192, 0, 2, 1], Place::default()))
    }

    fn server() -> std::net::SocketAddr {
        ([192, 0, 2, 2], 80).into()
    }

    /// The next packet of `from` to `to`.
    fn pass(from: &mut Stack, to: &mut Stack) {
        let frame = from.poll_output(Instant::ZERO).expect("something to send");
        to.on_packet(&frame.to_bytes(), Instant::ZERO);
    }

    #[test]
    fn a_segment_of_a_siblings_connection_is_put_aside_and_not_reset() {
        let ([mut owner, mut other], mut client) = family();
        let listener = owner.listen(server(), 8).unwrap();
        other.listen(server(), 8).unwrap();
        client.connect(None, server(), Instant::ZERO).unwrap();
        pass(&mut client, &mut owner);
        pass(&mut owner, &mut client);
        pass(&mut client, &mut other);
        assert!(!other.has_output(), "no RST");
        let strays = other.take_strays(Instant::ZERO);
        let [Stray { tuple, packet }] = &strays[..] else { panic!("{strays:?}") };
        assert!(owner.id_of(tuple).is_some() && other.id_of(tuple).is_none());
        owner.on_device_packet(packet, Instant::ZERO);
        let handle = owner.accept(listener).expect("the handshake came through");
        assert_eq!(owner.state(handle), State::Established);
        assert_eq!(other.take_strays(Instant::ZERO), []);
    }

    #[test]
    fn what_nobody_claims_is_answered_as_ever() {
        let ([_, mut other], mut client) = family();
        client.connect(None, server(), Instant::ZERO).unwrap();
        // A SYN too: nobody listens here, but a sibling may be calling at the same time.
        pass(&mut client, &mut other);
        assert_eq!(other.counters().resets_sent, 0);
        let strays = other.take_strays(Instant::ZERO);
        other.on_unclaimed(&strays[0].packet, Instant::ZERO);
        assert_eq!(other.counters().resets_sent, 1);
        pass(&mut other, &mut client);
        assert!(client.states().all(|(_, state)| state == State::Closed));
    }

    #[test]
    fn without_siblings_nothing_is_put_aside() {
        let (_, mut client) = family();
        let mut server_stack =
            Stack::new(Config { addrs: vec![server().ip()], ..Config::default() }, Secret([7; 32]));
        client.connect(None, server(), Instant::ZERO).unwrap();
        pass(&mut client, &mut server_stack);
        assert_eq!(server_stack.take_strays(Instant::ZERO), []);
        assert_eq!(server_stack.counters().resets_sent, 1);
    }

    #[test]
    fn strays_that_nobody_takes_are_bounded() {
        let ([_, mut other], mut client) = family();
        client.connect(None, server(), Instant::ZERO).unwrap();
        let syn = client.poll_output(Instant::ZERO).unwrap().to_bytes();
        (0..2 * MOST_STRAYS).for_each(|_| other.on_packet(&syn, Instant::ZERO));
        assert_eq!(other.take_strays(Instant::ZERO).len(), MOST_STRAYS);
        assert_eq!(other.drops().get(&DropReason::TooManyStrays), Some(&(MOST_STRAYS as u64)));
    }

    /// Keeps what it is told.
    #[derive(Clone, Default)]
    struct Notes(Arc<Mutex<Vec<(Instant, Input)>>>);

    impl Journal for Notes {
        fn note(&mut self, at: Instant, input: Input) {
            self.0.lock().unwrap().push((at, input));
        }
    }

    #[test]
    fn what_is_put_aside_taken_and_given_back_is_replayed() {
        let ([_, mut other], mut client) = family();
        let notes = Notes::default();
        other.set_journal(Box::new(notes.clone()));
        client.connect(None, server(), Instant::ZERO).unwrap();
        let syn = client.poll_output(Instant::ZERO).unwrap().to_bytes();
        // Often enough that a replay which does not take them has no room left.
        for _ in 0..3 {
            (0..MOST_STRAYS).for_each(|_| other.on_packet(&syn, Instant::ZERO));
            let strays = other.take_strays(Instant::ZERO);
            other.on_unclaimed(&strays[0].packet, Instant::ZERO);
        }
        let ([_, mut replayed], _) = family();
        for (at, input) in notes.0.lock().unwrap().drain(..) {
            replayed.apply(at, input);
        }
        assert_eq!(replayed.counters(), other.counters());
        assert_eq!(replayed.drops(), other.drops());
        assert_eq!(other.counters().resets_sent, 3);
    }

    #[test]
    fn numbers_and_ports_are_no_siblings_too() {
        let ([mut first, mut second], _) = family();
        let peer = ([192, 0, 2, 1], 80).into();
        let open = |stack: &mut Stack| {
            let handle = stack.connect(None, peer, Instant::ZERO).unwrap();
            (stack.id(handle).unwrap().0, stack.tuple(handle).unwrap().local.port())
        };
        let (of_first, of_second): (Vec<_>, Vec<_>) =
            (0..100).map(|_| (open(&mut first), open(&mut second))).unzip();
        assert_eq!(of_first.iter().map(|(id, _)| *id).take(3).collect::<Vec<_>>(), [1, 3, 5]);
        assert_eq!(of_second.iter().map(|(id, _)| *id).take(3).collect::<Vec<_>>(), [2, 4, 6]);
        for (_, port) in &of_first {
            assert!(of_second.iter().all(|(_, other)| other != port), "{port} was taken twice");
        }
    }
}
