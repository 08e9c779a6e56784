//! The small services of 1983, which answer without HTTP: for `nc`, and for class.

mod talk;

use std::str::FromStr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use std::{error, fmt, io};

use tokio::io::{AsyncRead, AsyncWrite};

pub use self::talk::{chargen, daytime, discard, echo};
use crate::serving::{self, Limits, Linger, Listener, Stop};

/// One of the small services.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Service {
    /// Sends back what it gets (RFC 862).
    Echo,
    /// Throws away what it gets (RFC 863).
    Discard,
    /// Says what time it is and closes (RFC 867).
    Daytime,
    /// Sends characters until the peer closes (RFC 864).
    Chargen,
}

impl Service {
    /// All of them, by port.
    pub const ALL: [Service; 4] =
        [Service::Echo, Service::Discard, Service::Daytime, Service::Chargen];

    /// Its name, as in `/etc/services`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Service::Echo => "echo",
            Service::Discard => "discard",
            Service::Daytime => "daytime",
            Service::Chargen => "chargen",
        }
    }

    /// Its well-known port.
    #[must_use]
    pub const fn port(self) -> u16 {
        match self {
            Service::Echo => 7,
            Service::Discard => 9,
            Service::Daytime => 13,
            Service::Chargen => 19,
        }
    }

    /// Does the service's part on one connection, up to the point where our side should close.
    ///
    /// # Errors
    ///
    /// The connection failed, or was idle for longer than `config.idle`
    /// ([`io::ErrorKind::TimedOut`]).
    pub async fn talk<S>(self, stream: &mut S, config: &Config) -> io::Result<()>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        match self {
            Service::Echo => echo(stream, config.idle).await,
            Service::Discard => discard(stream, config.idle).await,
            Service::Daytime => daytime(stream, config.idle, (config.now)()).await,
            Service::Chargen => chargen(stream, config.idle).await,
        }
    }
}

impl fmt::Display for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Service {
    type Err = ParseServiceError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let known = Service::ALL.into_iter().find(|service| service.name() == text);
        known.ok_or_else(|| ParseServiceError(text.to_owned()))
    }
}

/// The text names none of the services.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParseServiceError(String);

impl fmt::Display for ParseServiceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "there is no service \"{}\": use ", self.0)?;
        let (last, others) = Service::ALL.split_last().expect("the list is not empty");
        for service in others {
            write!(f, "{service}, ")?;
        }
        write!(f, "or {last}")
    }
}

impl error::Error for ParseServiceError {}

/// How to run a service.
#[derive(Clone, Copy, Debug)]
pub struct Config {
    /// A connection on which nothing moves for so long is closed. The default is 10 minutes.
    pub idle: Duration,
    /// How long to read on after our FIN.
    pub linger: Linger,
    /// How many connections at a time, and what they may take to finish at the end.
    pub limits: Limits,
    /// The clock that [`Service::Daytime`] tells.
    pub now: fn() -> SystemTime,
}

impl Config {
    /// The defaults, and `now` for a clock.
    #[must_use]
    pub fn new(now: fn() -> SystemTime) -> Self {
        Config {
            idle: Duration::from_mins(10),
            linger: Linger::default(),
            limits: Limits::default(),
            now,
        }
    }
}

/// Runs `service` on each connection of `listener` until `stop` is given. Connections that are open
/// then are closed, within `config.limits.grace`.
pub async fn serve<L: Listener>(service: Service, listener: L, config: Config, stop: Stop) {
    let config = Arc::new(config);
    let limits = config.limits;
    let watching = stop.clone();
    serving::accept(listener, limits, stop, move |connection| {
        answer(service, connection, Arc::clone(&config), watching.clone())
    })
    .await;
}

async fn answer<S>(service: Service, mut stream: S, config: Arc<Config>, mut stop: Stop)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    tokio::select! {
        outcome = service.talk(&mut stream, &config) => {
            if let Err(error) = outcome {
                log::debug!("{service}: {error}");
            }
        }
        () = stop.given() => {}
    }
    serving::close(stream, &config.linger).await;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_back() {
        for service in Service::ALL {
            assert_eq!(service.name().parse(), Ok(service));
        }
    }

    #[test]
    fn an_unknown_name_is_told_the_known_ones() {
        let error = "finger".parse::<Service>().unwrap_err().to_string();
        assert_eq!(error, "there is no service \"finger\": use echo, discard, daytime, or chargen");
    }
}
