//! The algorithm that a connection has chosen.

use super::bbr::Bbr;
use super::cubic::Cubic;
use super::new_reno::NewReno;
use super::{Ack, Algorithm, CongestionControl, LostSegment, Path, Signal};

/// One of the algorithms at work. Those that few choose and that need much room are boxed.
#[derive(Clone, Debug)]
pub(in crate::tcp) enum Control {
    NewReno(NewReno),
    Bbr(Box<Bbr>),
    Cubic(Cubic),
}

impl Control {
    /// Begins with `initial_segments` (RFC 6928).
    pub(in crate::tcp) fn new(algorithm: Algorithm, initial_segments: u32, mss: u32) -> Self {
        match algorithm {
            Algorithm::NewReno => Control::NewReno(NewReno::new(initial_segments, mss)),
            Algorithm::Bbr => Control::Bbr(Box::new(Bbr::new(initial_segments, mss))),
            Algorithm::Cubic => Control::Cubic(Cubic::new(initial_segments, mss)),
        }
    }

    /// Which one it is.
    pub(in crate::tcp) const fn algorithm(&self) -> Algorithm {
        match self {
            Control::NewReno(_) => Algorithm::NewReno,
            Control::Bbr(_) => Algorithm::Bbr,
            Control::Cubic(_) => Algorithm::Cubic,
        }
    }

    fn chosen(&self) -> &dyn CongestionControl {
        match self {
            Control::NewReno(reno) => reno,
            Control::Bbr(bbr) => bbr.as_ref(),
            Control::Cubic(cubic) => cubic,
        }
    }

    fn chosen_mut(&mut self) -> &mut dyn CongestionControl {
        match self {
            Control::NewReno(reno) => reno,
            Control::Bbr(bbr) => bbr.as_mut(),
            Control::Cubic(cubic) => cubic,
        }
    }
}

impl CongestionControl for Control {
    fn window(&self) -> u32 {
        self.chosen().window()
    }

    fn slow_start_threshold(&self) -> u32 {
        self.chosen().slow_start_threshold()
    }

    fn pacing_rate(&self) -> Option<u64> {
        self.chosen().pacing_rate()
    }

    fn send_quantum(&self) -> u32 {
        self.chosen().send_quantum()
    }

    fn meters_recovery(&self) -> bool {
        self.chosen().meters_recovery()
    }

    fn on_negotiated(&mut self, sack: bool) {
        self.chosen_mut().on_negotiated(sack);
    }

    fn on_send(&mut self, path: &Path, idle: bool) {
        self.chosen_mut().on_send(path, idle);
    }

    fn on_ack(&mut self, ack: &Ack) {
        self.chosen_mut().on_ack(ack);
    }

    fn on_lost(&mut self, lost: &LostSegment, path: &Path) {
        self.chosen_mut().on_lost(lost, path);
    }

    fn on_congestion(&mut self, why: Signal, path: &Path) {
        self.chosen_mut().on_congestion(why, path);
    }

    fn on_timeout(&mut self, path: &Path) {
        self.chosen_mut().on_timeout(path);
    }

    fn on_recovered(&mut self, path: &Path) {
        self.chosen_mut().on_recovered(path);
    }

    fn limit_burst(&mut self, most: u32) {
        self.chosen_mut().limit_burst(most);
    }

    fn on_idle(&mut self, path: &Path) {
        self.chosen_mut().on_idle(path);
    }

    fn undo(&mut self, before: &Self, path: &Path) {
        match (self, before) {
            (Control::NewReno(reno), Control::NewReno(before)) => reno.undo(before, path),
            (Control::Bbr(bbr), Control::Bbr(before)) => bbr.undo(before, path),
            (Control::Cubic(cubic), Control::Cubic(before)) => cubic.undo(before, path),
            // An algorithm is chosen before there is anything to undo.
            (Control::NewReno(_) | Control::Cubic(_) | Control::Bbr(_), _) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_idle_connection_pays_for_no_more_than_this() {
        assert!(size_of::<Control>() <= 120, "{}", size_of::<Control>());
    }

    #[test]
    fn every_algorithm_is_called_by_its_name_and_can_be_undone() {
        for algorithm in Algorithm::ALL {
            assert_eq!(algorithm.name().parse(), Ok(algorithm));
            let mut control = Control::new(algorithm, 10, 1000);
            assert_eq!((control.algorithm(), control.window()), (algorithm, 10_000));
            let (before, path) = (control.clone(), Path::sample(1000, 10_000));
            control.on_timeout(&path);
            assert!(control.window() < 10_000);
            control.undo(&before, &path);
            assert_eq!(control.window(), 10_000);
        }
    }
}
