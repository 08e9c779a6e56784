//! How to write for whoever reads our stderr.

use std::env;
use std::io::{IsTerminal, stderr, stdout};
use std::os::fd::AsFd;

use clap::ValueEnum;

use crate::view::Style;

/// When to use colour.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum Color {
    /// On a terminal, unless `NO_COLOR` is set.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// The style for stderr: as wide as the terminal, in UTF-8 unless the locale says otherwise.
pub(super) fn style(color: Color) -> Style {
    style_of(color, stderr())
}

/// The same for stdout, for commands whose result is to be looked at.
pub(super) fn stdout_style(color: Color) -> Style {
    style_of(color, stdout())
}

fn style_of(color: Color, stream: impl IsTerminal + AsFd) -> Style {
    let style = Style::default();
    Style {
        utf8: locale_is_utf8(|name| env::var(name).ok()),
        color: match color {
            Color::Auto => {
                stream.is_terminal() && env::var_os("NO_COLOR").is_none_or(|v| v.is_empty())
            }
            Color::Always => true,
            Color::Never => false,
        },
        width: width(stream).unwrap_or(style.width),
        ..style
    }
}

fn width(stream: impl AsFd) -> Option<usize> {
    if let Ok(size) = rustix::termios::tcgetwinsize(stream)
        && size.ws_col > 0
    {
        return Some(usize::from(size.ws_col));
    }
    env::var("COLUMNS").ok()?.parse().ok()
}

/// The first of the usual variables that is set decides; with none set, UTF-8 it is.
fn locale_is_utf8(variable: impl Fn(&str) -> Option<String>) -> bool {
    let locale = ["LC_ALL", "LC_CTYPE", "LANG"]
        .into_iter()
        .filter_map(variable)
        .find(|value| !value.is_empty());
    locale.is_none_or(|locale| {
        let locale = locale.to_lowercase();
        locale.contains("utf-8") || locale.contains("utf8")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_locale_decides_on_utf8() {
        let with = |pairs: &'static [(&str, &str)]| {
            locale_is_utf8(|name| {
                pairs.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
            })
        };
        assert!(with(&[]));
        assert!(with(&[("LANG", "zh_CN.UTF-8")]));
        assert!(with(&[("LC_ALL", ""), ("LANG", "C.utf8")]));
        assert!(!with(&[("LC_ALL", "C"), ("LANG", "en_US.UTF-8")]));
    }
}
