//! A remote host played by hand, segment by segment, against a whole stack in virtual time.
//!
//! [`Prober`] feeds packets to a [`Stack`] and looks at every packet that comes back. Numbers are
//! relative to the SYNs. An expectation that fails prints the ladder so far and says what was expected.

#![allow(dead_code, unused_imports, reason = "each test binary uses a part of this module")]
#![allow(clippy::needless_pass_by_value, reason = "expectations read better without borrows")]

pub mod hosts;
pub mod icmp;
mod prober;
mod seg;
mod states;
pub mod stories;

use std::time::Duration;

use glasstack::wire::{Options, Timestamps};

pub use glasstack::tcp::State;
pub use glasstack::trace::DropReason;
pub use prober::{OUR_PORT, PEER, PEER_PORT, Prober, US};
pub use seg::{Seg, ack, bare, data, fin, octets, pattern, rst, rst_ack, syn, syn_ack};
pub use states::OPEN_STATES;

pub const fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

pub const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// The options of a SYN with this MSS and nothing else.
pub fn mss(mss: u16) -> Options {
    Options { mss: Some(mss), ..Options::default() }
}

/// Everything a modern SYN offers.
pub fn all_options(ts: u32) -> Options {
    Options {
        mss: Some(1460),
        window_scale: Some(7),
        sack_permitted: true,
        timestamps: Some(Timestamps { val: ts, ecr: 0 }),
        ..Options::default()
    }
}

/// The timestamps option.
pub fn ts(val: u32, ecr: u32) -> Options {
    Options { timestamps: Some(Timestamps { val, ecr }), ..Options::default() }
}
