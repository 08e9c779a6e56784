//! Events for those who look on, while they do: of each kind to those who want it, with a bound; and the ladders
//! of the latest connections. With nobody looking on nothing is kept, and no event is raised for us.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use crate::runtime::Net;
use crate::stack::{Bookmark, Summary};
use crate::tcp::{Cause, State};
use crate::time::Instant;
use crate::trace::{ConnId, Event, Mask, Role, Sink, What};
use crate::view::{Ladder, Limits, PictureStyle, Style};

/// Events that a watcher may be behind. Who is slower than that misses some, and is told how many: the
/// stack waits for nobody.
const BEHIND: usize = 4096;
/// Connections whose ladders are kept.
const LADDERS: usize = 256;
/// Of these, so many that were asked for last are kept whatever comes: somebody is looking at them.
const LOOKED_AT: usize = 32;

/// One end is a sink of every shard, the other is asked for what there is to see.
#[derive(Clone, Debug, Default)]
pub struct Feed(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    /// The stacks. Who comes and who goes do so one after the other, under this lock, so that what is raised
    /// in the end is what those want who are there. No driver ever takes it.
    nets: Mutex<Vec<Net>>,
    /// How many are there who have it know them.
    overs: AtomicUsize,
    /// So that a sink need not lock to know that nobody looks.
    is_watched: AtomicBool,
    watching: Mutex<Watching>,
}

#[derive(Default)]
struct Watching {
    /// Told what we are told, while somebody looks on.
    others: Vec<Box<dyn Sink>>,
    /// Those who look on, each by a number of their own.
    inboxes: BTreeMap<u64, Inbox>,
    numbered: u64,
    /// While somebody watches.
    record: Option<Record>,
}

impl fmt::Debug for Watching {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watching").field("inboxes", &self.inboxes).finish_non_exhaustive()
    }
}

/// What somebody who looks on has not read yet.
#[derive(Debug)]
struct Inbox {
    wanted: Mask,
    events: VecDeque<Arc<Event>>,
    /// Events that there was no room for since they were last told.
    missed: u64,
    news: Arc<Notify>,
}

/// The ladders.
#[derive(Debug)]
struct Record {
    ladder: Ladder,
    /// Those that are over, the first to go first.
    over: VecDeque<ConnId>,
    /// Those that were asked for, the last one last.
    looked_at: VecDeque<ConnId>,
}

/// Somebody who looks on. Dropped, they look away.
#[derive(Debug)]
pub struct Watcher {
    feed: Feed,
    number: u64,
    news: Arc<Notify>,
}

/// While this is there a feed knows its stacks, and whom else to tell. Those have it among their sinks: they would
/// keep each other for ever, and what is written when a stack goes would not be.
#[derive(Debug)]
#[must_use]
pub(super) struct Over(Feed);

impl Drop for Over {
    fn drop(&mut self) {
        // The screen of a run may go before its socket.
        if self.0.0.overs.fetch_sub(1, Ordering::Relaxed) > 1 {
            return;
        }
        let nets = std::mem::take(&mut *self.0.nets());
        let others = std::mem::take(&mut self.0.lock().others);
        drop((nets, others));
    }
}

impl Feed {
    /// The stacks whose sinks are clones of this, until what is returned goes.
    pub(super) fn watch_over(&self, nets: Vec<Net>) -> Over {
        self.0.overs.fetch_add(1, Ordering::Relaxed);
        *self.nets() = nets;
        Over(self.clone())
    }

    /// While somebody looks on, `sink` is told everything that the shards tell, and in the beginning which
    /// connections there are. It must not wait for anything.
    pub fn tell_also(&self, sink: Box<dyn Sink>) {
        self.lock().others.push(sink);
    }

    /// Somebody looks on from now on, and wants to see events of these kinds.
    #[must_use]
    pub(super) fn watch(&self, kinds: Mask) -> Watcher {
        let nets = self.nets();
        // Not under the other lock, for which drivers wait.
        let known = if self.lock().record.is_none() { known(&nets) } else { Vec::new() };
        let mut watching = self.lock();
        watching.numbered += 1;
        let (number, news) = (watching.numbered, Arc::new(Notify::new()));
        let inbox =
            Inbox { wanted: kinds, events: VecDeque::new(), missed: 0, news: Arc::clone(&news) };
        watching.inboxes.insert(number, inbox);
        watching.record.get_or_insert_with(|| Record::of(&known));
        self.0.is_watched.store(true, Ordering::Relaxed);
        if let Some(net) = nets.first() {
            watching.introduce(&known, net.now());
        }
        let wanted = watching.all_wanted();
        drop(watching);
        nets.iter().for_each(|net| net.raise_also(wanted));
        Watcher { feed: self.clone(), number, news }
    }

    /// The ladder of a connection, if somebody watches and there was something to see of it.
    pub(super) fn ladder(&self, id: ConnId, style: &Style) -> Option<String> {
        self.copy(id)?.render_one(id, style)
    }

    /// The same as a picture, an SVG document.
    pub(super) fn picture(&self, id: ConnId) -> Option<String> {
        self.copy(id)?.svg(id, &PictureStyle::default())
    }

    /// A ladder is drawn without the lock: it takes a while.
    fn copy(&self, id: ConnId) -> Option<Ladder> {
        self.lock().record.as_mut()?.look_at(id)
    }

    fn look_away(&self, number: u64) {
        let nets = self.nets();
        let mut watching = self.lock();
        watching.inboxes.remove(&number);
        if watching.inboxes.is_empty() {
            watching.record = None;
            self.0.is_watched.store(false, Ordering::Relaxed);
        }
        let wanted = watching.all_wanted();
        drop(watching);
        nets.iter().for_each(|net| net.raise_also(wanted));
    }

    fn nets(&self) -> MutexGuard<'_, Vec<Net>> {
        self.0.nets.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lock(&self) -> MutexGuard<'_, Watching> {
        self.0.watching.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Watching {
    /// What those want who are there, and the ladders that are recorded for them.
    fn all_wanted(&self) -> Mask {
        let ladders = self.record.as_ref().map_or(Mask::empty(), |record| record.ladder.wanted());
        self.inboxes.values().fold(ladders, |all, inbox| all | inbox.wanted)
    }

    fn take(&mut self, event: &Event) {
        if let Some(record) = &mut self.record {
            record.draw(event);
        }
        let kind = event.what.kind();
        let mut shared = None;
        for inbox in self.inboxes.values_mut().filter(|inbox| inbox.wanted.intersects(kind)) {
            inbox.put(Arc::clone(shared.get_or_insert_with(|| Arc::new(event.clone()))));
        }
    }

    /// Tells the others who is there.
    fn introduce(&mut self, known: &[Summary], at: Instant) {
        for summary in known {
            let event = Event { at, conn: Some(summary.id), what: opened(summary) };
            self.others.iter_mut().for_each(|sink| sink.record(&event));
        }
    }
}

impl Inbox {
    fn put(&mut self, event: Arc<Event>) {
        if self.events.len() >= BEHIND {
            self.events.pop_front();
            self.missed += 1;
        }
        self.events.push_back(event);
        self.news.notify_one();
    }

    /// How many were missed stands where they would have stood.
    fn pop(&mut self) -> Option<Result<Arc<Event>, u64>> {
        match std::mem::take(&mut self.missed) {
            0 => self.events.pop_front().map(Ok),
            missed => Some(Err(missed)),
        }
    }
}

/// It asks for nothing: what is wanted changes with those who look on.
impl Sink for Feed {
    fn wanted(&self) -> Mask {
        Mask::empty()
    }

    fn record(&mut self, event: &Event) {
        if !self.0.is_watched.load(Ordering::Relaxed) {
            return;
        }
        let mut watching = self.lock();
        watching.take(event);
        // Those may be who has told us this.
        if watching.record.is_some() && event.what.kind() != Mask::PEER {
            watching.others.iter_mut().for_each(|sink| sink.record(event));
        }
    }
}

impl Record {
    /// Begins with what is known of the connections that are there.
    fn of(known: &[Summary]) -> Record {
        let limits = Limits { connections: LADDERS + 1, peer: true, ..Limits::default() };
        let ladder = Ladder::with_limits(limits);
        let mut record = Record { ladder, over: VecDeque::new(), looked_at: VecDeque::new() };
        for summary in known {
            history(summary, |event| record.draw(event));
        }
        record
    }

    fn draw(&mut self, event: &Event) {
        self.ladder.record(event);
        if let (Some(id), What::Removed) = (event.conn, &event.what) {
            self.over.push_back(id);
        }
        while self.ladder.len() > LADDERS {
            let id = self.first_to_go();
            self.ladder.forget(id);
        }
        // Some are forgotten without having been there.
        if self.over.len() > LADDERS {
            self.over.pop_front();
        }
    }

    /// The first that is over, or else the oldest; never one that somebody looks at.
    fn first_to_go(&mut self) -> ConnId {
        let may_go = |id: &ConnId| !self.looked_at.contains(id);
        if let Some(place) = self.over.iter().position(may_go) {
            return self.over.remove(place).expect("it was found there");
        }
        self.ladder.ids().find(may_go).expect("fewer are looked at than kept")
    }

    /// A copy of this ladder alone, for somebody who will want to see it again in a moment.
    fn look_at(&mut self, id: ConnId) -> Option<Ladder> {
        let copy = self.ladder.only(id)?;
        self.looked_at.retain(|known| *known != id);
        self.looked_at.push_back(id);
        if self.looked_at.len() > LOOKED_AT {
            self.looked_at.pop_front();
        }
        Some(copy)
    }
}

/// Some of the connections that are there, as many as get a ladder. Those that live come first; those whose
/// handshake is under way last, for in a flood of SYNs there are more of them than of all others.
fn known(nets: &[Net]) -> Vec<Summary> {
    let places = [Bookmark::default(), Bookmark::BEHIND_HANDSHAKES];
    let pages = nets.iter().flat_map(|net| places.map(|from| net.page(from, LADDERS)));
    let each = pages.flat_map(|page| page.connections).map(|summary| (summary.id, summary));
    let mut known: Vec<_> = each.collect::<BTreeMap<_, _>>().into_values().collect();
    known.sort_by_key(|summary| match summary.status.state {
        State::SynReceived => 2,
        State::TimeWait => 1,
        _ => 0,
    });
    known.truncate(LADDERS);
    known.sort_by_key(|summary| summary.id);
    known
}

/// What a connection remembers of its life, as the events that it was told by.
fn history(summary: &Summary, mut tell: impl FnMut(&Event)) {
    let transitions = &summary.status.transitions;
    let Some(first) = transitions.first() else { return };
    let conn = Some(summary.id);
    tell(&Event { at: first.at, conn, what: opened(summary) });
    for step in transitions {
        let section = step.cause.section_from(step.from);
        let (from, to, cause) = (step.from, step.to, step.cause);
        tell(&Event { at: step.at, conn, what: What::State { from, to, cause, section } });
    }
}

fn opened(summary: &Summary) -> What {
    let mut transitions = summary.status.transitions.iter();
    let is_ours = transitions.any(|step| step.cause == Cause::ActiveOpen);
    let role = if is_ours { Role::Active } else { Role::Passive };
    What::Opened { local: summary.local, remote: summary.remote, role }
}

impl Watcher {
    /// The next event, or how many were missed. Cancel safe.
    pub(super) async fn next(&mut self) -> Result<Arc<Event>, u64> {
        loop {
            if let Some(next) = self.ready() {
                return next;
            }
            self.news.notified().await;
        }
    }

    /// The next event, if it is there already.
    pub(super) fn ready(&mut self) -> Option<Result<Arc<Event>, u64>> {
        self.feed.lock().inboxes.get_mut(&self.number)?.pop()
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        self.feed.look_away(self.number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stack::{Config, Secret, Stack};

    fn opened(number: u64) -> Event {
        let (local, remote) = ("192.0.2.2:80".parse().unwrap(), "192.0.2.1:4000".parse().unwrap());
        let what = What::Opened { local, remote, role: Role::Passive };
        Event { at: Instant::ZERO, conn: Some(ConnId(number)), what }
    }

    fn over(number: u64) -> Event {
        Event { at: Instant::ZERO, conn: Some(ConnId(number)), what: What::Removed }
    }

    #[tokio::test]
    async fn a_slow_watcher_misses_some_and_is_told_how_many() {
        let feed = Feed::default();
        let mut sink = feed.clone();
        let mut watcher = feed.watch(Mask::all());
        let most = u64::try_from(BEHIND).unwrap();
        (1..=most + 10).for_each(|number| sink.record(&opened(number)));
        assert_eq!(watcher.next().await, Err(10));
        assert_eq!(watcher.next().await, Ok(Arc::new(opened(11))));
        let rest = std::iter::from_fn(|| watcher.ready()).count();
        assert_eq!(rest, BEHIND - 1);
    }

    #[tokio::test]
    async fn each_watcher_gets_what_it_wants_whatever_others_want() {
        let feed = Feed::default();
        let mut sink = feed.clone();
        let mut few = feed.watch(Mask::CONNECTIONS);
        let mut many = feed.watch(Mask::CONNECTIONS | Mask::DATA);
        sink.record(&opened(1));
        let data = Event { what: What::Acknowledged { octets: 1 }, ..opened(1) };
        (0..2 * BEHIND).for_each(|_| sink.record(&data));
        assert_eq!(few.ready(), Some(Ok(Arc::new(opened(1)))), "data do not push it out");
        assert_eq!(few.ready(), None);
        assert_eq!(many.ready(), Some(Err(BEHIND as u64 + 1)));
        assert_eq!(many.ready(), Some(Ok(Arc::new(data))));
    }

    /// Its stacks have it among their sinks, as here the feed itself: they would keep each other.
    #[test]
    fn it_knows_its_stacks_until_the_last_has_gone_who_wanted_that() {
        let feed = Feed::default();
        let known = || Arc::strong_count(&feed.0);
        feed.tell_also(Box::new(feed.clone()));
        let (screen, socket) = (feed.watch_over(Vec::new()), feed.watch_over(Vec::new()));
        assert_eq!(known(), 4);
        drop(screen);
        assert_eq!(known(), 3, "the socket is still there");
        drop(socket);
        assert_eq!(known(), 1);
    }

    #[test]
    fn what_is_raised_is_what_those_want_who_are_there() {
        let feed = Feed::default();
        let wanted = || feed.lock().all_wanted();
        assert_eq!(wanted(), Mask::empty());
        let first = feed.watch(Mask::empty());
        let ladders = wanted();
        assert!(ladders.contains(Mask::SEGMENTS) && !ladders.contains(Mask::PACKETS | Mask::DATA));
        let second = feed.watch(Mask::DATA);
        assert_eq!(wanted(), ladders | Mask::DATA);
        drop(second);
        assert_eq!(wanted(), ladders);
        drop(first);
        assert_eq!(wanted(), Mask::empty());
    }

    #[test]
    fn ladders_are_kept_while_somebody_watches_and_so_many() {
        let feed = Feed::default();
        let mut sink = feed.clone();
        let has = |number| {
            let watching = feed.lock();
            watching.record.as_ref().is_some_and(|it| it.ladder.only(ConnId(number)).is_some())
        };
        sink.record(&opened(1));
        assert!(!has(1), "nobody has asked");
        let (first, second) = (feed.watch(Mask::empty()), feed.watch(Mask::empty()));
        let most = u64::try_from(LADDERS).unwrap();
        (1..=most).for_each(|number| sink.record(&opened(number)));
        sink.record(&over(7));
        assert!(has(1) && has(7) && has(most));
        sink.record(&opened(most + 1));
        assert!(!has(7), "it is over, so it goes first");
        sink.record(&opened(most + 2));
        assert!(!has(1) && has(2) && has(most + 2), "then the oldest");
        drop(first);
        assert!(has(2), "one still watches");
        drop(second);
        assert!(!has(2));
    }

    #[test]
    fn what_somebody_looks_at_stays_whatever_comes() {
        let feed = Feed::default();
        let mut sink = feed.clone();
        let _watcher = feed.watch(Mask::empty());
        let sees = |number| feed.ladder(ConnId(number), &Style::default()).is_some();
        (1..=5).for_each(|number| sink.record(&opened(number)));
        assert!(sees(2) && sees(4));
        sink.record(&over(4));
        // As in a flood of SYNs.
        (6..=2_000).for_each(|number| sink.record(&opened(number)));
        assert!(sees(2) && sees(4) && !sees(3) && sees(2_000));
        assert_eq!(feed.lock().record.as_ref().unwrap().ladder.len(), LADDERS);
        // Whoever asks for all of them keeps only the last.
        (1_800..=2_000).for_each(|number| assert!(sees(number)));
        (2_001..=4_000).for_each(|number| sink.record(&opened(number)));
        assert!(!sees(2) && !sees(1_800) && sees(2_000));
    }

    #[test]
    fn a_ladder_begins_with_what_a_connection_remembers() {
        let config = Config { addrs: vec!["192.0.2.2".parse().unwrap()], ..Config::default() };
        let mut stack = Stack::new(config, Secret([7; 32]));
        stack.connect(None, "192.0.2.1:80".parse().unwrap(), Instant::ZERO).expect("there is room");
        let page = stack.page(Bookmark::default(), 1, Instant::ZERO);
        let record = Record::of(&page.connections);
        let ladder = record.ladder.render(&Style::default());
        assert!(ladder.contains("(we opened)") && ladder.contains("SYN_SEND"), "{ladder}");
    }
}
