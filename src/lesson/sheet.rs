//! A lesson as text for a terminal, whole or as far as one has got.

use std::fmt::Write;

use textwrap::{Options, WordSplitter};
use unicode_width::UnicodeWidthStr;

use super::texts::{self, Language, Text, Ui};
use super::{Lesson, Place, Plot, performance_style};
use crate::tcp::names;
use crate::view::{Drawing, Style};

/// The columns before a ladder, for the numbers of remarks.
const GUTTER: usize = 4;
/// Text is not set wider: nobody likes to read it.
const WIDEST_TEXT: usize = 96;

/// A lesson, set in a language and in a style.
pub struct Sheet<'a> {
    lesson: &'a Lesson,
    text: &'static Text,
    ui: &'static Ui,
    language: Language,
    style: Style,
    ladders: Vec<Drawing>,
}

impl<'a> Sheet<'a> {
    /// Sets `lesson`. No line is wider than the style says, or than [`Style::NARROWEST`] and four more.
    #[must_use]
    pub fn new(lesson: &'a Lesson, language: Language, style: &Style) -> Self {
        let ladder_style = Style { width: style.width.saturating_sub(GUTTER), ..*style };
        Sheet {
            lesson,
            text: lesson.text(language),
            ui: &texts::table(language).ui,
            language,
            style: *style,
            ladders: lesson.ladders(&ladder_style),
        }
    }

    /// All of it.
    #[must_use]
    pub fn whole(&self) -> String {
        self.upto(self.steps())
    }

    /// How many steps lead from the question to the end: a row each, then what to look at, then the rest.
    #[must_use]
    pub fn steps(&self) -> usize {
        self.rows() + 2
    }

    /// As far as one is after so many steps. While the ladder grows, the remark about its last row stands
    /// below it.
    #[must_use]
    pub fn upto(&self, steps: usize) -> String {
        let mut text = self.opening();
        text.push_str(&self.growing(steps));
        if steps <= self.rows() {
            if let Some(remark) = steps.checked_sub(1).and_then(|last| self.remark_at(last)) {
                text.push('\n');
                text.push_str(&remark);
            }
            return text;
        }
        text.push_str(&self.said());
        text.push_str(&self.remarks());
        if steps >= self.steps() {
            text.push_str(&self.ending());
        }
        text
    }

    /// What it is about and the question, for whoever shows the exchange in another way.
    #[must_use]
    pub fn question(&self) -> String {
        self.opening()
    }

    /// The answer, without what refers to the ladder.
    #[must_use]
    pub fn answer(&self) -> String {
        let answer = self.titled(&self.ui.answer, &self.text.answer);
        format!("\n{answer}\n{}", self.list(&self.ui.read, &self.readings()))
    }

    /// The ladders, with the numbers of remarks beside rows.
    #[must_use]
    pub fn ladder(&self) -> String {
        self.growing(self.rows())
    }

    /// The keys that lead through it.
    #[must_use]
    pub fn keys(&self) -> &'static str {
        &self.ui.keys
    }

    fn rows(&self) -> usize {
        self.ladders.iter().map(|ladder| ladder.rows.len()).sum()
    }

    fn opening(&self) -> String {
        let title = format!("{}: {}", self.lesson.plot.name, self.text.line);
        let title = self.filled(&title, "", "    ");
        let mut text = title.lines().map(|line| self.bold(line) + "\n").collect::<String>();
        text.push('\n');
        text.push_str(&self.titled(&self.ui.question, &self.text.question));
        text
    }

    /// The ladders with their first `steps` rows.
    fn growing(&self, steps: usize) -> String {
        let mut text = String::new();
        let mut left = steps;
        for (index, ladder) in self.ladders.iter().enumerate() {
            text.push('\n');
            text.push_str(&indented(&ladder.head, ""));
            for (row, drawn) in ladder.rows.iter().take(left).enumerate() {
                let mark = self.lesson.mark_at(Place { ladder: index, row });
                let mark = mark.map(|number| format!("[{number}]")).unwrap_or_default();
                text.push_str(&indented(drawn, &mark));
            }
            if left < ladder.rows.len() || (left == ladder.rows.len() && steps < self.rows()) {
                break;
            }
            left -= ladder.rows.len();
            text.push_str(&indented(&ladder.foot, ""));
        }
        text
    }

    /// The remark about the row that is the `index`-th of all.
    fn remark_at(&self, index: usize) -> Option<String> {
        let mut row = index;
        let mut ladder = 0;
        while row >= self.ladders.get(ladder)?.rows.len() {
            row -= self.ladders[ladder].rows.len();
            ladder += 1;
        }
        let number = self.lesson.mark_at(Place { ladder, row })?;
        Some(self.remark(number))
    }

    fn remark(&self, number: usize) -> String {
        let words = self.text.remarks.get(number - 1).map(String::as_str).unwrap_or_default();
        self.filled(words, &format!("[{number}] "), "    ")
    }

    fn remarks(&self) -> String {
        let mut text = format!("\n{}\n", self.bold(&self.ui.look));
        for number in 1..=self.text.remarks.len() {
            text.push_str(&self.remark(number));
        }
        text
    }

    /// What the applications wrote, where that can be read.
    fn said(&self) -> String {
        let dialogue = &self.lesson.performance.dialogue;
        if dialogue.is_empty() {
            return String::new();
        }
        let mut text = format!("\n{}\n", self.bold(&self.ui.said));
        for said in dialogue {
            let at = said.at.as_secs_f64() * 1_000.0;
            let _ = writeln!(text, "{at:>8.3} ms  {}", said.from);
            for line in said.text.lines() {
                let _ = writeln!(text, "{}", format!("             {line}").trim_end());
            }
        }
        text
    }

    fn ending(&self) -> String {
        let mut text = String::from("\n");
        text.push_str(&self.titled(&self.ui.answer, &self.text.answer));
        text.push('\n');
        text.push_str(&self.list(&self.ui.read, &self.readings()));
        let Plot { name, drills, scripts: views, live, .. } = self.lesson.plot;
        let mut scripts: Vec<_> =
            views.iter().map(|view| format!("glass lesson {name} --script={view}")).collect();
        if let Some(first) = scripts.first_mut() {
            *first = format!("{first}: {}", self.ui.itself);
        }
        scripts.extend(drills.iter().map(|path| (*path).to_owned()));
        text.push('\n');
        text.push_str(&self.list(&self.ui.scripts, &scripts));
        if live.is_some() {
            text.push('\n');
            text.push_str(&self.list(&self.ui.live, &[format!("glass lesson {name} --live")]));
        }
        text.push_str(&self.states());
        text.push_str(&self.signs());
        text
    }

    fn readings(&self) -> Vec<String> {
        let readings = self.lesson.plot.readings.iter();
        readings.map(|reading| format!("RFC {} {}", reading.rfc, reading.sections)).collect()
    }

    /// The states that occur, by each of their names.
    fn states(&self) -> String {
        let mut rows = vec![vec![self.ui.course.as_str(), "RFC 9293", "ss"]];
        let states = self.lesson.states();
        rows.extend(
            states
                .iter()
                .map(|state| vec![names::course(*state), names::rfc(*state), names::ss(*state)]),
        );
        if self.language == Language::Zh {
            rows[0].push(&self.ui.chinese);
            for (row, state) in rows[1..].iter_mut().zip(&states) {
                row.push(names::chinese(*state));
            }
        }
        format!("\n{}\n{}", self.bold(&self.ui.states), columns(&rows))
    }

    /// The signs and words on the ladder, and what they say.
    fn signs(&self) -> String {
        let drawn: String =
            self.lesson.ladders(&performance_style()).iter().map(Drawing::text).collect();
        let ui = self.ui;
        let glyphs = if self.style.utf8 {
            ["●", "✗", "╌", "━", "·"]
        } else {
            ["*", "x", "..", "==", "  "]
        };
        let meanings = [&ui.change, &ui.fails, &ui.again, &ui.reset, &ui.flying];
        let mut rows: Vec<Vec<&str>> = ["●", "✗", "╌╌", "━━", "··"]
            .into_iter()
            .zip(glyphs.into_iter().zip(meanings))
            .filter(|(in_reference, (sign, _))| {
                drawn.contains(in_reference) && !sign.trim().is_empty()
            })
            .map(|(_, (sign, meaning))| vec![sign, meaning.as_str()])
            .collect();
        let words = self.lesson.words(self.language).into_iter();
        rows.extend(words.map(|(word, meaning)| vec![word, meaning]));
        format!("\n{}\n{}", self.bold(&ui.signs), self.glossary(&rows))
    }

    /// Words and what they mean, the meanings wrapped.
    fn glossary(&self, rows: &[Vec<&str>]) -> String {
        let widest = rows.iter().map(|row| row[0].width()).max().unwrap_or(0);
        let indent = " ".repeat(2 + widest + 2);
        let line = |row: &Vec<&str>| {
            let gap = " ".repeat(widest - row[0].width());
            self.filled(row[1], &format!("  {}{gap}  ", row[0]), &indent)
        };
        rows.iter().map(line).collect()
    }

    /// `Title: text`, wrapped.
    fn titled(&self, title: &str, words: &str) -> String {
        format!("{}\n{}", self.bold(title), self.filled(words, "", ""))
    }

    /// A title and some items, one a line.
    fn list(&self, title: &str, items: &[String]) -> String {
        let mut text = self.bold(title);
        text.push('\n');
        for item in items {
            text.push_str(&self.filled(item, "  ", "    "));
        }
        text
    }

    fn filled(&self, words: &str, first: &str, rest: &str) -> String {
        let columns = self.style.width.clamp(Style::NARROWEST, WIDEST_TEXT);
        // Names and paths have hyphens, and are to be found when one looks for them.
        let options = Options::new(columns)
            .initial_indent(first)
            .subsequent_indent(rest)
            .word_splitter(WordSplitter::NoHyphenation);
        let paragraphs = words.trim().split("\n\n").map(|paragraph| {
            let paragraph = paragraph.split_whitespace().collect::<Vec<_>>().join(" ");
            textwrap::fill(&paragraph, &options) + "\n"
        });
        paragraphs.collect()
    }

    fn bold(&self, words: &str) -> String {
        if self.style.color { format!("\x1b[1m{words}\x1b[0m") } else { words.to_owned() }
    }
}

/// Whether `word` stands in `text` by itself.
pub(super) fn stands_in(text: &str, word: &str) -> bool {
    text.match_indices(word).any(|(at, _)| {
        let before = text[..at].chars().next_back();
        let behind = text[at + word.len()..].chars().next();
        before.is_none_or(|c| c == ' ') && behind.is_none_or(|c| [' ', ',', '\n'].contains(&c))
    })
}

/// `block` behind the gutter, `mark` beside its first line.
fn indented(block: &str, mark: &str) -> String {
    let mut text = String::new();
    for (index, line) in block.lines().enumerate() {
        let mark = if index == 0 { mark } else { "" };
        let _ = writeln!(text, "{}", format!("{mark:<GUTTER$}{line}").trim_end());
    }
    text
}

/// Rows of cells in columns.
fn columns(rows: &[Vec<&str>]) -> String {
    let count = rows.iter().map(Vec::len).max().unwrap_or(0);
    let cell = |row: &Vec<&str>, column: usize| row.get(column).map_or(0, |text| text.width());
    let widths: Vec<usize> = (0..count)
        .map(|column| rows.iter().map(|row| cell(row, column)).max().unwrap_or(0))
        .collect();
    let mut text = String::new();
    for row in rows {
        let mut line = String::from("  ");
        for (cell, columns) in row.iter().zip(&widths) {
            let _ = write!(line, "{cell}{}", " ".repeat(columns - cell.width() + 2));
        }
        let _ = writeln!(text, "{}", line.trim_end());
    }
    text
}
