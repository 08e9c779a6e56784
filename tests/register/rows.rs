//! Registers as text: Markdown tables under headings, a row for each entry, with places in the project in
//! backquotes. What places there are is found out in `places`.

/// A row of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// The line it stands on, from 1.
    pub line: usize,
    /// The first word of the heading above it: a section.
    pub section: String,
    pub cells: Vec<String>,
}

/// A place in the project: a file, and what is meant in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    pub path: String,
    pub items: Vec<String>,
}

/// The rows of all tables whose first column is headed `first`.
pub fn rows(text: &str, first: &str) -> Vec<Row> {
    let (mut found, mut section, mut inside) = (Vec::new(), String::new(), false);
    for (line, text) in (1..).zip(text.lines().map(str::trim)) {
        if let Some(heading) = text.strip_prefix('#') {
            let heading = heading.trim_start_matches('#');
            section = heading.split_whitespace().next().map(str::to_owned).unwrap_or_default();
        }
        let Some(cells) = cells(text) else {
            inside = false;
            continue;
        };
        let is_rule = cells.iter().all(|cell| cell.starts_with('-'));
        if cells[0] == first {
            inside = true;
        } else if inside && !is_rule {
            found.push(Row { line, section: section.clone(), cells });
        }
    }
    found
}

fn cells(line: &str) -> Option<Vec<String>> {
    let inner = line.strip_prefix('|')?.strip_suffix('|')?;
    Some(inner.split('|').map(|cell| cell.trim().to_owned()).collect())
}

/// What stands in backquotes in a cell: a path (it has a slash), and behind it what is meant there.
pub fn places(cell: &str) -> Result<Vec<Place>, String> {
    let mut found: Vec<Place> = Vec::new();
    let mut parts = cell.split('`');
    parts.next();
    while let Some(word) = parts.next() {
        match found.last_mut() {
            _ if word.contains('/') => found.push(Place { path: word.to_owned(), items: vec![] }),
            Some(place) => place.items.push(word.to_owned()),
            None => return Err(format!("`{word}` is in no file")),
        }
        if parts.next().is_none() {
            return Err(format!("the backquote before {word} has no other"));
        }
    }
    Ok(found)
}

/// Whether `name` (MUST-3, RFC 793) stands in `text`, and not only a longer one (MUST-36).
pub fn names(text: &str, name: &str) -> bool {
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '-';
    text.match_indices(name).any(|(at, _)| {
        let before = text[..at].chars().next_back();
        let after = text[at + name.len()..].chars().next();
        !before.is_some_and(is_part) && !after.is_some_and(|c| c.is_ascii_digit())
    })
}

/// Whether the name of a function has `name` in it: `..._must_55`.
pub fn is_named_for(function: &str, name: &str) -> bool {
    let spelled = name.to_lowercase().replace(['-', ' '], "_");
    function.split(&spelled).skip(1).zip(function.split(&spelled)).any(|(after, before)| {
        let begins = before.is_empty() || before.ends_with('_');
        begins && !after.starts_with(|c: char| c.is_ascii_digit())
    })
}

/// All words in `text` that begin with one of `prefixes` and go on with a number: `MUST-36`, `RFC 793`.
pub fn numbered<'a>(text: &'a str, prefixes: &[&str]) -> Vec<&'a str> {
    let mut found = Vec::new();
    for prefix in prefixes {
        for (at, _) in text.match_indices(prefix) {
            let rest = &text[at + prefix.len()..];
            let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
            if digits > 0 {
                found.push(&text[at..at + prefix.len() + digits]);
            }
        }
    }
    found
}
