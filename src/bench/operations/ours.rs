//! Our stack, as its driver uses it.

use std::hint::black_box;

use bytes::Bytes;

use super::Subject;
use crate::bench::SERVER;
use crate::stack::{self, Handle, ListenerId, Secret, Stack};
use crate::tcp::{self, Received};
use crate::time::Instant;

/// Octets each way for a connection: all that is in flight at once, and more.
const BUFFER: u32 = 8 << 20;
/// Writes come in pieces.
const PIECE: usize = 64 * 1024;

pub(super) struct Ours {
    stack: Stack,
    listener: ListenerId,
    first: Option<Handle>,
    text: Bytes,
}

impl Ours {
    pub(super) fn new() -> Self {
        let tcp = tcp::Config {
            receive_buffer: BUFFER,
            send_buffer: BUFFER as usize,
            ..tcp::Config::default()
        };
        let config = stack::Config { addrs: vec![SERVER], tcp, ..stack::Config::default() };
        let mut stack = Stack::new(config, Secret([7; 32]));
        let listener = stack.listen((SERVER, 80).into(), 16).expect("nobody else listens");
        Ours { stack, listener, first: None, text: Bytes::from(vec![b'x'; PIECE]) }
    }
}

impl Subject for Ours {
    fn on_packet(&mut self, packet: &Bytes, now: Instant) {
        self.stack.on_packet(packet, now);
    }

    fn send_one(&mut self, now: Instant) -> bool {
        black_box(self.stack.poll_output(now)).is_some()
    }

    fn poll_output(&mut self, now: Instant) -> Option<Bytes> {
        self.stack.poll_output(now).map(|frame| frame.to_bytes())
    }

    fn accept(&mut self) {
        while let Some(handle) = self.stack.accept(self.listener) {
            self.first.get_or_insert(handle);
        }
    }

    fn read(&mut self, now: Instant) -> usize {
        black_box(self.stack.take_ready());
        let Some(handle) = self.first else { return 0 };
        let mut octets = 0;
        while let Ok(Received::Data(data)) = self.stack.receive_bytes(handle, PIECE, now) {
            octets += black_box(data).len();
        }
        octets
    }

    fn write(&mut self, octets: usize, now: Instant) {
        let handle = self.first.expect("somebody has connected");
        let mut left = octets;
        while left > 0 {
            let piece = self.text.slice(..left.min(PIECE));
            let taken = self.stack.send_bytes(handle, piece, now).expect("it is established");
            assert!(taken > 0, "the buffer is large enough");
            left -= taken;
        }
    }
}
