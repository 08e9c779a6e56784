//! Buffers for what applications write: used again, so that a steady flow asks the system for nothing.

use bytes::{Bytes, BytesMut};

/// How much room a chunk has: what one large write of the device can carry.
pub(super) const CHUNK: usize = 64 * 1024;
/// No more than this are kept for later: 4 MiB.
const MOST_SPARE: usize = 64;

/// The spare chunks of a stack, shared by its connections.
#[derive(Debug, Default)]
pub struct Chunks {
    spare: Vec<BytesMut>,
}

impl Chunks {
    /// None yet.
    #[must_use]
    pub const fn new() -> Self {
        Chunks { spare: Vec::new() }
    }

    /// An empty buffer for a write of `octets`. A short write gets a short buffer: idle connections
    /// hold no whole chunk.
    pub(super) fn take(&mut self, octets: usize) -> BytesMut {
        if octets < CHUNK / 2 {
            return BytesMut::with_capacity(octets.max(1024));
        }
        self.spare.pop().unwrap_or_else(|| BytesMut::with_capacity(CHUNK))
    }

    /// Takes back what nobody needs any more, if it is the last of a chunk.
    pub(super) fn give(&mut self, data: Bytes) {
        if self.spare.len() < MOST_SPARE
            && let Ok(chunk) = data.try_into_mut()
        {
            self.keep(chunk);
        }
    }

    /// Takes back the room that was not used.
    pub(super) fn keep(&mut self, mut chunk: BytesMut) {
        chunk.clear();
        if self.spare.len() < MOST_SPARE && chunk.try_reclaim(CHUNK) {
            self.spare.push(chunk);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chunk_comes_again_once_its_last_piece_is_back() {
        let mut chunks = Chunks::new();
        let mut chunk = chunks.take(CHUNK);
        let place = chunk.as_ptr();
        chunk.extend_from_slice(&[1; 1000]);
        let first = chunk.split().freeze();
        chunk.extend_from_slice(&[2; 500]);
        let second = chunk.split().freeze();
        chunks.give(first);
        chunks.keep(chunk);
        assert!(chunks.spare.is_empty(), "a piece is still out");
        chunks.give(second);
        let again = chunks.take(CHUNK);
        assert_eq!((again.as_ptr(), again.len()), (place, 0));
        assert!(again.capacity() >= CHUNK);
    }

    #[test]
    fn what_is_not_a_chunk_or_too_much_is_not_kept() {
        let mut chunks = Chunks::new();
        chunks.give(Bytes::from_static(b"not ours"));
        chunks.give(Bytes::from(vec![1; 100]));
        assert!(chunks.spare.is_empty());
        (0..100).for_each(|_| chunks.keep(BytesMut::with_capacity(CHUNK)));
        assert_eq!(chunks.spare.len(), MOST_SPARE);
    }
}
