//! hyper's pooling client on a TCP of our own: it keeps connections and uses them again, we open them.
//!
//!     cargo build --example client
//!     python3 -m http.server --protocol HTTP/1.1 8000 &
//!     sudo target/debug/examples/client http://192.0.2.1:8000/ http://192.0.2.1:8000/
//!
//! It makes the TUN glass0 (or that whose name comes first) with this host's end at 192.0.2.1, and is
//! itself 192.0.2.2; hosts beyond are reached where this one forwards packets. Bodies go to stdout.

use std::error::Error;
use std::iter::successors;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::Duration;
use std::{env, io};

use axum::http::{StatusCode, Uri};
use glasstack::device::{LinkSetup, Tun};
use glasstack::http::Endpoints;
use glasstack::runtime::{Net, TcpStream};
use glasstack::stack::Config;
use http_body_util::{BodyExt, Empty};
use hyper::body::Bytes;
use hyper_util::client::legacy::Client;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::io::AsyncWriteExt;
use tokio::signal::ctrl_c;
use tokio::time::timeout;

/// For a connection to come about, for a response to come whole, and for the last segments to leave.
const TO_CONNECT: Duration = Duration::from_secs(10);
const TO_ANSWER: Duration = Duration::from_mins(1);
const TO_CLOSE: Duration = Duration::from_secs(1);

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let (urls, names): (Vec<_>, Vec<_>) =
        env::args().skip(1).partition(|word| word.contains("://"));
    let tun = names.first().map_or("glass0", String::as_str);
    if urls.is_empty() || names.len() > 1 {
        eprintln!("usage: client [TUN] http://HOST[:PORT]/PATH...");
        return ExitCode::from(2);
    }
    let ended = tokio::select! {
        ended = fetch(tun, &urls) => ended,
        _ = ctrl_c() => return ExitCode::from(130),
    };
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("client: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn fetch(tun: &str, urls: &[String]) -> Result<(), Box<dyn Error>> {
    let tun = Tun::open(tun, &LinkSetup::default()).await?;
    let config = Config { addrs: vec!["192.0.2.2".parse()?], ..Config::default() };
    let (net, driver) = Net::open(tun, config, Vec::new())?;
    tokio::spawn(driver.run());

    // A connector is a function from a URL to a stream.
    let own = net.clone();
    let connector = tower::service_fn(move |url: Uri| {
        let net = own.clone();
        Box::pin(async move { connect(&net, &url).await.map(TokioIo::new) })
    });
    let client: Client<_, Empty<Bytes>> = Client::builder(TokioExecutor::new())
        .pool_timer(TokioTimer::new())
        .pool_idle_timeout(Duration::from_secs(30))
        .build(connector);
    for url in urls {
        let response = timeout(TO_ANSWER, get(&client, url)).await;
        response
            .unwrap_or_else(|_| Err(format!("no answer within {TO_ANSWER:?}").into()))
            .map_err(|error| format!("{url}: {}", with_causes(&*error)))?;
    }
    // The client drops what it has kept open, and with that it closes.
    drop(client);
    let _ = timeout(TO_CLOSE, net.settled()).await;
    Ok(())
}

/// The system resolves names; the first address of IPv4 counts.
async fn connect(net: &Net, url: &Uri) -> io::Result<TcpStream> {
    let invalid = |why: &str| io::Error::new(io::ErrorKind::InvalidInput, why);
    if url.scheme_str() != Some("http") {
        return Err(invalid("only http is spoken here"));
    }
    let host = url.host().ok_or_else(|| invalid("there is no host in it"))?;
    let mut addrs = tokio::net::lookup_host((host, url.port_u16().unwrap_or(80))).await?;
    let addr = addrs.find(SocketAddr::is_ipv4);
    let addr = addr.ok_or_else(|| invalid("the host has no IPv4 address"))?;
    timeout(TO_CONNECT, TcpStream::connect(net, addr)).await?
}

async fn get<C>(client: &Client<C, Empty<Bytes>>, url: &str) -> Result<(), Box<dyn Error>>
where
    C: hyper_util::client::legacy::connect::Connect + Clone + Send + Sync + 'static,
{
    let mut response = client.get(url.parse()?).await?;
    let (status, ends) = (response.status(), response.extensions().get::<Endpoints>().copied());
    let mut stdout = tokio::io::stdout();
    let mut octets = 0;
    while let Some(frame) = response.frame().await {
        if let Ok(data) = frame?.into_data() {
            octets += data.len();
            stdout.write_all(&data).await?;
        }
    }
    stdout.flush().await?;
    let from = ends.map_or_else(String::new, |ends| format!(", from our {}", ends.local));
    eprintln!("{url}: {status}, {octets} octets{from}");
    if status < StatusCode::BAD_REQUEST { Ok(()) } else { Err(status.to_string().into()) }
}

/// hyper says what failed, and leaves it to the causes to say why.
fn with_causes(error: &dyn Error) -> String {
    let causes = successors(Some(error), |error| (*error).source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}
