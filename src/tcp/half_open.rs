//! A connection whose handshake is under way, of which little has to be known: what the peer's SYN has said,
//! and when it was answered. A `Tcb` is made of that by letting it happen again, to a new one, with nobody
//! listening: so it is as it was, and there is no second implementation of RFC 9293 3.10.7.

use super::config::Config;
use super::context::Context;
use super::output::Output;
use super::pool::Pool;
use super::state::State;
use super::tcb::Tcb;
use super::timers::Timer;
use crate::seq::Seq;
use crate::time::Instant;
use crate::trace::{ConnId, Mask, Retransmission, Role, Tracer};
use crate::wire::{Flags, Options, Segment, Timestamps};

/// A connection that came from LISTEN and is in SYN-RECEIVED, but for its ends.
#[derive(Clone, Copy, Debug)]
pub struct HalfOpen {
    iss: Seq,
    syn: Syn,
    /// RCV.WND: as much as our SYN offers, or more if anything was acknowledged since.
    rcv_wnd: u32,
    /// Challenge ACKs left, in the second that began then.
    challenges: (u8, Option<Instant>),
    times: Times,
}

/// What is kept of a SYN.
#[derive(Clone, Copy, Debug)]
pub struct Syn {
    /// SEG.SEQ.
    pub seq: Seq,
    /// SEG.WND.
    pub wnd: u16,
    /// The segment size of its sender.
    pub mss: u16,
    /// Its shift, if windows are scaled.
    pub window_scale: Option<u8>,
    /// Its timestamp, if there are to be any.
    pub timestamp: Option<u32>,
    /// SACK is in use.
    pub sack: bool,
    /// ECN is in use.
    pub ecn: bool,
    /// It came over IPv6.
    pub over_ipv6: bool,
}

/// When it came, and when it was answered.
#[derive(Clone, Copy, Debug)]
struct Times {
    syn_at: Instant,
    /// The answer, the first time.
    sent_at: Instant,
    /// The last time.
    last_at: Instant,
    /// The first time that it left again for a timeout, and the last timeout.
    again_at: Instant,
    timeout_at: Instant,
    timeouts: u8,
    /// It has left again for the peer's SYN came again, however often: a peer shall not make us repeat that.
    came_again: bool,
}

impl Syn {
    /// What is kept of a SYN that is answered with these settings: what both sides know is in use.
    #[must_use]
    pub fn of(segment: &Segment, over_ipv6: bool, config: &Config) -> Syn {
        let mut tcb = of_family(over_ipv6, Tcb::new(Seq(0), 0, config), config);
        tcb.negotiated.on_syn(&segment.options, Instant::ZERO);
        tcb.take_ecn_of_syn(segment, config.ecn);
        Syn::agreed(&tcb, segment.seq, segment.wnd)
    }

    fn agreed(tcb: &Tcb, seq: Seq, wnd: u16) -> Syn {
        let negotiated = &tcb.negotiated;
        Syn {
            seq,
            wnd,
            mss: negotiated.peer_mss,
            window_scale: negotiated.snd_shift,
            timestamp: negotiated.timestamps.then_some(negotiated.ts_recent),
            sack: negotiated.sack,
            ecn: tcb.ecn.is_in_use(),
            over_ipv6: tcb.is_over_ipv6(),
        }
    }

    /// The segment, as far as it is kept.
    fn segment(&self) -> Segment {
        let mut flags = Flags::SYN;
        flags.set(Flags::ECE | Flags::CWR, self.ecn);
        Segment {
            seq: self.seq,
            wnd: self.wnd,
            flags,
            options: Options {
                mss: Some(self.mss),
                window_scale: self.window_scale,
                sack_permitted: self.sack,
                timestamps: self.timestamp.map(|val| Timestamps { val, ecr: 0 }),
                ..Options::default()
            },
            ..Segment::default()
        }
    }
}

impl HalfOpen {
    /// What has to be kept of a connection. None if it is not in SYN-RECEIVED from LISTEN, or has something to
    /// send.
    #[must_use]
    pub fn compact(tcb: &Tcb, config: &Config) -> Option<HalfOpen> {
        let is_half_open = tcb.state == State::SynReceived && tcb.role == Role::Passive;
        let owes = tcb.acks.now || tcb.pending.reset.is_some() || tcb.flight.lost() > 0;
        // What was heard of the network is forgotten: there is no application yet that would be told.
        if !is_half_open || owes || tcb.close_requested {
            return None;
        }
        let (sent, out) = (tcb.flight.iter().next()?, tcb.flight.out()?);
        let timer = tcb.timers.until(Timer::Retransmission)?;
        let (timeouts, undo) = (u8::try_from(tcb.retries).ok()?, tcb.recovery.undo.as_deref());
        let again_at = undo.and_then(super::recovery::Undo::again_at);
        if timeouts > 0 && again_at.is_none() {
            return None;
        }
        let timeout_at = timer.since(Instant::ZERO).saturating_sub(tcb.rtt.rto(config));
        let (left, since) = tcb.acks.challenges();
        Some(HalfOpen {
            iss: tcb.iss,
            syn: Syn::agreed(tcb, tcb.irs, u16::try_from(tcb.snd.wnd).ok()?),
            rcv_wnd: tcb.rcv.wnd,
            challenges: (u8::try_from(left).unwrap_or(u8::MAX), since),
            times: Times {
                syn_at: tcb.history().last()?.at,
                sent_at: out.first_sent_at,
                last_at: sent.at,
                again_at: again_at.unwrap_or_default(),
                timeout_at: Instant::ZERO + timeout_at,
                timeouts,
                came_again: sent.times > u32::from(timeouts) + 1,
            },
        })
    }

    /// One whose answer was not kept: it was a SYN cookie. When that left is not known, so it counts as sent
    /// twice, and its acknowledgment measures no round trip but by timestamps.
    #[must_use]
    pub fn of_cookie(iss: Seq, syn: Syn, now: Instant) -> HalfOpen {
        let times = Times {
            syn_at: now,
            sent_at: now,
            last_at: now,
            again_at: now,
            timeout_at: now,
            timeouts: 0,
            came_again: true,
        };
        HalfOpen { iss, syn, rcv_wnd: 0, challenges: (0, None), times }
    }

    /// The connection as it was.
    #[must_use]
    pub fn expand(&self, ts_offset: u32, config: &Config, pool: &mut Pool) -> Tcb {
        let mut tcb = of_family(self.syn.over_ipv6, Tcb::new(self.iss, ts_offset, config), config);
        let mut tracer = Tracer::new(Mask::empty());
        let (now, conn) = (self.times.syn_at, ConnId(0));
        let mut cx = Context { now, config, conn, tracer: &mut tracer, pool };
        self.happen_again(&mut tcb, &mut cx);
        tcb.rcv.wnd = tcb.rcv.wnd.max(self.rcv_wnd);
        if let (left, Some(since)) = self.challenges {
            tcb.acks.resume_challenges(left.into(), since);
        }
        tcb
    }

    fn happen_again(&self, tcb: &mut Tcb, cx: &mut Context<'_>) {
        let Times { sent_at, last_at, again_at, timeout_at, timeouts, came_again, .. } = self.times;
        tcb.open_passive(cx).expect("a new connection is closed");
        tcb.on_segment(self.syn.segment(), cx);
        cx.now = sent_at;
        drain(tcb, cx);
        for nth in 1..=timeouts {
            // Those between the first and the last have come when they were due.
            cx.now = match nth {
                _ if nth == timeouts => timeout_at,
                1 => again_at,
                _ => tcb.next_deadline().unwrap_or(timeout_at),
            };
            tcb.on_timeout(cx);
            if nth == 1 {
                cx.now = again_at;
            }
            drain(tcb, cx);
        }
        cx.now = last_at;
        if came_again {
            tcb.flight.mark_first_lost(Retransmission::Handshake, u32::MAX);
            drain(tcb, cx);
        }
    }
}

fn of_family(over_ipv6: bool, tcb: Tcb, config: &Config) -> Tcb {
    if over_ipv6 { tcb.over_ipv6(config) } else { tcb }
}

/// Lets a connection say all that it has to say, to nobody.
fn drain(tcb: &mut Tcb, cx: &mut Context<'_>) {
    while matches!(tcb.poll_output(cx), Output::Transmit(_)) {}
}

/// The answer to `syn`: our SYN,ACK, of which nothing else is kept.
#[must_use]
pub fn syn_ack(
    iss: Seq,
    ts_offset: u32,
    syn: &Syn,
    (now, config): (Instant, &Config),
    pool: &mut Pool,
) -> Option<Segment> {
    let mut tcb = of_family(syn.over_ipv6, Tcb::new(iss, ts_offset, config), config);
    let mut tracer = Tracer::new(Mask::empty());
    let mut cx = Context { now, config, conn: ConnId(0), tracer: &mut tracer, pool };
    tcb.open_passive(&mut cx).expect("a new connection is closed");
    tcb.on_segment(syn.segment(), &mut cx);
    let answer = tcb.poll_output(&mut cx);
    tcb.flight.clear(cx.pool);
    match answer {
        Output::Transmit(segment) => Some(segment),
        Output::Wait(_) => None,
    }
}
