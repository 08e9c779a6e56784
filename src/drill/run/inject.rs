//! Packets to the stack.

use super::{Failure, Mark, Result, Runner};
use crate::drill::packet::{self, Ends, Numbers, Seen};
use crate::drill::plan::Step;
use crate::drill::script::ast::{Body, Options, Packet, Tcp, TcpOption};

const SYN: u8 = 2;

impl Runner<'_> {
    pub(super) fn inject(&mut self, step: &Step, packet: &Packet) -> Result {
        let index = self.connections.for_inbound(packet.ports);
        self.learn_offset(index);
        let tuple = self.connections.at(index).tuple.expect("it has two ends");
        let ends = Ends { src: tuple.remote, dst: tuple.local };
        let made = match &packet.body {
            Body::Tcp(line) => {
                let numbers = self.numbers(step, index, line)?;
                packet::tcp(ends, &packet.ip, line, &numbers)
            }
            Body::Udp { len } => packet::udp(ends, &packet.ip, *len),
            Body::Icmp(line) => {
                let (seq, len) = line.quoted.unwrap_or_default();
                let seq = self.connections.at(index).wire_number(seq);
                let message = self.plan.setup.icmp_message(line).expect("the plan has looked");
                packet::icmp(ends, &packet.ip, message, (seq, len))
            }
        };
        let octets =
            made.map_err(|why| Failure::at(step.at, format!("no such packet: {}", why.0)))?;
        self.subject.on_packet(&octets);
        let text = step.text.trim_start_matches('<').trim().to_owned();
        self.row(Mark::In, step.at.line, text);
        self.resume()
    }

    /// The numbers of a segment on the wire: the peer's are the script's own, ours count from our SYN.
    fn numbers(&mut self, step: &Step, index: usize, line: &Tcp) -> Result<Numbers> {
        let connection = self.connections.at(index);
        let written = match &line.options {
            Options::Exactly(options) => &options[..],
            Options::Any => &[],
        };
        let mut options = Vec::with_capacity(written.len());
        for option in written {
            options.push(match option {
                TcpOption::Timestamps { val, ecr } => {
                    let live = match *ecr {
                        0 => Some(0),
                        known => connection.timestamps.get(&known).copied(),
                    };
                    let ecr = live.ok_or_else(|| unknown_timestamp(step, *ecr))?;
                    TcpOption::Timestamps { val: *val, ecr }
                }
                TcpOption::Sack(blocks) => {
                    let ours = |number: u32| connection.wire_number(number);
                    let blocks = blocks.iter().map(|(left, right)| (ours(*left), ours(*right)));
                    TcpOption::Sack(blocks.collect())
                }
                other => other.clone(),
            });
        }
        let ack = line.ack.map_or(0, |ack| connection.wire_number(ack));
        Ok(Numbers { seq: line.seq, ack, options })
    }

    /// Takes what has left so far: our SYN may be among it, from which the script counts.
    pub(super) fn learn_offset(&mut self, index: usize) {
        self.collect();
        let connection = self.connections.at(index);
        if connection.offset.is_none() {
            let syn = connection.sent.iter().find(|(_, seen)| seen.has(SYN));
            connection.offset = syn.map(|(_, seen)| seen.seq);
        }
    }

    /// Gives each packet that has left to its connection.
    pub(super) fn collect(&mut self) {
        while let Some(sent) = self.subject.take_sent() {
            let Some(seen) = Seen::parse(&sent.packet) else {
                let text = format!("a packet of {} octets that is not TCP", sent.packet.len());
                self.row_at(sent.at, Mark::Skipped, None, text);
                continue;
            };
            match self.connections.of_packet(&seen) {
                Some(index) => self.connections.at(index).sent.push_back((sent.at, seen)),
                None => {
                    let ends = format!("{} > {}", seen.ends.src, seen.ends.dst);
                    let segment = packet::flags(seen.flags);
                    let text = format!("{segment} of another connection ({ends})");
                    self.row_at(sent.at, Mark::Skipped, None, text);
                }
            }
        }
    }
}

fn unknown_timestamp(step: &Step, ecr: u32) -> Failure {
    let what = format!("ecr {ecr} is the val of no segment that the stack has sent in this script");
    Failure::at(step.at, what)
}
