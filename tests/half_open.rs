//! Connections whose handshake is under way: small, as many as a listener lets wait, and to the peer and to
//! whoever looks as if they had been kept whole. Beyond that many, SYN cookies (RFC 4987 3.6).

mod common;

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use common::*;
use glasstack::sim::Random;
use glasstack::stack::{Config, Counters, Input, Journal, Settings, checksum};
use glasstack::tcp::{self, EcnMode, Status};
use glasstack::time::Instant;
use glasstack::trace::{ConnId, DropReason, Event, What};
use glasstack::wire::{Ecn, Flags, Options, Timestamps};

/// What a peer says before, while and after its SYN is answered; what it and the application see.
fn story(seed: u64, whole_handshakes: usize) -> (Vec<String>, Vec<Event>) {
    let mut random = Random::new(seed);
    let mut p = Prober::with(|config| {
        config.whole_handshakes = whole_handshakes;
        config.tcp.timestamps = random.chance(0.7);
        config.tcp.window_scaling = random.chance(0.7);
        config.tcp.receive_buffer = random.pick(&[1000, 60_000, 1 << 20]);
        config.tcp.ecn = random.pick(&[EcnMode::Off, EcnMode::Accept]);
        config.tcp.user_timeout = random.chance(0.2).then_some(secs(20));
        config.tcp.syn_retries = random.pick(&[3, 8]);
        config.tcp.frto = random.chance(0.7);
    });
    if random.chance(0.5) {
        let tcp =
            tcp::Config { congestion: tcp::Algorithm::NewReno, ..p.stack.config().tcp.clone() };
        let settings = Settings { tcp, ..p.stack.default_settings() };
        p.stack.configure_listener(p.listener.expect("it listens"), settings);
    }
    p.advance(Duration::from_micros(random.below(1 << 30)));
    let stamps = random.chance(0.7);
    let options = move |stamps: bool, val| if stamps { ts(val, 0) } else { Options::default() };
    let offer = Options {
        mss: random.pick(&[None, Some(300), Some(1460)]),
        window_scale: random.pick(&[None, Some(0), Some(7), Some(15)]),
        sack_permitted: random.chance(0.5),
        timestamps: stamps.then_some(Timestamps { val: 1000, ecr: 0 }),
        ..Options::default()
    };
    let mut first = syn().options(offer).wnd(random.pick(&[0, 500, 65_535]));
    if random.chance(0.5) {
        first.flags |= Flags::ECE | Flags::CWR;
    }
    let mut seen = Vec::new();
    let mut look = |p: &mut Prober| {
        seen.extend(p.take_packets().iter().map(|packet| format!("{packet:?}")));
        seen.push(format!(
            "{:?} {:?} {:?}",
            p.now,
            p.status().map(without_counts),
            p.stack.drops()
        ));
    };
    // This tells the prober where the stack's numbers begin.
    let answer = p.send(first.clone()).take_sent();
    assert_eq!(answer.len(), 1);
    look(&mut p);
    for _ in 0..random.below(12) {
        match random.below(6) {
            0 => p.send(first.clone()),
            1 => {
                p.send(syn().seq(0).options(Options { timestamps: offer.timestamps, ..mss(1460) }))
            }
            2 => {
                let seq = random.pick(&[0, 1, 2, 70_000, 1 << 31]);
                let flags =
                    random.pick(&[Flags::ACK, Flags::ACK | Flags::FIN, Flags::RST, Flags::SYN]);
                let mut junk = bare().flag(flags).seq(seq).options(options(stamps, 1000));
                junk.ack = flags.contains(Flags::ACK).then(|| random.pick(&[0, 2, 1 << 30]));
                p.send(junk)
            }
            _ => p.advance(Duration::from_millis(random.below(8_000))),
        };
        look(&mut p);
    }
    // The answer comes, with data in it or behind it.
    let mut answer = ack().seq(1).options(options(stamps, 1007)).ecn(Ecn::NotEct);
    answer.ack = Some(1);
    if random.chance(0.3) {
        answer = answer.data(b"in a hurry");
    }
    p.send(answer);
    look(&mut p);
    if let Some(handle) = p.stack.accept(p.listener.expect("it listens")) {
        p.conn.handle = Some(handle);
        p.conn.next = 1;
        let _ = p.try_write(&pattern(1, 20_000));
        look(&mut p);
        p.advance(ms(700));
        look(&mut p);
        p.abort();
        look(&mut p);
    }
    (seen, p.events)
}

/// What came before an entry was compacted is not counted.
fn without_counts(status: Status) -> Status {
    Status { segments_sent: 0, segments_received: 0, retransmissions: 0, ..status }
}

#[test]
fn to_the_peer_and_in_the_log_a_compact_one_is_as_a_whole_one() {
    let mut accepted = 0;
    for seed in 0..400 {
        let (whole, compact) = (story(seed, 1), story(seed, 0));
        for (nth, (whole, compact)) in whole.0.iter().zip(&compact.0).enumerate() {
            assert_eq!(whole, compact, "seed {seed}, {nth}");
        }
        for (whole, compact) in whole.1.iter().zip(&compact.1) {
            assert_eq!(whole, compact, "seed {seed}");
        }
        assert_eq!((whole.0.len(), whole.1.len()), (compact.0.len(), compact.1.len()));
        let stands =
            |event: &Event| matches!(event.what, What::State { to: State::Established, .. });
        accepted += usize::from(compact.1.iter().any(stands));
    }
    assert!(accepted > 100, "only {accepted} stories had a connection");
}

/// The listener lets so many wait.
const BACKLOG: u16 = 16;

/// Before a listener that has no room for another handshake.
fn flooded(configure: impl FnOnce(&mut Config)) -> Prober {
    let mut p = Prober::with(|config| {
        config.whole_handshakes = 3;
        configure(config);
    });
    for port in 1..=BACKLOG {
        p.on_port(port).reach(State::SynReceived);
    }
    p.on_port(PEER_PORT);
    p
}

fn cookies(p: &Prober) -> (u64, u64, u64) {
    let Counters { syn_cookies_sent, syn_cookies_accepted, syn_cookies_refused, .. } =
        p.stack.counters();
    (syn_cookies_sent, syn_cookies_accepted, syn_cookies_refused)
}

fn offer(stamps: bool) -> Options {
    let timestamps = Some(Timestamps { val: 1000, ecr: 0 }).filter(|_| stamps);
    Options { timestamps, window_scale: Some(9), ..all_options(0) }
}

/// The peer's timestamp, and what it echoes of the stack's last.
fn echo(p: &mut Prober, val: u32) -> (Options, Seg) {
    let sent = p.take_sent();
    let last = sent.last().expect("something was sent").clone();
    let theirs = last.options.and_then(|options| options.timestamps);
    let options = theirs.map_or_else(Options::default, |theirs| ts(val, theirs.val));
    (options, last)
}

#[test]
fn with_timestamps_a_cookie_keeps_everything() {
    let mut p = flooded(|_| {});
    p.advance(ms(4_321));
    p.take_sent();
    p.on_port(PEER_PORT).send(syn().options(offer(true)).flag(Flags::ECE | Flags::CWR));
    let held = p.stack.states().count();
    assert_eq!(held, usize::from(BACKLOG), "nothing is held for it");
    let (options, answer) = echo(&mut p, 1001);
    assert_eq!(answer.flags, Flags::SYN | Flags::ACK | Flags::ECE);
    let theirs = answer.options.expect("there are some");
    assert!(theirs.sack_permitted && theirs.window_scale.is_some() && theirs.mss == Some(1460));
    p.send(ack().ack(1).wnd(3).options(options)).accept().expect_state(State::Established);
    let status = p.status().expect("it stands");
    assert_eq!((status.send_mss, status.send_window), (1460, 3 << 9));
    assert_eq!(status.send_window_scale, Some(9));
    assert!(status.sack && status.timestamps && status.ecn);
    let way: Vec<_> = status.transitions.iter().map(|step| step.to).collect();
    assert_eq!(way, [State::Listen, State::SynReceived, State::Established]);
    assert_eq!(cookies(&p), (1, 1, 0));
    // It works.
    let stamp = ts(1002, 0);
    p.send(data(b"GET").options(stamp)).expect_read(b"GET");
    p.write(b"here").take_sent();
    p.conn.expected = 1;
    p.advance(ms(300));
    assert!(!p.take_sent().is_empty(), "it is sent again until it is acknowledged");
}

#[test]
fn without_timestamps_a_cookie_keeps_the_segment_size_and_offers_no_more() {
    for (mss, kept) in [(1460, 1460), (1459, 1440), (1300, 1208), (536, 536), (9000, 1460)] {
        let mut p = flooded(|_| {});
        p.send(syn().options(Options { mss: Some(mss), ..offer(false) }));
        let (options, answer) = echo(&mut p, 0);
        assert_eq!(answer.options, Some(common::mss(1460)), "nothing else can be kept");
        p.send(ack().ack(1).options(options)).accept().expect_state(State::Established);
        let status = p.status().expect("it stands");
        assert_eq!(status.send_mss, kept, "for {mss}");
        assert!(!status.sack && status.send_window_scale.is_none() && !status.timestamps);
    }
    let mut p = flooded(|_| {});
    p.send(syn().options(mss(200))).expect_silence();
    assert_eq!(p.drops(DropReason::ListenQueueFull), 1, "it would be given too much at a time");
}

#[test]
fn cookies_are_for_a_full_queue_only_and_can_be_turned_off() {
    let mut p = Prober::new();
    p.send(syn()).expect(syn_ack());
    assert_eq!((cookies(&p), p.stack.states().count()), ((0, 0, 0), 1));
    let mut p = flooded(|config| config.syn_cookies = false);
    p.send(syn()).expect_silence();
    assert_eq!(p.drops(DropReason::ListenQueueFull), 1);
    assert_eq!(cookies(&p), (0, 0, 0));
}

#[test]
fn an_old_cookie_is_worth_nothing() {
    // What is left of the minute in which it is made is added to the next.
    for (made, taken, good) in [(0, 119, true), (59, 118, true), (59, 120, false), (10, 130, false)]
    {
        let mut p = flooded(|_| {});
        p.advance(secs(made));
        p.take_sent();
        p.on_port(PEER_PORT).send(syn()).expect(syn_ack());
        p.advance(secs(taken - made));
        p.take_sent();
        p.send(ack().seq(1).ack(1));
        let state = if good { State::Established } else { State::Closed };
        p.expect_state(state);
        if !good {
            p.expect(rst().seq(1));
        }
    }
}

#[test]
fn a_forged_cookie_makes_nothing() {
    let mut p = flooded(|_| {});
    p.send(syn().options(offer(true)));
    let (options, _) = echo(&mut p, 1001);
    let stamp = options.timestamps.expect("it is in use");
    let mut random = Random::new(1);
    let before = p.stack.states().count();
    // Another number, another port, another timestamp: nothing of it is left to choose.
    for _ in 0..20_000 {
        let guess = u32::try_from(random.below(1 << 32)).unwrap();
        p.send(ack().seq(1).ack(guess).options(options));
    }
    for kept in (0..64).filter(|kept| *kept != stamp.ecr & 63) {
        let options = ts(stamp.val, stamp.ecr & !63 | kept);
        p.send(ack().seq(1).ack(1).options(options));
    }
    p.send(ack().seq(2).ack(1).options(options)).send(ack().seq(1).ack(2).options(options));
    let iss = p.conn.iss;
    p.on_port(PEER_PORT + 1).conn.iss = iss;
    p.send(ack().seq(1).ack(1).options(options));
    assert_eq!(p.stack.states().count(), before);
    assert_eq!(cookies(&p), (1, 0, 20_066));
    p.take_sent();
    // The honest one still does.
    p.on_port(PEER_PORT).conn.iss = iss;
    p.send(ack().seq(1).ack(1).options(options)).expect_state(State::Established);
    assert_eq!(cookies(&p), (1, 1, 20_066));
}

#[test]
fn the_accept_queue_keeps_its_bound() {
    let mut p = flooded(|_| {});
    let listener = p.listener.expect("it listens");
    // Somebody is given a cookie, and keeps it for now.
    p.on_port(3000).send(syn()).expect(syn_ack());
    let iss = p.conn.iss;
    for port in 1..=BACKLOG {
        p.on_port(1000 + port).send(syn()).expect(syn_ack());
        p.send(ack().seq(1).ack(1));
    }
    assert_eq!(p.stack.waiting_to_be_accepted(listener), usize::from(BACKLOG));
    // Nobody is given hope any more.
    p.on_port(3001).send(syn()).expect_silence();
    // Whose SYN was answered before is taken, until there are twice as many.
    for port in 1..=BACKLOG {
        p.on_port(port).conn.iss = None;
        p.send(syn()).expect(syn_ack()).send(ack().seq(1).ack(1));
        p.expect_state(State::Established);
    }
    assert_eq!(p.stack.waiting_to_be_accepted(listener), 2 * usize::from(BACKLOG));
    let full = p.drops(DropReason::ListenQueueFull);
    p.on_port(3000).conn.iss = iss;
    p.send(ack().seq(1).ack(1)).expect_silence();
    assert_eq!(p.drops(DropReason::ListenQueueFull), full + 1);
    assert_eq!(p.stack.waiting_to_be_accepted(listener), 2 * usize::from(BACKLOG));
    // Once there is room, the same acknowledgment does.
    p.stack.accept(listener).expect("there are some");
    p.send(ack().seq(1).ack(1)).expect_state(State::Established);
}

#[test]
fn a_listener_that_goes_takes_them_along() {
    let mut p = flooded(|_| {});
    p.stack.unlisten(p.listener.expect("it listens"), p.now);
    p.settle();
    assert_eq!(p.stack.states().count(), 0);
    let ended: Vec<_> = p.events.iter().filter(|event| event.what == What::Removed).collect();
    assert_eq!(ended.len(), usize::from(BACKLOG));
    assert_eq!(p.take_packets().len(), usize::from(BACKLOG), "a RST for each");
    p.on_port(1).send(ack().seq(1).ack(1)).expect(rst());
}

#[test]
fn they_are_listed_and_known_by_their_ends() {
    let mut p = Prober::with(|config| config.whole_handshakes = 0);
    p.send(syn()).expect(syn_ack());
    let (local, remote) = (SocketAddr::new(US, OUR_PORT), SocketAddr::new(PEER, PEER_PORT));
    let id = p.stack.id_of(&glasstack::stack::FourTuple { local, remote });
    assert_eq!(id, Some(ConnId(1)));
    assert_eq!(p.stack.states().collect::<Vec<_>>(), [(ConnId(1), State::SynReceived)]);
    let status = p.status().expect("it is listed");
    assert_eq!((status.state, status.in_flight, status.timers.len()), (State::SynReceived, 1, 1));
}

// MUST-20, MUST-23
#[test]
fn many_that_never_answer_are_given_up_one_and_all() {
    let mut p = flooded(|_| {});
    p.advance(secs(180));
    assert_eq!(p.stack.states().count(), usize::from(BACKLOG));
    p.advance(secs(400));
    assert_eq!(p.stack.states().count(), 0);
    assert_eq!(p.take_packets().len(), 8 * usize::from(BACKLOG), "eight times more for each");
    p.send(syn().seq(0)).expect(syn_ack());
    assert_eq!(cookies(&p), (0, 0, 0), "there is room again");
}

/// Keeps what it is told.
#[derive(Clone, Default)]
struct Notes(Arc<Mutex<Vec<(Instant, Input)>>>);

impl Journal for Notes {
    fn note(&mut self, at: Instant, input: Input) {
        self.0.lock().unwrap().push((at, input));
    }
}

/// Entries, cookies and connections cut short follow from the inputs alone.
#[test]
fn a_recording_replays_to_the_same_packets() {
    let begin = || {
        Prober::with(|config| {
            config.whole_handshakes = 3;
            config.max_time_waits = 2;
        })
    };
    let (mut p, notes) = (begin(), Notes::default());
    p.stack.set_journal(Box::new(notes.clone()));
    for port in 1..=5 {
        p.on_port(port).reach(State::TimeWait).release();
    }
    for port in 11..=10 + BACKLOG {
        p.on_port(port).reach(State::SynReceived);
    }
    // The queue has not moved for a while.
    p.advance(ms(100));
    p.on_port(PEER_PORT).send(syn().options(offer(true)));
    let (options, _) = echo(&mut p, 1001);
    p.send(ack().ack(1).options(options)).expect_state(State::Established);
    p.on_port(4).send(fin().seq(1)).advance(secs(100));
    p.take_packets();
    assert_eq!((cookies(&p), p.stack.counters().time_waits_cut_short), ((1, 1, 0), 3));

    let mut replayed = begin();
    let mut packets = 0;
    for (at, input) in notes.0.lock().unwrap().drain(..) {
        let expected = if let Input::Drain(sum) = &input { Some(*sum) } else { None };
        let frame = replayed.stack.apply(at, input);
        if let Some(expected) = expected {
            assert_eq!(frame.as_ref().map(checksum), expected, "at {at}");
            packets += usize::from(expected.is_some());
        }
    }
    assert!(packets > 100, "only {packets}");
    assert_eq!(replayed.stack.counters(), p.stack.counters());
    let states = |p: &Prober| p.stack.states().collect::<Vec<_>>();
    assert_eq!(states(&replayed), states(&p));
}
