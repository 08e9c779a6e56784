//! RFC 9293 for one connection.
//!
//! The files follow section 3.10 of the RFC, so that a reader who has it open finds each paragraph:
//! `calls` (3.10.1 to 3.10.6), `segment_arrives` (3.10.7), `timeouts` (3.10.8), and `output`, the one
//! place where segments are made. There are no sockets here, no ports, no clock, no header bytes.
//!
//! A [`Tcb`] takes inputs (`on_segment`, the calls, `on_timeout`) in any number and order and is then
//! asked by `poll_output` what it wants to send, until it says `Wait`.

mod ack;
mod acknowledgment;
mod budget;
mod buffers;
mod calls;
mod compact;
mod config;
mod congestion;
mod context;
mod departure;
mod dsack;
mod ecn;
mod fingerprint;
mod half_open;
mod input;
pub mod names;
mod negotiation;
mod network;
mod output;
mod path_mtu;
mod pool;
mod ready;
mod receive_queue;
mod recovery;
mod repair;
mod rtt;
mod segment_arrives;
mod send_queue;
mod state;
mod status;
mod tcb;
mod timeouts;
mod timers;
mod urgent;
mod variables;
mod window;

pub use calls::Received;
pub use compact::TimeWait;
pub use config::{Config, EcnMode, Keepalive, MtuProbing};
pub use congestion::Algorithm;
pub use context::Context;
pub use half_open::{HalfOpen, Syn, syn_ack};
pub use output::Output;
pub use path_mtu::{KnownPath, MtuSource};
pub use pool::Pool;
pub use segment_arrives::closed;
pub use state::{ARROWS, Arrow, Cause, State, is_arrow};
pub use status::{PathStatus, RecoveryState, Status, TimerLeft, Transition};
pub use tcb::Tcb;
pub use timers::{Deadline, Timer};
