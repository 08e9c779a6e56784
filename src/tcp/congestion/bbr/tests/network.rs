//! A sender that always has data, or some, and one bottleneck: a rate, a buffer, a delay, losses by chance.
//! Every packet is acknowledged by itself; what a later acknowledgment passes over is lost.

use std::collections::VecDeque;
use std::time::Duration;

use super::super::arithmetic::{Random, rate};
use super::super::{Bbr, State};
use crate::seq::Seq;
use crate::tcp::congestion::{Ack, CongestionControl, LostSegment, Path, RateSample, Signal};
use crate::time::Instant;

pub(super) const MSS: u32 = 1000;
const RTO: Duration = Duration::from_secs(1);

/// Mbit/s in octets per second.
pub(super) const fn mbit(megabits: u64) -> u64 {
    megabits * 125_000
}

pub(super) const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

#[derive(Clone, Copy, Debug)]
struct Packet {
    /// Of everything ever sent.
    end: u64,
    sent_at: Instant,
    /// When its acknowledgment arrives, or would.
    back_at: Instant,
    dropped: bool,
    first_sent_at: Instant,
    delivered_at: Instant,
    delivered: u64,
    lost: u64,
    in_flight: u32,
    app_limited: bool,
}

/// The state as it changed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Change {
    pub(super) at: Instant,
    pub(super) state: State,
}

pub(super) struct Network {
    pub(super) bbr: Bbr,
    pub(super) now: Instant,
    /// Of the bottleneck: octets per second, two ways, octets, in a million.
    pub(super) rate: u64,
    pub(super) rtt: Duration,
    pub(super) buffer: u64,
    pub(super) loss: u64,
    /// Octets per second that the application writes; `None` is more than enough.
    pub(super) application: Option<u64>,
    /// Acknowledgments wait for a multiple of this, as on a link that gathers them.
    pub(super) gather: Option<Duration>,
    pub(super) delivered: u64,
    pub(super) lost: u64,
    pub(super) timeouts: u32,
    /// The longest wait in the bottleneck's queue since it was last reset.
    pub(super) longest_wait: Duration,
    pub(super) changes: Vec<Change>,
    link_free: Instant,
    next_send: Instant,
    written_at: Instant,
    written: u64,
    flight: VecDeque<Packet>,
    delivered_at: Instant,
    first_sent_at: Instant,
    app_limited: u64,
    /// Fast recovery lasts until so much of what was sent is acknowledged or lost: what was out when it
    /// began, and what repaired that.
    recover: Option<u64>,
    repaired: u64,
    sent: u64,
    acknowledged: u64,
    limited: bool,
    random: Random,
}

impl Network {
    pub(super) fn new(rate: u64, rtt: Duration, buffer: u64) -> Self {
        let start = Instant::from_millis(3_600_000);
        Network {
            bbr: Bbr::new(10, MSS),
            now: start,
            rate,
            rtt,
            buffer,
            loss: 0,
            application: None,
            gather: None,
            delivered: 0,
            lost: 0,
            timeouts: 0,
            longest_wait: Duration::ZERO,
            changes: Vec::new(),
            link_free: start,
            next_send: start,
            written_at: start,
            written: 0,
            flight: VecDeque::new(),
            delivered_at: start,
            first_sent_at: start,
            app_limited: 0,
            recover: None,
            repaired: 0,
            sent: 0,
            acknowledged: 0,
            limited: false,
            random: Random::new(42),
        }
    }

    /// With a buffer of `per_cent` hundredths of the bandwidth-delay product.
    pub(super) fn with_buffer(rate: u64, rtt: Duration, per_cent: u64) -> Self {
        let mut network = Network::new(rate, rtt, 0);
        network.buffer = network.bdp() * per_cent / 100;
        network
    }

    pub(super) fn bdp(&self) -> u64 {
        super::super::arithmetic::octets(self.rate, self.rtt)
    }

    pub(super) fn in_flight(&self) -> u32 {
        u32::try_from(self.flight.len()).unwrap() * MSS
    }

    /// Runs for `time`; returns the octets delivered per second.
    pub(super) fn run(&mut self, time: Duration) -> u64 {
        let (end, before) = (self.now + time, self.delivered);
        while self.now < end {
            self.step(end);
        }
        rate(self.delivered - before, time)
    }

    /// Runs until the state is `state`, for at most `time`.
    pub(super) fn run_until(&mut self, state: State, time: Duration) {
        let end = self.now + time;
        while self.bbr.state != state {
            assert!(self.now < end, "no {state:?} within {time:?}: {:?}", self.changes);
            self.step(end);
        }
    }

    fn step(&mut self, end: Instant) {
        self.write();
        let back = self.flight.iter().find(|packet| !packet.dropped).map(|packet| packet.back_at);
        let rto = self.flight.front().map(|packet| packet.sent_at + RTO + self.rtt);
        let event = back.or(rto).unwrap_or(Instant::NEVER).max(self.now);
        if let Some(at) = self.may_send_at().filter(|at| *at <= event) {
            self.now = at.min(end);
            if at <= end {
                self.write();
                self.send();
            }
        } else if event <= end {
            self.now = event;
            if back.is_some() { self.acknowledge() } else { self.time_out() }
        } else {
            self.now = end;
        }
        if self.changes.last().is_none_or(|change| change.state != self.bbr.state) {
            self.changes.push(Change { at: self.now, state: self.bbr.state });
        }
    }

    fn write(&mut self) {
        let Some(application) = self.application else { return };
        let written =
            super::super::arithmetic::octets(application, self.now.since(self.written_at));
        if written >= u64::from(MSS) {
            (self.written, self.written_at) = (self.written + written, self.now);
        }
    }

    /// When the next packet may leave, if an acknowledgment need not come first.
    fn may_send_at(&mut self) -> Option<Instant> {
        if self.in_flight() + MSS > self.bbr.window() {
            self.limited = true;
            return None;
        }
        let at = self.next_send.max(self.now);
        if let Some(application) = self.application.filter(|_| self.written < u64::from(MSS)) {
            self.app_limited = (self.delivered + u64::from(self.in_flight())).max(1);
            let missing = Duration::from_nanos(u64::from(MSS) * 1_000_000_000 / application.max(1));
            return Some(at.max(self.written_at + missing + Duration::from_nanos(1)));
        }
        Some(at)
    }

    fn send(&mut self) {
        if self.application.is_some() {
            self.written = self.written.saturating_sub(u64::from(MSS));
        }
        if self.flight.is_empty() {
            (self.first_sent_at, self.delivered_at) = (self.now, self.now);
            let path = self.path();
            self.bbr.on_send(&path, self.app_limited > 0);
        }
        let pause = u64::from(MSS) * 1_000_000_000 / self.bbr.pacing_rate().unwrap();
        self.next_send = self.now + Duration::from_nanos(pause);
        let wait = self.link_free.since(self.now);
        let queue = super::super::arithmetic::octets(self.rate, wait);
        let overflow = queue > self.buffer;
        let dropped = overflow || self.random.below(1_000_000) < self.loss;
        if !overflow {
            self.longest_wait = self.longest_wait.max(wait);
            let serial = Duration::from_nanos(u64::from(MSS) * 1_000_000_000 / self.rate);
            self.link_free = self.link_free.max(self.now) + serial;
        }
        let mut back_at = self.link_free.max(self.now) + self.rtt;
        if let Some(gather) = self.gather {
            let tick = u64::try_from(gather.as_nanos()).unwrap();
            back_at = Instant::from_nanos(back_at.as_nanos().div_ceil(tick) * tick);
        }
        self.sent += u64::from(MSS);
        self.flight.push_back(Packet {
            end: self.sent,
            sent_at: self.now,
            back_at,
            dropped,
            first_sent_at: self.first_sent_at,
            delivered_at: self.delivered_at,
            delivered: self.delivered,
            lost: self.lost,
            in_flight: self.in_flight() + MSS,
            app_limited: self.app_limited > 0,
        });
    }

    fn acknowledge(&mut self) {
        let in_flight_before = self.in_flight();
        let lost_before = self.lost;
        let mut gone = Vec::new();
        while self.flight.front().is_some_and(|packet| packet.dropped) {
            gone.extend(self.flight.pop_front());
        }
        let packet = self.flight.pop_front().expect("somebody is not dropped");
        self.delivered += u64::from(MSS);
        self.acknowledged += u64::from(MSS) * (1 + gone.len() as u64);
        if self.delivered > self.app_limited {
            self.app_limited = 0;
        }
        (self.delivered_at, self.first_sent_at) = (self.now, packet.sent_at);
        self.lose(&gone);
        if !gone.is_empty() && self.recover.is_none() {
            let path = Path { in_flight: in_flight_before, ..self.path() };
            self.bbr.on_congestion(Signal::Loss, &path);
            self.recover = Some(self.sent);
        }
        if self.recover.is_some_and(|recover| self.acknowledged >= recover.max(self.repaired)) {
            self.recover = None;
            let path = self.path();
            self.bbr.on_recovered(&path);
        }
        let ack = Ack {
            path: self.path(),
            octets: MSS,
            delivered: MSS,
            lost: u32::try_from(self.lost - lost_before).unwrap(),
            in_flight_before,
            rtt: Some(self.now.since(packet.sent_at)),
            window_limited: std::mem::take(&mut self.limited),
            in_recovery: self.recover.is_some(),
            ece: false,
            rate: Some(self.sample(&packet)),
        };
        self.bbr.on_ack(&ack);
    }

    fn sample(&self, packet: &Packet) -> RateSample {
        let sending = packet.sent_at.since(packet.first_sent_at);
        let arriving = self.now.since(packet.delivered_at);
        RateSample {
            delivered: self.delivered - packet.delivered,
            interval: sending.max(arriving),
            prior_delivered: packet.delivered,
            in_flight_then: packet.in_flight,
            lost: self.lost - packet.lost,
            rtt: Some(self.now.since(packet.sent_at)),
            app_limited: packet.app_limited,
        }
    }

    fn lose(&mut self, gone: &[Packet]) {
        for packet in gone {
            if self.recover.is_none_or(|recover| packet.end <= recover) {
                // What leaves next stands for its second copy.
                self.repaired = self.sent + u64::from(MSS);
            }
            self.lost += u64::from(MSS);
            let lost = LostSegment {
                octets: MSS,
                in_flight_then: packet.in_flight,
                delivered_then: packet.delivered,
                lost_then: packet.lost,
                app_limited_then: packet.app_limited,
            };
            let path = self.path();
            self.bbr.on_lost(&lost, &path);
        }
    }

    /// Everything that is out was dropped.
    fn time_out(&mut self) {
        self.timeouts += 1;
        let path = self.path();
        self.bbr.on_timeout(&path);
        let gone = std::mem::take(&mut self.flight);
        self.acknowledged += u64::from(MSS) * gone.len() as u64;
        self.lose(Vec::from(gone).as_slice());
        self.recover = None;
    }

    fn path(&self) -> Path {
        #[expect(clippy::cast_possible_truncation, reason = "sequence numbers wrap")]
        let (una, nxt) = (Seq(self.acknowledged as u32), Seq(self.sent as u32));
        Path {
            now: self.now,
            mss: MSS,
            segment: MSS,
            in_flight: self.in_flight(),
            una,
            nxt,
            srtt: Some(self.rtt),
            min_rtt: Some(self.rtt),
            delivered: self.delivered,
            lost: self.lost,
        }
    }
}
