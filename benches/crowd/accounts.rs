//! Who holds how much of the heap: each allocation is booked to whoever was at work when it was made, and
//! written off there when it is freed, wherever that happens.

use std::alloc::System;
use std::sync::atomic::{AtomicUsize, Ordering};

use tracking_allocator::{
    AllocationGroupId, AllocationGroupToken, AllocationRegistry, AllocationTracker, Allocator,
};

#[global_allocator]
static ALLOCATOR: Allocator<System> = Allocator::system();

/// Octets that live now, by number of the group. Group 1 is whoever opened no account.
static LIVE: [AtomicUsize; 8] = [const { AtomicUsize::new(0) }; 8];

/// One holder of memory.
pub struct Account(AllocationGroupToken);

struct Books;

impl AllocationTracker for Books {
    fn allocated(&self, _: usize, octets: usize, _: usize, group: AllocationGroupId) {
        live_of(&group).fetch_add(octets, Ordering::Relaxed);
    }

    fn deallocated(
        &self,
        _: usize,
        octets: usize,
        _: usize,
        source: AllocationGroupId,
        _: AllocationGroupId,
    ) {
        live_of(&source).fetch_sub(octets, Ordering::Relaxed);
    }
}

fn live_of(group: &AllocationGroupId) -> &'static AtomicUsize {
    &LIVE[group.as_usize().get()]
}

/// Begins to count. What was allocated before is not counted when it is freed, either.
pub fn begin() {
    AllocationRegistry::set_global_tracker(Books).expect("it is called once");
    AllocationRegistry::enable_tracking();
}

impl Account {
    /// Opens one; a process has at most six.
    pub fn open() -> Account {
        Account(AllocationGroupToken::register().expect("so few"))
    }

    /// Books what `work` allocates here.
    pub fn book<T>(&mut self, work: impl FnOnce() -> T) -> T {
        let _booking = self.0.enter();
        work()
    }

    /// Octets booked here that live now.
    pub fn live(&self) -> usize {
        live_of(&self.0.id()).load(Ordering::Relaxed)
    }
}

/// Octets that live now and are booked to nobody.
#[allow(dead_code, reason = "not every program asks")]
pub fn live_of_nobody() -> usize {
    live_of(&AllocationGroupId::ROOT).load(Ordering::Relaxed)
}
