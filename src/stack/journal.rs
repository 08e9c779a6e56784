//! Every input of a stack as data: what a recording is made of, and what a replay feeds.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::{Handle, ListenerId, Settings, Stack};
use crate::tcp::{Algorithm, Keepalive};
use crate::time::Instant;
use crate::wire::{Frame, Packet};

/// Writes down what a stack is told, as it is told.
pub trait Journal: Send {
    /// `input` comes at `at`. Called before the stack acts on it; for [`Input::Drain`], after.
    fn note(&mut self, at: Instant, input: Input);
}

/// One input of a stack: the methods of [`Stack`] that change anything.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "named for the methods of Stack, with their arguments")]
pub enum Input {
    Packet(Packet),
    Timeout,
    /// The strays are taken, of which there are some.
    TakeStrays,
    Unclaimed(Packet),
    /// One `poll_output`, and a checksum of the packet it gave, if any.
    Drain(Option<u64>),
    Listen {
        local: SocketAddr,
        backlog: usize,
    },
    Unlisten(ListenerId),
    Accept(ListenerId),
    Connect {
        local: Option<SocketAddr>,
        remote: SocketAddr,
        settings: Option<Box<Settings>>,
    },
    Configure(Handle, Box<Settings>),
    ConfigureListener(ListenerId, Box<Settings>),
    Send(Handle, #[serde(with = "crate::wire::octets")] Bytes),
    SendBytes(Handle, #[serde(with = "crate::wire::octets")] Bytes),
    MarkUrgent(Handle),
    ReceiveBytes(Handle, usize),
    Close(Handle),
    Abort(Handle),
    Release(Handle),
    SetNodelay(Handle, bool),
    SetKeepalive(Handle, Option<Keepalive>),
    SetUserTimeout(Handle, Option<Duration>),
    SetCongestion(Handle, Algorithm),
}

impl Stack {
    /// Tells `journal` every input from now on. To replay it, it has to be set on a stack that has
    /// seen nothing yet.
    pub fn set_journal(&mut self, journal: Box<dyn Journal>) {
        self.journal = Some(JournalBox(journal));
    }

    /// Feeds an input that a journal has noted. For [`Input::Drain`], returns the packet.
    pub fn apply(&mut self, at: Instant, input: Input) -> Option<Frame> {
        match input {
            Input::Packet(packet) => self.on_device_packet(&packet, at),
            Input::Timeout => self.on_timeout(at),
            Input::TakeStrays => drop(self.take_strays(at)),
            Input::Unclaimed(packet) => self.on_unclaimed(&packet, at),
            Input::Drain(_) => return self.poll_output(at),
            Input::Listen { local, backlog } => drop(self.listen(local, backlog)),
            Input::Unlisten(id) => self.unlisten(id, at),
            Input::Accept(id) => drop(self.accept(id)),
            Input::Connect { local, remote, settings } => {
                let _ = self.connect_with(settings, local, remote, at);
            }
            Input::Configure(handle, settings) => self.configure(handle, *settings, at),
            Input::ConfigureListener(id, settings) => self.configure_listener(id, *settings),
            Input::Send(handle, data) => drop(self.send(handle, &data, at)),
            Input::SendBytes(handle, data) => drop(self.send_bytes(handle, data, at)),
            Input::MarkUrgent(handle) => drop(self.mark_urgent(handle, at)),
            Input::ReceiveBytes(handle, most) => drop(self.receive_bytes(handle, most, at)),
            Input::Close(handle) => drop(self.close(handle, at)),
            Input::Abort(handle) => self.abort(handle, at),
            Input::Release(handle) => self.release(handle, at),
            Input::SetNodelay(handle, nodelay) => self.set_nodelay(handle, nodelay, at),
            Input::SetKeepalive(handle, keepalive) => self.set_keepalive(handle, keepalive, at),
            Input::SetCongestion(handle, algorithm) => self.set_congestion(handle, algorithm, at),
            Input::SetUserTimeout(handle, timeout) => self.set_user_timeout(handle, timeout, at),
        }
        None
    }

    /// Notes an input, if anybody keeps a journal.
    pub(super) fn note(&mut self, at: Instant, input: impl FnOnce() -> Input) {
        self.last_input = at;
        if let Some(JournalBox(journal)) = &mut self.journal {
            journal.note(at, input());
        }
    }
}

/// Tells packets apart; not a secret.
pub fn checksum(frame: &Frame) -> u64 {
    use std::hash::Hasher;
    let mut hasher = siphasher::sip::SipHasher13::new();
    hasher.write(&frame.head);
    frame.payload.slices().iter().for_each(|slice| hasher.write(slice));
    hasher.finish()
}

/// A journal has nothing to show.
pub(super) struct JournalBox(Box<dyn Journal>);

impl std::fmt::Debug for JournalBox {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Journal")
    }
}
