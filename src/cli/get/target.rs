//! The URLs that are asked for: checked before anything is made.

use ::http::{HeaderValue, Uri};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use percent_encoding::percent_decode_str;
use url::Url;

use super::super::{Failure, exit};
use crate::http::client::redirect::LONGEST_URL;
use crate::http::client::text::short;

/// A URL to go to, and who goes.
#[derive(Clone, Debug)]
pub(super) struct Target {
    /// Without a user in it, and without a fragment, which is not for the server.
    pub(super) url: Url,
    /// `Authorization`, for this origin alone.
    pub(super) credentials: Option<HeaderValue>,
}

impl Target {
    /// Reads a URL. `user` counts before one that the URL has.
    pub(super) fn parse(text: &str, user: Option<&str>) -> Result<Target, Failure> {
        let wrong = |why: &str| {
            let hint = "write http://HOST[:PORT]/PATH, or https://";
            let text = short(text).escape_debug().to_string();
            Failure::new(exit::USAGE, format!("the URL {text} {why}; {hint}"))
        };
        let has_scheme = text.split_once("://").is_some();
        let mut url = match Url::parse(text) {
            Ok(url) if has_scheme => url,
            Ok(_) | Err(url::ParseError::RelativeUrlWithoutBase) => {
                return Err(wrong("has no scheme"));
            }
            Err(error) => return Err(wrong(&format!("is invalid ({error})"))),
        };
        if !matches!(url.scheme(), "http" | "https") {
            return Err(wrong("is not http or https"));
        }
        if url.port() == Some(0) {
            return Err(wrong("has the port 0, at which nobody answers"));
        }
        let credentials = match user {
            Some(user) => Some(basic(user.as_bytes())),
            None if url.username().is_empty() && url.password().is_none() => None,
            None => {
                let mut said = percent_decode_str(url.username()).collect::<Vec<_>>();
                said.push(b':');
                said.extend(percent_decode_str(url.password().unwrap_or_default()));
                Some(basic(&said))
            }
        };
        let _ = url.set_username("").and_then(|()| url.set_password(None));
        url.set_fragment(None);
        let len = url.as_str().len();
        if len > LONGEST_URL {
            return Err(wrong(&format!(
                "has {len} octets, and at most {LONGEST_URL} can be asked for"
            )));
        }
        uri(&url).map_err(|failure| Failure { code: exit::USAGE, ..failure })?;
        Ok(Target { url, credentials })
    }
}

/// The same for hyper.
pub(super) fn uri(url: &Url) -> Result<Uri, Failure> {
    Uri::try_from(url.as_str()).map_err(|error| {
        let url = short(url.as_str());
        Failure::new(exit::FAILURE, format!("the URL {url} cannot be asked for ({error})"))
    })
}

/// The scheme Basic (RFC 7617).
fn basic(user: &[u8]) -> HeaderValue {
    let text = format!("Basic {}", STANDARD.encode(user));
    let mut value = HeaderValue::try_from(text).expect("Base64 has no control characters");
    value.set_sensitive(true);
    value
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> String {
        Target::parse(text, None).map_or_else(|failure| failure.message, |it| it.url.to_string())
    }

    #[test]
    fn urls_are_put_into_their_usual_form() {
        assert_eq!(url("http://A.Test:80/x/../y?q#part"), "http://a.test/y?q");
        assert_eq!(url("https://bücher.example/ü"), "https://xn--bcher-kva.example/%C3%BC");
        assert_eq!(url("http://[2001:DB8::1]:8000"), "http://[2001:db8::1]:8000/");
        assert_eq!(url("http://a.test/with space"), "http://a.test/with%20space");
        let long = |len: usize| url(&format!("http://a.test/{}", "x".repeat(len - 14)));
        assert_eq!(long(LONGEST_URL).len(), LONGEST_URL);
        let words = long(LONGEST_URL + 1);
        assert!(words.contains("has 65535 octets") && words.len() < 400, "{words}");
    }

    /// RFC 7617: user and password, with what a URL cannot have in them.
    #[test]
    fn a_user_in_the_url_becomes_a_field_and_leaves_the_url() {
        let target = Target::parse("http://me:p%40ss@a.test/", None).unwrap();
        assert_eq!(target.url.as_str(), "http://a.test/");
        assert_eq!(target.credentials.unwrap(), "Basic bWU6cEBzcw==");
        let target = Target::parse("http://me@a.test/", Some("you:x")).unwrap();
        assert_eq!(target.credentials.unwrap(), "Basic eW91Ong=");
        assert!(Target::parse("http://a.test/", None).unwrap().credentials.is_none());
    }

    #[test]
    fn what_is_wrong_is_said() {
        for (text, words) in [
            ("192.0.2.1", "has no scheme"),
            ("a.test:80/x", "has no scheme"),
            ("http:a.test", "has no scheme"),
            ("ftp://a.test/", "is not http"),
            ("file:///etc/passwd", "is not http"),
            ("http://[2001:db8::1/", "is invalid"),
            ("http:///x", "http://x/"),
            ("http://", "is invalid"),
            ("http://a.test:99999/", "is invalid"),
            ("http://a.test:0/", "port 0"),
            ("http://a b/", "is invalid"),
        ] {
            assert!(url(text).contains(words), "{text}: {}", url(text));
        }
    }
}
