//! A connection reduced to what its behaviour depends on: for exploring the machine exhaustively, where
//! two connections with the same fingerprint do the same from there on.

use std::hash::{Hash, Hasher};

use super::tcb::Tcb;
use super::timers::Timer;
use crate::time::Instant;

impl Tcb {
    /// Feeds `hasher` everything that decides what this connection will do, with times counted from
    /// `now`. The octets themselves are not part of it, nor is what is only told (history, counters).
    pub fn fingerprint(&self, now: Instant, hasher: &mut impl Hasher) {
        self.state.hash(hasher);
        (self.role as u8, self.iss, self.irs).hash(hasher);
        let Self { snd, rcv, .. } = self;
        (snd.una, snd.nxt, snd.wnd, snd.max_wnd, snd.edge, snd.wl1, snd.wl2, snd.up).hash(hasher);
        (snd.syn, snd.queue.len(), now.since(snd.last_sent)).hash(hasher);
        (rcv.nxt, rcv.wnd, rcv.up, rcv.delivered, rcv.fin_at, rcv.last_ack_sent).hash(hasher);
        (rcv.duplicate, self.ecn).hash(hasher);
        rcv.queue.ready_len().hash(hasher);
        let islands = rcv.queue.sack_blocks(rcv.delivered, rcv.nxt);
        islands.as_slice().hash(hasher);
        rcv.queue.out_of_order_len().hash(hasher);
        self.flight.fingerprint(now, hasher);
        (self.recovery.duplicates, self.recovery.recover, self.recovery.force_one).hash(hasher);
        (self.recovery.may_probe, self.recovery.probe).hash(hasher);
        let episode = self.recovery.episode.as_deref();
        episode.map(|episode| (format!("{:?}", episode.kind), episode.until)).hash(hasher);
        // What has no equality of its own is told by how it would be shown.
        format!("{:?} {:?}", self.congestion, self.negotiated).hash(hasher);
        self.rtt.fingerprint(hasher);
        format!("{:?} {:?}", self.pending, self.settings).hash(hasher);
        self.acks.fingerprint(now, hasher);
        for timer in Timer::ALL {
            self.timers.until(timer).map(|until| until.since(now)).hash(hasher);
        }
        (self.retries, self.unheeded, self.keepalive_probes, self.close_requested).hash(hasher);
        (self.fin, self.reader_gone, self.error).hash(hasher);
        (self.path_mss, self.ip_header, self.trouble()).hash(hasher);
        self.path_mtu().map(|path| path.fingerprint(now)).hash(hasher);
    }
}
