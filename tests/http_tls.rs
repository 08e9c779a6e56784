//! HTTPS and HTTP/2 over pipes in memory, with clients that know the rules (rustls, hyper) and with octets
//! of our own that break them. Time is virtual. RFC 5246, RFC 7301, RFC 8446, RFC 9113.

#[path = "http_tls/attacks.rs"]
mod attacks;
#[path = "http_tls/certificates.rs"]
mod certificates;
#[allow(dead_code, reason = "made for the tests of HTTP/1, of which there are more")]
#[path = "http_responder/client.rs"]
mod client;
#[path = "http_tls/frames.rs"]
mod frames;
#[path = "http_tls/handshake.rs"]
mod handshake;
#[path = "common/hosts.rs"]
mod hosts;
#[path = "http_tls/http2.rs"]
mod http2;
#[path = "http_tls/patience.rs"]
mod patience;
#[path = "http_tls/world.rs"]
mod world;
