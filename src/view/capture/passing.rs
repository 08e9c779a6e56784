//! Captures of those who see packets pass, and no stack: what became of each is all that there is to say.

use std::sync::Arc;

use super::Capture;
use super::entry::Entry;
use super::octets::Octets;
use super::writer::Writer;
use crate::trace::{Event, Mask, Passage, Sink, What};

/// Writes packets as they have passed, with what a fault did to them.
#[derive(Debug)]
pub struct PassingSink {
    writer: Arc<Writer>,
}

impl Capture {
    /// A sink that is told what became of each packet ([`Passage::Met`]), and needs nothing else.
    #[must_use]
    pub fn passing(&self) -> PassingSink {
        self.0.add_sink();
        PassingSink { writer: Arc::clone(&self.0) }
    }
}

impl Sink for PassingSink {
    fn wanted(&self) -> Mask {
        Mask::PACKETS
    }

    fn record(&mut self, event: &Event) {
        let What::Packet(passage) = &event.what else { return };
        if let Passage::Met(fate) = &**passage {
            let octets = Octets::Plain(fate.octets.clone());
            let mut entry = Entry::new(event.at, octets);
            (entry.way, entry.fate) = (fate.way, Some(fate.clone()));
            self.writer.write(entry.to_record());
        }
    }
}
