//! glasstack: a userspace TCP/IP stack one can see through.

pub mod cli;
pub mod device;
pub mod error;
pub mod seq;
pub mod tcp;
pub mod time;
pub mod trace;
pub mod wire;
