//! The secrets of connections, for those who may read along: a file for Wireshark, and whoever else has
//! asked for them.

use std::fmt::{self, Write};
use std::sync::Arc;

use rustls::{KeyLog, KeyLogFile};

/// Who is told the secrets of each connection, as lines of the format that browsers write
/// (`SSLKEYLOGFILE`): a label, what the client drew at random, the secret.
#[derive(Clone, Default)]
pub struct Secrets {
    file: Option<Arc<KeyLogFile>>,
    listeners: Vec<Arc<Listener>>,
}

type Listener = dyn Fn(&str) + Send + Sync;

impl Secrets {
    /// Appends them to the file that the environment's `SSLKEYLOGFILE` names, if it does.
    #[must_use]
    pub fn from_environment() -> Self {
        let named = std::env::var_os("SSLKEYLOGFILE").is_some_and(|path| !path.is_empty());
        Secrets { file: named.then(|| Arc::new(KeyLogFile::new())), listeners: Vec::new() }
    }

    /// Tells `listener` each line as well, without its end. It is called during handshakes: what takes
    /// long holds them up.
    #[must_use]
    pub fn and(mut self, listener: Arc<dyn Fn(&str) + Send + Sync>) -> Self {
        self.listeners.push(listener);
        self
    }
}

impl KeyLog for Secrets {
    fn log(&self, label: &str, client_random: &[u8], secret: &[u8]) {
        if let Some(file) = &self.file {
            file.log(label, client_random, secret);
        }
        if !self.listeners.is_empty() {
            let line = format!("{label} {} {}", hex(client_random), hex(secret));
            self.listeners.iter().for_each(|listener| listener(&line));
        }
    }

    fn will_log(&self, _: &str) -> bool {
        self.file.is_some() || !self.listeners.is_empty()
    }
}

/// Says who listens, and nothing of what is told.
impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let listeners = self.listeners.len();
        f.debug_struct("Secrets")
            .field("file", &self.file.is_some())
            .field("listeners", &listeners)
            .finish()
    }
}

fn hex(octets: &[u8]) -> String {
    octets.iter().fold(String::with_capacity(2 * octets.len()), |mut text, octet| {
        let _ = write!(text, "{octet:02x}");
        text
    })
}
