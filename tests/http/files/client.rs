//! One request on a connection of its own, and the response as it came.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::task::{Context, Poll};

use axum::Router;
use glasstack::http::{Config, Listener, Plain, serve};
use glasstack::serving::stop;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};

/// Hands out one connection.
struct Once(Option<Plain<DuplexStream>>);

impl Listener for Once {
    type Connection = Plain<DuplexStream>;

    fn poll_accept(&mut self, _: &mut Context<'_>) -> Poll<io::Result<Self::Connection>> {
        self.0.take().map_or(Poll::Pending, |connection| Poll::Ready(Ok(connection)))
    }
}

/// A connection to a server of its own, with the request sent.
pub async fn connect(router: &Router, request: &str) -> DuplexStream {
    let (mut theirs, ours) = duplex(64 * 1024);
    let addr = |port| SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let listener = Once(Some(Plain::new(ours, addr(80), addr(40_000))));
    let (stopper, stop) = stop();
    let router = router.clone();
    tokio::spawn(async move {
        serve(listener, router, Config::default(), stop).await;
        drop(stopper);
    });
    theirs.write_all(request.as_bytes()).await.unwrap();
    theirs
}

/// A request: its first line without the version, and its fields, each on a line of its own.
pub fn request(line: &str, fields: &str) -> String {
    let mut request = format!("{line} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n");
    for field in fields.lines() {
        request += field.trim();
        request += "\r\n";
    }
    request + "\r\n"
}

/// Asks, and reads until the server closes.
pub async fn ask(router: &Router, line: &str, fields: &str) -> Reply {
    exchange(router, &request(line, fields)).await
}

/// The same with a request as it stands.
pub async fn exchange(router: &Router, request: &str) -> Reply {
    let mut stream = connect(router, request).await;
    let mut all = Vec::new();
    stream.read_to_end(&mut all).await.unwrap();
    Reply::parse(&all, request.starts_with("HEAD"))
}

#[derive(Clone, Debug)]
pub struct Reply {
    pub status: u16,
    fields: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Reply {
    /// Takes a response apart, and asserts that it is as long as it says.
    pub fn parse(all: &[u8], is_head: bool) -> Reply {
        let end = all.windows(4).position(|octets| octets == b"\r\n\r\n").expect("a whole head");
        let head = std::str::from_utf8(&all[..end]).unwrap();
        let mut lines = head.split("\r\n");
        let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
        let field = |line: &str| {
            let (name, value) = line.split_once(':').unwrap();
            (name.to_ascii_lowercase(), value.trim().to_owned())
        };
        let mut reply = Reply { status, fields: lines.map(field).collect(), body: Vec::new() };
        let body = &all[end + 4..];
        if is_head || matches!(status, 204 | 304) {
            assert!(body.is_empty(), "{head}\nno body may follow: {body:?}");
        } else if reply.field("transfer-encoding") == Some("chunked") {
            reply.body = unchunked(body);
        } else {
            let len = reply.field("content-length").map(|len| len.parse().unwrap());
            assert_eq!(len, Some(body.len()), "{head}");
            reply.body = body.to_vec();
        }
        reply
    }

    pub fn field(&self, name: &str) -> Option<&str> {
        let mut found = self.fields.iter().filter(|field| field.0 == name);
        let value = found.next().map(|field| field.1.as_str());
        assert!(found.next().is_none(), "{name} stands there twice: {:?}", self.fields);
        value
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// What names the state of the file.
    pub fn etag(&self) -> String {
        self.field("etag").expect("a file has a tag").to_owned()
    }
}

fn unchunked(mut body: &[u8]) -> Vec<u8> {
    let mut whole = Vec::new();
    loop {
        let end = body.windows(2).position(|octets| octets == b"\r\n").expect("a chunk's length");
        let len = usize::from_str_radix(std::str::from_utf8(&body[..end]).unwrap(), 16).unwrap();
        let data = &body[end + 2..];
        whole.extend(&data[..len]);
        assert_eq!(&data[len..len + 2], b"\r\n");
        body = &data[len + 2..];
        if len == 0 {
            assert!(body.is_empty(), "behind the last chunk: {body:?}");
            return whole;
        }
    }
}
