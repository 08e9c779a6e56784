//! Events for those who look on, while they do: a stream with a bound, and the ladders of the latest
//! connections. With nobody looking on nothing is kept, and no event is raised for us.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::broadcast;

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

impl fmt::Debug for Watching {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watching").field("wanted", &self.wanted).finish_non_exhaustive()
    }
}

/// One end is a sink of every shard, the other is asked for what there is to see.
#[derive(Clone, Debug, Default)]
pub struct Feed(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    /// So that a sink need not lock to know that nobody looks.
    is_watched: AtomicBool,
    watching: Mutex<Watching>,
}

#[derive(Default)]
struct Watching {
    nets: Vec<Net>,
    /// Told what we are told, while somebody looks on.
    others: Vec<Box<dyn Sink>>,
    /// What each watcher wants, by a number of its own.
    wanted: BTreeMap<u64, Mask>,
    numbered: u64,
    /// While somebody watches.
    record: Option<Record>,
}

#[derive(Debug)]
struct Record {
    events: broadcast::Sender<Event>,
    ladder: Ladder,
    /// Those that are over, the first to go first.
    over: VecDeque<ConnId>,
}

/// Somebody who looks on. Dropped, they look away.
#[derive(Debug)]
pub struct Watcher {
    feed: Feed,
    number: u64,
    events: broadcast::Receiver<Event>,
}

impl Feed {
    /// The stacks whose sinks are clones of this.
    pub(super) fn watch_over(&self, nets: Vec<Net>) {
        self.lock().nets = nets;
    }

    /// While somebody looks on, `sink` is told everything that the shards tell, and in the beginning which
    /// connections there are. It must not wait for anything.
    pub fn tell_also(&self, sink: Box<dyn Sink>) {
        self.lock().others.push(sink);
    }

    /// Somebody looks on from now on, and wants to see events of these kinds.
    #[must_use]
    pub(super) fn watch(&self, kinds: Mask) -> Watcher {
        let (nets, is_first) = {
            let watching = self.lock();
            (watching.nets.clone(), watching.record.is_none())
        };
        // Not under our lock, which the drivers take after theirs.
        let known = if is_first { known(&nets) } else { Vec::new() };
        let mut watching = self.lock();
        watching.numbered += 1;
        let number = watching.numbered;
        watching.wanted.insert(number, kinds | Ladder::new().wanted());
        let record = watching.record.get_or_insert_with(|| Record::of(&known));
        let events = record.events.subscribe();
        self.0.is_watched.store(true, Ordering::Relaxed);
        if let Some(net) = nets.first() {
            watching.introduce(&known, net.now());
        }
        let wanted = watching.all_wanted();
        drop(watching);
        nets.iter().for_each(|net| net.raise_also(wanted));
        Watcher { feed: self.clone(), number, events }
    }

    /// The ladder of a connection, if somebody watches and there was something to see of it.
    pub(super) fn ladder(&self, id: ConnId, style: &Style) -> Option<String> {
        // Drawn without the lock: it takes a while.
        let ladder = self.lock().record.as_ref()?.ladder.only(id)?;
        ladder.render_one(id, style)
    }

    /// The same as a picture, an SVG document.
    pub(super) fn picture(&self, id: ConnId) -> Option<String> {
        let ladder = self.lock().record.as_ref()?.ladder.only(id)?;
        ladder.svg(id, &PictureStyle::default())
    }

    fn look_away(&self, number: u64) {
        let mut watching = self.lock();
        watching.wanted.remove(&number);
        let wanted = watching.all_wanted();
        if watching.wanted.is_empty() {
            watching.record = None;
            self.0.is_watched.store(false, Ordering::Relaxed);
        }
        let nets = watching.nets.clone();
        drop(watching);
        nets.iter().for_each(|net| net.raise_also(wanted));
    }

    fn lock(&self) -> MutexGuard<'_, Watching> {
        self.0.watching.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Watching {
    fn all_wanted(&self) -> Mask {
        self.wanted.values().fold(Mask::empty(), |all, kinds| all | *kinds)
    }

    /// Tells the others who is there.
    fn introduce(&mut self, known: &[Summary], at: Instant) {
        for summary in known {
            let event = Event { at, conn: Some(summary.id), what: opened(summary) };
            self.others.iter_mut().for_each(|sink| sink.record(&event));
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
        let Watching { record: Some(record), others, .. } = &mut *watching else { return };
        record.take(event);
        // Those may be who has told us this.
        if event.what.kind() != Mask::PEER {
            others.iter_mut().for_each(|sink| sink.record(event));
        }
    }
}

impl Record {
    /// Begins with what is known of the connections that are there.
    fn of(known: &[Summary]) -> Record {
        let (events, _) = broadcast::channel(BEHIND);
        let limits = Limits { connections: LADDERS + 1, peer: true, ..Limits::default() };
        let mut record =
            Record { events, ladder: Ladder::with_limits(limits), over: VecDeque::new() };
        for summary in known {
            history(summary, |event| record.draw(event));
        }
        record
    }

    fn take(&mut self, event: &Event) {
        self.draw(event);
        // With nobody there at the moment it goes nowhere.
        let _ = self.events.send(event.clone());
    }

    fn draw(&mut self, event: &Event) {
        self.ladder.record(event);
        if let (Some(id), What::Removed) = (event.conn, &event.what) {
            self.over.push_back(id);
        }
        while self.ladder.len() > LADDERS {
            let first = self.over.pop_front().or_else(|| self.ladder.ids().next());
            self.ladder.forget(first.expect("there are more than none"));
        }
        // Some are forgotten without having been there.
        if self.over.len() > LADDERS {
            self.over.pop_front();
        }
    }
}

/// Some of the connections that are there, as many as get a ladder.
fn known(nets: &[Net]) -> Vec<Summary> {
    let pages = nets.iter().map(|net| net.page(Bookmark::default(), LADDERS));
    let mut known: Vec<_> = pages.flat_map(|page| page.connections).collect();
    known.sort_by_key(|summary| summary.id);
    known.truncate(LADDERS);
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
    debug_assert!(summary.status.state != State::Closed || !transitions.is_empty());
}

fn opened(summary: &Summary) -> What {
    let mut transitions = summary.status.transitions.iter();
    let is_ours = transitions.any(|step| step.cause == Cause::ActiveOpen);
    let role = if is_ours { Role::Active } else { Role::Passive };
    What::Opened { local: summary.local, remote: summary.remote, role }
}

impl Watcher {
    /// The next event, or how many were missed. Cancel safe.
    pub(super) async fn next(&mut self) -> Result<Event, u64> {
        match self.events.recv().await {
            Ok(event) => Ok(event),
            Err(broadcast::error::RecvError::Lagged(missed)) => Err(missed),
            // The sender lives as long as anybody watches.
            Err(broadcast::error::RecvError::Closed) => std::future::pending().await,
        }
    }
}

impl Watcher {
    /// The next event, if it is there already.
    pub(super) fn ready(&mut self) -> Option<Result<Event, u64>> {
        match self.events.try_recv() {
            Ok(event) => Some(Ok(event)),
            Err(broadcast::error::TryRecvError::Lagged(missed)) => Some(Err(missed)),
            Err(_) => None,
        }
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
        assert_eq!(watcher.next().await, Ok(opened(11)));
        let rest = std::iter::from_fn(|| watcher.ready()).count();
        assert_eq!(rest, BEHIND - 1);
    }

    #[test]
    fn ladders_are_kept_while_somebody_watches_and_so_many() {
        let feed = Feed::default();
        let mut sink = feed.clone();
        let has = |number| feed.ladder(ConnId(number), &Style::default()).is_some();
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
