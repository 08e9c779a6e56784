//! `glass run`: a private network namespace with a TUN, a stack and responders, and CMD inside it.

use std::ffi::OsString;
use std::io::Write;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use tokio::signal::unix::SignalKind;

use super::access_log::OpenLog;
use super::child::{Child, Leftovers, end_leftovers};
use super::control_options::{ControlOptions, Usually, answer};
use super::ladder_options::{LadderFiles, LadderOptions};
use super::namespace;
use super::open_files;
use super::options::{Output, ServerOptions, Services, StackOptions, Usual, services};
use super::shards::{Shards, Site};
use super::tls_options::TrustFile;
use super::watch::{Beside, WatchOptions};
use super::{Failure, exit, runtime};
use crate::control::{Feed, Source};
use crate::device::{OffloadMode, Queue, Queues, setup};
use crate::http::CloseAfter;
use crate::tcp::State;

/// How long connections may take to end after CMD, beyond what --close-after asks for.
const PATIENCE: Duration = Duration::from_secs(3);

/// Run CMD in a network of its own where our stack answers, and show what its connections did
///
/// Makes a private network namespace (no root needed), a TUN and a stack with an HTTP responder on
/// 192.0.2.2 and 2001:db8::2, runs CMD in it, and prints on stderr the ladder of each connection: every segment in
/// both directions, and our state after it. There is no DNS inside: use addresses. With --watch all of it is to be seen
/// on a screen while it happens.
#[derive(Args, Debug)]
#[command(
    after_help = "Exit code: CMD's; 126 or 127 if it cannot be run, 128+N if signal N ended \
    it; 125, 77, 69, 65 or 2 if glass itself fails.\n\n\
    Examples:\n  glass run -- curl -sS http://192.0.2.2/hello\n  \
    glass run -- curl -sS 'http://[2001:db8::2]/hello'\n  \
    glass run --close-after 500 -- curl -sS http://192.0.2.2/hello\n  \
    glass run -- sh -c 'echo hi | nc -N 192.0.2.2 7'\n  \
    glass run --tls -- curl -sS https://192.0.2.2/connection"
)]
pub(super) struct Run {
    /// Serve this directory instead of the built-in site
    #[arg(long, env = "GLASS_DIR", value_name = "DIR")]
    dir: Option<PathBuf>,
    /// The small services to run: a list of echo, discard, daytime and chargen; all; or none
    #[arg(
        long, env = "GLASS_SERVICES", default_value = "all", value_name = "LIST",
        value_parser = services
    )]
    services: Services,
    #[command(flatten)]
    server: ServerOptions,
    #[command(flatten)]
    stack: StackOptions,
    #[command(flatten)]
    control: ControlOptions,
    #[command(flatten)]
    watch: WatchOptions,
    #[command(flatten)]
    ladder: LadderOptions,
    /// The program to run, and its arguments
    #[arg(required = true, trailing_var_arg = true, value_name = "CMD")]
    command: Vec<OsString>,
}

impl Run {
    /// Returns CMD's exit code.
    pub(super) fn execute(self, output: &Output) -> Result<u8, Failure> {
        open_files::raise();
        self.stack.tcp.check()?;
        self.server.check(self.dir.as_deref())?;
        self.ladder.check(self.stack.tcp.engine)?;
        self.watch.check(self.stack.tcp.engine)?;
        let files = self.ladder.open()?;
        // Before the runtime, for that may start threads, and a namespace is entered by one.
        let namespace =
            namespace::enter().map_err(|error| Failure::new(error.exit_code(), error))?;
        for warning in &namespace.warnings {
            log::warn!("{warning}");
        }
        runtime(exit::RUN_FAILED)?.block_on(self.inside(files, output))
    }

    async fn inside(self, files: LadderFiles, output: &Output) -> Result<u8, Failure> {
        let usual = Usual { offload: OffloadMode::Off, queues: Queues::Exactly(1) };
        let ends = self.stack.ends()?.with_what_the_kernel_has(output)?;
        let link = self.stack.link(&ends, usual)?;
        let failed =
            |error| Failure::new(exit::RUN_FAILED, format!("cannot set the loopback up: {error}"));
        setup::loopback_up().await.map_err(failed)?;
        let https = self.server.tls.prepare(&ends.ours, self.stack.tcp.capture.secrets())?;
        let queues = Queue::create("glass0", &link).await?;
        // A SIGHUP goes to CMD.
        let log = OpenLog::open(&self.server.http, &[SignalKind::user_defined1()])?;
        let feed = Feed::default();
        let site = Site {
            ends: ends.clone(),
            options: self.server.clone(),
            dir: self.dir.clone(),
            services: self.services.clone(),
            log: log.log(),
            https: https.clone(),
            feed: feed.clone(),
        };
        let wanted = !output.quiet || self.ladder.wants_files();
        let ladders = wanted && self.stack.tcp.engine.has_ladders();
        let socket = self.control.socket("glass0", Usually::Off, output)?;
        let metrics = self.control.metrics().await?;
        let shards = Shards::start(queues, site, &self.stack, ladders).await?;
        shards.ladder().lock().show_timers(self.ladder.timers);
        let source = Source { device: "glass0".to_owned(), nets: shards.nets(), feed };
        let _answering = answer(socket, metrics, source.clone());
        output.note(format_args!(
            "{} (this host is {}; no DNS inside: use addresses)",
            shards.summary,
            ends.hosts_in_words()
        ));

        let trust = https.as_ref().map(|https| https.trust_file(&self.server.tls)).transpose()?;
        let trust = trust.flatten();
        if let Some(https) = &https {
            let trusted = if trust.is_some() { "; CMD's curl trusts it" } else { "" };
            output.note(format_args!("HTTPS with {}{trusted}", https.words));
        }
        let code = self.run_command(trust.as_ref(), source, output).await?;

        let (also, patience) = self.what_to_wait_for();
        if !shards.settle(&also, self.stack.tcp.patience(patience)).await {
            output.note("some connections have not ended; the last state of each is shown");
        }
        // Before anything of ours ends, which would add to it.
        if ladders {
            let text = shards.ladders(&self.ladder.style(output.style()));
            if !output.quiet {
                let _ = write!(std::io::stderr(), "{text}");
            }
            files.write(&shards.ladder().lock(), "glass run", exit::RUN_FAILED)?;
        }
        shards.report_faults(output);
        Ok(code)
    }

    async fn run_command(
        &self,
        trust: Option<&TrustFile>,
        source: Source,
        output: &Output,
    ) -> Result<u8, Failure> {
        // A `glass get` in CMD is the other half of what there is to see: it shows its side too.
        let ladder = (!output.quiet).then_some(("GLASS_LADDER", "true"));
        let path = trust.and_then(|trust| trust.path.to_str());
        let trust = path.into_iter().flat_map(|path| TrustFile::VARIABLES.map(|name| (name, path)));
        let environment: Vec<_> = ladder.into_iter().chain(trust).collect();
        let (code, leftovers) = if self.watch.watch {
            Beside::run(source, &self.command, &environment, output.style()).await?
        } else {
            let mut child = Child::spawn(&self.command, &environment)
                .map_err(|error| Failure::new(error.exit_code(), error))?;
            (child.wait().await, end_leftovers().await)
        };
        report(&leftovers, output);
        Ok(u8::try_from(code).unwrap_or(exit::RUN_FAILED))
    }

    /// The states that count as an end besides CLOSED and `TIME_WAIT`, and how long to wait.
    fn what_to_wait_for(&self) -> (Vec<State>, Duration) {
        match self.server.closes() {
            CloseAfter::Promptly | CloseAfter::Request => (Vec::new(), PATIENCE),
            // Some clients take a moment to close, and only then the delay begins.
            CloseAfter::Delay(delay) => (Vec::new(), PATIENCE + delay),
            CloseAfter::Never => (vec![State::CloseWait], PATIENCE),
        }
    }
}

/// Says what CMD has left behind.
fn report(leftovers: &Leftovers, output: &Output) {
    if !leftovers.ended.is_empty() {
        let names: Vec<_> = leftovers.ended.values().map(String::as_str).collect();
        output.note(format_args!("ended what CMD left behind: {}", names.join(", ")));
    }
    for (pid, name) in &leftovers.remaining {
        log::warn!("{name} (process {pid}), which CMD left behind, does not end");
    }
}
