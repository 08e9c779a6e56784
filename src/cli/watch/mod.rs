//! `glass watch`: a running program on a screen. `session` is what goes on there, `tty` the terminal that it
//! takes; `beside` is the screen of `glass run --watch`, beside which a program runs, and `diverted` what that writes.

mod beside;
mod diverted;
mod session;
mod tty;

use std::io::{self, IsTerminal, stdout};

use clap::Args;

pub(super) use self::beside::{Beside, WatchOptions};
use self::session::{KINDS, Session};
use self::tty::Tty;
use super::looking::Looking;
use super::options::Output;
use super::{Failure, exit, runtime};
use crate::control::client::Client;

/// Watch a running glass serve on a screen: its connections, the state diagram, the ladder of one of them
///
/// Keys: j, k and the arrows select a connection; PgUp and PgDn scroll its ladder; f filters by number, state or
/// address; p writes the ladder to a file as text, s as SVG; q ends. Ladders are recorded while somebody
/// watches, and begin with what a connection remembers of the time before. A glass run has the same screen with
/// glass run --watch.
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
            let events = events.stream(KINDS).await.map_err(not_there)?;
            let title = format!("{} (process {})", client.who.device, client.who.process);
            let tty = Tty::take().map_err(|error| cannot_take(exit::FAILURE, &error))?;
            // The terminal is as it was when this has ended, however it ends.
            let shown = Session::new(client, tty, style, title).run(events, None).await;
            shown.map_err(|error| {
                let message = format!("{} does not answer any more: {error}", path.display());
                Failure::new(exit::UNAVAILABLE, message)
            })
        })
    }
}

fn cannot_take(code: u8, error: &io::Error) -> Failure {
    Failure::new(code, format!("cannot use the terminal: {error}"))
}
