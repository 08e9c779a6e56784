//! Going on with a download where it was cut (RFC 9110, sections 13 and 14): what to ask for, and what an
//! answer means. Pure rules: files are the caller's affair.

use http::{HeaderMap, HeaderValue, StatusCode, header};

use super::range::{Part, unsatisfied};
use super::text::short;

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
    /// The body is this part, and goes behind it. The part may end before the whole does.
    Append(Part),
    /// The body is the whole again: what is there is of no use. Either the server knows no ranges, or what
    /// it has is not what it had.
    Anew,
    /// Nothing is missing.
    Complete,
    /// It does not fit, and why.
    Unfit(String),
    /// It is no answer to this, but an error, a redirect, or a success that has no file in it.
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
            StatusCode::OK | StatusCode::NON_AUTHORITATIVE_INFORMATION => Verdict::Anew,
            _ => Verdict::Other,
        }
    }

    fn judge_part(&self, range: Option<&str>, fields: &HeaderMap) -> Verdict {
        let Some(range) = range else {
            return Verdict::Unfit("the server sent a part and does not say which".to_owned());
        };
        let Some(part) = Part::parse(range) else {
            let range = short(range);
            let range = range.escape_debug();
            return Verdict::Unfit(format!("the server sent a part that makes no sense: {range}"));
        };
        let (len, first) = (self.len, part.first);
        if first != len {
            return Verdict::Unfit(format!(
                "the server was asked for what follows octet {len}, and sent what follows {first}"
            ));
        }
        if is_encoded(fields) {
            return Verdict::Unfit("the server sent a part of something encoded".to_owned());
        }
        let differs = |ours: &HeaderValue| {
            let name = if is_tag(ours) { header::ETAG } else { header::LAST_MODIFIED };
            fields.get(name).is_some_and(|theirs| theirs != ours)
        };
        // A server that knows no If-Range.
        if self.validator.as_ref().is_some_and(differs) {
            return Verdict::Unfit("what the server has is no longer what it had".to_owned());
        }
        Verdict::Append(part)
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

/// Whether the octets of a response are not those of the thing itself: a part of them is a part of
/// something else (RFC 9110, section 8.4).
#[must_use]
pub fn is_encoded(fields: &HeaderMap) -> bool {
    let codings = fields.get_all(header::CONTENT_ENCODING).iter();
    codings.into_iter().any(|coding| !coding.as_bytes().eq_ignore_ascii_case(b"identity"))
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
        let append = |last, total| Verdict::Append(Part { first: 10, last, total });
        assert_eq!(part("bytes 10-19/20"), append(19, Some(20)));
        assert_eq!(part("bytes 10-18/20"), append(18, Some(20)), "less than all that is left");
        assert_eq!(part("bytes 10-19/*"), append(19, None));
        for range in ["bytes 0-19/20", "bytes 11-19/20", "bytes 10-20/20", "bytes */20"] {
            assert!(matches!(part(range), Verdict::Unfit(_)), "{range}");
        }
        let coded = |coding| {
            let fields = [("content-range", "bytes 10-19/20"), ("content-encoding", coding)];
            judged(10, None, 206, &fields)
        };
        assert!(matches!(coded("gzip"), Verdict::Unfit(_)));
        assert_eq!(coded("Identity"), append(19, Some(20)));
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
        let append = Verdict::Append(Part { first: 10, last: 19, total: Some(20) });
        assert_eq!(with("\"a\""), append);
        assert!(matches!(with("\"b\""), Verdict::Unfit(_)));
        assert_eq!(judged(10, Some("\"a\""), 200, &[("etag", "\"b\"")]), Verdict::Anew);
        let (then, now) = ("Sun, 06 Nov 1994 08:49:37 GMT", "Sun, 06 Nov 1994 08:49:39 GMT");
        let at = |time| judged(10, Some(then), 206, &[part, ("last-modified", time)]);
        assert_eq!(at(then), append);
        assert!(matches!(at(now), Verdict::Unfit(_)));
    }

    #[test]
    fn beyond_the_end_it_is_complete_if_the_length_is_the_same() {
        let beyond = |range: &str| judged(20, None, 416, &[("content-range", range)]);
        assert_eq!(beyond("bytes */20"), Verdict::Complete);
        assert!(matches!(beyond("bytes */19"), Verdict::Unfit(_)));
        assert_eq!(judged(20, None, 416, &[]), Verdict::Other);
        assert_eq!(judged(0, None, 416, &[("content-range", "bytes */0")]), Verdict::Other);
    }

    #[test]
    fn only_a_file_takes_the_place_of_what_is_there() {
        for status in [200, 203] {
            assert_eq!(judged(20, None, status, &[]), Verdict::Anew, "{status}");
        }
        for status in [201, 202, 204, 205, 207, 226, 302, 304, 404, 500] {
            assert_eq!(judged(20, None, status, &[]), Verdict::Other, "{status}");
        }
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
