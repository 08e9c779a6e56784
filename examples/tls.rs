//! HTTPS on a TCP of our own: rustls takes our streams, hyper takes rustls's. The certificate is made for
//! this run, and is written on stdout, so that a client can be told to trust it:
//!
//!     cargo build --example tls && sudo target/debug/examples/tls > /tmp/tls.pem
//!     curl --cacert /tmp/tls.pem https://192.0.2.2/
//!     openssl s_client -CAfile /tmp/tls.pem -connect 192.0.2.2:443
//!
//! It makes the TUN that it is given (else glass0) and answers until Ctrl-C.

use std::convert::Infallible;
use std::env;
use std::error::Error;
use std::pin::pin;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use glasstack::device::{LinkSetup, Tun};
use glasstack::runtime::{Net, TcpListener, TcpStream};
use glasstack::serving::{Limits, Stop, accept, stop};
use glasstack::stack::Config;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioIo, TokioTimer};
use rustls::ServerConfig;
use rustls::pki_types::PrivatePkcs8KeyDer;
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::timeout;
use tokio_rustls::{TlsAcceptor, server::TlsStream};

/// How long a client may take for its part of the handshake.
const HANDSHAKE: Duration = Duration::from_secs(10);

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let tun = env::args().nth(1).unwrap_or_else(|| "glass0".to_owned());
    match serve(&tun).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("tls: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn serve(tun: &str) -> Result<(), Box<dyn Error>> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let tun = Tun::open(tun, &LinkSetup::default()).await?;
    let config = Config { addrs: vec!["192.0.2.2".parse()?], ..Config::default() };
    let (net, driver) = Net::open(tun, config, Vec::new())?;
    let driver = tokio::spawn(driver.run());

    let (certificate, acceptor) = self_signed("192.0.2.2")?;
    let listener = TcpListener::bind(&net, "192.0.2.2:443".parse()?)?;
    println!("{certificate}");
    eprintln!("https://{}/, until Ctrl-C", listener.local_addr()?);

    // A loop that accepts, so many at a time, and that ends when the stopper says so.
    let (stopper, stopped) = stop();
    let answer = |stream| answer(stream, acceptor.clone(), stopped.clone());
    let limits = Limits { connections: 1000, ..Limits::default() };
    let mut serving = Box::pin(accept(listener, limits, stopped.clone(), answer));
    tokio::select! {
        () = &mut serving => {}
        ended = driver => ended??,
        _ = interrupt.recv() => {
            stopper.stop();
            serving.await;
        }
    }
    Ok(())
}

/// A certificate that vouches for itself, as text, and what answers with it.
fn self_signed(name: &str) -> Result<(String, TlsAcceptor), Box<dyn Error>> {
    let signed = rcgen::generate_simple_self_signed([name.to_owned()])?;
    let key = PrivatePkcs8KeyDer::from(signed.signing_key.serialize_der());
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(vec![signed.cert.der().clone()], key.into())?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok((signed.cert.pem(), TlsAcceptor::from(Arc::new(config))))
}

/// The whole life of one connection.
async fn answer(stream: TcpStream, acceptor: TlsAcceptor, mut stop: Stop) {
    let tls = match timeout(HANDSHAKE, acceptor.accept(stream)).await {
        Ok(Ok(tls)) => tls,
        Ok(Err(error)) => return eprintln!("no TLS: {error}"),
        Err(_) => return eprintln!("no TLS: the client takes too long"),
    };
    let text = describe(&tls);
    let service =
        service_fn(async |_: Request<_>| Ok::<_, Infallible>(Response::new(text.clone())));
    let mut protocol = http1::Builder::new();
    let http = protocol.timer(TokioTimer::new()).serve_connection(TokioIo::new(tls), service);
    let mut http = pin!(http);
    // At its end hyper shuts down what it speaks on: TLS says close_notify, TCP sends its FIN.
    let ended = tokio::select! {
        ended = &mut http => ended,
        () = stop.given() => {
            http.as_mut().graceful_shutdown();
            http.await
        }
    };
    if let Err(error) = ended {
        eprintln!("{error}");
    }
}

/// What was agreed on.
fn describe(tls: &TlsStream<TcpStream>) -> String {
    let (tcp, session) = tls.get_ref();
    let version = session.protocol_version().and_then(|version| version.as_str());
    let suite = session.negotiated_cipher_suite().and_then(|suite| suite.suite().as_str());
    let rtt = tcp.status().and_then(|summary| summary.status.srtt);
    format!(
        "{}, {}, over a TCP of our own (round trip {:?})\n",
        version.unwrap_or("TLS"),
        suite.unwrap_or("no cipher suite"),
        rtt.unwrap_or_default(),
    )
}
