//! What an idle connection costs: counted by the allocator, everything included that a stack allocates.

#[path = "../benches/crowd/accounts.rs"]
mod accounts;
#[path = "common/hosts.rs"]
mod hosts;

use std::net::IpAddr;
use std::time::Duration;

use glasstack::stack::{Config, FourTuple, Handle, ListenerId, Secret, Stack};
use glasstack::tcp::{Received, State, Tcb};
use glasstack::time::Instant;

use accounts::Account;
use hosts::{CLIENT, FAMILY, SERVER};

/// What an idle established connection may cost, in octets.
const MOST: usize = 1024;
/// What may stay of all that a crowd took, in octets: a little room for the next.
const LEFT: usize = 12 * 1024;

/// A stack whose memory is counted.
struct Host {
    name: &'static str,
    stack: Stack,
    account: Account,
}

/// A client and a server, and a wire between them that takes no time.
struct Crowd {
    now: Instant,
    client: Host,
    server: Host,
    listener: ListenerId,
}

impl Host {
    fn new(name: &'static str, addr: IpAddr, secret: u8) -> Host {
        let mut account = Account::open();
        let config = Config { addrs: vec![addr], ..Config::default() };
        let stack = account.book(|| Stack::new(config, Secret([secret; 32])));
        Host { name, stack, account }
    }

    fn call<T>(&mut self, call: impl FnOnce(&mut Stack) -> T) -> T {
        self.account.book(|| call(&mut self.stack))
    }

    /// Passes on what there is to send; says whether that was anything.
    fn pass_on(&mut self, to: &mut Host, now: Instant) -> bool {
        let mut any = false;
        while let Some(frame) = self.call(|stack| stack.poll_output(now)) {
            let packet = frame.to_bytes();
            to.call(|stack| stack.on_packet(&packet, now));
            any = true;
        }
        any
    }
}

impl Crowd {
    fn new() -> Crowd {
        let client = Host::new("client", CLIENT, 1);
        let mut server = Host::new("server", SERVER.ip(), 2);
        let listener = server.call(|stack| stack.listen(SERVER, 10)).expect("nothing listens");
        Crowd { now: Instant::ZERO, client, server, listener }
    }

    /// What lives of the client's memory and of the server's.
    fn live(&self) -> (usize, usize) {
        (self.client.account.live(), self.server.account.live())
    }

    /// Lets a millisecond pass, and both say all that they have to say.
    fn run(&mut self) {
        self.now += Duration::from_millis(1);
        let Crowd { now, client, server, .. } = self;
        client.call(|stack| stack.on_timeout(*now));
        server.call(|stack| stack.on_timeout(*now));
        while client.pass_on(server, *now) | server.pass_on(client, *now) {}
        drop(client.call(Stack::take_ready));
        drop(server.call(Stack::take_ready));
    }

    /// Opens a connection, with or without the first SYN lost, and has one request answered on it.
    fn join(&mut self, loses_syn: bool) -> (Handle, Handle) {
        let (now, listener) = (self.now, self.listener);
        let ours = self.client.call(|stack| stack.connect(None, SERVER, now)).expect("a free port");
        if loses_syn {
            let lost = || self.client.call(|stack| stack.poll_output(now));
            assert_eq!(std::iter::from_fn(lost).count(), 1, "the SYN");
            self.now += Duration::from_secs(2);
        }
        self.run();
        let theirs = self.server.call(|stack| stack.accept(listener)).expect("one is there");
        send(&mut self.client, ours, &[b'q'; 120], self.now);
        self.run();
        receive(&mut self.server, theirs, 120, self.now);
        send(&mut self.server, theirs, &[b'a'; 300], self.now);
        self.run();
        receive(&mut self.client, ours, 300, self.now);
        (ours, theirs)
    }

    /// Ends it at once.
    fn leave(&mut self, (ours, theirs): (Handle, Handle)) {
        let now = self.now;
        self.client.call(|stack| stack.abort(ours, now));
        self.client.call(|stack| stack.release(ours, now));
        self.run();
        self.server.call(|stack| stack.release(theirs, now));
        self.run();
    }

    /// Nobody says anything for a while.
    fn rest(&mut self) {
        for _ in 0..100 {
            self.now += Duration::from_secs(1);
            self.run();
        }
    }
}

fn send(host: &mut Host, handle: Handle, data: &[u8], now: Instant) {
    assert_eq!(host.call(|stack| stack.send(handle, data, now)), Ok(data.len()));
}

fn receive(host: &mut Host, handle: Handle, octets: usize, now: Instant) {
    let mut buffer = [0; 500];
    let received = host.call(|stack| stack.receive(handle, &mut buffer, now));
    assert_eq!(received, Ok(Received::Data(octets)));
}

/// 8,193 is the worst number of its size: tables that double have just done so.
#[test]
fn an_idle_connection_costs_at_most_1_kib_and_nothing_once_it_is_gone() {
    accounts::begin();
    println!("a Tcb is {} octets, its two ends {}", size_of::<Tcb>(), size_of::<FourTuple>());
    for (connections, lose_syns) in [(8_193, false), (10_000, false), (8_193, true)] {
        let mut crowd = Crowd::new();
        let before = crowd.live();
        let handles: Vec<_> = (0..connections).map(|_| crowd.join(lose_syns)).collect();
        crowd.rest();
        for (host, before) in [(&crowd.client, before.0), (&crowd.server, before.1)] {
            assert_eq!(host.stack.states().count(), connections);
            assert!(host.stack.states().all(|(_, state)| state == State::Established));
            let each = (host.account.live() - before).div_ceil(connections);
            let name = host.name;
            println!(
                "over {FAMILY}, {connections} idle connections of the {name}{}: {each} octets each",
                if lose_syns { ", each after a lost SYN" } else { "" }
            );
            assert!(each <= MOST, "{each} octets for each connection of the {name}");
        }
        handles.into_iter().for_each(|pair| crowd.leave(pair));
        crowd.rest();
        let (client, server) = crowd.live();
        println!(
            "over {FAMILY}, all gone: {} and {} octets are left",
            client - before.0,
            server - before.1
        );
        assert!(client - before.0 <= LEFT && server - before.1 <= LEFT, "all have gone");
    }
}
