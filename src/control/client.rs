//! Asking a running program.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Empty, Limited};
use hyper::body::Incoming;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::{Request, Response, StatusCode, header};
use hyper_util::rt::TokioIo;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use tokio::net::UnixStream;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::{PAGE, VERSION, place};
use crate::tcp::{State, names};

/// How long an answer may take: a program that is stopped (Ctrl-Z) takes connections and says nothing.
const PATIENCE: Duration = Duration::from_secs(5);
/// The longest answer that is read.
const LONGEST: usize = 16 << 20;

/// Who answers.
#[derive(Clone, Debug, Deserialize)]
pub struct Who {
    /// [`VERSION`] of that program.
    pub version: u32,
    /// Its name and version.
    pub program: String,
    /// Its process.
    pub process: u32,
    /// Its TUN.
    pub device: String,
    /// How many queues it serves.
    pub shards: usize,
}

/// A conversation with a running program.
#[derive(Debug)]
pub struct Client {
    /// Who it is with.
    pub who: Who,
    path: PathBuf,
    sender: SendRequest<Empty<Bytes>>,
    conversation: JoinHandle<()>,
}

/// A page of a list.
#[derive(Debug, Deserialize)]
struct Page<T> {
    connections: Vec<T>,
    next: Option<String>,
}

impl Client {
    /// Calls whoever answers on the socket at `path`.
    ///
    /// # Errors
    ///
    /// Nobody does, they do not let us, or it is no such program.
    pub async fn connect(path: &Path) -> io::Result<Client> {
        Client::over(within(UnixStream::connect(path)).await?, path).await
    }

    /// Over a stream that is there already; `path` is what it is called.
    pub(super) async fn over(stream: UnixStream, path: &Path) -> io::Result<Client> {
        let (sender, connection) =
            within(async { handshake(TokioIo::new(stream)).await.map_err(io::Error::other) })
                .await?;
        let conversation = tokio::spawn(async move {
            let _ = connection.await;
        });
        let who = Who {
            version: 0,
            program: String::new(),
            process: 0,
            device: String::new(),
            shards: 0,
        };
        let mut client = Client { who, path: path.to_owned(), sender, conversation };
        client.who = client.json("/v1").await?;
        if client.who.version != VERSION {
            return Err(io::Error::other(format!(
                "{} speaks version {} of this protocol, and we speak {VERSION}: use the glass that runs there",
                client.who.program, client.who.version
            )));
        }
        Ok(client)
    }

    /// Everybody who answers on the sockets of this user.
    pub async fn all() -> Vec<Client> {
        let mut clients = Vec::new();
        for path in place::sockets() {
            match Client::connect(&path).await {
                Ok(client) => clients.push(client),
                // Left behind by a program that has ended.
                Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {}
                Err(error) => log::warn!("{}: {error}", path.display()),
            }
        }
        clients
    }

    /// The socket.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Reads all connections of `query` (`states=TIME_WAIT&family=4`), and gives them to `take` a page at a
    /// time.
    ///
    /// # Errors
    ///
    /// As [`Client::json`], or what `take` says.
    pub async fn connections<T: DeserializeOwned>(
        &mut self,
        query: &str,
        mut take: impl FnMut(Vec<T>) -> io::Result<()>,
    ) -> io::Result<()> {
        let mut from = String::new();
        loop {
            let path = format!("/v1/connections?{query}{from}");
            let page: Page<T> = self.json(&path).await?;
            take(page.connections)?;
            match page.next {
                Some(next) => from = format!("&from={next}"),
                None => return Ok(()),
            }
        }
    }

    /// What is answered to this path, as data.
    ///
    /// # Errors
    ///
    /// There is no answer, it says that something is wrong, or it is not what was expected.
    pub async fn json<T: DeserializeOwned>(&mut self, path: &str) -> io::Result<T> {
        let text = self.text(path).await?;
        serde_json::from_str(&text)
            .map_err(|error| io::Error::other(format!("the answer to {path} is not JSON: {error}")))
    }

    /// What is answered to this path.
    ///
    /// # Errors
    ///
    /// There is no answer, or it says that something is wrong.
    pub async fn text(&mut self, path: &str) -> io::Result<String> {
        let read = async {
            let response = self.ask(path).await?;
            let status = response.status();
            let body = Limited::new(response.into_body(), LONGEST).collect().await;
            let octets = body.map_err(io::Error::other)?.to_bytes();
            let text = String::from_utf8_lossy(&octets).into_owned();
            match status {
                StatusCode::OK => Ok(text),
                StatusCode::NOT_FOUND => Err(io::Error::new(io::ErrorKind::NotFound, text)),
                status => Err(io::Error::other(format!("{status}: {}", text.trim_end()))),
            }
        };
        within(read).await
    }

    /// At most about `most` connections, and whether there are more. Those whose handshake is under way come
    /// last: a flood of SYNs hides nobody.
    ///
    /// # Errors
    ///
    /// As [`Client::json`].
    pub async fn some_connections<T: DeserializeOwned>(
        &mut self,
        most: usize,
    ) -> io::Result<(Vec<T>, bool)> {
        let others = State::ALL.into_iter().filter(|state| *state != State::SynReceived);
        let others: Vec<_> = others.map(names::course).collect();
        let mut all = Vec::new();
        for states in [others.join(","), names::course(State::SynReceived).to_owned()] {
            if self.some_in(&states, most, &mut all).await? {
                return Ok((all, true));
            }
        }
        Ok((all, false))
    }

    /// Adds connections in these states to `all` until there are about `most`. Says whether there may be more.
    async fn some_in<T: DeserializeOwned>(
        &mut self,
        states: &str,
        most: usize,
        all: &mut Vec<T>,
    ) -> io::Result<bool> {
        let mut from = String::new();
        loop {
            if all.len() >= most {
                return Ok(true);
            }
            let limit = most.min(PAGE);
            let path = format!("/v1/connections?limit={limit}&states={states}{from}");
            let page: Page<T> = self.json(&path).await?;
            all.extend(page.connections);
            match page.next {
                Some(next) => from = format!("&from={next}"),
                None => return Ok(false),
            }
        }
    }

    /// What is answered to this path, as it comes. Nothing else can be asked meanwhile.
    ///
    /// # Errors
    ///
    /// There is no answer, or it says that something is wrong.
    pub async fn stream(mut self, path: &str) -> io::Result<Stream> {
        let response = within(self.ask(path)).await?;
        match response.status() {
            StatusCode::OK => Ok(Stream { body: response.into_body(), _client: self }),
            status => Err(io::Error::other(format!("{path}: {status}"))),
        }
    }

    async fn ask(&mut self, path: &str) -> io::Result<Response<Incoming>> {
        self.sender.ready().await.map_err(io::Error::other)?;
        let request = Request::get(path).header(header::HOST, "glass");
        let request = request.body(Empty::new()).map_err(io::Error::other)?;
        self.sender.send_request(request).await.map_err(io::Error::other)
    }
}

/// An answer that goes on. Dropped, it is not read any further.
#[derive(Debug)]
pub struct Stream {
    body: Incoming,
    _client: Client,
}

impl Stream {
    /// The next piece of it; `None` at its end. Cancel safe.
    ///
    /// # Errors
    ///
    /// The program has ended, or broken off.
    pub async fn next(&mut self) -> io::Result<Option<Bytes>> {
        match self.body.frame().await {
            Some(Ok(frame)) => Ok(Some(frame.into_data().unwrap_or_default())),
            Some(Err(error)) => Err(io::Error::other(error)),
            None => Ok(None),
        }
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        self.conversation.abort();
    }
}

async fn within<T>(work: impl Future<Output = io::Result<T>>) -> io::Result<T> {
    let late =
        || io::Error::new(io::ErrorKind::TimedOut, "the program does not answer; is it stopped?");
    timeout(PATIENCE, work).await.unwrap_or_else(|_| Err(late()))
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, SocketAddr};

    use serde_json::Value;

    use super::*;
    use crate::control::{Feed, Server, Socket, Source};
    use crate::device::pipe;
    use crate::runtime::Net;
    use crate::stack::{Config, Secret, Stack};
    use crate::time::Instant;
    use crate::wire::{Flags, Options, Segment, tcp};

    /// A stack that calls three others, in the midst of a flood of SYNs.
    fn flooded() -> Stack {
        let (ours, theirs): (IpAddr, IpAddr) =
            ("192.0.2.2".parse().unwrap(), "192.0.2.1".parse().unwrap());
        let config = Config { addrs: vec![ours], ..Config::default() };
        let mut stack = Stack::new(config, Secret([7; 32]));
        stack.listen(SocketAddr::new(ours, 80), 4_000).expect("the port is free");
        for src in 1_000..3_000 {
            let options = Options { mss: Some(1460), ..Options::default() };
            let syn = Segment { flags: Flags::SYN, wnd: 9_999, options, ..Segment::default() };
            let packet = tcp::emit(tcp::Ports { src, dst: 80 }, theirs, ours, syn).to_bytes();
            stack.on_packet(&packet, Instant::ZERO);
        }
        // Answered, and silent from now on.
        while stack.poll_output(Instant::ZERO).is_some() {}
        for port in [1, 2, 3] {
            stack
                .connect(None, SocketAddr::new(theirs, port), Instant::ZERO)
                .expect("there is room");
        }
        stack
    }

    #[tokio::test]
    async fn a_flood_of_syns_hides_nobody() {
        let path =
            std::env::temp_dir().join(format!("glasstack-flood-{}.sock", std::process::id()));
        let socket = Socket::at(&path).expect("nothing is there");
        let (device, _other) = pipe(1_500);
        let (net, _driver) = Net::new(Box::new(flooded()), Box::new(device), vec![]).unwrap();
        let source = Source { device: "t0".to_owned(), nets: vec![net], feed: Feed::default() };
        let _server = Server::start(socket, source);
        let mut client = Client::connect(&path).await.expect("it answers");
        for most in [10, 300] {
            let (some, more) = client.some_connections::<Value>(most).await.expect("an answer");
            let is_there = |state: &str| some.iter().filter(|one| one["state"] == state).count();
            assert_eq!(is_there("SYN_SEND"), 3, "of {most}");
            assert_eq!((is_there("SYN_RCVD") + 3 >= most, more), (true, true), "of {most}");
            assert!(some.len() <= 2 * most, "{}", some.len());
        }
        let (all, more) = client.some_connections::<Value>(5_000).await.expect("an answer");
        assert_eq!((all.len(), more), (2_003, false));
        // The ladders of those, too, begin when somebody reads events.
        let ids = all.iter().filter(|one| one["state"] == "SYN_SEND").map(|one| one["id"].clone());
        let ids: Vec<_> = ids.collect();
        let reading = Client::connect(&path).await.expect("it answers");
        let _events = reading.stream("/v1/events?kinds=none").await.expect("an answer");
        for id in ids {
            let ladder = client.text(&format!("/v1/ladders/{id}")).await.expect("it is known");
            assert!(ladder.contains("(we opened)"), "{ladder}");
        }
    }
}
