//! In which coding a representation is sent: gzip, br, zstd, or as it is (RFC 9110 8.4, 12.5.3).

use std::cmp::Reverse;
use std::ffi::OsString;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use http::{HeaderMap, header};

use super::super::fields::{FULL, elements, weighted};

/// A content coding of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Coding {
    /// The shortest, where somebody took the time.
    Br,
    /// The quickest.
    Zstd,
    /// What everybody knows.
    Gzip,
}

impl Coding {
    /// In the order in which files that lie there ready are preferred: by how short they are.
    const STORED: [Coding; 3] = [Coding::Br, Coding::Zstd, Coding::Gzip];
    /// In the order in which we would rather compress: by what it costs.
    const MADE: [Coding; 3] = [Coding::Zstd, Coding::Br, Coding::Gzip];

    /// Its name in HTTP.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Coding::Br => "br",
            Coding::Zstd => "zstd",
            Coding::Gzip => "gzip",
        }
    }

    /// Where a file lies ready in this coding: `style.css.br` beside `style.css`.
    pub(super) fn sibling(self, path: &Path) -> PathBuf {
        let mut name = OsString::from(path);
        name.push(match self {
            Coding::Br => ".br",
            Coding::Zstd => ".zst",
            Coding::Gzip => ".gz",
        });
        name.into()
    }

    /// Compresses what is read through it: `len` octets.
    pub(super) fn encode(
        self,
        from: impl Read + Send + 'static,
        len: u64,
    ) -> io::Result<Box<dyn Read + Send>> {
        const BR_QUALITY: u32 = 4;
        const BR_WINDOW_BITS: u32 = 19;
        const BUFFER: usize = 64 * 1024;
        Ok(match self {
            Coding::Br => {
                Box::new(brotli::CompressorReader::new(from, BUFFER, BR_QUALITY, BR_WINDOW_BITS))
            }
            Coding::Zstd => {
                let mut encoder =
                    zstd::stream::read::Encoder::new(from, zstd::DEFAULT_COMPRESSION_LEVEL)?;
                encoder.set_pledged_src_size(Some(len))?;
                Box::new(encoder)
            }
            Coding::Gzip => {
                Box::new(flate2::read::GzEncoder::new(from, flate2::Compression::default()))
            }
        })
    }
}

/// What whoever asks can take.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Accepted {
    /// The codings of ours with their weights, none of them 0.
    codings: Vec<(Coding, u16)>,
    /// The weight of no coding at all. It is least, and not nothing, where nobody speaks of it.
    identity: u16,
}

/// What may be tried, best first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Candidate {
    /// The file as it is.
    AsItIs,
    /// A file that lies there ready.
    Stored(Coding),
    /// Compressed while it is sent.
    Made(Coding),
}

impl Accepted {
    /// Reads `Accept-Encoding`. Who says nothing takes everything, but gets what he can surely use.
    pub(super) fn of(headers: &HeaderMap) -> Accepted {
        let mut named = Vec::new();
        let (mut identity, mut rest) = (None, None);
        for (name, weight) in elements(headers, header::ACCEPT_ENCODING).filter_map(weighted) {
            let is = |coding: &str| name.eq_ignore_ascii_case(coding);
            if is("br") {
                named.push((Coding::Br, weight));
            } else if is("zstd") {
                named.push((Coding::Zstd, weight));
            } else if is("gzip") || is("x-gzip") {
                named.push((Coding::Gzip, weight));
            } else if is("identity") {
                identity = Some(weight);
            } else if is("*") {
                rest = Some(weight);
            }
        }
        let weight = |coding| {
            let its_own = named.iter().find(|(other, _)| *other == coding).map(|named| named.1);
            its_own.or(rest).unwrap_or(0)
        };
        let codings = Coding::STORED.map(|coding| (coding, weight(coding)));
        Accepted {
            codings: codings.into_iter().filter(|(_, weight)| *weight > 0).collect(),
            identity: match (identity, rest) {
                (Some(weight), _) => weight,
                (None, Some(0)) => 0,
                (None, _) => 1,
            },
        }
    }

    /// A request for parts wants parts of the file itself, if it can take that.
    pub(super) fn preferring_identity(mut self) -> Accepted {
        if self.identity > 0 {
            self.identity = FULL;
            self.codings.clear();
        }
        self
    }

    /// Without what has to be compressed first.
    pub(super) const fn takes_identity(&self) -> bool {
        self.identity > 0
    }

    /// What may be sent, best first: by weight, and among equals what is ready, what is made, and the file
    /// as it is. What would have to be made is worth it if `is_worth_making`, or if nothing else will do.
    pub(super) fn candidates(&self, is_worth_making: bool) -> Vec<Candidate> {
        let weight = |coding| self.codings.iter().find(|(own, _)| *own == coding).map(|own| own.1);
        let mut all = Vec::new();
        for coding in Coding::STORED {
            all.extend(weight(coding).map(|weight| (weight, Candidate::Stored(coding))));
        }
        if is_worth_making || !self.takes_identity() {
            for coding in Coding::MADE {
                all.extend(weight(coding).map(|weight| (weight, Candidate::Made(coding))));
            }
        }
        if self.takes_identity() {
            all.push((self.identity, Candidate::AsItIs));
        }
        all.sort_by_key(|(weight, _)| Reverse(*weight));
        all.into_iter().map(|(_, candidate)| candidate).collect()
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::Candidate::{AsItIs, Made, Stored};
    use super::Coding::{Br, Gzip, Zstd};
    use super::*;

    fn accepted(text: &str) -> Accepted {
        let mut headers = HeaderMap::new();
        headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_str(text).unwrap());
        Accepted::of(&headers)
    }

    #[test]
    fn candidates_by_weight_and_then_by_what_they_cost() {
        for (text, candidates) in [
            ("", &[AsItIs][..]),
            ("deflate", &[AsItIs]),
            ("gzip", &[Stored(Gzip), Made(Gzip), AsItIs]),
            ("X-GZIP", &[Stored(Gzip), Made(Gzip), AsItIs]),
            (
                "gzip, deflate, br, zstd",
                &[Stored(Br), Stored(Zstd), Stored(Gzip), Made(Zstd), Made(Br), Made(Gzip), AsItIs],
            ),
            ("br;q=0.5, gzip", &[Stored(Gzip), Made(Gzip), Stored(Br), Made(Br), AsItIs]),
            ("identity, gzip;q=0.5", &[AsItIs, Stored(Gzip), Made(Gzip)]),
            ("identity;q=0.5, gzip;q=0.5", &[Stored(Gzip), Made(Gzip), AsItIs]),
            ("gzip;q=0", &[AsItIs]),
            ("gzip, identity;q=0", &[Stored(Gzip), Made(Gzip)]),
            ("gzip, *;q=0", &[Stored(Gzip), Made(Gzip)]),
            ("*;q=0, identity", &[AsItIs]),
            ("br;q=0, zstd;q=0, *", &[Stored(Gzip), Made(Gzip), AsItIs]),
            ("*;q=0", &[]),
            ("identity;q=0", &[]),
        ] {
            assert_eq!(accepted(text).candidates(true), candidates, "{text}");
        }
        assert_eq!(Accepted::of(&HeaderMap::new()).candidates(true), [AsItIs]);
    }

    #[test]
    fn what_is_not_worth_it_is_made_only_for_those_who_take_nothing_else() {
        assert_eq!(accepted("gzip").candidates(false), [Stored(Gzip), AsItIs]);
        assert_eq!(accepted("gzip, *;q=0").candidates(false), [Stored(Gzip), Made(Gzip)]);
    }

    #[test]
    fn parts_are_parts_of_the_file() {
        assert_eq!(accepted("gzip").preferring_identity().candidates(true), [AsItIs]);
        let refused = accepted("gzip, identity;q=0").preferring_identity();
        assert_eq!(refused.candidates(true), [Stored(Gzip), Made(Gzip)]);
    }

    #[test]
    fn siblings_have_the_whole_name_and_more() {
        let siblings = Coding::STORED.map(|coding| coding.sibling(Path::new("a/style.css")));
        let expected = ["a/style.css.br", "a/style.css.zst", "a/style.css.gz"];
        assert_eq!(siblings, expected.map(PathBuf::from));
    }
}
