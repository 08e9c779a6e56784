//! A packet and what there is to say of it, on its way to become a record.

use std::fmt::Write;

use super::super::words;
use super::comment::{self, Notes};
use super::octets::Octets;
use super::writer::Record;
use crate::time::Instant;
use crate::trace::{ConnId, Fate, Way};

/// A packet, and what there is to say of it.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    /// When the stack was given it, or gave it away.
    pub at: Instant,
    /// When it came through the faults.
    pub passed: Instant,
    pub way: Way,
    pub octets: Octets,
    pub notes: Vec<(ConnId, Notes)>,
    /// What is of no connection.
    pub remarks: Vec<String>,
    pub fate: Option<Fate>,
    /// It never came through, for it was held back to the end.
    pub is_held: bool,
}

impl Entry {
    pub fn new(at: Instant, octets: Octets) -> Self {
        let (notes, remarks) = (Vec::new(), Vec::new());
        let (way, passed) = (Way::Rx, at);
        Entry { at, passed, way, octets, notes, remarks, fate: None, is_held: false }
    }

    /// Whether it goes no further.
    pub fn is_lost(&self) -> bool {
        self.is_held || self.fate.as_ref().is_some_and(|fate| !fate.arrives())
    }

    /// What is to be said of it.
    pub fn words(&self) -> Vec<String> {
        self.struck().into_iter().chain(self.told()).collect()
    }

    /// What a fault did to it.
    pub fn struck(&self) -> Option<String> {
        let fate = self.fate.as_ref()?;
        let (rule, harm) = fate.struck.as_ref()?;
        let mut text = comment::struck(rule, *harm);
        if fate.held.as_millis() > 0 {
            let _ = write!(text, ", {} late", words::span(fate.held));
        }
        Some(text)
    }

    /// What it meant to the stack.
    pub fn told(&self) -> impl Iterator<Item = String> {
        let notes = self.notes.iter().map(|(id, notes)| notes.words(*id, self.at));
        self.remarks.iter().cloned().chain(notes)
    }

    /// A packet is as it goes on, so with what a fault did to it.
    pub fn octets(&self) -> Octets {
        match &self.fate {
            Some(fate) if fate.struck.is_some() => Octets::Plain(fate.octets.clone()),
            Some(_) | None => self.octets.clone(),
        }
    }

    pub fn to_record(&self) -> Record {
        Record {
            at: self.passed,
            way: self.way,
            is_lost: self.is_lost(),
            octets: self.octets(),
            comment: comment::joined(&self.words()),
        }
    }
}
