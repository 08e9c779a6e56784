//! Who closes first, and when.

use std::time::Duration;

use glasstack::http::{CloseAfter, Config};
use tokio::time::{Instant, timeout, timeout_at};

use super::client::on_pipe;

fn closing(close_after: CloseAfter) -> Config {
    Config { close_after, ..Config::default() }
}

const DELAY: CloseAfter = CloseAfter::Delay(Duration::from_millis(500));
const AN_HOUR: Duration = Duration::from_hours(1);

#[tokio::test(start_paused = true)]
async fn promptly_means_at_once_when_the_peer_has_closed() {
    let (mut client, _server) = on_pipe(Config::default());
    let start = Instant::now();
    assert_eq!(client.get("/hello").await.field("connection"), None);
    client.close().await;
    client.expect_close().await;
    assert_eq!(start.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn promptly_we_close_first_where_http_asks_for_it() {
    for request in ["GET /hello HTTP/1.1\r\nhost: x\r\nconnection: close", "GET /hello HTTP/1.0"] {
        let (mut client, _server) = on_pipe(Config::default());
        let start = Instant::now();
        client.send(&format!("{request}\r\n\r\n")).await;
        assert_eq!(client.reply().await.status, 200);
        client.expect_close().await;
        assert_eq!(start.elapsed(), Duration::ZERO, "after {request}");
    }
}

#[tokio::test(start_paused = true)]
async fn after_a_request_our_side_closes_first() {
    let (mut client, _server) = on_pipe(closing(CloseAfter::Request));
    let start = Instant::now();
    assert_eq!(client.get("/hello").await.field("connection"), Some("close"));
    client.expect_close().await;
    assert_eq!(start.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn a_delay_is_counted_from_the_peers_fin() {
    let (mut client, _server) = on_pipe(closing(DELAY));
    client.get("/hello").await;
    assert_eq!(client.get("/hello").await.status, 200, "connections are still kept alive");
    tokio::time::sleep(Duration::from_secs(3)).await;
    let start = Instant::now();
    client.close().await;
    client.expect_close().await;
    assert_eq!(start.elapsed(), Duration::from_millis(500));
}

#[tokio::test(start_paused = true)]
async fn a_delay_follows_the_answer_to_a_client_that_closed_ahead_of_it() {
    let (mut client, _server) = on_pipe(closing(DELAY));
    let start = Instant::now();
    client.send("GET /delay/200 HTTP/1.1\r\nhost: x\r\n\r\n").await;
    client.close().await;
    assert_eq!(client.reply().await.text(), "This took 200 ms.\n");
    assert_eq!(start.elapsed(), Duration::from_millis(200));
    client.expect_close().await;
    assert_eq!(start.elapsed(), Duration::from_millis(700));
}

#[tokio::test(start_paused = true)]
async fn never_lasts_until_the_stop() {
    let (mut client, server) = on_pipe(closing(CloseAfter::Never));
    client.get("/hello").await;
    client.close().await;
    timeout(AN_HOUR, client.expect_close()).await.expect_err("it should not close");
    server.stopper.stop();
    client.expect_close().await;
    server.task.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn with_a_delay_the_peer_is_let_first_even_after_connection_close() {
    for (close_after, in_the_end) in
        [(DELAY, Duration::from_millis(4500)), (CloseAfter::Never, AN_HOUR)]
    {
        let (mut client, _server) = on_pipe(closing(close_after));
        let start = Instant::now();
        client.send("GET /hello HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await;
        assert_eq!(client.reply().await.status, 200);
        let early = timeout(Duration::from_secs(4), client.expect_close()).await;
        early.expect_err("we should not be the first");
        client.close().await;
        let _ = timeout_at(start + AN_HOUR, client.expect_close()).await;
        assert_eq!(start.elapsed(), in_the_end);
    }
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_waits_for_our_close_gets_it_after_all() {
    for close_after in [DELAY, CloseAfter::Never] {
        let (mut client, _server) = on_pipe(closing(close_after));
        let start = Instant::now();
        client.send("GET /hello HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await;
        assert_eq!(client.reply().await.status, 200);
        client.expect_close().await;
        assert_eq!(start.elapsed(), Duration::from_secs(10));
    }
}

#[tokio::test(start_paused = true)]
async fn a_response_that_only_our_fin_can_end_is_ended_at_once() {
    for close_after in [DELAY, CloseAfter::Never] {
        let (mut client, _server) = on_pipe(closing(close_after));
        let start = Instant::now();
        client.send("GET /stream/2 HTTP/1.0\r\n\r\n").await;
        let head = client.head().await;
        assert_eq!((head.field("content-length"), head.field("transfer-encoding")), (None, None));
        let mut body = String::new();
        tokio::io::AsyncReadExt::read_to_string(&mut client.stream, &mut body).await.unwrap();
        assert_eq!(body, "line 1 of 2\nline 2 of 2\n");
        assert_eq!(start.elapsed(), Duration::ZERO);
    }
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_read_as_http_is_refused_and_closed_at_once() {
    for close_after in [CloseAfter::Promptly, DELAY, CloseAfter::Never] {
        let (mut client, _server) = on_pipe(closing(close_after));
        let start = Instant::now();
        client.send("\u{1}\u{2}\u{3}\r\n\r\n").await;
        assert_eq!(client.reply().await.status, 400);
        client.expect_close().await;
        assert_eq!(start.elapsed(), Duration::ZERO);
    }
}

#[tokio::test(start_paused = true)]
async fn the_stop_ends_idle_connections_and_lets_requests_finish() {
    let (mut idle, idle_server) = on_pipe(Config::default());
    let (mut busy, busy_server) = on_pipe(Config::default());
    idle.get("/hello").await;
    busy.get("/hello").await;
    busy.send("GET /delay/700 HTTP/1.1\r\nhost: x\r\n\r\n").await;
    // The request has to be there before the stop is.
    tokio::time::sleep(Duration::from_millis(1)).await;
    let start = Instant::now();
    idle_server.stopper.stop();
    busy_server.stopper.stop();
    idle.expect_close().await;
    assert_eq!(start.elapsed(), Duration::ZERO);
    let reply = busy.reply().await;
    assert_eq!((reply.status, reply.field("connection")), (200, Some("close")));
    busy.expect_close().await;
    busy_server.task.await.unwrap();
    // Our FIN was out, and then the peer had its 2 s to send its own.
    assert_eq!(start.elapsed(), Duration::from_millis(699 + 2000));
}
