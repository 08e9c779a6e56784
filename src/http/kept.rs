//! Octets with something beside them that goes when they do: a place, a count.

use bytes::Bytes;

/// `octets`, with which `beside` is kept until nobody has any of them.
pub(super) fn with<T: Send + 'static>(octets: Bytes, beside: T) -> Bytes {
    Bytes::from_owner(Kept { octets, _beside: beside })
}

struct Kept<T> {
    octets: Bytes,
    _beside: T,
}

impl<T> AsRef<[u8]> for Kept<T> {
    fn as_ref(&self) -> &[u8] {
        &self.octets
    }
}
