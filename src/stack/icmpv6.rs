//! What is told in ICMPv6 to senders of packets that cannot be taken.

use super::Stack;
use crate::time::Instant;
use crate::trace::DropReason;
use crate::wire::icmpv6;
use crate::wire::ip::{Datagram, Defect, DefectKind};

impl Stack {
    /// A mistake in the headers, of which the sender is told, within limits.
    pub(super) fn on_defect(
        &mut self,
        datagram: &Datagram,
        defect: Defect,
        why: DropReason,
        now: Instant,
    ) {
        if defect.kind != DefectKind::SilentOption && !icmpv6::is_error(datagram) {
            self.send_icmp_error(|| icmpv6::parameter_problem(datagram, defect), now);
        }
        self.drop_packet(why, Some(datagram.src), now);
    }

    /// Nobody here speaks the protocol: the sender is told (RFC 8200 4), within limits.
    pub(super) fn on_unknown_next_header(&mut self, datagram: &Datagram, now: Instant) {
        let has_nothing =
            etherparse::IpNumber(datagram.protocol) == etherparse::ip_number::IPV6_NO_NEXT_HEADER;
        if !has_nothing && !icmpv6::is_error(datagram) {
            self.send_icmp_error(|| icmpv6::unknown_next_header(datagram), now);
        }
        self.drop_packet(DropReason::UnknownProtocol, Some(datagram.src), now);
    }
}
