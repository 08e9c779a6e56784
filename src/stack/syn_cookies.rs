//! SYN cookies (RFC 4987 3.6): while a listener has no room for another handshake, what a SYN has said is not
//! kept but sent along, in our initial sequence number and our timestamp, and comes back with the peer's
//! acknowledgment. Nothing is held for it until then, so a flood of SYNs takes no memory and keeps nobody out.
//!
//! The number has 27 bits of a keyed hash of everything that it stands for, 2 of the minute in which it was
//! made and 3 of the segment size. It is taken for one to two minutes. Whoever guesses has to meet the hash
//! and one of two minutes of four: one forged acknowledgment in 2^28 makes a connection, which costs us what
//! an honest one does. With timestamps the last 6 bits of ours keep the peer's window scale, whether it
//! takes SACK and whether ECN is in use; without, these are not offered.

use std::time::Duration;

use super::connections::Owner;
use super::secret::Secret;
use super::{FourTuple, ListenerId, Stack};
use crate::seq::Seq;
use crate::tcp::{self, HalfOpen, Syn};
use crate::time::Instant;
use crate::trace::{DropReason, Event, Mask, Role, What};
use crate::wire::{Flags, Segment};

/// How long a cookie is good for at least; at most twice as long.
const PERIOD: Duration = Duration::from_mins(1);
/// Of a SYN's segment size so much is kept: the largest of these that is not larger. Smaller ones get no
/// cookie.
const SIZES: [u16; 8] = [216, 536, 1208, 1340, 1400, 1440, 1460, 8940];
/// The bits of a timestamp that are not of the clock.
const KEPT_BITS: u32 = 0x3f;
/// In the place of a window scale: windows are not scaled.
const UNSCALED: u8 = 0xf;

/// What a cookie is sealed with: everything that it stands for.
#[derive(Clone, Copy, Debug, Hash)]
struct Sealed {
    tuple: FourTuple,
    irs: Seq,
    period: u64,
    size: u8,
    /// The bits of the timestamp, if there is one.
    kept: Option<u8>,
}

impl Secret {
    /// The number that stands for all this.
    fn cookie(&self, sealed: &Sealed) -> Seq {
        let seal = u32::try_from(self.hash(6, sealed) >> 37).expect("27 bits");
        let period = u32::try_from(sealed.period % 4).expect("2 bits");
        let told = period << 3 | u32::from(sealed.size);
        Seq(seal << 5 | told ^ self.cookie_mask(&sealed.tuple, sealed.irs))
    }

    /// What a cookie tells is not to be read by others.
    fn cookie_mask(&self, tuple: &FourTuple, irs: Seq) -> u32 {
        u32::try_from(self.hash(7, (tuple, irs)) >> 59).expect("5 bits")
    }

    /// The segment size that `cookie` stands for, if it is one of ours and not too old.
    fn open_cookie(
        &self,
        cookie: Seq,
        tuple: &FourTuple,
        irs: Seq,
        kept: Option<u8>,
        now: Instant,
    ) -> Option<u16> {
        let told = (cookie.0 ^ self.cookie_mask(tuple, irs)) & 0x1f;
        let size = u8::try_from(told & 7).expect("3 bits");
        let this = period(now);
        let age = (this.wrapping_sub(u64::from(told >> 3))) % 4;
        let period = this.checked_sub(age).filter(|_| age <= 1)?;
        let sealed = Sealed { tuple: *tuple, irs, period, size, kept };
        (self.cookie(&sealed) == cookie).then(|| SIZES[usize::from(size)])
    }
}

fn period(now: Instant) -> u64 {
    now.since(Instant::ZERO).as_secs() / PERIOD.as_secs()
}

/// What the bits of a timestamp keep of a SYN.
fn kept_bits(syn: &Syn) -> u8 {
    syn.window_scale.unwrap_or(UNSCALED) | u8::from(syn.sack) << 4 | u8::from(syn.ecn) << 5
}

impl Stack {
    /// Answers a SYN for which the listener `id` has no room, and forgets it. Says whether that can be.
    pub(super) fn answer_with_cookie(
        &mut self,
        id: ListenerId,
        tuple: &FourTuple,
        segment: &Segment,
        now: Instant,
    ) -> bool {
        let Some(listener) = self.listeners.get(id) else { return false };
        if !self.config.syn_cookies || !listener.accepts_more() {
            return false;
        }
        let settings = listener.settings.clone();
        let config = settings.as_ref().map_or(&self.config.tcp, |own| &own.tcp);
        let over_ipv6 = tuple.local.is_ipv6();
        let mut syn = tcp::Syn::of(segment, over_ipv6, config);
        if syn.timestamp.is_none() {
            // There is nowhere to keep them.
            (syn.window_scale, syn.sack, syn.ecn) = (None, false, false);
        }
        let Some(size) = SIZES.iter().rposition(|size| *size <= syn.mss) else { return false };
        let kept = syn.timestamp.map(|_| kept_bits(&syn));
        let size = u8::try_from(size).expect("3 bits");
        let sealed = Sealed { tuple: *tuple, irs: syn.seq, period: period(now), size, kept };
        let iss = self.secret.cookie(&sealed);
        let offset = self.secret.timestamp_offset(tuple.local.ip(), tuple.remote.ip());
        let answer = tcp::syn_ack(iss, offset, &syn, (now, config), &mut self.pool);
        let Some(mut answer) = answer else { return false };
        if let (Some(kept), Some(ours)) = (kept, &mut answer.options.timestamps) {
            let clock = ours.val;
            ours.val = clock & !KEPT_BITS | u32::from(kept);
            if ours.val.wrapping_sub(clock).cast_signed() > 0 {
                // No timestamp of ours is ahead of the clock.
                ours.val = ours.val.wrapping_sub(KEPT_BITS + 1);
            }
        }
        self.counters.syn_cookies_sent += 1;
        if let Some(listener) = self.listeners.get_mut(id) {
            listener.cookie_sent_at = Some(now);
        }
        let frame = self.frame_of(settings.as_deref(), tuple, answer);
        self.reply(frame, now);
        true
    }

    /// An acknowledgment of no connection: if it brings a cookie back, there is one now. Says whether
    /// nothing else is to come of it.
    pub(super) fn take_cookie(
        &mut self,
        listener_id: ListenerId,
        tuple: FourTuple,
        segment: &Segment,
        now: Instant,
    ) -> bool {
        let Some(listener) = self.listeners.get_mut(listener_id) else { return false };
        let is_expected = listener.cookie_sent_at.is_some_and(|at| now.since(at) < 2 * PERIOD);
        let is_answer =
            segment.has(Flags::ACK) && !segment.flags.intersects(Flags::SYN | Flags::RST);
        if !is_expected || !is_answer {
            return false;
        }
        let settings = listener.settings.clone();
        let (iss, irs) = (segment.ack - 1, segment.seq - 1);
        let takes_stamps = settings.as_ref().map_or(&self.config.tcp, |own| &own.tcp).timestamps;
        let stamps = segment.options.timestamps.filter(|_| takes_stamps);
        let kept = stamps.map(|stamps| u8::try_from(stamps.ecr & KEPT_BITS).expect("6 bits"));
        let Some(mss) = self.secret.open_cookie(iss, &tuple, irs, kept, now) else {
            self.counters.syn_cookies_refused += 1;
            return false;
        };
        let full = if !listener.takes_answered() {
            Some(DropReason::ListenQueueFull)
        } else if self.connections.len() + self.half_opens.len() >= self.config.max_connections {
            Some(DropReason::TooManyConnections)
        } else {
            None
        };
        if let Some(why) = full {
            // The peer will say something again, and it will do for the cookie.
            self.drop_packet(why, Some(tuple.remote.ip()), now);
            return true;
        }
        listener.half_open_began();
        self.counters.syn_cookies_accepted += 1;
        let bits = kept.unwrap_or(UNSCALED);
        let syn = Syn {
            seq: irs,
            wnd: segment.wnd,
            mss,
            window_scale: Some(bits & 0xf).filter(|shift| *shift != UNSCALED),
            timestamp: stamps.map(|stamps| stamps.val),
            sack: bits & 1 << 4 != 0,
            ecn: bits & 1 << 5 != 0,
            over_ipv6: tuple.local.is_ipv6(),
        };
        self.open_with_cookie(listener_id, tuple, &HalfOpen::of_cookie(iss, syn, now), now);
        true
    }

    /// The connection in SYN-RECEIVED that a cookie stood for, as if its SYN had come just now.
    fn open_with_cookie(
        &mut self,
        listener: ListenerId,
        tuple: FourTuple,
        tcp: &HalfOpen,
        now: Instant,
    ) {
        let settings = self.listeners.get(listener).and_then(|listener| listener.settings.clone());
        let id = self.announce(tuple, Role::Passive, now);
        let slot = self.insert_half_open(id, tuple, tcp, Owner::HalfOpen(listener), settings);
        let Stack { connections, tracer, .. } = self;
        for step in connections.at(slot).tcb.history() {
            let (from, to, cause, section) =
                (step.from, step.to, step.cause, step.cause.section_from(step.from));
            let what = || What::State { from, to, cause, section };
            tracer.raise(Mask::STATES, || Event { at: now, conn: Some(id), what: what() });
        }
    }
}
