//! HTTP/1.1 and HTTPS over our own active open: what `glass get` is made of, and what a program of
//! one's own may use.
//!
//! A [`Connector`] opens streams: it resolves names, tries one address after the other and speaks TLS
//! where the URL says so. It is a `tower` service, so the pooling client of hyper-util runs on it; a
//! [`Session`] is the plain thing beside it, one connection and one request at a time, for who wants to
//! see each. What a [`Dial`] gives may be our own TCP ([`Net`](crate::runtime::Net)) or any other stream.
//! The rules that are HTTP's and not hyper's have a module each: [`redirect`], [`range`], [`resume`],
//! [`disposition`].
//!
//! ```no_run
//! # async fn example(net: glasstack::runtime::Net) -> Result<(), Box<dyn std::error::Error>> {
//! use glasstack::http::client::{Connector, Trust, tls};
//! use http_body_util::{BodyExt, Empty};
//! use hyper_util::client::legacy::Client;
//! use hyper_util::rt::TokioExecutor;
//! let connector = Connector::new(net).with_tls(tls::config(Trust::System)?);
//! let client = Client::builder(TokioExecutor::new()).build(connector);
//! let response = client.request(http::Request::get("http://192.0.2.2/").body(Empty::new())?).await?;
//! let body = response.into_body().collect().await?.to_bytes();
//! # let _: (bytes::Bytes, Client<_, Empty<bytes::Bytes>>) = (body, client);
//! # Ok(()) }
//! ```

mod connector;
mod dial;
pub mod disposition;
mod error;
pub mod range;
pub mod redirect;
mod resolve;
pub mod resume;
mod session;
mod stream;
pub(crate) mod text;
pub mod tls;
mod transcript;

pub use connector::{Connector, Step};
pub use dial::{Dial, Kernel};
pub use error::{ConnectError, Stage};
pub use resolve::Resolver;
pub use session::{SendError, Session};
pub use stream::{Facts, HttpStream};
pub use tls::{Certificate, TlsFacts, Trust};
pub use transcript::{Side, Transcript};
