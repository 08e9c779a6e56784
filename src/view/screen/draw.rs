//! How the screen is laid out. Where it is wide, the list and the diagram stand at the left and the ladder at
//! the right; where it is not, the list and the diagram stand above it.

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Modifier, Style};
use ratatui::symbols::border;
use ratatui::text::Line;
use ratatui::widgets::{Block, Paragraph};

use super::super::sockets::{Connection, span};
use super::{Screen, states};
use crate::tcp::names;

/// From so many columns on there is room for a ladder beside the list.
const WIDE: u16 = 130;
/// The list, where it stands at the side.
const SIDE: u16 = 50;

const KEYS: &str = "j/k select  PgUp/PgDn scroll  f filter  p write text  s write SVG  q quit";

/// How wide the ladder is on a screen of so many columns.
#[must_use]
pub fn ladder_width(columns: u16) -> u16 {
    if columns >= WIDE { columns - SIDE - 2 } else { columns.saturating_sub(2) }
}

struct Places {
    title: Rect,
    list: Rect,
    states: Rect,
    ladder: Rect,
    keys: Rect,
}

fn places(all: Rect) -> Places {
    let rows = [Constraint::Length(1), Constraint::Fill(1), Constraint::Length(1)];
    let [title, middle, keys] = Layout::vertical(rows).areas(all);
    let height = states::HEIGHT + 2;
    if all.width >= WIDE {
        let columns = [Constraint::Length(SIDE), Constraint::Fill(1)];
        let [side, ladder] = Layout::horizontal(columns).areas(middle);
        // With room for the ways out below the picture.
        let height = (height + 7).min(side.height / 2);
        let rows = [Constraint::Fill(1), Constraint::Length(height)];
        let [list, states] = Layout::vertical(rows).areas(side);
        return Places { title, list, states, ladder, keys };
    }
    let rows = [Constraint::Length(height.min(middle.height / 2 + 1)), Constraint::Fill(1)];
    let [top, ladder] = Layout::vertical(rows).areas(middle);
    let columns = [Constraint::Fill(1), Constraint::Length(states::WIDTH + 2)];
    let [list, states] = Layout::horizontal(columns).areas(top);
    Places { title, list, states, ladder, keys }
}

impl Screen {
    /// Draws all of it.
    pub fn draw(&self, frame: &mut Frame<'_>) {
        let places = places(frame.area());
        frame.render_widget(self.title_line(), places.title);
        self.draw_list(frame, places.list);
        self.draw_states(frame, places.states);
        self.draw_ladder(frame, places.ladder);
        frame.render_widget(self.last_line(), places.keys);
    }

    fn title_line(&self) -> Line<'static> {
        let more = if self.more { "+" } else { "" };
        let count = match self.connections.len() {
            1 => "1 connection".to_owned(),
            count => format!("{count}{more} connections"),
        };
        let title = format!("{}  {count}", self.title);
        Line::styled(title, Style::new().add_modifier(Modifier::BOLD))
    }

    fn last_line(&self) -> Line<'static> {
        match &self.message {
            _ if self.is_typing => {
                Line::raw(format!("filter: {}_  (Enter: done, Esc: none)", self.filter))
            }
            Some(message) => Line::raw(message.clone()),
            None => Line::styled(KEYS, Style::new().add_modifier(Modifier::DIM)),
        }
    }

    fn block(&self, title: String) -> Block<'static> {
        let block = Block::bordered().title(title);
        if self.utf8 { block } else { block.border_set(ASCII) }
    }

    fn draw_list(&self, frame: &mut Frame<'_>, at: Rect) {
        let title = match self.filter.as_str() {
            "" => "connections".to_owned(),
            filter => format!("connections with \"{filter}\""),
        };
        let block = self.block(title);
        let inner = block.inner(at);
        frame.render_widget(block, at);
        let listed = self.listed();
        let place = listed.iter().position(|one| Some(one.id) == self.selected).unwrap_or(0);
        let height = usize::from(inner.height);
        // The selected one is always to be seen.
        let first = (place + 1).saturating_sub(height);
        let lines: Vec<Line<'_>> =
            listed.iter().skip(first).take(height).map(|one| self.row(one)).collect();
        if listed.is_empty() {
            let nothing = if self.filter.is_empty() { "none yet" } else { "none" };
            frame.render_widget(Paragraph::new(nothing), inner);
        } else {
            frame.render_widget(Paragraph::new(lines), inner);
        }
    }

    fn row(&self, connection: &Connection) -> Line<'static> {
        let is_selected = Some(connection.id) == self.selected;
        let mark = match (is_selected, self.utf8) {
            (true, true) => "►",
            (true, false) => ">",
            (false, _) => " ",
        };
        let id = format!("#{}", connection.id);
        let next = connection.timers.iter().min_by_key(|timer| timer.left_us);
        let left =
            next.map_or(String::new(), |timer| format!("{} {}", span(timer.left_us), timer.timer));
        let text = format!(
            "{mark}{id:<4} {:<11} {} {left}",
            names::course(connection.state),
            connection.remote
        );
        let selected = Style::new().add_modifier(Modifier::BOLD);
        if is_selected { Line::styled(text, selected) } else { Line::raw(text) }
    }

    fn draw_states(&self, frame: &mut Frame<'_>, at: Rect) {
        let present =
            self.listed().iter().find(|one| Some(one.id) == self.selected).map(|one| one.state);
        let block = self.block("state".to_owned());
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

    fn draw_ladder(&self, frame: &mut Frame<'_>, at: Rect) {
        let title = self.selected.map_or("ladder".to_owned(), |id| format!("ladder of #{id}"));
        let block = self.block(title);
        let inner = block.inner(at);
        frame.render_widget(block, at);
        let height = usize::from(inner.height);
        // The end is what happens now.
        let end = self.ladder.len() - self.back.min(self.ladder.len().saturating_sub(height));
        let first = end.saturating_sub(height);
        let lines = self.ladder[first..end].iter().cloned().map(Line::raw).collect::<Vec<_>>();
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
