//! What was sent and not acknowledged, and how losses are noticed and repaired.
//!
//! With SACK, losses are told by time (`rack`, RFC 8985), or by counting as before it (`scoreboard`,
//! RFC 6675); a tail loss `probe` draws the acknowledgment that tells of lost ends. Without SACK, three
//! duplicate ACKs mark the first segment (RFC 5681 3.2), partial ACKs the next (RFC 6582). The
//! retransmission timer is the last resort (RFC 6298 5.4). What is marked goes again as the window lets
//! it, which `prr` meters (RFC 9937), and what was needless is taken back (`undo`).
//!
//! Here is what is known, and what follows from it; `tcp/acknowledgment.rs` and `tcp/repair.rs` call it.

mod delivery;
mod flight;
mod probe;
mod prr;
mod rack;
mod scoreboard;
mod sent;
mod too_large;
mod undo;

pub(super) use delivery::{Delivery, Echo};
pub(super) use flight::{Flight, Out};
pub(super) use probe::{Probe, ProbeAck, Verdict};
pub(super) use prr::Prr;
pub(super) use rack::{Losses, Patience, Reordering};
pub(super) use scoreboard::{DUPLICATE_THRESHOLD, Twice, dsack};
pub(super) use sent::{Mark, Sent};
pub(super) use undo::{Frto, FrtoAck, Spurious, Undo};

use crate::seq::Seq;

/// No window reaches so far (RFC 7323 2.3): what lies further behind SND.UNA is history.
const FAR: u32 = 1 << 30;

/// How far a connection is with repairing losses.
#[derive(Clone, Debug)]
pub(super) struct Recovery {
    /// Duplicate ACKs since new data was acknowledged, without SACK. Each says that a segment has left
    /// the network.
    pub(super) duplicates: u32,
    /// SND.NXT when the last repair or timeout began: duplicate ACKs that do not go beyond it may be for
    /// what was sent again in vain, and begin no new recovery (RFC 6582 3.2, "recover"). Follows SND.UNA
    /// from afar, or it would seem to lie ahead after 2 GiB.
    pub(super) recover: Seq,
    /// One segment may leave whatever the congestion window says: the first retransmission, or a probe.
    pub(super) force_one: bool,
    /// A round-trip time was measured since the last loss probe (RFC 8985 7.3).
    pub(super) may_probe: bool,
    /// The loss probe that is out, or of which it is still open what it has repaired.
    pub(super) probe: Option<Probe>,
    pub(super) reordering: Reordering,
    /// What is under way, if anything is.
    pub(super) episode: Option<Box<Episode>>,
    /// How to take the last repair back.
    pub(super) undo: Option<Box<Undo>>,
}

/// The repair of one window of data: until all that was out when it began is acknowledged.
#[derive(Clone, Debug)]
pub(super) struct Episode {
    pub(super) kind: Kind,
    /// SND.NXT when it began.
    pub(super) until: Seq,
}

/// What began a repair.
#[derive(Clone, Debug)]
pub(super) enum Kind {
    /// Fast recovery, with SACK; metered unless congestion control does that itself.
    Fast(Option<Prr>),
    /// Fast recovery without SACK (RFC 6582).
    NewReno,
    /// The retransmission timer ran out.
    Timeout(Frto),
    /// Nothing was lost, but a packet was marked: the window is down for this round (RFC 3168 6.1.2).
    Marked,
}

impl Recovery {
    pub(super) const fn new(iss: Seq) -> Self {
        Recovery {
            duplicates: 0,
            recover: iss,
            force_one: false,
            may_probe: true,
            probe: None,
            reordering: Reordering::new(),
            episode: None,
            undo: None,
        }
    }

    /// SND.UNA has moved to `una`.
    pub(super) fn follow(&mut self, una: Seq) {
        if una.since(self.recover) > FAR {
            self.recover = una - FAR;
        }
    }

    /// What the duplicate ACKs say has left the network, in octets.
    pub(super) const fn left_network(&self, mss: u32) -> u32 {
        self.duplicates.saturating_mul(mss)
    }

    pub(super) fn kind(&self) -> Option<&Kind> {
        self.episode.as_deref().map(|episode| &episode.kind)
    }

    /// Losses are being repaired, whatever began it.
    pub(super) fn is_repairing(&self) -> bool {
        matches!(self.kind(), Some(Kind::Fast(_) | Kind::NewReno | Kind::Timeout(_)))
    }

    /// In fast recovery: the window does not grow.
    pub(super) fn is_fast(&self) -> bool {
        matches!(self.kind(), Some(Kind::Fast(_) | Kind::NewReno))
    }

    pub(super) fn prr_mut(&mut self) -> Option<&mut Prr> {
        match self.episode.as_deref_mut().map(|episode| &mut episode.kind) {
            Some(Kind::Fast(prr)) => prr.as_mut(),
            Some(Kind::NewReno | Kind::Timeout(_) | Kind::Marked) | None => None,
        }
    }

    pub(super) fn prr(&self) -> Option<&Prr> {
        match self.kind() {
            Some(Kind::Fast(prr)) => prr.as_ref(),
            Some(Kind::NewReno | Kind::Timeout(_) | Kind::Marked) | None => None,
        }
    }

    /// Nothing is out any more: what was to be repaired is. That it need not have been may be told later: what
    /// arrived twice is reported behind the ACK that ends the repair (RFC 3708 3).
    pub(super) fn on_all_acknowledged(&mut self) {
        self.duplicates = 0;
        self.force_one = false;
    }
}
