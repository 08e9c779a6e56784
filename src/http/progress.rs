//! How far the conversation on a connection is: what the stream, the timer and the exchange of one
//! HTTP/1 connection tell each other past hyper, which stands between them.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard};

use super::bounds::Bounds;
use super::heard::Heard;

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
    /// More room is taken for it than is kept.
    heard_much: AtomicBool,
    bounds: Bounds,
}

impl Progress {
    pub(super) fn new(bounds: &Bounds) -> Self {
        Progress {
            requests: AtomicU64::new(0),
            responses: AtomicU64::new(0),
            head_begun: AtomicBool::new(false),
            ends_with_our_fin: AtomicBool::new(false),
            heard: Mutex::new(Heard::new(bounds.head_octets)),
            heard_much: AtomicBool::new(false),
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
            let mut heard = self.heard();
            heard.on_octets(octets, requests);
            if heard.is_large() {
                self.heard_much.store(true, Ordering::Relaxed);
            }
        }
    }

    /// All that has come has been read, and more is wanted.
    pub(super) fn on_nothing(&self) {
        let requests = self.requests();
        if self.heard_much.load(Ordering::Relaxed)
            && requests == self.responses.load(Ordering::Relaxed)
        {
            let mut heard = self.heard();
            heard.on_nothing(requests);
            self.heard_much.store(heard.is_large(), Ordering::Relaxed);
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

    /// Whether the next head with a coding, which has this method, names the length of its body twice.
    pub(super) fn heard_two_lengths(&self, method: &str) -> bool {
        self.heard().two_lengths(method)
    }

    fn heard(&self) -> MutexGuard<'_, Heard> {
        self.heard.lock().expect("nothing under this lock panics")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TWO: &[u8] = b"POST / HTTP/1.1\r\nhost: x\r\nTransfer-Encoding: chunked\r\n\
                         content-LENGTH: 5\r\n\r\n";

    #[test]
    fn a_head_in_pieces_is_heard_whole_and_the_ones_before_it_are_forgotten() {
        let progress = Progress::new(&Bounds::default());
        progress.on_octets(b"GET / HTTP/1.1\r\nhost: x\r\n\r\nPOST / HTT");
        progress.on_request();
        progress.on_response(false);
        progress.on_octets(&TWO[10..40]);
        progress.on_octets(&TWO[40..]);
        assert!(progress.heard_two_lengths("POST"));
        assert!(!progress.heard_two_lengths("POST"), "there is one of them");
        progress.on_request();
        progress.on_octets(TWO);
        assert!(!progress.heard_two_lengths("POST"), "a body is not kept");
    }
}
