//! HTTP/2: by agreement and by prior knowledge, its limits in time, how it ends (RFC 9113).

use std::time::Duration;

use bytes::Bytes;
use futures_util::future::join_all;
use glasstack::http::{CloseAfter, Config, Http2Limits};
use http::{Request, Response, Version};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::http2::{SendRequest, handshake};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::{Instant, sleep};

use super::client::Client;
use super::frames::{
    DATA, END_HEADERS, END_STREAM, GOAWAY, HEADERS, PREFACE, RST_STREAM, Raw, SETTINGS, frame,
    get as fields, request,
};
use super::world::{BOTH, World, plain, shake_hands};

type Sender = SendRequest<Full<Bytes>>;

/// A client of HTTP/2 on this stream, and what becomes of the connection.
async fn speak<S>(stream: S) -> (Sender, tokio::task::JoinHandle<hyper::Result<()>>)
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let (sender, connection) = handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
    (sender, tokio::spawn(connection))
}

async fn get(sender: &Sender, path: &str) -> hyper::Result<Response<Incoming>> {
    let request = Request::get(format!("http://x{path}")).body(Full::default()).unwrap();
    let mut sender = sender.clone();
    sender.ready().await?;
    sender.send_request(request).await
}

async fn body(response: Response<Incoming>) -> Bytes {
    response.into_body().collect().await.unwrap().to_bytes()
}

// RFC 7301, RFC 9113 3.2
#[tokio::test]
async fn by_tls_it_is_agreed_on() {
    let world = World::new();
    for version in BOTH {
        let (stream, _server) = world.connect();
        let stream = shake_hands(&world.client(version, &["h2"]), stream).await.unwrap();
        let (sender, _task) = speak(stream).await;
        let response = get(&sender, "/connection").await.unwrap();
        assert_eq!(response.version(), Version::HTTP_2);
        let report: serde_json::Value = serde_json::from_slice(&body(response).await).unwrap();
        assert_eq!((report["http"].as_str(), report["tls"]["alpn"].as_str()), {
            (Some("HTTP/2.0"), Some("h2"))
        });
        let response = get(&sender, "/bytes/3000000").await.unwrap();
        assert_eq!(body(response).await.len(), 3_000_000);
    }
}

// RFC 9113 3.3
#[tokio::test]
async fn in_plain_text_it_is_begun_with() {
    let (stream, _server) = plain(Config::default());
    let (sender, _task) = speak(stream).await;
    let big = Bytes::from((0..=250).cycle().take(5_000_000).collect::<Vec<u8>>());
    let request = Request::post("http://x/echo").body(Full::new(big.clone())).unwrap();
    let echo = async { body(sender.clone().send_request(request).await.unwrap()).await };
    let paths: Vec<_> = (0..200).map(|n| format!("/bytes/{n}")).collect();
    let all = join_all(paths.iter().map(|path| async {
        let response = get(&sender, path).await.unwrap();
        assert_eq!(response.status(), 200);
        body(response).await.len()
    }));
    let (echo, lens) = tokio::join!(echo, all);
    assert_eq!(echo, big);
    assert_eq!(lens, (0..200).collect::<Vec<_>>());
}

#[tokio::test(start_paused = true)]
async fn the_preface_may_come_octet_by_octet_and_has_the_time_of_a_head() {
    let (stream, _server) = plain(Config::default());
    let mut raw = Raw { stream };
    for octet in PREFACE {
        raw.send(&[*octet]).await;
        sleep(Duration::from_millis(100)).await;
    }
    raw.send(&frame(SETTINGS, 0, 0, &[])).await;
    raw.send(&request(1, "/hello")).await;
    assert_eq!(raw.next(HEADERS).await.stream, 1);
    assert!(raw.next(DATA).await.payload.starts_with(b"Hello"));

    let (stream, _server) = plain(Config::default());
    let mut client = Client::new(stream);
    let start = Instant::now();
    client.send("PRI * HTTP/2.0\r\n").await;
    assert_eq!(client.reply().await.status, 408);
    assert_eq!(start.elapsed(), Duration::from_secs(30));
    client.expect_close().await;
}

#[tokio::test]
async fn where_it_is_off_its_preface_is_no_request() {
    let http2 = Http2Limits { unasked: false, ..Http2Limits::default() };
    let (mut stream, _server) = plain(Config { http2, ..Config::default() });
    stream.write_all(PREFACE).await.unwrap();
    let mut said = Vec::new();
    stream.read_to_end(&mut said).await.unwrap();
    assert!(said.is_empty() || said.starts_with(b"HTTP/1.1 400"), "{said:?}");
}

// RFC 9113 6.8
#[tokio::test(start_paused = true)]
async fn when_we_stop_what_has_been_asked_for_is_answered() {
    let (stream, server) = plain(Config::default());
    let (sender, task) = speak(stream).await;
    let slow = get(&sender, "/delay/3000");
    let stopping = async {
        sleep(Duration::from_secs(1)).await;
        server.stopper.stop();
        sleep(Duration::from_secs(1)).await;
        get(&sender, "/hello").await
    };
    let (slow, late) = tokio::join!(slow, stopping);
    assert_eq!(body(slow.unwrap()).await, "This took 3000 ms.\n");
    late.expect_err("nothing new begins");
    let start = Instant::now();
    drop(sender);
    task.await.unwrap().expect("the connection ends in order");
    server.task.await.unwrap();
    assert!(start.elapsed() < Duration::from_secs(1), "{:?}", start.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_connection_without_requests_is_ended_and_one_that_waits_for_us_is_not() {
    let (stream, _server) = plain(Config::default());
    let mut raw = Raw::begin(stream).await;
    raw.send(&request(1, "/delay/50000")).await;
    raw.next(DATA).await;
    let start = Instant::now();
    assert_eq!(raw.next(GOAWAY).await.reason(), 0);
    assert!((59..=61).contains(&start.elapsed().as_secs()), "{:?}", start.elapsed());
    raw.rest().await;
    assert!(start.elapsed().as_secs() <= 63, "{:?}", start.elapsed());
}

#[tokio::test(start_paused = true)]
async fn who_takes_nothing_of_the_answer_is_not_waited_for() {
    let (stream, server) = plain(Config::default());
    let mut raw = Raw::begin(stream).await;
    // Its window is never opened, but every question is answered.
    raw.send(&request(1, "/bytes/100000000")).await;
    let start = Instant::now();
    let frames = raw.rest().await;
    let data: usize =
        frames.iter().filter(|frame| frame.kind == DATA).map(|frame| frame.payload.len()).sum();
    assert_eq!(data, 65_535, "RFC 9113 6.9.2");
    assert_eq!(start.elapsed(), Duration::from_secs(30));
    drop(server);
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_is_gone_is_noticed_while_an_answer_is_made() {
    let (stream, _server) = plain(Config::default());
    let mut raw = Raw::begin(stream).await;
    raw.send(&request(1, "/delay/60000")).await;
    // It answers to nothing from here on.
    let start = Instant::now();
    let mut rest = Vec::new();
    raw.stream.read_to_end(&mut rest).await.unwrap();
    assert!((38..=45).contains(&start.elapsed().as_secs()), "{:?}", start.elapsed());
}

#[tokio::test(start_paused = true)]
async fn our_side_closes_first_where_it_was_told_to() {
    let config = Config { close_after: CloseAfter::Request, ..Config::default() };
    let (stream, _server) = plain(config);
    let mut raw = Raw::begin(stream).await;
    let start = Instant::now();
    raw.send(&request(1, "/hello")).await;
    let frames = raw.rest().await;
    assert!(frames.iter().any(|frame| frame.kind == GOAWAY && frame.reason() == 0), "{frames:?}");
    assert!(frames.iter().any(|frame| frame.kind == DATA && !frame.payload.is_empty()));
    assert_eq!(start.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn a_delay_is_counted_from_the_peers_end() {
    let delay = CloseAfter::Delay(Duration::from_millis(500));
    let (stream, _server) = plain(Config { close_after: delay, ..Config::default() });
    let mut raw = Raw::begin(stream).await;
    raw.send(&request(1, "/hello")).await;
    raw.next(DATA).await;
    let start = Instant::now();
    raw.stream.shutdown().await.unwrap();
    raw.rest().await;
    assert_eq!(start.elapsed(), Duration::from_millis(500));
}

/// Some clients take a reset for a failure, though they have the answer.
#[tokio::test(start_paused = true)]
async fn a_little_body_that_nobody_wants_is_taken_and_a_long_one_is_not() {
    let (stream, _server) = plain(Config::default());
    let mut raw = Raw::begin(stream).await;
    // A GET whose body comes when the answer is there.
    raw.send(&frame(HEADERS, END_HEADERS, 1, &fields("/hello"))).await;
    assert_eq!(raw.next(HEADERS).await.stream, 1);
    raw.send(&frame(DATA, END_STREAM, 1, &[b'x'; 1000])).await;
    raw.send(&request(3, "/hello")).await;
    loop {
        let next = raw.frame().await.expect("the connection goes on");
        assert_ne!(next.kind, RST_STREAM, "stream {}", next.stream);
        if next.kind == HEADERS && next.stream == 3 {
            break;
        }
    }
    raw.send(&frame(HEADERS, END_HEADERS, 5, &fields("/hello"))).await;
    for _ in 0..6 {
        raw.send(&frame(DATA, 0, 5, &[b'x'; 16_000])).await;
    }
    assert_eq!(raw.next(RST_STREAM).await.stream, 5);
    // And nobody is waited for.
    raw.send(&frame(HEADERS, END_HEADERS, 7, &fields("/hello"))).await;
    let start = Instant::now();
    assert_eq!(raw.next(RST_STREAM).await.stream, 7);
    assert!(start.elapsed() <= Duration::from_secs(3), "{:?}", start.elapsed());
}
