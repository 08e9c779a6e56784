//! Two devices in memory, joined back to back: what one writes the other reads. For tests and
//! examples that want two stacks and no kernel.

use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;

use super::Device;
use crate::wire::{Frame, Packet};

/// How many packets wait in one direction before the writer has to.
const DEPTH: usize = 256;

/// Two ends of a wire that loses nothing and keeps the order. A writer whose peer is slow gets
/// `Pending`; dropping one end breaks the other once it has read what was on its way.
#[must_use]
pub fn pipe(mtu: usize) -> (Pipe, Pipe) {
    pipe_of_depth(mtu, DEPTH)
}

/// Like [`pipe`], with room for `depth` packets each way (at least one).
#[must_use]
pub fn pipe_of_depth(mtu: usize, depth: usize) -> (Pipe, Pipe) {
    let depth = depth.max(1);
    let (there, back) = (Arc::<Lane>::default(), Arc::<Lane>::default());
    let left = Pipe { name: "left", mtu, depth, inbound: back.clone(), outbound: there.clone() };
    let right = Pipe { name: "right", mtu, depth, inbound: there, outbound: back };
    (left, right)
}

/// One end of a [`pipe`].
#[derive(Debug)]
pub struct Pipe {
    name: &'static str,
    mtu: usize,
    depth: usize,
    inbound: Arc<Lane>,
    outbound: Arc<Lane>,
}

impl Device for Pipe {
    fn name(&self) -> &str {
        self.name
    }

    fn mtu(&self) -> usize {
        self.mtu
    }

    fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        packets: &mut Vec<Packet>,
        most: usize,
    ) -> Poll<io::Result<usize>> {
        let mut lane = self.inbound.lock();
        let count = lane.packets.len().min(most.max(1));
        if count == 0 {
            if lane.cut {
                return Poll::Ready(Err(broken()));
            }
            lane.reader = Some(cx.waker().clone());
            return Poll::Pending;
        }
        packets.extend(lane.packets.drain(..count).map(Packet::from));
        lane.wake_writer();
        Poll::Ready(Ok(count))
    }

    /// As the trait says; besides, a packet longer than the MTU is an error, for in a test it is a
    /// defect of whoever made it.
    fn poll_write(&mut self, cx: &mut Context<'_>, frame: &Frame) -> Poll<io::Result<()>> {
        if frame.len() > self.mtu {
            let what = format!("a packet of {} octets on an MTU of {}", frame.len(), self.mtu);
            return Poll::Ready(Err(io::Error::new(io::ErrorKind::InvalidInput, what)));
        }
        let mut lane = self.outbound.lock();
        if lane.cut {
            return Poll::Ready(Err(broken()));
        }
        if lane.packets.len() >= self.depth {
            lane.writer = Some(cx.waker().clone());
            return Poll::Pending;
        }
        lane.packets.push_back(frame.to_bytes());
        lane.wake_reader();
        Poll::Ready(Ok(()))
    }
}

impl Drop for Pipe {
    fn drop(&mut self) {
        for lane in [&self.inbound, &self.outbound] {
            let mut lane = lane.lock();
            lane.cut = true;
            lane.wake_reader();
            lane.wake_writer();
        }
    }
}

/// One direction.
#[derive(Debug, Default)]
struct Lane(Mutex<LaneState>);

#[derive(Debug, Default)]
struct LaneState {
    packets: VecDeque<Bytes>,
    reader: Option<Waker>,
    writer: Option<Waker>,
    cut: bool,
}

impl Lane {
    fn lock(&self) -> MutexGuard<'_, LaneState> {
        self.0.lock().expect("nothing panics while it holds a lane")
    }
}

impl LaneState {
    fn wake_reader(&mut self) {
        if let Some(waker) = self.reader.take() {
            waker.wake();
        }
    }

    fn wake_writer(&mut self) {
        if let Some(waker) = self.writer.take() {
            waker.wake();
        }
    }
}

fn broken() -> io::Error {
    io::Error::new(io::ErrorKind::BrokenPipe, "the other end of the pipe is gone")
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::Wake;

    use super::*;

    #[derive(Default)]
    struct Count(AtomicUsize);

    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn frame(text: &'static str) -> Frame {
        Frame { head: text.as_bytes().into(), ..Frame::default() }
    }

    #[test]
    fn packets_arrive_whole_and_in_order() {
        let (mut left, mut right) = pipe(9);
        let cx = &mut Context::from_waker(Waker::noop());
        for text in ["one", "two", "three"] {
            assert!(left.poll_write(cx, &frame(text)).is_ready());
        }
        let mut packets = Vec::new();
        assert!(matches!(right.poll_read(cx, &mut packets, 2), Poll::Ready(Ok(2))));
        assert!(matches!(right.poll_read(cx, &mut packets, 2), Poll::Ready(Ok(1))));
        let read: Vec<_> = packets.iter().map(|packet: &Packet| &packet.octets[..]).collect();
        assert_eq!(read, [b"one" as &[u8], b"two", b"three"]);
        assert!(right.poll_read(cx, &mut packets, 2).is_pending());
        assert!(matches!(left.poll_write(cx, &frame("ten octets")), Poll::Ready(Err(_))));
    }

    #[test]
    fn a_full_lane_holds_the_writer_until_somebody_reads() {
        let (mut left, mut right) = pipe_of_depth(1500, 1);
        let count = Arc::new(Count::default());
        let waker = count.clone().into();
        let cx = &mut Context::from_waker(&waker);
        assert!(left.poll_write(cx, &frame("one")).is_ready());
        assert!(left.poll_write(cx, &frame("two")).is_pending());
        assert!(right.poll_read(cx, &mut Vec::new(), 8).is_ready());
        assert_eq!(count.0.load(Ordering::Relaxed), 1);
        assert!(left.poll_write(cx, &frame("two")).is_ready());
    }

    #[test]
    fn what_was_on_its_way_is_read_before_the_cut_is_seen() {
        let (mut left, mut right) = pipe(1500);
        let cx = &mut Context::from_waker(Waker::noop());
        assert!(left.poll_write(cx, &frame("last words")).is_ready());
        drop(left);
        let mut packets = Vec::new();
        assert!(matches!(right.poll_read(cx, &mut packets, 8), Poll::Ready(Ok(1))));
        assert!(matches!(right.poll_read(cx, &mut packets, 8), Poll::Ready(Err(_))));
        assert!(matches!(right.poll_write(cx, &frame("hello?")), Poll::Ready(Err(_))));
    }

    #[test]
    fn dropping_one_end_wakes_a_waiting_reader() {
        let (left, mut right) = pipe(1500);
        let count = Arc::new(Count::default());
        let waker = count.clone().into();
        assert!(right.poll_read(&mut Context::from_waker(&waker), &mut Vec::new(), 8).is_pending());
        drop(left);
        assert_eq!(count.0.load(Ordering::Relaxed), 1);
    }
}
