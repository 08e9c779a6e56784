//! `glass watch`: a running program on a screen.

use std::io::{self, IsTerminal, stdout};
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use ratatui::DefaultTerminal;
use ratatui::crossterm::event::{self, Event, KeyEventKind};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc;
use tokio::time::{MissedTickBehavior, interval};

use super::looking::Looking;
use super::options::Output;
use super::{Failure, exit, runtime};
use crate::control::client::{Client, Stream};
use crate::view::Style;
use crate::view::screen::{Action, Screen, ladder_width};

/// Between two looks.
const LOOK: Duration = Duration::from_millis(250);
/// Connections that are listed.
const MOST: usize = 300;

/// Watch a running glass serve on a screen: its connections, the state diagram, the ladder of one of them
///
/// Keys: j, k and the arrows select a connection; PgUp and PgDn scroll its ladder; f filters by number, state or
/// address; p writes the ladder to a file as text, s as SVG; q ends. Ladders are recorded while somebody
/// watches, and begin with what a connection remembers of the time before.
#[derive(Args, Debug)]
#[command(
    after_help = "Exit code: 0; 69 if no running glass lets you look in, or it has ended; 2 without a terminal."
)]
pub(super) struct Watch {
    #[command(flatten)]
    looking: Looking,
}

impl Watch {
    pub(super) fn execute(self, output: &Output) -> Result<(), Failure> {
        if !stdout().is_terminal() || !io::stdin().is_terminal() {
            let message = "glass watch needs a terminal; glass ss --watch writes to anything";
            return Err(Failure::new(exit::USAGE, message));
        }
        let style = output.style();
        runtime(exit::FAILURE)?.block_on(async {
            let client = self.looking.one().await?;
            let path = client.path().to_owned();
            let not_there = |error: io::Error| {
                let path = path.display();
                Failure::new(exit::UNAVAILABLE, format!("cannot look in by {path}: {error}"))
            };
            // As long as this is read, ladders are recorded.
            let events = Client::connect(&path).await.map_err(not_there)?;
            let kinds = "/v1/events?kinds=connections,states";
            let events = events.stream(kinds).await.map_err(not_there)?;
            let terminal = ratatui::try_init().map_err(|error| {
                Failure::new(exit::FAILURE, format!("cannot use the terminal: {error}"))
            })?;
            // From here on, a panic too gives the terminal back as it was.
            let shown = Session::new(client, terminal, style).run(events).await;
            ratatui::restore();
            shown.map_err(|error| {
                let message = format!("{} does not answer any more: {error}", path.display());
                Failure::new(exit::UNAVAILABLE, message)
            })
        })
    }
}

struct Session {
    client: Client,
    terminal: DefaultTerminal,
    screen: Screen,
    style: Style,
}

impl Session {
    fn new(client: Client, terminal: DefaultTerminal, style: Style) -> Self {
        let title = format!("{} (process {})", client.who.device, client.who.process);
        let screen = Screen::new(title, style.utf8);
        Session { client, terminal, screen, style }
    }

    async fn run(mut self, mut events: Stream) -> io::Result<()> {
        let mut signals = [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup()]
            .map(signal)
            .into_iter()
            .collect::<io::Result<Vec<Signal>>>()?;
        let [interrupt, terminate, hang_up] = &mut signals[..] else { unreachable!("three") };
        let mut keys = keys();
        let mut looks = interval(LOOK);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        // A state has changed since the last look: the next one need not wait.
        let mut soon = interval(LOOK / 5);
        soon.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut is_news = false;
        loop {
            tokio::select! {
                key = keys.recv() => match key {
                    Some(Event::Key(key)) if key.kind == KeyEventKind::Press => {
                        let action = self.screen.on_key(key);
                        if action == Some(Action::Quit) {
                            return Ok(());
                        }
                        self.act(action).await?;
                    }
                    Some(Event::Resize(_, _)) => self.look_at_ladder().await?,
                    Some(_) => {}
                    // The terminal is gone.
                    None => return Ok(()),
                },
                chunk = events.next() => match chunk? {
                    Some(_) => is_news = true,
                    None => return Err(io::Error::other("it has ended")),
                },
                _ = soon.tick(), if is_news => {
                    is_news = false;
                    self.look().await?;
                }
                _ = looks.tick() => self.look().await?,
                _ = interrupt.recv() => return Ok(()),
                _ = terminate.recv() => return Ok(()),
                _ = hang_up.recv() => return Ok(()),
            }
            self.terminal.draw(|frame| self.screen.draw(frame))?;
        }
    }

    async fn look(&mut self) -> io::Result<()> {
        let (connections, more) = self.client.some_connections(MOST).await?;
        self.screen.set_connections(connections, more);
        self.look_at_ladder().await
    }

    async fn look_at_ladder(&mut self) -> io::Result<()> {
        let Some(id) = self.screen.selected() else { return Ok(()) };
        let columns = usize::from(ladder_width(self.terminal.size()?.width));
        let ladder = self.ladder(id, columns).await?;
        self.screen.set_ladder(ladder.as_deref().unwrap_or("nothing was seen of it yet"));
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
            Some(Action::Quit) | None => {}
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
            return self.screen.say("nothing was seen of it yet".to_owned());
        };
        let name = PathBuf::from(format!("glass-ladder-{id}.{kind}"));
        let written = std::fs::File::create_new(&name)
            .and_then(|mut file| io::Write::write_all(&mut file, text.as_bytes()));
        self.screen.say(match written {
            Ok(()) => format!("written: {}", name.display()),
            Err(error) => format!("not written: {}: {error}", name.display()),
        });
    }
}

/// What is typed, and that the window has changed. The thread that waits for it ends with the program.
fn keys() -> mpsc::Receiver<Event> {
    let (sender, receiver) = mpsc::channel(64);
    std::thread::spawn(move || {
        while let Ok(event) = event::read() {
            if sender.blocking_send(event).is_err() {
                break;
            }
        }
    });
    receiver
}
