//! How far the conversation on a connection is: what the stream, the timer and the exchange of one
//! HTTP/1 connection tell each other past hyper, which stands between them.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard};

use super::bounds::Bounds;

/// All of it belongs to one task: nothing here orders anything between threads.
#[derive(Debug)]
pub(super) struct Progress {
    /// Heads that came, whole.
    requests: AtomicU64,
    /// Responses that were handed to hyper.
    responses: AtomicU64,
    /// Octets have come since the last head was whole, and are no body as far as we know.
    head_begun: AtomicBool,
    /// The last response can only end with our FIN.
    ends_with_our_fin: AtomicBool,
    heard: Mutex<Heard>,
    bounds: Bounds,
}

/// The octets among which the head is that is being read.
#[derive(Debug, Default)]
struct Heard {
    octets: Vec<u8>,
    /// What `requests` was when they came.
    requests: u64,
    most: usize,
}

impl Progress {
    pub(super) fn new(bounds: &Bounds) -> Self {
        Progress {
            requests: AtomicU64::new(0),
            responses: AtomicU64::new(0),
            head_begun: AtomicBool::new(false),
            ends_with_our_fin: AtomicBool::new(false),
            heard: Mutex::new(Heard { most: bounds.head_octets, ..Heard::default() }),
            bounds: *bounds,
        }
    }

    /// A head has come. Returns the number of its request on this connection, from 1.
    pub(super) fn on_request(&self) -> u64 {
        self.head_begun.store(false, Ordering::Relaxed);
        self.requests.fetch_add(1, Ordering::Relaxed) + 1
    }

    pub(super) fn on_response(&self, ends_with_our_fin: bool) {
        self.responses.fetch_add(1, Ordering::Relaxed);
        self.ends_with_our_fin.store(ends_with_our_fin, Ordering::Relaxed);
    }

    /// What came last was the end of a body.
    pub(super) fn on_body_end(&self) {
        self.head_begun.store(false, Ordering::Relaxed);
    }

    /// Octets have come.
    pub(super) fn on_octets(&self, octets: &[u8]) {
        self.head_begun.store(true, Ordering::Relaxed);
        let requests = self.requests();
        // While a request is being answered these are its body, as a rule.
        if requests == self.responses.load(Ordering::Relaxed) {
            self.heard().on_octets(octets, requests);
        }
    }

    /// What its client may take.
    pub(super) const fn bounds(&self) -> &Bounds {
        &self.bounds
    }

    pub(super) fn requests(&self) -> u64 {
        self.requests.load(Ordering::Relaxed)
    }

    pub(super) fn head_has_begun(&self) -> bool {
        self.head_begun.load(Ordering::Relaxed)
    }

    pub(super) fn ends_with_our_fin(&self) -> bool {
        self.ends_with_our_fin.load(Ordering::Relaxed)
    }

    /// Whether a head with this method, among those that were heard last, names the length of its body
    /// twice, with Transfer-Encoding and with Content-Length. hyper hides the latter.
    pub(super) fn heard_two_lengths(&self, method: &str) -> bool {
        has_two_lengths(&self.heard().octets, method)
    }

    fn heard(&self) -> MutexGuard<'_, Heard> {
        self.heard.lock().expect("nothing under this lock panics")
    }
}

impl Heard {
    fn on_octets(&mut self, octets: &[u8], requests: u64) {
        if self.requests != requests {
            self.requests = requests;
            self.forget_whole_heads();
        }
        let room = self.most.saturating_sub(self.octets.len());
        self.octets.extend_from_slice(&octets[..octets.len().min(room)]);
    }

    fn forget_whole_heads(&mut self) {
        if self.octets.ends_with(b"\r\n\r\n") {
            self.octets.clear();
        } else if let Some(end) = self.octets.windows(4).rposition(|four| four == b"\r\n\r\n") {
            self.octets.drain(..end + 4);
        }
    }
}

/// Looks through text in which heads stand, perhaps with bodies between them.
fn has_two_lengths(text: &[u8], method: &str) -> bool {
    let is_field = |line: &[u8], name: &[u8]| {
        let found = line.get(..name.len());
        found.is_some_and(|found| found.eq_ignore_ascii_case(name))
    };
    let (mut in_head, mut has_length, mut has_coding) = (false, false, false);
    for line in text.split(|octet| *octet == b'\n') {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let rest = line.strip_prefix(method.as_bytes());
        if rest.is_some_and(|rest| rest.starts_with(b" ") && rest.ends_with(b" HTTP/1.1")) {
            (in_head, has_length, has_coding) = (true, false, false);
        }
        has_length |= is_field(line, b"content-length:");
        has_coding |= is_field(line, b"transfer-encoding:");
        if in_head && has_length && has_coding {
            return true;
        }
        in_head &= !line.is_empty();
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    const TWO: &[u8] = b"POST / HTTP/1.1\r\nhost: x\r\nTransfer-Encoding: chunked\r\n\
                         content-LENGTH: 5\r\n\r\n";

    #[test]
    fn two_lengths_are_found_in_a_head_and_nowhere_else() {
        assert!(has_two_lengths(TWO, "POST"));
        assert!(has_two_lengths(
            &TWO.iter().copied().filter(|o| *o != b'\r').collect::<Vec<_>>(),
            "POST"
        ));
        let apart = b"POST / HTTP/1.1\r\ncontent-length: 5\r\n\r\n12345\
                      POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n";
        assert!(!has_two_lengths(apart, "POST"));
        let in_the_body = b"POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n\
                            12\r\ncontent-length: 5\r\n\r\n";
        assert!(!has_two_lengths(in_the_body, "POST"));
    }

    #[test]
    fn a_head_in_pieces_is_heard_whole_and_the_ones_before_it_are_forgotten() {
        let progress = Progress::new(&Bounds::default());
        progress.on_octets(b"GET / HTTP/1.1\r\nhost: x\r\n\r\nPOST / HTT");
        progress.on_request();
        progress.on_response(false);
        progress.on_octets(&TWO[10..40]);
        assert!(!progress.heard_two_lengths("POST"));
        progress.on_octets(&TWO[40..]);
        assert!(progress.heard_two_lengths("POST"));
        assert_eq!(progress.heard().octets, TWO);
        progress.on_request();
        progress.on_octets(b"body");
        assert_eq!(progress.heard().octets, TWO, "a body is not kept");
    }

    #[test]
    fn what_is_kept_is_bounded() {
        let progress = Progress::new(&Bounds { head_octets: 100, ..Bounds::default() });
        for _ in 0..100 {
            progress.on_octets(&[b'x'; 7]);
        }
        assert_eq!(progress.heard().octets.len(), 100);
    }
}
