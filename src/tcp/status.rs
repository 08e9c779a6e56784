//! What STATUS tells (RFC 9293 3.10.6): a snapshot of one connection.

use std::time::Duration;

use super::config::Config;
use super::congestion::{Algorithm, CongestionControl};
use super::path_mtu::MtuSource;
use super::recovery::Kind;
use super::state::{Cause, State};
use super::tcb::Tcb;
use super::timers::Timer;
use crate::error::Error;
use crate::time::Instant;

/// A snapshot of one connection. Sizes are in octets, durations in microseconds when serialized.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct Status {
    /// The state.
    pub state: State,
    /// Smoothed round-trip time (RFC 6298); `None` before the first measurement.
    #[serde(rename = "srtt_us", serialize_with = "maybe_micros")]
    pub srtt: Option<Duration>,
    /// Its variation.
    #[serde(rename = "rttvar_us", serialize_with = "micros")]
    pub rttvar: Duration,
    /// The retransmission timeout, backoff included.
    #[serde(rename = "rto_us", serialize_with = "micros")]
    pub rto: Duration,
    /// The largest segment we send.
    pub send_mss: u32,
    /// The largest segment we have told the peer to send.
    pub receive_mss: u32,
    /// SND.WND: what the peer lets us have in flight.
    pub send_window: u32,
    /// RCV.WND: what we let the peer have in flight.
    pub receive_window: u32,
    /// The shift of windows we announce; `None` when scaling is not in use (RFC 7323).
    pub receive_window_scale: Option<u8>,
    /// The shift of windows the peer announces.
    pub send_window_scale: Option<u8>,
    /// Timestamps are in use (RFC 7323).
    pub timestamps: bool,
    /// SACK is in use (RFC 2018).
    pub sack: bool,
    /// ECN is in use (RFC 3168).
    pub ecn: bool,
    /// How the congestion window moves.
    pub congestion: Algorithm,
    /// The congestion window (RFC 5681); while a loss is repaired, what is left of it (RFC 9937).
    pub cwnd: u32,
    /// The slow-start threshold.
    pub ssthresh: u32,
    /// Sent and not acknowledged, SYN and FIN counted.
    pub in_flight: u32,
    /// Segments in flight.
    pub segments_in_flight: u32,
    /// Of these, those believed lost and not sent again yet.
    pub segments_lost: u32,
    /// Of these, those that the peer has beyond a gap (RFC 2018).
    pub segments_sacked: u32,
    /// Of these, those that were sent again and are under way.
    pub segments_sent_again: u32,
    /// What was learnt of the path.
    pub path: PathStatus,
    /// What the sender makes of the losses it sees.
    pub recovery: RecoveryState,
    /// Timeouts in a row without an acknowledgment.
    pub timeouts: u32,
    /// Written by the application and not acknowledged.
    pub send_queue: usize,
    /// Written by the application and not sent yet.
    pub unsent: usize,
    /// Received in order and not yet read by the application.
    pub receive_queue: usize,
    /// Of what was received or is still to come, octets up to the end of the peer's urgent data, as far as
    /// it has announced any; 0 behind that (RFC 9293 3.8.5, MUST-33).
    pub urgent: u32,
    /// Received out of order.
    pub out_of_order: usize,
    /// Octets the peer has acknowledged, SYN and FIN not counted.
    pub octets_acknowledged: u64,
    /// Octets received in order.
    pub octets_received: u64,
    /// Segments sent, received, and sent again.
    pub segments_sent: u64,
    /// Segments received.
    pub segments_received: u64,
    /// Segments sent more than once.
    pub retransmissions: u64,
    /// The armed timers and what is left of each.
    pub timers: Vec<TimerLeft>,
    /// The last transitions, oldest first; at most [`Status::HISTORY`].
    pub transitions: Vec<Transition>,
}

impl Status {
    /// How many transitions every connection remembers.
    pub const HISTORY: usize = 12;
}

/// What was learnt of the path to the peer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct PathStatus {
    /// The longest packet that we send, header and all, in octets.
    pub mtu: u32,
    /// Why it is so long.
    pub mtu_source: MtuSource,
    /// The length of a longer packet that is on its way, to see whether it arrives.
    pub mtu_probe: Option<u32>,
    /// Longer packets are tried when that is over; `None`: nothing is known that could grow old.
    #[serde(rename = "mtu_left_us", serialize_with = "maybe_micros")]
    pub mtu_left: Option<Duration>,
    /// What the network has told, while nothing has been delivered since.
    pub trouble: Option<Error>,
    /// The least round-trip time of the last five minutes.
    #[serde(rename = "min_rtt_us", serialize_with = "maybe_micros")]
    pub min_rtt: Option<Duration>,
    /// Octets believed to be in the network: in flight, not lost and not with the peer beyond a gap
    /// (RFC 6675, pipe).
    pub in_network: u32,
    /// Octets delivered, SYN and FIN counted: acknowledged, or selectively acknowledged.
    pub delivered: u64,
    /// Octets that were taken for lost, rightly or not.
    pub lost: u64,
    /// Octets that were sent again.
    pub sent_again: u64,
    /// Octets per second that were delivered over the last round trip that could be measured.
    pub delivery_rate: Option<u64>,
    /// The application had too little to send to measure more than that.
    pub delivery_rate_is_app_limited: bool,
    /// Octets per second at which data leaves; `None`: as fast as the windows let it.
    pub pacing_rate: Option<u64>,
    /// Segments were seen to overtake one another (RFC 8985 6.2).
    pub reordering_seen: bool,
    /// How long segments may be late before they are lost (RFC 8985 6.2: the reordering window).
    #[serde(rename = "reordering_window_us", serialize_with = "micros")]
    pub reordering_window: Duration,
    /// Reports of the peer that something arrived twice (DSACK, RFC 2883).
    pub arrived_twice: u32,
}

/// What a sender makes of the losses it sees (RFC 5681, RFC 6582).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum RecoveryState {
    /// Nothing is missing.
    #[default]
    Open,
    /// Duplicate ACKs came, or segments out of order, too few to act on.
    Disorder,
    /// Fast recovery: a loss was noticed, and not all is acknowledged that was out then.
    Recovery,
    /// The retransmission timer ran out, and not all is acknowledged that was out then.
    Loss,
    /// The peer told of a marked packet, and not all is acknowledged that was out then (RFC 3168).
    Reduced,
}

/// One armed timer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
pub struct TimerLeft {
    /// Which.
    pub timer: Timer,
    /// Until it runs out.
    #[serde(rename = "left_us", serialize_with = "micros")]
    pub left: Duration,
}

/// One step of a connection's life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Transition {
    /// When.
    #[serde(rename = "at_us", serialize_with = "instant_micros")]
    pub at: Instant,
    /// From here.
    pub from: State,
    /// To here.
    pub to: State,
    /// Why.
    pub cause: Cause,
}

impl Tcb {
    /// A snapshot (RFC 9293 3.10.6).
    #[must_use]
    pub fn status(&self, now: Instant, config: &Config) -> Status {
        let timers = Timer::ALL.into_iter().filter_map(|timer| {
            let until = self.timers.until(timer)?;
            Some(TimerLeft { timer, left: until.since(now) })
        });
        Status {
            state: self.state,
            srtt: self.rtt.srtt(),
            rttvar: self.rtt.rttvar(),
            rto: self.rtt.rto(config),
            send_mss: self.send_mss(config),
            receive_mss: u32::from(self.own_mss(config)),
            send_window: self.snd.wnd,
            receive_window: self.rcv.wnd,
            receive_window_scale: self.negotiated.rcv_shift,
            send_window_scale: self.negotiated.snd_shift,
            timestamps: self.negotiated.timestamps,
            sack: self.negotiated.sack,
            ecn: self.ecn.is_in_use(),
            congestion: self.congestion.algorithm(),
            cwnd: self.window(),
            ssthresh: self.congestion.slow_start_threshold(),
            in_flight: self.flight_size(),
            segments_in_flight: self.flight.count(|_| true),
            segments_lost: self.flight.count(|sent| sent.lost.is_some()),
            segments_sacked: self.flight.count(|sent| sent.sacked),
            segments_sent_again: self
                .flight
                .count(|sent| sent.was_sent_again() && sent.is_under_way()),
            path: self.path_status(now, config),
            recovery: self.recovery_state(),
            timeouts: self.retries.into(),
            send_queue: self.snd.queue.len(),
            unsent: self.unsent(),
            receive_queue: self.rcv.queue.ready_len(),
            urgent: self.urgent_octets(),
            out_of_order: self.rcv.queue.out_of_order_len(),
            octets_acknowledged: self.counters.octets_acknowledged,
            octets_received: self.rcv.delivered,
            segments_sent: self.counters.segments_sent,
            segments_received: self.counters.segments_received,
            retransmissions: self.counters.retransmissions,
            timers: timers.collect(),
            transitions: self.history().to_vec(),
        }
    }

    fn path_status(&self, now: Instant, config: &Config) -> PathStatus {
        let min_rtt = self.rtt.least();
        let (least, srtt) = (min_rtt.unwrap_or_default(), self.rtt.srtt().unwrap_or_default());
        PathStatus {
            mtu: self.mtu(config),
            mtu_source: self.mtu_source(),
            mtu_probe: self.mtu_probe_length(),
            mtu_left: self.known_path().and_then(|known| known.until()).map(|at| at.since(now)),
            trouble: self.trouble(),
            min_rtt,
            in_network: self.pipe(config),
            delivered: self.progress.delivered,
            lost: self.progress.lost,
            sent_again: self.counters.octets_sent_again,
            delivery_rate: self.progress.rate(),
            delivery_rate_is_app_limited: self.progress.rate_is_app_limited,
            pacing_rate: self.congestion.pacing_rate(),
            reordering_seen: self.recovery.reordering.seen,
            reordering_window: self.recovery.reordering.window(least, srtt),
            arrived_twice: self.counters.arrived_twice,
        }
    }

    fn recovery_state(&self) -> RecoveryState {
        match self.recovery.kind() {
            Some(Kind::Fast(_) | Kind::NewReno) => RecoveryState::Recovery,
            Some(Kind::Timeout(_)) => RecoveryState::Loss,
            Some(Kind::Marked) => RecoveryState::Reduced,
            None if self.recovery.duplicates > 0 || self.flight.sacked() > 0 => {
                RecoveryState::Disorder
            }
            None => RecoveryState::Open,
        }
    }
}

fn whole_micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

fn micros<S: serde::Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u64(whole_micros(*duration))
}

#[expect(clippy::ref_option, reason = "serde passes a reference to the field")]
fn maybe_micros<S: serde::Serializer>(
    duration: &Option<Duration>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    match duration {
        Some(duration) => serializer.serialize_some(&whole_micros(*duration)),
        None => serializer.serialize_none(),
    }
}

fn instant_micros<S: serde::Serializer>(at: &Instant, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u64(at.as_micros())
}
