//! What is too much.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::routing::{get, post};
use glasstack::http::{Bounds, Config};

use super::talk::{Talk, answer_with, statuses};

fn bounded(bounds: Bounds) -> Config {
    Config { bounds, ..Config::default() }
}

/// A head of exactly so many octets, with one long field.
fn head_of(octets: usize) -> String {
    let (start, end) = ("GET /hello HTTP/1.1\r\nhost: x\r\nlong: ", "\r\n\r\n");
    format!("{start}{}{end}", "x".repeat(octets - start.len() - end.len()))
}

#[tokio::test(start_paused = true)]
async fn heads() {
    let config = || bounded(Bounds { head_octets: 8192, ..Bounds::default() });
    assert_eq!(statuses(&answer_with(config(), head_of(8192)).await.text), [200]);
    // It comes whole, in pieces, and without an end.
    let heard = answer_with(config(), head_of(8193)).await;
    assert_eq!((statuses(&heard.text), heard.closed), (vec![431], true));
    assert!(
        heard.text.ends_with("The head of the request is longer than 8192 octets.\n"),
        "{heard:?}"
    );
    for octets in [9000, 60_000] {
        let mut talk = Talk::new(config());
        for piece in head_of(octets).trim_end().as_bytes().chunks(1000) {
            talk.say(piece).await;
            tokio::task::yield_now().await;
        }
        let heard = talk.hear().await;
        assert_eq!((statuses(&heard.text), heard.closed), (vec![431], true), "{heard:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn fields() {
    for most in [3, 100, 300] {
        let config = || bounded(Bounds { fields: most, ..Bounds::default() });
        let request = |fields: usize| {
            let others = "field: x\r\n".repeat(fields - 1);
            format!("GET /hello HTTP/1.1\r\nhost: x\r\n{others}\r\n")
        };
        assert_eq!(statuses(&answer_with(config(), request(most)).await.text), [200], "{most}");
        let heard = answer_with(config(), request(most + 1)).await;
        assert_eq!((statuses(&heard.text), heard.closed), (vec![431], true));
        let words = format!("The head of the request has more than {most} fields.\n");
        assert!(heard.text.ends_with(&words), "{heard:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn targets() {
    let config = |most| bounded(Bounds { target_octets: most, ..Bounds::default() });
    let request = |octets: usize| {
        format!("GET /hello?{} HTTP/1.1\r\nhost: x\r\n\r\n", "x".repeat(octets - "/hello?".len()))
    };
    for (most, octets, status) in
        [(100, 100, 200), (100, 101, 414), (65_534, 65_000, 200), (65_534, 65_535, 414)]
    {
        let bounds = Bounds { head_octets: 1 << 20, ..config(most).bounds };
        let heard = answer_with(bounded(bounds), request(octets)).await;
        assert_eq!(
            (statuses(&heard.text), heard.closed),
            (vec![status], status != 200),
            "{octets}"
        );
        let words = format!("The target of the request is longer than {most} octets.\n");
        assert_eq!(heard.text.ends_with(&words), status == 414, "{heard:?}");
    }
    // One that does not end.
    let heard = answer_with(config(8192), format!("GET /{}", "x".repeat(70_000))).await;
    assert_eq!((statuses(&heard.text), heard.closed), (vec![414], true));
}

#[tokio::test(start_paused = true)]
async fn bodies_that_are_announced() {
    let config = || bounded(Bounds { body_octets: 10, ..Bounds::default() });
    let request = |octets: usize, expect: &str| {
        format!("POST /echo HTTP/1.1\r\nhost: x\r\n{expect}content-length: {octets}\r\n\r\n")
    };
    let heard = answer_with(config(), request(10, "") + "0123456789").await;
    assert_eq!((statuses(&heard.text), heard.closed), (vec![200], false));
    // Before a single octet of it has come, and without a word of going on.
    let heard = answer_with(config(), request(11, "expect: 100-continue\r\n")).await;
    assert_eq!((statuses(&heard.text), heard.closed), (vec![413], true));
    assert!(
        heard.text.ends_with("The body of the request is longer than 10 octets.\n"),
        "{heard:?}"
    );
}

/// The answer comes while the client still writes, and what it writes is taken and thrown away, so that no
/// RST overtakes the answer.
#[tokio::test(start_paused = true)]
async fn bodies_that_do_not_say_how_long_they_are() {
    let router = Router::new().route("/", post(async |body: Bytes| body.len().to_string()));
    for (chunks, status) in [(10, 200), (11, 413), (100_000, 413)] {
        let config = bounded(Bounds { body_octets: 100, ..Bounds::default() });
        let mut talk = Talk::with(router.clone(), config, 1000);
        talk.say("POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n").await;
        for _ in 0..chunks {
            talk.say("a\r\n0123456789\r\n").await;
        }
        talk.say("0\r\n\r\n").await;
        let heard = talk.hear().await;
        assert_eq!(
            (statuses(&heard.text), heard.closed),
            (vec![status], status == 413),
            "{heard:?}"
        );
    }
}

/// What is written for a client that does not read waits in its own body, as far as it can.
#[tokio::test(start_paused = true)]
async fn what_waits_to_be_written() {
    let made = Arc::new(AtomicUsize::new(0));
    let router = Router::new().route("/", {
        let made = Arc::clone(&made);
        get(move || async move {
            let pieces = std::iter::repeat_with(move || {
                made.fetch_add(1, Ordering::Relaxed);
                Ok::<_, Infallible>(Bytes::from(vec![b'x'; 16 * 1024]))
            });
            Body::from_stream(futures_util::stream::iter(pieces.take(100)))
        })
    });
    let mut talk = Talk::with(router, Config::default(), 1000);
    talk.say("GET / HTTP/1.1\r\nhost: x\r\n\r\n").await;
    tokio::time::sleep(std::time::Duration::from_secs(9)).await;
    let made = made.load(Ordering::Relaxed);
    assert!((1..=6).contains(&made), "{made} pieces of 16 KiB for a client that reads nothing");
}

#[tokio::test(start_paused = true)]
async fn requests_on_a_connection() {
    let config = bounded(Bounds { requests: 3, ..Bounds::default() });
    let heard = answer_with(config, "GET /hello HTTP/1.1\r\nhost: x\r\n\r\n".repeat(4)).await;
    assert_eq!((statuses(&heard.text), heard.closed), (vec![200; 3], true));
    assert_eq!(heard.text.matches("connection: close\r\n").count(), 1, "{heard:?}");
}
