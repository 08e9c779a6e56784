//! The payload of a segment: slices of octets that are never copied inside the stack.

use bytes::{Bytes, BytesMut};
use smallvec::SmallVec;

/// Octets in one or more slices. A segment from the wire has one; a segment of ours has as many as
/// the writes it was made from, often two: a head and a body.
#[derive(Clone, Debug, Default)]
pub struct Payload {
    slices: SmallVec<[Bytes; 2]>,
    len: usize,
}

impl Payload {
    /// No octets.
    #[must_use]
    pub fn new() -> Self {
        Payload::default()
    }

    /// Adds a slice at the end. An empty one is not kept.
    pub fn push(&mut self, slice: Bytes) {
        if !slice.is_empty() {
            self.len += slice.len();
            self.slices.push(slice);
        }
    }

    /// Drops the first `octets`, or all there are.
    pub fn advance(&mut self, octets: usize) {
        let mut left = octets.min(self.len);
        self.len -= left;
        self.slices.retain_mut(|slice| {
            let cut = left.min(slice.len());
            left -= cut;
            *slice = slice.slice(cut..);
            !slice.is_empty()
        });
    }

    /// Keeps at most the first `octets`.
    pub fn truncate(&mut self, octets: usize) {
        let mut left = octets.min(self.len);
        self.len = left;
        self.slices.retain_mut(|slice| {
            let keep = left.min(slice.len());
            left -= keep;
            slice.truncate(keep);
            !slice.is_empty()
        });
    }

    /// Octets in all.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The slices in order, none of them empty.
    #[must_use]
    pub fn slices(&self) -> &[Bytes] {
        &self.slices
    }

    /// The slices themselves, in order, none of them empty.
    pub fn into_slices(self) -> impl Iterator<Item = Bytes> {
        self.slices.into_iter()
    }

    /// All octets in one slice; copies only when there are several.
    #[must_use]
    pub fn to_bytes(&self) -> Bytes {
        match self.slices.as_slice() {
            [] => Bytes::new(),
            [one] => one.clone(),
            many => {
                let mut whole = BytesMut::with_capacity(self.len);
                many.iter().for_each(|slice| whole.extend_from_slice(slice));
                whole.freeze()
            }
        }
    }
}

impl From<Bytes> for Payload {
    fn from(slice: Bytes) -> Self {
        let mut payload = Payload::new();
        payload.push(slice);
        payload
    }
}

/// Equal octets, however they are sliced.
impl PartialEq for Payload {
    fn eq(&self, other: &Self) -> bool {
        self.len == other.len && self.slices.iter().flatten().eq(other.slices.iter().flatten())
    }
}

impl Eq for Payload {}

#[cfg(test)]
mod tests {
    use super::*;

    fn three_slices() -> Payload {
        let mut payload = Payload::new();
        for slice in [&b"ab"[..], b"", b"cde", b"f"] {
            payload.push(Bytes::copy_from_slice(slice));
        }
        payload
    }

    #[test]
    fn cutting_either_end_goes_across_slices() {
        for from in 0..=7 {
            for keep in 0..=7 {
                let mut payload = three_slices();
                payload.advance(from);
                payload.truncate(keep);
                let whole = b"abcdef";
                let rest = &whole[from.min(6)..];
                assert_eq!(payload.to_bytes(), rest[..keep.min(rest.len())]);
                assert_eq!(payload.len(), payload.to_bytes().len());
                assert!(payload.slices().iter().all(|slice| !slice.is_empty()));
            }
        }
    }

    #[test]
    fn equality_is_of_octets() {
        assert_eq!(three_slices(), Payload::from(Bytes::from_static(b"abcdef")));
        assert_ne!(three_slices(), Payload::from(Bytes::from_static(b"abcdeF")));
    }
}
