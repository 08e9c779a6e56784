//! Sequence numbers as a ladder shows them: counted from each side's SYN, and not modulo 2^32.

use crate::seq::Seq;
use crate::trace::SegmentSummary;
use crate::wire::Flags;

/// What is known of one side's numbers, and what it has sent so far.
#[derive(Clone, Debug, Default)]
pub(super) struct Side {
    /// Its initial sequence number, from its SYN; `None` when the SYN was not seen.
    isn: Option<Seq>,
    /// The highest place that its segments have reached, in relative numbers; `None` before the first.
    reached: Option<i64>,
    /// The window scale that its SYN offered.
    offered_scale: Option<u8>,
    /// Octets of payload, each counted once however often it was sent.
    pub octets: u64,
}

impl Side {
    /// Whether its SYN was seen, so that [`Side::shown`] is relative.
    pub fn is_relative(&self) -> bool {
        self.isn.is_some()
    }

    /// Takes the SYN of `seg` for the beginning of this side's numbers.
    pub fn begin(&mut self, seg: &SegmentSummary) {
        self.isn = Some(seg.seq);
        self.reached = Some(0);
        self.offered_scale = seg.options.window_scale;
    }

    /// The number as people read it: relative to the SYN; as it stood in the header when there was none.
    pub fn shown(&self, seq: Seq) -> i64 {
        match self.isn {
            Some(_) => self.place(seq),
            None => i64::from(seq.0),
        }
    }

    /// Counts a segment of this side that was not dropped. A hole before it counts as filled: it will be,
    /// or nothing after it is of use.
    pub fn advance(&mut self, seg: &SegmentSummary) {
        let is_syn = seg.flags.contains(Flags::SYN);
        let first = self.place(seg.seq) + i64::from(is_syn);
        let data_end = first + i64::from(seg.len);
        let reached = self.reached.unwrap_or(first);
        let counted = if is_syn { reached.max(first) } else { reached };
        self.octets += u64::try_from(data_end - counted).unwrap_or(0);
        let end = data_end + i64::from(seg.flags.contains(Flags::FIN));
        self.reached = Some(reached.max(end));
    }

    /// The window of a segment that this side sent, in octets: scaled when both sides agreed to it
    /// (RFC 7323 2.2), which SYNs never are.
    pub fn window(&self, seg: &SegmentSummary, other: &Side) -> u32 {
        let wnd = u32::from(seg.wnd);
        match (self.offered_scale, other.offered_scale) {
            (Some(shift), Some(_)) if !seg.flags.contains(Flags::SYN) => wnd << shift.min(14),
            (Some(_) | None, _) => wnd,
        }
    }

    /// The place nearest to `reached` that has this number modulo 2^32.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "arithmetic modulo 2^32 is what is wanted"
    )]
    fn place(&self, seq: Seq) -> i64 {
        let number = seq - self.isn.unwrap_or_default();
        let reached = self.reached.unwrap_or(i64::from(number));
        reached + i64::from(number.wrapping_sub(reached as u32).cast_signed())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::{Ecn, Options};

    fn segment(seq: u32, flags: Flags, len: u32) -> SegmentSummary {
        let options = Options::default();
        SegmentSummary {
            seq: Seq(seq),
            ack: Seq(0),
            flags,
            wnd: 1000,
            len,
            segment_size: 0,
            ecn: Ecn::NotEct,
            options,
        }
    }

    #[test]
    fn places_go_on_beyond_four_gigabytes() {
        let mut side = Side::default();
        let isn = u32::MAX - 10;
        side.begin(&segment(isn, Flags::SYN, 0));
        side.advance(&segment(isn, Flags::SYN, 0));
        let mut at = isn.wrapping_add(1);
        for _ in 0..10_000 {
            side.advance(&segment(at, Flags::ACK, 1_000_000));
            at = at.wrapping_add(1_000_000);
        }
        assert_eq!(side.shown(Seq(at)), 10_000_000_001);
        assert_eq!(side.octets, 10_000_000_000);
    }

    #[test]
    fn what_fills_a_hole_was_counted_before() {
        let mut side = Side::default();
        side.begin(&segment(0, Flags::SYN, 0));
        for (seq, flags, len) in
            [(0, Flags::SYN, 0), (101, Flags::ACK, 100), (1, Flags::ACK, 100), (201, Flags::ACK, 5)]
        {
            side.advance(&segment(seq, flags, len));
        }
        assert_eq!(side.octets, 205);
    }

    #[test]
    fn what_is_sent_twice_counts_once() {
        let mut side = Side::default();
        side.begin(&segment(0, Flags::SYN, 0));
        for (seq, flags, len) in
            [(0, Flags::SYN, 0), (1, Flags::ACK, 100), (51, Flags::ACK, 100), (1, Flags::ACK, 30)]
        {
            side.advance(&segment(seq, flags, len));
        }
        side.advance(&segment(151, Flags::FIN, 0));
        assert_eq!(side.octets, 150);
        assert_eq!(side.shown(Seq(152)), 152);
        assert_eq!(side.shown(Seq(u32::MAX)), -1);
    }

    #[test]
    fn without_a_syn_numbers_stay_as_they_are() {
        let mut side = Side::default();
        side.advance(&segment(4_000_000_000, Flags::ACK, 100));
        assert_eq!(side.shown(Seq(4_000_000_100)), 4_000_000_100);
        assert_eq!(side.octets, 100);
    }

    #[test]
    fn windows_are_scaled_when_both_sides_offered_it() {
        let mut ours = Side::default();
        let mut theirs = Side::default();
        let mut syn = segment(0, Flags::SYN, 0);
        syn.options.window_scale = Some(7);
        ours.begin(&syn);
        let later = segment(1, Flags::ACK, 0);
        assert_eq!(ours.window(&later, &theirs), 1_000);
        theirs.begin(&syn);
        assert_eq!(ours.window(&later, &theirs), 128_000);
        assert_eq!(ours.window(&syn, &theirs), 1_000);
    }
}
