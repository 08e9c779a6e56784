//! How fast data was delivered, by one acknowledgment (draft-ietf-ccwg-bbr, delivery rate samples).

use std::time::Duration;

use crate::tcp::recovery::{Delivery, Flight, Mark, Out};
use crate::time::Instant;

/// One sample: what was delivered between the sending of a segment and its acknowledgment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::tcp) struct RateSample {
    /// Octets delivered over `interval`.
    pub delivered: u64,
    /// The longer of the time it took to send them and to have them acknowledged; never zero.
    pub interval: Duration,
    /// `Path::delivered` when the segment left.
    pub prior_delivered: u64,
    /// Octets in flight when it left, itself included.
    pub in_flight_then: u32,
    /// Octets that were found lost between its sending and its acknowledgment.
    pub lost: u64,
    /// The round-trip time of the segment, if it was sent only once.
    pub rtt: Option<Duration>,
    /// The application, not the path, was the limit when it left.
    pub app_limited: bool,
}

impl RateSample {
    /// Octets per second.
    #[must_use]
    pub(in crate::tcp) fn rate(&self) -> u64 {
        rate(self.delivered, self.interval)
    }
}

/// Octets per second.
fn rate(octets: u64, over: Duration) -> u64 {
    let nanos = over.as_nanos().max(1);
    u64::try_from(u128::from(octets) * 1_000_000_000 / nanos).unwrap_or(u64::MAX)
}

/// How far delivery has come, and what is needed to sample its rate. Octets since the connection began;
/// sequence numbers of SYN and FIN count.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::tcp) struct Progress {
    /// Acknowledged or selectively acknowledged.
    pub delivered: u64,
    /// Taken for lost.
    pub lost: u64,
    /// Until so much is delivered the application was the limit; 0: it is not.
    pub app_limited: u64,
    /// The last sample: octets delivered, and over which time; zero before the first.
    rated: u64,
    rated_over_nanos: u64,
    pub rate_is_app_limited: bool,
}

impl Progress {
    /// The last sample in octets per second; none before the first.
    pub(in crate::tcp) fn rate(&self) -> Option<u64> {
        let over = self.rated_over_nanos;
        (over > 0).then(|| rate(self.rated, Duration::from_nanos(over)))
    }

    /// What a segment of `octets` remembers that leaves now, with `pipe` octets in the network.
    pub(in crate::tcp) fn mark(&self, out: &Out, pipe: u32, octets: u32) -> Mark {
        Mark {
            delivered: self.delivered,
            delivered_at: out.delivered_at,
            first_sent_at: out.first_sent_at,
            lost: self.lost,
            in_flight: pipe.saturating_add(octets),
            app_limited: self.app_limited > 0,
        }
    }

    /// There is nothing more to send, though the window would take it: samples of what is out say
    /// nothing of what the path can do.
    pub(in crate::tcp) fn on_nothing_to_send(&mut self, pipe: u32) {
        self.app_limited = (self.delivered + u64::from(pipe)).max(1);
    }

    /// Counts what was delivered, and samples the rate with the segment that left last.
    pub(in crate::tcp) fn on_delivery(
        &mut self,
        delivery: &Delivery,
        flight: &mut Flight,
        min_rtt: Option<Duration>,
        now: Instant,
    ) -> Option<RateSample> {
        self.delivered += u64::from(delivery.octets);
        if self.app_limited > 0 && self.delivered > self.app_limited {
            self.app_limited = 0;
        }
        let newest = delivery.newest?;
        if let Some(out) = flight.out_mut() {
            out.delivered_at = now;
            out.first_sent_at = out.first_sent_at.max(newest.at);
        }
        let sending = newest.at.nanos_since(newest.mark.first_sent_at);
        let arriving = now.nanos_since(newest.mark.delivered_at);
        let nanos = sending.max(arriving);
        let interval = Duration::from_nanos(nanos);
        // Shorter than a round trip: the acknowledgment was for an earlier copy of the segment.
        if nanos == 0 || min_rtt.is_some_and(|least| interval < least) {
            return None;
        }
        let sample = RateSample {
            delivered: self.delivered - newest.mark.delivered,
            interval,
            prior_delivered: newest.mark.delivered,
            in_flight_then: newest.mark.in_flight,
            lost: self.lost - newest.mark.lost,
            rtt: (!newest.was_sent_again).then(|| now.since(newest.at)),
            app_limited: newest.mark.app_limited,
        };
        // It is divided only for those who ask.
        (self.rated, self.rated_over_nanos) = (sample.delivered, nanos);
        self.rate_is_app_limited = sample.app_limited;
        Some(sample)
    }
}
