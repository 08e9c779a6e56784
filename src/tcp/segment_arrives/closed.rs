//! SEGMENT ARRIVES in CLOSED, or for no connection at all (RFC 9293 3.10.7.1).

use crate::seq::Seq;
use crate::wire::{Flags, Segment};

/// The RST that answers `seg`; none answers a RST. The same for every segment that finds neither a
/// connection nor a listener.
#[must_use]
pub fn closed(seg: &Segment) -> Option<Segment> {
    if seg.has(Flags::RST) {
        return None;
    }
    Some(if seg.has(Flags::ACK) {
        Segment { seq: seg.ack, flags: Flags::RST, ..Segment::default() }
    } else {
        Segment {
            seq: Seq(0),
            ack: seg.end(),
            flags: Flags::RST | Flags::ACK,
            ..Segment::default()
        }
    })
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    #[test]
    fn the_answer_is_acceptable_to_the_sender() {
        let data = Segment {
            seq: Seq(u32::MAX),
            flags: Flags::SYN,
            payload: Bytes::from_static(b"ab").into(),
            ..Segment::default()
        };
        let rst = closed(&data).expect("a SYN is answered");
        assert_eq!((rst.seq, rst.ack, rst.flags), (Seq(0), Seq(2), Flags::RST | Flags::ACK));

        let ack = Segment { ack: Seq(77), flags: Flags::ACK, ..data.clone() };
        let rst = closed(&ack).expect("an ACK is answered");
        assert_eq!((rst.seq, rst.flags), (Seq(77), Flags::RST));

        assert_eq!(closed(&Segment { flags: Flags::RST, ..data }), None);
    }
}
