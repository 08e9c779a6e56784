//! For programs: one JSON object a line for each script, and one for all of them.

use serde::Serialize;
use serde_json::json;

use super::{Reasons, Tally};
use crate::drill::run::{Difference, Mark, Note, Row};
use crate::drill::suite::{Outcome, Verdict};

#[derive(Default, Serialize)]
struct Told<'a> {
    file: String,
    /// `pass`, `fail`, `skipped` or `refused`.
    result: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    column: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    expected: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    got: Option<&'a str>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    differences: &'a [Difference],
    #[serde(skip_serializing_if = "Option::is_none")]
    events: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    virtual_us: Option<u128>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    notes: &'a [Note],
    #[serde(skip_serializing_if = "Vec::is_empty")]
    ladder: Vec<serde_json::Value>,
}

/// One script, with its ladder if it failed or `verbose` asks for it. Ends with a newline.
#[must_use]
pub fn json(verdict: &Verdict, verbose: bool) -> String {
    let mut told = Told { file: verdict.path.display().to_string(), ..Told::default() };
    match &verdict.outcome {
        Outcome::Ran(run) => {
            told.result = "pass";
            told.events = Some(run.steps);
            told.virtual_us = Some(run.length.as_micros());
            told.notes = &run.notes;
            if verbose || run.failure.is_some() {
                told.ladder = run.rows.iter().map(row).collect();
            }
            if let Some(failure) = &run.failure {
                told.result = "fail";
                told.line = Some(failure.at.line);
                told.column = Some(failure.at.column);
                told.message = Some(failure.what.clone());
                told.expected = failure.expected.as_deref();
                told.got = failure.got.as_deref();
                told.differences = &failure.differences;
            }
        }
        Outcome::Skipped(skip) => {
            told.result = "skipped";
            told.line = Some(skip.at.line);
            told.column = Some(skip.at.column);
            told.message = Some(skip.why.clone());
        }
        Outcome::Refused(refusal) => {
            told.result = "refused";
            told.line = Some(refusal.at.line);
            told.column = Some(refusal.at.column);
            told.message = Some(refusal.message.clone());
        }
        Outcome::Unreadable(why) => {
            told.result = "refused";
            told.message = Some(why.clone());
        }
    }
    serde_json::to_string(&told).expect("strings and numbers") + "\n"
}

/// All of them, with `reasons` by folder and by reason. Ends with a newline.
#[must_use]
pub fn summary_json(tally: &Tally, reasons: Option<&Reasons>) -> String {
    let Tally { passed, failed, skipped, refused, virtual_time } = tally;
    let virtual_us = virtual_time.as_micros();
    let mut all = json!({
        "passed": passed, "failed": failed, "skipped": skipped, "refused": refused,
        "virtual_us": u64::try_from(virtual_us).unwrap_or(u64::MAX),
    });
    if let Some(reasons) = reasons {
        (all["folders"], all["reasons"]) = reasons.json();
    }
    all.to_string() + "\n"
}

fn row(row: &Row) -> serde_json::Value {
    let what = match row.mark {
        Mark::In => "in",
        Mark::Out => "out",
        Mark::Skipped => "skipped",
        Mark::Call => "call",
        Mark::Begun => "begun",
        Mark::Note => "note",
    };
    json!({
        "at_us": u64::try_from(row.at.as_micros()).unwrap_or(u64::MAX),
        "line": row.line,
        "what": what,
        "text": row.text,
        "state": row.state.map(|state| state.to_string()),
        "timers": row.timers,
    })
}
