//! RFC 9293 for one connection.
//!
//! The files follow section 3.10 of the RFC, so that a reader who has it open finds each paragraph:
//! `calls` (3.10.1 to 3.10.6), `segment_arrives` (3.10.7), `timeouts` (3.10.8), and `output`, the one
//! place where segments are made. There are no sockets here, no ports, no clock, no header bytes.

pub mod names;
mod state;
mod status;
mod timers;

pub use state::{ARROWS, Arrow, Cause, State, is_arrow};
pub use status::{Status, TimerLeft, Transition};
pub use timers::{Deadline, Timer};
