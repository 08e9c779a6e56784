//! What every responder needs, whatever it says: connections and a listener to take them from, a
//! loop that accepts, a close that loses nothing, a signal to stop. What is said lives in `http`
//! and `services`.

mod accept;
mod connection;
mod date;
mod linger;
mod patience;
mod stop;

pub(crate) use accept::next_of;
pub use accept::{Limits, accept};
pub use connection::{Connection, Listener, Plain, StatusSource, TlsInfo};
pub use date::http_date;
pub(crate) use linger::within;
pub use linger::{Linger, close, finish, wait_for_close};
pub use patience::Patience;
pub use stop::{Stop, Stopper, stop};
