//! What was sent and not acknowledged, and how losses are noticed and repaired: the retransmission
//! timer marks everything lost (RFC 6298 5.4 with a slow start from one segment, RFC 5681 3.1);
//! three duplicate ACKs mark the first segment (RFC 5681 3.2), partial ACKs the next (RFC 6582).

mod flight;

pub(super) use flight::{Flight, Sent};

use crate::seq::Seq;

/// Duplicate ACKs that are taken for a loss (RFC 5681 3.2).
pub(super) const DUPLICATE_THRESHOLD: u32 = 3;

/// NewReno's view of one connection (RFC 6582).
#[derive(Clone, Debug)]
pub(super) struct Recovery {
    /// Duplicate ACKs since new data was acknowledged. Each says that a segment has left the network.
    pub(super) duplicates: u32,
    /// Fast recovery lasts until this is acknowledged; `None` outside of it.
    pub(super) until: Option<Seq>,
    /// The highest number sent when the last recovery or timeout began: duplicate ACKs that do not go
    /// beyond it begin no new recovery (RFC 6582 3.2, "recover"). Moves along with SND.UNA, or it would
    /// seem to lie ahead after 2 GiB.
    pub(super) recover: Seq,
    /// What `recover` marks the end of began with a timeout.
    pub(super) timed_out: bool,
    /// One segment may leave whatever the congestion window says: the first retransmission.
    pub(super) force_one: bool,
}

impl Recovery {
    pub(super) const fn new(iss: Seq) -> Self {
        Recovery { duplicates: 0, until: None, recover: iss, timed_out: false, force_one: false }
    }

    /// What the duplicate ACKs say has left the network, in octets.
    pub(super) const fn left_network(&self, mss: u32) -> u32 {
        self.duplicates.saturating_mul(mss)
    }

    /// The retransmission timer ran out: whatever recovery was under way is over.
    pub(super) fn on_timeout(&mut self, nxt: Seq) {
        *self = Recovery { timed_out: true, force_one: true, ..Recovery::new(nxt) };
    }
}
