//! Files compressed: on their way, and as they lie ready (RFC 9110 8.4, 12.5.3).

use std::io::Read;
use std::time::Duration;

use glasstack::http::files::Options;

use super::client::{Reply, ask, exchange};
use super::place::{Place, changed};

/// Text that takes more than one chunk even when it is compressed.
fn text() -> Vec<u8> {
    let mut state = 1_u32;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        state >> 8
    };
    (0..80_000).flat_map(|_| format!("{} ", next()).into_bytes()).collect()
}

fn decoded(reply: &Reply) -> Vec<u8> {
    let mut whole = Vec::new();
    match reply.field("content-encoding") {
        None => whole.clone_from(&reply.body),
        Some("gzip") => {
            flate2::read::GzDecoder::new(&*reply.body).read_to_end(&mut whole).map(drop).unwrap();
        }
        Some("br") => {
            brotli::Decompressor::new(&*reply.body, 4096)
                .read_to_end(&mut whole)
                .map(drop)
                .unwrap();
        }
        Some("zstd") => whole = zstd::decode_all(&*reply.body).unwrap(),
        Some(other) => panic!("nobody asked for {other}"),
    }
    whole
}

async fn coding(router: &axum::Router, path: &str, accept: &str) -> (u16, String) {
    let reply = ask(router, &format!("GET {path}"), &format!("accept-encoding: {accept}")).await;
    let coding = reply.field("content-encoding").unwrap_or("none").to_owned();
    (reply.status, coding)
}

#[tokio::test]
async fn on_their_way() {
    let place = Place::new("made");
    let text = text();
    place.write("text.txt", &text);
    let router = place.serve();
    let whole = ask(&router, "GET /text.txt", "").await;
    let mut tags = vec![whole.etag()];
    for coding in ["gzip", "br", "zstd"] {
        let fields = format!("accept-encoding: {coding}");
        let reply = ask(&router, "GET /text.txt", &fields).await;
        assert_eq!(reply.field("content-encoding"), Some(coding));
        assert_eq!(reply.field("content-type"), Some("text/plain; charset=utf-8"));
        assert_eq!(reply.field("vary"), Some("accept-encoding"));
        assert_eq!(reply.field("accept-ranges"), None);
        assert!(reply.body.len() < text.len() * 3 / 4, "{coding}: {} octets", reply.body.len());
        assert!(decoded(&reply) == text, "{coding} is not what was sent");
        // Each form has a tag of its own (RFC 9110 8.8.3.3), and can be asked about.
        assert!(!tags.contains(&reply.etag()), "{tags:?}");
        let fields = format!("{fields}\nif-none-match: {}", reply.etag());
        assert_eq!(ask(&router, "GET /text.txt", &fields).await.status, 304);
        assert_eq!(
            ask(&router, "GET /text.txt", &fields.replace(coding, "identity")).await.status,
            200
        );
        tags.push(reply.etag());
        let head = ask(&router, "HEAD /text.txt", &format!("accept-encoding: {coding}")).await;
        assert_eq!(head.field("content-encoding"), Some(coding));
        assert_eq!(head.field("content-length"), None, "it is not known yet");
    }
}

#[tokio::test]
async fn what_is_negotiated() {
    let place = Place::new("negotiated");
    place.write("text.txt", &[b'x'; 5000]);
    place.write("picture.png", &[b'x'; 5000]);
    let router = place.serve();
    for (path, accept, status, expected) in [
        ("/text.txt", "", 200, "none"),
        ("/text.txt", "identity", 200, "none"),
        ("/text.txt", "gzip, deflate, br, zstd", 200, "zstd"),
        ("/text.txt", "gzip, deflate, br", 200, "br"),
        ("/text.txt", "br;q=0.1, gzip;q=0.2", 200, "gzip"),
        ("/text.txt", "gzip;q=0", 200, "none"),
        ("/text.txt", "*", 200, "zstd"),
        ("/text.txt", "identity, gzip;q=0.9", 200, "none"),
        ("/text.txt", "identity;q=0, gzip", 200, "gzip"),
        ("/text.txt", "identity;q=0", 406, "none"),
        ("/text.txt", "*;q=0", 406, "none"),
        ("/picture.png", "gzip, br, zstd", 200, "none"),
        ("/picture.png", "gzip, *;q=0", 200, "gzip"),
        ("/digits", "gzip", 200, "none"),
        ("/digits", "gzip, identity;q=0", 200, "gzip"),
        ("/empty.txt", "gzip, identity;q=0", 200, "gzip"),
    ] {
        assert_eq!(
            coding(&router, path, accept).await,
            (status, expected.to_owned()),
            "{path} {accept}"
        );
    }
    // A short one is made before its head leaves, so its length is known.
    let reply = ask(&router, "GET /text.txt", "accept-encoding: gzip").await;
    assert!(
        reply.field("content-length").is_some() && decoded(&reply) == [b'x'; 5000],
        "{reply:?}"
    );
    // Parts are parts of the file.
    let reply = ask(&router, "GET /text.txt", "accept-encoding: gzip\nrange: bytes=0-9").await;
    assert_eq!((reply.status, reply.field("content-encoding")), (206, None));
    // Who cannot be told where a body ends gets one whose length is known.
    let old = "GET /text.txt HTTP/1.0\r\naccept-encoding: gzip\r\n\r\n";
    assert_eq!(exchange(&router, old).await.field("content-encoding"), None);

    let plain = place.serve_with(Options { compression: false, ..Options::default() });
    assert_eq!(coding(&plain, "/text.txt", "gzip").await, (200, "none".to_owned()));
    assert_eq!(ask(&plain, "GET /text.txt", "").await.field("vary"), None);
}

#[tokio::test]
async fn as_they_lie_ready() {
    let place = Place::new("stored");
    place.write("a.css", &[b'x'; 5000]);
    place.write("a.css.br", b"br");
    place.write("a.css.gz", b"gzip");
    place.write("a.css.zst", b"zstd");
    let router = place.serve();
    for (accept, expected) in [
        ("gzip, br, zstd", "br"),
        ("gzip, zstd", "zstd"),
        ("gzip", "gzip"),
        ("gzip;q=1, br;q=0.5", "gzip"),
    ] {
        let reply = ask(&router, "GET /a.css", &format!("accept-encoding: {accept}")).await;
        assert_eq!(reply.field("content-encoding"), Some(expected), "{accept}");
        assert_eq!((reply.status, reply.text().as_str()), (200, expected));
        assert_eq!(reply.field("content-type"), Some("text/css; charset=utf-8"));
        assert!(reply.etag().starts_with('"'), "its octets are always the same");
        assert_eq!(reply.field("accept-ranges"), Some("bytes"));
    }
    // By its own name it is a file like any other.
    let reply = ask(&router, "GET /a.css.gz", "accept-encoding: gzip").await;
    assert_eq!((reply.field("content-encoding"), reply.text().as_str()), (None, "gzip"));
    assert_eq!(reply.field("content-type"), Some("application/gzip"));
    // Of what the file was before, nothing is sent.
    place.date("a.css", changed() + Duration::from_secs(1));
    let reply = ask(&router, "GET /a.css", "accept-encoding: gzip").await;
    assert_eq!(decoded(&reply), [b'x'; 5000]);

    let plain = place.serve_with(Options { compression: false, ..Options::default() });
    place.date("a.css", changed());
    assert_eq!(coding(&plain, "/a.css", "br").await, (200, "none".to_owned()));
}
