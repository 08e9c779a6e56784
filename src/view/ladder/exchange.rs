//! One connection as it is going to be drawn, whatever it is drawn with.

use std::borrow::Cow;

use super::record::Record;
use super::row::Row;
use crate::trace::ConnId;

/// The rows of one connection, and all that stands around them.
pub(super) struct Exchange<'a> {
    pub id: ConnId,
    pub record: Cow<'a, Record>,
    pub rows: Vec<Row>,
    pub peer: PeerColumn<'a>,
}

/// Whether the peer's state is shown, and how it is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PeerColumn<'a> {
    /// It is not shown.
    Absent,
    /// What was seen of it, and what packets tell.
    Reckoned,
    /// It told us itself; both ends have names.
    Told([&'a str; 2]),
}

impl Exchange<'_> {
    /// What the two ends are called.
    pub fn ends(&self) -> [&str; 2] {
        match self.peer {
            PeerColumn::Told(names) => names,
            PeerColumn::Absent | PeerColumn::Reckoned => super::telling::ends(&self.record),
        }
    }
}
