//! What the built-in site and the versions of HTTP answer when all is well.

use super::row::{ASCII, ByHand, Curl, HELLO, HTML, Row, Section, Server, TEXT, octets, row};

pub fn sections() -> Vec<Section> {
    let section = |title, rows| Section { title, server: Server::BuiltIn, rows };
    vec![
        section("Methods and paths", methods()),
        section("Versions, and the end of a connection", versions()),
        section("Bodies of requests", bodies()),
        section("Bodies of answers", answers()),
    ]
}

const ABC: &str =
    "octets 3\nsha256 ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad\n";

fn methods() -> Vec<Row> {
    vec![
        row("a page", "GET /hello HTTP/1.1\nHost: x\n\n").hello(),
        row("its head alone", "HEAD /hello HTTP/1.1\nHost: x\n\n")
            .says(200)
            .field(TEXT.0, TEXT.1)
            .field("content-length", "51"),
        row("a query is not part of the path", "GET /hello?a=b HTTP/1.1\nHost: x\n\n").hello(),
        row("names of fields in any case", "GET /hello HTTP/1.1\nhOsT: x\n\n").hello(),
        row("blanks around a value", "GET /hello HTTP/1.1\nHost: \t x \t\n\n")
            .hello()
            .curl(Curl::Http1),
        row("a port in Host", "GET /hello HTTP/1.1\nHost: x:80\n\n").hello(),
        row("IPv6 in Host", "GET /hello HTTP/1.1\nHost: [2001:db8::2]:80\n\n").hello(),
        row("an empty Host", "GET /hello HTTP/1.1\nHost:\n\n").hello().curl(Curl::Never),
        row("the form that proxies get", "GET http://x/hello HTTP/1.1\nHost: x\n\n")
            .hello()
            .curl(Curl::Http1),
        row("an empty line before it", "\n\nGET /hello HTTP/1.1\nHost: x\n\n")
            .hello()
            .curl(Curl::Never),
        octets("lines without CR", "GET /hello HTTP/1.1\nHost: x\n\n").hello().curl(Curl::Never),
        row("the server as a whole", "OPTIONS * HTTP/1.1\nHost: x\n\n")
            .says(204)
            .field("allow", "GET, HEAD, OPTIONS")
            .by_hand(ByHand::Says(404))
            .curl(Curl::Http1),
        row("what a path allows", "DELETE /hello HTTP/1.1\nHost: x\n\n")
            .not_allowed("DELETE is not for /hello", "GET,HEAD"),
        row("and another", "GET /echo HTTP/1.1\nHost: x\n\n")
            .not_allowed("GET is not for /echo", "POST"),
        row("a method that nobody knows", "BREW /hello HTTP/1.1\nHost: x\n\n")
            .not_allowed("BREW is not for /hello", "GET,HEAD")
            .by_hand(ByHand::Refuses(501)),
        row("methods have capitals", "get /hello HTTP/1.1\nHost: x\n\n")
            .not_allowed("get is not for /hello", "GET,HEAD")
            .by_hand(ByHand::Refuses(501)),
        row("what is not there", "GET /nowhere HTTP/1.1\nHost: x\n\n")
            .text(404, "There is nothing at /nowhere.")
            .field("vary", "accept")
            .field("x-content-type-options", "nosniff"),
        row(
            "the same in a browser",
            "GET /nowhere HTTP/1.1\nHost: x\nAccept: text/html, */*;q=0.8\n\n",
        )
        .says(404)
        .field(HTML.0, HTML.1)
        .field("vary", "accept")
        .field("x-content-type-options", "nosniff")
        .has("<h1>404 Not Found</h1>"),
    ]
}

fn versions() -> Vec<Row> {
    vec![
        row("the connection is kept", "GET /bytes/10 HTTP/1.1\nHost: x\n\n")
            .says(200)
            .field(ASCII.0, ASCII.1)
            .body("0123456789"),
        row("unless the client says so", "GET /hello HTTP/1.1\nHost: x\nConnection: close\n\n")
            .hello()
            .field("connection", "close")
            .ends()
            .curl(Curl::Http1),
        row("HTTP/1.0 knows no Host, and ends", "GET /hello HTTP/1.0\n\n")
            .hello()
            .ends()
            .curl(Curl::Http1),
        row("unless the client would have more", "GET /hello HTTP/1.0\nConnection: keep-alive\n\n")
            .hello()
            .field("connection", "keep-alive")
            .by_hand(ByHand::Refuses(200))
            .curl(Curl::Http1),
        row(
            "several at once, answered in their order",
            "GET /bytes/3 HTTP/1.1\nHost: x\n\nGET /nowhere HTTP/1.1\nHost: x\n\n\
             GET /bytes/5 HTTP/1.1\nHost: x\n\n",
        )
        .says(200)
        .field(ASCII.0, ASCII.1)
        .body("012")
        .text(404, "There is nothing at /nowhere.")
        .field("vary", "accept")
        .field("x-content-type-options", "nosniff")
        .says(200)
        .field(ASCII.0, ASCII.1)
        .body("01234")
        .curl(Curl::Never),
        row(
            "nothing after the last",
            "GET /bytes/3 HTTP/1.1\nHost: x\nConnection: close\n\nGET /hello HTTP/1.1\nHost: x\n\n",
        )
        .says(200)
        .field(ASCII.0, ASCII.1)
        .field("connection", "close")
        .body("012")
        .ends()
        .curl(Curl::Never),
        row("a client that says nothing", "").cut(),
        row("one that goes away in the midst of a head", "GET /hello HT").cut(),
        row("one that ends its side and waits", "GET /hello HTTP/1.1\nHost: x\n\n").hello().cut(),
    ]
}

fn bodies() -> Vec<Row> {
    vec![
        row("back as it came", "POST /echo HTTP/1.1\nHost: x\nContent-Length: 5\n\nwords")
            .says(200)
            .body("words"),
        row(
            "with its type",
            "POST /echo HTTP/1.1\nHost: x\nContent-Type: a/b\nContent-Length: 5\n\nwords",
        )
        .says(200)
        .field("content-type", "a/b")
        .body("words")
        .by_hand(ByHand::Same),
        row("none", "POST /echo HTTP/1.1\nHost: x\nContent-Length: 0\n\n").says(200),
        row(
            "in chunks, and back in chunks",
            "POST /echo HTTP/1.1\nHost: x\nTransfer-Encoding: chunked\n\n3\nabc\n2;x=y\nde\n0\n\n",
        )
        .says(200)
        .field("transfer-encoding", "chunked")
        .body("abcde")
        .by_hand(ByHand::Refuses(501))
        .curl(Curl::Never),
        row(
            "in chunks, with trailers",
            "PUT /sum HTTP/1.1\nHost: x\nTransfer-Encoding: Chunked\n\n3\nabc\n0\nMore: x\n\n",
        )
        .says(200)
        .field(ASCII.0, ASCII.1)
        .body(ABC)
        .by_hand(ByHand::Refuses(501))
        .curl(Curl::Never),
        row("counted and digested", "POST /sum HTTP/1.1\nHost: x\nContent-Length: 3\n\nabc")
            .says(200)
            .field(ASCII.0, ASCII.1)
            .body(ABC)
            .by_hand(ByHand::Nothing),
        row(
            "a client that waits is asked for it",
            "POST /echo HTTP/1.1\nHost: x\nExpect: 100-continue\nContent-Length: 5\n\n",
        )
        .then("words")
        .says(100)
        .says(200)
        .body("words"),
        row(
            "and not where nobody wants it",
            "POST /hello HTTP/1.1\nHost: x\nExpect: 100-continue\nContent-Length: 5\n\n",
        )
        .then("words")
        .not_allowed("POST is not for /hello", "GET,HEAD")
        .field("connection", "close")
        .ends()
        .by_hand(ByHand::Nothing),
        row(
            "what HTTP/1.0 expects is ignored",
            "POST /echo HTTP/1.0\nExpect: 100-continue\nContent-Length: 5\n\nwords",
        )
        .says(200)
        .body("words")
        .ends()
        .curl(Curl::Never),
        row("one nobody wants", "POST /hello HTTP/1.1\nHost: x\nContent-Length: 5\n\nwords")
            .not_allowed("POST is not for /hello", "GET,HEAD"),
        row(
            "one that is cut short ends the answer",
            "POST /sum HTTP/1.1\nHost: x\nContent-Length: 5\n\nwor",
        )
        .text(400, "The body broke off")
        .field("connection", "close")
        .cut()
        .by_hand(ByHand::Nothing),
    ]
}

fn answers() -> Vec<Row> {
    let status = |what, code: &str| {
        row(what, &format!("GET /status/{code} HTTP/1.1\nHost: x\n\n")).by_hand(ByHand::Nothing)
    };
    vec![
        row("none", "GET /bytes/0 HTTP/1.1\nHost: x\n\n").says(200).field(ASCII.0, ASCII.1),
        row("of some length", "GET /bytes/100000 HTTP/1.1\nHost: x\n\n")
            .says(200)
            .field(ASCII.0, ASCII.1)
            .pattern(100_000),
        row("in chunks, where the length is not known", "GET /stream/2 HTTP/1.1\nHost: x\n\n")
            .says(200)
            .field(ASCII.0, ASCII.1)
            .field("transfer-encoding", "chunked")
            .body("line 1 of 2\nline 2 of 2\n")
            .by_hand(ByHand::Nothing),
        row("and in HTTP/1.0 up to the end", "GET /stream/2 HTTP/1.0\n\n")
            .says(200)
            .field(ASCII.0, ASCII.1)
            .body("line 1 of 2\nline 2 of 2\n")
            .ends()
            .by_hand(ByHand::Nothing)
            .curl(Curl::Http1),
        status("204 has none", "204").says(204),
        status("205 has none", "205").says(205),
        status("304 has none", "304").says(304),
        status("whatever status", "503").text(503, "503 Service Unavailable\n"),
        status("but 1xx, which is none", "100").text(400, "use 200 to 999"),
        row("a number that is none", "GET /bytes/many HTTP/1.1\nHost: x\n\n")
            .text(400, "\"many\" is not a number of octets")
            .by_hand(ByHand::Says(404)),
        row("for a browser", "GET / HTTP/1.1\nHost: x\nAccept: text/html\n\n")
            .says(200)
            .field(HTML.0, HTML.1)
            .field("vary", "accept")
            .field("x-content-type-options", "nosniff")
            .has("<a href=\"/hello\">")
            .by_hand(ByHand::Says(404)),
        row("a whole answer is the same for everybody", "GET /hello HTTP/1.1\nHost: y\n\n")
            .says(200)
            .field(TEXT.0, TEXT.1)
            .body(HELLO),
    ]
}
