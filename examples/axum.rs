//! A web application in axum, on a TCP of our own: `axum::serve` takes our listener as it takes tokio's,
//! and a handler may ask what the TCP below it is about.
//!
//! It makes the TUN that it is given (else glass0) and answers at 192.0.2.2, until Ctrl-C:
//!
//!     cargo build --example axum && sudo target/debug/examples/axum
//!     curl http://192.0.2.2/
//!     curl http://192.0.2.2/connection
//!     curl -d 'do you hear me?' http://192.0.2.2/shout

use std::env;
use std::error::Error;
use std::process::ExitCode;

use axum::extract::ConnectInfo;
use axum::http::StatusCode;
use axum::routing::{get, post};
use axum::{Json, Router};
use glasstack::device::{LinkSetup, Tun};
use glasstack::runtime::{Net, TcpListener};
use glasstack::serving::StatusSource;
use glasstack::stack::{Config, Summary};
use tokio::signal::unix::{SignalKind, signal};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let tun = env::args().nth(1).unwrap_or_else(|| "glass0".to_owned());
    match serve(&tun).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("axum: {error}");
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

    let app = Router::new()
        .route("/", get(async || "axum answers, on a TCP of its own\n"))
        .route("/connection", get(connection))
        .route("/shout", post(async |words: String| words.to_uppercase() + "\n"));
    let listener = TcpListener::bind(&net, "192.0.2.2:80".parse()?)?;
    println!("http://{}/, until Ctrl-C", listener.local_addr()?);
    let app = app.into_make_service_with_connect_info::<StatusSource>();
    let serving = axum::serve(listener, app).with_graceful_shutdown(async move {
        interrupt.recv().await;
    });
    tokio::select! {
        served = serving => served?,
        // Somebody has deleted the TUN, say.
        ended = driver => ended??,
    }
    Ok(())
}

/// What the TCP knows of the connection that the question came by, as JSON: state, windows, timers, round
/// trip times.
async fn connection(
    ConnectInfo(source): ConnectInfo<StatusSource>,
) -> Result<Json<Summary>, StatusCode> {
    source.ask().map(Json).ok_or(StatusCode::GONE)
}
