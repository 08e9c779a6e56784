//! A client and a server of ours in the simulator, each of which keeps a ladder of its own.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::MutexGuard;
use std::time::Duration;

use glasstack::device::fault::{Faults, parse_list};
use glasstack::sim::{Close, HostId, Plan, Transfer, Wire, World};
use glasstack::stack::{Config, Secret, Stack};
use glasstack::trace::{Mask, Sink};
use glasstack::view::{Ladder, LadderRecorder};

pub const CLIENT: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));
pub const SERVER: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 2));

/// A client on the left, a server on the right, 10 ms between them.
pub struct Stage {
    pub world: World,
    pub hosts: [HostId; 2],
    pub ladders: [LadderRecorder; 2],
}

impl Stage {
    pub fn new() -> Self {
        let mut world = World::new(1);
        let ladders = [(); 2].map(|()| LadderRecorder::of(Ladder::of_one_end()));
        let hosts = [("client", CLIENT), ("server", SERVER)].map(|(name, addr)| {
            let events = Mask::all() - Mask::PACKETS;
            let config = Config { addrs: vec![addr], events, ..Config::default() };
            world.add_host(name, addr, Box::new(Stack::new(config, Secret([7; 32]))))
        });
        for (host, ladder) in hosts.iter().zip(&ladders) {
            world.add_sink(*host, Box::new(ladder.clone()) as Box<dyn Sink>);
        }
        let wire = Wire { delay: Duration::from_millis(10), ..Wire::default() };
        world.link(hosts[0], hosts[1], wire.clone(), wire);
        Stage { world, hosts, ladders }
    }

    /// Faults at the server's end of the wire.
    pub fn with_faults(mut self, rules: &str) -> Self {
        let rules = parse_list(rules).expect("rules that can be read");
        self.world.set_faults(self.hosts[1], Faults::new(rules, 1));
        self
    }

    pub fn listen(mut self, plan: Plan) -> Self {
        let make = move || Box::new(Transfer::new(plan.clone())) as _;
        self.world.listen(self.hosts[1], SocketAddr::new(SERVER, 80), 8, make).expect("free");
        self
    }

    pub fn connect(mut self, plan: Plan) -> Self {
        let server = SocketAddr::new(SERVER, 80);
        let app = Box::new(Transfer::new(plan));
        self.world.connect(self.hosts[0], server, app).expect("a port is free");
        self
    }

    /// Both end hosts connect to each other.
    pub fn call_each_other(mut self) -> Self {
        let addrs = [CLIENT, SERVER].map(|addr| SocketAddr::new(addr, 7000));
        for (host, (local, remote)) in
            self.hosts.into_iter().zip([(addrs[0], addrs[1]), (addrs[1], addrs[0])])
        {
            let plan = Plan { close: Close::WhenWritten, ..Plan::default() };
            let app = Box::new(Transfer::new(plan));
            self.world.connect_from(host, Some(local), remote, app).expect("a free port");
        }
        self
    }

    /// The ladders of the client and of the server when all is over.
    pub fn run(&mut self) -> [MutexGuard<'_, Ladder>; 2] {
        self.world.run(Duration::from_secs(10));
        self.ladders.each_ref().map(LadderRecorder::lock)
    }
}

pub fn request() -> Plan {
    Plan { octets: 100, expected: 500, close: Close::WhenComplete, ..Plan::default() }
}

pub fn response() -> Plan {
    Plan { octets: 500, expected: 100, close: Close::AfterPeer, ..Plan::default() }
}
