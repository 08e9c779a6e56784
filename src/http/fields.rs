//! Fields whose value is a list, and the weights in them.

use http::{HeaderMap, HeaderName};

/// What is not weighted has this weight.
pub(super) const FULL: u16 = 1000;

/// The elements of all fields of this name, which are one list, without empty ones (RFC 9110 5.6.1).
pub(super) fn elements(headers: &HeaderMap, name: HeaderName) -> impl Iterator<Item = &str> {
    let values = headers.get_all(name).into_iter().filter_map(|value| value.to_str().ok());
    values
        .flat_map(|value| value.split(','))
        .map(|element| element.trim_matches([' ', '\t']))
        .filter(|element| !element.is_empty())
}

/// What an element speaks of, without its parameters, and its weight in thousandths (RFC 9110 12.4.2). A
/// weight that is none leaves nothing to go by.
pub(super) fn weighted(element: &str) -> Option<(&str, u16)> {
    let mut parts = element.split(';').map(str::trim);
    let what = parts.next().filter(|what| !what.is_empty())?;
    for part in parts {
        if let Some((name, value)) = part.split_once('=')
            && name.eq_ignore_ascii_case("q")
        {
            return Some((what, weight(value)?));
        }
    }
    Some((what, FULL))
}

fn weight(text: &str) -> Option<u16> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let is_short = fraction.len() <= 3 && fraction.bytes().all(|octet| octet.is_ascii_digit());
    let thousandths = format!("{fraction:0<3}").parse().ok().filter(|_| is_short)?;
    match (whole, thousandths) {
        ("0", thousandths) => Some(thousandths),
        ("1", 0) => Some(FULL),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use http::header::{ACCEPT, HeaderValue};

    use super::*;

    #[test]
    fn fields_of_one_name_are_one_list() {
        let mut headers = HeaderMap::new();
        headers.append(ACCEPT, HeaderValue::from_static("a, ,b;q=0.5,"));
        headers.append(ACCEPT, HeaderValue::from_static("\tc"));
        assert_eq!(elements(&headers, ACCEPT).collect::<Vec<_>>(), ["a", "b;q=0.5", "c"]);
    }

    #[test]
    fn weights_are_thousandths() {
        for (element, read) in [
            ("gzip", Some(("gzip", 1000))),
            ("gzip;q=1", Some(("gzip", 1000))),
            ("gzip;q=1.000", Some(("gzip", 1000))),
            ("gzip ; Q=0.5", Some(("gzip", 500))),
            ("gzip;q=0.", Some(("gzip", 0))),
            ("gzip;q=0.001", Some(("gzip", 1))),
            ("text/html;level=1;q=0.4", Some(("text/html", 400))),
            ("gzip;q=1.001", None),
            ("gzip;q=2", None),
            ("gzip;q=-1", None),
            ("gzip;q=0.0001", None),
            ("gzip;q=0.+1", None),
            ("gzip;q=", None),
            (";q=1", None),
        ] {
            assert_eq!(weighted(element), read, "{element}");
        }
    }
}
