//! Many scripts at a glance: how those of each folder went, and why those that did not pass did not, the most
//! frequent reason first.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::super::run::Failure;
use super::super::suite::{Outcome, Verdict};
use super::Tally;

/// What came of many scripts.
#[derive(Clone, Debug, Default)]
pub struct Reasons {
    folders: BTreeMap<PathBuf, Tally>,
    /// How often, by what it came to and why.
    reasons: BTreeMap<(&'static str, String), usize>,
}

impl Reasons {
    /// Counts one more.
    pub fn add(&mut self, verdict: &Verdict) {
        let folder = verdict.path.parent().unwrap_or(Path::new("")).to_owned();
        self.folders.entry(folder).or_default().add(verdict);
        if let Some(reason) = reason(&verdict.outcome) {
            *self.reasons.entry(reason).or_default() += 1;
        }
    }

    /// For people: a line for each folder, and one for each reason.
    #[must_use]
    pub fn text(&self) -> String {
        let names: Vec<String> = self.folders.keys().map(|folder| named(folder)).collect();
        let width = names.iter().map(|name| name.chars().count()).max().unwrap_or(0).max(6);
        let mut text = format!("{:width$}  passed  failed  skipped  could not be run\n", "folder");
        for (name, tally) in names.iter().zip(self.folders.values()) {
            let Tally { passed, failed, skipped, refused, .. } = tally;
            writeln!(text, "{name:width$}  {passed:6}  {failed:6}  {skipped:7}  {refused:16}")
                .expect("memory");
        }
        if !self.reasons.is_empty() {
            text.push_str("\nscripts  why\n");
        }
        for ((what, why), count) in self.ranked() {
            writeln!(text, "{count:7}  {what}: {why}").expect("memory");
        }
        text + "\n"
    }

    /// For programs: an object for each folder and for each reason.
    #[must_use]
    pub fn json(&self) -> (Value, Value) {
        let folders = self.folders.iter().map(|(folder, tally)| {
            let Tally { passed, failed, skipped, refused, .. } = tally;
            json!({
                "folder": named(folder), "passed": passed, "failed": failed, "skipped": skipped,
                "refused": refused,
            })
        });
        let reasons = self
            .ranked()
            .into_iter()
            .map(|((what, why), count)| json!({ "result": what, "why": why, "scripts": count }));
        (folders.collect(), reasons.collect())
    }

    fn ranked(&self) -> Vec<(&(&'static str, String), usize)> {
        let mut ranked: Vec<_> = self.reasons.iter().map(|(why, count)| (why, *count)).collect();
        ranked.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        ranked
    }
}

/// Why a script did not pass, without what is of this one script alone: its numbers.
fn reason(outcome: &Outcome) -> Option<(&'static str, String)> {
    match outcome {
        Outcome::Ran(run) => run.failure.as_deref().map(|failure| ("failed", of_failure(failure))),
        Outcome::Skipped(skip) => Some(("skipped", without_numbers(&skip.why))),
        Outcome::Refused(refusal) => Some(("could not be run", without_numbers(&refusal.message))),
        Outcome::Unreadable(why) => Some(("could not be run", without_numbers(why))),
    }
}

fn of_failure(failure: &Failure) -> String {
    // What was found instead comes behind a colon or a semicolon, and is of this script.
    let what = failure.what.split([':', ';']).next().unwrap_or_default();
    let fields: Vec<_> = failure.differences.iter().map(|difference| difference.field).collect();
    let what = without_numbers(what);
    if fields.is_empty() { what } else { format!("{what} ({})", fields.join(", ")) }
}

/// Every number by itself as `N`: what is a part of a name stays.
fn without_numbers(text: &str) -> String {
    let is_number = |word: &str| word.starts_with(|char: char| char.is_ascii_digit());
    let is_sign = |char: char| !char.is_alphanumeric();
    let word = |word: &str| match word.trim_end_matches(is_sign) {
        number if is_number(number) => word.replacen(number, "N", 1),
        _ => word.to_owned(),
    };
    text.split(' ').map(word).collect::<Vec<_>>().join(" ")
}

fn named(folder: &Path) -> String {
    if folder.as_os_str().is_empty() { ".".to_owned() } else { folder.display().to_string() }
}

#[cfg(test)]
mod tests {
    use super::super::super::plan::Choices;
    use super::super::super::suite;
    use super::*;

    #[test]
    fn scripts_are_counted_by_folder_and_by_reason() {
        let socket = "0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3\n";
        let mut reasons = Reasons::default();
        for (path, behind) in [
            ("a/1.pkt", ""),
            ("a/2.pkt", "+0 sendfile(3, 4, 5, 6) = 0\n"),
            ("b/1.pkt", "+1 sendfile(3, 4, 5, 600) = 7\n"),
            ("b/2.pkt", "+0 close(3) = 5\n"),
            ("3.pkt", "+0 < icmp source_quench [0:0(0)]\n+0 close(9) = 0\n"),
        ] {
            let outcome = suite::run_text(&format!("{socket}{behind}"), &Choices::default());
            reasons.add(&Verdict { path: path.into(), outcome });
        }
        let text = reasons.text();
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(lines[0], "folder  passed  failed  skipped  could not be run", "{text}");
        assert_eq!(lines[1].split_whitespace().collect::<Vec<_>>(), [".", "0", "1", "0", "0"]);
        assert_eq!(lines[2].split_whitespace().collect::<Vec<_>>(), ["a", "1", "0", "0", "1"]);
        assert_eq!(lines[3].split_whitespace().collect::<Vec<_>>(), ["b", "0", "1", "0", "1"]);
        assert_eq!(lines[6], "      2  could not be run: the call sendfile is not supported");
        assert_eq!(lines[7], "      2  failed: the call did not return what it should (result)");
        assert_eq!(lines.len(), 9, "{text}");
        let (folders, why) = reasons.json();
        assert_eq!(folders[1]["folder"], "a");
        assert_eq!(
            (&why[0]["scripts"], &why[0]["result"]),
            (&2.into(), &"could not be run".into())
        );
    }

    #[test]
    fn numbers_do_not_make_a_reason_of_its_own() {
        assert_eq!(
            without_numbers("no packet left by 6.375 s; the next one left at 7.0 s"),
            "no packet left by N s; the next one left at N s"
        );
        assert_eq!(without_numbers("the command `x 1500` is"), "the command `x N` is");
        assert_eq!(
            without_numbers("the sysctl net.ipv4.tcp_ecn=3"),
            "the sysctl net.ipv4.tcp_ecn=3"
        );
    }
}
