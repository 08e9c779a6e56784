//! What answers on the socket.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{RawQuery, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use serde::Serialize;
use serde_json::json;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream, UnixStream};
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;

use super::events::{events, ladder};
use super::feed::Over;
use super::query::{self, Query};
use super::{Feed, Socket, VERSION, metrics};
use crate::runtime::Net;
use crate::stack::{Bookmark, Counters, ListenerSummary, Summary};

/// So many may ask at a time; others wait for their turn.
const GUESTS: usize = 32;
/// A guest that says nothing for so long is let go.
const SILENCE: Duration = Duration::from_secs(10);

/// What is looked into.
#[derive(Clone, Debug)]
pub struct Source {
    /// The TUN.
    pub device: String,
    /// Of each shard.
    pub nets: Vec<Net>,
    /// A sink of each of them.
    pub feed: Feed,
}

/// Answers until it is dropped.
#[derive(Debug)]
pub struct Server {
    task: JoinHandle<()>,
    _over: Over,
}

impl Server {
    /// Answers on `socket`, in a task of this runtime.
    #[must_use]
    pub fn start(socket: Socket, source: Source) -> Server {
        let over = source.feed.watch_over(source.nets.clone());
        let router = router(Arc::new(source));
        let task = tokio::spawn(async move {
            serve(socket, router).await;
        });
        Server { task, _over: over }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Answers `/metrics`, and nothing else, on a port of the kernel's, until it is dropped.
#[derive(Debug)]
pub struct MetricsServer {
    task: JoinHandle<()>,
}

impl MetricsServer {
    /// Answers on `listener`, in a task of this runtime.
    #[must_use]
    pub fn start(listener: TcpListener, source: Source) -> MetricsServer {
        let router = Router::new().route("/metrics", get(measured)).with_state(Arc::new(source));
        let task = tokio::spawn(async move {
            serve(listener, router).await;
        });
        MetricsServer { task }
    }
}

impl Drop for MetricsServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Where guests come from.
trait Door: Send + Sync {
    type Guest: AsyncRead + AsyncWrite + Unpin + Send + 'static;

    fn next(&self) -> impl Future<Output = io::Result<Self::Guest>> + Send;
}

impl Door for Socket {
    type Guest = UnixStream;

    async fn next(&self) -> io::Result<UnixStream> {
        self.accept().await
    }
}

impl Door for TcpListener {
    type Guest = TcpStream;

    async fn next(&self) -> io::Result<TcpStream> {
        self.accept().await.map(|(stream, _)| stream)
    }
}

/// Answers everybody who calls.
async fn serve(door: impl Door, router: Router) {
    let turns = Arc::new(Semaphore::new(GUESTS));
    loop {
        let turn = Arc::clone(&turns).acquire_owned().await.expect("it is never closed");
        match door.next().await {
            Ok(stream) => {
                let router = router.clone();
                tokio::spawn(async move {
                    answer(stream, router).await;
                    drop(turn);
                });
            }
            Err(error) => {
                log::warn!("cannot take a connection of somebody who looks on: {error}");
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
        }
    }
}

/// One guest, to the end.
pub(super) async fn answer(stream: impl AsyncRead + AsyncWrite + Unpin + 'static, router: Router) {
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(SILENCE);
    let service = TowerToHyperService::new(router);
    let conversation = pin!(http.serve_connection(TokioIo::new(stream), service));
    if let Err(error) = conversation.await {
        log::debug!("a conversation on the control socket ended early: {error}");
    }
}

pub(super) fn router(source: Arc<Source>) -> Router {
    Router::new()
        .route("/v1", get(who))
        .route("/v1/connections", get(connections))
        .route("/v1/listeners", get(listeners))
        .route("/v1/counters", get(counters))
        .route("/v1/events", get(events))
        .route("/v1/ladders/{id}", get(ladder))
        .route("/metrics", get(measured))
        .fallback(unknown)
        .with_state(source)
}

async fn who(State(source): State<Arc<Source>>) -> Response {
    Json(json!({
        "version": VERSION,
        "program": concat!("glass ", env!("CARGO_PKG_VERSION")),
        "process": std::process::id(),
        "device": source.device,
        "shards": source.nets.len(),
    }))
    .into_response()
}

#[expect(clippy::struct_field_names, reason = "the names in the JSON")]
#[derive(Serialize)]
struct Connections {
    version: u32,
    connections: Vec<Summary>,
    /// Where the next page begins; absent after the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

/// One page: the lock of one shard is held once.
async fn connections(State(source): State<Arc<Source>>, RawQuery(query): RawQuery) -> Response {
    let query = match Query::parse(query.as_deref()) {
        Ok(query) => query,
        Err(why) => return refused(&why),
    };
    let (shard, from) = query.from;
    let Some(net) = source.nets.get(shard) else {
        return refused("there is no such shard");
    };
    let page = net.page(query.skip(from), query.limit);
    let more = |at| query::written(shard, at);
    let another = || {
        let is_there = shard + 1 < source.nets.len();
        is_there.then(|| query::written(shard + 1, Bookmark::default()))
    };
    let mut connections = page.connections;
    connections.retain(|summary| query.takes(summary));
    let next = page.next.map(more).or_else(another);
    Json(Connections { version: VERSION, connections, next }).into_response()
}

#[derive(Serialize)]
struct Listener {
    local: SocketAddr,
    accept_queue: usize,
    half_open: usize,
    backlog: usize,
    /// How many shards listen there. The queues are those of all of them together.
    shards: usize,
}

async fn listeners(State(source): State<Arc<Source>>) -> Response {
    let listeners = together(source.nets.iter().flat_map(Net::listeners));
    Json(json!({ "version": VERSION, "listeners": listeners })).into_response()
}

/// One for each address.
fn together(each: impl Iterator<Item = ListenerSummary>) -> Vec<Listener> {
    let mut all: Vec<Listener> = Vec::new();
    for ListenerSummary { local, accept_queue, half_open, backlog } in each {
        match all.iter_mut().find(|known| known.local == local) {
            Some(known) => {
                known.accept_queue += accept_queue;
                known.half_open += half_open;
                known.backlog += backlog;
                known.shards += 1;
            }
            None => all.push(Listener { local, accept_queue, half_open, backlog, shards: 1 }),
        }
    }
    all.sort_by_key(|listener| listener.local);
    all
}

async fn counters(State(source): State<Arc<Source>>) -> Response {
    let each: Vec<Option<Counters>> = source.nets.iter().map(Net::counters).collect();
    let mut drops: BTreeMap<String, u64> = BTreeMap::new();
    for (why, count) in source.nets.iter().flat_map(Net::drops) {
        *drops.entry(metrics::reason(why)).or_default() += count;
    }
    Json(json!({ "version": VERSION, "shards": each, "drops": drops })).into_response()
}

async fn measured(State(source): State<Arc<Source>>) -> Response {
    let kind = [(header::CONTENT_TYPE, metrics::CONTENT_TYPE)];
    (kind, metrics::text(&source).await).into_response()
}

async fn unknown() -> Response {
    (StatusCode::NOT_FOUND, "there is nothing here; /v1 tells who answers\n").into_response()
}

pub(super) fn refused(why: &str) -> Response {
    (StatusCode::BAD_REQUEST, text(format!("{why}\n"))).into_response()
}

pub(super) fn text(text: String) -> Response {
    ([(header::CONTENT_TYPE, "text/plain; charset=utf-8")], text).into_response()
}
