//! Clients that are slow, and what they get.

use std::time::Duration;

use glasstack::http::{Bounds, Config};
use tokio::time::{Instant, sleep};

use super::client::on_pipe;

#[tokio::test(start_paused = true)]
async fn a_head_that_takes_too_long_is_told_so() {
    let (mut client, _server) = on_pipe(Config::default());
    let start = Instant::now();
    client.send("GET /hello HTTP/1.1\r\n").await;
    sleep(Duration::from_secs(20)).await;
    client.send("host: x\r\n").await;
    let reply = client.reply().await;
    assert_eq!((reply.status, reply.field("connection")), (408, Some("close")));
    client.expect_close().await;
    assert_eq!(start.elapsed(), Duration::from_secs(30));
}

#[tokio::test(start_paused = true)]
async fn a_head_that_drips_in_has_no_longer_than_one_that_stands_still() {
    let (mut client, _server) = on_pipe(Config::default());
    client.get("/bytes/10").await;
    let start = Instant::now();
    for octet in ["G", "E", "T", " ", "/"] {
        sleep(Duration::from_secs(5)).await;
        client.send(octet).await;
    }
    assert_eq!(client.reply().await.status, 408);
    assert_eq!(start.elapsed(), Duration::from_secs(5 + 30), "counted from its first octet");
    client.expect_close().await;
}

#[tokio::test(start_paused = true)]
async fn the_time_for_a_head_begins_anew_after_each_answer() {
    let (mut client, _server) = on_pipe(Config::default());
    for path in ["/bytes/10", "/hello", "/delay/40000", "/bytes/10"] {
        sleep(Duration::from_secs(20)).await;
        assert_eq!(client.get(path).await.status, 200, "{path}");
    }
    let start = Instant::now();
    client.expect_close().await;
    assert_eq!(start.elapsed(), Duration::from_mins(1));
}

#[tokio::test(start_paused = true)]
async fn an_idle_connection_is_closed_without_a_word() {
    let bounds = Bounds { idle_timeout: Duration::from_secs(7), ..Bounds::default() };
    let config = Config { bounds, ..Config::default() };
    let (mut client, _server) = on_pipe(config);
    client.get("/delay/60000").await;
    let start = Instant::now();
    client.expect_close().await;
    assert_eq!(start.elapsed(), Duration::from_secs(7));
}
