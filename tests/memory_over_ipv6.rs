//! The test of memory.rs once more, between hosts of IPv6: see `common/hosts.rs`. All of its numbers are the same.

#[path = "memory.rs"]
mod memory;
