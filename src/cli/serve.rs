//! `glass serve`: answers on a TUN of this host until it is stopped.

use std::io::Write;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use tokio::signal::unix::{SignalKind, signal};

use super::access_log::OpenLog;
use super::addresses::Ends;
use super::options::{
    Output, ServerOptions, Services, StackOptions, Usual, authority, services, usual_queues,
};
use super::shards::{Shards, Site};
use super::{Failure, exit, runtime};
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
    #[arg(long, env = "GLASS_TUN", default_value = "glass0", value_name = "NAME")]
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
}

impl Serve {
    pub(super) fn execute(self, output: &Output) -> Result<(), Failure> {
        self.stack.tcp.check()?;
        self.server.check(self.dir.as_deref())?;
        runtime(exit::FAILURE)?.block_on(self.until_stopped(output))
    }

    async fn until_stopped(self, output: &Output) -> Result<(), Failure> {
        // First, so that nobody who waits for our words can stop us without being heard.
        let failed = |error| Failure::new(exit::FAILURE, format!("cannot watch signals: {error}"));
        let mut interrupt = signal(SignalKind::interrupt()).map_err(failed)?;
        let mut terminate = signal(SignalKind::terminate()).map_err(failed)?;

        let usual = Usual { offload: OffloadMode::Auto, queues: usual_queues() };
        let ends = self.stack.ends()?.with_what_the_kernel_has(output)?;
        let (queues, ends) = self.open(ends, usual, output).await?;
        let addr = ends.ours[0];
        let log =
            OpenLog::open(&self.server.http, &[SignalKind::user_defined1(), SignalKind::hangup()])?;
        let site = Site {
            ends,
            options: self.server.clone(),
            dir: self.dir.clone(),
            services: self.services.clone(),
            log: log.log(),
        };
        let mut shards = Shards::start(queues, site, &self.stack, false).await?;
        let web = authority(SocketAddr::new(addr, self.server.port));
        let queues = match shards.count() {
            1 => String::new(),
            count => format!(" ({count} queues)"),
        };
        output.note(format_args!(
            "{} on {}{queues}; try: curl http://{web}/ (from this host; the kernel's ss does not list these \
             connections, http://{web}/connection shows its own). Ctrl-C stops",
            shards.summary, self.tun,
        ));
        // For scripts: one line on stdout once it answers.
        let _ = writeln!(std::io::stdout(), "http://{web}/");

        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
            failure = shards.failure() => return Err(failure),
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
