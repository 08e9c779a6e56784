//! The path of a request as the name of a file below a root, and back.

use std::ffi::OsStr;
use std::fmt;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, percent_encode};

/// What stands for itself in a link; all else is written by its octets (RFC 3986 2.3). So a name can
/// neither begin another part of a URL nor be taken for another host.
const NOT_UNRESERVED: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// What a request names: steps downwards from the root, none of them empty, `.` or `..`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Target {
    steps: Vec<Vec<u8>>,
    /// It ends in a slash, and so can only be a directory.
    pub(super) is_directory: bool,
}

/// Why a path names nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BadTarget {
    /// A `%` without two hexadecimal digits.
    Percent,
    /// A slash or an octet 0 that is written by its octet, as no file can be called.
    Name,
    /// More steps upwards than downwards.
    Above,
}

impl Target {
    /// Reads the path of a URL, as it stands in the request: `.` and `..` are followed as a browser would
    /// (RFC 3986 5.2.4), wherever they were hidden, and slashes in a row count as one.
    pub(super) fn parse(path: &str) -> Result<Target, BadTarget> {
        let mut steps: Vec<Vec<u8>> = Vec::new();
        let mut is_directory = true;
        for part in path.split('/') {
            let name = decode(part)?;
            is_directory = matches!(&*name, b"" | b"." | b"..");
            match &*name {
                b"" | b"." => {}
                b".." => {
                    steps.pop().ok_or(BadTarget::Above)?;
                }
                _ => steps.push(name),
            }
        }
        Ok(Target { steps, is_directory })
    }

    /// The way from the root.
    pub(super) fn path(&self) -> PathBuf {
        if self.steps.is_empty() {
            return PathBuf::from(".");
        }
        self.steps.iter().map(|step| OsStr::from_bytes(step)).collect()
    }

    /// What people may know of: no step begins with a dot, but for `/.well-known`, whose purpose is to be
    /// found (RFC 8615).
    pub(super) fn is_hidden(&self) -> bool {
        let well_known = self.steps.first().is_some_and(|step| step == b".well-known");
        self.steps[usize::from(well_known)..].iter().any(|step| step.starts_with(b"."))
    }

    pub(super) fn is_root(&self) -> bool {
        self.steps.is_empty()
    }
}

/// As the path of a URL: in one way only, whatever the request looked like. It begins with one slash, and
/// with a second character that is none.
impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for step in &self.steps {
            write!(f, "/{}", link(step))?;
        }
        if self.is_directory || self.steps.is_empty() { f.write_str("/") } else { Ok(()) }
    }
}

/// A name as one step of a URL.
pub(super) fn link(name: &[u8]) -> impl fmt::Display + '_ {
    percent_encode(name, NOT_UNRESERVED)
}

fn decode(part: &str) -> Result<Vec<u8>, BadTarget> {
    let mut behind = part.split('%').skip(1);
    let is_escape = |text: &str| {
        let digits = text.as_bytes().get(..2);
        digits.is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
    };
    if !behind.all(is_escape) {
        return Err(BadTarget::Percent);
    }
    let name: Vec<u8> = percent_decode_str(part).collect();
    if name.iter().any(|octet| matches!(octet, b'/' | 0)) {
        return Err(BadTarget::Name);
    }
    Ok(name)
}

#[cfg(test)]
mod tests {
    use std::path::{Component, Path};

    use proptest::prelude::*;

    use super::*;

    fn path(text: &str) -> Result<PathBuf, BadTarget> {
        Target::parse(text).map(|target| target.path())
    }

    // RFC 3986 5.2.4
    #[test]
    fn steps_go_downwards() {
        for (text, expected) in [
            ("/", "."),
            ("", "."),
            ("//", "."),
            ("/a/b", "a/b"),
            ("//a///b", "a/b"),
            ("/a/./b/", "a/b"),
            ("/a/../b", "b"),
            ("/a/%2e%2E/b", "b"),
            ("/a/..", "."),
            ("/%61%20b", "a b"),
            ("/a+b", "a+b"),
            ("/..a/.../b", "..a/.../b"),
            ("/%5c..%5cetc", "\\..\\etc"),
            ("/%252e%252e/etc", "%2e%2e/etc"),
        ] {
            assert_eq!(path(text), Ok(PathBuf::from(expected)), "{text}");
        }
        for (text, why) in [
            ("/..", BadTarget::Above),
            ("/../etc/passwd", BadTarget::Above),
            ("/%2e%2e/etc/passwd", BadTarget::Above),
            ("/.%2e/etc", BadTarget::Above),
            ("/a/../../etc", BadTarget::Above),
            ("//../etc", BadTarget::Above),
            ("/..%2fetc", BadTarget::Name),
            ("/a%2Fb", BadTarget::Name),
            ("/a%00.txt", BadTarget::Name),
            ("/%", BadTarget::Percent),
            ("/%4", BadTarget::Percent),
            ("/%zz", BadTarget::Percent),
            ("/%%34", BadTarget::Percent),
            ("/%é1", BadTarget::Percent),
        ] {
            assert_eq!(path(text), Err(why), "{text}");
        }
    }

    #[test]
    fn a_slash_at_the_end_asks_for_a_directory() {
        for (text, is_directory) in [
            ("/", true),
            ("/a", false),
            ("/a/", true),
            ("/a/.", true),
            ("/a/b/..", true),
            ("/a/..b", false),
        ] {
            assert_eq!(Target::parse(text).unwrap().is_directory, is_directory, "{text}");
        }
    }

    // RFC 8615
    #[test]
    fn what_begins_with_a_dot_is_hidden_but_for_what_is_well_known() {
        for (text, is_hidden) in [
            ("/a/b", false),
            ("/.git/config", true),
            ("/a/.htaccess", true),
            ("/%2egit", true),
            ("/.well-known/security.txt", false),
            ("/.well-known/.secret", true),
            ("/a/.well-known/x", true),
            ("/.well-known-too", true),
            ("/a/../b", false),
        ] {
            assert_eq!(Target::parse(text).unwrap().is_hidden(), is_hidden, "{text}");
        }
    }

    // RFC 3986 4.2
    #[test]
    fn no_link_leads_to_another_host() {
        for (text, url) in [
            ("//evil.example/", "/evil.example/"),
            ("/%5cevil.example", "/%5Cevil.example"),
            ("/a b\u{e9}\"<", "/a%20b%C3%A9%22%3C"),
            ("/x:y@z?", "/x%3Ay%40z%3F"),
            ("/", "/"),
        ] {
            assert_eq!(Target::parse(text).unwrap().to_string(), url, "{text}");
        }
    }

    proptest! {
        /// Whatever arrives, what comes out of it stays below the root and says the same when read again.
        #[test]
        fn any_path_leads_downwards(parts in prop::collection::vec(
            prop_oneof![
                Just("/".to_owned()), Just("..".to_owned()), Just(".".to_owned()), Just("%2e".to_owned()),
                Just("%2F".to_owned()), Just("%00".to_owned()), Just("%".to_owned()), Just("\\".to_owned()),
                "[a-z%0-9]{1,3}", "\\PC{1,4}",
            ],
            0..20,
        )) {
            let text = parts.concat();
            if let Ok(target) = Target::parse(&text) {
                let path = target.path();
                let downwards = |part| matches!(part, Component::Normal(_));
                prop_assert!(path == Path::new(".") || path.components().all(downwards), "{path:?}");
                let url = target.to_string();
                prop_assert!(url.starts_with('/') && !url.starts_with("//"), "{url}");
                let again = Target::parse(&url).expect("a link is a path");
                prop_assert_eq!(again.path(), path);
            }
        }
    }
}
