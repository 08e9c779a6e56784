//! The one place where segments are made. `poll_output` is asked until it says `Wait`; any number of
//! inputs may come before, so what they ask for leaves together.

use super::congestion::CongestionControl;
use super::context::Context;
use super::dsack::Duplicate;
use super::recovery::Probe;
use super::segment_arrives::summary;
use super::state::{Cause, State};
use super::tcb::Tcb;
use super::timers::{Deadline, Timer};
use super::variables::Pending;
use crate::seq::Seq;
use crate::trace::{Mask, Retransmission, What};
use crate::wire::{Flags, Options, Segment};

/// What the connection wants to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// Send this, then ask again.
    Transmit(Segment),
    /// Nothing now. Call `on_timeout` at the deadline, if there is one.
    Wait(Option<Deadline>),
}

impl Tcb {
    /// The next segment, or until when to wait.
    pub fn poll_output(&mut self, cx: &mut Context<'_>) -> Output {
        if !self.is_silent()
            && let Some(segment) = self.next_segment(cx)
        {
            return Output::Transmit(segment);
        }
        Output::Wait(self.wait(cx))
    }

    /// Until when to wait, if it is plain that there is nothing to send: the short way to what
    /// `poll_output` would say.
    pub fn poll_wait(&mut self, cx: &mut Context<'_>) -> Option<Option<Deadline>> {
        self.is_silent().then(|| self.wait(cx))
    }

    fn wait(&mut self, cx: &mut Context<'_>) -> Option<Deadline> {
        self.watch_for_a_blocked_sender(cx);
        self.rest(cx);
        self.rcv.queue.settle();
        debug_assert!(
            self.flight.is_empty() || self.timers.of_flight().is_some(),
            "what is in flight has a timer, or nobody would ever ask for it again"
        );
        self.timers.next()
    }

    /// Nothing is written that has not been sent, lost, owed or asked for.
    pub(super) fn is_silent(&self) -> bool {
        let Pending { reset, probe, loss_probe, keepalive } = self.pending;
        let owes = self.acks.now || self.snd.syn || (self.close_requested && self.fin.is_none());
        let asked = reset.is_some() || probe || loss_probe || keepalive;
        !owes && !asked && self.flight.lost() == 0 && self.unsent() == 0
    }

    fn next_segment(&mut self, cx: &mut Context<'_>) -> Option<Segment> {
        if let Some(reset) = self.reset(cx) {
            return Some(reset);
        }
        match self.state {
            State::Closed | State::Listen => None,
            State::SynSent | State::SynReceived => {
                self.syn(cx).or_else(|| self.retransmission(cx)).or_else(|| self.bare_ack(cx))
            }
            // A FIN_WAIT_1 that came straight from SYN_RCVD may still owe its SYN.
            State::Established
            | State::FinWait1
            | State::CloseWait
            | State::Closing
            | State::LastAck => self
                .syn(cx)
                .or_else(|| self.loss_probe(cx))
                .or_else(|| self.retransmission(cx))
                .or_else(|| self.new_data(cx))
                .or_else(|| self.bare_ack(cx)),
            State::FinWait2 | State::TimeWait => self.bare_ack(cx),
        }
    }

    fn reset(&mut self, cx: &mut Context<'_>) -> Option<Segment> {
        let reset = self.pending.reset.take()?;
        let flags = if reset.ack.is_some() { Flags::RST | Flags::ACK } else { Flags::RST };
        // One that acknowledges is of a connection that stood: it has what that has agreed on (RFC 7323 3.2).
        let stamp = self.negotiated.timestamps_at(cx.now).filter(|_| reset.ack.is_some());
        let segment = Segment {
            seq: reset.seq,
            ack: reset.ack.unwrap_or_default(),
            flags,
            options: Options { timestamps: stamp, ..Options::default() },
            ..Segment::default()
        };
        self.note_sent(&segment, None, cx);
        Some(segment)
    }

    /// Our SYN, the first time: `<SEQ=ISS><CTL=SYN>`, or `<SEQ=ISS><ACK=RCV.NXT><CTL=SYN,ACK>`.
    fn syn(&mut self, cx: &mut Context<'_>) -> Option<Segment> {
        if !self.snd.syn || self.snd.nxt != self.iss {
            return None;
        }
        self.note_in_flight(1, Flags::SYN, cx);
        Some(self.transmit(self.iss, Flags::SYN, 0, None, cx))
    }

    /// The first segment that is marked lost, if the windows let it go.
    fn retransmission(&mut self, cx: &mut Context<'_>) -> Option<Segment> {
        if self.flight.lost() == 0
            || self.holds_back_retransmissions(cx)
            || self.take_back_probe(cx)
        {
            return None;
        }
        let window = self.snd.wnd;
        let mut most = self.payload_room(cx);
        let window_end = self.snd.una + window;
        let sent = *self.flight.next_lost()?;
        // A SYN is subject to no window; anything else to the peer's, unless it is to probe it.
        if !sent.syn {
            let room = window_end.since(sent.seq);
            if room == 0 && !self.pending.probe {
                return None;
            }
            most = most.min(room.max(1));
        }
        let sent = *self.flight.first_lost(most)?;
        let why = sent.lost.expect("the first lost record is marked");
        let pipe = self.pipe(cx.config);
        let fits = pipe == 0 || pipe + sent.len() <= self.window();
        let forced = self.recovery.force_one || self.pending.probe || sent.syn;
        if !(forced || fits && self.may_leave_now(cx)) {
            return None;
        }
        self.recovery.force_one = false;
        self.pending.probe = false;
        self.note_sent_again(&sent, why, cx);
        let mut flags = Flags::empty();
        flags.set(Flags::SYN, sent.syn);
        flags.set(Flags::FIN, sent.fin);
        let octets = sent.data();
        flags.set(Flags::PSH, sent.psh && octets > 0);
        let is_no_timeout =
            matches!(why, Retransmission::Fast | Retransmission::TooBig | Retransmission::MtuProbe);
        if sent.seq == self.snd.una && is_no_timeout {
            // Its acknowledgment is a round trip away from here, not from the last one.
            self.put_timeout_off(cx);
        }
        Some(self.transmit(sent.seq, flags, octets, Some(why), cx))
    }

    /// The acknowledgment of what left last is overdue: something new is to draw it, or that again
    /// (RFC 8985 7.3).
    fn loss_probe(&mut self, cx: &mut Context<'_>) -> Option<Segment> {
        let is_due = std::mem::take(&mut self.pending.loss_probe);
        // Since the timer ran out the losses may have shown by themselves.
        if !is_due || self.recovery.episode.is_some() || self.flight.sacked() > 0 {
            return None;
        }
        let last = *self.flight.out()?.last()?;
        let window_end = self.snd.una + self.snd.wnd;
        let window_left = window_end.since(self.snd.nxt);
        let unsent = u32::try_from(self.unsent()).unwrap_or(u32::MAX);
        let fresh = unsent.min(self.payload_room(cx)).min(window_left);
        let (segment, again) = if fresh > 0 && self.fin.is_none() {
            (Some(self.send_new(fresh, false, None, cx)), false)
        } else {
            let most = self.payload_room(cx);
            let may_leave = last.end.le(window_end) && self.flight.lost() == 0;
            if !may_leave || !self.flight.out_mut()?.mark_last(Retransmission::LossProbe, most) {
                return None;
            }
            self.recovery.force_one = true;
            (self.retransmission(cx), true)
        };
        let end = self.snd.nxt;
        self.recovery.probe = Some(Probe { end, again });
        segment
    }

    /// An octet that was sent into a closed window and not taken goes again as part of a whole segment,
    /// if one can leave now; until then the number counts as sent, for it may be acknowledged.
    fn take_back_probe(&mut self, cx: &Context<'_>) -> bool {
        let lost = self.flight.next_lost().and_then(|sent| sent.lost);
        let is_probe = lost == Some(Retransmission::Probe) && self.flight_size() == 1;
        if !is_probe || self.fin.is_some() || self.snd.syn || self.snd.wnd == 0 {
            return false;
        }
        let probe = std::mem::take(&mut self.flight);
        self.snd.nxt = self.snd.una;
        let goes_along = self.sendable(cx) > 1;
        if !goes_along {
            self.snd.nxt += 1;
            self.flight = probe;
        }
        goes_along
    }

    /// Data that was never sent, with the FIN behind it when there is one.
    fn new_data(&mut self, cx: &mut Context<'_>) -> Option<Segment> {
        if self.fin.is_some() {
            return None;
        }
        self.slow_down_after_idling(cx);
        if self.network.is_some()
            && let Some(probe) = self.next_mtu_probe(cx)
        {
            return Some(probe);
        }
        let octets = self.sendable(cx);
        let unsent = self.unsent();
        let window_left = (self.snd.una + self.snd.wnd).since(self.snd.nxt);
        let all = octets as usize == unsent;
        let probing = self.pending.probe;
        let fin = self.close_requested && all && (window_left > octets || (probing && unsent == 0));
        if octets == 0 && !fin {
            return None;
        }
        let why = (probing && window_left == 0).then_some(Retransmission::Probe);
        if !probing && !self.may_leave_now(cx) {
            return None;
        }
        self.pending.probe = false;
        Some(self.send_new(octets, fin, why, cx))
    }

    /// Sends the next `octets` for the first time, and the FIN behind them.
    pub(super) fn send_new(
        &mut self,
        octets: u32,
        fin: bool,
        why: Option<Retransmission>,
        cx: &mut Context<'_>,
    ) -> Segment {
        let seq = self.snd.nxt;
        let mut flags = Flags::empty();
        flags.set(Flags::PSH, octets > 0 && octets as usize == self.unsent());
        flags.set(Flags::FIN, fin);
        self.snd.last_sent = cx.now;
        self.note_in_flight(octets + u32::from(fin), flags, cx);
        if fin {
            self.fin = Some(self.snd.nxt - 1);
            if self.state == State::CloseWait {
                self.enter(State::LastAck, Cause::Close, cx);
            }
        }
        self.transmit(seq, flags, octets, why, cx)
    }

    /// How many new octets may leave in one segment now: the window, the congestion window, the silly
    /// window syndrome (RFC 9293 3.8.6.2.1) and Nagle (3.7.4) all have a say.
    pub(super) fn sendable(&self, cx: &Context<'_>) -> u32 {
        let unsent = u32::try_from(self.unsent()).unwrap_or(u32::MAX);
        let mss = self.payload_room(cx);
        let window = (self.snd.una + self.snd.wnd).since(self.snd.nxt);
        if self.pending.probe {
            return unsent.min(mss).min(window.max(1));
        }
        let usable = window.min(self.window().saturating_sub(self.pipe(cx.config)));
        let octets = self.whole_segments(unsent.min(self.burst(mss, cx)).min(usable), mss);
        let idle = self.flight.is_empty();
        let whole = octets >= mss;
        let last = octets == unsent && (idle || !self.settings.nagle || self.close_requested);
        let half_window = idle && octets >= self.snd.max_wnd.div_ceil(2);
        if whole || last || half_window { octets } else { 0 }
    }

    /// How many octets may leave at once: one segment, or as many as the device cuts into segments.
    fn burst(&self, mss: u32, cx: &Context<'_>) -> u32 {
        // The urgent pointer counts from the beginning of each segment, and a D-SACK block is sent once.
        let one_by_one = self.snd.up.is_some() || self.rcv.duplicate.is_due();
        // No device cuts packets that have IP options.
        if one_by_one || cx.config.ip_options > 0 || cx.config.burst <= mss {
            return mss;
        }
        let burst = cx.config.burst.min(self.congestion.send_quantum());
        (burst / mss * mss).max(mss)
    }

    /// Of several segments the last is a full one as well, unless it is the end of the data and need not
    /// wait for more (Nagle).
    fn whole_segments(&self, octets: u32, mss: u32) -> u32 {
        let is_end = octets as usize == self.unsent();
        let may_be_short =
            is_end && (self.flight.is_empty() || !self.settings.nagle || self.close_requested);
        if octets > mss && !may_be_short { octets - octets % mss } else { octets }
    }

    /// Octets of data that fit into one segment beside the options (RFC 6691 2).
    pub(super) fn payload_room(&self, cx: &Context<'_>) -> u32 {
        let options = u32::try_from(self.options_len(cx.now)).expect("at most 40");
        self.send_mss(cx.config).saturating_sub(options).max(1)
    }

    fn bare_ack(&mut self, cx: &mut Context<'_>) -> Option<Segment> {
        // Before the peer's SYN there is nothing to acknowledge.
        if self.state == State::SynSent {
            return None;
        }
        if std::mem::take(&mut self.pending.keepalive) {
            // One below SND.NXT: the peer has to answer (RFC 9293 3.8.4).
            return Some(self.transmit(self.snd.nxt - 1, Flags::empty(), 0, None, cx));
        }
        if !self.acks.now {
            return None;
        }
        Some(self.transmit(self.acceptable_seq(), Flags::empty(), 0, None, cx))
    }

    /// The sequence number of a segment without data. After a probe SND.NXT lies beyond the peer's
    /// window, and an ACK from there would be dropped. What seems to have been taken back of the window
    /// may only be lost by rounding, for windows are told in units of the scale (RFC 7323 2.4).
    pub(super) fn acceptable_seq(&self) -> Seq {
        let window_end = self.snd.una + self.snd.wnd;
        let unit = 1 << self.negotiated.snd_shift.unwrap_or(0);
        let is_rounding = self.snd.edge.ge(self.snd.nxt) && self.snd.nxt.since(window_end) < unit;
        if !self.state.is_synchronized() || is_rounding {
            return self.snd.nxt;
        }
        self.snd.nxt.min(window_end)
    }

    /// Puts a segment together. Everything but our first SYN carries an ACK.
    fn transmit(
        &mut self,
        seq: Seq,
        mut flags: Flags,
        octets: u32,
        why: Option<Retransmission>,
        cx: &mut Context<'_>,
    ) -> Segment {
        let mut options = if flags.contains(Flags::SYN) {
            self.syn_options(cx.now, cx.config)
        } else {
            self.options(cx.now)
        };
        let mut segment = Segment { seq, ..Segment::default() };
        if flags.contains(Flags::SYN) {
            flags |= self.ecn_flags_of_syn(self.state != State::SynSent, why, cx.config.ecn);
        } else {
            let (ecn_flags, ecn) = self.ecn_of_segment(octets > 0 && why.is_none());
            flags |= ecn_flags;
            segment.ecn = ecn;
        }
        if self.state == State::SynSent {
            options = self.without_echo(options);
            segment.wnd = self.window_field(true, cx);
        } else {
            flags |= Flags::ACK;
            segment.ack = self.rcv.nxt;
            segment.wnd = self.window_field(flags.contains(Flags::SYN), cx);
        }
        if octets > 0 {
            let offset = (seq - self.queue_start()) as usize;
            segment.payload = self.snd.queue.slice(offset, octets as usize);
            let room = self.payload_room(cx);
            if octets > room {
                segment.segment_size = u16::try_from(room).expect("an MSS is below 2^16");
            }
        }
        if let Some(up) = self.snd.up
            && up.gt(seq)
        {
            // The pointer reaches no further than 65,535 octets; what is urgent beyond that says so
            // in a later segment (RFC 9293 3.8.5).
            flags |= Flags::URG;
            segment.up = u16::try_from(up - seq).unwrap_or(u16::MAX);
        }
        segment.flags = flags;
        segment.options = options;
        if flags.contains(Flags::ACK) {
            self.acks.sent(segment.is_empty());
            self.rcv.last_ack_sent = self.rcv.nxt;
            self.rcv.duplicate = Duplicate::default();
            self.disarm(Timer::DelayedAck, cx);
        }
        self.note_sent(&segment, why, cx);
        if !segment.is_empty() {
            self.start_retransmission_timer(cx);
        }
        segment
    }

    /// `TSecr` is zero without an ACK (RFC 7323 3.2).
    fn without_echo(&self, mut options: Options) -> Options {
        debug_assert_eq!(self.state, State::SynSent, "all other segments carry ACK");
        if let Some(timestamps) = &mut options.timestamps {
            timestamps.ecr = 0;
        }
        options
    }

    fn note_sent(&mut self, segment: &Segment, why: Option<Retransmission>, cx: &mut Context<'_>) {
        self.counters.segments_sent += 1;
        let again = why.is_some();
        self.counters.retransmissions += u64::from(again);
        cx.tracer.sent(again);
        let state = self.state;
        cx.raise(Mask::SEGMENTS, || What::Sent {
            seg: summary(segment),
            state,
            retransmission: why,
        });
    }

    /// RFC 5681 4.1: what the network took before a pause says little about what it takes after.
    fn slow_down_after_idling(&mut self, cx: &mut Context<'_>) {
        let pause = cx.now.since(self.snd.last_sent);
        let sent_before = self.counters.octets_acknowledged > 0;
        let is_wanted = cx.config.restart_after_idle && sent_before;
        if self.flight.is_empty() && is_wanted && pause > self.rtt.rto(cx.config) {
            let before = self.congestion.window();
            let path = self.path(0, cx);
            self.congestion.on_idle(&path);
            if self.congestion.window() != before {
                self.tell_congestion(cx);
            }
        }
    }
}
