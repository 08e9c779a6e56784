//! For people: a line for each script; for one that fails, the ladder so far, and what was expected.

use super::super::run::{Failure, Run};
use super::super::suite::{Outcome, Verdict};
use super::{Tally, ladder};
use crate::view::Style;

/// What to tell of one script. `verbose` shows the ladder of those that pass as well.
#[must_use]
pub fn text(verdict: &Verdict, verbose: bool, style: &Style) -> String {
    let path = verdict.path.display();
    match &verdict.outcome {
        Outcome::Ran(run) => match &run.failure {
            None if verbose => format!("{} {path}\n{}", good("ok  ", style), shown(run, style)),
            None => format!("{} {path}\n", good("ok  ", style)),
            Some(failure) => {
                let line = failure.at.line;
                let head = format!("{} {path}:{line}: {}", bad("FAIL", style), failure.what);
                format!("{head}\n{}{}", shown(run, style), details(failure))
            }
        },
        Outcome::Skipped(skip) => format!("skip {path}:{}: {}\n", skip.at.line, skip.why),
        Outcome::Refused(refusal) => {
            let (line, column) = (refusal.at.line, refusal.at.column);
            format!("{} {path}:{line}:{column}: {}\n", bad("BAD ", style), refusal.message)
        }
        Outcome::Unreadable(why) => format!("{} {path} {why}\n", bad("BAD ", style)),
    }
}

/// What to tell at the end.
#[must_use]
pub fn summary(tally: &Tally) -> String {
    let Tally { passed, failed, skipped, refused, virtual_time } = tally;
    let skipped = match skipped {
        0 => String::new(),
        some => format!(", {some} skipped"),
    };
    let refused = match refused {
        0 => String::new(),
        some => format!(", {some} could not be run"),
    };
    let seconds = virtual_time.as_secs_f64();
    format!("{passed} passed, {failed} failed{skipped}{refused}; {seconds:.1} s of virtual time\n")
}

fn shown(run: &Run, style: &Style) -> String {
    let notes =
        run.notes.iter().map(|note| format!("  note (line {}): {}\n", note.line, note.text));
    [ladder(&run.rows, style)].into_iter().chain(notes).collect()
}

fn details(failure: &Failure) -> String {
    let line = failure.at.line;
    let expected =
        failure.expected.iter().map(|text| format!("  expected (line {line}): {text}\n"));
    let got = failure.got.iter().map(|text| format!("  got:      {text}\n"));
    let differences = failure.differences.iter().map(|difference| format!("    {difference}\n"));
    expected.chain(got).chain(differences).collect()
}

fn good(text: &str, style: &Style) -> String {
    painted(text, "32", style)
}

fn bad(text: &str, style: &Style) -> String {
    painted(text, "1;31", style)
}

fn painted(text: &str, color: &str, style: &Style) -> String {
    if style.color { format!("\x1b[{color}m{text}\x1b[0m") } else { text.to_owned() }
}
