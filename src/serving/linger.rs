//! Closing so that the peer gets all of our reply.
//!
//! A connection that is dropped while octets of the peer wait unread ends with RST (RFC 9293
//! 3.6.1), and a RST that overtakes the reply in the peer's program destroys it: a client that is
//! still uploading gets "connection reset" in place of the reason why. So we send our FIN first and
//! go on reading, to throw away what still comes, until the peer closes too or has had its time.

use std::future::Future;
use std::io;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::timeout;

/// How long to go on reading after our FIN.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Linger {
    /// A peer that sends nothing for so long is not waited for. The default is 2 s.
    pub quiet: Duration,
    /// The bound on the whole. The default is 30 s.
    pub total: Duration,
    /// The bound on what is thrown away, in octets. Many clients write all of their request before
    /// they read a word of the answer, so this is what can be uploaded to a responder that does not
    /// want it and the reply still be read. The default is 256 MiB.
    pub octets: u64,
}

impl Default for Linger {
    fn default() -> Self {
        Linger {
            quiet: Duration::from_secs(2),
            total: Duration::from_secs(30),
            octets: 256 * 1024 * 1024,
        }
    }
}

/// Closes our side and waits, within the bounds, until the peer has closed its own. The
/// connection is dropped at the end; only a peer that is out of bounds can get a RST from that.
pub async fn close<S: AsyncRead + AsyncWrite + Unpin>(mut stream: S, linger: &Linger) {
    finish(&mut stream, linger).await;
}

/// [`close`], and the connection is still there at the end.
pub async fn finish<S: AsyncRead + AsyncWrite + Unpin>(stream: &mut S, linger: &Linger) {
    let _ = timeout(linger.total, async {
        // A connection that cannot be shut down has been reset: nothing to wait for.
        stream.shutdown().await?;
        discard(stream, linger.quiet, linger.octets).await
    })
    .await;
}

/// Waits until the peer closes, for at most `patience`, and throws away up to `linger.octets` that
/// come before. Says whether the peer has closed.
pub async fn wait_for_close<S: AsyncRead + Unpin>(
    stream: &mut S,
    patience: Duration,
    linger: &Linger,
) -> bool {
    let discarded = timeout(patience, discard(stream, patience, linger.octets)).await;
    matches!(discarded, Ok(Ok(true)))
}

/// Reads until the end of the stream and says whether that came within the bounds.
async fn discard<S: AsyncRead + Unpin>(
    stream: &mut S,
    quiet: Duration,
    octets: u64,
) -> io::Result<bool> {
    // Most connections have nothing to throw away, and need not wait for zeros.
    let mut buf = Vec::with_capacity(16 * 1024);
    let mut left = octets;
    loop {
        buf.clear();
        match within(quiet, stream.read_buf(&mut buf)).await? {
            0 => return Ok(true),
            read if read as u64 > left => return Ok(false),
            read => left -= read as u64,
        }
    }
}

/// `io`, or [`io::ErrorKind::TimedOut`] when it takes longer than `limit`.
pub(crate) async fn within<T>(
    limit: Duration,
    io: impl Future<Output = io::Result<T>>,
) -> io::Result<T> {
    match timeout(limit, io).await {
        Ok(result) => result,
        Err(_) => Err(io::Error::new(io::ErrorKind::TimedOut, "the peer has been idle too long")),
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::duplex;
    use tokio::time::Instant;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_silent_peer_is_not_waited_for() {
        let (ours, _theirs) = duplex(64);
        let start = Instant::now();
        close(ours, &Linger::default()).await;
        assert_eq!(start.elapsed(), Duration::from_secs(2));
    }

    #[tokio::test(start_paused = true)]
    async fn a_peer_that_never_ends_is_left_when_the_time_is_up() {
        let (ours, mut theirs) = duplex(64);
        let dripping = tokio::spawn(async move {
            while theirs.write_all(b"x").await.is_ok() {
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
        });
        let start = Instant::now();
        close(ours, &Linger::default()).await;
        assert_eq!(start.elapsed(), Duration::from_secs(30));
        dripping.await.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn octets_are_bounded() {
        let (ours, mut theirs) = duplex(64);
        let flood = tokio::spawn(async move {
            let mut sent = 0;
            while theirs.write_all(&[0; 64]).await.is_ok() {
                sent += 64;
            }
            sent
        });
        close(ours, &Linger { octets: 1000, ..Linger::default() }).await;
        let sent = flood.await.unwrap();
        assert!((1000..2000).contains(&sent), "{sent} octets were taken");
    }

    #[tokio::test]
    async fn our_end_comes_before_the_wait() {
        let (ours, mut theirs) = duplex(64);
        let closing = tokio::spawn(async move { close(ours, &Linger::default()).await });
        assert_eq!(theirs.read(&mut [0; 8]).await.unwrap(), 0, "our FIN did not come");
        theirs.write_all(b"still uploading").await.unwrap();
        drop(theirs);
        closing.await.unwrap();
    }
}
