//! What of files is in memory on its way to clients. Who takes an answer octet by octet keeps a chunk of it here: the
//! more of them there are, the less is read at a time.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;

use crate::http::kept;

/// What is read at a time while there is little in memory. A file up to this long is read at once where it cannot be
/// kept open.
pub(super) const CHUNK: usize = 128 * 1024;

/// The least: below it reading costs more than what is read.
const LEAST: usize = 16 * 1024;

/// With so many octets in memory half as much is read at a time, with twice as many a quarter.
pub(super) const PLENTY: usize = 64 << 20;

/// All chunks of a directory that is served. Clones are of the same.
#[derive(Clone, Debug, Default)]
pub(super) struct Stock(Arc<AtomicUsize>);

impl Stock {
    /// How much to read at a time now.
    pub(super) fn chunk(&self) -> usize {
        let (mut chunk, mut plenty) = (CHUNK, PLENTY);
        let there = self.0.load(Ordering::Relaxed);
        while there >= plenty && chunk > LEAST {
            (chunk, plenty) = (chunk / 2, plenty * 2);
        }
        chunk
    }

    /// `octets`, counted until nobody has any of them.
    pub(super) fn counted(&self, octets: Vec<u8>) -> Bytes {
        if octets.is_empty() {
            return Bytes::new();
        }
        // Whatever little stands in it, it is all there.
        let room = octets.capacity();
        self.0.fetch_add(room, Ordering::Relaxed);
        kept::with(octets.into(), Count { room, stock: self.clone() })
    }
}

struct Count {
    room: usize,
    stock: Stock,
}

impl Drop for Count {
    fn drop(&mut self) {
        self.stock.0.fetch_sub(self.room, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_more_there_is_the_less_is_read() {
        let stock = Stock::default();
        assert_eq!(stock.chunk(), CHUNK);
        let mut kept = Vec::new();
        for chunk in [64, 32, 16, 16, 16] {
            kept.push(stock.counted(vec![0; stock.0.load(Ordering::Relaxed).max(PLENTY)]));
            assert_eq!(stock.chunk(), chunk * 1024);
        }
        // A part is enough to keep all of it.
        let part = kept[0].slice(7..8);
        kept.clear();
        assert_eq!((stock.chunk(), part.len()), (CHUNK / 2, 1));
        drop(part);
        assert_eq!(stock.0.load(Ordering::Relaxed), 0);
    }
}
