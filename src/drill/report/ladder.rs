//! The ladder of a script: what happened, line by line, with our state and timers after it.

use super::super::run::{Mark, Row};
use crate::tcp::TimerLeft;
use crate::view::Style;

/// Columns that the middle may take.
const WIDEST: usize = 78;
const NARROWEST: usize = 40;

/// The rows of a script, a header above them. Ends with a newline.
#[must_use]
pub fn ladder(rows: &[Row], style: &Style) -> String {
    let texts: Vec<String> = rows.iter().map(|row| middle(row, style)).collect();
    let width = texts.iter().map(|text| text.chars().count()).max().unwrap_or(0);
    let width = width.clamp(NARROWEST, WIDEST);
    let mut out = format!(
        "  {:>11}  {:>4}  {:<width$}  {:<12} {}\n",
        "time (s)", "line", "peer                            us", "our state", "timers (s)"
    );
    for (row, text) in rows.iter().zip(&texts) {
        let time = format!("{}.{:06}", row.at.as_secs(), row.at.subsec_micros());
        let line = row.line.map_or(String::new(), |line| line.to_string());
        let state = row.state.map_or(String::from("-"), |state| state.to_string());
        let line =
            format!("  {time:>11}  {line:>4}  {text:<width$}  {state:<12} {}", timers(&row.timers));
        out += line.trim_end();
        out.push('\n');
    }
    out
}

/// A packet as an arrow, anything else as it is.
fn middle(row: &Row, style: &Style) -> String {
    let (to, from, dot) =
        if style.utf8 { ("──►", "◄──", "·") } else { ("-->", "<--", ".") };
    let tail = if style.utf8 { "──" } else { "--" };
    let text = row.text.trim_start_matches(['<', '>']).trim();
    match row.mark {
        Mark::In => format!("{tail} {text} {to}"),
        Mark::Out => format!("{from} {text} {tail}"),
        Mark::Skipped => format!("{from} {text}, not under test"),
        Mark::Call | Mark::Begun | Mark::Note => format!("{dot}  {text}"),
    }
}

fn timers(timers: &[TimerLeft]) -> String {
    let each: Vec<String> = timers
        .iter()
        .map(|entry| {
            let left = format!("{}.{:03}", entry.left.as_secs(), entry.left.subsec_millis());
            format!("{} {left}", entry.timer)
        })
        .collect();
    each.join(", ")
}
