//! What becomes of a request when the answer points elsewhere (RFC 9110 15.4). Pure rules: who follows,
//! and how often, is the caller's affair.

use std::fmt;

use http::{Method, StatusCode};
use url::Url;

use super::text::short;

/// The longest URL that hyper asks for, in octets.
pub const LONGEST_URL: usize = u16::MAX as usize - 1;

/// The request to go on with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Next {
    /// Where to: no user name in it, and no fragment.
    pub url: Url,
    /// By which method.
    pub method: Method,
    /// Whether the body goes along.
    pub keeps_body: bool,
    /// Whether it is another origin: what was meant for the first, as credentials are, must not be sent.
    pub is_elsewhere: bool,
}

/// Why it does not go on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refused {
    /// The `Location` cannot be read.
    Location(String),
    /// The `Location`, or the URL that it makes, has so many octets, which are too many.
    TooLong(usize),
    /// It leads to something that is not HTTP.
    Scheme(String),
    /// It leads from `https` to `http`.
    Downgrade(Url),
}

/// Whether this status asks to go elsewhere. 300 leaves the choice to a person, and 304 asks for nothing.
#[must_use]
pub fn asks_for_it(status: StatusCode) -> bool {
    matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308)
}

/// Where a request `method` of `url`, answered with `status` and `location`, leads to; `None` when the
/// answer is the answer. `may_downgrade` allows what was secure to go on in the clear.
///
/// # Errors
///
/// It leads where we do not go.
pub fn next(
    method: &Method,
    url: &Url,
    status: StatusCode,
    location: Option<&[u8]>,
    may_downgrade: bool,
) -> Result<Option<Next>, Refused> {
    let Some(location) = location.filter(|_| asks_for_it(status)) else { return Ok(None) };
    if location.len() > LONGEST_URL {
        return Err(Refused::TooLong(location.len()));
    }
    let text = String::from_utf8_lossy(location);
    let mut to = url.join(text.trim()).map_err(|error| {
        Refused::Location(format!("\"{}\": {error}", short(&text).escape_debug()))
    })?;
    if !matches!(to.scheme(), "http" | "https") {
        return Err(Refused::Scheme(short(to.scheme()).into_owned()));
    }
    if url.scheme() == "https" && to.scheme() == "http" && !may_downgrade {
        return Err(Refused::Downgrade(to));
    }
    to.set_fragment(None);
    // Credentials come from who asks, not from who answers.
    let _ = to.set_username("").and_then(|()| to.set_password(None));
    // Percent signs have come to it.
    if to.as_str().len() > LONGEST_URL {
        return Err(Refused::TooLong(to.as_str().len()));
    }
    let becomes_get = match status.as_u16() {
        301 | 302 => *method == Method::POST,
        303 => *method != Method::HEAD && *method != Method::GET,
        _ => false,
    };
    let is_elsewhere = to.origin() != url.origin();
    Ok(Some(Next {
        url: to,
        method: if becomes_get { Method::GET } else { method.clone() },
        keeps_body: !becomes_get,
        is_elsewhere,
    }))
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Refused::Location(why) => write!(f, "the redirect leads to no URL, {why}"),
            Refused::TooLong(octets) => write!(
                f,
                "the redirect leads to a URL of {octets} octets (Location), which is too long: at most \
                 {LONGEST_URL} can be asked for"
            ),
            Refused::Scheme(scheme) => {
                write!(f, "the redirect leads to {scheme}:, which is not http")
            }
            Refused::Downgrade(url) => {
                let url = short(url.as_str());
                write!(f, "the redirect leads from https to {url}, where anybody can listen")
            }
        }
    }
}

impl std::error::Error for Refused {}

#[cfg(test)]
mod tests {
    use super::*;

    fn go(method: &str, from: &str, status: u16, to: &str) -> Result<Option<Next>, Refused> {
        let url = Url::parse(from).unwrap();
        let status = StatusCode::from_u16(status).unwrap();
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        next(&method, &url, status, Some(to.as_bytes()), false)
    }

    /// RFC 9110 15.4: what the method becomes, and whether the body goes along.
    #[test]
    fn methods_are_rewritten_as_the_status_says() {
        for (method, status, becomes, keeps_body) in [
            ("GET", 301, "GET", true),
            ("HEAD", 301, "HEAD", true),
            ("POST", 301, "GET", false),
            ("PUT", 301, "PUT", true),
            ("POST", 302, "GET", false),
            ("DELETE", 302, "DELETE", true),
            ("GET", 303, "GET", true),
            ("HEAD", 303, "HEAD", true),
            ("POST", 303, "GET", false),
            ("PUT", 303, "GET", false),
            ("POST", 307, "POST", true),
            ("POST", 308, "POST", true),
        ] {
            let next = go(method, "http://a.test/x", status, "/y").unwrap().unwrap();
            assert_eq!(next.method.as_str(), becomes, "{method} {status}");
            assert_eq!(next.keeps_body, keeps_body, "{method} {status}");
            assert!(!next.is_elsewhere);
            assert_eq!(next.url.as_str(), "http://a.test/y");
        }
        for status in [200, 300, 304, 305, 306, 404] {
            assert_eq!(go("GET", "http://a.test/", status, "/y"), Ok(None), "{status}");
        }
        let url = Url::parse("http://a.test/").unwrap();
        assert_eq!(next(&Method::GET, &url, StatusCode::FOUND, None, false), Ok(None));
    }

    #[test]
    fn places_are_relative_to_the_url_and_other_origins_are_told() {
        for (from, to, url, is_elsewhere) in [
            ("http://a.test/x/y?q", "z#part", "http://a.test/x/z", false),
            ("http://a.test/", "//b.test/z", "http://b.test/z", true),
            ("http://a.test/", "http://a.test:80/z", "http://a.test/z", false),
            ("http://a.test/", "http://a.test:81/z", "http://a.test:81/z", true),
            ("http://a.test/", "https://a.test/z", "https://a.test/z", true),
            ("http://a.test/", "http://me:secret@a.test/z", "http://a.test/z", false),
            ("http://a.test/", " /with space", "http://a.test/with%20space", false),
        ] {
            let next = go("GET", from, 302, to).unwrap().unwrap();
            assert_eq!((next.url.as_str(), next.is_elsewhere), (url, is_elsewhere), "{from} {to}");
        }
    }

    #[test]
    fn what_leads_astray_is_refused() {
        let refused = |from: &str, to: &str| go("GET", from, 302, to).unwrap_err();
        assert_eq!(
            refused("http://a.test/", "file:///etc/passwd"),
            Refused::Scheme("file".to_owned())
        );
        assert!(matches!(refused("http://a.test/", "http://[::1"), Refused::Location(_)));
        assert!(matches!(refused("https://a.test/", "http://a.test/"), Refused::Downgrade(_)));
        let too_long = |to: &str| matches!(refused("http://a.test/", to), Refused::TooLong(_));
        let long = format!("/{}", "x".repeat(LONGEST_URL - "http://a.test/".len()));
        assert_eq!(
            go("GET", "http://a.test/", 302, &long).unwrap().unwrap().url.as_str().len(),
            LONGEST_URL
        );
        assert!(too_long(&format!("{long}x")), "with the host it is longer");
        assert!(too_long(&"é".repeat(20_000)), "and with percent signs");
        assert!(too_long(&"x".repeat(LONGEST_URL + 1)));
        let words = refused("http://a.test/", &format!("{}:", "x".repeat(9000))).to_string();
        assert!(words.len() < 300, "{words}");
        let url = Url::parse("https://a.test/").unwrap();
        let to = b"http://a.test/".as_slice();
        let allowed = next(&Method::GET, &url, StatusCode::FOUND, Some(to), true);
        assert!(allowed.unwrap().unwrap().is_elsewhere);
    }
}
