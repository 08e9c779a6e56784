//! What RFC 9112 and RFC 9110 ask of the head of a request, as far as hyper does not: what is not as they ask
//! is refused here, before a router sees it.

use std::net::Ipv6Addr;

use http::{HeaderMap, Method, StatusCode, Version, header, request};

use super::bounds::Bounds;
use super::progress::Progress;
use super::refusal::Refusal;

/// What a request is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Target {
    /// A resource of the router's.
    Resource,
    /// The server as a whole: `OPTIONS *`.
    Server,
}

/// What the request is about, or why it is refused. `body_octets` is what its body has according to its
/// head, if that says so.
pub(super) fn check(
    head: &request::Parts,
    body_octets: Option<u64>,
    progress: &Progress,
) -> Result<Target, Refusal> {
    check_sizes(head, body_octets, progress.bounds())?;
    if head.version <= Version::HTTP_11 {
        check_host(head)?;
        if let Some(codings) = head.headers.get(header::TRANSFER_ENCODING) {
            check_codings(codings.as_bytes(), &head.headers)?;
            if progress.heard_two_lengths(head.method.as_str()) {
                return Err(bad(
                    "The request has Content-Length and Transfer-Encoding, and one of them is a lie.",
                ));
            }
        }
    }
    let target = check_method_and_target(head)?;
    check_expectation(head)?;
    Ok(target)
}

fn bad(text: impl Into<std::borrow::Cow<'static, str>>) -> Refusal {
    Refusal::new(StatusCode::BAD_REQUEST, text)
}

fn check_sizes(
    head: &request::Parts,
    body_octets: Option<u64>,
    bounds: &Bounds,
) -> Result<(), Refusal> {
    let uri = &head.uri;
    let path = uri.path_and_query().map_or(0, |path| path.as_str().len());
    if path + uri.authority().map_or(0, |authority| authority.as_str().len()) > bounds.target_octets
    {
        return Err(target_too_long(bounds));
    }
    if head.headers.len() > bounds.fields {
        return Err(too_many_fields(bounds));
    }
    if body_octets.is_some_and(|octets| octets > bounds.body_octets) {
        return Err(body_too_large(bounds));
    }
    Ok(())
}

pub(super) fn target_too_long(bounds: &Bounds) -> Refusal {
    let text = format!("The target of the request is longer than {} octets.", bounds.target_octets);
    Refusal::new(StatusCode::URI_TOO_LONG, text)
}

pub(super) fn too_many_fields(bounds: &Bounds) -> Refusal {
    let text = format!("The head of the request has more than {} fields.", bounds.fields);
    Refusal::new(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, text)
}

pub(super) fn head_too_large(bounds: &Bounds) -> Refusal {
    let text = format!("The head of the request is longer than {} octets.", bounds.head_octets);
    Refusal::new(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, text)
}

pub(super) fn body_too_large(bounds: &Bounds) -> Refusal {
    let text = format!("The body of the request is longer than {} octets.", bounds.body_octets);
    Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, text)
}

/// RFC 9112 3.2: one Host, with the name of a host in it; only HTTP/1.0 may do without.
fn check_host(head: &request::Parts) -> Result<(), Refusal> {
    let mut hosts = head.headers.get_all(header::HOST).iter();
    let Some(host) = hosts.next() else {
        return match head.version {
            Version::HTTP_11 => {
                Err(bad("The request has no Host field, and HTTP/1.1 asks for one."))
            }
            _ => Ok(()),
        };
    };
    if hosts.next().is_some() {
        return Err(bad("The request has more than one Host field."));
    }
    if is_host_and_port(host.as_bytes()) {
        return Ok(());
    }
    Err(bad("The Host field of the request does not hold the name of a host, and a port at most."))
}

/// `uri-host [ ":" port ]` as in RFC 3986 3.2.2: a name, which may be empty, or an address.
fn is_host_and_port(text: &[u8]) -> bool {
    let (host, port) = match text {
        [b'[', rest @ ..] => {
            let Some(end) = rest.iter().position(|octet| *octet == b']') else { return false };
            let address = std::str::from_utf8(&rest[..end]).ok();
            if address.and_then(|address| address.parse::<Ipv6Addr>().ok()).is_none() {
                return false;
            }
            (&[][..], &rest[end + 1..])
        }
        _ => text.split_at(text.iter().position(|octet| *octet == b':').unwrap_or(text.len())),
    };
    let is_of_a_name =
        |octet: &u8| octet.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=%".contains(octet);
    let is_port = match port {
        [] => true,
        [b':', digits @ ..] => digits.len() <= 5 && digits.iter().all(u8::is_ascii_digit),
        [..] => false,
    };
    is_port && host.iter().all(is_of_a_name)
}

/// hyper takes chunked as the last coding, whatever others stand before it, and nobody undoes those.
fn check_codings(codings: &[u8], headers: &HeaderMap) -> Result<(), Refusal> {
    let fields = headers.get_all(header::TRANSFER_ENCODING).iter().count();
    if fields == 1 && codings.trim_ascii().eq_ignore_ascii_case(b"chunked") {
        return Ok(());
    }
    Err(Refusal::new(
        StatusCode::NOT_IMPLEMENTED,
        "The only transfer coding that is understood here is chunked, once.",
    ))
}

/// What is said of the server and not of a resource: `CONNECT`, `TRACE`, and targets that name none.
fn check_method_and_target(head: &request::Parts) -> Result<Target, Refusal> {
    let uri = &head.uri;
    if head.method == Method::CONNECT {
        let text = "This is no proxy: it connects nobody to anything.";
        return Err(Refusal::new(StatusCode::NOT_IMPLEMENTED, text));
    }
    if head.method == Method::TRACE {
        let text = "TRACE would repeat cookies and passwords to scripts: it is not answered.";
        return Err(Refusal::new(StatusCode::NOT_IMPLEMENTED, text));
    }
    match uri.path() {
        "*" if head.method == Method::OPTIONS => Ok(Target::Server),
        path if path.starts_with('/') => match uri.scheme_str() {
            None | Some("http" | "https") => Ok(Target::Resource),
            Some(_) => Err(bad("The target of the request is no URI of http or https.")),
        },
        _ => Err(bad("The target of the request has no path: it should begin with a slash.")),
    }
}

/// RFC 9110 10.1.1: there is one expectation, and hyper meets it when the body is asked for.
fn check_expectation(head: &request::Parts) -> Result<(), Refusal> {
    let mut expectations = head.headers.get_all(header::EXPECT).iter();
    // What HTTP/1.0 expects is ignored.
    let is_met = head.version < Version::HTTP_11
        || expectations.all(|text| text.as_bytes().eq_ignore_ascii_case(b"100-continue"));
    if is_met {
        return Ok(());
    }
    let text = "The request expects something else than 100-continue.";
    Err(Refusal::new(StatusCode::EXPECTATION_FAILED, text))
}

#[cfg(test)]
mod tests {
    use super::*;

    // RFC 3986 3.2.2
    #[test]
    fn hosts() {
        for good in [
            "",
            "x",
            "example.com",
            "example.com:80",
            "example.com:",
            "192.0.2.2:8080",
            "[2001:db8::2]",
            "[2001:db8::2]:80",
            "[::ffff:192.0.2.2]",
            "a_b",
            "xn--4gbrim",
            "%e4",
            "x:65535",
        ] {
            assert!(is_host_and_port(good.as_bytes()), "{good}");
        }
        for bad in [
            "x/",
            "http://x",
            "x y",
            "u@x",
            "x:80:80",
            "x:eighty",
            "[2001:db8::2",
            "[x]",
            "[]",
            "2001:db8::2",
            "[::1]x",
            "[::1%1]",
            "x\\y",
            "x?",
            "x#",
            "x:123456",
            "\u{e4}",
            "x\t",
            "a,b:80,81",
        ] {
            assert!(!is_host_and_port(bad.as_bytes()), "{bad}");
        }
    }
}
