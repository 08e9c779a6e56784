//! How a ladder looks: characters, colours, width.

/// How to draw.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Style {
    /// Lines and arrows of Unicode; plain ASCII otherwise.
    pub utf8: bool,
    /// ANSI colours. They repeat what the characters say, and never say anything alone.
    pub color: bool,
    /// Columns that may be used. Less than [`Style::NARROWEST`] is taken for that.
    pub width: usize,
    /// The section of RFC 9293 beside each change of our state, where there is room.
    pub sections: bool,
}

impl Style {
    /// No ladder fits into fewer columns.
    pub const NARROWEST: usize = 60;

    pub(super) fn columns(self) -> usize {
        self.width.max(Self::NARROWEST)
    }

    pub(super) const fn glyphs(self) -> &'static Glyphs {
        if self.utf8 { &UNICODE } else { &ASCII }
    }
}

impl Default for Style {
    /// Unicode, no colour, 100 columns, no sections.
    fn default() -> Self {
        Style { utf8: true, color: false, width: 100, sections: false }
    }
}

/// The characters that lines are drawn with, each one column wide, except `to` and `dots`.
pub(super) struct Glyphs {
    /// A lifeline.
    pub line: &'static str,
    /// A lifeline where rows are left out.
    pub broken: &'static str,
    /// A lifeline where the state changes.
    pub change: &'static str,
    /// The peer's, where that was reckoned and not seen.
    pub reckoned: &'static str,
    /// Arrow heads.
    pub left: &'static str,
    pub right: &'static str,
    /// The head of an arrow that came to nothing.
    pub cross: &'static str,
    /// The shaft of an arrow: ordinary, sent again, RST.
    pub shaft: &'static str,
    pub shaft_again: &'static str,
    pub shaft_reset: &'static str,
    /// The part of the way that is on another row.
    pub flying: &'static str,
    /// In the time column where rows are left out.
    pub skip: &'static str,
    /// From one address to another.
    pub to: &'static str,
    /// Where text is cut off.
    pub dots: &'static str,
    /// Before the number of a section.
    pub section: &'static str,
}

const UNICODE: Glyphs = Glyphs {
    line: "│",
    broken: "┊",
    change: "●",
    reckoned: "○",
    left: "◄",
    right: "►",
    cross: "✗",
    shaft: "─",
    shaft_again: "╌",
    shaft_reset: "━",
    flying: "·",
    skip: "⋮",
    to: "→",
    dots: "…",
    section: "§",
};

const ASCII: Glyphs = Glyphs {
    line: "|",
    broken: ":",
    change: "*",
    reckoned: "o",
    left: "<",
    right: ">",
    cross: "x",
    shaft: "-",
    shaft_again: ".",
    shaft_reset: "=",
    flying: " ",
    skip: ":",
    to: "->",
    dots: "..",
    section: "s.",
};

/// What a piece of a line is, for its colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Paint {
    Plain,
    /// Less important than the rest.
    Dim,
    /// More important.
    Bold,
    /// From the peer.
    In,
    /// From us.
    Out,
    /// Sent again, or not acted on.
    Warn,
    /// RST.
    Alarm,
}

impl Paint {
    const fn code(self) -> &'static str {
        match self {
            Paint::Plain => "",
            Paint::Dim => "\x1b[2m",
            Paint::Bold => "\x1b[1m",
            Paint::In => "\x1b[36m",
            Paint::Out => "\x1b[32m",
            Paint::Warn => "\x1b[33m",
            Paint::Alarm => "\x1b[1;31m",
        }
    }
}

/// A line in the making.
#[derive(Debug, Default)]
pub(super) struct Line(Vec<(Paint, String)>);

impl Line {
    /// Adds a piece.
    pub fn push(&mut self, paint: Paint, text: impl Into<String>) -> &mut Self {
        self.0.push((paint, text.into()));
        self
    }

    /// The text with a newline, without blanks at its end.
    pub fn finish(mut self, color: bool) -> String {
        while let Some((_, text)) = self.0.last_mut() {
            text.truncate(text.trim_end().len());
            if !text.is_empty() {
                break;
            }
            self.0.pop();
        }
        let mut line = String::new();
        for (paint, text) in self.0 {
            if color && paint != Paint::Plain && !text.trim().is_empty() {
                line.extend([paint.code(), &text, "\x1b[0m"]);
            } else {
                line.push_str(&text);
            }
        }
        line.push('\n');
        line
    }
}

/// The columns that `text` takes: every character here takes one.
pub(super) fn width(text: &str) -> usize {
    text.chars().count()
}

/// `text`, cut to `columns` if it is longer.
pub(super) fn fit(text: &str, columns: usize, glyphs: &Glyphs) -> String {
    if width(text) <= columns {
        return text.to_owned();
    }
    let kept = columns.saturating_sub(width(glyphs.dots));
    let dots = glyphs.dots.chars();
    text.chars().take(kept).chain(dots).take(columns).collect()
}

/// Joins `parts` with `separator`; begins a new line, `indent` columns in, where one would grow wider
/// than `columns`. A part that is too long by itself is cut.
pub(super) fn flow(
    parts: &[String],
    separator: &str,
    indent: usize,
    columns: usize,
    glyphs: &Glyphs,
) -> Vec<String> {
    // What stays of the separator at the end of a line.
    let stop = separator.trim_end();
    let columns = columns - width(stop);
    let mut lines: Vec<String> = Vec::new();
    for part in parts {
        let part = fit(part, columns - indent, glyphs);
        match lines.last_mut() {
            Some(line) if width(line) + width(separator) + width(&part) <= columns => {
                line.push_str(separator);
                line.push_str(&part);
            }
            Some(line) => {
                line.push_str(stop);
                lines.push(format!("{:indent$}{part}", ""));
            }
            None => lines.push(part),
        }
    }
    lines
}
