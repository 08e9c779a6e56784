//! Bodies that are read in chunks, off the thread that moves packets.

use std::fs::File;
use std::io::{self, Read};
use std::mem;
use std::ops::Range;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Frame, SizeHint};
use rustix::buffer::spare_capacity;
use rustix::io::{Errno, pread};
use tokio::sync::OwnedSemaphorePermit;
use tokio::task::{JoinHandle, spawn_blocking};

/// What is read at a time.
const CHUNK: usize = 128 * 1024;

/// Some octets of a file.
#[derive(Debug)]
pub(super) struct Slice {
    file: Arc<File>,
    left: Range<u64>,
}

impl Slice {
    pub(super) const fn new(file: Arc<File>, octets: Range<u64>) -> Self {
        Slice { file, left: octets }
    }

    /// The next octets, at most so many. There are some until all have been read: a file that has become
    /// shorter is an error, for its length has been told already.
    fn chunk(&mut self, most: usize) -> io::Result<Vec<u8>> {
        let left = self.left.end - self.left.start;
        let most = usize::try_from(left).map_or(most, |left| left.min(most));
        let mut chunk = Vec::with_capacity(most);
        while chunk.len() < most {
            let at = self.left.start + chunk.len() as u64;
            match pread(&self.file, spare_capacity(&mut chunk), at) {
                // The vector may have got more room than was asked for.
                Ok(1..) => chunk.truncate(most),
                Ok(0) => return Err(became_shorter()),
                Err(Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
        self.left.start += chunk.len() as u64;
        Ok(chunk)
    }
}

/// For what compresses it.
impl Read for Slice {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let left = self.left.end - self.left.start;
        let most = usize::try_from(left).map_or(buf.len(), |left| left.min(buf.len()));
        if most == 0 {
            return Ok(0);
        }
        match pread(&self.file, &mut buf[..most], self.left.start)? {
            0 => Err(became_shorter()),
            read => {
                self.left.start += read as u64;
                Ok(read)
            }
        }
    }
}

fn became_shorter() -> io::Error {
    io::Error::new(io::ErrorKind::UnexpectedEof, "the file became shorter while it was sent")
}

/// Where a body comes from.
pub(super) enum Source {
    /// Octets of a file.
    Plain(Slice),
    /// Several of them, each with what goes before it; and what goes behind the last. The last comes first.
    Parts(Vec<(Bytes, Option<Slice>)>),
    /// What is made while it is sent, and the permit to do so.
    Made(Box<dyn Read + Send>, OwnedSemaphorePermit),
}

/// A chunk, and where the next ones come from, if any do.
type Next = (Bytes, Option<Source>);

impl Source {
    /// The next chunk. Takes as long as the file system does.
    pub(super) fn next(self) -> io::Result<Next> {
        match self {
            Source::Plain(mut slice) => {
                let chunk = slice.chunk(CHUNK)?;
                let rest = (!slice.left.is_empty()).then_some(Source::Plain(slice));
                Ok((chunk.into(), rest))
            }
            Source::Parts(mut parts) => {
                let Some((before, slice)) = parts.pop() else { return Ok((Bytes::new(), None)) };
                if !before.is_empty() {
                    parts.push((Bytes::new(), slice));
                    return Ok((before, Some(Source::Parts(parts))));
                }
                let Some(mut slice) = slice else { return Source::Parts(parts).next() };
                let chunk = slice.chunk(CHUNK)?;
                if !slice.left.is_empty() {
                    parts.push((Bytes::new(), Some(slice)));
                }
                Ok((chunk.into(), Some(Source::Parts(parts))))
            }
            Source::Made(mut from, permit) => {
                let mut chunk = Vec::with_capacity(CHUNK);
                from.by_ref().take(CHUNK as u64).read_to_end(&mut chunk)?;
                let is_all = chunk.len() < CHUNK;
                Ok((chunk.into(), (!is_all).then_some(Source::Made(from, permit))))
            }
        }
    }
}

/// A body of chunks: while one is sent, the next is read.
pub(super) struct Chunks {
    state: State,
    /// The octets that are still to come, where that is known.
    left: Option<u64>,
    /// For the log.
    name: String,
}

enum State {
    Ready(Next),
    Reading(JoinHandle<io::Result<Next>>),
    Over,
}

impl Chunks {
    /// Reads the first chunk of a body, whose length is `len` octets where that is known: of a short one it
    /// is found out.
    pub(super) fn begin(source: Source, len: Option<u64>, name: &str) -> io::Result<Chunks> {
        let first = source.next()?;
        let len = if first.1.is_none() { Some(first.0.len() as u64) } else { len };
        Ok(Chunks { state: State::Ready(first), left: len, name: name.to_owned() })
    }

    /// The length of all, if it is known.
    pub(super) const fn len(&self) -> Option<u64> {
        self.left
    }

    fn hand_out(&mut self, (chunk, rest): Next) -> Frame<Bytes> {
        if let Some(left) = &mut self.left {
            *left = left.saturating_sub(chunk.len() as u64);
        }
        self.state = match rest {
            Some(source) => State::Reading(spawn_blocking(|| source.next())),
            None => State::Over,
        };
        Frame::data(chunk)
    }
}

impl http_body::Body for Chunks {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        let read = match mem::replace(&mut self.state, State::Over) {
            State::Over => return Poll::Ready(None),
            State::Ready(next) => Ok(next),
            State::Reading(mut reading) => match Pin::new(&mut reading).poll(cx) {
                Poll::Pending => {
                    self.state = State::Reading(reading);
                    return Poll::Pending;
                }
                Poll::Ready(read) => read.unwrap_or_else(|error| Err(io::Error::other(error))),
            },
        };
        match read {
            Ok((chunk, None)) if chunk.is_empty() => Poll::Ready(None),
            Ok(next) => Poll::Ready(Some(Ok(self.hand_out(next)))),
            Err(error) => {
                log::warn!("{} is cut off: {error}", self.name);
                Poll::Ready(Some(Err(error)))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        matches!(self.state, State::Over)
    }

    fn size_hint(&self) -> SizeHint {
        self.left.map_or_else(SizeHint::default, SizeHint::with_exact)
    }
}
