//! The errors of the calls in RFC 9293 3.9.1 and 3.10, in the RFC's terms.

use std::{fmt, io};

/// Why a call failed, or why a connection ended other than by the close of both sides.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Error {
    /// There is no such connection, or it is closed already.
    ConnectionDoesNotExist,
    /// The four-tuple, or the local port, is in use.
    ConnectionAlreadyExists,
    /// The local side has closed: nothing more can be sent.
    ConnectionClosing,
    /// The peer answered our SYN with RST, or an ICMP error says that nobody has the port.
    ConnectionRefused,
    /// The peer does not speak TCP, as an ICMP error says.
    ProtocolUnreachable,
    /// There is no way to the peer's network, as an ICMP error says.
    NetworkUnreachable,
    /// There is no way to the peer, as an ICMP error says.
    HostUnreachable,
    /// A router is not to let our segments through, as an ICMP error says.
    Prohibited,
    /// The peer sent RST.
    ConnectionReset,
    /// The local side aborted the connection.
    ConnectionAborted,
    /// Nothing was acknowledged for so long that the connection was given up.
    UserTimeout,
    /// A call that needs a remote socket was made without one.
    RemoteSocketUnspecified,
    /// Ports, connections or memory have run out.
    InsufficientResources,
    /// The address is not one this stack can use: not its own, or of a family it does not carry.
    AddressNotAvailable,
    /// A call that asks for nothing in particular in this state.
    InvalidCall,
}

impl Error {
    /// What to tell a person.
    #[must_use]
    pub const fn message(self) -> &'static str {
        match self {
            Error::ConnectionDoesNotExist => "connection does not exist",
            Error::ConnectionAlreadyExists => "connection already exists",
            Error::ConnectionClosing => "connection closing",
            Error::ConnectionRefused => "connection refused",
            Error::ProtocolUnreachable => "protocol unreachable",
            Error::NetworkUnreachable => "network unreachable",
            Error::HostUnreachable => "host unreachable",
            Error::Prohibited => "communication administratively prohibited",
            Error::ConnectionReset => "connection reset",
            Error::ConnectionAborted => "connection aborted",
            Error::UserTimeout => "connection aborted due to user timeout",
            Error::RemoteSocketUnspecified => "remote socket unspecified",
            Error::InsufficientResources => "insufficient resources",
            Error::AddressNotAvailable => "address not available",
            Error::InvalidCall => "connection illegal for this call",
        }
    }

    /// The nearest kind of the standard library, for code written against sockets.
    #[must_use]
    pub const fn kind(self) -> io::ErrorKind {
        match self {
            Error::ConnectionDoesNotExist => io::ErrorKind::NotConnected,
            Error::ConnectionAlreadyExists => io::ErrorKind::AddrInUse,
            Error::ConnectionClosing => io::ErrorKind::BrokenPipe,
            Error::ConnectionRefused => io::ErrorKind::ConnectionRefused,
            Error::ProtocolUnreachable => io::ErrorKind::ConnectionRefused,
            Error::NetworkUnreachable => io::ErrorKind::NetworkUnreachable,
            Error::HostUnreachable => io::ErrorKind::HostUnreachable,
            Error::Prohibited => io::ErrorKind::HostUnreachable,
            Error::ConnectionReset => io::ErrorKind::ConnectionReset,
            Error::ConnectionAborted => io::ErrorKind::ConnectionAborted,
            Error::UserTimeout => io::ErrorKind::TimedOut,
            Error::RemoteSocketUnspecified => io::ErrorKind::InvalidInput,
            Error::InsufficientResources => io::ErrorKind::OutOfMemory,
            Error::AddressNotAvailable => io::ErrorKind::AddrNotAvailable,
            Error::InvalidCall => io::ErrorKind::InvalidInput,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.message())
    }
}

impl std::error::Error for Error {}

impl From<Error> for io::Error {
    fn from(error: Error) -> io::Error {
        io::Error::new(error.kind(), error)
    }
}
