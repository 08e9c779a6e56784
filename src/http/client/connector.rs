//! From a URL to a stream that HTTP can be spoken on: the name resolved, an address that answers, TLS.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use http::Uri;
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tower::Service;

use super::dial::{self, Dial};
use super::error::{ConnectError, Stage};
use super::resolve::{Resolver, bare};
use super::stream::{Facts, HttpStream};
use super::tls::TlsFacts;
use super::transcript::{Tap, Transcript};

/// Opens connections for URLs. Cheap to clone.
///
/// It is a [`Service`] of URIs, and so a connector for hyper-util's pooling client.
#[derive(Clone)]
pub struct Connector<D> {
    dial: D,
    resolver: Arc<Resolver>,
    tls: Option<Arc<ClientConfig>>,
    patience: Duration,
    transcript: Option<Transcript>,
    tell: Arc<Tell>,
}

type Tell = dyn Fn(Step<'_>) + Send + Sync;

/// What happens on the way to a connection.
#[derive(Debug)]
pub enum Step<'a> {
    /// The host is at these addresses.
    Resolved {
        /// The host, as the URL has it.
        host: &'a str,
        /// Where it is.
        addrs: &'a [SocketAddr],
    },
    /// An address is tried.
    Trying(SocketAddr),
    /// It cannot be had.
    Failed(SocketAddr, &'a io::Error),
    /// There is a connection.
    Connected {
        /// Our address and port.
        local: SocketAddr,
        /// The peer's.
        remote: SocketAddr,
    },
    /// It is ready for HTTP.
    Ready(&'a Facts),
}

impl<D> std::fmt::Debug for Connector<D> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Connector").field("patience", &self.patience).finish_non_exhaustive()
    }
}

impl<D: Dial> Connector<D> {
    /// How long a connection may take to come about, unless it is said.
    pub const PATIENCE: Duration = Duration::from_secs(10);

    /// One that connects by `dial`, to `http` alone until [`Connector::with_tls`].
    pub fn new(dial: D) -> Self {
        Connector {
            dial,
            resolver: Arc::default(),
            tls: None,
            patience: Self::PATIENCE,
            transcript: None,
            tell: Arc::new(|_| {}),
        }
    }

    /// For `https`: [`tls::config`](super::tls::config) makes a configuration.
    #[must_use]
    pub fn with_tls(mut self, config: ClientConfig) -> Self {
        self.tls = Some(Arc::new(config));
        self
    }

    /// How names become addresses.
    #[must_use]
    pub fn with_resolver(mut self, resolver: Resolver) -> Self {
        self.resolver = Arc::new(resolver);
        self
    }

    /// How long all of it may take: the name, the connection and TLS.
    #[must_use]
    pub fn with_patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// Shows the heads that pass on the connections to `transcript`.
    #[must_use]
    pub fn with_transcript(mut self, transcript: Transcript) -> Self {
        self.transcript = Some(transcript);
        self
    }

    /// Is told of each step.
    #[must_use]
    pub fn with_steps(mut self, tell: impl Fn(Step<'_>) + Send + Sync + 'static) -> Self {
        self.tell = Arc::new(tell);
        self
    }

    /// Opens a connection for `url`, of which scheme, host and port count.
    ///
    /// # Errors
    ///
    /// Whatever [`ConnectError`] has.
    pub async fn connect(&self, url: &Uri) -> Result<HttpStream<D::Stream>, ConnectError> {
        let place = Place::of(url)?;
        let stage = AtomicU8::new(Stage::Resolving as u8);
        let opened = timeout(self.patience, self.open(&place, &stage)).await;
        opened.unwrap_or_else(|_| {
            let doing = [Stage::Resolving, Stage::Connecting, Stage::Securing]
                .into_iter()
                .find(|one| *one as u8 == stage.load(Ordering::Relaxed))
                .unwrap_or(Stage::Resolving);
            Err(ConnectError::Timeout { authority: place.authority(), doing, after: self.patience })
        })
    }

    async fn open(
        &self,
        place: &Place<'_>,
        stage: &AtomicU8,
    ) -> Result<HttpStream<D::Stream>, ConnectError> {
        let host = || bare(place.host).to_owned();
        let addrs = self.resolver.resolve(place.host, place.port).await;
        let addrs = addrs.map_err(|error| ConnectError::Resolve { host: host(), error })?;
        (self.tell)(Step::Resolved { host: place.host, addrs: &addrs });
        stage.store(Stage::Connecting as u8, Ordering::Relaxed);
        let stream = dial::first_of(&self.dial, &addrs, &*self.tell).await.map_err(|failures| {
            ConnectError::Attempts { authority: place.authority(), failures }
        })?;
        stage.store(Stage::Securing as u8, Ordering::Relaxed);
        let stream = self.secured(stream, place).await?;
        (self.tell)(Step::Ready(stream.facts()));
        Ok(stream)
    }

    async fn secured(
        &self,
        stream: D::Stream,
        place: &Place<'_>,
    ) -> Result<HttpStream<D::Stream>, ConnectError> {
        use crate::serving::Connection;
        let (local, remote) = (stream.local_addr(), stream.peer_addr());
        (self.tell)(Step::Connected { local, remote });
        let tap: Option<Tap> = self.transcript.as_ref().map(Transcript::tap);
        if !place.is_secure {
            return Ok(HttpStream::plain(stream, tap));
        }
        let host = bare(place.host).to_owned();
        let config = self.tls.clone();
        let config = config.ok_or(ConnectError::Url { why: "https needs a TLS configuration" })?;
        let name = ServerName::try_from(host.clone()).map_err(|_| ConnectError::Url {
            why: "the host is no name that a certificate can have",
        })?;
        match TlsConnector::from(config).connect(name, stream).await {
            Ok(stream) => {
                let facts = TlsFacts::of(stream.get_ref().1);
                Ok(HttpStream::secured(stream, facts, tap))
            }
            Err(error) => Err(ConnectError::Tls { host, remote, error }),
        }
    }
}

/// Where a URL leads to.
struct Place<'a> {
    host: &'a str,
    port: u16,
    is_secure: bool,
}

impl Place<'_> {
    fn of(url: &Uri) -> Result<Place<'_>, ConnectError> {
        let wrong = |why| Err(ConnectError::Url { why });
        let (is_secure, usual) = match url.scheme_str() {
            Some("http") => (false, 80),
            Some("https") => (true, 443),
            Some(_) => return wrong("the scheme is neither http nor https"),
            None => return wrong("there is no scheme: http or https"),
        };
        let Some(host) = url.host().filter(|host| !host.is_empty()) else {
            return wrong("there is no host");
        };
        Ok(Place { host, port: url.port_u16().unwrap_or(usual), is_secure })
    }

    fn authority(&self) -> String {
        format!("{}:{}", self.host, self.port)
    }
}

impl<D: Dial> Service<Uri> for Connector<D> {
    type Response = TokioIo<HttpStream<D::Stream>>;
    type Error = ConnectError;
    type Future =
        Pin<Box<dyn Future<Output = Result<TokioIo<HttpStream<D::Stream>>, ConnectError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), ConnectError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, url: Uri) -> Self::Future {
        let connector = self.clone();
        Box::pin(async move { connector.connect(&url).await.map(TokioIo::new) })
    }
}
