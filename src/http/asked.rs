//! What requests of HTTP/2 take in memory, on all connections of a server, with what waits of their answers. Of one
//! connection there may be many, and ten thousand connections with as many each would be too much.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use http::Request;

/// What a request takes beside its head and octets of its answer: the task that answers it above all.
const REQUEST: usize = 4 * 1024;

/// What a field takes beside its text.
const FIELD: usize = 128;

/// So many one connection may have, whatever the others take.
const FEW: usize = 8;

/// Of all connections of a server. Clones are of the same.
#[derive(Clone, Debug)]
pub(super) struct AllAsked {
    octets: Arc<AtomicUsize>,
    most: usize,
}

impl AllAsked {
    /// From so many octets on no connection gets more than a few requests under way.
    pub(super) fn new(most: usize) -> Self {
        AllAsked { octets: Arc::default(), most }
    }

    pub(super) fn of_a_connection(&self) -> OwnAsked {
        OwnAsked { all: self.clone(), requests: Arc::default() }
    }
}

/// Of one connection.
#[derive(Debug)]
pub(super) struct OwnAsked {
    all: AllAsked,
    requests: Arc<AtomicUsize>,
}

impl OwnAsked {
    /// One request more, with this head; `None` when that is too much.
    pub(super) fn one_more<B>(&self, request: &Request<B>) -> Option<Arc<Asked>> {
        let is_much = self.all.octets.load(Ordering::Relaxed) >= self.all.most;
        if is_much && self.requests.load(Ordering::Relaxed) >= FEW {
            return None;
        }
        self.requests.fetch_add(1, Ordering::Relaxed);
        let (octets, requests) = (Arc::clone(&self.all.octets), Arc::clone(&self.requests));
        let asked = Asked { octets, requests, itself: REQUEST + head(request) };
        asked.hold(asked.itself);
        Some(Arc::new(asked))
    }
}

fn head<B>(request: &Request<B>) -> usize {
    let target = request.uri().path_and_query().map_or(0, |target| target.as_str().len());
    let fields = request.headers().iter();
    fields.fold(target, |sum, (name, value)| sum + name.as_str().len() + value.len() + FIELD)
}

/// One request, until the last octet of its answer is on its way.
#[derive(Debug)]
pub(super) struct Asked {
    octets: Arc<AtomicUsize>,
    requests: Arc<AtomicUsize>,
    /// Without its answer.
    itself: usize,
}

impl Asked {
    /// So many octets of its answer wait for the peer.
    pub(super) fn hold(&self, octets: usize) {
        self.octets.fetch_add(octets, Ordering::Relaxed);
    }

    /// So many do not wait any more.
    pub(super) fn release(&self, octets: usize) {
        self.octets.fetch_sub(octets, Ordering::Relaxed);
    }
}

impl Drop for Asked {
    fn drop(&mut self) {
        self.release(self.itself);
        self.requests.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn as_many_as_can_be(own: &OwnAsked) -> Vec<Arc<Asked>> {
        std::iter::from_fn(|| own.one_more(&Request::new(()))).take(1000).collect()
    }

    /// How many there may be, where each takes as much as one without any fields.
    fn limit(requests: usize) -> AllAsked {
        AllAsked::new(requests * (REQUEST + "/".len()))
    }

    #[test]
    fn what_one_takes_leaves_a_few_to_the_others() {
        let all = limit(100);
        let (one, other) = (all.of_a_connection(), all.of_a_connection());
        let taken = as_many_as_can_be(&one);
        assert_eq!(taken.len(), 100);
        assert_eq!(as_many_as_can_be(&other).len(), FEW);
        drop(taken);
        assert_eq!(as_many_as_can_be(&other).len(), 100);
        assert_eq!(all.octets.load(Ordering::Relaxed), 0);
    }

    #[test]
    fn octets_of_answers_count() {
        let all = limit(100);
        let own = all.of_a_connection();
        let asked = own.one_more(&Request::new(())).unwrap();
        asked.hold(50 * asked.itself);
        assert_eq!(as_many_as_can_be(&own).len(), 49);
        asked.release(50 * asked.itself);
        assert_eq!(as_many_as_can_be(&own).len(), 99);
    }

    #[test]
    fn heads_count() {
        let own = limit(100).of_a_connection();
        let long = Request::get("/").header("x", "y".repeat(50 * REQUEST)).body(()).unwrap();
        let asked = own.one_more(&long);
        assert_eq!(as_many_as_can_be(&own).len(), 49);
        drop(asked);
        assert_eq!(as_many_as_can_be(&own).len(), 100);
    }
}
