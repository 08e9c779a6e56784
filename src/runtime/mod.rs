//! A stack on tokio: the driver that moves packets and time, and sockets that mirror tokio's, so that
//! hyper, axum and anything else written for tokio run on them unchanged.
//!
//! ```no_run
//! # async fn example(device: Box<dyn glasstack::device::Device>) -> std::io::Result<()> {
//! use glasstack::{runtime, stack};
//! let config = stack::Config { addrs: vec!["192.0.2.2".parse().unwrap()], ..Default::default() };
//! let stack = stack::Stack::new(config, runtime::secret()?);
//! let (net, driver) = runtime::Net::new(Box::new(stack), device, Vec::new())?;
//! tokio::spawn(driver.run());
//! let listener = runtime::TcpListener::bind(&net, "192.0.2.2:80".parse().unwrap())?;
//! let (stream, peer) = listener.accept().await?;
//! # Ok(()) }
//! ```

pub mod clock;
mod driver;
mod listener;
mod net;
mod options;
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
