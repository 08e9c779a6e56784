//! HTTP/1.1 on our own sockets, to be read in class beside RFC 9112; other programs take hyper.
//! `cargo run --example http_by_hand` makes the TUN glass0 (as root) and answers /hello, /bytes/N,
//! POST /echo at 192.0.2.2; `glass run --responder by-hand` runs this very file without root.

use std::{error::Error, io, io::ErrorKind, sync::LazyLock, time::Duration};

use bytes::{Buf, Bytes, BytesMut};
use glasstack::runtime::{self, Net, TcpListener, TcpStream};
use glasstack::serving::{Limits, Patience, Stop, accept, http_date, stop};
use glasstack::{device, stack};
use tokio::{io::AsyncWriteExt, time::Instant};

const AHEAD: usize = 16 * 1024; // octets read ahead before a request's head has to be whole
const BODY: usize = 64 << 20; // octets of a request's body at most
const MOST: usize = 1 << 40; // octets of /bytes/N at most
const IDLE: Duration = Duration::from_secs(30); // for a peer that neither sends nor takes anything
const HEAD: Duration = Duration::from_secs(10); // from the first octet of a head to its last
const LINGER: Duration = Duration::from_secs(5); // from our FIN to the peer's
const BAD: &str = "400 Bad Request";
const GO_AHEAD: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";
const METHODS: &[u8] = b"GET HEAD POST PUT DELETE CONNECT OPTIONS TRACE PATCH";
const HELLO: &[u8] = b"Hello from glasstack, a TCP/IP stack in userspace.\n";
const LINE: &[u8] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz\n";
static LINES: LazyLock<Bytes> = LazyLock::new(|| LINE.repeat(1024).into()); // never copied again

/// The program: a TUN, a stack on it, and the responder on the stack.
#[tokio::main(flavor = "current_thread")]
pub async fn main() -> Result<(), Box<dyn Error>> {
    let tun = device::Tun::create("glass0", &device::LinkSetup::default()).await;
    let tun = tun.inspect_err(|error| eprintln!("{error}"))?;
    let config = stack::Config { addrs: vec!["192.0.2.2".parse()?], ..Default::default() };
    let stack = Box::new(stack::Stack::new(config, runtime::secret()?));
    let (net, driver) = Net::new(stack, Box::new(tun), Vec::new())?;
    let (_stopper, stop) = stop();
    tokio::spawn(serve(TcpListener::bind(&net, "192.0.2.2:80".parse()?)?, 10_000, true, stop));
    Ok(driver.run().await?)
}

/// Answers on `listener`, `most` at a time, until `stop`: one request each, or with `keep_alive` many.
pub async fn serve(listener: TcpListener, most: usize, keep_alive: bool, stop: Stop) {
    let run = |stream| {
        let (input, output) = (BytesMut::new(), BytesMut::with_capacity(512));
        Talk { stream, input, output, patience: Patience::new() }.run(keep_alive, stop.clone())
    };
    accept(listener, Limits { connections: most, ..Default::default() }, stop.clone(), run).await;
}

/// A connection, what has come by it and was not looked at yet, what was said and has not left yet.
struct Talk {
    stream: TcpStream,
    input: BytesMut,
    output: BytesMut,
    patience: Patience,
}

impl Talk {
    async fn run(mut self, keep_alive: bool, stop: Stop) {
        let end = self.converse(keep_alive, stop).await;
        let status = end.as_ref().err().and_then(io::Error::get_ref); // from `check`: to refuse with
        status.inspect(|status| self.say(&status.to_string(), "", false, 0, b""));
        if end.is_err() && status.is_none() || self.close().await.is_err() {
            self.stream.abort(); // there is nobody to talk to any more
        }
    }

    async fn converse(&mut self, keep_alive: bool, stop: Stop) -> io::Result<()> {
        let mut goes_on = true;
        while goes_on && let Some(head) = self.next_head().await? {
            let (request, may_go_on, waits) = parse(&head)?;
            self.output.extend_from_slice(if waits { GO_AHEAD } else { b"" });
            goes_on = keep_alive && may_go_on && !stop.is_given();
            self.answer(request, goes_on).await?;
        }
        Ok(())
    }

    /// The head of the next request, if any. What was said leaves once this waits, all together.
    async fn next_head(&mut self) -> io::Result<Option<BytesMut>> {
        let mut until = Instant::now() + IDLE;
        loop {
            let blank = self.input.iter().take_while(|octet| b"\r\n".contains(octet)).count();
            self.input.advance(blank); // RFC 9112 2.2: empty lines before a request mean nothing
            let mut lines = self.input.split_inclusive(|octet| *octet == b'\n');
            if lines.any(|line| matches!(line, b"\n" | b"\r\n")) {
                let rest: usize = lines.map(<[u8]>::len).sum();
                return Ok(Some(self.input.split_to(self.input.len() - rest)));
            }
            let (is_idle, is_full) = (self.input.is_empty(), self.input.len() >= AHEAD);
            check(!is_full || self.input.contains(&b'\n'), "414 URI Too Long")?;
            check(!is_full, "431 Request Header Fields Too Large")?;
            if let Err(error) = self.fill(until).await {
                check(is_idle || error.kind() != ErrorKind::TimedOut, "408 Request Timeout")?;
                return Ok(None);
            }
            until = if is_idle { Instant::now() + HEAD } else { until };
        }
    }

    async fn answer(&mut self, (method, path, mut body): Request<'_>, on: bool) -> io::Result<()> {
        const NOT_ALLOWED: &str = "405 Method Not Allowed";
        let number = path.strip_prefix("/bytes/").and_then(|number| number.parse().ok());
        let (status, allow, octets) = match (method, path, number) {
            ("POST", "/echo", _) => ("200 OK", "", body),
            ("GET" | "HEAD", "/hello", _) => ("200 OK", "", HELLO.len()),
            ("GET" | "HEAD", _, Some(octets @ 0..=MOST)) => ("200 OK", "", octets),
            (_, "/echo", _) => (NOT_ALLOWED, "allow: POST\r\n", 0),
            (_, "/hello", _) | (_, _, Some(0..=MOST)) => (NOT_ALLOWED, "allow: GET, HEAD\r\n", 0),
            (_, _, _) => ("404 Not Found", "", 0),
        };
        let begin = if path == "/hello" { HELLO } else { &LINES[..octets.min(16 * LINE.len())] };
        let text = if method == "GET" { begin } else { b"" }; // a short body goes along at once
        self.say(status, allow, on, octets, text);
        let mut to_send = if method == "GET" { octets - text.len() } else { 0 };
        while to_send > 0 {
            self.flush().await?;
            let lines = LINES.slice(..to_send.min(LINES.len()));
            to_send -= lines.len();
            self.patience.within(IDLE, self.stream.send_bytes(lines)).await?;
        }
        while body > 0 {
            if self.input.is_empty() {
                self.fill(Instant::now() + IDLE).await?;
            }
            let part = self.input.split_to(body.min(self.input.len()));
            body -= part.len();
            self.output.extend_from_slice(if path == "/echo" && octets > 0 { &part } else { b"" });
        }
        Ok(())
    }

    fn say(&mut self, status: &str, allow: &str, goes_on: bool, octets: usize, text: &[u8]) {
        let date = http_date(runtime::clock::time_of_day());
        let close = if goes_on { "" } else { "connection: close\r\n" };
        let named = ["HTTP/1.1 ", status, "\r\nserver: glasstack\r\ndate: ", &date, "\r\n"];
        let sized = ["content-type: text/plain\r\ncontent-length: ", &octets.to_string()];
        let all = named.into_iter().chain([allow, close]).chain(sized).chain(["\r\n\r\n"]);
        all.map(str::as_bytes).chain([text]).for_each(|piece| self.output.extend_from_slice(piece));
    }

    /// Sends what was said, and reads on. The peer's FIN is an error, where something is still due.
    async fn fill(&mut self, until: Instant) -> io::Result<()> {
        self.flush().await?;
        let more = self.patience.until(until, self.stream.recv_bytes(AHEAD)).await?;
        self.input.extend_from_slice(&more);
        if more.is_empty() { Err(ErrorKind::UnexpectedEof.into()) } else { Ok(()) }
    }

    async fn flush(&mut self) -> io::Result<()> {
        self.patience.within(IDLE, self.stream.send_bytes(self.output.split().freeze())).await
    }

    /// Our FIN, then the peer's: a RST for unread input could destroy the answer (RFC 9112 9.6).
    async fn close(&mut self) -> io::Result<()> {
        self.flush().await?;
        self.stream.shutdown().await?;
        let until = Instant::now() + LINGER;
        while !self.patience.until(until, self.stream.recv_bytes(AHEAD)).await?.is_empty() {}
        Ok(())
    }
}

type Request<'a> = (&'a str, &'a str, usize); // method, path, octets of the body
/// A request (RFC 9112 3 and 5), whether the connection may go on, whether 100 is waited for.
fn parse(head: &[u8]) -> io::Result<(Request<'_>, bool, bool)> {
    let mut lines = head.split(|o| *o == b'\n').map(|l| l.strip_suffix(b"\r").unwrap_or(l));
    let mut words = lines.next().unwrap_or_default().splitn(3, |octet| *octet == b' ');
    let [method, target, version] = [(); 3].map(|()| words.next().unwrap_or_default());
    let digits = version.strip_prefix(b"HTTP/").unwrap_or_default();
    check(matches!(digits, [b'0'..=b'9', b'.', b'0'..=b'9']), BAD)?;
    check(digits[0] == b'1', "505 HTTP Version Not Supported")?;
    check(!target.is_empty() && target.iter().all(u8::is_ascii_graphic), BAD)?;
    check(METHODS.split(|o| *o == b' ').any(|known| known == method), "501 Not Implemented")?;
    let [method, target] = [method, target].map(|word| str::from_utf8(word).unwrap_or_default());
    let rest = target.strip_prefix("http://").map(|rest| rest.trim_start_matches(|c| c != '/'));
    let path = rest.unwrap_or(target).split('?').next().unwrap_or_default();
    let (mut hosts, mut waits, mut closes, mut body) = (0, false, digits == b"1.0", None);
    for line in lines.take_while(|line| !line.is_empty()) {
        let (name, value) = line.split_at(line.iter().position(|o| *o == b':').unwrap_or(0));
        let value = value.get(1..).unwrap_or_default().trim_ascii();
        let is = |known: &str| name.eq_ignore_ascii_case(known.as_bytes());
        check(!name.is_empty() && name.iter().all(u8::is_ascii_graphic), BAD)?;
        check(line.iter().fold(true, |all, o| all & (!o.is_ascii_control() || *o == b'\t')), BAD)?;
        check(!is("transfer-encoding"), "501 Not Implemented")?; // nothing but Content-Length
        hosts += usize::from(is("host"));
        waits |= is("expect") && digits != b"1.0";
        closes |= is("connection") && value.to_ascii_lowercase().windows(5).any(|w| w == b"close");
        if is("content-length") {
            let is_number = !value.is_empty() && value.iter().all(u8::is_ascii_digit);
            check(body.is_none() && is_number, BAD)?;
            body = str::from_utf8(value).ok().map(|digits| digits.parse().unwrap_or(usize::MAX));
        }
    }
    check(hosts == 1 || hosts == 0 && digits == b"1.0", BAD)?;
    check(body <= Some(BODY), "413 Content Too Large")?;
    Ok(((method, path, body.unwrap_or(0)), !closes, waits))
}

fn check(holds: bool, status: &str) -> io::Result<()> {
    if holds { Ok(()) } else { Err(io::Error::other(status)) }
}
