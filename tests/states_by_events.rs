//! docs/states-by-events.md: what an event does to a connection in each state, and which script in
//! `tests/drill` shows it. A script says so itself, in lines at its head:
//!
//! ```text
//! // covers: LAST-ACK x acceptable ACK; LAST-ACK x FIN again
//! ```

mod drill_support;
#[path = "states_by_events/events.rs"]
mod events;
#[path = "states_by_events/matrix.rs"]
mod matrix;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use drill_support::{run_text, scripts};
use events::{Carries, EXCUSES, Kind};
use glasstack::drill::run::{Mark, Row, Run};
use glasstack::drill::suite::Outcome;
use glasstack::tcp::{State, Timer, names};
use matrix::{Cell, Script};

fn all() -> Vec<Script> {
    let read = |path: std::path::PathBuf| {
        let text = fs::read_to_string(&path).expect("it was listed");
        Script::parse(path, text).unwrap_or_else(|why| panic!("{why}"))
    };
    scripts("drill").into_iter().map(read).collect()
}

#[test]
fn the_page_in_docs_is_made_from_the_scripts() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/states-by-events.md");
    let made = matrix::page(&all());
    if std::env::var_os("GLASS_BLESS").is_some() {
        fs::write(&path, &made).expect("docs/states-by-events.md should be writable");
    }
    let kept = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        kept == made,
        "docs/states-by-events.md is not what the scripts make of it; make it again with\n    \
         GLASS_BLESS=1 cargo test --test states_by_events\nand look at it before you commit it"
    );
}

#[test]
fn every_link_leads_to_a_script() {
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs");
    let page = fs::read_to_string(docs.join("states-by-events.md")).expect("the page is there");
    let targets: BTreeSet<_> =
        page.split("](../").skip(1).filter_map(|rest| rest.split([')', ' ']).next()).collect();
    let lost: Vec<_> =
        targets.iter().filter(|target| !docs.join("..").join(target).is_file()).collect();
    assert!(lost.is_empty(), "{lost:?} are not there");
    assert!(targets.len() >= 250, "{} links", targets.len());
}

#[test]
fn every_cell_is_shown_or_has_a_reason() {
    let scripts = all();
    let by_cell = matrix::by_cell(&scripts);
    let mut wrong = Vec::new();
    for event in matrix::events() {
        for state in State::ALL {
            let cell = (state, event.name);
            let name = format!("{} x {}", names::rfc(state), event.name);
            match (by_cell.get(&cell), matrix::reason(cell)) {
                (Some(_), None) | (None, Some(_)) => {}
                (None, None) => wrong.push(format!("{name}: no script, and no reason")),
                (Some(scripts), Some(reason)) => {
                    let shows = scripts[0].path.display();
                    wrong.push(format!("{name}: {shows} shows what is said to be {reason}"));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn names_that_nobody_knows_are_refused() {
    let parse = |covers: &str| {
        let text = format!("// RFC 9293 3.10: a title.\n// covers: {covers}\n  0 write(3) = 0\n");
        Script::parse("script.pkt".into(), text).map(|script| script.cells)
    };
    assert_eq!(
        parse("LAST-ACK x SYN; CLOSED x SYN,ACK"),
        Ok(vec![(State::LastAck, "SYN"), (State::Closed, "SYN,ACK")])
    );
    for (covers, words) in [
        ("LAST_ACK x SYN", "no state is called"),
        ("LAST-ACK x syn", "no event is called"),
        ("LAST-ACK x SYN, LAST-ACK x URG", "no event is called"),
        ("LAST-ACK", "no STATE x EVENT"),
        ("LAST-ACK x SYN; LAST-ACK x SYN", "twice"),
    ] {
        let why = parse(covers).expect_err(covers);
        assert!(why.contains(words), "{covers}: {why}");
    }
    let late =
        "// RFC 9293 3.10: a title.\n  0 write(3) = 0\n// covers: LAST-ACK x SYN\n".to_owned();
    assert!(Script::parse("script.pkt".into(), late).is_err(), "it has to stand at the head");
    for excuse in EXCUSES {
        for name in excuse.events {
            assert!(matrix::events().any(|event| event.name == *name), "an excuse for {name}");
        }
    }
}

#[test]
fn every_timer_has_a_row() {
    let has_row = |timer: Timer| {
        matrix::events().any(|event| matches!(event.kind, Kind::Timer(row) if row == timer))
    };
    for timer in [
        Timer::Retransmission,
        Timer::Reordering,
        Timer::LossProbe,
        Timer::Persist,
        Timer::DelayedAck,
        Timer::Keepalive,
        Timer::TimeWait,
        Timer::Orphan,
        Timer::User,
        Timer::Pacing,
    ] {
        assert!(has_row(timer), "{timer:?}");
    }
}

/// A script that says what it shows is believed when its run has it: an event of that kind, in that state.
#[test]
fn what_scripts_say_of_themselves_happens_in_them() {
    let mut wrong = Vec::new();
    let mut count = 0;
    for script in all().iter().filter(|script| !script.cells.is_empty()) {
        let verdict = run_text("", &script.text);
        let Outcome::Ran(run) = &verdict.outcome else {
            panic!("{} does not run", script.path.display());
        };
        for cell in &script.cells {
            count += 1;
            if !happens(*cell, run) {
                let state = names::rfc(cell.0);
                wrong.push(format!("{}: no {} in {state}", script.path.display(), cell.1));
            }
        }
    }
    assert!(wrong.is_empty(), "{} of {count}:\n{}", wrong.len(), wrong.join("\n"));
    assert!(count >= 350, "{count}");
}

fn happens((state, event): Cell, run: &Run) -> bool {
    let event = matrix::events().find(|known| known.name == event).expect("it was parsed");
    let before = [None].into_iter().chain(run.rows.iter().map(|row| row.state));
    before.zip(&run.rows).any(|(before, row)| match event.kind {
        Kind::Segment { with, without, carries } => {
            is_in(state, before) && row.mark == Mark::In && is_segment(row, with, without, carries)
        }
        Kind::Icmp(codes) => {
            let has_code = codes.iter().any(|code| row.text.contains(code));
            is_in(state, before) && row.mark == Mark::In && row.text.contains("icmp") && has_code
        }
        Kind::Call(calls) => {
            let is_listener = state == State::Listen && is_call(row, &["(3"]);
            (is_in(state, before) || is_listener) && is_call(row, calls)
        }
        Kind::Status => is_in(state, row.state) && row.text.contains("tcpi_state == "),
        Kind::Timer(timer) => {
            row.state == Some(state) && row.timers.iter().any(|left| left.timer == timer)
        }
    })
}

/// Whether a connection in `shown` is in `state`. The peer of a listener has no connection of its own before
/// its SYN.
fn is_in(state: State, shown: Option<State>) -> bool {
    let shown = shown.unwrap_or(State::Closed);
    shown == state || (state == State::Listen && shown == State::Closed)
}

/// Whether one of `calls` was made, or has begun.
fn is_call(row: &Row, calls: &[&str]) -> bool {
    matches!(row.mark, Mark::Call | Mark::Begun)
        && calls.iter().any(|call| row.text.split(' ').any(|word| word.contains(call)))
}

/// Whether the packet of this row has these flags, and not those.
fn is_segment(row: &Row, with: &str, without: &str, carries: Carries) -> bool {
    let words: Vec<&str> = row.text.split(' ').collect();
    let Some(at) = words.iter().position(|word| word.contains(':') && word.ends_with(')')) else {
        return false;
    };
    let Some(flags) = at.checked_sub(1).map(|at| words[at]) else { return false };
    with.chars().all(|flag| flags.contains(flag))
        && !without.chars().any(|flag| flags.contains(flag))
        && match carries {
            Carries::Anything => true,
            Carries::Text => !words[at].ends_with("(0)"),
            Carries::Options => row.text.contains('<'),
            Carries::WrongChecksum => row.text.ends_with(" badsum"),
        }
}
