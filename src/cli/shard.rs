//! What a shard is made of, with all that watches it; and one shard that runs right here. Several, each on a
//! thread of its own, are in [`super::shards`].

use std::collections::BTreeMap;
use std::fmt::Display;
use std::fs::File;
use std::io::{self, Write};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

use super::engine::EngineMaker;
use super::options::Output;
use super::peers::Peers;
use super::tcp_options::{FaultPlan, TcpOptions};
use super::{Failure, exit};
use crate::control::Feed;
use crate::device::fault::{Faults, Faulty, Tally};
use crate::device::{Device, Queue, Tun};
use crate::engine::Engine;
use crate::runtime::{self, Net, Parts};
use crate::stack::{self, Place};
use crate::tcp::State;
use crate::trace::{ConnId, Event, Mask, Sink, What};
use crate::view::{Capture, CaptureSettings, JsonLines, LadderRecorder, Limits, LogLines};
use crate::wire::Features;

/// Between two looks at the states of an engine that does not tell of them, or need not.
const LOOK: Duration = Duration::from_millis(5);

/// What the buffers of a connection may grow to: 8 MiB each way, of which only what waits is ever held.
const MOST_BUFFERED: u32 = 8 << 20;

/// What all shards of a program have in common.
pub(super) struct Kit {
    engines: EngineMaker,
    /// Whether these raise events.
    tells: bool,
    events: Option<Together<JsonLines<File>>>,
    faults: Option<FaultPlan>,
    ladders: bool,
    has_sought_peers: bool,
    capture: Option<Capture>,
    busy_poll: Duration,
    /// Whoever looks on from outside.
    feed: Option<Feed>,
    watch: Watch,
}

/// What can be seen of the shards, and waited for.
pub(super) struct Watch {
    pub(super) ladder: LadderRecorder,
    /// Who looks at the other ends all the time.
    peers: Option<Peers>,
    /// What the faults that were asked for have done.
    faults: Option<Tally>,
    /// Of each shard; of none while nobody looks on, or the engine does not tell.
    states: Vec<watch::Receiver<BTreeMap<ConnId, State>>>,
}

/// All that a shard needs, to be taken to the thread that it will run on.
pub(super) struct Plan {
    queue: Queue,
    faults: Option<Faults>,
    engine: Box<dyn Engine>,
    sinks: Vec<Box<dyn Sink>>,
    busy_poll: Duration,
}

/// The state of every connection, as told by the events: unlike a look into the stack, never ahead of
/// what the other sinks have been told.
struct States(watch::Sender<BTreeMap<ConnId, State>>);

/// One sink of several shards.
struct Together<S>(Arc<Mutex<S>>);

impl Kit {
    /// With `ladders` it remembers what the connections did.
    pub(super) fn new(
        options: &TcpOptions,
        ladders: bool,
        busy_poll: Duration,
    ) -> Result<Kit, Failure> {
        let events = match &options.events {
            Some(path) => Some(Together::new(JsonLines::create(path).map_err(|error| {
                let path = path.display();
                Failure::new(exit::USAGE, format!("cannot write --events {path}: {error}"))
            })?)),
            None => None,
        };
        let faults = options.faults().map_err(cannot_start)?;
        if let Some(FaultPlan { seed, is_random: true, .. }) = faults {
            // However quiet: without it nobody could see the same again.
            let _ = writeln!(io::stderr(), "glass: faults by chance from --seed {seed}");
        }
        let watch = Watch {
            ladder: LadderRecorder::new(Limits { peer: true, ..Limits::default() }),
            peers: None,
            faults: faults.as_ref().map(|faults| faults.tally.clone()),
            states: Vec::new(),
        };
        let engines = options.engine.maker(options)?;
        let tells = options.engine.has_ladders();
        let (capture, feed) = (None, None);
        Ok(Kit {
            engines,
            tells,
            events,
            faults,
            ladders,
            has_sought_peers: false,
            capture,
            busy_poll,
            feed,
            watch,
        })
    }

    /// Has others look on, while they want to.
    pub(super) fn shown_to(mut self, feed: Feed) -> Kit {
        self.feed = Some(feed);
        self
    }

    /// Has the other ends looked at, once for all shards: all the time for a ladder or a file of events, otherwise
    /// while others look on.
    fn look_at_peers(&mut self) {
        let is_there_already = self.watch.peers.is_some() || self.has_sought_peers;
        self.has_sought_peers = true;
        if is_there_already || !self.tells {
            return;
        }
        let mut sinks: Vec<Box<dyn Sink>> = Vec::new();
        if self.ladders {
            sinks.push(Box::new(self.watch.ladder.clone()));
        }
        if let Some(events) = &self.events {
            sinks.push(Box::new(events.clone()));
        }
        let is_always = !sinks.is_empty();
        if let Some(feed) = &self.feed {
            sinks.push(Box::new(feed.clone()));
        }
        if sinks.is_empty() {
            return;
        }
        let Some(peers) = Peers::watch(sinks) else { return };
        let to_them = if is_always { peers.introducing() } else { peers.clone() };
        self.feed.iter().for_each(|feed| feed.tell_also(Box::new(to_them.clone())));
        self.watch.peers = is_always.then_some(peers);
    }

    /// A stack with the addresses of `config`, for `queue`.
    pub(super) fn plan(
        &mut self,
        queue: Queue,
        options: &TcpOptions,
        mut config: stack::Config,
        place: Place,
    ) -> Result<Plan, Failure> {
        self.look_at_peers();
        let mut sinks: Vec<Box<dyn Sink>> = vec![Box::new(LogLines::new())];
        if self.ladders {
            sinks.push(Box::new(self.watch.ladder.clone()));
        }
        let peers = self.watch.peers.iter();
        sinks.extend(peers.map(|peers| Box::new(peers.clone()) as Box<dyn Sink>));
        if let Some(events) = &self.events {
            sinks.push(Box::new(events.clone()));
        }
        sinks.extend(self.capture(options, &queue)?);
        if let Some(feed) = &self.feed {
            sinks.push(Box::new(feed.clone()));
        }
        // With nobody to be ahead of, a look into the stack will do, and costs nothing meanwhile.
        if self.tells && sinks.iter().any(|sink| !sink.wanted().is_empty()) {
            let (changes, states) = watch::channel(BTreeMap::new());
            sinks.push(Box::new(States(changes)));
            self.watch.states.push(states);
        }
        let faults = self.faults.as_ref().map(|faults| faults.of(place.index));
        let faults = match self.capture {
            Some(_) => faults.map(Faults::telling_fates),
            None => faults,
        };
        // Each stack has an equal share of it.
        config.max_queued /= usize::try_from(place.count).unwrap_or(1).max(1);
        config.place = place;
        config.mtu = queue.mtu();
        config.features = if faults.is_some() { Features::default() } else { queue.features() };
        config.tcp.receive_buffer_max = MOST_BUFFERED;
        config.tcp.send_buffer_max = MOST_BUFFERED as usize;
        config.events = sinks.iter().fold(Mask::empty(), |mask, sink| mask | sink.wanted());
        let engine = self.engines.make(config)?;
        Ok(Plan { queue, faults, engine, sinks, busy_poll: self.busy_poll })
    }

    /// What captures the packets of one shard, if anything does. All shards have one capture.
    fn capture(
        &mut self,
        options: &TcpOptions,
        queue: &Queue,
    ) -> Result<Option<Box<dyn Sink>>, Failure> {
        if self.capture.is_none() {
            let has_faults = self.faults.is_some();
            let interface = queue.name().to_owned();
            let settings = CaptureSettings { interface, has_faults, ..CaptureSettings::default() };
            self.capture = options.capture.start(settings)?;
        }
        Ok(self.capture.as_ref().map(|capture| Box::new(capture.sink()) as Box<dyn Sink>))
    }

    /// When all plans are made.
    pub(super) fn watch(self) -> Watch {
        self.watch
    }
}

impl Plan {
    /// On the thread, and in the runtime, of the shard.
    pub(super) fn parts(self) -> io::Result<Parts> {
        let Plan { queue, faults, engine, sinks, busy_poll } = self;
        let mut device: Box<dyn Device> = Box::new(Tun::new(queue).map_err(io::Error::other)?);
        if let Some(faults) = faults {
            let clock = runtime::clock::Clock::start();
            device = Box::new(Faulty::new(device, faults, move || clock.now())?);
        }
        Ok(Parts { engine, device, sinks, busy_poll })
    }
}

impl Watch {
    /// Has the other ends looked at once more, for a ladder that is to be shown now.
    pub(super) fn finish_looking(&self) {
        self.peers.iter().for_each(Peers::finish);
    }

    /// The same, and nobody is told of them any more.
    pub(super) fn end_looking(&self) {
        self.peers.iter().for_each(Peers::end);
    }

    /// Waits until every connection is CLOSED, in `TIME_WAIT` or in one of `also`, for `patience` at
    /// most. Says whether it came to that.
    pub(super) async fn settle(&self, nets: &[Net], also: &[State], patience: Duration) -> bool {
        let settled = |state: State| {
            matches!(state, State::Closed | State::TimeWait) || also.contains(&state)
        };
        let all_settled = async {
            if !self.states.is_empty() {
                return self.all_are(settled).await;
            }
            let states = || nets.iter().flat_map(Net::states);
            while !states().all(|(_, state)| settled(state)) {
                sleep(LOOK).await;
            }
            true
        };
        timeout(patience, all_settled).await.is_ok_and(|settled| settled)
    }

    /// Waits until all states are `settled`; `false` when a shard has ended before.
    async fn all_are(&self, settled: impl Fn(State) -> bool) -> bool {
        loop {
            for states in &self.states {
                let mut states = states.clone();
                let told = states.wait_for(|states| states.values().copied().all(&settled)).await;
                if told.is_err() {
                    return false;
                }
            }
            // While we waited for one, another may have begun something.
            let is_settled = |states: &watch::Receiver<BTreeMap<_, State>>| {
                states.borrow().values().copied().all(&settled)
            };
            if self.states.iter().all(is_settled) {
                return true;
            }
        }
    }

    /// Says how often each fault struck, and which never matched.
    pub(super) fn report_faults(&self, output: &Output) {
        let lines = self.faults.iter().flat_map(Tally::lines);
        lines.for_each(|line| output.note(line));
    }
}

/// A stack on a device, its driver running as a task of this runtime.
pub(super) struct Shard {
    pub(super) net: Net,
    pub(super) watch: Watch,
    driver: JoinHandle<io::Result<()>>,
}

impl Shard {
    /// Starts a stack with the addresses of `config`. With `ladders` it remembers what the connections
    /// did.
    pub(super) fn start(
        queue: Queue,
        config: stack::Config,
        options: &TcpOptions,
        ladders: bool,
    ) -> Result<Shard, Failure> {
        let mut kit = Kit::new(options, ladders, Duration::ZERO)?;
        let plan = kit.plan(queue, options, config, Place::default())?;
        let Parts { engine, device, sinks, .. } = plan.parts().map_err(cannot_start)?;
        let (net, driver) = Net::new(engine, device, sinks).map_err(cannot_start)?;
        let driver = tokio::spawn(driver.run());
        Ok(Shard { net, watch: kit.watch(), driver })
    }

    /// Stops the stack. What has happened until now has been recorded when this returns.
    pub(super) async fn stop(self) -> LadderRecorder {
        self.watch.end_looking();
        self.driver.abort();
        let _ = self.driver.await;
        self.watch.ladder
    }
}

impl Sink for States {
    fn wanted(&self) -> Mask {
        Mask::STATES | Mask::CONNECTIONS
    }

    fn record(&mut self, event: &Event) {
        let Some(conn) = event.conn else { return };
        match event.what {
            What::State { to, .. } => self.0.send_modify(|states| {
                states.insert(conn, to);
            }),
            What::Removed => self.0.send_modify(|states| {
                states.remove(&conn);
            }),
            _ => {}
        }
    }
}

impl<S> Together<S> {
    fn new(sink: S) -> Self {
        Together(Arc::new(Mutex::new(sink)))
    }
}

impl<S> Clone for Together<S> {
    fn clone(&self) -> Self {
        Together(Arc::clone(&self.0))
    }
}

impl<S: Sink> Sink for Together<S> {
    fn wanted(&self) -> Mask {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).wanted()
    }

    fn record(&mut self, event: &Event) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).record(event);
    }
}

pub(super) fn cannot_start(error: impl Display) -> Failure {
    Failure::new(exit::UNAVAILABLE, format!("cannot start the stack: {error}"))
}
