//! The words on an arrow: a header in short, in columns where there is room for them.

use super::row::SegmentRow;
use super::style::{Glyphs, fit, width};
use crate::wire::{Flags, Options};

/// The parts of the text on one arrow.
#[derive(Debug)]
pub(super) struct Label {
    flags: Flags,
    seq: String,
    ack: String,
    window: String,
    extras: String,
    window_is_zero: bool,
}

/// How the labels of one ladder are laid out: the width of each part in the widest label, and what
/// there is room for.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Columns {
    flags: usize,
    seq: usize,
    ack: usize,
    window: usize,
    /// Parts stand below one another.
    aligned: bool,
    /// Windows are shown even where they are not remarkable.
    windows: bool,
}

impl Columns {
    /// Columns that hold all of `labels`; the labels themselves shall have `room` columns.
    pub fn new(labels: &[Label], room: usize) -> Self {
        let mut columns = Columns::default();
        for label in labels {
            columns.flags = columns.flags.max(width(&label.flags.to_string()));
            columns.seq = columns.seq.max(width(&label.seq));
            columns.ack = columns.ack.max(width(&label.ack));
            columns.window = columns.window.max(width(&label.window));
        }
        let without_windows = columns.flags + 2 + columns.seq + 2 + columns.ack;
        columns.aligned = without_windows <= room;
        columns.windows = without_windows + 2 + columns.window <= room;
        columns
    }
}

impl Label {
    /// The label of a segment.
    pub fn new(row: &SegmentRow) -> Self {
        let SegmentRow { seq, len, window, .. } = row;
        let is_syn = row.flags.contains(Flags::SYN);
        let end = seq + i64::from(*len) + i64::from(is_syn);
        let seq = match len {
            0 => format!("seq {seq}"),
            _ => {
                let several = (row.segments > 1).then(|| format!(" in {}", row.segments));
                let (start, several) = (seq + i64::from(is_syn), several.unwrap_or_default());
                format!("seq {start}:{end} ({len}{several})")
            }
        };
        let is_reset = row.flags.contains(Flags::RST);
        Label {
            flags: row.flags,
            seq,
            ack: row.ack.map(|ack| format!("ack {ack}")).unwrap_or_default(),
            // The window of a RST means nothing.
            window: if is_reset { String::new() } else { format!("win {window}") },
            extras: match &row.options {
                Some(options) => words_of_options(options),
                None if row.marked => spaced(&["CE"], &words_of_sack(&row.sack)),
                None => words_of_sack(&row.sack),
            },
            window_is_zero: *window == 0 && !is_reset,
        }
    }

    /// All of it, in columns.
    pub fn full(&self, columns: Columns) -> String {
        [self.aligned(columns, &self.window), self.extras.clone()].join("  ").trim_end().to_owned()
    }

    /// As much of it as `room` columns hold. First the options go, then the window unless it is zero or
    /// a SYN's, then the columns, then PSH, then what is at the end.
    pub fn within(&self, room: usize, columns: Columns, glyphs: &Glyphs) -> String {
        let is_syn = self.flags.contains(Flags::SYN);
        let window = if columns.windows || is_syn { &self.window } else { self.zero_window() };
        let flags = self.flags.to_string();
        let parts = [&flags, &self.seq, &self.ack, window];
        let mut forms = Vec::new();
        if columns.aligned {
            forms.push(self.full(columns));
        }
        if is_syn {
            forms.extend([spaced(&parts, &self.extras), spaced(&parts, "")]);
        }
        if columns.aligned {
            forms.extend([window, self.zero_window()].map(|window| self.aligned(columns, window)));
        }
        forms.extend([
            spaced(&parts, ""),
            spaced(&[&flags, &self.seq, &self.ack], self.zero_window()),
            self.shortest(),
            self.range_alone(),
        ]);
        match forms.iter().find(|text| width(text) <= room) {
            Some(text) => text.clone(),
            None => fit(&self.range_alone(), room, glyphs),
        }
    }

    /// As much of it as `room` letters hold, not in columns: the window goes before what it acknowledges
    /// selectively.
    pub fn beside(&self, room: usize, glyphs: &Glyphs) -> String {
        let flags = self.flags.to_string();
        let all = [&flags, &self.seq, &self.ack, self.window.as_str()];
        let some = [&flags, &self.seq, &self.ack, self.zero_window()];
        let forms = [spaced(&all, &self.extras), spaced(&some, &self.extras), spaced(&all, "")];
        match forms.into_iter().find(|text| width(text) <= room) {
            Some(text) => text,
            None => self.within(room, Columns::default(), glyphs),
        }
    }

    /// The columns that the shortest form takes.
    pub fn least(&self) -> usize {
        width(&self.shortest())
    }

    fn shortest(&self) -> String {
        let flags = (self.flags - Flags::PSH).to_string();
        [&flags, &self.seq, &self.ack, self.zero_window()].join(" ").trim_end().to_owned()
    }

    /// Where the segment lies, and nothing else.
    fn range_alone(&self) -> String {
        let flags = self.flags - Flags::PSH;
        let range = self.seq.split(" (").next().unwrap_or_default();
        format!("{flags} {range}")
    }

    fn zero_window(&self) -> &str {
        if self.window_is_zero { &self.window } else { "" }
    }

    fn aligned(&self, columns: Columns, window: &str) -> String {
        let Columns { flags, seq, ack, window: win, .. } = columns;
        let names = self.flags.to_string();
        let Label { seq: number, ack: acked, .. } = self;
        let text = format!("{names:flags$}  {number:seq$}  {acked:ack$}  {window:win$}");
        text.trim_end().to_owned()
    }
}

/// The parts that are not empty, two blanks between them.
fn spaced(parts: &[&str], last: &str) -> String {
    let parts = parts.iter().copied().chain([last]).filter(|part| !part.is_empty());
    parts.collect::<Vec<_>>().join("  ")
}

/// The options of a SYN: `<mss 1460, sackOK, ts, ws 7>`.
pub(super) fn words_of_options(options: &Options) -> String {
    let words: Vec<_> = [
        options.mss.map(|mss| format!("mss {mss}")),
        options.sack_permitted.then(|| "sackOK".to_owned()),
        options.timestamps.map(|_| "ts".to_owned()),
        options.window_scale.map(|shift| format!("ws {shift}")),
    ]
    .into_iter()
    .flatten()
    .collect();
    if words.is_empty() { String::new() } else { format!("<{}>", words.join(", ")) }
}

/// The blocks of a selective acknowledgment: `<sack 1461:2921>`.
pub(super) fn words_of_sack(blocks: &[(i64, i64)]) -> String {
    if blocks.is_empty() {
        return String::new();
    }
    let blocks: Vec<_> = blocks.iter().map(|(left, right)| format!("{left}:{right}")).collect();
    format!("<sack {}>", blocks.join(" "))
}
