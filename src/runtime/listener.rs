//! Listening, as tokio has it.

use std::io;
use std::net::SocketAddr;
use std::task::{Context, Poll};

use super::net::Net;
use super::socket::TcpSocket;
use super::stream::TcpStream;
use crate::stack::ListenerId;

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

    pub(super) fn new(net: Net, id: ListenerId, local: SocketAddr) -> Self {
        TcpListener { net, id, local }
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
