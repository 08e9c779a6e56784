//! Finding the running program that is to be looked into.

use std::fmt::Write;
use std::path::PathBuf;

use clap::Args;

use super::{Failure, exit};
use crate::control::{client::Client, place};

/// Which program.
#[derive(Args, Clone, Debug)]
pub(super) struct Looking {
    /// Look only into the program that serves this TUN
    #[arg(long, visible_alias = "tun", env = "GLASS_DEV", value_name = "NAME")]
    dev: Option<String>,
    /// Look into the program whose socket this is (its --control) [default: all of yours that run]
    #[arg(long, env = "GLASS_CONTROL", value_name = "PATH", conflicts_with = "dev")]
    control: Option<PathBuf>,
}

impl Looking {
    /// All programs that are meant: at least one.
    pub(super) async fn all(&self) -> Result<Vec<Client>, Failure> {
        if let Some(path) = &self.control {
            if path.as_os_str() == "off" {
                let message = "--control off (or GLASS_CONTROL=off) is for the program that is looked into, \
                               which then has no socket; to look into one, leave it out, or name the socket: \
                               --control PATH";
                return Err(Failure::new(exit::USAGE, message));
            }
            let client = Client::connect(path).await.map_err(|error| {
                let path = path.display();
                let hint = "is that the --control of a running glass of yours?";
                Failure::new(
                    exit::UNAVAILABLE,
                    format!("cannot look in by {path}: {error}; {hint}"),
                )
            })?;
            return Ok(vec![client]);
        }
        let mut clients = Client::all().await;
        if clients.is_empty() {
            return Err(nobody());
        }
        if let Some(dev) = &self.dev {
            let there: Vec<_> = clients.iter().map(|client| client.who.device.clone()).collect();
            clients.retain(|client| client.who.device == *dev);
            if clients.is_empty() {
                let there = there.join(", ");
                let message = format!("no glass of yours serves {dev}; there are: {there}");
                return Err(Failure::new(exit::UNAVAILABLE, message));
            }
        }
        Ok(clients)
    }

    /// The one that is meant.
    pub(super) async fn one(&self) -> Result<Client, Failure> {
        let mut clients = self.all().await?;
        if clients.len() > 1 {
            let mut message = "several are running, choose one with --control:".to_owned();
            for client in &clients {
                let _ = write!(message, "\n  {} ({})", client.path().display(), client.who.device);
            }
            return Err(Failure::new(exit::USAGE, message));
        }
        Ok(clients.remove(0))
    }
}

fn nobody() -> Failure {
    let places: Vec<_> =
        place::directories().iter().map(|path| path.display().to_string()).collect();
    let message = format!(
        "no running glass lets you look in: there is no answer in {}. Start glass serve as the same user \
         (one that root has started, root can look into: sudo glass ss), or name the socket of a \
         glass run with --control",
        places.join(", ")
    );
    Failure::new(exit::UNAVAILABLE, message)
}
