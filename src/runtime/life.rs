//! How a stack of ours begins, and how it comes to rest, under a program that has put it there.

use std::io;
use std::time::Duration;

use tokio::time::sleep;

use super::driver::Driver;
use super::net::Net;
use super::secret;
use crate::device::Device;
use crate::stack::{Config, Stack};
use crate::tcp::State;
use crate::trace::Sink;

/// Between two looks at the states: the first, and the longest.
const FIRST_LOOK: Duration = Duration::from_millis(2);
const LONGEST_LOOK: Duration = Duration::from_millis(100);

impl Net {
    /// Puts a stack of ours on `device`: [`Net::new`] for who has nothing special in mind. `config` holds,
    /// but for what its surroundings say: how long packets may be and what is left to the device comes from
    /// `device`, the events are those that `sinks` want (beside those of `config`), and the secret comes
    /// from the system.
    ///
    /// # Errors
    ///
    /// There is no tokio runtime here, no file descriptor left, or no randomness to be had.
    pub fn open(
        device: impl Device + 'static,
        mut config: Config,
        sinks: Vec<Box<dyn Sink>>,
    ) -> io::Result<(Net, Driver)> {
        config.mtu = device.mtu();
        config.features = device.features();
        config.events |= sinks.iter().map(|sink| sink.wanted()).collect();
        let stack = Stack::new(config, secret()?);
        Net::new(Box::new(stack), Box::new(device), sinks)
    }

    /// Returns when no connection is open any more: each is CLOSED, or in `TIME_WAIT`. What was written has
    /// arrived then, and both sides have closed. Who stops a stack waits for this before, in a `timeout`: a
    /// peer closes when it likes. Returns as well when the driver has ended. Cancel safe.
    pub async fn settled(&self) {
        let has_stopped = || self.lock().stopped;
        let is_open = |state| !matches!(state, State::Closed | State::Listen | State::TimeWait);
        let mut look = FIRST_LOOK;
        while !has_stopped() && self.states().into_iter().any(|(_, state)| is_open(state)) {
            sleep(look).await;
            look = (look * 2).min(LONGEST_LOOK);
        }
    }
}
