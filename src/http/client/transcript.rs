//! The heads of requests and responses as they went over the connection, octet for octet. hyper reads
//! and writes them; here they are only looked at, as they pass.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::{fmt, io, mem};

/// A head longer than this is not shown, and interim responses that come to more end the connection.
const LONGEST: usize = 1 << 20;
/// So many interim responses may come before the response.
const MOST_INTERIM: usize = 1000;

/// Who said it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// We did.
    Request,
    /// The server did. Several may answer one request: the last has a status of 200 or more.
    Response,
}

/// Is told each head, with the empty line at its end. Cheap to clone.
///
/// It looks for heads from one call of [`Transcript::expect`] to the next: what follows a head is body.
/// Where it looks on, a server that sends interim responses (1xx) without end is cut off: after 1,000 of
/// them, or 1 MiB.
#[derive(Clone)]
pub struct Transcript(Arc<Shared>);

struct Shared {
    tell: Box<Tell>,
    /// Of requests expected until now.
    number: AtomicU64,
}

type Tell = dyn Fn(Side, &[u8]) + Send + Sync;

impl Transcript {
    /// One that calls `tell`.
    pub fn new(tell: impl Fn(Side, &[u8]) + Send + Sync + 'static) -> Self {
        Transcript(Arc::new(Shared { tell: Box::new(tell), number: AtomicU64::new(0) }))
    }

    /// The next octets to be sent are those of a request.
    pub fn expect(&self) {
        self.0.number.fetch_add(1, Ordering::Relaxed);
    }

    /// For one connection.
    pub(super) fn tap(&self) -> Tap {
        let done = || Head { text: Vec::new(), is_over: true };
        Tap {
            transcript: self.clone(),
            number: 0,
            request: done(),
            response: done(),
            interim: Interim::default(),
        }
    }
}

impl fmt::Debug for Transcript {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Transcript").finish_non_exhaustive()
    }
}

/// What passes on one connection.
#[derive(Debug)]
pub(super) struct Tap {
    transcript: Transcript,
    number: u64,
    request: Head,
    response: Head,
    interim: Interim,
}

/// What has come before the response that is waited for.
#[derive(Debug, Default)]
struct Interim {
    heads: usize,
    octets: usize,
}

#[derive(Debug, Default)]
struct Head {
    text: Vec<u8>,
    is_over: bool,
}

impl Tap {
    pub(super) fn sent(&mut self, octets: &[u8]) {
        let number = self.transcript.0.number.load(Ordering::Relaxed);
        if number != self.number && !octets.is_empty() {
            self.number = number;
            (self.request, self.response) = (Head::default(), Head::default());
            self.interim = Interim::default();
        }
        if let Some((head, _)) = self.request.take(octets) {
            (self.transcript.0.tell)(Side::Request, &head);
        }
    }

    /// Fails when it has been nothing but interim responses for too long: whoever parses them would wait
    /// for the last one for ever.
    pub(super) fn received(&mut self, mut octets: &[u8]) -> io::Result<()> {
        while let Some((head, rest)) = self.response.take(octets) {
            (self.transcript.0.tell)(Side::Response, &head);
            if is_interim(&head) {
                self.response = Head::default();
                self.interim.add(head.len())?;
            }
            octets = rest;
        }
        Ok(())
    }
}

impl Interim {
    fn add(&mut self, octets: usize) -> io::Result<()> {
        self.heads += 1;
        self.octets += octets;
        if self.heads <= MOST_INTERIM && self.octets <= LONGEST {
            return Ok(());
        }
        let (heads, octets) = (self.heads, self.octets);
        let why = format!("{heads} interim responses of {octets} octets, and no response");
        Err(io::Error::new(io::ErrorKind::InvalidData, why))
    }
}

impl Head {
    /// The whole head, when `octets` have its end, and what is behind it. Lines may end without CR, and
    /// empty lines may come before it (RFC 9112, section 2.2).
    fn take<'a>(&mut self, octets: &'a [u8]) -> Option<(Vec<u8>, &'a [u8])> {
        if self.is_over {
            return None;
        }
        for (place, octet) in octets.iter().enumerate() {
            if self.text.is_empty() && matches!(octet, b'\r' | b'\n') {
                continue;
            }
            self.text.push(*octet);
            if self.text.ends_with(b"\n\r\n") || self.text.ends_with(b"\n\n") {
                self.is_over = true;
                return Some((mem::take(&mut self.text), &octets[place + 1..]));
            }
        }
        if self.text.len() > LONGEST {
            *self = Head { text: Vec::new(), is_over: true };
        }
        None
    }
}

/// Whether another head follows this one: 1xx, but 101.
fn is_interim(head: &[u8]) -> bool {
    let status = head.split(|octet| *octet == b' ').nth(1).unwrap_or_default();
    status.starts_with(b"1") && !status.starts_with(b"101")
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    #[test]
    fn heads_are_told_and_bodies_are_not() {
        let told = Arc::new(Mutex::new(Vec::new()));
        let into = Arc::clone(&told);
        let transcript = Transcript::new(move |side, head| {
            into.lock().unwrap().push((side, String::from_utf8_lossy(head).into_owned()));
        });
        let mut tap = transcript.tap();
        tap.received(b"HTTP/1.1 408 Too early\r\n\r\n").unwrap();
        transcript.expect();
        tap.sent(b"POST / HTTP/1.1\r\nHost: a\r\n\r");
        tap.sent(b"\nGET /body HTTP/1.1\r\n\r\n");
        tap.received(
            b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Hints\r\nLink: x\r\n\r\nHTTP/1.1 2",
        )
        .unwrap();
        tap.sent(b"more\r\n\r\n");
        tap.received(b"00 OK\r\n\r\nthe body\r\n\r\n").unwrap();
        tap.received(b"HTTP/1.1 500 No\r\n\r\n").unwrap();
        transcript.expect();
        tap.sent(b"GET /2 HTTP/1.1\r\n\r\n");
        tap.received(b"HTTP/1.0 204 Bare\n\n").unwrap();
        let told = told.lock().unwrap();
        let lines: Vec<_> = told.iter().map(|(_, head)| head.lines().next().unwrap()).collect();
        assert_eq!(
            lines,
            [
                "POST / HTTP/1.1",
                "HTTP/1.1 100 Continue",
                "HTTP/1.1 103 Hints",
                "HTTP/1.1 200 OK",
                "GET /2 HTTP/1.1",
                "HTTP/1.0 204 Bare",
            ]
        );
        assert_eq!(told[0].1, "POST / HTTP/1.1\r\nHost: a\r\n\r\n");
        assert_eq!(told[0].0, Side::Request);
        assert_eq!(told[1].0, Side::Response);
    }

    /// RFC 9112 2.2: as hyper reads them, so that no body is taken for a head.
    #[test]
    fn heads_end_however_their_lines_do_and_empty_lines_come_before_them() {
        for head in ["HTTP/1.1 200 OK\r\nX: y\n\r\n", "HTTP/1.1 200 OK\nX: y\r\n\n"] {
            let told = Arc::new(Mutex::new(Vec::new()));
            let into = Arc::clone(&told);
            let transcript =
                Transcript::new(move |_, head| into.lock().unwrap().push(head.to_vec()));
            let mut tap = transcript.tap();
            transcript.expect();
            tap.sent(b"GET / HTTP/1.1\r\n\r\n");
            tap.received(b"\r\n\n\r\n").unwrap();
            tap.received(format!("{head}the body\r\n\r\n").as_bytes()).unwrap();
            assert_eq!(told.lock().unwrap()[1..], [head.as_bytes()]);
        }
    }

    #[test]
    fn interim_responses_do_not_go_on_for_ever() {
        let transcript = Transcript::new(|_, _| {});
        let mut tap = transcript.tap();
        let long = format!("HTTP/1.1 103 Hints\r\nLink: {}\r\n\r\n", "x".repeat(LONGEST / 4));
        for (interim, most) in [("HTTP/1.1 102 Wait\r\n\r\n", MOST_INTERIM), (&long, 3)] {
            // Each request has its own.
            for _ in 0..2 {
                transcript.expect();
                tap.sent(b"GET / HTTP/1.1\r\n\r\n");
                tap.received(interim.repeat(most).as_bytes()).unwrap();
            }
            let error = tap.received(interim.as_bytes()).unwrap_err();
            assert!(error.to_string().ends_with("octets, and no response"), "{error}");
        }
    }

    #[test]
    fn a_head_without_end_is_not_kept() {
        let transcript = Transcript::new(|_, _| panic!("it has no end"));
        let mut tap = transcript.tap();
        transcript.expect();
        tap.sent(b"GET");
        for _ in 0..2 {
            tap.received(&vec![b'x'; LONGEST]).unwrap();
        }
        assert!(tap.response.is_over);
        assert_eq!(tap.response.text.capacity(), 0);
    }
}
