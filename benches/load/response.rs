//! As much HTTP as the load needs: requests as text, and where a response ends.

use std::io;

/// The request for `path`; the connection stays open, or not.
pub(crate) fn request(path: &str, keeps: bool) -> Vec<u8> {
    let close = if keeps { "" } else { "Connection: close\r\n" };
    format!("GET {path} HTTP/1.1\r\nHost: 192.0.2.2\r\n{close}\r\n").into_bytes()
}

/// Octets of the head at the begin of `octets`, and of the body after it; `None` while the head is not
/// there in full.
pub(crate) fn lengths(octets: &[u8]) -> io::Result<Option<(usize, u64)>> {
    let Some(end) = octets.windows(4).position(|word| word == b"\r\n\r\n") else {
        return Ok(None);
    };
    let head = String::from_utf8_lossy(&octets[..end]);
    let mut lines = head.split("\r\n");
    let status = lines.next().unwrap_or_default();
    if !status.starts_with("HTTP/1.1 200") {
        return Err(io::Error::other(format!("the answer is {status:?}")));
    }
    let length = lines.find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse().ok())?
    });
    let length = length.ok_or_else(|| io::Error::other("the answer has no Content-Length"))?;
    Ok(Some((end + 4, length)))
}
