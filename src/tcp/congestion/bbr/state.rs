//! The states and what each asks for (section 5.1, and the table of section 5.6.1).

/// BBR.state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// Doubling each round until the pipe is full.
    Startup,
    /// Letting the queue that Startup built run off.
    Drain,
    /// ProbeBW_DOWN: after a probe, below the bandwidth.
    Down,
    /// ProbeBW_CRUISE: at the bandwidth, leaving room to others.
    Cruise,
    /// ProbeBW_REFILL: for a round at the bandwidth with all bounds of the short term lifted.
    Refill,
    /// ProbeBW_UP: above the bandwidth, is there more?
    Up,
    /// Half the pipe empty, to see the round-trip time without queues.
    ProbeRtt,
}

impl State {
    /// BBR.pacing_gain in hundredths of the bandwidth.
    pub(super) const fn pacing_gain(self) -> u64 {
        match self {
            // 4 ln 2: the least with which the rate doubles each round.
            State::Startup => 277,
            State::Drain => 50,
            State::Down => 90,
            State::Cruise => 100,
            State::Refill => 100,
            State::Up => 125,
            State::ProbeRtt => 100,
        }
    }

    /// BBR.cwnd_gain in hundredths of the bandwidth-delay product.
    pub(super) const fn window_gain(self) -> u64 {
        match self {
            State::Startup => 200,
            State::Drain => 200,
            State::Down => 200,
            State::Cruise => 200,
            State::Refill => 200,
            State::Up => 225,
            State::ProbeRtt => 50,
        }
    }

    /// IsInAProbeBWState.
    pub(super) const fn is_probe_bw(self) -> bool {
        matches!(self, State::Down | State::Cruise | State::Refill | State::Up)
    }

    /// IsProbingBW: it accelerates, so that a loss is an answer and no surprise.
    pub(super) const fn accelerates(self) -> bool {
        matches!(self, State::Startup | State::Refill | State::Up)
    }
}
