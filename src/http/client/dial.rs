//! Opening a connection to one of several addresses. Names are resolved elsewhere.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use tokio::time::sleep;

use super::connector::Step;
use crate::runtime::{Net, TcpSocket, TcpStream};
use crate::serving::{Connection, Plain};

/// How long an attempt is alone before the next address is tried as well (RFC 8305, section 5).
const HEAD_START: Duration = Duration::from_millis(250);

/// What opens connections.
pub trait Dial: Clone + Send + Sync + 'static {
    /// What it opens.
    type Stream: Connection;

    /// Opens a connection to `remote`. Dropping the future gives the attempt up.
    ///
    /// # Errors
    ///
    /// The peer refuses, does not answer, or cannot be reached.
    fn dial(&self, remote: SocketAddr) -> impl Future<Output = io::Result<Self::Stream>> + Send;
}

/// Our own TCP. Nagle's algorithm is off: a request is written whole.
impl Dial for Net {
    type Stream = TcpStream;

    async fn dial(&self, remote: SocketAddr) -> io::Result<TcpStream> {
        let mut socket = TcpSocket::new(self);
        socket.set_nodelay(true);
        socket.connect(remote).await
    }
}

/// The kernel's TCP, for comparison and for tests.
#[derive(Clone, Copy, Debug, Default)]
pub struct Kernel;

impl Dial for Kernel {
    type Stream = Plain<tokio::net::TcpStream>;

    async fn dial(&self, remote: SocketAddr) -> io::Result<Self::Stream> {
        let stream = tokio::net::TcpStream::connect(remote).await?;
        stream.set_nodelay(true)?;
        let local = stream.local_addr()?;
        Ok(Plain::new(stream, local, remote))
    }
}

/// The first connection that comes about: each address begins when the one before has failed, or has
/// had its head start. The other attempts are given up then. Without any, why each failed.
pub(super) async fn first_of<D: Dial>(
    dial: &D,
    addrs: &[SocketAddr],
    tell: &(dyn Fn(Step<'_>) + Send + Sync),
) -> Result<D::Stream, Vec<(SocketAddr, io::Error)>> {
    let mut waiting = in_turns(addrs).into_iter();
    let mut attempts = FuturesUnordered::new();
    let mut failures = Vec::new();
    loop {
        if let Some(remote) = waiting.next() {
            tell(Step::Trying(remote));
            attempts.push(async move { (remote, dial.dial(remote).await) });
        }
        tokio::select! {
            ended = attempts.next() => match ended {
                Some((_, Ok(stream))) => return Ok(stream),
                Some((remote, Err(error))) => {
                    tell(Step::Failed(remote, &error));
                    failures.push((remote, error));
                }
                None => return Err(failures),
            },
            () = sleep(HEAD_START), if waiting.len() > 0 => {}
        }
    }
}

/// The families by turns, that of the first address first (RFC 8305, section 4): when one of them leads
/// nowhere, the second attempt is of the other.
fn in_turns(addrs: &[SocketAddr]) -> Vec<SocketAddr> {
    let Some(first) = addrs.first() else { return Vec::new() };
    let (mut same, mut other): (Vec<_>, Vec<_>) =
        addrs.iter().copied().partition(|addr| addr.is_ipv4() == first.is_ipv4());
    same.reverse();
    other.reverse();
    let mut turns = Vec::with_capacity(addrs.len());
    while turns.len() < addrs.len() {
        turns.extend(same.pop());
        turns.extend(other.pop());
    }
    turns
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use tokio::io::DuplexStream;
    use tokio::time::Instant;

    use super::*;

    /// What becomes of attempts, by the last octet of the address.
    #[derive(Clone, Default)]
    struct Made(Arc<Mutex<Vec<SocketAddr>>>);

    const REFUSES: u16 = 1;
    const IS_SILENT: u16 = 2;

    impl Dial for Made {
        type Stream = Plain<DuplexStream>;

        async fn dial(&self, remote: SocketAddr) -> io::Result<Self::Stream> {
            self.0.lock().unwrap().push(remote);
            match remote.port() {
                REFUSES => Err(io::ErrorKind::ConnectionRefused.into()),
                IS_SILENT => std::future::pending().await,
                _ => Ok(Plain::new(tokio::io::duplex(1).0, remote, remote)),
            }
        }
    }

    fn addrs(texts: &[&str]) -> Vec<SocketAddr> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    /// RFC 8305: no family keeps the other waiting.
    #[test]
    fn families_take_turns() {
        let given = addrs(&["[2001:db8::1]:9", "[2001:db8::2]:9", "192.0.2.1:9", "192.0.2.2:9"]);
        let turns = addrs(&["[2001:db8::1]:9", "192.0.2.1:9", "[2001:db8::2]:9", "192.0.2.2:9"]);
        assert_eq!(in_turns(&given), turns);
        assert_eq!(in_turns(&given[2..]), given[2..]);
        assert_eq!(in_turns(&[]), []);
    }

    /// RFC 8305: what is refused is followed at once, what is silent after its head start.
    #[tokio::test(start_paused = true)]
    async fn the_next_address_is_tried_when_one_is_refused_or_silent() {
        let begun = Instant::now();
        let given = addrs(&["192.0.2.1:1", "192.0.2.1:2", "192.0.2.1:80", "192.0.2.1:81"]);
        let dial = Made::default();
        let stream = first_of(&dial, &given, &|_| {}).await.expect("the third one answers");
        assert_eq!(stream.peer_addr(), given[2]);
        assert_eq!(begun.elapsed(), HEAD_START);
        assert_eq!(*dial.0.lock().unwrap(), given[..3], "and the fourth is let be");
    }

    #[tokio::test(start_paused = true)]
    async fn each_failure_is_told() {
        let given = addrs(&["192.0.2.1:1", "[2001:db8::1]:1"]);
        let failures = first_of(&Made::default(), &given, &|_| {}).await.expect_err("refused");
        assert_eq!(failures.iter().map(|(addr, _)| *addr).collect::<Vec<_>>(), given);
        assert!(first_of(&Made::default(), &[], &|_| {}).await.is_err());
    }
}
