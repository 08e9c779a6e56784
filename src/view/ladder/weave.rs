//! Two records of one connection, one kept at each end, woven into the rows of one ladder: so both states are
//! exact, and what crosses on the way is seen to cross.

use std::cmp::Ordering;

use super::peer::PeerCell;
use super::row::{Direction, End, Leg, MomentRow, Row, SegmentRow};
use super::rows::{self, Rows};
use crate::seq::Seq;
use crate::tcp::State;
use crate::time::Instant;
use crate::wire::Flags;

/// The rows of both ends in order of time; `ours` is the end on the right. Plain segments are folded so that about
/// `most` rows are left.
pub(super) fn weave(
    (ours, initial): (Vec<Row>, State),
    (theirs, their_initial): (Vec<Row>, State),
    most: usize,
) -> Vec<Row> {
    // Who has heard of nothing has lost nothing.
    let knows = [!theirs.is_empty(), !ours.is_empty()];
    let mut strands = [Strand::new(theirs, End::Peers), Strand::new(ours, End::Ours)];
    let [theirs, ours] = &mut strands;
    theirs.meet(ours);
    ours.meet(theirs);
    theirs.find_answers();
    ours.find_answers();
    let mut weaver = Weaver { now: [their_initial, initial], knows, rows: Rows::new(most) };
    let [theirs, ours] = strands.map(Strand::without_told);
    let knots = merge(theirs.knots, ours.knots);
    let mut drawn = vec![false; knots.len()];
    for (index, knot) in knots.iter().enumerate() {
        if drawn[index] {
            continue;
        }
        match together(&knots, index, &drawn, most == rows::ALL) {
            Some(other) => {
                weaver.whole(knot, &knots[other]);
                drawn[other] = true;
            }
            None => weaver.half(knot),
        }
    }
    weaver.rows.end_run();
    weaver.rows.iter().collect()
}

/// Where the segment that leaves at `index` arrives, if both can be one row: nothing lies in between. Where
/// every row is kept (`patient`), the rest of its own burst may, and so may data and ACKs that change nothing, if
/// it is such itself: otherwise every segment of a burst would take two rows.
fn together(knots: &[Knot], index: usize, drawn: &[bool], patient: bool) -> Option<usize> {
    let knot = &knots[index];
    let met = knot.met.filter(|_| knot.leaves())?;
    let between = &knots[index + 1..];
    let arrives = between.iter().position(|far| far.place() == met)?;
    let mut between = between[..arrives].iter().zip(&drawn[index + 1..]);
    let other = index + 1 + arrives;
    let is_plain = knot.row.is_plain() && knots[other].row.is_plain();
    let may_wait = |far: &Knot| {
        let is_burst = far.end == knot.end && far.leaves();
        is_burst || (is_plain && far.row.is_plain())
    };
    let is_free = between.all(|(far, is_drawn)| *is_drawn || (patient && may_wait(far)));
    is_free.then_some(other)
}

/// What happened at one end, in order.
struct Strand {
    knots: Vec<Knot>,
}

/// One row of one end.
#[derive(Clone)]
struct Knot {
    end: End,
    index: usize,
    row: Row,
    at: Instant,
    /// The same segment at the other end: by that end's index, and when it was there.
    met: Option<(End, usize)>,
    met_at: Option<Instant>,
    /// It only says what a fault did, and that is said elsewhere now.
    is_told: bool,
    /// The other end has answered it, and has kept no record of that.
    is_answered: bool,
}

impl Strand {
    fn new(rows: Vec<Row>, end: End) -> Self {
        let mut at = Instant::ZERO;
        let knots = rows.into_iter().enumerate().map(|(index, row)| {
            at = row.at().unwrap_or(at);
            Knot {
                end,
                index,
                row,
                at,
                met: None,
                met_at: None,
                is_told: false,
                is_answered: false,
            }
        });
        Strand { knots: knots.collect() }
    }

    /// Finds SYNs that were answered by an end that remembers nothing of it: with a cookie (RFC 4987 3.6).
    fn find_answers(&mut self) {
        let comes_from_nowhere = |knot: &&Knot| knot.arrives() && knot.met.is_none();
        let answers = self.knots.iter().filter(comes_from_nowhere).filter_map(Knot::segment);
        let is_syn = |row: &&SegmentRow| row.flags.contains(Flags::SYN | Flags::ACK);
        let answered: Vec<Seq> = answers.filter(is_syn).map(|row| row.numbers.1).collect();
        for knot in self.knots.iter_mut().filter(|knot| knot.leaves() && knot.met.is_none()) {
            let end = knot.segment().filter(|row| !row.is_lost()).map(SegmentRow::end);
            knot.is_answered = end.is_some_and(|end| answered.contains(&end));
        }
    }

    fn without_told(mut self) -> Self {
        self.knots.retain(|knot| !knot.is_told);
        self
    }

    /// Finds for each segment that leaves here where it arrives at the other end, and what struck it before.
    /// What was held back on its way comes last: its repetition may have overtaken it.
    fn meet(&mut self, other: &mut Strand) {
        for knot in self.knots.iter_mut().filter(|knot| knot.leaves()) {
            let is_it = |far: &&mut Knot| !far.is_told && far.at >= knot.at && is_same(knot, far);
            if let Some(beside) = other.knots.iter_mut().filter(is_it).find(|far| far.is_beside()) {
                beside.is_told = true;
                let fault = beside.segment().and_then(|row| row.fault.clone());
                if let Row::Segment(row) = &mut knot.row {
                    row.fault = fault;
                }
            }
        }
        for is_struck in [false, true] {
            let travels = |knot: &&mut Knot| {
                let row = knot.segment().filter(|row| row.direction == Direction::Out);
                row.is_some_and(|row| !row.is_lost() && row.fault.is_some() == is_struck)
            };
            self.knots
                .iter_mut()
                .filter(travels)
                .for_each(|knot| knot.meet_one_of(&mut other.knots));
        }
    }
}

impl Knot {
    fn meet_one_of(&mut self, others: &mut [Knot]) {
        let arrives = |far: &&mut Knot| far.met.is_none() && far.arrives() && far.at >= self.at;
        let mut same = others.iter_mut().filter(arrives).filter(|far| is_same(self, far));
        if let Some(far) = same.next() {
            (self.met, self.met_at) = (Some(far.place()), Some(far.at));
            (far.met, far.met_at) = (Some(self.place()), Some(self.at));
            share_numbers(&mut self.row, &mut far.row);
        }
    }

    fn place(&self) -> (End, usize) {
        (self.end, self.index)
    }

    fn segment(&self) -> Option<&SegmentRow> {
        match &self.row {
            Row::Segment(row) => Some(row),
            Row::Moment(_) | Row::Folded(_) => None,
        }
    }

    /// Whether it arrives here in any case, if not now: so it is no arrival yet.
    fn is_beside(&self) -> bool {
        self.segment().is_some_and(|row| row.is_beside() && !row.is_lost())
    }

    fn leaves(&self) -> bool {
        self.segment().is_some_and(|row| row.direction == Direction::Out)
    }

    fn arrives(&self) -> bool {
        let comes_in = self.segment().is_some_and(|row| row.direction == Direction::In);
        comes_in && !self.is_told && !self.is_beside()
    }
}

fn is_same(one: &Knot, other: &Knot) -> bool {
    let parts = |knot: &Knot| knot.segment().map(|row| (row.flags, row.numbers, row.len));
    parts(one) == parts(other)
}

/// Who has missed the SYNs shows absolute numbers: both show those of the other, if that has seen them.
fn share_numbers(one: &mut Row, other: &mut Row) {
    let (Row::Segment(one), Row::Segment(other)) = (one, other) else { return };
    let is_absolute = |row: &SegmentRow| row.seq == i64::from(row.numbers.0.0);
    match (is_absolute(one), is_absolute(other)) {
        (true, false) => (one.seq, one.ack) = (other.seq, other.ack),
        (false, true) => (other.seq, other.ack) = (one.seq, one.ack),
        (true, true) | (false, false) => {}
    }
}

/// Both in order of time. At one moment what leaves goes before what arrives, and the left before the right.
fn merge(theirs: Vec<Knot>, ours: Vec<Knot>) -> Vec<Knot> {
    let mut merged = Vec::with_capacity(theirs.len() + ours.len());
    let (mut theirs, mut ours) = (theirs.into_iter().peekable(), ours.into_iter().peekable());
    loop {
        let next = match (theirs.peek(), ours.peek()) {
            (Some(left), Some(right)) => match left.at.cmp(&right.at) {
                Ordering::Less => theirs.next(),
                Ordering::Greater => ours.next(),
                Ordering::Equal if left.arrives() && !right.arrives() => ours.next(),
                Ordering::Equal => theirs.next(),
            },
            (Some(_), None) => theirs.next(),
            (None, _) => ours.next(),
        };
        match next {
            Some(knot) => merged.push(knot),
            None => return merged,
        }
    }
}

struct Weaver {
    /// The states of the peer and of ours.
    now: [State; 2],
    /// Whether there is anything on record, in the same order.
    knows: [bool; 2],
    rows: Rows,
}

impl Weaver {
    /// A segment that leaves and arrives with nothing in between.
    fn whole(&mut self, leaving: &Knot, arriving: &Knot) {
        let (Some(left), Some(arrived)) = (leaving.segment(), arriving.segment()) else { return };
        let mut row = self.segment(leaving.end, left, Leg::Whole);
        row.dropped = arrived.dropped;
        row.arrived = Some(arriving.at);
        row.fault = left.fault.clone().or(arrived.fault.clone());
        self.enter(arriving.end, arrived, &mut row);
        self.rows.push(Row::Segment(row));
    }

    /// Something at one end alone.
    fn half(&mut self, knot: &Knot) {
        match &knot.row {
            Row::Segment(row) => {
                let leg = match (knot.leaves(), knot.met_at) {
                    (true, Some(_)) => Leg::Leaves,
                    (true, None) if row.is_lost() || !self.other_knows(knot.end) => Leg::Whole,
                    (true, None) if row.fault.is_some() => Leg::Leaves,
                    (true, None) if knot.is_answered => Leg::Whole,
                    (true, None) => Leg::Lost,
                    (false, Some(left)) => Leg::Arrives(left),
                    (false, None) => Leg::Whole,
                };
                let mut row = self.segment(knot.end, row, leg);
                row.arrived = knot.met_at.filter(|_| leg == Leg::Leaves);
                self.rows.push(Row::Segment(row));
            }
            Row::Moment(row) => self.moment(knot.end, row),
            Row::Folded(fold) => self.rows.push(Row::Folded(*fold)),
        }
    }

    fn other_knows(&self, end: End) -> bool {
        let [theirs, ours] = self.knows;
        match end {
            End::Ours => theirs,
            End::Peers => ours,
        }
    }

    fn moment(&mut self, end: End, row: &MomentRow) {
        let [state, ours] = self.now;
        let mut peer = PeerCell { state: Some(state), seen: true, ..PeerCell::default() };
        let is_change = row.what.is_change();
        let ours = match end {
            End::Ours => row.state,
            End::Peers => {
                peer.entered.extend(is_change.then_some(row.state));
                peer.sections.extend(row.section);
                ours
            }
        };
        self.now = [peer.entered.last().copied().unwrap_or(state), ours];
        self.rows.push(Row::Moment(MomentRow {
            at: row.at,
            end,
            what: row.what,
            state: ours,
            section: row.section.filter(|_| end == End::Ours),
            peer,
        }));
    }

    /// `row` of `end`, as the ladder has it, with what it did there and nothing of the other end.
    fn segment(&mut self, end: End, row: &SegmentRow, leg: Leg) -> SegmentRow {
        let [theirs, ours] = self.now;
        let peer = PeerCell { state: Some(theirs), seen: true, ..PeerCell::default() };
        let direction = match (end, row.direction) {
            (End::Ours, direction) => direction,
            (End::Peers, Direction::In) => Direction::Out,
            (End::Peers, Direction::Out) => Direction::In,
        };
        let mut woven = SegmentRow {
            direction,
            leg,
            peer,
            state: ours,
            entered: Vec::new(),
            sections: Vec::new(),
            ..row.clone()
        };
        self.enter(end, row, &mut woven);
        woven
    }

    /// Adds to `woven` what the segment did at `end`.
    fn enter(&mut self, end: End, row: &SegmentRow, woven: &mut SegmentRow) {
        let after = row.entered.last().copied().unwrap_or(row.state);
        match end {
            End::Peers => {
                woven.peer.entered.clone_from(&row.entered);
                woven.peer.sections.clone_from(&row.sections);
                self.now[0] = after;
            }
            End::Ours => {
                woven.entered.clone_from(&row.entered);
                woven.sections.clone_from(&row.sections);
                self.now[1] = after;
            }
        }
    }
}
