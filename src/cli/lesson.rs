//! `glass lesson`: small exchanges with a question and its answer, in no time.

use std::env;
use std::ffi::OsString;
use std::io::{self, IsTerminal, Write};

use clap::{Args, Parser};

use super::capture_options::CaptureFile;
use super::lesson_files::{LessonFiles, write_course};
use super::options::Output;
use super::run::Run;
use super::{Failure, exit, step, terminal};
use crate::lesson::{Language, Lesson, Plot, Sheet, course, names, plots, script};

/// Show a lesson about TCP: a question, what two hosts of ours do, and the answer
///
/// Both hosts are played in virtual time: no network, no root, no waiting. Without a name all lessons are listed.
#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  glass lesson\n  glass lesson three-way-handshake\n  \
                        glass lesson --step time-wait-2msl --lang zh\n  \
                        glass lesson --script data-lost > data-lost.pkt; glass drill -v data-lost.pkt\n  \
                        glass lesson --script=server data-lost\n  \
                        glass lesson --live four-way-close\n  \
                        glass lesson fast-retransmit --ladder-svg fast-retransmit.svg\n  \
                        glass lesson data-lost --pcap o.pcapng; wireshark o.pcapng\n  \
                        glass lesson --course course --lang zh")]
pub(super) struct LessonCommand {
    /// Which
    #[arg(value_name = "NAME", conflicts_with = "names")]
    name: Option<String>,
    /// Print the names of all lessons and nothing else
    #[arg(long, env = "GLASS_LESSON_NAMES")]
    names: bool,
    /// In which language [default: what LC_ALL, LC_MESSAGES or LANG ask for, or en]
    #[arg(long, value_enum, env = "GLASS_LANGUAGE", value_name = "LANGUAGE")]
    lang: Option<Language>,
    /// Step by step on a terminal: n or space goes on, b back, e to the end, q quits
    #[arg(long, env = "GLASS_STEP", requires = "name")]
    step: bool,
    /// Print the exchange as a script for `glass drill` instead: what one end called, sent and received. `--script=client`
    /// or `--script=server` says which, with the number of the connection where there are several (`client-2`)
    #[arg(
        long,
        env = "GLASS_SCRIPT",
        value_name = "END",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "",
        requires = "name",
        conflicts_with_all = ["step", "live"]
    )]
    script: Option<String>,
    /// Print the lesson as a page in Markdown instead; its picture is what --ladder-svg NAME.svg draws
    #[arg(long, env = "GLASS_MARKDOWN", requires = "name", conflicts_with_all = ["step", "live", "script"])]
    markdown: bool,
    /// Play it with the kernel at the other end, in a private network as `glass run` does; for lessons where that
    /// can be arranged
    #[arg(long, env = "GLASS_LIVE", requires = "name", conflicts_with = "step")]
    live: bool,
    #[command(flatten)]
    files: LessonFiles,
    #[command(flatten)]
    capture: CaptureFile,
}

/// `glass run`, as its own command line would have it.
#[derive(Parser)]
struct AsRun {
    #[command(flatten)]
    run: Run,
}

impl LessonCommand {
    pub(super) fn execute(self, output: &Output) -> Result<u8, Failure> {
        let language = self.lang.unwrap_or_else(|| Language::of_locale(|name| env::var(name).ok()));
        if let Some(directory) = self.files.course() {
            return write_course(directory, self.lang, output);
        }
        let Some(name) = &self.name else {
            if self.capture.is_wanted() {
                let what = "--pcap captures a lesson: name one";
                return Err(Failure::new(exit::USAGE, what));
            }
            let list = if self.names { only_names() } else { list(language) };
            return print(&list);
        };
        let lesson = Lesson::play(name).ok_or_else(|| unknown(name))?;
        let plot = lesson.plot;
        self.files.write_ladders(&lesson, language)?;
        if !self.live {
            self.capture(&lesson)?;
        }
        if let Some(end) = &self.script {
            return print(&script_of(&lesson, end)?);
        }
        if self.markdown {
            return print(&course::page(&lesson, language));
        }
        let style = terminal::stdout_style(output.color);
        if self.live {
            let sheet = Sheet::new(&lesson, language, &style);
            return live(&sheet, plot, &self.capture, output);
        }
        if self.step && io::stdin().is_terminal() && io::stdout().is_terminal() {
            return step::through(&lesson, language, &style).map(|()| 0);
        }
        print(&Sheet::new(&lesson, language, &style).whole())
    }
}

impl LessonCommand {
    /// Writes the capture, if one is asked for: complete when this returns.
    fn capture(&self, lesson: &Lesson) -> Result<(), Failure> {
        let capture = self.capture.start_virtual("lesson")?;
        capture.iter().for_each(|capture| lesson.performance.capture(capture));
        Ok(())
    }
}

/// A line for each lesson.
fn list(language: Language) -> String {
    let widest = names().map(str::len).max().unwrap_or(0);
    let line =
        |plot: &Plot| format!("{:widest$}  {}\n", plot.name, crate::lesson::line(language, plot));
    plots().map(line).collect()
}

fn only_names() -> String {
    names().flat_map(|name| [name, "\n"]).collect()
}

fn unknown(name: &str) -> Failure {
    let like = names().filter(|known| known.contains(name) || name.contains(known));
    let like: Vec<_> = like.collect();
    let hint = match like.as_slice() {
        [] => "`glass lesson` lists them".to_owned(),
        like => format!("did you mean {}? `glass lesson` lists all", like.join(" or ")),
    };
    Failure::new(exit::USAGE, format!("there is no lesson {name:?}: {hint}"))
}

/// The script of the end that is asked for, or of the first that there is.
fn script_of(lesson: &Lesson, end: &str) -> Result<String, Failure> {
    let scripts = script::scripts(lesson);
    let wanted = |view: &str| end.is_empty() || end == view;
    if let Some((_, text)) = scripts.iter().find(|(view, _)| wanted(&view.to_string())) {
        return Ok(text.clone());
    }
    let Plot { name, drills, .. } = lesson.plot;
    let there: Vec<_> = scripts.iter().map(|(view, _)| view.to_string()).collect();
    let message = if there.is_empty() {
        let others: Vec<_> =
            plots().filter(|plot| !plot.scripts.is_empty()).map(|plot| plot.name).collect();
        format!(
            "what happens in {name} is no script; close to it are {}. Those that are one: {}",
            drills.join(" "),
            others.join(", ")
        )
    } else {
        let there = there.join(", ");
        format!("{name} is no script from the end {end:?}; it is one from {there}")
    };
    Err(Failure::new(exit::USAGE, message))
}

/// The question, what happens between the kernel and us, and the answer.
fn live(
    sheet: &Sheet<'_>,
    plot: &Plot,
    capture: &CaptureFile,
    output: &Output,
) -> Result<u8, Failure> {
    let Some(live) = plot.live else {
        let others: Vec<_> =
            plots().filter(|plot| plot.live.is_some()).map(|plot| plot.name).collect();
        return Err(Failure::new(
            exit::USAGE,
            format!(
                "{} cannot be arranged with the kernel; these can: {}",
                plot.name,
                others.join(", ")
            ),
        ));
    };
    let command = ["--", "sh", "-c", live.command].map(OsString::from);
    let options = ["run"].iter().chain(live.options).map(OsString::from);
    let arguments = options.chain(capture.arguments()).chain(command);
    let AsRun { run } = AsRun::try_parse_from(arguments).map_err(|error| {
        Failure::new(exit::FAILURE, format!("a defect of this lesson: {error}"))
    })?;
    output.note(live);
    print(&sheet.question())?;
    let code = run.execute(output)?;
    print(&sheet.answer())?;
    Ok(code)
}

fn print(text: &str) -> Result<u8, Failure> {
    match io::stdout().write_all(text.as_bytes()) {
        Ok(()) => Ok(0),
        // Whoever reads has seen enough.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(0),
        Err(error) => Err(Failure::new(exit::FAILURE, format!("cannot write: {error}"))),
    }
}
