//! smoltcp repeats itself without end in one case, and is interrupted here.
//!
//! Its timer for probes of a closed window (smoltcp 0.14) goes on when the peer acknowledges the last
//! octets and keeps the window closed. If a FIN was among these, the socket is in FIN-WAIT-2, where the
//! timer that has run out makes it send an ACK each time it is asked and is never set again: until the peer
//! opens its window or closes, there is always another packet to send.

use std::collections::VecDeque;
use std::time::Duration;

use smoltcp::socket::tcp;

use super::Smoltcp;

/// How long it rests when it has repeated itself. Then it is asked again, for something else may have
/// become due.
pub(super) const REST: Duration = Duration::from_millis(100);

/// The ACKs that were all that its sockets said last, while one of them was in FIN-WAIT-2.
#[derive(Default)]
pub(super) struct Said(VecDeque<Vec<u8>>);

impl Smoltcp {
    /// Takes back what the sockets have just said if it is what they said before, word for word; says
    /// whether it was.
    pub(super) fn repeats_itself(&mut self) -> bool {
        let saying = &self.link.outbound;
        let mut states = self.connections.iter().map(|(_, connection)| connection.seen.state);
        let may_repeat = saying.iter().all(|packet| is_bare_ack(packet))
            && states.any(|state| state == tcp::State::FinWait2);
        if !may_repeat {
            self.said.0.clear();
            return false;
        }
        let repeats = !saying.is_empty() && *saying == self.said.0;
        self.said.0.clone_from(saying);
        if repeats {
            self.link.outbound.clear();
        }
        repeats
    }
}

/// Whether a packet of smoltcp's, which has no IP options, is an ACK and nothing else.
fn is_bare_ack(packet: &[u8]) -> bool {
    const TCP_HEADER: usize = 20;
    const FLAGS: usize = 13;
    const ACK: u8 = 0x10;
    let ip_header = match packet.first().map(|first| first >> 4) {
        Some(4) => 20,
        _ => 40,
    };
    packet.len() == ip_header + TCP_HEADER && packet[ip_header + FLAGS] == ACK
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use etherparse::{PacketBuilder, TcpSlice};

    use super::super::SmoltcpConfig;
    use super::*;
    use crate::engine::Engine;
    use crate::tcp::State;
    use crate::time::Instant;

    const HERE: [u8; 4] = [192, 0, 2, 2];
    const THERE: [u8; 4] = [192, 0, 2, 1];

    fn segment(flags: &str, seq: u32, ack: u32, window: u16) -> Bytes {
        let builder = PacketBuilder::ipv4(THERE, HERE, 64).tcp(40_000, 80, seq, window);
        let builder = match flags {
            "SYN" => builder.syn(),
            "FIN,ACK" => builder.fin().ack(ack),
            _ => builder.ack(ack),
        };
        let mut packet = Vec::new();
        builder.write(&mut packet, &[]).expect("it is short");
        packet.into()
    }

    /// What it says now, and how far its sequence numbers reach; fails if there is no end.
    fn say(engine: &mut Smoltcp, now: Instant) -> (usize, u32) {
        let (mut count, mut reaches) = (0, 0);
        while let Some(frame) = engine.poll_output(now) {
            let packet = frame.to_bytes();
            let tcp = TcpSlice::from_slice(&packet[20..]).expect("a segment");
            let len = tcp.payload().len() + usize::from(tcp.syn()) + usize::from(tcp.fin());
            reaches = tcp.sequence_number() + u32::try_from(len).expect("it is short");
            count += 1;
            assert!(count < 100, "packets without end");
        }
        (count, reaches)
    }

    #[test]
    fn a_window_that_stays_closed_behind_a_fin_is_no_reason_to_talk_for_ever() {
        let addrs = vec![HERE.into()];
        let mut engine = Smoltcp::new(SmoltcpConfig { addrs, ..SmoltcpConfig::default() });
        let listener = engine.listen((HERE, 80).into(), 4).expect("a free port");
        let mut now = Instant::ZERO;
        engine.on_packet(&segment("SYN", 0, 0, 1000), now);
        let (_, first) = say(&mut engine, now);
        engine.on_packet(&segment("ACK", 1, first, 1000), now);
        let handle = engine.accept(listener).expect("established");
        assert_eq!(engine.send(handle, &[0; 600], now), Ok(600));
        engine.close(handle, now).expect("established");
        let (_, end) = say(&mut engine, now);
        // The window closes while some of it is on its way, but that arrives all the same.
        engine.on_packet(&segment("ACK", 1, first + 536, 0), now);
        say(&mut engine, now);
        engine.on_packet(&segment("ACK", 1, end.max(first + 601), 0), now);
        say(&mut engine, now);
        assert_eq!(engine.state(handle), State::FinWait2);
        let mut said = 0;
        for _ in 0..600 {
            now += REST;
            if engine.next_deadline().is_some_and(|at| at <= now) {
                engine.on_timeout(now);
                said += say(&mut engine, now).0;
            }
        }
        assert!(said <= 3, "{said} packets in a minute");
        engine.on_packet(&segment("FIN,ACK", 1, first + 601, 0), now);
        // The FIN is acknowledged all the same.
        let (said, _) = say(&mut engine, now + Duration::from_secs(1));
        assert_eq!((said, engine.state(handle)), (1, State::TimeWait));
    }
}
