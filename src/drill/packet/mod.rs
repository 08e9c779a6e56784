//! Packets as scripts see them: every field as it stands on the wire, the options in their order.
//! `seen` reads what left the stack, `made` makes what goes to it, `notation` writes either as a script
//! would, `options` is the octets of TCP options, `internet` the headers of IPv4 and IPv6.

mod internet;
mod made;
mod notation;
mod options;
mod seen;

use std::net::SocketAddr;

pub(super) use internet::ecn_bits;
pub use made::{Unmakeable, icmp, tcp, udp};
pub use notation::{flags, option, segment};
pub use seen::Seen;

/// The numbers of a segment on the wire.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Numbers {
    /// Sequence number.
    pub seq: u32,
    /// Acknowledgment number; meaningless without the ACK flag.
    pub ack: u32,
    /// The options.
    pub options: Vec<super::script::ast::TcpOption>,
}

/// Where a packet comes from, and where it goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ends {
    /// The sender.
    pub src: SocketAddr,
    /// The receiver.
    pub dst: SocketAddr,
}
