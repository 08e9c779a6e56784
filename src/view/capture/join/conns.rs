//! Connections, as far as a capture has to know them, and which of their packets an event is noted with.

use super::{Ends, Join};
use crate::tcp::State;
use crate::trace::ConnId;
use crate::view::capture::comment::Notes;

/// A connection.
#[derive(Debug, Default)]
pub(super) struct Conn {
    pub(super) ends: Option<Ends>,
    pub(super) state: Option<State>,
    /// Its last packet in this round: the packet, and which of its notes.
    pub(super) last: Option<(usize, usize)>,
    /// Of its next segment.
    pub(super) next: Notes,
}

impl Join {
    pub(super) fn forget(&mut self, id: ConnId) {
        if let Some(ends) = self.conns.remove(&id).and_then(|conn| conn.ends)
            && self.ids.get(&ends) == Some(&id)
        {
            self.ids.remove(&ends);
        }
    }

    pub(super) fn conn(&mut self, id: ConnId) -> &mut Conn {
        self.conns.entry(id).or_default()
    }

    /// What an event of `id` is to be noted with: the segment that is being made, the last packet of this
    /// round, or the next segment.
    pub(super) fn notes(&mut self, id: ConnId) -> &mut Notes {
        match (self.conns.get(&id).and_then(|conn| conn.last), &self.leaving) {
            (_, Some((leaving, _))) if *leaving == id => self.leaving_notes(),
            (Some((packet, nth)), _) => &mut self.round[packet].notes[nth].1,
            (None, _) => &mut self.conn(id).next,
        }
    }

    pub(super) fn leaving_notes(&mut self) -> &mut Notes {
        &mut self.leaving.as_mut().expect("a segment is being made").1
    }

    /// The same for something that only a packet does, or only something else.
    pub(super) fn notes_for(&mut self, id: ConnId, is_by_arrival: bool) -> &mut Notes {
        if is_by_arrival && self.arriving.is_some() {
            return self.notes_of_arriving(id).expect("one is being acted on");
        }
        match &self.leaving {
            Some((leaving, _)) if *leaving == id => self.leaving_notes(),
            _ => &mut self.conn(id).next,
        }
    }

    /// The notes of the packet that is being acted on, for connection `id`.
    pub(super) fn notes_of_arriving(&mut self, id: ConnId) -> Option<&mut Notes> {
        let packet = self.arriving?;
        let notes = &mut self.round[packet].notes;
        let nth = notes.iter().position(|(conn, _)| *conn == id).unwrap_or_else(|| {
            notes.push((id, Notes::default()));
            notes.len() - 1
        });
        self.conn(id).last = Some((packet, nth));
        Some(&mut self.round[packet].notes[nth].1)
    }
}
