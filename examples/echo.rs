//! A server as one writes it for tokio, on a TCP of our own: what comes is sent back. All that knows of
//! glasstack is in `serve`, where the sockets come from; `echo` would do the same on a kernel's.
//!
//! It makes the TUN that it is given (else glass0) and answers at 192.0.2.2, until Ctrl-C:
//!
//!     cargo build --example echo && sudo target/debug/examples/echo
//!     echo hello | nc -N 192.0.2.2 7
//!
//! Who has a TUN already (`sudo ip tuntap add dev glass0 mode tun user $USER`, an address 192.0.2.1/24 and
//! the link up) needs no sudo.

use std::error::Error;
use std::process::ExitCode;
use std::time::Duration;
use std::{env, io};

use glasstack::device::{LinkSetup, Tun};
use glasstack::runtime::{Net, TcpListener};
use glasstack::stack::Config;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::JoinSet;
use tokio::time::timeout;

/// How long the last segments may take when we stop.
const PATIENCE: Duration = Duration::from_secs(1);

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let tun = env::args().nth(1).unwrap_or_else(|| "glass0".to_owned());
    match serve(&tun).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("echo: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn serve(tun: &str) -> Result<(), Box<dyn Error>> {
    let mut interrupt = signal(SignalKind::interrupt())?;

    // A device, a stack on it, and the driver that moves packets between the two.
    let tun = Tun::open(tun, &LinkSetup::default()).await?;
    let config = Config { addrs: vec!["192.0.2.2".parse()?], ..Config::default() };
    let (net, driver) = Net::open(tun, config, Vec::new())?;
    let mut driver = tokio::spawn(driver.run());

    // From here on it is as with tokio's own sockets.
    let listener = TcpListener::bind(&net, "192.0.2.2:7".parse()?)?;
    println!("echo at {}, until Ctrl-C", listener.local_addr()?);
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            biased;
            // Somebody has deleted the TUN, say: nothing else tells why.
            ended = &mut driver => return Ok(ended??),
            _ = interrupt.recv() => break,
            accepted = listener.accept() => {
                let (stream, peer) = accepted?;
                connections.spawn(async move {
                    match echo(stream).await {
                        Ok(octets) => println!("{peer}: {octets} octets"),
                        Err(error) => eprintln!("{peer}: {error}"),
                    }
                });
            }
            // Those that are over leave the set.
            Some(_) = connections.join_next() => {}
        }
    }

    // Streams that are dropped close: their last segments are still to go.
    drop(listener);
    connections.shutdown().await;
    let _ = timeout(PATIENCE, net.settled()).await;
    Ok(())
}

/// Sends back what comes, until the peer has closed its side, and then closes ours. Who sends and does not
/// read is read no further, once the buffers between are full.
async fn echo(stream: impl AsyncRead + AsyncWrite) -> io::Result<u64> {
    let (mut input, mut output) = tokio::io::split(stream);
    let octets = tokio::io::copy(&mut input, &mut output).await?;
    output.shutdown().await?;
    Ok(octets)
}
