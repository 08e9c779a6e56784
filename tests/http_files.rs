//! Serving a directory over pipes in memory (RFC 9110, RFC 9111): what each request is answered with, that
//! nothing outside is ever had, and that a length that was told holds.

#[path = "http_files/client.rs"]
mod client;
#[path = "http_files/codings.rs"]
mod codings;
#[path = "http_files/listing.rs"]
mod listing;
#[path = "http_files/outside.rs"]
mod outside;
#[path = "http_files/parts.rs"]
mod parts;
#[path = "http_files/place.rs"]
mod place;
#[path = "http_files/table.rs"]
mod table;
#[path = "http_files/while_sent.rs"]
mod while_sent;
