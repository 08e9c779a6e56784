//! A socket before it listens or connects, as tokio has it.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use super::listener::TcpListener;
use super::net::Net;
use super::stream::TcpStream;
use crate::error::Error;
use crate::stack::Settings;
use crate::tcp::{Algorithm, Keepalive};

/// A socket that is neither listening nor connected yet: for choosing the local address and options
/// before it is. Names and meanings are those of `tokio::net::TcpSocket`. What is chosen for a socket that
/// then listens holds for the connections that it takes on, but for lingering.
#[derive(Debug)]
pub struct TcpSocket {
    net: Net,
    local: Option<SocketAddr>,
    nodelay: bool,
    keepalive: Option<Keepalive>,
    user_timeout: Option<Duration>,
    congestion: Option<Algorithm>,
    linger: Option<Duration>,
    /// What only settings of its own can say.
    settings: Option<Box<Settings>>,
}

impl TcpSocket {
    /// A socket of the stack `net`.
    #[must_use]
    pub fn new(net: &Net) -> Self {
        TcpSocket {
            net: net.clone(),
            local: None,
            nodelay: false,
            keepalive: None,
            user_timeout: None,
            congestion: None,
            linger: None,
            settings: None,
        }
    }

    /// Chooses the local address and port; port 0 leaves the port to the stack. Whether they can be had
    /// shows when the socket listens or connects.
    pub fn bind(&mut self, local: SocketAddr) {
        self.local = Some(local);
    }

    /// Turns Nagle's algorithm off for the connection.
    pub fn set_nodelay(&mut self, nodelay: bool) {
        self.nodelay = nodelay;
    }

    /// Turns keep-alive probes on for the connection.
    pub fn set_keepalive(&mut self, keepalive: Option<Keepalive>) {
        self.keepalive = keepalive;
    }

    /// Gives up when nothing is acknowledged for `timeout` (RFC 9293 3.9.1.1).
    pub fn set_user_timeout(&mut self, timeout: Option<Duration>) {
        self.user_timeout = timeout;
    }

    /// Chooses how the congestion window moves; only our own stack has a choice.
    pub fn set_congestion(&mut self, algorithm: Algorithm) {
        self.congestion = Some(algorithm);
    }

    /// As [`TcpStream::set_linger`].
    pub fn set_linger(&mut self, linger: Option<Duration>) {
        self.linger = linger;
    }

    /// Octets that may be written ahead of the peer's acknowledgments.
    ///
    /// # Errors
    ///
    /// As [`TcpSocket::configure`].
    pub fn set_send_buffer_size(&mut self, octets: u32) -> io::Result<()> {
        self.configure(|settings| settings.tcp.send_buffer = octets as usize)
    }

    /// Octets that the peer may send ahead of what is read.
    ///
    /// # Errors
    ///
    /// As [`TcpSocket::configure`].
    pub fn set_recv_buffer_size(&mut self, octets: u32) -> io::Result<()> {
        self.configure(|settings| {
            settings.tcp.receive_buffer = octets;
            settings.tcp.receive_buffer_max = 0;
        })
    }

    /// Changes anything that a stack can be set to, for this socket alone. It costs the connection the
    /// memory of the settings.
    ///
    /// # Errors
    ///
    /// The engine has one set of settings for all ([`io::ErrorKind::Unsupported`]).
    pub fn configure(&mut self, change: impl FnOnce(&mut Settings)) -> io::Result<()> {
        change(self.settings()?);
        Ok(())
    }

    fn settings(&mut self) -> io::Result<&mut Settings> {
        let settings = match self.settings.take() {
            Some(settings) => settings,
            None => self.net.lock().engine.default_settings().map(Box::new).ok_or_else(|| {
                let why = "this engine has no settings for single connections";
                io::Error::new(io::ErrorKind::Unsupported, why)
            })?,
        };
        Ok(self.settings.insert(settings))
    }

    /// Listens; at most `backlog` connections wait at once to be accepted.
    ///
    /// # Errors
    ///
    /// No address was chosen, it is not the stack's, or something listens there already; the engine cannot
    /// do what was set ([`io::ErrorKind::Unsupported`]).
    pub fn listen(mut self, backlog: usize) -> io::Result<TcpListener> {
        let local = self.local.ok_or(Error::AddressNotAvailable)?;
        let (nodelay, keepalive) = (self.nodelay, self.keepalive);
        let (user_timeout, congestion) = (self.user_timeout, self.congestion);
        let is_usual = !nodelay && keepalive.is_none() && user_timeout.is_none();
        if !is_usual || congestion.is_some() {
            let tcp = &mut self.settings()?.tcp;
            tcp.nagle &= !nodelay;
            tcp.keepalive = keepalive.or(tcp.keepalive);
            tcp.user_timeout = user_timeout.or(tcp.user_timeout);
            tcp.congestion = congestion.unwrap_or(tcp.congestion);
        }
        let settings = self.settings;
        let (id, local) = self.net.call(|shard, _| {
            let id = shard.engine.listen(local, backlog)?;
            if let Some(settings) = settings {
                shard.engine.configure_listener(id, *settings);
            }
            Ok((id, shard.engine.listener_addr(id).unwrap_or(local)))
        })?;
        Ok(TcpListener::new(self.net, id, local))
    }

    /// Connects to `remote`.
    ///
    /// # Errors
    ///
    /// The peer refuses, does not answer, or cannot be reached; the local address cannot be had.
    pub async fn connect(self, remote: SocketAddr) -> io::Result<TcpStream> {
        let TcpSocket { net, local, settings, linger, .. } = self;
        let handle = net.call(|shard, now| {
            let engine = &mut shard.engine;
            let handle = engine.connect_with(settings, local, remote, now)?;
            engine.set_nodelay(handle, self.nodelay, now);
            engine.set_keepalive(handle, self.keepalive, now);
            if self.user_timeout.is_some() {
                engine.set_user_timeout(handle, self.user_timeout, now);
            }
            if let Some(algorithm) = self.congestion {
                engine.set_congestion(handle, algorithm, now);
            }
            Ok(handle)
        })?;
        let stream = TcpStream::new(net, handle)?;
        stream.set_linger(linger)?;
        stream.established().await?;
        Ok(stream)
    }
}
