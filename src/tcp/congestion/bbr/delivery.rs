//! What the last round trip delivered and lost (section 5.5.10): the short-term view of the path.

use super::super::LostSegment;
use super::sample::Sample;

/// Signals of one round. Its rounds begin with a loss, and so are others than those of `Rounds`.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Delivery {
    /// BBR.bw_latest: the highest rate.
    pub(super) rate: u64,
    /// BBR.inflight_latest: the most delivered within a round trip.
    pub(super) octets: u64,
    /// BBR.loss_round_start: this acknowledgment ended a round.
    pub(super) round_started: bool,
    /// BBR.is_loss_in_round.
    pub(super) lost: bool,
    /// Separate stretches of what was sent that were lost in this round.
    pub(super) gaps: u32,
    /// BBR.loss_round_delivered.
    end: u64,
    /// Where the last lost segment ended, counting everything ever sent.
    last_lost: u64,
}

impl Delivery {
    /// Near the start of an acknowledgment.
    pub(super) fn update(&mut self, sample: &Sample, delivered: u64) {
        self.rate = self.rate.max(sample.rate);
        self.octets = self.octets.max(sample.delivered);
        self.round_started = sample.prior_delivered.is_some_and(|prior| prior >= self.end);
        if self.round_started {
            self.end = delivered;
        }
    }

    /// At its end: the next round knows only what came last.
    pub(super) fn advance(&mut self, sample: &Sample) {
        if self.round_started {
            (self.rate, self.octets) = (sample.rate, sample.delivered);
            self.gaps = 0;
        }
    }

    /// BBR.ResetCongestionSignals.
    pub(super) fn reset(&mut self) {
        (self.lost, self.rate, self.octets) = (false, 0, 0);
    }

    /// Something was lost, or marked: the round in which it shows ends a round trip from now.
    pub(super) fn note_loss(&mut self, delivered: u64) {
        if !self.lost {
            self.end = delivered;
        }
        self.lost = true;
    }

    /// Counts the stretches. All that was sent is in flight, delivered or lost: their sum at its departure
    /// says where in the order of sending a segment ended.
    pub(super) fn count_gap(&mut self, lost: &LostSegment) {
        let flight = u64::from(lost.in_flight_then);
        let sent = lost.delivered_then.saturating_add(lost.lost_then).saturating_add(flight);
        if self.gaps == 0 || sent.saturating_sub(u64::from(lost.octets)) != self.last_lost {
            self.gaps = self.gaps.saturating_add(1);
        }
        self.last_lost = sent;
    }
}
