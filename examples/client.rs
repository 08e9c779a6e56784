//! hyper's pooling client on a TCP of our own: it keeps connections and uses them again, we open them.
//!
//!     cargo build --example client
//!     python3 -m http.server --protocol HTTP/1.1 8000 &
//!     sudo target/debug/examples/client http://192.0.2.1:8000/ http://192.0.2.1:8000/
//!
//! It makes the TUN glass0 (or that whose name comes first) with this host's end at 192.0.2.1, and is
//! itself 192.0.2.2; hosts beyond are reached where this one forwards packets. Bodies go to stdout.

use std::env;
use std::error::Error;
use std::iter::successors;
use std::process::ExitCode;
use std::time::Duration;

use axum::http::StatusCode;
use glasstack::device::{LinkSetup, Tun};
use glasstack::http::client::{Connector, Facts, Trust, tls};
use glasstack::runtime::Net;
use glasstack::stack::Config;
use http_body_util::{BodyExt, Empty};
use hyper::body::Bytes;
use hyper_util::client::legacy::Client;
use hyper_util::rt::{TokioExecutor, TokioTimer};
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
        eprintln!("usage: client [TUN] URL...");
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

    // From a URL to a stream: names resolved, one address after the other tried, TLS where it is asked for.
    let connector =
        Connector::new(net.clone()).with_patience(TO_CONNECT).with_tls(tls::config(Trust::System)?);
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

async fn get(
    client: &Client<Connector<Net>, Empty<Bytes>>,
    url: &str,
) -> Result<(), Box<dyn Error>> {
    let mut response = client.get(url.parse()?).await?;
    let (status, facts) = (response.status(), response.extensions().get::<Facts>().cloned());
    let mut stdout = tokio::io::stdout();
    let mut octets = 0;
    while let Some(frame) = response.frame().await {
        if let Ok(data) = frame?.into_data() {
            octets += data.len();
            stdout.write_all(&data).await?;
        }
    }
    stdout.flush().await?;
    let from = facts.map_or_else(String::new, |facts| format!(", from our {}", facts.local));
    eprintln!("{url}: {status}, {octets} octets{from}");
    if status < StatusCode::BAD_REQUEST { Ok(()) } else { Err(status.to_string().into()) }
}

/// hyper says what failed, and leaves it to the causes to say why.
fn with_causes(error: &dyn Error) -> String {
    let causes = successors(Some(error), |error| (*error).source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}
