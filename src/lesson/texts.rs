//! The words of the lessons: one table for each language. A key that is missing or left over is an error, and a
//! test looks for it.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use serde::Deserialize;

/// The language of a lesson's words.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Language {
    /// English
    #[default]
    En,
    /// Chinese
    Zh,
}

impl Language {
    /// All there are.
    pub const ALL: [Language; 2] = [Language::En, Language::Zh];

    /// What the usual variables ask for; English where they ask for what there is not.
    pub fn of_locale(variable: impl Fn(&str) -> Option<String>) -> Self {
        let locale = ["LC_ALL", "LC_MESSAGES", "LANG"]
            .into_iter()
            .filter_map(variable)
            .find(|value| !value.is_empty());
        match locale {
            Some(locale) if locale.to_lowercase().starts_with("zh") => Language::Zh,
            Some(_) | None => Language::En,
        }
    }

    /// As it is written on the command line.
    pub(super) const fn code(self) -> &'static str {
        match self {
            Language::En => "en",
            Language::Zh => "zh",
        }
    }

    const fn source(self) -> &'static str {
        match self {
            Language::En => include_str!("texts/en.toml"),
            Language::Zh => include_str!("texts/zh.toml"),
        }
    }
}

/// All words of one language.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Table {
    pub(super) ui: Ui,
    /// What the words on a ladder mean: those that stand there, and what they say.
    pub(super) words: BTreeMap<String, String>,
    pub(super) course: CourseWords,
    pub(super) chapter: BTreeMap<String, ChapterWords>,
    pub(super) lesson: BTreeMap<String, Text>,
}

/// The words around a lesson.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "each is named for what it says in English")]
pub struct Ui {
    pub question: String,
    pub look: String,
    pub said: String,
    pub answer: String,
    pub read: String,
    pub scripts: String,
    pub itself: String,
    pub live: String,
    pub states: String,
    pub all_states: String,
    pub course: String,
    pub chinese: String,
    pub signs: String,
    pub change: String,
    pub fails: String,
    pub again: String,
    pub reset: String,
    pub flying: String,
    pub keys: String,
}

/// The words around a course to read.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CourseWords {
    pub(super) language: String,
    pub(super) title: String,
    pub(super) about: String,
    pub(super) advice: String,
    pub(super) map: String,
    pub(super) map_about: String,
    pub(super) position: String,
    pub(super) contents: String,
    pub(super) happens: String,
    pub(super) larger: String,
    pub(super) as_text: String,
    pub(super) sign: String,
    pub(super) meaning: String,
    pub(super) try_it: String,
    pub(super) plain: String,
    pub(super) step: String,
    pub(super) live: String,
    pub(super) live_is: String,
    pub(super) drill: String,
    pub(super) script_of: String,
    pub(super) script_about: String,
    pub(super) about_the_same: String,
    pub(super) terms: String,
    pub(super) index: String,
    pub(super) ladders: String,
    pub(super) glossary: String,
    pub(super) glossary_about: String,
    pub(super) state_map: String,
    pub(super) term: String,
    pub(super) shown: String,
    pub(super) see: String,
}

/// The words of a chapter.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ChapterWords {
    pub(super) title: String,
    pub(super) about: String,
}

/// The words of one lesson.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Text {
    /// What it is called by people.
    pub title: String,
    /// What it is about, in a line.
    pub line: String,
    /// What to ask oneself before.
    pub question: String,
    /// What to look at, each about a row of a ladder.
    pub remarks: Vec<String>,
    /// What one should know then.
    pub answer: String,
}

/// The table of a language.
pub(super) fn table(language: Language) -> &'static Table {
    static TABLES: [OnceLock<Table>; 2] = [OnceLock::new(), OnceLock::new()];
    TABLES[language as usize].get_or_init(|| {
        toml::from_str(language.source()).expect("the texts are part of the program, and tested")
    })
}

/// The words around the lessons of a language.
#[must_use]
pub fn ui(language: Language) -> &'static Ui {
    &table(language).ui
}

/// The words of a lesson that there is.
pub(super) fn text(language: Language, name: &str) -> &'static Text {
    table(language).lesson.get(name).expect("every lesson has words in every language: a test")
}

#[cfg(test)]
mod tests {
    use super::super::catalog;
    use super::*;

    #[test]
    fn each_language_has_the_words_of_every_lesson_and_no_others() {
        let mut lessons: Vec<_> = catalog::names().collect();
        lessons.sort_unstable();
        let words: Vec<_> = table(Language::En).words.keys().collect();
        for language in Language::ALL {
            let table = table(language);
            assert_eq!(table.lesson.keys().collect::<Vec<_>>(), lessons, "{language:?}");
            assert_eq!(table.words.keys().collect::<Vec<_>>(), words, "{language:?}");
            let mut chapters: Vec<_> =
                catalog::CHAPTERS.iter().map(|chapter| chapter.key).collect();
            chapters.sort_unstable();
            assert_eq!(table.chapter.keys().collect::<Vec<_>>(), chapters, "{language:?}");
            for plot in catalog::plots() {
                let text = &table.lesson[plot.name];
                let (remarks, rows) = (text.remarks.len(), plot.anchors.len());
                assert_eq!(remarks, rows, "remarks of {} in {language:?}, and rows", plot.name);
                for words in [&text.title, &text.line, &text.question, &text.answer] {
                    assert!(!words.trim().is_empty(), "{} in {language:?}", plot.name);
                }
            }
        }
    }

    #[test]
    fn chinese_words_are_chinese_and_english_ones_not() {
        let is_chinese = |text: &str| text.chars().any(|c| ('\u{4e00}'..='\u{9fff}').contains(&c));
        for name in catalog::names() {
            for (language, expected) in [(Language::En, false), (Language::Zh, true)] {
                let Text { title: _, line, question, remarks, answer } = text(language, name);
                for words in [line, question, answer].into_iter().chain(remarks) {
                    assert_eq!(is_chinese(words), expected, "{name} in {language:?}: {words}");
                }
            }
        }
    }

    #[test]
    fn the_locale_decides() {
        let with = |pairs: &'static [(&str, &str)]| {
            Language::of_locale(|name| {
                pairs.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
            })
        };
        assert_eq!(with(&[]), Language::En);
        assert_eq!(with(&[("LANG", "zh_CN.UTF-8")]), Language::Zh);
        assert_eq!(with(&[("LC_ALL", ""), ("LC_MESSAGES", "zh_TW"), ("LANG", "C")]), Language::Zh);
        assert_eq!(with(&[("LC_ALL", "C.UTF-8"), ("LANG", "zh_CN.UTF-8")]), Language::En);
        assert_eq!(with(&[("LC_ALL", "fr_FR.UTF-8")]), Language::En);
    }
}
