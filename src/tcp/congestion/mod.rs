//! How much may be in flight, and how fast it may leave: one file per algorithm behind one interface.
//! What is lost, and when, is for `recovery` to find out.

mod bbr;
mod control;
mod cubic;
mod hystart;
#[cfg(test)]
mod model;
mod new_reno;
mod rate;
mod validation;

use std::str::FromStr;
use std::time::Duration;

pub(super) use control::Control;
pub(super) use rate::{Progress, RateSample};

use crate::seq::Seq;
use crate::time::Instant;

/// A congestion control algorithm, to be chosen per connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Algorithm {
    /// Slow start, congestion avoidance, halving at a loss (RFC 5681, RFC 6582).
    NewReno,
    /// The window is a cubic function of the time since the last loss (RFC 9438), with HyStart++
    /// (RFC 9406).
    #[default]
    Cubic,
    /// A model of the path instead of a reaction to losses (draft-ietf-ccwg-bbr-06).
    Bbr,
}

impl Algorithm {
    /// All there are.
    pub const ALL: [Algorithm; 3] = [Algorithm::NewReno, Algorithm::Cubic, Algorithm::Bbr];

    /// What it is called on command lines and in `TCP_CONGESTION`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Algorithm::NewReno => "reno",
            Algorithm::Cubic => "cubic",
            Algorithm::Bbr => "bbr",
        }
    }
}

impl std::fmt::Display for Algorithm {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Algorithm {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let found = Algorithm::ALL.into_iter().find(|algorithm| algorithm.name() == name);
        found.ok_or_else(|| {
            let names: Vec<_> = Algorithm::ALL.iter().map(|algorithm| algorithm.name()).collect();
            format!("no congestion control is called '{name}': choose one of {}", names.join(", "))
        })
    }
}

/// A connection at one moment, as far as congestion control cares. Octets throughout; sequence numbers
/// count SYN and FIN.
#[derive(Clone, Copy, Debug)]
pub(super) struct Path {
    pub now: Instant,
    /// The sender's maximum segment size.
    pub mss: u32,
    /// Octets of data in a full segment: the MSS without the options of every segment.
    pub segment: u32,
    /// Believed to be in the network: sent, neither acknowledged nor lost (RFC 6675: pipe).
    pub in_flight: u32,
    /// SND.UNA and SND.NXT.
    pub una: Seq,
    pub nxt: Seq,
    /// The smoothed round-trip time, once it is known.
    pub srtt: Option<Duration>,
    /// The least that was measured in the last minutes.
    pub min_rtt: Option<Duration>,
    /// Delivered since the connection began: acknowledged, or selectively acknowledged.
    pub delivered: u64,
    /// Taken for lost since the connection began. What turns out not to be is not taken off.
    pub lost: u64,
}

/// What one acknowledgment told.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ack {
    /// The connection after it was taken in, and losses were marked.
    pub path: Path,
    /// SND.UNA moved by so much.
    pub octets: u32,
    /// So much was delivered that had not been: acknowledged, or selectively acknowledged.
    pub delivered: u32,
    /// So much was found to be lost.
    pub lost: u32,
    /// What was in flight just before it.
    pub in_flight_before: u32,
    /// The round-trip time that it measured, if it did.
    pub rtt: Option<Duration>,
    /// Since the last ACK it was the congestion window that kept data from leaving.
    pub window_limited: bool,
    /// A loss is being repaired.
    pub in_recovery: bool,
    /// The peer says that packets were marked (ECE, RFC 3168).
    pub ece: bool,
    /// The rate of delivery, where it could be sampled.
    pub rate: Option<RateSample>,
}

/// A segment that was found to be lost: what was known when it left.
#[derive(Clone, Copy, Debug)]
pub(super) struct LostSegment {
    pub octets: u32,
    /// In flight when it left, itself included.
    pub in_flight_then: u32,
    /// `Path::delivered` and `Path::lost` when it left.
    pub delivered_then: u64,
    pub lost_then: u64,
    /// The application, not the path, was the limit when it left.
    pub app_limited_then: bool,
}

/// Why to slow down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Signal {
    /// A segment was lost: fast recovery begins (RFC 5681 3.2).
    Loss,
    /// The peer echoed a mark (RFC 3168 6.1.2).
    Marked,
}

/// A congestion control algorithm.
pub(super) trait CongestionControl {
    /// cwnd: the most octets that may be in flight.
    fn window(&self) -> u32;

    /// ssthresh: below it the window grows fast; `u32::MAX` before the first loss.
    fn slow_start_threshold(&self) -> u32;

    /// Octets per second at which data should leave; `None` as fast as the window allows.
    fn pacing_rate(&self) -> Option<u64> {
        None
    }

    /// With a pacing rate: the most octets that may leave at one moment.
    fn send_quantum(&self) -> u32 {
        u32::MAX
    }

    /// It decides itself how the window moves while a loss is repaired; otherwise that is done in
    /// proportion to what is delivered (RFC 9937).
    fn meters_recovery(&self) -> bool {
        false
    }

    /// The handshake has settled whether SACK (RFC 2018) is in use; until then it is taken to be.
    fn on_negotiated(&mut self, sack: bool) {
        let _ = sack;
    }

    /// Something is about to leave; it is not in `path.in_flight` yet. `idle`: nothing was out, and the
    /// application had nothing to send.
    fn on_send(&mut self, path: &Path, idle: bool) {
        let _ = (path, idle);
    }

    /// An acknowledgment of something new, cumulative or selective.
    fn on_ack(&mut self, ack: &Ack);

    /// A segment is marked lost, and is not in `path.in_flight` any more. Comes before `on_congestion`.
    fn on_lost(&mut self, lost: &LostSegment, path: &Path) {
        let _ = (lost, path);
    }

    /// Congestion, once per window of data; `path.in_flight` is what was out before the loss.
    fn on_congestion(&mut self, why: Signal, path: &Path);

    /// The retransmission timer ran out, for the first time for this data (RFC 5681 3.1).
    fn on_timeout(&mut self, path: &Path);

    /// The recovery that `on_congestion` began is over.
    fn on_recovered(&mut self, path: &Path);

    /// A recovery without SACK, in which nothing metered what left, is over: with a window beyond `most` a
    /// burst would follow (RFC 6582 3.2, step 3).
    fn limit_burst(&mut self, most: u32) {
        let _ = most;
    }

    /// Nothing was sent for longer than the retransmission timeout, and the configuration wants the
    /// window to begin again (RFC 5681 4.1).
    fn on_idle(&mut self, path: &Path);

    /// What was taken for a loss was none: back to what it was `before`, but with what was learnt since.
    fn undo(&mut self, before: &Self, path: &Path)
    where
        Self: Sized;
}

#[cfg(test)]
impl Path {
    /// A path with `in_flight` octets out, for tests to change.
    fn sample(mss: u32, in_flight: u32) -> Self {
        Path {
            now: Instant::ZERO,
            mss,
            segment: mss,
            in_flight,
            una: Seq(0),
            nxt: Seq(in_flight),
            srtt: None,
            min_rtt: None,
            delivered: 0,
            lost: 0,
        }
    }
}

#[cfg(test)]
impl Ack {
    /// An ACK of nothing yet while `in_flight` octets are out, for tests to change.
    fn sample(mss: u32, in_flight: u32) -> Self {
        Ack {
            path: Path::sample(mss, in_flight),
            octets: 0,
            delivered: 0,
            lost: 0,
            in_flight_before: in_flight,
            rtt: None,
            window_limited: true,
            in_recovery: false,
            ece: false,
            rate: None,
        }
    }
}
