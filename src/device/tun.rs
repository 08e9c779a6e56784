//! The TUN: one IP packet per read and per write. Without offload what the stack sees is what is on the
//! wire; with it (`offload`) the kernel cuts and joins segments. How it comes to be is in
//! [`super::queue`]; addresses, MTU and link are in [`super::setup`].

use std::fs::{self, File};
use std::future::Future;
use std::io::{self, ErrorKind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use nix::errno::Errno;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

use super::Device;
use super::descriptor::Descriptor;
use super::error::TunError;
use super::queue::{Queue, failed, raw};
use super::setup::{LinkSetup, Queues};
use crate::wire::{Features, Frame, Packet};

/// A TUN of ours, or one queue of it. It belongs to the tokio runtime it was made in.
///
/// Dropping it deletes the interface, with the last of its queues, unless it is a persistent one that was
/// attached.
pub struct Tun {
    fd: Arc<AsyncFd<File>>,
    /// Done when the interface has been deleted, of which reading alone would never hear.
    gone: Pin<Box<dyn Future<Output = ()> + Send>>,
    is_gone: bool,
    name: String,
    mtu: usize,
    descriptor: Descriptor,
    refused: u64,
}

impl Tun {
    /// Makes a TUN of one queue, as [`Queue::create`] says, whatever the number in `setup`.
    ///
    /// # Errors
    ///
    /// As [`Queue::create`].
    pub async fn create(name: &str, setup: &LinkSetup) -> Result<Tun, TunError> {
        let setup = LinkSetup { queues: Queues::Exactly(1), ..setup.clone() };
        Tun::new(only(Queue::create(name, &setup).await?))
    }

    /// Attaches to a TUN of one queue, as [`Queue::attach`] says, whatever the number in `setup`.
    ///
    /// # Errors
    ///
    /// As [`Queue::attach`].
    pub async fn attach(name: &str, setup: &LinkSetup) -> Result<Tun, TunError> {
        let setup = LinkSetup { queues: Queues::Exactly(1), ..setup.clone() };
        Tun::new(only(Queue::attach(name, &setup).await?))
    }

    /// Makes the TUN, or attaches to it when a persistent one is there, and says so in the log.
    ///
    /// # Errors
    ///
    /// As [`Queue::create`] and [`Queue::attach`].
    pub async fn open(name: &str, setup: &LinkSetup) -> Result<Tun, TunError> {
        match Tun::create(name, setup).await {
            Err(TunError::Taken { attachable: true, .. }) => {
                let tun = Tun::attach(name, setup).await?;
                log::info!("attached to {name}, which was there already");
                Ok(tun)
            }
            made => made,
        }
    }

    /// Begins to read and write one queue, in the tokio runtime that this is called in.
    ///
    /// # Errors
    ///
    /// There is no tokio runtime here, or the system refuses.
    #[allow(unsafe_code, reason = "the runtime watches a descriptor")]
    pub fn new(queue: Queue) -> Result<Tun, TunError> {
        let Queue { file, name, mtu, has_header, features } = queue;
        let set_up = || {
            rustix::io::ioctl_fionbio(&file, true)?;
            let interest = Interest::READABLE | Interest::WRITABLE | Interest::ERROR;
            // SAFETY: a `File` is the same open descriptor for as long as it lives.
            let registered = unsafe { AsyncFd::register_with_interest(file, interest) };
            registered.map_err(io::Error::from)
        };
        let fd = Arc::new(set_up().map_err(|source| failed("watch the TUN", &name, source))?);
        let gone = Box::pin(deleted(fd.clone()));
        let descriptor = Descriptor::new(has_header, features);
        Ok(Tun { fd, gone, is_gone: false, name, mtu, descriptor, refused: 0 })
    }

    /// How many packets of ours the kernel refused: malformed, or while the link was down.
    #[must_use]
    pub fn refused(&self) -> u64 {
        self.refused
    }

    /// How many packets the kernel dropped because we did not read them in time: its queue (500
    /// packets unless `txqueuelen` says otherwise) was full. `None` when it does not say.
    #[must_use]
    pub fn kernel_drops(&self) -> Option<u64> {
        // Not /sys/class/net, which may show another network namespace.
        let table = fs::read_to_string("/proc/thread-self/net/dev").ok()?;
        dropped_on_transmit(&table, &self.name)
    }

    fn poll_gone(&mut self, cx: &mut Context<'_>) -> Poll<io::Error> {
        if !self.is_gone {
            ready!(self.gone.as_mut().poll(cx));
            self.is_gone = true;
        }
        Poll::Ready(self.gone_error())
    }

    fn gone_error(&self) -> io::Error {
        let what = format!("the TUN {} is gone: somebody deleted the interface", self.name);
        io::Error::new(ErrorKind::NotConnected, what)
    }
}

impl Device for Tun {
    fn name(&self) -> &str {
        &self.name
    }

    fn mtu(&self) -> usize {
        self.mtu
    }

    fn features(&self) -> Features {
        self.descriptor.features()
    }

    fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        packets: &mut Vec<Packet>,
        most: usize,
    ) -> Poll<io::Result<usize>> {
        loop {
            let Poll::Ready(guard) = self.fd.poll_read_ready(cx) else {
                return self.poll_gone(cx).map(Err);
            };
            let mut guard = guard?;
            let mut count = 0;
            while count < most.max(1) {
                match self.descriptor.read(guard.get_inner()) {
                    Ok(packet) => packets.extend(packet),
                    Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                    Err(error) if error.kind() == ErrorKind::WouldBlock => {
                        guard.clear_ready();
                        break;
                    }
                    // What was read before it counts; the error will come again.
                    Err(_) if count > 0 => break,
                    Err(error) if is_deleted(&error) => {
                        drop(guard);
                        return Poll::Ready(Err(self.gone_error()));
                    }
                    Err(error) => return Poll::Ready(Err(error)),
                }
                count += 1;
            }
            if count > 0 {
                return Poll::Ready(Ok(count));
            }
        }
    }

    fn poll_write(&mut self, cx: &mut Context<'_>, frame: &Frame) -> Poll<io::Result<()>> {
        loop {
            let mut guard = ready!(self.fd.poll_write_ready(cx))?;
            let Err(error) = self.descriptor.write(guard.get_inner(), frame) else {
                return Poll::Ready(Ok(()));
            };
            match error.kind() {
                ErrorKind::Interrupted => {}
                ErrorKind::WouldBlock => guard.clear_ready(),
                _ if is_refusal(&error) => {
                    self.refused += 1;
                    log::debug!("{}: the kernel refused a packet: {error}", self.name);
                    return Poll::Ready(Ok(()));
                }
                _ if is_deleted(&error) => {
                    drop(guard);
                    return Poll::Ready(Err(self.gone_error()));
                }
                _ => return Poll::Ready(Err(error)),
            }
        }
    }
}

impl std::fmt::Debug for Tun {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tun")
            .field("name", &self.name)
            .field("mtu", &self.mtu)
            .finish_non_exhaustive()
    }
}

/// Returns when the interface that `fd` is attached to has been deleted. The kernel then reports an
/// error, and neither readable nor writable.
async fn deleted(fd: Arc<AsyncFd<File>>) {
    // When the runtime is shutting down the answer is an error, and nobody asks any more.
    let _ = fd.ready(Interest::ERROR).await;
}

/// The packet is lost and the device is well: it was malformed (EINVAL), too long, the link is down
/// (EIO), or there was no memory for it.
fn is_refusal(error: &io::Error) -> bool {
    matches!(
        Errno::from_raw(raw(error)),
        Errno::EINVAL
            | Errno::EMSGSIZE
            | Errno::E2BIG
            | Errno::EIO
            | Errno::ENOMEM
            | Errno::ENOBUFS
            | Errno::ENETDOWN
    )
}

fn is_deleted(error: &io::Error) -> bool {
    Errno::from_raw(raw(error)) == Errno::EBADFD
}

/// The queue of a TUN that has one.
fn only(queues: Vec<Queue>) -> Queue {
    queues.into_iter().next().expect("one was asked for")
}

/// The "drop" column of the transmitting half of /proc/net/dev: what the kernel sends, we read.
fn dropped_on_transmit(table: &str, name: &str) -> Option<u64> {
    const RECEIVING_COLUMNS: usize = 8;
    const DROP: usize = 3;
    let counters = table.lines().find_map(|line| line.trim().strip_prefix(name)?.strip_prefix(':'));
    counters?.split_whitespace().nth(RECEIVING_COLUMNS + DROP)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn drops_are_read_from_the_right_interface_and_column() {
        let table = "\
Inter-|   Receive                                                |  Transmit
 face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed
    lo:     100       1    2    3    4     5          6         7      100       9   10   11   12    13      14         15
 tun10:       0       0    0    0    0     0          0         0        0       0    0    5    0     0       0          0
  tun1:       0       0    0    0    0     0          0         0        0       0    0   42    0     0       0          0
";
        assert_eq!(dropped_on_transmit(table, "tun1"), Some(42));
        assert_eq!(dropped_on_transmit(table, "lo"), Some(11));
        assert_eq!(dropped_on_transmit(table, "tun"), None);
    }
}
