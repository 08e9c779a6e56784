//! Directories without an index, and pages for people.

use std::fs;

use glasstack::http::files::Options;

use super::client::ask;
use super::place::Place;

#[tokio::test]
async fn a_directory_is_listed_for_whoever_asks() {
    let place = Place::new("list");
    fs::remove_file(place.root().join("index.html")).unwrap();
    place.write("a<b>&.txt", b"x");
    let router = place.serve();
    let reply = ask(&router, "GET /", "accept: text/html,*/*;q=0.8").await;
    assert_eq!((reply.status, reply.field("vary")), (200, Some("accept")));
    assert_eq!(reply.field("content-type"), Some("text/html; charset=utf-8"));
    let html = reply.text();
    for part in [
        "<title>Index of /</title>",
        "<a href=\"./deep/\">deep/</a>",
        "<a href=\"./digits\">digits</a>",
        "<a href=\"./link\">link</a>",
        "<a href=\"./a%3Cb%3E%26.txt\">a&lt;b&gt;&amp;.txt</a>",
        "2001-09-09 01:46",
        "10 octets",
    ] {
        assert!(html.contains(part), "{part} in {html}");
    }
    // Neither what is hidden nor what could not be had.
    for part in ["hidden", "well-known", "out", "../"] {
        assert!(!html.contains(part), "{part} in {html}");
    }
    let reply = ask(&router, "GET /", "").await;
    assert_eq!(reply.field("content-type"), Some("text/plain; charset=utf-8"));
    let text = reply.text();
    let names: Vec<_> = text.lines().map(|line| &line[34..]).collect();
    assert_eq!(
        names,
        [
            "deep/",
            "list/",
            "a<b>&.txt",
            "absolute",
            "digits",
            "empty.txt",
            "hundred.bin",
            "link",
            "with space & more?.txt"
        ]
    );
    assert!(text.contains("2001-09-09 01:46              10  digits\n"), "{text}");
    let reply = ask(&router, "GET /list/", "accept: text/html").await;
    assert!(reply.text().contains("<a href=\"../\">"), "{}", reply.text());
}

/// Whatever they are: each costs the same.
#[tokio::test]
async fn of_very_many_entries_some_are_listed() {
    let place = Place::new("very-many");
    let dir = place.root().join("links");
    fs::create_dir(&dir).unwrap();
    for n in 0..10_100 {
        std::os::unix::fs::symlink("../digits", dir.join(n.to_string())).unwrap();
    }
    let text = ask(&place.serve(), "GET /links/", "").await.text();
    assert!(text.ends_with("There is more: 10000 are shown.\n"), "{}", text.lines().count());
}

#[tokio::test]
async fn as_it_was_said() {
    let place = Place::new("options");
    let router = place.serve_with(Options { listing: false, ..Options::default() });
    let reply = ask(&router, "GET /list/", "").await;
    assert_eq!(reply.status, 403);
    assert!(reply.text().contains("directories are not listed here"), "{}", reply.text());
    assert_eq!(ask(&router, "GET /deep/", "").await.status, 200);

    let router = place.serve_with(Options { dotfiles: true, ..Options::default() });
    assert_eq!(ask(&router, "GET /.hidden/file", "").await.text(), "hidden\n");
    assert!(ask(&router, "GET /.hidden/", "").await.text().contains("file"));
}

#[tokio::test]
async fn browsers_are_told_in_html_and_nothing_of_theirs_becomes_part_of_it() {
    let place = Place::new("pages");
    let router = place.serve();
    for (line, status) in [
        ("GET /%3Cscript%3E", 404),
        ("GET /%3Cscript%3E%", 400),
        ("GET /out", 403),
        ("POST /%3Cscript%3E", 405),
    ] {
        let reply = ask(&router, line, "accept: text/html").await;
        assert_eq!(reply.status, status, "{line}");
        assert_eq!(reply.field("content-type"), Some("text/html; charset=utf-8"));
        assert_eq!(reply.field("x-content-type-options"), Some("nosniff"));
        assert!(reply.text().starts_with("<!DOCTYPE html>"), "{}", reply.text());
        assert!(reply.text().contains(&format!("<h1>{status} ")), "{}", reply.text());
        assert!(!reply.text().contains("<script>"), "{}", reply.text());
    }
}
