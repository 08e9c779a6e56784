//! What a rule says, and how it is written out. Reading one is in `parse`.

use std::fmt;
use std::time::Duration;

use crate::trace::{Harm, Way};
use crate::wire::Flags;

/// One rule: which packets, and what becomes of them. Made by parsing `DIR WHAT ACTION`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// Packets that go this way; `None` is both.
    pub way: Option<Way>,
    /// Which of them.
    pub what: What,
    /// What becomes of them.
    pub action: Action,
}

/// Which packets a rule is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// Each packet with this probability.
    Chance(Chance),
    /// Packets of a kind, by their place among those of the same kind, connection and direction.
    Named(Name, Ordinals),
}

/// A probability in millionths.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Chance(u32);

/// A kind of packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Name {
    /// A SYN without ACK: it opens.
    Syn,
    /// A SYN with ACK: it answers.
    SynAck,
    /// Any segment with FIN.
    Fin,
    /// Any segment with RST.
    Rst,
    /// A segment with payload.
    Data,
    /// An ACK and nothing else: no payload, no SYN, FIN or RST.
    Ack,
    /// An ICMP message.
    Icmp,
    /// Any IP packet.
    Any,
}

/// Places in a row, counted from one, both ends included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ordinals {
    first: u64,
    last: u64,
}

/// What becomes of a packet that a rule strikes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// It is lost.
    Drop,
    /// It arrives twice.
    Duplicate,
    /// It arrives so much later.
    Delay(Duration),
    /// One bit behind its IP header is turned over, so that the checksum is wrong.
    Corrupt,
    /// It waits until so many packets of its connection have overtaken it.
    Reorder(u32),
    /// It loses so many octets at its end; at least one is left.
    Truncate(u16),
}

impl Rule {
    /// Whether packets that go `way` are its concern.
    #[must_use]
    pub fn covers(&self, way: Way) -> bool {
        self.way.is_none_or(|only| only == way)
    }

    /// Whether a seed changes what it does.
    #[must_use]
    pub fn is_random(&self) -> bool {
        matches!(self.what, What::Chance(_)) || self.action == Action::Corrupt
    }
}

impl Chance {
    /// Never, or almost.
    pub const NEVER: Chance = Chance(0);
    /// Every time.
    pub const ALWAYS: Chance = Chance(Self::WHOLE);

    const WHOLE: u32 = 1_000_000;

    /// So many percent, 0 to 100, rounded to a millionth; `None` beyond.
    #[must_use]
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked before")]
    pub fn from_percent(percent: f64) -> Option<Chance> {
        (0.0..=100.0).contains(&percent).then(|| Chance((percent * 10_000.0).round() as u32))
    }

    /// Whether it comes to pass, for a number drawn evenly from all there are.
    #[must_use]
    pub const fn falls(self, drawn: u64) -> bool {
        // The high half of the product is below a million, evenly.
        ((drawn as u128 * Self::WHOLE as u128) >> 64) < self.0 as u128
    }
}

impl Name {
    /// Whether a segment with these flags and so many octets of payload is of this kind.
    #[must_use]
    pub const fn is_segment(self, flags: Flags, len: u32) -> bool {
        let control = flags.intersects(Flags::SYN.union(Flags::FIN).union(Flags::RST));
        match self {
            Name::Syn => flags.contains(Flags::SYN) && !flags.contains(Flags::ACK),
            Name::SynAck => flags.contains(Flags::SYN.union(Flags::ACK)),
            Name::Fin => flags.contains(Flags::FIN),
            Name::Rst => flags.contains(Flags::RST),
            Name::Data => len > 0,
            Name::Ack => flags.contains(Flags::ACK) && !control && len == 0,
            Name::Icmp => false,
            Name::Any => true,
        }
    }

    const fn text(self) -> &'static str {
        match self {
            Name::Syn => "SYN",
            Name::SynAck => "SYN,ACK",
            Name::Fin => "FIN",
            Name::Rst => "RST",
            Name::Data => "data",
            Name::Ack => "ack",
            Name::Icmp => "icmp",
            Name::Any => "any",
        }
    }
}

impl Ordinals {
    /// Every one.
    pub const ALL: Ordinals = Ordinals { first: 1, last: u64::MAX };

    /// From `first` to `last`; `None` when there is no such place.
    #[must_use]
    pub fn new(first: u64, last: u64) -> Option<Ordinals> {
        (1..=last).contains(&first).then_some(Ordinals { first, last })
    }

    /// Whether `place` is among them.
    #[must_use]
    pub const fn contains(self, place: u64) -> bool {
        self.first <= place && place <= self.last
    }
}

impl Action {
    /// What a packet suffers by it.
    #[must_use]
    pub const fn harm(self) -> Harm {
        match self {
            Action::Drop => Harm::Dropped,
            Action::Duplicate => Harm::Duplicated,
            Action::Delay(_) => Harm::Delayed,
            Action::Corrupt => Harm::Corrupted,
            Action::Reorder(_) => Harm::Reordered,
            Action::Truncate(_) => Harm::Truncated,
        }
    }
}

/// As it is written, in its shortest form.
impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let way = match self.way {
            Some(Way::Tx) => "tx",
            Some(Way::Rx) => "rx",
            None => "any",
        };
        write!(f, "{way} {} {}", self.what, self.action)
    }
}

impl fmt::Display for What {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            What::Chance(Chance(millionths)) => write!(f, "{}%", f64::from(*millionths) / 10_000.0),
            What::Named(name, Ordinals::ALL) => f.write_str(name.text()),
            What::Named(name, Ordinals { first, last }) => {
                write!(f, "{}#{first}", name.text())?;
                match *last {
                    u64::MAX => f.write_str("-"),
                    last if last == *first => Ok(()),
                    last => write!(f, "-{last}"),
                }
            }
        }
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Action::Drop => f.write_str("drop"),
            Action::Duplicate => f.write_str("dup"),
            Action::Delay(delay) => write!(f, "delay {delay:?}"),
            Action::Corrupt => f.write_str("corrupt"),
            Action::Reorder(1) => f.write_str("reorder"),
            Action::Reorder(packets) => write!(f, "reorder {packets}"),
            Action::Truncate(1) => f.write_str("truncate"),
            Action::Truncate(octets) => write!(f, "truncate {octets}"),
        }
    }
}
