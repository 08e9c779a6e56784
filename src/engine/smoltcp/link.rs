//! smoltcp's idea of a device, in memory: packets that came, and packets to go.

use std::collections::VecDeque;

use bytes::Bytes;
use smoltcp::phy::{self, Device, DeviceCapabilities, Medium};
use smoltcp::time::Instant;

/// Two queues.
#[derive(Debug)]
pub(super) struct Link {
    mtu: usize,
    pub(super) inbound: VecDeque<Bytes>,
    pub(super) outbound: VecDeque<Vec<u8>>,
}

impl Link {
    pub(super) fn new(mtu: usize) -> Self {
        Link { mtu, inbound: VecDeque::new(), outbound: VecDeque::new() }
    }
}

impl Device for Link {
    type RxToken<'a> = Inbound;
    type TxToken<'a> = Outbound<'a>;

    fn receive(&mut self, _now: Instant) -> Option<(Inbound, Outbound<'_>)> {
        let packet = self.inbound.pop_front()?;
        Some((Inbound(packet), Outbound(&mut self.outbound)))
    }

    fn transmit(&mut self, _now: Instant) -> Option<Outbound<'_>> {
        // Always: a socket that finds no room forgets that it wanted to send something again. Each
        // gives at most one packet per call.
        Some(Outbound(&mut self.outbound))
    }

    fn capabilities(&self) -> DeviceCapabilities {
        let mut capabilities = DeviceCapabilities::default();
        capabilities.medium = Medium::Ip;
        capabilities.max_transmission_unit = self.mtu;
        capabilities
    }
}

/// A packet that came.
pub(super) struct Inbound(Bytes);

impl phy::RxToken for Inbound {
    fn consume<R, F: FnOnce(&[u8]) -> R>(self, read: F) -> R {
        read(&self.0)
    }
}

/// Room for a packet to go.
pub(super) struct Outbound<'a>(&'a mut VecDeque<Vec<u8>>);

impl phy::TxToken for Outbound<'_> {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, len: usize, write: F) -> R {
        let mut packet = vec![0; len];
        let result = write(&mut packet);
        self.0.push_back(packet);
        result
    }
}
