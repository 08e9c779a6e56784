//! A lesson step by step: the screen is ours while it lasts, and is given back however it ends.

use std::io::{self, Write};

use ratatui::crossterm::cursor::{Hide, MoveTo, Show};
use ratatui::crossterm::event::{self, Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use ratatui::crossterm::terminal::{
    self, Clear, ClearType, EnterAlternateScreen, LeaveAlternateScreen,
};
use ratatui::crossterm::{execute, queue};

use super::{Failure, exit};
use crate::lesson::{Language, Lesson, Sheet};
use crate::view::Style;

/// Shows `lesson` step by step, as keys are pressed. Who has seen the end has it on the terminal afterwards.
pub(super) fn through(lesson: &Lesson, language: Language, style: &Style) -> Result<(), Failure> {
    let failed = |error| Failure::new(exit::FAILURE, format!("the terminal: {error}"));
    let mut walk = Walk { lesson, language, style: *style, steps: 0 };
    let end = {
        let _screen = Screen::take().map_err(failed)?;
        walk.go().map_err(failed)?
    };
    if end == End::Seen {
        let whole = Sheet::new(lesson, language, &walk.style).whole();
        io::stdout().write_all(whole.as_bytes()).map_err(failed)?;
    }
    Ok(())
}

/// The alternate screen in raw mode, until it is dropped: by a panic, too.
struct Screen;

impl Screen {
    fn take() -> io::Result<Screen> {
        terminal::enable_raw_mode()?;
        let screen = Screen;
        execute!(io::stdout(), EnterAlternateScreen, Hide)?;
        Ok(screen)
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        let _ = execute!(io::stdout(), Show, LeaveAlternateScreen);
        let _ = terminal::disable_raw_mode();
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Quit,
    Seen,
}

/// What a key asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Key {
    Next,
    Back,
    First,
    Last,
    Quit,
}

impl Key {
    fn of(key: KeyEvent) -> Option<Key> {
        if key.kind == KeyEventKind::Release {
            return None;
        }
        // Raw mode hands Ctrl-C over like any other key.
        let is_control = key.modifiers.contains(KeyModifiers::CONTROL);
        match key.code {
            KeyCode::Char('c' | 'd') if is_control => Some(Key::Quit),
            KeyCode::Char('n' | ' ') | KeyCode::Enter | KeyCode::Right | KeyCode::Down => {
                Some(Key::Next)
            }
            KeyCode::Char('b' | 'p') | KeyCode::Backspace | KeyCode::Left | KeyCode::Up => {
                Some(Key::Back)
            }
            KeyCode::Home => Some(Key::First),
            KeyCode::Char('e') | KeyCode::End => Some(Key::Last),
            KeyCode::Char('q') | KeyCode::Esc => Some(Key::Quit),
            _ => None,
        }
    }
}

struct Walk<'a> {
    lesson: &'a Lesson,
    language: Language,
    style: Style,
    steps: usize,
}

impl Walk<'_> {
    fn go(&mut self) -> io::Result<End> {
        loop {
            let (columns, lines) = terminal::size()?;
            self.style.width = usize::from(columns);
            let sheet = Sheet::new(self.lesson, self.language, &self.style);
            draw(&sheet, self.steps, lines)?;
            let last = sheet.steps();
            let Event::Key(key) = event::read()? else { continue };
            match Key::of(key) {
                Some(Key::Quit) => return Ok(End::Quit),
                // Beyond the last step the lesson is over.
                Some(Key::Next) if self.steps == last => return Ok(End::Seen),
                Some(key) => self.steps = stepped(self.steps, key, last),
                None => {}
            }
        }
    }
}

/// Where a key leads from `steps`.
fn stepped(steps: usize, key: Key, last: usize) -> usize {
    match key {
        Key::Next => (steps + 1).min(last),
        Key::Back => steps.saturating_sub(1),
        Key::First => 0,
        Key::Last => last,
        Key::Quit => steps,
    }
}

/// The end of what there is to see, as far as the screen is high, and the keys below it.
fn draw(sheet: &Sheet<'_>, steps: usize, lines: u16) -> io::Result<()> {
    let mut out = io::stdout().lock();
    queue!(out, Clear(ClearType::All), MoveTo(0, 0))?;
    let text = sheet.upto(steps);
    let shown = text.lines().count().saturating_sub(usize::from(lines).saturating_sub(2));
    for line in text.lines().skip(shown) {
        write!(out, "{line}\r\n")?;
    }
    queue!(out, MoveTo(0, lines.saturating_sub(1)))?;
    write!(out, "{}/{}  {}", steps, sheet.steps(), sheet.keys())?;
    out.flush()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_lead_forth_and_back_and_not_beyond() {
        assert_eq!(stepped(0, Key::Next, 3), 1);
        assert_eq!(stepped(3, Key::Next, 3), 3);
        assert_eq!(stepped(2, Key::Back, 3), 1);
        assert_eq!(stepped(0, Key::Back, 3), 0);
        assert_eq!(stepped(1, Key::Last, 3), 3);
        assert_eq!(stepped(2, Key::First, 3), 0);
    }

    #[test]
    fn letters_arrows_and_control_c_are_keys() {
        let key = |code, modifiers| Key::of(KeyEvent::new(code, modifiers));
        assert_eq!(key(KeyCode::Char('n'), KeyModifiers::NONE), Some(Key::Next));
        assert_eq!(key(KeyCode::Char(' '), KeyModifiers::NONE), Some(Key::Next));
        assert_eq!(key(KeyCode::Left, KeyModifiers::NONE), Some(Key::Back));
        assert_eq!(key(KeyCode::Char('c'), KeyModifiers::CONTROL), Some(Key::Quit));
        assert_eq!(key(KeyCode::Char('c'), KeyModifiers::NONE), None);
        assert_eq!(key(KeyCode::Char('q'), KeyModifiers::NONE), Some(Key::Quit));
    }
}
