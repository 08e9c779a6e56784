//! A hierarchical timer wheel: one entry per connection, everything in constant time.
//!
//! Eight levels of 64 buckets. A bucket of level 0 spans one tick of 2^16 ns (65.5 us), one of level n
//! 64^n ticks, so that all of them together span every `Instant` there is. An entry sits in the level of
//! the highest digit (to the base 64) in which its tick differs from the present one, and moves down as
//! that comes near. Entries of one bucket form a list through `links`, so that removing costs nothing.

use crate::time::Instant;

const TICK_BITS: u32 = 16;
const DIGIT_BITS: u32 = 6;
const LEVELS: usize = 8;
const NONE: u32 = u32::MAX;

#[derive(Debug)]
pub(crate) struct Wheel {
    /// The tick up to which everything has run out.
    tick: u64,
    /// First entry of each bucket.
    heads: Box<[[u32; 64]; LEVELS]>,
    /// A bit for each bucket that is not empty.
    occupied: [u64; LEVELS],
    /// By key.
    links: Vec<Link>,
}

#[derive(Clone, Copy, Debug)]
struct Link {
    at: Instant,
    previous: u32,
    next: u32,
    level: u8,
    bucket: u8,
    linked: bool,
}

impl Link {
    const EMPTY: Link =
        Link { at: Instant::NEVER, previous: NONE, next: NONE, level: 0, bucket: 0, linked: false };
}

impl Wheel {
    pub(crate) fn new() -> Self {
        Wheel {
            tick: 0,
            heads: Box::new([[NONE; 64]; LEVELS]),
            occupied: [0; LEVELS],
            links: Vec::new(),
        }
    }

    /// Sets the entry of `key` to run out at `at`, whatever it was before.
    pub(crate) fn set(&mut self, key: u32, at: Instant) {
        self.remove(key);
        let index = key as usize;
        if index >= self.links.len() {
            self.links.resize(index + 1, Link::EMPTY);
        }
        self.link(key, at);
    }

    /// Removes the entry of `key`, if there is one.
    pub(super) fn remove(&mut self, key: u32) {
        let Some(link) = self.links.get(key as usize).copied().filter(|link| link.linked) else {
            return;
        };
        let (level, bucket) = (usize::from(link.level), usize::from(link.bucket));
        match link.previous {
            NONE => self.heads[level][bucket] = link.next,
            previous => self.links[previous as usize].next = link.next,
        }
        if link.next != NONE {
            self.links[link.next as usize].previous = link.previous;
        }
        if self.heads[level][bucket] == NONE {
            self.occupied[level] &= !(1 << bucket);
        }
        self.links[key as usize] = Link::EMPTY;
    }

    /// There are no entries any more: the room for them goes too.
    pub(super) fn shrink(&mut self) {
        debug_assert_eq!(self.occupied, [0; LEVELS], "an entry is left");
        self.links = Vec::new();
    }

    /// When the entry of `key` runs out.
    pub(super) fn until(&self, key: u32) -> Option<Instant> {
        self.links.get(key as usize).filter(|link| link.linked).map(|link| link.at)
    }

    /// No entry runs out before this. Exact when the first is less than 64 ticks (4.2 ms) away, else
    /// early by a part of the way, at most seven times for one entry.
    pub(super) fn next_deadline(&self) -> Option<Instant> {
        let (level, bucket) = self.first_bucket()?;
        if level > 0 {
            return Some(Instant::from_nanos(self.start_of(level, bucket) << TICK_BITS));
        }
        self.keys_of(level, bucket).map(|key| self.links[key as usize].at).min()
    }

    /// Moves on to `now` and returns the keys whose time has come, in order of their times.
    pub(crate) fn advance(&mut self, now: Instant) -> Vec<u32> {
        let target = now.as_nanos() >> TICK_BITS;
        let mut due = Vec::new();
        while let Some((level, bucket)) = self.first_bucket() {
            let start = self.start_of(level, bucket);
            if start > target {
                break;
            }
            self.tick = self.tick.max(start);
            let keys: Vec<u32> = self.keys_of(level, bucket).collect();
            let mut later = 0;
            for key in &keys {
                let at = self.links[*key as usize].at;
                self.remove(*key);
                if at <= now {
                    due.push((at, *key));
                } else {
                    // Down a level or, in the tick that is under way, back into its bucket.
                    self.link(*key, at);
                    later += 1;
                }
            }
            if level == 0 && later > 0 {
                break;
            }
        }
        self.tick = self.tick.max(target);
        due.sort_unstable();
        due.into_iter().map(|(_, key)| key).collect()
    }

    fn link(&mut self, key: u32, at: Instant) {
        let tick = (at.as_nanos() >> TICK_BITS).max(self.tick);
        let differing = (tick ^ self.tick) | 1;
        let level = differing.ilog2() / DIGIT_BITS;
        let bucket = (tick >> (level * DIGIT_BITS)) & 63;
        let (level, bucket) = (level as usize, usize::try_from(bucket).expect("below 64"));
        let next = std::mem::replace(&mut self.heads[level][bucket], key);
        if next != NONE {
            self.links[next as usize].previous = key;
        }
        self.occupied[level] |= 1 << bucket;
        self.links[key as usize] = Link {
            at,
            previous: NONE,
            next,
            level: u8::try_from(level).expect("below 8"),
            bucket: u8::try_from(bucket).expect("below 64"),
            linked: true,
        };
    }

    /// The bucket that comes first: the lowest of the lowest level that has any.
    fn first_bucket(&self) -> Option<(usize, usize)> {
        let level = self.occupied.iter().position(|bits| *bits != 0)?;
        Some((level, self.occupied[level].trailing_zeros() as usize))
    }

    /// The first tick of a bucket.
    fn start_of(&self, level: usize, bucket: usize) -> u64 {
        let shift = DIGIT_BITS * u32::try_from(level).expect("below 8");
        let above = self.tick.checked_shr(shift + DIGIT_BITS).unwrap_or(0);
        let above = above.checked_shl(shift + DIGIT_BITS).unwrap_or(0);
        above | ((bucket as u64) << shift)
    }

    fn keys_of(&self, level: usize, bucket: usize) -> impl Iterator<Item = u32> + '_ {
        let first = self.heads[level][bucket];
        std::iter::successors(Some(first).filter(|key| *key != NONE), |key| {
            Some(self.links[*key as usize].next).filter(|next| *next != NONE)
        })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_far_end_of_time_is_a_valid_deadline() {
        let mut wheel = Wheel::new();
        wheel.set(3, Instant::NEVER);
        assert_eq!(wheel.advance(Instant::from_millis(1 << 40)), Vec::<u32>::new());
        assert_eq!(wheel.advance(Instant::NEVER), vec![3]);
        assert_eq!(wheel.next_deadline(), None);
    }

    proptest! {
        /// Against an obvious model: the same keys run out at every step, in the same order, and the
        /// deadline is never late and always gets there.
        #[test]
        fn agrees_with_a_sorted_map(
            steps in prop::collection::vec((0_u32..20, 0_u64..40, any::<bool>()), 1..300)
        ) {
            let mut wheel = Wheel::new();
            let mut model: BTreeMap<u32, Instant> = BTreeMap::new();
            let mut now = Instant::ZERO;
            for (key, magnitude, remove) in steps {
                let at = now + std::time::Duration::from_nanos((1 << magnitude) + 12_345 * u64::from(key));
                if remove {
                    wheel.remove(key);
                    model.remove(&key);
                } else {
                    wheel.set(key, at);
                    model.insert(key, at);
                }
                prop_assert_eq!(wheel.until(key), model.get(&key).copied());
                let first = model.values().min().copied();
                let next = wheel.next_deadline();
                prop_assert_eq!(next.is_some(), first.is_some());
                prop_assert!(next <= first || first.is_none());
                if magnitude % 3 == 0 {
                    // As a driver does: wake at the deadline until something has run out.
                    let mut wakes = 0;
                    while let Some(next) = wheel.next_deadline() {
                        now = now.max(next);
                        let due = wheel.advance(now);
                        let mut expected: Vec<_> =
                            model.iter().filter(|(_, at)| **at <= now).map(|(k, at)| (*at, *k)).collect();
                        expected.sort_unstable();
                        model.retain(|_, at| *at > now);
                        let expected: Vec<_> = expected.into_iter().map(|(_, key)| key).collect();
                        prop_assert_eq!(&due, &expected);
                        if !due.is_empty() { break }
                        wakes += 1;
                        prop_assert!(wakes <= 8, "woken {} times for nothing", wakes);
                    }
                }
            }
        }
    }
}
