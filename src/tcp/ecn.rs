//! Explicit congestion notification (RFC 3168, as RFC 8311 has left it): what the SYNs agree on, the echo
//! of marks as a receiver, and what goes with data as a sender. How the congestion window answers is for
//! `congestion`.

use bitflags::bitflags;

use super::config::EcnMode;
use super::context::Context;
use super::tcb::Tcb;
use crate::seq::Seq;
use crate::trace::Retransmission;
use crate::wire::{Ecn, Flags, Segment};

bitflags! {
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
    struct Bits: u8 {
        /// Every SYN that we have sent has asked for it.
        const ASKED = 1;
        /// Both sides have said that they know it.
        const IN_USE = 1 << 1;
        /// A mark has come that the peer has not answered with CWR.
        const ECHO = 1 << 2;
        /// The window was reduced, and CWR has not said so yet.
        const REDUCED = 1 << 3;
        /// An echo was answered, for all that was out then.
        const ANSWERED = 1 << 4;
    }
}

/// What one connection knows of ECN.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct EcnState {
    bits: Bits,
    /// With `ANSWERED`: the end of what was out then.
    until: Seq,
}

impl EcnState {
    /// Whether both sides have agreed on it.
    pub(super) const fn is_in_use(self) -> bool {
        self.bits.contains(Bits::IN_USE)
    }

    /// What is known, as one octet, of a connection on which nothing is out.
    pub(super) fn octet(self) -> u8 {
        self.bits.difference(Bits::ANSWERED).bits()
    }

    pub(super) fn from_octet(octet: u8) -> Self {
        EcnState { bits: Bits::from_bits_truncate(octet), until: Seq::default() }
    }
}

/// Negotiation (RFC 3168 6.1.1).
impl Tcb {
    /// ECE and CWR as our SYN carries them, or our SYN,ACK. One that is sent again because nothing came
    /// goes without: there are paths on which those that ask are lost (6.1.1.1).
    pub(super) fn ecn_flags_of_syn(
        &mut self,
        is_answer: bool,
        why: Option<Retransmission>,
        mode: EcnMode,
    ) -> Flags {
        let bits = &mut self.ecn.bits;
        if is_answer {
            // CWR stays clear: some hosts send back whatever flags they were sent.
            return if bits.contains(Bits::IN_USE) { Flags::ECE } else { Flags::empty() };
        }
        let asks = mode == EcnMode::On && why.is_none();
        bits.set(Bits::ASKED, asks);
        if asks { Flags::ECE | Flags::CWR } else { Flags::empty() }
    }

    /// Takes what the peer's SYN or SYN,ACK says. To an answer that both flags are set in we have given
    /// the idea: it means nothing.
    pub(super) fn take_ecn_of_syn(&mut self, seg: &Segment, mode: EcnMode) {
        let theirs = seg.flags & (Flags::ECE | Flags::CWR);
        let setup = if seg.has(Flags::ACK) { Flags::ECE } else { Flags::ECE | Flags::CWR };
        // A SYN of ours that did not ask has declined, whatever was meant with it.
        let may = if self.snd.nxt == self.iss {
            mode != EcnMode::Off
        } else {
            self.ecn.bits.contains(Bits::ASKED)
        };
        self.ecn.bits.set(Bits::IN_USE, may && theirs == setup);
    }

    /// The peer's SYN, or its SYN,ACK, came again: one that does not ask any more takes back what was
    /// agreed on.
    pub(super) fn take_ecn_of_repeated_syn(&mut self, seg: &Segment) {
        if !seg.has(Flags::ECE) {
            self.ecn.bits.remove(Bits::IN_USE);
        }
    }
}

/// As a receiver (RFC 3168 6.1.3).
impl Tcb {
    /// Takes the mark of a data segment that was cut to the window, and the flag that says that an earlier
    /// one was answered. Either makes a difference to the peer's window, so it is told at once.
    pub(super) fn take_mark(&mut self, seg: &Segment) {
        if !self.ecn.is_in_use() || seg.payload.is_empty() {
            return;
        }
        let before = self.ecn.bits;
        if seg.has(Flags::CWR) {
            self.ecn.bits.remove(Bits::ECHO);
        }
        if seg.ecn == Ecn::Ce {
            self.ecn.bits.insert(Bits::ECHO);
        }
        self.acks.now |= self.ecn.bits != before;
    }
}

/// As a sender (RFC 3168 6.1.2).
impl Tcb {
    /// Whether an acknowledgment says that a packet of ours was marked.
    pub(super) fn take_ece(&self, seg: &Segment) -> bool {
        self.ecn.is_in_use() && seg.has(Flags::ACK | Flags::ECE) && !seg.has(Flags::SYN)
    }

    /// Echoes of marks on what came after the last answer are news. To be called with each acknowledgment:
    /// the number would seem to lie ahead again after 2 GiB.
    pub(super) fn forget_answered_marks(&mut self) {
        if self.ecn.bits.contains(Bits::ANSWERED) && self.snd.una.gt(self.ecn.until) {
            self.ecn.bits.remove(Bits::ANSWERED);
        }
    }

    /// Answers an echo as if a packet had been lost, but once for what is out: until the peer has seen our
    /// CWR, which goes with what comes after that, it repeats itself. While a loss is repaired the window
    /// has shrunk already. `octets` are those that this ACK acknowledges.
    pub(super) fn answer_echo(&mut self, octets: u32, cx: &mut Context<'_>) {
        let is_answered = self.ecn.bits.contains(Bits::ANSWERED);
        if !is_answered && self.recovery.episode.is_none() {
            self.slow_down_for_a_mark(octets, cx);
        }
    }

    /// The congestion window was reduced, for whatever reason: the next new data says so, and echoes of
    /// marks on what is out need no further answer.
    pub(super) fn window_was_reduced(&mut self) {
        if self.ecn.is_in_use() {
            self.ecn.bits.insert(Bits::REDUCED | Bits::ANSWERED);
            self.ecn.until = self.snd.nxt;
        }
    }

    /// What a segment with ACK that is no SYN says of ECN besides, in its flags and in its IP header.
    /// New data alone may be marked: of what is sent again, of probes and of what has no data, a mark
    /// would tell nobody, or would be told too late (6.1.4 to 6.1.6).
    pub(super) fn ecn_of_segment(&mut self, is_new_data: bool) -> (Flags, Ecn) {
        let bits = &mut self.ecn.bits;
        if !bits.contains(Bits::IN_USE) {
            return (Flags::empty(), Ecn::NotEct);
        }
        let mut flags = Flags::empty();
        flags.set(Flags::ECE, bits.contains(Bits::ECHO));
        if !is_new_data {
            return (flags, Ecn::NotEct);
        }
        flags.set(Flags::CWR, bits.contains(Bits::REDUCED));
        bits.remove(Bits::REDUCED);
        (flags, Ecn::Ect0)
    }
}
