//! The server: a process of its own that says what it holds whenever a line comes on stdin.

use std::io::{self, BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

use clap::ValueEnum;
use glasstack::http;
use glasstack::runtime::TcpListener;
use glasstack::serving::{Limits, stop};
use serde::de::DeserializeOwned;
use tokio::io::AsyncBufReadExt;

use super::Options;
use super::side::{Held, Network, Side};

/// A head may take so long to come: longer than everyone is idle.
const PATIENCE: Duration = Duration::from_mins(10);

/// Where it listens.
pub(crate) fn addr(options: &Options) -> SocketAddr {
    SocketAddr::new(Network::server(options).host(2), 80)
}

/// What answers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Responder {
    /// hyper, with the built-in site
    #[default]
    Hyper,
    /// The responder of examples/http_by_hand.rs, which takes 30 s of silence for the end
    ByHand,
}

impl Responder {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Responder::Hyper => "hyper",
            Responder::ByHand => "by-hand",
        }
    }
}

/// The server's process, seen from the client's.
pub(crate) struct Server {
    child: Child,
    questions: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Server {
    /// Starts it, in the namespace that we are in.
    pub(crate) fn start(options: &Options) -> io::Result<Server> {
        let mut child = Command::new(std::env::current_exe()?)
            .args(["--serve", "--responder", options.responder.name()])
            .args(["--connections", &options.connections.to_string()])
            .args(options.packets.then_some("--packets"))
            .args(options.ipv6.then_some("--ipv6"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let questions = child.stdin.take().expect("piped");
        let answers = BufReader::new(child.stdout.take().expect("piped"));
        Ok(Server { child, questions, answers })
    }

    /// Asks what it holds. Before it has a TUN it does not answer.
    pub(crate) fn held(&mut self) -> io::Result<Held> {
        self.ask("held")
    }

    /// Asks what CPU time it has spent, in microseconds.
    pub(crate) fn cpu_us(&mut self) -> io::Result<u64> {
        self.ask("cpu")
    }

    fn ask<T: DeserializeOwned>(&mut self, question: &str) -> io::Result<T> {
        writeln!(self.questions, "{question}")?;
        let mut line = String::new();
        self.answers.read_line(&mut line)?;
        serde_json::from_str(&line).map_err(|_| io::Error::other("the server has ended"))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What the process does: answers, until its stdin ends.
pub(crate) async fn serve(options: &Options) -> io::Result<()> {
    let (host, addr) = (Network::server(options).cidr(1), addr(options));
    let addrs = vec![addr.ip()];
    let side = if options.packets {
        Side::start_plain("glass0", host, addrs).await?
    } else {
        Side::start("glass0", host, addrs).await?
    };
    let listener = TcpListener::bind(&side.net, addr)?;
    let (_stopper, stop) = stop();
    let most = options.connections;
    match options.responder {
        Responder::Hyper => {
            let limits = Limits { connections: most, ..Limits::default() };
            let patience = http::Bounds {
                head_timeout: PATIENCE,
                idle_timeout: PATIENCE,
                ..http::Bounds::default()
            };
            let config = http::Config { bounds: patience, limits, ..Default::default() };
            tokio::spawn(http::serve(listener, http::site(), config, stop))
        }
        Responder::ByHand => tokio::spawn(http::by_hand::serve(listener, most, true, stop)),
    };
    let mut questions = tokio::io::BufReader::new(tokio::io::stdin()).lines();
    while let Some(question) = questions.next_line().await? {
        let answer = match question.as_str() {
            "cpu" => serde_json::to_string(&cpu_us()),
            _ => serde_json::to_string(&side.held()?),
        };
        println!("{}", answer?);
    }
    Ok(())
}

/// Of this process, in the kernel and outside of it.
fn cpu_us() -> u64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    u64::try_from(time.tv_sec * 1_000_000 + time.tv_nsec / 1_000).expect("it grows from zero")
}
