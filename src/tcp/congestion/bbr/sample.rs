//! What an acknowledgment told, in the form that the draft works with (its RS).

use std::time::Duration;

use super::super::Ack;

/// One acknowledgment's sample. A rate of zero is none.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Sample {
    /// RS.delivery_rate: octets per second.
    pub(super) rate: u64,
    /// RS.delivered: octets delivered since the newest acknowledged segment left.
    pub(super) delivered: u64,
    /// RS.prior_delivered; `None` when nothing could be sampled.
    pub(super) prior_delivered: Option<u64>,
    /// RS.tx_in_flight.
    pub(super) in_flight_then: u64,
    /// RS.lost: octets found lost since that segment left.
    pub(super) lost: u64,
    /// RS.is_app_limited.
    pub(super) app_limited: bool,
    /// RS.rtt, of the segment that was sent last.
    pub(super) rtt: Option<Duration>,
    /// RS.newly_acked.
    pub(super) newly_acked: u64,
    /// In flight just before it.
    pub(super) in_flight_before: u64,
}

impl Sample {
    pub(super) fn of(ack: &Ack) -> Self {
        let newly_acked = u64::from(ack.delivered);
        let in_flight_before = u64::from(ack.in_flight_before);
        let Some(rate) = ack.rate else {
            return Sample { rtt: ack.rtt, newly_acked, in_flight_before, ..Sample::default() };
        };
        // Nothing comes back faster than the path allows: the segment that was acknowledged was another
        // copy than the one we take it for.
        let credible = ack.path.min_rtt.is_none_or(|min_rtt| rate.interval >= min_rtt);
        Sample {
            rate: if credible { rate.rate() } else { 0 },
            delivered: rate.delivered,
            prior_delivered: Some(rate.prior_delivered),
            in_flight_then: u64::from(rate.in_flight_then),
            lost: rate.lost,
            app_limited: rate.app_limited,
            rtt: rate.rtt.or(ack.rtt),
            newly_acked,
            in_flight_before,
        }
    }
}
