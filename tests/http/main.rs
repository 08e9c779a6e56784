//! HTTP without a kernel: in one program, for what they all are made of is built but once then.

mod client;
mod files;
mod manners;
mod over_tcp;
mod responder;
mod tls;
