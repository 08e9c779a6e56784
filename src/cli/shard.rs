//! One running stack with all that watches it.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

use super::options::{Output, TcpOptions};
use super::{Failure, exit};
use crate::device::Device;
use crate::device::fault::{Faulty, Tally};
use crate::runtime::{self, Net};
use crate::stack;
use crate::tcp::State;
use crate::trace::{ConnId, Event, Mask, Sink, What};
use crate::view::{JsonLines, LadderRecorder, Limits, LogLines};

/// Between two looks at the states of an engine that does not tell of them.
const LOOK: Duration = Duration::from_millis(5);

/// What the buffers of a connection may grow to: 8 MiB each way, of which only what waits is ever held.
const MOST_BUFFERED: u32 = 8 << 20;

/// A stack on a device, its driver running as a task of this runtime.
pub(super) struct Shard {
    pub(super) net: Net,
    pub(super) ladder: LadderRecorder,
    /// What the faults that were asked for have done.
    faults: Option<Tally>,
    /// `None` while nobody looks on.
    states: Option<watch::Receiver<BTreeMap<ConnId, State>>>,
    driver: JoinHandle<io::Result<()>>,
}

/// The state of every connection, as told by the events: unlike a look into the stack, never ahead of
/// what the other sinks have been told.
struct States(watch::Sender<BTreeMap<ConnId, State>>);

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

impl Shard {
    /// Starts a stack with the addresses of `config` on `device`. With `ladders` it remembers what
    /// the connections did.
    pub(super) fn start(
        mut device: Box<dyn Device>,
        mut config: stack::Config,
        options: &TcpOptions,
        ladders: bool,
    ) -> Result<Shard, Failure> {
        let failed = |error: std::io::Error| {
            Failure::new(exit::UNAVAILABLE, format!("cannot start the stack: {error}"))
        };
        let ladder = LadderRecorder::new(Limits::default());
        let mut sinks: Vec<Box<dyn Sink>> = vec![Box::new(LogLines::new())];
        if ladders {
            sinks.push(Box::new(ladder.clone()));
        }
        if let Some(path) = &options.events {
            let file = JsonLines::create(path).map_err(|error| {
                let path = path.display();
                Failure::new(exit::USAGE, format!("cannot write --events {path}: {error}"))
            })?;
            sinks.push(Box::new(file));
        }
        let mut tally = None;
        if let Some((faults, seed)) = options.faults().map_err(failed)? {
            if let Some(seed) = seed {
                // However quiet: without it nobody could see the same again.
                let _ = writeln!(std::io::stderr(), "glass: faults by chance from --seed {seed}");
            }
            tally = Some(faults.tally());
            let clock = runtime::clock::Clock::start();
            let faulty = Faulty::new(device, faults, move || clock.now()).map_err(failed)?;
            device = Box::new(faulty);
        }
        config.mtu = device.mtu();
        config.features = device.features();
        config.tcp.receive_buffer_max = MOST_BUFFERED;
        config.tcp.send_buffer_max = MOST_BUFFERED as usize;
        // With nobody to be ahead of, a look into the stack will do, and costs nothing meanwhile.
        let is_watched = sinks.iter().any(|sink| !sink.wanted().is_empty());
        let states = is_watched.then(|| {
            let (changes, states) = watch::channel(BTreeMap::new());
            sinks.push(Box::new(States(changes)));
            states
        });
        config.events = sinks.iter().fold(Mask::empty(), |mask, sink| mask | sink.wanted());
        let engine = options.engine.start(config, options)?;
        let (net, driver) = Net::new(engine, device, sinks).map_err(failed)?;
        let driver = tokio::spawn(driver.run());
        let states = states.filter(|_| options.engine.has_ladders());
        Ok(Shard { net, ladder, faults: tally, states, driver })
    }

    /// Waits until every connection is CLOSED, in `TIME_WAIT` or in one of `also`, for `patience` at
    /// most. Says whether it came to that.
    pub(super) async fn settle(&self, also: &[State], patience: Duration) -> bool {
        let settled = |state: State| {
            matches!(state, State::Closed | State::TimeWait) || also.contains(&state)
        };
        let all_settled = async {
            match self.states.clone() {
                Some(mut states) => {
                    let told = states.wait_for(|states| states.values().copied().all(settled));
                    told.await.is_ok()
                }
                None => {
                    while !self.net.states().iter().all(|(_, state)| settled(*state)) {
                        sleep(LOOK).await;
                    }
                    true
                }
            }
        };
        timeout(patience, all_settled).await.is_ok_and(|settled| settled)
    }

    /// Waits for the end of the stack, which only a failure of its device brings. Cancel safe.
    pub(super) async fn failure(&mut self) -> Failure {
        let why = match (&mut self.driver).await {
            Ok(Ok(())) => "it ended".to_owned(),
            Ok(Err(error)) => error.to_string(),
            Err(error) => error.to_string(),
        };
        Failure::new(exit::UNAVAILABLE, format!("the device has failed: {why}"))
    }

    /// Says how often each fault struck, and which never matched.
    pub(super) fn report_faults(&self, output: &Output) {
        let lines = self.faults.iter().flat_map(Tally::lines);
        lines.for_each(|line| output.note(line));
    }

    /// Stops the stack. What has happened until now has been recorded when this returns.
    pub(super) async fn stop(self) -> LadderRecorder {
        self.driver.abort();
        let _ = self.driver.await;
        self.ladder
    }
}
