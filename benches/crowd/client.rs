//! The client: opens connections, leaves them, and fetches a page on each.

use std::io::{self, ErrorKind};
use std::net::{IpAddr, SocketAddr};

use futures_util::{StreamExt, TryStreamExt, stream};
use glasstack::runtime::{Net, TcpSocket, TcpStream};
use tokio::io::AsyncWriteExt;

use super::side::Network;

/// Connections from one address: there are ports for some more.
const PER_ADDRESS: usize = 20_000;
/// Octets of the page.
const PAGE: usize = 1000;
const REQUEST: &[u8] = b"GET /bytes/1000 HTTP/1.1\r\nHost: 192.0.2.2\r\n\r\n";

/// The addresses of `network` that so many connections need.
pub(crate) fn addresses(network: Network, connections: usize) -> Vec<IpAddr> {
    let count = u8::try_from(connections.div_ceil(PER_ADDRESS)).expect("at most 50");
    (2..2 + count).map(|last| network.host(last)).collect()
}

/// Opens them, at most `at_once` at a time: more would only overflow the queues on the way, and then
/// wait for a second each.
pub(crate) async fn open(
    net: &Net,
    addrs: &[IpAddr],
    to: SocketAddr,
    connections: usize,
    at_once: usize,
) -> io::Result<Vec<TcpStream>> {
    let all = (0..connections).map(|number| {
        let mut socket = TcpSocket::new(net);
        socket.bind(SocketAddr::new(addrs[number % addrs.len()], 0));
        socket.connect(to)
    });
    let mut streams = Vec::with_capacity(connections);
    let mut opening = stream::iter(all).buffer_unordered(at_once);
    while let Some(stream) = opening.try_next().await? {
        streams.push(stream);
    }
    Ok(streams)
}

/// Fetches the page on each connection, at most `at_once` at a time; says how many came whole. All are
/// still open then.
pub(crate) async fn fetch_all(streams: &mut [TcpStream], at_once: usize) -> io::Result<usize> {
    let fetches = stream::iter(streams.iter_mut().map(fetch)).buffer_unordered(at_once);
    fetches.try_fold(0, |count, ()| async move { Ok(count + 1) }).await
}

/// Anything but the whole page is an error.
async fn fetch(stream: &mut TcpStream) -> io::Result<()> {
    stream.write_all(REQUEST).await?;
    let mut response = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&response);
        if let Some((head, body)) = text.split_once("\r\n\r\n")
            && body.len() >= PAGE
        {
            let is_whole = head.starts_with("HTTP/1.1 200 ") && body.len() == PAGE;
            let wrong = || io::Error::other(format!("this is not the page:\n{text}"));
            return is_whole.then_some(()).ok_or_else(wrong);
        }
        let piece = stream.recv_bytes(1 << 16).await?;
        if piece.is_empty() {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        response.extend_from_slice(&piece);
    }
}
