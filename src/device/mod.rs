//! Where packets come from and go to.

mod alarm;
mod cidr;
mod descriptor;
mod error;
pub mod fault;
mod kernel_sockets;
mod netlink;
mod offload;
mod pipe;
mod queue;
mod request;
pub mod setup;
mod tun;
pub mod wire;

use std::io;
use std::task::{Context, Poll};

pub(crate) use alarm::Alarm;
pub use cidr::{Cidr, CidrError};
pub use error::{Fault, TunError};
pub use kernel_sockets::KernelSockets;
pub use pipe::{Pipe, pipe, pipe_of_depth};
pub use queue::Queue;
pub use setup::{LinkSetup, OffloadMode, Queues, Reach, dropped_by_the_kernel};
pub use tun::Tun;

use crate::trace::{Fate, Strike};
use crate::wire::{Features, Frame, Packet};

/// A link that carries whole IP packets. Neither call ever blocks.
///
/// Wrappers that change what passes (faults) or copy it (captures) implement this too and stack on
/// top of one another.
pub trait Device: Send {
    /// Its name, for people.
    fn name(&self) -> &str;

    /// The longest IP packet it carries, in octets.
    fn mtu(&self) -> usize;

    /// Reads up to `most` packets onto the end of `packets` and says how many; at least one.
    /// `Pending` when there is none: the waker in `cx` is told when that changes.
    ///
    /// # Errors
    ///
    /// The device is gone, or broken.
    fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        packets: &mut Vec<Packet>,
        most: usize,
    ) -> Poll<io::Result<usize>>;

    /// Writes one packet. `Pending` when the device takes no more for now, which is backpressure and
    /// not loss: the waker in `cx` is told when to offer the packet again.
    ///
    /// # Errors
    ///
    /// The device is gone, or broken.
    fn poll_write(&mut self, cx: &mut Context<'_>, frame: &Frame) -> Poll<io::Result<()>>;

    /// What it does for a stack.
    fn features(&self) -> Features {
        Features::default()
    }

    /// Takes what it did to packets on purpose since the last call, oldest first, for those who look
    /// on. Most devices do nothing of the kind.
    fn take_strikes(&mut self) -> Vec<Strike> {
        Vec::new()
    }

    /// Takes what became of packets since the last call, oldest first, from a device that was asked to
    /// keep count of that.
    fn take_fates(&mut self) -> Vec<Fate> {
        Vec::new()
    }
}

/// Passes each call on to the device in the box.
impl Device for Box<dyn Device> {
    fn name(&self) -> &str {
        (**self).name()
    }

    fn mtu(&self) -> usize {
        (**self).mtu()
    }

    fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        packets: &mut Vec<Packet>,
        most: usize,
    ) -> Poll<io::Result<usize>> {
        (**self).poll_read(cx, packets, most)
    }

    fn poll_write(&mut self, cx: &mut Context<'_>, frame: &Frame) -> Poll<io::Result<()>> {
        (**self).poll_write(cx, frame)
    }

    fn features(&self) -> Features {
        (**self).features()
    }

    fn take_strikes(&mut self) -> Vec<Strike> {
        (**self).take_strikes()
    }

    fn take_fates(&mut self) -> Vec<Fate> {
        (**self).take_fates()
    }
}
