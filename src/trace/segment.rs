//! What events tell of a segment: its header, and why it was sent again.

use crate::seq::Seq;
use crate::wire::{Ecn, Flags, Options};

/// The header of one segment, absolute numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
pub struct SegmentSummary {
    /// SEG.SEQ.
    pub seq: Seq,
    /// SEG.ACK; zero without the ACK flag.
    pub ack: Seq,
    /// The control bits.
    #[serde(serialize_with = "flags")]
    pub flags: Flags,
    /// The window field as it stood in the header, not scaled.
    pub wnd: u16,
    /// Octets of payload.
    pub len: u32,
    /// With offload: octets of data in each of the segments that this one is cut into, or was put
    /// together from; 0 for a segment as it is on the wire.
    #[serde(skip_serializing_if = "is_zero")]
    pub segment_size: u16,
    /// The ECN field of the IP header.
    #[serde(skip_serializing_if = "may_not_be_marked")]
    pub ecn: Ecn,
    /// The options.
    pub options: Options,
}

impl SegmentSummary {
    /// How many segments it is on the wire.
    #[must_use]
    pub fn segments(&self) -> u32 {
        match self.segment_size {
            0 => 1,
            size => self.len.div_ceil(size.into()).max(1),
        }
    }
}

/// Why a segment was sent again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Retransmission {
    /// The retransmission timer ran out (RFC 6298).
    Timeout,
    /// A loss was noticed: by time, by what the peer has beyond it, or by duplicate ACKs (RFC 8985, RFC 6675,
    /// RFC 5681).
    Fast,
    /// The acknowledgment of the last segments is overdue: this is to draw it (RFC 8985 7).
    LossProbe,
    /// A probe into a closed window (RFC 9293 3.8.6.1).
    Probe,
    /// The peer's SYN came, or came again: ours goes with its acknowledgment (RFC 9293 3.5).
    Handshake,
    /// It was too large for the path, an ICMP error says: it goes in smaller segments (RFC 1191 6.4).
    TooBig,
    /// It was sent larger than what is known to pass, and did not arrive: it goes as usual (RFC 4821).
    MtuProbe,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands fields over by reference")]
fn is_zero(size: &u16) -> bool {
    *size == 0
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands fields over by reference")]
fn may_not_be_marked(ecn: &Ecn) -> bool {
    !ecn.is_capable()
}

fn flags<S: serde::Serializer>(flags: &Flags, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(flags)
}
