//! The HTTP responder: hyper on any [`Connection`], an axum [`Router`](axum::Router) behind it, and
//! the closing of the connection in our own hands, so that each state of it can be seen.

mod access_log;
mod activity;
mod adapters;
mod arriving;
mod asked;
mod automatic;
mod bounds;
#[expect(clippy::missing_errors_doc, reason = "its main is for the program that it is as well")]
#[path = "../../examples/http_by_hand.rs"]
pub mod by_hand;
pub mod client;
mod closing;
mod exchange;
mod fields;
pub mod files;
mod head_timer;
mod heard;
mod http2;
mod kept;
mod manners;
mod opening;
mod outgoing;
mod pages;
mod progress;
mod refusal;
mod server;
mod share;
mod site;
mod taking;
mod timer;
pub mod tls;
mod unreadable;
mod waiting;
mod watched;

pub use self::access_log::{AccessLog, Format as AccessLogFormat, ParseFormatError};
pub use self::bounds::{Bounds, Pace};
pub use self::closing::{CloseAfter, ParseCloseAfterError};
pub use self::exchange::Endpoints;
pub use self::files::directory;
pub use self::http2::Http2Limits;
pub use self::server::{Config, serve};
pub use self::site::site;
pub use crate::serving::{Connection, Linger, Listener, Plain, StatusSource, TlsInfo};
