//! The few elements of SVG that a ladder needs, and how wide words are.

use std::fmt::Write as _;

/// On which side of its place a text stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum Anchor {
    Start,
    Middle,
    End,
}

/// How wide a letter is, in hundredths of a unit: all are as wide as one another.
pub(super) const MONO: i32 = 662;

/// About how wide `text` is when each letter takes `letter` hundredths of a unit.
pub(super) fn reach(text: &str, letter: i32) -> i32 {
    let letters = i32::try_from(text.chars().count()).unwrap_or(i32::MAX / letter);
    letters * letter / 100 + 1
}

/// How many letters fit into `room`.
pub(super) fn letters(room: i32, letter: i32) -> usize {
    usize::try_from(room * 100 / letter).unwrap_or(0)
}

/// Elements, one a line.
#[derive(Debug, Default)]
pub(super) struct Paper(String);

impl Paper {
    /// A line of text at a point of its base line.
    pub fn text(&mut self, (x, y): (i32, i32), anchor: Anchor, class: &str, words: &str) {
        self.texts((x, y), anchor, &[(class, words)]);
    }

    /// Several pieces of text behind one another; those that are empty are left out.
    pub fn texts(&mut self, (x, y): (i32, i32), anchor: Anchor, pieces: &[(&str, &str)]) {
        let anchor = match anchor {
            Anchor::Start => "",
            Anchor::Middle => " text-anchor=\"middle\"",
            Anchor::End => " text-anchor=\"end\"",
        };
        let mut pieces = pieces.iter().filter(|(_, words)| !words.is_empty());
        let Some((class, words)) = pieces.next() else { return };
        let _ =
            write!(self.0, "<text x=\"{x}\" y=\"{y}\" class=\"{class}\"{anchor}>{}", xml(words));
        for (class, words) in pieces {
            let _ = write!(self.0, "<tspan class=\"{class}\" dx=\"10\">{}</tspan>", xml(words));
        }
        self.0.push_str("</text>\n");
    }

    /// A straight line.
    pub fn line(&mut self, (x1, y1): (i32, i32), (x2, y2): (i32, i32), class: &str) {
        let _ = writeln!(
            self.0,
            "<line x1=\"{x1}\" y1=\"{y1}\" x2=\"{x2}\" y2=\"{y2}\" class=\"{class}\"/>"
        );
    }

    /// A box with round corners.
    pub fn block(&mut self, (x, y): (i32, i32), (width, height): (i32, i32), class: &str) {
        let _ = writeln!(
            self.0,
            "<rect x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\" rx=\"3\" class=\"{class}\"/>"
        );
    }

    /// The head of an arrow from `from`, its point at `tip`.
    pub fn head(&mut self, from: (i32, i32), tip: (i32, i32), class: &str) {
        const LENGTH: f64 = 10.0;
        const HALF: f64 = 4.0;
        let (dx, dy) = (f64::from(tip.0 - from.0), f64::from(tip.1 - from.1));
        let length = (dx * dx + dy * dy).sqrt().max(1.0);
        let (ux, uy) = (dx / length, dy / length);
        let (x, y) = (f64::from(tip.0), f64::from(tip.1));
        let (bx, by) = (x - ux * LENGTH, y - uy * LENGTH);
        let _ = writeln!(
            self.0,
            "<path d=\"M{x:.0} {y:.0}L{:.1} {:.1}L{:.1} {:.1}z\" class=\"{class}\"/>",
            bx - uy * HALF,
            by + ux * HALF,
            bx + uy * HALF,
            by - ux * HALF
        );
    }

    /// A cross.
    pub fn cross(&mut self, (x, y): (i32, i32), class: &str) {
        let _ = writeln!(
            self.0,
            "<path d=\"M{} {}l10 10m0-10l-10 10\" class=\"cross {class}\"/>",
            x - 5,
            y - 5
        );
    }

    /// A number in a disc.
    pub fn badge(&mut self, (x, y): (i32, i32), number: usize) {
        let _ = writeln!(self.0, "<circle cx=\"{x}\" cy=\"{y}\" r=\"9\" class=\"disc\"/>");
        self.text((x, y + 4), Anchor::Middle, "mark", &number.to_string());
    }

    /// Begins a group, with attributes that are written already.
    pub fn open(&mut self, attributes: &str) {
        let _ = writeln!(self.0, "<g {attributes}>");
    }

    /// What a group is, in words: a hint in browsers.
    pub fn title(&mut self, words: &str) {
        let _ = writeln!(self.0, "<title>{}</title>", xml(words));
    }

    pub fn close(&mut self) {
        self.0.push_str("</g>\n");
    }

    /// What is on it.
    pub fn finish(self) -> String {
        self.0
    }
}

/// The words as character data or an attribute of XML, which has no place for control characters.
pub(in super::super) fn xml(words: &str) -> String {
    let mut text = String::with_capacity(words.len());
    for letter in words.chars() {
        match letter {
            '&' => text.push_str("&amp;"),
            '<' => text.push_str("&lt;"),
            '>' => text.push_str("&gt;"),
            '"' => text.push_str("&quot;"),
            letter if letter.is_control() => text.push('\u{fffd}'),
            // Neither is a character of XML.
            '\u{fffe}' | '\u{ffff}' => text.push('\u{fffd}'),
            letter => text.push(letter),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_cannot_leave_their_place() {
        assert_eq!(xml("a<b>&\"c\"\x1b\u{ffff}"), "a&lt;b&gt;&amp;&quot;c&quot;\u{fffd}\u{fffd}");
    }
}
