//! The HTTP responder over the kernel's loopback and over pipes in memory: what is answered, and how
//! connections end. Time is virtual wherever no kernel takes part.

#[path = "common/hosts.rs"]
mod hosts;

#[path = "http_responder/by_hand.rs"]
mod by_hand;
#[path = "http_responder/client.rs"]
mod client;
#[path = "http_responder/closing.rs"]
mod closing;
#[path = "http_responder/limits.rs"]
mod limits;
#[path = "http_responder/site.rs"]
mod site;
#[path = "http_responder/streaming.rs"]
mod streaming;
