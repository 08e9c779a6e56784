//! The manners of HTTP, octet for octet: what a client says and what it is told, over pipes in memory and in
//! virtual time.

mod access_log;
mod bounds;
mod crowd;
mod pace;
mod refused;
mod requests;
mod talk;
