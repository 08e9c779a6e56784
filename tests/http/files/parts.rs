//! Parts of files (RFC 9110 14).

use std::fs::File;
use std::os::unix::fs::FileExt;

use super::client::{Reply, ask};
use super::place::{BEFORE, CHANGED, Place, changed};

#[tokio::test]
async fn one_part() {
    let place = Place::new("part");
    let router = place.serve();
    for (range, status, content_range, body) in [
        ("bytes=0-0", 206, Some("bytes 0-0/10"), "0"),
        ("bytes=2-4", 206, Some("bytes 2-4/10"), "234"),
        ("bytes=7-", 206, Some("bytes 7-9/10"), "789"),
        ("bytes=7-100", 206, Some("bytes 7-9/10"), "789"),
        ("bytes=-3", 206, Some("bytes 7-9/10"), "789"),
        ("bytes=-100", 206, Some("bytes 0-9/10"), "0123456789"),
        ("bytes=0-", 206, Some("bytes 0-9/10"), "0123456789"),
        ("BYTES=0-1", 206, Some("bytes 0-1/10"), "01"),
        ("bytes=0-1,2-3", 206, Some("bytes 0-3/10"), "0123"),
        ("bytes=20-,0-1", 206, Some("bytes 0-1/10"), "01"),
        (
            "bytes=10-",
            416,
            Some("bytes */10"),
            "/digits has 10 octets, none of them in the range that was asked for.\n",
        ),
        (
            "bytes=-0",
            416,
            Some("bytes */10"),
            "/digits has 10 octets, none of them in the range that was asked for.\n",
        ),
        ("bytes=4-2", 200, None, "0123456789"),
        ("bytes=x", 200, None, "0123456789"),
        ("bytes=", 200, None, "0123456789"),
        ("chapters=1-2", 200, None, "0123456789"),
        ("bytes=0-1\nrange: bytes=2-3", 200, None, "0123456789"),
    ] {
        let reply = ask(&router, "GET /digits", &format!("range: {range}")).await;
        assert_eq!((reply.status, reply.text().as_str()), (status, body), "{range}");
        assert_eq!(reply.field("content-range"), content_range, "{range}");
        if status == 206 {
            assert_eq!(reply.field("content-type"), Some("text/plain; charset=utf-8"));
            assert_eq!(reply.field("last-modified"), Some(CHANGED));
        }
    }
    let reply = ask(&router, "GET /empty.txt", "range: bytes=0-").await;
    assert_eq!((reply.status, reply.field("content-range")), (416, Some("bytes */0")));
    assert_eq!(ask(&router, "GET /empty.txt", "range: bytes=-1").await.status, 200);
}

/// RFC 9110 13.1.5: parts are put together with parts of the same state only.
#[tokio::test]
async fn a_part_of_what_was_there_before_is_not_sent() {
    let place = Place::new("if-range");
    let router = place.serve();
    let tag = ask(&router, "GET /digits", "").await.etag();
    for (condition, status) in [
        (tag.clone(), 206),
        (CHANGED.to_owned(), 206),
        ("\"stale\"".to_owned(), 200),
        (format!("W/{tag}"), 200),
        (BEFORE.to_owned(), 200),
        ("Thu, 01 Jan 2099 00:00:00 GMT".to_owned(), 200),
        ("nonsense".to_owned(), 200),
    ] {
        let fields = format!("range: bytes=5-\nif-range: {condition}");
        let reply = ask(&router, "GET /digits", &fields).await;
        let body = if status == 206 { "56789" } else { "0123456789" };
        assert_eq!((reply.status, reply.text().as_str()), (status, body), "{condition}");
    }
    // A stale condition, and a part that is not there any more: the whole, and not 416.
    let reply = ask(&router, "GET /digits", "range: bytes=50-\nif-range: \"stale\"").await;
    assert_eq!(reply.status, 200);
}

/// RFC 9110 8.8.1: what may have changed within the same moment has no strong validator.
#[tokio::test]
async fn of_a_young_file_nobody_resumes() {
    let place = Place::new("young");
    let router = place.serve();
    std::fs::write(place.root().join("young"), "0123456789").unwrap();
    let reply = ask(&router, "GET /young", "").await;
    let tag = reply.etag();
    assert!(tag.starts_with("W/\""), "{tag}");
    for condition in [tag.as_str(), reply.field("last-modified").unwrap()] {
        let fields = format!("range: bytes=5-\nif-range: {condition}");
        assert_eq!(ask(&router, "GET /young", &fields).await.status, 200, "{condition}");
    }
    assert_eq!(ask(&router, "GET /young", &format!("if-none-match: {tag}")).await.status, 304);
    place.date("young", changed());
    assert!(ask(&router, "GET /young", "").await.etag().starts_with('"'));
}

/// The parts of a multipart/byteranges body: where each lies, and what it holds.
fn parts(reply: &Reply) -> Vec<(String, String, Vec<u8>)> {
    let kind = reply.field("content-type").unwrap();
    let boundary = kind.strip_prefix("multipart/byteranges; boundary=").expect(kind);
    let delimiter = format!("\r\n--{boundary}");
    let mut body = [b"\r\n".as_slice(), &reply.body].concat();
    let mut found = Vec::new();
    let position = |text: &[u8], what: &[u8]| text.windows(what.len()).position(|at| at == what);
    loop {
        assert!(body.starts_with(delimiter.as_bytes()), "{body:?}");
        body.drain(..delimiter.len());
        if body == b"--\r\n" {
            return found;
        }
        let end = position(&body, b"\r\n\r\n").unwrap();
        let head = String::from_utf8(body[..end].to_vec()).unwrap();
        let field = |name: &str| {
            let mut lines = head.lines().filter_map(|line| line.split_once(": "));
            lines.find(|line| line.0 == name).expect(&head).1.to_owned()
        };
        body.drain(..end + 4);
        let len = position(&body, delimiter.as_bytes()).expect("another delimiter");
        let data = body.drain(..len).collect();
        found.push((field("content-range"), field("content-type"), data));
    }
}

/// RFC 9110 14.6, 15.3.7.2, RFC 2046 5.1.
#[tokio::test]
async fn several_parts() {
    let place = Place::new("parts");
    let content: Vec<u8> = (0..=255).cycle().take(300_000).collect();
    place.write("large.png", &content);
    let router = place.serve();
    let reply =
        ask(&router, "GET /large.png", "range: bytes=200000-299999, 0-9,-1000,1000-150999").await;
    assert_eq!((reply.status, reply.field("content-range")), (206, None));
    let expected = [(200_000..300_000), (0..10), (1000..151_000)].map(|part| {
        let range = format!("bytes {}-{}/300000", part.start, part.end - 1);
        (range, "image/png".to_owned(), content[part].to_vec())
    });
    assert!(
        parts(&reply) == expected,
        "{:?}",
        parts(&reply).iter().map(|part| &part.0).collect::<Vec<_>>()
    );

    // All of it, again and again, is sent once.
    let reply =
        ask(&router, "GET /large.png", &format!("range: bytes={}", ["0-"; 60].join(","))).await;
    assert_eq!((reply.status, reply.field("content-range")), (206, Some("bytes 0-299999/300000")));
    // And a thousand crumbs are not worth the trouble.
    let crumbs: Vec<_> = (0..1000).map(|nth| format!("{0}-{0}", nth * 300)).collect();
    let reply = ask(&router, "GET /large.png", &format!("range: bytes={}", crumbs.join(","))).await;
    assert_eq!((reply.status, reply.body.len()), (200, 300_000));
}

#[tokio::test]
async fn beyond_four_gibibytes() {
    const FAR: u64 = (1 << 32) + 12_345;
    let place = Place::new("far");
    let file = File::create(place.root().join("far.bin")).unwrap();
    file.set_len(FAR + 100).unwrap();
    file.write_all_at(b"here", FAR).unwrap();
    let router = place.serve();
    let len = (FAR + 100).to_string();
    let head = ask(&router, "HEAD /far.bin", "").await;
    assert_eq!(head.field("content-length"), Some(len.as_str()));
    for range in [format!("{FAR}-{}", FAR + 3), format!("{FAR}-{}", FAR + 3)] {
        let reply = ask(&router, "GET /far.bin", &format!("range: bytes={range}")).await;
        let place = format!("bytes {FAR}-{}/{len}", FAR + 3);
        assert_eq!((reply.status, reply.text().as_str()), (206, "here"));
        assert_eq!(reply.field("content-range"), Some(place.as_str()));
    }
    let reply = ask(&router, "GET /far.bin", "range: bytes=-100").await;
    assert!(reply.body.starts_with(b"here\0") && reply.body.len() == 100, "{reply:?}");
}
