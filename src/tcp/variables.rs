//! The variables of a connection, by the RFC's names (RFC 9293 3.3.1): SND.* and RCV.*, what can be set, what is
//! still to be said, what is counted. The connection that they make up is in `tcb`.

use std::time::Duration;

use super::buffers::Growth;
use super::config::{Config, Keepalive};
use super::dsack::Duplicate;
use super::receive_queue::ReceiveQueue;
use super::send_queue::SendQueue;
use crate::seq::Seq;
use crate::time::Instant;

/// SND.*
#[derive(Clone, Debug)]
pub(super) struct Snd {
    /// Our SYN is not acknowledged: SND.UNA stands on it. The number alone does not tell, for it comes
    /// again every 4 GiB.
    pub(super) syn: bool,
    /// SND.UNA: the oldest number not acknowledged.
    pub(super) una: Seq,
    /// SND.NXT: the next to be sent.
    pub(super) nxt: Seq,
    /// SND.WND: what the peer lets us have out, scaled.
    pub(super) wnd: u32,
    /// The right edge of the peer's window that reached furthest.
    pub(super) edge: Seq,
    /// The largest window the peer ever offered (RFC 9293 3.8.6.2.1).
    pub(super) max_wnd: u32,
    /// SND.WL1, SND.WL2: the segment that last changed the window.
    pub(super) wl1: Seq,
    pub(super) wl2: Seq,
    /// SND.UP: the end of urgent data, while it is not acknowledged.
    pub(super) up: Option<Seq>,
    /// When anything with a sequence number left last.
    pub(super) last_sent: Instant,
    pub(super) queue: SendQueue,
}

/// RCV.*
#[derive(Clone, Debug)]
pub(super) struct Rcv {
    /// RCV.NXT: the next number expected.
    pub(super) nxt: Seq,
    /// RCV.WND: what the peer may send from there; its right edge never moves back (SHLD-14).
    pub(super) wnd: u32,
    /// RCV.UP: the end of the peer's urgent data, if it announced any that was not read.
    pub(super) up: Option<Seq>,
    /// Octets received in order since the start: RCV.NXT as a place in the stream.
    pub(super) delivered: u64,
    /// The place in the stream where the peer's FIN is, when it came ahead of a gap.
    pub(super) fin_at: Option<u64>,
    /// The acknowledgment sent last (Last.ACK.sent, RFC 7323 4.3).
    pub(super) last_ack_sent: Seq,
    /// What came twice, until an ACK has told it.
    pub(super) duplicate: Duplicate,
    pub(super) growth: Growth,
    pub(super) queue: ReceiveQueue,
}

/// What can be set per connection.
#[derive(Clone, Debug)]
pub(super) struct Settings {
    pub(super) nagle: bool,
    /// Boxed, for most connections are never probed.
    pub(super) keepalive: Option<Box<Keepalive>>,
    pub(super) user_timeout: Option<Duration>,
}

/// What `poll_output` still has to send besides data.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Pending {
    /// An answer with RST. It keeps the latest only: a peer that earns several gets one per batch.
    pub(super) reset: Option<Reset>,
    /// The persist timer has run out: one segment may go beyond the window.
    pub(super) probe: bool,
    /// The acknowledgment of the last segments is overdue: one segment is to draw it (RFC 8985 7.3).
    pub(super) loss_probe: bool,
    /// The keep-alive timer has run out.
    pub(super) keepalive: bool,
}

/// A RST to be sent: with ACK when it acknowledges something.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reset {
    pub(super) seq: Seq,
    pub(super) ack: Option<Seq>,
}

#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Counters {
    pub(super) segments_sent: u64,
    pub(super) segments_received: u64,
    pub(super) retransmissions: u64,
    /// Octets in these, and what the peer has said arrived twice.
    pub(super) octets_sent_again: u64,
    pub(super) arrived_twice: u32,
    pub(super) octets_acknowledged: u64,
}

impl Snd {
    pub(super) fn new(iss: Seq) -> Self {
        Snd {
            syn: true,
            una: iss,
            nxt: iss,
            wnd: 0,
            edge: iss,
            max_wnd: 0,
            wl1: Seq(0),
            wl2: Seq(0),
            up: None,
            last_sent: Instant::ZERO,
            queue: SendQueue::default(),
        }
    }
}

impl Rcv {
    pub(super) fn new(config: &Config) -> Self {
        Rcv {
            nxt: Seq(0),
            wnd: config.receive_buffer,
            up: None,
            delivered: 0,
            fin_at: None,
            last_ack_sent: Seq(0),
            duplicate: Duplicate::default(),
            growth: Growth::default(),
            queue: ReceiveQueue::default(),
        }
    }
}
