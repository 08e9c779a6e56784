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

/// How wide each part is in the widest label of a ladder.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Columns {
    flags: usize,
    seq: usize,
    ack: usize,
    window: usize,
}

impl Columns {
    /// Makes room for `label`.
    pub fn include(&mut self, label: &Label) {
        self.flags = self.flags.max(width(&label.flags.to_string()));
        self.seq = self.seq.max(width(&label.seq));
        self.ack = self.ack.max(width(&label.ack));
        self.window = self.window.max(width(&label.window));
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
            _ => format!("seq {}:{end} ({len})", seq + i64::from(is_syn)),
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
                None => words_of_sack(&row.sack),
            },
            window_is_zero: *window == 0 && !is_reset,
        }
    }

    /// All of it, in columns.
    pub fn full(&self, columns: Columns) -> String {
        [self.columns(columns), self.extras.clone()].join("  ").trim_end().to_owned()
    }

    /// As much of it as `room` columns hold: first the options go, then the window unless it is zero,
    /// then PSH, then what is at the end.
    pub fn within(&self, room: usize, columns: Columns, glyphs: &Glyphs) -> String {
        let flags = self.flags.to_string();
        let few = (self.flags - Flags::PSH).to_string();
        let window = if self.window_is_zero { self.window.as_str() } else { "" };
        let (seq, ack) = (self.seq.as_str(), self.ack.as_str());
        let shorter = [
            self.full(columns),
            spaced(&[&flags, seq, ack, &self.window, &self.extras]),
            self.columns(columns),
            spaced(&[&flags, seq, ack, &self.window]),
            spaced(&[&flags, seq, ack, window]),
            [&few, seq, ack, window].join(" ").trim_end().to_owned(),
        ];
        match shorter.iter().find(|text| width(text) <= room) {
            Some(text) => text.clone(),
            None => fit(&shorter[shorter.len() - 1], room, glyphs),
        }
    }

    fn columns(&self, columns: Columns) -> String {
        let Columns { flags, seq, ack, window } = columns;
        let names = self.flags.to_string();
        let Label { seq: number, ack: acked, window: win, .. } = self;
        let text = format!("{names:flags$}  {number:seq$}  {acked:ack$}  {win:window$}");
        text.trim_end().to_owned()
    }
}

/// The parts that are not empty, two blanks between them.
fn spaced(parts: &[&str]) -> String {
    let parts: Vec<_> = parts.iter().copied().filter(|part| !part.is_empty()).collect();
    parts.join("  ")
}

/// The options of a SYN: `<mss 1460, sackOK, ts, ws 7>`.
fn words_of_options(options: &Options) -> String {
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

fn words_of_sack(blocks: &[(i64, i64)]) -> String {
    if blocks.is_empty() {
        return String::new();
    }
    let blocks: Vec<_> = blocks.iter().map(|(left, right)| format!("{left}:{right}")).collect();
    format!("<sack {}>", blocks.join(" "))
}
