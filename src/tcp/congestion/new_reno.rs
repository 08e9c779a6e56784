//! Slow start and congestion avoidance (RFC 5681), halving at a loss: the sawtooth of the textbooks.
//! So slow start is the plain one, without HyStart++. Whether the window was used is for `validation`.

use super::validation::{Usage, Validation};
use super::{Ack, CongestionControl, LostSegment, Path, Signal};

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
    validation: Validation,
}

impl NewReno {
    /// Begins with `initial_segments` (RFC 6928).
    pub(in crate::tcp) fn new(initial_segments: u32, mss: u32) -> Self {
        NewReno {
            cwnd: initial_window(initial_segments, mss),
            ssthresh: u32::MAX,
            credit: 0,
            initial_segments,
            validation: Validation::new(),
        }
    }

    fn decay(&mut self, path: &Path) {
        let initial = initial_window(self.initial_segments, path.mss);
        self.validation.decay(path, initial, &mut self.cwnd, &mut self.ssthresh);
    }
}

/// min(10 MSS, max(2 MSS, 14,600)) for ten segments (RFC 6928 2).
pub(super) fn initial_window(segments: u32, mss: u32) -> u32 {
    let segments = segments.max(1);
    let most = mss.saturating_mul(2).max(segments.saturating_mul(1460));
    segments.saturating_mul(mss).min(most).clamp(1, MOST)
}

/// Half of what was in use, but at least two segments (RFC 5681 3.1, equation 4).
fn half(octets: u32, mss: u32) -> u32 {
    (octets / 2).max(mss.saturating_mul(2)).clamp(1, MOST)
}

impl CongestionControl for NewReno {
    fn window(&self) -> u32 {
        self.cwnd
    }

    fn slow_start_threshold(&self) -> u32 {
        self.ssthresh
    }

    fn on_send(&mut self, path: &Path, _idle: bool) {
        if path.in_flight == 0 {
            self.decay(path);
        }
    }

    fn on_ack(&mut self, ack: &Ack) {
        let usage = self.validation.on_ack(ack, self.cwnd);
        self.decay(&ack.path);
        if ack.ece {
            // Whatever a mark does to the window, its ACK does not let it grow (RFC 3168 6.1.2).
            return;
        }
        if self.cwnd < self.ssthresh {
            if usage >= Usage::Half {
                // Octets are counted, not ACKs: receivers acknowledge many segments at once
                // (RFC 3465).
                self.cwnd = self.cwnd.saturating_add(ack.octets).min(self.ssthresh);
            }
        } else if usage == Usage::Full {
            // A round trip's worth is what can be out, in whole segments: of a window of two and a half,
            // two. Waiting for the half, a small window would grow in every second round trip only.
            let part = self.cwnd % ack.path.segment.max(1);
            let round = if part < self.cwnd { self.cwnd - part } else { self.cwnd };
            self.credit = self.credit.saturating_add(ack.octets);
            if self.credit >= round {
                self.credit -= round;
                self.cwnd = self.cwnd.saturating_add(ack.path.mss);
            }
        }
        self.cwnd = self.cwnd.min(MOST);
    }

    fn on_lost(&mut self, lost: &LostSegment, _path: &Path) {
        self.validation.on_lost(lost.octets);
    }

    fn on_congestion(&mut self, why: Signal, path: &Path) {
        let used = self.validation.on_congestion(path, self.cwnd);
        // FlightSize is what RFC 5681 says. A window that was not validated may have been kept from
        // before a pause, and then the last second counts as well (RFC 7661 4.4.1).
        let octets = if used.unvalidated { used.octets } else { path.in_flight.min(self.cwnd) };
        self.ssthresh = half(octets, path.mss);
        self.cwnd = match why {
            Signal::Loss => self.ssthresh,
            // Marks go on slowing down, to a single segment (RFC 3168 6.1.2).
            Signal::Marked => (octets / 2).max(path.mss).clamp(1, MOST),
        };
        self.credit = 0;
    }

    fn on_timeout(&mut self, path: &Path) {
        self.ssthresh = half(path.in_flight, path.mss);
        self.cwnd = path.mss.max(1);
        self.credit = 0;
        self.validation.reset();
    }

    fn on_recovered(&mut self, path: &Path) {
        // The window has been ssthresh all along; no more left than was delivered (RFC 9937).
        self.validation.on_recovered(path.mss, &mut self.cwnd, &mut self.ssthresh);
    }

    fn limit_burst(&mut self, most: u32) {
        self.cwnd = self.cwnd.min(most.max(1));
    }

    fn on_idle(&mut self, path: &Path) {
        self.cwnd = self.cwnd.min(initial_window(self.initial_segments, path.mss));
        self.validation.reset();
    }

    fn undo(&mut self, before: &Self, _path: &Path) {
        self.cwnd = self.cwnd.max(before.cwnd);
        self.ssthresh = before.ssthresh;
        self.credit = before.credit;
        self.validation.reset();
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

    /// Half of five segments is two and a half, of which two can be out.
    #[test]
    fn a_window_with_a_fraction_grows_once_a_round_trip() {
        let mut reno = NewReno::new(10, MSS);
        reno.on_congestion(Signal::Loss, &Path::sample(MSS, 5 * MSS));
        assert_eq!(reno.window(), 2 * MSS + MSS / 2);
        for segments in [2, 3, 4] {
            reno.on_ack(&ack(MSS, segments * MSS));
            assert_eq!(reno.window(), segments * MSS + MSS / 2, "not before the others");
            reno.on_ack(&ack((segments - 1) * MSS, segments * MSS));
            assert_eq!(reno.window(), (segments + 1) * MSS + MSS / 2);
        }
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

    // RFC 6928 2
    #[test]
    fn the_initial_window_is_that_of_rfc_6928() {
        assert_eq!(NewReno::new(10, 1460).window(), 14_600);
        assert_eq!(NewReno::new(10, 8960).window(), 17_920);
        assert_eq!(NewReno::new(10, 536).window(), 5360);
    }

    /// A mark halves as a loss does, but goes on to a single segment; and its ACKs grow nothing.
    #[test]
    fn marks_slow_down_to_a_single_segment() {
        let mut reno = NewReno::new(5, MSS);
        for (cwnd, ssthresh) in [(2500, 2500), (1250, 2000), (1000, 2000)] {
            reno.on_congestion(Signal::Marked, &Path::sample(MSS, reno.window()));
            reno.on_ack(&Ack { in_recovery: true, ..ack(MSS, cwnd) });
            reno.on_recovered(&Path::sample(MSS, cwnd));
            reno.on_ack(&Ack { ece: true, ..ack(MSS, cwnd) });
            assert_eq!((reno.window(), reno.slow_start_threshold()), (cwnd, ssthresh));
        }
    }

    /// It is slow start that repairs what a timeout found lost.
    #[test]
    fn grows_in_recovery_after_a_timeout_and_not_after_a_fast_retransmit() {
        let mut reno = NewReno::new(10, MSS);
        let repairing = Ack { in_recovery: true, ..ack(MSS, 10 * MSS) };
        reno.on_congestion(Signal::Loss, &Path::sample(MSS, 10 * MSS));
        reno.on_ack(&repairing);
        assert_eq!(reno.window(), 5 * MSS);
        reno.on_timeout(&Path::sample(MSS, 10 * MSS));
        (0..3).for_each(|_| reno.on_ack(&repairing));
        assert_eq!(reno.window(), 4 * MSS);
    }

    #[test]
    fn what_was_no_loss_is_undone() {
        let mut reno = NewReno::new(10, MSS);
        reno.on_congestion(Signal::Loss, &Path::sample(MSS, 10 * MSS));
        let before = reno.clone();
        reno.on_timeout(&Path::sample(MSS, 4 * MSS));
        reno.undo(&before, &Path::sample(MSS, 4 * MSS));
        assert_eq!((reno.window(), reno.slow_start_threshold()), (5 * MSS, 5 * MSS));
    }
}
