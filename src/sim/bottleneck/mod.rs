//! Flows that send as much as they can over one bottleneck: what their windows do, what comes through.
//!
//! Each flow has a host of its own at both ends, with nothing between them but the bottleneck: its rate,
//! its buffer, half of the round trip, and its faults on the way of the data; the other half, and no limit,
//! on the way back. Applications always have something to send and read at once, and buffers hold several
//! times what the path does: it is congestion control that decides.
//!
//! ```
//! use std::time::Duration;
//!
//! use glasstack::sim::bottleneck::{Buffer, FlowPlan, Scenario};
//! use glasstack::tcp::Algorithm;
//!
//! let scenario = Scenario {
//!     flows: vec![FlowPlan { algorithm: Algorithm::NewReno, start: Duration::ZERO }],
//!     rate: 10_000_000,
//!     rtt: Duration::from_millis(20),
//!     buffer: Buffer::Bdp(1.0),
//!     duration: Duration::from_secs(10),
//!     measure_after: Duration::from_secs(2),
//!     ..Scenario::default()
//! };
//! let outcome = scenario.run().unwrap();
//! assert!(outcome.goodput() > 0.95 * scenario.payload_rate());
//! ```

mod batch;
mod bulk;
mod outcome;
mod run;
pub mod statistics;
pub mod theory;

pub use batch::run_all;
pub use outcome::{FlowOutcome, Measured, Outcome, Sample};

use std::time::Duration;

use super::wire::{Queue, Wire};
use crate::tcp::Algorithm;
use crate::time::Instant;

/// An IPv4 header and a TCP header with timestamps (RFC 7323).
const HEADERS: usize = 20 + 20 + 12;

/// An experiment. The same scenario gives the same outcome, to the last octet.
#[derive(Clone, Debug, PartialEq)]
pub struct Scenario {
    /// The flows.
    pub flows: Vec<FlowPlan>,
    /// Bits per second that the bottleneck carries, headers counted.
    pub rate: u64,
    /// The round-trip time without any waiting.
    pub rtt: Duration,
    /// The room before the bottleneck; what does not fit is dropped.
    pub buffer: Buffer,
    /// How likely a packet with data is lost behind the buffer, 0 to 1.
    pub loss: f64,
    /// How likely it takes longer than others, so that they overtake it.
    pub reorder: f64,
    /// How much longer: up to this, evenly.
    pub reorder_delay: Duration,
    /// How much longer a packet may travel, so that flows do not move in step, as they never do in a real
    /// network. `None`: what a full packet takes at the bottleneck.
    pub jitter: Option<Duration>,
    /// Flows ask for ECN, and a packet that finds so much waiting is marked (RFC 3168).
    pub mark_above: Option<Buffer>,
    /// The longest IP packet, in octets.
    pub mtu: usize,
    /// How long the experiment lasts.
    pub duration: Duration,
    /// From when on it is measured, counted from the start of the last flow.
    pub measure_after: Duration,
    /// Between two samples.
    pub sample: Duration,
    /// Decides about everything that is left to chance.
    pub seed: u64,
}

/// One flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FlowPlan {
    /// Its congestion control.
    pub algorithm: Algorithm,
    /// When it connects, counted from the start of the experiment.
    pub start: Duration,
}

/// The size of a buffer.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Buffer {
    /// So many octets.
    Octets(u64),
    /// So many packets, long or short.
    Packets(usize),
    /// So many bandwidth-delay products: octets that the bottleneck carries in a round-trip time.
    Bdp(f64),
}

/// 100 Mbit/s over 40 ms with a buffer of one BDP for 60 s, and no flow yet.
impl Default for Scenario {
    fn default() -> Self {
        Scenario {
            flows: Vec::new(),
            rate: 100_000_000,
            rtt: Duration::from_millis(40),
            buffer: Buffer::Bdp(1.0),
            loss: 0.0,
            reorder: 0.0,
            reorder_delay: Duration::ZERO,
            jitter: None,
            mark_above: None,
            mtu: 1500,
            duration: Duration::from_mins(1),
            measure_after: Duration::from_secs(5),
            sample: Duration::from_millis(10),
            seed: 1,
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "octets of a path are far below 2^53")]
impl Scenario {
    /// Half of what a scaled window can say (RFC 7323 2.3).
    pub const MOST_HELD: u64 = 1 << 29;

    /// The bandwidth-delay product, in octets.
    #[must_use]
    pub fn bdp(&self) -> f64 {
        self.rate as f64 / 8.0 * self.rtt.as_secs_f64()
    }

    /// Octets of data in a full segment.
    #[must_use]
    pub fn payload(&self) -> usize {
        self.mtu.saturating_sub(HEADERS).max(1)
    }

    /// Bits per second of data when nothing but full segments cross the bottleneck, one after the other.
    #[must_use]
    pub fn payload_rate(&self) -> f64 {
        self.rate as f64 * self.payload() as f64 / self.mtu as f64
    }

    /// The buffer in octets, as if all packets were full. A packet always finds room in an empty buffer.
    #[must_use]
    pub fn buffer_octets(&self) -> u64 {
        self.octets_of(self.buffer).max(self.mtu as u64)
    }

    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it saturates")]
    fn octets_of(&self, buffer: Buffer) -> u64 {
        match buffer {
            Buffer::Octets(octets) => octets,
            Buffer::Packets(packets) => packets as u64 * self.mtu as u64,
            Buffer::Bdp(products) => (self.bdp() * products) as u64,
        }
    }

    /// A queue from which on packets are marked, in octets.
    #[must_use]
    pub fn mark_above_octets(&self) -> Option<u64> {
        self.mark_above.map(|above| self.octets_of(above))
    }

    /// What the path and the buffer hold together, in octets. No window fills more than
    /// [`Scenario::MOST_HELD`].
    #[must_use]
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it saturates")]
    pub fn held(&self) -> u64 {
        (self.bdp() as u64).saturating_add(self.buffer_octets())
    }

    /// When measuring begins.
    #[must_use]
    pub fn measured_from(&self) -> Instant {
        let last = self.flows.iter().map(|flow| flow.start).max().unwrap_or_default();
        Instant::ZERO + last + self.measure_after
    }

    /// How long is measured.
    #[must_use]
    pub fn measured_for(&self) -> Duration {
        (Instant::ZERO + self.duration) - self.measured_from()
    }

    /// How much longer a packet may travel.
    #[must_use]
    pub fn jitter(&self) -> Duration {
        let packet = || Duration::from_secs_f64(self.mtu as f64 * 8.0 / self.rate.max(1) as f64);
        self.jitter.unwrap_or_else(packet)
    }

    /// The way of the data.
    fn there(&self) -> Wire {
        let room = usize::try_from(self.buffer_octets()).unwrap_or(usize::MAX);
        Wire {
            rate: Some(self.rate),
            delay: self.rtt / 2,
            jitter: self.jitter(),
            queue: match self.buffer {
                Buffer::Packets(packets) => Queue::Packets(packets.max(1)),
                Buffer::Octets(_) | Buffer::Bdp(_) => Queue::Octets(room),
            },
            loss: self.loss,
            reorder: self.reorder,
            reorder_delay: self.reorder_delay,
            mark_above: self
                .mark_above_octets()
                .map(|octets| usize::try_from(octets).unwrap_or(room)),
            ..Wire::default()
        }
    }

    /// The way of the acknowledgments.
    fn back(&self) -> Wire {
        Wire { delay: self.rtt.saturating_sub(self.rtt / 2), ..Wire::default() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_of_100_mbit_and_40_ms_holds_half_a_megabyte() {
        let scenario = Scenario::default();
        assert_eq!((scenario.bdp(), scenario.buffer_octets()), (500_000.0, 500_000));
        assert_eq!(scenario.payload(), 1448);
        let halved = Scenario { buffer: Buffer::Bdp(0.5), ..scenario };
        assert_eq!(halved.there().queue, Queue::Octets(250_000));
    }

    #[test]
    fn a_buffer_has_room_for_a_packet() {
        let scenario = Scenario { buffer: Buffer::Bdp(0.0), ..Scenario::default() };
        assert_eq!(scenario.there().queue, Queue::Octets(1500));
        let scenario = Scenario { buffer: Buffer::Packets(0), ..scenario };
        assert_eq!(scenario.there().queue, Queue::Packets(1));
    }

    #[test]
    fn measuring_begins_after_the_last_flow() {
        let flow =
            |secs| FlowPlan { algorithm: Algorithm::default(), start: Duration::from_secs(secs) };
        let scenario = Scenario { flows: vec![flow(0), flow(20)], ..Scenario::default() };
        assert_eq!(scenario.measured_from(), Instant::from_millis(25_000));
        assert_eq!(scenario.measured_for(), Duration::from_secs(35));
    }
}
