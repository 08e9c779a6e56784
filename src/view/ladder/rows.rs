//! The rows of one ladder, folded while they come in: what is kept does not grow with the traffic.

use std::collections::VecDeque;

use super::row::{Fault, Fold, Row, SegmentRow};
use crate::tcp::State;

/// Of a run of plain segments, this many are kept at its beginning and at its end.
const EDGE: usize = 3;

/// [`Rows::new`] with this many folds nothing.
pub(super) const ALL: usize = usize::MAX;

/// How far back an arrow may be that a fault struck: the driver tells of it after a batch.
const RECENT: usize = 16;

/// The rows, in two steps. A run of plain segments keeps its edges and folds what lies between. What
/// is still too much (a bad wire breaks runs all the time) loses its middle: the first rows and the last
/// stay, the others become one.
#[derive(Clone, Debug)]
pub(super) struct Rows {
    /// The beginning; half of what may be kept.
    head: Vec<Row>,
    /// Between beginning and end.
    middle: Fold,
    /// The end; the other half.
    tail: VecDeque<Row>,
    /// The run of plain segments that goes on just now.
    run: Run,
    half: usize,
    /// Of a run of plain segments, this many are kept at its beginning and at its end.
    edge: usize,
}

impl Rows {
    /// At most `most` rows will be kept, and a few more for the run that goes on; of [`ALL`] each.
    pub fn new(most: usize) -> Self {
        Rows {
            head: Vec::new(),
            middle: Fold::new(State::Closed),
            tail: VecDeque::new(),
            run: Run::new(),
            half: (most / 2).max(1),
            edge: if most == ALL { ALL } else { EDGE },
        }
    }

    /// Adds a row at the end.
    pub fn push(&mut self, row: Row) {
        if row.is_plain() {
            if let Some(row) = self.run.push(row, self.edge) {
                self.keep(row);
            }
        } else {
            self.end_run();
            self.keep(row);
        }
    }

    /// Marks the newest of the last few arrows that `is_it` is true of with `fault`. Says whether there was
    /// one that has not been folded.
    pub fn strike(&mut self, is_it: impl Fn(&SegmentRow) -> bool, fault: &Fault) -> bool {
        let mark = |row: &mut Row| match row {
            Row::Segment(row) if is_it(row) => {
                row.fault = Some(fault.clone());
                true
            }
            Row::Segment(_) | Row::Moment(_) | Row::Folded(_) => false,
        };
        if self.run.last.iter_mut().rev().any(mark) {
            // It is no plain segment any more.
            self.end_run();
            return true;
        }
        self.head.iter_mut().chain(&mut self.tail).rev().take(RECENT).any(mark)
    }

    /// Puts the run that goes on behind the others.
    pub fn end_run(&mut self) {
        let Run { between, last, .. } = std::mem::replace(&mut self.run, Run::new());
        if !between.is_empty() {
            self.keep(Row::Folded(between));
        }
        for row in last {
            self.keep(row);
        }
    }

    /// The rows in order, without the run that goes on.
    pub fn iter(&self) -> impl Iterator<Item = Row> {
        let middle = (!self.middle.is_empty()).then_some(Row::Folded(self.middle));
        self.head.iter().cloned().chain(middle).chain(self.tail.iter().cloned())
    }

    /// How many rows are held.
    #[cfg(test)]
    pub fn held(&self) -> usize {
        self.head.len() + self.tail.len() + self.run.last.len()
    }

    fn keep(&mut self, row: Row) {
        if self.head.len() < self.half {
            self.head.push(row);
            return;
        }
        self.tail.push_back(row);
        if self.tail.len() > self.half
            && let Some(row) = self.tail.pop_front()
        {
            self.middle.take(&row);
        }
    }
}

/// A run of plain segments.
#[derive(Clone, Debug)]
struct Run {
    /// How many of its first have been passed on.
    begun: usize,
    between: Fold,
    /// Its last few.
    last: VecDeque<Row>,
}

impl Run {
    fn new() -> Self {
        Run { begun: 0, between: Fold::new(State::Closed), last: VecDeque::new() }
    }

    /// Adds a row; gives it back when it is one of the first, which are shown as they are.
    fn push(&mut self, row: Row, edge: usize) -> Option<Row> {
        if self.begun < edge {
            self.begun += 1;
            return Some(row);
        }
        self.last.push_back(row);
        // A fold takes a line itself, so that folding begins with two rows at once.
        let most = if self.between.is_empty() { edge + 1 } else { edge };
        if self.last.len() > most {
            for row in self.last.drain(..self.last.len() - edge) {
                self.between.take(&row);
            }
        }
        None
    }
}
