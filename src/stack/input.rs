//! What comes in: packets, and time.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use bytes::Bytes;
use etherparse::ip_number;

use super::connections::{Marks, Owner};
use super::{FourTuple, Input, ListenerId, Ready, Settings, Stack};
use crate::seq::Seq;
use crate::tcp::{self, Context, State, Tcb};
use crate::time::Instant;
use crate::trace::{ConnId, DropReason, Event, Mask, Passage, Role, What};
use crate::wire::ip::Datagram;
use crate::wire::{Flags, Frame, Packet, Segment, ip, tcp as tcp_wire};

/// Answers of no connection that may wait for the driver.
const MOST_REPLIES: usize = 1024;

impl Stack {
    /// A packet came from the link. Whatever it is, nothing worse happens than that it is dropped.
    pub fn on_packet(&mut self, packet: &Bytes, now: Instant) {
        self.on_device_packet(&packet.clone().into(), now);
    }

    /// As [`Stack::on_packet`], with what the device knows of the packet.
    pub fn on_device_packet(&mut self, packet: &Packet, now: Instant) {
        self.note(now, || Input::Packet(packet.clone()));
        self.tracer.packet(now, || Passage::Arrives(packet.clone()));
        self.counters.packets_received += 1;
        match ip::parse(&packet.octets) {
            Ok(datagram) => self.on_datagram(&datagram, packet, now),
            Err(error) => self.drop_packet(DropReason::Malformed(error), None, now),
        }
    }

    /// Time has passed: acts on every timer that has run out.
    pub fn on_timeout(&mut self, now: Instant) {
        // Drivers call in every round; what finds nothing due is no input.
        if self.next_deadline().is_none_or(|deadline| deadline > now) {
            return;
        }
        self.note(now, || Input::Timeout);
        for slot in self.wheel.advance(now) {
            let (connection, mut cx) = self.with_context(slot, now);
            connection.tcb.on_timeout(&mut cx);
            self.after_input(slot, now);
        }
        self.expire_fragments(now);
        self.half_opens.advance(now);
        self.end_time_waits(now);
    }

    pub(super) fn on_datagram(&mut self, datagram: &Datagram, packet: &Packet, now: Instant) {
        if let Some(why) = self.is_not_for_us(datagram) {
            return self.drop_packet(why, Some(datagram.src), now);
        }
        if let Some(defect) = datagram.defect {
            return self.on_defect(datagram, defect, DropReason::ExtensionHeader, now);
        }
        if let Some(fragment) = datagram.fragment {
            return self.on_fragment(datagram, fragment, now);
        }
        match (etherparse::IpNumber(datagram.protocol), datagram.dst) {
            (ip_number::TCP, _) => self.on_tcp(datagram, packet, now),
            (ip_number::ICMP, IpAddr::V4(_)) => self.on_icmp(datagram, packet, now),
            (ip_number::IPV6_ICMP, IpAddr::V6(_)) => self.on_icmp(datagram, packet, now),
            (ip_number::UDP, _) => self.on_udp(datagram, now),
            (_, IpAddr::V6(_)) => self.on_unknown_next_header(datagram, now),
            (_, IpAddr::V4(_)) => self.on_unknown_protocol(datagram, now),
        }
    }

    /// Why a packet is none of our business, if it is not.
    fn is_not_for_us(&self, datagram: &Datagram) -> Option<DropReason> {
        if !self.is_own(datagram.dst) {
            let to_group = datagram.dst.is_multicast();
            Some(if to_group { DropReason::Multicast } else { DropReason::NotForUs })
        } else if !ip::may_be_source(datagram.src) || self.is_own(datagram.src) {
            Some(DropReason::BadSource)
        } else if self.refuses_route(datagram) {
            Some(DropReason::SourceRoute)
        } else {
            None
        }
    }

    /// Whether `addr` is one of ours. Most stacks have one.
    pub(super) fn is_own(&self, addr: IpAddr) -> bool {
        match self.config.addrs.as_slice() {
            [one] => *one == addr,
            _ => self.own_addrs.contains(&addr),
        }
    }

    fn on_tcp(&mut self, datagram: &Datagram, packet: &Packet, now: Instant) {
        let parsed = if packet.is_verified {
            tcp_wire::parse_verified(&datagram.payload)
        } else {
            tcp_wire::parse(&datagram.payload, datagram.src, datagram.dst)
        };
        match parsed {
            Ok(parsed) => self.on_tcp_segment(datagram, packet, parsed, true, now),
            Err(error) => {
                self.drop_packet(DropReason::Malformed(error), Some(datagram.src), now);
            }
        }
    }

    /// A sound segment came in this packet. `may_stray`: if nobody knows it here, a sibling may.
    pub(super) fn on_tcp_segment(
        &mut self,
        datagram: &Datagram,
        packet: &Packet,
        (ports, mut segment): (tcp_wire::Ports, Segment),
        may_stray: bool,
        now: Instant,
    ) {
        segment.segment_size = packet.segment_size;
        segment.ecn = datagram.ecn;
        let tuple = FourTuple::of(datagram, ports);
        let slot = self.find(&tuple);
        let route = self.route_back(datagram, &tuple, &segment);
        match slot {
            Some(slot) => self.on_segment_of(slot, tuple, segment, now),
            None if may_stray && self.may_be_a_siblings(&tuple, &segment) => {
                return self.put_aside(tuple, packet, now);
            }
            None => self.on_segment_for_listener(tuple, segment, None, now),
        }
        if let Some(route) = route {
            self.learn_route(&tuple, route);
        }
    }

    /// The slot of the connection between these two ends, for something that has come for it.
    pub(super) fn find(&mut self, tuple: &FourTuple) -> Option<u32> {
        let open = self.connections.find(tuple);
        open.or_else(|| self.expand_half_open(tuple)).or_else(|| self.expand_time_wait(tuple))
    }

    /// A segment of the connection in `slot`, which may make way for a new one.
    pub(super) fn on_segment_of(
        &mut self,
        slot: u32,
        tuple: FourTuple,
        segment: Segment,
        now: Instant,
    ) {
        if self.has_to_wait(slot, &segment) {
            // The peer will say it again.
            self.mark_dirty(slot);
            return self.drop_packet(DropReason::ListenQueueFull, Some(tuple.remote.ip()), now);
        }
        let yields = self.connections.at(slot).tcb.yields_to(&segment);
        let gives_way = yields && self.is_heard(tuple.local);
        let (connection, mut cx) = self.with_context(slot, now);
        if !gives_way {
            connection.tcb.on_segment(segment, &mut cx);
            return self.after_input(slot, now);
        }
        let old_nxt = connection.tcb.give_way(&mut cx);
        self.after_input(slot, now);
        self.on_segment_for_listener(tuple, segment, Some(old_nxt), now);
    }

    /// Whether a segment would complete a handshake for which the accept queue has no place: SYN cookies have
    /// come in between.
    fn has_to_wait(&mut self, slot: u32, segment: &Segment) -> bool {
        let Owner::HalfOpen(listener) = self.connections.at(slot).owner() else { return false };
        let completes =
            segment.has(Flags::ACK) && !segment.flags.intersects(Flags::SYN | Flags::RST);
        completes && self.listeners.get(listener).is_some_and(|listener| !listener.takes_answered())
    }

    /// Whether a SYN to `local` would find a listener with room.
    fn is_heard(&self, local: SocketAddr) -> bool {
        let listener = self.listeners.find(local).and_then(|id| self.listeners.get(id));
        listener.is_some_and(super::listeners::Listener::has_room)
    }

    /// A segment of no connection. A SYN may begin one; `above` is what its ISS has to lie beyond when
    /// it takes the place of an older one.
    pub(super) fn on_segment_for_listener(
        &mut self,
        tuple: FourTuple,
        segment: Segment,
        above: Option<Seq>,
        now: Instant,
    ) {
        let from = Some(tuple.remote.ip());
        let opens = segment.has(Flags::SYN) && !segment.flags.intersects(Flags::ACK | Flags::RST);
        match self.listeners.find(tuple.local) {
            // What LISTEN does with all else is what CLOSED does, but that it keeps silent about
            // segments without ACK (RFC 9293 3.10.7.2, fourth).
            Some(_) if !opens && !segment.has(Flags::ACK) => {
                self.drop_packet(DropReason::NoSyn, from, now);
            }
            Some(listener) if opens => self.on_syn(listener, tuple, segment, above, now),
            Some(listener) if self.take_cookie(listener, tuple, &segment, now) => {
                if let Some(slot) = self.connections.find(&tuple) {
                    self.on_segment_of(slot, tuple, segment, now);
                }
            }
            Some(_) | None => {
                if let Some(rst) = tcp::closed(&segment) {
                    self.counters.resets_sent += 1;
                    let ports =
                        tcp_wire::Ports { src: tuple.local.port(), dst: tuple.remote.port() };
                    let (src, dst) = (tuple.local.ip(), tuple.remote.ip());
                    self.reply(tcp_wire::emit(ports, src, dst, rst), now);
                }
                self.drop_packet(DropReason::NoConnection, from, now);
            }
        }
    }

    fn on_syn(
        &mut self,
        listener_id: ListenerId,
        tuple: FourTuple,
        segment: Segment,
        above: Option<Seq>,
        now: Instant,
    ) {
        let from = Some(tuple.remote.ip());
        let listener = self.listeners.get_mut(listener_id).expect("just found");
        if !listener.has_room() {
            if !self.answer_with_cookie(listener_id, &tuple, &segment, now) {
                self.drop_packet(DropReason::ListenQueueFull, from, now);
            }
            return;
        }
        if self.connections.len() + self.half_opens.len() >= self.config.max_connections {
            return self.drop_packet(DropReason::TooManyConnections, from, now);
        }
        listener.half_open_began();
        let settings = listener.settings.clone();
        let mut iss = self.secret.initial_sequence(&tuple, now);
        if let Some(above) = above {
            // At least a window beyond what the old connection used (RFC 1122 4.2.2.13).
            iss = iss.max(above + (1 << 16));
        }
        let owner = Owner::HalfOpen(listener_id);
        let slot = self.insert(tuple, iss, Role::Passive, owner, settings, now);
        let (connection, mut cx) = self.with_context(slot, now);
        connection.tcb.open_passive(&mut cx).expect("a new connection is closed");
        connection.tcb.on_segment(segment, &mut cx);
        self.after_input(slot, now);
    }

    /// A new connection in CLOSED.
    pub(super) fn insert(
        &mut self,
        tuple: FourTuple,
        iss: Seq,
        role: Role,
        owner: Owner,
        settings: Option<Arc<Settings>>,
        now: Instant,
    ) -> u32 {
        let id = self.announce(tuple, role, now);
        let offset = self.secret.timestamp_offset(tuple.local.ip(), tuple.remote.ip());
        let config = settings.as_ref().map_or(&self.config.tcp, |own| &own.tcp);
        let tcb = Tcb::new(iss, offset, config);
        let tcb = if tuple.remote.is_ipv6() { tcb.over_ipv6(config) } else { tcb };
        self.take_on(id, tuple, tcb, owner, settings)
    }

    /// Gives a connection its place, and what others have learnt of its path.
    pub(super) fn take_on(
        &mut self,
        id: ConnId,
        tuple: FourTuple,
        mut tcb: Tcb,
        owner: Owner,
        settings: Option<Arc<Settings>>,
    ) -> u32 {
        if let Some(path) = self.paths.to(tuple.remote.ip(), self.last_input) {
            tcb.begin_with_path(path);
        }
        let slot = self.connections.insert(id, tuple, tcb, owner).slot;
        if let Some(settings) = settings {
            self.own_settings.set(slot, settings);
        }
        slot
    }

    /// Gives a new connection its number.
    pub(super) fn announce(&mut self, tuple: FourTuple, role: Role, now: Instant) -> ConnId {
        let id = self.next_id();
        self.raise(id, now, Mask::CONNECTIONS, || What::Opened {
            local: tuple.local,
            remote: tuple.remote,
            role,
        });
        id
    }

    /// What follows any input to a connection: it may have something to send, somebody to wake, a
    /// place in another queue, or be over.
    pub(super) fn after_input(&mut self, slot: u32, now: Instant) {
        let connection = self.connections.at(slot);
        if let Some(path) = connection.tcb.take_path_news() {
            self.paths.learn(connection.tuple.remote.ip(), path, now);
        }
        let state = connection.tcb.state();
        match connection.owner() {
            Owner::HalfOpen(listener) => match state {
                State::Listen | State::Closed => self.end_half_open(slot, listener, now),
                State::SynSent | State::SynReceived => {}
                State::Established
                | State::FinWait1
                | State::FinWait2
                | State::CloseWait
                | State::Closing
                | State::LastAck
                | State::TimeWait => self.queue_for_accept(slot, listener),
            },
            Owner::AcceptQueue(_) | Owner::Nobody => {}
            Owner::Application => self.note_ready(slot),
        }
        self.mark_dirty(slot);
    }

    /// The handshake came to nothing: the connection has no one to tell.
    fn end_half_open(&mut self, slot: u32, listener: ListenerId, now: Instant) {
        if let Some(listener) = self.listeners.get_mut(listener) {
            listener.half_open_ended();
        }
        self.connections.set_owner(slot, Owner::Nobody);
        let (connection, mut cx) = self.with_context(slot, now);
        if connection.tcb.state() == State::Listen {
            // The listener goes on; its copy for this peer ends.
            connection.tcb.let_go(&mut cx);
        }
    }

    fn queue_for_accept(&mut self, slot: u32, id: ListenerId) {
        let handle = self.connections.handle(slot);
        if let Some(listener) = self.listeners.get_mut(id) {
            listener.half_open_ended();
            listener.accept_queue.push_back(handle);
            self.connections.set_owner(slot, Owner::AcceptQueue(id));
            self.ready.push(Ready::Listener(id));
        }
    }

    fn note_ready(&mut self, slot: u32) {
        let handle = self.connections.handle(slot);
        let connection = self.connections.at(slot);
        if !connection.marks.replace(Marks::READY_NOTED, true) {
            self.ready.push(Ready::Connection(handle));
        }
    }

    /// Something has happened to a connection: what it holds is booked, and what it says is asked for.
    pub(super) fn mark_dirty(&mut self, slot: u32) {
        let connection = self.connections.at(slot);
        if connection.tcb.state() == State::Closed {
            // Its last RST may still be to leave; its four-tuple is free for the next SYN.
            self.connections.unmap(slot);
        }
        let connection = self.connections.at(slot);
        let queued = connection.queued_kib();
        let before = std::mem::replace(&mut connection.booked, queued);
        self.pool.book_queues(before, queued);
        if !connection.marks.replace(Marks::DIRTY, true) {
            self.dirty.push_back(slot);
        }
    }

    pub(super) fn reply(&mut self, frame: Frame, now: Instant) {
        if frame.len() > self.config.mtu {
            let parts = self.in_parts(frame);
            return parts.into_iter().for_each(|part| self.queue_reply(part, now));
        }
        self.queue_reply(frame, now);
    }

    fn queue_reply(&mut self, frame: Frame, now: Instant) {
        if self.replies.len() < MOST_REPLIES {
            self.replies.push_back(frame);
        } else {
            self.drop_packet(DropReason::OutputFull, None, now);
        }
    }

    pub(super) fn drop_packet(&mut self, why: DropReason, from: Option<IpAddr>, now: Instant) {
        self.tracer.dropped(now, None, why, from);
    }

    pub(super) fn raise(
        &mut self,
        id: ConnId,
        at: Instant,
        kind: Mask,
        what: impl FnOnce() -> What,
    ) {
        self.tracer.raise(kind, || Event { at, conn: Some(id), what: what() });
    }

    /// A connection together with what its calls need.
    pub(super) fn with_context(
        &mut self,
        slot: u32,
        now: Instant,
    ) -> (&mut super::connections::Connection, Context<'_>) {
        let connection = self.connections.at(slot);
        let conn = connection.id;
        let config = self.own_settings.of(slot).map_or(&self.config.tcp, |own| &own.tcp);
        let (tracer, pool) = (&mut self.tracer, &mut self.pool);
        let cx = Context { now, config, conn, tracer, pool };
        (connection, cx)
    }
}
