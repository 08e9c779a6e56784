//! Reads what a server has sent as strictly as RFC 9112 lets a server write.

use std::fmt::Write as _;
use std::time::Duration;

use glasstack::runtime::clock::time_of_day;

/// One answer.
#[derive(Clone, Debug, Default)]
pub struct Reply {
    pub status: u16,
    /// In lower case, as they came.
    pub fields: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Reply {
    pub fn field(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

/// All answers in these octets, to requests with this method; or what is wrong with them.
pub fn read(mut octets: &[u8], method: &str) -> Result<Vec<Reply>, String> {
    let mut replies: Vec<Reply> = Vec::new();
    while !octets.is_empty() {
        // The request behind those of a row, and those of rows with several, are GET.
        let finals = replies.iter().filter(|reply| reply.status >= 200).count();
        let method = if finals == 0 { method } else { "GET" };
        let (reply, rest) = one(octets, method).map_err(|why| {
            let mut text = format!("answer {}: {why}, in\n", replies.len() + 1);
            let _ = write!(text, "{}", String::from_utf8_lossy(&octets[..octets.len().min(2000)]));
            text
        })?;
        replies.push(reply);
        octets = rest;
    }
    Ok(replies)
}

fn one<'a>(octets: &'a [u8], method: &str) -> Result<(Reply, &'a [u8]), String> {
    let (head, rest) = cut(octets, b"\r\n\r\n").ok_or("the head has no end")?;
    let head = str::from_utf8(head).map_err(|_| "the head is no UTF-8")?;
    let (line, fields) = head.split_once("\r\n").unwrap_or((head, ""));
    let (version, status) = status_line(line)?;
    let fields = fields_of(fields)?;
    let reply = Reply { status, fields, body: Vec::new() };
    if status < 200 {
        return if reply.fields.is_empty() {
            Ok((reply, rest))
        } else {
            Err("fields in 1xx".into())
        };
    }
    check_date(&reply)?;
    let length = reply.field("content-length").map(str::parse).transpose();
    let length: Option<usize> = length.map_err(|_| "content-length is no number")?;
    let coding = reply.field("transfer-encoding");
    let (body, rest) = match (length, coding) {
        (Some(_), Some(_)) => return Err("two lengths".into()),
        (_, Some(other)) if other != "chunked" => return Err(format!("{other}?")),
        (_, Some(_)) if version == "HTTP/1.0" => return Err("chunks in HTTP/1.0".into()),
        _ if method == "HEAD" || matches!(status, 204 | 304) => (Vec::new(), rest),
        (Some(length), None) if length <= rest.len() => (rest[..length].to_vec(), &rest[length..]),
        (Some(length), None) => return Err(format!("{} of {length} octets", rest.len())),
        (None, Some(_)) => chunks(rest)?,
        (None, None) if version == "HTTP/1.0" => (rest.to_vec(), &rest[rest.len()..]),
        (None, None) => return Err("no length".into()),
    };
    Ok((Reply { body, ..reply }, rest))
}

fn status_line(line: &str) -> Result<(&str, u16), String> {
    let mut words = line.splitn(3, ' ');
    let [version, status, reason] = [(); 3].map(|()| words.next());
    let version = version.filter(|version| matches!(*version, "HTTP/1.1" | "HTTP/1.0"));
    let status = status.filter(|status| status.len() == 3).and_then(|status| status.parse().ok());
    let (Some(version), Some(status), Some(reason)) = (version, status, reason) else {
        return Err(format!("{line:?} is no status line"));
    };
    let known = http::StatusCode::from_u16(status).ok().and_then(|code| code.canonical_reason());
    match known {
        // As RFC 9110 15.5.14 has it.
        Some("Payload Too Large") if reason == "Content Too Large" => Ok((version, status)),
        Some(known) if known != reason => Err(format!("{status} is {known}, not {reason}")),
        _ => Ok((version, status)),
    }
}

pub fn fields_of(text: &str) -> Result<Vec<(String, String)>, String> {
    let mut fields: Vec<(String, String)> = Vec::new();
    for line in text.split("\r\n").filter(|line| !line.is_empty()) {
        let (name, value) = line.split_once(": ").ok_or_else(|| format!("{line:?} is no field"))?;
        let is_token = name.bytes().all(|octet| octet.is_ascii_alphanumeric() || octet == b'-');
        let is_value = value.bytes().all(|octet| octet == b' ' || octet.is_ascii_graphic());
        if !is_token || !is_value || value.trim() != value {
            return Err(format!("{line:?} is no field"));
        }
        let name = name.to_ascii_lowercase();
        if fields.iter().any(|(known, _)| *known == name) {
            return Err(format!("{name} comes twice"));
        }
        fields.push((name, value.to_owned()));
    }
    Ok(fields)
}

/// RFC 9110 5.6.7, 6.6.1
fn check_date(reply: &Reply) -> Result<(), String> {
    let date = reply.field("date").ok_or("no date")?;
    let time = httpdate::parse_http_date(date).map_err(|_| format!("{date} is no date"))?;
    let apart = time_of_day().duration_since(time).unwrap_or_default();
    if httpdate::fmt_http_date(time) != date || apart > Duration::from_mins(2) {
        return Err(format!("{date} is not now, as HTTP writes it"));
    }
    Ok(())
}

/// RFC 9112 7.1, without extensions and trailers.
fn chunks(mut rest: &[u8]) -> Result<(Vec<u8>, &[u8]), String> {
    let mut body = Vec::new();
    loop {
        let (size, after) = cut(rest, b"\r\n").ok_or("a chunk without its size")?;
        let size = str::from_utf8(size).ok().and_then(|size| usize::from_str_radix(size, 16).ok());
        let size = size.ok_or("the size of a chunk is no number")?;
        let (chunk, after) = after.split_at_checked(size).ok_or("a chunk is cut short")?;
        body.extend_from_slice(chunk);
        rest = after.strip_prefix(b"\r\n").ok_or("no line end behind a chunk")?;
        if size == 0 {
            return Ok((body, rest));
        }
    }
}

/// What is before the first `mark`, and what is behind it.
fn cut<'a>(octets: &'a [u8], mark: &[u8]) -> Option<(&'a [u8], &'a [u8])> {
    let at = octets.windows(mark.len()).position(|window| window == mark)?;
    Some((&octets[..at], &octets[at + mark.len()..]))
}
