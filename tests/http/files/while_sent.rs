//! Files that are changed while they are sent, and clients that go away.

use std::fs::File;
use std::io::{Read, Write};

use tokio::io::AsyncReadExt;

use super::client::{Reply, ask, connect, request};
use super::place::Place;

/// More than all buffers on the way take.
const LARGE: usize = 4_000_000;

/// Reads a response of which the first octets have come when `change` is made.
async fn changed_meanwhile(place: &Place, fields: &str, change: impl FnOnce()) -> Vec<u8> {
    let router = place.serve();
    let mut stream = connect(&router, &request("GET /large.txt", fields)).await;
    let mut all = vec![0; 1000];
    stream.read_exact(&mut all).await.unwrap();
    change();
    stream.read_to_end(&mut all).await.unwrap();
    all
}

#[tokio::test]
async fn a_file_that_becomes_longer_is_sent_as_long_as_it_was() {
    let place = Place::new("longer");
    place.write("large.txt", &vec![b'x'; LARGE]);
    let path = place.root().join("large.txt");
    let all = changed_meanwhile(&place, "", || {
        let mut file = File::options().append(true).open(&path).unwrap();
        file.write_all(b"more").unwrap();
    })
    .await;
    let reply = Reply::parse(&all, false);
    assert_eq!(reply.body.len(), LARGE);
    assert!(!reply.body.contains(&b'm'));
}

/// The response is not complete, and whoever asked can tell.
#[tokio::test]
async fn a_file_that_becomes_shorter_ends_in_an_error() {
    for (fields, is_coded) in [
        ("", false),
        ("range: bytes=10-", false),
        ("accept-encoding: gzip", true),
        ("accept-encoding: br", true),
        ("accept-encoding: zstd", true),
    ] {
        let place = Place::new("shorter");
        let mut noise = vec![0; LARGE];
        // What cannot be compressed, so that the end is far from the beginning.
        File::open("/dev/urandom").unwrap().read_exact(&mut noise).unwrap();
        place.write("large.txt", &noise);
        let path = place.root().join("large.txt");
        let all = changed_meanwhile(&place, fields, || {
            File::options().write(true).open(&path).unwrap().set_len(10).unwrap();
        })
        .await;
        let head = String::from_utf8_lossy(&all[..500]).to_ascii_lowercase();
        assert_eq!(head.contains("transfer-encoding: chunked"), is_coded, "{fields}: {head}");
        assert!(all.len() < LARGE, "{fields}: {} octets", all.len());
        assert!(!all.ends_with(b"\r\n0\r\n\r\n"), "{fields}: nothing says that this was all");
    }
}

/// What is compressed for somebody who has gone away is compressed no longer: its place is free again.
#[tokio::test]
async fn who_goes_away_leaves_nothing_behind() {
    let place = Place::new("gone");
    let mut noise = vec![0; LARGE];
    File::open("/dev/urandom").unwrap().read_exact(&mut noise).unwrap();
    place.write("large.txt", &noise);
    place.write("small.txt", &[b'x'; 5000]);
    let router = place.serve();
    let fields = "accept-encoding: gzip";
    let mut waiting = Vec::new();
    for _ in 0..32 {
        let mut stream = connect(&router, &request("GET /large.txt", fields)).await;
        stream.read_exact(&mut [0; 500]).await.unwrap();
        waiting.push(stream);
    }
    // All places are taken: who comes now gets the file as it is, if he can take that.
    let reply = ask(&router, "GET /small.txt", fields).await;
    assert_eq!((reply.status, reply.field("content-encoding")), (200, None));
    let reply = ask(&router, "GET /small.txt", "accept-encoding: gzip, identity;q=0").await;
    assert_eq!((reply.status, reply.field("retry-after")), (503, Some("1")));
    drop(waiting);
    let freed = async {
        while ask(&router, "GET /small.txt", fields).await.field("content-encoding").is_none() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(30), freed)
        .await
        .expect("places are freed");
}
