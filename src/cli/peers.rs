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

/// Looks at one connection without delay. Then there is one in [`SELDOM`], so that one that lives for hours costs
/// next to nothing.
const MOST_LOOKS: u32 = 1_000;

const SELDOM: Duration = Duration::from_secs(1);

/// After so many looks in vain the kernel does not have it: the peer is on another host.
const LOOKS_IN_VAIN: u32 = 20;

/// Looks at one of which nothing is left at our end: enough to see what our last segment has done to it.
const LAST_LOOKS: u32 = 10;

/// The sink that says when to look.
#[derive(Clone)]
pub(super) struct Peers {
    told: SyncSender<Told>,
    clock: Clock,
    /// Whether it says nothing but who is there.
    introduces: bool,
}

enum Told {
    Opened {
        conn: ConnId,
        ours: SocketAddr,
        theirs: SocketAddr,
        moment: Moment,
    },
    Passed {
        conn: ConnId,
        moment: Moment,
    },
    /// Nothing is left of it at our end.
    Removed {
        conn: ConnId,
    },
    Finish(SyncSender<()>),
    End(SyncSender<()>),
}

/// When we were told of something, by the stack's clock and by ours.
#[derive(Clone, Copy)]
struct Moment {
    stacks: Instant,
    ours: Instant,
}

impl Peers {
    /// Tells `sinks` what it sees, from a thread of its own; `None` when the kernel does not tell.
    pub(super) fn watch(sinks: Vec<Box<dyn Sink>>) -> Option<Peers> {
        let kernel = KernelSockets::open()
            .inspect_err(|error| log::info!("the kernel's sockets cannot be seen: {error}"))
            .ok()?;
        let (sender, told) = sync_channel(QUEUE);
        let clock = Clock::start();
        let watcher = Watcher::new(kernel, told, sinks, clock);
        let spawned = thread::Builder::new().name("peers".to_owned()).spawn(|| watcher.run());
        spawned.inspect_err(|error| log::info!("nobody can look at the peers: {error}")).ok()?;
        Some(Peers { told: sender, clock, introduces: false })
    }

    /// A sink for somebody who looks on later, and learns then who is there: what was seen before is told once
    /// more.
    pub(super) fn introducing(&self) -> Peers {
        Peers { introduces: true, ..self.clone() }
    }

    /// Returns when everybody has been looked at once more.
    pub(super) fn finish(&self) {
        let (sender, done) = sync_channel(1);
        if self.told.try_send(Told::Finish(sender)).is_ok() {
            let _ = done.recv_timeout(LAST_LOOK);
        }
    }

    /// Looks once more, and lets go of the sinks: what they have been told can be brought to its end.
    pub(super) fn end(&self) {
        let (sender, done) = sync_channel(1);
        if self.told.send(Told::End(sender)).is_ok() {
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
        let moment = || Moment { stacks: event.at, ours: self.clock.now() };
        let told = match event.what {
            What::Opened { local, remote, .. } => {
                Told::Opened { conn, ours: local, theirs: remote, moment: moment() }
            }
            What::Received { .. } | What::Sent { .. } if !self.introduces => {
                Told::Passed { conn, moment: moment() }
            }
            What::Removed if !self.introduces => Told::Removed { conn },
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

/// What is to be done after a look.
#[derive(Default)]
struct Asked {
    waiting: Option<SyncSender<()>>,
    to_end: bool,
}

struct Ends {
    ours: SocketAddr,
    theirs: SocketAddr,
    /// What was told last.
    last: Option<State>,
    looks: u32,
    /// When it was looked at last.
    looked: Instant,
    /// How many more looks it is worth: without end while our end is there.
    looks_left: u32,
    /// Something has passed since the last look.
    is_due: bool,
}

impl Watcher {
    fn new(
        kernel: KernelSockets,
        told: Receiver<Told>,
        sinks: Vec<Box<dyn Sink>>,
        clock: Clock,
    ) -> Self {
        Watcher { kernel, told, sinks, ends: BTreeMap::new(), clock, ahead: None }
    }

    fn run(mut self) {
        loop {
            let mut asked = Asked::default();
            // With nobody to look at there is nothing to wake up for.
            let told = if self.ends.is_empty() {
                self.told.recv().map_err(|_| RecvTimeoutError::Disconnected)
            } else {
                self.told.recv_timeout(LOOK)
            };
            match told {
                Ok(told) => self.take(told, &mut asked),
                Err(RecvTimeoutError::Timeout) => {
                    self.ends.values_mut().for_each(|ends| ends.is_due = true);
                }
                Err(RecvTimeoutError::Disconnected) => return,
            }
            // Whatever has come together needs one look.
            for _ in 0..QUEUE {
                let told = if asked.waiting.is_none() { self.told.try_recv().ok() } else { None };
                let Some(told) = told else { break };
                self.take(told, &mut asked);
            }
            self.look(asked.waiting.is_some());
            let tell = |waiting: SyncSender<()>| waiting.send(());
            if asked.to_end {
                drop(self);
                let _ = asked.waiting.map(tell);
                return;
            }
            let _ = asked.waiting.map(tell);
        }
    }

    fn take(&mut self, told: Told, asked: &mut Asked) {
        match told {
            Told::Opened { conn, ours, theirs, moment } => {
                self.compare_clocks(moment);
                // What the kernel has between these ends is this one from now on.
                self.ends.retain(|_, ends| (ends.ours, ends.theirs) != (ours, theirs));
                if self.ends.len() < MOST {
                    let (looks, looked, looks_left) = (0, Instant::ZERO, u32::MAX);
                    let (last, is_due) = (None, true);
                    let ends = Ends { ours, theirs, last, looks, looked, looks_left, is_due };
                    self.ends.insert(conn, ends);
                }
            }
            Told::Passed { conn, moment } => {
                self.compare_clocks(moment);
                if let Some(ends) = self.ends.get_mut(&conn) {
                    ends.is_due = true;
                }
            }
            Told::Removed { conn } => {
                if let Some(ends) = self.ends.get_mut(&conn) {
                    ends.is_due = true;
                    ends.looks_left = ends.looks_left.min(LAST_LOOKS);
                }
            }
            Told::Finish(sender) => self.look_at_all(sender, asked),
            Told::End(sender) => {
                self.look_at_all(sender, asked);
                asked.to_end = true;
            }
        }
    }

    fn look_at_all(&mut self, sender: SyncSender<()>, asked: &mut Asked) {
        self.ends.values_mut().for_each(|ends| ends.is_due = true);
        asked.waiting = Some(sender);
    }

    fn compare_clocks(&mut self, moment: Moment) {
        let ahead = i128::from(moment.stacks.as_nanos()) - i128::from(moment.ours.as_nanos());
        self.ahead = self.ahead.max(Some(ahead));
    }

    /// Looks at whoever is due, and forgets who is gone. The last look is at everybody.
    fn look(&mut self, is_last: bool) {
        let Watcher { kernel, ends, sinks, clock, ahead, .. } = self;
        let Some(ahead) = *ahead else { return };
        ends.retain(|conn, ends| {
            let now = clock.now();
            let may_be_seen =
                is_last || ends.looks < MOST_LOOKS || now.since(ends.looked) >= SELDOM;
            if !may_be_seen || !std::mem::take(&mut ends.is_due) {
                return true;
            }
            ends.looks = ends.looks.saturating_add(1);
            ends.looked = now;
            ends.looks_left = ends.looks_left.saturating_sub(1);
            let at = u64::try_from(i128::from(now.as_nanos()) + ahead).unwrap_or(0);
            let at = Instant::from_nanos(at);
            let Ok(state) = kernel.state(ends.theirs, ends.ours) else { return false };
            // Before the first look there may have been nothing, and a peer elsewhere is never there.
            let seen = match (state, ends.last) {
                (None, None) => return ends.looks < LOOKS_IN_VAIN && ends.looks_left > 0,
                (state, _) => state.unwrap_or(State::Closed),
            };
            if ends.last.replace(seen) != Some(seen) {
                let event =
                    Event { at, conn: Some(*conn), what: What::PeerObserved { state: seen } };
                sinks.iter_mut().for_each(|sink| sink.record(&event));
            }
            seen != State::Closed && ends.looks_left > 0
        });
    }
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, TcpStream};

    use super::*;

    #[test]
    fn who_is_gone_at_our_end_is_looked_at_for_a_moment_and_no_longer() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let ours = listener.local_addr().expect("an address");
        // It stays for as long as we let it.
        let client = TcpStream::connect(ours).expect("it listens");
        let theirs = client.local_addr().expect("an address");
        let (sender, told) = sync_channel(1);
        let kernel = KernelSockets::open().expect("sock_diag");
        let clock = Clock::start();
        let mut sink = Peers { told: sender, clock, introduces: false };
        let mut watcher = Watcher::new(kernel, told, Vec::new(), clock);
        let conn = ConnId(1);
        // What was seen last, if it is still looked at.
        let mut tell = |told: Option<Told>, what: Option<What>| {
            if let Some(what) = what {
                sink.record(&Event { at: Instant::ZERO, conn: Some(conn), what });
            }
            let told = told.unwrap_or_else(|| watcher.told.try_recv().expect("it is passed on"));
            watcher.take(told, &mut Asked::default());
            watcher.look(false);
            watcher.ends.get(&conn).map(|ends| ends.last)
        };
        let moment = Moment { stacks: Instant::ZERO, ours: Instant::ZERO };
        let passed = || Some(Told::Passed { conn, moment });
        let opened = |conn| Some(Told::Opened { conn, ours, theirs, moment });
        tell(opened(conn), None);
        for _ in 0..2 * LAST_LOOKS {
            assert_eq!(tell(passed(), None), Some(Some(State::Established)));
        }
        assert_eq!(tell(None, Some(What::Removed)), Some(Some(State::Established)), "once more");
        let looks = (0..100).take_while(|_| tell(passed(), None).is_some()).count();
        assert_eq!(looks, LAST_LOOKS as usize - 2, "and a few times after that");
        // The next between the same ends is another.
        assert!(tell(opened(conn), None).is_some());
        assert!(tell(opened(ConnId(2)), None).is_none());
    }
}
