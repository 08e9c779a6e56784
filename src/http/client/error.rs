//! Why there is no connection.

use std::net::SocketAddr;
use std::time::Duration;
use std::{error, fmt, io};

use super::tls::InWords;

/// Why a connection did not come about.
#[derive(Debug)]
pub enum ConnectError {
    /// The URL is not one that we can go to.
    Url {
        /// What is wrong with it.
        why: &'static str,
    },
    /// The host has no address, or none that we know of.
    Resolve {
        /// The host.
        host: String,
        /// Why.
        error: io::Error,
    },
    /// No address answered as it should.
    Attempts {
        /// `HOST:PORT`.
        authority: String,
        /// What came of each address.
        failures: Vec<(SocketAddr, io::Error)>,
    },
    /// It took too long.
    Timeout {
        /// `HOST:PORT`.
        authority: String,
        /// What was going on.
        doing: Stage,
        /// How long it was given.
        after: Duration,
    },
    /// There was a connection, but no TLS on it.
    Tls {
        /// The host.
        host: String,
        /// Whom it was tried with.
        remote: SocketAddr,
        /// Why.
        error: io::Error,
    },
}

/// How far a connection has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// The name is being resolved.
    Resolving,
    /// There is no connection yet.
    Connecting,
    /// There is no TLS yet.
    Securing,
}

impl ConnectError {
    /// The certificate was not good: what rustls says of it.
    #[must_use]
    pub fn certificate(&self) -> Option<&rustls::CertificateError> {
        let ConnectError::Tls { error, .. } = self else { return None };
        match error.get_ref()?.downcast_ref::<rustls::Error>()? {
            rustls::Error::InvalidCertificate(why) => Some(why),
            _ => None,
        }
    }
}

impl fmt::Display for ConnectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ConnectError::Url { why } => f.write_str(why),
            ConnectError::Resolve { host, error } => {
                write!(f, "the host {host} cannot be resolved ({error})")
            }
            ConnectError::Attempts { authority, failures } => match &failures[..] {
                [(remote, error)] => write!(f, "cannot connect to {remote}: {error}"),
                failures => {
                    write!(f, "cannot connect to {authority}")?;
                    for (place, (remote, error)) in failures.iter().enumerate() {
                        let sign = if place == 0 { ':' } else { ',' };
                        write!(f, "{sign} {remote}: {error}")?;
                    }
                    Ok(())
                }
            },
            ConnectError::Timeout { authority, doing, after } => match doing {
                Stage::Resolving => {
                    write!(f, "cannot resolve {authority}: no answer within {after:?}")
                }
                Stage::Connecting => {
                    write!(f, "cannot connect to {authority}: no answer within {after:?}")
                }
                Stage::Securing => {
                    write!(
                        f,
                        "cannot speak TLS with {authority}: TLS has not begun within {after:?}"
                    )?;
                    f.write_str("; perhaps what answers there does not speak it")
                }
            },
            ConnectError::Tls { host, remote, error } => {
                write!(f, "cannot speak TLS with {remote}: {}", InWords { host, error })
            }
        }
    }
}

impl error::Error for ConnectError {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        match self {
            ConnectError::Resolve { error, .. } | ConnectError::Tls { error, .. } => Some(error),
            ConnectError::Attempts { failures, .. } => {
                failures.last().map(|(_, error)| error as &dyn error::Error)
            }
            ConnectError::Url { .. } | ConnectError::Timeout { .. } => None,
        }
    }
}
