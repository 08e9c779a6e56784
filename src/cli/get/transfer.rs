//! One URL: asked for, followed where it leads, its body brought to where it belongs.

use std::path::{Path, PathBuf};

use ::http::{HeaderValue, Request, Response, StatusCode, Version, header};
use http_body_util::BodyExt;
use hyper::body::{Body, Incoming};
use tokio::sync::watch;
use url::Url;

use super::super::options::Output;
use super::super::{Failure, exit};
use super::decode::{ResponseBody, decoded, untouched};
use super::failures;
use super::limits::Limits;
use super::link::Reaching;
use super::output::{self, Before, Destination, Saving};
use super::payload::{Payload, RequestBody};
use super::progress::{self, Activity};
use super::request::{self, Asking};
use super::target::{Target, uri};
use super::verbose::Heads;
use super::{Get, verbose};
use crate::http::client::disposition::{name_of_disposition, name_of_url};
use crate::http::client::resume::{self, Verdict};
use crate::http::client::{Session, redirect};

/// A body behind a redirect is read up to here, so that its connection can be used again.
const WORTH_READING: usize = 64 << 10;

/// What all URLs of a call have in common.
pub(super) struct Transfers<'a> {
    pub(super) options: &'a Get,
    pub(super) output: &'a Output,
    pub(super) session: Session<Reaching, RequestBody>,
    pub(super) heads: Heads,
    pub(super) payload: Payload,
    pub(super) interrupts: watch::Receiver<Option<i32>>,
}

impl Transfers<'_> {
    /// Fetches `target`; `path` is what -o says.
    pub(super) async fn fetch(
        &mut self,
        target: &Target,
        path: Option<&PathBuf>,
    ) -> Result<(), Failure> {
        let way = &self.options.way;
        let mut limits = Limits::begin(way.max_time, way.stall_timeout, self.interrupts.clone());
        let mut destination = destination(self.options, &target.url, path)?;
        let before =
            if self.options.result.goes_on() { destination.before()? } else { Before::default() };
        self.heads.forget();
        let (response, url) = self.ask_and_follow(target, &before, &mut limits).await?;
        if self.options.result.remote_header_name {
            destination = proposed(&response, &url, destination)?;
        }
        let Some(continued) = self.what_to_do(&response, &url, &destination, &before)? else {
            return Ok(());
        };
        let status = response.status();
        self.bring(response, &destination, continued.then_some(&before), &mut limits).await?;
        failures::of_status(status, &url)
    }

    /// The response that is not a redirect, or that nobody wants to follow, and where it came from.
    async fn ask_and_follow(
        &mut self,
        target: &Target,
        before: &Before,
        limits: &mut Limits,
    ) -> Result<(Response<Incoming>, Url), Failure> {
        let way = &self.options.way;
        let mut asking = Asking {
            url: target.url.clone(),
            method: self.payload.method(&self.options.request),
            has_body: !self.payload.is_nothing(),
            is_elsewhere: false,
        };
        for _ in 0..=way.max_redirs {
            let response = self.ask(&asking, target, before, limits).await?;
            if !way.location {
                return Ok((response, asking.url));
            }
            let location = response.headers().get(header::LOCATION).map(HeaderValue::as_bytes);
            let status = response.status();
            let next =
                redirect::next(&asking.method, &asking.url, status, location, way.allow_downgrade);
            let Some(next) = next.map_err(|refused| failures::of_redirect(&refused))? else {
                return Ok((response, asking.url));
            };
            let has_body = asking.has_body && next.keeps_body;
            if has_body && self.payload.is_gone_once_sent() {
                let why = "the redirect asks for the data once more, and a pipe gives it once: \
                           send it from a file";
                return Err(Failure::new(exit::FAILURE, why));
            }
            limits.within(&Activity::default(), read_away(response)).await?;
            let is_elsewhere = next.url.origin() != target.url.origin();
            log::info!("{status}: on to {}", next.url);
            asking = Asking { url: next.url, method: next.method, has_body, is_elsewhere };
        }
        let most = way.max_redirs;
        let why = format!("more than {most} redirects, the last to {} (--max-redirs)", asking.url);
        Err(Failure::new(exit::FAILURE, why))
    }

    async fn ask(
        &mut self,
        asking: &Asking,
        target: &Target,
        before: &Before,
        limits: &mut Limits,
    ) -> Result<Response<Incoming>, Failure> {
        let options = &self.options.request;
        let credentials = target.credentials.as_ref();
        let closes = self.options.urls.len() == 1 && !self.options.way.location;
        let mut fields = request::fields(asking, options, &self.payload, credentials, closes);
        before.partial.ask(&mut fields);
        let what = self.options.request.data.upload_file.as_deref().and_then(Path::file_name);
        let what = what.map_or_else(|| "sending".to_owned(), |name| name.display().to_string());
        let is_large = self.payload.len().is_none_or(|len| len > 0);
        let bar = (asking.has_body && is_large && self.may_show_a_bar())
            .then(|| progress::bar(&what, self.payload.len(), 0))
            .flatten();
        let activity = Activity::shown_by(bar);
        let body = if asking.has_body { self.payload.body(&activity)? } else { Payload::nothing() };
        let mut request = Request::new(body);
        *request.method_mut() = asking.method.clone();
        *request.uri_mut() = uri(&asking.url)?;
        *request.headers_mut() = fields;
        if options.http1_0 {
            *request.version_mut() = Version::HTTP_10;
        }
        let sent = limits.within(&activity, self.session.send(request)).await;
        activity.clear();
        sent?.map_err(|error| failures::of_sending(&error, &asking.url))
    }

    /// Whether the body goes behind what is there (`true`) or begins anew; `None`: there is nothing to be
    /// done with it.
    fn what_to_do(
        &self,
        response: &Response<Incoming>,
        url: &Url,
        destination: &Destination,
        before: &Before,
    ) -> Result<Option<bool>, Failure> {
        let status = response.status();
        let location = response.headers().get(header::LOCATION);
        let location =
            location.map(|value| verbose::clean(&String::from_utf8_lossy(value.as_bytes())));
        if redirect::asks_for_it(status) && !self.options.way.location {
            let to = location.as_deref().unwrap_or("nowhere");
            self.output.note(format_args!("{status}: it is at {to} (-L goes there)"));
        }
        if self.options.result.goes_on() {
            match before.partial.judge(status, response.headers()) {
                Verdict::Append { .. } => return Ok(Some(true)),
                Verdict::Anew => {
                    if before.partial.len > 0 {
                        self.output.note("the server sends all of it, so it begins anew");
                    }
                    return Ok(Some(false));
                }
                Verdict::Complete => {
                    output::was_complete(destination, before)?;
                    self.output.note(format_args!("{} was complete", destination.name()));
                    return Ok(None);
                }
                Verdict::Unfit(why) => {
                    let hint = "without -C it begins anew";
                    return Err(Failure::new(exit::FAILURE, format!("{why}; {hint}")));
                }
                Verdict::Other => {}
            }
        }
        if self.options.request.range.is_some() && status == StatusCode::OK {
            self.output.note("the server sends all of it, and not the range");
        }
        // Into a file goes what was asked for, and nothing else.
        if matches!(destination, Destination::File(_))
            && !self.options.request.head
            && !status.is_success()
        {
            if status == StatusCode::NOT_MODIFIED {
                self.output.note(format_args!("not modified: {} is as it was", destination.name()));
                return Ok(None);
            }
            failures::of_status(status, url)?;
            let why = format!("{url} answered {status}; nothing was written");
            return Err(Failure::new(exit::FAILURE, why));
        }
        let is_error = status.is_client_error() || status.is_server_error();
        if self.options.result.fail && is_error && !self.options.request.head {
            failures::of_status(status, url)?;
        }
        Ok(Some(false))
    }

    /// Brings the body, and the heads if they are wanted, to `destination`.
    async fn bring(
        &self,
        response: Response<Incoming>,
        destination: &Destination,
        before: Option<&Before>,
        limits: &mut Limits,
    ) -> Result<(), Failure> {
        let can_go_on = self.can_go_on(&response);
        let validator = resume::validator(response.headers()).filter(|_| can_go_on);
        let response = if self.options.request.compressed {
            decoded(response).await
        } else {
            untouched(response)
        };
        let (parts, body) = response.into_parts();
        let already = before.map_or(0, |before| before.partial.len);
        let total = body.size_hint().exact().map(|len| already + len);
        let mut saving = Saving::begin(destination, before, validator).await?;
        let bar = (!destination.is_terminal() && self.may_show_a_bar() && total != Some(0))
            .then(|| progress::bar(&destination.name(), total, already))
            .flatten();
        let shown = bar.is_some();
        let activity = Activity::shown_by(bar);
        let begun = tokio::time::Instant::now();
        let copied = self.copy(&parts, body, destination, &mut saving, &activity, limits).await;
        activity.clear();
        if let Err(mut failure) = copied {
            if let Some(hint) = saving.give_up(can_go_on).await {
                failure.message = format!("{}; {hint}", failure.message);
            }
            return Err(failure);
        }
        limits.unhurried(saving.finish()).await??;
        if shown {
            let (octets, time) = (activity.octets(), begun.elapsed());
            self.output.note(format_args!(
                "{}: {} in {:.1?}",
                verbose::clean(&destination.name()),
                indicatif::HumanBytes(octets),
                time
            ));
        }
        Ok(())
    }

    async fn copy(
        &self,
        parts: &::http::response::Parts,
        mut body: ResponseBody,
        destination: &Destination,
        saving: &mut Saving,
        activity: &Activity,
        limits: &mut Limits,
    ) -> Result<(), Failure> {
        if self.options.result.include || self.options.request.head {
            let heads = self.heads.take()?;
            let heads = if destination.is_terminal() { verbose::readable(&heads) } else { heads };
            limits.unhurried(saving.write(heads.into())).await??;
        }
        let total = parts.headers.get(header::CONTENT_LENGTH).and_then(|len| len.to_str().ok());
        let mut is_first = true;
        while let Some(frame) = limits.within(activity, body.frame()).await? {
            let frame =
                frame.map_err(|error| failures::of_body(&*error, activity.octets(), total))?;
            let Ok(data) = frame.into_data() else { continue };
            if is_first && destination.is_terminal() && is_binary(&data) {
                self.refuse_binary()?;
            }
            is_first = false;
            activity.add(data.len());
            limits.unhurried(saving.write(data)).await??;
        }
        Ok(())
    }

    fn refuse_binary(&self) -> Result<(), Failure> {
        // "-o -" insists.
        if self.options.result.output.is_empty() {
            let why = "the body is no text, and a terminal would not bear it: -o FILE writes it to a \
                       file, -o - insists";
            return Err(Failure::new(exit::FAILURE, why));
        }
        Ok(())
    }

    /// Whether what is cut of this response can go on some other time.
    fn can_go_on(&self, response: &Response<Incoming>) -> bool {
        let options = &self.options;
        let is_plain = !(options.request.compressed || options.result.include)
            && options.request.range.is_none()
            && self.payload.method(&options.request) == ::http::Method::GET;
        is_plain && matches!(response.status(), StatusCode::OK | StatusCode::PARTIAL_CONTENT)
    }

    /// With -v, and with -q, nobody wants one.
    fn may_show_a_bar(&self) -> bool {
        self.output.verbose == 0 && !self.output.quiet
    }
}

/// Where the body of `url` goes.
fn destination(options: &Get, url: &Url, path: Option<&PathBuf>) -> Result<Destination, Failure> {
    match (path, options.result.remote_name) {
        (Some(path), _) => Destination::of(path),
        (None, false) => Ok(Destination::Stdout),
        (None, true) => match name_of_url(url) {
            Some(name) => Destination::of(Path::new(&name)),
            // The server may know one.
            None if options.result.remote_header_name => Ok(Destination::Stdout),
            None => {
                let why = format!("{url} does not end in the name of a file: name one with -o");
                Err(Failure::new(exit::USAGE, why))
            }
        },
    }
}

/// The file that the server proposes, or else the one that the URL names; one that is there stays.
fn proposed(
    response: &Response<Incoming>,
    url: &Url,
    by_url: Destination,
) -> Result<Destination, Failure> {
    let failed = |why: String| Failure::new(exit::FAILURE, why);
    let value = response.headers().get(header::CONTENT_DISPOSITION);
    let name = value.and_then(|value| name_of_disposition(value.as_bytes()));
    let destination = match name {
        Some(name) => Destination::of(Path::new(&name)).map_err(|error| failed(error.message))?,
        None => by_url,
    };
    match &destination {
        Destination::File(path) if !path.exists() => Ok(destination),
        Destination::Stdout => {
            Err(failed(format!("neither {url} nor its server names a file: name one with -o")))
        }
        Destination::File(path) | Destination::Special(path) => {
            let path = path.display();
            Err(failed(format!("{path} is there already, and a server's word does not replace it")))
        }
    }
}

/// Reads a short body, so that its connection can be used again.
async fn read_away(response: Response<Incoming>) {
    let body = response.into_body();
    if body.size_hint().upper().is_none_or(|len| len <= WORTH_READING as u64) {
        let _ = http_body_util::Limited::new(body, WORTH_READING).collect().await;
    }
}

fn is_binary(data: &[u8]) -> bool {
    data[..data.len().min(2000)].contains(&0)
}
