//! Losses found and repaired: when a repair begins, how it goes on, when it is over, and when it is taken
//! back. What is known of each segment, and what follows from it, is in `recovery`.

use super::acknowledgment::News;
use super::congestion::{CongestionControl, Signal};
use super::context::Context;
use super::recovery::{
    DUPLICATE_THRESHOLD, Episode, Frto, FrtoAck, Kind, Losses, Patience, ProbeAck, Prr, Spurious,
    Undo, Verdict,
};
use super::tcb::Tcb;
use crate::trace::{Mask, RecoveryChange, Retransmission, Undone, What};

/// Beginnings.
impl Tcb {
    /// Marks what is lost now, and begins to repair it. Returns how many octets were marked.
    pub(super) fn detect_losses(&mut self, news: Option<&News<'_>>, cx: &mut Context<'_>) -> u32 {
        let losses = if !self.negotiated.sack {
            return self.count_duplicates(news, cx);
        } else if news.is_some_and(|news| news.delivery.octets == 0 && news.twice.is_none()) {
            // Nothing arrived that was not known to. What only needs time has its timer: so nobody can make
            // us go through the whole flight with an ACK that costs him nothing.
            return 0;
        } else if !cx.config.rack {
            self.flight.detect_losses_by_count()
        } else if self.nothing_was_overtaken() {
            return 0;
        } else {
            self.detect_losses_by_time(cx)
        };
        if self.network.is_some() && self.is_only_mtu_probe_lost(cx) {
            return 0;
        }
        let octets = self.take_losses(&losses, cx);
        if octets > 0 && !self.recovery.is_repairing() {
            self.begin_fast_recovery(news, cx);
        }
        octets
    }

    /// As is usual: everything that is out left after all that was delivered.
    fn nothing_was_overtaken(&mut self) -> bool {
        let Some(out) = self.flight.out_mut() else { return true };
        self.recovery.reordering.seen |= out.rack.has_seen_reordering();
        let is_usual = out.nothing_was_overtaken();
        if is_usual {
            out.reordering_until = None;
        }
        is_usual
    }

    fn detect_losses_by_time(&mut self, cx: &mut Context<'_>) -> Losses {
        let patience = self.patience(cx);
        let (losses, wait) = self.flight.detect_losses_by_time(&patience, cx.now);
        if let Some(out) = self.flight.out_mut() {
            out.reordering_until = wait.map(|wait| cx.now + wait);
        }
        losses
    }

    fn patience(&self, cx: &Context<'_>) -> Patience {
        Patience {
            reordering: self.recovery.reordering,
            min_rtt: self.rtt.least().unwrap_or_default(),
            srtt: self.rtt.srtt().unwrap_or(cx.config.initial_rto),
            repairing: self.recovery.is_repairing(),
            threshold: DUPLICATE_THRESHOLD,
        }
    }

    /// Counts what was marked and tells congestion control of each. Returns the octets.
    fn take_losses(&mut self, losses: &Losses, cx: &mut Context<'_>) -> u32 {
        if losses.is_empty() {
            return 0;
        }
        let octets = losses.iter().map(|loss| loss.octets).sum();
        let mut path = self.path(self.pipe(cx.config), cx);
        for loss in losses {
            path.lost += u64::from(loss.octets);
            self.congestion.on_lost(loss, &path);
        }
        self.progress.lost = path.lost;
        octets
    }

    /// FlightSize, as it counts when the acknowledgment of the last `octets` tells of a loss or a mark:
    /// without what limited transmit has sent beyond the window meanwhile (RFC 5681 3.2, step 2).
    fn flight_at_loss(&self, octets: u32) -> u32 {
        self.flight_size().saturating_add(octets).min(self.congestion.window())
    }

    fn remember_how_to_undo(&mut self) {
        let is_first = !self.flight.iter().any(|sent| sent.was_sent_again() && sent.is_under_way());
        let undo = Undo::new(self.congestion.clone(), self.snd.una, is_first);
        self.recovery.undo = Some(Box::new(undo));
    }

    /// Fast recovery begins.
    fn begin_fast_recovery(&mut self, news: Option<&News<'_>>, cx: &mut Context<'_>) {
        self.remember_how_to_undo();
        // For a mark in the same window it has come down already (RFC 3168 6.1.2).
        if self.recovery.episode.is_none() {
            let octets = news.map_or(0, |news| news.octets);
            let path = self.path(self.flight_at_loss(octets), cx);
            self.congestion.on_congestion(Signal::Loss, &path);
            self.window_was_reduced();
        }
        let metered = self.negotiated.sack && !self.congestion.meters_recovery();
        let (flight, pipe) = (self.flight_size(), self.pipe(cx.config));
        let prr = metered.then(|| Prr::new(flight, pipe, self.congestion.window()));
        let kind = if self.negotiated.sack { Kind::Fast(prr) } else { Kind::NewReno };
        self.begin_episode(kind, cx);
        self.recovery.force_one = self.flight.lost() > 0;
    }

    /// The peer echoes a mark (RFC 3168 6.1.2).
    pub(super) fn slow_down_for_a_mark(&mut self, octets: u32, cx: &mut Context<'_>) {
        let path = self.path(self.flight_at_loss(octets), cx);
        self.congestion.on_congestion(Signal::Marked, &path);
        self.window_was_reduced();
        // Whatever a repair before has been for: the mark is real.
        self.recovery.undo = None;
        self.begin_episode(Kind::Marked, cx);
        if self.flight.is_empty() {
            // The echo came with the last acknowledgment: the round is over.
            self.end_episode(cx);
        }
    }

    fn begin_episode(&mut self, kind: Kind, cx: &mut Context<'_>) {
        let change = match &kind {
            Kind::Fast(_) | Kind::NewReno => RecoveryChange::Fast,
            Kind::Timeout(_) => RecoveryChange::Timeout,
            Kind::Marked => RecoveryChange::Marked,
        };
        let until = self.snd.nxt;
        self.recovery.recover = until;
        self.recovery.episode = Some(Box::new(Episode { kind, until }));
        self.recovery.probe = None;
        cx.raise(Mask::WINDOWS, || What::Recovery { change, until });
        self.tell_congestion(cx);
    }

    /// Without SACK: RFC 5681 3.2, RFC 6582 3.2.
    fn count_duplicates(&mut self, news: Option<&News<'_>>, cx: &mut Context<'_>) -> u32 {
        if !news.is_some_and(|news| news.is_duplicate) {
            return 0;
        }
        self.recovery.duplicates = self.recovery.duplicates.saturating_add(1);
        let enough = self.recovery.duplicates >= DUPLICATE_THRESHOLD;
        // While a timeout is being repaired everything is marked already.
        if self.recovery.is_repairing() || !enough || self.snd.una.le(self.recovery.recover) {
            return 0;
        }
        self.begin_fast_recovery(news, cx);
        self.mark_next(cx)
    }

    /// Marks the first segment; returns how many octets that are.
    fn mark_next(&mut self, cx: &mut Context<'_>) -> u32 {
        let before = self.flight.lost();
        if self.flight.mark_first_lost(Retransmission::Fast, self.payload_room(cx)) {
            self.recovery.force_one = true;
        }
        let octets = self.flight.lost() - before;
        self.progress.lost += u64::from(octets);
        octets
    }

    /// The retransmission timer ran out: what is lost (RFC 6298 5.4, RFC 8985 6.3), and, the first time
    /// for this data, what congestion control is told (RFC 5681 3.1) and what can be taken back (RFC 5682).
    pub(super) fn begin_timeout_repair(&mut self, cx: &mut Context<'_>) {
        let is_first = self.retries == 1;
        // Duplicates and losses that were known before leave it open which copy an ACK is for.
        let can_tell = is_first && !self.recovery.is_repairing() && cx.config.frto;
        if is_first {
            if !self.recovery.is_repairing() || self.recovery.undo.is_none() {
                self.remember_how_to_undo();
            }
            let path = self.path(self.flight_at_loss(0), cx);
            self.congestion.on_timeout(&path);
            self.window_was_reduced();
        }
        if self.flight.has_reneged() {
            self.flight.forget_sacks();
        }
        if self.negotiated.sack && cx.config.rack {
            let (patience, most) = (self.patience(cx), self.payload_room(cx));
            let losses = self.flight.mark_lost_at_timeout(&patience, cx.now, most);
            self.take_losses(&losses, cx);
        } else {
            let before = self.flight.lost();
            self.flight.mark_all_lost(Retransmission::Timeout);
            self.progress.lost += u64::from(self.flight.lost() - before);
        }
        self.recovery.duplicates = 0;
        if let Some(out) = self.flight.out_mut() {
            out.reordering_until = None;
        }
        let frto = if can_tell { Frto::Begun } else { Frto::Over };
        self.begin_episode(Kind::Timeout(frto), cx);
        self.recovery.force_one = true;
    }
}

/// While it lasts, and its end.
impl Tcb {
    pub(super) fn end_or_go_on(&mut self, news: &News<'_>, cx: &mut Context<'_>) {
        let Some(episode) = self.recovery.episode.as_deref() else {
            if news.octets > 0 {
                self.recovery.duplicates = 0;
            }
            return;
        };
        let is_over = self.snd.una.ge(episode.until);
        match episode.kind {
            _ if is_over => self.end_episode(cx),
            Kind::NewReno if news.octets > 0 => {
                // Partial: the next segment is missing too. What it acknowledged beyond the one sent
                // again had been counted as duplicates.
                let segments = news.octets / self.send_mss(cx.config).max(1);
                let told = segments.saturating_sub(1);
                self.recovery.duplicates = self.recovery.duplicates.saturating_sub(told);
                self.mark_next(cx);
                self.recovery.force_one = true;
            }
            Kind::NewReno | Kind::Fast(_) | Kind::Timeout(_) | Kind::Marked => {
                if news.octets > 0 {
                    self.recovery.duplicates = 0;
                }
            }
        }
    }

    fn end_episode(&mut self, cx: &mut Context<'_>) {
        let Some(episode) = self.recovery.episode.take() else { return };
        self.recovery.duplicates = 0;
        match episode.kind {
            Kind::Fast(_) | Kind::NewReno => {
                let path = self.path(self.pipe(cx.config), cx);
                self.congestion.on_recovered(&path);
                if matches!(episode.kind, Kind::NewReno) {
                    self.congestion.limit_burst(path.in_flight.max(path.mss) + path.mss);
                }
                self.recovery.reordering.on_recovered();
            }
            Kind::Timeout(_) => self.recovery.reordering.on_recovered(),
            Kind::Marked => {
                let path = self.path(self.pipe(cx.config), cx);
                self.congestion.on_recovered(&path);
            }
        }
        let until = episode.until;
        cx.raise(Mask::WINDOWS, || What::Recovery { change: RecoveryChange::Over, until });
        self.tell_congestion(cx);
        if self.negotiated.sack && self.flight.has_losses() {
            // What left since it began is missing, too: that is the next window's loss.
            self.begin_fast_recovery(None, cx);
        }
    }

    /// RFC 8985 7.4.2.
    pub(super) fn judge_probe(&mut self, ack: &ProbeAck, cx: &mut Context<'_>) {
        let Some(probe) = self.recovery.probe else { return };
        match probe.judge(ack) {
            Verdict::Open => {}
            Verdict::NothingLost => self.recovery.probe = None,
            Verdict::RepairedLoss => {
                self.recovery.probe = None;
                self.respond_to_repaired_loss(cx);
            }
        }
    }

    /// A loss was repaired before anybody noticed: the window comes down all the same, as if the repair
    /// had just ended.
    fn respond_to_repaired_loss(&mut self, cx: &mut Context<'_>) {
        if self.recovery.is_repairing() {
            return;
        }
        let path = self.path(self.flight_at_loss(0), cx);
        self.congestion.on_congestion(Signal::Loss, &path);
        self.window_was_reduced();
        let path = self.path(self.pipe(cx.config), cx);
        self.congestion.on_recovered(&path);
        self.tell_congestion(cx);
    }
}

/// What is taken back.
impl Tcb {
    pub(super) fn undo_what_was_needless(&mut self, news: &News<'_>, cx: &mut Context<'_>) {
        let twice = news.twice;
        if self.recovery.undo.as_deref().is_some_and(|undo| undo.is_past(self.snd.una)) {
            self.recovery.undo = None;
        }
        if let Some(undo) = self.recovery.undo.as_deref_mut()
            && let Some((left, right)) = twice
            && undo.on_twice(left, right)
        {
            return self.take_back(Undone::ArrivedTwice, cx);
        }
        let is_repairing = self.recovery.is_repairing();
        if news.octets > 0
            && is_repairing
            && let Some(undo) = self.recovery.undo.as_deref()
            && undo.is_contradicted_by(
                news.echo,
                (self.snd.una - news.octets, self.snd.una),
                cx.now,
            )
        {
            return self.take_back(Undone::OlderTimestamp, cx);
        }
        if news.delivery.was_not_lost
            && self.recovery.is_fast()
            && self.recovery.undo.as_deref().is_some_and(Undo::is_untouched)
            && !self.flight.has_losses()
        {
            return self.take_back(Undone::NotSentAgain, cx);
        }
        self.judge_timeout(news, cx);
        // Of a SYN that was sent again the echo has told (RFC 3522 3.2), and a connection may be idle for long from
        // here on.
        if news.of_syn && news.echo.is_some() {
            self.recovery.undo = None;
        }
    }

    /// F-RTO (RFC 5682 2.1 and 3.1).
    fn judge_timeout(&mut self, news: &News<'_>, cx: &mut Context<'_>) {
        if !matches!(self.recovery.kind(), Some(Kind::Timeout(_))) {
            return;
        }
        let room = (self.snd.una + self.snd.wnd).since(self.snd.nxt);
        let segment = self.payload_room(cx);
        let has_new_data = self.unsent() >= segment as usize && room >= segment;
        let Some(episode) = self.recovery.episode.as_deref_mut() else { return };
        let Kind::Timeout(frto) = &mut episode.kind else { return };
        let newly_sacked = news.delivery.octets > news.octets;
        let ack = FrtoAck {
            advances: news.octets > 0,
            covers_all: self.snd.una.ge(episode.until),
            sack: self.negotiated.sack,
            was_not_lost: news.delivery.was_not_lost,
            disorder: newly_sacked || news.is_duplicate,
            has_new_data,
        };
        match frto.on_ack(&ack) {
            Spurious::Yes => self.take_back(Undone::LaterAcks, cx),
            Spurious::AskWithNewData | Spurious::No | Spurious::Unknown => {}
        }
    }

    /// The repair was needless: the window is what it was, and what was marked is under way again. A
    /// timeout that came too early comes later from now on (RFC 4015 3.2). What others had overtaken is
    /// waited for from now on, though RFC 8985 6.2 does not count what was sent again meanwhile: here it is
    /// known that the first copy arrived.
    fn take_back(&mut self, why: Undone, cx: &mut Context<'_>) {
        let Some(undo) = self.recovery.undo.take() else { return };
        let path = self.path(self.pipe(cx.config), cx);
        self.congestion.undo(&undo.before, &path);
        let episode = self.recovery.episode.take();
        match episode.as_deref().map(|episode| &episode.kind) {
            Some(Kind::Timeout(_)) => self.rtt.be_more_patient(cx.config),
            Some(Kind::Fast(_)) => self.recovery.reordering.seen = true,
            Some(Kind::NewReno | Kind::Marked) | None => {}
        }
        self.flight.unmark_lost();
        self.recovery.duplicates = 0;
        self.recovery.force_one = false;
        let until = episode.map_or(self.snd.una, |episode| episode.until);
        cx.raise(Mask::WINDOWS, || What::Recovery { change: RecoveryChange::Undone(why), until });
        self.tell_congestion(cx);
    }

    /// While F-RTO waits for its proof, new data goes out instead of old.
    pub(super) fn holds_back_retransmissions(&self, cx: &Context<'_>) -> bool {
        // A closed window is probed with the first octet, whatever is waited for.
        let episode = self.recovery.episode.as_deref().filter(|_| !self.pending.probe);
        episode.is_some_and(|episode| {
            let waits = matches!(episode.kind, Kind::Timeout(Frto::Probing));
            waits && (self.snd.nxt.gt(episode.until) || self.sendable(cx) > 0)
        })
    }
}
