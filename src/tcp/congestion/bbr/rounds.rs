//! Round trips, counted by what is delivered instead of by the clock (section 5.5.1): a round ends when
//! something is acknowledged that left after the round had begun. So neither silence nor a late timer
//! makes rounds pass.

/// The count of rounds.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Rounds {
    /// BBR.round_count.
    pub(super) count: u64,
    /// BBR.round_start: this acknowledgment ended a round.
    pub(super) started: bool,
    /// BBR.next_round_delivered: what leaves after so much was delivered belongs to the next round.
    end: u64,
    /// The window was used up in this round, and in the one before.
    limited: bool,
    limited_before: bool,
}

impl Rounds {
    /// Begins a round now, without counting one.
    pub(super) fn restart(&mut self, delivered: u64) {
        self.end = delivered;
    }

    /// Takes in an acknowledgment of something that left when `prior` octets had been delivered.
    pub(super) fn on_ack(&mut self, prior: Option<u64>, delivered: u64, window_limited: bool) {
        self.started = prior.is_some_and(|prior| prior >= self.end);
        if self.started {
            self.restart(delivered);
            self.count = self.count.saturating_add(1);
            self.limited_before = std::mem::take(&mut self.limited);
        }
        self.limited |= window_limited;
    }

    /// C.is_cwnd_limited: within the last round trip the window was what held data back.
    pub(super) const fn window_limited(&self) -> bool {
        self.limited || self.limited_before
    }
}
