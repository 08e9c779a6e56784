//! Stories of whole connections, for what has to be seen of all of them together.

use std::collections::BTreeSet;

use glasstack::seq::Seq;
use glasstack::tcp::{self, Arrow, Context, Keepalive, Pool, State, Tcb};
use glasstack::time::Instant;
use glasstack::trace::{ConnId, Event, Mask, Tracer, What};

use super::{Prober, ack, data, fin, icmp, rst, secs, syn, syn_ack};

/// The arrows that all stories take together.
pub fn all_arrows() -> BTreeSet<Arrow> {
    let mut arrows = BTreeSet::new();
    let mut tell = |p: Prober| arrows.append(&mut p.arrows());
    for state in State::ALL {
        tell(Prober::in_state(state));
    }
    for state in super::OPEN_STATES {
        tell(Prober::active_in_state(state));
        tell(reset_in(state));
        tell(aborted_in(state));
        tell(given_up_in(state));
    }
    tell(reset_in(State::SynSent));
    tell(aborted_in(State::SynSent));
    tell(given_up_in(State::SynSent));
    tell(unreachable(Prober::active_in_state(State::SynSent)));
    tell(unreachable(Prober::active_in_state(State::SynReceived)));
    tell(unreachable(Prober::in_state(State::SynReceived)));
    tell(refused_handshake());
    tell(syn_in_window());
    tell(closed_in_syn_sent());
    tell(closed_to_the_end(State::LastAck));
    tell(closed_to_the_end(State::Closing));
    tell(closed_to_the_end(State::TimeWait));
    tell(new_incarnation());
    tell(unlistened());
    tell(orphaned());
    tell(data_after_close(1));
    tell(data_after_close(2));
    tell(closed_in_simultaneous_open());
    arrows.append(&mut single_connection());
    arrows
}

pub fn reset_in(state: State) -> Prober {
    let mut p = Prober::active_in_state(state);
    let next = p.conn.next;
    p.send(if state == State::SynSent { super::rst_ack().ack(1) } else { rst().seq(next) });
    p
}

/// An ICMP error comes about our SYN.
pub fn unreachable(mut p: Prober) -> Prober {
    let error = p.icmp_error(0, icmp::PORT_UNREACHABLE, 0);
    p.send_packet(&error);
    p
}

pub fn aborted_in(state: State) -> Prober {
    let mut p = Prober::active_in_state(state);
    p.abort();
    p
}

/// Nothing is acknowledged any more. In FIN_WAIT_2 nothing is out, so keep-alive has to find out.
pub fn given_up_in(state: State) -> Prober {
    let mut p = Prober::active_in_state(state);
    if matches!(state, State::Established | State::CloseWait) {
        p.write(b"into the void");
    }
    if state == State::FinWait2 {
        let keepalive = Keepalive { idle: secs(1), interval: secs(1), probes: 1 };
        p.stack.set_keepalive(p.handle(), Some(keepalive), p.now);
        p.settle();
    }
    p.advance(secs(2000));
    p
}

pub fn refused_handshake() -> Prober {
    let mut p = Prober::in_state(State::SynReceived);
    p.send(rst().seq(1));
    p
}

pub fn syn_in_window() -> Prober {
    let mut p = Prober::in_state(State::SynReceived);
    p.send(syn().seq(100));
    p
}

pub fn closed_in_syn_sent() -> Prober {
    let mut p = Prober::in_state(State::SynSent);
    p.close();
    p
}

pub fn closed_in_simultaneous_open() -> Prober {
    let mut p = Prober::active_in_state(State::SynReceived);
    p.close();
    p
}

pub fn closed_to_the_end(state: State) -> Prober {
    let mut p = Prober::in_state(state);
    p.send(ack().ack(2)).advance(secs(60));
    p
}

pub fn new_incarnation() -> Prober {
    let mut p = Prober::in_state(State::TimeWait);
    p.send(syn().seq(1000)).expect(syn_ack());
    p
}

pub fn unlistened() -> Prober {
    let mut p = Prober::in_state(State::SynReceived);
    p.stack.unlisten(p.listener.expect("it listens"), p.now);
    p.settle();
    p
}

pub fn orphaned() -> Prober {
    let mut p = Prober::in_state(State::Established);
    p.release().expect(fin()).send(ack()).advance(secs(60));
    p
}

pub fn data_after_close(acked: u32) -> Prober {
    let mut p = Prober::in_state(State::Established);
    p.release().expect(fin()).send(data(b"too late").ack(acked));
    p
}

/// What a stack never does with a connection but the machine can: LISTEN by itself.
pub fn single_connection() -> BTreeSet<Arrow> {
    let config = tcp::Config::default();
    let mut tracer = Tracer::new(Mask::STATES);
    for call in [Tcb::abort, |tcb: &mut Tcb, cx: &mut Context<'_>| {
        tcb.open_active(cx).expect("a listening connection may turn active");
    }] {
        let (now, conn) = (Instant::ZERO, ConnId(1));
        let pool = &mut Pool::new();
        let mut cx = Context { now, config: &config, conn, tracer: &mut tracer, pool };
        let mut tcb = Tcb::new(Seq(1), 0, &config);
        tcb.open_passive(&mut cx).expect("it is new");
        call(&mut tcb, &mut cx);
    }
    arrows_of(&tracer.take())
}

pub fn arrows_of(events: &[Event]) -> BTreeSet<Arrow> {
    let arrow = |event: &Event| match event.what {
        What::State { from, to, cause, .. } => Some((from, to, cause)),
        _ => None,
    };
    events.iter().filter_map(arrow).collect()
}
