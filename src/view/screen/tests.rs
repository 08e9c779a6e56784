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
    let rows: Vec<_> = (1..=40).map(|row| format!("row {row} of the ladder")).collect();
    screen.set_ladder(&rows.join("\n"));
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
    is_as_in("160x40.txt", &drawn(&screen(true), 160, 40));
    is_as_in("nothing.txt", &drawn(&Screen::new("glass0 (process 12)".to_owned(), true), 80, 24));
}

#[test]
fn every_size_can_be_drawn() {
    let screen = screen(true);
    for width in [1, 2, 20, 35, 79, 129, 130, 300] {
        for height in [1, 2, 3, 5, 10, 24, 100] {
            drawn(&screen, width, height);
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
    assert!(drawn(&screen, 80, 24).contains("►#2   CLOSED"));
    screen.on_key(key(KeyCode::Up));
    assert_eq!(screen.selected(), Some(3), "so can that one");
    assert_eq!(screen.on_key(key(KeyCode::Home)), Some(Action::Select));
    assert_eq!(screen.selected(), Some(9));
    assert_eq!(screen.on_key(key(KeyCode::Up)), None, "there is nothing above it");
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
    assert!(drawn(&screen, 80, 24).contains("row 40 of"));
    for _ in 0..20 {
        screen.on_key(key(KeyCode::PageUp));
    }
    assert!(drawn(&screen, 80, 24).contains("row 1 of"));
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
    assert_eq!(screen.on_key(interrupt), Some(Action::Quit), "also while typing");
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
