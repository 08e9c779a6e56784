//! The tests of time_wait.rs once more, between hosts of IPv6: see `common/hosts.rs`. All of its numbers are the same.

#[path = "time_wait.rs"]
mod time_wait;
