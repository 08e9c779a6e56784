//! Connections and listeners in a table, as `ss` has it for those of the kernel. What is shown has come as
//! data from a running program: here it is read and laid out.

mod details;
mod span;
mod table;
#[cfg(test)]
pub(in crate::view) mod tests;

use std::net::SocketAddr;

use serde::{Deserialize, Deserializer};

pub use self::details::details;
pub use self::span::span;
pub use self::table::{Naming, Row, Table};
use crate::tcp::{State, Timer, names};

/// What is shown of a connection: of the fields of [`crate::stack::Summary`] those that are wanted, by the same
/// names.
#[derive(Clone, Debug, Deserialize)]
#[expect(missing_docs, reason = "documented at tcp::Status")]
pub struct Connection {
    pub id: u64,
    pub local: SocketAddr,
    pub remote: SocketAddr,
    #[serde(deserialize_with = "state")]
    pub state: State,
    pub receive_queue: u64,
    pub send_queue: u64,
    pub timers: Vec<TimerLeft>,
    pub timeouts: u32,
    pub srtt_us: Option<u64>,
    pub rttvar_us: u64,
    pub rto_us: u64,
    pub send_mss: u32,
    pub receive_mss: u32,
    pub send_window: u32,
    pub receive_window: u32,
    pub send_window_scale: Option<u8>,
    pub receive_window_scale: Option<u8>,
    pub timestamps: bool,
    pub sack: bool,
    pub ecn: bool,
    pub congestion: String,
    pub cwnd: u32,
    pub ssthresh: u32,
    pub in_flight: u32,
    pub segments_in_flight: u32,
    pub segments_lost: u32,
    pub segments_sacked: u32,
    pub segments_sent_again: u32,
    pub recovery: String,
    pub unsent: u64,
    pub out_of_order: u64,
    pub octets_acknowledged: u64,
    pub octets_received: u64,
    pub segments_sent: u64,
    pub segments_received: u64,
    pub retransmissions: u64,
    pub path: Path,
}

/// What was learnt of the path ([`crate::tcp::PathStatus`]).
#[derive(Clone, Debug, Deserialize)]
#[expect(missing_docs, reason = "documented at tcp::PathStatus")]
pub struct Path {
    pub mtu: u32,
    pub mtu_probe: Option<u32>,
    pub trouble: Option<String>,
    pub min_rtt_us: Option<u64>,
    pub delivery_rate: Option<u64>,
    pub delivery_rate_is_app_limited: bool,
    pub pacing_rate: Option<u64>,
    pub sent_again: u64,
    pub arrived_twice: u32,
}

/// An armed timer.
#[derive(Clone, Copy, Debug, Deserialize)]
pub struct TimerLeft {
    /// Which.
    pub timer: Timer,
    /// Until it runs out, in microseconds.
    pub left_us: u64,
}

/// A listener, with the queues of all shards together.
#[derive(Clone, Copy, Debug, Deserialize)]
pub struct Listener {
    /// Where it listens.
    pub local: SocketAddr,
    /// Connections that wait to be accepted.
    pub accept_queue: u64,
    /// Connections whose handshake is under way.
    pub half_open: u64,
    /// How many may wait.
    pub backlog: u64,
}

fn state<'de, D: Deserializer<'de>>(deserializer: D) -> Result<State, D::Error> {
    let name = String::deserialize(deserializer)?;
    names::find(&name).ok_or_else(|| serde::de::Error::custom(format!("{name} is no state")))
}
