//! The screen of `glass watch` and `glass run --watch`: what it knows, and what keys do to it. `draw` lays it out,
//! `list` is the list of connections, `states` the small diagram, `written` what a command has written. Where the
//! data comes from is not known here, so that all of it can be tested.

mod draw;
mod list;
mod states;
#[cfg(test)]
mod tests;
mod written;

use std::cell::Cell;
use std::collections::VecDeque;
use std::net::SocketAddr;

use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use super::sockets::{Connection, TimerLeft};
use crate::tcp::{State, names};

pub use draw::ladder_width;
pub use written::Written;

/// Connections that are over stay in the list for a while: so many of them.
const GONE: usize = 20;

/// All that the screen shows.
#[derive(Clone, Debug, Default)]
pub struct Screen {
    /// Who is watched: `glass0 (process 12)`.
    title: String,
    connections: Vec<Listed>,
    /// Of which it was said that they have begun, and that have not been seen yet.
    begun: VecDeque<Listed>,
    /// There are more than are listed.
    more: bool,
    gone: VecDeque<Listed>,
    selected: Option<u64>,
    filter: String,
    is_typing: bool,
    /// Lines of the ladder of the selected one.
    ladder: Vec<String>,
    /// How far above its end the ladder is shown.
    back: usize,
    /// How many of its lines were shown last.
    room: Cell<usize>,
    /// What runs beside the screen.
    command: Option<Command>,
    below: Below,
    message: Option<String>,
    utf8: bool,
}

/// What is shown of a connection.
#[derive(Clone, Debug)]
struct Listed {
    id: u64,
    local: SocketAddr,
    remote: SocketAddr,
    state: State,
    timers: Vec<TimerLeft>,
}

/// A program that was started with the screen.
#[derive(Clone, Debug)]
struct Command {
    name: String,
    /// Its exit code.
    ended: Option<i32>,
    /// The last lines of what it has written.
    lines: Vec<String>,
    octets: u64,
}

/// What has the largest part of the screen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Below {
    #[default]
    Ladder,
    Written,
}

/// What a key asks for that the screen cannot do by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Write the ladder of this connection as text.
    WriteText(u64),
    /// Write it as a picture.
    WriteSvg(u64),
    /// Another connection is selected.
    Select,
    /// End.
    Quit,
    /// Ctrl-C.
    Interrupt,
}

impl Screen {
    /// Nothing is known yet.
    #[must_use]
    pub fn new(title: String, utf8: bool) -> Self {
        Screen { title, utf8, ..Screen::default() }
    }

    /// Takes the connections that there are now. Those that are not there any more are over.
    pub fn set_connections(&mut self, connections: Vec<Connection>, more: bool) {
        let mut connections: Vec<_> = connections.into_iter().map(Listed::from).collect();
        connections.sort_by_key(|connection| connection.id);
        connections.dedup_by_key(|connection| connection.id);
        let is_there =
            |id: u64| connections.binary_search_by_key(&id, |connection| connection.id).is_ok();
        if !more {
            let known = self.connections.iter().chain(&self.begun);
            let over = known.filter(|known| !is_there(known.id)).cloned();
            let over = over.map(|over| Listed { state: State::Closed, timers: Vec::new(), ..over });
            self.gone.extend(over);
        }
        self.begun.clear();
        self.gone.retain(|over| !is_there(over.id));
        while self.gone.len() > GONE {
            self.gone.pop_front();
        }
        self.connections = connections;
        self.more = more;
        self.keep_selection();
    }

    /// A connection has begun. It may be over before anybody looks.
    pub fn on_begun(&mut self, id: u64, local: SocketAddr, remote: SocketAddr) {
        let is_listed = self.connections.binary_search_by_key(&id, |one| one.id).is_ok();
        if !is_listed && self.gone.iter().chain(&self.begun).all(|known| known.id != id) {
            let (state, timers) = (State::Closed, Vec::new());
            self.begun.push_back(Listed { id, local, remote, state, timers });
        }
        if self.begun.len() > GONE {
            self.begun.pop_front();
        }
    }

    /// Takes the ladder of the selected connection.
    pub fn set_ladder(&mut self, text: &str) {
        let before = self.ladder.len();
        self.ladder = text.lines().map(str::to_owned).collect();
        // Whoever reads what was is not carried away by what is.
        if self.back > 0 {
            self.back += self.ladder.len().saturating_sub(before);
        }
    }

    /// A program of this name runs beside the screen.
    pub fn set_command(&mut self, name: String) {
        self.command = Some(Command { name, ended: None, lines: Vec::new(), octets: 0 });
    }

    /// What that program has written until now.
    pub fn set_written(&mut self, written: &Written) {
        if let Some(command) = &mut self.command
            && command.octets != written.octets()
        {
            (command.lines, command.octets) = (written.lines(), written.octets());
        }
    }

    /// That program has ended, with this exit code.
    pub fn set_ended(&mut self, code: i32) {
        if let Some(command) = &mut self.command {
            command.ended = Some(code);
        }
    }

    /// Says something in the last line, until the next key.
    pub fn say(&mut self, message: String) {
        self.message = Some(message);
    }

    /// The connection whose ladder is to be shown.
    #[must_use]
    pub fn selected(&self) -> Option<u64> {
        self.selected
    }

    /// What the key does.
    pub fn on_key(&mut self, key: KeyEvent) -> Option<Action> {
        self.message = None;
        if key.modifiers.contains(KeyModifiers::CONTROL) && key.code == KeyCode::Char('c') {
            return Some(Action::Interrupt);
        }
        if self.is_typing {
            return self.on_typed(key.code);
        }
        match key.code {
            KeyCode::Char('q') => return Some(Action::Quit),
            KeyCode::Char('j') | KeyCode::Down => return self.step(1),
            KeyCode::Char('k') | KeyCode::Up => return self.step(-1),
            KeyCode::Home => return self.step(isize::MIN),
            KeyCode::End => return self.step(isize::MAX),
            KeyCode::PageUp => self.back = (self.back + self.page()).min(self.furthest()),
            KeyCode::PageDown => self.back = self.back.saturating_sub(self.page()),
            KeyCode::Char('o') if self.command.is_some() => {
                self.below = match self.below {
                    Below::Ladder => Below::Written,
                    Below::Written => Below::Ladder,
                };
            }
            KeyCode::Char('f' | '/') => self.is_typing = true,
            KeyCode::Esc if !self.filter.is_empty() => {
                self.filter.clear();
                return self.keep_selection();
            }
            KeyCode::Char('p') => return self.selected.map(Action::WriteText),
            KeyCode::Char('s') => return self.selected.map(Action::WriteSvg),
            _ => {}
        }
        None
    }

    /// By how many lines the ladder is scrolled: a few stay in sight.
    fn page(&self) -> usize {
        self.room.get().saturating_sub(2).max(1)
    }

    /// How far back there is anything to be seen.
    fn furthest(&self) -> usize {
        self.ladder.len().saturating_sub(self.room.get())
    }

    fn on_typed(&mut self, key: KeyCode) -> Option<Action> {
        match key {
            KeyCode::Enter => self.is_typing = false,
            KeyCode::Esc => {
                self.is_typing = false;
                self.filter.clear();
            }
            KeyCode::Backspace => {
                self.filter.pop();
            }
            KeyCode::Char(sign) if self.filter.len() < 64 => self.filter.push(sign),
            _ => {}
        }
        self.keep_selection()
    }

    /// Those that the filter lets through, the newest first, for that is what one waits for.
    fn listed(&self) -> Vec<&Listed> {
        let all = self.connections.iter().chain(&self.gone);
        let mut listed: Vec<_> = all.filter(|connection| self.is_wanted(connection)).collect();
        listed.sort_by_key(|connection| std::cmp::Reverse(connection.id));
        listed
    }

    fn selected_one(&self) -> Option<&Listed> {
        let all = self.connections.iter().chain(&self.gone);
        all.into_iter().find(|one| Some(one.id) == self.selected)
    }

    fn is_wanted(&self, connection: &Listed) -> bool {
        if self.filter.is_empty() {
            return true;
        }
        let wanted = self.filter.to_lowercase();
        let shown = format!(
            "#{} {} {} {} {}",
            connection.id,
            names::course(connection.state),
            names::ss(connection.state),
            connection.local,
            connection.remote
        );
        shown.to_lowercase().contains(&wanted)
    }

    fn step(&mut self, by: isize) -> Option<Action> {
        let listed = self.listed();
        let now = listed.iter().position(|connection| Some(connection.id) == self.selected);
        let last = listed.len().checked_sub(1)?;
        let next = now.map_or(0, |now| now.saturating_add_signed(by).min(last));
        let id = listed[next].id;
        self.select(Some(id))
    }

    /// Another is selected where the one that was is not listed any more.
    fn keep_selection(&mut self) -> Option<Action> {
        let listed = self.listed();
        let is_listed = listed.iter().any(|connection| Some(connection.id) == self.selected);
        let id = if is_listed { self.selected } else { listed.first().map(|first| first.id) };
        self.select(id)
    }

    fn select(&mut self, id: Option<u64>) -> Option<Action> {
        if id == self.selected {
            return None;
        }
        self.selected = id;
        self.ladder.clear();
        self.back = 0;
        Some(Action::Select)
    }
}

impl Command {
    fn in_words(&self) -> String {
        let name = &self.name;
        match self.ended {
            None => format!("{name} runs"),
            Some(code @ 129..=192) => {
                format!("{name} was ended by signal {} (code {code}); q leaves", code - 128)
            }
            Some(code) => format!("{name} has ended with code {code}; q leaves"),
        }
    }
}

impl From<Connection> for Listed {
    fn from(connection: Connection) -> Self {
        let Connection { id, local, remote, state, timers, .. } = connection;
        Listed { id, local, remote, state, timers }
    }
}
