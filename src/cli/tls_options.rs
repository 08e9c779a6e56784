//! HTTPS and HTTP/2 for `glass serve` and `glass run`: what was asked for, and what comes of it.

use std::fmt::Write as _;
use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use axum::Router;
use clap::{Args, ValueEnum};

use super::capture_options::KeyLogLines;
use super::options::{authority, seconds};
use super::quantity::octets;
use super::{Failure, exit};
use crate::http::Http2Limits;
use crate::http::tls::{Config, Identity, IdentityError, Secrets, Tls, redirect};
use crate::runtime::clock;

const USUAL_PORT: u16 = 443;
/// What a handshake may take.
const USUAL_TIMEOUT: Duration = Duration::from_secs(10);

/// HTTPS and HTTP/2.
#[derive(Args, Clone, Debug)]
pub(super) struct TlsOptions {
    /// Answer HTTPS as well, with a certificate made for the occasion that signs itself; its fingerprint
    /// is said. With SSLKEYLOGFILE in the environment, secrets are written there for Wireshark
    #[arg(long, env = "GLASS_TLS")]
    tls: bool,
    /// The port that answers HTTPS, with --tls or --cert [default: 443]
    #[arg(long, env = "GLASS_TLS_PORT", value_name = "PORT")]
    tls_port: Option<u16>,
    /// Further names for the certificate that --tls makes, with commas between them: it has our
    /// addresses and localhost
    #[arg(
        long, env = "GLASS_TLS_NAME", value_name = "NAME", value_delimiter = ',',
        value_parser = name
    )]
    tls_name: Vec<String>,
    /// Write the certificate that --tls makes to this file, for curl --cacert FILE. In `glass run` CMD's
    /// curl trusts it in any case
    #[arg(long, env = "GLASS_CERT_OUT", value_name = "FILE")]
    cert_out: Option<PathBuf>,
    /// Answer HTTPS with this certificate: a PEM file with the server's own first, then those that lead
    /// on from it. SIGHUP makes `glass serve` read it again
    #[arg(long, env = "GLASS_CERT", value_name = "FILE")]
    cert: Option<PathBuf>,
    /// The key to --cert, in PEM without a password; it may be in the same file [default: that file]
    #[arg(long, env = "GLASS_KEY", value_name = "FILE")]
    key: Option<PathBuf>,
    /// What a TLS handshake may take, in seconds [default: 10]
    #[arg(long, env = "GLASS_TLS_TIMEOUT", value_name = "SECONDS", value_parser = seconds)]
    tls_timeout: Option<Duration>,
    /// What the plain port does where there is HTTPS: answer, send everybody to HTTPS, or nothing
    #[arg(
        long,
        value_enum,
        env = "GLASS_PLAIN_HTTP",
        default_value_t,
        value_name = "on|redirect|off"
    )]
    plain_http: PlainHttp,
    /// HTTP/2: by agreement on HTTPS (ALPN), and for clients that begin with it on the plain port
    #[arg(long, value_enum, env = "GLASS_HTTP2", default_value_t, value_name = "on|off")]
    http2: Http2,
    /// Requests that may be open at a time on one connection of HTTP/2, 1 to 10000
    #[arg(
        long, env = "GLASS_HTTP2_STREAMS", default_value_t = Http2Limits::default().streams,
        value_name = "NUMBER", value_parser = clap::value_parser!(u32).range(1..=10_000)
    )]
    http2_streams: u32,
    /// What requests of HTTP/2 on all connections of a port may take in memory (of each queue with --queues), with what
    /// waits of their answers; beyond, each connection has eight at a time
    #[arg(
        long, env = "GLASS_HTTP2_MEMORY", default_value = "512mib", value_name = "OCTETS",
        value_parser = octets
    )]
    http2_memory: u64,
}

/// `--plain-http`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum PlainHttp {
    /// It answers as HTTPS does
    #[default]
    On,
    /// It says that everything is at https://
    Redirect,
    /// Nobody listens there
    Off,
}

/// `--http2`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum Http2 {
    /// Yes
    #[default]
    On,
    /// HTTP/1 only
    Off,
}

/// HTTPS, ready for all shards.
#[derive(Clone, Debug)]
pub(super) struct Https {
    pub(super) tls: Tls,
    /// The certificate that was made, as PEM.
    made: Option<String>,
    /// For people: what certificate this is.
    pub(super) words: String,
}

/// The file in which CMD finds whom to trust. It goes when this is dropped, unless somebody asked for it.
#[derive(Debug)]
pub(super) struct TrustFile {
    pub(super) path: PathBuf,
    is_temporary: bool,
}

impl TlsOptions {
    /// Whether HTTPS was asked for.
    pub(super) fn is_wanted(&self) -> bool {
        self.tls || self.cert.is_some()
    }

    /// Whether there are files that can be read again.
    pub(super) fn reads_files(&self) -> bool {
        self.cert.is_some()
    }

    /// Refuses what does not go together.
    pub(super) fn check(&self, port: u16) -> Result<(), Failure> {
        let makes_one = self.tls && self.cert.is_none();
        let problem = if self.key.is_some() && self.cert.is_none() {
            "--key is the key to a certificate: add --cert FILE"
        } else if self.tls && self.cert.is_some() {
            "--tls makes a certificate, and --cert has one: leave one of them out"
        } else if self.tls_port.is_some() && !self.is_wanted() {
            "--tls-port is the port of HTTPS: add --tls, or --cert FILE"
        } else if self.tls_timeout.is_some() && !self.is_wanted() {
            "--tls-timeout is about HTTPS: add --tls, or --cert FILE"
        } else if self.cert_out.is_some() && !makes_one {
            "--cert-out writes the certificate that --tls makes: add --tls, and no --cert"
        } else if !self.tls_name.is_empty() && !makes_one {
            "--tls-name names the certificate that --tls makes: add --tls, and no --cert"
        } else if self.plain_http != PlainHttp::On && !self.is_wanted() {
            "--plain-http is about the plain port beside HTTPS: add --tls, or --cert FILE"
        } else if self.is_wanted() && self.plain_http != PlainHttp::Off && port == self.port() {
            "HTTP and HTTPS cannot have the same port: choose another --port or --tls-port, or say \
             --plain-http off"
        } else {
            return Ok(());
        };
        Err(Failure::new(exit::USAGE, problem))
    }

    /// Why a responder without TLS cannot do what was asked for: the option.
    pub(super) fn what_needs_tls(&self) -> Option<&'static str> {
        match (self.tls, &self.cert) {
            (_, Some(_)) => Some("--cert"),
            (true, None) => Some("--tls"),
            (false, None) => None,
        }
    }

    /// Makes or reads the certificate, once for all shards, and writes it where it was asked for. `capture` is
    /// told the secrets of connections, if it wants them.
    pub(super) fn prepare(
        &self,
        ours: &[IpAddr],
        capture: Option<KeyLogLines>,
    ) -> Result<Option<Https>, Failure> {
        if !self.is_wanted() {
            return Ok(None);
        }
        let (identity, made) = match &self.cert {
            Some(_) => (self.read()?, None),
            None => {
                let addrs = ours.iter().map(IpAddr::to_string);
                let names = addrs.chain(["localhost".to_owned()]).chain(self.tls_name.clone());
                let names: Vec<_> = names.collect();
                let made = Identity::self_signed(&names, clock::time_of_day());
                let (identity, pem) = made.map_err(|error| Failure::new(exit::USAGE, error))?;
                (identity, Some(pem))
            }
        };
        let mut words = match &self.cert {
            Some(path) => format!("the certificate in {}", path.display()),
            None => "a certificate that signs itself".to_owned(),
        };
        let _ = write!(words, ", SHA-256 {}", identity.fingerprint());
        if let (Some(path), Some(pem)) = (&self.cert_out, &made) {
            fs::write(path, pem).map_err(|error| cannot_write(path, &error))?;
            let _ = write!(words, ", written to {}", path.display());
        }
        let config = Config {
            http2: self.http2 == Http2::On,
            handshake_timeout: self.tls_timeout.unwrap_or(USUAL_TIMEOUT),
            secrets: capture.into_iter().fold(Secrets::from_environment(), Secrets::and),
            ..Config::new(identity)
        };
        let tls = Tls::new(config).map_err(|error| {
            Failure::new(exit::UNAVAILABLE, format!("cannot set up TLS: {error}"))
        })?;
        Ok(Some(Https { tls, made, words }))
    }

    /// Reads --cert and --key again. Those who are connected keep what they have seen.
    pub(super) fn reload(&self, https: &Https) -> Result<String, Failure> {
        let identity = self.read()?;
        let fingerprint = identity.fingerprint();
        https.tls.show(identity);
        Ok(fingerprint)
    }

    fn read(&self) -> Result<Identity, Failure> {
        let cert = self.cert.as_deref().expect("asked for only where there is one");
        let key = self.key.as_deref().unwrap_or(cert);
        Identity::from_files(cert, key, clock::time_of_day()).map_err(|error| {
            let (code, hint) = match &error {
                IdentityError::Unreadable { .. } => (exit::USAGE, ""),
                IdentityError::NoKey { .. } if self.key.is_none() => {
                    (exit::BAD_INPUT, "; name the file that has it with --key")
                }
                _ => (exit::BAD_INPUT, ""),
            };
            Failure::new(code, format!("{error}{hint}"))
        })
    }

    /// What the plain port answers with, if it does, where `router` is what HTTPS does.
    pub(super) fn on_the_plain_port(&self, router: Router) -> Option<Router> {
        match self.plain_http {
            PlainHttp::On => Some(router),
            PlainHttp::Redirect => Some(redirect(self.port())),
            PlainHttp::Off => None,
        }
    }

    pub(super) fn port(&self) -> u16 {
        self.tls_port.unwrap_or(USUAL_PORT)
    }

    pub(super) fn http2(&self) -> Http2Limits {
        Http2Limits {
            unasked: self.http2 == Http2::On,
            streams: self.http2_streams,
            requests_octets: usize::try_from(self.http2_memory).unwrap_or(usize::MAX),
            ..Http2Limits::default()
        }
    }

    /// Where we answer, at one of our addresses: the plain one first.
    pub(super) fn urls(&self, addr: IpAddr, port: u16) -> Vec<String> {
        let plain = self.plain_http != PlainHttp::Off;
        let plain = plain.then(|| format!("http://{}/", authority(SocketAddr::new(addr, port))));
        let secured = self.is_wanted().then(|| {
            let authority = match (self.port(), addr) {
                (443, IpAddr::V4(addr)) => addr.to_string(),
                (443, IpAddr::V6(addr)) => format!("[{addr}]"),
                (port, addr) => SocketAddr::new(addr, port).to_string(),
            };
            format!("https://{authority}/")
        });
        plain.into_iter().chain(secured).collect()
    }
}

impl Https {
    /// For CMD, what it needs to trust a certificate that was made: a file, at --cert-out or in a place of
    /// its own.
    pub(super) fn trust_file(&self, options: &TlsOptions) -> Result<Option<TrustFile>, Failure> {
        let Some(pem) = &self.made else { return Ok(None) };
        if let Some(path) = &options.cert_out {
            let path = std::path::absolute(path).unwrap_or_else(|_| path.clone());
            return Ok(Some(TrustFile { path, is_temporary: false }));
        }
        let name = format!("glass-{}-certificate.pem", std::process::id());
        let path = std::env::temp_dir().join(name);
        write_new(&path, pem).map_err(|error| cannot_write(&path, &error))?;
        Ok(Some(TrustFile { path, is_temporary: true }))
    }
}

impl TrustFile {
    /// Where OpenSSL, curl, Python, Go and rustls look for it.
    pub(super) const VARIABLES: [&str; 2] = ["SSL_CERT_FILE", "CURL_CA_BUNDLE"];
}

impl Drop for TrustFile {
    fn drop(&mut self) {
        if self.is_temporary {
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// What is left there of a process that had our number goes; through what somebody else has put there we do
/// not write.
fn write_new(path: &Path, text: &str) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        Ok(()) | Err(_) => {}
    }
    OpenOptions::new().write(true).create_new(true).open(path)?.write_all(text.as_bytes())
}

fn cannot_write(path: &Path, error: &io::Error) -> Failure {
    let path = path.display();
    Failure::new(exit::USAGE, format!("cannot write the certificate to {path}: {error}"))
}

/// A host name, with `*.` before it perhaps, or an address.
fn name(text: &str) -> Result<String, String> {
    let is_name = |part: &str| {
        !part.is_empty()
            && part.len() <= 63
            && !part.starts_with('-')
            && !part.ends_with('-')
            && part.chars().all(|sign| sign.is_ascii_alphanumeric() || matches!(sign, '-' | '_'))
    };
    let host = text.strip_prefix("*.").unwrap_or(text);
    let is_host = host.len() <= 253 && host.split('.').all(is_name);
    if is_host || text.parse::<IpAddr>().is_ok() {
        Ok(text.to_owned())
    } else {
        Err("not a host name such as www.example, nor an address".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_certificates() {
        for good in ["www.example", "a-b.example", "*.example", "x", "192.0.2.7", "2001:db8::7"] {
            assert_eq!(name(good).as_deref(), Ok(good));
        }
        for bad in ["", ".", "a..b", "-a", "a-", "a b", "*", "a.*.b", "m\u{fc}ller.example", "a/b"]
        {
            assert!(name(bad).is_err(), "{bad:?}");
        }
    }
}
