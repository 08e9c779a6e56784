//! The tests of other files once more, between hosts of IPv6: see `common/hosts.rs`. Those whose figures take an
//! allocator that counts for the whole program have programs of their own (`*_over_ipv6.rs`). What is of one family by
//! nature is not here, and says why where it is.

#![allow(clippy::duplicate_mod, reason = "each of these files has its own part of what they share")]

#[path = "copies.rs"]
mod copies;
#[path = "half_open.rs"]
mod half_open;
#[path = "http/responder.rs"]
mod http_responder;
#[path = "known_mistakes.rs"]
mod known_mistakes;
#[path = "needless_repairs.rs"]
mod needless_repairs;
#[path = "rfc2018_sack.rs"]
mod rfc2018_sack;
#[path = "rfc3168_ecn.rs"]
mod rfc3168_ecn;
#[path = "rfc7323_options.rs"]
mod rfc7323_options;
#[path = "s3_10_events.rs"]
mod s3_10_events;
#[path = "s3_4_sequence_numbers.rs"]
mod s3_4_sequence_numbers;
#[path = "s3_5_handshake.rs"]
mod s3_5_handshake;
#[path = "s3_6_closing.rs"]
mod s3_6_closing;
#[path = "s3_7_segmentation.rs"]
mod s3_7_segmentation;
#[path = "s3_8_data.rs"]
mod s3_8_data;
#[path = "services.rs"]
mod services;
#[path = "shards.rs"]
mod shards;
#[path = "socket_options.rs"]
mod socket_options;
#[path = "sockets.rs"]
mod sockets;
