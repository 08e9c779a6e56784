//! Packets that come in parts, of both families (RFC 791 3.2, RFC 8200 4.5): the parts are kept until all are
//! there, within limits. What overlaps is refused (RFC 5722), whole packets with it. The deadline is for the
//! stack to keep, and telling the sender is, too.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use bytes::Bytes;

use crate::time::Instant;
use crate::trace::DropReason;
use crate::wire::Ecn;
use crate::wire::fragment::{join, whole_len};
use crate::wire::ip::{Datagram, Defect, DefectKind, Fragment};

/// How long the parts of a packet may take, from the first that comes (RFC 8200 4.5, RFC 1122 3.3.2).
const PATIENCE: Duration = Duration::from_mins(1);
/// Packets that are waited for, in all and of one source.
const MOST_PACKETS: usize = 1024;
const MOST_OF_SOURCE: usize = 64;
/// Octets that are kept, in all and of one source, with what keeping them costs.
const MOST_OCTETS: usize = 4 << 20;
const MOST_OCTETS_OF_SOURCE: usize = 1 << 20;
/// What a packet and a piece of it cost besides their octets.
const COST_OF_PACKET: usize = 512;
const COST_OF_PIECE: usize = 128;

/// Where the field stands that says how long a fragment of IPv6 is, and where in its own header the offset.
const PAYLOAD_LENGTH: u16 = 4;
const OFFSET_FIELD: usize = 2;

/// What became of a fragment.
#[derive(Debug)]
pub(super) enum Outcome {
    /// It is kept, and others are waited for.
    Waiting,
    /// It was the last that was missing: here is the packet.
    Whole(Bytes),
    /// It is dropped; of IPv6 the sender may have to be told.
    Dropped(DropReason, Option<Defect>),
}

/// Packets that are not whole yet.
#[derive(Debug, Default)]
pub(super) struct Reassembly {
    packets: BTreeMap<Key, Partial>,
    /// In the order in which they began, which is that of their deadlines.
    by_age: BTreeMap<u64, Key>,
    by_source: BTreeMap<Source, Share>,
    octets: usize,
    begun: u64,
    /// The senders of those that had to go before their time.
    evicted: Vec<IpAddr>,
}

/// What the fragments of one packet have in common (RFC 791 3.2, RFC 8200 4.5). Keys of one source are
/// neighbours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    source: Source,
    src: IpAddr,
    dst: IpAddr,
    id: u32,
    /// Of IPv4; 0 of IPv6.
    protocol: u8,
}

/// Who sends: an address of IPv4, or a network of IPv6, all of whose addresses one host can have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Source {
    V4(u32),
    V6(u64),
}

/// What is kept for one source.
#[derive(Clone, Copy, Debug, Default)]
struct Share {
    packets: usize,
    octets: usize,
}

#[derive(Debug)]
struct Partial {
    nth: u64,
    until: Instant,
    /// By offset; they do not overlap, and none is empty.
    pieces: BTreeMap<u16, Bytes>,
    /// Octets of them all.
    octets: usize,
    /// How long the payload is, once the last piece has come.
    len: Option<usize>,
    first: Option<(Box<Datagram>, Fragment)>,
    /// The ECN fields that were seen: a bit for each.
    ecn: u8,
    /// It will never be whole; what still comes of it is dropped, too (RFC 5722 3).
    is_refused: bool,
    /// What its source is charged with.
    cost: usize,
}

/// Whether a fragment fits those that are there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fit {
    New,
    Known,
    Never,
}

impl Reassembly {
    /// A fragment for us has come.
    pub(super) fn on_fragment(
        &mut self,
        datagram: &Datagram,
        fragment: Fragment,
        now: Instant,
    ) -> Outcome {
        if let Err(defect) = check(datagram, fragment) {
            return Outcome::Dropped(DropReason::Fragment, defect);
        }
        let key = Key::of(datagram, fragment);
        if !self.packets.contains_key(&key) {
            self.begin(key, now);
        }
        match self.packets[&key].fit(datagram, fragment) {
            Fit::New => {}
            // What the network has doubled harms nobody.
            Fit::Known => return Outcome::Waiting,
            Fit::Never => {
                self.refuse(key);
                return Outcome::Dropped(DropReason::FragmentOverlap, None);
            }
        }
        // The header of the first piece is kept, for whoever has to be told.
        let header = if fragment.offset == 0 { datagram.header.len() } else { 0 };
        let cost = COST_OF_PIECE + header + datagram.payload.len();
        if !self.make_room(key, cost) {
            self.refuse(key);
            return Outcome::Dropped(DropReason::FragmentsFull, None);
        }
        self.charge(key, cost);
        let partial = self.packets.get_mut(&key).expect("others made room");
        partial.take(datagram, fragment);
        if !partial.is_complete() {
            return Outcome::Waiting;
        }
        match self.remove(key).whole() {
            Some(whole) => Outcome::Whole(whole),
            None => Outcome::Dropped(DropReason::Fragment, None),
        }
    }

    /// Gives up a packet whose time is over at `now`, if there is one: who sent it, and its first fragment if
    /// that came and the sender is to be told.
    pub(super) fn expire(&mut self, now: Instant) -> Option<(IpAddr, Option<Box<Datagram>>)> {
        let key = *self.by_age.first_key_value()?.1;
        if self.packets[&key].until > now {
            return None;
        }
        let partial = self.remove(key);
        Some((key.src, partial.first.map(|(first, _)| first)))
    }

    /// The senders of those that had to go before their time since this was asked last.
    pub(super) fn take_evicted(&mut self) -> Vec<IpAddr> {
        std::mem::take(&mut self.evicted)
    }

    /// When to call [`Reassembly::expire`].
    pub(super) fn next_deadline(&self) -> Option<Instant> {
        let (_, key) = self.by_age.first_key_value()?;
        Some(self.packets[key].until)
    }

    fn begin(&mut self, key: Key, now: Instant) {
        while self.share(key.source).packets >= MOST_OF_SOURCE {
            self.evict_of_source(key);
        }
        while self.packets.len() >= MOST_PACKETS {
            self.evict_any(key);
        }
        self.begun += 1;
        self.by_age.insert(self.begun, key);
        self.packets.insert(key, Partial::new(self.begun, now + PATIENCE));
        self.by_source.entry(key.source).or_default().packets += 1;
        if self.make_room(key, COST_OF_PACKET) {
            self.charge(key, COST_OF_PACKET);
        }
    }

    /// Makes room for `cost` more of `key`, at the cost of others: of its own source as long as that has more
    /// than its share. Says whether there is.
    fn make_room(&mut self, key: Key, cost: usize) -> bool {
        while self.share(key.source).octets + cost > MOST_OCTETS_OF_SOURCE {
            if !self.evict_of_source(key) {
                return false;
            }
        }
        while self.octets + cost > MOST_OCTETS {
            if !self.evict_any(key) {
                return false;
            }
        }
        true
    }

    /// Gives up the oldest packet of the source of `key`, but not that. Says whether there was one.
    fn evict_of_source(&mut self, key: Key) -> bool {
        let of_source = self.packets.range(key.source.first_key()..);
        let oldest = of_source
            .take_while(|(other, _)| other.source == key.source)
            .filter(|(other, _)| **other != key)
            .min_by_key(|(_, partial)| partial.nth)
            .map(|(other, _)| *other);
        self.evict(oldest)
    }

    /// Gives up the oldest packet of all, but not that of `key`. Says whether there was one.
    fn evict_any(&mut self, key: Key) -> bool {
        let oldest = self.by_age.values().find(|other| **other != key).copied();
        self.evict(oldest)
    }

    fn evict(&mut self, key: Option<Key>) -> bool {
        let Some(key) = key else { return false };
        self.remove(key);
        self.evicted.push(key.src);
        true
    }

    /// The packet will never be whole. Only that it was there is kept until its time is over.
    fn refuse(&mut self, key: Key) {
        let Some(partial) = self.packets.get_mut(&key) else { return };
        partial.is_refused = true;
        partial.pieces.clear();
        partial.first = None;
        let freed = partial.cost.saturating_sub(COST_OF_PACKET);
        self.credit(key, freed);
    }

    fn remove(&mut self, key: Key) -> Partial {
        let cost = self.packets[&key].cost;
        self.credit(key, cost);
        let partial = self.packets.remove(&key).expect("just seen");
        self.by_age.remove(&partial.nth);
        let share = self.by_source.get_mut(&key.source).expect("it has a share");
        share.packets -= 1;
        if share.packets == 0 {
            self.by_source.remove(&key.source);
        }
        partial
    }

    fn charge(&mut self, key: Key, cost: usize) {
        self.octets += cost;
        self.by_source.entry(key.source).or_default().octets += cost;
        self.packets.get_mut(&key).expect("it is there").cost += cost;
    }

    fn credit(&mut self, key: Key, cost: usize) {
        self.octets -= cost;
        self.by_source.get_mut(&key.source).expect("it has a share").octets -= cost;
        self.packets.get_mut(&key).expect("it is there").cost -= cost;
    }

    fn share(&self, source: Source) -> Share {
        self.by_source.get(&source).copied().unwrap_or_default()
    }
}

impl Partial {
    const fn new(nth: u64, until: Instant) -> Self {
        Partial {
            nth,
            until,
            pieces: BTreeMap::new(),
            octets: 0,
            len: None,
            first: None,
            ecn: 0,
            is_refused: false,
            cost: 0,
        }
    }

    fn fit(&self, datagram: &Datagram, fragment: Fragment) -> Fit {
        let (from, len) = (fragment.offset, datagram.payload.len());
        let end = usize::from(from) + len;
        let end_of = |(at, piece): (&u16, &Bytes)| usize::from(*at) + piece.len();
        let is_last = self.len == Some(end);
        if self.is_refused {
            return Fit::Never;
        }
        if self.pieces.get(&from).is_some_and(|piece| *piece == datagram.payload) {
            return if is_last == fragment.more { Fit::Never } else { Fit::Known };
        }
        // An end that others go beyond, or another end than before.
        let beyond = self.len.is_some_and(|len| end > len || (!fragment.more && end != len));
        let before = self.pieces.last_key_value().is_some_and(|last| end_of(last) > end);
        let overlaps = self.pieces.range(..=from).next_back().map(end_of) > Some(from.into())
            || self.pieces.range(from..).next().is_some_and(|(at, _)| usize::from(*at) < end);
        if beyond || (!fragment.more && before) || overlaps { Fit::Never } else { Fit::New }
    }

    /// Keeps a piece: a copy, for it comes in a buffer that it may share with others.
    fn take(&mut self, datagram: &Datagram, fragment: Fragment) {
        let payload = Bytes::copy_from_slice(&datagram.payload);
        self.octets += payload.len();
        self.ecn |= 1 << datagram.ecn.bits();
        if !fragment.more {
            self.len = Some(usize::from(fragment.offset) + payload.len());
        }
        if fragment.offset == 0 {
            let first = Datagram { payload: payload.clone(), ..datagram.clone() };
            self.first = Some((Box::new(first), fragment));
        }
        self.pieces.insert(fragment.offset, payload);
    }

    /// All between the beginning and the end is there: pieces lie within, and do not overlap.
    fn is_complete(&self) -> bool {
        self.len == Some(self.octets)
    }

    /// The packet. `None` if it is too long with the headers of its first fragment, or if some fragments were
    /// marked and others must not be (RFC 3168 5.3).
    fn whole(&self) -> Option<Bytes> {
        let saw = |ecn: Ecn| self.ecn & (1 << ecn.bits()) != 0;
        let (first, fragment) = self.first.as_ref()?;
        if saw(Ecn::Ce) && saw(Ecn::NotEct) {
            return None;
        }
        join(first, *fragment, self.pieces.values(), saw(Ecn::Ce))
    }
}

impl Key {
    fn of(datagram: &Datagram, fragment: Fragment) -> Key {
        let (src, dst, id) = (datagram.src, datagram.dst, fragment.id);
        match src {
            IpAddr::V4(addr) => {
                let source = Source::V4(addr.to_bits());
                Key { source, src, dst, id, protocol: datagram.protocol }
            }
            IpAddr::V6(addr) => {
                let network = addr.to_bits() >> 64;
                let source = Source::V6(u64::try_from(network).expect("half of 128 bits"));
                // Parts of one packet may name different protocols: the first part's counts.
                Key { source, src, dst, id, protocol: 0 }
            }
        }
    }
}

impl Source {
    /// No key of this source is before it.
    const fn first_key(self) -> Key {
        let least = IpAddr::V4(std::net::Ipv4Addr::UNSPECIFIED);
        Key { source: self, src: least, dst: least, id: 0, protocol: 0 }
    }
}

/// Refuses what is the part of no packet that can be; with what the sender is to be told of it.
fn check(datagram: &Datagram, fragment: Fragment) -> Result<(), Option<Defect>> {
    let len = datagram.payload.len();
    let field = |at| match datagram.src {
        IpAddr::V4(_) => None,
        IpAddr::V6(_) => Some(Defect { kind: DefectKind::Field, at }),
    };
    if len == 0 {
        return Err(None);
    }
    if fragment.more && !len.is_multiple_of(8) {
        return Err(field(PAYLOAD_LENGTH));
    }
    if whole_len(datagram, fragment, usize::from(fragment.offset) + len).is_none() {
        let own = datagram.header.len() - usize::from(fragment.own_header);
        return Err(field(u16::try_from(own + OFFSET_FIELD).expect("headers are short")));
    }
    Ok(())
}

#[cfg(test)]
mod tests;
