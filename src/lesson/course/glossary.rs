//! The glossary: the states by each of their names, and the words of the field.

use std::fmt::Write;
use std::sync::OnceLock;

use serde::Deserialize;

use super::super::{Language, names, texts};
use super::Frame;
use super::markdown::{link, prose};
use super::page::{place, states};
use crate::tcp::State;

/// All words, in the order of their keys.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Glossary {
    term: Vec<Term>,
}

/// A word of the field.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Term {
    /// What links call it.
    pub key: String,
    /// What it is called.
    en: String,
    /// In Chinese; the English word where that is what one says.
    zh: String,
    /// What it is, in a sentence or two.
    about_en: String,
    about_zh: String,
    /// Where it is defined: RFC and section.
    read: Vec<(u16, String)>,
    /// The lessons that show it.
    lessons: Vec<String>,
    /// Other words.
    #[serde(default)]
    see: Vec<String>,
}

impl Term {
    pub fn name(&self, language: Language) -> &str {
        match language {
            Language::En => &self.en,
            Language::Zh => &self.zh,
        }
    }
}

fn terms() -> &'static [Term] {
    static TERMS: OnceLock<Glossary> = OnceLock::new();
    let glossary = TERMS.get_or_init(|| {
        let text = include_str!("../texts/glossary.toml");
        toml::from_str(text).expect("the glossary is part of the program, and tested")
    });
    &glossary.term
}

/// The words that a lesson shows.
pub(super) fn terms_of(lesson: &str) -> Vec<&'static Term> {
    let shows = |term: &&Term| term.lessons.iter().any(|name| name == lesson);
    terms().iter().filter(shows).collect()
}

pub(super) fn glossary(frame: &Frame) -> String {
    let (words, language) = (frame.words(), frame.language);
    let mut page = String::new();
    let mut above = vec![link(&words.title, &format!("{}README.md", frame.lessons))];
    above.extend(frame.others.iter().map(|(other, folder)| {
        let file = match (frame.project.is_some(), other) {
            (false, _) | (true, Language::En) => "glossary.md",
            (true, Language::Zh) => "glossary.zh.md",
        };
        link(&texts::table(*other).course.language, &format!("{folder}{file}"))
    }));
    let _ = writeln!(page, "{}\n\n# {}\n", above.join(" · "), words.glossary);
    let _ = writeln!(page, "{}\n", prose(&words.glossary_about));
    let _ = writeln!(page, "## {}\n", texts::ui(language).all_states);
    let _ = writeln!(page, "{}\n", words.state_map.replace("STATES", &frame.states));
    let _ = writeln!(page, "{}", states(State::ALL.to_vec(), language));
    let _ = writeln!(page, "## {}\n", words.term);
    let all = terms().iter().map(|term| link(term.name(language), &format!("#{}", term.key)));
    let _ = writeln!(page, "{}\n", all.collect::<Vec<_>>().join(" · "));
    terms().iter().for_each(|term| entry(&mut page, term, frame));
    page
}

fn entry(page: &mut String, term: &Term, frame: &Frame) {
    let (words, language) = (frame.words(), frame.language);
    let (title, other, about) = match language {
        Language::En => (&term.en, &term.zh, &term.about_en),
        Language::Zh => (&term.zh, &term.en, &term.about_zh),
    };
    let _ = writeln!(page, "<a id=\"{}\"></a>\n\n### {title}\n", term.key);
    let other = if other == title { String::new() } else { format!("*{other}* · ") };
    let _ = writeln!(page, "{other}{}\n", prose(about));
    let read = term.read.iter().map(|(rfc, section)| section_link(*rfc, section));
    let mut parts = vec![read.collect::<Vec<_>>().join(" · ")];
    let shown: Vec<_> = names()
        .filter(|name| term.lessons.iter().any(|shows| shows == name))
        .map(|name| {
            let title = &texts::text(language, name).title;
            link(title, &format!("{}{name}.md", frame.lessons))
        })
        .collect();
    if !shown.is_empty() {
        parts.push(format!("{} {}", words.shown, shown.join(" · ")));
    }
    let see = term.see.iter().filter_map(|key| terms().iter().find(|term| term.key == *key));
    let see: Vec<_> =
        see.map(|other| link(other.name(language), &format!("#{}", other.key))).collect();
    if !see.is_empty() {
        parts.push(format!("{} {}", words.see, see.join(" · ")));
    }
    let parts = parts.iter().map(|part| format!("- {part}\n"));
    let _ = writeln!(page, "{}", parts.collect::<String>());
}

fn section_link(rfc: u16, section: &str) -> String {
    link(&format!("RFC {rfc}, {section}"), &place(rfc, section))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_leads_to_what_there_is() {
        let mut before = "";
        for term in terms() {
            let Term { key, lessons, see, read, .. } = term;
            assert!(*before < **key, "{key} is not in its place, or there twice");
            before = key;
            assert!(key.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-'));
            for lesson in lessons {
                assert!(names().any(|name| name == lesson), "{key}: there is no lesson {lesson}");
            }
            for other in see {
                assert!(terms().iter().any(|term| term.key == *other), "{key}: no {other}");
                assert_ne!(other, key);
            }
            assert!(!read.is_empty(), "{key}: where is it defined?");
            assert!(!lessons.is_empty() || !see.is_empty(), "{key} is shown nowhere");
        }
    }

    #[test]
    fn every_lesson_has_words_and_both_languages_say_what_they_are() {
        let is_chinese = |text: &str| text.chars().any(|c| ('\u{4e00}'..='\u{9fff}').contains(&c));
        for name in names() {
            assert!(!terms_of(name).is_empty(), "{name} shows no word of the glossary");
        }
        for term in terms() {
            assert!(is_chinese(&term.about_zh) && !is_chinese(&term.about_en), "{}", term.key);
            assert!(term.about_en.len() > 40, "{}", term.key);
        }
    }
}
