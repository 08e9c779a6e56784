//! What arrived twice: the range that the next ACK reports in front of its SACK blocks (D-SACK, RFC
//! 2883), so that the sender finds out that it sent something again in vain.

use super::context::Context;
use super::tcb::Tcb;
use crate::seq::Seq;
use crate::wire::Segment;

/// A range `[left, right)` that is to be reported, once. Nothing while it is empty.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Duplicate {
    left: Seq,
    right: Seq,
}

impl Duplicate {
    /// Notes another range. One that goes on where the last ended makes it longer; else it takes its
    /// place, for the report belongs into the ACK of the segment that came twice.
    fn note(&mut self, (left, right): (Seq, Seq)) {
        if !self.is_due() || self.right != left {
            self.left = left;
        }
        self.right = right;
    }

    /// Whether there is anything to report.
    pub(super) fn is_due(&self) -> bool {
        self.left != self.right
    }

    /// What there is to report.
    pub(super) fn range(&self) -> Option<(Seq, Seq)> {
        self.is_due().then_some((self.left, self.right))
    }
}

impl Tcb {
    /// The first range of `seg`, as it came, that was here before: below RCV.NXT, or out of order. If
    /// there are several, one has to do (RFC 2883 4.2).
    pub(super) fn duplicate_in(&self, seg: &Segment) -> Option<(Seq, Seq)> {
        let (nxt, len) = (self.rcv.nxt, seg.len());
        let behind = nxt.since(seg.seq);
        if len == 0 {
            None
        } else if behind > 0 {
            // What lies before the stream's beginning was never here.
            let was_here = u64::from(behind) <= self.rcv.delivered + 1;
            was_here.then(|| (seg.seq, seg.end().min(nxt)))
        } else {
            let gap = seg.seq.since(nxt);
            let octets = seg.payload.len();
            let (skip, held) = self.rcv.queue.first_held(self.rcv.delivered, gap, octets)?;
            Some((seg.seq + skip, seg.seq + skip + held))
        }
    }

    /// Reports what [`Tcb::duplicate_in`] found, in an ACK that leaves at once (RFC 2883 4). Text beyond a
    /// gap draws that by itself.
    pub(super) fn report_duplicate(&mut self, found: Option<(Seq, Seq)>, cx: &Context<'_>) {
        if let Some(range) = found
            && self.negotiated.sack
            && cx.config.dsack
        {
            self.rcv.duplicate.note(range);
            self.acks.now |= range.0.lt(self.rcv.nxt);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_goes_on_is_one_report_and_anything_else_a_new_one() {
        let mut duplicate = Duplicate::default();
        assert_eq!(duplicate.range(), None);
        duplicate.note((Seq(u32::MAX), Seq(5)));
        duplicate.note((Seq(5), Seq(9)));
        assert_eq!(duplicate.range(), Some((Seq(u32::MAX), Seq(9))));
        duplicate.note((Seq(20), Seq(30)));
        assert_eq!(duplicate.range(), Some((Seq(20), Seq(30))));
    }
}
