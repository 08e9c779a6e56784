//! The matrix made from the scripts: which script says that it covers which cell.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use glasstack::tcp::{State, names};

use super::events::{EXCUSES, Event, GROUPS, Group};

/// What a line of a script's head begins with that names cells.
pub const COVERS: &str = "// covers: ";

/// A script, and what it says of itself.
pub struct Script {
    pub path: PathBuf,
    pub text: String,
    /// The first line, without its slashes.
    pub title: String,
    /// In the order in which it names them, each once.
    pub cells: Vec<Cell>,
}

/// A state, and the name of an event.
pub type Cell = (State, &'static str);

impl Script {
    /// Reads what the text of a script says of itself: its head is the comments in front of anything else.
    pub fn parse(path: PathBuf, text: String) -> Result<Script, String> {
        let head = || text.lines().take_while(|line| line.starts_with("//"));
        let title = head().next().unwrap_or_default().trim_start_matches(['/', ' ']).to_owned();
        let mut cells = Vec::new();
        for line in head().filter_map(|line| line.strip_prefix(COVERS)) {
            for words in line.split("; ") {
                let cell = cell(words).map_err(|why| format!("{}: {why}", path.display()))?;
                if cells.contains(&cell) {
                    return Err(format!("{}: \"{words}\" stands there twice", path.display()));
                }
                cells.push(cell);
            }
        }
        let lost = text.lines().skip(head().count()).any(|line| line.contains("covers:"));
        if lost {
            return Err(format!("{}: a line `{COVERS}` belongs at the head", path.display()));
        }
        Ok(Script { path, text, title, cells })
    }

    /// As a link from `docs`.
    fn link(&self) -> String {
        let project = Path::new(env!("CARGO_MANIFEST_DIR"));
        let inside = self.path.strip_prefix(project).expect("scripts are part of the project");
        format!("../{}", inside.display())
    }

    /// `states/last_ack/urg_is_ignored`.
    fn name(&self) -> String {
        let link = self.link();
        let name = link.strip_prefix("../tests/drill/").unwrap_or(&link);
        name.trim_end_matches(".pkt").to_owned()
    }
}

/// `STATE x EVENT`.
fn cell(words: &str) -> Result<Cell, String> {
    let (state, event) =
        words.split_once(" x ").ok_or_else(|| format!("\"{words}\" is no STATE x EVENT"))?;
    let state = State::ALL.into_iter().find(|known| names::rfc(*known) == state);
    let state = state.ok_or_else(|| format!("no state is called as in \"{words}\""))?;
    let event = events().find(|known| known.name == event);
    let event = event.ok_or_else(|| format!("no event is called as in \"{words}\""))?;
    Ok((state, event.name))
}

pub fn events() -> impl Iterator<Item = &'static Event> {
    GROUPS.iter().flat_map(|group| group.events)
}

/// Why no script shows a cell, if there is a reason.
pub fn reason((state, event): Cell) -> Option<&'static str> {
    let excuse = EXCUSES
        .iter()
        .find(|excuse| excuse.states.contains(&state) && excuse.events.contains(&event));
    excuse.map(|excuse| excuse.reason)
}

/// Which scripts show which cell.
pub fn by_cell(scripts: &[Script]) -> BTreeMap<Cell, Vec<&Script>> {
    let mut by_cell: BTreeMap<Cell, Vec<&Script>> = BTreeMap::new();
    for script in scripts {
        for cell in &script.cells {
            by_cell.entry(*cell).or_default().push(script);
        }
    }
    by_cell
}

/// docs/states-by-events.md.
pub fn page(scripts: &[Script]) -> String {
    let by_cell = by_cell(scripts);
    let shown: BTreeSet<_> = scripts
        .iter()
        .filter(|script| !script.cells.is_empty())
        .map(|script| &script.path)
        .collect();
    let mut page = format!(
        "# States by events\n\n\
         What happens to a connection in each of its eleven states: each number leads to a script that shows \
         it, and holds our stack to it. A letter says why there is none. {} cells are shown by {} scripts; \
         what they mean is said in RFC 9293 3.10, RFC 5961 and the sections that the scripts name.\n\n\
         Made from the scripts by `tests/states_by_events.rs`; how a script says what it shows is told in \
         [drill.md](drill.md#states-by-events).\n",
        by_cell.len(),
        shown.len(),
    );
    for group in GROUPS {
        table(group, &by_cell, &mut page);
    }
    page.push_str("\n## The scripts, state by state\n");
    for state in State::ALL {
        list(state, scripts, &mut page);
    }
    page
}

fn table(group: &Group, by_cell: &BTreeMap<Cell, Vec<&Script>>, page: &mut String) {
    let _ = write!(page, "\n## {}\n\n| |", group.title);
    for state in State::ALL {
        let _ = write!(page, " {} |", names::rfc(state));
    }
    let _ = writeln!(page, "\n|---|{}", "---|".repeat(State::ALL.len()));
    let mut reasons: Vec<&str> = Vec::new();
    for event in group.events {
        let what = if event.what.is_empty() { "" } else { ": " };
        let _ = write!(page, "| **{}**{what}{} |", event.name, event.what);
        for state in State::ALL {
            let cell = (state, event.name);
            let words = match (by_cell.get(&cell), reason(cell)) {
                (Some(scripts), _) => links(scripts),
                (None, Some(reason)) => letter(reason, &mut reasons),
                (None, None) => "?".to_owned(),
            };
            let _ = write!(page, " {words} |");
        }
        page.push('\n');
    }
    for (index, reason) in reasons.iter().enumerate() {
        let _ = write!(page, "\n*{}*: {reason}.\n", sign(index));
    }
}

fn links(scripts: &[&Script]) -> String {
    let link = |(index, script): (usize, &&Script)| {
        let title = script.title.replace('"', "'");
        format!("[{}]({} \"{title}\")", index + 1, script.link())
    };
    scripts.iter().enumerate().map(link).collect::<Vec<_>>().join(" ")
}

fn letter(reason: &'static str, reasons: &mut Vec<&'static str>) -> String {
    let known = reasons.iter().position(|known| *known == reason);
    let index = known.unwrap_or(reasons.len());
    if known.is_none() {
        reasons.push(reason);
    }
    format!("*{}*", sign(index))
}

/// `a`, `b`, `c`.
fn sign(index: usize) -> char {
    char::from(b'a' + u8::try_from(index).expect("few reasons"))
}

/// Each script stands with the first state that it names.
fn list(state: State, scripts: &[Script], page: &mut String) {
    let _ = write!(page, "\n### {}\n\n", names::rfc(state));
    for script in scripts
        .iter()
        .filter(|script| script.cells.first().is_some_and(|(first, _)| *first == state))
    {
        let _ = writeln!(page, "- [{}]({}): {}", script.name(), script.link(), script.title);
    }
}
