//! Captures: pcapng files of the packets that came and left, each with a comment that says what it meant to
//! our state machine.
//!
//! A stack that is asked for packets ([`Mask::PACKETS`]) tells of each as it comes and goes, between the other
//! events; `join` puts together what belongs together, `entry` and `comment` find the words, `writer` is the thread that
//! writes, `blocks` what is written, `octets` the packets as they are in the file; `wires` puts together what both
//! ends tell, `passing` is for those who see packets pass and no stack.
//!
//! Times are those of the stack: when it was given a packet, when it gave one away; with faults, when a packet
//! came through them.

mod blocks;
mod comment;
mod entry;
mod join;
mod octets;
mod passing;
#[cfg(test)]
mod tests;
mod wires;
mod writer;

use std::io::Write;
use std::sync::Arc;
use std::time::SystemTime;

pub use self::passing::PassingSink;
pub use self::wires::{CapturedHost, WireCapture};

use self::join::Join;
use self::writer::Writer;
use crate::trace::{Event, Mask, Sink};

/// The events that captures are made of.
const WANTED: Mask =
    Mask::all().difference(Mask::DATA).difference(Mask::FAULTS).difference(Mask::PEER);

/// How a capture is made.
#[derive(Clone, Debug)]
pub struct CaptureSettings {
    /// The name of the interface in the file.
    pub interface: String,
    /// Devices tell what became of each packet that is sent (`Faults::telling_fates`): what they took gets an
    /// interface of its own.
    pub has_faults: bool,
    /// Octets that are kept of each packet.
    pub snaplen: u32,
    /// The longest the file may become, in octets; it ends there.
    pub limit: u64,
    /// What the stack's clock is counted from.
    pub origin: Origin,
    /// Wait for the writer when it is slow, instead of leaving packets out: for what does not happen now.
    pub is_complete: bool,
}

/// What the time stamps of a capture are counted from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// The clock of the stack is the machine's: the first event happens now.
    Now,
    /// It began at this moment.
    At(SystemTime),
}

impl Default for CaptureSettings {
    /// All of every packet, without limit, of what happens now.
    fn default() -> Self {
        CaptureSettings {
            interface: "glass0".to_owned(),
            has_faults: false,
            snaplen: 262_144,
            limit: u64::MAX,
            origin: Origin::Now,
            is_complete: false,
        }
    }
}

/// A capture that is being written. Clones write to the same file; it is complete when the last of them, and
/// of the sinks, is gone. When it cannot be written any more, that is logged once and the traffic goes on.
#[derive(Clone, Debug)]
pub struct Capture(Arc<Writer>);

impl Capture {
    /// Begins a capture on `out`, which is written by a thread of its own.
    ///
    /// # Errors
    ///
    /// The system has no thread left.
    pub fn start(
        out: impl Write + Send + 'static,
        settings: CaptureSettings,
    ) -> std::io::Result<Capture> {
        Writer::start(Box::new(out), settings).map(|writer| Capture(Arc::new(writer)))
    }

    /// A sink for the events of one stack: each needs its own.
    #[must_use]
    pub fn sink(&self) -> CaptureSink {
        self.0.add_sink();
        CaptureSink { join: Join::new(self.0.settings().has_faults), writer: Arc::clone(&self.0) }
    }

    /// Adds a line of a TLS key log (`CLIENT_RANDOM ...`), by which Wireshark reads what was said over TLS.
    /// It has to come before the packets that it is for.
    pub fn secrets(&self, line: &str) {
        self.0.secrets(line);
    }
}

/// Puts packets and what they did together, for one stack.
#[derive(Debug)]
pub struct CaptureSink {
    join: Join,
    writer: Arc<Writer>,
}

impl Sink for CaptureSink {
    fn wanted(&self) -> Mask {
        WANTED
    }

    fn record(&mut self, event: &Event) {
        if self.writer.is_open() {
            self.join.on_event(event, &mut |entry| self.writer.write(entry.to_record()));
        }
    }

    fn settle(&mut self) {
        self.join.settle(&mut |entry| self.writer.write(entry.to_record()));
    }
}

/// What no fault has let through until now never comes through.
impl Drop for CaptureSink {
    fn drop(&mut self) {
        self.join.end(&mut |entry| self.writer.write(entry.to_record()));
    }
}
