//! ICMP for IPv6, and what is told to senders of packets that cannot be taken.

use super::Stack;
use crate::time::Instant;
use crate::trace::DropReason;
use crate::wire::Packet;
use crate::wire::icmpv6::{self, Message};
use crate::wire::ip::{Datagram, Defect};

impl Stack {
    pub(super) fn on_icmpv6(&mut self, datagram: &Datagram, packet: &Packet, now: Instant) {
        let why = match icmpv6::parse(&datagram.payload, datagram.src, datagram.dst) {
            Ok(Message::EchoRequest { id, seq, data }) => {
                self.counters.echo_replies += 1;
                let reply = icmpv6::echo_reply(datagram.dst, datagram.src, id, seq, data);
                return self.reply(reply, now);
            }
            Ok(Message::Error(error)) => {
                return self.on_icmp_error(&error, datagram, packet, now);
            }
            Ok(Message::Discovery) => DropReason::Discovery,
            Ok(Message::Other) => DropReason::Icmp,
            Err(error) => DropReason::Malformed(error),
        };
        self.drop_packet(why, Some(datagram.src), now);
    }

    /// A mistake in the headers, of which the sender is told, within limits.
    pub(super) fn on_defect(
        &mut self,
        datagram: &Datagram,
        defect: Defect,
        why: DropReason,
        now: Instant,
    ) {
        if let Some(told) = icmpv6::parameter_problem(datagram, defect)
            && !icmpv6::is_error(datagram)
        {
            self.send_icmp_error(|| told, now);
        }
        self.drop_packet(why, Some(datagram.src), now);
    }

    /// Nobody here speaks the protocol: the sender is told (RFC 8200 4), within limits.
    pub(super) fn on_unknown_next_header(&mut self, datagram: &Datagram, now: Instant) {
        let has_nothing =
            etherparse::IpNumber(datagram.protocol) == etherparse::ip_number::IPV6_NO_NEXT_HEADER;
        if !has_nothing {
            self.send_icmp_error(|| icmpv6::unknown_next_header(datagram), now);
        }
        self.drop_packet(DropReason::UnknownProtocol, Some(datagram.src), now);
    }
}
