//! Bodies that are read in chunks, off the thread that moves packets.

use std::fs::File;
use std::io::{self, Read};
use std::mem;
use std::ops::Range;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Frame, SizeHint};
use rustix::buffer::spare_capacity;
use rustix::io::{Errno, pread};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::made::Made;
use super::refused::Refused;
use super::root::Refusal;
use super::stock::{CHUNK, Stock};
use super::work::{Job, Workers};
use crate::http::access_log::printable;

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
    /// What is made while it is sent.
    Made(Made),
}

/// A chunk, and where the next ones come from, if any do.
type Next = (Bytes, Option<Source>);

impl Source {
    /// The next chunk, of at most so many octets but for what is made. Takes as long as the file system does.
    fn next(self, most: usize, stock: &Stock) -> io::Result<Next> {
        let (chunk, rest) = match self {
            Source::Plain(mut slice) => {
                let chunk = slice.chunk(most)?;
                (chunk, (!slice.left.is_empty()).then_some(Source::Plain(slice)))
            }
            Source::Parts(mut parts) => {
                let mut chunk = Vec::new();
                while chunk.len() < most
                    && let Some((before, slice)) = parts.pop()
                {
                    chunk.extend_from_slice(&before);
                    let Some(mut slice) = slice else { continue };
                    chunk.extend(slice.chunk(most.saturating_sub(chunk.len()))?);
                    if !slice.left.is_empty() {
                        parts.push((Bytes::new(), Some(slice)));
                    }
                }
                (chunk, (!parts.is_empty()).then_some(Source::Parts(parts)))
            }
            Source::Made(mut made) => {
                let (chunk, is_all) = made.chunk()?;
                (chunk, (!is_all).then_some(Source::Made(made)))
            }
        };
        Ok((stock.counted(chunk), rest))
    }
}

/// What bodies are read with. Clones share all of it.
#[derive(Clone, Debug)]
pub(super) struct Means {
    pub(super) workers: Workers,
    /// Places for files that stay open while they are sent.
    pub(super) open: Arc<Semaphore>,
    pub(super) stock: Stock,
}

/// A body of chunks: while one is sent, the next is read, once it has been seen that they are taken.
pub(super) struct Chunks {
    state: State,
    /// The octets that are still to come, where that is known.
    left: Option<u64>,
    workers: Workers,
    stock: Stock,
    /// Goes with a file that is kept open.
    place: Option<OwnedSemaphorePermit>,
    /// For the log.
    name: String,
}

enum State {
    Ready(Next),
    /// The first chunk is all that was asked for until now: it may be all that is ever taken.
    Waiting(Source),
    Reading(Job<io::Result<Next>>),
    Over,
}

impl Chunks {
    /// Reads the first chunk of a body, whose length is `len` octets where that is known: of a short one it
    /// is found out. One that is longer keeps its file open, which takes one of the `places`.
    pub(super) fn begin(
        source: Source,
        len: Option<u64>,
        name: &str,
        means: &Means,
    ) -> Result<Chunks, Refused> {
        let place = || {
            let place = Arc::clone(&means.open).try_acquire_owned();
            place.map_err(|_| Refused::Root(Refusal::Busy))
        };
        let mut most = means.stock.chunk();
        // Where it is known that it takes one, before anything is read for nothing.
        let early = match len {
            Some(len) if len > CHUNK as u64 => Some(place()?),
            // What is that short does without where it has to, whatever is in memory.
            Some(len) if len > most as u64 => place().inspect_err(|_| most = CHUNK).ok(),
            Some(_) | None => None,
        };
        let first = source.next(most, &means.stock)?;
        let (len, place) = match (&first.1, early) {
            (None, _) => (Some(first.0.len() as u64), None),
            (Some(_), Some(place)) => (len, Some(place)),
            (Some(_), None) => (len, Some(place()?)),
        };
        let Means { workers, stock, .. } = means.clone();
        let (state, name) = (State::Ready(first), name.to_owned());
        Ok(Chunks { state, left: len, workers, stock, place, name })
    }

    /// The length of all, if it is known.
    pub(super) const fn len(&self) -> Option<u64> {
        self.left
    }

    fn reading(&self, source: Source) -> Job<io::Result<Next>> {
        let stock = self.stock.clone();
        self.workers.job(move || source.next(stock.chunk(), &stock))
    }

    fn hand_out(&mut self, (chunk, rest): Next, is_first: bool) -> Frame<Bytes> {
        if let Some(left) = &mut self.left {
            *left = left.saturating_sub(chunk.len() as u64);
        }
        self.state = match rest {
            Some(source) if is_first => State::Waiting(source),
            Some(source) => State::Reading(self.reading(source)),
            None => State::Over,
        };
        self.leave_if_over();
        Frame::data(chunk)
    }

    fn leave_if_over(&mut self) {
        if matches!(self.state, State::Over) {
            self.place = None;
        }
    }

    /// The next chunk, and whether it is the first.
    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<io::Result<(Next, bool)>>> {
        loop {
            let mut reading = match mem::replace(&mut self.state, State::Over) {
                State::Over => return Poll::Ready(None),
                State::Ready(next) if !next.0.is_empty() => {
                    return Poll::Ready(Some(Ok((next, true))));
                }
                State::Ready((_, None)) => return Poll::Ready(None),
                // What compresses has read as much as it may for a chunk, and has nothing to show for it.
                State::Ready((_, Some(source))) | State::Waiting(source) => self.reading(source),
                State::Reading(reading) => reading,
            };
            let Poll::Ready(read) = Pin::new(&mut reading).poll(cx) else {
                self.state = State::Reading(reading);
                return Poll::Pending;
            };
            match read.unwrap_or_else(|error| Err(io::Error::other(error))) {
                Ok((chunk, Some(source))) if chunk.is_empty() => {
                    self.state = State::Waiting(source);
                }
                Ok((chunk, None)) if chunk.is_empty() => return Poll::Ready(None),
                Ok(next) => return Poll::Ready(Some(Ok((next, false)))),
                Err(error) => return Poll::Ready(Some(Err(error))),
            }
        }
    }
}

impl http_body::Body for Chunks {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        let frame = match ready!(self.poll_next(cx)) {
            Some(Ok((next, is_first))) => Some(Ok(self.hand_out(next, is_first))),
            Some(Err(error)) => {
                log::warn!("{} is cut off: {error}", printable(&self.name));
                Some(Err(error))
            }
            None => None,
        };
        self.leave_if_over();
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        matches!(self.state, State::Over)
    }

    fn size_hint(&self) -> SizeHint {
        self.left.map_or_else(SizeHint::default, SizeHint::with_exact)
    }
}
