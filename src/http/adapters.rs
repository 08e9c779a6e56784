//! Our sockets under other people's servers and clients of HTTP: `axum::serve`, and the pooling client of
//! hyper-util. Serving with [`super::serve`] has limits and a way of closing that `axum::serve` does not.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use axum::extract::connect_info::Connected;
use axum::serve::IncomingStream;
use hyper_util::client::legacy::connect;

use super::Endpoints;
use crate::runtime::{TcpListener, TcpStream};
use crate::serving::{Connection, StatusSource, next_of};

/// `axum::serve(listener, router)`: Nagle's algorithm is off, for HTTP writes whole answers.
impl axum::serve::Listener for TcpListener {
    type Io = TcpStream;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (TcpStream, SocketAddr) {
        let mut wait = Duration::ZERO;
        let stream = next_of(self, &mut wait).await;
        let peer = Connection::peer_addr(&stream);
        (stream, peer)
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        TcpListener::local_addr(self)
    }
}

/// For `router.into_make_service_with_connect_info::<Endpoints>()`.
impl Connected<IncomingStream<'_, TcpListener>> for Endpoints {
    fn connect_info(stream: IncomingStream<'_, TcpListener>) -> Self {
        let stream = stream.io();
        let (local, remote) = (Connection::local_addr(stream), Connection::peer_addr(stream));
        Endpoints { local, remote }
    }
}

/// For `router.into_make_service_with_connect_info::<StatusSource>()`.
impl Connected<IncomingStream<'_, TcpListener>> for StatusSource {
    fn connect_info(stream: IncomingStream<'_, TcpListener>) -> Self {
        stream.io().status_source()
    }
}

/// For a connector that gives `TokioIo<TcpStream>`. Responses have the [`Endpoints`] of their connection, and
/// its [`StatusSource`], among their extensions.
impl connect::Connection for TcpStream {
    fn connected(&self) -> connect::Connected {
        let (local, remote) = (Connection::local_addr(self), Connection::peer_addr(self));
        connect::Connected::new().extra(Endpoints { local, remote }).extra(self.status_source())
    }
}
