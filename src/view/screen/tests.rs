//! What the screen looks like, held against pictures of it: `GLASS_BLESS=1` draws them anew.

use ratatui::Terminal;
use ratatui::backend::TestBackend;

use super::super::sockets::tests::connection;
use super::*;
use crate::tcp::is_arrow;

fn at(id: u64, state: &str, timer: Option<(&str, u64)>) -> Connection {
    let mut one = connection();
    one["id"] = id.into();
    one["state"] = state.into();
    one["local"] = "192.0.2.2:80".into();
    one["remote"] = format!("192.0.2.1:{}", 40_000 + id).into();
    let timers =
        timer.map(|(timer, left_us)| serde_json::json!({ "timer": timer, "left_us": left_us }));
    one["timers"] = timers.into_iter().collect();
    serde_json::from_value(one).expect("every field is there")
}

fn screen(utf8: bool) -> Screen {
    let mut screen = Screen::new("glass0 (process 12)".to_owned(), utf8);
    let connections = vec![
        at(1, "TIME_WAIT", Some(("time-wait", 59_100_000))),
        at(2, "ESTABLISHED", None),
        at(3, "FIN_WAIT_1", Some(("retransmission", 180_000))),
    ];
    screen.set_connections(connections, false);
    screen.set_ladder(&ladder(40));
    screen
}

fn ladder(rows: u32) -> String {
    let head =
        "#3  192.0.2.1:40003  →  192.0.2.2:80  (they opened)\n  ms  peer  us (server)  our state\n";
    let rows = (1..=rows).map(|row| format!("row {row} of the ladder\n"));
    head.to_owned() + &rows.collect::<String>()
}

/// A run of `curl`, which has written three lines.
fn run(ended: Option<i32>) -> Screen {
    let mut screen = Screen::new("glass run".to_owned(), true);
    screen.set_command("curl".to_owned());
    let mut written = Written::default();
    written.push(b"Hello from glasstack\nanother line\r\n");
    written.push("a line that is longer than the pane is wide: ".repeat(4).as_bytes());
    screen.set_written(&written);
    screen.set_connections(vec![at(1, "TIME_WAIT", Some(("time-wait", 59_100_000)))], false);
    screen.set_ladder(&ladder(12));
    ended.into_iter().for_each(|code| screen.set_ended(code));
    screen
}

/// Many, of both families, with long numbers.
fn crowd() -> Screen {
    let mut screen = Screen::new("glass0 (process 12)".to_owned(), true);
    let one = |id: u64| {
        let timer = id.is_multiple_of(3).then_some(("retransmission", id * 100_000));
        let mut one =
            at(id, if id.is_multiple_of(5) { "CLOSE_WAIT" } else { "ESTABLISHED" }, timer);
        match id % 4 {
            0 => one.remote = "[2001:db8::1]:40000".parse().expect("an address"),
            1 => {
                one.remote = "[2001:db8:1234:5678:9abc:def0:1234:5678]:65535".parse().expect("too");
            }
            _ => {}
        }
        one
    };
    screen.set_connections((1..=1_003).map(one).collect(), true);
    screen
}

fn key(code: KeyCode) -> KeyEvent {
    KeyEvent::new(code, KeyModifiers::NONE)
}

fn press(screen: &mut Screen, keys: &str) {
    keys.chars().for_each(|sign| {
        screen.on_key(key(KeyCode::Char(sign)));
    });
}

fn drawn(screen: &Screen, width: u16, height: u16) -> String {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).expect("memory");
    terminal.draw(|frame| screen.draw(frame)).expect("memory");
    let shown = terminal.backend().to_string();
    let lines = shown.lines().map(|line| line.trim_matches('"').trim_end());
    lines.collect::<Vec<_>>().join("\n") + "\n"
}

#[track_caller]
fn is_as_in(file: &str, shown: &str) {
    let path = format!("{}/src/view/screen/pictures/{file}", env!("CARGO_MANIFEST_DIR"));
    if std::env::var_os("GLASS_BLESS").is_some() {
        std::fs::write(&path, shown).expect("a picture can be written");
    }
    let picture = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(shown, picture, "{file}; GLASS_BLESS=1 draws it anew\n{shown}");
}

#[test]
fn it_looks_as_in_the_pictures() {
    is_as_in("80x24.txt", &drawn(&screen(true), 80, 24));
    is_as_in("80x24-ascii.txt", &drawn(&screen(false), 80, 24));
    is_as_in("40x12.txt", &drawn(&screen(true), 40, 12));
    is_as_in("160x40.txt", &drawn(&screen(true), 160, 40));
    is_as_in("run-100x34.txt", &drawn(&run(Some(7)), 100, 34));
    is_as_in("crowd.txt", &drawn(&crowd(), 80, 24));
    is_as_in("nothing.txt", &drawn(&Screen::new("glass0 (process 12)".to_owned(), true), 80, 24));
}

#[test]
fn every_size_can_be_drawn() {
    let screen = screen(true);
    let (crowd, mut run) = (crowd(), run(None));
    for width in [1, 2, 20, 35, 71, 72, 79, 129, 130, 300] {
        for height in [1, 2, 3, 5, 10, 24, 29, 30, 100] {
            drawn(&screen, width, height);
            drawn(&crowd, width, height);
            drawn(&run, width, height);
            press(&mut run, "o");
        }
    }
}

#[test]
fn the_newest_comes_first_and_a_selection_stays() {
    let mut screen = screen(true);
    assert_eq!(screen.selected(), Some(3));
    assert_eq!(screen.on_key(key(KeyCode::Char('j'))), Some(Action::Select));
    assert_eq!(screen.selected(), Some(2));
    screen.set_connections(vec![at(2, "ESTABLISHED", None), at(9, "ESTABLISHED", None)], false);
    assert_eq!(screen.selected(), Some(2), "others come and go");
    screen.set_connections(vec![at(9, "ESTABLISHED", None)], false);
    assert_eq!(screen.selected(), Some(2), "it is over, and can still be looked at");
    assert!(drawn(&screen, 80, 24).contains("►#2 CLOSED"));
    screen.on_key(key(KeyCode::Up));
    assert_eq!(screen.selected(), Some(3), "so can that one");
    assert_eq!(screen.on_key(key(KeyCode::Home)), Some(Action::Select));
    assert_eq!(screen.selected(), Some(9));
    assert_eq!(screen.on_key(key(KeyCode::Up)), None, "there is nothing above it");
}

#[test]
fn what_began_and_ended_between_two_looks_is_there() {
    let mut screen = Screen::new("glass run".to_owned(), true);
    let (local, remote) = ("192.0.2.2:80".parse().unwrap(), "192.0.2.1:4000".parse().unwrap());
    screen.on_begun(1, local, remote);
    assert!(drawn(&screen, 80, 24).contains("none yet"), "it may still be there");
    screen.set_connections(Vec::new(), false);
    assert!(drawn(&screen, 80, 24).contains("►#1 CLOSED      192.0.2.1:4000"));
    assert_eq!(screen.selected(), Some(1));
    // Of one that is seen in time nothing is said twice.
    screen.on_begun(2, local, remote);
    screen.set_connections(vec![at(2, "ESTABLISHED", None)], false);
    screen.on_begun(2, local, remote);
    screen.set_connections(Vec::new(), false);
    let shown = drawn(&screen, 80, 24);
    assert_eq!(shown.matches("#2 CLOSED").count(), 1, "{shown}");
    // Nor is anything kept without a bound.
    (3..10_000).for_each(|id| screen.on_begun(id, local, remote));
    assert!(screen.begun.len() <= GONE);
}

#[test]
fn a_filter_is_typed_and_taken_back() {
    let mut screen = screen(true);
    press(&mut screen, "ftime");
    assert!(drawn(&screen, 80, 24).contains("filter: time_"));
    assert_eq!(screen.selected(), Some(1), "the only one in TIME_WAIT");
    press(&mut screen, "q");
    assert!(drawn(&screen, 80, 24).contains("filter: timeq_"), "q is a letter here");
    screen.on_key(key(KeyCode::Backspace));
    screen.on_key(key(KeyCode::Enter));
    assert!(drawn(&screen, 80, 24).contains("connections with \"time\""));
    screen.on_key(key(KeyCode::Esc));
    assert!(!drawn(&screen, 80, 24).contains("with"));
}

#[test]
fn the_ladder_is_shown_from_its_end_and_scrolls() {
    let mut screen = screen(true);
    let head = "us (server)  our state";
    let shown = drawn(&screen, 80, 24);
    assert!(shown.contains("row 40 of") && shown.contains(", lines 36-42 of 42"), "{shown}");
    assert!(shown.contains(head), "the names of the columns stay\n{shown}");
    for _ in 0..20 {
        screen.on_key(key(KeyCode::PageUp));
    }
    let shown = drawn(&screen, 80, 24);
    assert!(shown.contains("row 1 of") && shown.contains("lines 1-8 of 42"), "{shown}");
    assert_eq!(shown.matches(head).count(), 1, "{shown}");
    // What is added meanwhile does not carry it away; and the next key is heeded at once.
    screen.set_ladder(&ladder(60));
    assert!(drawn(&screen, 80, 24).contains("row 1 of"));
    screen.on_key(key(KeyCode::PageDown));
    assert!(!drawn(&screen, 80, 24).contains("row 1 of"));
    screen.set_ladder(&ladder(40));
    for _ in 0..20 {
        screen.on_key(key(KeyCode::PageDown));
    }
    assert!(drawn(&screen, 80, 24).contains("row 40 of"));
}

#[test]
fn keys_ask_for_what_the_screen_cannot_do() {
    let mut screen = screen(true);
    assert_eq!(screen.on_key(key(KeyCode::Char('p'))), Some(Action::WriteText(3)));
    assert_eq!(screen.on_key(key(KeyCode::Char('s'))), Some(Action::WriteSvg(3)));
    assert_eq!(screen.on_key(key(KeyCode::Char('q'))), Some(Action::Quit));
    let interrupt = KeyEvent::new(KeyCode::Char('c'), KeyModifiers::CONTROL);
    press(&mut screen, "f");
    assert_eq!(screen.on_key(interrupt), Some(Action::Interrupt), "also while typing");
}

#[test]
fn what_a_command_writes_can_be_looked_at() {
    let mut screen = run(None);
    let shown = drawn(&screen, 80, 24);
    assert!(shown.starts_with("glass run  curl runs  1 connection: 1 TIME_WAIT"), "{shown}");
    assert!(!shown.contains("Hello from"), "there is no room for both\n{shown}");
    assert!(shown.contains("o output"), "{shown}");
    press(&mut screen, "o");
    let shown = drawn(&screen, 80, 24);
    assert!(
        shown.contains("Hello from") && shown.contains("output of curl: 215 octets"),
        "{shown}"
    );
    assert!(!shown.contains("row 12"), "{shown}");
    let shown = drawn(&screen, 80, 40);
    assert_eq!(shown.matches("Hello from").count(), 1, "not twice\n{shown}");
    press(&mut screen, "o");
    let shown = drawn(&screen, 80, 40);
    assert!(shown.contains("another line") && shown.contains("row 12"), "{shown}");
    screen.set_ended(143);
    let shown = drawn(&screen, 80, 24);
    assert!(shown.contains("curl was ended by signal 15 (code 143); q leaves"), "{shown}");
    assert!(!drawn(&self::screen(true), 80, 24).contains("o output"), "nothing runs beside it");
}

#[test]
fn the_list_stays_in_columns() {
    let shown = drawn(&crowd(), 80, 24);
    let rows: Vec<_> = shown.lines().skip(3).take(9).collect();
    let states = rows.iter().map(|row| row.find("ESTABLISHED").or(row.find("CLOSE_WAIT")));
    // The first has the sign of the selection, which is longer in octets.
    let first = rows[0].find("►").map_or(0, |_| "►".len() - 1);
    let mut places =
        states.enumerate().map(|(row, at)| at.map(|at| at - if row == 0 { first } else { 0 }));
    let place = places.next().flatten().expect("a state");
    assert!(places.all(|other| other == Some(place)), "{shown}");
    for row in rows {
        assert!(row.contains(":4") || row.contains("5678]:65535"), "a port is whole\n{shown}");
    }
    assert!(shown.contains("connections, 1-9 of 1003"), "{shown}");
    let mut screen = crowd();
    screen.on_key(key(KeyCode::End));
    let shown = drawn(&screen, 80, 24);
    assert!(shown.contains("►#1 ") && shown.contains(", 995-1003 of 1003"), "{shown}");
    assert!(!drawn(&self::screen(true), 80, 24).contains(" of 3"), "all are shown");
}

/// Each state is in the picture once, and stands in brackets when it is the present one; what is said of the
/// ways out is in the table.
#[test]
fn the_present_state_is_lit() {
    for state in State::ALL {
        let lines = states::lines(Some(state), true);
        let text: Vec<String> = lines.iter().map(ToString::to_string).collect();
        let text = text.join("\n");
        let name = names::course(state);
        assert_eq!(text.matches(&format!("[{name}]")).count(), 1, "{text}");
        assert_eq!(text.matches('[').count(), 1, "{text}");
        let ways = states::ways_out(state);
        assert!(!ways.is_empty());
        assert!(is_arrow(State::Established, State::FinWait1, crate::tcp::Cause::Close));
    }
    assert_eq!(states::ways_out(State::Established)[0], "FIN_WAIT_1 by CLOSE");
}
