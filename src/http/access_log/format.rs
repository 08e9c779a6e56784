//! The forms of a line.

use std::cell::RefCell;
use std::str::FromStr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use std::{error, fmt};

use http::{HeaderValue, Version};
use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};

use super::escape::{json, quoted, write_to};
use super::record::{Asked, Record};

/// How a line is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// The Common Log Format of web servers, and behind it `#CONNECTION/REQUEST`, octets that came and
    /// times in microseconds.
    Common,
    /// The same, with referer and user agent where the Combined Log Format has them.
    #[default]
    Combined,
    /// An object of JSON on each line.
    Json,
}

impl Format {
    /// All of them.
    pub const ALL: [Format; 3] = [Format::Common, Format::Combined, Format::Json];

    /// Its name, as [`FromStr`] reads it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Format::Common => "common",
            Format::Combined => "combined",
            Format::Json => "json",
        }
    }
}

impl FromStr for Format {
    type Err = ParseFormatError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let found = Format::ALL.into_iter().find(|format| format.name() == text);
        found.ok_or_else(|| ParseFormatError(text.to_owned()))
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// The text names no form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParseFormatError(String);

impl fmt::Display for ParseFormatError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\" is no form of an access log: use common, combined or json", self.0)
    }
}

impl error::Error for ParseFormatError {}

thread_local! {
    static SCRATCH: RefCell<Scratch> =
        const { RefCell::new(Scratch { line: Vec::new(), second: u64::MAX, time: String::new() }) };
}

/// What a thread keeps from line to line.
struct Scratch {
    line: Vec<u8>,
    /// The second that was written last, and how.
    second: u64,
    time: String,
}

/// Makes a line of `record`, with its end, for `take`.
pub(super) fn line(format: Format, record: &Record<'_>, take: impl FnOnce(&[u8])) {
    SCRATCH.with_borrow_mut(|scratch| {
        scratch.line.clear();
        match format {
            Format::Common | Format::Combined => scratch.text(record, format, TimeZone::system),
            Format::Json => scratch.json(record),
        }
        scratch.line.push(b'\n');
        take(&scratch.line);
    });
}

impl Scratch {
    /// `zone` is asked for once a second: it may change.
    fn text(&mut self, record: &Record<'_>, format: Format, zone: impl FnOnce() -> TimeZone) {
        let since = record.at.duration_since(UNIX_EPOCH).unwrap_or_default();
        if self.second != since.as_secs() {
            self.second = since.as_secs();
            let local = Zoned::new(timestamp(record.at), zone());
            self.time = local.strftime("%d/%b/%Y:%H:%M:%S %z").to_string();
        }
        let (line, time) = (&mut self.line, &self.time);
        write_to(line, format_args!("{} - - [{time}] \"", record.peer.ip()));
        match record.asked {
            Asked::Request { method, target, version, .. } => {
                quoted(line, method.as_str().as_bytes());
                line.push(b' ');
                quoted(line, target.to_string().as_bytes());
                write_to(line, format_args!(" {}", version_name(*version)));
            }
            Asked::Unreadable(start) if start.is_empty() => line.push(b'-'),
            Asked::Unreadable(start) => quoted(line, start),
        }
        // What others write where nobody waited for the answer.
        let status = record.status.unwrap_or(NO_ANSWER);
        write_to(line, format_args!("\" {status} {}", record.octets_out));
        if format == Format::Combined {
            let (referer, agent) = match record.asked {
                Asked::Request { referer, agent, .. } => (referer.as_ref(), agent.as_ref()),
                Asked::Unreadable(_) => (None, None),
            };
            for field in [referer, agent] {
                line.extend_from_slice(b" \"");
                quoted(line, field.map_or(b"-", HeaderValue::as_bytes));
                line.push(b'"');
            }
        }
        match record.conn {
            Some(conn) => write_to(line, format_args!(" {conn}/{}", record.number)),
            None => write_to(line, format_args!(" -/{}", record.number)),
        }
        write_to(line, format_args!(" in={}", record.octets_in));
        match record.first {
            Some(first) => write_to(line, format_args!(" first={}us", first.as_micros())),
            None => line.extend_from_slice(b" first=-"),
        }
        write_to(line, format_args!(" total={}us", record.total.as_micros()));
        if record.aborted {
            line.extend_from_slice(b" aborted");
        }
    }

    fn json(&mut self, record: &Record<'_>) {
        let line = &mut self.line;
        write_to(line, format_args!("{{\"time\":\"{:.6}\"", timestamp(record.at)));
        match record.conn {
            Some(conn) => write_to(line, format_args!(",\"conn\":{}", conn.0)),
            None => line.extend_from_slice(b",\"conn\":null"),
        }
        write_to(line, format_args!(",\"request\":{}", record.number));
        write_to(line, format_args!(",\"peer\":\"{}\"", record.peer));
        match record.asked {
            Asked::Request { method, target, version, host, referer, agent } => {
                line.extend_from_slice(b",\"method\":");
                json(line, method.as_str().as_bytes());
                line.extend_from_slice(b",\"target\":");
                json(line, target.to_string().as_bytes());
                write_to(line, format_args!(",\"version\":\"{}\"", version_name(*version)));
                for (name, field) in [("host", host), ("referer", referer), ("agent", agent)] {
                    write_to(line, format_args!(",\"{name}\":"));
                    match field {
                        Some(value) => json(line, value.as_bytes()),
                        None => line.extend_from_slice(b"null"),
                    }
                }
            }
            Asked::Unreadable(start) => {
                line.extend_from_slice(b",\"unreadable\":");
                json(line, start);
            }
        }
        match record.status {
            Some(status) => write_to(line, format_args!(",\"status\":{status}")),
            None => line.extend_from_slice(b",\"status\":null"),
        }
        let (octets_in, octets_out) = (record.octets_in, record.octets_out);
        write_to(line, format_args!(",\"octets_in\":{octets_in},\"octets_out\":{octets_out}"));
        match record.first {
            Some(first) => write_to(line, format_args!(",\"first_us\":{}", first.as_micros())),
            None => line.extend_from_slice(b",\"first_us\":null"),
        }
        let (total, aborted) = (record.total.as_micros(), record.aborted);
        write_to(line, format_args!(",\"total_us\":{total},\"aborted\":{aborted}}}"));
    }
}

/// In the forms that have to have a number.
const NO_ANSWER: u16 = 499;

/// A clock that stands where no calendar goes counts as one that was never set.
fn timestamp(at: SystemTime) -> Timestamp {
    let since = at.duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
    let micros = i64::try_from(since.as_micros()).ok();
    micros.and_then(|micros| Timestamp::from_microsecond(micros).ok()).unwrap_or_default()
}

fn version_name(version: Version) -> &'static str {
    match version {
        Version::HTTP_09 => "HTTP/0.9",
        Version::HTTP_10 => "HTTP/1.0",
        Version::HTTP_11 => "HTTP/1.1",
        Version::HTTP_2 => "HTTP/2.0",
        Version::HTTP_3 => "HTTP/3.0",
        _ => "HTTP/?",
    }
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use http::Method;
    use jiff::tz::{Offset, offset};

    use super::*;
    use crate::trace::ConnId;

    fn asked(target: &'static str, agent: &'static [u8]) -> Asked {
        Asked::Request {
            method: Method::GET,
            target: target.parse().unwrap(),
            version: Version::HTTP_11,
            host: Some(HeaderValue::from_static("192.0.2.2")),
            referer: None,
            agent: Some(HeaderValue::from_bytes(agent).unwrap()),
        }
    }

    fn record<'a>(peer: &str, asked: &'a Asked) -> Record<'a> {
        Record {
            at: UNIX_EPOCH + Duration::from_micros(784_111_777_000_042),
            peer: peer.parse::<SocketAddr>().unwrap(),
            conn: Some(ConnId(7)),
            number: 3,
            asked,
            status: Some(200),
            octets_in: 5,
            octets_out: 51,
            first: Some(Duration::from_micros(812)),
            total: Duration::from_millis(2),
            aborted: false,
        }
    }

    fn written(format: Format, record: &Record<'_>, zone: Offset) -> String {
        let mut scratch = Scratch { line: Vec::new(), second: u64::MAX, time: String::new() };
        match format {
            Format::Json => scratch.json(record),
            _ => scratch.text(record, format, || TimeZone::fixed(zone)),
        }
        String::from_utf8(scratch.line).unwrap()
    }

    #[test]
    fn common_and_combined() {
        let asked = asked("/a?b=%22", b"say \"hi\"\xff");
        let of_ipv6 = record("[2001:db8::1]:40000", &asked);
        assert_eq!(
            written(Format::Common, &of_ipv6, offset(-5)),
            "2001:db8::1 - - [06/Nov/1994:03:49:37 -0500] \"GET /a?b=%22 HTTP/1.1\" 200 51 #7/3 in=5 \
             first=812us total=2000us"
        );
        let aborted =
            Record { aborted: true, first: None, status: None, conn: None, ..of_ipv6.clone() };
        assert_eq!(
            written(Format::Combined, &aborted, offset(1)),
            "2001:db8::1 - - [06/Nov/1994:09:49:37 +0100] \"GET /a?b=%22 HTTP/1.1\" 499 51 \"-\" \
             \"say \\\"hi\\\"\\xff\" -/3 in=5 first=- total=2000us aborted"
        );
    }

    #[test]
    fn what_could_not_be_read_is_no_second_line() {
        let asked = Asked::Unreadable(b"GET / \r\n\"1.2.3.4 - -".to_vec());
        let line = written(Format::Common, &record("192.0.2.1:1", &asked), offset(0));
        assert!(line.contains("\"GET / \\x0d\\x0a\\\"1.2.3.4 - -\" 200"), "{line}");
        assert!(!line.contains('\n'), "{line}");
    }

    #[test]
    fn json_lines_are_json() {
        let asked = asked("/a?b=%22", b"say \"hi\"");
        let line = written(Format::Json, &record("[2001:db8::1]:40000", &asked), offset(0));
        let object: serde_json::Value = serde_json::from_str(&line).unwrap();
        let expected = serde_json::json!({
            "time": "1994-11-06T08:49:37.000042Z", "conn": 7, "request": 3,
            "peer": "[2001:db8::1]:40000", "method": "GET", "target": "/a?b=%22",
            "version": "HTTP/1.1", "host": "192.0.2.2", "referer": null, "agent": "say \"hi\"",
            "status": 200, "octets_in": 5, "octets_out": 51, "first_us": 812, "total_us": 2000,
            "aborted": false,
        });
        assert_eq!(object, expected);
    }

    #[test]
    fn names_are_read_as_they_are_written() {
        for format in Format::ALL {
            assert_eq!(format.to_string().parse(), Ok(format));
        }
        assert!("clf".parse::<Format>().unwrap_err().to_string().contains("\"clf\""));
    }
}
