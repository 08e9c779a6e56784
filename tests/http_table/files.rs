//! What files are answered with: `glass serve DIR`. In requests and answers ETAG stands for the tag of `digits`.

use std::fs::{self, File};
use std::os::unix::fs::symlink;
use std::path::Path;
use std::time::{Duration, UNIX_EPOCH};

use super::row::{ByHand, Curl, HTML, Row, Section, Server, TEXT, row};

/// When the files were changed, and how HTTP writes that.
const CHANGED: &str = "Sun, 09 Sep 2001 01:46:40 GMT";

/// Makes the files in `dir`, and one beside it that nobody shall see.
pub fn make(dir: &Path) {
    let long = "all work and no play\n".repeat(200);
    for (name, content) in [
        ("index.html", "<p>front\n"),
        ("digits", "0123456789"),
        ("style.css", "p { color: red }\n"),
        ("empty.txt", ""),
        ("long.txt", &long),
        ("ready.txt", "as it is\n"),
        ("ready.txt.gz", "ready\n"),
        ("deep/index.html", "<p>deep\n"),
        ("list/notes.txt", "notes\n"),
        ("with space.txt", "space\n"),
        (".hidden/file", "hidden\n"),
        (".well-known/security.txt", "contact\n"),
        ("../secret", "nobody shall see this\n"),
    ] {
        let path = dir.join(name);
        fs::create_dir_all(path.parent().expect("it is in dir")).expect("a directory");
        fs::write(&path, content).expect("a file");
        let file = File::options().write(true).open(&path).expect("a file");
        file.set_modified(UNIX_EPOCH + Duration::from_secs(1_000_000_000)).expect("a time");
    }
    symlink("digits", dir.join("link")).expect("a link");
    symlink("../secret", dir.join("out")).expect("a link");
}

pub fn sections() -> Vec<Section> {
    let section = |title, rows| Section { title, server: Server::Files, rows };
    let mut sections = vec![
        section("Files and directories", files()),
        section("Files that are asked for under conditions", conditions()),
        section("Parts of files", parts()),
        section("Compression", codings()),
    ];
    for row in sections.iter_mut().flat_map(|section| &mut section.rows) {
        row.by_hand = ByHand::Nothing;
    }
    sections
}

/// Of `path`, with these lines in the head.
fn get(what: &'static str, path: &str, fields: &str) -> Row {
    row(what, &format!("GET {path} HTTP/1.1\nHost: x\n{fields}\n"))
}

/// A row about the file `name` says how it may be kept.
fn kept(row: Row) -> Row {
    row.field("cache-control", "no-cache")
        .field("etag", "*")
        .field("last-modified", CHANGED)
        .field("vary", "accept-encoding")
}

fn whole(row: Row, kind: (&'static str, &'static str), body: &'static str) -> Row {
    kept(row.says(200)).field(kind.0, kind.1).field("accept-ranges", "bytes").body(body)
}

fn refused(row: Row, status: u16, words: &'static str) -> Row {
    row.text(status, words).field("vary", "accept").field("x-content-type-options", "nosniff")
}

fn files() -> Vec<Row> {
    const ALLOW: (&str, &str) = ("allow", "GET, HEAD, OPTIONS");
    let not_allowed = |row| refused(row, 405, "").field(ALLOW.0, ALLOW.1);
    let head = row("its head alone", "HEAD /digits HTTP/1.1\nHost: x\n\n").says(200);
    vec![
        whole(get("a file", "/digits", ""), TEXT, "0123456789"),
        kept(head)
            .field(TEXT.0, TEXT.1)
            .field("accept-ranges", "bytes")
            .field("content-length", "10"),
        whole(get("an empty one", "/empty.txt", ""), TEXT, ""),
        whole(get("the index of a directory", "/", ""), HTML, "<p>front\n"),
        whole(
            get("media types go by name", "/style.css", ""),
            ("content-type", "text/css; charset=utf-8"),
            "p { color: red }\n",
        ),
        whole(get("names in other words", "/%64igits?query", ""), TEXT, "0123456789"),
        whole(get("blanks in a name", "/with%20space.txt", ""), TEXT, "space\n"),
        whole(get("up and down", "/list/.././digits", ""), TEXT, "0123456789"),
        whole(get("a link to what is there", "/link", ""), TEXT, "0123456789"),
        refused(get("and one that leads outside", "/out", ""), 403, "leads out of the directory"),
        refused(get("above the root", "/../secret", ""), 400, ""),
        refused(get("the same in other words", "/%2e%2e/secret", ""), 400, ""),
        refused(get("a slash that is none", "/list%2Fnotes.txt", ""), 400, ""),
        refused(get("NUL in a name", "/digits%00.txt", ""), 400, ""),
        refused(get("a broken escape", "/%", ""), 400, ""),
        refused(get("what is not there", "/none", ""), 404, "There is no file at /none.\n"),
        refused(get("a name that begins with a dot", "/.hidden/file", ""), 404, ""),
        whole(get("but for those of RFC 8615", "/.well-known/security.txt", ""), TEXT, "contact\n"),
        get("a directory without its slash", "/deep?a=b", "")
            .says(301)
            .field("location", "/deep/?a=b")
            .field(TEXT.0, TEXT.1)
            .field("vary", "accept")
            .field("x-content-type-options", "nosniff")
            .has("it is at /deep/")
            .field("cache-control", "no-cache"),
        get("a list for a terminal", "/list/", "")
            .text(200, "notes.txt")
            .field("cache-control", "no-cache")
            .field("vary", "accept")
            .field("x-content-type-options", "nosniff"),
        get("a list for a browser", "/list/", "Accept: text/html\n")
            .says(200)
            .field(HTML.0, HTML.1)
            .field("cache-control", "no-cache")
            .field("vary", "accept")
            .field("x-content-type-options", "nosniff")
            .has("notes.txt</a>"),
        row("what there is to do", "OPTIONS /digits HTTP/1.1\nHost: x\n\n")
            .says(204)
            .field(ALLOW.0, ALLOW.1),
        not_allowed(row("and what not", "DELETE /digits HTTP/1.1\nHost: x\n\n")),
        not_allowed(row(
            "files are not written",
            "PUT /new HTTP/1.1\nHost: x\nContent-Length: 1\n\nx",
        )),
        whole(row("HTTP/1.0", "GET /digits HTTP/1.0\n\n"), TEXT, "0123456789")
            .ends()
            .curl(Curl::Http1),
    ]
}

fn conditions() -> Vec<Row> {
    let asked = |what, fields: &str| get(what, "/digits", fields);
    let same = |row: Row| kept(row.says(304));
    let changed = |row| whole(row, TEXT, "0123456789");
    let failed = |row| refused(row, 412, "");
    vec![
        same(asked("the tag that is known", "If-None-Match: ETAG\n")),
        same(asked("among others", "If-None-Match: \"x\", ETAG\n")),
        same(asked("weak, which does here", "If-None-Match: W/ETAG\n")),
        same(asked("any", "If-None-Match: *\n")),
        changed(asked("another tag", "If-None-Match: \"x\"\n")),
        same(asked("not changed since", "If-Modified-Since: Sun, 09 Sep 2001 01:46:40 GMT\n")),
        changed(asked("changed since", "If-Modified-Since: Sun, 09 Sep 2001 01:46:39 GMT\n")),
        changed(asked("a date that is none", "If-Modified-Since: yesterday\n")),
        changed(asked(
            "the tag counts, and not the date",
            "If-None-Match: \"x\"\nIf-Modified-Since: Sun, 09 Sep 2001 01:46:40 GMT\n",
        )),
        changed(asked("only this", "If-Match: ETAG\n")),
        failed(asked("only another", "If-Match: \"x\"\n")),
        failed(asked("weak, which does not do here", "If-Match: W/ETAG\n")),
        failed(asked("only if as old", "If-Unmodified-Since: Sun, 09 Sep 2001 01:46:39 GMT\n")),
    ]
}

fn parts() -> Vec<Row> {
    let asked = |what, fields: &str| get(what, "/digits", fields);
    let part = |row: Row, range, body| {
        let row = kept(row.says(206)).field(TEXT.0, TEXT.1).field("accept-ranges", "bytes");
        row.field("content-range", range).body(body)
    };
    let all = |row| whole(row, TEXT, "0123456789");
    let none = |row| refused(row, 416, "").field("content-range", "bytes */10");
    let several = get("several", "/long.txt", "Range: bytes=0-7,4188-\n");
    let several = kept(several.says(206))
        .field("accept-ranges", "bytes")
        .field("content-type", "multipart/byteranges; boundary=*");
    vec![
        part(asked("from here to there", "Range: bytes=2-4\n"), "bytes 2-4/10", "234"),
        part(asked("from here", "Range: bytes=7-\n"), "bytes 7-9/10", "789"),
        part(asked("the last ones", "Range: bytes=-3\n"), "bytes 7-9/10", "789"),
        part(asked("beyond the end", "Range: bytes=8-100\n"), "bytes 8-9/10", "89"),
        part(asked("all of it", "Range: bytes=0-\n"), "bytes 0-9/10", "0123456789"),
        none(asked("behind the end", "Range: bytes=10-\n")),
        none(asked("the last none", "Range: bytes=-0\n")),
        all(asked("no part", "Range: bytes=x\n")),
        all(asked("backwards", "Range: bytes=4-2\n")),
        all(asked("not in octets", "Range: lines=1-2\n")),
        several.has("content-range: bytes 4188-4199/4200\r\n\r\nand no play\n\r\n--"),
        part(
            asked("if it is still that", "Range: bytes=2-4\nIf-Range: ETAG\n"),
            "bytes 2-4/10",
            "234",
        ),
        all(asked("and else the whole", "Range: bytes=2-4\nIf-Range: \"x\"\n")),
        all(asked("by date", "Range: bytes=2-4\nIf-Range: Sun, 09 Sep 2001 01:46:41 GMT\n")),
        kept(
            row("HEAD has no parts", "HEAD /digits HTTP/1.1\nHost: x\nRange: bytes=2-4\n\n")
                .says(200),
        )
        .field(TEXT.0, TEXT.1)
        .field("accept-ranges", "bytes")
        .field("content-length", "10"),
    ]
}

fn codings() -> Vec<Row> {
    let asked =
        |what, accept: &str| get(what, "/long.txt", &format!("Accept-Encoding: {accept}\n"));
    let coded = |row: Row, coding| {
        let row = kept(row.says(200)).field(TEXT.0, TEXT.1).field("content-encoding", coding);
        row.has("")
    };
    vec![
        coded(asked("as the client would have it", "gzip"), "gzip"),
        coded(asked("brotli", "br"), "br"),
        coded(asked("zstd", "zstd, gzip;q=0.5"), "zstd"),
        whole(asked("a coding that is not known", "compress"), TEXT, "").has("all work"),
        whole(
            get("little is left as it is", "/digits", "Accept-Encoding: gzip\n"),
            TEXT,
            "0123456789",
        ),
        refused(get("none that would do", "/digits", "Accept-Encoding: identity;q=0\n"), 406, ""),
        kept(get("what is compressed already", "/ready.txt", "Accept-Encoding: gzip\n").says(200))
            .field(TEXT.0, TEXT.1)
            .field("content-encoding", "gzip")
            .field("accept-ranges", "bytes")
            .body("ready\n"),
    ]
}
