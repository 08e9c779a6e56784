//! The little of Markdown that the course needs.

use std::fmt::Write;

use crate::tcp::{State, names};

/// Words as running text: what would be a sign of Markdown is none, and names of states and constants stand out.
/// What stands between backticks stays as it is.
pub(super) fn prose(words: &str) -> String {
    let paragraphs = words.trim().split("\n\n");
    let paragraphs = paragraphs.map(|paragraph| {
        let paragraph = paragraph.split_whitespace().collect::<Vec<_>>().join(" ");
        let pieces = paragraph.split('`').enumerate();
        let pieces =
            pieces.map(|(nth, piece)| if nth % 2 == 0 { plain(piece) } else { code(piece) });
        pieces.collect::<String>()
    });
    paragraphs.collect::<Vec<_>>().join("\n\n")
}

/// Between backticks.
pub(super) fn code(words: &str) -> String {
    format!("`{words}`")
}

/// A block of code; `kind` is how it is coloured.
pub(super) fn block(kind: &str, text: &str) -> String {
    format!("```{kind}\n{}\n```\n", text.trim_matches('\n'))
}

/// What is shown when one asks for it.
pub(super) fn fold(title: &str, inner: &str) -> String {
    format!("<details>\n<summary>{title}</summary>\n\n{}\n\n</details>\n", inner.trim())
}

/// `[words](to)`.
pub(super) fn link(words: &str, to: &str) -> String {
    format!("[{words}]({to})")
}

/// A table; the first row is its head.
pub(super) fn table(rows: &[Vec<String>]) -> String {
    let mut text = String::new();
    for (nth, row) in rows.iter().enumerate() {
        let _ = writeln!(text, "| {} |", row.join(" | "));
        if nth == 0 {
            let _ = writeln!(text, "|{}", "---|".repeat(row.len()));
        }
    }
    text
}

/// Running text without backticks.
fn plain(words: &str) -> String {
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let mut text = String::new();
    let mut rest = words;
    while let Some(first) = rest.chars().next() {
        let end = rest.find(|c| is_part(c) != is_part(first)).unwrap_or(rest.len());
        let (piece, behind) = rest.split_at(end);
        if is_part(first) && is_name(piece) {
            text.push_str(&code(piece));
        } else {
            piece.chars().for_each(|c| push_escaped(&mut text, c));
        }
        rest = behind;
    }
    text
}

/// Whether it is the name of a state or of a constant.
fn is_name(word: &str) -> bool {
    let is_state = State::ALL.into_iter().any(|state| names::course(state) == word);
    let is_constant = word.contains('_') && word.chars().any(|c| c.is_ascii_uppercase());
    is_state || is_constant
}

fn push_escaped(text: &mut String, c: char) {
    match c {
        '<' => text.push_str("&lt;"),
        '>' => text.push_str("&gt;"),
        '*' | '[' | ']' | '|' | '\\' => text.extend(['\\', c]),
        c => text.push(c),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stand_out_and_signs_are_none() {
        assert_eq!(prose("in FIN_WAIT_1,\n then"), "in `FIN_WAIT_1`, then");
        assert_eq!(prose("在 CLOSED：`nc -N`"), "在 `CLOSED`：`nc -N`");
        assert_eq!(prose("a < b * [c]"), "a &lt; b \\* \\[c\\]");
        assert_eq!(prose("one\n\ntwo"), "one\n\ntwo");
        assert_eq!(prose("closed, SYN"), "closed, SYN", "words that are no names");
    }

    #[test]
    fn tables_have_a_head() {
        let rows = [vec!["a".to_owned(), "b".to_owned()], vec!["1".to_owned(), "2".to_owned()]];
        assert_eq!(table(&rows), "| a | b |\n|---|---|\n| 1 | 2 |\n");
    }
}
