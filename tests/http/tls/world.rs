//! A server by TLS in memory, and clients for it.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::Router;
use glasstack::http::tls::{self, Identity, Tls};
use glasstack::http::{Config, Connection, Listener, Plain, site};
use glasstack::runtime::clock;
use glasstack::serving::{Stopper, stop};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore, SupportedProtocolVersion};
use serde_json::Value;
use tokio::io::{AsyncRead, AsyncWrite, DuplexStream, duplex};
use tokio::task::JoinHandle;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::client::Client;

pub const BOTH: [&SupportedProtocolVersion; 2] = [&rustls::version::TLS12, &rustls::version::TLS13];

/// What all connections to one server have in common.
pub struct World {
    pub tls: Tls,
    pub certificate: CertificateDer<'static>,
    pub config: Config,
}

/// One connection's server. Dropping it stops it.
pub struct Server {
    pub stopper: Stopper,
    pub task: JoinHandle<()>,
}

/// Hands out one connection.
struct Once<C>(Option<C>);

impl<C: Connection> Listener for Once<C> {
    type Connection = C;

    fn poll_accept(&mut self, _: &mut Context<'_>) -> Poll<io::Result<C>> {
        self.0.take().map_or(Poll::Pending, |connection| Poll::Ready(Ok(connection)))
    }
}

/// Both ends of a connection in memory: the client's, and what a server takes.
fn pipe() -> (DuplexStream, Once<Plain<DuplexStream>>) {
    let (theirs, ours) = duplex(64 * 1024);
    let addr = |port| SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    (theirs, Once(Some(Plain::new(ours, addr(443), addr(40_000)))))
}

/// The built-in site without TLS.
pub fn plain(config: Config) -> (DuplexStream, Server) {
    answering(site(), config)
}

/// `router` without TLS.
pub fn answering(router: Router, config: Config) -> (DuplexStream, Server) {
    let (theirs, listener) = pipe();
    let (stopper, stop) = stop();
    let task = tokio::spawn(glasstack::http::serve(listener, router, config, stop));
    (theirs, Server { stopper, task })
}

impl World {
    pub fn new() -> Self {
        World::with(Config::default(), |_| {})
    }

    pub fn with(config: Config, change: impl FnOnce(&mut tls::Config)) -> Self {
        let (identity, pem) = identity();
        let mut tls = tls::Config::new(identity);
        change(&mut tls);
        let certificate = CertificateDer::from_pem_slice(pem.as_bytes()).unwrap();
        World { tls: Tls::new(tls).unwrap(), certificate, config }
    }

    /// The client's end of a connection on which the server waits for a handshake.
    pub fn connect(&self) -> (DuplexStream, Server) {
        let (theirs, listener) = pipe();
        let (stopper, stop) = stop();
        let (config, tls) = (self.config.clone(), self.tls.clone());
        let task = tokio::spawn(tls::serve(listener, site(), config, tls, stop));
        (theirs, Server { stopper, task })
    }

    /// What a client does that trusts our certificate, and offers these protocols.
    pub fn client(
        &self,
        version: &'static SupportedProtocolVersion,
        alpn: &[&str],
    ) -> Arc<ClientConfig> {
        let mut roots = RootCertStore::empty();
        roots.add(self.certificate.clone()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut client = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&[version])
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        client.alpn_protocols = alpn.iter().map(|&name| name.into()).collect();
        Arc::new(client)
    }

    /// A connection after its handshake, for HTTP/1.
    pub async fn https(
        &self,
        client: &Arc<ClientConfig>,
    ) -> (Client<TlsStream<DuplexStream>>, Server) {
        let (stream, server) = self.connect();
        (Client::new(shake_hands(client, stream).await.unwrap()), server)
    }
}

pub fn identity() -> (Identity, String) {
    let names = ["localhost", "192.0.2.2", "2001:db8::2"].map(str::to_owned);
    Identity::self_signed(&names, clock::time_of_day()).unwrap()
}

pub async fn shake_hands<S: AsyncRead + AsyncWrite + Unpin>(
    client: &Arc<ClientConfig>,
    stream: S,
) -> io::Result<TlsStream<S>> {
    let name = ServerName::try_from("localhost").unwrap();
    TlsConnector::from(Arc::clone(client)).connect(name, stream).await
}

/// What `/connection` says.
pub async fn told<S: AsyncRead + AsyncWrite + Unpin>(client: &mut Client<S>) -> Value {
    serde_json::from_slice(&client.get("/connection").await.body).unwrap()
}
