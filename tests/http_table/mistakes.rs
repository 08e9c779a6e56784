//! What is refused: each of these could be read in two ways, or is more than is taken.

use super::row::{ByHand, Curl, Row, Section, Server, octets, row};

pub fn sections() -> Vec<Section> {
    let section = |title, rows| Section { title, server: Server::BuiltIn, rows };
    vec![
        section("Mistakes in the first line", first_lines()),
        section("Mistakes in fields", fields()),
        section("Mistakes about lengths", lengths()),
        section("Too much", too_much()),
    ]
}

fn first_lines() -> Vec<Row> {
    vec![
        row("no version", "GET /hello\n\n").refused(400, "names no version of HTTP"),
        row("two blanks", "GET  /hello HTTP/1.1\nHost: x\n\n").refused(400, "with one blank"),
        row("a blank at the end", "GET /hello HTTP/1.1 \nHost: x\n\n")
            .refused(400, "with one blank"),
        row("no token", "GE(T /hello HTTP/1.1\nHost: x\n\n")
            .refused(400, "is no token")
            .by_hand(ByHand::Refuses(501)),
        row("octets that no URI has", "GET /h\u{e9}llo HTTP/1.1\nHost: x\n\n")
            .refused(400, "that no URI may have"),
        row("a target without a path", "GET hello HTTP/1.1\nHost: x\n\n")
            .refused(400, "no path")
            .by_hand(ByHand::Says(404)),
        row("a target of another scheme", "GET ftp://x/hello HTTP/1.1\nHost: x\n\n")
            .refused(400, "no URI of http or https")
            .by_hand(ByHand::Says(404)),
        row("a version that is none", "GET /hello HTTP/11\nHost: x\n\n")
            .refused(400, "does not end in HTTP/1.1 or HTTP/1.0"),
        row("versions have capitals", "GET /hello http/1.1\nHost: x\n\n")
            .refused(400, "does not end in HTTP/1.1 or HTTP/1.0"),
        row("HTTP/2 in words", "GET /hello HTTP/2.0\nHost: x\n\n")
            .refused(505, "speaks HTTP/1.1 and HTTP/1.0"),
        row("a version that never was", "GET /hello HTTP/0.9\n\n")
            .refused(505, "speaks HTTP/1.1 and HTTP/1.0"),
        row("CONNECT", "CONNECT x:80 HTTP/1.1\nHost: x:80\n\n")
            .refused(501, "This is no proxy")
            .by_hand(ByHand::Says(404)),
        row("TRACE", "TRACE /hello HTTP/1.1\nHost: x\n\n")
            .refused(501, "TRACE would repeat cookies")
            .by_hand(ByHand::Says(405)),
        octets(
            "TLS on the plain port",
            "\u{16}\u{3}\u{1}\u{2}\u{0}\u{1}\u{0}\u{1}\u{fc}\u{3}\u{3}\n\r\n\r\n",
        )
        .refused(400, ""),
    ]
}

fn fields() -> Vec<Row> {
    let get = |what, fields: &str| row(what, &format!("GET /hello HTTP/1.1\n{fields}\n\n"));
    vec![
        row("no Host", "GET /hello HTTP/1.1\n\n").refused(400, "has no Host field"),
        get("two of them", "Host: x\nHost: x").refused(400, "more than one Host"),
        get("no name of a host", "Host: x/y")
            .refused(400, "does not hold the name of a host")
            .by_hand(ByHand::Says(200)),
        get("somebody before the host", "Host: u@x")
            .refused(400, "does not hold the name of a host")
            .by_hand(ByHand::Says(200)),
        get("no colon", "Host: x\nnothing").refused(400, "has no colon"),
        get("a blank before the colon", "Host : x").refused(400, "a blank between its name and"),
        get("no name", "Host: x\n: y").refused(400, "is no token"),
        get("a name that is no token", "Host: x\nA(b: y")
            .refused(400, "is no token")
            .by_hand(ByHand::Says(200)),
        get("on two lines", "Host: x\nA: b\n c").refused(400, "goes on on a second line"),
        get("a blank at the beginning", " Host: x").refused(400, ""),
        get("CR in a value", "Host: x\nA: b\rc").refused(400, ""),
        get("NUL in a value", "Host: x\nA: b\0c").refused(400, "control character"),
        get("another expectation", "Host: x\nExpect: more")
            .refused(417, "something else than 100-continue")
            .by_hand(ByHand::Nothing),
        get("octets beyond ASCII in a value are let by", "Host: x\nA: \u{e9}")
            .hello()
            .curl(Curl::Never),
    ]
}

fn lengths() -> Vec<Row> {
    let post = |what, rest: &str| row(what, &format!("POST /echo HTTP/1.1\nHost: x\n{rest}"));
    let chunks = |what, rest: &str| {
        row(what, &format!("PUT /sum HTTP/1.1\nHost: x\nTransfer-Encoding: chunked\n\n{rest}"))
            .text(400, "The body broke off")
            .field("connection", "close")
            .ends()
            .curl(Curl::Never)
            .by_hand(ByHand::Refuses(501))
    };
    vec![
        post("no number", "Content-Length: five\n\n").refused(400, ""),
        post("a sign", "Content-Length: +5\n\n").refused(400, ""),
        post("less than nothing", "Content-Length: -5\n\n").refused(400, ""),
        post("in other digits", "Content-Length: 0x5\n\n").refused(400, ""),
        post("empty", "Content-Length:\n\n").refused(400, ""),
        post("two in one", "Content-Length: 5, 5\n\n").refused(400, ""),
        post("two that differ", "Content-Length: 5\nContent-Length: 6\n\nwords").refused(400, ""),
        post("a length and chunks", "Content-Length: 5\nTransfer-Encoding: chunked\n\n0\n\n")
            .refused(400, "one of them is a lie")
            .by_hand(ByHand::Refuses(501)),
        post("chunks and a length", "Transfer-Encoding: chunked\nContent-Length: 5\n\n0\n\n")
            .refused(400, "one of them is a lie")
            .by_hand(ByHand::Refuses(501)),
        post("another coding", "Transfer-Encoding: gzip, chunked\n\n0\n\n")
            .refused(501, "is chunked, once")
            .by_hand(ByHand::Refuses(501)),
        post("chunked twice", "Transfer-Encoding: chunked, chunked\n\n0\n\n")
            .refused(501, "is chunked, once")
            .by_hand(ByHand::Refuses(501)),
        post("chunked, but not at the end", "Transfer-Encoding: chunked, gzip\n\n")
            .refused(400, "")
            .by_hand(ByHand::Refuses(501)),
        chunks("the size of a chunk is no number", "x\nabc\n0\n\n"),
        chunks("a chunk longer than it says", "2\nabc\n0\n\n"),
        row("chunks in HTTP/1.0", "POST /echo HTTP/1.0\nTransfer-Encoding: chunked\n\n0\n\n")
            .refused(400, "")
            .by_hand(ByHand::Refuses(501)),
    ]
}

fn too_much() -> Vec<Row> {
    let many = (0..101).map(|n| format!("A{n}: b\n")).collect::<Vec<_>>().concat();
    let long = |octets| "x".repeat(octets);
    vec![
        row(
            "a target as long as it may be",
            &format!("GET /bytes/3?{} HTTP/1.1\nHost: x\n\n", long(8000)),
        )
        .says(200)
        .field(super::row::ASCII.0, super::row::ASCII.1)
        .body("012"),
        row("a longer one", &format!("GET /{} HTTP/1.1\nHost: x\n\n", long(8192)))
            .refused(414, "longer than 8192 octets")
            .by_hand(ByHand::Says(404)),
        row("more fields than a hundred", &format!("GET /hello HTTP/1.1\nHost: x\n{many}\n"))
            .refused(431, "more than 100 fields")
            .by_hand(ByHand::Says(200)),
        row(
            "a head of more than 64 KiB",
            &format!("GET /hello HTTP/1.1\nHost: x\nA: {}\n\n", long(66_000)),
        )
        .refused(431, "longer than 65536 octets"),
        row(
            "a body of more than 16 GiB",
            "POST /echo HTTP/1.1\nHost: x\nContent-Length: 17179869185\n\n",
        )
        .refused(413, "longer than 17179869184 octets"),
        row(
            "a length that no number holds",
            "POST /echo HTTP/1.1\nHost: x\nContent-Length: 99999999999999999999\n\n",
        )
        .refused(400, "")
        .by_hand(ByHand::Refuses(413)),
        row(
            "a waiting client is told at once",
            "POST /echo HTTP/1.1\nHost: x\nExpect: 100-continue\nContent-Length: 17179869185\n\n",
        )
        .refused(413, "longer than 17179869184 octets"),
    ]
}
