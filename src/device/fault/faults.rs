//! The faults themselves: packets in, packets out, and time, which somebody else tells. Deterministic:
//! the same packets at the same instants with the same rules and seed come out the same.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use super::rule::{Action, Rule, What};
use super::sight::{Flows, Key, Sight};
use super::tally::Tally;
use crate::time::Instant;
use crate::trace::{Fate, Harm, Strike, Way};

/// A packet that waits to be overtaken waits no longer than this: less than the shortest retransmission
/// timeout, so that reordering alone makes nobody repeat anything but for duplicate ACKs.
const LONGEST_OVERTAKING: Duration = Duration::from_millis(100);

/// What may be held back each way, in octets, each packet charged with `OVERHEAD` besides. Beyond it
/// the packet that is due first goes on early.
const MOST_HELD: usize = 16 << 20;
const OVERHEAD: usize = 128;

/// Strikes that are remembered until somebody takes them; later ones are only counted.
const MOST_STRIKES: usize = 4096;

/// Rules at work on both directions of a link.
#[derive(Debug)]
pub struct Faults {
    rules: Vec<Rule>,
    seed: u64,
    flows: Flows,
    lanes: [Lane; 2],
    strikes: Vec<Strike>,
    /// What became of packets, if anybody wants to know.
    fates: Option<Vec<Fate>>,
    /// Of those that come and are not struck, too.
    tells_all: bool,
    tally: Tally,
}

/// One direction.
#[derive(Debug, Default)]
struct Lane {
    /// What may go on, in order.
    ready: VecDeque<Passing>,
    /// What is held back, by when it goes on at the latest and in which order it came.
    held: BTreeMap<(Instant, u64), Held>,
    held_octets: usize,
    /// How many of these wait to be overtaken.
    waiting: usize,
    /// Packets held back so far.
    serial: u64,
    /// Packets that came so far.
    came: u64,
}

/// A packet on its way.
#[derive(Clone, Debug)]
struct Passing {
    octets: Bytes,
    /// As it came.
    came: Bytes,
    /// Its number among those that went this way.
    number: u64,
    since: Instant,
    struck: Option<(Arc<str>, Harm)>,
}

#[derive(Debug)]
struct Held {
    packet: Passing,
    /// The connection, and how many of its packets are still to overtake this one.
    overtaken_by: Option<(Key, u32)>,
}

impl Faults {
    /// `rules` in order; the first that matches a packet strikes it. What is random is drawn from
    /// `seed`.
    #[must_use]
    pub fn new(rules: Vec<Rule>, seed: u64) -> Self {
        Faults {
            tally: Tally::new(&rules),
            rules,
            seed,
            flows: Flows::default(),
            lanes: Default::default(),
            strikes: Vec::new(),
            fates: None,
            tells_all: false,
        }
    }

    /// Counts with `tally`, which others with the same rules may share.
    #[must_use]
    pub fn counted_by(mut self, tally: &Tally) -> Self {
        self.tally = tally.clone();
        self
    }

    /// Keeps from now on what becomes of packets, for [`Faults::take_fates`]: of each that is sent, and of
    /// those that come and are struck.
    #[must_use]
    pub fn telling_fates(mut self) -> Self {
        self.fates = Some(Vec::new());
        self
    }

    /// The same of every packet, whichever way it goes.
    #[must_use]
    pub fn telling_all_fates(self) -> Self {
        Faults { tells_all: true, ..self.telling_fates() }
    }

    /// Whether it keeps what becomes of packets.
    #[must_use]
    pub fn tells_fates(&self) -> bool {
        self.fates.is_some()
    }

    /// A packet comes by. What is to go on in its place is asked for with [`Faults::poll_packet`].
    pub fn on_packet(&mut self, way: Way, packet: Bytes, now: Instant) {
        self.lane(way).release_due(now);
        let sight = Sight::of(way, &packet);
        let (struck_by, drawn) = self.first_match(way, &sight);
        let Some(index) = struck_by else {
            let packet = self.lane(way).begin(packet, now);
            return self.lane(way).pass(sight.key, packet);
        };
        self.note(index, way, &sight);
        let action = self.rules[index].action;
        let struck = Some((self.tally.rule(index), action.harm()));
        let lane = &mut self.lanes[way.index()];
        let packet = Passing { struck, ..lane.begin(packet, now) };
        match action {
            Action::Drop => self.tell(way, &packet, now),
            Action::Duplicate => {
                lane.pass(sight.key, packet.clone());
                lane.pass(sight.key, packet);
            }
            Action::Delay(delay) => lane.hold(now + delay, packet, None),
            Action::Corrupt => {
                let octets = corrupt(&packet.octets, sight.body, drawn);
                lane.pass(sight.key, Passing { octets, ..packet });
            }
            Action::Reorder(packets) => {
                lane.hold(now + LONGEST_OVERTAKING, packet, Some((sight.key, packets)));
            }
            Action::Truncate(octets) => {
                let len = packet.octets.len();
                let left = len.saturating_sub(usize::from(octets)).max(1);
                let octets = packet.octets.slice(..left.min(len));
                lane.pass(sight.key, Passing { octets, ..packet });
            }
        }
    }

    /// The next packet that goes on this way, if there is one by now.
    pub fn poll_packet(&mut self, way: Way, now: Instant) -> Option<Bytes> {
        let lane = self.lane(way);
        lane.release_due(now);
        let packet = lane.ready.pop_front()?;
        self.tell(way, &packet, now);
        Some(packet.octets)
    }

    /// When to ask again, if no packet comes before: a packet that is held back is due then.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Instant> {
        let [there, back] = [Way::Tx, Way::Rx].map(|way| self.next_deadline_of(way));
        there.into_iter().chain(back).min()
    }

    /// The same for one direction alone.
    #[must_use]
    pub fn next_deadline_of(&self, way: Way) -> Option<Instant> {
        self.lanes[way.index()].held.keys().next().map(|(due, _)| *due)
    }

    /// Whether packets wait to be asked for.
    #[must_use]
    pub fn is_ready(&self, way: Way) -> bool {
        !self.lanes[way.index()].ready.is_empty()
    }

    /// Takes what the rules did since the last call, oldest first.
    pub fn take_strikes(&mut self) -> Vec<Strike> {
        std::mem::take(&mut self.strikes)
    }

    /// Takes what became of packets since the last call, oldest first.
    pub fn take_fates(&mut self) -> Vec<Fate> {
        self.fates.as_mut().map(std::mem::take).unwrap_or_default()
    }

    /// The counts, which go on being kept while others look at them.
    #[must_use]
    pub fn tally(&self) -> Tally {
        self.tally.clone()
    }

    /// The first rule that matches, and a number drawn for its use. Every rule counts every packet,
    /// whatever the rules before it do with it.
    fn first_match(&mut self, way: Way, sight: &Sight) -> (Option<usize>, u64) {
        let flow = self.flows.of(way, sight, self.rules.len());
        let place = &mut flow.packets[way.index()];
        *place += 1;
        let packet = [u64::from(sight.seg.is_none()), flow.number, way.index() as u64, *place];
        let mut first = (None, 0);
        for (index, rule) in self.rules.iter().enumerate().filter(|(_, rule)| rule.covers(way)) {
            let drawn = draw(self.seed, index as u64, packet);
            let matches = match rule.what {
                What::Chance(chance) => chance.falls(drawn),
                What::Named(name, ordinals) => {
                    let seen = &mut flow.of_kind[index][way.index()];
                    *seen += u64::from(sight.is(name));
                    sight.is(name) && ordinals.contains(*seen)
                }
            };
            if matches {
                self.tally.matched(index);
                if first.0.is_none() {
                    // Another number than the one that decided, for that one was small.
                    first = (Some(index), mix(drawn));
                }
            }
        }
        first
    }

    fn note(&mut self, index: usize, way: Way, sight: &Sight) {
        self.tally.struck(index);
        if self.strikes.len() >= MOST_STRIKES {
            return;
        }
        let (local, remote) = sight.ends().unzip();
        self.strikes.push(Strike {
            rule: self.tally.rule(index),
            harm: self.rules[index].action.harm(),
            way,
            local,
            remote,
            seg: sight.seg,
        });
    }

    /// `packet` goes on, or no further.
    fn tell(&mut self, way: Way, packet: &Passing, now: Instant) {
        let Some(fates) = &mut self.fates else { return };
        let is_news = self.tells_all || way == Way::Tx || packet.struck.is_some();
        if is_news && fates.len() < MOST_STRIKES {
            let Passing { octets, came, number, since, struck } = packet.clone();
            fates.push(Fate { way, number, octets, came, struck, held: now.since(since) });
        }
    }

    fn lane(&mut self, way: Way) -> &mut Lane {
        &mut self.lanes[way.index()]
    }
}

impl Lane {
    /// A packet comes.
    fn begin(&mut self, octets: Bytes, now: Instant) -> Passing {
        self.came += 1;
        let came = octets.clone();
        Passing { octets, came, number: self.came, since: now, struck: None }
    }

    /// A packet goes on at once, and overtakes those of its connection that wait for that.
    fn pass(&mut self, key: Key, packet: Passing) {
        self.ready.push_back(packet);
        if self.waiting == 0 {
            return;
        }
        let mut overtaken = Vec::new();
        for (place, held) in &mut self.held {
            if let Some((of, left)) = &mut held.overtaken_by
                && *of == key
            {
                *left -= 1;
                if *left == 0 {
                    overtaken.push(*place);
                }
            }
        }
        for place in overtaken {
            self.release(place);
        }
    }

    fn hold(&mut self, until: Instant, packet: Passing, overtaken_by: Option<(Key, u32)>) {
        self.held_octets += packet.octets.len() + OVERHEAD;
        self.waiting += usize::from(overtaken_by.is_some());
        self.serial += 1;
        self.held.insert((until, self.serial), Held { packet, overtaken_by });
        while self.held_octets > MOST_HELD
            && let Some(place) = self.held.keys().next().copied()
        {
            self.release(place);
        }
    }

    fn release_due(&mut self, now: Instant) {
        while let Some(place) = self.held.keys().next().copied()
            && place.0 <= now
        {
            self.release(place);
        }
    }

    fn release(&mut self, place: (Instant, u64)) {
        if let Some(Held { packet, overtaken_by }) = self.held.remove(&place) {
            self.held_octets -= packet.octets.len() + OVERHEAD;
            self.waiting -= usize::from(overtaken_by.is_some());
            self.ready.push_back(packet);
        }
    }
}

/// Turns one bit over behind the IP header, or anywhere if there is nothing behind it.
fn corrupt(packet: &Bytes, body: usize, drawn: u64) -> Bytes {
    let begin = if body < packet.len() { body } else { 0 };
    let bits = (packet.len() - begin) as u64 * 8;
    let mut octets = packet.to_vec();
    if bits > 0 {
        let bit = usize::try_from(drawn % bits).expect("a packet has fewer than 2^20 bits");
        octets[begin + bit / 8] ^= 1 << (bit % 8);
    }
    octets.into()
}

/// A number that depends on all of this, evenly, and on nothing else: neither on the other rules, nor on
/// the other connections, nor on how the two directions mingle.
fn draw(seed: u64, rule: u64, packet: [u64; 4]) -> u64 {
    packet.into_iter().fold(mix(mix(seed) ^ rule), |state, part| mix(state ^ part))
}

/// One step of SplitMix64 (Steele, Lea, Flood 2014).
const fn mix(state: u64) -> u64 {
    let state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let state = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let state = (state ^ (state >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    state ^ (state >> 31)
}
