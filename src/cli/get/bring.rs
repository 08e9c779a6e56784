//! A body on its way: decoded if need be, counted, and given to whoever writes it.

use ::http::{Response, header, response};
use http_body_util::BodyExt;
use hyper::body::{Body, Incoming};

use super::super::{Failure, exit};
use super::answer::Plan;
use super::decode::{ResponseBody, decoded, untouched};
use super::limits::Limits;
use super::output::{Destination, Saving};
use super::part::{Before, Start};
use super::progress::{self, Activity};
use super::transfer::Transfers;
use super::{failures, verbose};
use crate::http::client::range::Part;
use crate::http::client::resume;
use crate::http::client::text::short;

/// Where a body goes, and what is known of it on its way.
struct Way<'a> {
    destination: &'a Destination,
    activity: &'a Activity,
    /// It is this part, and as long.
    part: Option<Part>,
}

impl Transfers<'_> {
    /// Brings the body, and the heads if they are wanted, to `destination`.
    pub(super) async fn bring(
        &self,
        response: Response<Incoming>,
        destination: &Destination,
        plan: &Plan,
        before: &Before,
        limits: &mut Limits,
    ) -> Result<(), Failure> {
        let validator = resume::validator(response.headers()).filter(|_| plan.can_go_on);
        let response =
            if self.options.request.compressed { decoded(response) } else { untouched(response) };
        let (parts, body) = response.into_parts();
        if self.options.request.compressed && resume::is_encoded(&parts.headers) {
            let coding =
                String::from_utf8_lossy(parts.headers[header::CONTENT_ENCODING].as_bytes());
            let coding = verbose::clean(&short(&coding));
            self.output.note(format_args!("the body stays as it came: it is encoded as {coding}"));
        }
        let start = match (plan.continues, self.options.result.remote_header_name) {
            (true, _) => Start::Behind(before),
            (false, true) => Start::New,
            (false, false) => Start::Anew,
        };
        let already = if plan.continues { before.partial.len } else { 0 };
        // Whoever opens a pipe waits for the other end.
        let saving = Saving::begin(destination, start, validator);
        let mut saving = limits.unhurried(saving).await??;
        let total = body.size_hint().exact().and_then(|len| already.checked_add(len));
        let bar = (!destination.is_terminal() && self.may_show_a_bar() && total != Some(0))
            .then(|| progress::bar(&destination.name(), total, already))
            .flatten();
        let shown = bar.is_some();
        let activity = Activity::shown_by(bar);
        let begun = tokio::time::Instant::now();
        let way = Way { destination, activity: &activity, part: plan.part };
        let copied = self.copy(&parts, body, &way, &mut saving, limits).await;
        activity.clear();
        let mut done = copied.and_then(|()| plan.check());
        if done.is_ok() {
            done = limits.unhurried(saving.settle()).await.and_then(|settled| settled);
        }
        if let Err(failure) = done {
            return Err(self.give_up(saving, destination, plan, failure, limits).await);
        }
        saving.finish().await?;
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
        parts: &response::Parts,
        mut body: ResponseBody,
        way: &Way<'_>,
        saving: &mut Saving,
        limits: &mut Limits,
    ) -> Result<(), Failure> {
        let Way { destination, activity, part } = way;
        if self.options.result.include || self.options.request.head {
            let heads = self.heads.take()?;
            let heads = if destination.is_terminal() { verbose::readable(&heads) } else { heads };
            limits.unhurried(saving.write(heads.into())).await??;
        }
        let len = parts.headers.get(header::CONTENT_LENGTH).and_then(|len| len.to_str().ok());
        let wanted = part.map(|part| part.octets());
        let total = wanted.or_else(|| len?.parse().ok());
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
            if let Some(wanted) = wanted.filter(|wanted| activity.octets() > *wanted) {
                let why =
                    format!("the server sent more than the {wanted} octets that it announced");
                return Err(Failure::new(exit::FAILURE, why));
            }
            limits.unhurried(saving.write(data)).await??;
        }
        let come = activity.octets();
        match wanted {
            Some(wanted) if come < wanted => {
                let why = format!("the response ended early, after {come} of {wanted} octets");
                Err(Failure::new(exit::FAILURE, why))
            }
            _ => Ok(()),
        }
    }

    /// The failure, with what can be done about it.
    async fn give_up(
        &self,
        saving: Saving,
        destination: &Destination,
        plan: &Plan,
        failure: Failure,
        limits: &mut Limits,
    ) -> Failure {
        let given_up = saving.give_up(plan.can_go_on);
        let hint = match destination {
            Destination::File(_) => given_up.await,
            // Who reads slowly, or not at all, is waited for no longer than before.
            Destination::Stdout | Destination::Special(_) => {
                limits.unhurried(given_up).await.ok().flatten()
            }
        };
        match hint {
            Some(hint) => Failure::new(failure.code, format!("{}; {hint}", failure.message)),
            None => failure,
        }
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
}

fn is_binary(data: &[u8]) -> bool {
    data[..data.len().min(2000)].contains(&0)
}
