//! The HTTP responder: hyper on any [`Connection`], an axum [`Router`](axum::Router) behind it, and
//! the closing of the connection in our own hands, so that each state of it can be seen.

#[expect(clippy::missing_errors_doc, reason = "its main is for the program that it is as well")]
#[path = "../../examples/http_by_hand.rs"]
pub mod by_hand;
mod closing;
mod fields;
pub mod files;
mod pages;
mod server;
mod site;
mod timer;
mod watched;

pub use self::closing::{CloseAfter, ParseCloseAfterError};
pub use self::files::directory;
pub use self::server::{Config, Endpoints, serve};
pub use self::site::site;
pub use crate::serving::{Connection, Linger, Listener, Plain, StatusSource};
