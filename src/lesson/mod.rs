//! Lessons: small exchanges between two hosts of ours in virtual time, each with a question, where to look, and
//! the answer. A [`Lesson`] is the exchange with its words; [`Sheet`] makes text of it, and others may make pages.

mod attacks;
mod catalog;
mod closing;
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

pub use catalog::{names, plots};
pub use player::{Act, Said};
pub use plot::{Live, Place, Plot, Reading};
pub use sheet::Sheet;
pub use stage::{End, Performance};
pub use texts::{Language, Text, Ui, ui};

use crate::tcp::State;
use crate::trace::What;
use crate::view::{Drawing, Style};

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
        let plot = plots().find(|plot| plot.name == name)?;
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

    /// The remark, counted from one, that is about a row.
    #[must_use]
    pub fn mark_at(&self, place: Place) -> Option<usize> {
        self.places.iter().position(|known| *known == place).map(|index| index + 1)
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
const fn performance_style() -> Style {
    Style { utf8: true, color: false, width: 200, sections: false }
}
