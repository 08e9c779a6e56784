//! What a row of the table is: a request, octet for octet, and all of what is to come back.

/// Rows about one thing, asked of one server.
pub struct Section {
    pub title: &'static str,
    pub server: Server,
    pub rows: Vec<Row>,
}

/// Who is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Server {
    /// `glass serve`
    BuiltIn,
    /// `glass serve DIR`, where DIR is a `Folder`
    Files,
    /// `glass serve --responder by-hand`
    ByHand,
}

pub struct Row {
    /// What is to be seen here.
    pub what: &'static str,
    /// With CR LF at the end of lines. A character is an octet.
    pub request: String,
    /// What is said after the first answer, which may be a 100.
    pub then: Option<&'static str>,
    pub answers: Vec<Answer>,
    /// Whether the server ends the connection; else one more request on it is answered.
    pub ends: bool,
    /// Whether the client ends its side in the midst of the request.
    pub is_cut: bool,
    pub by_hand: ByHand,
    pub curl: Curl,
}

pub struct Answer {
    pub status: u16,
    /// All but `date`, `server` and a `content-length` that a body follows. A value may end in `*`.
    pub fields: Vec<(&'static str, &'static str)>,
    pub body: Body,
}

#[derive(Clone, Copy, Debug)]
pub enum Body {
    Is(&'static str),
    /// It has this in it, and more.
    Has(&'static str),
    /// So many octets of `/bytes/N`.
    Pattern(usize),
}

/// What the responder of examples/http_by_hand.rs answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ByHand {
    /// The statuses and contents of the row, and the connection goes on or ends as there.
    Same,
    /// This status, and the connection goes on.
    Says(u16),
    /// This status, and the connection ends.
    Refuses(u16),
    /// The row is about what it does not have.
    Nothing,
}

/// With which versions of HTTP curl can say the request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Curl {
    Never,
    Http1,
    /// And the answer is the same over HTTP/2.
    Both,
}

/// A row. In `request` a line feed stands for CR LF.
pub fn row(what: &'static str, request: &str) -> Row {
    octets(what, request.replace('\n', "\r\n"))
}

/// A row whose request is sent as it is written.
pub fn octets(what: &'static str, request: impl Into<String>) -> Row {
    Row {
        what,
        request: request.into(),
        then: None,
        answers: Vec::new(),
        ends: false,
        is_cut: false,
        by_hand: ByHand::Same,
        curl: Curl::Both,
    }
}

pub const TEXT: (&str, &str) = ("content-type", "text/plain; charset=utf-8");
pub const HTML: (&str, &str) = ("content-type", "text/html; charset=utf-8");
pub const ASCII: (&str, &str) = ("content-type", "text/plain; charset=us-ascii");
pub const HELLO: &str = "Hello from glasstack, a TCP/IP stack in userspace.\n";

impl Row {
    /// The next answer. What follows is about it.
    pub fn says(mut self, status: u16) -> Row {
        self.answers.push(Answer { status, fields: Vec::new(), body: Body::Is("") });
        self
    }

    pub fn field(mut self, name: &'static str, value: &'static str) -> Row {
        self.last().fields.push((name, value));
        self
    }

    pub fn body(mut self, body: &'static str) -> Row {
        self.last().body = Body::Is(body);
        self
    }

    pub fn has(mut self, words: &'static str) -> Row {
        self.last().body = Body::Has(words);
        self
    }

    pub fn pattern(mut self, octets: usize) -> Row {
        self.last().body = Body::Pattern(octets);
        self
    }

    /// Plain text for people, in answer to what is understood.
    pub fn text(self, status: u16, words: &'static str) -> Row {
        self.says(status).field(TEXT.0, TEXT.1).has(words)
    }

    /// Of a method that the path does not have.
    pub fn not_allowed(self, words: &'static str, allow: &'static str) -> Row {
        let row = self.text(405, words).field("allow", allow);
        row.field("vary", "accept").field("x-content-type-options", "nosniff")
    }

    /// `/hello`
    pub fn hello(self) -> Row {
        self.says(200).field(TEXT.0, TEXT.1).body(HELLO)
    }

    /// In answer to what is a mistake: the connection ends with it.
    pub fn refused(self, status: u16, words: &'static str) -> Row {
        let row = self.says(status).field("connection", "close").field(TEXT.0, TEXT.1).has(words);
        row.ends().curl(Curl::Never)
    }

    pub fn ends(mut self) -> Row {
        self.ends = true;
        self
    }

    pub fn then(mut self, more: &'static str) -> Row {
        self.then = Some(more);
        self.curl(Curl::Never)
    }

    pub fn cut(mut self) -> Row {
        self.is_cut = true;
        self.ends().curl(Curl::Never)
    }

    pub fn by_hand(mut self, by_hand: ByHand) -> Row {
        self.by_hand = by_hand;
        self
    }

    pub fn curl(mut self, curl: Curl) -> Row {
        self.curl = self.curl.min(curl);
        self
    }

    pub fn method(&self) -> &str {
        self.request.trim_start().split(' ').next().unwrap_or_default()
    }

    fn last(&mut self) -> &mut Answer {
        self.answers.last_mut().expect("an answer was begun with `says`")
    }
}

/// The characters as octets.
pub fn as_octets(text: &str) -> Vec<u8> {
    text.chars().map(|sign| u8::try_from(sign).expect("a character that is an octet")).collect()
}
