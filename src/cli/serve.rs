//! `glass serve`: answers on a TUN of this host until it is stopped.

use std::io::{self, Write};
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::access_log::OpenLog;
use super::addresses::Ends;
use super::control_options::{ControlOptions, Usually, answer};
use super::open_files;
use super::options::{
    Output, ServerOptions, Services, StackOptions, Usual, services, usual_queues,
};
use super::shards::{Shards, Site};
use super::tls_options::Https;
use super::{Failure, exit, runtime};
use crate::control::{Feed, Source};
use crate::device::{LinkSetup, OffloadMode, Queue, TunError};

/// How long the last acknowledgments may take when we stop.
const PATIENCE: Duration = Duration::from_secs(1);

/// Serve a directory, or the built-in site, on a TUN until SIGINT or SIGTERM
///
/// Makes the TUN, which takes CAP_NET_ADMIN, or attaches to one that is there and belongs to you.
#[derive(Args, Debug)]
pub(super) struct Serve {
    /// The directory to serve; without it, the built-in site
    #[arg(env = "GLASS_DIR", value_name = "DIR")]
    dir: Option<PathBuf>,
    /// The TUN: made, or attached to when it exists
    #[arg(
        long,
        visible_alias = "dev",
        env = "GLASS_TUN",
        default_value = "glass0",
        value_name = "NAME"
    )]
    tun: String,
    /// The small services to run: a list of echo, discard, daytime and chargen; all; or none
    #[arg(
        long, env = "GLASS_SERVICES", default_value = "none", value_name = "LIST",
        value_parser = services
    )]
    services: Services,
    #[command(flatten)]
    server: ServerOptions,
    #[command(flatten)]
    stack: StackOptions,
    #[command(flatten)]
    control: ControlOptions,
}

impl Serve {
    pub(super) fn execute(self, output: &Output) -> Result<(), Failure> {
        open_files::raise();
        self.stack.tcp.check()?;
        self.server.check(self.dir.as_deref())?;
        runtime(exit::FAILURE)?.block_on(self.until_stopped(output))
    }

    async fn until_stopped(self, output: &Output) -> Result<(), Failure> {
        // First, so that nobody who waits for our words can stop us without being heard.
        let failed = |error| Failure::new(exit::FAILURE, format!("cannot watch signals: {error}"));
        let mut interrupt = signal(SignalKind::interrupt()).map_err(failed)?;
        let mut terminate = signal(SignalKind::terminate()).map_err(failed)?;
        let mut hang_up = self.hang_up().map_err(failed)?;

        let usual = Usual { offload: OffloadMode::Auto, queues: usual_queues() };
        let ends = self.stack.ends()?.with_what_the_kernel_has(output)?;
        let (queues, ends) = self.open(ends, usual, output).await?;
        let log =
            OpenLog::open(&self.server.http, &[SignalKind::user_defined1(), SignalKind::hangup()])?;
        let https = self.server.tls.prepare(&ends.ours, self.stack.tcp.capture.secrets())?;
        let urls = self.server.tls.urls(ends.ours[0], self.server.port);
        let feed = Feed::default();
        let site = Site {
            ends,
            options: self.server.clone(),
            dir: self.dir.clone(),
            services: self.services.clone(),
            log: log.log(),
            https: https.clone(),
            feed: feed.clone(),
        };
        let socket = self.control.socket(&self.tun, Usually::On, output)?;
        let metrics = self.control.metrics().await?;
        let mut shards = Shards::start(queues, site, &self.stack, false).await?;
        let source = Source { device: self.tun.clone(), nets: shards.nets(), feed };
        let answering = answer(socket, metrics, source);
        let url = urls.first().expect("one of HTTP and HTTPS is on");
        let queues = match shards.count() {
            1 => String::new(),
            count => format!(" ({count} queues)"),
        };
        let lists = match &answering.control {
            Some(_) => "glass ss does".to_owned(),
            None => format!("{url}connection shows its own"),
        };
        output.note(format_args!(
            "{} on {}{queues}; try: curl {url} (from this host; the kernel's ss does not list these \
             connections, {lists}). Ctrl-C stops",
            shards.summary, self.tun,
        ));
        if let Some(https) = &https {
            output.note(format_args!("HTTPS with {}", https.words));
        }
        // For scripts: one line on stdout once it answers.
        let _ = writeln!(std::io::stdout(), "{url}");

        loop {
            tokio::select! {
                _ = interrupt.recv() => break,
                _ = terminate.recv() => break,
                () = hang_up.recv() => self.read_certificate_again(https.as_ref(), output),
                failure = shards.failure() => return Err(failure),
            }
        }
        output.note("stopping: connections may finish; the same signal again ends at once");
        let finished = async {
            shards.finish().await;
            shards.settle(&[], PATIENCE).await;
        };
        tokio::select! {
            () = finished => {}
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
        shards.report_faults(output);
        Ok(())
    }
}

impl Serve {
    /// SIGHUP, where it has a meaning; elsewhere it ends the program, as usual.
    fn hang_up(&self) -> io::Result<HangUp> {
        let has_a_meaning = self.server.tls.reads_files();
        has_a_meaning.then(|| signal(SignalKind::hangup())).transpose().map(HangUp)
    }

    fn read_certificate_again(&self, https: Option<&Https>, output: &Output) {
        let Some(https) = https else { return };
        match self.server.tls.reload(https) {
            Ok(fingerprint) => {
                output.note(format_args!("the certificate is now SHA-256 {fingerprint}"));
            }
            Err(failure) => log::warn!("the certificate stays as it was: {}", failure.message),
        }
    }

    /// Opens the TUN; without IPv6, and saying so, if that is what stands in the way and nobody has asked
    /// for it.
    async fn open(
        &self,
        ends: Ends,
        usual: Usual,
        output: &Output,
    ) -> Result<(Vec<Queue>, Ends), Failure> {
        let link = self.stack.link(&ends, usual)?;
        let error = match open(&self.tun, &link, output).await {
            Ok(queues) => return Ok((queues, ends)),
            Err(error) => error,
        };
        if !(ends.has_ipv6() && may_be_of_ipv6(&error)) {
            return Err(error.into());
        }
        let Ok(ends) = ends.without_ipv6() else { return Err(error.into()) };
        let link = self.stack.link(&ends, usual)?;
        match open(&self.tun, &link, output).await {
            Ok(queues) => {
                output.note(format_args!("only IPv4 on {}: {error}", self.tun));
                Ok((queues, ends))
            }
            // What was wrong with both says all that is to be mended.
            Err(TunError::Unfit { .. } | TunError::AddressTaken { .. }) => Err(error.into()),
            Err(other) => Err(other.into()),
        }
    }
}

/// A signal that may have no meaning.
struct HangUp(Option<Signal>);

impl HangUp {
    async fn recv(&mut self) {
        match &mut self.0 {
            Some(signal) => {
                signal.recv().await;
            }
            None => std::future::pending().await,
        }
    }
}

/// Whether it may go without IPv6: the TUN is there and has no address of that family, or another interface
/// has ours.
fn may_be_of_ipv6(error: &TunError) -> bool {
    match error {
        TunError::AddressTaken { address, .. } => address.address().is_ipv6(),
        TunError::Unfit { .. } => true,
        _ => false,
    }
}

/// Makes the TUN, or attaches to it when there is one: never silently. Whether there is one is for
/// netlink to say: after `unshare --net`, /sys goes on showing the network namespace before.
async fn open(name: &str, link: &LinkSetup, output: &Output) -> Result<Vec<Queue>, TunError> {
    match Queue::create(name, link).await {
        Err(TunError::Taken { attachable: true, .. }) => {
            let queues = Queue::attach(name, link).await?;
            output.note(format_args!("attached to {name}, which was there already"));
            Ok(queues)
        }
        made => made,
    }
}
