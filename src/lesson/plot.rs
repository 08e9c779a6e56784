//! What a lesson is made of, apart from its words.

use std::fmt;

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
    /// From where the exchange can be told as a script, the most telling first; none when it is no script.
    pub scripts: &'static [View],
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

/// One end of one connection, whose part in the exchange is a script.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct View {
    /// Whose.
    pub end: End,
    /// Of which of the connections that this end has had, from one.
    pub connection: usize,
    /// What the program has set beforehand, as `level, option, [value], size` of `setsockopt`.
    pub options: &'static [&'static str],
}

/// What the client did, called, and sent.
pub(super) const CLIENTS: View = View { end: End::Left, connection: 1, options: &[] };
/// The same of the server.
pub(super) const SERVERS: View = View { end: End::Right, connection: 1, options: &[] };

impl View {
    /// Of the how manieth connection.
    pub(super) const fn of(self, connection: usize) -> Self {
        View { connection, ..self }
    }

    /// With these options of the socket.
    pub(super) const fn with(self, options: &'static [&'static str]) -> Self {
        View { options, ..self }
    }
}

/// `client`, `server`, or with the number of the connection behind it: `client-2`.
impl fmt::Display for View {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let end = match self.end {
            End::Left => "client",
            End::Right => "server",
        };
        match self.connection {
            1 => f.write_str(end),
            connection => write!(f, "{end}-{connection}"),
        }
    }
}

/// A lesson with the kernel's TCP at the other end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Live {
    /// Options of `glass run`.
    pub options: &'static [&'static str],
    /// What runs beside our stack, by `sh`.
    pub command: &'static str,
}

/// The command line.
impl fmt::Display for Live {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("glass run")?;
        for option in self.options {
            let is_plain = !option.contains([' ', '#']);
            if is_plain { write!(f, " {option}")? } else { write!(f, " '{option}'")? }
        }
        write!(f, " -- sh -c '{}'", self.command)
    }
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
