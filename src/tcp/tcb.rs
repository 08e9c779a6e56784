//! The transmission control block (RFC 9293 3.3.1): everything known of one connection, in the RFC's
//! names, and the one place where its state changes.

use std::time::Duration;

use smallvec::SmallVec;

use super::ack::Acks;
use super::config::Config;
use super::congestion::{Control, Progress};
use super::context::Context;
use super::ecn::EcnState;
use super::negotiation::{DEFAULT_MSS_IPV6, Negotiated};
use super::network::Network;
use super::pool::Pool;
use super::recovery::{Flight, Recovery};
use super::rtt::Rtt;
use super::state::{Cause, State, is_arrow};
use super::status::{Status, Transition};
use super::timers::{Timer, Timers};
use super::variables::{Counters, Pending, Rcv, Settings, Snd};
use crate::error::Error;
use crate::seq::Seq;
use crate::time::Instant;
use crate::trace::{Mask, Role, TimerChange, What};

/// One connection.
#[derive(Clone, Debug)]
pub struct Tcb {
    pub(super) state: State,
    pub(super) role: Role,
    /// ISS: our initial sequence number.
    pub(super) iss: Seq,
    /// IRS: the peer's.
    pub(super) irs: Seq,
    pub(super) snd: Snd,
    pub(super) rcv: Rcv,
    pub(super) negotiated: Negotiated,
    /// What the path carries, as far as is known, in octets of data and options; `u16::MAX`: whatever the
    /// ends take.
    pub(super) path_mss: u16,
    /// Octets of IP header in front of each segment.
    pub(super) ip_header: u8,
    /// What was heard of the network, if anything was.
    pub(super) network: Option<Box<Network>>,
    pub(super) ecn: EcnState,
    pub(super) settings: Settings,

    pub(super) timers: Timers,
    pub(super) rtt: Rtt,
    pub(super) flight: Flight,
    pub(super) recovery: Recovery,
    pub(super) progress: Progress,
    pub(super) congestion: Control,
    /// Timeouts in a row without an acknowledgment: R1 and R2 count these (RFC 9293 3.8.3).
    pub(super) retries: u16,
    /// Probes of a closed window since anything was acknowledged, answered or not, while nobody waits for it any
    /// more.
    pub(super) unheeded: u16,

    pub(super) acks: Acks,
    pub(super) pending: Pending,
    /// CLOSE was called: a FIN follows the last octet of the queue.
    pub(super) close_requested: bool,
    /// The sequence number of our FIN, once it was sent.
    pub(super) fin: Option<Seq>,
    /// Nobody will read any more: data that still arrives resets the connection.
    pub(super) reader_gone: bool,
    /// Why the connection ended, if not by closing. Told to every later call.
    pub(super) error: Option<Error>,
    /// When the peer was heard last, and how many keep-alive probes went out since.
    pub(super) last_heard: Instant,
    pub(super) keepalive_probes: u32,
    pub(super) counters: Counters,
    /// The last transitions. A connection that is open has room for its own here; one that closes, for a
    /// while, elsewhere.
    history: SmallVec<[Transition; 3]>,
}

impl Tcb {
    /// A connection in CLOSED that will use `iss`; `ts_offset` hides the clock in its timestamps. Both
    /// have to be unpredictable (RFC 6528, RFC 7323 5.4).
    #[must_use]
    pub fn new(iss: Seq, ts_offset: u32, config: &Config) -> Self {
        Tcb {
            state: State::Closed,
            role: Role::Active,
            iss,
            irs: Seq(0),
            snd: Snd::new(iss),
            rcv: Rcv::new(config),
            negotiated: Negotiated::new(config, ts_offset),
            path_mss: u16::MAX,
            ip_header: Tcb::IPV4_HEADER,
            network: None,
            ecn: EcnState::default(),
            settings: Settings {
                nagle: config.nagle,
                keepalive: config.keepalive.map(Box::new),
                user_timeout: config.user_timeout,
            },
            timers: Timers::new(),
            rtt: Rtt::new(config),
            flight: Flight::default(),
            recovery: Recovery::new(iss),
            progress: Progress::default(),
            congestion: Control::new(
                config.congestion,
                config.initial_window,
                u32::from(config.mss),
            ),
            retries: 0,
            unheeded: 0,
            acks: Acks::new(),
            pending: Pending::default(),
            close_requested: false,
            fin: None,
            reader_gone: false,
            error: None,
            last_heard: Instant::ZERO,
            keepalive_probes: 0,
            counters: Counters::default(),
            history: SmallVec::new(),
        }
    }

    /// The same over IPv6.
    #[must_use]
    pub fn over_ipv6(mut self, config: &Config) -> Self {
        self.ip_header = Tcb::IPV6_HEADER;
        self.negotiate_anew(config);
        let mss = u32::from(self.own_mss(config));
        self.congestion = Control::new(config.congestion, config.initial_window, mss);
        self
    }

    /// Nothing is agreed on yet.
    fn negotiate_anew(&mut self, config: &Config) {
        self.negotiated = Negotiated::new(config, self.negotiated.ts_offset);
        if self.is_over_ipv6() {
            self.negotiated.peer_mss = DEFAULT_MSS_IPV6;
        }
    }

    /// Moves to `to`. Besides `compact`, which puts a connection where it was, this alone assigns `state`.
    #[track_caller]
    pub(super) fn enter(&mut self, to: State, cause: Cause, cx: &mut Context<'_>) {
        let from = self.state;
        debug_assert!(is_arrow(from, to, cause), "no arrow {from} -> {to} ({cause:?})");
        self.state = to;
        self.remember(Transition { at: cx.now, from, to, cause });
        let section = cause.section_from(from);
        cx.raise(Mask::STATES, || What::State { from, to, cause, section });
        match to {
            State::Closed => self.on_closed(cx),
            State::Listen => self.on_listen(cx),
            State::FinWait2 => self.watch_orphan(cx),
            State::TimeWait => self.on_time_wait(cx),
            State::SynSent
            | State::SynReceived
            | State::Established
            | State::FinWait1
            | State::CloseWait
            | State::Closing
            | State::LastAck => {}
        }
    }

    /// Ends the connection for the reason `error`: queues are flushed (RFC 9293 3.10.7.4, second).
    #[track_caller]
    pub(super) fn fail(&mut self, error: Error, cause: Cause, cx: &mut Context<'_>) {
        self.error = Some(error);
        self.snd.queue.clear();
        self.rcv.queue.clear(&mut cx.pool.out_of_order);
        self.enter(State::Closed, cause, cx);
    }

    /// Sets or moves a timer.
    pub(super) fn arm(&mut self, timer: Timer, delay: Duration, cx: &mut Context<'_>) {
        self.arm_until(timer, cx.now + delay, cx);
    }

    pub(super) fn arm_until(&mut self, timer: Timer, until: Instant, cx: &mut Context<'_>) {
        self.timers.arm(timer, until);
        cx.raise(Mask::TIMERS, || What::Timer { timer, change: TimerChange::Armed { until } });
    }

    /// Stops a timer, if it runs.
    pub(super) fn disarm(&mut self, timer: Timer, cx: &mut Context<'_>) {
        if self.timers.clear(timer) {
            cx.raise(Mask::TIMERS, || What::Timer { timer, change: TimerChange::Cleared });
        }
    }

    /// In `FIN_WAIT_2` with nobody reading, the peer gets a limited time to close.
    pub(super) fn watch_orphan(&mut self, cx: &mut Context<'_>) {
        if self.reader_gone && self.state == State::FinWait2 {
            self.arm(Timer::Orphan, cx.config.orphan_timeout, cx);
        }
    }

    /// The connection is about to go: what it shares with others goes back.
    pub fn give_back(&mut self, pool: &mut Pool) {
        self.flight.clear(pool);
        self.rcv.queue.clear(&mut pool.out_of_order);
    }

    /// Octets in its queues: written and not acknowledged, come and not read.
    #[must_use]
    pub fn queued(&self) -> usize {
        self.snd.queue.len() + self.rcv.queue.ready_len()
    }

    /// What it takes of what all connections may hold out of order ([`Pool::out_of_order`]).
    #[must_use]
    pub fn out_of_order_cost(&self) -> usize {
        self.rcv.queue.out_of_order_cost()
    }

    /// The state.
    #[must_use]
    pub const fn state(&self) -> State {
        self.state
    }

    /// Who opened it.
    #[must_use]
    pub const fn role(&self) -> Role {
        self.role
    }

    /// SND.NXT: the next number to be sent.
    #[must_use]
    pub const fn snd_nxt(&self) -> Seq {
        self.snd.nxt
    }

    /// Why it ended, if not by closing.
    #[must_use]
    pub const fn error(&self) -> Option<Error> {
        self.error
    }

    /// What our link carries in one segment, options counted: the MSS that we announce (RFC 6691 2).
    pub(super) fn own_mss(&self, config: &Config) -> u16 {
        config.mss.saturating_sub(u16::from(self.ip_header - Tcb::IPV4_HEADER)).max(1)
    }

    /// Eff.snd.MSS without options of TCP: the smallest of what the peer takes, what our link carries and what
    /// the path does, less the options of IP (RFC 9293 3.7.1, MUST-16).
    pub(super) fn send_mss(&self, config: &Config) -> u32 {
        u32::from(self.segment_limit(config).saturating_sub(config.ip_options).max(1))
    }

    pub(super) fn remember(&mut self, transition: Transition) {
        if self.history.len() == Status::HISTORY {
            self.history.remove(0);
        }
        self.history.push(transition);
    }

    /// The last transitions, oldest first.
    pub(crate) fn history(&self) -> &[Transition] {
        &self.history
    }

    /// Octets and flags that are out and not acknowledged.
    pub(super) fn flight_size(&self) -> u32 {
        self.snd.nxt - self.snd.una
    }

    /// What is believed to be in the network now: neither lost nor arrived out of order.
    pub(super) fn pipe(&self, config: &Config) -> u32 {
        let left = self.recovery.left_network(self.send_mss(config));
        let elsewhere = self.flight.lost() + self.flight.sacked();
        (self.flight_size() - elsewhere).saturating_sub(left)
    }

    /// The sequence number of the first octet in the send queue.
    pub(super) fn queue_start(&self) -> Seq {
        if self.snd.syn { self.iss + 1 } else { self.snd.una }
    }

    /// Octets in the send queue that have not been sent.
    pub(super) fn unsent(&self) -> usize {
        let sent_end = self.fin.unwrap_or(self.snd.nxt).max(self.queue_start());
        self.snd.queue.len() - (sent_end - self.queue_start()) as usize
    }

    /// Whether our FIN was sent and acknowledged.
    pub(super) fn fin_is_acknowledged(&self) -> bool {
        self.fin.is_some_and(|fin| self.snd.una.gt(fin))
    }

    /// Checks what must hold between any two inputs.
    ///
    /// # Panics
    ///
    /// When something does not: a bug of ours. For tests.
    pub fn check_invariants(&self, config: &Config) {
        assert!(self.snd.una.le(self.snd.nxt), "SND.UNA =< SND.NXT");
        self.flight.check(self.snd.una, self.snd.nxt);
        let sent_end = self.fin.unwrap_or(self.snd.nxt);
        let sent = sent_end.since(self.queue_start());
        match self.state {
            State::Closed | State::Listen | State::TimeWait => {
                assert!(self.flight.is_empty(), "nothing is in flight in {}", self.state);
            }
            State::SynSent
            | State::SynReceived
            | State::Established
            | State::FinWait1
            | State::FinWait2
            | State::CloseWait
            | State::Closing
            | State::LastAck => {
                assert!(sent as usize <= self.snd.queue.len(), "what is out can be sent again");
            }
        }
        let held = self.rcv.queue.ready_len() + self.rcv.queue.out_of_order_len();
        let allowed = self.receive_buffer(config) as usize;
        assert!(held <= allowed, "{held} octets held with a buffer of {allowed}");
        let has_timer = self.timers.of_flight().is_some();
        let waits =
            has_timer || self.pending.probe || self.pending.loss_probe || self.flight.lost() > 0;
        assert!(self.flight.is_empty() || waits, "what is in flight has a timer");
    }

    fn on_closed(&mut self, cx: &mut Context<'_>) {
        Timer::ALL.into_iter().for_each(|timer| self.disarm(timer, cx));
        self.stop_sending(cx);
        self.acks = Acks::new();
    }

    /// Back to waiting for a SYN: nothing of the attempt remains.
    fn on_listen(&mut self, cx: &mut Context<'_>) {
        Timer::ALL.into_iter().for_each(|timer| self.disarm(timer, cx));
        self.stop_sending(cx);
        self.acks = Acks::new();
        self.rcv = Rcv::new(cx.config);
        self.snd = Snd::new(self.iss);
        self.negotiate_anew(cx.config);
        self.path_mss = u16::MAX;
        self.network = None;
        self.ecn = EcnState::default();
        self.retries = 0;
        self.unheeded = 0;
    }

    /// Turns all other timers off and waits 2 MSL (RFC 9293 3.10.7.4, eighth).
    fn on_time_wait(&mut self, cx: &mut Context<'_>) {
        Timer::ALL.into_iter().for_each(|timer| self.disarm(timer, cx));
        self.stop_sending(cx);
        self.arm(Timer::TimeWait, 2 * cx.config.msl, cx);
    }

    fn stop_sending(&mut self, cx: &mut Context<'_>) {
        self.snd.queue.clear();
        self.snd.una = self.snd.nxt;
        self.flight.clear(cx.pool);
        self.recovery = Recovery::new(self.snd.nxt);
        self.pending.probe = false;
        self.pending.loss_probe = false;
        self.pending.keepalive = false;
        self.forget_mtu_probe();
    }
}
