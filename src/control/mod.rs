//! Looking into a running program from outside: HTTP/1 with JSON over a Unix socket that only its user may
//! open. `server` answers, `client` asks; `place` is where the sockets are.
//!
//! ```text
//! GET /v1                    who answers
//! GET /v1/connections        a page of connections: from, limit, states, family
//! GET /v1/listeners          every listener, with its queues
//! GET /v1/counters           what has been counted, drops by reason among it
//! GET /v1/events             events as JSON lines, until the reader goes
//! GET /v1/ladders/ID         the ladder of a connection, while somebody reads events
//! GET /metrics               counters and gauges, in the text form of Prometheus
//! ```
//!
//! Nothing that is asked here changes what the connections do.

pub mod client;
mod events;
mod feed;
mod inside;
mod metrics;
pub mod place;
mod query;
mod server;
mod socket;

pub use feed::Feed;
pub use inside::Inside;
pub use server::{MetricsServer, Server, Source};
pub use socket::Socket;

/// The version of what is said, in every path and answer: it grows when an old client would not understand.
pub const VERSION: u32 = 1;

/// Connections in one page at most: for so many the stack is held up at a time.
pub const PAGE: usize = 1_000;
