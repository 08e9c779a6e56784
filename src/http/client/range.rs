//! Parts of a whole (RFC 9110, section 14): which one a response says that it has, and whether that is the
//! one that was asked for.

use http::{HeaderMap, header};

/// Which part of how much, as `Content-Range` says. The first octet is 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part {
    /// The first octet.
    pub first: u64,
    /// The last one, which is less than `u64::MAX`.
    pub last: u64,
    /// Of the whole, if the server says.
    pub total: Option<u64>,
}

impl Part {
    /// What a response with status 206 has; `None` if it does not say, or makes no sense.
    #[must_use]
    pub fn of(fields: &HeaderMap) -> Option<Part> {
        Part::parse(fields.get(header::CONTENT_RANGE)?.to_str().ok()?)
    }

    /// `bytes FIRST-LAST/TOTAL`, or `*` for an unknown total.
    pub(super) fn parse(text: &str) -> Option<Part> {
        let (range, total) = in_octets(text, ' ')?.split_once('/')?;
        let (first, last) = range.trim().split_once('-')?;
        let (first, last) = (number(first)?, number(last)?);
        let total = match total.trim() {
            "*" => None,
            total => Some(number(total)?),
        };
        (first <= last && last < u64::MAX && total.is_none_or(|total| last < total))
            .then_some(Part { first, last, total })
    }

    /// So many octets.
    #[must_use]
    pub fn octets(&self) -> u64 {
        self.last - self.first + 1
    }

    /// Whether this is what `range`, the value of a field `Range`, asks for, neither more nor less. Of
    /// several ranges, and of units that we do not know, anything is.
    #[must_use]
    pub fn answers(&self, range: &str) -> bool {
        let spec = in_octets(range, '=').filter(|spec| !spec.contains(','));
        let Some((first, last)) = spec.and_then(|spec| spec.trim().split_once('-')) else {
            return true;
        };
        let ends = |end: u64| match self.total {
            Some(total) => self.last == end.min(total - 1),
            None => self.last <= end,
        };
        match (first, number(first), number(last)) {
            ("", _, Some(many)) => match self.total {
                Some(total) => self.first == total.saturating_sub(many) && self.last + 1 == total,
                None => self.octets() <= many,
            },
            (_, Some(first), Some(last)) => self.first == first && ends(last),
            (_, Some(first), None) => self.first == first && ends(u64::MAX),
            (_, None, _) => true,
        }
    }
}

/// The length that a response with status 416 gives: `bytes */TOTAL`.
pub(super) fn unsatisfied(text: &str) -> Option<u64> {
    number(in_octets(text, ' ')?.trim().strip_prefix("*/")?)
}

/// What follows the unit, if that is octets (RFC 9110 14.1: in capitals or not).
fn in_octets(text: &str, separator: char) -> Option<&str> {
    let (unit, rest) = text.trim().split_once(separator)?;
    unit.eq_ignore_ascii_case("bytes").then_some(rest)
}

fn number(text: &str) -> Option<u64> {
    let text = text.trim();
    text.bytes().all(|octet| octet.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_makes_no_sense_is_no_part() {
        let part = |first, last, total| Some(Part { first, last, total });
        assert_eq!(Part::parse("bytes 10-19/20"), part(10, 19, Some(20)));
        assert_eq!(Part::parse(" bytes 0 - 0 / * "), part(0, 0, None));
        for bad in [
            "bytes 10-20/20",
            "bytes 10-9/20",
            "bytes */20",
            "bytes 10-+19/20",
            "items 10-19/20",
            "bytes 10-18446744073709551615/*",
            "bytes 10-99999999999999999999/*",
            "bytes 0-0/99999999999999999999",
        ] {
            assert_eq!(Part::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_part_is_what_was_asked_for_or_it_is_not() {
        for (part, asked, is_it) in [
            ("10-19/100", "bytes=10-19", true),
            ("10-18/100", "bytes=10-19", false),
            ("10-20/100", "bytes=10-19", false),
            ("9-19/100", "bytes=10-19", false),
            ("10-99/100", "bytes=10-199", true),
            ("10-18/*", "bytes=10-19", true),
            ("10-20/*", "bytes=10-19", false),
            ("10-99/100", "bytes=10-", true),
            ("10-98/100", "bytes=10-", false),
            ("10-98/*", "bytes=10-", true),
            ("90-99/100", "bytes=-10", true),
            ("0-99/100", "bytes=-200", true),
            ("0-9/100", "bytes=-10", false),
            ("90-98/100", "bytes=-10", false),
            ("90-99/*", "bytes=-10", true),
            ("90-99/*", "bytes=-9", false),
            // Several may be joined; and what we cannot read, the user has written.
            ("0-99/100", "bytes=0-9,90-", true),
            ("5-9/100", "lines=1-2", true),
            ("5-9/100", "bytes=x-y", true),
        ] {
            let found = Part::parse(&format!("bytes {part}")).unwrap();
            assert_eq!(found.answers(asked), is_it, "{part} for {asked}");
        }
    }
}
