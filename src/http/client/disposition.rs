//! What a file is to be called: by its URL, or as the server proposes (`Content-Disposition`). A name from
//! elsewhere is a name only, and never a way.

use std::path::Path;

use percent_encoding::percent_decode_str;
use url::Url;

use super::text::is_unseen;

/// The longest name of a file on Linux has 255 octets, and `.part` is put behind it.
const LONGEST: usize = 250;

/// The last part of the path, if that can be the name of a file. What nobody would see in it becomes `_`.
#[must_use]
pub fn name_of_url(url: &Url) -> Option<String> {
    let last = url.path_segments()?.next_back()?;
    let name = percent_decode_str(last).decode_utf8().ok()?;
    is_name(&name).then(|| seen(&name))
}

/// The name that the value of `Content-Disposition` proposes, if it is harmless: what stands before the
/// last `/` or `\` is left out, and a name that would be hidden is refused. `filename*` goes before
/// `filename` (RFC 6266, section 4.3).
#[must_use]
pub fn name_of_disposition(value: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(value);
    let parameters = parameters(&text);
    let find = |wanted: &str| parameters.iter().find(|(name, _)| name == wanted);
    let proposed = find("filename*")
        .and_then(|(_, value)| extended(value))
        .or_else(|| find("filename").map(|(_, value)| value.clone()))?;
    let name = proposed.rsplit(['/', '\\']).next().unwrap_or_default().trim();
    // One that looks as if it were to be gone on with is nobody's word but ours.
    let is_part = Path::new(name).extension().is_some_and(|end| end.eq_ignore_ascii_case("part"));
    (is_name(name) && !name.starts_with('.') && !is_part).then(|| seen(name))
}

fn is_name(name: &str) -> bool {
    let is_way = matches!(name, "" | "." | "..") || name.contains('/');
    !is_way && name.len() <= LONGEST && !name.chars().any(char::is_control)
}

fn seen(name: &str) -> String {
    name.chars().map(|sign| if is_unseen(sign) { '_' } else { sign }).collect()
}

/// `NAME=VALUE` and `NAME="VALUE"` behind the type, separated by semicolons.
fn parameters(text: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut rest = text.split_once(';').map_or("", |(_, rest)| rest);
    while let Some((name, behind)) = rest.split_once('=') {
        let behind = behind.trim_start();
        let (value, behind) = match behind.strip_prefix('"') {
            Some(quoted) => unquoted(quoted),
            None => {
                let (value, rest) = behind.split_once(';').unwrap_or((behind, ""));
                (value.trim().to_owned(), rest)
            }
        };
        found.push((name.trim_matches([' ', '\t', ';']).to_ascii_lowercase(), value));
        rest = behind;
    }
    found
}

/// What stands in quotes, and what behind them.
fn unquoted(text: &str) -> (String, &str) {
    let (mut value, mut is_escaped) = (String::new(), false);
    for (place, sign) in text.char_indices() {
        match sign {
            '\\' if !is_escaped => is_escaped = true,
            '"' if !is_escaped => return (value, &text[place + 1..]),
            sign => {
                value.push(sign);
                is_escaped = false;
            }
        }
    }
    (value, "")
}

/// `UTF-8''VALUE` with percent signs.
fn extended(text: &str) -> Option<String> {
    let mut parts = text.splitn(3, '\'');
    let (charset, _, value) = (parts.next()?, parts.next()?, parts.next()?);
    if !charset.eq_ignore_ascii_case("utf-8") {
        return None;
    }
    Some(percent_decode_str(value).decode_utf8().ok()?.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_end_in_names_or_do_not() {
        let name = |url: &str| name_of_url(&Url::parse(url).unwrap());
        assert_eq!(name("http://a.test/x/file.bin?q#f").as_deref(), Some("file.bin"));
        assert_eq!(name("http://a.test/caf%C3%A9").as_deref(), Some("café"));
        assert_eq!(name("http://a.test/a%E2%80%AEgpj.exe").as_deref(), Some("a_gpj.exe"));
        let long = |len| name(&format!("http://a.test/{}", "x".repeat(len)));
        assert_eq!(long(250), Some("x".repeat(250)));
        assert_eq!(long(251), None, "x.part would have no place");
        for url in [
            "http://a.test",
            "http://a.test/x/",
            "http://a.test/..%2fetc%2fpasswd",
            "http://a.test/%2e%2e%2f",
            "http://a.test/a%00b",
            "http://a.test/a%0ab",
            "http://a.test/%ff",
        ] {
            assert_eq!(name(url), None, "{url}");
        }
    }

    /// RFC 6266: the forms that are in use, and no way out of the directory.
    #[test]
    fn proposals_are_names_and_never_ways() {
        let name = |text: &str| name_of_disposition(text.as_bytes());
        for (text, wanted) in [
            ("attachment; filename=a.txt", Some("a.txt")),
            ("attachment; FileName = \"a b.txt\" ; x=y", Some("a b.txt")),
            ("attachment; filename=\"a\\\"b;c.txt\"", Some("a\"b;c.txt")),
            ("attachment; filename=a.txt; filename*=UTF-8''caf%C3%A9.txt", Some("café.txt")),
            ("attachment; filename*=latin1''x; filename=b.txt", Some("b.txt")),
            ("attachment; filename=\"/etc/cron.d/x\"", Some("x")),
            ("attachment; filename=\"..\\\\..\\\\x.exe\"", Some("x.exe")),
            ("attachment; filename*=UTF-8''..%2F..%2Fx", Some("x")),
            ("attachment; filename*=UTF-8''a%E2%80%AEgpj.exe", Some("a_gpj.exe")),
            ("attachment; filename=\"\u{200b}.bashrc\"", Some("_.bashrc")),
            ("attachment; filename=\"..\"", None),
            ("attachment; filename=\".bashrc\"", None),
            ("attachment; filename=\"a\u{1b}[31m\"", None),
            ("attachment; filename=\"\"", None),
            ("attachment", None),
            ("filename=x", None),
            ("attachment; filename=\"no end", Some("no end")),
        ] {
            assert_eq!(name(text).as_deref(), wanted, "{text}");
        }
        assert_eq!(name(&format!("attachment; filename={}", "x".repeat(251))), None);
    }
}
