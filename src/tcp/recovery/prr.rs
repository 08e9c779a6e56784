//! Proportional rate reduction (RFC 9937): while a loss is repaired, data leaves in proportion to what is
//! delivered, so that the window has come down to ssthresh when the repair is over, without a pause and
//! without a burst.

/// The state of one recovery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::tcp) struct Prr {
    /// RecoverFS: what was out when the recovery began; never zero.
    recover_flight: u32,
    /// ssthresh, as congestion control has set it.
    target: u32,
    /// prr_delivered and prr_out, in octets.
    delivered: u64,
    sent: u64,
    /// The window for now: what is out and what may be sent beside it.
    window: u32,
}

impl Prr {
    /// A recovery begins with `flight` octets out, `pipe` of them still in the network, and is to end
    /// with a window of `target`.
    pub(in crate::tcp) fn new(flight: u32, pipe: u32, target: u32) -> Self {
        Prr { recover_flight: flight.max(1), target, delivered: 0, sent: 0, window: pipe }
    }

    /// The congestion window.
    pub(in crate::tcp) const fn window(&self) -> u32 {
        self.window
    }

    /// Octets have left.
    pub(in crate::tcp) fn on_sent(&mut self, octets: u32) {
        self.sent += u64::from(octets);
    }

    /// `delivered` octets were delivered, and `pipe` are out now. While too little is out, as much may
    /// leave as arrived, whatever left before: so a lost retransmission, behind which nothing else is out,
    /// is noticed by what follows it and not by the timeout. It is made up for as in slow start as long as
    /// the repair makes progress and finds no more losses (the bounds PRR-CRB and PRR-SSRB).
    pub(in crate::tcp) fn on_ack(&mut self, delivered: u32, pipe: u32, mss: u32, progress: bool) {
        self.delivered += u64::from(delivered);
        let more = if pipe > self.target {
            let share = self.delivered * u64::from(self.target);
            share.div_ceil(u64::from(self.recover_flight)).saturating_sub(self.sent)
        } else {
            let conserved = self.delivered.saturating_sub(self.sent).max(u64::from(delivered));
            let more = if progress { u64::from(mss) } else { 0 };
            u64::from(self.target - pipe).min(conserved + more)
        };
        self.window = pipe.saturating_add(u32::try_from(more).unwrap_or(u32::MAX));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MSS: u32 = 1000;

    /// The RFC's own example: of twenty segments the first is lost, and ssthresh is half. Of the nineteen
    /// ACKs that follow every second lets a segment leave.
    #[test]
    fn one_loss_in_a_window_halves_the_rate_evenly() {
        let mut prr = Prr::new(20 * MSS, 16 * MSS, 10 * MSS);
        let mut pipe = 20 * MSS - MSS;
        let mut sent = Vec::new();
        for ack in 1..=19 {
            // Three were there before the loss was noticed; each ACK takes one segment out.
            pipe -= MSS;
            prr.on_ack(MSS, pipe, MSS, false);
            let mut now = 0;
            while prr.window() >= pipe + MSS {
                pipe += MSS;
                prr.on_sent(MSS);
                now += 1;
            }
            sent.push(now);
            assert!(now <= 1, "no burst at ACK {ack}");
        }
        assert_eq!(sent.iter().sum::<u32>(), 10);
        assert_eq!(pipe, 10 * MSS, "what is out has come down to ssthresh");
    }

    /// Most of a window is lost: what is out is built up again as in slow start.
    #[test]
    fn many_losses_are_made_up_for_while_there_is_progress() {
        let mut prr = Prr::new(20 * MSS, 16 * MSS, 10 * MSS);
        let mut pipe = 4 * MSS;
        for _ in 0..3 {
            pipe -= MSS;
            prr.on_ack(MSS, pipe, MSS, true);
            assert_eq!(prr.window(), pipe + 2 * MSS);
            pipe += 2 * MSS;
            prr.on_sent(2 * MSS);
        }
        pipe -= MSS;
        prr.on_ack(MSS, pipe, MSS, false);
        assert_eq!(prr.window(), pipe + MSS, "without progress no more leaves than arrives");
    }

    /// Two of three are lost. The first is sent again, and lost again: what the third lets out is all that
    /// can tell of it.
    #[test]
    fn a_lost_retransmission_is_followed_by_something() {
        let mut prr = Prr::new(3 * MSS, 2 * MSS, 2 * MSS);
        prr.on_sent(MSS);
        prr.on_ack(MSS, MSS, MSS, false);
        assert_eq!(prr.window(), 2 * MSS);
        // Nothing arrives, nothing leaves.
        prr.on_sent(MSS);
        prr.on_ack(0, 2 * MSS, MSS, false);
        assert_eq!(prr.window(), 2 * MSS);
    }

    #[test]
    fn nothing_out_is_no_division_by_zero() {
        let mut prr = Prr::new(0, 0, 0);
        prr.on_ack(u32::MAX, u32::MAX, u32::MAX, true);
        assert_eq!(prr.window(), u32::MAX);
    }
}
