//! Which parts of a representation a request asks for (RFC 9110 14).

use std::ops::Range;

use http::{HeaderMap, header};

/// Whoever asks for more parts than that gets the whole: what he wants is our trouble (RFC 9110 17.15).
const MOST_PARTS: usize = 64;

/// Parts with less between them go as one: a part of its own costs about as much.
const GAP: u64 = 128;

/// What is to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Wanted {
    /// No part in particular, or a request for parts that nobody needs to understand.
    Whole,
    /// These, at least one, none of them empty, all within the representation, and no two of them in touch.
    Parts(Vec<Range<u64>>),
    /// 416: none of what is asked for is there.
    Nothing,
}

/// Reads `Range` for a representation of `len` octets.
pub(super) fn read(headers: &HeaderMap, len: u64) -> Wanted {
    let mut values = headers.get_all(header::RANGE).into_iter();
    match (values.next(), values.next()) {
        (Some(value), None) => value.to_str().map_or(Wanted::Whole, |text| wanted(text, len)),
        _ => Wanted::Whole,
    }
}

fn wanted(text: &str, len: u64) -> Wanted {
    let Some((unit, list)) = text.split_once('=') else { return Wanted::Whole };
    if !unit.trim().eq_ignore_ascii_case("bytes") {
        return Wanted::Whole;
    }
    let elements = list.split(',').map(|element| element.trim_matches([' ', '\t']));
    let mut parts: Vec<Range<u64>> = Vec::new();
    let mut count = 0;
    for element in elements.filter(|element| !element.is_empty()) {
        count += 1;
        match part(element, len) {
            None => return Wanted::Whole,
            Some(_) if count > MOST_PARTS => return Wanted::Whole,
            // The last octets of nothing are there, and yet no part that could be written down.
            Some(_) if len == 0 && element.starts_with('-') => return Wanted::Whole,
            Some(part) if part.is_empty() => {}
            Some(part) => add(&mut parts, part),
        }
    }
    if count == 0 {
        Wanted::Whole
    } else if parts.is_empty() {
        Wanted::Nothing
    } else {
        Wanted::Parts(parts)
    }
}

/// One part, empty if it lies outside; `None` if that is no way to name one.
fn part(element: &str, len: u64) -> Option<Range<u64>> {
    let (first, last) = element.split_once('-')?;
    if first.is_empty() {
        let suffix = number(last)?;
        return Some(len.saturating_sub(suffix)..len);
    }
    let first = number(first)?;
    let last = if last.is_empty() { u64::MAX } else { number(last)? };
    if last < first {
        return None;
    }
    Some(first.min(len)..last.saturating_add(1).min(len))
}

/// A number of any length: what is too large to be one of ours is beyond all files.
fn number(text: &str) -> Option<u64> {
    let is_number = !text.is_empty() && text.bytes().all(|octet| octet.is_ascii_digit());
    is_number.then(|| text.parse().unwrap_or(u64::MAX))
}

/// Adds a part. What it touches or nearly touches becomes one with it, in the place of the first; the
/// others stay in the order in which they were asked for (RFC 9110 15.3.7.2).
fn add(parts: &mut Vec<Range<u64>>, mut new: Range<u64>) {
    let mut place = parts.len();
    let mut index = place;
    while index > 0 {
        index -= 1;
        let old = &parts[index];
        if new.start <= old.end.saturating_add(GAP) && old.start <= new.end.saturating_add(GAP) {
            new = new.start.min(old.start)..new.end.max(old.end);
            parts.remove(index);
            place = place.min(index);
            // Grown, it may touch what it did not before.
            index = parts.len();
        }
    }
    parts.insert(place, new);
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use proptest::prelude::*;

    use super::*;

    fn parts(parts: &[Range<u64>]) -> Wanted {
        Wanted::Parts(parts.to_vec())
    }

    #[test]
    fn what_is_asked_for_of_a_thousand_octets() {
        let one = |part: Range<u64>| parts(&[part]);
        for (text, expected) in [
            ("bytes=0-0", one(0..1)),
            ("bytes=0-99", one(0..100)),
            ("bytes=900-", one(900..1000)),
            ("bytes=900-5000", one(900..1000)),
            ("bytes=-100", one(900..1000)),
            ("bytes=-5000", one(0..1000)),
            ("Bytes = 0-0", one(0..1)),
            ("bytes=0-18446744073709551615", one(0..1000)),
            ("bytes=0-99999999999999999999999", one(0..1000)),
            ("bytes=0-9,500-509", parts(&[0..10, 500..510])),
            ("bytes=500-509, 0-9 ,,", parts(&[500..510, 0..10])),
            ("bytes=0-9,-10", parts(&[0..10, 990..1000])),
            // In touch, overlapping, or nearly so.
            ("bytes=0-9,10-19", one(0..20)),
            ("bytes=0-499,400-999", one(0..1000)),
            ("bytes=0-9,100-109", one(0..110)),
            ("bytes=600-609,0-9,300-309,130-200", parts(&[600..610, 0..310])),
            // Of which some is there.
            ("bytes=5000-,0-9", one(0..10)),
            ("bytes=-0,0-9", one(0..10)),
            ("bytes=1000-", Wanted::Nothing),
            ("bytes=1000-1000,2000-", Wanted::Nothing),
            ("bytes=-0", Wanted::Nothing),
            ("bytes=99999999999999999999999-", Wanted::Nothing),
            // Not to be understood.
            ("bytes=", Wanted::Whole),
            ("bytes=,", Wanted::Whole),
            ("bytes", Wanted::Whole),
            ("bytes=5-4", Wanted::Whole),
            ("bytes=0-9,5-4", Wanted::Whole),
            ("bytes=-", Wanted::Whole),
            ("bytes=a-b", Wanted::Whole),
            ("bytes=+1-2", Wanted::Whole),
            ("bytes=0x1-2", Wanted::Whole),
            ("bytes=1 - 2", Wanted::Whole),
            ("bytes=--1", Wanted::Whole),
            ("lines=0-9", Wanted::Whole),
        ] {
            assert_eq!(wanted(text, 1000), expected, "{text}");
        }
    }

    #[test]
    fn of_nothing_there_are_no_parts() {
        assert_eq!(wanted("bytes=0-", 0), Wanted::Nothing);
        assert_eq!(wanted("bytes=-5", 0), Wanted::Whole);
    }

    #[test]
    fn more_than_64_parts_are_the_whole() {
        let list = |count: u64| {
            let parts: Vec<_> = (0..count).map(|nth| format!("{0}-{0}", nth * 1000)).collect();
            format!("bytes={}", parts.join(","))
        };
        let Wanted::Parts(parts) = wanted(&list(64), 1 << 20) else { panic!("64 are allowed") };
        assert_eq!(parts.len(), 64);
        assert_eq!(wanted(&list(65), 1 << 20), Wanted::Whole);
    }

    #[test]
    fn two_fields_are_none() {
        let mut headers = HeaderMap::new();
        assert_eq!(read(&headers, 10), Wanted::Whole);
        headers.append(header::RANGE, HeaderValue::from_static("bytes=0-1"));
        let first_two = 0..2;
        assert_eq!(read(&headers, 10), parts(std::slice::from_ref(&first_two)));
        headers.append(header::RANGE, HeaderValue::from_static("bytes=0-1"));
        assert_eq!(read(&headers, 10), Wanted::Whole);
    }

    proptest! {
        /// Whatever is asked for, what is sent holds it, lies within, is not empty, and never twice the
        /// same octet.
        #[test]
        fn parts_lie_within_and_apart(
            asked in prop::collection::vec((0_u64..3000, prop::option::of(0_u64..3000)), 1..20),
            len in 0_u64..2500,
        ) {
            let list: Vec<_> = asked
                .iter()
                .map(|(first, more)| match more {
                    Some(more) => format!("{first}-{}", first + more),
                    None => format!("-{first}"),
                })
                .collect();
            let holds = |parts: &[Range<u64>], octet: u64| {
                parts.iter().filter(|part| part.contains(&octet)).count()
            };
            let is_asked = |octet: u64| asked.iter().any(|(first, more)| match more {
                Some(more) => (*first..=first + more).contains(&octet),
                None => octet + first >= len,
            });
            let parts = match wanted(&format!("bytes={}", list.join(",")), len) {
                Wanted::Parts(parts) => parts,
                Wanted::Nothing => Vec::new(),
                Wanted::Whole if len == 0 => Vec::new(),
                Wanted::Whole => panic!("these are well-formed"),
            };
            for part in &parts {
                prop_assert!(part.start < part.end && part.end <= len, "{part:?}");
            }
            for octet in 0..len {
                let times = holds(&parts, octet);
                prop_assert!(times <= 1, "{octet} is sent {times} times");
                prop_assert!(times == 1 || !is_asked(octet), "{octet} is missing");
            }
        }

        #[test]
        fn any_text_is_read(text in "bytes=[-0-9, a]{0,40}|\\PC{0,40}", len: u64) {
            if let Wanted::Parts(parts) = wanted(&text, len) {
                prop_assert!(parts.iter().all(|part| part.start < part.end && part.end <= len));
            }
        }
    }
}
