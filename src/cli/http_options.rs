//! How HTTP is spoken: what one client may take, how connections end, and what is noted of requests.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use super::quantity::{octets, some_time};
use super::{Failure, exit};
use crate::http::{AccessLogFormat, Bounds, CloseAfter, Pace};

/// Limits and log of the HTTP responder.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "HTTP")]
pub(super) struct HttpOptions {
    /// Close each connection after one response, which says "Connection: close", as HTTP/1.0 did: the same as
    /// --close-after request
    #[arg(long, env = "GLASS_CONNECTION_PER_REQUEST")]
    pub(super) connection_per_request: bool,
    /// The head of a request may take so long, from its first octet to its last; 408 then
    #[arg(
        long, env = "GLASS_HEAD_TIMEOUT", default_value = "30s", value_name = "TIME",
        value_parser = some_time
    )]
    head_timeout: Duration,
    /// A connection is kept open so long between two requests
    #[arg(
        long, env = "GLASS_IDLE_TIMEOUT", default_value = "60s", value_name = "TIME",
        value_parser = some_time
    )]
    idle_timeout: Duration,
    /// The body of a request may stand still so long; 408 then
    #[arg(
        long, env = "GLASS_BODY_TIMEOUT", default_value = "30s", value_name = "TIME",
        value_parser = some_time
    )]
    body_timeout: Duration,
    /// A client may take nothing of its response for so long; its connection is reset then
    #[arg(
        long, env = "GLASS_SEND_TIMEOUT", default_value = "30s", value_name = "TIME",
        value_parser = some_time
    )]
    send_timeout: Duration,
    /// Octets per second that bodies have to come, and responses to be taken, with in the long run: who is
    /// slower has little longer than who stands still; 0 for as slow as they like
    #[arg(
        long, env = "GLASS_MIN_RATE", default_value = "240", value_name = "OCTETS",
        value_parser = octets
    )]
    min_rate: u64,
    /// The head of a request may have so many octets, 8kib to 1mib; 431 beyond
    #[arg(
        long, env = "GLASS_MAX_HEAD", default_value = "64kib", value_name = "OCTETS",
        value_parser = head_octets
    )]
    max_head: usize,
    /// The head of a request may have so many fields, 1 to 10000; 431 beyond
    #[arg(
        long, env = "GLASS_MAX_FIELDS", default_value_t = 100, value_name = "NUMBER",
        value_parser = clap::value_parser!(u16).range(1..=10_000)
    )]
    max_fields: u16,
    /// The target of a request, its URI, may have so many octets, at most 65534; 414 beyond
    #[arg(
        long, env = "GLASS_MAX_URI", default_value = "8kib", value_name = "OCTETS",
        value_parser = target_octets
    )]
    max_uri: usize,
    /// The body of a request may have so many octets; 413 beyond
    #[arg(
        long, env = "GLASS_MAX_BODY", default_value = "16gib", value_name = "OCTETS",
        value_parser = octets
    )]
    max_body: u64,
    /// A connection is closed after so many requests; 0 for no limit
    #[arg(long, env = "GLASS_MAX_REQUESTS", default_value_t = 0, value_name = "NUMBER")]
    max_requests: u64,
    /// After SIGTERM or SIGINT responses have so long to finish
    #[arg(
        long, env = "GLASS_GRACE", default_value = "5s", value_name = "TIME",
        value_parser = some_time
    )]
    pub(super) grace: Duration,
    /// Note each request in this file, one line when its response is over, with the number that the ladder
    /// and --events give its connection; - is standard output. SIGUSR1 (and SIGHUP for serve) opens the file
    /// again, for logrotate
    #[arg(long, env = "GLASS_ACCESS_LOG", value_name = "FILE|-")]
    pub(super) access_log: Option<PathBuf>,
    /// The form of its lines: common and combined as web servers write them, with more behind; or json
    #[arg(
        long,
        env = "GLASS_ACCESS_LOG_FORMAT",
        default_value = "combined",
        requires = "access_log",
        value_name = "common|combined|json"
    )]
    pub(super) access_log_format: AccessLogFormat,
}

impl HttpOptions {
    /// What one client may take.
    pub(super) fn bounds(&self) -> Bounds {
        let pace = |patience| Pace { patience, rate: self.min_rate };
        Bounds {
            head_timeout: self.head_timeout,
            idle_timeout: self.idle_timeout,
            body_pace: pace(self.body_timeout),
            response_pace: pace(self.send_timeout),
            head_octets: self.max_head,
            fields: self.max_fields.into(),
            target_octets: self.max_uri,
            body_octets: self.max_body,
            requests: if self.max_requests == 0 { u64::MAX } else { self.max_requests },
        }
    }

    /// Refuses what contradicts itself.
    pub(super) fn check(&self, close_after: Option<CloseAfter>) -> Result<(), Failure> {
        match close_after {
            Some(other) if self.connection_per_request && other != CloseAfter::Request => {
                let message = format!(
                    "--connection-per-request is --close-after request: leave it or --close-after {other} out"
                );
                Err(Failure::new(exit::USAGE, message))
            }
            Some(_) | None => Ok(()),
        }
    }

    /// The first option here that the responder by hand has no use for.
    pub(super) fn beyond_the_responder_by_hand(&self) -> Option<&'static str> {
        let usual = Bounds::default();
        let bounds = self.bounds();
        if self.access_log.is_some() {
            Some("--access-log")
        } else if bounds != usual {
            Some("other limits than the usual ones")
        } else {
            None
        }
    }
}

fn head_octets(text: &str) -> Result<usize, String> {
    within(text, 8 << 10, 1 << 20).ok_or_else(|| "not 8kib to 1mib".into())
}

/// hyper takes no more.
fn target_octets(text: &str) -> Result<usize, String> {
    within(text, 1, 65_534).ok_or_else(|| "not 1 to 65534 octets".into())
}

fn within(text: &str, least: usize, most: usize) -> Option<usize> {
    let octets = octets(text).ok().and_then(|octets| usize::try_from(octets).ok());
    octets.filter(|octets| (least..=most).contains(octets))
}
