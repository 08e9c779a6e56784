//! The driver: moves packets between a device and a stack, and lets time pass.

use std::collections::VecDeque;
use std::future::{Future, poll_fn};
use std::io;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use tokio::sync::futures::Notified;

use super::net::Net;
use crate::device::{Alarm, Device};
use crate::stack::FourTuple;
use crate::time::Instant;
use crate::trace::{Event, Passage, Sink, Strike, What};
use crate::wire::{Frame, Packet};

/// Packets read, or written, in one round: enough to share a wake-up among many, few enough that
/// nobody waits for long.
const BATCH: usize = 64;

/// Runs one shard. Dropping it stops the stack: sockets fail from then on.
pub struct Driver {
    net: Net,
    device: Box<dyn Device>,
    sinks: Vec<Box<dyn Sink>>,
    alarm: Alarm,
    /// When the stack wants to be called next.
    deadline: Option<Instant>,
    received: Vec<Packet>,
    /// What the device has not taken yet.
    unsent: VecDeque<Frame>,
    wakers: Vec<Waker>,
    /// How long it looks for work again and again before it sleeps.
    busy_poll: Duration,
}

impl std::fmt::Debug for Driver {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Driver").field("device", &self.device.name()).finish_non_exhaustive()
    }
}

impl Driver {
    pub(super) fn new(
        net: Net,
        device: Box<dyn Device>,
        sinks: Vec<Box<dyn Sink>>,
    ) -> io::Result<Self> {
        Ok(Driver {
            net,
            device,
            sinks,
            alarm: Alarm::new()?,
            deadline: None,
            received: Vec::with_capacity(BATCH),
            unsent: VecDeque::with_capacity(BATCH),
            wakers: Vec::new(),
            busy_poll: Duration::ZERO,
        })
    }

    /// Makes it look for packets again and again for so long before it sleeps; zero, at first. A packet
    /// that comes meanwhile finds it awake. Other tasks of the runtime go on between two looks, but its
    /// thread is never idle for as long.
    pub fn set_busy_poll(&mut self, busy_poll: Duration) {
        self.busy_poll = busy_poll;
    }

    /// Runs until the device fails. A round: wait for packets, a deadline or a socket's call; feed; wake
    /// those concerned and let them run; drain.
    ///
    /// # Errors
    ///
    /// The device is gone, or broken.
    pub async fn run(mut self) -> io::Result<()> {
        let mut more = true;
        loop {
            self.wait(more).await?;
            self.feed();
            if !self.wakers.is_empty() {
                self.wakers.drain(..).for_each(Waker::wake);
                // What applications say now leaves together with the acknowledgments.
                let_others_run().await;
            }
            more = self.drain();
        }
    }

    /// Waits until there is something to do; not at all when there is `more` already.
    async fn wait(&mut self, more: bool) -> io::Result<()> {
        let net = self.net.clone();
        let mut told = pin!(net.work().notified());
        if !self.busy_poll.is_zero() && !more {
            let end = net.now() + self.busy_poll;
            while net.now() < end {
                let look = poll_fn(|cx| Poll::Ready(self.poll_work(cx, told.as_mut(), more))).await;
                if let Poll::Ready(found) = look {
                    return found;
                }
                // Others run, and the runtime asks the kernel what has become ready.
                tokio::task::yield_now().await;
            }
        }
        poll_fn(|cx| self.poll_work(cx, told.as_mut(), more)).await
    }

    /// Ready when there is something to do.
    fn poll_work(
        &mut self,
        cx: &mut Context<'_>,
        told: Pin<&mut Notified<'_>>,
        more: bool,
    ) -> Poll<io::Result<()>> {
        // The output first: what the device has not taken holds everything else up, so that a slow
        // device slows the senders down instead of filling memory.
        let flushed = self.poll_flush(cx)?;
        let read = self.device.poll_read(cx, &mut self.received, BATCH)?;
        // At once: what struck a segment that has left stands behind it, and before what follows.
        self.tell_strikes();
        let called = told.poll(cx);
        let stuck = flushed.is_pending() && read.is_pending();
        if !stuck && (read.is_ready() || called.is_ready() || more) {
            return Poll::Ready(Ok(()));
        }
        // Only who is about to sleep needs to be woken: a busy driver sees in each round what is due.
        self.alarm.set(self.deadline, self.net.now())?;
        self.alarm.poll(cx)
    }

    /// Gives the stack what has come in and the time.
    fn feed(&mut self) {
        let now = self.net.now();
        let mut shard = self.net.lock();
        shard.engine.on_timeout(now);
        for packet in self.received.drain(..) {
            shard.engine.on_device_packet(&packet, now);
        }
        if !shard.inbox.is_empty() {
            for packet in std::mem::take(&mut shard.inbox) {
                shard.engine.on_device_packet(&packet, now);
            }
        }
        // It will drain in a moment: what applications say meanwhile need not call it.
        shard.driver_is_told = true;
        let strays = shard.engine.take_strays(now);
        shard.take_wakers(&mut self.wakers);
        drop(shard);
        if !strays.is_empty() {
            self.net.hand_over(strays, now, &mut self.wakers);
        }
    }

    /// Takes from the stack what is to go out, passes the events on, and notes the next deadline. Says whether
    /// there is more to take.
    fn drain(&mut self) -> bool {
        let now = self.net.now();
        let (events, deadline, more) = {
            let mut shard = self.net.lock();
            while self.unsent.len() < BATCH
                && let Some(frame) = shard.engine.poll_output(now)
            {
                self.unsent.push_back(frame);
            }
            let more = shard.engine.has_output();
            shard.driver_is_told = more;
            // What became possible by sending (room in a queue, the end of a connection).
            shard.take_wakers(&mut self.wakers);
            (shard.engine.take_events(), shard.engine.next_deadline(), more)
        };
        self.wakers.drain(..).for_each(Waker::wake);
        self.tell(&events);
        self.deadline = deadline;
        more
    }

    /// Passes events on to everybody.
    fn tell(&mut self, events: &[Event]) {
        for event in events {
            self.sinks.iter_mut().for_each(|sink| sink.record(event));
        }
        if !events.is_empty() {
            self.sinks.iter_mut().for_each(|sink| sink.settle());
        }
    }

    /// Passes on what the device did to packets on purpose.
    fn tell_strikes(&mut self) {
        self.tell_fates();
        let strikes = self.device.take_strikes();
        if strikes.is_empty() {
            return;
        }
        let at = self.net.now();
        let events: Vec<_> = {
            let shard = self.net.lock();
            let id_of = |strike: &Strike| {
                let (local, remote) = strike.local.zip(strike.remote)?;
                shard.engine.id_of(&FourTuple { local, remote })
            };
            let events = strikes.into_iter();
            events
                .map(|strike| Event { at, conn: id_of(&strike), what: What::Fault(strike) })
                .collect()
        };
        for event in &events {
            self.sinks.iter_mut().for_each(|sink| sink.record(event));
        }
    }

    /// Passes on what became of packets, if the device keeps count of that.
    fn tell_fates(&mut self) {
        let fates = self.device.take_fates();
        if fates.is_empty() {
            return;
        }
        let at = self.net.now();
        let event =
            |fate| Event { at, conn: None, what: What::Packet(Box::new(Passage::Met(fate))) };
        let events: Vec<_> = fates.into_iter().map(event).collect();
        self.tell(&events);
    }

    /// Writes until the device takes no more.
    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while let Some(frame) = self.unsent.front() {
            std::task::ready!(self.device.poll_write(cx, frame))?;
            self.unsent.pop_front();
        }
        Poll::Ready(Ok(()))
    }
}

/// Lets the tasks run that are ready now. Unlike tokio's `yield_now` it does not ask the kernel for
/// events first, which would cost a system call in each round.
async fn let_others_run() {
    let mut has_waited = false;
    poll_fn(|cx| {
        if std::mem::replace(&mut has_waited, true) {
            return Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

impl Drop for Driver {
    fn drop(&mut self) {
        let mut shard = self.net.lock();
        let events = shard.engine.take_events();
        let wakers = shard.stop();
        drop(shard);
        for event in &events {
            self.sinks.iter_mut().for_each(|sink| sink.record(event));
        }
        wakers.into_iter().for_each(Waker::wake);
    }
}
