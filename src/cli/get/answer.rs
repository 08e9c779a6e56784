//! What a response means for where its body goes: whether it is what was asked for, what it is called, and
//! how much of it must come.

use std::path::{Path, PathBuf};

use ::http::{HeaderValue, Method, Response, StatusCode, header};
use hyper::body::Incoming;
use url::Url;

use super::super::{Failure, exit};
use super::options::Field;
use super::output::{self, Destination};
use super::part::Before;
use super::transfer::Transfers;
use super::{Get, failures, verbose};
use crate::http::client::disposition::{name_of_disposition, name_of_url};
use crate::http::client::range::Part;
use crate::http::client::redirect;
use crate::http::client::resume::{Verdict, is_encoded};
use crate::http::client::text::short;

/// A response that leads nowhere else.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) response: Response<Incoming>,
    /// Where it came from.
    pub(super) url: Url,
    /// The part that the user has asked for, in the form of the field; what -C asks for is not here.
    pub(super) range: Option<HeaderValue>,
}

/// What is to be done with a body.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Plan {
    /// It goes behind what is there.
    pub(super) continues: bool,
    /// It is this part, and as long.
    pub(super) part: Option<Part>,
    /// Whether it can go on some other time, should it be cut.
    pub(super) can_go_on: bool,
}

impl Transfers<'_> {
    /// What is to be done with the body; `None`: nothing.
    pub(super) fn plan(
        &self,
        answer: &Answer,
        destination: &Destination,
        before: &Before,
    ) -> Result<Option<Plan>, Failure> {
        let Answer { response, url, range } = answer;
        let status = response.status();
        let can_go_on = self.can_go_on(answer);
        self.note_where(response);
        if status == StatusCode::SWITCHING_PROTOCOLS {
            let why =
                "the server goes over to another protocol than HTTP (101), which we do not speak";
            return Err(Failure::new(exit::FAILURE, why));
        }
        if self.options.result.goes_on() {
            match before.partial.judge(status, response.headers()) {
                Verdict::Append(part) => {
                    return Ok(Some(Plan { continues: true, part: Some(part), can_go_on }));
                }
                Verdict::Anew => {
                    if before.partial.len > 0 {
                        self.output.note("the server sends all of it, so it begins anew");
                    }
                    return Ok(Some(Plan { continues: false, part: None, can_go_on }));
                }
                Verdict::Complete => {
                    output::was_complete(destination, before)?;
                    let name = verbose::clean(&destination.name());
                    self.output.note(format_args!("{name} was complete"));
                    return Ok(None);
                }
                Verdict::Unfit(why) => {
                    let hint = "without -C it begins anew";
                    return Err(Failure::new(exit::FAILURE, format!("{why}; {hint}")));
                }
                Verdict::Other => {}
            }
        }
        let is_head = self.payload.method(&self.options.request) == Method::HEAD;
        let part = match range {
            _ if is_head => None,
            _ if status == StatusCode::PARTIAL_CONTENT => {
                part(response, range.as_ref())?.filter(|_| !self.decodes(response))
            }
            Some(_) if status == StatusCode::OK => {
                self.output.note("the server sends all of it, and not the range");
                None
            }
            _ => None,
        };
        // Into a file goes what was asked for, and nothing else.
        let is_wanted = status.is_success() && !self.options.result.goes_on();
        if matches!(destination, Destination::File(_)) && !self.options.request.head && !is_wanted {
            if status == StatusCode::NOT_MODIFIED && self.asks_on_condition() {
                let name = verbose::clean(&destination.name());
                self.output.note(format_args!("not modified: {name} is as it was"));
                return Ok(None);
            }
            failures::of_status(status, url)?;
            let url = short(url.as_str());
            let why = format!("{url} answered {status}; nothing was written");
            return Err(Failure::new(exit::FAILURE, why));
        }
        let is_error = status.is_client_error() || status.is_server_error();
        if self.options.result.fail && is_error && !self.options.request.head {
            failures::of_status(status, url)?;
        }
        Ok(Some(Plan { continues: false, part, can_go_on }))
    }

    /// Whether the user has told the server what there is already, so that it need not come again.
    fn asks_on_condition(&self) -> bool {
        let is_condition = |field: &Field| {
            matches!(field, Field::Set(header::IF_NONE_MATCH | header::IF_MODIFIED_SINCE, _))
        };
        !self.options.result.goes_on() && self.options.request.header.iter().any(is_condition)
    }

    /// Of a redirect that is not followed.
    fn note_where(&self, response: &Response<Incoming>) {
        let status = response.status();
        if redirect::asks_for_it(status) && !self.options.way.location {
            let to = response.headers().get(header::LOCATION).map(HeaderValue::as_bytes);
            let to = to.map_or("nowhere".into(), String::from_utf8_lossy);
            let to = verbose::clean(&short(&to));
            self.output.note(format_args!("{status}: it is at {to} (-L goes there)"));
        }
    }

    /// Whether what is cut of this response can go on some other time: by the same request with -C.
    fn can_go_on(&self, answer: &Answer) -> bool {
        let Answer { response, range, .. } = answer;
        let options = &self.options;
        let is_plain = !(options.request.compressed || options.result.include)
            && range.is_none()
            && !is_encoded(response.headers())
            && self.payload.is_nothing()
            && options.request.request.is_none()
            && !options.request.head;
        let is_whole_or_part = matches!(
            response.status(),
            StatusCode::OK
                | StatusCode::NON_AUTHORITATIVE_INFORMATION
                | StatusCode::PARTIAL_CONTENT
        );
        is_plain && is_whole_or_part
    }

    /// Whether more, or less, is written than comes.
    pub(super) fn decodes(&self, response: &Response<Incoming>) -> bool {
        self.options.request.compressed && is_encoded(response.headers())
    }
}

impl Plan {
    /// Once the body has come: whether that is all.
    pub(super) fn check(&self) -> Result<(), Failure> {
        let Some(Part { last, total, .. }) = self.part.filter(|_| self.continues) else {
            return Ok(());
        };
        let Some(total) = total else {
            let why = "the server sent a part, and does not say how long the whole is";
            return Err(Failure::new(exit::FAILURE, why));
        };
        if last + 1 == total {
            return Ok(());
        }
        let missing = total - last - 1;
        let why =
            format!("the server sent less than the rest: {missing} octets of {total} are missing");
        Err(Failure::new(exit::FAILURE, why))
    }
}

/// Which part of the whole a response with status 206 has, if it is the one that was asked for; `None`: several,
/// where several were asked for (RFC 9110 15.3.7.2).
fn part(
    response: &Response<Incoming>,
    range: Option<&HeaderValue>,
) -> Result<Option<Part>, Failure> {
    let failed = |why: String| Err(Failure::new(exit::FAILURE, format!("the server sent {why}")));
    let Some(range) = range.map(|range| String::from_utf8_lossy(range.as_bytes())) else {
        return failed("a part, and nobody had asked for one: nothing was written".to_owned());
    };
    let fields = response.headers();
    let kind = fields.get(header::CONTENT_TYPE).map(HeaderValue::as_bytes).unwrap_or_default();
    if range.contains(',') && kind.to_ascii_lowercase().starts_with(b"multipart/byteranges") {
        return Ok(None);
    }
    match Part::of(fields) {
        None => failed("a part and does not say which".to_owned()),
        Some(part) if part.answers(&range) => Ok(Some(part)),
        Some(Part { first, last, total }) => {
            let of = total.map_or(String::new(), |total| format!(" of {total}"));
            failed(format!("octets {first} to {last}{of}, and was asked for {}", short(&range)))
        }
    }
}

impl Answer {
    /// The file that the server proposes, or else the one that the URL names; one that is there stays.
    pub(super) fn proposed(&self, by_url: Destination) -> Result<Destination, Failure> {
        let failed = |why: String| Failure::new(exit::FAILURE, why);
        let value = self.response.headers().get(header::CONTENT_DISPOSITION);
        let name = value.and_then(|value| name_of_disposition(value.as_bytes()));
        let destination = match name {
            Some(name) => Destination::File(name.into()),
            None => by_url,
        };
        match &destination {
            Destination::File(path) if std::fs::symlink_metadata(path).is_err() => Ok(destination),
            Destination::Stdout => {
                let url = short(self.url.as_str());
                let hint = "name one with -o";
                Err(failed(format!("neither {url} nor its server names a file: {hint}")))
            }
            Destination::File(path) | Destination::Special(path) => {
                let path = path.display();
                let why = "is there already, and a server's word does not replace it";
                Err(failed(format!("{path} {why}")))
            }
        }
    }
}

/// Where the body of `url` goes.
pub(super) fn destination(
    options: &Get,
    url: &Url,
    path: Option<&PathBuf>,
) -> Result<Destination, Failure> {
    match (path, options.result.remote_name) {
        (Some(path), _) => Destination::of(path),
        (None, false) => Ok(Destination::Stdout),
        (None, true) => match name_of_url(url) {
            Some(name) => Destination::at(Path::new(&name)),
            // The server may know one.
            None if options.result.remote_header_name => Ok(Destination::Stdout),
            None => {
                let url = short(url.as_str());
                let why = format!("{url} does not end in the name of a file: name one with -o");
                Err(Failure::new(exit::USAGE, why))
            }
        },
    }
}
