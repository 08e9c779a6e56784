//! Several parts of a representation as one body (RFC 9110 14.6, RFC 2046 5.1).

use std::fs::File;
use std::io;
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;

use super::body::{Slice, Source};

/// Parts of one file, ready to be sent.
pub(super) struct Multipart {
    pub(super) content_type: String,
    pub(super) len: u64,
    pub(super) source: Source,
}

impl Multipart {
    /// These parts of a file of `len` octets, which is of the type `media`.
    ///
    /// # Errors
    ///
    /// When the system has no random numbers: what stands between the parts must not occur in them, and
    /// whoever wrote the file must not have known it.
    pub(super) fn new(
        parts: &[Range<u64>],
        file: &Arc<File>,
        len: u64,
        media: &str,
    ) -> io::Result<Multipart> {
        let boundary = format!("{:016x}", getrandom::u64().map_err(io::Error::other)?);
        let mut pieces: Vec<(Bytes, Option<Slice>)> = Vec::new();
        let mut line_end = "";
        for part in parts {
            let range = content_range(part, len);
            let head = format!(
                "{line_end}--{boundary}\r\ncontent-type: {media}\r\ncontent-range: {range}\r\n\r\n"
            );
            pieces.push((head.into(), Some(Slice::new(Arc::clone(file), part.clone()))));
            line_end = "\r\n";
        }
        pieces.push((format!("\r\n--{boundary}--\r\n").into(), None));
        let between: u64 = pieces.iter().map(|(text, _)| text.len() as u64).sum();
        let within: u64 = parts.iter().map(|part| part.end - part.start).sum();
        pieces.reverse();
        Ok(Multipart {
            content_type: format!("multipart/byteranges; boundary={boundary}"),
            len: between + within,
            source: Source::Parts(pieces),
        })
    }
}

/// The place of a part, which is not empty, as `Content-Range` tells it.
pub(super) fn content_range(part: &Range<u64>, len: u64) -> String {
    format!("bytes {}-{}/{len}", part.start, part.end - 1)
}
