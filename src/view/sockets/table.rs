//! The table: columns as wide as what is in them.

use std::net::SocketAddr;

use super::{Connection, Listener, details, span};
use crate::tcp::{State, names};

/// Whose names the states have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Naming {
    /// The course notes'.
    #[default]
    Course,
    /// RFC 9293's.
    Rfc,
    /// Those of `ss`.
    Ss,
}

impl Naming {
    /// The name of `state`.
    #[must_use]
    pub const fn of(self, state: State) -> &'static str {
        match self {
            Naming::Course => names::course(state),
            Naming::Rfc => names::rfc(state),
            Naming::Ss => names::ss(state),
        }
    }
}

/// One line, and what stands below it. It holds little: a table may have a hundred thousand.
#[derive(Clone, Debug)]
pub struct Row {
    /// For the order: listeners first, then connections by their numbers.
    id: u64,
    cells: [Box<str>; 7],
    below: Option<Box<str>>,
}

/// The table, growing row by row.
#[derive(Clone, Debug, Default)]
pub struct Table {
    naming: Naming,
    /// Whether all that is known of each connection stands below it.
    with_details: bool,
    rows: Vec<Row>,
}

const HEADER: [&str; 7] =
    ["State", "Recv-Q", "Send-Q", "Local Address:Port", "Peer Address:Port", "Conn", "Timers"];
/// Numbers stand at the right of these columns.
const IS_NUMBER: [bool; 7] = [false, true, true, false, false, false, false];

impl Table {
    /// No rows yet.
    #[must_use]
    pub fn new(naming: Naming, with_details: bool) -> Self {
        Table { naming, with_details, rows: Vec::new() }
    }

    /// Adds a connection.
    pub fn connection(&mut self, connection: &Connection) {
        let cells = [
            self.naming.of(connection.state).to_owned(),
            connection.receive_queue.to_string(),
            connection.send_queue.to_string(),
            connection.local.to_string(),
            connection.remote.to_string(),
            format!("#{}", connection.id),
            timers(connection),
        ];
        let below = self.with_details.then(|| details(connection).into());
        self.rows.push(Row { id: connection.id, cells: cells.map(String::into), below });
    }

    /// Adds a listener: Recv-Q are those that wait to be accepted, Send-Q how many may.
    pub fn listener(&mut self, listener: &Listener) {
        let below = format!("half-open:{}", listener.half_open);
        let cells = [
            self.naming.of(State::Listen).to_owned(),
            listener.accept_queue.to_string(),
            listener.backlog.to_string(),
            listener.local.to_string(),
            any_port(listener.local),
            String::new(),
            String::new(),
        ];
        let below = self.with_details.then(|| below.into());
        self.rows.push(Row { id: 0, cells: cells.map(String::into), below });
    }

    /// How many rows it has.
    #[must_use]
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether it has none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// All lines, the header before them if it is wanted. A connection that came in twice, since it moved on
    /// while the list was read, stands there once.
    #[must_use]
    pub fn render(mut self, header: bool) -> String {
        self.rows.sort_by_key(|row| row.id);
        self.rows.dedup_by(|later, earlier| {
            let is_same = later.id == earlier.id && later.id != 0;
            if is_same {
                std::mem::swap(later, earlier);
            }
            is_same
        });
        let mut widths = if header { HEADER.map(str::len) } else { [0; 7] };
        for row in &self.rows {
            for (width, cell) in widths.iter_mut().zip(&row.cells) {
                *width = (*width).max(cell.chars().count());
            }
        }
        let mut text = String::new();
        if header {
            line(&mut text, HEADER, &widths);
        }
        for row in &self.rows {
            line(&mut text, row.cells.each_ref().map(|cell| &**cell), &widths);
            if let Some(below) = &row.below {
                text.push_str("\t ");
                text.push_str(below);
                text.push('\n');
            }
        }
        text
    }
}

fn line(text: &mut String, cells: [&str; 7], widths: &[usize; 7]) {
    let begin = text.len();
    for (place, (cell, width)) in cells.into_iter().zip(widths).enumerate() {
        let gap = if place == 0 { "" } else { "  " };
        let blanks = " ".repeat(width - cell.chars().count());
        if IS_NUMBER[place] {
            text.extend([gap, &blanks, cell]);
        } else {
            text.extend([gap, cell, &blanks]);
        }
    }
    text.truncate(text[begin..].trim_end().len() + begin);
    text.push('\n');
}

/// The armed timers, the next one first: `retransmission 1.2s (after 2 timeouts), keep-alive 59s`.
fn timers(connection: &Connection) -> String {
    let mut timers = connection.timers.clone();
    timers.sort_by_key(|timer| timer.left_us);
    let told = timers.iter().map(|left| {
        use crate::tcp::Timer;
        let after = match (left.timer, connection.timeouts) {
            (Timer::Retransmission | Timer::Persist, 1) => " (after 1 timeout)".to_owned(),
            (Timer::Retransmission | Timer::Persist, n @ 2..) => format!(" (after {n} timeouts)"),
            _ => String::new(),
        };
        format!("{} {}{after}", left.timer, span(left.left_us))
    });
    told.collect::<Vec<_>>().join(", ")
}

/// What a listener has in place of a peer.
fn any_port(local: SocketAddr) -> String {
    if local.is_ipv4() { "0.0.0.0:*".to_owned() } else { "[::]:*".to_owned() }
}
