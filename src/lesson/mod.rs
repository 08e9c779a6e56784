//! Lessons: small exchanges between two hosts of ours in virtual time, each with a question, where to look, and
//! the answer. A [`Lesson`] is the exchange with its words; [`Sheet`] makes text of it, and others may make pages.

mod attacks;
mod catalog;
mod closing;
pub mod course;
mod flow;
mod http;
mod losing;
mod opening;
mod player;
mod plot;
pub mod script;
mod sheet;
mod stage;
mod texts;

use catalog::{CHAPTERS, find};
pub use catalog::{names, plots};
pub use player::{Act, Said};
pub use plot::{Live, Place, Plot, Reading, View};
pub use sheet::Sheet;
pub use stage::{End, Performance};
pub use texts::{Language, Text, Ui, ui};

use crate::tcp::State;
use crate::trace::What;
use crate::view::{Drawing, Mark, Style};

/// What a lesson is about, in a line.
#[must_use]
pub fn line(language: Language, plot: &Plot) -> &'static str {
    &texts::text(language, plot.name).line
}

/// One lesson, played.
#[derive(Clone, Debug)]
pub struct Lesson {
    /// What it is made of.
    pub plot: &'static Plot,
    /// What happened.
    pub performance: Performance,
    /// The rows that the remarks are about, in the order of the remarks.
    pub places: Vec<Place>,
}

impl Lesson {
    /// Plays the lesson of this name, in no time; `None` if there is none.
    #[must_use]
    pub fn play(name: &str) -> Option<Lesson> {
        let plot = find(name)?;
        let performance = (plot.play)();
        let places = plot::places(plot, &performance);
        Some(Lesson { plot, performance, places })
    }

    /// Its words.
    #[must_use]
    pub fn text(&self, language: Language) -> &'static Text {
        texts::text(language, self.plot.name)
    }

    /// Its ladders, one for each connection, row by row.
    #[must_use]
    pub fn ladders(&self, style: &Style) -> Vec<Drawing> {
        self.performance.draw(style)
    }

    /// Its ladders as one picture, in the SVG format, with the numbers of the remarks beside rows.
    #[must_use]
    pub fn svg(&self) -> String {
        let marks = self.places.iter().zip(1..);
        let marks = marks.map(|(Place { ladder, row }, number)| Mark {
            ladder: *ladder,
            row: *row,
            number,
        });
        self.performance.svg(&marks.collect::<Vec<_>>())
    }

    /// Its ladders as a page in HTML that needs nothing else, with all that each header says.
    #[must_use]
    pub fn html(&self, language: Language) -> String {
        self.performance.html(&self.text(language).title)
    }

    /// The remark, counted from one, that is about a row.
    #[must_use]
    pub fn mark_at(&self, place: Place) -> Option<usize> {
        self.places.iter().position(|known| *known == place).map(|index| index + 1)
    }

    /// The words that stand on its ladders, and what each of them says.
    #[must_use]
    pub fn words(&self, language: Language) -> Vec<(&'static str, &'static str)> {
        let drawn: String = self.ladders(&performance_style()).iter().map(Drawing::text).collect();
        let words = texts::table(language).words.iter();
        let on_it = words.filter(|(word, _)| sheet::stands_in(&drawn, word));
        on_it.map(|(word, meaning)| (word.as_str(), meaning.as_str())).collect()
    }

    /// The states that one of the ends is in, in the order in which they are usually passed through.
    #[must_use]
    pub fn states(&self) -> Vec<State> {
        let mut seen = vec![State::Closed];
        for event in self.performance.logs.iter().flatten() {
            if let What::State { from, to, .. } = event.what {
                seen.extend([from, to]);
            }
        }
        State::ALL.into_iter().filter(|state| seen.contains(state)).collect()
    }
}

/// How ladders are drawn where only their words count.
fn performance_style() -> Style {
    Style { width: 200, ..Style::default() }
}
