//! glasstack: a userspace TCP/IP stack one can see through.

pub mod device;
pub mod error;
pub mod seq;
pub mod stack;
pub mod tcp;
pub mod time;
pub mod trace;
pub mod view;
pub mod wire;
