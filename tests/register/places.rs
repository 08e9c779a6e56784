//! Places in the project: what a source defines, and the text of a test in it.

use std::fs;
use std::path::Path;

/// Files by their path from the root of the project.
pub trait Files {
    fn read(&self, path: &str) -> Option<String>;
}

/// Those of this project.
pub struct Project;

impl Files for Project {
    fn read(&self, path: &str) -> Option<String> {
        fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).ok()
    }
}

/// Whether `source` defines `item`: a function, a type, a constant, a module, a field or a variant.
pub fn defines(source: &str, item: &str) -> bool {
    const WORDS: [&str; 9] =
        ["fn", "struct", "enum", "trait", "const", "static", "type", "mod", "macro_rules!"];
    let is_end = |rest: &str| !rest.starts_with(|c: char| c.is_alphanumeric() || c == '_');
    let begins = |text: &str| text.strip_prefix(item).is_some_and(is_end);
    source.lines().map(str::trim_start).filter(|line| !line.starts_with("//")).any(|line| {
        let mut words = line.split_whitespace().peekable();
        while let Some(word) = words.next() {
            if WORDS.contains(&word) && words.peek().is_some_and(|next| begins(next)) {
                return true;
            }
        }
        // A field, or a variant: the first word but for how far it is seen.
        let name = match line.strip_prefix("pub") {
            Some(rest) => rest.split_once(' ').map_or(rest, |(_, name)| name),
            None => line,
        };
        name.strip_prefix(item).is_some_and(|rest| {
            let is_field = rest.starts_with(": ") && rest.ends_with(',');
            is_field
                || rest == ","
                || rest == " {"
                || (rest.starts_with('(') && rest.ends_with("),"))
        })
    })
}

/// The test `name` in `source`: the comment above it, its attributes and its body. `None`: there is no
/// such function, or it is no test, or one that does not run.
pub fn test(source: &str, name: &str) -> Option<String> {
    let lines: Vec<&str> = source.lines().collect();
    let head = lines.iter().position(|line| {
        let words = line.trim_start();
        let words = words.strip_prefix("async ").unwrap_or(words);
        words
            .strip_prefix("fn ")
            .and_then(|rest| rest.strip_prefix(name))
            .is_some_and(|rest| rest.starts_with('('))
    })?;
    let indent = lines[head].len() - lines[head].trim_start().len();
    let is_above = |line: &&str| line.trim_start().starts_with(['/', '#']);
    let above = lines[..head].iter().rev().take_while(|line| is_above(line)).count();
    let is_test = |line: &&str| {
        let line = line.trim();
        line == "#[test]" || line.starts_with("#[tokio::test")
    };
    let attributes = &lines[head - above..head];
    let is_ignored = attributes.iter().any(|line| line.trim().starts_with("#[ignore"));
    (attributes.iter().any(is_test) && !is_ignored).then_some(())?;
    let is_last = |line: &&str| **line == format!("{}}}", " ".repeat(indent));
    let is_one_line = lines[head].ends_with('}');
    let body = lines[head..].iter().position(|line| is_one_line || is_last(line)).unwrap_or(0);
    Some(lines[head - above..=head + body].join("\n"))
}

/// What a source says of itself in its first lines.
pub fn head(source: &str) -> String {
    let is_head = |line: &&str| line.starts_with("//!");
    source.lines().take_while(is_head).collect::<Vec<_>>().join("\n")
}
