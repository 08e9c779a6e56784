//! How large the buffers of a connection are. They begin as configured and grow with the bandwidth-delay
//! product of the path, up to a cap: a window that is too small halts the peer, and one that nobody needs
//! costs memory when an application stops reading.
//!
//! Receiving: whatever lies beyond the right edge of a window was sent after the peer had heard of a later
//! one, so a whole window takes at least a round trip. If it takes hardly more, the window is what the peer
//! waits for. Sending: twice the congestion window, so that what one round trip takes away has been written
//! when it is acknowledged; but over a path so short that the buffer it begins with goes out many times in a
//! hundredth of a second, more would only leave the processor's caches on its way.

use std::time::Duration;

use super::config::Config;
use super::congestion::CongestionControl;
use super::tcb::Tcb;
use crate::seq::Seq;
use crate::time::Instant;

/// The clock of timestamps counts milliseconds, and a peer on the same machine takes its time to run: a
/// shorter round trip is taken for this.
const LEAST_ROUND_TRIP: Duration = Duration::from_millis(1);

/// How a receive buffer finds its size.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Growth {
    /// What RCV.BUFF has grown to; 0 while it is as configured.
    pub(super) size: u32,
    /// The right edge of the window when this round began.
    edge: Seq,
    /// When that was; `Instant::ZERO` before the first round.
    since: Instant,
}

impl Tcb {
    /// RCV.BUFF.
    pub(super) fn receive_buffer(&self, config: &Config) -> u32 {
        let buffer = config.receive_buffer.max(self.rcv.growth.size);
        if config.whole_segment_buffer {
            buffer.checked_next_multiple_of(self.send_mss(config)).unwrap_or(buffer)
        } else {
            buffer
        }
    }

    /// Octets that may be written ahead of the peer's acknowledgments.
    pub(super) fn send_buffer(&self, config: &Config) -> usize {
        let is_short = self.rtt.srtt().is_none_or(|srtt| srtt < LEAST_ROUND_TRIP);
        if is_short || config.send_buffer_max <= config.send_buffer {
            return config.send_buffer;
        }
        let wanted = (self.congestion.window() as usize).saturating_mul(2);
        wanted.clamp(config.send_buffer, config.send_buffer_max)
    }

    /// The application has read: if a whole window has come in about a round trip, the buffer doubles.
    pub(super) fn grow_receive_buffer(&mut self, now: Instant, config: &Config) {
        let size = self.receive_buffer(config);
        if size >= config.receive_buffer_max {
            return;
        }
        let edge = self.rcv.nxt + self.rcv.wnd;
        let Growth { edge: end, since, .. } = self.rcv.growth;
        let is_first = since == Instant::ZERO;
        if !is_first && self.rcv.nxt.lt(end) {
            return;
        }
        let round_trip = self.rtt.srtt().unwrap_or_default().max(LEAST_ROUND_TRIP);
        // An application that leaves its data lying is not helped by more.
        let keeps_up = self.rcv.queue.ready_len() <= size as usize / 2;
        if !is_first && now.since(since) <= 2 * round_trip && keeps_up {
            self.rcv.growth.size = size.saturating_mul(2).min(config.receive_buffer_max);
        }
        (self.rcv.growth.edge, self.rcv.growth.since) = (edge, now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seq::Seq;

    const CONFIG: fn() -> Config = || Config {
        receive_buffer: 1000,
        receive_buffer_max: 3000,
        send_buffer: 5000,
        send_buffer_max: 40_000,
        mss: 1000,
        ..Config::default()
    };

    /// A window of octets comes in and is read, `after` so long.
    fn window(tcb: &mut Tcb, now: &mut Instant, after: Duration, config: &Config) {
        *now += after;
        tcb.rcv.nxt += tcb.receive_buffer(config);
        tcb.rcv.wnd = tcb.receive_buffer(config);
        tcb.grow_receive_buffer(*now, config);
    }

    #[test]
    fn a_window_in_a_round_trip_doubles_the_buffer_up_to_the_cap() {
        let (config, mut now) = (CONFIG(), Instant::ZERO);
        let mut tcb = Tcb::new(Seq(0), 0, &config);
        tcb.rtt.measure(100_000_000, &config);
        let mut sizes = Vec::new();
        for _ in 0..4 {
            window(&mut tcb, &mut now, Duration::from_millis(110), &config);
            sizes.push(tcb.receive_buffer(&config));
        }
        assert_eq!(sizes, [1000, 2000, 3000, 3000]);
    }

    #[test]
    fn a_window_that_takes_long_to_fill_is_large_enough() {
        let (config, mut now) = (CONFIG(), Instant::ZERO);
        let mut tcb = Tcb::new(Seq(0), 0, &config);
        tcb.rtt.measure(100_000_000, &config);
        (0..9).for_each(|_| window(&mut tcb, &mut now, Duration::from_millis(210), &config));
        assert_eq!(tcb.receive_buffer(&config), 1000);
        // The same rate over a longer path is a window in a round trip.
        tcb.rtt = crate::tcp::rtt::Rtt::new(&config);
        tcb.rtt.measure(200_000_000, &config);
        window(&mut tcb, &mut now, Duration::from_millis(210), &config);
        assert_eq!(tcb.receive_buffer(&config), 2000);
    }

    #[test]
    fn without_a_cap_beyond_it_the_buffer_stays() {
        let (config, mut now) = (Config { receive_buffer_max: 0, ..CONFIG() }, Instant::ZERO);
        let mut tcb = Tcb::new(Seq(0), 0, &config);
        (0..9).for_each(|_| window(&mut tcb, &mut now, Duration::from_micros(1), &config));
        assert_eq!(tcb.receive_buffer(&config), 1000);
    }

    #[test]
    fn the_send_buffer_is_twice_the_congestion_window_within_bounds() {
        let config = CONFIG();
        let mut tcb = Tcb::new(Seq(0), 0, &config);
        tcb.congestion = crate::tcp::congestion::Control::new(config.congestion, 8, 1000);
        tcb.rtt.measure(50_000, &config);
        assert_eq!(tcb.send_buffer(&config), 5000, "over a short path");
        tcb.rtt = crate::tcp::rtt::Rtt::new(&config);
        tcb.rtt.measure(20_000_000, &config);
        for (window, buffer) in [(2, 5000), (8, 16_000), (100, 40_000)] {
            tcb.congestion = crate::tcp::congestion::Control::new(config.congestion, window, 1000);
            assert_eq!(tcb.send_buffer(&config), buffer, "with {window} segments");
        }
        let fixed = Config { send_buffer_max: 0, ..config };
        assert_eq!(tcb.send_buffer(&fixed), 5000);
    }
}
