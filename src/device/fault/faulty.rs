//! Faults on a live device: the clock and the wakers around [`Faults`].

use std::io;
use std::task::{Context, Poll, ready};

use bytes::Bytes;

use super::faults::Faults;
use crate::device::{Alarm, Device};
use crate::time::Instant;
use crate::trace::{Fate, Strike, Way};
use crate::wire::{Frame, Head, Packet};

/// A device whose packets suffer faults. What a rule holds back when it is dropped is lost.
pub struct Faulty<D> {
    inner: D,
    faults: Faults,
    /// What the clock shows.
    now: Box<dyn Fn() -> Instant + Send>,
    alarm: Alarm,
    /// Just read, and not looked at yet.
    fresh: Vec<Packet>,
    /// What the device below has not taken yet.
    unsent: Option<Frame>,
}

impl<D: std::fmt::Debug> std::fmt::Debug for Faulty<D> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Faulty")
            .field("inner", &self.inner)
            .field("faults", &self.faults)
            .finish_non_exhaustive()
    }
}

impl<D: Device> Faulty<D> {
    /// Puts `faults` in front of `inner`; `now` reads a monotonic clock.
    ///
    /// # Errors
    ///
    /// There is no tokio runtime here, or no file descriptor left.
    pub fn new(
        inner: D,
        faults: Faults,
        now: impl Fn() -> Instant + Send + 'static,
    ) -> io::Result<Self> {
        let (now, alarm) = (Box::new(now), Alarm::new()?);
        Ok(Faulty { inner, faults, now, alarm, fresh: Vec::new(), unsent: None })
    }

    /// Writes what may go out by now.
    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        loop {
            if let Some(frame) = &self.unsent {
                ready!(self.inner.poll_write(cx, frame))?;
            }
            let next = self.faults.poll_packet(Way::Tx, (self.now)());
            self.unsent = next.map(|packet| frame(&packet));
            if self.unsent.is_none() {
                return Poll::Ready(Ok(()));
            }
        }
    }

    /// Reads from the device below until something comes through, or nothing more is there.
    fn poll_receive(&mut self, cx: &mut Context<'_>, most: usize) -> Poll<io::Result<Bytes>> {
        loop {
            if let Some(packet) = self.faults.poll_packet(Way::Rx, (self.now)()) {
                return Poll::Ready(Ok(packet));
            }
            ready!(self.inner.poll_read(cx, &mut self.fresh, most))?;
            let now = (self.now)();
            for packet in self.fresh.drain(..) {
                self.faults.on_packet(Way::Rx, packet.octets, now);
            }
        }
    }
}

impl<D: Device> Device for Faulty<D> {
    fn name(&self) -> &str {
        self.inner.name()
    }

    fn mtu(&self) -> usize {
        self.inner.mtu()
    }

    /// As the trait says. Sends, besides, what was held back and is due: so it has to be polled as long
    /// as anything shall move.
    fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        packets: &mut Vec<Packet>,
        most: usize,
    ) -> Poll<io::Result<usize>> {
        loop {
            // When the device takes no more, it wakes us.
            if let Poll::Ready(Err(error)) = self.poll_flush(cx) {
                return Poll::Ready(Err(error));
            }
            if let Poll::Ready(first) = self.poll_receive(cx, most) {
                packets.push(first?.into());
                let mut count = 1;
                while count < most && self.faults.is_ready(Way::Rx) {
                    let packet = self.faults.poll_packet(Way::Rx, (self.now)());
                    packets.extend(packet.map(Packet::from));
                    count += 1;
                }
                return Poll::Ready(Ok(count));
            }
            self.alarm.set(self.faults.next_deadline(), (self.now)())?;
            ready!(self.alarm.poll(cx))?;
        }
    }

    fn poll_write(&mut self, cx: &mut Context<'_>, frame: &Frame) -> Poll<io::Result<()>> {
        // What is on its way goes first, and keeps the sender waiting.
        ready!(self.poll_flush(cx))?;
        self.faults.on_packet(Way::Tx, frame.to_bytes(), (self.now)());
        match self.poll_flush(cx) {
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            // Taken, whether the device below has it yet or not.
            Poll::Ready(Ok(())) | Poll::Pending => Poll::Ready(Ok(())),
        }
    }

    fn take_strikes(&mut self) -> Vec<Strike> {
        let mut strikes = self.inner.take_strikes();
        strikes.append(&mut self.faults.take_strikes());
        strikes
    }

    fn take_fates(&mut self) -> Vec<Fate> {
        self.faults.take_fates()
    }
}

/// The packet as one that can be written: where its headers end means nothing to a device.
fn frame(packet: &Bytes) -> Frame {
    const HEADERS: usize = 40;
    let headers = packet.len().min(HEADERS);
    Frame {
        head: Head::from_slice(&packet[..headers]),
        payload: packet.slice(headers..).into(),
        ..Frame::default()
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::task::Waker;

    use super::*;
    use crate::device::{Pipe, pipe_of_depth};

    fn pair(rules: &str, depth: usize) -> (Faulty<Pipe>, Pipe) {
        let rules = super::super::parse_list(rules).expect("good rules");
        let (near, far) = pipe_of_depth(1500, depth);
        let start = tokio::time::Instant::now();
        let now = move || Instant::ZERO + start.elapsed();
        let faults = Faults::new(rules, 1);
        (Faulty::new(near, faults, now).expect("a runtime"), far)
    }

    fn text(text: &'static str) -> Frame {
        Frame { head: text.as_bytes().into(), ..Frame::default() }
    }

    async fn read(device: &mut impl Device) -> Vec<Bytes> {
        let mut packets = Vec::new();
        poll_fn(|cx| device.poll_read(cx, &mut packets, 8)).await.expect("a whole pipe");
        packets.into_iter().map(|packet: Packet| packet.octets).collect()
    }

    #[tokio::test]
    async fn what_is_held_back_goes_out_without_anything_else_happening() {
        let (mut near, mut far) = pair("any any#1 delay 20ms", 8);
        poll_fn(|cx| near.poll_write(cx, &text("one"))).await.expect("a whole pipe");
        poll_fn(|cx| near.poll_write(cx, &text("two"))).await.expect("a whole pipe");
        assert_eq!(read(&mut far).await, ["two"]);
        // Only its own alarm can wake the reader, which has nothing to read and sends what is due.
        tokio::select! {
            _ = read(&mut near) => unreachable!("nobody writes to it"),
            packets = read(&mut far) => assert_eq!(packets, ["one"]),
        }
    }

    #[tokio::test]
    async fn what_is_held_back_comes_in_without_anything_else_happening() {
        let (mut near, mut far) = pair("rx any#1 delay 20ms;rx any#2 drop;rx any#3 dup", 8);
        for frame in [text("one"), text("two"), text("three")] {
            poll_fn(|cx| far.poll_write(cx, &frame)).await.expect("a whole pipe");
        }
        assert_eq!(read(&mut near).await, ["three", "three"]);
        assert_eq!(read(&mut near).await, ["one"]);
        assert_eq!(near.take_strikes().len(), 3);
        assert!(near.take_strikes().is_empty());
    }

    #[tokio::test]
    async fn a_device_that_takes_no_more_holds_the_sender() {
        let (mut near, mut far) = pair("tx any dup", 1);
        let cx = &mut Context::from_waker(Waker::noop());
        assert!(near.poll_write(cx, &text("one")).is_ready());
        assert!(near.poll_write(cx, &text("two")).is_pending(), "the second copy is in its way");
        assert_eq!(read(&mut far).await, ["one"]);
        assert!(near.poll_write(cx, &text("two")).is_ready(), "it waits for the second copy alone");
        assert!(near.poll_write(cx, &text("three")).is_pending(), "nothing piles up");
        assert_eq!(read(&mut far).await, ["one"]);
        assert!(near.poll_write(cx, &text("three")).is_pending(), "a copy is left");
        assert_eq!(read(&mut far).await, ["two"]);
    }
}
