//! One URL: asked for, followed where it leads, its body brought to where it belongs.

use std::path::{Path, PathBuf};
use std::time::Duration;

use ::http::{HeaderMap, HeaderValue, Request, Response, Version, header};
use http_body_util::BodyExt;
use hyper::body::{Body, Incoming};
use indicatif::ProgressBar;
use tokio::sync::watch;
use tokio::time::timeout;

use super::super::options::Output;
use super::super::{Failure, exit};
use super::answer::Answer;
use super::limits::Limits;
use super::link::Reaching;
use super::part::Before;
use super::payload::{Payload, RequestBody};
use super::progress::{self, Activity};
use super::request::{self, Asking};
use super::target::{Target, uri};
use super::verbose::Heads;
use super::{Get, answer, failures, verbose};
use crate::http::client::text::short;
use crate::http::client::{SendError, Session, redirect};

/// A body behind a redirect is read up to here, and for so long, so that its connection can be used again:
/// beyond that another connection costs less.
const WORTH_READING: usize = 64 << 10;
const WORTH_WAITING: Duration = Duration::from_secs(1);

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
        let mut destination = answer::destination(self.options, &target.url, path)?;
        let before =
            if self.options.result.goes_on() { destination.before()? } else { Before::default() };
        self.heads.forget();
        let answer = self.ask_and_follow(target, &before, &mut limits).await?;
        if self.options.result.remote_header_name {
            if !self.options.request.head {
                failures::of_status(answer.response.status(), &answer.url)?;
            }
            destination = answer.proposed(destination)?;
        }
        let Some(plan) = self.plan(&answer, &destination, &before)? else {
            return Ok(());
        };
        let Answer { response, url, .. } = answer;
        let status = response.status();
        self.bring(response, &destination, &plan, &before, &mut limits).await?;
        failures::of_status(status, &url)
    }

    /// The response that is not a redirect, or that nobody wants to follow, and where it came from.
    async fn ask_and_follow(
        &mut self,
        target: &Target,
        before: &Before,
        limits: &mut Limits,
    ) -> Result<Answer, Failure> {
        let way = &self.options.way;
        let mut asking = Asking {
            url: target.url.clone(),
            method: self.payload.method(&self.options.request),
            has_body: !self.payload.is_nothing(),
            is_elsewhere: false,
        };
        for _ in 0..=way.max_redirs {
            let answer = self.ask(&asking, target, before, limits).await?;
            if !way.location {
                return Ok(answer);
            }
            let Answer { response, .. } = &answer;
            let location = response.headers().get(header::LOCATION).map(HeaderValue::as_bytes);
            let status = response.status();
            let next =
                redirect::next(&asking.method, &asking.url, status, location, way.allow_downgrade);
            let Some(next) = next.map_err(|refused| failures::of_redirect(&refused))? else {
                return Ok(answer);
            };
            let has_body = asking.has_body && next.keeps_body;
            if has_body && self.payload.is_gone_once_sent() {
                let why = "the redirect asks for the data once more, and a pipe gives it once: \
                           send it from a file";
                return Err(Failure::new(exit::FAILURE, why));
            }
            limits.unhurried(read_away(answer.response)).await?;
            let is_elsewhere = next.url.origin() != target.url.origin();
            if self.output.verbose > 0 && !self.output.quiet {
                verbose::show_redirect(status, &next.url);
            }
            asking = Asking { url: next.url, method: next.method, has_body, is_elsewhere };
        }
        let most = way.max_redirs;
        let last = short(asking.url.as_str());
        let why = format!("more than {most} redirects, the last to {last} (--max-redirs)");
        Err(Failure::new(exit::FAILURE, why))
    }

    async fn ask(
        &mut self,
        asking: &Asking,
        target: &Target,
        before: &Before,
        limits: &mut Limits,
    ) -> Result<Answer, Failure> {
        let options = &self.options.request;
        let credentials = target.credentials.as_ref();
        let closes = self.options.urls.len() == 1 && !self.options.way.location;
        let mut fields = request::fields(asking, options, &self.payload, credentials, closes);
        let range = fields.get(header::RANGE).cloned();
        before.partial.ask(&mut fields);
        let mut may_repeat =
            asking.method.is_idempotent() && !(asking.has_body && self.payload.is_gone_once_sent());
        loop {
            let activity = Activity::shown_by(self.bar_of_sending(asking));
            let request = self.request(asking, fields.clone(), &activity)?;
            let sent = limits.within(&activity, self.session.send(request)).await;
            activity.clear();
            match sent? {
                Ok(response) => return Ok(Answer { response, url: asking.url.clone(), range }),
                Err(SendError::Stale(_)) if may_repeat => may_repeat = false,
                Err(error) => return Err(failures::of_sending(&error, &asking.url)),
            }
        }
    }

    fn bar_of_sending(&self, asking: &Asking) -> Option<ProgressBar> {
        let what = self.options.request.data.upload_file.as_deref().and_then(Path::file_name);
        let what = what.map_or_else(|| "sending".to_owned(), |name| name.display().to_string());
        let is_large = self.payload.len().is_none_or(|len| len > 0);
        (asking.has_body && is_large && self.may_show_a_bar())
            .then(|| progress::bar(&what, self.payload.len(), 0))
            .flatten()
    }

    fn request(
        &self,
        asking: &Asking,
        fields: HeaderMap,
        activity: &Activity,
    ) -> Result<Request<RequestBody>, Failure> {
        let body = if asking.has_body { self.payload.body(activity)? } else { Payload::nothing() };
        let mut request = Request::new(body);
        *request.method_mut() = asking.method.clone();
        *request.uri_mut() = uri(&asking.url)?;
        *request.headers_mut() = fields;
        if self.options.request.http1_0 {
            *request.version_mut() = Version::HTTP_10;
        }
        Ok(request)
    }

    /// With -v, and with -q, nobody wants one.
    pub(super) fn may_show_a_bar(&self) -> bool {
        self.output.verbose == 0 && !self.output.quiet
    }
}

/// Reads a short body, so that its connection can be used again; but not for ever.
async fn read_away(response: Response<Incoming>) {
    let body = response.into_body();
    if body.size_hint().upper().is_none_or(|len| len <= WORTH_READING as u64) {
        let read = http_body_util::Limited::new(body, WORTH_READING).collect();
        let _ = timeout(WORTH_WAITING, read).await;
    }
}
