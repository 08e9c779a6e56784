//! Serving a directory over pipes in memory (RFC 9110, RFC 9111): what each request is answered with, that
//! nothing outside is ever had, and that a length that was told holds.

mod client;
mod codings;
mod listing;
mod outside;
mod parts;
mod place;
mod table;
mod while_sent;
