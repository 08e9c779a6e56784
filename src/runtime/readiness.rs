//! Looking before one reads or writes, as tokio has it.

use std::future::poll_fn;
use std::io;

use tokio::io::ReadBuf;

use super::net::Interest;
use super::stream::TcpStream;
use crate::tcp::Received;

/// One task at a time waits to read, and one to write: the last that asked is woken.
impl TcpStream {
    /// Waits until there is something to read: data, the end, or an error. Cancel safe.
    ///
    /// # Errors
    ///
    /// The stack has stopped.
    pub async fn readable(&self) -> io::Result<()> {
        poll_fn(|cx| self.poll_call(cx, Interest::Read, |_, _| Ok(Some(())))).await
    }

    /// Waits until there is room to write, or an error. Cancel safe.
    ///
    /// # Errors
    ///
    /// The stack has stopped.
    pub async fn writable(&self) -> io::Result<()> {
        poll_fn(|cx| self.poll_call(cx, Interest::Write, |_, _| Ok(Some(())))).await
    }

    /// Reads what there is, without waiting; 0 at the end of the stream.
    ///
    /// # Errors
    ///
    /// [`io::ErrorKind::WouldBlock`] when there is nothing yet; else as reading.
    pub fn try_read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut buffer = ReadBuf::new(buffer);
        let read = self.net.call(|shard, now| self.read_now(shard, now, &mut buffer))?;
        read.map(|()| buffer.filled().len()).ok_or_else(|| io::ErrorKind::WouldBlock.into())
    }

    /// Writes as much of `data` as there is room for, without waiting.
    ///
    /// # Errors
    ///
    /// [`io::ErrorKind::WouldBlock`] when there is no room; else as writing.
    pub fn try_write(&self, data: &[u8]) -> io::Result<usize> {
        let written =
            self.net.call(|shard, now| Ok(shard.engine.send(self.handle, data, now)?))?;
        if written == 0 && !data.is_empty() {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        Ok(written)
    }

    /// Waits for something to read and copies it into `buffer`, and leaves it to be read. Says how much
    /// there was; 0 at the end of the stream. Cancel safe.
    ///
    /// # Errors
    ///
    /// As reading.
    pub async fn peek(&self, buffer: &mut [u8]) -> io::Result<usize> {
        poll_fn(|cx| {
            self.poll_call(cx, Interest::Read, |shard, now| {
                let seen = shard.engine.peek(self.handle, buffer.len());
                if !seen.is_empty() || buffer.is_empty() {
                    buffer[..seen.len()].copy_from_slice(&seen);
                    return Ok(Some(seen.len()));
                }
                // No data: nothing is taken by asking for it, but why there is none is told.
                Ok(match shard.engine.receive_bytes(self.handle, buffer.len(), now)? {
                    Received::Data(_) | Received::Pending => None,
                    Received::Finished => Some(0),
                })
            })
        })
        .await
    }
}
