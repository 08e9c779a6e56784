//! HTTP clients on our own active open: two stacks joined by a wire in memory, a server on one of them, and
//! the connector on the other.

use std::convert::Infallible;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use bytes::Bytes;
use glasstack::device::{Device, pipe};
use glasstack::http::client::{Connector, Facts, Resolver, SendError, Session, Trust, tls};
use glasstack::runtime::{Net, TcpListener};
use glasstack::stack::{Config, Secret, Stack};
use glasstack::tcp::State;
use http::{Request, Response};
use http_body_util::{BodyExt, Empty, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::client::legacy::Client;
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::pki_types::PrivateKeyDer;
use tokio_rustls::TlsAcceptor;

const SERVER: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 2)), 80);

fn net(device: impl Device + 'static, last: u8) -> Net {
    let addrs = vec![IpAddr::from([192, 0, 2, last])];
    let stack = Stack::new(Config { addrs, ..Config::default() }, Secret([last; 32]));
    let (net, driver) = Net::new(Box::new(stack), Box::new(device), Vec::new()).unwrap();
    tokio::spawn(driver.run());
    net
}

/// A client's stack, and how many connections a server on another has taken. Each is closed after so many
/// requests; with `tls` it speaks that.
fn serving(requests: u32, tls: Option<TlsAcceptor>) -> (Net, Arc<AtomicU32>) {
    let (left, right) = pipe(1500);
    let (client, server) = (net(left, 1), net(right, 2));
    let connections = Arc::new(AtomicU32::new(0));
    let counted = Arc::clone(&connections);
    let listener = TcpListener::bind(&server, SERVER).unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            counted.fetch_add(1, Ordering::Relaxed);
            let tls = tls.clone();
            tokio::spawn(async move {
                match tls {
                    None => converse(TokioIo::new(stream), requests).await,
                    Some(tls) => {
                        // Who does not trust us says so, and is gone.
                        if let Ok(stream) = tls.accept(stream).await {
                            converse(TokioIo::new(stream), requests).await;
                        }
                    }
                }
            });
        }
    });
    (client, connections)
}

/// Answers with what was asked for, and closes without a word after so many requests.
async fn converse(io: impl hyper::rt::Read + hyper::rt::Write + Unpin, requests: u32) {
    let left = AtomicU32::new(requests);
    let over = tokio::sync::Notify::new();
    let service = service_fn(|request: Request<Incoming>| {
        if left.fetch_sub(1, Ordering::Relaxed) == 1 {
            over.notify_one();
        }
        let text = format!("{} {}", request.method(), request.uri());
        async move { Ok::<_, Infallible>(Response::new(Full::new(Bytes::from(text)))) }
    });
    let mut connection = std::pin::pin!(http1::Builder::new().serve_connection(io, service));
    tokio::select! {
        _ = &mut connection => {}
        () = over.notified() => {
            connection.as_mut().graceful_shutdown();
            let _ = connection.await;
        }
    }
}

async fn text(response: Response<Incoming>) -> String {
    let body = response.into_body().collect().await.unwrap().to_bytes();
    String::from_utf8(body.to_vec()).unwrap()
}

fn get(url: &str) -> Request<Empty<Bytes>> {
    Request::get(url).body(Empty::new()).unwrap()
}

#[tokio::test]
async fn the_pooling_client_of_hyper_runs_on_our_connector() {
    let (net, connections) = serving(100, None);
    let client = Client::builder(TokioExecutor::new()).build(Connector::new(net));
    for number in 0..5 {
        let url = format!("http://192.0.2.2/{number}");
        let response = client.request(get(&url)).await.unwrap();
        let facts = response.extensions().get::<Facts>().expect("whence it came");
        assert_eq!(facts.remote, SERVER);
        let status = facts.status.ask().expect("it is ours");
        assert_eq!(status.status.state, State::Established);
        assert_eq!(text(response).await, format!("GET /{number}"));
    }
    assert!(connections.load(Ordering::Relaxed) < 5, "connections are used again");
}

#[tokio::test]
async fn a_session_uses_one_connection_for_as_long_as_it_is_open() {
    let (net, connections) = serving(3, None);
    let mut session = Session::new(Connector::new(net));
    for number in 1..=6 {
        let response = session.send(get("http://192.0.2.2/x?y")).await.unwrap();
        assert_eq!(text(response).await, "GET /x?y");
        let expected = if number <= 3 { 1 } else { 2 };
        assert_eq!(connections.load(Ordering::Relaxed), expected, "request {number}");
    }
    let refused = session.send(get("http://192.0.2.2:81/")).await.unwrap_err();
    let words = "cannot connect to 192.0.2.2:81: connection refused";
    assert_eq!(refused.to_string(), words);
    assert!(matches!(refused, SendError::Connect(_)));
}

#[tokio::test]
async fn tls_is_spoken_over_our_tcp() {
    let made = rcgen::generate_simple_self_signed(vec!["secure.test".to_owned()]).unwrap();
    let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .unwrap();
    let (net, _) = serving(100, Some(TlsAcceptor::from(Arc::new(config))));
    let mut resolver = Resolver::default();
    resolver.tell("secure.test", 80, vec![SERVER.ip()]);
    let trusted = tls::config(Trust::Given(vec![made.cert.der().clone()])).unwrap();
    let connector = Connector::new(net).with_resolver(resolver);
    let mut session = Session::new(connector.clone().with_tls(trusted));
    let response = session.send(get("https://secure.test:80/")).await.unwrap();
    assert_eq!(text(response).await, "GET /");
    let refused = connector.connect(&"https://secure.test:80/".parse().unwrap()).await.unwrap_err();
    assert_eq!(refused.to_string(), "https needs a TLS configuration");
    let other = rcgen::generate_simple_self_signed(vec!["secure.test".to_owned()]).unwrap();
    let distrusted = tls::config(Trust::Given(vec![other.cert.der().clone()])).unwrap();
    let mut session = Session::<_, Empty<Bytes>>::new(connector.with_tls(distrusted));
    let refused = session.send(get("https://secure.test:80/")).await.unwrap_err();
    assert!(refused.to_string().contains("secure.test"), "{refused}");
}
