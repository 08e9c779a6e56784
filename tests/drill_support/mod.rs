//! What the tests of scripts share: where scripts are, running them, and telling what came of it.

#![allow(dead_code, reason = "each test binary uses a part of this module")]

use std::path::{Path, PathBuf};

use glasstack::drill::plan::Choices;
use glasstack::drill::report::text;
use glasstack::drill::suite::{self, Outcome, Verdict};
use glasstack::drill::{IpVersion, Profile, report::Tally};
use glasstack::view::Style;

/// A folder of the tests.
pub fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(name)
}

/// The scripts in a folder and below.
pub fn scripts(name: &str) -> Vec<PathBuf> {
    suite::scripts(&[folder(name)]).expect("there are scripts")
}

/// The choices that scripts run with when nobody chooses, over IPv4.
pub fn choices(profile: Profile) -> Choices {
    choices_over(profile, IpVersion::V4)
}

/// The same over that version of IP.
pub fn choices_over(profile: Profile, ip_version: IpVersion) -> Choices {
    Choices { profile, ip_version, ..Choices::default() }
}

/// Runs scripts, and prints what there is to say of those that do not pass.
pub fn run(paths: &[PathBuf], choices: &Choices) -> Tally {
    tally(paths, choices, |verdict| {
        if !verdict.has_passed() {
            println!("{}", told(verdict));
        }
    })
}

/// Runs scripts, and shows each verdict to `look`.
pub fn tally(paths: &[PathBuf], choices: &Choices, mut look: impl FnMut(&Verdict) + Send) -> Tally {
    let mut tally = Tally::default();
    suite::run_all(paths, choices, 2, |verdict| {
        tally.add(&verdict);
        look(&verdict);
    });
    tally
}

/// What the program would say of it.
pub fn told(verdict: &Verdict) -> String {
    text(verdict, false, &Style::default())
}

/// Runs the text of a script under a name, over IPv4 unless it is for IPv6 alone.
pub fn run_text(name: &str, text: &str) -> Verdict {
    let over = |version| Verdict {
        path: name.into(),
        outcome: suite::run_text(text, &choices_over(Profile::default(), version)),
    };
    let verdict = over(IpVersion::V4);
    if verdict.was_skipped() { over(IpVersion::V6) } else { verdict }
}

/// The line at which a script failed; `None` unless it ran and failed.
pub fn failed_at(verdict: &Verdict) -> Option<usize> {
    match &verdict.outcome {
        Outcome::Ran(run) => run.failure.as_ref().map(|failure| failure.at.line as usize),
        Outcome::Skipped(_) | Outcome::Refused(_) | Outcome::Unreadable(_) => None,
    }
}
