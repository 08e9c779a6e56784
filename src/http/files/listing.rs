//! What a directory holds, as a page with links and as lines of text.

use std::cmp::Ordering;
use std::fmt::Write;
use std::fs::File;
use std::os::fd::OwnedFd;

use axum::response::Response;
use indicatif::HumanBytes;
use maud::html;
use rustix::fs::{AtFlags, Dir, FileType, statat};

use super::super::pages::{Reader, document};
use super::root::{Found, Refusal, Root};
use super::target::{Target, link};
use super::validators::{Validators, date};

/// So many entries are looked at, so that a request costs what it costs.
const MOST_ENTRIES: usize = 10_000;

/// What a directory holds.
pub(super) struct Listing {
    entries: Vec<Entry>,
    /// There are more than are shown.
    is_cut: bool,
}

struct Entry {
    name: Vec<u8>,
    /// `None` of a directory.
    len: Option<u64>,
    /// In seconds since 1970.
    modified: Option<u64>,
}

impl Listing {
    /// What `dir`, which `target` led to, holds that could be had by a request; with `dotfiles`, also what
    /// is hidden.
    pub(super) fn read(
        root: &Root,
        target: &Target,
        dir: File,
        dotfiles: bool,
    ) -> Result<Listing, Refusal> {
        let mut dir = Dir::new(OwnedFd::from(dir))?;
        let mut listing = Listing { entries: Vec::new(), is_cut: false };
        let mut looked_at = 0;
        while let Some(found) = dir.read() {
            let found = found?;
            let name = found.file_name();
            let octets = name.to_bytes();
            if matches!(octets, b"." | b"..") {
                continue;
            }
            if looked_at >= MOST_ENTRIES {
                listing.is_cut = true;
                break;
            }
            looked_at += 1;
            if octets.starts_with(b".") && !dotfiles {
                continue;
            }
            let Ok(stat) = statat(dir.fd()?, name, AtFlags::SYMLINK_NOFOLLOW) else { continue };
            let is_directory = match FileType::from_raw_mode(stat.st_mode) {
                FileType::RegularFile => false,
                FileType::Directory => true,
                FileType::Symlink => {
                    listing.entries.extend(behind_link(root, target, octets));
                    continue;
                }
                _ => continue,
            };
            listing.entries.push(Entry {
                name: octets.to_vec(),
                len: (!is_directory).then_some(u64::try_from(stat.st_size).unwrap_or(0)),
                modified: u64::try_from(stat.st_mtime).ok(),
            });
        }
        listing.entries.sort_unstable_by(Entry::order);
        Ok(listing)
    }

    /// As suits `reader`.
    pub(super) fn page(&self, reader: Reader, target: &Target) -> Response {
        reader.page(|| self.html(target), || self.text())
    }

    fn html(&self, target: &Target) -> String {
        let title = format!(
            "Index of {}",
            readable(
                &percent_encoding::percent_decode_str(&target.to_string()).collect::<Vec<_>>()
            )
        );
        let content = html! {
            h1 { (title) }
            table {
                tr { th { "Name" } th { "Size" } th { "Changed (UTC)" } }
                @if !target.is_root() { tr { td { a href="../" { "../" } } td {} td {} } }
                @for entry in &self.entries {
                    tr {
                        td { a href={ "./" (entry.href()) } { (entry.shown()) } }
                        td.figure title=[entry.len.map(|len| format!("{len} octets"))] {
                            @if let Some(len) = entry.len { (HumanBytes(len)) }
                        }
                        td.figure { (entry.changed()) }
                    }
                }
            }
            @if self.is_cut { p { (self.cut()) } }
        };
        document(&title, &content)
    }

    fn text(&self) -> String {
        let mut text = String::new();
        for entry in &self.entries {
            let len = entry.len.map_or_else(|| "-".to_owned(), |len| len.to_string());
            let _ = writeln!(text, "{:16}  {len:>14}  {}", entry.changed(), entry.shown());
        }
        if self.is_cut {
            let _ = writeln!(text, "{}", self.cut());
        }
        text
    }

    fn cut(&self) -> String {
        format!("There is more: {} are shown.", self.entries.len())
    }
}

impl Entry {
    /// Directories first, and then as people look for names.
    fn order(&self, other: &Entry) -> Ordering {
        let by_kind = self.len.is_some().cmp(&other.len.is_some());
        by_kind
            .then_with(|| small_letters(&self.name).cmp(small_letters(&other.name)))
            .then_with(|| self.name.cmp(&other.name))
    }

    fn slash(&self) -> &'static str {
        if self.len.is_none() { "/" } else { "" }
    }

    fn href(&self) -> String {
        format!("{}{}", link(&self.name), self.slash())
    }

    fn shown(&self) -> String {
        readable(&self.name) + self.slash()
    }

    /// `2026-11-26 08:25`, in UTC; nothing where that is not known.
    fn changed(&self) -> String {
        const MONTHS: [&str; 12] =
            ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
        let Some(modified) = self.modified else { return String::new() };
        // "Thu, 26 Nov 2026 08:25:52 GMT"
        let date = date(modified);
        let month = MONTHS.iter().position(|month| *month == &date[8..11]).map_or(0, |at| at + 1);
        format!("{}-{month:02}-{} {}", &date[12..16], &date[5..7], &date[17..22])
    }
}

/// What is behind a link, if it could be had.
fn behind_link(root: &Root, target: &Target, name: &[u8]) -> Option<Entry> {
    use std::os::unix::ffi::OsStrExt;
    let path = target.path().join(std::ffi::OsStr::from_bytes(name));
    let (metadata, is_file) = match root.open(&path).ok()? {
        Found::File(_, metadata) => (metadata, true),
        Found::Directory(dir) => (dir.metadata().ok()?, false),
    };
    let validators = Validators::of(&metadata, metadata.modified().ok()?);
    Some(Entry {
        name: name.to_vec(),
        len: is_file.then_some(metadata.len()),
        modified: validators.modified,
    })
}

fn small_letters(name: &[u8]) -> impl Iterator<Item = u8> {
    name.iter().map(u8::to_ascii_lowercase)
}

/// A name as people may see it: nothing in it moves the cursor of a terminal or begins another line.
fn readable(name: &[u8]) -> String {
    let text = String::from_utf8_lossy(name);
    text.chars().map(|c| if c.is_control() { char::REPLACEMENT_CHARACTER } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(name: &str, len: Option<u64>) -> Entry {
        Entry { name: name.as_bytes().to_vec(), len, modified: Some(784_111_777) }
    }

    #[test]
    fn directories_come_first_and_names_without_regard_to_case() {
        let mut all =
            [entry("b", Some(1)), entry("C", Some(1)), entry("a", Some(1)), entry("z", None)];
        all.sort_unstable_by(Entry::order);
        assert_eq!(all.map(|entry| entry.shown()), ["z/", "a", "b", "C"]);
    }

    #[test]
    fn names_are_harmless_wherever_they_stand() {
        let name = "<b>&\"x\"\n\x1b[2J..%2f:";
        let listing = Listing { entries: vec![entry(name, Some(1 << 20))], is_cut: false };
        let target = Target::parse("/<i>/").unwrap();
        let html = listing.html(&target);
        assert!(!html.contains("<b>") && !html.contains("<i>") && !html.contains('\x1b'), "{html}");
        assert!(html.contains("href=\"./%3Cb%3E%26%22x%22%0A%1B%5B2J..%252f%3A\""), "{html}");
        assert!(html.contains("1.00 MiB") && html.contains("1048576 octets"), "{html}");
        let text = listing.text();
        assert_eq!(text.lines().count(), 1, "{text:?}");
        assert!(!text.contains('\x1b'), "{text:?}");
        assert!(text.starts_with("1994-11-06 08:49         1048576  <b>"), "{text:?}");
    }
}
