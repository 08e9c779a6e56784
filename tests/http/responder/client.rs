//! A client that says exactly what it is told to, and servers for it to talk to.

use std::io;
use std::net::SocketAddr;
use std::task::{Context, Poll};

use axum::Router;
use glasstack::http::{Config, Connection, Listener, Plain, serve, site};
use glasstack::serving::{Stopper, stop};
use tokio::io::{
    AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader, DuplexStream,
    duplex,
};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use super::hosts::LOCALHOST;

/// A running server. Dropping it stops it.
pub struct Server {
    pub stopper: Stopper,
    pub task: JoinHandle<()>,
}

/// Hands out one connection.
struct Once<C>(Option<C>);

impl<C: Connection> Listener for Once<C> {
    type Connection = C;

    fn poll_accept(&mut self, _: &mut Context<'_>) -> Poll<io::Result<C>> {
        self.0.take().map_or(Poll::Pending, |connection| Poll::Ready(Ok(connection)))
    }
}

fn start<L: Listener>(listener: L, router: Router, config: Config) -> Server {
    let (stopper, stop) = stop();
    Server { stopper, task: tokio::spawn(serve(listener, router, config, stop)) }
}

/// Serves one connection.
pub fn on_connection<C: Connection>(connection: C, config: Config) -> Server {
    start(Once(Some(connection)), site(), config)
}

/// Serves the built-in site at the other end of a pipe.
pub fn on_pipe(config: Config) -> (Client<DuplexStream>, Server) {
    let (theirs, ours) = duplex(64 * 1024);
    let addr = |port| SocketAddr::new(LOCALHOST, port);
    (Client::new(theirs), on_connection(Plain::new(ours, addr(80), addr(40_000)), config))
}

/// Serves `router` on the kernel's loopback.
pub async fn on_loopback(router: Router) -> (Client<TcpStream>, Server) {
    let listener = TcpListener::bind((LOCALHOST, 0)).await.unwrap();
    let addr = listener.local_addr().unwrap();
    let server = start(listener, router, Config::default());
    (Client::new(TcpStream::connect(addr).await.unwrap()), server)
}

/// The client's end of a connection.
pub struct Client<S> {
    pub stream: BufReader<S>,
}

#[derive(Debug)]
pub struct Reply {
    pub status: u16,
    head: String,
    pub body: Vec<u8>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Client<S> {
    pub fn new(stream: S) -> Self {
        Client { stream: BufReader::new(stream) }
    }

    pub async fn send(&mut self, text: &str) {
        self.stream.write_all(text.as_bytes()).await.unwrap();
    }

    /// Closes our side.
    pub async fn close(&mut self) {
        self.stream.shutdown().await.unwrap();
    }

    /// One GET and its reply.
    pub async fn get(&mut self, path: &str) -> Reply {
        self.send(&format!("GET {path} HTTP/1.1\r\nhost: x\r\n\r\n")).await;
        self.reply().await
    }

    /// Reads one response.
    pub async fn reply(&mut self) -> Reply {
        let mut reply = self.head().await;
        if reply.field("transfer-encoding") == Some("chunked") {
            while let chunk @ [_, ..] = self.chunk().await.as_slice() {
                reply.body.extend(chunk);
            }
        } else if let Some(len) = reply.field("content-length") {
            reply.body = vec![0; len.parse().unwrap()];
            self.stream.read_exact(&mut reply.body).await.unwrap();
        }
        reply
    }

    /// Reads the head of a response.
    pub async fn head(&mut self) -> Reply {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            let read = self.stream.read_line(&mut head).await.unwrap();
            assert_ne!(read, 0, "the response ends in its head: {head:?}");
        }
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        Reply { status, head: head.to_ascii_lowercase(), body: Vec::new() }
    }

    /// Reads one chunk; the last one is empty.
    pub async fn chunk(&mut self) -> Vec<u8> {
        let mut len = String::new();
        self.stream.read_line(&mut len).await.unwrap();
        let len = usize::from_str_radix(len.trim_end(), 16).unwrap();
        let mut chunk = vec![0; len + 2];
        self.stream.read_exact(&mut chunk).await.unwrap();
        assert!(chunk.ends_with(b"\r\n"));
        chunk.truncate(len);
        chunk
    }

    /// Reads until the server closes, and asserts that it says nothing more.
    pub async fn expect_close(&mut self) {
        let mut rest = Vec::new();
        self.stream.read_to_end(&mut rest).await.expect("the end should be a FIN");
        assert_eq!(String::from_utf8_lossy(&rest), "", "nothing more should come");
    }
}

impl Reply {
    /// A field of the head, in lower case.
    pub fn field(&self, name: &str) -> Option<&str> {
        let lines = self.head.lines().skip(1);
        lines.filter_map(|line| line.split_once(": ")).find(|field| field.0 == name).map(|f| f.1)
    }

    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }
}
