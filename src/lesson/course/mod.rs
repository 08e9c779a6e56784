//! The lessons as a course to read: a page for each in Markdown with its picture, an index, and a glossary. All
//! words come from the tables of `texts`.

mod glossary;
mod index;
mod markdown;
mod page;

use super::texts::{self, CourseWords, Table};
use super::{Language, Lesson, names};
use crate::view::states_svg;

/// A file of the course.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    /// Where, with `/` between folders.
    pub path: String,
    /// What is in it.
    pub text: String,
}

/// The course in these languages, the first at the top and others in a folder of their own, for a folder that has
/// nothing else in it.
#[must_use]
pub fn files(languages: &[Language]) -> Vec<File> {
    let mut files = vec![File { path: "states.svg".to_owned(), text: states_svg(None) }];
    for (nth, language) in languages.iter().enumerate() {
        let others = languages.iter().enumerate().filter(|(other, _)| *other != nth);
        let up = if nth == 0 { "" } else { "../" };
        let frame = Frame {
            language: *language,
            pictures: up.to_owned(),
            states: format!("{up}states.svg"),
            glossary: "glossary.md".to_owned(),
            lessons: String::new(),
            project: None,
            others: others
                .map(|(nth, other)| (*other, format!("{up}{}", folder(nth, *other))))
                .collect(),
            is_alone: false,
        };
        write(&mut files, &frame, &folder(nth, *language));
        let glossary = glossary::glossary(&frame);
        files.push(File { path: format!("{}glossary.md", folder(nth, *language)), text: glossary });
    }
    pictures(&mut files, "");
    files
}

/// The course as it stands in `docs` of the project, in all languages.
#[must_use]
pub fn docs() -> Vec<File> {
    let mut files = Vec::new();
    for language in Language::ALL {
        let (up, folder, glossary, other, way) = match language {
            Language::En => ("", "course/", "glossary.md", Language::Zh, "zh/"),
            Language::Zh => ("../", "course/zh/", "glossary.zh.md", Language::En, "../"),
        };
        let frame = Frame {
            language,
            pictures: up.to_owned(),
            states: format!("{up}../states.svg"),
            glossary: format!("{up}../{glossary}"),
            lessons: String::new(),
            project: Some(format!("{up}../../")),
            others: vec![(other, way.to_owned())],
            is_alone: false,
        };
        write(&mut files, &frame, folder);
        let beside = Frame {
            states: "states.svg".to_owned(),
            glossary: glossary.to_owned(),
            lessons: folder.to_owned(),
            others: vec![(other, String::new())],
            ..frame
        };
        files.push(File { path: glossary.to_owned(), text: glossary::glossary(&beside) });
    }
    pictures(&mut files, "course/");
    files
}

/// The page of one lesson by itself, beside its picture `NAME.svg`.
#[must_use]
pub fn page(lesson: &Lesson, language: Language) -> String {
    let frame = Frame {
        language,
        pictures: String::new(),
        states: String::new(),
        glossary: String::new(),
        lessons: String::new(),
        project: None,
        others: Vec::new(),
        is_alone: true,
    };
    page::page(lesson, &frame)
}

/// Where the pages of one language stand, and what is around them; paths are as they are in links.
struct Frame {
    language: Language,
    /// The folder of the pictures.
    pictures: String,
    /// The diagram of the states.
    states: String,
    /// The glossary.
    glossary: String,
    /// The folder of the lessons.
    lessons: String,
    /// The top of the project, where that can be reached.
    project: Option<String>,
    /// The same in other languages: the folder.
    others: Vec<(Language, String)>,
    /// There are no other pages.
    is_alone: bool,
}

impl Frame {
    fn table(&self) -> &'static Table {
        texts::table(self.language)
    }

    fn words(&self) -> &'static CourseWords {
        &self.table().course
    }
}

/// Where the `nth` language has its pages.
fn folder(nth: usize, language: Language) -> String {
    if nth == 0 { String::new() } else { format!("{}/", language.code()) }
}

/// The index, and a page for each lesson.
fn write(files: &mut Vec<File>, frame: &Frame, folder: &str) {
    files.push(File { path: format!("{folder}README.md"), text: index::index(frame) });
    for lesson in names().filter_map(Lesson::play) {
        let path = format!("{folder}{}.md", lesson.plot.name);
        files.push(File { path, text: page::page(&lesson, frame) });
    }
}

fn pictures(files: &mut Vec<File>, folder: &str) {
    for lesson in names().filter_map(Lesson::play) {
        let path = format!("{folder}{}.svg", lesson.plot.name);
        files.push(File { path, text: lesson.svg() });
    }
}
