//! How the screen is laid out. Where it is wide, the list and the diagram stand at the left and the ladder at
//! the right; where it is not, the list and the diagram stand above it; and where it is narrow, there is no diagram.

use std::collections::BTreeMap;

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Modifier, Style};
use ratatui::symbols::border;
use ratatui::text::Line;
use ratatui::widgets::{Block, Paragraph};

use super::list::List;
use super::written::wrapped;
use super::{Below, Screen, states};
use crate::tcp::names;

/// From so many columns on there is room for a ladder beside the list.
const WIDE: u16 = 130;
/// The list, where it stands at the side, and how much it may grow.
const SIDE: u16 = 50;
const MORE_SIDE: u16 = 12;
/// Below so many columns a list and a diagram have no room beside each other.
const NARROW: u16 = 72;
/// From so many lines on the last lines of a command are shown below everything else: so many of them.
const TALL: u16 = 30;
const WRITTEN: u16 = 4;

/// The keys, as they are named in the last line. Where it is too short, those with the highest rank go first.
const KEYS: [(u8, &str); 7] = [
    (1, "j/k select"),
    (3, "PgUp/PgDn scroll"),
    (2, "f filter"),
    (4, "o output"),
    (5, "p text"),
    (6, "s SVG"),
    (0, "q quit"),
];

/// How wide the ladder is on a screen of so many columns.
#[must_use]
pub fn ladder_width(columns: u16) -> u16 {
    let side = if columns >= WIDE { side(columns) } else { 0 };
    (columns - side).saturating_sub(2)
}

/// The ladder comes first: 110 columns are enough for most.
fn side(columns: u16) -> u16 {
    SIDE + columns.saturating_sub(SIDE + 112).min(MORE_SIDE)
}

struct Places {
    title: Rect,
    list: Rect,
    states: Option<Rect>,
    ladder: Rect,
    written: Option<Rect>,
    keys: Rect,
}

fn places(all: Rect, written: u16) -> Places {
    let rows = [1, 0, written, 1].map(|lines| match lines {
        0 => Constraint::Fill(1),
        lines => Constraint::Length(lines),
    });
    let (title, middle, written, keys) = if written > 0 {
        let [title, middle, written, keys] = Layout::vertical(rows).areas(all);
        (title, middle, Some(written), keys)
    } else {
        let [title, middle, keys] = Layout::vertical([rows[0], rows[1], rows[3]]).areas(all);
        (title, middle, None, keys)
    };
    let height = states::HEIGHT + 2;
    if all.width >= WIDE {
        let columns = [Constraint::Length(side(all.width)), Constraint::Fill(1)];
        let [side, ladder] = Layout::horizontal(columns).areas(middle);
        // With room for the ways out below the picture.
        let height = (height + 8).min(side.height / 2);
        let rows = [Constraint::Fill(1), Constraint::Length(height)];
        let [list, states] = Layout::vertical(rows).areas(side);
        return Places { title, list, states: Some(states), ladder, written, keys };
    }
    if all.width < NARROW {
        let height = (middle.height * 2 / 5).max(3);
        let rows = [Constraint::Length(height), Constraint::Fill(1)];
        let [list, ladder] = Layout::vertical(rows).areas(middle);
        return Places { title, list, states: None, ladder, written, keys };
    }
    let rows = [Constraint::Length(height.min(middle.height / 2 + 1)), Constraint::Fill(1)];
    let [top, ladder] = Layout::vertical(rows).areas(middle);
    let columns = [Constraint::Fill(1), Constraint::Length(states::WIDTH + 2)];
    let [list, states] = Layout::horizontal(columns).areas(top);
    Places { title, list, states: Some(states), ladder, written, keys }
}

impl Screen {
    /// Draws all of it.
    pub fn draw(&self, frame: &mut Frame<'_>) {
        let all = frame.area();
        let places = places(all, self.lines_of_written(all));
        frame.render_widget(self.title_line(places.title.width), places.title);
        self.draw_list(frame, places.list);
        if let Some(states) = places.states {
            self.draw_states(frame, states);
        }
        match self.below {
            Below::Ladder => self.draw_ladder(frame, places.ladder, places.states.is_none()),
            Below::Written => self.draw_written(frame, places.ladder),
        }
        if let Some(written) = places.written {
            self.draw_written(frame, written);
        }
        frame.render_widget(self.last_line(places.keys.width), places.keys);
    }

    /// What the pane for them takes, with its border; 0 where there is none.
    fn lines_of_written(&self, all: Rect) -> u16 {
        let Some(command) = &self.command else { return 0 };
        if all.height < TALL || command.lines.is_empty() || self.below == Below::Written {
            return 0;
        }
        let columns = usize::from(all.width.saturating_sub(2));
        let last = command.lines.iter().rev().take(usize::from(WRITTEN));
        let lines = last.map(|line| wrapped(line, columns).len()).sum::<usize>();
        u16::try_from(lines).unwrap_or(u16::MAX).min(WRITTEN) + 2
    }

    fn title_line(&self, columns: u16) -> Line<'static> {
        let more = if self.more { "+" } else { "" };
        let count = match self.connections.len() {
            1 => "1 connection".to_owned(),
            count => format!("{count}{more} connections"),
        };
        let command = self.command.as_ref().map(|command| format!("  {}", command.in_words()));
        let mut title = format!("{}{}  {count}", self.title, command.unwrap_or_default());
        let mut states: BTreeMap<_, usize> = BTreeMap::new();
        for one in &self.connections {
            *states.entry(names::course(one.state)).or_default() += 1;
        }
        let mut states: Vec<_> = states.into_iter().collect();
        states.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        for (index, (state, count)) in states.into_iter().enumerate() {
            let part = format!("{}{count} {state}", if index == 0 { ": " } else { ", " });
            if title.chars().count() + part.len() > usize::from(columns) {
                break;
            }
            title += &part;
        }
        Line::styled(title, Style::new().add_modifier(Modifier::BOLD))
    }

    fn last_line(&self, columns: u16) -> Line<'static> {
        match &self.message {
            _ if self.is_typing => {
                Line::raw(format!("filter: {}_  (Enter: done, Esc: none)", self.filter))
            }
            Some(message) => Line::raw(message.clone()),
            None => {
                let keys = self.keys(usize::from(columns));
                Line::styled(keys, Style::new().add_modifier(Modifier::DIM))
            }
        }
    }

    fn keys(&self, columns: usize) -> String {
        let named = |rank: u8| {
            let there = KEYS
                .iter()
                .filter(|(of, name)| *of < rank && (self.command.is_some() || *name != "o output"));
            there.map(|(_, name)| *name).collect::<Vec<_>>().join("  ")
        };
        let mut texts = (1..=7).rev().map(named);
        texts.find(|text| text.len() <= columns).unwrap_or_default()
    }

    fn block(&self, title: String) -> Block<'static> {
        let block = Block::bordered().title(title);
        if self.utf8 { block } else { block.border_set(ASCII) }
    }

    fn draw_list(&self, frame: &mut Frame<'_>, at: Rect) {
        let mut title = match self.filter.as_str() {
            "" => "connections".to_owned(),
            filter => format!("connections with \"{filter}\""),
        };
        let inner = self.block(String::new()).inner(at);
        let listed = self.listed();
        let list = List {
            listed: &listed,
            selected: self.selected,
            columns: usize::from(inner.width),
            lines: usize::from(inner.height),
            utf8: self.utf8,
        };
        if let Some(part) = list.part()
            && title.chars().count() + 2 + part.len() <= list.columns
        {
            title.extend([", ", part.as_str()]);
        }
        frame.render_widget(self.block(title), at);
        let shown = if listed.is_empty() {
            let nothing = if self.filter.is_empty() { "none yet" } else { "none" };
            Paragraph::new(nothing)
        } else {
            Paragraph::new(list.drawn())
        };
        frame.render_widget(shown, inner);
    }

    fn draw_states(&self, frame: &mut Frame<'_>, at: Rect) {
        let selected = self.selected_one();
        let present = selected.map(|one| one.state);
        let title = self.selected.map_or("state".to_owned(), |id| format!("state of #{id}"));
        let block = self.block(title);
        let inner = block.inner(at);
        frame.render_widget(block, at);
        let mut lines = states::lines(present, self.utf8);
        let room = usize::from(inner.height);
        if let Some(present) = present {
            if lines.len() > room {
                // No room for the picture: where it is, and where it can go.
                lines = vec![Line::raw(format!("[{}]", names::course(present)))];
            }
            lines.extend(states::ways_out(present).into_iter().map(Line::raw));
        }
        frame.render_widget(Paragraph::new(lines), inner);
    }

    fn draw_ladder(&self, frame: &mut Frame<'_>, at: Rect, with_state: bool) {
        let inner = self.block(String::new()).inner(at);
        let lines = self.ladder.len();
        let height = usize::from(inner.height);
        // What the columns are called stays in sight.
        let heading = self.heading().filter(|_| height >= 4);
        let room = if lines > height { height - usize::from(heading.is_some()) } else { height };
        self.room.set(room);
        // The end is what happens now.
        let end = lines - self.back.min(lines.saturating_sub(room));
        let first = end.saturating_sub(room);
        let (first, end, heading) = match heading {
            Some(heading) if first > heading => (first, end, Some(heading)),
            _ => (first, (first + height).min(lines), None),
        };
        let mut title = match self.selected_one() {
            Some(one) if with_state => {
                format!("ladder of #{}, {}", one.id, names::course(one.state))
            }
            Some(one) => format!("ladder of #{}", one.id),
            None => "ladder".to_owned(),
        };
        if end - first < lines {
            let part = format!(", lines {}-{end} of {lines}", first + 1);
            if title.len() + part.len() <= usize::from(inner.width) {
                title += &part;
            }
        }
        frame.render_widget(self.block(title), at);
        let shown = heading.iter().map(|heading| &self.ladder[*heading]);
        let shown = shown.chain(&self.ladder[first..end]).cloned().map(Line::raw);
        frame.render_widget(Paragraph::new(shown.collect::<Vec<_>>()), inner);
    }

    /// The line with the names of the columns.
    fn heading(&self) -> Option<usize> {
        let mut first = self.ladder.iter().take(4);
        first.position(|line| line.trim_start().starts_with("ms ") && line.contains("our state"))
    }

    fn draw_written(&self, frame: &mut Frame<'_>, at: Rect) {
        let Some(command) = &self.command else { return };
        let title = match command.octets {
            0 => format!("output of {}: none yet", command.name),
            1 => format!("output of {}: 1 octet", command.name),
            octets => format!("output of {}: {octets} octets", command.name),
        };
        let block = self.block(title);
        let inner = block.inner(at);
        frame.render_widget(block, at);
        let (columns, height) = (usize::from(inner.width), usize::from(inner.height));
        let last = &command.lines[command.lines.len().saturating_sub(height)..];
        let mut lines: Vec<String> = last.iter().flat_map(|line| wrapped(line, columns)).collect();
        lines.drain(..lines.len().saturating_sub(height));
        let lines = lines.into_iter().map(Line::raw).collect::<Vec<_>>();
        frame.render_widget(Paragraph::new(lines), inner);
    }
}

const ASCII: border::Set<'static> = border::Set {
    top_left: "+",
    top_right: "+",
    bottom_left: "+",
    bottom_right: "+",
    vertical_left: "|",
    vertical_right: "|",
    horizontal_top: "-",
    horizontal_bottom: "-",
};
