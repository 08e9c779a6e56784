//! `glass get`: fetches URLs through a stack of its own, by active open. Here is the frame: the options, the
//! TUN and the stack, one URL after the other, the end. HTTP's own rules are in [`crate::http::client`].

mod answer;
mod bring;
mod decode;
mod failures;
mod limits;
mod link;
mod options;
mod output;
mod part;
mod payload;
mod progress;
mod request;
mod target;
mod transfer;
mod verbose;

use std::ffi::OsStr;
use std::io::{self, Write};
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::time::Duration;

use ::http::header;
use clap::Args;
use rustls::ClientConfig;
use url::Host;

use self::link::{Families, Reaching};
use self::options::{Field, RequestOptions, ResultOptions, WayOptions};
use self::payload::{Payload, RequestBody};
use self::target::Target;
use self::transfer::Transfers;
use self::verbose::Heads;
use super::ladder_options::{LadderFiles, LadderOptions};
use super::options::Output;
use super::shard::Shard;
use super::tcp_options::TcpOptions;
use super::{Failure, exit, runtime};
use crate::device::OffloadMode;
use crate::http::client::{ConnectError, Connector, Resolver, Session, Stage, Trust, tls};
use crate::http::tls::Secrets;

/// How long the close may take after the body has come.
const PATIENCE: Duration = Duration::from_secs(2);

/// Fetch URLs through a TCP stack of our own: HTTP/1.1 and HTTPS; the body goes to stdout
///
/// Makes a TUN with a network of its own (198.51.100.0/30 or the next that is free; for IPv6
/// 2001:db8:1::/64 or the next), so it takes CAP_NET_ADMIN; inside glass run it needs nothing. Reaches
/// addresses of this host, and others where this host forwards packets. A status that says "error" is a
/// failure. With -v it shows on stderr the addresses, both heads and the ladder.
#[derive(Args, Debug)]
#[command(
    after_help = "Exit code: 0 if all came; 1 if something did not, or the status says so; 2 wrong usage; \
    69 if there is no way to the server from here; 77 without permission; 128+N if signal N ended it.\n\n\
    Examples:\n  glass get http://192.0.2.2/hello\n  \
    glass get -v -I http://192.0.2.2/\n  \
    glass get -o big.iso -C - http://192.0.2.2/big.iso\n  \
    glass get -L --cacert ca.pem https://example.test/\n  \
    glass get -d name=value http://192.0.2.2/echo"
)]
pub(super) struct Get {
    /// What to fetch: http://HOST[:PORT]/PATH or https://; an IPv6 address stands in brackets. Several are
    /// fetched one after the other, from one server by one connection
    #[arg(value_name = "URL", required = true)]
    urls: Vec<String>,
    #[command(flatten)]
    request: RequestOptions,
    #[command(flatten)]
    result: ResultOptions,
    #[command(flatten)]
    way: WayOptions,
    /// Show on stderr what the connection did; so does -v, and inside glass run it is on
    #[arg(long, env = "GLASS_LADDER")]
    ladder: bool,
    #[command(flatten)]
    show: LadderOptions,
    #[command(flatten)]
    tcp: TcpOptions,
}

impl Get {
    pub(super) fn execute(self, output: &Output) -> Result<(), Failure> {
        self.tcp.check()?;
        self.show.check(self.tcp.engine)?;
        let user = self.request.user.as_deref();
        let targets: Vec<Target> =
            self.urls.iter().map(|url| Target::parse(url, user)).collect::<Result<_, _>>()?;
        let payload = Payload::of(&self.request.data)?;
        let targets = self.named(targets);
        self.check(&payload)?;
        targets.iter().try_for_each(|target| self.check_family(target))?;
        let files = self.show.open()?;
        let made = Made { resolver: self.resolver(), tls: self.tls(&targets)? };
        let runtime = runtime(exit::FAILURE)?;
        let result = runtime.block_on(self.fetch(&targets, payload, made, files, output));
        // A resolver or a reader of a pipe may be on its thread still, and nobody waits for it.
        runtime.shutdown_background();
        result
    }

    /// A URL that ends in / gets the name of the file that is sent there.
    fn named(&self, mut targets: Vec<Target>) -> Vec<Target> {
        let file = self.request.data.upload_file.as_deref().and_then(Path::file_name);
        if let Some(name) = file.and_then(OsStr::to_str).filter(|name| *name != "-") {
            for target in &mut targets {
                if target.url.path().ends_with('/')
                    && let Ok(mut segments) = target.url.path_segments_mut()
                {
                    segments.pop_if_empty().push(name);
                }
            }
        }
        targets
    }

    /// Refuses what does not go together, before anything is made.
    fn check(&self, payload: &Payload) -> Result<(), Failure> {
        let refuse = |why: String| Err(Failure::new(exit::USAGE, why));
        let (urls, outputs) = (self.urls.len(), self.result.output.len());
        if outputs > 0 && outputs != urls {
            return refuse(format!("{urls} URLs and {outputs} times -o: each URL needs one"));
        }
        if self.result.goes_on() && !(payload.is_nothing() && self.request.request.is_none()) {
            return refuse("-C goes on with what GET fetches: without data, -T and -X".to_owned());
        }
        let asks_for_a_part = |field: &Field| matches!(field, Field::Set(header::RANGE, _));
        if self.result.goes_on() && self.request.header.iter().any(asks_for_a_part) {
            return refuse("-C asks for what is missing: without a field Range (-H)".to_owned());
        }
        if self.request.http1_0 && payload.len().is_none() {
            return refuse("HTTP/1.0 needs the length of the data: send it from a file".to_owned());
        }
        if urls > 1 && payload.is_gone_once_sent() {
            return refuse("a pipe gives its data once: for several URLs, use a file".to_owned());
        }
        Ok(())
    }

    /// Refuses an address of the other family, unless --resolve says something else of it.
    fn check_family(&self, target: &Target) -> Result<(), Failure> {
        let (option, family, other) = match target.url.host() {
            Some(Host::Ipv4(_)) if self.way.ipv6 => ("-6", "IPv6", "-4"),
            Some(Host::Ipv6(_)) if self.way.ipv4 => ("-4", "IPv4", "-6"),
            _ => return Ok(()),
        };
        let host = target.url.host_str().unwrap_or_default().trim_matches(['[', ']']);
        if self.way.resolve.iter().any(|told| told.host.trim_matches(['[', ']']) == host) {
            return Ok(());
        }
        let why = format!(
            "{option} goes to addresses of {family} only, and {host} is none: leave it out, or say {other}"
        );
        Err(Failure::new(exit::USAGE, why))
    }

    async fn fetch(
        &self,
        targets: &[Target],
        payload: Payload,
        mut made: Made,
        files: LadderFiles,
        output: &Output,
    ) -> Result<(), Failure> {
        let mut interrupts = limits::interrupts()?;
        let families = tokio::select! {
            families = self.families(targets, &mut made.resolver) => families?,
            failure = limits::interruption(&mut interrupts) => return Err(failure),
        };
        let has_ladders = self.tcp.engine.has_ladders();
        let prints = (self.ladder || output.verbose > 0) && !output.quiet && has_ladders;
        let ladders = prints || self.show.wants_files();
        let (tun, ours) = link::make_tun(families, self.tcp.mtu, self.offload(ladders)).await?;
        let config = self.tcp.stack(ours.clone());
        let shard = Shard::start(tun, config, &self.tcp, ladders)?;
        shard.watch.ladder.lock().show_timers(self.show.timers);
        let reaching = Reaching { net: shard.net.clone(), ours };
        let (session, heads) = self.session(reaching, made, output);
        let transfers = Transfers { options: self, output, session, heads, payload, interrupts };
        let result = self.one_after_the_other(transfers, targets).await;
        let net = std::slice::from_ref(&shard.net);
        shard.watch.settle(net, &[], self.tcp.patience(PATIENCE)).await;
        shard.watch.report_faults(output);
        let ladder = shard.stop().await;
        if prints {
            let text = ladder.render(&self.show.style(output.style()));
            let _ = write!(io::stderr(), "{text}");
        }
        // Whatever became of the URLs.
        let drawn = files.write(&ladder.lock(), "glass get", exit::FAILURE);
        result.and(drawn)
    }

    /// Each URL has its turn, whatever has become of the others, unless a signal ends it all. The first
    /// failure is that of the call.
    async fn one_after_the_other(
        &self,
        mut transfers: Transfers<'_>,
        targets: &[Target],
    ) -> Result<(), Failure> {
        let mut result = Ok(());
        for (place, target) in targets.iter().enumerate() {
            let fetched = transfers.fetch(target, self.result.output.get(place)).await;
            let fetched = fetched.map_err(|failure| match targets.len() {
                1 => failure,
                _ => Failure::new(failure.code, format!("{}: {}", target.url, failure.message)),
            });
            let is_over = matches!(&fetched, Err(failure) if failure.code > 128);
            match (&result, fetched) {
                (_, Ok(())) => {}
                (Ok(()), Err(failure)) => result = Err(failure),
                (Err(_), Err(failure)) => {
                    let _ = writeln!(io::stderr(), "glass: {}", failure.message);
                }
            }
            if is_over {
                break;
            }
        }
        transfers.session.close(self.tcp.patience(PATIENCE)).await;
        result
    }

    /// 64 KB go at a time, unless somebody wants to see each packet as it would be on the wire.
    fn offload(&self, ladders: bool) -> OffloadMode {
        let tcp = &self.tcp;
        let is_watched = ladders || tcp.events.is_some() || tcp.has_faults();
        if is_watched || !tcp.engine.has_offload() { OffloadMode::Off } else { OffloadMode::Auto }
    }

    fn resolver(&self) -> Resolver {
        let mut resolver = Resolver::default();
        for told in &self.way.resolve {
            resolver.tell(&told.host, told.port, told.addrs.clone());
        }
        if self.way.ipv4 || self.way.ipv6 {
            resolver.only_ipv6(self.way.ipv6);
        }
        resolver
    }

    /// Which families it takes to get to the hosts, as far as they are there. What was resolved is known
    /// from then on.
    async fn families(
        &self,
        targets: &[Target],
        resolver: &mut Resolver,
    ) -> Result<Families, Failure> {
        let (mut found, mut problem) = (Families::default(), None);
        for target in targets {
            match self.resolve(target, resolver).await {
                Ok(addrs) => {
                    found.ipv4 |= addrs.iter().any(SocketAddr::is_ipv4);
                    found.ipv6 |= addrs.iter().any(SocketAddr::is_ipv6);
                }
                Err(error) => problem = problem.or(Some(failures::of_connecting(&error))),
            }
        }
        if let (false, false, Some(problem)) = (found.ipv4, found.ipv6, problem) {
            return Err(problem);
        }
        if self.way.location {
            // Who knows where it leads.
            found = Families { ipv4: !self.way.ipv6 || found.ipv4, ipv6: !self.way.ipv4 };
        }
        match link::no_ipv6(self.tcp.mtu) {
            Some(why) if found.ipv6 && !found.ipv4 => Err(why),
            Some(_) => Ok(Families { ipv6: false, ..found }),
            None => Ok(found),
        }
    }

    async fn resolve(
        &self,
        target: &Target,
        resolver: &mut Resolver,
    ) -> Result<Vec<SocketAddr>, ConnectError> {
        let host = target.url.host_str().unwrap_or_default();
        let port = target.url.port_or_known_default().unwrap_or(80);
        let after = self.way.connect_timeout;
        let resolved = tokio::time::timeout(after, resolver.resolve(host, port)).await;
        let resolved = resolved.map_err(|_| {
            let authority = format!("{host}:{port}");
            ConnectError::Timeout { authority, doing: Stage::Resolving, after }
        })?;
        let host = host.trim_matches(['[', ']']).to_owned();
        let addrs =
            resolved.map_err(|error| ConnectError::Resolve { host: host.clone(), error })?;
        resolver.tell(&host, port, addrs.iter().map(SocketAddr::ip).collect::<Vec<IpAddr>>());
        Ok(addrs)
    }

    fn session(&self, reaching: Reaching, made: Made, output: &Output) -> (RequestSession, Heads) {
        let talks = output.verbose > 0 && !output.quiet;
        let heads = Heads::default();
        let transcript = heads.transcript(self.result.include || self.request.head, talks);
        let mut connector = Connector::new(reaching)
            .with_resolver(made.resolver)
            .with_patience(self.way.connect_timeout)
            .with_transcript(transcript.clone());
        if let Some(config) = made.tls {
            connector = connector.with_tls(config);
        }
        if talks {
            connector = connector.with_steps(|step| verbose::show(&step));
        }
        (Session::new(connector).with_transcript(transcript), heads)
    }

    /// What TLS takes, if it may come to that.
    fn tls(&self, targets: &[Target]) -> Result<Option<ClientConfig>, Failure> {
        let trust = match &self.way.cacert {
            _ if self.way.insecure => Trust::Anybody,
            None => Trust::System,
            Some(path) => Trust::from_file(path).map_err(|error| cannot_trust(path, &error))?,
        };
        let is_secure = targets.iter().any(|target| target.url.scheme() == "https");
        if !is_secure && !self.way.location {
            return Ok(None);
        }
        let capture = self.tcp.capture.secrets().into_iter();
        let secrets = capture.fold(Secrets::from_environment(), Secrets::and);
        match (tls::config_telling(trust, secrets), &self.way.cacert) {
            (Ok(config), _) => Ok(Some(config)),
            (Err(error), Some(path)) => Err(cannot_trust(path, &error)),
            // A redirect may never lead there.
            (Err(_), None) if !is_secure => Ok(None),
            (Err(error), None) => {
                let hint = "install ca-certificates, or use --cacert or -k";
                let why = format!("cannot check whom we talk to: {error}; {hint}");
                Err(Failure::new(exit::UNAVAILABLE, why))
            }
        }
    }
}

/// What was made ready before there was a stack.
struct Made {
    resolver: Resolver,
    tls: Option<ClientConfig>,
}

type RequestSession = Session<Reaching, RequestBody>;

fn cannot_trust(path: &Path, error: &io::Error) -> Failure {
    let code = match error.kind() {
        io::ErrorKind::InvalidData => exit::BAD_INPUT,
        _ => exit::USAGE,
    };
    Failure::new(code, format!("cannot use --cacert {}: {error}", path.display()))
}
