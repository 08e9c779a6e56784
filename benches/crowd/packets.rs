//! What a packet costs among many connections: the server's CPU time for each request, on ten connections
//! that are all there are, on the same ten among many that are idle, and on any of the many, each of which
//! has to come from memory.

use std::fmt;
use std::io;

use glasstack::runtime::TcpStream;
use serde::Serialize;

use super::server::Server;
use super::side::{Network, Side};
use super::{Options, in_time};
use super::{client, server};

/// So many are busy, and so many requests are under way at a time.
const BUSY: usize = 10;
/// Requests in a round, on each kind of connection.
const REQUESTS: usize = 10_000;
const ROUNDS: usize = 7;
/// No neighbour follows a neighbour.
const STRIDE: usize = 7919;

/// Microseconds of CPU time for each request, kernel and user, medians.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Costs {
    pub(crate) connections: usize,
    /// With ten connections, and no others.
    pub(crate) alone: f64,
    /// On these ten, while all are open.
    pub(crate) among_many: f64,
    /// On each of many others in turn.
    pub(crate) any_of_many: f64,
}

/// Measures. The two kinds among many take turns, so that whatever else the machine does meets both.
pub(crate) async fn measure(options: &Options, server: &mut Server) -> io::Result<Costs> {
    let network = Network::client(options);
    let (addrs, to) = (client::addresses(network, options.connections), server::addr(options));
    let client = Side::start_plain("glass1", network.cidr(1), addrs.clone()).await?;
    let opening = client::open(&client.net, &addrs, to, BUSY, BUSY);
    let mut busy = in_time(opening, "connections did not open").await?;
    let mut alone = Vec::new();
    for _ in 0..ROUNDS {
        alone.push(cost_of_busy(&mut busy, server).await?);
    }

    let rest = options.connections.saturating_sub(BUSY).max(1);
    let opening = client::open(&client.net, &addrs, to, rest, options.at_once);
    let mut many = in_time(opening, "connections did not open").await?;
    shuffle(&mut many);
    let (mut among_many, mut any_of_many) = (Vec::new(), Vec::new());
    let mut at = 0;
    for _ in 0..ROUNDS {
        among_many.push(cost_of_busy(&mut busy, server).await?);
        let end = (at + REQUESTS).min(many.len());
        any_of_many.push(cost(&mut many[at..end], 1, server).await?);
        at = if end == many.len() { 0 } else { end };
    }
    Ok(Costs {
        connections: options.connections,
        alone: median(alone),
        among_many: median(among_many),
        any_of_many: median(any_of_many),
    })
}

async fn cost_of_busy(busy: &mut [TcpStream], server: &mut Server) -> io::Result<f64> {
    cost(busy, REQUESTS / BUSY, server).await
}

async fn cost(streams: &mut [TcpStream], times: usize, server: &mut Server) -> io::Result<f64> {
    let before = server.cpu_us()?;
    for _ in 0..times {
        in_time(client::fetch_all(streams, BUSY), "pages did not come").await?;
    }
    #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
    let (spent, requests) = ((server.cpu_us()? - before) as f64, (times * streams.len()) as f64);
    Ok(spent / requests)
}

/// By a stride, the same on each run.
fn shuffle(streams: &mut Vec<TcpStream>) {
    let count = streams.len();
    let mut places: Vec<_> = streams.drain(..).map(Some).collect();
    let mut at = 0;
    for _ in 0..count {
        at = (at + STRIDE) % count;
        while places[at].is_none() {
            at = (at + 1) % count;
        }
        streams.extend(places[at].take());
    }
}

fn median(mut of: Vec<f64>) -> f64 {
    of.sort_by(f64::total_cmp);
    of[of.len() / 2]
}

impl fmt::Display for Costs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Costs { connections, alone, among_many, any_of_many } = *self;
        writeln!(f, "| requests on | CPU time of the server, us for each | to the first |")?;
        writeln!(f, "|---|---|---|")?;
        writeln!(f, "| {BUSY} connections, no others open | {alone:.2} | |")?;
        let ratio = among_many / alone;
        writeln!(f, "| the same, of {connections} open | {among_many:.2} | {ratio:.2} |")?;
        let ratio = any_of_many / alone;
        writeln!(f, "| any of {connections}, one after another | {any_of_many:.2} | {ratio:.2} |")
    }
}
