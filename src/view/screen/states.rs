//! The diagram of the states, small, the present one lit: where it stands, and where it can go from there.

use ratatui::style::{Modifier, Style};
use ratatui::text::{Line, Span};

use crate::tcp::{ARROWS, Cause, State, names};

/// Columns and lines that it takes.
pub(super) const WIDTH: u16 = 33;
pub(super) const HEIGHT: u16 = 10;

/// A piece of a line: drawn, or the name of a state.
enum Piece {
    Text(&'static str),
    Name(State),
}

/// Opening above, closing below: on the left whoever closes first, on the right whoever follows.
fn picture() -> [Vec<Piece>; HEIGHT as usize] {
    use Piece::{Name, Text};
    [
        vec![Text("            "), Name(State::Closed)],
        vec![Text("       ┌────────┴────────┐")],
        vec![Text("   "), Name(State::Listen), Text("         "), Name(State::SynSent)],
        vec![Text("  "), Name(State::SynReceived), Text("             │")],
        vec![Text("       └────────┬────────┘")],
        vec![Text("          "), Name(State::Established)],
        vec![Text("       ┌────────┴────────┐")],
        vec![Text(" "), Name(State::FinWait1), Text("      "), Name(State::CloseWait)],
        vec![Name(State::FinWait2), Name(State::Closing), Name(State::LastAck)],
        vec![Text("   └─"), Name(State::TimeWait), Text("┘     CLOSED")],
    ]
}

/// The picture. The present state stands in brackets, and is lit.
pub(super) fn lines(present: Option<State>, utf8: bool) -> Vec<Line<'static>> {
    let line = |pieces: Vec<Piece>| {
        let spans = pieces.into_iter().map(|piece| match piece {
            Piece::Text(text) => Span::raw(if utf8 { text.to_owned() } else { ascii(text) }),
            Piece::Name(state) if present == Some(state) => {
                let lit = Style::new().add_modifier(Modifier::REVERSED | Modifier::BOLD);
                Span::styled(format!("[{}]", names::course(state)), lit)
            }
            // As wide as with brackets, so that nothing moves.
            Piece::Name(state) => Span::raw(format!(" {} ", names::course(state))),
        });
        Line::from(spans.collect::<Vec<_>>())
    };
    picture().into_iter().map(line).collect()
}

fn ascii(text: &str) -> String {
    let plain = |sign| match sign {
        '─' => '-',
        '│' => '|',
        '┌' | '┐' | '└' | '┘' | '┴' | '┬' => '+',
        other => other,
    };
    text.chars().map(plain).collect()
}

/// Where it can go, and by what: `FIN_WAIT_1 by CLOSE`. What may end any connection at any time comes last.
pub(super) fn ways_out(present: State) -> Vec<String> {
    let is_usual =
        |cause: Cause| !matches!(cause, Cause::Abort | Cause::RstArrived | Cause::UserTimeout);
    let from = || ARROWS.iter().filter(|(from, _, _)| *from == present);
    let usual = from().filter(|(_, _, cause)| is_usual(*cause));
    let others = from().filter(|(_, _, cause)| !is_usual(*cause));
    let told = usual.chain(others);
    told.map(|(_, to, cause)| format!("{} by {}", names::course(*to), cause.words())).collect()
}
