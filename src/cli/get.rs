//! `glass get`: fetches a URL through a stack of its own, by active open.

use std::io::Write;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use ::http::{Request, Uri, header};
use clap::Args;
use http_body_util::{BodyExt, Empty};
use hyper::body::{Bytes, Incoming};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncWriteExt, Stdout};

use super::addresses::{LEAST_MTU, too_narrow};
use super::options::{Output, seconds};
use super::shard::Shard;
use super::tcp_options::TcpOptions;
use super::{Failure, exit, runtime};
use crate::device::{Cidr, LinkSetup, Queue, Reach, TunError, setup};
use crate::runtime::TcpStream;

/// How long the close may take after the body has come.
const PATIENCE: Duration = Duration::from_secs(2);
/// Networks of four addresses in 198.51.100.0/24, and of 2^64 in 2001:db8:1::/48: so many `glass get` at
/// once.
const NETWORKS: u8 = 64;

/// Fetch a URL through a TCP stack of our own; the body goes to stdout
///
/// Makes a TUN with a network of its own (198.51.100.0/30 or the next that is free; for IPv6
/// 2001:db8:1::/64 or the next), so it takes CAP_NET_ADMIN; inside glass run it needs nothing. Reaches addresses of this host, and others
/// where this host forwards packets.
#[derive(Args, Debug)]
pub(super) struct Get {
    /// What to fetch: http://ADDRESS[:PORT]/PATH; an IPv6 address stands in brackets
    #[arg(value_name = "URL")]
    url: Uri,
    /// Give up connecting after so many seconds
    #[arg(
        long, env = "GLASS_CONNECT_TIMEOUT", default_value = "10", value_name = "SECONDS",
        value_parser = seconds
    )]
    connect_timeout: Duration,
    /// Show on stderr what the connection did; so does -v, and inside glass run it is on
    #[arg(long, env = "GLASS_LADDER")]
    ladder: bool,
    #[command(flatten)]
    tcp: TcpOptions,
}

impl Get {
    pub(super) fn execute(self, output: &Output) -> Result<(), Failure> {
        self.tcp.check()?;
        let target = Target::from_url(&self.url)?;
        runtime(exit::FAILURE)?.block_on(self.fetch(target, output))
    }

    async fn fetch(self, target: Target, output: &Output) -> Result<(), Failure> {
        let remote = target.resolve().await?;
        let (tun, addr) = make_tun(remote.ip(), self.tcp.mtu).await?;
        check_reach(remote.ip(), addr).await?;
        let config = self.tcp.stack(vec![addr]);
        let ladders = (self.ladder || output.verbose > 0) && !output.quiet;
        let ladders = ladders && self.tcp.engine.has_ladders();
        let shard = Shard::start(tun, config, &self.tcp, ladders)?;
        let result = self.exchange(&shard, &target, remote).await;
        let net = std::slice::from_ref(&shard.net);
        shard.watch.settle(net, &[], self.tcp.patience(PATIENCE)).await;
        shard.watch.report_faults(output);
        let ladder = shard.stop().await;
        if ladders {
            let _ = write!(std::io::stderr(), "{}", ladder.render(&output.style()));
        }
        result
    }

    async fn exchange(
        &self,
        shard: &Shard,
        target: &Target,
        remote: SocketAddr,
    ) -> Result<(), Failure> {
        let failed = |doing: &str, why: &dyn std::fmt::Display| {
            Failure::new(exit::FAILURE, format!("{doing} {remote}: {why}"))
        };
        let stream =
            tokio::time::timeout(self.connect_timeout, TcpStream::connect(&shard.net, remote))
                .await
                .map_err(|_| {
                    let patience = self.connect_timeout;
                    failed(
                        "cannot connect to",
                        &format!("no answer within {patience:?} (--connect-timeout)"),
                    )
                })?
                .map_err(|error| failed("cannot connect to", &error))?;
        // One request: no reason to hold anything back.
        let _ = stream.set_nodelay(true);
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
            .await
            .map_err(|error| failed("cannot speak HTTP with", &error))?;
        // The connection ends, and closes, when the sender is gone and the body read.
        let connection = tokio::spawn(connection);
        let result = match sender.send_request(target.request()).await {
            Ok(response) => copy_body(response).await,
            Err(error) => Err(failed("no response from", &error)),
        };
        drop(sender);
        let _ = tokio::time::timeout(self.tcp.patience(PATIENCE), connection).await;
        result
    }
}

/// What the URL says.
struct Target {
    host: String,
    port: u16,
    authority: String,
    path: String,
}

impl Target {
    fn from_url(url: &Uri) -> Result<Target, Failure> {
        let wrong = |why: &str| {
            let hint = "write http://ADDRESS[:PORT]/PATH";
            Failure::new(exit::USAGE, format!("the URL {url} {why}; {hint}"))
        };
        match url.scheme_str() {
            Some("http") => {}
            Some("https") => return Err(wrong("asks for TLS, which is not there yet")),
            Some(_) => return Err(wrong("is not http")),
            None => return Err(wrong("has no scheme")),
        }
        let authority = url.authority().ok_or_else(|| wrong("names no host"))?;
        if authority.as_str().contains('@') {
            return Err(wrong("has a user name, which is not supported"));
        }
        Ok(Target {
            host: authority.host().trim_matches(['[', ']']).to_owned(),
            port: authority.port_u16().unwrap_or(80),
            authority: authority.to_string(),
            path: url.path_and_query().map_or("/", |path| path.as_str()).to_owned(),
        })
    }

    /// The system resolves names; the first address counts, of IPv6 only where there is that.
    async fn resolve(&self) -> Result<SocketAddr, Failure> {
        let found = tokio::net::lookup_host((self.host.as_str(), self.port)).await;
        let no_ipv6 = setup::why_no_ipv6();
        let problem = match found {
            Ok(mut addrs) => match addrs.find(|addr| addr.is_ipv4() || no_ipv6.is_none()) {
                Some(addr) => return Ok(addr),
                None => {
                    format!("has no IPv4 address ({})", no_ipv6.unwrap_or("it has none at all"))
                }
            },
            Err(error) => format!("cannot be resolved ({error}); inside glass run there is no DNS"),
        };
        Err(Failure::new(exit::UNAVAILABLE, format!("the host {} {problem}", self.host)))
    }

    fn request(&self) -> Request<Empty<Bytes>> {
        Request::get(&self.path)
            .header(header::HOST, &self.authority)
            .header(header::USER_AGENT, concat!("glass/", env!("CARGO_PKG_VERSION")))
            .header(header::ACCEPT, "*/*")
            .header(header::CONNECTION, "close")
            .body(Empty::new())
            .expect("the path comes from a parsed URL")
    }
}

/// Writes the body to stdout as it comes. A status that says "error" is a failure, with its body.
async fn copy_body(response: ::http::Response<Incoming>) -> Result<(), Failure> {
    let status = response.status();
    let mut body = response.into_body();
    let mut stdout = tokio::io::stdout();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| {
            Failure::new(exit::FAILURE, format!("the response ended early: {error}"))
        })?;
        if let Some(data) = frame.data_ref() {
            write_out(&mut stdout, data).await?;
        }
    }
    if status.is_client_error() || status.is_server_error() {
        return Err(Failure::new(exit::FAILURE, format!("the server answered {status}")));
    }
    Ok(())
}

/// Writes on a thread of its own: whoever reads stdout may be slow, and the driver must go on.
async fn write_out(stdout: &mut Stdout, data: &[u8]) -> Result<(), Failure> {
    let written = async {
        stdout.write_all(data).await?;
        stdout.flush().await
    };
    written
        .await
        .map_err(|error| Failure::new(exit::FAILURE, format!("cannot write the body: {error}")))
}

/// Makes a TUN in the first network that is free, of the family of `dest`; returns it with our address there.
async fn make_tun(dest: IpAddr, mtu: u16) -> Result<(Queue, IpAddr), Failure> {
    if dest.is_ipv6() {
        check_ipv6(mtu)?;
    }
    let mut taken = None;
    for number in 0..NETWORKS {
        let (host, ours) = network(dest, number);
        let setup =
            LinkSetup { addresses: vec![host], mtu: Some(u32::from(mtu)), ..LinkSetup::default() };
        match Queue::create(&format!("glass-get{number}"), &setup).await {
            Ok(mut queues) => {
                let queue = queues.pop().expect("one was asked for");
                return Ok((queue, ours));
            }
            Err(
                error @ (TunError::AddressTaken { .. }
                | TunError::Taken { .. }
                | TunError::Busy { .. }),
            ) => taken = Some(error),
            Err(error) => return Err(error.into()),
        }
    }
    Err(taken.expect("there is at least one network").into())
}

fn check_ipv6(mtu: u16) -> Result<(), Failure> {
    if mtu < LEAST_MTU {
        return Err(Failure::new(exit::USAGE, too_narrow(mtu)));
    }
    match setup::why_no_ipv6() {
        Some(why) => Err(Failure::new(exit::UNAVAILABLE, format!("there is no IPv6 here: {why}"))),
        None => Ok(()),
    }
}

/// The host's address and ours in the network with this number.
fn network(dest: IpAddr, number: u8) -> (Cidr, IpAddr) {
    let (host, prefix, ours): (IpAddr, u8, IpAddr) = match dest {
        IpAddr::V4(_) => {
            let at = |last| Ipv4Addr::new(198, 51, 100, number * 4 + last).into();
            (at(1), 30, at(2))
        }
        IpAddr::V6(_) => {
            let at = |last| Ipv6Addr::new(0x2001, 0xdb8, 1, number.into(), 0, 0, 0, last).into();
            (at(1), 64, at(2))
        }
    };
    (Cidr::new(host, prefix).expect("a prefix is shorter than an address"), ours)
}

/// Refuses what packets from our TUN would not reach, with what would help.
async fn check_reach(dest: IpAddr, addr: IpAddr) -> Result<(), Failure> {
    let unavailable = |message: String| Err(Failure::new(exit::UNAVAILABLE, message));
    let reach = setup::reach(dest).await.map_err(|error| {
        Failure::new(exit::UNAVAILABLE, format!("cannot ask the kernel for a route: {error}"))
    })?;
    match reach {
        Reach::Local => Ok(()),
        Reach::Loopback => unavailable(format!(
            "{dest} is a loopback address, and no packet for it is taken from another interface: \
             use another address of this host (a server on 0.0.0.0 or :: answers there too)"
        )),
        Reach::Unreachable => unavailable(format!("there is no route to {dest} from this host")),
        Reach::Forward { interface } => match setup::forwards(dest) {
            Ok(true) => Ok(()),
            Ok(false) | Err(_) => {
                let switch = setup::forwarding_switch(dest);
                let (iptables, ours) = match dest {
                    IpAddr::V4(_) => ("iptables", "198.51.100.0/24"),
                    IpAddr::V6(_) => ("ip6tables", "2001:db8:1::/48"),
                };
                unavailable(format!(
                    "{dest} is behind {interface}, and this host does not forward packets from our \
                     address {addr}. To let it:\n    \
                     sudo sysctl -w {switch}=1\n    \
                     sudo {iptables} -t nat -A POSTROUTING -s {ours} -o {interface} -j MASQUERADE"
                ))
            }
        },
    }
}
