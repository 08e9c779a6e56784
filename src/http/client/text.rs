//! Text from elsewhere, before a person sees it, or a file is called by it.

use std::borrow::Cow;

/// What Unicode calls a format (Cf), and its ends of lines and paragraphs.
const FORMATS: [(char, char); 22] = [
    ('\u{ad}', '\u{ad}'),
    ('\u{600}', '\u{605}'),
    ('\u{61c}', '\u{61c}'),
    ('\u{6dd}', '\u{6dd}'),
    ('\u{70f}', '\u{70f}'),
    ('\u{890}', '\u{891}'),
    ('\u{8e2}', '\u{8e2}'),
    ('\u{180e}', '\u{180e}'),
    ('\u{200b}', '\u{200f}'),
    ('\u{2028}', '\u{2029}'),
    ('\u{202a}', '\u{202e}'),
    ('\u{2060}', '\u{2064}'),
    ('\u{2066}', '\u{206f}'),
    ('\u{feff}', '\u{feff}'),
    ('\u{fff9}', '\u{fffb}'),
    ('\u{110bd}', '\u{110bd}'),
    ('\u{110cd}', '\u{110cd}'),
    ('\u{13430}', '\u{1343f}'),
    ('\u{1bca0}', '\u{1bca3}'),
    ('\u{1d173}', '\u{1d17a}'),
    ('\u{e0001}', '\u{e0001}'),
    ('\u{e0020}', '\u{e007f}'),
];

/// Whether a sign is there to act and not to be seen: a control, or one that joins, hides or turns round
/// what stands beside it, so that `gpj.exe` is read as `exe.jpg`.
pub(crate) fn is_unseen(sign: char) -> bool {
    sign.is_control() || FORMATS.iter().any(|(first, last)| (*first..=*last).contains(&sign))
}

/// The beginning of a text that may be very long.
pub(crate) fn short(text: &str) -> Cow<'_, str> {
    const MOST: usize = 200;
    match text.char_indices().nth(MOST) {
        Some((end, _)) => Cow::Owned(format!("{}...", &text[..end])),
        None => Cow::Borrowed(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_acts_is_told_from_what_is_seen() {
        for sign in "\u{1b}\n\u{9b}\u{ad}\u{202e}\u{2066}\u{200d}\u{2028}\u{feff}\u{e0041}".chars()
        {
            assert!(is_unseen(sign), "{}", sign.escape_unicode());
        }
        for sign in "aé ~ーж٣א😀\u{301}\u{fffd}".chars() {
            assert!(!is_unseen(sign), "{}", sign.escape_unicode());
        }
        let all = (0..=0x0010_ffff).filter_map(char::from_u32);
        assert_eq!(all.filter(|sign| is_unseen(*sign)).count(), 65 + 170 + 2);
    }

    #[test]
    fn what_is_long_is_cut_between_signs() {
        assert_eq!(short("é"), "é");
        assert_eq!(short(&"é".repeat(200)), "é".repeat(200));
        assert_eq!(short(&"é".repeat(201)), "é".repeat(200) + "...");
    }
}
