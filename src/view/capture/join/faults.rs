//! What faults do to packets: of one that is sent it is told after it has left, of one that comes before it
//! arrives.

use super::{Join, MOST_STRUCK, Out};
use crate::time::Instant;
use crate::trace::{Fate, Harm, Way};
use crate::view::capture::comment::Notes;
use crate::view::capture::entry::Entry;
use crate::view::capture::octets::Octets;
use crate::wire::Packet;

impl Join {
    pub(super) fn on_fate(&mut self, at: Instant, fate: &Fate, out: Out<'_>) {
        match fate.way {
            Way::Tx => {
                let Some(entry) = self.undecided.get_mut(&fate.number) else { return };
                let goes_twice = matches!(fate.struck, Some((_, Harm::Duplicated)));
                let another_comes = goes_twice && entry.fate.is_none();
                (entry.passed, entry.fate) = (at, Some(fate.clone()));
                let entry = entry.clone();
                if !another_comes {
                    self.undecided.remove(&fate.number);
                }
                out(entry);
            }
            Way::Rx if fate.arrives() => {
                if self.struck.len() >= MOST_STRUCK {
                    self.struck.pop_front();
                }
                self.struck.push_back(fate.clone());
            }
            Way::Rx => {
                let mut entry = Entry::new(at, Octets::Plain(fate.octets.clone()));
                let ends = entry.octets.segment(Way::Rx).map(|(ends, _)| ends);
                if let Some(id) = ends.and_then(|ends| self.ids.get(&ends).copied()) {
                    let state = self.conns.get(&id).and_then(|conn| conn.state);
                    entry.notes.push((id, Notes { state, ..Notes::default() }));
                }
                entry.fate = Some(fate.clone());
                out(entry);
            }
        }
    }

    /// What struck `packet` before it came here. It lies in the same place in memory: a copy would be another
    /// packet.
    pub(super) fn fate_of(&mut self, packet: &Packet) -> Option<Fate> {
        let is_it = |fate: &Fate| {
            fate.octets.as_ptr() == packet.octets.as_ptr()
                && fate.octets.len() == packet.octets.len()
        };
        let place = self.struck.iter().position(is_it)?;
        self.struck.remove(place)
    }
}
