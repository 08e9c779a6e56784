//! Slow start and congestion avoidance (RFC 5681), halving at a loss.

use super::{Ack, CongestionControl, Path, Signal};

/// The window never grows beyond this, whatever is acknowledged (RFC 7323 2.3).
pub(super) const MOST: u32 = 1 << 30;

/// The classic algorithm.
#[derive(Clone, Debug)]
pub(in crate::tcp) struct NewReno {
    cwnd: u32,
    ssthresh: u32,
    /// Octets acknowledged towards the next step of congestion avoidance.
    credit: u32,
    /// IW in segments (RFC 6928).
    initial_segments: u32,
}

impl NewReno {
    /// Begins with `initial_segments` (RFC 6928).
    pub(in crate::tcp) fn new(initial_segments: u32, mss: u32) -> Self {
        let cwnd = initial_window(initial_segments, mss);
        NewReno { cwnd, ssthresh: u32::MAX, credit: 0, initial_segments }
    }
}

/// min(10 MSS, max(2 MSS, 14,600)) for ten segments (RFC 6928 2).
pub(super) fn initial_window(segments: u32, mss: u32) -> u32 {
    let segments = segments.max(1);
    let most = mss.saturating_mul(2).max(segments.saturating_mul(1460));
    segments.saturating_mul(mss).min(most).clamp(1, MOST)
}

/// Half of what is out, but at least two segments (RFC 5681 3.1, equation 4).
fn half(flight: u32, mss: u32) -> u32 {
    (flight / 2).max(2 * mss)
}

impl CongestionControl for NewReno {
    fn window(&self) -> u32 {
        self.cwnd
    }

    fn slow_start_threshold(&self) -> u32 {
        self.ssthresh
    }

    fn on_ack(&mut self, ack: &Ack) {
        if ack.in_recovery {
            return;
        }
        let slow_start = self.cwnd < self.ssthresh;
        // A window that the application does not fill has not been tested: it does not grow. In slow
        // start half full is enough, for the window doubles faster than an application writes.
        let (flight, mss) = (ack.in_flight_before, ack.path.mss);
        let tested = if slow_start { flight.saturating_mul(2) } else { flight.saturating_add(mss) };
        if tested < self.cwnd {
            return;
        }
        let octets = ack.octets;
        if slow_start {
            // Octets are counted, not ACKs: receivers acknowledge many segments at once (RFC 3465).
            self.cwnd = self.cwnd.saturating_add(octets).min(self.ssthresh.max(self.cwnd));
        } else {
            self.credit = self.credit.saturating_add(octets);
            if self.credit >= self.cwnd {
                self.credit -= self.cwnd;
                self.cwnd = self.cwnd.saturating_add(mss);
            }
        }
        self.cwnd = self.cwnd.min(MOST);
    }

    fn on_congestion(&mut self, _why: Signal, path: &Path) {
        self.ssthresh = half(path.in_flight, path.mss);
        self.cwnd = self.ssthresh;
        self.credit = 0;
    }

    fn on_timeout(&mut self, path: &Path) {
        self.ssthresh = half(path.in_flight, path.mss);
        self.cwnd = path.mss;
        self.credit = 0;
    }

    fn on_recovered(&mut self, path: &Path) {
        // RFC 6582 3.2 step 3, first choice: no burst after the recovery.
        self.cwnd = self.ssthresh.min(path.in_flight.max(path.mss) + path.mss);
    }

    fn on_idle(&mut self, path: &Path) {
        self.cwnd = self.cwnd.min(initial_window(self.initial_segments, path.mss));
    }

    fn undo(&mut self, before: &Self, _path: &Path) {
        self.cwnd = self.cwnd.max(before.cwnd);
        self.ssthresh = before.ssthresh;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MSS: u32 = 1000;

    fn ack(octets: u32, in_flight: u32) -> Ack {
        Ack { octets, in_flight_before: in_flight, ..Ack::sample(MSS, in_flight) }
    }

    #[test]
    fn doubles_per_round_trip_then_grows_by_a_segment() {
        let mut reno = NewReno::new(10, MSS);
        assert_eq!(reno.window(), 10 * MSS);
        reno.on_ack(&ack(10 * MSS, 10 * MSS));
        assert_eq!(reno.window(), 20 * MSS);
        reno.on_congestion(Signal::Loss, &Path::sample(MSS, 20 * MSS));
        assert_eq!((reno.window(), reno.slow_start_threshold()), (10 * MSS, 10 * MSS));
        (0..10).for_each(|_| reno.on_ack(&ack(MSS, 10 * MSS)));
        assert_eq!(reno.window(), 11 * MSS);
    }

    #[test]
    fn a_timeout_starts_over_from_one_segment() {
        let mut reno = NewReno::new(10, MSS);
        reno.on_timeout(&Path::sample(MSS, 3 * MSS));
        assert_eq!((reno.window(), reno.slow_start_threshold()), (MSS, 2 * MSS));
    }

    #[test]
    fn an_untested_window_does_not_grow_and_none_overflows() {
        let mut reno = NewReno::new(10, MSS);
        reno.on_ack(&ack(MSS, 2 * MSS));
        assert_eq!(reno.window(), 10 * MSS);
        (0..100).for_each(|_| reno.on_ack(&ack(u32::MAX, u32::MAX)));
        assert_eq!(reno.window(), MOST);
    }

    #[test]
    fn the_initial_window_is_that_of_rfc_6928() {
        assert_eq!(NewReno::new(10, 1460).window(), 14_600);
        assert_eq!(NewReno::new(10, 8960).window(), 17_920);
        assert_eq!(NewReno::new(10, 536).window(), 5360);
    }
}
