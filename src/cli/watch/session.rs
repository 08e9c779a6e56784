//! What goes on on a screen: keys, looks at the connections, and a program beside it, if there is one.

use std::fs::File;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use ratatui::crossterm::event::{Event, KeyEventKind};
use serde::Deserialize;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::{Instant, sleep_until};

use super::beside::Beside;
use super::tty::Tty;
use crate::control::client::{Client, Stream};
use crate::view::Style;
use crate::view::screen::{Action, Screen, ladder_width};

/// While this is read, ladders are recorded.
pub(super) const KINDS: &str = "/v1/events?kinds=connections,states,peer";

/// Between two looks, and between two when a state has changed.
const LOOK: Duration = Duration::from_millis(250);
const LOOK_SOON: Duration = Duration::from_millis(50);
/// So many times as long as a look takes there is none: with many connections it costs something.
const REST: u32 = 4;
/// Connections that are listed.
const MOST: usize = 5_000;
/// In the place of a ladder.
const NO_LADDER: &str = "there is no ladder of it: the latest 256 connections have one";
/// Files of one ladder: another name is found where there is one already.
const MOST_FILES: u32 = 100;

pub(super) struct Session {
    client: Client,
    tty: Tty,
    screen: Screen,
    style: Style,
    /// When the last look was over, and how long it took.
    looked: Instant,
    look: Duration,
}

impl Session {
    pub(super) fn new(client: Client, tty: Tty, style: Style, title: String) -> Self {
        let screen = Screen::new(title, style.utf8);
        Session { client, tty, screen, style, looked: Instant::now(), look: Duration::ZERO }
    }

    /// Until somebody has enough of it. A program beside it has ended then.
    pub(super) async fn run(
        mut self,
        events: Stream,
        mut beside: Option<&mut Beside>,
    ) -> io::Result<()> {
        let mut signals = [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup()]
            .map(signal)
            .into_iter()
            .collect::<io::Result<Vec<Signal>>>()?;
        let [interrupt, terminate, hang_up] = &mut signals[..] else { unreachable!("three") };
        if let Some(beside) = &beside {
            self.screen.set_command(beside.name().to_owned());
        }
        let mut keys = Tty::keys();
        // A state has changed since the last look: the next one need not wait.
        let mut is_news = false;
        let mut is_to_be_drawn = true;
        let mut news = News { events, pending: Vec::new() };
        self.look().await?;
        loop {
            if is_to_be_drawn {
                self.draw(beside.as_deref())?;
            }
            is_to_be_drawn = true;
            let next = self.next_look(is_news);
            tokio::select! {
                key = keys.recv() => match key {
                    Some(Event::Key(key)) if key.kind == KeyEventKind::Press => {
                        let action = self.screen.on_key(key);
                        if self.is_end(action, beside.as_deref_mut()) {
                            return Ok(());
                        }
                        self.act(action).await?;
                    }
                    Some(Event::Resize(_, _)) => self.look_at_ladder().await?,
                    Some(_) => {}
                    // The terminal is gone.
                    None => return Ok(()),
                },
                code = ended(&mut beside) => if let Some(beside) = beside.as_deref_mut() {
                    beside.clear_up(code).await;
                    self.screen.set_ended(code);
                    if beside.is_to_leave() {
                        return Ok(());
                    }
                },
                begun = news.next() => {
                    for Begun { conn, local, remote } in begun? {
                        self.screen.on_begun(conn, local, remote);
                    }
                    // Where many come, each look has news of all of them.
                    is_to_be_drawn = !is_news;
                    is_news = true;
                }
                () = sleep_until(next) => {
                    is_news = false;
                    self.look().await?;
                }
                // A program beside us hears of these, too.
                _ = interrupt.recv() => if is_over(&mut beside) { return Ok(()) },
                _ = terminate.recv() => if is_over(&mut beside) { return Ok(()) },
                _ = hang_up.recv() => if is_over(&mut beside) { return Ok(()) },
            }
        }
    }

    fn draw(&mut self, beside: Option<&Beside>) -> io::Result<()> {
        if let Some(beside) = beside {
            self.screen.set_written(&beside.written());
        }
        let Session { tty, screen, .. } = self;
        tty.draw(|frame| screen.draw(frame)).map(drop)
    }

    fn next_look(&self, is_news: bool) -> Instant {
        self.looked + if is_news { LOOK_SOON } else { LOOK }.max(self.look * REST)
    }

    /// Whether it ends by this key; a program beside it has to end before.
    fn is_end(&mut self, action: Option<Action>, beside: Option<&mut Beside>) -> bool {
        let Some(beside) = beside else {
            return matches!(action, Some(Action::Quit | Action::Interrupt));
        };
        if beside.has_ended() {
            return matches!(action, Some(Action::Quit | Action::Interrupt));
        }
        match action {
            Some(Action::Quit) => self.screen.say(beside.on_quit()),
            Some(Action::Interrupt) => self.screen.say(beside.on_interrupt()),
            Some(Action::WriteText(_) | Action::WriteSvg(_) | Action::Select) | None => {
                beside.on_other_key();
            }
        }
        false
    }

    async fn look(&mut self) -> io::Result<()> {
        let began = Instant::now();
        let (connections, more) = self.client.some_connections(MOST).await?;
        self.screen.set_connections(connections, more);
        self.look_at_ladder().await?;
        self.looked = Instant::now();
        self.look = self.looked - began;
        Ok(())
    }

    async fn look_at_ladder(&mut self) -> io::Result<()> {
        let Some(id) = self.screen.selected() else { return Ok(()) };
        let columns = usize::from(ladder_width(self.tty.size()?.width));
        let ladder = self.ladder(id, columns).await?;
        self.screen.set_ladder(ladder.as_deref().unwrap_or(NO_LADDER));
        Ok(())
    }

    async fn act(&mut self, action: Option<Action>) -> io::Result<()> {
        match action {
            Some(Action::WriteText(id)) => {
                let ladder = self.ladder(id, Style::default().width).await?;
                self.write(id, "txt", ladder);
            }
            Some(Action::WriteSvg(id)) => {
                let svg = self.client.text(&format!("/v1/ladders/{id}?format=svg")).await;
                match svg {
                    Ok(svg) => self.write(id, "svg", Some(svg)),
                    Err(error) => self.screen.say(format!("no picture: {error}")),
                }
            }
            Some(Action::Select) => self.look_at_ladder().await?,
            Some(Action::Quit | Action::Interrupt) | None => {}
        }
        Ok(())
    }

    async fn ladder(&mut self, id: u64, columns: usize) -> io::Result<Option<String>> {
        let utf8 = self.style.utf8;
        let path = format!("/v1/ladders/{id}?width={}&utf8={utf8}", columns.clamp(1, 1_000));
        match self.client.text(&path).await {
            Ok(ladder) => Ok(Some(ladder)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Into the working directory, over nothing that is there.
    fn write(&mut self, id: u64, kind: &str, text: Option<String>) {
        let Some(text) = text else {
            return self.screen.say(NO_LADDER.to_owned());
        };
        let mut name = PathBuf::from(format!("glass-ladder-{id}.{kind}"));
        let mut file = File::create_new(&name);
        for number in 2..=MOST_FILES {
            if !file.as_ref().is_err_and(|error| error.kind() == io::ErrorKind::AlreadyExists) {
                break;
            }
            name = PathBuf::from(format!("glass-ladder-{id}-{number}.{kind}"));
            file = File::create_new(&name);
        }
        let written = file.and_then(|mut file| file.write_all(text.as_bytes()));
        self.screen.say(match written {
            Ok(()) => format!("written: {}", name.display()),
            Err(error) => format!("not written: {}: {error}", name.display()),
        });
    }
}

/// Waits for the end of a program that runs beside the screen; for ever if none does. Cancel safe.
async fn ended(beside: &mut Option<&mut Beside>) -> i32 {
    match beside {
        Some(beside) if !beside.has_ended() => beside.code().await,
        Some(_) | None => std::future::pending().await,
    }
}

/// Whether it is over when somebody wants the screen to end: with a program that runs beside it only when that
/// has ended.
fn is_over(beside: &mut Option<&mut Beside>) -> bool {
    beside.as_deref_mut().is_none_or(Beside::leave)
}

/// Events, as far as they are of interest here.
struct News {
    events: Stream,
    /// The beginning of a line whose end has not come yet.
    pending: Vec<u8>,
}

/// A connection that has begun.
#[derive(Debug, Deserialize)]
struct Begun {
    conn: u64,
    local: SocketAddr,
    remote: SocketAddr,
}

impl News {
    /// Waits until something has happened, and returns which connections have begun. Cancel safe.
    async fn next(&mut self) -> io::Result<Vec<Begun>> {
        loop {
            let chunk = self.events.next().await?;
            let chunk = chunk.ok_or_else(|| io::Error::other("it has ended"))?;
            self.pending.extend_from_slice(&chunk);
            let Some(end) = self.pending.iter().rposition(|octet| *octet == b'\n') else {
                continue;
            };
            let lines: Vec<u8> = self.pending.drain(..=end).collect();
            let lines = String::from_utf8_lossy(&lines);
            // Every few seconds it says that it is still there.
            if lines.trim().is_empty() {
                continue;
            }
            let begun = lines.lines().filter(|line| line.contains(r#""event":"opened""#));
            return Ok(begun.filter_map(|line| serde_json::from_str(line).ok()).collect());
        }
    }
}
