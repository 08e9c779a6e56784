//! Packets at the edge of a stack, whole: for those who look at packets and at what they did, together.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use serde::ser::SerializeStruct;

use super::strike::{Harm, Way};
use crate::wire::{Frame, Packet};

/// A packet passes the edge of a stack, or what lies between that and the link.
#[derive(Clone, Debug, PartialEq)]
pub enum Passage {
    /// It came. Events that say what a packet does are of this one, until the next comes.
    Arrives(Packet),
    /// The one that came last may be a sibling's: it comes there next, or here again.
    IsPutAside,
    /// It left. The segment that was last reported as sent is in it.
    Leaves(Frame),
    /// A device that has faults tells what became of one.
    Met(Fate),
}

/// What became of a packet where faults are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fate {
    /// Which way it went.
    pub way: Way,
    /// Its number among those that went this way, from 1: a copy has the number of the first.
    pub number: u64,
    /// The packet as it goes on, or as it was if it goes no further.
    pub octets: Bytes,
    /// The packet as it came.
    pub came: Bytes,
    /// The rule that struck it, as it was written, and what that did.
    pub struck: Option<(Arc<str>, Harm)>,
    /// How long it was held back.
    pub held: Duration,
}

impl Fate {
    /// Whether it goes on.
    #[must_use]
    pub fn arrives(&self) -> bool {
        !matches!(self.struck, Some((_, Harm::Dropped)))
    }
}

/// In short: an octet of a packet is for captures.
impl serde::Serialize for Passage {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (word, octets) = match self {
            Passage::Arrives(packet) => ("arrives", packet.octets.len()),
            Passage::IsPutAside => ("is-put-aside", 0),
            Passage::Leaves(frame) => ("leaves", frame.len()),
            Passage::Met(fate) => ("met-faults", fate.octets.len()),
        };
        let mut fields = serializer.serialize_struct("Passage", 2)?;
        fields.serialize_field("passage", word)?;
        fields.serialize_field("octets", &octets)?;
        fields.end()
    }
}
