//! A stack on tokio: the driver that moves packets and time, and sockets that mirror tokio's, so that
//! hyper, axum and anything else written for tokio run on them unchanged.
//!
//! ```no_run
//! # async fn example(device: Box<dyn glasstack::device::Device>) -> std::io::Result<()> {
//! use glasstack::{runtime, stack};
//! let config = stack::Config { addrs: vec!["192.0.2.2".parse().unwrap()], ..Default::default() };
//! let (net, driver) = runtime::Net::open(device, config, Vec::new())?;
//! tokio::spawn(driver.run());
//! let listener = runtime::TcpListener::bind(&net, "192.0.2.2:80".parse().unwrap())?;
//! let (stream, peer) = listener.accept().await?;
//! # Ok(()) }
//! ```
//!
//! `docs/embedding.md` has the whole of it.

pub mod clock;
mod driver;
mod life;
mod listener;
mod net;
mod options;
mod readiness;
mod shards;
mod siblings;
mod socket;
mod split;
mod stream;

use std::io;

pub use driver::Driver;
pub use listener::TcpListener;
pub use net::Net;
pub use shards::{Parts, ShardThread, serve_per_shard};
pub use siblings::Siblings;
pub use socket::TcpSocket;
pub use split::{OwnedReadHalf, OwnedWriteHalf, ReadHalf, WriteHalf};
pub use stream::TcpStream;

use crate::stack::Secret;

/// Draws a secret from the system's randomness.
///
/// # Errors
///
/// The system has none to give.
pub fn secret() -> io::Result<Secret> {
    let mut octets = [0; 32];
    getrandom::fill(&mut octets).map_err(io::Error::other)?;
    Ok(Secret(octets))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each stack has a secret of its own, and none is made of less than it seems.
    #[test]
    fn secrets_come_from_the_systems_randomness() {
        let secrets: Vec<[u8; 32]> = (0..64).map(|_| secret().expect("there is some").0).collect();
        for place in 0..32 {
            let octets: std::collections::BTreeSet<u8> =
                secrets.iter().map(|one| one[place]).collect();
            assert!(octets.len() > 32, "octet {place} has {} values in 64", octets.len());
        }
    }
}
