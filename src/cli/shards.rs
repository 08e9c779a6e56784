//! All shards of a server: a thread, a stack and responders for each queue of the TUN.

use std::future::{Future, poll_fn};
use std::io;
use std::path::PathBuf;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::{mpsc, watch};

use super::addresses::Ends;
use super::options::{Output, ServerOptions, Services, StackOptions};
use super::server::Server;
use super::shard::{Kit, Plan, Watch, cannot_start};
use super::tls_options::Https;
use super::{Failure, exit};
use crate::control::Feed;
use crate::device::Queue;
use crate::http::AccessLog;
use crate::runtime::{Net, ShardThread, serve_per_shard};
use crate::stack::{Counters, Place};
use crate::tcp::State;
use crate::view::{LadderRecorder, Style, counted};

/// What answers on each shard.
pub(super) struct Site {
    pub(super) ends: Ends,
    pub(super) options: ServerOptions,
    pub(super) dir: Option<PathBuf>,
    pub(super) services: Services,
    pub(super) log: Option<AccessLog>,
    pub(super) https: Option<Https>,
    /// Whoever looks on from outside.
    pub(super) feed: Feed,
}

/// Running shards. Dropping them ends them.
pub(super) struct Shards {
    threads: Vec<ShardThread>,
    nets: Vec<Net>,
    /// Of each thread.
    runtimes: Vec<Handle>,
    phase: watch::Sender<Phase>,
    /// One message from each shard whose responders have finished.
    finished: mpsc::UnboundedReceiver<()>,
    watch: Watch,
    /// What answers where, for people.
    pub(super) summary: String,
}

/// What the shards shall do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Phase {
    Serve,
    /// Take on nothing new, and bring to an end what there is.
    Finish,
    /// Stop at once.
    End,
}

/// What a shard says when it answers: how to reach its stack and its runtime, and what answers where.
type Started = Result<(Net, Handle, String), Failure>;

/// How a shard talks with whoever has started it.
#[derive(Clone)]
struct Line {
    phase: watch::Receiver<Phase>,
    started: mpsc::UnboundedSender<Started>,
    finished: mpsc::UnboundedSender<()>,
}

impl Shards {
    /// Starts a shard for each queue. Returns when all of them answer. With `ladders` what the connections
    /// did is remembered.
    pub(super) async fn start(
        queues: Vec<Queue>,
        site: Site,
        options: &StackOptions,
        ladders: bool,
    ) -> Result<Shards, Failure> {
        let mut kit =
            Kit::new(&options.tcp, ladders, options.busy_poll())?.shown_to(site.feed.clone());
        let count = u32::try_from(queues.len()).expect("some hundred at most");
        let mut plans = Vec::new();
        for (index, queue) in (0..count).zip(queues) {
            let config = options.tcp.stack(site.ends.ours.clone());
            let plan = kit.plan(queue, &options.tcp, config, Place { index, count })?;
            plans.push(move || Plan::parts(plan));
        }
        let (phase, phases) = watch::channel(Phase::Serve);
        let (started_sender, mut started) = mpsc::unbounded_channel();
        let (finished_sender, finished) = mpsc::unbounded_channel();
        let line = Line { phase: phases, started: started_sender, finished: finished_sender };
        let site = Arc::new(site);
        let service = move |net| serve(net, Arc::clone(&site), line.clone());
        let threads = serve_per_shard(plans, service).map_err(cannot_start)?;
        let mut shards = Shards {
            threads,
            nets: Vec::new(),
            runtimes: Vec::new(),
            phase,
            finished,
            watch: kit.watch(),
            summary: String::new(),
        };
        for _ in 0..count {
            let said = tokio::select! {
                biased;
                said = started.recv() => said.expect("every shard holds a sender"),
                why = ended(&mut shards.threads) => Err(cannot_start(why)),
            };
            let (net, runtime, summary) = said?;
            shards.nets.push(net);
            shards.runtimes.push(runtime);
            shards.summary = summary;
        }
        Ok(shards)
    }

    /// Waits for the end of a shard, which only a failure of its device brings. Cancel safe.
    pub(super) async fn failure(&mut self) -> Failure {
        let why = ended(&mut self.threads).await;
        Failure::new(exit::UNAVAILABLE, format!("the device has failed: {why}"))
    }

    /// Stops accepting on all shards, and returns when their connections have finished, within the limits.
    pub(super) async fn finish(&mut self) {
        self.phase.send_replace(Phase::Finish);
        for _ in 0..self.threads.len() {
            tokio::select! {
                biased;
                _ = self.finished.recv() => {}
                why = ended(&mut self.threads) => log::warn!("a shard has ended: {why}"),
            }
        }
    }

    /// How to reach the stack of each.
    pub(super) fn nets(&self) -> Vec<Net> {
        self.nets.clone()
    }

    /// How many there are.
    pub(super) fn count(&self) -> usize {
        self.nets.len()
    }

    /// [`Watch::settle`].
    pub(super) async fn settle(&self, also: &[State], patience: Duration) -> bool {
        let settled = self.watch.settle(&self.nets, also, patience).await;
        for runtime in &self.runtimes {
            // When it has done this, its driver has told every sink what it has told us.
            let _ = runtime.spawn(async {}).await;
        }
        settled
    }

    /// What the ladders are drawn from.
    pub(super) fn ladder(&self) -> &LadderRecorder {
        &self.watch.ladder
    }

    /// The ladder of each connection, in order of their numbers.
    pub(super) fn ladders(&self, style: &Style) -> String {
        self.watch.finish_looking();
        LadderRecorder::render(&self.watch.ladder, style)
    }

    /// [`Watch::report_faults`], and what was done against floods, if anything.
    pub(super) fn report_faults(&self, output: &Output) {
        self.watch.report_faults(output);
        let all = || self.nets.iter().filter_map(Net::counters);
        let sum = |count: fn(&Counters) -> u64| all().map(|all| count(&all)).sum::<u64>();
        let sent = sum(|all| all.syn_cookies_sent);
        if sent > 0 {
            let (taken, refused) =
                (sum(|all| all.syn_cookies_accepted), sum(|all| all.syn_cookies_refused));
            output.note(format_args!(
                "SYN cookies, for a full listen queue: {sent} sent, {taken} came back, {refused} refused"
            ));
        }
        let cut_short = sum(|all| all.time_waits_cut_short);
        if cut_short > 0 {
            let connections = counted(cut_short, "connection");
            output.note(format_args!("{connections} had to leave TIME_WAIT early"));
        }
    }
}

/// What has happened until now has been recorded when all threads have ended.
impl Drop for Shards {
    fn drop(&mut self) {
        self.watch.end_looking();
        self.phase.send_replace(Phase::End);
        for thread in self.threads.drain(..) {
            if let Err(error) = thread.join() {
                log::warn!("a shard has ended: {error}");
            }
        }
    }
}

/// Answers on one shard until it is told to end.
async fn serve(net: Net, site: Arc<Site>, mut line: Line) -> io::Result<()> {
    let Site { ends, options, dir, services, log, https, feed: _ } = &*site;
    let (dir, log, https) = (dir.as_deref(), log.as_ref(), https.as_ref());
    let server = match Server::start(&net, ends, options, dir, services, log, https) {
        Ok(server) => server,
        Err(failure) => {
            let _ = line.started.send(Err(failure));
            return Ok(());
        }
    };
    let _ = line.started.send(Ok((net, Handle::current(), server.summary.clone())));
    if reached(&mut line.phase, Phase::Finish).await == Phase::Finish {
        tokio::select! {
            () = server.stop() => {}
            _ = reached(&mut line.phase, Phase::End) => {}
        }
        let _ = line.finished.send(());
        reached(&mut line.phase, Phase::End).await;
    }
    Ok(())
}

/// Waits for this phase or a later one. When nobody is left to tell, that is the end.
async fn reached(phase: &mut watch::Receiver<Phase>, wanted: Phase) -> Phase {
    phase.wait_for(|phase| *phase >= wanted).await.map_or(Phase::End, |phase| *phase)
}

/// Waits until one of the threads ends, and says why. It is taken from them.
async fn ended(threads: &mut Vec<ShardThread>) -> io::Error {
    let index = poll_fn(|cx| {
        let mut all = threads.iter_mut();
        let ended = all.position(|thread| pin!(thread.ended()).poll(cx).is_ready());
        ended.map_or(Poll::Pending, Poll::Ready)
    })
    .await;
    match threads.remove(index).join() {
        Ok(()) => io::Error::other("it ended"),
        Err(error) => error,
    }
}
