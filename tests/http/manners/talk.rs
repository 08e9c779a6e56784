//! A client that says exactly what it is told to, and keeps all that it hears.

use std::io;
use std::net::SocketAddr;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
use glasstack::http::{Config, Connection, Listener, Plain, serve, site};
use glasstack::serving::{Stopper, stop};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::task::JoinHandle;
use tokio::time::timeout;

/// Longer than any of our answers takes, shorter than any limit.
const QUIET: Duration = Duration::from_secs(4);

/// Hands out one connection.
struct Once<C>(Option<C>);

impl<C: Connection> Listener for Once<C> {
    type Connection = C;

    fn poll_accept(&mut self, _: &mut Context<'_>) -> Poll<io::Result<C>> {
        self.0.take().map_or(Poll::Pending, |connection| Poll::Ready(Ok(connection)))
    }
}

/// One end of a conversation. Dropping it stops the server.
pub struct Talk {
    pub stream: DuplexStream,
    pub stopper: Stopper,
    pub server: JoinHandle<()>,
}

/// What was heard.
#[derive(Debug, PartialEq, Eq)]
pub struct Heard {
    /// All of it, without the lines of dates.
    pub text: String,
    /// Our peer has closed.
    pub closed: bool,
}

impl Talk {
    pub fn new(config: Config) -> Self {
        Talk::with(site(), config, 64 * 1024)
    }

    /// `room` octets are under way each way at most.
    pub fn with(router: Router, config: Config, room: usize) -> Self {
        let (stream, theirs) = duplex(room);
        let addr = |text: &str| text.parse::<SocketAddr>().unwrap();
        let theirs = Plain::new(theirs, addr("192.0.2.2:80"), addr("[2001:db8::1]:40000"));
        let (stopper, stop) = stop();
        let server = tokio::spawn(serve(Once(Some(theirs)), router, config, stop));
        Talk { stream, stopper, server }
    }

    pub async fn say(&mut self, text: impl AsRef<[u8]>) {
        self.stream.write_all(text.as_ref()).await.expect("the server listens");
    }

    /// Listens until nothing more comes.
    pub async fn hear(&mut self) -> Heard {
        let mut octets = Vec::new();
        let mut closed = false;
        while let Ok(read) = timeout(QUIET, self.stream.read_buf(&mut octets)).await {
            if read.unwrap_or(0) == 0 {
                closed = true;
                break;
            }
        }
        let text = String::from_utf8_lossy(&octets).into_owned();
        let lines = text.split_inclusive('\n').filter(|line| !line.starts_with("date: "));
        Heard { text: lines.collect(), closed }
    }

    /// The status of each answer that is heard.
    pub async fn statuses(&mut self) -> Vec<u16> {
        statuses(&self.hear().await.text)
    }
}

/// Says `text` on a new connection and listens.
pub async fn answer_to(text: impl AsRef<[u8]>) -> Heard {
    answer_with(Config::default(), text).await
}

pub async fn answer_with(config: Config, text: impl AsRef<[u8]>) -> Heard {
    let mut talk = Talk::new(config);
    talk.say(text).await;
    talk.hear().await
}

pub fn statuses(text: &str) -> Vec<u16> {
    let starts = text.split("HTTP/1.").skip(1);
    starts.filter_map(|start| start.get(2..5)?.parse().ok()).collect()
}

/// A refusal, whole.
pub fn refusal(status: &str, text: &str) -> Heard {
    let len = text.len() + 1;
    let server = env!("CARGO_PKG_VERSION");
    let text = format!(
        "HTTP/1.1 {status}\r\nconnection: close\r\ncontent-type: text/plain; charset=utf-8\r\n\
         content-length: {len}\r\nserver: glasstack/{server}\r\n\r\n{text}\n"
    );
    Heard { text, closed: true }
}
