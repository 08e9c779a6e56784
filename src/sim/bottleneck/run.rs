//! From a scenario to its outcome: builds the network, runs it from sample to sample, counts at the
//! bottleneck.

use std::cell::RefCell;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::rc::Rc;
use std::time::Duration;

use super::bulk::{Sink, Source};
use super::outcome::{FlowOutcome, Measured, Outcome, Sample};
use super::{FlowPlan, Scenario, statistics};
use crate::sim::{Ended, Fate, HostId, Observed, Random, World};
use crate::stack::{self, Secret, Stack};
use crate::tcp;
use crate::time::Instant;
use crate::trace::Mask;

const PORT: u16 = 80;
/// Buffers of the ends, in what the path holds at most: more than congestion control can use.
const BUFFER_FACTOR: u64 = 4;
/// They are never smaller than this, nor larger than a scaled window can say (RFC 7323 2.3).
const LEAST_BUFFER: u64 = 4 << 20;
const MOST_BUFFER: u64 = 1 << 30;

/// A flow at work: its hosts, and what the bottleneck made of its packets.
struct Flow {
    plan: FlowPlan,
    sender: HostId,
    receiver: HostId,
    samples: Vec<Sample>,
}

/// What was counted at the bottleneck of the packets of one flow, while measuring.
#[derive(Clone, Debug, Default)]
struct Tally {
    sent: u64,
    dropped: u64,
    lost: u64,
    /// How long each that was carried took from when it came to when it had left.
    waits_us: Vec<u32>,
}

impl Scenario {
    /// Runs it.
    ///
    /// # Errors
    ///
    /// In words, when virtual time does not get on: a defect.
    ///
    /// # Panics
    ///
    /// With more than 60,000 flows.
    pub fn run(&self) -> Result<Outcome, String> {
        self.run_watched(Mask::empty(), |_, _| {})
    }

    /// The same, looked at by what `watch` adds to the network. It is told the hosts, two for each flow: who sends,
    /// and who receives. They raise these events.
    ///
    /// # Errors
    ///
    /// As [`Scenario::run`].
    ///
    /// # Panics
    ///
    /// As [`Scenario::run`].
    pub fn run_watched(
        &self,
        events: Mask,
        watch: impl FnOnce(&mut World, &[HostId]),
    ) -> Result<Outcome, String> {
        let mut world = World::new(self.seed);
        let mut flows = self.build(&mut world, events);
        let hosts: Vec<_> = flows.iter().flat_map(|flow| [flow.sender, flow.receiver]).collect();
        watch(&mut world, &hosts);
        let tallies = self.count(&mut world, &flows);
        let end = Instant::ZERO + self.duration;
        while world.now() < end {
            let step = self.sample.max(Duration::from_nanos(1)).min(end - world.now());
            match world.run(step) {
                Ended::TimeLimit => flows.iter_mut().for_each(|flow| flow.look(&mut world)),
                // Every flow has died.
                Ended::Quiet => break,
                Ended::Stuck { host, why } => return Err(format!("{}: {why}", world.name(host))),
            }
        }
        let tallies = tallies.take();
        let flows = flows.into_iter().zip(tallies);
        let flows = flows.map(|(flow, tally)| self.outcome(flow, tally, &world)).collect();
        Ok(Outcome { scenario: self.clone(), flows })
    }

    fn build(&self, world: &mut World, events: Mask) -> Vec<Flow> {
        let mut random = Random::new(self.seed);
        let flows: Vec<Flow> = (0..)
            .zip(&self.flows)
            .map(|(index, plan)| {
                let mut host = |network, name| {
                    let addr = address(network, index);
                    let config = stack::Config { events, ..self.config(*plan, addr) };
                    let engine = Stack::new(config, secret(&mut random));
                    world.add_host(&format!("{name} {}", index + 1), addr, Box::new(engine))
                };
                let (sender, receiver) = (host(1, "sender"), host(2, "receiver"));
                Flow { plan: *plan, sender, receiver, samples: Vec::new() }
            })
            .collect();
        let senders: Vec<HostId> = flows.iter().map(|flow| flow.sender).collect();
        let receivers: Vec<HostId> = flows.iter().map(|flow| flow.receiver).collect();
        world.join(&senders, &receivers, self.there(), self.back());
        for (index, flow) in (0..).zip(&flows) {
            let addr = SocketAddr::new(address(2, index), PORT);
            world
                .listen(flow.receiver, addr, 1, || Box::new(Sink::default()))
                .expect("a new host listens to nothing yet");
            let start = Instant::ZERO + flow.plan.start;
            world.connect_at(start, flow.sender, addr, Box::new(Source::new()));
        }
        flows
    }

    fn config(&self, plan: FlowPlan, addr: IpAddr) -> stack::Config {
        let buffer = self.held().saturating_mul(BUFFER_FACTOR).clamp(LEAST_BUFFER, MOST_BUFFER);
        let buffer = u32::try_from(buffer).expect("at most 1 GiB");
        let tcp = tcp::Config {
            congestion: plan.algorithm,
            ecn: if self.mark_above.is_some() { tcp::EcnMode::On } else { tcp::EcnMode::Off },
            receive_buffer: buffer,
            send_buffer: buffer as usize,
            ..tcp::Config::default()
        };
        stack::Config { addrs: vec![addr], mtu: self.mtu, tcp, ..stack::Config::default() }
    }

    /// Counts the data of each flow at the bottleneck.
    fn count(&self, world: &mut World, flows: &[Flow]) -> Rc<RefCell<Vec<Tally>>> {
        let tallies = Rc::new(RefCell::new(vec![Tally::default(); flows.len()]));
        let by_host: Vec<(HostId, usize)> =
            flows.iter().zip(0..).map(|(flow, index)| (flow.sender, index)).collect();
        let (from, rate) = (self.measured_from(), self.rate.max(1));
        let shared = Rc::clone(&tallies);
        world.observe(move |seen| {
            let sender = by_host.binary_search_by_key(&seen.from, |(host, _)| *host);
            if let Ok(found) = sender
                && seen.at >= from
                && has_data(seen.packet)
            {
                shared.borrow_mut()[by_host[found].1].add(seen, rate);
            }
        });
        tallies
    }

    fn outcome(&self, flow: Flow, tally: Tally, world: &World) -> FlowOutcome {
        let source = world.apps(flow.sender).next();
        let error = source.and_then(|app| app.get::<Source>()?.error());
        let measured = self.measured(&flow.samples, tally);
        FlowOutcome { plan: flow.plan, samples: flow.samples, measured, error }
    }

    #[expect(clippy::cast_precision_loss, reason = "octets and packets of an experiment")]
    fn measured(&self, samples: &[Sample], mut tally: Tally) -> Measured {
        let first = samples.iter().position(|sample| sample.at >= self.measured_from());
        let samples = first.map_or(&[][..], |first| &samples[first..]);
        let [first, .., last] = samples else { return Measured::default() };
        // A flow that died has no samples any more, and delivers nothing until the end.
        let took = (Instant::ZERO + self.duration - first.at).as_secs_f64();
        let queues: Vec<f64> = samples.iter().map(|sample| sample.queue as f64).collect();
        let rtt = |wait_us: f64| self.rtt + Duration::from_secs_f64(wait_us / 1e6);
        let waits: f64 = tally.waits_us.iter().copied().map(f64::from).sum();
        let wait_95 = statistics::percentile(&mut tally.waits_us, 95).unwrap_or_default();
        Measured {
            goodput: (last.delivered - first.delivered) as f64 * 8.0 / took,
            sent: tally.sent,
            dropped: tally.dropped,
            lost: tally.lost,
            retransmissions: last.retransmissions - first.retransmissions,
            rtt_mean: rtt(waits / tally.waits_us.len().max(1) as f64),
            rtt_95: rtt(f64::from(wait_95)),
            queue_mean: statistics::mean(&queues),
        }
    }
}

impl Flow {
    /// Takes a sample, if the flow is there.
    fn look(&mut self, world: &mut World) {
        let Some(handle) = world.apps(self.sender).next().map(super::super::Running::handle) else {
            return;
        };
        let at = world.now();
        let Some(summary) = world.engine(self.sender).status(handle, at) else { return };
        let status = summary.status;
        let sink = world.apps(self.receiver).next().and_then(|app| app.get::<Sink>());
        let delivered = sink.map_or(0, Sink::read);
        self.samples.push(Sample {
            at,
            cwnd: status.cwnd,
            ssthresh: Some(status.ssthresh).filter(|threshold| *threshold != u32::MAX),
            srtt: status.srtt,
            in_flight: status.in_flight,
            delivered,
            retransmissions: status.retransmissions,
            queue: world.queued(self.sender, self.receiver) as u64,
        });
    }
}

impl Tally {
    fn add(&mut self, seen: &Observed<'_>, rate: u64) {
        self.sent += 1;
        match seen.fate {
            Fate::Carried { .. } => {
                let octets = (seen.waiting + seen.packet.len()) as u64;
                let micros = octets.saturating_mul(8_000_000) / rate;
                self.waits_us.push(u32::try_from(micros).unwrap_or(u32::MAX));
            }
            Fate::Lost => self.lost += 1,
            Fate::QueueFull => self.dropped += 1,
        }
    }
}

/// For sequence numbers and ports; the seed decides about them too.
fn secret(random: &mut Random) -> Secret {
    let mut octets = [0; 32];
    octets.chunks_mut(8).for_each(|chunk| chunk.copy_from_slice(&random.number().to_le_bytes()));
    Secret(octets)
}

/// The address of a flow's end in the network of senders, or of receivers.
fn address(network: u8, index: u16) -> IpAddr {
    let [high, low] = (index + 1).to_be_bytes();
    IpAddr::V4(Ipv4Addr::new(10, network, high, low))
}

/// Whether an IPv4 packet with TCP in it has data behind the headers.
fn has_data(packet: &[u8]) -> bool {
    let header = packet.first().map_or(0, |octet| usize::from(octet & 0xf) * 4);
    let offset = packet.get(header + 12).map_or(0, |octet| usize::from(octet >> 4) * 4);
    packet.len() > header + offset
}
