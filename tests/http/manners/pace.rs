//! Who is too slow.

use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::routing::post;
use glasstack::http::{Bounds, Config, Pace};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{Instant, sleep, timeout};

use super::talk::{Talk, statuses};

const fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// Each limit has a number of its own, so that none can be taken for another.
fn config() -> Config {
    let bounds = Bounds {
        head_timeout: secs(11),
        idle_timeout: secs(23),
        body_pace: Pace { patience: secs(31), rate: 100 },
        response_pace: Pace { patience: secs(41), rate: 100 },
        ..Bounds::default()
    };
    Config { bounds, ..Config::default() }
}

/// Waits until the server closes. Returns when that was, and what it said.
async fn end(talk: &mut Talk, start: Instant) -> (Duration, String) {
    let mut octets = Vec::new();
    let closed = timeout(Duration::from_hours(1), talk.stream.read_to_end(&mut octets)).await;
    closed.expect("within an hour").unwrap();
    (start.elapsed(), String::from_utf8_lossy(&octets).into_owned())
}

async fn hello(talk: &mut Talk) {
    talk.say("GET /bytes/1 HTTP/1.1\r\nhost: x\r\n\r\n").await;
    let mut octets = Vec::new();
    while !octets.ends_with(b"\r\n\r\n0") {
        assert_ne!(talk.stream.read_buf(&mut octets).await.unwrap(), 0);
    }
}

#[tokio::test(start_paused = true)]
async fn who_says_nothing_at_all() {
    let mut talk = Talk::new(config());
    let (after, said) = end(&mut talk, Instant::now()).await;
    assert_eq!((after, said.as_str()), (secs(11), ""), "the time for a head");
}

#[tokio::test(start_paused = true)]
async fn who_has_nothing_more_to_say() {
    let mut talk = Talk::new(config());
    for _ in 0..3 {
        hello(&mut talk).await;
        sleep(secs(20)).await;
    }
    hello(&mut talk).await;
    let (after, said) = end(&mut talk, Instant::now()).await;
    assert_eq!((after, said.as_str()), (secs(23), ""), "the time for an idle connection");
}

#[tokio::test(start_paused = true)]
async fn whose_head_drips() {
    for requests_before in [0, 1] {
        let mut talk = Talk::new(config());
        for _ in 0..requests_before {
            hello(&mut talk).await;
            sleep(secs(20)).await;
        }
        let start = Instant::now();
        for octet in "GET /hel".bytes() {
            talk.say([octet]).await;
            sleep(secs(1)).await;
        }
        let (after, said) = end(&mut talk, start).await;
        assert_eq!((after, statuses(&said)), (secs(11), vec![408]), "after {requests_before}");
        assert!(said.ends_with("The head of the request took too long to arrive.\n"), "{said}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_time_of_an_idle_connection_is_none_for_a_head_that_came_in_time() {
    let mut talk = Talk::new(config());
    hello(&mut talk).await;
    sleep(secs(22)).await;
    talk.say("GET /bytes/1 HT").await;
    sleep(secs(10)).await;
    talk.say("TP/1.1\r\nhost: x\r\n\r\n").await;
    assert_eq!(talk.statuses().await, [200]);
}

fn counting() -> Router {
    Router::new().route("/", post(async |body: Bytes| body.len().to_string()))
}

#[tokio::test(start_paused = true)]
async fn whose_body_stands_still() {
    for request in [
        "POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 9\r\n\r\nfour",
        "POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n4\r\nfour\r\n",
    ] {
        let mut talk = Talk::with(counting(), config(), 1000);
        let start = Instant::now();
        talk.say(request).await;
        let (after, said) = end(&mut talk, start).await;
        assert_eq!((after, statuses(&said)), (secs(31), vec![408]));
        assert!(said.ends_with("The body of the request arrives too slowly.\n"), "{said}");
        assert!(said.contains("connection: close\r\n"), "{said}");
    }
}

#[tokio::test(start_paused = true)]
async fn whose_body_drips() {
    let mut talk = Talk::with(counting(), config(), 1000);
    let start = Instant::now();
    talk.say("POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 100000\r\n\r\n").await;
    // An octet each three seconds earns hardly anything: 31 s, and 10 octets of 10 ms each.
    while talk.stream.write_all(b"x").await.is_ok() && start.elapsed() < secs(60) {
        sleep(secs(3)).await;
    }
    let (_, said) = end(&mut talk, start).await;
    assert_eq!(statuses(&said), [408]);
    assert!(start.elapsed() < secs(40), "{:?}", start.elapsed());
}

#[tokio::test(start_paused = true)]
async fn whose_body_is_slow_and_comes() {
    let mut talk = Talk::with(counting(), config(), 1000);
    talk.say("POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 30000\r\n\r\n").await;
    for _ in 0..100 {
        sleep(secs(3)).await;
        talk.say([b'x'; 300]).await;
    }
    assert!(talk.hear().await.text.ends_with("30000"));
}

#[tokio::test(start_paused = true)]
async fn who_takes_nothing_of_the_answer() {
    let mut talk = Talk::new(config());
    talk.say("GET /bytes/1000000 HTTP/1.1\r\nhost: x\r\n\r\n").await;
    sleep(secs(40)).await;
    assert_eq!(talk.stream.read(&mut [0; 1]).await.unwrap(), 1, "it waits");
    // What one octet earns is no time at all.
    sleep(secs(2)).await;
    let mut rest = Vec::new();
    talk.stream.read_to_end(&mut rest).await.unwrap();
    assert!(rest.len() < 200_000, "{} octets came of a million", rest.len());
}

#[tokio::test(start_paused = true)]
async fn who_takes_the_answer_slowly() {
    for (seconds, comes_to_the_end) in [(8, true), (16, false)] {
        let mut talk = Talk::with(glasstack::http::site(), config(), 1000);
        talk.say("GET /bytes/30000 HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await;
        let (mut all, mut piece) = (0, [0; 1000]);
        while let Ok(octets @ 1..) = talk.stream.read(&mut piece).await {
            all += octets;
            sleep(secs(seconds)).await;
        }
        assert_eq!(all > 30_000, comes_to_the_end, "{all} octets, a thousand each {seconds} s");
    }
}

/// An answer that takes long to make is no fault of the client's.
#[tokio::test(start_paused = true)]
async fn our_own_time_is_not_the_clients() {
    let mut talk = Talk::new(config());
    let start = Instant::now();
    talk.say("GET /delay/60000 HTTP/1.1\r\nhost: x\r\n\r\n").await;
    let mut octets = [0; 12];
    talk.stream.read_exact(&mut octets).await.unwrap();
    assert_eq!((&octets, start.elapsed()), (b"HTTP/1.1 200", secs(60)));
}
