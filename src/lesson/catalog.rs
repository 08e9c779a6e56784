//! The lessons, in the order in which one would take them, and the chapters that they make.

use super::plot::Plot;
use super::{attacks, closing, flow, http, losing, opening};

/// All exchanges, file by file.
const PLOTS: [&[Plot]; 6] =
    [&opening::PLOTS, &closing::PLOTS, &losing::PLOTS, &flow::PLOTS, &attacks::PLOTS, &http::PLOTS];

/// Lessons that belong together. Its words are in `texts`.
#[derive(Debug)]
pub struct Chapter {
    /// What it is called in the table of words.
    pub key: &'static str,
    /// Its lessons, by name.
    pub lessons: &'static [&'static str],
}

/// All chapters: each lesson stands in one, and needs what stands before it and nothing else.
pub const CHAPTERS: [Chapter; 6] = [
    Chapter {
        key: "opening",
        lessons: &[
            "three-way-handshake",
            "connection-refused",
            "old-duplicate-syn",
            "simultaneous-open",
        ],
    },
    Chapter {
        key: "closing",
        lessons: &[
            "four-way-close",
            "three-packet-close",
            "half-close",
            "active-close",
            "time-wait-2msl",
            "simultaneous-close",
            "close-wait-leak",
            "reset-vs-fin",
        ],
    },
    Chapter {
        key: "losing",
        lessons: &["syn-lost", "syn-ack-lost", "data-lost", "fast-retransmit", "reordering"],
    },
    Chapter { key: "flow", lessons: &["nagle-and-delayed-ack", "zero-window", "slow-start"] },
    Chapter {
        key: "errors",
        lessons: &["half-open-after-a-crash", "keep-alive", "syn-flood-and-cookies"],
    },
    Chapter { key: "http", lessons: &["http-one-connection-per-request", "http-keep-alive"] },
];

impl Chapter {
    /// Its lessons.
    pub fn plots(&self) -> impl Iterator<Item = &'static Plot> + use<> {
        self.lessons.iter().filter_map(|name| find(name))
    }
}

/// The lesson of this name.
#[must_use]
pub fn find(name: &str) -> Option<&'static Plot> {
    PLOTS.into_iter().flatten().find(|plot| plot.name == name)
}

/// All lessons.
pub fn plots() -> impl Iterator<Item = &'static Plot> {
    CHAPTERS.iter().flat_map(Chapter::plots)
}

/// What they are called.
pub fn names() -> impl Iterator<Item = &'static str> {
    plots().map(|plot| plot.name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_lesson_has_its_place_in_one_chapter() {
        let mut placed: Vec<_> = CHAPTERS.iter().flat_map(|chapter| chapter.lessons).collect();
        let mut played: Vec<_> = PLOTS.into_iter().flatten().map(|plot| &plot.name).collect();
        placed.sort_unstable();
        played.sort_unstable();
        assert_eq!(placed, played);
    }
}
