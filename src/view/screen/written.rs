//! What a program has written while the screen had the terminal: lines to look at, and all of it, within a
//! bound, for the terminal when it is free again. That it moves the cursor about, or colours, is not for the screen.

use std::collections::VecDeque;
use std::io::{self, Write};

use unicode_width::UnicodeWidthChar;

/// Octets that are kept of the beginning, and as many of the end.
const KEPT: usize = 512 << 10;
/// Octets that lines are made of, from the end.
const SHOWN: usize = 64 << 10;
/// Lines that are shown at most.
const LINES: usize = 1_000;
/// From one tabulator to the next.
const TAB: usize = 8;

/// Octets that were written.
#[derive(Clone, Debug, Default)]
pub struct Written {
    head: Vec<u8>,
    tail: VecDeque<u8>,
    /// How many are not kept: they lay between the head and the tail.
    left_out: u64,
}

impl Written {
    /// Some more.
    pub fn push(&mut self, octets: &[u8]) {
        let (head, rest) = octets.split_at(octets.len().min(KEPT - self.head.len()));
        self.head.extend_from_slice(head);
        self.tail.extend(rest);
        let beyond = self.tail.len().saturating_sub(KEPT);
        self.tail.drain(..beyond);
        self.left_out += beyond as u64;
    }

    /// How many there were.
    #[must_use]
    pub fn octets(&self) -> u64 {
        (self.head.len() + self.tail.len()) as u64 + self.left_out
    }

    /// The last lines, as a terminal would have them in the end.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        let from = self.tail.len().saturating_sub(SHOWN);
        let mut octets: Vec<u8> = self.tail.range(from..).copied().collect();
        // The whole is cut at the end of a line, if it has to be cut at all.
        let mut is_cut = from > 0 || self.left_out > 0;
        if !is_cut {
            let from = self.head.len().saturating_sub(SHOWN - octets.len());
            octets.splice(..0, self.head[from..].iter().copied());
            is_cut = from > 0;
        }
        let text = String::from_utf8_lossy(&octets);
        let text = text.strip_suffix('\n').unwrap_or(&text);
        if text.is_empty() {
            return Vec::new();
        }
        let mut lines: Vec<String> =
            text.split('\n').skip(usize::from(is_cut)).map(plain).collect();
        lines.drain(..lines.len().saturating_sub(LINES));
        lines
    }

    /// All of it, with a word in the place of what is not kept.
    ///
    /// # Errors
    ///
    /// It cannot be written.
    pub fn write_to(&self, out: &mut impl Write) -> io::Result<()> {
        out.write_all(&self.head)?;
        if self.left_out > 0 {
            let octets = self.left_out;
            write!(out, "\n[glass: {octets} octets are left out; a file would have them]\n")?;
        }
        let (first, second) = self.tail.as_slices();
        out.write_all(first)?;
        out.write_all(second)?;
        out.flush()
    }
}

/// `line` in pieces that are no wider than `columns`.
pub(super) fn wrapped(line: &str, columns: usize) -> Vec<String> {
    let mut pieces = vec![String::new()];
    let mut column = 0;
    for sign in line.chars() {
        let width = sign.width().unwrap_or(0);
        if column + width > columns.max(1) {
            pieces.push(String::new());
            column = 0;
        }
        column += width;
        pieces.last_mut().expect("it begins with one").push(sign);
    }
    pieces
}

/// What stays of a line: what comes after a carriage return is written over what was before it.
fn plain(line: &str) -> String {
    let line = line.strip_suffix('\r').unwrap_or(line);
    let line = line.rsplit('\r').next().unwrap_or(line);
    let (mut plain, mut column) = (String::new(), 0);
    let mut signs = line.chars();
    while let Some(sign) = signs.next() {
        match sign {
            '\t' => {
                let blanks = TAB - column % TAB;
                plain.extend(std::iter::repeat_n(' ', blanks));
                column += blanks;
            }
            // A control sequence ends with a letter or another sign from `@` on.
            '\x1b' => {
                if signs.next() == Some('[') {
                    signs.by_ref().find(|sign| matches!(sign, '@'..='~'));
                }
            }
            sign if sign.is_control() => {}
            sign => {
                column += sign.width().unwrap_or(0);
                plain.push(sign);
            }
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(octets: &[u8]) -> Written {
        let mut written = Written::default();
        written.push(octets);
        written
    }

    #[test]
    fn lines_are_as_a_terminal_would_have_them() {
        let lines = |text: &str| written(text.as_bytes()).lines();
        assert!(lines("").is_empty());
        assert_eq!(lines("one\ntwo\n"), ["one", "two"]);
        assert_eq!(lines("no end"), ["no end"]);
        assert_eq!(lines("a\n\nb"), ["a", "", "b"]);
        assert_eq!(lines("10 %\r50 %\r100 %\r\nok"), ["100 %", "ok"]);
        assert_eq!(lines("\x1b[1;31mred\x1b[0m \x1b]alarm\x07"), ["red alarm"]);
        assert_eq!(lines("a\tb\t\tc"), ["a       b               c"]);
        assert_eq!(lines("\u{fffd}\u{0}x"), ["\u{fffd}x"]);
    }

    #[test]
    fn beginning_and_end_are_kept_within_a_bound() {
        let mut text = vec![b'a'; KEPT];
        text.extend(vec![b'b'; 7]);
        text.extend(vec![b'c'; KEPT]);
        let mut all = Written::default();
        text.chunks(1_000).for_each(|chunk| all.push(chunk));
        assert_eq!(all.octets(), text.len() as u64);
        let mut out = Vec::new();
        all.write_to(&mut out).unwrap();
        let out = String::from_utf8(out).unwrap();
        assert!(out.starts_with("aaa") && out.ends_with("ccc") && !out.contains('b'));
        assert!(out.contains("7 octets are left out"));
        let mut out = Vec::new();
        written(b"whole").write_to(&mut out).unwrap();
        assert_eq!(out, b"whole");
    }

    #[test]
    fn the_last_lines_of_many_are_shown() {
        let lines: Vec<_> = (1..=200_000).map(|line| format!("line {line}\n")).collect();
        let text = lines.concat();
        let lines = written(text.as_bytes()).lines();
        assert_eq!(lines.last().map(String::as_str), Some("line 200000"));
        assert_eq!(lines.len(), LINES);
        let first = lines[0].strip_prefix("line ").expect("no half a line");
        assert_eq!(first.parse(), Ok(200_001 - LINES));
    }

    #[test]
    fn long_lines_are_wrapped() {
        assert_eq!(wrapped("abcdef", 4), ["abcd", "ef"]);
        assert_eq!(wrapped("", 4), [""]);
        assert_eq!(wrapped("三次握手", 5), ["三次", "握手"]);
        assert_eq!(wrapped("ab", 0), ["a", "b"]);
    }
}
