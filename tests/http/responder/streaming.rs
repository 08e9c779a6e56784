//! Bodies that are larger than any buffer, on the kernel's TCP.

use std::time::Duration;

use glasstack::http::{Config, site};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::Instant;

use super::client::{Client, on_loopback, on_pipe};

const TEN_MB: usize = 10_000_000;

/// Octets that do not repeat soon.
fn noise(len: usize) -> Vec<u8> {
    let mut state = 1_u32;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    };
    (0..len).map(|_| next()).collect()
}

#[tokio::test]
async fn a_client_that_closes_behind_its_request_gets_its_answer() {
    let (mut client, _server) = on_loopback(site()).await;
    client.send("GET /delay/50 HTTP/1.1\r\nhost: x\r\n\r\n").await;
    client.close().await;
    assert_eq!(client.reply().await.text(), "This took 50 ms.\n");
    client.expect_close().await;
}

#[tokio::test]
async fn ten_megabytes_come_back_while_they_are_sent() {
    let (mut client, _server) = on_loopback(site()).await;
    let sent = noise(TEN_MB);
    client
        .send(&format!(
            "POST /echo HTTP/1.1\r\nhost: x\r\ncontent-type: image/x-noise\r\n\
             content-length: {TEN_MB}\r\n\r\n"
        ))
        .await;
    // Not one octet is withheld until the rest has come.
    client.stream.write_all(&sent[..1000]).await.unwrap();
    let head = client.head().await;
    assert_eq!(head.field("content-type"), Some("image/x-noise"));
    assert_eq!(head.field("content-length"), Some("10000000"));
    let mut first = vec![0; 1000];
    client.stream.read_exact(&mut first).await.unwrap();
    assert!(first == sent[..1000], "the first octets differ");

    let (mut input, mut output) = tokio::io::split(client.stream);
    let mut rest = vec![0; TEN_MB - 1000];
    let (written, read) =
        tokio::join!(output.write_all(&sent[1000..]), input.read_exact(&mut rest));
    written.unwrap();
    read.unwrap();
    assert!(rest == sent[1000..], "what came back is not what was sent");

    let mut client = Client::new(input.unsplit(output));
    assert_eq!(client.get("/hello").await.status, 200, "the connection is still good");
}

#[tokio::test]
async fn a_client_that_waits_for_100_continue_gets_it() {
    let (mut client, _server) = on_loopback(site()).await;
    client
        .send(
            "POST /echo HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\
             expect: 100-continue\r\n\r\n",
        )
        .await;
    assert_eq!(client.head().await.status, 100);
    client.send("4\r\nword\r\n0\r\n\r\n").await;
    let reply = client.reply().await;
    assert_eq!((reply.status, reply.text()), (200, "word"));
}

#[tokio::test]
async fn an_empty_echo_is_empty() {
    let (mut client, _server) = on_pipe(Config::default());
    client.send("POST /echo HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\n\r\n").await;
    let reply = client.reply().await;
    assert_eq!((reply.status, reply.field("content-length")), (200, Some("0")));
}

/// The sums are those of `sha256sum`.
#[tokio::test]
async fn what_arrives_is_counted_and_digested() {
    let (mut client, _server) = on_pipe(Config::default());
    for (request, octets, sum) in [
        ("POST /sum HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\n\r\n", 0, EMPTY),
        ("PUT /sum HTTP/1.1\r\nhost: x\r\ncontent-length: 3\r\n\r\nabc", 3, ABC),
        (
            "PUT /sum HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n\
             1\r\na\r\n2\r\nbc\r\n0\r\ntrailer: x\r\n\r\n",
            3,
            ABC,
        ),
    ] {
        client.send(request).await;
        let reply = client.reply().await;
        let expected = format!("octets {octets}\nsha256 {sum}\n");
        assert_eq!((reply.status, reply.text()), (200, &*expected), "{request}");
    }
    client.send("PUT /sum HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\nx\r\n").await;
    assert_eq!(client.reply().await.status, 400, "of a body that breaks off there is no sum");
}

const EMPTY: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
const ABC: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

#[tokio::test]
async fn an_upload_nobody_wants_does_not_cost_the_reply() {
    let (mut client, _server) = on_loopback(site()).await;
    client
        .send(&format!("POST /hello HTTP/1.1\r\nhost: x\r\ncontent-length: {TEN_MB}\r\n\r\n"))
        .await;
    // This client reads nothing before all is sent.
    client.stream.write_all(&noise(TEN_MB)).await.expect("the upload should not be cut off");
    assert_eq!(client.reply().await.status, 405);
    client.expect_close().await;
}

#[tokio::test]
async fn a_hundred_megabytes_arrive_whole() {
    let (mut client, _server) = on_loopback(site()).await;
    client.send("GET /bytes/100000000 HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await;
    assert_eq!(client.head().await.field("content-length"), Some("100000000"));
    let mut got = 0;
    let mut buf = vec![0; 1 << 16];
    loop {
        match client.stream.read(&mut buf).await.unwrap() {
            0 => break,
            read => got += read,
        }
    }
    assert_eq!(got, 100_000_000);
}

#[tokio::test(start_paused = true)]
async fn lines_come_one_chunk_each() {
    let (mut client, _server) = on_pipe(Config::default());
    client.send("GET /stream/3?ms=250 HTTP/1.1\r\nhost: x\r\n\r\n").await;
    assert_eq!(client.head().await.field("transfer-encoding"), Some("chunked"));
    let start = Instant::now();
    for (nth, ms) in [(1, 0), (2, 250), (3, 500)] {
        let chunk = client.chunk().await;
        assert_eq!(String::from_utf8(chunk).unwrap(), format!("line {nth} of 3\n"));
        assert_eq!(start.elapsed(), Duration::from_millis(ms));
    }
    assert_eq!(client.chunk().await, b"");

    let reply = client.get("/stream/10000").await;
    assert_eq!(reply.text().lines().count(), 10_000);
    assert_eq!(client.get("/stream/0").await.body, b"");
}
