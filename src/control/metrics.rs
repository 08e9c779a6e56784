//! What is counted, in the text form of Prometheus.

use prometheus_client::encoding::prometheus_text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use super::Source;
use crate::device;
use crate::runtime::Net;
use crate::stack::Counters;
use crate::tcp::{State, names};
use crate::trace::DropReason;

/// What the answer says it is.
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

type Labels = Vec<(&'static str, String)>;

/// A counter: its name, what it says, and how to read it.
type Reading = (&'static str, &'static str, fn(&Counters) -> u64);

/// `_total` comes behind each of them.
const COUNTERS: [Reading; 12] = [
    ("packets_received", "Packets taken from the link", |all| all.packets_received),
    ("packets_sent", "Packets given to the link", |all| all.packets_sent),
    ("segments_received", "TCP segments of connections that arrived", |all| all.segments.received),
    ("segments_sent", "TCP segments of connections that left", |all| all.segments.sent),
    ("retransmissions", "TCP segments that left again", |all| all.segments.sent_again),
    ("connections_opened", "Connections that came to be", |all| all.connections_opened),
    ("resets_sent", "RSTs sent for segments of no connection", |all| all.resets_sent),
    ("echo_replies", "Echo requests answered", |all| all.echo_replies),
    ("syn_cookies_sent", "SYNs answered with a cookie", |all| all.syn_cookies_sent),
    ("syn_cookies_accepted", "Connections that came of a cookie", |all| all.syn_cookies_accepted),
    ("syn_cookies_refused", "Acknowledgments that brought no cookie, or an old one", |all| {
        all.syn_cookies_refused
    }),
    ("time_waits_cut_short", "Connections that left TIME_WAIT early for want of room", |all| {
        all.time_waits_cut_short
    }),
];

/// All of it, as it is now.
pub(super) async fn text(source: &Source) -> String {
    let mut registry = Registry::with_prefix("glass");
    let shards: Vec<Vec<(&str, String)>> =
        (0..source.nets.len()).map(|shard| vec![("shard", shard.to_string())]).collect();
    counters(source, &shards, &mut registry);
    drops(source, &shards, &mut registry);
    states(source, &shards, &mut registry);
    listeners(source, &mut registry);
    queues(source, &mut registry).await;
    let mut text = String::new();
    encode(&mut text, &registry).expect("a string takes all that is written");
    text
}

fn counters(source: &Source, shards: &[Labels], registry: &mut Registry) {
    // An engine that counts nothing has no numbers, which is not the same as zero.
    let counted: Vec<_> = source.nets.iter().map(Net::counters).zip(shards).collect();
    for (name, help, read) in COUNTERS {
        let family = Family::<Labels, Counter>::default();
        for (counters, shard) in &counted {
            if let Some(counters) = counters {
                family.get_or_create(shard).inc_by(read(counters));
            }
        }
        registry.register(name, help, family);
    }
}

fn drops(source: &Source, shards: &[Labels], registry: &mut Registry) {
    let family = Family::<Labels, Counter>::default();
    for (net, shard) in source.nets.iter().zip(shards) {
        for (why, count) in net.drops() {
            let labels = [shard.clone(), vec![("reason", reason(why))]].concat();
            family.get_or_create(&labels).inc_by(count);
        }
    }
    registry.register("drops", "Packets and segments that were not acted on", family);
}

/// The reason's name in events; of what could not be parsed, the same for all mistakes.
pub(super) fn reason(why: DropReason) -> String {
    match serde_json::to_value(why) {
        Ok(serde_json::Value::String(name)) => name,
        Ok(serde_json::Value::Object(kinds)) => {
            kinds.into_iter().next().map_or_else(String::new, |(name, _)| name)
        }
        _ => String::new(),
    }
}

fn states(source: &Source, shards: &[Labels], registry: &mut Registry) {
    let family = Family::<Labels, Gauge>::default();
    for (net, shard) in source.nets.iter().zip(shards) {
        let counts = net.count_states();
        // All of them, so that a curve goes down to zero and does not just end.
        for state in State::ALL.into_iter().filter(|state| *state != State::Listen) {
            let labels = [shard.clone(), vec![("state", names::course(state).to_owned())]].concat();
            let count = counts.get(&state).copied().unwrap_or_default();
            family.get_or_create(&labels).set(i64::try_from(count).unwrap_or(i64::MAX));
        }
    }
    registry.register("connections", "Connections by their state", family);
}

fn listeners(source: &Source, registry: &mut Registry) {
    let waiting = Family::<Labels, Gauge>::default();
    let half_open = Family::<Labels, Gauge>::default();
    for listener in source.nets.iter().flat_map(Net::listeners) {
        let labels = vec![("local", listener.local.to_string())];
        let count = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
        waiting.get_or_create(&labels).inc_by(count(listener.accept_queue));
        half_open.get_or_create(&labels).inc_by(count(listener.half_open));
    }
    registry.register("accept_queue", "Connections that wait to be accepted", waiting);
    registry.register(
        "half_open",
        "Connections of listeners whose handshake is under way",
        half_open,
    );
}

/// What never reached us: the kernel drops what comes to a full queue of the TUN.
async fn queues(source: &Source, registry: &mut Registry) {
    match device::dropped_by_the_kernel(&source.device).await {
        Ok(dropped) => {
            let counter = Counter::<u64>::default();
            counter.inc_by(dropped);
            let help = "Packets that the kernel dropped for want of room in the queue of the TUN";
            registry.register("tun_queue_drops", help, counter);
        }
        Err(error) => log::debug!("what the kernel dropped is not known: {error}"),
    }
}
