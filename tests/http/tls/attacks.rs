//! What a client of HTTP/2 may try to make us work or remember for nothing (RFC 9113 10.5).

use std::time::Duration;

use glasstack::http::{Config, Http2Limits};
use tokio::time::{sleep, timeout};

use super::frames::{
    CONTINUATION, END_HEADERS, END_STREAM, ENHANCE_YOUR_CALM, Frame, GOAWAY, HEADERS,
    REFUSED_STREAM, RST_STREAM, Raw, frame, get, request,
};
use super::world::plain;

/// The streams of a client: 1, 3, 5, ...
fn streams(count: u32) -> impl Iterator<Item = u32> {
    (0..count).map(|n| 2 * n + 1)
}

/// Sends until the server has had enough, then reads what it says. How much was sent, and the frames.
async fn flood(octets: impl Iterator<Item = Vec<u8>>) -> (usize, Vec<Frame>) {
    use tokio::io::AsyncWriteExt;
    let (stream, _server) = plain(Config::default());
    let raw = Raw::begin(stream).await;
    let (reader, mut writer) = tokio::io::split(raw.stream);
    let writing = async {
        let mut sent = 0;
        for some in octets {
            // Who is not read from any more has been heard.
            match timeout(Duration::from_secs(5), writer.write_all(&some)).await {
                Ok(Ok(())) => sent += some.len(),
                Ok(Err(_)) | Err(_) => break,
            }
        }
        let _ = writer.shutdown().await;
        sent
    };
    let reading = async {
        let mut said = Vec::new();
        let mut reader = reader;
        let _ = tokio::io::AsyncReadExt::read_to_end(&mut reader, &mut said).await;
        said
    };
    let (sent, said) = tokio::join!(writing, reading);
    (sent, parse(&said))
}

/// The connection was given up when it had come to this stream at most. (What comes later is read and thrown
/// away, so that the client can learn of it.)
#[track_caller]
fn had_enough_before(stream: u32, said: &[Frame]) {
    let goaway = said.iter().find(|frame| frame.kind == GOAWAY).expect("a word of farewell");
    assert_eq!(goaway.reason(), ENHANCE_YOUR_CALM, "{goaway:?}");
    let last = u32::from_be_bytes(goaway.payload[..4].try_into().unwrap());
    assert!((1..stream).contains(&last), "the last stream is {last}");
}

fn parse(mut octets: &[u8]) -> Vec<Frame> {
    let mut all = Vec::new();
    while let Some((head, rest)) = octets.split_at_checked(9) {
        let len = u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize;
        let Some((payload, rest)) = rest.split_at_checked(len) else { break };
        let stream = u32::from_be_bytes(head[5..].try_into().unwrap());
        let (kind, flags) = (head[3], head[4]);
        all.push(Frame { kind, flags, stream, payload: payload.to_vec() });
        octets = rest;
    }
    all
}

// RFC 9113 10.5
#[tokio::test(start_paused = true)]
async fn requests_that_are_taken_back_at_once_end_the_connection() {
    let cancel = 8u32.to_be_bytes();
    let rounds = streams(100_000)
        .map(|id| [request(id, "/delay/60000"), frame(RST_STREAM, 0, id, &cancel)].concat());
    // Many to a write, so that the server sees both at once.
    let rounds: Vec<_> = rounds.collect();
    let (_, said) = flood(rounds.chunks(500).map(<[_]>::concat)).await;
    had_enough_before(4000, &said);
}

/// Reads until so many requests are answered or refused. How many were answered.
async fn answered(raw: &mut Raw, requests: usize) -> usize {
    let (mut answered, mut refused) = (0, 0);
    while answered + refused < requests {
        let frame = raw.frame().await.expect("the connection goes on");
        match frame.kind {
            HEADERS => answered += 1,
            RST_STREAM => {
                assert_eq!(frame.reason(), REFUSED_STREAM);
                refused += 1;
            }
            _ => {}
        }
    }
    answered
}

// RFC 9113 5.1.2
#[tokio::test(start_paused = true)]
async fn requests_beyond_the_limit_are_refused_and_the_others_answered() {
    let limits = Http2Limits { streams: 20, ..Http2Limits::default() };
    let (stream, _server) = plain(Config { http2: limits, ..Config::default() });
    let mut raw = Raw::begin(stream).await;
    for id in streams(50) {
        raw.send(&request(id, "/delay/1000")).await;
    }
    assert_eq!(answered(&mut raw, 50).await, 20);
    raw.send(&request(1001, "/hello")).await;
    assert_eq!(raw.next(HEADERS).await.stream, 1001);
}

// RFC 9113 10.5
#[tokio::test(start_paused = true)]
async fn where_requests_take_too_much_each_connection_has_a_few() {
    // By number, and by what waits of their answers: a window is 65,535 octets, and the first answer has it all.
    for (path, most, expected) in
        [("/delay/1000", 0, 8), ("/delay/1000", 40 << 10, 10), ("/bytes/200000", 400 << 10, 8)]
    {
        let limits = Http2Limits { requests_octets: most, ..Http2Limits::default() };
        let (stream, _server) = plain(Config { http2: limits, ..Config::default() });
        let mut raw = Raw::begin(stream).await;
        for id in streams(50) {
            raw.send(&request(id, path)).await;
            sleep(Duration::from_millis(1)).await;
        }
        assert_eq!(answered(&mut raw, 50).await, expected, "{path}, {most}");
        if path == "/delay/1000" {
            raw.send(&request(1001, "/hello")).await;
            assert_eq!(raw.next(HEADERS).await.stream, 1001, "when they have gone it goes on");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn streams_that_we_have_to_reset_again_and_again_end_the_connection() {
    // More data than was announced, on stream after stream.
    let rounds = streams(100_000).map(|id| {
        let mut block = get("/echo");
        block[0] = 0x83;
        // content-length: 1
        block.extend([0x0f, 0x0d, 1, b'1']);
        [frame(HEADERS, END_HEADERS, id, &block), frame(0, END_STREAM, id, b"xyz")].concat()
    });
    let rounds: Vec<_> = rounds.collect();
    let (_, said) = flood(rounds.chunks(100).map(<[_]>::concat)).await;
    had_enough_before(4000, &said);
}

// RFC 9113 10.5.1
#[tokio::test(start_paused = true)]
async fn a_head_that_is_too_long_is_answered_and_one_without_end_is_not_read() {
    let (stream, _server) = plain(Config::default());
    let mut raw = Raw::begin(stream).await;
    let mut block = get("/hello");
    for n in 0..12 {
        // A field that is not put into the table: n-x: 2000 octets.
        block.extend([0x00, 3, b'a' + n, b'-', b'x', 0x7f, 0xd1, 0x0e]);
        block.extend([b'y'; 2000]);
    }
    let (first, second) = block.split_at(16_000);
    raw.send(&frame(HEADERS, END_STREAM, 1, first)).await;
    raw.send(&frame(CONTINUATION, END_HEADERS, 1, second)).await;
    let head = raw.next(HEADERS).await;
    // ":status: 431", in the code of RFC 7541.
    assert_eq!(head.payload, [0x48, 0x83, 0x69, 0x90, 0xff]);

    let junk = [&[0x00, 1, b'a', 0x7f, 0xd1, 0x0e][..], &[b'y'; 2000]].concat();
    let begin = frame(HEADERS, END_STREAM, 1, &get("/hello"));
    let flood_of = std::iter::once(begin)
        .chain(std::iter::repeat_with(|| frame(CONTINUATION, 0, 1, &junk)).take(10_000));
    let (sent, said) = flood(flood_of).await;
    let at = said.iter().position(|frame| frame.kind == GOAWAY);
    assert!(at.is_some_and(|at| said[at].reason() == ENHANCE_YOUR_CALM), "{said:?} after {sent}");
}
