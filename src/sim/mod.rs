//! A virtual network in virtual time: hosts with an engine and small applications, joined by links that
//! are slow, short of room and unreliable as one likes. Nothing here waits: [`World::run`] goes from
//! event to event, and the same seed gives the same run, octet for octet.
//!
//! ```
//! use std::time::Duration;
//!
//! use glasstack::sim::{Ended, Pattern, Plan, Transfer, Wire, World};
//! use glasstack::stack::{Config, Secret, Stack};
//!
//! let stack = |last, secret| {
//!     let config = Config { addrs: vec![[192, 0, 2, last].into()], ..Config::default() };
//!     Box::new(Stack::new(config, Secret([secret; 32])))
//! };
//! let mut world = World::new(7);
//! let client = world.add_host("client", [192, 0, 2, 1].into(), stack(1, 1));
//! let server = world.add_host("server", [192, 0, 2, 2].into(), stack(2, 2));
//! let wire = Wire { delay: Duration::from_millis(20), loss: 0.05, ..Wire::default() };
//! world.link(client, server, wire.clone(), wire);
//!
//! let there = Plan { octets: 100_000, send: Pattern(1), ..Plan::default() };
//! let back = Plan { expected: 100_000, expect: Pattern(1), ..Plan::default() };
//! let addr = ([192, 0, 2, 2], 80).into();
//! world.listen(server, addr, 8, move || Box::new(Transfer::new(back.clone()))).unwrap();
//! world.connect(client, addr, Box::new(Transfer::new(there))).unwrap();
//! assert_eq!(world.run(Duration::from_secs(600)), Ended::Quiet);
//! assert!(world.apps(server).all(|app| app.get::<Transfer>().unwrap().is_complete()));
//! ```

mod agenda;
mod app;
mod apps;
pub mod bottleneck;
mod host;
mod pattern;
mod random;
mod wire;
mod world;

pub use app::{App, Running, Socket, Step};
pub use apps::{Asker, Close, Echo, Failure, Plan, Replier, Transfer};
pub use host::HostId;
pub use pattern::Pattern;
pub use random::Random;
pub use wire::{Fate, Observed, Queue, Wire};
pub use world::{Ended, World};
