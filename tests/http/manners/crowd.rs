//! Many that take nothing of what they asked for.

use std::convert::Infallible;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::routing::get;
use bytes::Bytes;
use futures_util::stream;
use glasstack::http::{Config, Listener, Plain, serve};
use glasstack::serving::{Limits, stop};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::sync::mpsc;
use tokio::time::sleep;

const PIECE: &[u8] = &[b'x'; 16 * 1024];
const PIECES: usize = 1_000;
/// What may be with hyper before it is steered.
const MUCH: usize = 64 << 20;
const CROWD: usize = 3_000;

struct Many(mpsc::UnboundedReceiver<Plain<DuplexStream>>);

impl Listener for Many {
    type Connection = Plain<DuplexStream>;

    fn poll_accept(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Self::Connection>> {
        match ready!(self.0.poll_recv(cx)) {
            Some(connection) => Poll::Ready(Ok(connection)),
            None => Poll::Pending,
        }
    }
}

/// An answer of many pieces, of each of which `given` knows.
fn answer(given: Arc<AtomicUsize>) -> Body {
    Body::from_stream(stream::iter((0..PIECES).map(move |_| {
        given.fetch_add(PIECE.len(), Ordering::Relaxed);
        Ok::<_, Infallible>(Bytes::from_static(PIECE))
    })))
}

#[tokio::test(start_paused = true)]
async fn each_gets_a_piece_and_who_takes_his_gets_all() {
    let given = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&given);
    let router = Router::new().route("/", get(move || async move { answer(counted) }));
    let (connections, listener) = mpsc::unbounded_channel();
    let (_stopper, stop) = stop();
    let limits = Limits { connections: 2 * CROWD, ..Limits::default() };
    tokio::spawn(serve(Many(listener), router, Config { limits, ..Config::default() }, stop));
    let call = async || {
        let (mut theirs, ours) = duplex(1024);
        let addr = |port| SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        assert!(connections.send(Plain::new(ours, addr(80), addr(40_000))).is_ok());
        theirs.write_all(b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await.unwrap();
        theirs
    };
    let mut idle = Vec::new();
    for _ in 0..CROWD {
        idle.push(call().await);
    }
    // Time passes when nobody has anything to do.
    sleep(Duration::from_millis(1)).await;
    let most = MUCH + (CROWD + 1) * PIECE.len();
    let given = given.load(Ordering::Relaxed);
    assert!((MUCH..=most).contains(&given), "{given} of at most {most} octets");
    let mut all = Vec::new();
    call().await.read_to_end(&mut all).await.unwrap();
    let text = String::from_utf8(all).unwrap();
    assert_eq!(text.matches('x').count(), PIECES * PIECE.len());
    assert!(text.ends_with("0\r\n\r\n"), "it is whole");
}
