//! A request on its way into the log: it is noted when its response is over, however that comes.

use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::{Duration, SystemTime};

use axum::body::Body;
use bytes::Bytes;
use http::{HeaderValue, Method, Response, StatusCode, Uri, Version, header, request};
use http_body::{Frame, SizeHint};
use tokio::time::Instant;

use super::AccessLog;
use super::record::{Asked, MOST_OF_A_LINE, Record};
use crate::http::arriving::Account;
use crate::runtime::clock;
use crate::serving::Connection;
use crate::trace::ConnId;

/// The log for the requests of one connection.
#[derive(Clone, Debug)]
pub(in crate::http) struct ConnectionLog {
    log: AccessLog,
    peer: SocketAddr,
    conn: Option<ConnId>,
}

impl ConnectionLog {
    pub(in crate::http) fn new<C: Connection>(log: &AccessLog, connection: &C) -> Self {
        let conn = connection.status_source().ask().map(|summary| summary.id);
        ConnectionLog { log: log.clone(), peer: connection.peer_addr(), conn }
    }

    /// The head of request `number` on this connection is there.
    pub(in crate::http) fn begin(
        &self,
        number: u64,
        head: &request::Parts,
        account: Option<Arc<Account>>,
    ) -> Box<Entry> {
        let field = |name| head.headers.get(name).cloned();
        let (target, host) = match head.version {
            Version::HTTP_2 => (path_of(&head.uri), authority_of(&head.uri)),
            _ => (head.uri.clone(), None),
        };
        let asked = Asked::Request {
            method: head.method.clone(),
            target,
            version: head.version,
            host: host.or_else(|| field(header::HOST)),
            referer: field(header::REFERER),
            agent: field(header::USER_AGENT),
        };
        Box::new(self.entry(number, asked, account))
    }

    /// Notes a refusal of `octets` in all for what could not be read, and of which this is the beginning.
    pub(in crate::http) fn refused(
        &self,
        number: u64,
        start: &[u8],
        status: StatusCode,
        octets: usize,
        told: bool,
    ) {
        let line = start.split(|octet| *octet == b'\n').next().unwrap_or_default();
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let line = line[..line.len().min(MOST_OF_A_LINE)].to_vec();
        let mut entry = self.entry(number, Asked::Unreadable(line), None);
        entry.status = Some(status);
        entry.first = Some(Duration::ZERO);
        entry.octets = octets as u64;
        entry.complete = told;
    }

    fn entry(&self, number: u64, asked: Asked, account: Option<Arc<Account>>) -> Entry {
        Entry {
            connection: self.clone(),
            number,
            at: clock::time_of_day(),
            start: Instant::now(),
            asked,
            account,
            status: None,
            octets: 0,
            first: None,
            complete: false,
        }
    }
}

/// What stands in the first line of HTTP/1: HTTP/2 has the parts of a URI in fields of their own, of which one URI was
/// made.
fn path_of(uri: &Uri) -> Uri {
    uri.path_and_query().cloned().map_or_else(|| uri.clone(), Uri::from)
}

/// `:authority`, which is what Host is in HTTP/1 (RFC 9113 8.3.1).
fn authority_of(uri: &Uri) -> Option<HeaderValue> {
    HeaderValue::from_str(uri.authority()?.as_str()).ok()
}

/// One request. Its line is written when this is dropped.
#[derive(Debug)]
pub(in crate::http) struct Entry {
    connection: ConnectionLog,
    number: u64,
    at: SystemTime,
    start: Instant,
    asked: Asked,
    account: Option<Arc<Account>>,
    status: Option<StatusCode>,
    octets: u64,
    first: Option<Duration>,
    complete: bool,
}

impl Entry {
    /// `response` is going to be sent. What follows is watched in its body.
    pub(in crate::http) fn watch(mut self: Box<Self>, response: Response<Body>) -> Response<Body> {
        self.status = Some(response.status());
        self.first = Some(self.start.elapsed());
        // Of these no body is ever asked for.
        self.complete = self.is_for_head()
            || matches!(response.status(), StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED)
            || http_body::Body::is_end_stream(response.body());
        response.map(|body| Body::new(Logged { body, entry: self }))
    }

    fn is_for_head(&self) -> bool {
        matches!(&self.asked, Asked::Request { method: Method::HEAD, .. })
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        self.connection.log.record(&Record {
            at: self.at,
            peer: self.connection.peer,
            conn: self.connection.conn,
            number: self.number,
            asked: &self.asked,
            status: self.status.map(|status| status.as_u16()),
            octets_in: self.account.as_ref().map_or(0, |account| account.octets()),
            octets_out: self.octets,
            first: self.first,
            total: self.start.elapsed(),
            aborted: !self.complete,
        });
    }
}

/// The body of a response, counted.
pub(in crate::http) struct Logged {
    body: Body,
    entry: Box<Entry>,
}

impl http_body::Body for Logged {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let this = &mut *self;
        let frame = ready!(Pin::new(&mut this.body).poll_frame(cx));
        match &frame {
            Some(Ok(frame)) => {
                this.entry.octets += frame.data_ref().map_or(0, |data| data.len() as u64);
                this.entry.complete = this.body.is_end_stream();
            }
            Some(Err(_)) => this.entry.complete = false,
            None => this.entry.complete = true,
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
