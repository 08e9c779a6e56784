//! `glass lesson`: small exchanges with a question and its answer, in no time.

use std::env;
use std::ffi::OsString;
use std::io::{self, IsTerminal, Write};

use clap::{Args, Parser};

use super::capture_options::CaptureFile;
use super::options::Output;
use super::run::Run;
use super::{Failure, exit, step, terminal};
use crate::lesson::{Language, Lesson, Plot, Sheet, names, plots, script};

/// Show a lesson about TCP: a question, what two hosts of ours do, and the answer
///
/// Both hosts are played in virtual time: no network, no root, no waiting. Without a name all lessons are listed.
#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  glass lesson\n  glass lesson three-way-handshake\n  \
                        glass lesson --step time-wait-2msl --lang zh\n  \
                        glass lesson --script data-lost > data-lost.pkt; glass drill -v data-lost.pkt\n  \
                        glass lesson --live four-way-close\n  \
                        glass lesson data-lost --pcap o.pcapng; wireshark o.pcapng")]
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
    /// Print the exchange as a script for `glass drill` instead
    #[arg(long, env = "GLASS_SCRIPT", requires = "name", conflicts_with_all = ["step", "live"])]
    script: bool,
    /// Play it with the kernel at the other end, in a private network as `glass run` does; for lessons where that
    /// can be arranged
    #[arg(long, env = "GLASS_LIVE", requires = "name", conflicts_with = "step")]
    live: bool,
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
        let Some(name) = &self.name else {
            if self.capture.is_wanted() {
                let what = "--pcap captures a lesson: name one";
                return Err(Failure::new(exit::USAGE, what));
            }
            let list = if self.names { only_names() } else { list(language) };
            return print(&list);
        };
        let Some(plot) = plots().find(|plot| plot.name == name) else {
            return Err(unknown(name));
        };
        let lesson = Lesson::play(plot.name).expect("it was found by its name");
        if !self.live {
            self.capture(&lesson)?;
        }
        if self.script {
            return match script::script(&lesson) {
                Some(text) => print(&text),
                None => Err(no_script(plot)),
            };
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

fn no_script(plot: &Plot) -> Failure {
    let others: Vec<_> =
        plots().filter(|plot| plot.script.is_some()).map(|plot| plot.name).collect();
    Failure::new(
        exit::USAGE,
        format!(
            "what happens in {} is no single script; close to it are {}. Those that are one: {}",
            plot.name,
            plot.drills.join(" "),
            others.join(", ")
        ),
    )
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
    let quoted = |option: &&str| {
        if option.contains([' ', '#']) { format!("'{option}'") } else { (*option).to_owned() }
    };
    let words = ["glass run".to_owned()].into_iter().chain(live.options.iter().map(quoted));
    let words = words.collect::<Vec<_>>().join(" ");
    output.note(format_args!("{words} -- sh -c '{}'", live.command));
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
