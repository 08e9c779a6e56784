//! Requests that are refused: each with the status, and the words for whoever sent it.

pub const REFUSED: &[(&str, &str, &str)] = &[
    // RFC 9112 3.2
    (
        "GET / HTTP/1.1\r\n\r\n",
        "400 Bad Request",
        "The request has no Host field, and HTTP/1.1 asks for one.",
    ),
    (
        "GET / HTTP/1.1\r\nhost: a\r\nhost: b\r\n\r\n",
        "400 Bad Request",
        "The request has more than one Host field.",
    ),
    (
        "GET / HTTP/1.1\r\nhost: a/b\r\n\r\n",
        "400 Bad Request",
        "The Host field of the request does not hold the name of a host, and a port at most.",
    ),
    // First lines
    (
        "GET / HTTP/2.0\r\nhost: x\r\n\r\n",
        "505 HTTP Version Not Supported",
        "This server speaks HTTP/1.1 and HTTP/1.0 here.",
    ),
    (
        "GET / HTTP/1.2\r\nhost: x\r\n\r\n",
        "505 HTTP Version Not Supported",
        "This server speaks HTTP/1.1 and HTTP/1.0 here.",
    ),
    (
        "GET / HTTP/11\r\nhost: x\r\n\r\n",
        "400 Bad Request",
        "The first line of the request does not end in HTTP/1.1 or HTTP/1.0.",
    ),
    (
        "GET / http/1.1\r\nhost: x\r\n\r\n",
        "400 Bad Request",
        "The first line of the request does not end in HTTP/1.1 or HTTP/1.0.",
    ),
    ("GET /\r\n\r\n", "400 Bad Request", "The first line of the request names no version of HTTP."),
    (
        "GET  / HTTP/1.1\r\nhost: x\r\n\r\n",
        "400 Bad Request",
        "The first line of the request is not METHOD TARGET HTTP/1.1, with one blank between them.",
    ),
    (
        "G@T / HTTP/1.1\r\nhost: x\r\n\r\n",
        "400 Bad Request",
        "The method of the request is no token.",
    ),
    (
        "GET /a\u{e4} b HTTP/1.1\r\nhost: x\r\n\r\n",
        "400 Bad Request",
        "The first line of the request is not METHOD TARGET HTTP/1.1, with one blank between them.",
    ),
    (
        "GET /\u{1} HTTP/1.1\r\nhost: x\r\n\r\n",
        "400 Bad Request",
        "The target of the request has octets in it that no URI may have.",
    ),
    (
        "GET /?\"x HTTP/1.1\r\nhost: x\r\n\r\n",
        "400 Bad Request",
        "The request cannot be read: invalid URI.",
    ),
    // Targets
    (
        "GET hello HTTP/1.1\r\nhost: x\r\n\r\n",
        "400 Bad Request",
        "The target of the request has no path: it should begin with a slash.",
    ),
    (
        "GET * HTTP/1.1\r\nhost: x\r\n\r\n",
        "400 Bad Request",
        "The target of the request has no path: it should begin with a slash.",
    ),
    (
        "GET ftp://x/hello HTTP/1.1\r\nhost: x\r\n\r\n",
        "400 Bad Request",
        "The target of the request is no URI of http or https.",
    ),
    (
        "CONNECT x:443 HTTP/1.1\r\nhost: x\r\n\r\n",
        "501 Not Implemented",
        "This is no proxy: it connects nobody to anything.",
    ),
    (
        "TRACE / HTTP/1.1\r\nhost: x\r\n\r\n",
        "501 Not Implemented",
        "TRACE would repeat cookies and passwords to scripts: it is not answered.",
    ),
    // Fields
    (
        "GET / HTTP/1.1\r\nhost: x\r\na: b\r\n c\r\n\r\n",
        "400 Bad Request",
        "A field of the request goes on on a second line, which HTTP gave up long ago.",
    ),
    (
        "GET / HTTP/1.1\r\nhost : x\r\n\r\n",
        "400 Bad Request",
        "A field of the request has a blank between its name and the colon.",
    ),
    (
        "GET / HTTP/1.1\r\nhost: x\r\nno colon\r\n\r\n",
        "400 Bad Request",
        "A line of the request's head has no colon, so it is no field.",
    ),
    (
        "GET / HTTP/1.1\r\nhost: x\r\n: b\r\n\r\n",
        "400 Bad Request",
        "The name of a field of the request is no token.",
    ),
    (
        "GET / HTTP/1.1\r\nhost: x\r\na: b\u{0}c\r\n\r\n",
        "400 Bad Request",
        "The value of a field of the request has a control character in it.",
    ),
    // RFC 9110 10.1.1
    (
        "GET / HTTP/1.1\r\nhost: x\r\nexpect: miracles\r\n\r\n",
        "417 Expectation Failed",
        "The request expects something else than 100-continue.",
    ),
    // RFC 9112 6.1, 6.3: lengths that two may read in two ways
    (
        "POST /echo HTTP/1.1\r\nhost: x\r\ncontent-length: 3\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        "400 Bad Request",
        "The request has Content-Length and Transfer-Encoding, and one of them is a lie.",
    ),
    (
        "POST /echo HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\ncontent-length: 5\r\n\r\n0\r\n\r\n",
        "400 Bad Request",
        "The request has Content-Length and Transfer-Encoding, and one of them is a lie.",
    ),
    (
        "POST /echo HTTP/1.1\r\nhost: x\r\ntransfer-encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        "501 Not Implemented",
        "The only transfer coding that is understood here is chunked, once.",
    ),
    (
        "POST /echo HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n\r\n\
          0\r\n\r\n",
        "501 Not Implemented",
        "The only transfer coding that is understood here is chunked, once.",
    ),
];
