//! HTTPS and HTTP/2 over pipes in memory, with clients that know the rules (rustls, hyper) and with octets
//! of our own that break them. Time is virtual. RFC 5246, RFC 7301, RFC 8446, RFC 9113.

mod attacks;
mod certificates;
mod frames;
mod handshake;
mod http2;
mod patience;
mod world;

use super::responder::client;
