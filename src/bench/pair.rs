//! A client and a server back to back, with as much of an application on each as a row needs. The
//! packets between them are copied once on each way, as a device would. Time is what the caller says.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;

use super::{CLIENT, Kind, SERVER};
use crate::engine::Engine;
use crate::stack::{Handle, ListenerId, Ready};
use crate::tcp::{Received, State};
use crate::time::Instant;

/// Packets that a stack is fed before it is asked for answers, as by the driver.
const BATCH: usize = 64;
/// Connections at a time, where it is more than one.
const CONNECTIONS: usize = 64;
/// Octets of a request and of a response.
const REQUEST: usize = 80;
const RESPONSE: usize = 160;
/// What goes to a stack, or comes from it, in one call.
const PIECE: usize = 64 * 1024;
/// Between two rounds of virtual time.
const ROUND: Duration = Duration::from_micros(10);

/// What both ends do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Row {
    /// The server sends on one connection as much as it can.
    Download,
    /// The client does.
    Upload,
    /// 64 connections, each with one request on its way.
    Keepalive,
    /// A connection for each request, 64 at a time; the server closes first.
    Connections,
}

impl Row {
    /// All of them.
    pub const ALL: [Row; 4] = [Row::Download, Row::Upload, Row::Keepalive, Row::Connections];

    /// Its name on the command line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Row::Download => "download",
            Row::Upload => "upload",
            Row::Keepalive => "keepalive",
            Row::Connections => "connections",
        }
    }

    /// Whether its work is octets, and not requests.
    #[must_use]
    pub const fn counts_octets(self) -> bool {
        match self {
            Row::Download | Row::Upload => true,
            Row::Keepalive | Row::Connections => false,
        }
    }

    const fn connections(self) -> usize {
        match self {
            Row::Download | Row::Upload => 1,
            Row::Keepalive | Row::Connections => CONNECTIONS,
        }
    }
}

/// What has been done since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Done {
    /// Octets that were read, or responses.
    pub work: u64,
    /// Packets to the server.
    pub packets_in: u64,
    /// Packets from the server.
    pub packets_out: u64,
    /// Connections that ended before their time.
    pub failures: u64,
}

/// Two stacks, the packets between them, and what their applications are about.
pub struct Pair {
    row: Row,
    client: Box<dyn Engine>,
    server: Box<dyn Engine>,
    listener: ListenerId,
    to_client: Vec<Bytes>,
    to_server: Vec<Bytes>,
    /// By slot: octets of the request, or of the response, that have come.
    client_has: Vec<usize>,
    server_has: Vec<usize>,
    text: Bytes,
    done: Done,
}

impl Pair {
    /// A client of ours and a `server`, about to connect.
    ///
    /// # Panics
    ///
    /// When the server cannot listen, which a fresh one can.
    #[must_use]
    pub fn new(row: Row, server: Kind, mtu: usize) -> Self {
        let mut server = server.engine(SERVER, mtu);
        let listener = server.listen(address(), 1024).expect("nobody else listens");
        let mut pair = Pair {
            row,
            client: Kind::Ours.engine(CLIENT, mtu),
            server,
            listener,
            to_client: Vec::new(),
            to_server: Vec::new(),
            client_has: Vec::new(),
            server_has: Vec::new(),
            text: Bytes::from(vec![b'x'; PIECE]),
            done: Done::default(),
        };
        (0..row.connections()).for_each(|_| pair.connect(Instant::ZERO));
        pair
    }

    /// Lets each end read a batch, do what follows from it, and answer.
    pub fn round(&mut self, now: Instant) {
        feed(&mut *self.client, &mut self.to_client, now);
        for ready in self.client.take_ready() {
            if let Ready::Connection(handle) = ready {
                self.on_client(handle, now);
            }
        }
        self.done.packets_in += drain(&mut *self.client, &mut self.to_server, now);

        feed(&mut *self.server, &mut self.to_server, now);
        for ready in self.server.take_ready() {
            match ready {
                Ready::Connection(handle) => self.on_server(handle, now),
                Ready::Listener(_) => self.accept(now),
            }
        }
        self.done.packets_out += drain(&mut *self.server, &mut self.to_client, now);
    }

    /// In virtual time, when the round after `now` is: a moment later or, when nothing is on its way, when
    /// a timer runs out.
    #[must_use]
    pub fn next_round(&self, now: Instant) -> Instant {
        let soon = now + ROUND;
        if !(self.to_client.is_empty() && self.to_server.is_empty()) {
            return soon;
        }
        let deadlines = [self.client.next_deadline(), self.server.next_deadline()];
        deadlines.into_iter().flatten().min().map_or(soon, |deadline| deadline.max(soon))
    }

    /// What has been done since the start.
    #[must_use]
    pub fn done(&self) -> Done {
        self.done
    }

    fn connect(&mut self, now: Instant) {
        match self.client.connect(None, address(), now) {
            Ok(handle) => *entry(&mut self.client_has, handle) = 0,
            Err(_) => self.done.failures += 1,
        }
    }

    fn accept(&mut self, now: Instant) {
        while let Some(handle) = self.server.accept(self.listener) {
            *entry(&mut self.server_has, handle) = 0;
            self.on_server(handle, now);
        }
    }

    fn on_client(&mut self, handle: Handle, now: Instant) {
        match self.row {
            Row::Download => {
                let (octets, over) = receive(&mut *self.client, handle, now);
                self.done.work += octets as u64;
                if over {
                    self.connect_again(handle, now);
                }
            }
            Row::Upload => fill(&mut *self.client, handle, &self.text, now),
            Row::Keepalive | Row::Connections => self.talk(handle, now),
        }
    }

    /// Asks when the connection is there, and again when the response is.
    fn talk(&mut self, handle: Handle, now: Instant) {
        /// Added to what has come once the request has been sent.
        const ASKED: usize = 1;
        let has = entry(&mut self.client_has, handle);
        if *has == 0 && self.client.state(handle) == State::Established {
            *has = ASKED;
            let sent = self.client.send_bytes(handle, self.text.slice(..REQUEST), now);
            debug_assert!(sent.is_ok(), "there is room for a request");
        }
        let (octets, over) = receive(&mut *self.client, handle, now);
        let has = entry(&mut self.client_has, handle);
        *has += octets;
        let answered = *has >= ASKED + RESPONSE;
        if answered && self.row == Row::Keepalive {
            self.done.work += 1;
            *has = ASKED;
            let _ = self.client.send_bytes(handle, self.text.slice(..REQUEST), now);
        }
        if over {
            match (self.row, answered) {
                (Row::Connections, true) => {
                    self.done.work += 1;
                    self.client.release(handle, now);
                    self.connect(now);
                }
                _ => self.connect_again(handle, now),
            }
        }
    }

    fn connect_again(&mut self, handle: Handle, now: Instant) {
        self.done.failures += 1;
        self.client.release(handle, now);
        self.connect(now);
    }

    fn on_server(&mut self, handle: Handle, now: Instant) {
        match self.row {
            Row::Download => fill(&mut *self.server, handle, &self.text, now),
            Row::Upload => {
                let (octets, over) = receive(&mut *self.server, handle, now);
                self.done.work += octets as u64;
                if over {
                    self.server.release(handle, now);
                }
            }
            Row::Keepalive | Row::Connections => self.answer(handle, now),
        }
    }

    fn answer(&mut self, handle: Handle, now: Instant) {
        let (octets, over) = receive(&mut *self.server, handle, now);
        let has = entry(&mut self.server_has, handle);
        *has += octets;
        let is_asked = *has >= REQUEST;
        if is_asked {
            *has -= REQUEST;
            let _ = self.server.send_bytes(handle, self.text.slice(..RESPONSE), now);
        }
        if over || (is_asked && self.row == Row::Connections) {
            self.server.release(handle, now);
        }
    }
}

fn address() -> SocketAddr {
    SocketAddr::new(SERVER, 80)
}

fn entry(table: &mut Vec<usize>, handle: Handle) -> &mut usize {
    if table.len() <= handle.slot() {
        table.resize(handle.slot() + 1, 0);
    }
    &mut table[handle.slot()]
}

fn feed(engine: &mut dyn Engine, packets: &mut Vec<Bytes>, now: Instant) {
    if engine.next_deadline().is_some_and(|deadline| deadline <= now) {
        engine.on_timeout(now);
    }
    let count = packets.len().min(BATCH);
    packets.drain(..count).for_each(|packet| engine.on_packet(&packet, now));
}

fn drain(engine: &mut dyn Engine, packets: &mut Vec<Bytes>, now: Instant) -> u64 {
    let before = packets.len();
    while let Some(frame) = engine.poll_output(now) {
        packets.push(frame.to_bytes());
    }
    (packets.len() - before) as u64
}

/// Takes all that is there. Says how much it was, and whether no more will come.
fn receive(engine: &mut dyn Engine, handle: Handle, now: Instant) -> (usize, bool) {
    let mut octets = 0;
    loop {
        match engine.receive_bytes(handle, PIECE, now) {
            Ok(Received::Data(data)) => octets += data.len(),
            Ok(Received::Pending) => return (octets, false),
            Ok(Received::Finished) | Err(_) => return (octets, true),
        }
    }
}

/// Writes until there is no more room.
fn fill(engine: &mut dyn Engine, handle: Handle, text: &Bytes, now: Instant) {
    while engine.send_bytes(handle, text.clone(), now).is_ok_and(|taken| taken > 0) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(row: Row, server: Kind, rounds: u32) -> Done {
        let mut pair = Pair::new(row, server, 1500);
        let mut now = Instant::ZERO;
        for _ in 0..rounds {
            pair.round(now);
            now = pair.next_round(now);
        }
        pair.done()
    }

    #[test]
    fn every_row_gets_on_with_both_engines_and_nothing_fails() {
        for row in Row::ALL {
            for server in [Kind::Ours, Kind::Smoltcp] {
                let done = after(row, server, 400);
                let least = if row.counts_octets() { 1_000_000 } else { 1_000 };
                assert!(done.work > least, "{row:?}, {server:?}: {done:?}");
                assert_eq!(done.failures, 0, "{row:?}, {server:?}: {done:?}");
            }
        }
    }

    #[test]
    fn the_same_rounds_do_the_same_work() {
        assert_eq!(
            after(Row::Connections, Kind::Ours, 500),
            after(Row::Connections, Kind::Ours, 500)
        );
    }
}
