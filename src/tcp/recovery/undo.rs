//! Repairs that turn out to have been needless, and what it takes to notice: the timestamp of an
//! acknowledgment (Eifel, RFC 3522), the peer's word that everything arrived twice (DSACK, RFC 3708), or
//! the order in which acknowledgments come after a timeout (F-RTO, RFC 5682).

use super::FAR;
use super::delivery::Echo;
use crate::seq::Seq;
use crate::tcp::congestion::Control;
use crate::time::Instant;

/// How to go back to what was before a loss was suspected.
#[derive(Clone, Debug)]
pub(in crate::tcp) struct Undo {
    /// Congestion control as it was.
    pub before: Control,
    /// Only what lies from here on was sent again since.
    una: Seq,
    /// When the first segment was sent again, and where it ends; none until one is.
    first_again: Option<(Instant, Seq)>,
    /// Only what lies before this was sent again.
    end: Seq,
    /// Nothing that was sent again before is out: what timestamps tell is about this repair.
    is_first: bool,
    /// Octets that were sent again and have not been reported as needless.
    again: u32,
}

impl Undo {
    pub(in crate::tcp) fn new(before: Control, una: Seq, is_first: bool) -> Self {
        Undo { before, una, first_again: None, end: una, is_first, again: 0 }
    }

    /// Nothing has been sent again for it yet, nor for the repair before it: what is heard now is of the
    /// first copies.
    pub(in crate::tcp) const fn is_untouched(&self) -> bool {
        self.is_first && self.first_again.is_none()
    }

    /// `octets` that end with `end` are sent again.
    pub(in crate::tcp) fn on_sent_again(&mut self, octets: u32, end: Seq, now: Instant) {
        self.first_again.get_or_insert((now, end));
        self.end = self.end.max(end);
        self.again = self.again.saturating_add(octets);
    }

    /// When the first segment was sent again, if it was.
    pub(in crate::tcp) fn again_at(&self) -> Option<Instant> {
        self.first_again.map(|(at, _)| at)
    }

    /// Nothing that is heard with SND.UNA at `una` can be about this repair any more.
    pub(in crate::tcp) fn is_past(&self, una: Seq) -> bool {
        una.since(self.end) > FAR
    }

    /// The peer has received a range twice. Says whether that goes for all that was sent again.
    pub(in crate::tcp) fn on_twice(&mut self, left: Seq, right: Seq) -> bool {
        if self.first_again.is_none() || left.lt(self.una) || right.gt(self.end) {
            return false;
        }
        self.again = self.again.saturating_sub(right.since(left));
        self.again == 0
    }

    /// Whether the ACK that moves SND.UNA from `old` to `una` says that the first segment had arrived before
    /// it was sent again: the peer echoes a timestamp that is older (RFC 3522 3.2).
    pub(in crate::tcp) fn is_contradicted_by(
        &self,
        echo: Option<Echo>,
        (old, una): (Seq, Seq),
        now: Instant,
    ) -> bool {
        match (echo, self.first_again) {
            (Some(echo), Some((at, end))) => {
                let acknowledges_it = old.lt(end) && una.ge(end);
                self.is_first && acknowledges_it && echo.is_before(at, now)
            }
            (None, Some(_)) | (Some(_) | None, None) => false,
        }
    }
}

/// F-RTO (RFC 5682): what the first acknowledgments after a timeout say of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(in crate::tcp) enum Frto {
    /// The first segment was sent again, nothing has been heard (step 1).
    Begun,
    /// The next ACK has acknowledged something: new data goes out instead of old (step 2b).
    Probing,
    /// The timeout was right, or nobody can tell (steps 2a and 3a).
    Over,
}

/// What F-RTO makes of an acknowledgment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::tcp) enum Spurious {
    Yes,
    No,
    /// Not yet: send what was never sent, and see.
    AskWithNewData,
    Unknown,
}

/// An acknowledgment, as far as F-RTO cares.
#[derive(Clone, Copy, Debug)]
pub(in crate::tcp) struct FrtoAck {
    /// SND.UNA has moved.
    pub advances: bool,
    /// To the end of what was out at the timeout, or beyond.
    pub covers_all: bool,
    /// SACK is in use (the variant of RFC 5682 3.1).
    pub sack: bool,
    /// Something is newly delivered that was marked lost and has not been sent again.
    pub was_not_lost: bool,
    /// It has blocks that tell of something new, or repeats the last ACK.
    pub disorder: bool,
    /// There is data that was never sent, and the peer's window takes it.
    pub has_new_data: bool,
}

impl Frto {
    pub(in crate::tcp) fn on_ack(&mut self, ack: &FrtoAck) -> Spurious {
        if *self != Frto::Over && ack.sack && ack.was_not_lost && !ack.covers_all {
            return self.end(Spurious::Yes);
        }
        match *self {
            Frto::Begun if ack.advances && !ack.covers_all && ack.has_new_data => {
                *self = Frto::Probing;
                Spurious::AskWithNewData
            }
            Frto::Begun if ack.advances || ack.disorder => self.end(Spurious::No),
            Frto::Begun => Spurious::Unknown,
            Frto::Probing if !ack.sack && ack.advances => self.end(Spurious::Yes),
            Frto::Probing if ack.disorder || ack.advances => self.end(Spurious::No),
            Frto::Probing => Spurious::Unknown,
            Frto::Over => Spurious::Unknown,
        }
    }

    fn end(&mut self, verdict: Spurious) -> Spurious {
        *self = Frto::Over;
        verdict
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tcp::congestion::Algorithm;

    fn undo() -> Undo {
        let mut undo = Undo::new(Control::new(Algorithm::NewReno, 10, 1000), Seq(1000), true);
        assert!(!undo.on_twice(Seq(1000), Seq(2000)), "nothing was sent again");
        undo.on_sent_again(1000, Seq(2000), Instant::ZERO);
        undo.on_sent_again(1000, Seq(4000), Instant::ZERO);
        undo
    }

    #[test]
    fn a_repair_was_needless_once_all_of_it_arrived_twice() {
        let mut undo = undo();
        assert!(!undo.on_twice(Seq(1000), Seq(2000)));
        assert!(undo.on_twice(Seq(3000), Seq(4000)));
    }

    #[test]
    fn what_was_not_sent_again_says_nothing_of_a_repair() {
        let mut undo = undo();
        assert!(!undo.on_twice(Seq(1000), Seq(2000)));
        assert!(!undo.on_twice(Seq(0), Seq(1000)), "before it");
        assert!(!undo.on_twice(Seq(4000), Seq(5000)), "behind it");
        assert!(undo.on_twice(Seq(3000), Seq(4000)));
    }

    #[test]
    fn a_repair_is_past_when_no_report_of_it_would_be_believed() {
        let undo = undo();
        assert!(!undo.is_past(Seq(1000)) && !undo.is_past(Seq(4000) + FAR));
        assert!(undo.is_past(Seq(4001) + FAR));
    }
}
