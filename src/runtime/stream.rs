//! A connection as tokio's users know it.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::{Buf, Bytes};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::net::{Interest, Net, Shard};
use super::socket::TcpSocket;
use super::split::{OwnedReadHalf, OwnedWriteHalf, ReadHalf, WriteHalf};
use crate::error::Error;
use crate::stack::{Handle, Summary};
use crate::tcp::{Received, State};
use crate::time::Instant;

/// A TCP connection. Names and meanings are those of `tokio::net::TcpStream`.
///
/// Dropping it closes, unless [`TcpStream::set_linger`] says otherwise: what was written still goes out, with
/// the FIN behind it. If data has arrived that
/// was not read, or arrives later, the peer gets a RST (RFC 9293 3.6.1), so a server reads to the end
/// before it drops.
#[derive(Debug)]
pub struct TcpStream {
    pub(super) net: Net,
    pub(super) handle: Handle,
    local: SocketAddr,
    remote: SocketAddr,
    /// What a drop does, if it does not simply close.
    pub(super) linger: Mutex<Option<Duration>>,
}

impl TcpStream {
    /// Connects to `remote` from an address and port of the stack's choice.
    ///
    /// # Errors
    ///
    /// The peer refuses, does not answer, or cannot be reached from this stack.
    pub async fn connect(net: &Net, remote: SocketAddr) -> io::Result<TcpStream> {
        TcpSocket::new(net).connect(remote).await
    }

    pub(super) fn new(net: Net, handle: Handle) -> io::Result<TcpStream> {
        let tuple = net.lock().engine.tuple(handle).ok_or(Error::ConnectionDoesNotExist)?;
        let linger = Mutex::new(None);
        Ok(TcpStream { net, handle, local: tuple.local, remote: tuple.remote, linger })
    }

    /// Waits until the handshake is over.
    pub(super) async fn established(&self) -> io::Result<()> {
        std::future::poll_fn(|cx| {
            self.poll_call(cx, Interest::Write, |shard, _| {
                match (shard.engine.state(self.handle), shard.engine.error(self.handle)) {
                    (State::Listen | State::SynSent | State::SynReceived, _) => Ok(None),
                    (State::Closed, Some(error)) => Err(error.into()),
                    (_, _) => Ok(Some(())),
                }
            })
        })
        .await
    }

    /// Our address and port.
    ///
    /// # Errors
    ///
    /// None; the type is tokio's.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.local)
    }

    /// The peer's address and port.
    ///
    /// # Errors
    ///
    /// None; the type is tokio's.
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.remote)
    }

    /// Everything there is to know of the connection (RFC 9293 3.10.6); `None` when the stack has
    /// stopped.
    #[must_use]
    pub fn status(&self) -> Option<Summary> {
        status(&self.net, self.handle)
    }

    /// A function that gives [`TcpStream::status`] also while others hold the stream; `None` once it was
    /// dropped.
    pub fn status_reader(&self) -> impl Fn() -> Option<Summary> + Send + Sync + use<> {
        let (net, handle) = (self.net.clone(), self.handle);
        move || status(&net, handle)
    }

    /// Puts `data` into the send queue without copying it, as soon as there is room. Not cancel safe
    /// on an engine that takes only what fits: a part may have gone.
    ///
    /// # Errors
    ///
    /// As writing.
    pub async fn send_bytes(&mut self, mut data: Bytes) -> io::Result<()> {
        std::future::poll_fn(|cx| self.poll_send_bytes(cx, &mut data)).await
    }

    /// [`TcpStream::send_bytes`] as a poll. What the queue has taken is gone from the front of `data`;
    /// it is ready when all of it has.
    ///
    /// # Errors
    ///
    /// As writing.
    pub fn poll_send_bytes(&self, cx: &mut Context<'_>, data: &mut Bytes) -> Poll<io::Result<()>> {
        if data.is_empty() {
            return Poll::Ready(Ok(()));
        }
        self.poll_call(cx, Interest::Write, |shard, now| {
            let sent = shard.engine.send_bytes(self.handle, data.clone(), now)?;
            data.advance(sent);
            Ok(data.is_empty().then_some(()))
        })
    }

    /// Takes up to `most` octets as they arrived, without copying; empty at the end of the stream.
    ///
    /// # Errors
    ///
    /// As reading.
    pub async fn recv_bytes(&mut self, most: usize) -> io::Result<Bytes> {
        std::future::poll_fn(|cx| self.poll_recv_bytes(cx, most)).await
    }

    /// [`TcpStream::recv_bytes`] as a poll.
    ///
    /// # Errors
    ///
    /// As reading.
    pub fn poll_recv_bytes(&self, cx: &mut Context<'_>, most: usize) -> Poll<io::Result<Bytes>> {
        self.poll_call(cx, Interest::Read, |shard, now| {
            Ok(match shard.engine.receive_bytes(self.handle, most, now)? {
                Received::Data(data) => Some(data),
                Received::Finished => Some(Bytes::new()),
                Received::Pending => None,
            })
        })
    }

    /// Ends the connection at once, with RST (RFC 9293 3.10.5).
    pub fn abort(self) {
        let _ = self.net.call(|shard, now| {
            shard.engine.abort(self.handle, now);
            Ok(())
        });
    }

    /// Splits into halves that borrow.
    pub fn split(&mut self) -> (ReadHalf<'_>, WriteHalf<'_>) {
        (ReadHalf(self), WriteHalf(self))
    }

    /// Splits into halves that can move to different tasks. Dropping the write half closes the sending
    /// side.
    #[must_use]
    pub fn into_split(self) -> (OwnedReadHalf, OwnedWriteHalf) {
        let stream = Arc::new(self);
        (OwnedReadHalf(Arc::clone(&stream)), OwnedWriteHalf::new(stream))
    }

    pub(super) fn poll_call<T>(
        &self,
        cx: &mut Context<'_>,
        interest: Interest,
        call: impl FnOnce(&mut Shard, Instant) -> io::Result<Option<T>>,
    ) -> Poll<io::Result<T>> {
        let cannot = |shard: &Shard| match interest {
            Interest::Read => !shard.engine.is_readable(self.handle),
            Interest::Write => !shard.engine.is_writable(self.handle),
        };
        let wait = |shard: &mut Shard, waker: &Waker| shard.wait(self.handle, interest, waker);
        self.net.poll_call(cx, cannot, wait, call)
    }

    pub(super) fn poll_read_shared(
        &self,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if buffer.remaining() == 0 {
            return Poll::Ready(Ok(()));
        }
        self.poll_call(cx, Interest::Read, |shard, now| self.read_now(shard, now, buffer))
    }

    /// Reads what there is; `None` when that is nothing yet.
    pub(super) fn read_now(
        &self,
        shard: &mut Shard,
        now: Instant,
        buffer: &mut ReadBuf<'_>,
    ) -> io::Result<Option<()>> {
        let before = buffer.remaining();
        while buffer.remaining() > 0 {
            match shard.engine.receive_bytes(self.handle, buffer.remaining(), now) {
                Ok(Received::Data(data)) => {
                    buffer.put_slice(&data);
                    // Short of the mark, or what there is.
                    let ends = shard.engine.is_at_mark(self.handle)
                        || !shard.engine.is_readable(self.handle);
                    if buffer.remaining() > 0 && ends {
                        return Ok(Some(()));
                    }
                }
                // What was read counts; the rest shows next time.
                _ if buffer.remaining() < before => return Ok(Some(())),
                Ok(Received::Finished) => return Ok(Some(())),
                Ok(Received::Pending) => return Ok(None),
                Err(error) => return Err(error.into()),
            }
        }
        Ok(Some(()))
    }

    pub(super) fn poll_write_shared(
        &self,
        cx: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if pieces.iter().all(|piece| piece.is_empty()) {
            return Poll::Ready(Ok(0));
        }
        self.poll_call(cx, Interest::Write, |shard, now| {
            if let Some(whole) = gathered(pieces, &mut shard.gathered) {
                let written = shard.engine.send(self.handle, whole, now)?;
                return Ok((written > 0).then_some(written));
            }
            let mut written = 0;
            for piece in pieces {
                match shard.engine.send(self.handle, piece, now) {
                    Ok(octets) => {
                        written += octets;
                        if octets < piece.len() {
                            break;
                        }
                    }
                    Err(_) if written > 0 => break,
                    Err(error) => return Err(error.into()),
                }
            }
            Ok((written > 0).then_some(written))
        })
    }

    /// CLOSE: queues the FIN behind the data.
    pub(super) fn shut_down(&self) -> io::Result<()> {
        self.net.call(|shard, now| {
            match (shard.engine.close(self.handle, now), shard.engine.error(self.handle)) {
                (Ok(()), _) => Ok(()),
                // Both sides have closed already.
                (Err(_), None) => Ok(()),
                (Err(error), Some(_)) => Err(error.into()),
            }
        })
    }
}

/// All of `pieces` in one, which is then one call of SEND: where they are short, a head and a small
/// body, copying costs less than a second call.
fn gathered<'a>(pieces: &[io::IoSlice<'_>], room: &'a mut Vec<u8>) -> Option<&'a [u8]> {
    const SHORT: usize = 2048;
    if pieces.len() < 2 || pieces.iter().map(|piece| piece.len()).sum::<usize>() > SHORT {
        return None;
    }
    room.clear();
    pieces.iter().for_each(|piece| room.extend_from_slice(piece));
    Some(room)
}

fn status(net: &Net, handle: Handle) -> Option<Summary> {
    net.call(|shard, now| Ok(shard.engine.status(handle, now))).ok().flatten()
}

impl AsyncRead for TcpStream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.poll_read_shared(cx, buffer)
    }
}

impl AsyncWrite for TcpStream {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        data: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.poll_write_shared(cx, &[io::IoSlice::new(data)])
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.poll_write_shared(cx, pieces)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    /// Nothing is held back here: what was written is the stack's to send.
    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(self.shut_down())
    }
}

impl Drop for TcpStream {
    fn drop(&mut self) {
        let aborts = self.linger.get_mut().is_ok_and(|linger| *linger == Some(Duration::ZERO));
        let _ = self.net.call(|shard, now| {
            shard.forget(self.handle);
            if aborts {
                shard.engine.abort(self.handle, now);
            }
            shard.engine.release(self.handle, now);
            Ok(())
        });
    }
}
