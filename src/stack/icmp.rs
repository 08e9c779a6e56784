//! ICMP of both families, both ways: what is asked of us, what is told to us, and what we tell others within limits.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use super::{FourTuple, Stack};
use crate::time::Instant;
use crate::trace::DropReason;
use crate::wire::icmp::{self, Message};
use crate::wire::ip::Datagram;
use crate::wire::{Frame, IcmpError, Packet, Problem, icmpv4, icmpv6};

/// ICMP errors in a second (RFC 1812 4.3.2.8 and RFC 4443 2.4 f ask for a limit).
const ERRORS_PER_SECOND: u32 = 100;

/// How many ICMP errors may still leave in the current second.
#[derive(Debug)]
pub(super) struct Budget {
    left: u32,
    since: Instant,
}

impl Budget {
    pub(super) const fn new() -> Self {
        Budget { left: 0, since: Instant::NEVER }
    }

    /// Whether one more error may leave at `now`.
    fn take(&mut self, now: Instant) -> bool {
        if self.since == Instant::NEVER || now.since(self.since) >= Duration::from_secs(1) {
            (self.left, self.since) = (ERRORS_PER_SECOND, now);
        }
        let may_leave = self.left > 0;
        self.left = self.left.saturating_sub(1);
        may_leave
    }
}

impl Stack {
    pub(super) fn on_icmp(&mut self, datagram: &Datagram, packet: &Packet, now: Instant) {
        let why = match icmp::parse(datagram) {
            Ok(Message::EchoRequest { id, seq, data }) => {
                self.counters.echo_replies += 1;
                let (src, dst) = (datagram.dst, datagram.src);
                let reply = match src {
                    IpAddr::V4(_) => icmpv4::echo_reply(src, dst, id, seq, data),
                    IpAddr::V6(_) => icmpv6::echo_reply(src, dst, id, seq, data),
                };
                return self.reply(reply, now);
            }
            Ok(Message::Error(error)) => return self.on_icmp_error(&error, datagram, packet, now),
            Ok(Message::Discovery) => DropReason::Discovery,
            Ok(Message::Other) => DropReason::Icmp,
            Err(error) => DropReason::Malformed(error),
        };
        self.drop_packet(why, Some(datagram.src), now);
    }

    /// A packet of ours did not arrive: the connection that it was of is told (RFC 9293 3.9.2.2, MUST-54).
    /// Of several stacks behind the same addresses that may be another's, for the quoted ports are not where
    /// a link looks when it chooses the queue.
    pub(super) fn on_icmp_error(
        &mut self,
        error: &IcmpError,
        datagram: &Datagram,
        packet: &Packet,
        now: Instant,
    ) {
        let from = Some(datagram.src);
        let IcmpError { problem, quoted } = error;
        if *problem == Problem::SourceQuench {
            return self.drop_packet(DropReason::SourceQuench, from, now);
        }
        let Some((ports, seq)) = quoted.tcp().filter(|_| self.is_own(quoted.src)) else {
            return self.drop_packet(DropReason::IcmpNoConnection, from, now);
        };
        let tuple = FourTuple {
            local: SocketAddr::new(quoted.src, ports.src),
            remote: SocketAddr::new(quoted.dst, ports.dst),
        };
        if self.time_waits.find(&tuple).is_some() {
            // Everything of ours is acknowledged.
            return self.drop_packet(DropReason::IcmpNotInFlight, from, now);
        }
        let Some(slot) = self.find(&tuple) else {
            if self.config.place.has_siblings() {
                return self.put_aside(tuple, packet, now);
            }
            return self.drop_packet(DropReason::IcmpNoConnection, from, now);
        };
        let (connection, mut cx) = self.with_context(slot, now);
        match connection.tcb.on_network_error(*problem, (seq, quoted.len), &mut cx) {
            Ok(()) => self.after_input(slot, now),
            Err(why) => {
                let conn = Some(connection.id);
                self.tracer.dropped(now, conn, why, from);
                // One that was compact becomes so again.
                self.mark_dirty(slot);
            }
        }
    }

    /// Nobody listens on UDP: the sender is told (RFC 1122 3.2.2.1, RFC 4443 3.1).
    pub(super) fn on_udp(&mut self, datagram: &Datagram, now: Instant) {
        let told = || match datagram.dst {
            IpAddr::V4(_) => icmpv4::port_unreachable(datagram),
            IpAddr::V6(_) => icmpv6::port_unreachable(datagram),
        };
        self.send_icmp_error(told, now);
        self.drop_packet(DropReason::UdpPortUnreachable, Some(datagram.src), now);
    }

    /// Nobody here speaks that: the sender is told (RFC 1122 3.2.2.1).
    pub(super) fn on_unknown_protocol(&mut self, datagram: &Datagram, now: Instant) {
        self.send_icmp_error(|| icmpv4::protocol_unreachable(datagram), now);
        self.drop_packet(DropReason::UnknownProtocol, Some(datagram.src), now);
    }

    /// Every error of ours leaves by this way, whatever it is about: all share one limit.
    pub(super) fn send_icmp_error(&mut self, error: impl FnOnce() -> Frame, now: Instant) {
        if self.icmp_budget.take(now) {
            self.reply(error(), now);
        }
    }
}
