//! What the built-in site answers.

use std::net::SocketAddr;
use std::time::Duration;

use glasstack::http::{Config, Connection, StatusSource};
use glasstack::stack::Summary;
use glasstack::tcp::{
    Algorithm, Cause, PathStatus, RecoveryState, State, Status, Timer, TimerLeft, Transition,
};
use glasstack::trace::ConnId;
use tokio::io::{AsyncRead, AsyncWrite, DuplexStream, ReadBuf, duplex};
use tokio::time::Instant;

use super::client::{Client, on_connection, on_pipe};
use super::hosts::{CLIENT, LOCALHOST, SERVER};

#[tokio::test]
async fn says_hello() {
    let (mut client, _server) = on_pipe(Config::default());
    let reply = client.get("/hello").await;
    assert_eq!(reply.status, 200);
    assert_eq!(reply.text(), "Hello from glasstack, a TCP/IP stack in userspace.\n");
    assert_eq!(reply.field("server"), Some(concat!("glasstack/", env!("CARGO_PKG_VERSION"))));
    assert!(reply.field("date").is_some());
}

#[tokio::test]
async fn the_first_page_suits_who_asks() {
    let (mut client, _server) = on_pipe(Config::default());
    let reply = client.get("/").await;
    assert_eq!(reply.field("content-type"), Some("text/plain; charset=utf-8"));
    let who = SocketAddr::new(LOCALHOST, 40_000);
    assert!(reply.text().contains(&format!("You are {who}")), "{}", reply.text());
    client.send("GET / HTTP/1.1\r\nhost: x\r\naccept: text/html,*/*;q=0.8\r\n\r\n").await;
    let reply = client.reply().await;
    assert_eq!(reply.field("content-type"), Some("text/html; charset=utf-8"));
    assert!(reply.text().contains("<a href=\"/hello\">"), "{}", reply.text());
    assert_eq!(reply.field("vary"), Some("accept"));
}

#[tokio::test]
async fn requests_in_a_row_are_answered_in_order() {
    let (mut client, _server) = on_pipe(Config::default());
    let requests = ["/delay/30", "/bytes/100", "/status/503"]
        .map(|path| format!("GET {path} HTTP/1.1\r\nhost: x\r\n\r\n"));
    client.send(&requests.concat()).await;
    client.close().await;
    assert_eq!(client.reply().await.text(), "This took 30 ms.\n");
    assert_eq!(client.reply().await.body.len(), 100);
    assert_eq!(client.reply().await.status, 503);
    client.expect_close().await;
}

#[tokio::test]
async fn head_says_what_get_says_without_the_body() {
    let (mut client, _server) = on_pipe(Config::default());
    for path in [
        "/",
        "/hello",
        "/connection",
        "/bytes/70000",
        "/stream/3",
        "/delay/1",
        "/status/404",
        "/no",
    ] {
        let get = client.get(path).await;
        client.send(&format!("HEAD {path} HTTP/1.1\r\nhost: x\r\n\r\n")).await;
        let head = client.head().await;
        for name in ["content-type", "content-length"] {
            assert_eq!(head.field(name), get.field(name), "{name} of {path}");
        }
        assert_eq!(head.status, get.status, "of {path}");
    }
    client.close().await;
    client.expect_close().await;
}

#[tokio::test]
async fn any_number_of_octets_can_be_asked_for() {
    let (mut client, _server) = on_pipe(Config::default());
    assert_eq!(client.get("/bytes/0").await.body, b"");
    assert!(client.get("/bytes/12").await.text().starts_with("0123456789AB"));
    client.send(&format!("HEAD /bytes/{} HTTP/1.1\r\nhost: x\r\n\r\n", u64::MAX)).await;
    assert_eq!(client.head().await.field("content-length"), Some("18446744073709551615"));
}

#[tokio::test(start_paused = true)]
async fn delays_are_kept() {
    let (mut client, _server) = on_pipe(Config::default());
    let start = Instant::now();
    client.get("/delay/1500").await;
    assert_eq!(start.elapsed(), Duration::from_millis(1500));
}

#[tokio::test]
async fn every_final_status_can_be_had() {
    let (mut client, _server) = on_pipe(Config::default());
    for code in 200..=999 {
        let reply = client.get(&format!("/status/{code}")).await;
        assert_eq!(reply.status, code);
        assert_eq!(reply.body.is_empty(), [204, 205, 304].contains(&code), "the body of {code}");
    }
}

#[tokio::test]
async fn a_number_that_makes_no_sense_is_named() {
    let (mut client, _server) = on_pipe(Config::default());
    for (path, named) in [
        ("/bytes/many", "\"many\""),
        ("/bytes/-1", "\"-1\""),
        ("/bytes/18446744073709551616", "\"18446744073709551616\""),
        ("/bytes/%2B5", "\"+5\""),
        ("/delay/60001", "0 to 60000"),
        ("/stream/10001", "0 to 10000"),
        ("/stream/3?ms=soon", "\"soon\""),
        ("/status/100", "200 to 999"),
        ("/status/1000", "\"1000\""),
        ("/status/0", "200 to 999"),
        ("/status/teapot", "\"teapot\""),
    ] {
        let reply = client.get(path).await;
        assert_eq!(reply.status, 400, "{path}");
        assert!(reply.text().contains(named), "{path}: {}", reply.text());
    }
}

#[tokio::test]
async fn the_wrong_method_is_told_the_right_one() {
    let (mut client, _server) = on_pipe(Config::default());
    for (request, allowed) in [
        ("POST /hello", "get,head"),
        ("DELETE /", "get,head"),
        ("GET /echo", "post"),
        ("GET /sum", "post,put"),
        ("BREW /delay/5", "get,head"),
    ] {
        client.send(&format!("{request} HTTP/1.1\r\nhost: x\r\n\r\n")).await;
        let reply = client.reply().await;
        assert_eq!((reply.status, reply.field("allow")), (405, Some(allowed)), "{request}");
        assert!(!reply.body.is_empty());
    }
}

#[tokio::test]
async fn whoever_is_lost_is_shown_the_paths() {
    let (mut client, _server) = on_pipe(Config::default());
    let reply = client.get("/nowhere").await;
    assert_eq!(reply.status, 404);
    for path in ["/nowhere", "/hello", "/echo", "/sum", "/bytes/N", "/delay/MS", "/status/CODE"] {
        assert!(reply.text().contains(path), "{}", reply.text());
    }
}

#[tokio::test]
async fn no_path_is_too_odd_for_an_answer() {
    for target in [
        "/%",
        "/%zz",
        "/bytes/%ff",
        "/bytes/%31%30",
        "//",
        "/bytes//",
        "/bytes/",
        "/../../etc/passwd",
        "/?",
        "/hello?%%%",
        "/hello#x",
        "*",
        "http://example.com/hello",
        "/stream/1?ms",
        "/stream/1?&&=",
        "/status/٣",
        "/echo/",
        "/bytes/1/2",
    ] {
        for method in ["GET", "OPTIONS", "POST"] {
            let (mut client, _server) = on_pipe(Config::default());
            client.send(&format!("{method} {target} HTTP/1.1\r\nhost: x\r\n\r\n")).await;
            let reply = client.reply().await;
            assert!((200..500).contains(&reply.status), "{method} {target}: {reply:?}");
        }
    }
    let (mut client, _server) = on_pipe(Config::default());
    assert_eq!(client.get("/bytes/%31%30").await.body.len(), 10);
    client.send("CONNECT example.com:443 HTTP/1.1\r\nhost: x\r\n\r\n").await;
    assert_eq!(client.reply().await.status, 501);
}

#[tokio::test]
async fn a_connection_without_a_status_says_so() {
    let (mut client, _server) = on_pipe(Config::default());
    let reply = client.get("/connection").await;
    assert_eq!(reply.status, 404);
    assert!(reply.text().contains("not run on glasstack's own TCP"), "{}", reply.text());
}

#[tokio::test]
async fn a_connection_tells_about_itself() {
    let (theirs, ours) = duplex(64 * 1024);
    let _server = on_connection(Seen(ours), Config::default());
    let mut client = Client::new(theirs);
    let reply = client.get("/connection").await;
    assert_eq!(reply.field("content-type"), Some("application/json"));
    let json: serde_json::Value = serde_json::from_slice(&reply.body).unwrap();
    assert_eq!(json["id"], 7);
    assert_eq!(json["local"], SERVER.to_string());
    assert_eq!(json["remote"], format!("{}", SocketAddr::new(CLIENT, 40_412)));
    assert_eq!(json["state"], "ESTABLISHED");
    assert_eq!(json["timers"][0]["timer"], "retransmission");
    assert_eq!(json["timers"][0]["left_us"], 200_000);
    assert_eq!(json["transitions"][0]["to"], "ESTABLISHED");
    assert!(reply.text().contains("\n  \"state\""), "it is for people to read: {}", reply.text());
    let page = client.get("/").await;
    assert!(page.text().contains("connection #7 "), "{}", page.text());
}

/// A pipe that has a status to tell.
struct Seen(DuplexStream);

impl Connection for Seen {
    fn local_addr(&self) -> SocketAddr {
        SERVER
    }

    fn peer_addr(&self) -> SocketAddr {
        SocketAddr::new(CLIENT, 40_412)
    }

    fn status_source(&self) -> StatusSource {
        let (local, remote) = (self.local_addr(), self.peer_addr());
        StatusSource::new(move || {
            Some(Summary { id: ConnId(7), local, remote, status: established() })
        })
    }
}

fn established() -> Status {
    Status {
        state: State::Established,
        srtt: Some(Duration::from_micros(90)),
        rttvar: Duration::from_micros(45),
        rto: Duration::from_millis(200),
        send_mss: 1460,
        receive_mss: 1460,
        send_window: 64_240,
        receive_window: 65_535,
        receive_window_scale: Some(7),
        send_window_scale: Some(7),
        timestamps: true,
        sack: true,
        congestion: Algorithm::NewReno,
        ecn: false,
        cwnd: 14_600,
        ssthresh: u32::MAX,
        in_flight: 0,
        segments_in_flight: 0,
        segments_lost: 0,
        segments_sacked: 0,
        segments_sent_again: 0,
        path: PathStatus::default(),
        recovery: RecoveryState::Open,
        timeouts: 0,
        send_queue: 0,
        unsent: 0,
        receive_queue: 0,
        urgent: 0,
        out_of_order: 0,
        octets_acknowledged: 0,
        octets_received: 78,
        segments_sent: 1,
        segments_received: 3,
        retransmissions: 0,
        timers: vec![TimerLeft { timer: Timer::Retransmission, left: Duration::from_millis(200) }],
        transitions: vec![Transition {
            at: glasstack::time::Instant::from_millis(3),
            from: State::SynReceived,
            to: State::Established,
            cause: Cause::Abort,
        }],
    }
}

mod delegate {
    use std::io;
    use std::pin::Pin;
    use std::task::{Context, Poll};

    use super::{AsyncRead, AsyncWrite, ReadBuf, Seen};

    impl AsyncRead for Seen {
        fn poll_read(
            mut self: Pin<&mut Self>,
            cx: &mut Context<'_>,
            buf: &mut ReadBuf<'_>,
        ) -> Poll<io::Result<()>> {
            Pin::new(&mut self.0).poll_read(cx, buf)
        }
    }

    impl AsyncWrite for Seen {
        fn poll_write(
            mut self: Pin<&mut Self>,
            cx: &mut Context<'_>,
            buf: &[u8],
        ) -> Poll<io::Result<usize>> {
            Pin::new(&mut self.0).poll_write(cx, buf)
        }

        fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
            Pin::new(&mut self.0).poll_flush(cx)
        }

        fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
            Pin::new(&mut self.0).poll_shutdown(cx)
        }
    }
}
