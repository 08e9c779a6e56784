//! glasstack: a userspace TCP/IP stack one can see through.
//!
//! Raw IP packets come from a [`device`], go through [`wire`], [`stack`] and [`tcp`] (RFC 9293), and reach
//! applications as tokio sockets in [`runtime`]. What happens inside is raised as events ([`trace`]) and
//! shown by [`view`]. `docs/architecture.md` has the map.

// examples/http_by_hand.rs is a module here as well, and a program there: it says `glasstack`.
extern crate self as glasstack;

pub mod bench;
pub mod cli;
pub mod control;
pub mod device;
pub mod drill;
pub mod engine;
pub mod error;
pub mod http;
pub mod lesson;
pub mod runtime;
pub mod seq;
pub mod services;
pub mod serving;
pub mod sim;
pub mod stack;
pub mod tcp;
pub mod time;
pub mod trace;
pub mod view;
pub mod wire;

/// The code of docs/embedding.md, which `cargo test --doc` compiles and runs.
#[cfg(doctest)]
#[doc = include_str!("../docs/embedding.md")]
struct Embedding;
