//! The test of allocations.rs once more, between hosts of IPv6: see `common/hosts.rs`. All of its numbers are the same.

#[path = "allocations.rs"]
mod allocations;
