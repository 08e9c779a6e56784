//! One transmission: what left, when, and what has become of it.

use crate::seq::Seq;
use crate::time::Instant;
use crate::trace::Retransmission;

/// One segment that is out, or several that left as one and that the device has cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::tcp) struct Sent {
    /// First sequence number.
    pub seq: Seq,
    /// The number after its last.
    pub end: Seq,
    /// It carries our SYN, at its beginning.
    pub syn: bool,
    /// It carries our FIN, at its end.
    pub fin: bool,
    /// It was pushed: its last octet is the last of a write.
    pub psh: bool,
    /// The peer has it, beyond a gap (RFC 2018).
    pub sacked: bool,
    /// Believed lost, for this reason, and not sent again yet.
    pub lost: Option<Retransmission>,
    /// How often it has left.
    pub times: u32,
    /// Octets of data in each of its segments on the wire, but for the last.
    pub segment_size: u32,
    /// When it left last.
    pub at: Instant,
    pub mark: Mark,
}

/// Where the connection stood when a segment left: rates of delivery and of loss are reckoned from there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::tcp) struct Mark {
    /// Octets delivered, and when the last of them were.
    pub delivered: u64,
    pub delivered_at: Instant,
    /// When the segment left that was the newest of those delivered.
    pub first_sent_at: Instant,
    /// Octets taken for lost.
    pub lost: u64,
    /// In flight, the segment itself included.
    pub in_flight: u32,
    /// The application had nothing more to send at a moment since which not all was delivered.
    pub app_limited: bool,
}

impl Sent {
    /// Sequence numbers.
    pub(in crate::tcp) fn len(&self) -> u32 {
        self.end - self.seq
    }

    /// Octets of data.
    pub(in crate::tcp) fn data(&self) -> u32 {
        self.len() - u32::from(self.fin) - u32::from(self.syn)
    }

    /// Segments on the wire.
    pub(in crate::tcp) fn segments(&self) -> u32 {
        self.len().div_ceil(self.segment_size.max(1)).max(1)
    }

    /// It has left more than once: an acknowledgment of it may be for either.
    pub(in crate::tcp) const fn was_sent_again(&self) -> bool {
        self.times > 1
    }

    /// Whether it left after a segment that left at `at` and ends with `end`: ties are broken by the place
    /// in the stream (RFC 8985 6.2, step 2).
    pub(in crate::tcp) fn left_after(&self, at: Instant, end: Seq) -> bool {
        self.at > at || (self.at == at && self.end.gt(end))
    }

    /// Still in the network, as far as is known.
    pub(in crate::tcp) const fn is_under_way(&self) -> bool {
        !self.sacked && self.lost.is_none()
    }
}

#[cfg(test)]
impl Sent {
    /// A segment of data that leaves at `at`, for tests to change.
    pub(in crate::tcp) fn sample(seq: u32, end: u32, at: Instant) -> Self {
        let mark = Mark {
            delivered: 0,
            delivered_at: at,
            first_sent_at: at,
            lost: 0,
            in_flight: end - seq,
            app_limited: false,
        };
        Sent {
            seq: Seq(seq),
            end: Seq(end),
            syn: false,
            fin: false,
            psh: false,
            sacked: false,
            lost: None,
            times: 1,
            segment_size: 100,
            at,
            mark,
        }
    }
}
