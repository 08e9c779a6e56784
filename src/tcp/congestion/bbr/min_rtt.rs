//! The round-trip time without queues (section 5.3.4.3).

use std::time::Duration;

use crate::time::Instant;

/// BBR.MinRTTFilterLen: what is older than this is not believed any more.
const MEMORY: Duration = Duration::from_secs(10);
/// BBR.ProbeRTTInterval: after so long without a lower sample, one is provoked.
const INTERVAL: Duration = Duration::from_secs(5);

/// Two minima in one: over ten seconds for the model, over five to know when to probe.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct MinRtt {
    /// BBR.min_rtt.
    least: Option<Duration>,
    least_at: Instant,
    /// BBR.probe_rtt_min_delay.
    recent: Option<Duration>,
    recent_at: Instant,
    /// BBR.probe_rtt_expired.
    expired: bool,
}

impl MinRtt {
    /// Time begins.
    pub(super) fn begin(&mut self, now: Instant) {
        (self.least_at, self.recent_at) = (now, now);
    }

    /// The handshake measured something.
    pub(super) fn suppose(&mut self, srtt: Duration) {
        self.least = self.least.or(Some(srtt));
    }

    pub(super) const fn value(&self) -> Option<Duration> {
        self.least
    }

    /// A probe is due.
    pub(super) const fn expired(&self) -> bool {
        self.expired
    }

    /// Takes in an acknowledgment, which need not have measured anything.
    pub(super) fn on_ack(&mut self, now: Instant, rtt: Option<Duration>) {
        self.expired = now > self.recent_at + INTERVAL;
        if let Some(rtt) = rtt
            && (self.expired || self.recent.is_none_or(|recent| rtt < recent))
        {
            (self.recent, self.recent_at) = (Some(rtt), now);
        }
        let forgotten = now > self.least_at + MEMORY;
        if let Some(recent) = self.recent
            && (forgotten || self.least.is_none_or(|least| recent < least))
        {
            (self.least, self.least_at) = (Some(recent), self.recent_at);
        }
    }

    /// A probe is over: the next is due an interval from now.
    pub(super) fn probed(&mut self, now: Instant) {
        self.recent_at = now;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    #[test]
    fn a_longer_time_is_believed_after_ten_seconds() {
        let mut min_rtt = MinRtt::default();
        min_rtt.on_ack(Instant::ZERO, Some(ms(20)));
        for second in 1..=10 {
            min_rtt.on_ack(Instant::from_millis(second * 1000), Some(ms(30)));
            assert_eq!((second, min_rtt.value()), (second, Some(ms(20))));
        }
        min_rtt.on_ack(Instant::from_millis(10_001), None);
        assert_eq!(min_rtt.value(), Some(ms(30)));
    }

    #[test]
    fn a_probe_is_due_after_five_seconds_without_less() {
        let mut min_rtt = MinRtt::default();
        min_rtt.on_ack(Instant::ZERO, Some(ms(20)));
        min_rtt.on_ack(Instant::from_millis(5000), Some(ms(20)));
        assert!(!min_rtt.expired());
        min_rtt.on_ack(Instant::from_millis(5001), Some(ms(20)));
        assert!(min_rtt.expired());
        min_rtt.on_ack(Instant::from_millis(5002), Some(ms(20)));
        assert!(!min_rtt.expired());
    }
}
