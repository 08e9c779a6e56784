//! Files and folders of scripts, and running them side by side.

use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::{fs, io, thread};

use super::plan::{self, Choices, Plan, Refusal};
use super::run::{self, Run};
use super::script;
use super::twin::{self, Skip};
use crate::trace::Sink;

/// How scripts are named in folders.
const EXTENSION: &str = "pkt";
/// No script is larger.
const LARGEST: u64 = 1 << 20;

/// What came of one file.
#[derive(Clone, Debug)]
pub struct Verdict {
    /// The file.
    pub path: PathBuf,
    /// How it went.
    pub outcome: Outcome,
}

/// How a script went.
#[derive(Clone, Debug)]
pub enum Outcome {
    /// It has run, and passed or failed.
    Ran(Run),
    /// It is not for the version of IP that scripts are played over.
    Skipped(Skip),
    /// It cannot be run.
    Refused(Refusal),
    /// It cannot be read.
    Unreadable(String),
}

impl Verdict {
    /// Whether it ran, and all was as it says.
    #[must_use]
    pub fn has_passed(&self) -> bool {
        matches!(&self.outcome, Outcome::Ran(run) if run.failure.is_none())
    }

    /// Whether it is not for the version of IP that scripts are played over.
    #[must_use]
    pub fn was_skipped(&self) -> bool {
        matches!(&self.outcome, Outcome::Skipped(_))
    }

    /// Whether it ran, and something was not as it says.
    #[must_use]
    pub fn has_failed(&self) -> bool {
        matches!(&self.outcome, Outcome::Ran(run) if run.failure.is_some())
    }
}

/// The scripts that `paths` stand for: a file is taken whatever its name, of a folder all `*.pkt` in it
/// and below, in the order of their names.
///
/// # Errors
///
/// What cannot be found or read, or a folder without scripts, by its name.
pub fn scripts(paths: &[PathBuf]) -> Result<Vec<PathBuf>, String> {
    let mut found = Vec::new();
    for path in paths {
        let say = |error: io::Error| format!("cannot read {}: {error}", path.display());
        if fs::metadata(path).map_err(say)?.is_dir() {
            let before = found.len();
            below(path, &mut found).map_err(say)?;
            if found.len() == before {
                return Err(format!("no *.{EXTENSION} in {} or below", path.display()));
            }
        } else {
            found.push(path.clone());
        }
    }
    Ok(found)
}

fn below(folder: &Path, found: &mut Vec<PathBuf>) -> io::Result<()> {
    let mut entries = fs::read_dir(folder)?.collect::<io::Result<Vec<_>>>()?;
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let path = entry.path();
        // A link may lead in circles.
        if entry.file_type()?.is_dir() {
            below(&path, found)?;
        } else if path.extension().is_some_and(|extension| extension == EXTENSION) {
            found.push(path);
        }
    }
    Ok(())
}

/// Runs the scripts, as many at once as `jobs` says, and hands on each verdict in the order of `paths`.
pub fn run_all(
    paths: &[PathBuf],
    choices: &Choices,
    jobs: usize,
    mut each: impl FnMut(Verdict) + Send,
) {
    let next = AtomicUsize::new(0);
    let done: Mutex<(Vec<Option<Verdict>>, usize)> = Mutex::new((vec![None; paths.len()], 0));
    let each = Mutex::new(&mut each);
    thread::scope(|scope| {
        for _ in 0..jobs.clamp(1, paths.len().max(1)) {
            scope.spawn(|| {
                while let Some((index, path)) = Some(next.fetch_add(1, Ordering::Relaxed))
                    .and_then(|at| Some((at, paths.get(at)?)))
                {
                    let verdict = run_file(path, choices);
                    let mut each = each.lock().expect("nobody panics with it");
                    let mut done = done.lock().expect("nobody panics with it");
                    done.0[index] = Some(verdict);
                    while let Some(verdict) = {
                        let told = done.1;
                        done.0.get_mut(told).and_then(Option::take)
                    } {
                        done.1 += 1;
                        each(verdict);
                    }
                }
            });
        }
    });
}

/// Runs one file.
#[must_use]
pub fn run_file(path: &Path, choices: &Choices) -> Verdict {
    play_file(path, choices, run::run)
}

/// The same, and tells `sink` what happens in the stack meanwhile.
#[must_use]
pub fn run_file_telling(path: &Path, choices: &Choices, sink: Box<dyn Sink>) -> Verdict {
    play_file(path, choices, |plan| run::run_telling(plan, sink))
}

fn play_file(path: &Path, choices: &Choices, play: impl FnOnce(&Plan) -> Run) -> Verdict {
    let outcome = match read(path) {
        Ok(text) => play_text(&text, choices, play),
        Err(why) => Outcome::Unreadable(why),
    };
    Verdict { path: path.to_owned(), outcome }
}

/// Runs a script.
#[must_use]
pub fn run_text(text: &str, choices: &Choices) -> Outcome {
    play_text(text, choices, run::run)
}

/// Has a script played by `play`, once it is known that it can be.
pub fn play_text(text: &str, choices: &Choices, play: impl FnOnce(&Plan) -> Run) -> Outcome {
    let script = match script::parse(text, &choices.all_definitions()) {
        Ok(script) => script,
        Err(error) => return Outcome::Refused(error.into()),
    };
    if let Some(skip) = twin::missing(text, &script, choices.ip_version) {
        return Outcome::Skipped(skip);
    }
    match plan::plan(script, choices) {
        Ok(plan) => Outcome::Ran(play(&plan)),
        Err(refusal) => Outcome::Refused(refusal),
    }
}

fn read(path: &Path) -> Result<String, String> {
    let say = |error: io::Error| format!("cannot be read: {error}");
    let size = fs::metadata(path).map_err(say)?.len();
    if size > LARGEST {
        return Err(format!("has {size} octets, and a script has {LARGEST} at most"));
    }
    let octets = fs::read(path).map_err(say)?;
    String::from_utf8(octets).map_err(|_| "is no text in UTF-8".to_owned())
}
