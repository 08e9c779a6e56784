//! `--control`: whether, and where, others may look into this program.

use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use clap::Args;
use tokio::net::TcpListener;

use super::options::Output;
use super::{Failure, exit};
use crate::control::{MetricsServer, Server, Socket, Source, place};

/// Being looked into.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Looking on")]
pub(super) struct ControlOptions {
    /// The Unix socket by which glass ss and glass watch, of the same user, look into this program; off
    /// for none [default: for serve, TUN.sock in $XDG_RUNTIME_DIR/glasstack, /run/user/UID/glasstack or
    /// /tmp/glasstack-UID; for run none]
    #[arg(long, env = "GLASS_CONTROL", value_name = "PATH|off")]
    control: Option<PathBuf>,
    /// Answer /metrics on this port of the kernel's, too, for Prometheus: HTTP without a password, so only on
    /// the loopback
    #[arg(long, env = "GLASS_METRICS", value_name = "ADDR:PORT", value_parser = loopback)]
    metrics: Option<SocketAddr>,
}

fn loopback(text: &str) -> Result<SocketAddr, String> {
    let addr: SocketAddr =
        text.parse().map_err(|_| "not an address and a port, like 127.0.0.1:9100".to_owned())?;
    if addr.ip().is_loopback() {
        return Ok(addr);
    }
    Err(format!(
        "{} is not on the loopback, and anybody could read it there: use 127.0.0.1 or [::1], and let a \
         proxy that asks for a password pass it on",
        addr.ip()
    ))
}

/// What answers those who look on. Dropped, it is gone.
pub(super) struct Answering {
    pub(super) control: Option<Server>,
    _metrics: Option<MetricsServer>,
}

/// What is there without being asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Usually {
    /// The socket at its usual place.
    On,
    /// Nothing.
    Off,
}

impl ControlOptions {
    /// The port for Prometheus, if one is wanted.
    pub(super) async fn metrics(&self) -> Result<Option<TcpListener>, Failure> {
        let Some(addr) = self.metrics else { return Ok(None) };
        match TcpListener::bind(addr).await {
            Ok(listener) => Ok(Some(listener)),
            Err(error) => {
                let message = format!("cannot listen on --metrics {addr}: {error}");
                Err(Failure::new(exit::USAGE, message))
            }
        }
    }

    /// Makes the socket. It answers as soon as there is something to be looked into.
    pub(super) fn socket(
        &self,
        device: &str,
        usually: Usually,
        output: &Output,
    ) -> Result<Option<Socket>, Failure> {
        match (&self.control, usually) {
            (Some(path), _) if path.as_os_str() == "off" => Ok(None),
            (Some(path), _) => match Socket::at(path) {
                Ok(socket) => Ok(Some(socket)),
                Err(error) => {
                    let hint = hint(path, device, &error);
                    let path = path.display();
                    let message = format!("cannot make the control socket {path}: {hint}");
                    Err(Failure::new(exit::USAGE, message))
                }
            },
            (None, Usually::Off) => Ok(None),
            (None, Usually::On) => match Socket::for_device(device) {
                Ok(socket) => Ok(Some(socket)),
                // Nobody has asked for it.
                Err(error) => {
                    output.note(format_args!("glass ss cannot look in here: {error}"));
                    Ok(None)
                }
            },
        }
    }
}

/// Why there can be no socket at `path`, and what to do.
fn hint(path: &Path, device: &str, error: &io::Error) -> String {
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    match (error.kind(), parent) {
        _ if path.is_dir() => {
            let example = path.join(place::name_for(device));
            format!("this is a directory; name a file in it: --control {}", example.display())
        }
        (io::ErrorKind::NotFound, Some(parent)) => {
            format!("there is no directory {}; make it, or choose another path", parent.display())
        }
        // The kernel has room for 107 octets.
        (io::ErrorKind::InvalidInput, _) => {
            format!("{error}; choose a shorter path for --control, or off")
        }
        _ => format!("{error}; choose another path for --control, or off"),
    }
}

/// Answers on the socket and on the port, where there are any, until what is returned is dropped.
pub(super) fn answer(
    socket: Option<Socket>,
    metrics: Option<TcpListener>,
    source: Source,
) -> Answering {
    let of_metrics = source.clone();
    Answering {
        control: socket.map(|socket| Server::start(socket, source)),
        _metrics: metrics.map(|listener| MetricsServer::start(listener, of_metrics)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metrics_are_for_the_loopback() {
        assert!(loopback("127.0.0.1:9100").is_ok() && loopback("[::1]:9100").is_ok());
        assert!(loopback("0.0.0.0:9100").unwrap_err().contains("[::1]"));
        assert!(loopback("9100").unwrap_err().contains("127.0.0.1:9100"));
    }

    #[test]
    fn a_path_that_cannot_be_a_socket_says_what_can() {
        let said = |path: &str| {
            let path = Path::new(path);
            let error = std::os::unix::net::UnixListener::bind(path).expect_err("it cannot be");
            hint(path, "glass7", &error)
        };
        assert_eq!(said("/"), "this is a directory; name a file in it: --control /glass7.sock");
        assert!(said("/nowhere/x.sock").starts_with("there is no directory /nowhere; make it"));
        assert!(said(&"x".repeat(200)).ends_with("choose a shorter path for --control, or off"));
        assert!(said("/dev/null").ends_with("choose another path for --control, or off"));
    }
}
