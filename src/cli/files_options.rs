//! Options of serving a directory.

use std::path::Path;

use ::http::HeaderValue;
use axum::Router;
use clap::Args;

use super::{Failure, exit};
use crate::http;
use crate::http::files;

/// How a directory is served.
#[derive(Args, Clone, Debug)]
pub(super) struct FilesOptions {
    /// Do not show what is in a directory that has no index.html
    #[arg(long, env = "GLASS_NO_LISTING")]
    no_listing: bool,
    /// Serve and list what begins with a dot too; without it only /.well-known is served
    #[arg(long, env = "GLASS_DOTFILES")]
    dotfiles: bool,
    /// Send files as they are: neither compressed on the way nor by FILE.br, FILE.zst and FILE.gz beside them
    #[arg(long, env = "GLASS_NO_COMPRESSION")]
    no_compression: bool,
    /// What Cache-Control says with each file, such as "max-age=3600"; "" for nothing. no-cache lets browsers
    /// keep a copy and ask each time whether it is still right [default: no-cache]
    #[arg(
        long, env = "GLASS_CACHE_CONTROL", value_name = "VALUE", allow_hyphen_values = true,
        value_parser = field_value
    )]
    cache_control: Option<HeaderValue>,
}

impl FilesOptions {
    /// Refuses options for files where none are served.
    pub(super) fn check(&self, dir: Option<&Path>) -> Result<(), Failure> {
        let given = [
            ("--no-listing", self.no_listing),
            ("--dotfiles", self.dotfiles),
            ("--no-compression", self.no_compression),
            ("--cache-control", self.cache_control.is_some()),
        ];
        match (dir, given.into_iter().find(|(_, is_given)| *is_given)) {
            (None, Some((option, _))) => {
                let message = format!(
                    "{option} is about files, and no directory is served: name one (glass serve DIR, \
                     glass run --dir DIR), or leave it out"
                );
                Err(Failure::new(exit::USAGE, message))
            }
            (Some(_), _) | (None, None) => Ok(()),
        }
    }

    /// What answers with the files of `dir`.
    pub(super) fn router(&self, dir: &Path) -> Result<Router, Failure> {
        http::directory(dir, self.options()).map_err(|error| {
            let dir = dir.display();
            Failure::new(
                exit::USAGE,
                format!("the directory to serve, {dir}, cannot be read: {error}"),
            )
        })
    }

    fn options(&self) -> files::Options {
        let usual = files::Options::default();
        files::Options {
            listing: !self.no_listing,
            dotfiles: self.dotfiles,
            compression: !self.no_compression,
            cache_control: match &self.cache_control {
                None => usual.cache_control,
                Some(value) if value.is_empty() => None,
                Some(value) => Some(value.clone()),
            },
        }
    }
}

fn field_value(text: &str) -> Result<HeaderValue, String> {
    HeaderValue::from_str(text.trim())
        .map_err(|_| "not a value of a header field: it has control characters in it".to_owned())
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        files: FilesOptions,
    }

    fn parse(words: &[&str]) -> FilesOptions {
        Line::try_parse_from([&["glass"], words].concat()).unwrap().files
    }

    #[test]
    fn each_flag_turns_one_thing() {
        let usual = files::Options::default();
        assert_eq!(parse(&[]).options(), usual);
        for (words, options) in [
            (&["--no-listing"][..], files::Options { listing: false, ..usual.clone() }),
            (&["--dotfiles"], files::Options { dotfiles: true, ..usual.clone() }),
            (&["--no-compression"], files::Options { compression: false, ..usual.clone() }),
            (&["--cache-control", ""], files::Options { cache_control: None, ..usual.clone() }),
            (
                &["--cache-control", "public, max-age=60"],
                files::Options {
                    cache_control: Some(HeaderValue::from_static("public, max-age=60")),
                    ..usual.clone()
                },
            ),
        ] {
            assert_eq!(parse(words).options(), options, "{words:?}");
        }
    }

    #[test]
    fn what_is_about_files_wants_a_directory() {
        for words in [
            &["--no-listing"][..],
            &["--dotfiles"],
            &["--no-compression"],
            &["--cache-control", ""],
        ] {
            let options = parse(words);
            let failure = options.check(None).unwrap_err().message;
            assert!(failure.contains(words[0]) && failure.contains("--dir DIR"), "{failure}");
            assert!(options.check(Some(Path::new("."))).is_ok());
        }
        assert!(parse(&[]).check(None).is_ok());
    }

    #[test]
    fn a_field_has_one_line() {
        assert!(Line::try_parse_from(["glass", "--cache-control", "a\r\nb: c"]).is_err());
    }
}
