//! Fragments, both ways: what comes of those that arrive ([`super::reassembly`] keeps them), and answers that
//! are longer than the link carries.

use std::net::IpAddr;

use super::Stack;
use super::reassembly::Outcome;
use crate::time::Instant;
use crate::trace::DropReason;
use crate::wire::fragment::cut;
use crate::wire::ip::{Datagram, Fragment};
use crate::wire::{Frame, Packet, icmpv4, icmpv6, ip};

impl Stack {
    /// A part of a packet for us.
    pub(super) fn on_fragment(&mut self, datagram: &Datagram, fragment: Fragment, now: Instant) {
        let outcome = self.reassembly.on_fragment(datagram, fragment, now);
        for from in self.reassembly.take_evicted() {
            self.drop_packet(DropReason::FragmentsFull, Some(from), now);
        }
        match outcome {
            Outcome::Waiting => {}
            Outcome::Whole(octets) => self.on_whole(&octets.into(), now),
            Outcome::Dropped(why, Some(defect)) => self.on_defect(datagram, defect, why, now),
            Outcome::Dropped(why, None) => self.drop_packet(why, Some(datagram.src), now),
        }
    }

    /// A packet that came in parts. Nobody has vouched for what it carries.
    fn on_whole(&mut self, packet: &Packet, now: Instant) {
        match ip::parse(&packet.octets) {
            // Nobody cuts what is cut already; whoever does wants us to be busy.
            Ok(datagram) if datagram.fragment.is_some() => {
                self.drop_packet(DropReason::Fragment, Some(datagram.src), now);
            }
            Ok(datagram) => self.on_datagram(&datagram, packet, now),
            Err(error) => self.drop_packet(DropReason::Malformed(error), None, now),
        }
    }

    /// Gives up the packets whose fragments did not all come in time. Who sent the first is told (RFC 792,
    /// RFC 4443 3.3), within limits.
    pub(super) fn expire_fragments(&mut self, now: Instant) {
        while let Some((from, first)) = self.reassembly.expire(now) {
            match (first, from) {
                (Some(first), IpAddr::V4(_)) if !icmpv4::is_error(&first) => {
                    self.send_icmp_error(|| icmpv4::reassembly_time_exceeded(&first), now);
                }
                (Some(first), IpAddr::V6(_)) if !icmpv6::is_error(&first) => {
                    self.send_icmp_error(|| icmpv6::reassembly_time_exceeded(&first), now);
                }
                (Some(_) | None, IpAddr::V4(_) | IpAddr::V6(_)) => {}
            }
            self.drop_packet(DropReason::FragmentTimeout, Some(from), now);
        }
    }

    /// An answer, in as many parts as the link needs. Only an echo is ever too long.
    pub(super) fn in_parts(&mut self, frame: Frame) -> Vec<Frame> {
        self.cut += 1;
        let id = self.secret.fragment_id(self.cut);
        cut(frame, self.config.mtu, id)
    }
}
