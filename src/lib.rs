//! glasstack: a userspace TCP/IP stack one can see through.

pub mod device;
pub mod error;
pub mod http;
pub mod seq;
pub mod services;
pub mod serving;
pub mod tcp;
pub mod time;
pub mod trace;
pub mod wire;
