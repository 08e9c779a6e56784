//! What was wrong with a head that hyper could not read, in words: hyper says no more than a status, so
//! what it had before it is looked at again.

use hyper::Error;

use super::bounds::Bounds;
use super::manners;
use super::refusal::Refusal;
use http::StatusCode;

/// The answer to what `error` is about. `head` is what hyper had before it, or what came of it until it was
/// too much; `None` when hyper had taken the lines apart and only then found fault with one.
pub(super) fn refusal(error: &Error, head: Option<&[u8]>, bounds: &Bounds) -> Refusal {
    let unknown = || bad(format!("The request cannot be read: {error}."));
    let Some(head) = head else { return unknown() };
    if error.is_parse_too_large() {
        return too_large(head, bounds);
    }
    let mut lines =
        head.split(|octet| *octet == b'\n').skip_while(|line| line.trim_ascii().is_empty());
    let first = lines.next().unwrap_or_default();
    match first_line(first).or_else(|| lines.find_map(field)) {
        Some(refusal) => refusal,
        None => unknown(),
    }
}

/// Whether hyper has thrown away the head that `error` is about, and what it has is the body: it looks at
/// lengths last, and says so in no other way.
pub(super) fn has_no_head_left(error: &Error) -> bool {
    let words = error.to_string();
    ["content-length", "transfer-encoding"].iter().any(|word| words.contains(word))
}

fn bad(text: impl Into<std::borrow::Cow<'static, str>>) -> Refusal {
    Refusal::new(StatusCode::BAD_REQUEST, text)
}

fn too_large(head: &[u8], bounds: &Bounds) -> Refusal {
    let mut lines = head.split(|octet| *octet == b'\n');
    let first = lines.next().unwrap_or_default();
    let target = first.split(|octet| *octet == b' ').nth(1).unwrap_or_default();
    if first.len() == head.len() || target.len() > bounds.target_octets {
        return manners::target_too_long(bounds);
    }
    // Of what is longer than allowed, the length is the fault.
    let fields = lines.take_while(|line| !line.trim_ascii().is_empty()).count();
    if head.len() <= bounds.head_octets && fields > bounds.fields {
        return manners::too_many_fields(bounds);
    }
    manners::head_too_large(bounds)
}

/// `method SP target SP version`
fn first_line(line: &[u8]) -> Option<Refusal> {
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    let parts: Vec<_> = line.split(|octet| *octet == b' ').collect();
    let &[method, target, version] = parts.as_slice() else {
        let text = match parts.len() {
            2 => "The first line of the request names no version of HTTP.",
            _ => {
                "The first line of the request is not METHOD TARGET HTTP/1.1, with one blank between them."
            }
        };
        return Some(bad(text));
    };
    if method.is_empty() || !method.iter().all(is_of_a_token) {
        return Some(bad("The method of the request is no token."));
    }
    if !target.iter().all(u8::is_ascii_graphic) {
        return Some(bad("The target of the request has octets in it that no URI may have."));
    }
    match version {
        b"HTTP/1.1" | b"HTTP/1.0" => None,
        [b'H', b'T', b'T', b'P', b'/', major, b'.', minor]
            if major.is_ascii_digit() && minor.is_ascii_digit() =>
        {
            let text = "This server speaks HTTP/1.1 and HTTP/1.0 here.";
            Some(Refusal::new(StatusCode::HTTP_VERSION_NOT_SUPPORTED, text))
        }
        _ => Some(bad("The first line of the request does not end in HTTP/1.1 or HTTP/1.0.")),
    }
}

/// `name ":" value`
fn field(line: &[u8]) -> Option<Refusal> {
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    if line.is_empty() {
        return None;
    }
    if line.starts_with(b" ") || line.starts_with(b"\t") {
        return Some(bad(
            "A field of the request goes on on a second line, which HTTP gave up long ago.",
        ));
    }
    let Some(colon) = line.iter().position(|octet| *octet == b':') else {
        return Some(bad("A line of the request's head has no colon, so it is no field."));
    };
    let (name, value) = line.split_at(colon);
    if name.ends_with(b" ") || name.ends_with(b"\t") {
        return Some(bad("A field of the request has a blank between its name and the colon."));
    }
    if name.is_empty() || !name.iter().all(is_of_a_token) {
        return Some(bad("The name of a field of the request is no token."));
    }
    if value.iter().any(|octet| octet.is_ascii_control() && *octet != b'\t') {
        return Some(bad("The value of a field of the request has a control character in it."));
    }
    None
}

/// RFC 9110 5.6.2
fn is_of_a_token(octet: &u8) -> bool {
    octet.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(octet)
}
