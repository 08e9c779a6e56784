//! A packet and what there is to say of it, on its way to become a record.

use std::fmt::Write;

use super::super::words;
use super::comment::{self, Notes};
use super::octets::Octets;
use super::writer::Record;
use crate::time::Instant;
use crate::trace::{ConnId, Fate, Way};

/// A packet, and what there is to say of it.
#[derive(Debug)]
pub(super) struct Entry {
    pub at: Instant,
    pub way: Way,
    pub octets: Octets,
    pub notes: Vec<(ConnId, Notes)>,
    /// What is of no connection.
    pub remarks: Vec<String>,
    pub fate: Option<Fate>,
}

impl Entry {
    pub fn new(at: Instant, octets: Octets) -> Self {
        let (notes, remarks) = (Vec::new(), Vec::new());
        Entry { at, way: Way::Rx, octets, notes, remarks, fate: None }
    }

    /// A packet is as it goes on, so with what a fault did to it.
    pub fn to_record(&self) -> Record {
        let mut parts = Vec::new();
        let fate = self.fate.as_ref();
        let struck = fate.and_then(|fate| fate.struck.as_ref().map(|struck| (fate, struck)));
        if let Some((fate, (rule, harm))) = struck {
            let mut text = comment::struck(rule, *harm);
            if fate.held.as_millis() > 0 {
                let _ = write!(text, ", {} late", words::span(fate.held));
            }
            parts.push(text);
        }
        parts.extend(self.remarks.iter().cloned());
        parts.extend(self.notes.iter().map(|(id, notes)| notes.words(*id, self.at)));
        let octets = match struck {
            Some((fate, _)) => Octets::Plain(fate.octets.clone()),
            None => self.octets.clone(),
        };
        Record {
            at: self.at,
            way: self.way,
            is_lost: fate.is_some_and(|fate| !fate.arrives()),
            octets,
            comment: comment::joined(&parts),
        }
    }
}
