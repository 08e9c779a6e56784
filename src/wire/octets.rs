//! Octets as octets in what is serialized, and not as a list of numbers.

use bytes::Bytes;
use serde::{Deserialize, Deserializer, Serializer};

pub(crate) fn serialize<S: Serializer>(data: &Bytes, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_bytes(data)
}

pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Bytes, D::Error> {
    Vec::<u8>::deserialize(from).map(Bytes::from)
}
