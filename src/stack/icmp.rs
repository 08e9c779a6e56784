//! ICMP, both ways: what is asked of us, what is told to us, and what we tell others within limits.

use std::time::Duration;

use super::Stack;
use crate::time::Instant;
use crate::trace::DropReason;
use crate::wire::icmpv4;
use crate::wire::ip::Datagram;

/// ICMP errors in a second (RFC 1812 4.3.2.8 asks for a limit).
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
    pub(super) fn on_icmp(&mut self, datagram: &Datagram, now: Instant) {
        match icmpv4::parse(&datagram.payload) {
            Ok(icmpv4::Message::EchoRequest { id, seq, data }) => {
                self.counters.echo_replies += 1;
                let reply = icmpv4::echo_reply(datagram.dst, datagram.src, id, seq, data);
                self.reply(reply, now);
            }
            Ok(icmpv4::Message::Other) => {
                self.drop_packet(DropReason::Icmp, Some(datagram.src), now);
            }
            Err(error) => {
                self.drop_packet(DropReason::Malformed(error), Some(datagram.src), now);
            }
        }
    }

    /// Nobody listens on UDP: the sender is told (RFC 1122 3.2.2.1), within limits.
    pub(super) fn on_udp(&mut self, datagram: &Datagram, now: Instant) {
        if self.icmp_budget.take(now) {
            self.reply(icmpv4::port_unreachable(datagram), now);
        }
        self.drop_packet(DropReason::UdpPortUnreachable, Some(datagram.src), now);
    }
}
