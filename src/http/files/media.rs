//! What kind of thing a file is, by its name, and by a look at it where the name says nothing.

use std::fs::File;
use std::path::Path;

use rustix::io::pread;

/// How much of a file is looked at.
const LOOK: usize = 1024;

/// A media type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Media(String);

impl Media {
    /// That of a file of this name. Text is said to be in UTF-8.
    pub(super) fn of(path: &Path, file: &File) -> Media {
        match mime_guess::from_path(path).first_raw() {
            // The table has a name of old for some of its extensions.
            Some("application/javascript") => Media("text/javascript; charset=utf-8".to_owned()),
            Some(text) if text.starts_with("text/") => Media(format!("{text}; charset=utf-8")),
            Some(other) => Media(other.to_owned()),
            None if looks_like_text(file) => Media("text/plain; charset=utf-8".to_owned()),
            None => Media("application/octet-stream".to_owned()),
        }
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it becomes much shorter when it is compressed: text of any kind does, and a few others that
    /// are not compressed by nature.
    pub(super) fn is_compressible(&self) -> bool {
        let kind = self.0.split(';').next().unwrap_or_default();
        kind.starts_with("text/")
            || ["+xml", "+json"].iter().any(|suffix| kind.ends_with(suffix))
            || matches!(
                kind,
                "application/json"
                    | "application/rtf"
                    | "application/wasm"
                    | "application/x-sh"
                    | "application/x-sql"
                    | "application/x-tar"
                    | "application/x-tex"
                    | "application/x-yaml"
                    | "application/xml"
                    | "application/vnd.ms-fontobject"
                    | "font/otf"
                    | "font/ttf"
                    | "image/bmp"
                    | "image/svg+xml"
                    | "image/x-icon"
            )
    }
}

/// README, LICENSE, Makefile: UTF-8 without control characters that no text has. An empty file is none.
fn looks_like_text(file: &File) -> bool {
    let mut beginning = [0; LOOK];
    let Ok(len) = pread(file, &mut beginning[..], 0) else { return false };
    let beginning = &beginning[..len];
    let is_text = match std::str::from_utf8(beginning) {
        Ok(text) => !text.is_empty(),
        // The last character may go on behind.
        Err(error) => error.error_len().is_none() && error.valid_up_to() > 0,
    };
    let is_strange = |octet: &u8| octet.is_ascii_control() && !b"\t\n\r\x0c\x1b".contains(octet);
    is_text && !beginning.iter().any(is_strange)
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn media(name: &str, content: &[u8]) -> String {
        let mut file =
            File::from(rustix::fs::memfd_create("media", rustix::fs::MemfdFlags::CLOEXEC).unwrap());
        file.write_all(content).unwrap();
        Media::of(Path::new(name), &file).0
    }

    #[test]
    fn names_say_what_files_are() {
        for (name, kind) in [
            ("a.html", "text/html; charset=utf-8"),
            ("a.HTM", "text/html; charset=utf-8"),
            ("a.css", "text/css; charset=utf-8"),
            ("a.js", "text/javascript; charset=utf-8"),
            ("a.mjs", "text/javascript; charset=utf-8"),
            ("a.txt", "text/plain; charset=utf-8"),
            ("a.md", "text/markdown; charset=utf-8"),
            ("a.csv", "text/csv; charset=utf-8"),
            ("a.json", "application/json"),
            ("a.xml", "text/xml; charset=utf-8"),
            ("a.svg", "image/svg+xml"),
            ("a.png", "image/png"),
            ("a.jpg", "image/jpeg"),
            ("a.webp", "image/webp"),
            ("a.avif", "image/avif"),
            ("a.mp4", "video/mp4"),
            ("a.webm", "video/webm"),
            ("a.mp3", "audio/mpeg"),
            ("a.pdf", "application/pdf"),
            ("a.wasm", "application/wasm"),
            ("a.woff2", "font/woff2"),
            ("a.tar.gz", "application/gzip"),
            ("a.zip", "application/zip"),
        ] {
            assert_eq!(media(name, b""), kind, "{name}");
        }
    }

    #[test]
    fn a_look_tells_text_from_the_rest() {
        let text = "text/plain; charset=utf-8";
        let long = "é".repeat(LOOK);
        let cut = format!("x{long}");
        for (content, kind) in [
            (&b"all:\n\tcc -o x x.c\n"[..], text),
            ("状态".as_bytes(), text),
            (long.as_bytes(), text),
            (cut.as_bytes(), text),
            (b"", "application/octet-stream"),
            (b"\x7fELF\x02", "application/octet-stream"),
            (b"a\0b", "application/octet-stream"),
            (b"\xff\xfe", "application/octet-stream"),
            (b"caf\xe9 noir", "application/octet-stream"),
        ] {
            assert_eq!(media("README", content), kind, "{content:?}");
        }
        assert_eq!(media("notes.unheard-of", b"text"), text);
    }

    #[test]
    fn what_is_compressed_already_is_left_alone() {
        let is_compressible = |name| Media(media(name, b"")).is_compressible();
        for name in ["a.html", "a.js", "a.json", "a.svg", "a.wasm", "a.xhtml", "a.ttf"] {
            assert!(is_compressible(name), "{name}");
        }
        for name in ["a.png", "a.jpg", "a.mp4", "a.zip", "a.gz", "a.woff2", "a.pdf", "a.docx", "a"]
        {
            assert!(!is_compressible(name), "{name}");
        }
    }
}
