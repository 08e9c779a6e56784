//! How much may be in flight (RFC 5681): one file per algorithm behind one interface.

mod new_reno;

pub(super) use new_reno::NewReno;

/// A congestion control algorithm. Octets throughout; `mss` is the sender's maximum segment size.
pub(super) trait CongestionControl {
    /// cwnd: the most octets that may be in flight.
    fn window(&self) -> u32;

    /// ssthresh: below it the window grows fast; `u32::MAX` before the first loss.
    fn slow_start_threshold(&self) -> u32;

    /// `octets` were acknowledged while `flight` octets were out, outside of recovery.
    fn on_ack(&mut self, octets: u32, flight: u32, mss: u32);

    /// A loss was noticed by duplicate ACKs while `flight` octets were out.
    fn on_loss(&mut self, flight: u32, mss: u32);

    /// The retransmission timer ran out for the first time for this data.
    fn on_timeout(&mut self, flight: u32, mss: u32);

    /// The recovery that `on_loss` began is over.
    fn on_recovered(&mut self, flight: u32, mss: u32);

    /// Nothing was sent for longer than the retransmission timeout.
    fn on_idle(&mut self, mss: u32);
}
