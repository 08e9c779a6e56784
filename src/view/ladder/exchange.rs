//! One connection as it is going to be drawn, whatever it is drawn with.

use std::borrow::Cow;

use super::record::Record;
use super::render::PeerColumn;
use super::row::Row;
use crate::trace::ConnId;

/// The rows of one connection, and all that stands around them.
pub(super) struct Exchange<'a> {
    pub id: ConnId,
    pub record: Cow<'a, Record>,
    pub rows: Vec<Row>,
    pub peer: PeerColumn<'a>,
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
