//! The page of one lesson.

use std::fmt::Write;

use super::super::texts::{self, Ui};
use super::super::{CHAPTERS, Language, Lesson, Plot, Reading, Sheet, names, script};
use super::markdown::{block, code, fold, link, prose, table};
use super::{Frame, glossary};
use crate::tcp;
use crate::view::Style;

/// How wide the ladder is as text.
const COLUMNS: usize = 104;

pub(super) fn page(lesson: &Lesson, frame: &Frame) -> String {
    let ui = texts::ui(frame.language);
    let (words, text) = (frame.words(), lesson.text(frame.language));
    let mut page = String::new();
    if !frame.is_alone {
        let _ = writeln!(page, "{}\n", above(lesson.plot, frame));
    }
    let _ = writeln!(page, "# {}\n\n*{}*\n", text.title, prose(&text.line));
    let _ = writeln!(page, "## {}\n\n{}\n", ui.question, prose(&text.question));
    let _ = writeln!(page, "## {}\n\n{}", words.happens, exchange(lesson, frame, ui));
    let _ = writeln!(page, "## {}\n", ui.look);
    for (remark, number) in text.remarks.iter().zip(1..) {
        let _ = writeln!(page, "{number}. {}", prose(remark));
    }
    let _ = writeln!(page, "\n## {}\n\n{}\n", ui.answer, prose(&text.answer));
    let _ = writeln!(page, "## {}\n\n{}", ui.signs, vocabulary(lesson, frame));
    let _ = writeln!(page, "## {}\n\n{}", words.try_it, commands(lesson, frame));
    let _ = writeln!(page, "## {}\n\n{}", ui.read, readings(lesson.plot, frame));
    if !frame.is_alone {
        let _ = writeln!(page, "---\n\n{}", below(lesson.plot, frame));
    }
    page
}

/// Sections of RFCs, each a link to its place.
fn sections(readings: &[Reading]) -> Vec<String> {
    let one = |reading: &Reading| {
        let Reading { rfc, sections } = reading;
        let sections = sections.split(", ");
        let sections = sections.map(|section| link(section, &place(*rfc, section)));
        format!("RFC {rfc}: {}", sections.collect::<Vec<_>>().join(", "))
    };
    readings.iter().map(one).collect()
}

/// Where a section can be read.
pub(super) fn place(rfc: u16, section: &str) -> String {
    // What RFC 6298 numbers 5.5 is a paragraph of section 5, and no place of its own.
    let section = match rfc {
        6298 => section.split('.').next().unwrap_or(section),
        _ => section,
    };
    format!("https://www.rfc-editor.org/rfc/rfc{rfc}.html#section-{section}")
}

/// The way back, where in the course this is, and the same in other languages.
fn above(plot: &Plot, frame: &Frame) -> String {
    let words = frame.words();
    let all = names().count();
    let n = names().position(|name| name == plot.name).map_or(0, |index| index + 1);
    let position = words.position.replace("{n}", &n.to_string());
    let mut parts = vec![link(&words.title, "README.md")];
    let chapter = CHAPTERS.iter().find(|chapter| chapter.lessons.contains(&plot.name));
    parts.extend(chapter.map(|chapter| frame.table().chapter[chapter.key].title.clone()));
    parts.push(position.replace("{all}", &all.to_string()));
    parts.extend(frame.others.iter().map(|(other, folder)| {
        link(&texts::table(*other).course.language, &format!("{folder}{}.md", plot.name))
    }));
    parts.join(" · ")
}

/// The lessons before and behind this one.
fn below(plot: &Plot, frame: &Frame) -> String {
    let all: Vec<_> = names().collect();
    let at = all.iter().position(|name| *name == plot.name).unwrap_or_default();
    let title = |name: &str| texts::text(frame.language, name).title.clone();
    let mut parts = Vec::new();
    if let Some(name) = at.checked_sub(1).and_then(|index| all.get(index)) {
        parts.push(format!("← {}", link(&title(name), &format!("{name}.md"))));
    }
    parts.push(link(&frame.words().index, "README.md"));
    if let Some(name) = all.get(at + 1) {
        parts.push(format!("{} →", link(&title(name), &format!("{name}.md"))));
    }
    parts.join(" · ")
}

/// The picture, the same as text, and what the applications wrote.
fn exchange(lesson: &Lesson, frame: &Frame, ui: &Ui) -> String {
    let words = frame.words();
    let text = lesson.text(frame.language);
    let picture = format!("{}{}.svg", frame.pictures, lesson.plot.name);
    let alternative = format!("{}: {}", text.title, text.line);
    let picture = format!("[![{}]({picture})]({picture})", alternative.replace(['[', ']'], ""));
    let style = Style { width: COLUMNS, ..Style::default() };
    let ladder = Sheet::new(lesson, frame.language, &style).ladder();
    let mut all = format!("{picture}\n\n{}\n\n", prose(&words.larger));
    all.push_str(&fold(&words.as_text, &block("text", &ladder)));
    let dialogue = &lesson.performance.dialogue;
    if !dialogue.is_empty() {
        let said = dialogue.iter().map(|said| {
            let at = said.at.as_secs_f64() * 1_000.0;
            let lines = said.text.lines().map(|line| format!("    {line}").trim_end().to_owned());
            let lines = lines.collect::<Vec<_>>().join("\n");
            format!("{at:.3} ms  {}\n{lines}\n", said.from)
        });
        let said = block("text", &said.collect::<Vec<_>>().join("\n"));
        let _ = write!(all, "\n### {}\n\n{said}", ui.said);
    }
    all
}

/// The words on the ladder, the states by all their names, and the terms of the lesson.
fn vocabulary(lesson: &Lesson, frame: &Frame) -> String {
    let words = frame.words();
    let mut all = String::new();
    let on_it = lesson.words(frame.language);
    if !on_it.is_empty() {
        let mut rows = vec![vec![words.sign.clone(), words.meaning.clone()]];
        rows.extend(on_it.iter().map(|(word, meaning)| vec![code(word), prose(meaning)]));
        let _ = writeln!(all, "{}", table(&rows));
    }
    all.push_str(&states(lesson.states(), frame.language));
    if !frame.is_alone {
        let terms = glossary::terms_of(lesson.plot.name);
        let terms = terms.iter().map(|term| {
            link(term.name(frame.language), &format!("{}#{}", frame.glossary, term.key))
        });
        let terms = terms.collect::<Vec<_>>().join(" · ");
        let _ = writeln!(all, "\n{} {terms}", words.terms);
    }
    all
}

/// The names of states in a table.
pub(super) fn states(states: Vec<tcp::State>, language: Language) -> String {
    let ui = texts::ui(language);
    let head = [&ui.course, "RFC 9293", "`ss`", &ui.chinese];
    let mut rows = vec![head.into_iter().map(str::to_owned).collect::<Vec<_>>()];
    rows.extend(states.into_iter().map(|state| {
        let spelt = [tcp::names::course, tcp::names::rfc, tcp::names::ss].map(|name| name(state));
        let mut row: Vec<_> = spelt.into_iter().map(code).collect();
        row.push(tcp::names::chinese(state).to_owned());
        row
    }));
    table(&rows)
}

/// How to play it, and the scripts that can be made of it.
fn commands(lesson: &Lesson, frame: &Frame) -> String {
    let words = frame.words();
    let Plot { name, live, .. } = lesson.plot;
    let shown = format!("glass lesson {name}");
    let here = match frame.language {
        Language::En => "",
        Language::Zh => " --lang zh",
    };
    let mut lines = vec![
        (format!("{shown}{here}"), words.plain.clone()),
        (format!("{shown}{here} --step"), words.step.clone()),
    ];
    if live.is_some() {
        lines.push((format!("{shown}{here} --live"), words.live.clone()));
    }
    let scripts = script::scripts(lesson);
    if !scripts.is_empty() {
        let run = format!("{shown} --script > {name}.pkt && glass drill -v {name}.pkt");
        lines.push((run, words.drill.clone()));
    }
    let lines = lines.iter().map(|(command, meaning)| format!("# {meaning}\n{command}\n"));
    let mut all = block("sh", &lines.collect::<Vec<_>>().join("\n"));
    if let Some(live) = live {
        let command = block("sh", &live.to_string());
        let _ = write!(all, "\n{}\n\n{command}", prose(&words.live_is));
    }
    for (view, text) in &scripts {
        let title = format!("{} <code>{view}</code>", words.script_of);
        let command = code(&format!("{shown} --script={view}"));
        let about = prose(&words.script_about);
        let inner = format!("{command}\n\n{about}\n\n{}", block("c", text));
        let _ = write!(all, "\n{}", fold(&title, &inner));
    }
    all
}

/// Sections of RFCs, and scripts that are about the same.
fn readings(plot: &Plot, frame: &Frame) -> String {
    let mut all = format!("- {}\n", sections(plot.readings).join("\n- "));
    let drills = plot.drills.iter().map(|path| match &frame.project {
        Some(project) => link(&code(path), &format!("{project}{path}")),
        None => code(path),
    });
    let drills = drills.collect::<Vec<_>>().join(", ");
    let _ = writeln!(all, "- {} {drills}", frame.words().about_the_same);
    all
}
