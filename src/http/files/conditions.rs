//! Whether a request that is made under conditions is to be answered (RFC 9110 13.2.2).

use http::HeaderMap;
use http::header::{
    HeaderName, IF_MATCH, IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_RANGE, IF_UNMODIFIED_SINCE,
};

use super::validators::{Tags, Validators, parse_date};

/// What the conditions of a request come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Answer it.
    Holds,
    /// 304: whoever asks has it already.
    NotModified,
    /// 412: it is not what the request is meant for.
    Failed,
}

/// Judges a GET or HEAD of what has these validators, in the order of RFC 9110 13.2.2.
pub(super) fn judge(headers: &HeaderMap, current: &Validators) -> Verdict {
    let etag = current.etag.as_ref();
    match Tags::of(headers, IF_MATCH) {
        Some(tags) if !tags.match_strongly(etag) => return Verdict::Failed,
        Some(_) => {}
        None => {
            if let (Some(since), Some(modified)) =
                (moment(headers, IF_UNMODIFIED_SINCE), current.modified)
                && modified > since
            {
                return Verdict::Failed;
            }
        }
    }
    match Tags::of(headers, IF_NONE_MATCH) {
        Some(tags) if tags.match_weakly(etag) => return Verdict::NotModified,
        Some(_) => {}
        None => {
            if let (Some(since), Some(modified)) =
                (moment(headers, IF_MODIFIED_SINCE), current.modified)
                && modified <= since
            {
                return Verdict::NotModified;
            }
        }
    }
    Verdict::Holds
}

/// Whether the parts that are asked for are parts of what is there now: there is no `If-Range`, or what it
/// names is exactly this state (RFC 9110 13.1.5).
pub(super) fn range_holds(headers: &HeaderMap, current: &Validators) -> bool {
    let Some(value) = headers.get(IF_RANGE) else { return true };
    match value.to_str().ok().and_then(parse_date) {
        Some(date) => current.date_is_strong && current.modified == Some(date),
        None => Tags::of(headers, IF_RANGE).is_some_and(|tags| match tags {
            Tags::Any => false,
            Tags::Listed(_) => tags.match_strongly(current.etag.as_ref()),
        }),
    }
}

/// A condition that is a date; what is none, or stands there twice, is no condition (RFC 9110 13.1.3).
fn moment(headers: &HeaderMap, name: HeaderName) -> Option<u64> {
    let mut values = headers.get_all(name).into_iter();
    match (values.next(), values.next()) {
        (Some(value), None) => parse_date(value.to_str().ok()?),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::super::validators::{EntityTag, date};
    use super::*;

    const AT: u64 = 1_000_000_000;

    fn current(is_weak: bool) -> Validators {
        Validators {
            etag: Some(EntityTag { is_weak, opaque: "a".to_owned() }),
            modified: Some(AT),
            date_is_strong: !is_weak,
        }
    }

    fn headers(fields: &[(HeaderName, &str)]) -> HeaderMap {
        let value = |text: &str| match text {
            "before" => HeaderValue::from_str(&date(AT - 1)).unwrap(),
            "then" => HeaderValue::from_str(&date(AT)).unwrap(),
            "after" => HeaderValue::from_str(&date(AT + 1)).unwrap(),
            other => HeaderValue::from_str(other).unwrap(),
        };
        fields.iter().map(|(name, text)| (name.clone(), value(text))).collect()
    }

    #[test]
    fn the_order_is_that_of_rfc_9110_13_2_2() {
        use Verdict::{Failed, Holds, NotModified};
        for (fields, verdict) in [
            (&[][..], Holds),
            (&[(IF_MATCH, "\"a\"")], Holds),
            (&[(IF_MATCH, "\"x\", \"a\"")], Holds),
            (&[(IF_MATCH, "*")], Holds),
            (&[(IF_MATCH, "\"x\"")], Failed),
            (&[(IF_MATCH, "W/\"a\"")], Failed),
            (&[(IF_UNMODIFIED_SINCE, "then")], Holds),
            (&[(IF_UNMODIFIED_SINCE, "before")], Failed),
            (&[(IF_UNMODIFIED_SINCE, "soon")], Holds),
            // The date counts only without a tag.
            (&[(IF_MATCH, "\"a\""), (IF_UNMODIFIED_SINCE, "before")], Holds),
            (&[(IF_NONE_MATCH, "\"a\"")], NotModified),
            (&[(IF_NONE_MATCH, "W/\"a\"")], NotModified),
            (&[(IF_NONE_MATCH, "\"x\",\"a\"")], NotModified),
            (&[(IF_NONE_MATCH, "*")], NotModified),
            (&[(IF_NONE_MATCH, "\"x\"")], Holds),
            (&[(IF_MODIFIED_SINCE, "then")], NotModified),
            (&[(IF_MODIFIED_SINCE, "after")], NotModified),
            (&[(IF_MODIFIED_SINCE, "before")], Holds),
            (&[(IF_MODIFIED_SINCE, "soon")], Holds),
            (&[(IF_NONE_MATCH, "\"x\""), (IF_MODIFIED_SINCE, "then")], Holds),
            (&[(IF_NONE_MATCH, "\"a\""), (IF_MODIFIED_SINCE, "before")], NotModified),
            // What would fail is not told to be the same.
            (&[(IF_MATCH, "\"x\""), (IF_NONE_MATCH, "\"a\"")], Failed),
            (&[(IF_MATCH, "\"a\""), (IF_NONE_MATCH, "\"a\"")], NotModified),
            (&[(IF_UNMODIFIED_SINCE, "then"), (IF_MODIFIED_SINCE, "then")], NotModified),
        ] {
            assert_eq!(judge(&headers(fields), &current(false)), verdict, "{fields:?}");
        }
        assert_eq!(judge(&headers(&[(IF_NONE_MATCH, "\"a\"")]), &current(true)), NotModified);
        assert_eq!(judge(&headers(&[(IF_MATCH, "\"a\"")]), &current(true)), Failed);
    }

    #[test]
    fn without_validators_only_a_star_is_met() {
        let none = Validators::default();
        for (name, text, verdict) in [
            (IF_MATCH, "\"a\"", Verdict::Failed),
            (IF_MATCH, "*", Verdict::Holds),
            (IF_NONE_MATCH, "\"a\"", Verdict::Holds),
            (IF_NONE_MATCH, "*", Verdict::NotModified),
            (IF_MODIFIED_SINCE, "after", Verdict::Holds),
            (IF_UNMODIFIED_SINCE, "before", Verdict::Holds),
        ] {
            assert_eq!(judge(&headers(&[(name, text)]), &none), verdict, "{text}");
        }
    }

    #[test]
    fn parts_are_only_parts_of_the_same_state() {
        for (text, strong, weak) in [
            ("\"a\"", true, false),
            ("W/\"a\"", false, false),
            ("\"x\"", false, false),
            ("then", true, false),
            ("before", false, false),
            ("after", false, false),
            ("*", false, false),
            ("nonsense", false, false),
        ] {
            let headers = headers(&[(IF_RANGE, text)]);
            assert_eq!(range_holds(&headers, &current(false)), strong, "{text}");
            assert_eq!(range_holds(&headers, &current(true)), weak, "{text}");
        }
        assert!(range_holds(&HeaderMap::new(), &current(true)));
    }
}
