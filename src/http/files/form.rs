//! A file in the form in which it is sent: as it is, as it lies compressed beside, or compressed on its way.

use std::fs::{File, Metadata};
use std::path::Path;
use std::sync::Arc;

use http::{HeaderMap, HeaderValue, Version, header};

use super::codings::{Accepted, Candidate, Coding};
use super::made::Permit;
use super::media::Media;
use super::refused::Refused;
use super::root::{Found, Refusal};
use super::validators::{Validators, date};
use super::{Ask, Directory};
use crate::runtime::clock;

/// What is shorter goes into one segment anyway.
const WORTH_COMPRESSING: u64 = 1024;

/// A representation that was selected.
pub(super) struct Form {
    pub(super) file: Arc<File>,
    /// Of `file`, in octets.
    pub(super) len: u64,
    pub(super) media: Media,
    pub(super) validators: Validators,
    /// What the octets that are sent are coded in.
    pub(super) coding: Option<Coding>,
    /// `file` is to be coded on its way; this is the permit to do so.
    pub(super) made: Option<Permit>,
}

impl Form {
    /// Selects the form of `file`, which `path` leads to, for a request.
    pub(super) fn select(
        directory: &Directory,
        ask: &Ask,
        path: &Path,
        file: File,
        metadata: &Metadata,
    ) -> Result<Form, Refused> {
        let now = clock::time_of_day();
        let media = Media::of(path, &file);
        let is_worth_making = ask.version >= Version::HTTP_11
            && metadata.len() >= WORTH_COMPRESSING
            && media.is_compressible();
        let validators = Validators::of(metadata, now);
        let whole = |coding, validators, made| Form {
            file: Arc::new(file),
            len: metadata.len(),
            media: media.clone(),
            validators,
            coding,
            made,
        };
        let mut is_busy = false;
        for candidate in accepted(directory, ask).candidates(is_worth_making) {
            match candidate {
                Candidate::AsItIs => return Ok(whole(None, validators, None)),
                Candidate::Stored(coding) => {
                    let Ok(Found::File(stored, its)) = directory.root.open(&coding.sibling(path))
                    else {
                        continue;
                    };
                    // What is older may be of what the file was before.
                    if its.modified().ok() < metadata.modified().ok() {
                        continue;
                    }
                    return Ok(Form {
                        file: Arc::new(stored),
                        len: its.len(),
                        media,
                        validators: Validators::of(&its, now).with_suffix(coding.name()),
                        coding: Some(coding),
                        made: None,
                    });
                }
                Candidate::Made(coding) => {
                    match Permit::try_get(&directory.encoders, ask.share.as_ref()) {
                        Some(permit) => {
                            let validators = validators.with_suffix(coding.name()).weakened();
                            return Ok(whole(Some(coding), validators, Some(permit)));
                        }
                        None => is_busy = true,
                    }
                }
            }
        }
        Err(if is_busy { Refused::Root(Refusal::Busy) } else { Refused::Coding })
    }

    /// What is said of it whether it is sent or not (RFC 9110 15.4.5).
    pub(super) fn headers(&self, directory: &Directory) -> HeaderMap {
        let mut headers = HeaderMap::new();
        let text = |text: &str| HeaderValue::from_str(text).expect("ours are visible ASCII");
        if let Some(etag) = &self.validators.etag {
            headers.insert(header::ETAG, text(&etag.to_string()));
        }
        if let Some(modified) = self.validators.modified {
            headers.insert(header::LAST_MODIFIED, text(&date(modified)));
        }
        if let Some(value) = &directory.options.cache_control {
            headers.insert(header::CACHE_CONTROL, value.clone());
        }
        if directory.options.compression {
            headers.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
        }
        headers
    }
}

fn accepted(directory: &Directory, ask: &Ask) -> Accepted {
    if !directory.options.compression {
        return Accepted::of(&HeaderMap::new());
    }
    let accepted = Accepted::of(&ask.headers);
    if ask.wants_range() { accepted.preferring_identity() } else { accepted }
}
