//! What can be set on a connection, and asked of it, at any time.

use std::io;
use std::sync::PoisonError;
use std::time::Duration;

use super::net::Interest;
use super::stream::TcpStream;
use crate::tcp::{Algorithm, Keepalive};

impl TcpStream {
    /// Turns Nagle's algorithm off (`true`) or on.
    ///
    /// # Errors
    ///
    /// The stack has stopped.
    pub fn set_nodelay(&self, nodelay: bool) -> io::Result<()> {
        self.net.call(|shard, now| {
            shard.engine.set_nodelay(self.handle, nodelay, now);
            Ok(())
        })
    }

    /// Whether Nagle's algorithm is off.
    ///
    /// # Errors
    ///
    /// The stack has stopped.
    pub fn nodelay(&self) -> io::Result<bool> {
        self.net.call(|shard, _| Ok(shard.engine.nodelay(self.handle)))
    }

    /// Turns keep-alive probes on or off (RFC 9293 3.8.4).
    ///
    /// # Errors
    ///
    /// The stack has stopped.
    pub fn set_keepalive(&self, keepalive: Option<Keepalive>) -> io::Result<()> {
        self.net.call(|shard, now| {
            shard.engine.set_keepalive(self.handle, keepalive, now);
            Ok(())
        })
    }

    /// Gives up when nothing is acknowledged for `timeout` (RFC 9293 3.9.1.1).
    ///
    /// # Errors
    ///
    /// The stack has stopped.
    pub fn set_user_timeout(&self, timeout: Option<Duration>) -> io::Result<()> {
        self.net.call(|shard, now| {
            shard.engine.set_user_timeout(self.handle, timeout, now);
            Ok(())
        })
    }

    /// Chooses how the congestion window moves from now on; it begins as on a new connection. An engine
    /// that has no choice does as it always does.
    ///
    /// # Errors
    ///
    /// The stack has stopped.
    pub fn set_congestion(&self, algorithm: Algorithm) -> io::Result<()> {
        self.net.call(|shard, now| {
            shard.engine.set_congestion(self.handle, algorithm, now);
            Ok(())
        })
    }

    /// What becomes of the connection when the stream is dropped. `None`, the default: it closes, and what
    /// was written still goes out. Zero: it is aborted with RST, and what was written is thrown away. Any
    /// longer is the same as the default, for a drop does not wait.
    ///
    /// # Errors
    ///
    /// None; the type is tokio's.
    pub fn set_linger(&self, linger: Option<Duration>) -> io::Result<()> {
        *self.linger.lock().unwrap_or_else(PoisonError::into_inner) = linger;
        Ok(())
    }

    /// [`TcpStream::set_linger`] to zero: dropping the stream aborts the connection.
    ///
    /// # Errors
    ///
    /// None; the type is tokio's.
    pub fn set_zero_linger(&self) -> io::Result<()> {
        self.set_linger(Some(Duration::ZERO))
    }

    /// What [`TcpStream::set_linger`] has set.
    ///
    /// # Errors
    ///
    /// None; the type is tokio's.
    pub fn linger(&self) -> io::Result<Option<Duration>> {
        Ok(*self.linger.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Urgent data (RFC 9293 3.8.5), for old protocols that need it: RFC 6093 asks new ones to do without. It
/// is read in its place among the rest.
impl TcpStream {
    /// Writes `data`, and points to its end: the peer learns that it is urgent. Not cancel safe: a part may
    /// have gone.
    ///
    /// # Errors
    ///
    /// As writing; [`io::ErrorKind::InvalidInput`] from an engine without urgent data, behind what was
    /// written.
    pub async fn send_urgent(&mut self, mut data: &[u8]) -> io::Result<()> {
        std::future::poll_fn(|cx| {
            self.poll_call(cx, Interest::Write, |shard, now| {
                let sent = shard.engine.send(self.handle, data, now)?;
                data = &data[sent..];
                if !data.is_empty() {
                    return Ok(None);
                }
                Ok(Some(shard.engine.mark_urgent(self.handle, now)?))
            })
        })
        .await
    }

    /// Whether the next octet to be read is the last of the peer's urgent data (`sockatmark`). A read ends
    /// there at the latest.
    ///
    /// # Errors
    ///
    /// The stack has stopped.
    pub fn is_at_mark(&self) -> io::Result<bool> {
        self.net.call(|shard, _| Ok(shard.engine.is_at_mark(self.handle)))
    }
}
