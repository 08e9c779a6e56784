//! Nothing outside is had, and nothing blocks.

use std::fs;
use std::os::unix::fs::symlink;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use nix::sys::stat::Mode;
use nix::unistd::mkfifo;
use proptest::prelude::*;
use tokio::time::timeout;

use super::client::ask;
use super::place::{Place, SECRET};

#[tokio::test]
async fn no_way_leads_outside() {
    let place = Place::new("outside");
    symlink(place.beside().join("secret"), place.root().join("out-absolute")).unwrap();
    symlink("../root-too/secret", place.root().join("out-twin")).unwrap();
    symlink("out", place.root().join("out-twice")).unwrap();
    symlink("/proc/self/root", place.root().join("out-proc")).unwrap();
    symlink("../../secret", place.root().join("list/index.html")).unwrap();
    let router = place.serve();
    for (path, status) in [
        ("/out", 403),
        ("/out-absolute", 403),
        ("/out-twin", 403),
        ("/out-twice", 403),
        ("/out-dir/secret", 403),
        ("/out-dir/", 403),
        ("/out-dir", 403),
        ("/out-proc/etc/passwd", 403),
        ("/list/", 403),
        ("/../secret", 400),
        ("/..", 400),
        ("/%2e%2e/secret", 400),
        ("/%2E./secret", 400),
        ("/list/../../secret", 400),
        ("//../secret", 400),
        ("/list//..//..//secret", 400),
        ("/..%2fsecret", 400),
        ("/..%2Fsecret", 400),
        ("/list/..%2f..%2fsecret", 400),
        ("/..%5csecret", 404),
        ("/..\\secret", 404),
        ("/%252e%252e/secret", 404),
        ("/..;/secret", 404),
        ("/.../secret", 404),
        ("/..%00/secret", 400),
        ("/%c0%ae%c0%ae/secret", 404),
        ("/../root-too/secret", 400),
    ] {
        let reply = ask(&router, &format!("GET {path}"), "").await;
        assert_eq!(reply.status, status, "{path}: {reply:?}");
        assert!(!reply.text().contains(SECRET), "{path}");
    }
}

/// A link that is changed all the time, between something inside and something outside.
#[tokio::test]
async fn no_race_leads_outside() {
    let place = Place::new("race");
    let root = place.root();
    let is_over = Arc::new(AtomicBool::new(false));
    let changing = thread::spawn({
        let is_over = Arc::clone(&is_over);
        move || {
            while !is_over.load(Ordering::Relaxed) {
                for to in ["digits", "../secret"] {
                    symlink(to, root.join("next")).unwrap();
                    fs::rename(root.join("next"), root.join("changing")).unwrap();
                }
            }
        }
    });
    let router = place.serve();
    let mut seen = [0_u32; 2];
    for _ in 0..1000 {
        let reply = ask(&router, "GET /changing", "").await;
        match (reply.status, reply.text().as_str()) {
            (200, "0123456789") => seen[0] += 1,
            (403 | 404, text) if !text.contains(SECRET) => seen[1] += 1,
            _ => panic!("{reply:?}"),
        }
    }
    is_over.store(true, Ordering::Relaxed);
    changing.join().unwrap();
    assert!(seen[0] > 0, "it was there now and then: {seen:?}");
}

#[tokio::test]
async fn what_is_no_file_is_refused_without_waiting() {
    let place = Place::new("special");
    mkfifo(&place.root().join("fifo"), Mode::S_IRWXU).unwrap();
    let _socket = std::os::unix::net::UnixListener::bind(place.root().join("socket")).unwrap();
    let router = place.serve();
    for path in ["/fifo", "/socket"] {
        let line = format!("GET {path}");
        let reply = timeout(Duration::from_secs(10), ask(&router, &line, "")).await;
        let reply = reply.expect("nobody writes into it, and nobody waits for that");
        assert_eq!(reply.status, 403, "{path}");
        assert!(reply.text().contains("neither a file nor a directory"), "{}", reply.text());
    }
    assert!(!ask(&router, "GET /list/", "").await.text().contains("fifo"));
}

/// A FIFO is not even opened: that would let go whoever waits for somebody to read from it.
#[tokio::test]
async fn who_waits_to_write_into_a_fifo_goes_on_waiting() {
    let place = Place::new("fifo");
    let fifo = place.root().join("fifo");
    mkfifo(&fifo, Mode::S_IRWXU).unwrap();
    let writer = thread::spawn({
        let fifo = fifo.clone();
        move || fs::File::options().write(true).open(fifo).map(drop)
    });
    let router = place.serve();
    for _ in 0..50 {
        assert_eq!(ask(&router, "GET /fifo", "").await.status, 403);
    }
    tokio::time::sleep(Duration::from_millis(50)).await;
    let is_over = writer.is_finished();
    drop(fs::File::options().read(true).write(true).open(fifo).unwrap());
    assert!(!is_over, "somebody opened it to read");
}

/// What is outside is nobody's, whether it is there or not.
#[tokio::test]
async fn links_that_lead_outside_do_not_tell_what_is_there() {
    let place = Place::new("nothing-told");
    symlink("/nowhere/at/all", place.root().join("nowhere")).unwrap();
    symlink("../nowhere", place.root().join("nowhere-near")).unwrap();
    let router = place.serve();
    for path in
        ["/out-dir/secret", "/out-dir/nowhere", "/out-dir/root/digits", "/nowhere", "/nowhere-near"]
    {
        assert_eq!(ask(&router, &format!("GET {path}"), "").await.status, 403, "{path}");
    }
}

#[test]
fn any_request_gets_an_answer_and_nothing_from_outside() {
    let place = Place::new("any");
    let router = place.serve();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let step = prop_oneof![
        Just("/"),
        Just(".."),
        Just("."),
        Just("%2e"),
        Just("%2f"),
        Just("%5c"),
        Just("%00"),
        Just("%"),
        Just("\\"),
        Just("secret"),
        Just("digits"),
        Just("deep"),
        Just("list"),
        Just("out"),
        Just("out-dir"),
        Just("index.html"),
        Just("?"),
        Just("é"),
    ];
    let field = prop_oneof![
        "range: bytes=[-0-9,]{0,12}",
        "range: [!-~]{0,12}",
        "if-range: [\"A-Za-z0-9/, :]{0,12}",
        "if-none-match: [\"A-Za-z0-9/,*]{0,12}",
        "if-match: [\"A-Za-z0-9/,*]{0,12}",
        "accept-encoding: [a-z*;=0-9., ]{0,20}",
        "accept-encoding: (gzip|br|zstd|identity|[*])(;q=0)?, (gzip|identity)(;q=0)?",
        "accept: (text/html|text/plain|[*]/[*])(;q=[01])?",
    ];
    let requests = (
        prop::sample::select(vec!["GET", "HEAD", "OPTIONS", "POST", "X"]),
        prop::collection::vec(step, 0..8),
        prop::collection::vec(field, 0..4),
    );
    let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig {
        cases: 300,
        failure_persistence: None,
        ..ProptestConfig::default()
    });
    let outcome = runner.run(&requests, |(method, path, fields)| {
        let line = format!("{method} /{}", path.concat());
        let reply = runtime.block_on(ask(&router, &line, &fields.join("\n")));
        prop_assert!(
            matches!(
                reply.status,
                200 | 204 | 206 | 301 | 304 | 400 | 403 | 404 | 405 | 406 | 412 | 416
            ),
            "{line} {fields:?}: {reply:?}"
        );
        prop_assert!(!reply.text().contains(SECRET), "{line} {fields:?}");
        Ok(())
    });
    outcome.unwrap();
}
