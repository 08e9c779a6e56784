//! Looks at the other end: where the kernel has it, the kernel is asked for its state whenever something
//! has passed, and the sinks are told. What happens between two looks is left to them to reckon.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread;
use std::time::Duration;

use crate::device::KernelSockets;
use crate::runtime::clock::Clock;
use crate::tcp::State;
use crate::time::Instant;
use crate::trace::{ConnId, Event, Mask, Sink, What};

/// Between two looks when nothing passes.
const LOOK: Duration = Duration::from_millis(20);

/// How long somebody waits for a last look.
const LAST_LOOK: Duration = Duration::from_millis(200);

/// What may wait to be looked at. Beyond it looks are left out.
const QUEUE: usize = 1024;

/// Connections that are looked at; they are shown up to that number, too.
const MOST: usize = 1_000;

/// Looks at one connection; so that one that lives for hours costs nothing for ever.
const MOST_LOOKS: u32 = 1_000;

/// The sink that says when to look.
#[derive(Clone)]
pub(super) struct Peers {
    told: SyncSender<Told>,
    clock: Clock,
}

enum Told {
    Opened {
        conn: ConnId,
        ours: SocketAddr,
        theirs: SocketAddr,
    },
    /// Something has passed, at this moment of the stack's clock and of ours.
    Passed {
        conn: ConnId,
        moment: (Instant, Instant),
    },
    Finish(SyncSender<()>),
}

impl Peers {
    /// Tells `sinks` what it sees, from a thread of its own; `None` when the kernel does not tell.
    pub(super) fn watch(sinks: Vec<Box<dyn Sink>>) -> Option<Peers> {
        let kernel = KernelSockets::open()
            .inspect_err(|error| log::info!("the kernel's sockets cannot be seen: {error}"))
            .ok()?;
        let (sender, told) = sync_channel(QUEUE);
        let clock = Clock::start();
        let watcher = Watcher { kernel, told, sinks, ends: BTreeMap::new(), clock, ahead: None };
        let spawned = thread::Builder::new().name("peers".to_owned()).spawn(|| watcher.run());
        spawned.inspect_err(|error| log::info!("nobody can look at the peers: {error}")).ok()?;
        Some(Peers { told: sender, clock })
    }

    /// Returns when everybody has been looked at once more.
    pub(super) fn finish(&self) {
        let (sender, done) = sync_channel(1);
        if self.told.try_send(Told::Finish(sender)).is_ok() {
            let _ = done.recv_timeout(LAST_LOOK);
        }
    }
}

impl Sink for Peers {
    fn wanted(&self) -> Mask {
        Mask::CONNECTIONS | Mask::SEGMENTS
    }

    fn record(&mut self, event: &Event) {
        let Some(conn) = event.conn else { return };
        let told = match event.what {
            What::Opened { local, remote, .. } => {
                Told::Opened { conn, ours: local, theirs: remote }
            }
            What::Received { .. } | What::Sent { .. } => {
                Told::Passed { conn, moment: (event.at, self.clock.now()) }
            }
            _ => return,
        };
        // Whoever is too busy to be looked at is not looked at.
        let _ = self.told.try_send(told);
    }
}

struct Watcher {
    kernel: KernelSockets,
    told: Receiver<Told>,
    sinks: Vec<Box<dyn Sink>>,
    ends: BTreeMap<ConnId, Ends>,
    clock: Clock,
    /// By how many nanoseconds the stack's clock is ahead of ours. We hear of everything a little late, so the
    /// most that we have heard is nearest to the truth.
    ahead: Option<i128>,
}

struct Ends {
    ours: SocketAddr,
    theirs: SocketAddr,
    /// What was told last.
    last: Option<State>,
    looks: u32,
    /// Something has passed since the last look.
    is_due: bool,
}

impl Watcher {
    fn run(mut self) {
        loop {
            let mut waiting = None;
            match self.told.recv_timeout(LOOK) {
                Ok(told) => self.take(told, &mut waiting),
                Err(RecvTimeoutError::Timeout) => {
                    self.ends.values_mut().for_each(|ends| ends.is_due = true);
                }
                Err(RecvTimeoutError::Disconnected) => return,
            }
            // Whatever has come together needs one look.
            while waiting.is_none()
                && let Ok(told) = self.told.try_recv()
            {
                self.take(told, &mut waiting);
            }
            self.look();
            if let Some(waiting) = waiting {
                let _ = waiting.send(());
            }
        }
    }

    fn take(&mut self, told: Told, waiting: &mut Option<SyncSender<()>>) {
        match told {
            Told::Opened { conn, ours, theirs } => {
                if self.ends.len() < MOST {
                    let ends = Ends { ours, theirs, last: None, looks: 0, is_due: true };
                    self.ends.insert(conn, ends);
                }
            }
            Told::Passed { conn, moment: (stacks, ours) } => {
                let ahead = i128::from(stacks.as_nanos()) - i128::from(ours.as_nanos());
                self.ahead = self.ahead.max(Some(ahead));
                if let Some(ends) = self.ends.get_mut(&conn) {
                    ends.is_due = true;
                }
            }
            Told::Finish(sender) => {
                self.ends.values_mut().for_each(|ends| ends.is_due = true);
                *waiting = Some(sender);
            }
        }
    }

    /// Looks at whoever is due, and forgets who is gone.
    fn look(&mut self) {
        let Watcher { kernel, ends, sinks, clock, ahead, .. } = self;
        let Some(ahead) = *ahead else { return };
        ends.retain(|conn, ends| {
            if !std::mem::take(&mut ends.is_due) {
                return true;
            }
            ends.looks += 1;
            let at = u64::try_from(i128::from(clock.now().as_nanos()) + ahead).unwrap_or(0);
            let at = Instant::from_nanos(at);
            let Ok(state) = kernel.state(ends.theirs, ends.ours) else { return false };
            // Before the first look there may have been nothing, and a peer elsewhere is never there.
            let seen = match (state, ends.last) {
                (None, None) => return ends.looks < MOST_LOOKS,
                (state, _) => state.unwrap_or(State::Closed),
            };
            if ends.last.replace(seen) != Some(seen) {
                let event =
                    Event { at, conn: Some(*conn), what: What::PeerObserved { state: seen } };
                sinks.iter_mut().for_each(|sink| sink.record(&event));
            }
            seen != State::Closed && ends.looks < MOST_LOOKS
        });
    }
}
