//! Listening and connecting, as tokio has them.

use std::io;
use std::net::SocketAddr;
use std::task::{Context, Poll};

use super::net::Net;
use super::stream::TcpStream;
use crate::error::Error;
use crate::stack::ListenerId;
use crate::tcp::Keepalive;

/// Connections that may wait to be accepted, unless a [`TcpSocket`] says otherwise.
const BACKLOG: usize = 1024;

/// A listening socket. Names and meanings are those of `tokio::net::TcpListener`.
///
/// Dropping it stops listening; connections that nobody has accepted are reset.
#[derive(Debug)]
pub struct TcpListener {
    net: Net,
    id: ListenerId,
    local: SocketAddr,
}

impl TcpListener {
    /// Listens on `local`, an address of the stack or the unspecified one for all of them; port 0 lets
    /// the stack choose.
    ///
    /// # Errors
    ///
    /// The address is not the stack's, or something listens there already.
    pub fn bind(net: &Net, local: SocketAddr) -> io::Result<TcpListener> {
        let mut socket = TcpSocket::new(net);
        socket.bind(local);
        socket.listen(BACKLOG)
    }

    /// Waits for a connection.
    ///
    /// # Errors
    ///
    /// The stack has stopped.
    pub async fn accept(&self) -> io::Result<(TcpStream, SocketAddr)> {
        std::future::poll_fn(|cx| self.poll_accept(cx)).await
    }

    /// [`TcpListener::accept`] as a poll.
    ///
    /// # Errors
    ///
    /// The stack has stopped.
    pub fn poll_accept(&self, cx: &mut Context<'_>) -> Poll<io::Result<(TcpStream, SocketAddr)>> {
        let id = self.id;
        let accepted = self.net.poll_call(
            cx,
            |_| false,
            |shard, waker| shard.wait_for_connection(id, waker),
            |shard, _| Ok(shard.engine.accept(id)),
        );
        accepted.map(|handle| {
            let stream = TcpStream::new(self.net.clone(), handle?)?;
            let peer = stream.peer_addr()?;
            Ok((stream, peer))
        })
    }

    /// Where it listens.
    ///
    /// # Errors
    ///
    /// None; the type is tokio's.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.local)
    }
}

impl Drop for TcpListener {
    fn drop(&mut self) {
        let _ = self.net.call(|shard, now| {
            shard.forget_listener(self.id);
            shard.engine.unlisten(self.id, now);
            Ok(())
        });
    }
}

/// A socket that is neither listening nor connected yet: for choosing the local address and options
/// before it is. Names and meanings are those of `tokio::net::TcpSocket`.
#[derive(Debug)]
pub struct TcpSocket {
    net: Net,
    local: Option<SocketAddr>,
    nodelay: bool,
    keepalive: Option<Keepalive>,
}

impl TcpSocket {
    /// A socket of the stack `net`.
    #[must_use]
    pub fn new(net: &Net) -> Self {
        TcpSocket { net: net.clone(), local: None, nodelay: false, keepalive: None }
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

    /// Listens; at most `backlog` connections wait at once to be accepted.
    ///
    /// # Errors
    ///
    /// No address was chosen, it is not the stack's, or something listens there already.
    pub fn listen(self, backlog: usize) -> io::Result<TcpListener> {
        let local = self.local.ok_or(Error::AddressNotAvailable)?;
        self.net.call(|shard, _| {
            let id = shard.engine.listen(local, backlog)?;
            let local = shard.engine.listener_addr(id).unwrap_or(local);
            Ok(TcpListener { net: self.net.clone(), id, local })
        })
    }

    /// Connects to `remote`.
    ///
    /// # Errors
    ///
    /// The peer refuses, does not answer, or cannot be reached; the local address cannot be had.
    pub async fn connect(self, remote: SocketAddr) -> io::Result<TcpStream> {
        let handle = self.net.call(|shard, now| {
            let handle = shard.engine.connect(self.local, remote, now)?;
            shard.engine.set_nodelay(handle, self.nodelay, now);
            shard.engine.set_keepalive(handle, self.keepalive, now);
            Ok(handle)
        })?;
        let stream = TcpStream::new(self.net.clone(), handle)?;
        stream.established().await?;
        Ok(stream)
    }
}
