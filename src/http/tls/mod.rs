//! HTTPS: TLS (rustls) between a connection and HTTP. What a server shows of itself lives in
//! `certificate`, how a connection begins in `handshake`, what it is then in `stream`.
//!
//! TLS 1.2 and 1.3 (RFC 5246, RFC 8446), with tickets to resume sessions by and without early data, which
//! could be replayed. The protocol above is chosen with ALPN (RFC 7301).

mod certificate;
mod handshake;
mod redirect;
mod secrets;
mod stream;

use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use axum::Router;
use rustls::crypto::ring;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::{ServerConfig, version};

use super::opening::Speaks;
use super::server::{Config as HttpConfig, Responder};
use crate::serving::{self, Connection, Listener, Stop, TlsInfo};

pub use self::certificate::{Identity, IdentityError};
pub use self::redirect::redirect;
pub use self::secrets::Secrets;

/// The names of protocols (RFC 7301 6), the best first.
const HTTP2: &str = "h2";
const HTTP1: [&str; 2] = ["http/1.1", "http/1.0"];

/// How to speak TLS.
#[derive(Debug)]
pub struct Config {
    /// Whom we are.
    pub identity: Identity,
    /// Whether HTTP/2 is offered.
    pub http2: bool,
    /// What a handshake may take. The default is 10 s.
    pub handshake_timeout: Duration,
    /// Who is told the secrets of each connection.
    pub secrets: Secrets,
}

impl Config {
    /// What is usual, with this identity.
    #[must_use]
    pub fn new(identity: Identity) -> Self {
        Config {
            identity,
            http2: true,
            handshake_timeout: Duration::from_secs(10),
            secrets: Secrets::default(),
        }
    }
}

/// What all connections by TLS share. Clones are the same: a session of one can be resumed at another.
#[derive(Clone, Debug)]
pub struct Tls {
    server: Arc<ServerConfig>,
    shown: Arc<Shown>,
    handshake_timeout: Duration,
}

impl Tls {
    /// Sets all of it up.
    ///
    /// # Errors
    ///
    /// When the system has no random numbers for us.
    pub fn new(config: Config) -> Result<Self, rustls::Error> {
        let shown = Arc::new(Shown(RwLock::new(config.identity.certified)));
        let provider = Arc::new(ring::default_provider());
        let mut server = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&version::TLS13, &version::TLS12])?
            .with_no_client_auth()
            .with_cert_resolver(Arc::clone(&shown) as Arc<dyn ResolvesServerCert>);
        let http2 = config.http2.then_some(HTTP2);
        server.alpn_protocols = http2.into_iter().chain(HTTP1).map(Into::into).collect();
        server.ticketer = ring::Ticketer::new()?;
        server.key_log = Arc::new(config.secrets);
        Ok(Tls { server: Arc::new(server), shown, handshake_timeout: config.handshake_timeout })
    }

    /// Shows another identity to those who come from now on.
    pub fn show(&self, identity: Identity) {
        *self.shown.0.write().unwrap_or_else(PoisonError::into_inner) = identity.certified;
    }
}

/// The certificate that every client is shown, whatever name it asks for.
#[derive(Debug)]
struct Shown(RwLock<Arc<CertifiedKey>>);

impl ResolvesServerCert for Shown {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner)))
    }
}

/// As [`serve`](super::serve) does, by TLS: HTTP/2 and HTTP/1, as the client would have it.
///
/// Who speaks plain HTTP here is told so in plain HTTP; a handshake that fails or takes too long ends its
/// connection alone.
pub async fn serve<L: Listener>(
    listener: L,
    router: Router,
    config: HttpConfig,
    tls: Tls,
    stop: Stop,
) {
    let limits = config.limits;
    let responder = Arc::new(Responder::new(router, &config));
    let watching = stop.clone();
    serving::accept(listener, limits, stop, move |connection| {
        answer(Arc::clone(&responder), connection, tls.clone(), watching.clone())
    })
    .await;
}

/// The whole life of one connection.
async fn answer<C: Connection>(responder: Arc<Responder>, connection: C, tls: Tls, mut stop: Stop) {
    let linger = responder.rules.linger;
    let handshake = tokio::select! {
        handshake = handshake::accept(&tls, connection, &linger) => handshake,
        // Nothing has been asked for: nobody is owed an answer.
        () = stop.given() => None,
    };
    let Some(stream) = handshake else { return };
    let alpn = stream.tls_info().and_then(|info: TlsInfo| info.alpn);
    let speaks = if alpn == Some(HTTP2) { Speaks::Http2 } else { Speaks::Http1 };
    responder.answer(stream, speaks, stop).await;
}
