//! HyStart++ (RFC 9406): the first slow start ends when the round-trip time rises, before the queue at
//! the bottleneck runs over, and not only when it has. Later slow starts end at ssthresh.

use std::time::Duration;

use super::{Ack, Path};
use crate::seq::Seq;

/// By so much, at least and at most, must the round-trip time rise from one round to the next.
const MIN_RTT_THRESH_US: u32 = 4_000;
const MAX_RTT_THRESH_US: u32 = 16_000;
/// Between the two: by this part of itself.
const MIN_RTT_DIVISOR: u32 = 8;
/// Round-trip times to be measured before a round is judged.
const N_RTT_SAMPLE: u8 = 8;
/// Conservative slow start grows by this part of what slow start would.
const CSS_GROWTH_DIVISOR: u32 = 4;
/// Rounds of conservative slow start, the one in which it began included.
const CSS_ROUNDS: u8 = 5;
/// No round-trip time yet: longer than any.
const INFINITE: u32 = u32::MAX;

/// Where slow start is after an acknowledgment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Growth {
    /// The window may grow by so many octets.
    By(u32),
    /// The path is full: congestion avoidance begins with the window as it is.
    Over,
}

/// The first slow start of a connection. Times are microseconds.
#[derive(Clone, Debug)]
pub(super) struct HyStart {
    /// SND.NXT when this round began; it ends when that is acknowledged. None before the first.
    window_end: Option<Seq>,
    /// The least of the last round, and of this one so far.
    last_round_min_rtt: u32,
    current_round_min_rtt: u32,
    /// The least of the round in which conservative slow start began: when a round falls below it,
    /// the rise was noise. `INFINITE` in ordinary slow start.
    css_baseline_min_rtt: u32,
    /// Octets acknowledged in this round.
    octets: u32,
    samples: u8,
    css_rounds: u8,
}

impl HyStart {
    pub(super) fn new() -> Self {
        HyStart {
            window_end: None,
            last_round_min_rtt: INFINITE,
            current_round_min_rtt: INFINITE,
            css_baseline_min_rtt: INFINITE,
            octets: 0,
            samples: 0,
            css_rounds: 0,
        }
    }

    /// An acknowledgment in slow start.
    ///
    /// It grows the window by all that it acknowledges: L of RFC 9406 4.2 is infinite, although
    /// nothing is paced. L keeps one ACK from releasing a burst, and is meant for receivers that
    /// answer every second segment. Behind devices that hand over 64 KB at a time, one ACK stands for
    /// dozens, that were merged while they waited; a limit of eight segments would take a sixth of
    /// the growth of slow start for no fault of the path.
    pub(super) fn on_ack(&mut self, ack: &Ack) -> Growth {
        let window_end = *self.window_end.get_or_insert(ack.path.nxt);
        self.octets = self.octets.saturating_add(ack.octets);
        if let Some(rtt) = ack.rtt {
            self.current_round_min_rtt = self.current_round_min_rtt.min(micros(rtt));
            self.samples = self.samples.saturating_add(1);
        }
        let round_is_over = ack.path.una.ge(window_end);
        if self.may_judge(round_is_over, ack.path.mss) {
            self.judge();
        }
        let in_css = self.css_baseline_min_rtt != INFINITE;
        if round_is_over {
            if in_css {
                self.css_rounds += 1;
                if self.css_rounds >= CSS_ROUNDS {
                    return Growth::Over;
                }
            }
            self.begin_round(&ack.path);
        }
        Growth::By(if in_css { ack.octets / CSS_GROWTH_DIVISOR } else { ack.octets })
    }

    /// A pause, or an undone loss, lies between this round and the last.
    pub(super) fn restart_round(&mut self) {
        self.window_end = None;
        self.last_round_min_rtt = INFINITE;
        self.current_round_min_rtt = INFINITE;
        (self.octets, self.samples) = (0, 0);
    }

    /// Eight samples are enough (RFC 9406 4.2). Where ACKs are merged a round of hundreds of segments
    /// has fewer; then it is judged at its end, by all it had, if eight segments were acknowledged.
    fn may_judge(&self, round_is_over: bool, mss: u32) -> bool {
        let merged = round_is_over && self.octets / mss.max(1) >= u32::from(N_RTT_SAMPLE);
        self.samples >= N_RTT_SAMPLE || (merged && self.samples > 0)
    }

    /// Into conservative slow start when the round-trip time rose, and back when it did not last.
    fn judge(&mut self) {
        let (now, last) = (self.current_round_min_rtt, self.last_round_min_rtt);
        if self.css_baseline_min_rtt != INFINITE {
            if now < self.css_baseline_min_rtt {
                self.css_baseline_min_rtt = INFINITE;
            }
            return;
        }
        if now == INFINITE || last == INFINITE {
            return;
        }
        let thresh = (last / MIN_RTT_DIVISOR).clamp(MIN_RTT_THRESH_US, MAX_RTT_THRESH_US);
        if now >= last.saturating_add(thresh) {
            self.css_baseline_min_rtt = now;
            self.css_rounds = 0;
        }
    }

    fn begin_round(&mut self, path: &Path) {
        // With nothing out it begins with what will be.
        self.window_end = (path.una != path.nxt).then_some(path.nxt);
        self.last_round_min_rtt = self.current_round_min_rtt;
        self.current_round_min_rtt = INFINITE;
        (self.octets, self.samples) = (0, 0);
    }
}

/// At most 71 minutes, which is one less than `INFINITE`.
fn micros(rtt: Duration) -> u32 {
    u32::try_from(rtt.as_micros()).map_or(INFINITE - 1, |micros| micros.min(INFINITE - 1))
}
