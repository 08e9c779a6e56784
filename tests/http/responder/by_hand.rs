//! The responder of examples/http_by_hand.rs, on our own sockets: two stacks and a wire in memory.

use std::net::IpAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Once};
use std::time::Duration;

use glasstack::device::{Device, pipe};
use glasstack::http::by_hand::serve;
use glasstack::runtime::{Net, TcpListener, TcpStream};
use glasstack::serving::{Stopper, stop};
use glasstack::stack::{Config, Secret, Stack};
use proptest::prelude::*;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{Instant, sleep};

use super::client::Client;
use super::hosts::{CLIENT, SERVER};

const HELLO: &str = "Hello from glasstack, a TCP/IP stack in userspace.\n";

/// A running responder, and the stack of its clients.
struct World {
    clients: Net,
    _stopper: Stopper,
}

impl World {
    fn new(keep_alive: bool) -> World {
        let (left, right) = pipe(1500);
        let clients = net(left, CLIENT);
        let listener = TcpListener::bind(&net(right, SERVER.ip()), SERVER).unwrap();
        let (stopper, stop) = stop();
        tokio::spawn(serve(listener, 100, keep_alive, stop));
        World { clients, _stopper: stopper }
    }

    async fn client(&self) -> Client<TcpStream> {
        let stream = TcpStream::connect(&self.clients, SERVER).await.unwrap();
        stream.set_nodelay(true).unwrap();
        Client::new(stream)
    }

    /// The status that the answer to these octets has; then the connection ends, by a FIN, when it is
    /// an error or when we close.
    async fn status_of(&self, request: &str) -> u16 {
        let mut client = self.client().await;
        client.send(request).await;
        let reply = client.reply().await;
        client.close().await;
        client.expect_close().await;
        reply.status
    }
}

fn net(device: impl Device + 'static, addr: IpAddr) -> Net {
    let mut config = Config { addrs: vec![addr], ..Config::default() };
    config.tcp.msl = Duration::from_millis(20);
    let stack = Stack::new(config, Secret([u8::from(addr == SERVER.ip()); 32]));
    let (net, driver) = Net::new(Box::new(stack), Box::new(device), Vec::new()).unwrap();
    tokio::spawn(driver.run());
    net
}

#[tokio::test]
async fn three_paths_are_answered() {
    let world = World::new(true);
    let mut client = world.client().await;
    let hello = client.get("/hello").await;
    assert_eq!((hello.status, hello.text()), (200, HELLO));
    assert!(hello.field("date").is_some() && hello.field("connection").is_none(), "{hello:?}");
    let bytes = client.get("/bytes/200000?x").await;
    assert_eq!(bytes.body.len(), 200_000);
    let line = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz\n";
    assert!(bytes.body.iter().zip(line.iter().cycle()).all(|(octet, expected)| octet == expected));
    assert_eq!(client.get("/bytes/0").await.body, b"");
    client.send("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nwords").await;
    assert_eq!(client.reply().await.text(), "words");
    client.send("POST /echo HTTP/1.1\r\nHost: x\r\n\r\n").await;
    assert_eq!(client.reply().await.body, b"");
}

#[tokio::test]
async fn a_body_comes_back_while_it_goes() {
    let world = World::new(true);
    let mut stream = world.client().await.stream.into_inner();
    let body: Vec<u8> = (0..=250).cycle().take(5_000_000).collect();
    let (mut read, mut write) = stream.split();
    let head = format!("POST /echo HTTP/1.1\r\nhost: x\r\ncontent-length: {}\r\n\r\n", body.len());
    let mut back = Vec::new();
    let ((), received) = tokio::join!(
        async {
            write.write_all(head.as_bytes()).await.unwrap();
            write.write_all(&body).await.unwrap();
            write.shutdown().await.unwrap();
        },
        read.read_to_end(&mut back),
    );
    received.unwrap();
    assert!(back.starts_with(b"HTTP/1.1 200 OK\r\n"));
    assert!(back.ends_with(&body), "{} octets came back", back.len());
}

#[tokio::test]
async fn each_request_gets_the_status_that_is_due() {
    let world = World::new(true);
    let long = "x".repeat(20_000);
    for (status, request) in [
        (200, "GET /hello HTTP/1.1\r\nhost: x\r\n\r\n"),
        (200, "\r\n\r\nGET /hello HTTP/1.1\r\nHOST:x\r\n\r\n"),
        (200, "GET /hello HTTP/1.1\nhost: x\n\n"),
        (200, &format!("GET http://{SERVER}/hello HTTP/1.1\r\nhost: x\r\n\r\n")),
        (200, "GET /hello HTTP/1.9\r\nhost: x\r\n\r\n"),
        (200, "GET /hello HTTP/1.0\r\n\r\n"),
        (200, "GET /hello HTTP/1.0\r\nhost: x\r\n\r\n"),
        (404, "GET / HTTP/1.1\r\nhost: x\r\n\r\n"),
        (404, "OPTIONS * HTTP/1.1\r\nhost: x\r\n\r\n"),
        (404, "GET /bytes/many HTTP/1.1\r\nhost: x\r\n\r\n"),
        (404, "GET /bytes/-1 HTTP/1.1\r\nhost: x\r\n\r\n"),
        (404, "GET /bytes/1099511627777 HTTP/1.1\r\nhost: x\r\n\r\n"),
        (404, "GET /bytes/99999999999999999999999 HTTP/1.1\r\nhost: x\r\n\r\n"),
        (405, "POST /hello HTTP/1.1\r\nhost: x\r\n\r\n"),
        (405, "POST /hello HTTP/1.1\r\nhost: x\r\ncontent-length: 3\r\n\r\nabc"),
        (405, "DELETE /bytes/5 HTTP/1.1\r\nhost: x\r\n\r\n"),
        (405, "GET /echo HTTP/1.1\r\nhost: x\r\n\r\n"),
        (400, "GET /hello HTTP/1.1\r\n\r\n"),
        (400, "GET /hello HTTP/1.1\r\nhost: x\r\nhost: x\r\n\r\n"),
        (400, "GET /hello HTTP/1.0\r\nhost: x\r\nhost: x\r\n\r\n"),
        (400, "GET /hello\r\n\r\n"),
        (400, "GET  /hello HTTP/1.1\r\nhost: x\r\n\r\n"),
        (400, "GET /hello HTTP/1.1 \r\nhost: x\r\n\r\n"),
        (400, "GET /hello HTTP/11\r\nhost: x\r\n\r\n"),
        (400, "GET /hello http/1.1\r\nhost: x\r\n\r\n"),
        (400, "GET /h\u{e9}llo HTTP/1.1\r\nhost: x\r\n\r\n"),
        (400, "GET /hello HTTP/1.1\r\nhost : x\r\n\r\n"),
        (400, "GET /hello HTTP/1.1\r\n host: x\r\n\r\n"),
        (400, "GET /hello HTTP/1.1\r\nhost: x\r\n folded\r\n\r\n"),
        (400, "GET /hello HTTP/1.1\r\nhost: x\r\nno colon\r\n\r\n"),
        (400, "GET /hello HTTP/1.1\r\nhost: x\r\n: nameless\r\n\r\n"),
        (400, "GET /hello HTTP/1.1\r\nhost: x\ry\r\n\r\n"),
        (400, "GET /hello HTTP/1.1\r\nhost: x\0\r\n\r\n"),
        (400, "GET /hello HTTP/1.1\r\nhost: x\r\r\n\r\n"),
        (400, "POST /echo HTTP/1.1\r\nhost: x\r\ncontent-length: five\r\n\r\n"),
        (400, "POST /echo HTTP/1.1\r\nhost: x\r\ncontent-length: +5\r\n\r\n"),
        (400, "POST /echo HTTP/1.1\r\nhost: x\r\ncontent-length: 5, 5\r\n\r\n"),
        (400, "POST /echo HTTP/1.1\r\nhost: x\r\ncontent-length:\r\n\r\n"),
        (400, "POST /echo HTTP/1.1\r\nhost: x\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n"),
        (400, "\u{1}\u{2}\u{3}\r\n\r\n"),
        (413, "POST /echo HTTP/1.1\r\nhost: x\r\ncontent-length: 67108865\r\n\r\n"),
        (413, "POST /echo HTTP/1.1\r\nhost: x\r\ncontent-length: 99999999999999999999999\r\n\r\n"),
        (414, &long),
        (414, &format!("GET /{long} HTTP/1.1\r\nhost: x\r\n\r\n")),
        (431, &format!("GET /hello HTTP/1.1\r\nhost: x\r\nx: {long}\r\n\r\n")),
        (501, "POST /echo HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n"),
        (501, "BREW /hello HTTP/1.1\r\nhost: x\r\n\r\n"),
        (501, "get /hello HTTP/1.1\r\nhost: x\r\n\r\n"),
        (505, "GET /hello HTTP/2.0\r\nhost: x\r\n\r\n"),
        (505, "GET /hello HTTP/0.9\r\n\r\n"),
    ] {
        assert_eq!(world.status_of(request).await, status, "{request:.100}");
    }
}

#[tokio::test]
async fn what_is_allowed_is_said() {
    let world = World::new(true);
    let mut client = world.client().await;
    for (request, allow) in
        [("POST /hello", "get, head"), ("PUT /bytes/3", "get, head"), ("HEAD /echo", "post")]
    {
        client.send(&format!("{request} HTTP/1.1\r\nhost: x\r\n\r\n")).await;
        assert_eq!(client.reply().await.field("allow"), Some(allow), "{request}");
    }
}

#[tokio::test]
async fn head_says_what_get_says_without_the_body() {
    let world = World::new(true);
    let mut client = world.client().await;
    for path in ["/hello", "/bytes/1000", "/bytes/1099511627776", "/no"] {
        client.send(&format!("HEAD {path} HTTP/1.1\r\nhost: x\r\n\r\n")).await;
        let head = client.head().await;
        let octets = head.field("content-length").unwrap().to_owned();
        let expected = match path {
            "/hello" => HELLO.len().to_string(),
            other => other.strip_prefix("/bytes/").unwrap_or("0").to_owned(),
        };
        assert_eq!(octets, expected, "{path}");
    }
    client.close().await;
    client.expect_close().await;
}

#[tokio::test]
async fn requests_that_come_together_are_answered_in_order() {
    let world = World::new(true);
    let mut client = world.client().await;
    let all: Vec<String> = (0..500)
        .map(|n| {
            let get = format!("GET /bytes/{n} HTTP/1.1\r\nhost: x\r\n\r\n");
            let echo = "POST /echo HTTP/1.1\r\nhost: x\r\ncontent-length: 4\r\n\r\n";
            let lost = "POST /no HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\n\r\nxx";
            format!("{get}{echo}{n:04}{lost}")
        })
        .collect();
    client.send(&all.concat()).await;
    client.close().await;
    for n in 0..500 {
        assert_eq!(client.reply().await.body.len(), n);
        assert_eq!(client.reply().await.text(), format!("{n:04}"));
        assert_eq!(client.reply().await.status, 404);
    }
    client.expect_close().await;
}

#[tokio::test]
async fn we_close_first_where_http_asks_for_it_and_where_we_were_told_to() {
    for (keep_alive, request) in [
        (true, "GET /hello HTTP/1.1\r\nhost: x\r\nconnection: x, Close\r\n\r\n"),
        (true, "GET /hello HTTP/1.0\r\n\r\n"),
        (false, "GET /hello HTTP/1.1\r\nhost: x\r\n\r\n"),
    ] {
        let world = World::new(keep_alive);
        let mut client = world.client().await;
        // What comes after the last request is not answered, and does not destroy the answer.
        client.send(&format!("{request}{request}")).await;
        let reply = client.reply().await;
        assert_eq!((reply.text(), reply.field("connection")), (HELLO, Some("close")));
        client.expect_close().await;
    }
}

#[tokio::test]
async fn who_waits_for_100_gets_it_first() {
    let world = World::new(true);
    let mut client = world.client().await;
    let fields = "host: x\r\nexpect: 100-continue\r\ncontent-length: 3\r\n\r\n";
    for (path, status) in [("/echo", 200), ("/hello", 405)] {
        client.send(&format!("POST {path} HTTP/1.1\r\n{fields}")).await;
        assert_eq!(client.head().await.status, 100);
        client.send("abc").await;
        assert_eq!(client.reply().await.status, status);
    }
    client.send(&format!("POST /echo HTTP/1.0\r\n{fields}abc")).await;
    assert_eq!(client.reply().await.text(), "abc", "HTTP/1.0 knows no 100");
    client.expect_close().await;
}

#[tokio::test]
async fn a_refusal_reaches_who_is_still_uploading() {
    let world = World::new(true);
    let mut client = world.client().await;
    client.send("POST /echo HTTP/1.1\r\nhost: x\r\ncontent-length: 70000000\r\n\r\n").await;
    for _ in 0..100 {
        client.send(&"x".repeat(50_000)).await;
    }
    let reply = client.reply().await;
    assert_eq!((reply.status, reply.field("connection")), (413, Some("close")));
    client.close().await;
    client.expect_close().await;
}

#[tokio::test(start_paused = true)]
async fn a_request_may_come_octet_by_octet_but_not_for_ever() {
    let world = World::new(true);
    let mut client = world.client().await;
    for octet in "GET /hello HTTP/1.1\r\nhost: x\r\n\r\n".chars() {
        client.send(&octet.to_string()).await;
        sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(client.reply().await.text(), HELLO);
    sleep(Duration::from_secs(20)).await;
    let start = Instant::now();
    client.send("GET /hello HTTP/1.1\r\n").await;
    sleep(Duration::from_secs(9)).await;
    client.send("host: x\r\n").await;
    let reply = client.reply().await;
    assert_eq!((reply.status, reply.field("connection")), (408, Some("close")));
    client.expect_close().await;
    assert!((10_000..10_100).contains(&start.elapsed().as_millis()), "{:?}", start.elapsed());
}

#[tokio::test(start_paused = true)]
async fn an_idle_connection_is_closed_without_a_word() {
    let world = World::new(true);
    let mut client = world.client().await;
    client.get("/hello").await;
    let start = Instant::now();
    client.expect_close().await;
    assert!((30_000..30_100).contains(&start.elapsed().as_millis()), "{:?}", start.elapsed());
}

#[tokio::test(start_paused = true)]
async fn who_reads_nothing_is_not_waited_for() {
    let world = World::new(true);
    let mut client = world.client().await;
    client.send("GET /bytes/1000000000 HTTP/1.1\r\nhost: x\r\n\r\n").await;
    sleep(Duration::from_secs(31)).await;
    let mut rest = Vec::new();
    let error = client.stream.read_to_end(&mut rest).await.unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
}

/// Panics inside the responder: it runs in tasks, where nobody would see them.
fn panics() -> Arc<AtomicUsize> {
    static HOOK: Once = Once::new();
    static COUNT: std::sync::LazyLock<Arc<AtomicUsize>> = std::sync::LazyLock::new(Arc::default);
    HOOK.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            if panic.location().is_some_and(|place| !place.file().contains("tests/")) {
                COUNT.fetch_add(1, Ordering::Relaxed);
            }
            before(panic);
        }));
    });
    COUNT.clone()
}

/// One of these, as octets.
fn one_of(pieces: &[&'static str]) -> impl Strategy<Value = Vec<u8>> + use<> {
    let pieces: Vec<_> = pieces.iter().map(|piece| piece.as_bytes().to_vec()).collect();
    proptest::sample::select(pieces)
}

/// Something like a request, right or wrong.
fn request() -> impl Strategy<Value = Vec<u8>> {
    let method = one_of(&["GET", "HEAD", "POST", "PUT", "BREW", "", "get"]);
    let paths = ["/hello", "/echo", "/bytes/70000", "/bytes/18446744073709551615", "*", "/?", ""];
    let version = one_of(&["HTTP/1.1", "HTTP/1.1", "HTTP/1.0", "HTTP/2.0", "HTTP/1.", ""]);
    let fields = [
        "host: x",
        "content-length: 3",
        "content-length: 70000",
        "content-length: 18446744073709551615",
        "connection: close",
        "transfer-encoding: chunked",
        "expect: 100-continue",
        "a:b",
        ":",
        " folded",
        "\u{e9}: \u{e9}",
    ];
    let fields = proptest::collection::vec(one_of(&fields), 0..4);
    let line_end = one_of(&["\r\n", "\r\n", "\n", "\r"]);
    let body = proptest::collection::vec(any::<u8>(), 0..20);
    (method, one_of(&paths), version, fields, line_end, body).prop_map(
        |(method, path, version, fields, line_end, body)| {
            let mut lines = vec![[method, path, version].join(&b' '), b"host: y".to_vec()];
            lines.extend(fields);
            lines.extend([Vec::new(), body]);
            lines.join(&line_end[..])
        },
    )
}

/// Requests, and octets of any kind.
fn input() -> impl Strategy<Value = Vec<u8>> {
    let octets = proptest::collection::vec(any::<u8>(), 0..50);
    let piece = prop_oneof![8 => request(), 1 => octets];
    proptest::collection::vec(piece, 0..6).prop_map(|pieces| pieces.concat())
}

#[test]
fn no_input_is_too_odd() {
    let panics = panics();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let world = runtime.block_on(async { World::new(true) });
    let config = ProptestConfig { failure_persistence: None, cases: 2_000, ..Default::default() };
    proptest!(config, |(input in input())| {
        let ended = runtime.block_on(async {
            let mut client = world.client().await.stream.into_inner();
            client.write_all(&input).await.unwrap();
            client.shutdown().await.unwrap();
            let mut replies = Vec::new();
            let ended = client.read_to_end(&mut replies).await;
            assert!(replies.is_empty() || replies.starts_with(b"HTTP/1.1 "), "{replies:?}");
            ended
        });
        // A reset is right in one case: the request ends in its body.
        let in_a_body = String::from_utf8_lossy(&input).contains("content-length");
        prop_assert!(ended.is_ok() || in_a_body, "{:?}", ended);
        prop_assert_eq!(panics.load(Ordering::Relaxed), 0);
    });
}
