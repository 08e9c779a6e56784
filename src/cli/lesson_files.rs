//! What `glass lesson` writes into files: pictures, pages, a whole course.

use std::fs;
use std::path::{Path, PathBuf};

use clap::Args;

use super::options::Output;
use super::{Failure, exit};
use crate::lesson::{Language, Lesson, course};

/// Files that come of lessons.
#[derive(Args, Debug)]
pub(super) struct LessonFiles {
    /// Draw the ladders to this file as well, as an SVG picture, with the numbers of the remarks
    #[arg(long, env = "GLASS_LESSON_SVG", value_name = "FILE", requires = "name")]
    ladder_svg: Option<PathBuf>,
    /// Write the ladders to this file as well, as an HTML page that needs nothing else: the pictures, and all
    /// that each header says
    #[arg(long, env = "GLASS_LESSON_HTML", value_name = "FILE", requires = "name")]
    ladder_html: Option<PathBuf>,
    /// Write all lessons to this directory, as a course to read: a page in Markdown and a picture for each, an index,
    /// a glossary. In English, and in Chinese below zh/; in one language with --lang
    #[arg(long, env = "GLASS_COURSE", value_name = "DIR", conflicts_with_all = ["name", "names"])]
    course: Option<PathBuf>,
}

impl LessonFiles {
    /// Where the course goes, if it is asked for.
    pub(super) fn course(&self) -> Option<&Path> {
        self.course.as_deref()
    }

    /// Draws what is asked for of one lesson.
    pub(super) fn write_ladders(&self, lesson: &Lesson, language: Language) -> Result<(), Failure> {
        if let Some(path) = &self.ladder_svg {
            write("--ladder-svg", path, &lesson.svg())?;
        }
        if let Some(path) = &self.ladder_html {
            write("--ladder-html", path, &lesson.html(language))?;
        }
        Ok(())
    }
}

/// Writes all lessons; files of the same names are written over, others stay.
pub(super) fn write_course(
    directory: &Path,
    language: Option<Language>,
    output: &Output,
) -> Result<u8, Failure> {
    let files = match language {
        Some(language) => course::files(&[language]),
        None => course::files(&Language::ALL),
    };
    for file in &files {
        let path = directory.join(&file.path);
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).map_err(|error| cannot("--course", folder, &error))?;
        }
        write("--course", &path, &file.text)?;
    }
    let first = directory.join("README.md");
    output.note(format_args!("{} files; begin with {}", files.len(), first.display()));
    Ok(0)
}

fn write(option: &str, path: &Path, text: &str) -> Result<(), Failure> {
    fs::write(path, text).map_err(|error| cannot(option, path, &error))
}

fn cannot(option: &str, path: &Path, error: &std::io::Error) -> Failure {
    Failure::new(exit::USAGE, format!("cannot write {option} {}: {error}", path.display()))
}
