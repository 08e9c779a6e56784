//! What is compressed while it is sent: so much of a file is read for a chunk, however little becomes of it.

use std::io::{self, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::body::Slice;
use super::codings::Coding;
use super::stock::CHUNK;
use crate::http::share::Share;

/// What is read at a time. Of a file full of zeros gigabytes would go into a chunk, and whoever asked for it may be
/// gone long before.
const INPUT: u64 = 4 * 1024 * 1024;

/// A file on its way into a coding.
pub(super) struct Made {
    from: Box<dyn Read + Send>,
    /// What may be read of the file for this chunk.
    left: Arc<AtomicU64>,
    /// To do so.
    _permit: Permit,
}

/// To compress something: a place among all, and one among those of its connection, where that may ask for more
/// at a time.
pub(super) struct Permit {
    _of_all: OwnedSemaphorePermit,
    _of_its_connection: Option<OwnedSemaphorePermit>,
}

impl Permit {
    /// One of `all`, if there is one.
    pub(super) fn try_get(all: &Arc<Semaphore>, share: Option<&Share>) -> Option<Permit> {
        let of_its_connection = match share {
            Some(share) => Some(share.place_to_make()?),
            None => None,
        };
        let of_all = Arc::clone(all).try_acquire_owned().ok()?;
        Some(Permit { _of_all: of_all, _of_its_connection: of_its_connection })
    }
}

impl Made {
    /// `slice`, of `len` octets, in this coding.
    pub(super) fn new(slice: Slice, len: u64, coding: Coding, permit: Permit) -> io::Result<Made> {
        let left = Arc::new(AtomicU64::new(0));
        let metered = Metered { slice, left: Arc::clone(&left) };
        Ok(Made { from: coding.encode(metered, len)?, left, _permit: permit })
    }

    /// The next chunk, which may be empty, and whether it is the last. Takes as long as the file system does.
    pub(super) fn chunk(&mut self) -> io::Result<(Vec<u8>, bool)> {
        self.left.store(INPUT, Ordering::Relaxed);
        let mut chunk = Vec::with_capacity(CHUNK);
        match self.from.by_ref().take(CHUNK as u64).read_to_end(&mut chunk) {
            Ok(_) => {
                let is_all = chunk.len() < CHUNK;
                Ok((chunk, is_all))
            }
            // The coders keep what they have, and go on from there.
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok((chunk, false)),
            Err(error) => Err(error),
        }
    }
}

/// Says that it would block when enough has been read.
struct Metered {
    slice: Slice,
    left: Arc<AtomicU64>,
}

impl Read for Metered {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let left = self.left.load(Ordering::Relaxed);
        if left == 0 {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let most = usize::try_from(left).map_or(buf.len(), |left| left.min(buf.len()));
        let read = self.slice.read(&mut buf[..most])?;
        self.left.store(left - read as u64, Ordering::Relaxed);
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::{env, fs, process};

    use super::*;
    use crate::http::outgoing::Outgoing;

    #[test]
    fn one_connection_has_a_few_of_the_places() {
        let all = Arc::new(Semaphore::new(6));
        let share = Share::new(&Outgoing::default());
        let mut permits: Vec<_> =
            (0..6).map_while(|_| Permit::try_get(&all, Some(&share))).collect();
        assert_eq!(permits.len(), 4);
        permits.extend((0..6).map_while(|_| Permit::try_get(&all, None)));
        assert_eq!(permits.len(), 6);
        permits.remove(0);
        assert!(Permit::try_get(&all, Some(&share)).is_some());
    }

    #[test]
    fn however_little_becomes_of_it_no_chunk_reads_on_and_on() {
        let path = env::temp_dir().join(format!("glasstack-made-{}", process::id()));
        let len = 5 * INPUT + 12_345;
        File::create(&path).unwrap().set_len(len).unwrap();
        for coding in [Coding::Zstd, Coding::Br, Coding::Gzip] {
            let file = Arc::new(File::open(&path).unwrap());
            let permit = Permit::try_get(&Arc::new(Semaphore::new(1)), None).unwrap();
            let mut made = Made::new(Slice::new(file, 0..len), len, coding, permit).unwrap();
            let (mut whole, mut chunks) = (Vec::new(), 0);
            loop {
                let (chunk, is_all) = made.chunk().unwrap();
                whole.extend(chunk);
                chunks += 1;
                if is_all {
                    break;
                }
            }
            assert!(chunks > 5, "{coding:?}: {chunks} chunks");
            let mut plain = Vec::new();
            match coding {
                Coding::Zstd => {
                    plain = zstd::decode_all(&whole[..]).unwrap();
                }
                Coding::Br => {
                    brotli::Decompressor::new(&whole[..], 4096).read_to_end(&mut plain).unwrap();
                }
                Coding::Gzip => {
                    flate2::read::GzDecoder::new(&whole[..]).read_to_end(&mut plain).unwrap();
                }
            }
            assert_eq!(plain.len() as u64, len, "{coding:?}");
            assert!(plain.iter().all(|octet| *octet == 0), "{coding:?}");
        }
        let _ = fs::remove_file(path);
    }
}
