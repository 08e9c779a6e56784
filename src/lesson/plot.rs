//! What a lesson is made of, apart from its words.

use super::performance_style;
use super::stage::{End, Performance};
use crate::view::Drawing;

/// A lesson: what happens in it, and where to look. Its words are in `texts`.
#[derive(Debug)]
pub struct Plot {
    /// What it is called on the command line.
    pub name: &'static str,
    /// Lets it happen.
    pub(super) play: fn() -> Performance,
    /// The rows of the ladder that its remarks are about, in the order of the remarks.
    pub(super) anchors: &'static [Anchor],
    /// Where to read on.
    pub readings: &'static [Reading],
    /// Drill scripts of our own that are about the same, as paths in the project.
    pub drills: &'static [&'static str],
    /// From which end the exchange can be told as a script; `None` when it is none.
    pub script: Option<End>,
    /// How the same is seen with the kernel at the other end; `None` when it cannot be arranged there.
    pub live: Option<Live>,
}

/// Sections of an RFC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reading {
    /// The RFC's number.
    pub rfc: u16,
    /// The sections.
    pub sections: &'static str,
}

/// A section to read.
pub(super) const fn rfc(rfc: u16, sections: &'static str) -> Reading {
    Reading { rfc, sections }
}

/// A lesson with the kernel's TCP at the other end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Live {
    /// Options of `glass run`.
    pub options: &'static [&'static str],
    /// What runs beside our stack, by `sh`.
    pub command: &'static str,
}

/// A row of a ladder, told by what stands in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Anchor {
    ladder: usize,
    /// All of it stands in the row.
    words: &'static [&'static str],
    /// The how manieth such row, from one.
    nth: usize,
}

/// The first row of the first ladder with all of `words`.
pub(super) const fn row(words: &'static [&'static str]) -> Anchor {
    Anchor { ladder: 0, words, nth: 1 }
}

impl Anchor {
    /// The `nth` such row.
    pub(super) const fn nth(self, nth: usize) -> Self {
        Anchor { nth, ..self }
    }

    /// In this ladder; the first is 0.
    pub(super) const fn of(self, ladder: usize) -> Self {
        Anchor { ladder, ..self }
    }
}

/// A row by its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// Of which ladder, from 0.
    pub ladder: usize,
    /// Which row of it, from 0.
    pub row: usize,
}

/// Where the anchors of `plot` are; those that are nowhere are left out, which a test forbids.
pub(super) fn places(plot: &Plot, performance: &Performance) -> Vec<Place> {
    let drawings = performance.draw(&performance_style());
    plot.anchors.iter().filter_map(|anchor| place(*anchor, &drawings)).collect()
}

fn place(anchor: Anchor, drawings: &[Drawing]) -> Option<Place> {
    let Anchor { ladder, words, nth } = anchor;
    let has_all = |text: &String| words.iter().all(|word| text.contains(word));
    let rows = drawings.get(ladder)?.rows.iter().enumerate();
    let (row, _) = rows.filter(|(_, text)| has_all(text)).nth(nth - 1)?;
    Some(Place { ladder, row })
}
