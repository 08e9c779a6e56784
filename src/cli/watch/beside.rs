//! The program that runs beside the screen of `glass run --watch`.

use std::ffi::OsString;
use std::io;
use std::path::Path;
use std::sync::MutexGuard;

use clap::Args;
use rustix::process::Signal;

use super::diverted::Diverted;
use super::session::{KINDS, Session};
use super::tty::{self, Tty};
use super::{Failure, cannot_take, exit};
use crate::cli::child::{Child, Leftovers, end_leftovers};
use crate::cli::engine::EngineKind;
use crate::control::{Inside, Source};
use crate::view::Style;
use crate::view::screen::Written;

/// Looking on.
#[derive(Args, Clone, Copy, Debug)]
#[command(next_help_heading = "Looking on")]
pub(in crate::cli) struct WatchOptions {
    /// Watch the connections on a screen while CMD runs, and afterwards until q is pressed: the list with its timers,
    /// the states, the ladder of one. What CMD writes to the terminal is shown there (o) and printed in the
    /// end; its stdin, if that is the terminal, is empty
    #[arg(long, env = "GLASS_RUN_WATCH")]
    pub(in crate::cli) watch: bool,
}

impl WatchOptions {
    /// Refuses what cannot be, before anything is made.
    pub(in crate::cli) fn check(self, engine: EngineKind) -> Result<(), Failure> {
        if !self.watch {
            return Ok(());
        }
        if !engine.has_ladders() {
            let message = "--engine smoltcp cannot do --watch: it raises no events; leave it out, or use \
                           --engine ours";
            return Err(Failure::new(exit::USAGE, message));
        }
        tty::open().map(drop).map_err(|error| {
            let message = format!(
                "--watch needs a terminal, and this process has none ({error}); without it the ladders are printed \
                 when CMD has ended"
            );
            Failure::new(exit::USAGE, message)
        })
    }
}

/// CMD, and how it gets on.
pub(in crate::cli) struct Beside {
    child: Child,
    name: String,
    diverted: Diverted,
    /// Its exit code, and what it has left behind.
    ended: Option<(i32, Leftovers)>,
    /// What was asked of it by `q`.
    asked: Asked,
    /// The screen ends with it.
    leaves: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Asked {
    Nothing,
    /// Whether it shall end.
    Whether,
    /// To end.
    ToEnd,
}

impl Beside {
    /// Runs `command` with the screen, until both have ended. Returns CMD's exit code, and what it has left
    /// behind.
    pub(in crate::cli) async fn run(
        source: Source,
        command: &[OsString],
        environment: &[(&str, &str)],
        style: Style,
    ) -> Result<(i32, Leftovers), Failure> {
        let failed = |error: &io::Error| cannot_take(exit::RUN_FAILED, error);
        let inside = Inside::new(source);
        let client = inside.client().await.map_err(|error| failed(&error))?;
        let events = inside.client().await.map_err(|error| failed(&error))?;
        // Before CMD does anything.
        let events = events.stream(KINDS).await.map_err(|error| failed(&error))?;
        let diverted = Diverted::begin().map_err(|error| failed(&error))?;
        let child = Child::spawn_apart(command, environment)
            .map_err(|error| Failure::new(error.exit_code(), error))?;
        let name = Path::new(&command[0]).file_name().unwrap_or(&command[0]);
        let name = name.to_string_lossy().into_owned();
        let (asked, leaves) = (Asked::Nothing, false);
        let mut beside = Beside { child, name, diverted, ended: None, asked, leaves };
        let shown = match Tty::take() {
            Ok(tty) => {
                let session = Session::new(client, tty, style, "glass run".to_owned());
                session.run(events, Some(&mut beside)).await
            }
            Err(error) => Err(error),
        };
        if !beside.has_ended() {
            // The terminal is gone, or something else that the screen cannot do without.
            beside.child.signal(Signal::HUP);
            beside.child.signal(Signal::CONT);
            let code = beside.code().await;
            beside.clear_up(code).await;
        }
        beside.diverted.end();
        shown.map_err(|error| failed(&error))?;
        Ok(beside.ended.expect("it has ended"))
    }

    /// What it is called.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// What it has written on the terminal.
    pub(super) fn written(&self) -> MutexGuard<'_, Written> {
        self.diverted.written()
    }

    pub(super) const fn has_ended(&self) -> bool {
        self.ended.is_some()
    }

    /// Whether somebody wanted the screen to end with it.
    pub(super) const fn is_to_leave(&self) -> bool {
        self.leaves
    }

    /// Waits for its end, and returns its exit code. Cancel safe.
    pub(super) async fn code(&mut self) -> i32 {
        self.child.wait().await
    }

    /// It has ended with this code: ends what it has left behind.
    pub(super) async fn clear_up(&mut self, code: i32) {
        let leftovers = end_leftovers().await;
        self.ended = Some((code, leftovers));
    }

    /// `q`: it is asked once whether it is meant. Returns what to say.
    pub(super) fn on_quit(&mut self) -> String {
        let name = &self.name;
        match self.asked {
            Asked::Nothing => {
                self.asked = Asked::Whether;
                format!("{name} still runs: q again ends it, any other key goes on")
            }
            Asked::Whether => {
                self.asked = Asked::ToEnd;
                self.leaves = true;
                self.child.signal(Signal::TERM);
                // One that is stopped would not see it otherwise.
                self.child.signal(Signal::CONT);
                format!("{name} was sent SIGTERM; if it does not end, q again kills it")
            }
            Asked::ToEnd => {
                self.child.signal(Signal::KILL);
                format!("{name} was sent SIGKILL")
            }
        }
    }

    /// Ctrl-C, which is for it as it would be without a screen. Returns what to say.
    pub(super) fn on_interrupt(&mut self) -> String {
        self.child.signal(Signal::INT);
        format!("{} was sent SIGINT", self.name)
    }

    pub(super) fn on_other_key(&mut self) {
        if self.asked == Asked::Whether {
            self.asked = Asked::Nothing;
        }
    }

    /// Somebody wants the screen to end: whether it may at once. Otherwise it ends with CMD, who has heard of it.
    pub(super) fn leave(&mut self) -> bool {
        self.leaves = true;
        self.has_ended()
    }
}
