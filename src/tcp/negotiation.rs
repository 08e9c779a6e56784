//! What the two SYNs agree on: segment sizes, window scales, timestamps, SACK.

use smallvec::SmallVec;

use super::config::Config;
use super::tcb::Tcb;
use crate::seq::Seq;
use crate::time::Instant;
use crate::wire::{Options, SackBlocks, Timestamps};

/// The segment size of a peer that names none (RFC 9293 3.7.1, MUST-15).
pub(super) const DEFAULT_MSS: u16 = 536;
/// The same over IPv6, every link of which carries more (the same).
pub(super) const DEFAULT_MSS_IPV6: u16 = 1220;
/// Smaller offers are taken for this: nobody shall make us send a header per octet.
const LEAST_MSS: u16 = 48;
/// The largest shift there is; larger ones count as this (RFC 7323 2.3).
const MOST_SHIFT: u8 = 14;

type Blocks = SmallVec<[(Seq, Seq); SackBlocks::MOST]>;

/// What is in use on a connection. Before the SYNs are exchanged: what we would accept.
#[derive(Clone, Copy, Debug)]
pub(super) struct Negotiated {
    /// The peer's segment size; until it names one, that of peers which name none.
    pub(super) peer_mss: u16,
    /// Shift of the windows the peer announces; `None` when scaling is not in use.
    pub(super) snd_shift: Option<u8>,
    /// Shift of the windows we announce; `None` when scaling is not in use.
    pub(super) rcv_shift: Option<u8>,
    /// Timestamps go with every segment.
    pub(super) timestamps: bool,
    /// SACK blocks may be sent.
    pub(super) sack: bool,
    /// The peer's latest timestamp, which we echo (RFC 7323 4.3).
    pub(super) ts_recent: u32,
    /// When it came.
    pub(super) ts_recent_at: Instant,
    /// Added to our clock, so that it tells nothing of when we were started (RFC 7323 5.4).
    pub(super) ts_offset: u32,
}

impl Negotiated {
    pub(super) fn new(config: &Config, ts_offset: u32) -> Self {
        Negotiated {
            peer_mss: DEFAULT_MSS,
            snd_shift: None,
            rcv_shift: config.window_scaling.then(|| config.shift_to_announce()),
            timestamps: config.timestamps,
            sack: config.sack,
            ts_recent: 0,
            ts_recent_at: Instant::ZERO,
            ts_offset,
        }
    }

    /// Takes what the peer's SYN says: only what both offer is in use.
    pub(super) fn on_syn(&mut self, theirs: &Options, now: Instant) {
        self.peer_mss = theirs.mss.unwrap_or(self.peer_mss).max(LEAST_MSS);
        match (self.rcv_shift, theirs.window_scale) {
            (Some(_), Some(shift)) => self.snd_shift = Some(shift.min(MOST_SHIFT)),
            (Some(_) | None, None) | (None, Some(_)) => {
                self.rcv_shift = None;
                self.snd_shift = None;
            }
        }
        self.sack &= theirs.sack_permitted;
        match theirs.timestamps {
            Some(timestamps) => {
                self.ts_recent = timestamps.val;
                self.ts_recent_at = now;
            }
            None => self.timestamps = false,
        }
    }

    /// Our timestamps option at `now`: a clock of milliseconds (RFC 7323 5.4).
    #[expect(clippy::cast_possible_truncation, reason = "timestamps wrap")]
    pub(super) fn timestamps_at(&self, now: Instant) -> Option<Timestamps> {
        self.timestamps.then(|| {
            let val = (now.as_millis() as u32).wrapping_add(self.ts_offset);
            Timestamps { val, ecr: self.ts_recent }
        })
    }
}

impl Tcb {
    /// The options of our SYN, or of our answer to one.
    pub(super) fn syn_options(&self, now: Instant, config: &Config) -> Options {
        Options {
            mss: Some(self.own_mss(config)),
            window_scale: self.negotiated.rcv_shift,
            sack_permitted: self.negotiated.sack,
            timestamps: self.negotiated.timestamps_at(now),
            ..Options::default()
        }
    }

    /// The options of any other segment.
    pub(super) fn options(&self, now: Instant) -> Options {
        let mut options =
            Options { timestamps: self.negotiated.timestamps_at(now), ..Options::default() };
        if self.negotiated.sack {
            options.sack = self.sack_blocks();
            options.sack.truncate(options.room_for_sack());
        }
        options
    }

    /// What came twice first, then the island it lies in, if it does: so the peer knows it for a report of
    /// that kind (RFC 2883 4). Then what else is held beyond gaps.
    fn sack_blocks(&self) -> SackBlocks {
        let held = self.held_blocks();
        let Some((left, right)) = self.rcv.duplicate.range() else { return held };
        let mut blocks = SackBlocks::default();
        blocks.push(left, right);
        let is_around = |block: &(Seq, Seq)| block.0.le(left) && right.le(block.1);
        let (around, others): (Blocks, Blocks) =
            held.as_slice().iter().copied().partition(is_around);
        for (left, right) in around.into_iter().chain(others) {
            blocks.push(left, right);
        }
        blocks
    }

    /// What is held beyond gaps. A FIN takes up a number, too: without it the sender could not tell that the
    /// last segment of all has arrived.
    fn held_blocks(&self) -> SackBlocks {
        let held = self.rcv.queue.sack_blocks(self.rcv.delivered, self.rcv.nxt);
        let Some(fin) = self.fin_beyond_a_gap() else { return held };
        let mut blocks = SackBlocks::default();
        let mut is_told = false;
        for (left, right) in held.as_slice().iter().copied() {
            is_told |= right == fin;
            blocks.push(left, if right == fin { fin + 1 } else { right });
        }
        if !is_told {
            blocks.push(fin, fin + 1);
        }
        blocks
    }

    /// The number of the peer's FIN, if it has come ahead of something.
    fn fin_beyond_a_gap(&self) -> Option<Seq> {
        let gap = self.rcv.fin_at?.checked_sub(self.rcv.delivered).filter(|gap| *gap > 0)?;
        Some(self.rcv.nxt + u32::try_from(gap).expect("it is within the window"))
    }

    /// The octets that they take.
    pub(super) fn options_len(&self, now: Instant) -> usize {
        let has_blocks = self.rcv.queue.out_of_order_len() > 0
            || self.rcv.duplicate.is_due()
            || self.fin_beyond_a_gap().is_some();
        if self.negotiated.sack && has_blocks {
            return self.options(now).len();
        }
        if self.negotiated.timestamps { Timestamps::LEN } else { 0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_both_offer_is_used() {
        let config = Config { receive_buffer: 1 << 20, ..Config::default() };
        let mut both = Negotiated::new(&config, 0);
        let syn = Options {
            mss: Some(1460),
            window_scale: Some(200),
            sack_permitted: true,
            timestamps: Some(Timestamps { val: 7, ecr: 0 }),
            ..Options::default()
        };
        both.on_syn(&syn, Instant::ZERO);
        assert_eq!((both.peer_mss, both.snd_shift, both.rcv_shift), (1460, Some(14), Some(5)));
        assert!(both.sack && both.timestamps && both.ts_recent == 7);

        let mut none = Negotiated::new(&config, 0);
        none.on_syn(&Options::default(), Instant::ZERO);
        assert_eq!((none.peer_mss, none.snd_shift, none.rcv_shift), (536, None, None));
        assert!(!none.sack && !none.timestamps);
    }

    #[test]
    fn a_tiny_segment_size_is_not_honoured() {
        let mut tiny = Negotiated::new(&Config::default(), 0);
        tiny.on_syn(&Options { mss: Some(0), ..Options::default() }, Instant::ZERO);
        assert_eq!(tiny.peer_mss, LEAST_MSS);
    }
}
