//! Ladders of two ends that have each kept their own.

use std::borrow::Cow;

use super::exchange::Exchange;
use super::exchange::PeerColumn;
use super::record::Record;
use super::weave::weave;
use super::{Ladder, ends_of};
use crate::tcp::State;
use crate::trace::ConnId;

/// The two, and what they are called.
pub(super) struct BothEnds<'a> {
    pub left: &'a Ladder,
    pub right: &'a Ladder,
    pub names: [&'a str; 2],
    /// So many rows of a connection, give or take a few; more are folded.
    pub rows: usize,
}

impl<'a> BothEnds<'a> {
    /// Every connection, in the order in which it began.
    pub fn exchanges(&self) -> Vec<Exchange<'a>> {
        let mut pairs: Vec<(ConnId, Option<&Record>, Option<&Record>)> = Vec::new();
        for (id, right) in &self.right.records {
            let left = self.left.records.values().find(|left| left.is_other_end_of(right));
            pairs.push((*id, left, Some(right)));
        }
        for (id, left) in &self.left.records {
            if !self.right.records.values().any(|right| left.is_other_end_of(right)) {
                pairs.push((*id, Some(left), None));
            }
        }
        let began = |(_, left, right): &(ConnId, Option<&Record>, Option<&Record>)| {
            left.iter().chain(right).map(|record| record.began).min()
        };
        pairs.sort_by_key(began);
        let exchanges =
            pairs.into_iter().filter_map(|(id, left, right)| self.exchange(id, left, right));
        exchanges.collect()
    }

    fn exchange(
        &self,
        id: ConnId,
        left: Option<&Record>,
        right: Option<&Record>,
    ) -> Option<Exchange<'a>> {
        let mut record = match (left, right) {
            (_, Some(right)) => right.clone(),
            (Some(left), None) => self.unheard_of(left),
            (None, None) => return None,
        };
        if let Some(left) = left {
            record.began = record.began.min(left.began);
            record.last = record.last.max(left.last);
            if !record.ours.is_relative() {
                // It has not seen the SYNs, for it kept nothing before a cookie came back.
                record.ours.clone_from(&left.theirs);
                record.theirs.clone_from(&left.ours);
            }
        }
        let ours = (record.rows_of_ours(), record.initial);
        let theirs = match left {
            Some(left) => (left.rows_of_ours(), left.initial),
            None => (Vec::new(), State::Closed),
        };
        let rows = weave(ours, theirs, self.rows);
        let peer = PeerColumn::Told(self.names);
        Some(Exchange { id, record: Cow::Owned(record), rows, peer })
    }

    /// What the right would have on record of a connection of which nothing has reached it: what was lost on
    /// the way.
    fn unheard_of(&self, left: &Record) -> Record {
        let mut record = left.mirrored();
        let ends = record.ends.map(|(local, remote, _)| (Some(local), Some(remote)));
        let lost = self.right.strays.iter().filter(|stray| ends_of(stray) == ends);
        lost.for_each(|event| record.on_event(event));
        record
    }
}
