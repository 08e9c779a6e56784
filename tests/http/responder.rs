//! The HTTP responder over the kernel's loopback and over pipes in memory: what is answered, and how
//! connections end. Time is virtual wherever no kernel takes part.

#[path = "../common/hosts.rs"]
mod hosts;

#[path = "responder/by_hand.rs"]
mod by_hand;
#[path = "responder/client.rs"]
pub mod client;
#[path = "responder/closing.rs"]
mod closing;
#[path = "responder/limits.rs"]
mod limits;
#[path = "responder/site.rs"]
mod site;
#[path = "responder/streaming.rs"]
mod streaming;
