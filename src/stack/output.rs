//! What goes out: segments of connections that have something to say, and when to come back.

use std::time::Duration;

use super::connections::{Marks, Owner};
use super::{FourTuple, Input, Settings, Stack, checksum};
use crate::tcp::{Deadline, Output, State};
use crate::time::Instant;
use crate::trace::{Mask, Passage, What};
use crate::wire::{Features, Frame, Segment, tcp as tcp_wire};

/// A timer that moves later by less stays where it is.
const WORTH_A_MOVE: Duration = Duration::from_millis(100);

impl Stack {
    /// The next packet for the link; `None` when there is nothing more to say for now. Connections take
    /// turns, a segment each.
    pub fn poll_output(&mut self, now: Instant) -> Option<Frame> {
        if !self.has_output() {
            return None;
        }
        let frame = self.next_frame(now);
        if let Some(frame) = &frame {
            self.tracer.packet(now, || Passage::Leaves(frame.clone()));
        }
        self.note(now, || Input::Drain(frame.as_ref().map(checksum)));
        frame
    }

    fn next_frame(&mut self, now: Instant) -> Option<Frame> {
        if let Some(frame) = self.replies.pop_front() {
            self.counters.packets_sent += 1;
            return Some(frame);
        }
        while let Some(slot) = self.next_dirty(now) {
            let (connection, mut cx) = self.with_context(slot, now);
            match connection.tcb.poll_output(&mut cx) {
                Output::Transmit(segment) => {
                    let tuple = connection.tuple;
                    // Mostly that was all.
                    let wait = connection.tcb.poll_wait(&mut cx);
                    self.counters.packets_sent += 1;
                    let frame = self.frame_of(self.own_settings.of(slot), &tuple, segment);
                    match wait {
                        Some(deadline) => self.sleep(slot, deadline, now),
                        None => self.dirty.push_back(slot),
                    }
                    return Some(frame);
                }
                Output::Wait(deadline) => {
                    self.sleep(slot, deadline, now);
                }
            }
        }
        None
    }

    /// The packet of a segment between these ends, as the settings `own` have it, or the stack's.
    pub(super) fn frame_of(
        &self,
        own: Option<&Settings>,
        FourTuple { local, remote }: &FourTuple,
        segment: Segment,
    ) -> Frame {
        let ports = tcp_wire::Ports { src: local.port(), dst: remote.port() };
        let style = own.map_or(self.config.header, |own| own.header);
        let route = own.and_then(|own| own.route.as_ref());
        let features = route.map_or(self.config.features, |_| Features::default());
        let ends = (local.ip(), remote.ip());
        let mut frame = tcp_wire::emit_as(style, features, ports, ends, segment);
        if let Some(route) = route {
            route.lead(&mut frame);
        }
        frame
    }

    /// The next connection that may have something to send.
    fn next_dirty(&mut self, now: Instant) -> Option<u32> {
        loop {
            if let Some(slot) = self.dirty.pop_front() {
                return Some(slot);
            }
            if !self.next_half_open_timeout(now) {
                return None;
            }
        }
    }

    /// When to call `on_timeout`, if nothing happens before. It may come a little early: then there is
    /// simply nothing to do yet.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Instant> {
        let others = [
            self.half_opens.next_deadline(),
            self.time_waits.next_deadline(),
            self.reassembly.next_deadline(),
        ];
        others.into_iter().chain([self.wheel.next_deadline()]).flatten().min()
    }

    /// Whether `poll_output` may have something to give.
    #[must_use]
    pub fn has_output(&self) -> bool {
        !(self.replies.is_empty() && self.dirty.is_empty()) || self.half_opens.are_due()
    }

    /// A connection has nothing to send: its timer is set, or it is over.
    fn sleep(&mut self, slot: u32, deadline: Option<Deadline>, now: Instant) {
        let connection = self.connections.at(slot);
        connection.marks.replace(Marks::DIRTY, false);
        let deadline = deadline.map(|deadline| deadline.at);
        match (connection.tcb.state(), connection.owner()) {
            (State::Closed, Owner::Nobody) => self.remove(slot, now),
            // Whoever holds it may still ask how it ended.
            (State::Closed, Owner::Application | Owner::AcceptQueue(_) | Owner::HalfOpen(_)) => {
                self.wheel.remove(slot);
            }
            (State::SynReceived, Owner::HalfOpen(_)) => {
                if !self.rest_half_open(slot, deadline) {
                    self.set_timer(slot, deadline);
                }
            }
            (State::TimeWait, Owner::Nobody) => {
                if !self.rest_in_time_wait(slot, now) {
                    self.set_timer(slot, deadline);
                }
            }
            (
                State::Listen
                | State::SynSent
                | State::SynReceived
                | State::Established
                | State::FinWait1
                | State::FinWait2
                | State::CloseWait
                | State::Closing
                | State::LastAck
                | State::TimeWait,
                _,
            ) => self.set_timer(slot, deadline),
        }
    }

    /// Deadlines mostly move a little later (every ACK does that): the entry then stays where it is, and is
    /// put right when it comes up. If they move by much (`TIME_WAIT` does that) it would come up for nothing.
    fn set_timer(&mut self, slot: u32, deadline: Option<Instant>) {
        let is_near = |until: Instant, deadline: Instant| deadline.since(until) < WORTH_A_MOVE;
        match (deadline, self.wheel.until(slot)) {
            (Some(deadline), Some(until)) if until <= deadline && is_near(until, deadline) => {}
            (Some(deadline), Some(_) | None) => self.wheel.set(slot, deadline),
            (None, Some(_)) => self.wheel.remove(slot),
            (None, None) => {}
        }
    }

    fn remove(&mut self, slot: u32, now: Instant) {
        let id = self.connections.at(slot).id;
        self.give_back(slot);
        self.raise(id, now, Mask::CONNECTIONS, || What::Removed);
    }

    /// Gives back the slot of a connection and all that it holds.
    pub(super) fn give_back(&mut self, slot: u32) {
        self.wheel.remove(slot);
        self.own_settings.take(slot);
        let mut connection = self.connections.remove(slot);
        self.pool.book_queues(connection.booked, 0);
        connection.tcb.give_back(&mut self.pool);
        if self.connections.shrink() {
            self.wheel.shrink();
            self.dirty.shrink_to_fit();
            self.pool.shrink();
        }
    }
}
