//! Requests in all their forms, one after the other.

use glasstack::http::{CloseAfter, Config};

use super::refused::REFUSED;
use super::talk::{Heard, Talk, answer_to, answer_with, refusal, statuses};

const HELLO: &str = "Hello from glasstack, a TCP/IP stack in userspace.\n";

/// RFC 9112 6.3: a body may quote what would be refused in a head, and comes with it in one segment.
#[tokio::test(start_paused = true)]
async fn what_a_body_quotes_is_no_head() {
    let head = "POST /echo HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n";
    let lies = format!("{head}content-length: 5\r\n\r\n");
    let request = format!("{head}\r\n{:x}\r\n{lies}\r\n0\r\n\r\n", lies.len());
    let heard = answer_to(request.repeat(3)).await;
    assert_eq!((statuses(&heard.text), heard.closed), (vec![200; 3], false), "{heard:?}");
    // Behind such a body the head that lies is still found.
    let heard = answer_to(request + &lies).await;
    assert_eq!((statuses(&heard.text), heard.closed), (vec![200, 400], true), "{heard:?}");
    assert!(heard.text.ends_with("one of them is a lie.\n"), "{heard:?}");
}

/// RFC 9112: none of what is refused reaches the site, and each ends its connection.
#[tokio::test(start_paused = true)]
async fn what_is_wrong_is_said() {
    for (request, status, words) in REFUSED {
        let heard = answer_to(request).await;
        // hyper puts the fields that it writes itself last.
        let expected = refusal(status, words);
        assert_eq!(sorted(&heard), sorted(&expected), "to {request:?}");
    }
}

/// Lengths that hyper refuses after it has read the head: it says what it thinks of them.
#[tokio::test(start_paused = true)]
async fn lengths_that_are_none_are_refused() {
    for fields in [
        "content-length: 3\r\ncontent-length: 4",
        "content-length: x",
        "content-length: -1",
        "content-length: +3",
        "content-length: 99999999999999999999",
        "content-length: 3, 3",
        "transfer-encoding: gzip",
        "transfer-encoding: chunked, gzip",
        "transfer-encoding: identity",
    ] {
        let heard =
            answer_to(format!("POST /echo HTTP/1.1\r\nhost: x\r\n{fields}\r\n\r\nabc")).await;
        assert_eq!((statuses(&heard.text), heard.closed), (vec![400], true), "{fields}");
        assert!(heard.text.contains("\r\n\r\nThe request cannot be read: invalid "), "{heard:?}");
    }
    let two = "GET / HTTP/1.0\r\nhost: a\r\nhost: a\r\n\r\n";
    assert!(answer_to(two).await.text.starts_with("HTTP/1.0 400"));
    let old = "POST /echo HTTP/1.0\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n";
    assert_eq!(statuses(&answer_to(old).await.text), [400]);
}

fn sorted(heard: &Heard) -> (bool, Vec<&str>, &str) {
    let (head, body) = heard.text.split_once("\r\n\r\n").unwrap_or((&heard.text, ""));
    let mut lines: Vec<_> = head.split("\r\n").collect();
    lines[1..].sort_unstable();
    (heard.closed, lines, body)
}

/// RFC 9112 2.2, 3.2.2
#[tokio::test(start_paused = true)]
async fn what_is_right_is_answered() {
    for request in [
        "GET /hello HTTP/1.1\r\nhost: 192.0.2.2\r\n\r\n",
        "GET /hello HTTP/1.1\r\nHOST: [2001:db8::2]:80\r\n\r\n",
        "GET /hello HTTP/1.1\r\nhost:\r\n\r\n",
        // A blank line before the first, and lines that end as they should not.
        "\r\n\r\nGET /hello HTTP/1.1\r\nhost: x\r\n\r\n",
        "GET /hello HTTP/1.1\nhost: x\n\n",
        "GET http://192.0.2.2/hello HTTP/1.1\r\nhost: 192.0.2.2\r\n\r\n",
        "GET https://x/hello HTTP/1.1\r\nhost: x\r\n\r\n",
        "GET /hello?query HTTP/1.1\r\nhost: x\r\n\r\n",
        // Without a body there is nothing to continue with.
        "GET /hello HTTP/1.1\r\nhost: x\r\nexpect: 100-Continue\r\n\r\n",
        "GET /hello HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\n\r\n",
        "GET /hello HTTP/1.1\r\nhost: x\r\ncontent-length: 3\r\ncontent-length: 3\r\n\r\nabc",
        "GET /hello HTTP/1.1\r\nhost: x\r\nupgrade: h2c\r\nconnection: upgrade\r\n\r\n",
    ] {
        let heard = answer_to(request).await;
        assert_eq!(statuses(&heard.text), [200], "to {request:?}: {heard:?}");
        assert!(heard.text.ends_with(HELLO), "{heard:?}");
        assert!(!heard.closed, "it is kept alive after {request:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn http_1_0_closes_unless_it_is_asked_not_to() {
    let heard = answer_to("GET /hello HTTP/1.0\r\n\r\n").await;
    assert!(heard.closed && heard.text.starts_with("HTTP/1.0 200 OK\r\n"), "{heard:?}");
    let mut talk = Talk::new(Config::default());
    for _ in 0..3 {
        talk.say("GET /hello HTTP/1.0\r\nconnection: Keep-Alive\r\n\r\n").await;
        let heard = talk.hear().await;
        assert!(!heard.closed && heard.text.contains("connection: keep-alive\r\n"), "{heard:?}");
    }
    talk.say("GET /stream/2 HTTP/1.0\r\nconnection: keep-alive\r\n\r\n").await;
    let heard = talk.hear().await;
    assert!(
        heard.closed && heard.text.ends_with("\r\n\r\nline 1 of 2\nline 2 of 2\n"),
        "{heard:?}"
    );
    assert!(!heard.text.contains("chunked"), "{heard:?}");
    // HTTP/1.0 knows no expectations.
    let heard = answer_to("GET /hello HTTP/1.0\r\nexpect: miracles\r\n\r\n").await;
    assert_eq!(statuses(&heard.text), [200]);
}

#[tokio::test(start_paused = true)]
async fn what_is_pipelined_is_answered_in_order() {
    let get = |path: &str| format!("GET {path} HTTP/1.1\r\nhost: x\r\n\r\n");
    let post = "POST /echo HTTP/1.1\r\nhost: x\r\ncontent-length: 4\r\n\r\nfour";
    let all = [
        &get("/delay/700"),
        &get("/status/404"),
        post,
        &get("/bytes/3"),
        &get("/stream/2"),
        &get("/hello"),
    ]
    .map(ToOwned::to_owned)
    .concat();
    let heard = answer_to(&all).await;
    assert_eq!(statuses(&heard.text), [200, 404, 200, 200, 200, 200]);
    let bodies = ["This took 700 ms.", "404 Not Found", "four", "012", "line 1 of 2", HELLO];
    let places = bodies.map(|body| heard.text.find(body).expect(body));
    assert!(places.is_sorted(), "{heard:?}");
    // And so octet for octet.
    let mut talk = Talk::new(Config::default());
    for octet in all.bytes() {
        talk.say([octet]).await;
        tokio::task::yield_now().await;
    }
    assert_eq!(talk.hear().await, heard);
}

#[tokio::test(start_paused = true)]
async fn what_is_wrong_behind_answers_that_are_right_is_said_behind_them() {
    let request = "GET /hello HTTP/1.1\r\nhost: x\r\n\r\n".repeat(3) + "GET /\r\n\r\nGET /hello ";
    let heard = answer_to(&request).await;
    assert_eq!((statuses(&heard.text), heard.closed), (vec![200, 200, 200, 400], true));
    assert!(heard.text.ends_with("names no version of HTTP.\n"), "{heard:?}");
    let old = "GET /hello HTTP/1.0\r\nconnection: keep-alive\r\n\r\nGET /\r\n\r\n";
    let heard = answer_to(old).await;
    assert_eq!((statuses(&heard.text), heard.closed), (vec![200, 400], true));
}

/// Whoever sends back what hyper says to a head that it cannot read is no such head.
#[tokio::test(start_paused = true)]
async fn a_body_that_looks_like_a_refusal_arrives() {
    let body = "HTTP/1.1 400 Bad Request\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";
    let len = body.len();
    let head = format!("POST /echo HTTP/1.1\r\nhost: x\r\ncontent-length: {len}\r\n\r\n");
    let heard = answer_to(format!("{head}{body}")).await;
    assert!(heard.text.ends_with(&format!("\r\n\r\n{body}")), "{heard:?}");
    assert!(heard.text.starts_with("HTTP/1.1 200") && !heard.closed, "{heard:?}");
    // In the middle of an answer, too, while the client waits for it before it goes on.
    let mut talk = Talk::new(Config::default());
    talk.say("POST /echo HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n").await;
    talk.say(format!("{len:x}\r\n{body}\r\n")).await;
    let heard = talk.hear().await;
    assert!(heard.text.ends_with(&format!("\r\n{body}\r\n")), "{heard:?}");
    talk.say("2\r\nhi\r\n0\r\n\r\nGET /hello HTTP/1.1\r\nhost: x\r\n\r\n").await;
    let heard = talk.hear().await;
    assert!(heard.text.starts_with("2\r\nhi\r\n0\r\n\r\nHTTP/1.1 200 OK"), "{heard:?}");
}

#[tokio::test(start_paused = true)]
async fn chunks_come_and_go_and_trailers_are_let_by() {
    let request = "POST /echo HTTP/1.1\r\nhost: x\r\nTransfer-Encoding: Chunked\r\n\r\n\
                   5;a=b\r\nhello\r\n1\r\n \r\n5\r\nworld\r\n0\r\nx-sum: 11\r\n\r\n";
    let heard = answer_to(request).await;
    assert_eq!(statuses(&heard.text), [200]);
    assert!(heard.text.contains("transfer-encoding: chunked\r\n"), "{heard:?}");
    assert!(heard.text.ends_with("0\r\n\r\n") && !heard.closed, "{heard:?}");
    for bad in ["x\r\nhello\r\n", "-1\r\n", "5\r\nhelloworld\r\n0\r\n\r\n", "11111111111111111\r\n"]
    {
        let request =
            format!("POST /echo HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n{bad}");
        let heard = answer_to(&request).await;
        assert!(heard.closed, "nothing can follow on {bad:?}: {heard:?}");
        // Behind an answer that has begun it cannot be said any more.
        let says_so = heard.text.contains("\r\nconnection: close\r\n");
        assert_eq!(says_so, statuses(&heard.text) == [400], "RFC 9112 9.6: {heard:?}");
    }
}

/// RFC 9110 10.1.1
#[tokio::test(start_paused = true)]
async fn who_waits_to_be_asked_for_the_body_is_asked() {
    let head =
        "POST /echo HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\nexpect: 100-continue\r\n\r\n";
    let mut talk = Talk::new(Config::default());
    talk.say(head).await;
    assert_eq!(talk.hear().await.text, "HTTP/1.1 100 Continue\r\n\r\n");
    talk.say("hi").await;
    let heard = talk.hear().await;
    assert!(
        heard.text.starts_with("HTTP/1.1 200 OK\r\n") && heard.text.ends_with("\r\n\r\nhi"),
        "{heard:?}"
    );
    // Who does not wait need not be asked, and whose body is not wanted is not.
    assert_eq!(statuses(&answer_to(format!("{head}hi")).await.text), [100, 200]);
    for (refused, status) in [
        (head.replace("/echo", "/nowhere"), 404),
        (head.replace("/echo", "/hello"), 405),
        (
            head.replace("/echo", "/hello")
                .replace("content-length: 2", "transfer-encoding: chunked"),
            405,
        ),
    ] {
        let heard = answer_to(&refused).await;
        assert_eq!((statuses(&heard.text), heard.closed), (vec![status], true));
        let says_so = heard.text.contains("\r\nconnection: close\r\n");
        assert!(says_so, "nobody knows whether the body follows (RFC 9112 9.6): {heard:?}");
    }
    // Without a body there is nothing to wait for, and HTTP/1.0 knows no such thing.
    let bare = "GET /hello HTTP/1.1\r\nhost: x\r\nexpect: 100-continue\r\n\r\n";
    let heard = answer_to(bare).await;
    assert_eq!((statuses(&heard.text), heard.closed), (vec![200], false));
}

#[tokio::test(start_paused = true)]
async fn head_is_get_without_the_body() {
    for path in ["/", "/hello", "/bytes/100000", "/stream/3", "/nowhere", "/status/500", "/delay/1"]
    {
        let request = format!("GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
        let got = answer_to(&request).await.text;
        let head = answer_to(request.replacen("GET", "HEAD", 1)).await.text;
        let (of_get, _) = got.split_once("\r\n\r\n").unwrap();
        let fields = |head: &str| {
            let lines = head.lines().filter(|line| !line.starts_with("transfer-encoding"));
            lines.map(str::to_owned).collect::<Vec<_>>()
        };
        assert_eq!(
            fields(head.strip_suffix("\r\n\r\n").expect("only a head")),
            fields(of_get),
            "{path}"
        );
    }
    // Refusals too.
    let heard = answer_to("HEAD / HTTP/1.1\r\n\r\n").await;
    assert!(
        heard.text.starts_with("HTTP/1.1 400") && heard.text.ends_with("\r\n\r\n"),
        "{heard:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn the_server_itself_can_be_asked() {
    let heard = answer_to("OPTIONS * HTTP/1.1\r\nhost: x\r\n\r\n").await;
    assert!(
        heard.text.starts_with("HTTP/1.1 204 No Content\r\nallow: GET, HEAD, OPTIONS\r\n"),
        "{heard:?}"
    );
    assert!(!heard.closed, "{heard:?}");
}

#[tokio::test(start_paused = true)]
async fn a_connection_for_each_request() {
    let config = Config { close_after: CloseAfter::Request, ..Config::default() };
    let two = "GET /hello HTTP/1.1\r\nhost: x\r\n\r\n".repeat(2);
    let heard = answer_with(config, two).await;
    assert_eq!((statuses(&heard.text), heard.closed), (vec![200], true));
    assert!(heard.text.contains("connection: close\r\n"), "{heard:?}");
}

/// The client is not told more than once, and a stop while it is told changes nothing.
#[tokio::test(start_paused = true)]
async fn a_stop_finds_idle_connections_and_closes_them() {
    let mut talk = Talk::new(Config::default());
    talk.say("GET /hello HTTP/1.1\r\nhost: x\r\n\r\n").await;
    assert!(!talk.hear().await.closed);
    talk.stopper.stop();
    assert_eq!(talk.hear().await, Heard { text: String::new(), closed: true });
}
