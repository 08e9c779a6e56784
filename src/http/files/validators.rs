//! What tells one state of a file from another: the entity tag and the date (RFC 9110 8.8).

use std::fmt;
use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use http::HeaderMap;
use http::header::HeaderName;

/// A file that was changed so lately may be changed again without its date showing it.
const SETTLES_WITHIN: Duration = Duration::from_secs(2);

/// The last second that a date of HTTP can name: that of the year 9999.
const LAST_SECOND: u64 = 253_402_300_799;

/// An entity tag.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct EntityTag {
    pub(super) is_weak: bool,
    /// What stands between the quotation marks.
    pub(super) opaque: String,
}

impl fmt::Display for EntityTag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}\"{}\"", if self.is_weak { "W/" } else { "" }, self.opaque)
    }
}

/// The validators of a representation. What has none, such as a page that is made for each request, has
/// the default.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Validators {
    pub(super) etag: Option<EntityTag>,
    /// In seconds since 1970.
    pub(super) modified: Option<u64>,
    /// The date alone tells two states apart (RFC 9110 8.8.2.2).
    pub(super) date_is_strong: bool,
}

impl Validators {
    /// Those of a file, sent as it is.
    pub(super) fn of(metadata: &Metadata, now: SystemTime) -> Self {
        let modified = metadata.modified().ok();
        let settled = modified.is_some_and(|modified| {
            now.duration_since(modified).is_ok_and(|age| age >= SETTLES_WITHIN)
        });
        let (ino, len) = (metadata.ino(), metadata.len());
        let (seconds, nanos) = (metadata.mtime(), metadata.mtime_nsec());
        let opaque = format!("{ino:x}-{len:x}-{seconds:x}.{nanos:x}");
        // RFC 9110 8.8.2.1: no later than the response itself.
        let told = modified.map(|modified| modified.min(now));
        Validators {
            etag: Some(EntityTag { is_weak: !settled, opaque }),
            modified: told
                .and_then(|modified| modified.duration_since(UNIX_EPOCH).ok())
                .map(|since| since.as_secs())
                .filter(|seconds| *seconds <= LAST_SECOND),
            date_is_strong: settled,
        }
    }

    /// Those of another form of the same: each form has a tag of its own (RFC 9110 8.8.3.3).
    pub(super) fn with_suffix(mut self, suffix: &str) -> Self {
        if let Some(etag) = &mut self.etag {
            etag.opaque.push('-');
            etag.opaque.push_str(suffix);
        }
        self
    }

    /// Those of what is made anew each time: its octets may differ when the program is another.
    pub(super) fn weakened(mut self) -> Self {
        if let Some(etag) = &mut self.etag {
            etag.is_weak = true;
        }
        self.date_is_strong = false;
        self
    }
}

/// A moment as HTTP writes it. `seconds` are at most `LAST_SECOND`.
pub(super) fn date(seconds: u64) -> String {
    httpdate::fmt_http_date(UNIX_EPOCH + Duration::from_secs(seconds.min(LAST_SECOND)))
}

/// Reads a moment, in seconds since 1970.
pub(super) fn parse_date(text: &str) -> Option<u64> {
    let moment = httpdate::parse_http_date(text.trim()).ok()?;
    Some(moment.duration_since(UNIX_EPOCH).ok()?.as_secs())
}

/// A condition that names entity tags.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Tags {
    /// `*`: any representation at all.
    Any,
    Listed(Vec<EntityTag>),
}

impl Tags {
    /// Reads all fields of this name; `None` when there are none. What cannot be read names nothing.
    pub(super) fn of(headers: &HeaderMap, name: HeaderName) -> Option<Tags> {
        let mut values = headers.get_all(name).into_iter().peekable();
        values.peek()?;
        let mut tags = Vec::new();
        for value in values {
            if value.as_bytes().trim_ascii() == b"*" {
                return Some(Tags::Any);
            }
            read_tags(value.as_bytes(), &mut tags);
        }
        Some(Tags::Listed(tags))
    }

    /// Whether one of them is `etag`, and both are strong (RFC 9110 8.8.3.2).
    pub(super) fn match_strongly(&self, etag: Option<&EntityTag>) -> bool {
        match self {
            Tags::Any => true,
            Tags::Listed(tags) => etag.is_some_and(|etag| !etag.is_weak && tags.contains(etag)),
        }
    }

    /// Whether one of them is `etag`, weak or strong.
    pub(super) fn match_weakly(&self, etag: Option<&EntityTag>) -> bool {
        match self {
            Tags::Any => true,
            Tags::Listed(tags) => {
                etag.is_some_and(|etag| tags.iter().any(|tag| tag.opaque == etag.opaque))
            }
        }
    }
}

/// Reads a list up to where it stops to be one. Tags of others may hold any octet; ours are ASCII, so
/// what is not UTF-8 may become whatever it likes.
fn read_tags(mut text: &[u8], into: &mut Vec<EntityTag>) {
    loop {
        while let [b' ' | b'\t' | b',', rest @ ..] = text {
            text = rest;
        }
        let (is_weak, quoted) = match text {
            [b'W', b'/', rest @ ..] => (true, rest),
            rest => (false, rest),
        };
        let [b'"', quoted @ ..] = quoted else { return };
        let Some(len) = quoted.iter().position(|octet| *octet == b'"') else { return };
        let opaque = String::from_utf8_lossy(&quoted[..len]).into_owned();
        into.push(EntityTag { is_weak, opaque });
        text = &quoted[len + 1..];
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use http::header::IF_MATCH;

    use super::*;

    fn tags(values: &[&str]) -> Option<Tags> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(IF_MATCH, HeaderValue::from_bytes(value.as_bytes()).unwrap());
        }
        Tags::of(&headers, IF_MATCH)
    }

    fn tag(text: &str) -> EntityTag {
        let is_weak = text.starts_with("W/");
        EntityTag { is_weak, opaque: text.trim_start_matches("W/").trim_matches('"').to_owned() }
    }

    #[test]
    fn lists_of_tags() {
        assert_eq!(tags(&[]), None);
        assert_eq!(tags(&[" * "]), Some(Tags::Any));
        for (values, read) in [
            (&["\"a\""][..], &["\"a\""][..]),
            (&["\"a\", W/\"b\",,\"c,d\""], &["\"a\"", "W/\"b\"", "\"c,d\""]),
            (&["\"a\"", "\"b\""], &["\"a\"", "\"b\""]),
            (&["\"\""], &["\"\""]),
            (&["a, \"b\""], &[]),
            (&["\"a\", w/\"b\""], &["\"a\""]),
            (&["\"a"], &[]),
            (&[""], &[]),
        ] {
            let read = read.iter().map(|text| tag(text)).collect();
            assert_eq!(tags(values), Some(Tags::Listed(read)), "{values:?}");
        }
    }

    #[test]
    fn a_weak_tag_matches_weakly_only() {
        for (ours, theirs, strongly, weakly) in [
            ("\"a\"", "\"a\"", true, true),
            ("W/\"a\"", "W/\"a\"", false, true),
            ("\"a\"", "W/\"a\"", false, true),
            ("W/\"a\"", "\"a\"", false, true),
            ("\"a\"", "\"b\"", false, false),
        ] {
            let (tags, ours) = (tags(&[theirs]).unwrap(), tag(ours));
            assert_eq!(tags.match_strongly(Some(&ours)), strongly, "{ours} {theirs}");
            assert_eq!(tags.match_weakly(Some(&ours)), weakly, "{ours} {theirs}");
            assert!(!tags.match_weakly(None));
        }
        assert!(Tags::Any.match_strongly(Some(&tag("W/\"a\""))));
    }

    #[test]
    fn dates_have_an_end() {
        assert_eq!(date(784_111_777), "Sun, 06 Nov 1994 08:49:37 GMT");
        assert_eq!(parse_date("Sunday, 06-Nov-94 08:49:37 GMT"), Some(784_111_777));
        assert_eq!(date(u64::MAX), "Fri, 31 Dec 9999 23:59:59 GMT");
        assert_eq!(parse_date("yesterday"), None);
    }
}
