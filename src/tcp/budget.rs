//! What all connections of a stack together may hold: beyond gaps, and in the queues of what was written and
//! what has come. A peer decides what it sends out of order and for how long the gap stays, what it takes and
//! how fast; so a bound for each connection is not enough where there are many.

/// What a piece costs besides its octets: its place in the list, its allocation.
pub(super) const PIECE: usize = 64;
/// A queue may always be as long as this, whatever others hold, or nothing would move any more.
const LEAST: usize = 16 << 10;

/// What is held, and what may be. What does not fit is dropped: it will be sent again.
#[derive(Clone, Copy, Debug)]
pub(super) struct Budget {
    held: usize,
    most: usize,
}

impl Default for Budget {
    /// As much as the windows allow.
    fn default() -> Self {
        Budget { held: 0, most: usize::MAX }
    }
}

impl Budget {
    pub(super) const fn new(most: usize) -> Self {
        Budget { held: 0, most }
    }

    pub(super) const fn held(&self) -> usize {
        self.held
    }

    /// Whether a connection that has `its_own` may have `more`: none takes more than an eighth of what would
    /// then be left for all others, so that a few that are greedy do not take it all.
    pub(super) const fn allows(&self, its_own: usize, more: usize) -> bool {
        let left = self.most.saturating_sub(self.held.saturating_add(more));
        its_own.saturating_add(more) <= left / 8
    }

    /// How long a queue of a connection may be now: no longer than an eighth of what is left for all.
    pub(super) fn longest_queue(&self) -> usize {
        (self.most.saturating_sub(self.held) / 8).max(LEAST)
    }

    /// A connection that held `before` holds `after`.
    pub(super) fn book(&mut self, before: usize, after: usize) {
        self.held = (self.held + after).saturating_sub(before);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_few_that_are_greedy_leave_something() {
        let mut budget = Budget::new(729_000);
        let mut all = Vec::new();
        for _ in 0..30 {
            let mut own = 0;
            while budget.allows(own, 1) {
                budget.book(own, own + 1);
                own += 1;
            }
            all.push(own);
        }
        assert_eq!(all[..3], [81_000, 72_000, 64_000]);
        assert!(all[29] > 2_000 && all.iter().sum::<usize>() == budget.held());
        budget.book(all[0], 0);
        assert!(budget.allows(0, 10_000));
        assert!(Budget::default().allows(1 << 40, 1 << 40));
    }

    #[test]
    fn queues_are_shorter_the_more_is_held_and_never_nothing() {
        let mut budget = Budget::new(8 << 20);
        assert_eq!(budget.longest_queue(), 1 << 20);
        budget.book(0, 4 << 20);
        assert_eq!(budget.longest_queue(), 512 << 10);
        for held in [8 << 20, 9 << 20] {
            budget.book(budget.held(), held);
            assert_eq!(budget.longest_queue(), LEAST);
        }
    }
}
