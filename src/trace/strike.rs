//! What a fault, made on purpose, did to a packet on its way between the stack and the link.

use std::net::SocketAddr;
use std::sync::Arc;

use super::segment::SegmentSummary;

/// Which way a packet went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Way {
    /// Sent by our stack.
    Tx,
    /// On its way to our stack.
    Rx,
}

impl Way {
    /// Its place in tables of two.
    #[must_use]
    pub const fn index(self) -> usize {
        match self {
            Way::Tx => 0,
            Way::Rx => 1,
        }
    }
}

/// What was done to a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Harm {
    /// It never arrives.
    Dropped,
    /// It arrives twice.
    Duplicated,
    /// It arrives later.
    Delayed,
    /// A bit of it was turned over, so that its checksum is wrong.
    Corrupted,
    /// Others overtake it.
    Reordered,
    /// Its end was cut off.
    Truncated,
}

impl Harm {
    /// Whether the packet still arrives whole, sooner or later.
    #[must_use]
    pub const fn spares(self) -> bool {
        match self {
            Harm::Duplicated | Harm::Delayed | Harm::Reordered => true,
            Harm::Dropped | Harm::Corrupted | Harm::Truncated => false,
        }
    }

    /// In a word, for people.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Harm::Dropped => "dropped",
            Harm::Duplicated => "duplicated",
            Harm::Delayed => "delayed",
            Harm::Corrupted => "corrupted",
            Harm::Reordered => "reordered",
            Harm::Truncated => "truncated",
        }
    }
}

/// One packet that a rule struck.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Strike {
    /// The rule, as it was written.
    #[serde(serialize_with = "text")]
    pub rule: Arc<str>,
    /// What it did.
    pub harm: Harm,
    /// Which way the packet went.
    pub way: Way,
    /// Our end; port zero where there are no ports, `None` when it is no IP packet we can read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub local: Option<SocketAddr>,
    /// The peer's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remote: Option<SocketAddr>,
    /// The header of the packet as it was before, if it is a TCP segment.
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    pub seg: Option<SegmentSummary>,
}

fn text<S: serde::Serializer>(text: &Arc<str>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(text)
}
