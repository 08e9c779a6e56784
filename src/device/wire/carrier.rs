//! A wire on live devices: the clock and the wakers around [`Wire`].

use std::future::poll_fn;
use std::io;
use std::task::{Context, Poll};

use super::Wire;
use crate::device::{Alarm, Device};
use crate::time::Instant;
use crate::trace::{Event, Passage, Sink, Way, What};
use crate::wire::{Frame, Packet};

/// Packets that are read at a time.
const BATCH: usize = 64;

/// Carries packets between two devices, over a wire. The devices must not segment nor leave checksums to
/// somebody else, or what is corrupted would be set right again.
pub struct Carrier<D> {
    wire: Wire,
    /// The near end and the far end.
    ends: [End<D>; 2],
    /// What the clock shows.
    now: Box<dyn Fn() -> Instant + Send>,
    alarm: Alarm,
    /// Who is told what becomes of packets.
    sinks: Vec<Box<dyn Sink>>,
}

struct End<D> {
    device: D,
    /// What the device has not taken yet.
    unsent: Option<Frame>,
}

impl<D: std::fmt::Debug> std::fmt::Debug for Carrier<D> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let [near, far] = &self.ends;
        f.debug_struct("Carrier")
            .field("wire", &self.wire)
            .field("near", &near.device)
            .field("far", &far.device)
            .finish_non_exhaustive()
    }
}

impl<D: Device> Carrier<D> {
    /// Lays `wire` between two devices; `now` reads a monotonic clock.
    ///
    /// # Errors
    ///
    /// There is no tokio runtime here, or no file descriptor left.
    pub fn new(
        wire: Wire,
        near: D,
        far: D,
        now: impl Fn() -> Instant + Send + 'static,
    ) -> io::Result<Self> {
        let ends = [near, far].map(|device| End { device, unsent: None });
        Ok(Carrier { wire, ends, now: Box::new(now), alarm: Alarm::new()?, sinks: Vec::new() })
    }

    /// Tells `sink` what becomes of each packet ([`Passage::Met`]); [`Way::Tx`] is from the near end to the far
    /// end.
    #[must_use]
    pub fn telling(self, sink: Box<dyn Sink>) -> Self {
        Carrier { wire: self.wire.telling_fates(), sinks: vec![sink], ..self }
    }

    /// Carries until a device fails. Cancel safe: it goes on where it was.
    ///
    /// # Errors
    ///
    /// A device is gone, or broken.
    pub async fn run(&mut self) -> io::Result<()> {
        loop {
            poll_fn(|cx| self.poll_round(cx)).await?;
            self.tell();
            // Whoever else runs here has its turn, however much there is to carry.
            tokio::task::yield_now().await;
        }
    }

    fn tell(&mut self) {
        if self.sinks.is_empty() {
            return;
        }
        let at = (self.now)();
        for fate in self.wire.take_fates() {
            let what = What::Packet(Box::new(Passage::Met(fate)));
            let event = Event { at, conn: None, what };
            self.sinks.iter_mut().for_each(|sink| sink.record(&event));
        }
    }

    /// The wire.
    #[must_use]
    pub fn wire(&self) -> &Wire {
        &self.wire
    }

    /// The devices at its near and at its far end.
    #[must_use]
    pub fn devices(&self) -> [&D; 2] {
        let [near, far] = &self.ends;
        [&near.device, &far.device]
    }

    /// Carries what there is; ready when there was something, and pending until there is.
    fn poll_round(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        loop {
            let there = self.poll_way(cx, Way::Tx)?;
            let back = self.poll_way(cx, Way::Rx)?;
            if there || back {
                return Poll::Ready(Ok(()));
            }
            // What a device does not take is not waited for: it wakes us when it does.
            let ways = [(Way::Tx, &self.ends[1]), (Way::Rx, &self.ends[0])];
            let free = ways.into_iter().filter(|(_, to)| to.unsent.is_none());
            let deadline = free.filter_map(|(way, _)| self.wire.next_deadline(way)).min();
            self.alarm.set(deadline, (self.now)())?;
            std::task::ready!(self.alarm.poll(cx))?;
        }
    }

    /// Reads and writes a batch; says whether anything moved.
    fn poll_way(&mut self, cx: &mut Context<'_>, way: Way) -> io::Result<bool> {
        let [near, far] = &mut self.ends;
        let (from, to) = match way {
            Way::Tx => (near, far),
            Way::Rx => (far, near),
        };
        let mut packets: Vec<Packet> = Vec::new();
        // What the far side does not take keeps the near side waiting, whose kernel then drops.
        if to.unsent.is_none()
            && let Poll::Ready(read) = from.device.poll_read(cx, &mut packets, BATCH)
        {
            read?;
        }
        let mut moved = !packets.is_empty();
        let now = (self.now)();
        for packet in packets {
            self.wire.on_packet(way, packet.octets, now);
        }
        loop {
            if to.unsent.is_none() {
                let next = self.wire.poll_packet(way, now);
                to.unsent = next.map(|packet| Frame { payload: packet.into(), ..Frame::default() });
            }
            let Some(frame) = &to.unsent else { return Ok(moved) };
            match to.device.poll_write(cx, frame) {
                Poll::Pending => return Ok(moved),
                Poll::Ready(Ok(())) => {}
                Poll::Ready(Err(error)) => return Err(error),
            }
            to.unsent = None;
            moved = true;
        }
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::device::fault::{Faults, parse_list};
    use crate::device::wire::Path;
    use crate::device::{Pipe, pipe, pipe_of_depth};

    fn carrier(rules: &str, delay_ms: u64, near: Pipe, far: Pipe) -> Carrier<Pipe> {
        let faults = Faults::new(parse_list(rules).expect("good rules"), 1);
        let delay = std::time::Duration::from_millis(delay_ms);
        let wire = Wire::new(&Path { delay, ..Path::default() }, faults, 1);
        let start = tokio::time::Instant::now();
        let now = move || Instant::ZERO + start.elapsed();
        Carrier::new(wire, near, far, now).expect("a runtime")
    }

    fn frame(text: &'static str) -> Frame {
        Frame { payload: Bytes::from_static(text.as_bytes()).into(), ..Frame::default() }
    }

    async fn write(device: &mut Pipe, text: &'static str) {
        poll_fn(|cx| device.poll_write(cx, &frame(text))).await.expect("a whole pipe");
    }

    async fn read(device: &mut Pipe) -> Bytes {
        let mut packets = Vec::new();
        poll_fn(|cx| device.poll_read(cx, &mut packets, 1)).await.expect("a whole pipe");
        packets.remove(0).octets
    }

    #[tokio::test]
    async fn both_ways_are_carried_and_what_is_due_comes_without_anything_else_happening() {
        let ((mut one, near), (far, mut other)) = (pipe(1500), pipe(1500));
        let mut carrier = carrier("tx any#1 drop; rx any#1 dup", 20, near, far);
        let talk = async {
            write(&mut one, "lost").await;
            write(&mut one, "there").await;
            assert_eq!(read(&mut other).await, "there");
            write(&mut other, "back").await;
            assert_eq!([read(&mut one).await, read(&mut one).await], ["back", "back"]);
        };
        tokio::select! {
            ended = carrier.run() => panic!("{ended:?}"),
            () = talk => {}
        }
        assert_eq!(carrier.wire().counts(Way::Tx).sent, 2);
        assert_eq!(carrier.wire().counts(Way::Rx).arrived, 2);
    }

    #[tokio::test]
    async fn an_end_that_takes_nothing_holds_up_its_own_way_alone() {
        let ((mut one, near), (far, mut other)) = (pipe(1500), pipe_of_depth(1500, 1));
        let mut carrier = carrier("", 0, near, far);
        let talk = async {
            for text in ["1", "2", "3", "4"] {
                write(&mut one, text).await;
            }
            write(&mut other, "back").await;
            assert_eq!(read(&mut one).await, "back");
            for text in ["1", "2", "3", "4"] {
                assert_eq!(read(&mut other).await, text);
            }
        };
        tokio::select! {
            ended = carrier.run() => panic!("{ended:?}"),
            () = talk => {}
        }
    }
}
