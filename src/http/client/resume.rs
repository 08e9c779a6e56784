//! Going on with a download where it was cut (RFC 9110, sections 13 and 14): what to ask for, and what an
//! answer means. Pure rules: files are the caller's affair.

use http::{HeaderMap, HeaderValue, StatusCode, header};

/// What was there before.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Partial {
    /// So many octets, from the first on.
    pub len: u64,
    /// The validator that came with them, in the form that `If-Range` takes, if one is known.
    pub validator: Option<HeaderValue>,
}

/// What an answer means for what is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The body goes behind it.
    Append {
        /// Of the whole, if the server says.
        total: Option<u64>,
    },
    /// The body is the whole again: what is there is of no use. Either the server knows no ranges, or what
    /// it has is not what it had.
    Anew,
    /// Nothing is missing.
    Complete,
    /// It does not fit, and why.
    Unfit(String),
    /// It is no answer to this: an error, a redirect.
    Other,
}

impl Partial {
    /// Asks for the rest. Where nothing is there, for all.
    pub fn ask(&self, fields: &mut HeaderMap) {
        if self.len == 0 {
            return;
        }
        let range = format!("bytes={}-", self.len);
        fields.insert(header::RANGE, HeaderValue::try_from(range).expect("digits"));
        if let Some(validator) = &self.validator {
            fields.insert(header::IF_RANGE, validator.clone());
        }
        // A part of something encoded is a part of something else.
        fields.insert(header::ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    }

    /// Judges the answer to that.
    #[must_use]
    pub fn judge(&self, status: StatusCode, fields: &HeaderMap) -> Verdict {
        let range = fields.get(header::CONTENT_RANGE).and_then(|value| value.to_str().ok());
        match status {
            StatusCode::PARTIAL_CONTENT if self.len == 0 => {
                Verdict::Unfit("the server sent a part, and nobody had asked for one".to_owned())
            }
            StatusCode::PARTIAL_CONTENT => self.judge_part(range, fields),
            StatusCode::RANGE_NOT_SATISFIABLE if self.len > 0 => {
                match range.and_then(unsatisfied) {
                    Some(total) if total == self.len => Verdict::Complete,
                    Some(total) => Verdict::Unfit(format!(
                        "the server has {total} octets, and here are {} already: these are not the same",
                        self.len
                    )),
                    None => Verdict::Other,
                }
            }
            status if status.is_success() => Verdict::Anew,
            _ => Verdict::Other,
        }
    }

    fn judge_part(&self, range: Option<&str>, fields: &HeaderMap) -> Verdict {
        let Some(range) = range else {
            return Verdict::Unfit("the server sent a part and does not say which".to_owned());
        };
        let Some((first, last, total)) = satisfied(range) else {
            let range = range.escape_debug();
            return Verdict::Unfit(format!("the server sent a part that makes no sense: {range}"));
        };
        if first != self.len {
            return Verdict::Unfit(format!(
                "the server was asked for what follows octet {}, and sent what follows {first}",
                self.len
            ));
        }
        let differs = |ours: &HeaderValue| {
            let name = if is_tag(ours) { header::ETAG } else { header::LAST_MODIFIED };
            fields.get(name).is_some_and(|theirs| theirs != ours)
        };
        // A server that knows no If-Range.
        if self.validator.as_ref().is_some_and(differs) {
            return Verdict::Unfit("what the server has is no longer what it had".to_owned());
        }
        if total.is_some_and(|total| last + 1 != total) {
            return Verdict::Unfit(format!("the server sent less than was asked for: {range}"));
        }
        Verdict::Append { total }
    }
}

/// The validator of a response by which a range of it can be asked for again: its entity tag if that is a
/// strong one; or else its `Last-Modified`, if that is older than the response by so much that it cannot
/// have changed twice in that second (RFC 9110 8.8.2.2).
#[must_use]
pub fn validator(fields: &HeaderMap) -> Option<HeaderValue> {
    if let Some(tag) = fields.get(header::ETAG) {
        return (is_tag(tag)).then(|| tag.clone());
    }
    let time = |name| httpdate::parse_http_date(fields.get(name)?.to_str().ok()?).ok();
    let (modified, date) = (time(header::LAST_MODIFIED)?, time(header::DATE)?);
    let age = date.duration_since(modified).ok()?;
    (age.as_secs() >= 1).then(|| fields[header::LAST_MODIFIED].clone())
}

fn is_tag(value: &HeaderValue) -> bool {
    value.as_bytes().starts_with(b"\"")
}

/// `bytes FIRST-LAST/TOTAL`, or `*` for an unknown total.
fn satisfied(text: &str) -> Option<(u64, u64, Option<u64>)> {
    let (range, total) = text.trim().strip_prefix("bytes ")?.split_once('/')?;
    let (first, last) = range.trim().split_once('-')?;
    let (first, last) = (number(first)?, number(last)?);
    let total = match total.trim() {
        "*" => None,
        total => Some(number(total)?),
    };
    (first <= last && last < u64::MAX && total.is_none_or(|total| last < total))
        .then_some((first, last, total))
}

/// `bytes */TOTAL`.
fn unsatisfied(text: &str) -> Option<u64> {
    number(text.trim().strip_prefix("bytes ")?.trim().strip_prefix("*/")?)
}

fn number(text: &str) -> Option<u64> {
    let text = text.trim();
    text.bytes().all(|octet| octet.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(pairs: &[(&'static str, &str)]) -> HeaderMap {
        let pairs = pairs.iter().map(|(name, value)| {
            (header::HeaderName::from_static(name), HeaderValue::from_str(value).unwrap())
        });
        pairs.collect()
    }

    fn judged(
        len: u64,
        tag: Option<&'static str>,
        status: u16,
        pairs: &[(&'static str, &str)],
    ) -> Verdict {
        let partial = Partial { len, validator: tag.map(HeaderValue::from_static) };
        partial.judge(StatusCode::from_u16(status).unwrap(), &fields(pairs))
    }

    #[test]
    fn the_rest_is_asked_for_if_it_is_still_the_same() {
        let mut asked = fields(&[("accept-encoding", "gzip")]);
        Partial { len: 5_000_000_000, validator: Some(HeaderValue::from_static("\"a\"")) }
            .ask(&mut asked);
        assert_eq!(asked["range"], "bytes=5000000000-");
        assert_eq!(asked["if-range"], "\"a\"");
        assert_eq!(asked["accept-encoding"], "identity");
        let mut asked = HeaderMap::new();
        Partial::default().ask(&mut asked);
        assert!(asked.is_empty(), "of nothing there is no rest");
    }

    #[test]
    fn a_part_fits_only_where_the_rest_begins() {
        let part = |range: &str| judged(10, None, 206, &[("content-range", range)]);
        assert_eq!(part("bytes 10-19/20"), Verdict::Append { total: Some(20) });
        assert_eq!(part("bytes 10-19/*"), Verdict::Append { total: None });
        for range in [
            "bytes 0-19/20",
            "bytes 11-19/20",
            "bytes 10-18/20",
            "bytes 10-20/20",
            "bytes 10-9/20",
            "bytes */20",
            "bytes 10-+19/20",
            "items 10-19/20",
            "bytes 10-18446744073709551615/*",
            "bytes 10-99999999999999999999/*",
        ] {
            assert!(matches!(part(range), Verdict::Unfit(_)), "{range}");
        }
        assert!(matches!(judged(10, None, 206, &[]), Verdict::Unfit(_)));
        assert!(matches!(
            judged(0, None, 206, &[("content-range", "bytes 0-19/20")]),
            Verdict::Unfit(_)
        ));
    }

    #[test]
    fn what_changed_is_not_put_behind_what_was() {
        let part = ("content-range", "bytes 10-19/20");
        let with = |tag| judged(10, Some("\"a\""), 206, &[part, ("etag", tag)]);
        assert_eq!(with("\"a\""), Verdict::Append { total: Some(20) });
        assert!(matches!(with("\"b\""), Verdict::Unfit(_)));
        assert_eq!(judged(10, Some("\"a\""), 200, &[("etag", "\"b\"")]), Verdict::Anew);
        let (then, now) = ("Sun, 06 Nov 1994 08:49:37 GMT", "Sun, 06 Nov 1994 08:49:39 GMT");
        let at = |time| judged(10, Some(then), 206, &[part, ("last-modified", time)]);
        assert_eq!(at(then), Verdict::Append { total: Some(20) });
        assert!(matches!(at(now), Verdict::Unfit(_)));
    }

    #[test]
    fn beyond_the_end_it_is_complete_if_the_length_is_the_same() {
        let beyond = |range: &str| judged(20, None, 416, &[("content-range", range)]);
        assert_eq!(beyond("bytes */20"), Verdict::Complete);
        assert!(matches!(beyond("bytes */19"), Verdict::Unfit(_)));
        assert_eq!(judged(20, None, 416, &[]), Verdict::Other);
        assert_eq!(judged(0, None, 416, &[("content-range", "bytes */0")]), Verdict::Other);
        assert_eq!(judged(20, None, 404, &[]), Verdict::Other);
        assert_eq!(judged(20, None, 302, &[]), Verdict::Other);
    }

    /// RFC 9110 8.8: a weak validator says nothing of octets.
    #[test]
    fn only_strong_validators_count() {
        let date = ("date", "Sun, 06 Nov 1994 08:49:38 GMT");
        let found = |pairs: &[(&'static str, &str)]| validator(&fields(pairs));
        assert_eq!(found(&[("etag", "\"a\"")]), Some(HeaderValue::from_static("\"a\"")));
        assert_eq!(found(&[("etag", "W/\"a\""), ("last-modified", date.1)]), None);
        let modified = |text| found(&[date, ("last-modified", text)]);
        assert!(modified("Sun, 06 Nov 1994 08:49:37 GMT").is_some());
        assert_eq!(modified("Sun, 06 Nov 1994 08:49:38 GMT"), None, "it may change yet");
        assert_eq!(modified("yesterday"), None);
        assert_eq!(found(&[("last-modified", date.1)]), None);
    }
}
