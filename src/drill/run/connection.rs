//! The connections of a script: whose packets are whose, which one is under test, and how a script
//! counts its numbers.

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;

use bytes::Bytes;

use crate::drill::host::Fd;
use crate::drill::packet::Seen;
use crate::stack::FourTuple;
use crate::time::Instant;

/// The port of the first peer that calls; others follow.
const FIRST_PEER_PORT: u16 = 50_001;

/// A socket or connection of the script.
#[derive(Debug, Default)]
pub(super) struct Connection {
    /// The script's descriptor.
    pub(super) fd: Option<Fd>,
    /// What it is bound to.
    bound: Option<SocketAddr>,
    pub(super) is_listening: bool,
    /// Its two ends, once there are two.
    pub(super) tuple: Option<FourTuple>,
    /// How the script calls the ports: the peer's, and ours.
    labels: Option<(u16, u16)>,
    /// What to add to the script's numbers of our side to have those on the wire: known from our SYN on.
    pub(super) offset: Option<u32>,
    /// Our timestamps: the script's, and those on the wire.
    pub(super) timestamps: BTreeMap<u32, u32>,
    /// What was written.
    pub(super) written: Written,
    /// Packets that left and that the script has not come to.
    pub(super) sent: VecDeque<(Instant, Seen)>,
}

/// All of them.
#[derive(Debug)]
pub(super) struct Connections {
    all: Vec<Connection>,
    current: Option<usize>,
    local: SocketAddr,
    remote: SocketAddr,
    next_peer_port: u16,
}

impl Connections {
    pub(super) fn new(local: SocketAddr, remote: SocketAddr) -> Self {
        let next_peer_port = FIRST_PEER_PORT;
        Connections { all: Vec::new(), current: None, local, remote, next_peer_port }
    }

    /// The connection under test.
    pub(super) fn current(&self) -> Option<&Connection> {
        self.all.get(self.current?)
    }

    pub(super) fn at(&mut self, index: usize) -> &mut Connection {
        &mut self.all[index]
    }

    /// A new socket is under test from now on.
    pub(super) fn socket(&mut self, fd: Fd) {
        self.add(Connection { fd: Some(fd), ..Connection::default() });
    }

    pub(super) fn bound(&mut self, fd: Fd, addr: SocketAddr) {
        if let Some(found) = self.by_fd(fd) {
            found.bound = Some(addr);
        }
    }

    pub(super) fn listening(&mut self, fd: Fd) {
        if let Some(found) = self.by_fd(fd) {
            found.is_listening = true;
        }
    }

    /// `connect` opens a connection: that has numbers of its own, though its ends may be those of an
    /// earlier one.
    pub(super) fn connecting(&mut self, fd: Fd, tuple: FourTuple) {
        if let Some(found) = self.by_fd(fd) {
            let fd = found.fd;
            *found = Connection { fd, tuple: Some(tuple), ..Connection::default() };
        }
    }

    /// `accept` returned `fd` for this connection.
    pub(super) fn accepted(&mut self, fd: Fd, tuple: FourTuple) {
        match self.all.iter_mut().find(|connection| connection.tuple == Some(tuple)) {
            Some(found) => found.fd = Some(fd),
            None => {
                self.add(Connection { fd: Some(fd), tuple: Some(tuple), ..Connection::default() });
            }
        }
    }

    /// The script writes `data`, which may leave before the call returns.
    pub(super) fn writes(&mut self, fd: Fd, data: &Bytes) {
        if let Some(found) = self.by_fd(fd) {
            found.written.add(data);
        }
    }

    /// Of the last write only so much was taken.
    pub(super) fn wrote(&mut self, fd: Fd, len: usize) {
        if let Some(found) = self.by_fd(fd) {
            found.written.keep_of_last(len);
        }
    }

    pub(super) fn closed(&mut self, fd: Fd) {
        if let Some(found) = self.by_fd(fd) {
            found.fd = None;
            found.is_listening = false;
        }
    }

    /// The connection that a packet from the peer is for: the one with these labels, or the one under
    /// test. A listener has none until a packet comes: then it is a new one, and under test.
    pub(super) fn for_inbound(&mut self, labels: Option<(u16, u16)>) -> usize {
        let index = match labels {
            Some(_) => self.labelled(labels).or_else(|| self.unlabelled_current(labels)),
            None => self.current.filter(|at| self.all[*at].tuple.is_some()),
        };
        let index = index.unwrap_or_else(|| self.new_peer(labels));
        self.current = Some(index);
        index
    }

    /// The connection that a packet from the stack is expected of. `labels` are the peer's port and ours.
    pub(super) fn for_outbound(&mut self, labels: Option<(u16, u16)>) -> Option<usize> {
        let index = match labels {
            Some(_) => self.labelled(labels).or_else(|| self.unlabelled_current(labels)),
            None => self.current.filter(|at| self.all[*at].tuple.is_some()),
        };
        self.current = index.or(self.current);
        index
    }

    /// The connection that a packet came from.
    pub(super) fn of_packet(&self, seen: &Seen) -> Option<usize> {
        let tuple = FourTuple { local: seen.ends.src, remote: seen.ends.dst };
        self.all.iter().rposition(|connection| connection.tuple == Some(tuple))
    }

    fn labelled(&self, labels: Option<(u16, u16)>) -> Option<usize> {
        self.all.iter().rposition(|connection| connection.labels == labels)
    }

    /// The one under test, if nobody has named its ports yet: now they are named.
    fn unlabelled_current(&mut self, labels: Option<(u16, u16)>) -> Option<usize> {
        let index = self.current?;
        let current = &mut self.all[index];
        if current.tuple.is_none() || current.labels.is_some() {
            return None;
        }
        current.labels = labels;
        Some(index)
    }

    /// Somebody new calls the listener, or a port where nobody listens.
    fn new_peer(&mut self, labels: Option<(u16, u16)>) -> usize {
        let bound = self.current().and_then(|current| current.bound);
        let listener = self.all.iter().rev().find(|connection| connection.is_listening);
        let local = bound.or(listener.and_then(|listener| listener.bound));
        let mut local = local.unwrap_or(self.local);
        if local.ip().is_unspecified() {
            local.set_ip(self.local.ip());
        }
        let remote = SocketAddr::new(self.remote.ip(), self.next_peer_port);
        self.next_peer_port = self.next_peer_port.wrapping_add(1).max(FIRST_PEER_PORT);
        let tuple = Some(FourTuple { local, remote });
        self.add(Connection { tuple, labels, ..Connection::default() })
    }

    fn add(&mut self, connection: Connection) -> usize {
        self.all.push(connection);
        let index = self.all.len() - 1;
        self.current = Some(index);
        index
    }

    fn by_fd(&mut self, fd: Fd) -> Option<&mut Connection> {
        self.all.iter_mut().rev().find(|connection| connection.fd == Some(fd))
    }
}

/// The octets that a script has written: zeros, but for texts, which are kept with their places.
#[derive(Debug, Default)]
pub(super) struct Written {
    texts: Vec<(usize, Bytes)>,
    len: usize,
    last: usize,
}

impl Written {
    fn add(&mut self, data: &Bytes) {
        self.last = self.len;
        if data.iter().any(|octet| *octet != 0) {
            self.texts.push((self.len, data.clone()));
        }
        self.len += data.len();
    }

    fn keep_of_last(&mut self, len: usize) {
        self.len = self.last + len;
        if let Some((_, text)) = self.texts.last_mut().filter(|(at, _)| *at == self.last) {
            text.truncate(len);
        }
    }

    /// What stands from place `start` on.
    pub(super) fn slice(&self, start: usize, len: usize) -> Vec<u8> {
        let mut slice = vec![0; len];
        for (at, text) in &self.texts {
            for (index, octet) in text.iter().enumerate() {
                let place = (at + index).checked_sub(start);
                if let Some(here) = place.and_then(|place| slice.get_mut(place)) {
                    *here = *octet;
                }
            }
        }
        slice
    }
}

impl Connection {
    /// A number of ours, from the wire, as the script counts.
    pub(super) fn script_number(&self, wire: u32) -> u32 {
        wire.wrapping_sub(self.offset.unwrap_or(0))
    }

    /// A number of ours, from the script, as it is on the wire.
    pub(super) fn wire_number(&self, script: u32) -> u32 {
        script.wrapping_add(self.offset.unwrap_or(0))
    }
}
