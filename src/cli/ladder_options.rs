//! Options of ladders, wherever one is shown: `run`, `get`, `replay`.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};

use clap::Args;

use super::engine::EngineKind;
use super::{Failure, exit};
use crate::view::{Ladder, PictureStyle, Style};

/// What ladders show, and where they go besides.
#[derive(Args, Clone, Debug)]
pub(super) struct LadderOptions {
    /// Draw the ladders to this file, as an SVG picture
    #[arg(long, env = "GLASS_LADDER_SVG", value_name = "FILE")]
    ladder_svg: Option<PathBuf>,
    /// Write the ladders to this file as an HTML page that needs nothing else: the pictures, and all that
    /// each header says
    #[arg(long, env = "GLASS_LADDER_HTML", value_name = "FILE")]
    ladder_html: Option<PathBuf>,
    /// Show in the ladder which section of RFC 9293 asks for each change of our state (pictures and pages
    /// show it anyway)
    #[arg(long, env = "GLASS_SECTIONS")]
    sections: bool,
    /// Show in the ladder which timers are set and cleared, too, and not only those that ran out
    #[arg(long, env = "GLASS_TIMERS")]
    pub(super) timers: bool,
}

impl LadderOptions {
    /// Whether ladders are asked for, even where none are printed.
    pub(super) const fn wants_files(&self) -> bool {
        self.ladder_svg.is_some() || self.ladder_html.is_some()
    }

    /// Refuses what the chosen engine cannot do, before anything is made.
    pub(super) fn check(&self, engine: EngineKind) -> Result<(), Failure> {
        if engine.has_ladders() || !self.wants_files() {
            return Ok(());
        }
        let option = if self.ladder_svg.is_some() { "--ladder-svg" } else { "--ladder-html" };
        Err(Failure::new(
            exit::USAGE,
            format!(
                "--engine smoltcp cannot do {option}: it raises no events; leave it out, or use --engine ours"
            ),
        ))
    }

    /// How ladders look as text.
    pub(super) const fn style(&self, style: Style) -> Style {
        Style { sections: self.sections, ..style }
    }

    /// Makes the files, so that it is known before anything starts whether they can be written.
    pub(super) fn open(&self) -> Result<LadderFiles, Failure> {
        let open = |path: &Option<PathBuf>, option| {
            path.as_deref().map(|path| LadderFile::create(path, option)).transpose()
        };
        Ok(LadderFiles {
            svg: open(&self.ladder_svg, "--ladder-svg")?,
            html: open(&self.ladder_html, "--ladder-html")?,
        })
    }
}

/// Files that wait for the ladders.
pub(super) struct LadderFiles {
    svg: Option<LadderFile>,
    html: Option<LadderFile>,
}

struct LadderFile {
    file: File,
    path: PathBuf,
    option: &'static str,
}

impl LadderFiles {
    /// Draws the ladders; `title` is what they are about, and a failure ends with `code`.
    pub(super) fn write(self, ladder: &Ladder, title: &str, code: u8) -> Result<(), Failure> {
        let style = PictureStyle::default();
        if let Some(file) = self.svg {
            file.write(&ladder.svg_all(&style), code)?;
        }
        if let Some(file) = self.html {
            file.write(&ladder.page(title, &style), code)?;
        }
        Ok(())
    }
}

impl LadderFile {
    fn create(path: &Path, option: &'static str) -> Result<Self, Failure> {
        match File::create(path) {
            Ok(file) => Ok(LadderFile { file, path: path.to_owned(), option }),
            Err(error) => Err(cannot_write(exit::USAGE, option, path, &error)),
        }
    }

    fn write(mut self, text: &str, code: u8) -> Result<(), Failure> {
        let written = self.file.write_all(text.as_bytes());
        written.map_err(|error| cannot_write(code, self.option, &self.path, &error))
    }
}

fn cannot_write(code: u8, option: &str, path: &Path, error: &std::io::Error) -> Failure {
    Failure::new(code, format!("cannot write {option} {}: {error}", path.display()))
}
