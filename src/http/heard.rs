//! The text of the heads that come on a connection of HTTP/1, for what hyper does not tell of them.

/// What room is kept for it while nothing comes.
const KEPT: usize = 4 * 1024;

/// The octets among which the head is that is being read.
#[derive(Debug, Default)]
pub(super) struct Heard {
    octets: Vec<u8>,
    /// What of them has been looked through.
    seen: usize,
    /// How many requests there were when they came.
    requests: u64,
    most: usize,
}

impl Heard {
    /// Keeps so many octets at most.
    pub(super) fn new(most: usize) -> Self {
        Heard { most, ..Heard::default() }
    }

    /// Octets have come behind so many requests, all of which have been answered.
    pub(super) fn on_octets(&mut self, octets: &[u8], requests: u64) {
        if self.requests != requests {
            self.requests = requests;
            self.forget_whole_messages();
        }
        let room = self.most.saturating_sub(self.octets.len());
        self.octets.extend_from_slice(&octets[..octets.len().min(room)]);
    }

    /// Everything has been read that came, and answered. What is left is the beginning of a head.
    pub(super) fn on_nothing(&mut self, requests: u64) {
        if self.requests != requests {
            self.requests = requests;
            self.forget_whole_messages();
        }
        // A long head would only have to get its room again.
        if self.octets.len() <= KEPT {
            self.octets.shrink_to(KEPT);
        }
    }

    /// Whether the next head with a coding, which has this method, names the length of its body twice, with
    /// Transfer-Encoding and with Content-Length. hyper hides the latter. What stands before is looked
    /// through once.
    pub(super) fn two_lengths(&mut self, method: &str) -> bool {
        while let Some(head) = self.next_message() {
            if head.has_coding && head.method == method.len() {
                return head.has_length;
            }
        }
        self.seen = self.octets.len();
        false
    }

    /// There is more room than is kept while nothing comes.
    pub(super) fn is_large(&self) -> bool {
        self.octets.capacity() > KEPT
    }

    fn forget_whole_messages(&mut self) {
        if self.octets.ends_with(b"\r\n\r\n") {
            self.octets.clear();
        } else {
            while self.next_message().is_some() {}
            self.octets.drain(..self.seen);
        }
        self.seen = 0;
    }

    /// The next whole head. What it says of its body, as far as that is here, is passed over.
    fn next_message(&mut self) -> Option<Head> {
        let text = &self.octets[self.seen..];
        let head = Head::first_in(text)?;
        let body = &text[head.end..];
        let len = if head.has_coding { len_of_chunks(body) } else { head.length.min(body.len()) };
        self.seen += head.end + len;
        Some(head)
    }
}

/// What matters of a head.
#[derive(Clone, Copy, Debug, Default)]
struct Head {
    /// How long its method is.
    method: usize,
    has_coding: bool,
    has_length: bool,
    length: usize,
    /// Where it ends.
    end: usize,
}

impl Head {
    /// Lines before it that begin no request are passed over.
    fn first_in(text: &[u8]) -> Option<Head> {
        let mut head: Option<Head> = None;
        let mut end = 0;
        for line in text.split_inclusive(|octet| *octet == b'\n') {
            end += line.len();
            let line = line.strip_suffix(b"\n")?;
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            match &mut head {
                None => head = method(line).map(|method| Head { method, ..Head::default() }),
                Some(head) if line.is_empty() => return Some(Head { end, ..*head }),
                Some(head) => head.note(line),
            }
        }
        None
    }

    fn note(&mut self, line: &[u8]) {
        let value = |name: &[u8]| {
            let (start, value) = line.split_at_checked(name.len())?;
            start.eq_ignore_ascii_case(name).then_some(value)
        };
        if let Some(length) = value(b"content-length:") {
            let length = std::str::from_utf8(length).ok().and_then(|text| text.trim().parse().ok());
            (self.has_length, self.length) = (true, length.unwrap_or(0));
        }
        self.has_coding |= value(b"transfer-encoding:").is_some();
    }
}

/// How long the method of a first line is, if it is one.
fn method(line: &[u8]) -> Option<usize> {
    let is_first = line.ends_with(b" HTTP/1.1") || line.ends_with(b" HTTP/1.0");
    if is_first { line.iter().position(|octet| *octet == b' ') } else { None }
}

/// How long the body is that begins here in chunks (RFC 9112 7.1), trailers included; all there is when it does not
/// end here.
fn len_of_chunks(text: &[u8]) -> usize {
    let mut at = 0;
    let mut in_trailers = false;
    while let Some(len) = text[at..].iter().position(|octet| *octet == b'\n') {
        let line = text[at..at + len].trim_ascii();
        at += len + 1;
        if in_trailers {
            if line.is_empty() {
                return at;
            }
            continue;
        }
        let size = line.split(|octet| *octet == b';').next().unwrap_or_default().trim_ascii();
        let size = std::str::from_utf8(size).ok();
        let size = size.and_then(|size| usize::from_str_radix(size, 16).ok());
        match size {
            Some(0) => in_trailers = true,
            // The line end behind the chunk is read as the one of an empty line.
            Some(size) => at = at.saturating_add(size).saturating_add(2).min(text.len()),
            None => return at,
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TWO: &str = "POST / HTTP/1.1\r\nhost: x\r\nTransfer-Encoding: chunked\r\n\
                       content-LENGTH: 5\r\n\r\n";
    const ONE: &str = "POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n";

    fn heard(text: &str) -> Heard {
        let mut heard = Heard::new(1 << 20);
        heard.on_octets(text.as_bytes(), 0);
        heard
    }

    /// A body in one chunk.
    fn chunk(text: &str) -> String {
        format!("{:x};ext=1\r\n{text}\r\n0\r\ntrailer: x\r\n\r\n", text.len())
    }

    #[test]
    fn two_lengths_are_found_in_a_head_and_nowhere_else() {
        assert!(heard(TWO).two_lengths("POST"));
        assert!(heard(&TWO.replace('\r', "")).two_lengths("POST"));
        assert!(heard(&format!("\r\n{TWO}")).two_lengths("POST"));
        let apart = format!("POST / HTTP/1.1\r\ncontent-length: 5\r\n\r\n12345{ONE}");
        assert!(!heard(&apart).two_lengths("POST"));
        assert!(!heard(&format!("{ONE}12\r\ncontent-length: 5\r\n\r\n")).two_lengths("POST"));
    }

    // RFC 9112 6.3
    #[test]
    fn what_a_body_quotes_is_no_head() {
        assert!(!heard(&(ONE.to_owned() + &chunk(TWO))).two_lengths("POST"));
        // Nor does it hide the one that follows.
        for body in [chunk(TWO), chunk(ONE), chunk("POST / HTTP/1.1")] {
            for (next, expected) in [(ONE, false), (TWO, true)] {
                let mut heard = heard(&format!("{ONE}{body}{next}"));
                assert!(!heard.two_lengths("POST"), "{body}");
                assert_eq!(heard.two_lengths("POST"), expected, "{body}");
            }
        }
        let quoted = format!("POST / HTTP/1.1\r\ncontent-length: {}\r\n\r\n{ONE}{TWO}", ONE.len());
        assert!(heard(&quoted).two_lengths("POST"));
        let put = TWO.replace("POST", "PUT");
        assert!(!heard(&(put + ONE)).two_lengths("POST"));
    }

    #[test]
    fn each_octet_is_looked_at_once() {
        let request = ONE.to_owned() + &chunk("");
        let mut heard = heard(&request.repeat(500));
        for nth in 1..=500 {
            assert!(!heard.two_lengths("POST"));
            assert!(heard.seen <= nth * request.len() && heard.seen > (nth - 1) * request.len());
        }
        heard.octets.extend(b"POST / HTTP/1.1\r\nnot whole: ");
        assert!(!heard.two_lengths("POST"));
        assert_eq!(heard.seen, heard.octets.len(), "it will not be looked at again");
    }

    #[test]
    fn a_body_that_was_read_stands_before_no_head() {
        let mut heard = heard("POST / HTTP/1.1\r\ncontent-length: 5\r\n\r\n12345");
        heard.on_octets(TWO.as_bytes(), 1);
        assert!(heard.two_lengths("POST"));
        assert_eq!(heard.octets, TWO.as_bytes());
    }

    #[test]
    fn what_is_kept_is_bounded() {
        let mut heard = Heard::new(100);
        for _ in 0..100 {
            heard.on_octets(&[b'x'; 7], 0);
        }
        assert_eq!(heard.octets.len(), 100);
    }

    #[test]
    fn the_room_for_much_is_not_kept() {
        let mut heard = heard(&"GET / HTTP/1.1\r\n\r\n".repeat(1000));
        heard.octets.extend(b"POST / HT");
        assert!(heard.is_large());
        heard.on_nothing(1000);
        assert_eq!((heard.octets.as_slice(), heard.is_large()), (&b"POST / HT"[..], false));
    }
}
