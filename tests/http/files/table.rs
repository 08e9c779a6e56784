//! One request, one response: a table (RFC 9110).

use glasstack::http::files::Options;
use http::HeaderValue;

use super::client::{Reply, ask, exchange};
use super::place::{BEFORE, CHANGED, LATER, Place};

/// What a row expects: the status, fields (of which `-NAME` must be absent), and the body if that matters.
type Row<'a> = (&'a str, &'a str, u16, &'a [(&'a str, &'a str)], Option<&'a str>);

fn check(reply: &Reply, (line, fields, status, expected, body): &Row<'_>) {
    let row = format!("{line} with {fields:?}: {reply:?}");
    assert_eq!(reply.status, *status, "{row}");
    for (name, value) in *expected {
        match name.strip_prefix('-') {
            Some(absent) => assert_eq!(reply.field(absent), None, "{row}"),
            None => assert_eq!(reply.field(name), Some(*value), "{name} of {row}"),
        }
    }
    if let Some(body) = body {
        assert_eq!(reply.text(), *body, "{row}");
    }
}

async fn check_all(place: &Place, rows: &[Row<'_>]) {
    let router = place.serve();
    for row in rows {
        check(&ask(&router, row.0, row.1).await, row);
    }
}

#[tokio::test]
async fn files_and_directories() {
    let html = ("content-type", "text/html; charset=utf-8");
    let text = ("content-type", "text/plain; charset=utf-8");
    let rows: &[Row<'_>] = &[
        ("GET /", "", 200, &[html, ("content-length", "9")], Some("<p>front\n")),
        ("GET /index.html", "", 200, &[html], Some("<p>front\n")),
        ("GET /?query=1", "", 200, &[html], Some("<p>front\n")),
        ("GET http://x/digits", "", 200, &[], Some("0123456789")),
        ("GET /deep/", "", 200, &[html], Some("<p>deep\n")),
        ("GET /deep", "", 301, &[("location", "/deep/"), ("cache-control", "no-cache")], None),
        ("GET /deep?a=b&c", "", 301, &[("location", "/deep/?a=b&c")], None),
        ("GET //deep", "", 301, &[("location", "/deep/")], None),
        ("GET /list/notes.txt", "", 200, &[text, ("accept-ranges", "bytes")], Some("notes\n")),
        ("GET /digits", "", 200, &[text, ("content-length", "10")], Some("0123456789")),
        ("GET /hundred.bin", "", 200, &[("content-type", "application/octet-stream")], None),
        ("GET /empty.txt", "", 200, &[text, ("content-length", "0")], Some("")),
        ("GET /with%20space%20&%20more%3F.txt", "", 200, &[text], Some("space\n")),
        ("GET /%64igits", "", 200, &[], Some("0123456789")),
        ("GET /list/../digits", "", 200, &[], Some("0123456789")),
        ("GET /./digits", "", 200, &[], Some("0123456789")),
        ("GET ///digits", "", 200, &[], Some("0123456789")),
        ("GET /link", "", 200, &[], Some("0123456789")),
        ("GET /absolute", "", 200, &[], Some("0123456789")),
        ("GET /.well-known/security.txt", "", 200, &[], Some("contact\n")),
        ("GET /none", "", 404, &[text, ("vary", "accept")], Some("There is no file at /none.\n")),
        ("GET /digits/", "", 404, &[], None),
        ("GET /digits/below", "", 404, &[], None),
        ("GET /.hidden/file", "", 404, &[], Some("There is no file at /.hidden/file.\n")),
        ("GET /%2ehidden/file", "", 404, &[], None),
        ("GET /DIGITS", "", 404, &[], None),
        ("GET /%", "", 400, &[], None),
        ("GET /digits%00.txt", "", 400, &[], None),
        ("GET /list%2Fnotes.txt", "", 400, &[], None),
        ("GET /none", "accept: text/html", 404, &[html], None),
        ("POST /digits", "content-length: 0", 405, &[("allow", "GET, HEAD, OPTIONS")], None),
        ("PUT /none", "content-length: 0", 405, &[("allow", "GET, HEAD, OPTIONS")], None),
        ("DELETE /digits", "", 405, &[("allow", "GET, HEAD, OPTIONS")], None),
        ("BREW /digits", "", 405, &[("allow", "GET, HEAD, OPTIONS")], None),
        ("OPTIONS /digits", "", 204, &[("allow", "GET, HEAD, OPTIONS")], Some("")),
        ("OPTIONS *", "", 204, &[("allow", "GET, HEAD, OPTIONS")], Some("")),
        (
            "GET /digits",
            "",
            200,
            &[("last-modified", CHANGED), ("cache-control", "no-cache")],
            None,
        ),
        ("GET /digits", "", 200, &[("vary", "accept-encoding"), ("-content-encoding", "")], None),
    ];
    check_all(&Place::new("table"), rows).await;
}

#[tokio::test]
async fn long_names_are_nobodys() {
    let place = Place::new("long");
    let router = place.serve();
    for len in [255, 256, 5000] {
        assert_eq!(ask(&router, &format!("GET /{}", "x".repeat(len)), "").await.status, 404);
    }
    let deep = "/x".repeat(3000);
    assert_eq!(ask(&router, &format!("GET {deep}"), "").await.status, 404);
}

/// RFC 9110 9.3.2, 14.2: all but the body, and ranges are for GET only.
#[tokio::test]
async fn head_says_what_get_says() {
    let place = Place::new("head");
    let router = place.serve();
    for path in ["/", "/deep", "/digits", "/empty.txt", "/list/", "/none", "/%", "/out"] {
        let get = ask(&router, &format!("GET {path}"), "").await;
        let head = ask(&router, &format!("HEAD {path}"), "").await;
        assert_eq!(head.status, get.status, "{path}");
        // How long a listing becomes is found out by making it.
        let len = get.field("content-length").filter(|_| path != "/list/");
        assert_eq!(head.field("content-length"), len, "the length of {path}");
        for name in ["content-type", "etag", "last-modified", "location", "vary", "accept-ranges"] {
            assert_eq!(head.field(name), get.field(name), "{name} of {path}");
        }
    }
    let head = ask(&router, "HEAD /digits", "range: bytes=0-1").await;
    assert_eq!((head.status, head.field("content-length")), (200, Some("10")));
}

/// RFC 9110 13.1, 13.2.2.
#[tokio::test]
async fn conditions() {
    let place = Place::new("conditions");
    let router = place.serve();
    let tag = ask(&router, "GET /digits", "").await.etag();
    assert!(tag.starts_with('"') && tag.ends_with('"'), "strong: {tag}");
    for (fields, status) in [
        (format!("if-none-match: {tag}"), 304),
        (format!("if-none-match: W/{tag}"), 304),
        (format!("if-none-match: \"x\", {tag}"), 304),
        (format!("if-none-match: \"x\"\nif-none-match: {tag}"), 304),
        ("if-none-match: *".to_owned(), 304),
        ("if-none-match: \"x\"".to_owned(), 200),
        (format!("if-none-match: {}", tag.trim_matches('"')), 200),
        (format!("if-modified-since: {CHANGED}"), 304),
        (format!("if-modified-since: {LATER}"), 304),
        ("if-modified-since: Sunday, 09-Sep-01 01:46:40 GMT".to_owned(), 304),
        ("if-modified-since: Sun Sep  9 01:46:40 2001".to_owned(), 304),
        (format!("if-modified-since: {BEFORE}"), 200),
        ("if-modified-since: yesterday".to_owned(), 200),
        (format!("if-none-match: \"x\"\nif-modified-since: {CHANGED}"), 200),
        (format!("if-match: {tag}"), 200),
        ("if-match: *".to_owned(), 200),
        ("if-match: \"x\"".to_owned(), 412),
        (format!("if-match: W/{tag}"), 412),
        (format!("if-unmodified-since: {CHANGED}"), 200),
        (format!("if-unmodified-since: {BEFORE}"), 412),
        (format!("if-match: {tag}\nif-unmodified-since: {BEFORE}"), 200),
        (format!("if-match: \"x\"\nif-none-match: {tag}"), 412),
        (format!("if-match: {tag}\nif-none-match: {tag}"), 304),
        (format!("if-none-match: {tag}\nrange: bytes=50-"), 304),
        ("if-match: \"x\"\nrange: bytes=0-1".to_owned(), 412),
    ] {
        for method in ["GET", "HEAD"] {
            let reply = ask(&router, &format!("{method} /digits"), &fields).await;
            assert_eq!(reply.status, status, "{method} {fields}");
            if status == 304 {
                // RFC 9110 15.4.5: what the 200 would have said.
                assert_eq!(reply.etag(), tag);
                for (name, value) in [("cache-control", "no-cache"), ("vary", "accept-encoding")] {
                    assert_eq!(reply.field(name), Some(value), "{name}");
                }
                assert_eq!(reply.field("content-type"), None);
            }
        }
    }
    // What is not there, or elsewhere, is so under any condition (RFC 9110 13.2.1).
    assert_eq!(ask(&router, "GET /none", "if-match: \"x\"").await.status, 404);
    assert_eq!(ask(&router, "GET /deep", "if-none-match: *").await.status, 301);
    assert_eq!(ask(&router, "GET /list/", "if-match: \"x\"").await.status, 412);
}

#[tokio::test]
async fn a_change_changes_the_tag() {
    let place = Place::new("change");
    let router = place.serve();
    let before = ask(&router, "GET /digits", "").await;
    place.write("digits", b"9876543210");
    place.date("digits", super::place::changed() + std::time::Duration::from_nanos(1));
    let after = ask(&router, "GET /digits", &format!("if-none-match: {}", before.etag())).await;
    assert_eq!((after.status, after.text().as_str()), (200, "9876543210"));
    assert_ne!(after.etag(), before.etag());
    assert_eq!(after.field("last-modified"), before.field("last-modified"));
}

/// RFC 9111 5.2.2.4: kept, and asked about each time; unless it was said otherwise.
#[tokio::test]
async fn caches_are_told_what_was_said() {
    let place = Place::new("caches");
    for (value, expected) in
        [(Some(HeaderValue::from_static("max-age=60")), Some("max-age=60")), (None, None)]
    {
        let router = place.serve_with(Options { cache_control: value, ..Options::default() });
        assert_eq!(ask(&router, "GET /digits", "").await.field("cache-control"), expected);
        assert_eq!(ask(&router, "GET /none", "").await.field("cache-control"), None);
        assert_eq!(ask(&router, "GET /list/", "").await.field("cache-control"), Some("no-cache"));
    }
}

#[tokio::test]
async fn a_date_that_http_cannot_write_is_left_out() {
    let place = Place::new("dates");
    let router = place.serve();
    let long_ago = std::time::UNIX_EPOCH - std::time::Duration::from_secs(10);
    place.date("digits", long_ago);
    let reply = ask(&router, "GET /digits", "").await;
    assert_eq!((reply.status, reply.field("last-modified")), (200, None));
    // Nothing was changed later than it is told (RFC 9110 8.8.2.1).
    let far = std::time::UNIX_EPOCH + std::time::Duration::from_hours(2_500_000);
    place.date("digits", far);
    let reply = ask(&router, "GET /digits", "").await;
    let told = httpdate::parse_http_date(reply.field("last-modified").unwrap()).unwrap();
    let date = httpdate::parse_http_date(reply.field("date").unwrap()).unwrap();
    assert!(told <= date + std::time::Duration::from_secs(1), "{reply:?}");
    assert!(reply.etag().starts_with("W/"), "{reply:?}");
}

#[tokio::test]
async fn http_1_0_gets_files_too() {
    let place = Place::new("http-1-0");
    let router = place.serve();
    let reply = exchange(&router, "GET /digits HTTP/1.0\r\n\r\n").await;
    assert_eq!((reply.status, reply.text().as_str()), (200, "0123456789"));
}
