//! Text of strangers in a log: nothing in it may end a field or a line, or mean something to a terminal.

use std::io::Write;

/// Between quotes, as web servers do: `\"`, `\\`, and `\xHH` for each octet that is not printable ASCII.
pub(super) fn quoted(out: &mut Vec<u8>, text: &[u8]) {
    for &octet in text {
        match octet {
            b'"' => out.extend_from_slice(b"\\\""),
            b'\\' => out.extend_from_slice(b"\\\\"),
            b' '..=b'~' => out.push(octet),
            _ => write_to(out, format_args!("\\x{octet:02x}")),
        }
    }
}

/// The same as a text of its own, for other logs.
pub(in crate::http) fn printable(text: &str) -> String {
    let mut out = Vec::with_capacity(text.len());
    quoted(&mut out, text.as_bytes());
    String::from_utf8(out).expect("printable ASCII")
}

/// A string of JSON, with `\uXXXX` for all that is not printable ASCII. Octets that are no UTF-8 become the
/// character that stands for such.
pub(super) fn json(out: &mut Vec<u8>, text: &[u8]) {
    out.push(b'"');
    for chunk in text.utf8_chunks() {
        for sign in chunk.valid().chars() {
            match sign {
                '"' => out.extend_from_slice(b"\\\""),
                '\\' => out.extend_from_slice(b"\\\\"),
                // Exactly one octet.
                ' '..='~' => out.push(sign as u8),
                _ => {
                    for unit in sign.encode_utf16(&mut [0; 2]) {
                        write_to(out, format_args!("\\u{unit:04x}"));
                    }
                }
            }
        }
        if !chunk.invalid().is_empty() {
            out.extend_from_slice(b"\\ufffd");
        }
    }
    out.push(b'"');
}

pub(super) fn write_to(out: &mut Vec<u8>, text: std::fmt::Arguments<'_>) {
    out.write_fmt(text).expect("a vector takes everything");
}

#[cfg(test)]
mod tests {
    use super::*;

    const NASTY: &[u8] = b"a\"b\\c\n1.2.3.4 - - [x] \x1b[2J\x00\x7f\xc2\x9b\xff\xf0\x9f\x90\x9f";

    #[test]
    fn what_is_printable_is_nothing_else() {
        assert_eq!(printable("/a\u{85}\x1b[2J\"é"), "/a\\xc2\\x85\\x1b[2J\\\"\\xc3\\xa9");
    }

    #[test]
    fn quotes_lines_and_terminals_are_safe() {
        let mut out = Vec::new();
        quoted(&mut out, NASTY);
        let expected = r#"a\"b\\c\x0a1.2.3.4 - - [x] \x1b[2J\x00\x7f\xc2\x9b\xff\xf0\x9f\x90\x9f"#;
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }

    #[test]
    fn json_says_the_same_again() {
        let mut out = Vec::new();
        json(&mut out, NASTY);
        assert!(out.iter().all(|octet| (b' '..=b'~').contains(octet)), "{out:?}");
        let read: String = serde_json::from_slice(&out).unwrap();
        assert_eq!(read, String::from_utf8_lossy(NASTY));
    }
}
