//! What there is to be said of one request.

use std::net::SocketAddr;
use std::time::{Duration, SystemTime};

use http::{HeaderValue, Method, Uri, Version};

use crate::trace::ConnId;

/// One request and what became of it.
#[derive(Clone, Debug)]
pub(super) struct Record<'a> {
    /// When its head was there.
    pub(super) at: SystemTime,
    pub(super) peer: SocketAddr,
    /// The number of the connection; `None` when that is not one of our own TCP.
    pub(super) conn: Option<ConnId>,
    /// Its number on the connection, from 1.
    pub(super) number: u64,
    pub(super) asked: &'a Asked,
    /// `None` when no answer was begun.
    pub(super) status: Option<u16>,
    /// Octets of its body that came.
    pub(super) octets_in: u64,
    /// Octets of the response's body that were given to the connection.
    pub(super) octets_out: u64,
    /// Until the response began.
    pub(super) first: Option<Duration>,
    /// Until it was over.
    pub(super) total: Duration,
    /// It was over before it was complete.
    pub(super) aborted: bool,
}

/// What was asked.
#[expect(clippy::large_enum_variant, reason = "the small one is the rare one")]
#[derive(Clone, Debug)]
pub(super) enum Asked {
    Request {
        method: Method,
        target: Uri,
        version: Version,
        host: Option<HeaderValue>,
        referer: Option<HeaderValue>,
        agent: Option<HeaderValue>,
    },
    /// The beginning of what could not be read.
    Unreadable(Vec<u8>),
}

/// What a log shows of a first line that could not be read, at most.
pub(super) const MOST_OF_A_LINE: usize = 200;
