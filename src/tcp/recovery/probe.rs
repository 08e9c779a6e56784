//! The tail loss probe (RFC 8985 7): when the acknowledgment of the last segments is overdue, one segment
//! goes out to draw one, long before the retransmission timer would.

use crate::seq::Seq;

/// A loss probe that is out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(in crate::tcp) struct Probe {
    /// TLP.end_seq: SND.NXT when it left.
    pub end: Seq,
    /// TLP.is_retrans: it carried what had been sent before.
    pub again: bool,
}

/// What an acknowledgment says of a loss probe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::tcp) enum Verdict {
    /// Nothing yet.
    Open,
    /// It was not needed, or carried new data: nothing was lost.
    NothingLost,
    /// It has repaired a loss that nobody has noticed: congestion control has to be told.
    RepairedLoss,
}

/// An acknowledgment, as far as a probe cares.
#[derive(Clone, Copy, Debug)]
pub(in crate::tcp) struct ProbeAck {
    /// SEG.ACK.
    pub ack: Seq,
    /// The end of a range that arrived twice, if the peer says so.
    pub dsack_end: Option<Seq>,
    /// It repeats the last acknowledgment and has no SACK option.
    pub plain_duplicate: bool,
}

impl Probe {
    /// RFC 8985 7.4.2.
    pub(in crate::tcp) fn judge(&self, ack: &ProbeAck) -> Verdict {
        if ack.ack.lt(self.end) {
            Verdict::Open
        } else if !self.again || ack.dsack_end == Some(self.end) {
            Verdict::NothingLost
        } else if ack.ack.gt(self.end) {
            Verdict::RepairedLoss
        } else if ack.plain_duplicate {
            Verdict::NothingLost
        } else {
            Verdict::Open
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PROBE: Probe = Probe { end: Seq(1000), again: true };

    fn judged(probe: Probe, ack: u32, dsack_end: Option<u32>, plain_duplicate: bool) -> Verdict {
        let dsack_end = dsack_end.map(Seq);
        probe.judge(&ProbeAck { ack: Seq(ack), dsack_end, plain_duplicate })
    }

    #[test]
    fn an_ack_beyond_the_probe_without_a_sign_of_two_copies_tells_of_a_loss() {
        assert_eq!(judged(PROBE, 900, None, false), Verdict::Open);
        assert_eq!(judged(PROBE, 1000, None, false), Verdict::Open);
        assert_eq!(judged(PROBE, 1001, None, false), Verdict::RepairedLoss);
    }

    #[test]
    fn a_sign_of_two_copies_or_new_data_tells_of_none() {
        assert_eq!(judged(PROBE, 1000, Some(1000), false), Verdict::NothingLost);
        assert_eq!(judged(PROBE, 1000, Some(900), false), Verdict::Open);
        assert_eq!(judged(PROBE, 1000, None, true), Verdict::NothingLost);
        let fresh = Probe { again: false, ..PROBE };
        assert_eq!(judged(fresh, 1000, None, false), Verdict::NothingLost);
    }
}
