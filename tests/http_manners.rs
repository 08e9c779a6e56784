//! The manners of HTTP, octet for octet: what a client says and what it is told, over pipes in memory and in
//! virtual time.

#[path = "http_manners/access_log.rs"]
mod access_log;
#[path = "http_manners/bounds.rs"]
mod bounds;
#[path = "http_manners/pace.rs"]
mod pace;
#[path = "http_manners/refused.rs"]
mod refused;
#[path = "http_manners/requests.rs"]
mod requests;
#[path = "http_manners/talk.rs"]
mod talk;
