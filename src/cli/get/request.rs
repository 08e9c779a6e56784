//! The head of a request: what we say by ourselves, and what the options add to it or leave out.

use ::http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use url::Url;

use super::options::{Field, RequestOptions};
use super::payload::Payload;

/// What is asked for, at this turn.
#[derive(Clone, Debug)]
pub(super) struct Asking {
    pub(super) url: Url,
    pub(super) method: Method,
    pub(super) has_body: bool,
    /// A redirect has led to another origin: what is meant for the first one is left out.
    pub(super) is_elsewhere: bool,
}

/// All fields but those of the framing.
pub(super) fn fields(
    asking: &Asking,
    options: &RequestOptions,
    payload: &Payload,
    credentials: Option<&HeaderValue>,
    closes: bool,
) -> HeaderMap {
    let ours = ours(asking, options, payload, credentials, closes);
    let theirs = || options.header.iter().filter(|field| is_meant(field.name(), asking));
    let mut fields = HeaderMap::new();
    for (name, value) in ours {
        if !theirs().any(|field| *field.name() == name) {
            fields.insert(name, value);
        } else if name == header::HOST {
            // First, as the others' are.
            for field in theirs() {
                if let Field::Set(header::HOST, value) = field {
                    fields.insert(header::HOST, value.clone());
                }
            }
        }
    }
    for field in theirs() {
        match field {
            Field::Set(header::HOST, _) | Field::Leave(_) => {}
            Field::Set(name, value) => {
                fields.append(name, value.clone());
            }
        }
    }
    fields
}

fn ours(
    asking: &Asking,
    options: &RequestOptions,
    payload: &Payload,
    credentials: Option<&HeaderValue>,
    closes: bool,
) -> Vec<(HeaderName, HeaderValue)> {
    let mut ours = vec![
        (header::HOST, host(&asking.url)),
        (header::USER_AGENT, options.user_agent.clone()),
        (header::ACCEPT, HeaderValue::from_static("*/*")),
    ];
    if let Some(credentials) = credentials.filter(|_| !asking.is_elsewhere) {
        ours.push((header::AUTHORIZATION, credentials.clone()));
    }
    if let Some(range) = &options.range {
        let range = HeaderValue::try_from(format!("bytes={range}"));
        ours.push((header::RANGE, range.expect("digits, signs and commas")));
    }
    if options.compressed {
        let all = HeaderValue::from_static("gzip, br, zstd");
        ours.push((header::ACCEPT_ENCODING, all));
    }
    if let Some(kind) = payload.kind.clone().filter(|_| asking.has_body) {
        ours.push((header::CONTENT_TYPE, kind));
    }
    if closes {
        ours.push((header::CONNECTION, HeaderValue::from_static("close")));
    }
    ours
}

/// Whether a field of the user's goes along: elsewhere nothing that tells who we are, and without a body
/// nothing that tells of it.
fn is_meant(name: &HeaderName, asking: &Asking) -> bool {
    const FOR_THE_FIRST: [HeaderName; 4] =
        [header::AUTHORIZATION, header::COOKIE, header::PROXY_AUTHORIZATION, header::HOST];
    let tells_of_us = asking.is_elsewhere && FOR_THE_FIRST.contains(name);
    let tells_of_a_body = !asking.has_body && name.as_str().starts_with("content-");
    !(tells_of_us || tells_of_a_body)
}

fn host(url: &Url) -> HeaderValue {
    let host = url.host_str().unwrap_or_default();
    let text = match url.port() {
        Some(port) => format!("{host}:{port}"),
        None => host.to_owned(),
    };
    HeaderValue::try_from(text).expect("the host of a URL has no control characters")
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        request: RequestOptions,
    }

    fn asking(url: &str) -> Asking {
        Asking {
            url: Url::parse(url).unwrap(),
            method: Method::GET,
            has_body: true,
            is_elsewhere: false,
        }
    }

    fn said(line: &[&str], asking: &Asking, closes: bool) -> Vec<String> {
        let options = Line::try_parse_from([&["x"], line].concat()).unwrap().request;
        let payload = Payload::of(&options.data).unwrap();
        let credentials = HeaderValue::from_static("Basic x");
        let fields = fields(asking, &options, &payload, Some(&credentials), closes);
        fields.iter().map(|(name, value)| format!("{name}: {}", value.to_str().unwrap())).collect()
    }

    #[test]
    fn ours_and_theirs_make_a_head() {
        let agent = concat!("user-agent: glass/", env!("CARGO_PKG_VERSION"));
        let at = asking("http://[2001:db8::2]:8000/");
        let authorization = "authorization: Basic x";
        assert_eq!(
            said(&[], &at, true),
            ["host: [2001:db8::2]:8000", agent, "accept: */*", authorization, "connection: close"]
        );
        let line = ["-H", "Accept:", "-H", "Host: b.test", "-H", "X: 1", "-H", "X: 2", "-A", "me"];
        assert_eq!(
            said(&line, &at, false),
            ["host: b.test", "user-agent: me", authorization, "x: 1", "x: 2"]
        );
        let line = ["-r", "0-9", "-d", "a=b", "-H", "Content-Type: text/plain"];
        let fields = said(&line, &at, false);
        assert!(fields.contains(&"range: bytes=0-9".to_owned()), "{fields:?}");
        assert_eq!(fields.iter().filter(|field| field.starts_with("content-type")).count(), 1);
    }

    /// RFC 9110 15.4: elsewhere nobody learns who we are to the first, and what was said of a body goes with
    /// it.
    #[test]
    fn elsewhere_nothing_is_told_of_us() {
        let line = [
            "-H",
            "Authorization: secret",
            "-H",
            "Cookie: secret",
            "-H",
            "Host: a.test",
            "-H",
            "Content-Type: text/plain",
            "-H",
            "X: 1",
            "-d",
            "x",
        ];
        let away = Asking { is_elsewhere: true, has_body: false, ..asking("http://b.test/") };
        let fields = said(&line, &away, false);
        assert_eq!(fields[0], "host: b.test");
        assert_eq!(fields[3..], ["x: 1"], "{fields:?}");
        let fields = said(&line, &asking("http://a.test/"), false);
        assert!(fields.contains(&"authorization: secret".to_owned()), "{fields:?}");
        assert!(!fields.contains(&"authorization: Basic x".to_owned()), "{fields:?}");
    }
}
