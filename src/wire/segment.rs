//! A TCP segment without ports and checksum: what the machine of one connection works on.

use std::fmt;

use bitflags::bitflags;

use super::ecn::Ecn;
use super::options::Options;
use super::payload::Payload;
use crate::seq::Seq;

bitflags! {
    /// The control bits (RFC 9293 3.1), and CWR and ECE (RFC 3168).
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
    pub struct Flags: u8 {
        /// No more data from the sender.
        const FIN = 0x01;
        /// Synchronize sequence numbers.
        const SYN = 0x02;
        /// Reset the connection.
        const RST = 0x04;
        /// Push: hand the data to the application without waiting for more.
        const PSH = 0x08;
        /// The acknowledgment field counts.
        const ACK = 0x10;
        /// The urgent pointer counts.
        const URG = 0x20;
        /// ECN-Echo.
        const ECE = 0x40;
        /// Congestion window reduced.
        const CWR = 0x80;
    }
}

/// The names joined with commas, SYN first as one reads them: `SYN,ACK`. No flag at all is `-`.
impl fmt::Display for Flags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const ORDER: [(Flags, &str); 8] = [
            (Flags::SYN, "SYN"),
            (Flags::FIN, "FIN"),
            (Flags::RST, "RST"),
            (Flags::PSH, "PSH"),
            (Flags::URG, "URG"),
            (Flags::ACK, "ACK"),
            (Flags::ECE, "ECE"),
            (Flags::CWR, "CWR"),
        ];
        if self.is_empty() {
            return f.pad("-");
        }
        let names: Vec<_> =
            ORDER.iter().filter(|(flag, _)| self.contains(*flag)).map(|(_, name)| *name).collect();
        f.pad(&names.join(","))
    }
}

/// One segment, in the RFC's terms (RFC 9293 3.3.1): `SEG.SEQ` is `seg.seq` and so on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Segment {
    /// SEG.SEQ: the number of the first octet, or of the SYN.
    pub seq: Seq,
    /// SEG.ACK: the next octet its sender expects. Means nothing without [`Flags::ACK`].
    pub ack: Seq,
    /// The control bits.
    pub flags: Flags,
    /// SEG.WND as it stands in the header: not scaled.
    pub wnd: u16,
    /// SEG.UP: the urgent pointer. Means nothing without [`Flags::URG`].
    pub up: u16,
    /// The options.
    pub options: Options,
    /// The data.
    pub payload: Payload,
    /// Octets of data in each segment that the device is to cut this one into; 0: it goes as it is.
    pub segment_size: u16,
    /// The ECN field of the IP header around it.
    pub ecn: Ecn,
}

impl Segment {
    /// Whether all of `flags` are set.
    #[must_use]
    pub const fn has(&self, flags: Flags) -> bool {
        self.flags.contains(flags)
    }

    /// SEG.LEN: the sequence numbers it takes up, SYN and FIN counted (RFC 9293 3.4).
    #[must_use]
    #[expect(clippy::cast_possible_truncation, reason = "an IP packet is shorter than 2^16")]
    pub fn len(&self) -> u32 {
        self.payload.len() as u32
            + u32::from(self.has(Flags::SYN))
            + u32::from(self.has(Flags::FIN))
    }

    /// Whether it takes up no sequence number: a bare ACK, a RST.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The number just after its last.
    #[must_use]
    pub fn end(&self) -> Seq {
        self.seq + self.len()
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    #[test]
    fn syn_and_fin_take_up_a_number_each() {
        let seg = Segment {
            seq: Seq(u32::MAX),
            flags: Flags::SYN | Flags::FIN,
            payload: Bytes::from_static(b"abc").into(),
            ..Segment::default()
        };
        assert_eq!(seg.len(), 5);
        assert_eq!(seg.end(), Seq(4));
    }

    #[test]
    fn flags_read_as_people_say_them() {
        assert_eq!((Flags::ACK | Flags::SYN).to_string(), "SYN,ACK");
        assert_eq!((Flags::FIN | Flags::PSH | Flags::ACK).to_string(), "FIN,PSH,ACK");
        assert_eq!(Flags::empty().to_string(), "-");
    }
}
