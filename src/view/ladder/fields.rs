//! All that a row says, field by field: for tables, and for whoever cannot see the picture.

use super::exchange::Exchange;
use super::label;
use super::picture::clock;
use super::row::{Direction, End, Leg, Row, SegmentRow};
use super::telling;
use crate::tcp::State;
use crate::view::words;

/// The columns of a table of all rows.
pub(super) const COLUMNS: [&str; 12] = [
    "ms",
    "from",
    "flags",
    "seq",
    "ack",
    "length",
    "window",
    "options",
    "why",
    "what came of it",
    "left state",
    "right state",
];

/// One line of that table: a cell for each of [`COLUMNS`].
pub(super) fn cells(exchange: &Exchange<'_>, row: &Row) -> [String; 12] {
    let time = row.at().map(|at| clock(&exchange.record, at)).unwrap_or_default();
    let [left, right] = exchange.ends();
    match row {
        Row::Segment(row) => of_segment(exchange, row, time),
        Row::Moment(row) => {
            let [theirs, ours] = match row.end {
                End::Peers => [states(&row.peer.entered, &row.peer.sections), String::new()],
                End::Ours => match row.section {
                    Some(section) => [String::new(), states(&[row.state], &[section])],
                    None => [String::new(), String::new()],
                },
            };
            let at = if row.end == End::Peers { left } else { right };
            let mut cells = [const { String::new() }; 12];
            cells[0] = time;
            cells[1] = format!("(at {at})");
            cells[8] = telling::moment(row);
            cells[10] = theirs;
            cells[11] = ours;
            cells
        }
        Row::Folded(fold) => {
            let mut cells = [const { String::new() }; 12];
            let way = |from: &str, flow| telling::flow(flow).map(|flow| format!("{from}: {flow}"));
            let flows = [way(left, fold.incoming), way(right, fold.outgoing)];
            "…".clone_into(&mut cells[0]);
            cells[8] = flows.into_iter().flatten().collect::<Vec<_>>().join("; ");
            cells[9] = telling::troubles(fold).unwrap_or_default();
            cells[10] = fold.peer.map(|state| state.to_string()).unwrap_or_default();
            cells[11] = fold.state.to_string();
            cells
        }
    }
}

fn of_segment(exchange: &Exchange<'_>, row: &SegmentRow, time: String) -> [String; 12] {
    let [left, right] = exchange.ends();
    let from = match row.direction {
        Direction::In => left,
        Direction::Out => right,
    };
    let (seq, ack) = (row.numbers.0.0, row.numbers.1.0);
    let is_relative = exchange.record.ours.is_relative() || exchange.record.theirs.is_relative();
    let both = |shown: i64, number: u32| {
        if is_relative { format!("{shown} ({number})") } else { number.to_string() }
    };
    let length = match row.segments {
        0 | 1 => row.len.to_string(),
        several => format!("{} in {several} segments", row.len),
    };
    let window = match row.window {
        window if window == u32::from(row.window_field) => window.to_string(),
        window => format!("{window} (field {})", row.window_field),
    };
    let outcome = [
        row.dropped.map(|why| format!("not acted on: {}", words::dropped(why))),
        telling::fault(row),
        (row.leg == Leg::Lost).then(|| "never arrived".to_owned()),
        row.marked.then(|| "marked by a congested router (CE)".to_owned()),
        row.arrived.map(|at| format!("arrived at {} ms", clock(&exchange.record, at))),
        match row.leg {
            Leg::Arrives(left) => Some(format!("left at {} ms", clock(&exchange.record, left))),
            Leg::Whole | Leg::Leaves | Leg::Lost => None,
        },
    ];
    [
        time,
        from.to_owned(),
        row.flags.to_string(),
        both(row.seq, seq),
        row.ack.map(|shown| both(shown, ack)).unwrap_or_default(),
        length,
        window,
        options(row),
        telling::why(row).unwrap_or_default().to_owned(),
        outcome.into_iter().flatten().collect::<Vec<_>>().join(", "),
        states(&row.peer.entered, &row.peer.sections),
        states(&row.entered, &row.sections),
    ]
}

/// Every option that a segment carries.
fn options(row: &SegmentRow) -> String {
    let of_syn = row.options.as_ref().map(|options| label::words_of_options(options));
    let sack = Some(label::words_of_sack(&row.sack));
    let stamps = row.timestamps.map(|stamps| format!("timestamps {} {}", stamps.val, stamps.ecr));
    let all = [of_syn, sack, stamps].into_iter().flatten().filter(|words| !words.is_empty());
    all.collect::<Vec<_>>().join(" ")
}

/// `FIN_WAIT_2 (§3.10.7.4 fifth), TIME_WAIT (§3.10.7.4 eighth)`.
fn states(entered: &[State], sections: &[&'static str]) -> String {
    let words = entered.iter().enumerate().map(|(index, state)| match sections.get(index) {
        Some(section) => format!("{state} (§{section})"),
        None => state.to_string(),
    });
    words.collect::<Vec<_>>().join(", ")
}

/// A row in one line of words.
pub(super) fn sentence(exchange: &Exchange<'_>, row: &Row) -> String {
    let cells = cells(exchange, row);
    let [left, right] = exchange.ends();
    let names = ["ms", "from ", "", "seq ", "ack ", "length ", "window ", "", "", "", left, right];
    let mut words = Vec::new();
    for (index, (name, cell)) in names.into_iter().zip(cells).enumerate() {
        let is_nothing = cell.is_empty() || (index == 5 && cell == "0");
        if is_nothing {
            continue;
        }
        words.push(match index {
            0 => format!("{cell} ms"),
            10 | 11 => format!("{name} enters {cell}"),
            _ => format!("{name}{cell}"),
        });
    }
    words.join(", ")
}
