//! TLS for a client: whom to trust, what a certificate says, and errors in words. The protocol is
//! rustls's.

use std::path::Path;
use std::sync::Arc;
use std::{fmt, io};

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{WebPkiServerVerifier, verify_server_name};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{
    CertificateError, ClientConfig, ClientConnection, DigitallySignedStruct, Error, RootCertStore,
    SignatureScheme,
};
use x509_parser::prelude::{FromDer, GeneralName, X509Certificate};

use crate::http::tls::Secrets;

/// Whose word counts for who a server is.
#[derive(Clone, Debug, Default)]
pub enum Trust {
    /// Those whom this system trusts.
    #[default]
    System,
    /// Those who have these certificates, and who are named by them.
    Given(Vec<CertificateDer<'static>>),
    /// Everybody's: the connection is encrypted, but to whom nobody knows.
    Anybody,
}

impl Trust {
    /// The certificates of a PEM file.
    ///
    /// # Errors
    ///
    /// The file cannot be read, or has no certificate.
    pub fn from_file(path: &Path) -> io::Result<Trust> {
        let wrong = |why: String| io::Error::new(io::ErrorKind::InvalidData, why);
        let text = std::fs::read(path)?;
        let given = CertificateDer::pem_slice_iter(&text)
            .collect::<Result<Vec<_>, _>>()
            .map_err(|error| wrong(format!("it is not PEM: {error}")))?;
        if given.is_empty() {
            return Err(wrong("it has no certificate in PEM form".to_owned()));
        }
        Ok(Trust::Given(given))
    }
}

/// A configuration for HTTP/1.1 that trusts as told. Where `SSLKEYLOGFILE` is set, the keys of each
/// connection are written there, so that others can read along.
///
/// # Errors
///
/// The system trusts nobody, or a certificate that was given cannot be read.
pub fn config(trust: Trust) -> io::Result<ClientConfig> {
    config_telling(trust, Secrets::from_environment())
}

/// The same, but the keys are told to `secrets` alone.
///
/// # Errors
///
/// As [`config`].
pub fn config_telling(trust: Trust, secrets: Secrets) -> io::Result<ClientConfig> {
    let provider = Arc::new(ring::default_provider());
    let verifier = Verifier::new(trust, &provider)?;
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(io::Error::other)?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    config.key_log = Arc::new(secrets);
    Ok(config)
}

/// webpki's judgment, but for what it leaves no way to say: a server's own certificate may be given, even
/// if it says that it is an authority's, as `openssl req -x509` makes it.
#[derive(Debug)]
struct Verifier {
    /// `None`: anybody.
    webpki: Option<Arc<WebPkiServerVerifier>>,
    given: Vec<CertificateDer<'static>>,
    provider: Arc<CryptoProvider>,
}

impl Verifier {
    fn new(trust: Trust, provider: &Arc<CryptoProvider>) -> io::Result<Verifier> {
        let mut roots = RootCertStore::empty();
        let given = match trust {
            Trust::Anybody => {
                let provider = Arc::clone(provider);
                return Ok(Verifier { webpki: None, given: Vec::new(), provider });
            }
            Trust::System => {
                let found = rustls_native_certs::load_native_certs();
                roots.add_parsable_certificates(found.certs);
                if roots.is_empty() {
                    let why = found.errors.first().map_or(String::new(), |why| format!(" ({why})"));
                    let message = format!("this system has no certificates to go by{why}");
                    return Err(io::Error::new(io::ErrorKind::NotFound, message));
                }
                Vec::new()
            }
            Trust::Given(given) => {
                for certificate in &given {
                    roots.add(certificate.clone()).map_err(io::Error::other)?;
                }
                given
            }
        };
        let webpki =
            WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider))
                .build()
                .map_err(io::Error::other)?;
        Ok(Verifier { webpki: Some(webpki), given, provider: Arc::clone(provider) })
    }
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let Some(webpki) = &self.webpki else { return Ok(ServerCertVerified::assertion()) };
        let judged = webpki.verify_server_cert(end_entity, intermediates, name, ocsp, now);
        if judged.is_err() && self.given.iter().any(|given| given == end_entity) {
            is_in_time(end_entity, now)?;
            verify_server_name(&ParsedCertificate::try_from(end_entity)?, name)?;
            return Ok(ServerCertVerified::assertion());
        }
        match judged {
            // An authority that vouches for nobody but itself, and that we do not know.
            Err(Error::InvalidCertificate(CertificateError::Other(_)))
                if is_its_own_issuer(end_entity) =>
            {
                Err(CertificateError::UnknownIssuer.into())
            }
            judged => judged,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

fn is_its_own_issuer(certificate: &CertificateDer<'_>) -> bool {
    X509Certificate::from_der(certificate)
        .is_ok_and(|(_, certificate)| certificate.subject() == certificate.issuer())
}

fn is_in_time(certificate: &CertificateDer<'_>, now: UnixTime) -> Result<(), Error> {
    let (_, certificate) =
        X509Certificate::from_der(certificate).map_err(|_| CertificateError::BadEncoding)?;
    let validity = certificate.validity();
    let now = i64::try_from(now.as_secs()).unwrap_or(i64::MAX);
    if now > validity.not_after.timestamp() {
        return Err(CertificateError::Expired.into());
    }
    if now < validity.not_before.timestamp() {
        return Err(CertificateError::NotValidYet.into());
    }
    Ok(())
}

/// What was agreed on for a connection.
#[derive(Clone, Debug)]
pub struct TlsFacts {
    /// `TLSv1.3`, say.
    pub version: String,
    /// The cipher suite, by its registered name.
    pub cipher: String,
    /// What the server shows of itself.
    pub certificate: Option<Certificate>,
}

impl TlsFacts {
    pub(super) fn of(connection: &ClientConnection) -> TlsFacts {
        let name = |known: Option<String>| known.unwrap_or_else(|| "unknown".to_owned());
        let version = connection
            .protocol_version()
            .and_then(|version| Some(version.as_str()?.replace("TLSv1_", "TLSv1.")));
        let suite = connection
            .negotiated_cipher_suite()
            .and_then(|suite| Some(suite.suite().as_str()?.replace("TLS13_", "TLS_")));
        let shown = connection.peer_certificates().and_then(<[_]>::first);
        TlsFacts {
            version: name(version),
            cipher: name(suite),
            certificate: shown.map(Certificate::of),
        }
    }
}

/// What a certificate says. Names may be anything: they are to be cleaned before a person reads them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificate {
    /// Whose it is.
    pub subject: String,
    /// Who says so.
    pub issuer: String,
    /// The hosts it is for.
    pub names: Vec<String>,
    /// Until when it holds.
    pub not_after: String,
    /// SHA-256 of all of it.
    pub fingerprint: [u8; 32],
}

impl Certificate {
    /// Reads a certificate; what cannot be read stays empty.
    #[must_use]
    pub fn of(der: &CertificateDer<'_>) -> Certificate {
        let fingerprint = sha256(der);
        let Ok((_, parsed)) = X509Certificate::from_der(der) else {
            let empty = String::new;
            return Certificate {
                subject: empty(),
                issuer: empty(),
                names: Vec::new(),
                not_after: empty(),
                fingerprint,
            };
        };
        let names = parsed.subject_alternative_name().ok().flatten();
        let names = names.map_or(&[][..], |names| &names.value.general_names[..]);
        Certificate {
            subject: parsed.subject().to_string(),
            issuer: parsed.issuer().to_string(),
            names: names.iter().filter_map(host).collect(),
            not_after: parsed.validity().not_after.to_string(),
            fingerprint,
        }
    }

    /// The fingerprint as OpenSSL and browsers show it.
    #[must_use]
    pub fn fingerprint_text(&self) -> String {
        self.fingerprint.map(|octet| format!("{octet:02X}")).join(":")
    }
}

fn host(name: &GeneralName<'_>) -> Option<String> {
    match name {
        GeneralName::DNSName(name) => Some((*name).to_owned()),
        GeneralName::IPAddress(octets) => match <[u8; 4]>::try_from(*octets) {
            Ok(octets) => Some(std::net::Ipv4Addr::from(octets).to_string()),
            Err(_) => {
                let octets = <[u8; 16]>::try_from(*octets).ok()?;
                Some(std::net::Ipv6Addr::from(octets).to_string())
            }
        },
        _ => None,
    }
}

/// The hash that the cipher suite has at hand.
fn sha256(octets: &[u8]) -> [u8; 32] {
    let suite = ring::cipher_suite::TLS13_AES_128_GCM_SHA256;
    let suite = suite.tls13().expect("it is one of TLS 1.3");
    let hash = suite.common.hash_provider.hash(octets);
    hash.as_ref().try_into().expect("SHA-256 has 32 octets")
}

/// Why there is no TLS with a server, for people.
#[derive(Debug)]
pub(super) struct InWords<'a> {
    pub(super) host: &'a str,
    pub(super) error: &'a io::Error,
}

impl fmt::Display for InWords<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let inner = self.error.get_ref().and_then(|error| error.downcast_ref::<Error>());
        let host = self.host;
        match inner {
            Some(Error::InvalidCertificate(why)) => certificate_in_words(f, host, why),
            Some(Error::InvalidMessage(why)) => write!(
                f,
                "what answers there does not speak TLS ({why:?}); perhaps it speaks plain HTTP: try http://"
            ),
            Some(Error::AlertReceived(alert)) => {
                write!(f, "the server refuses TLS with us (alert {alert:?})")
            }
            Some(Error::PeerIncompatible(why)) => {
                write!(f, "the server speaks no TLS that we speak, 1.2 or 1.3 ({why:?})")
            }
            Some(error) => write!(f, "no TLS: {error}"),
            None if self.error.kind() == io::ErrorKind::UnexpectedEof => {
                f.write_str("the server closed the connection instead of speaking TLS")
            }
            None => write!(f, "no TLS: {}", self.error),
        }
    }
}

fn certificate_in_words(
    f: &mut fmt::Formatter<'_>,
    host: &str,
    why: &CertificateError,
) -> fmt::Result {
    match why {
        CertificateError::UnknownIssuer | CertificateError::BadSignature => write!(
            f,
            "nobody whom we trust vouches for the certificate of {host}: it may be self-signed"
        ),
        CertificateError::NotValidForName => write!(f, "the certificate is not one for {host}"),
        CertificateError::NotValidForNameContext { presented, .. } => {
            write!(f, "the certificate is not one for {host}")?;
            match presented.len() {
                0 => f.write_str(": it names no host (its common name does not count)"),
                _ => {
                    let names: Vec<_> = presented.iter().map(|name| bare(name)).collect();
                    write!(f, ", but for {}", names.join(", ").escape_debug())
                }
            }
        }
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            write!(f, "the certificate of {host} has expired")
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            write!(f, "the certificate of {host} is not valid yet (or this host's clock is behind)")
        }
        CertificateError::Revoked => write!(f, "the certificate of {host} has been revoked"),
        other => write!(f, "the certificate of {host} is not good: {other}"),
    }
}

/// webpki's `DnsName("a.test")` without what is webpki's.
fn bare(name: &str) -> &str {
    name.split_once('(').map_or(name, |(_, name)| name.trim_end_matches(')').trim_matches('"'))
}

#[cfg(test)]
mod tests {
    use rcgen::{BasicConstraints, CertificateParams, IsCa, KeyPair};

    use super::*;

    fn certificate(
        host: &str,
        change: impl FnOnce(&mut CertificateParams),
    ) -> CertificateDer<'static> {
        let mut params = CertificateParams::new(vec![host.to_owned()]).unwrap();
        change(&mut params);
        params.self_signed(&KeyPair::generate().unwrap()).unwrap().der().clone()
    }

    fn judge(trust: Trust, shown: &CertificateDer<'_>, host: &str, year: u64) -> Result<(), Error> {
        let verifier = Verifier::new(trust, &Arc::new(ring::default_provider())).unwrap();
        let now =
            UnixTime::since_unix_epoch(std::time::Duration::from_secs((year - 1970) * 31_556_952));
        let name = ServerName::try_from(host.to_owned()).unwrap();
        verifier.verify_server_cert(shown, &[], &name, &[], now).map(|_| ())
    }

    /// As `openssl req -x509` makes them: authorities of their own.
    #[test]
    fn a_servers_own_certificate_may_be_given_even_an_authoritys() {
        let plain = certificate("a.test", |_| {});
        let authority = certificate("a.test", |params| {
            params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        });
        for shown in [plain, authority] {
            let given = || Trust::Given(vec![shown.clone()]);
            assert!(judge(given(), &shown, "a.test", 2030).is_ok());
            let wrong = judge(given(), &shown, "b.test", 2030).unwrap_err();
            assert!(format!("{wrong:?}").contains("NotValidForName"), "{wrong:?}");
            assert!(judge(given(), &shown, "a.test", 5000).is_err(), "it has expired");
            assert!(judge(given(), &shown, "a.test", 1971).is_err(), "it is not valid yet");
            let other = Trust::Given(vec![certificate("a.test", |_| {})]);
            let unknown = judge(other, &shown, "a.test", 2030).unwrap_err();
            let unknown = io::Error::other(unknown);
            let words = InWords { host: "a.test", error: &unknown }.to_string();
            assert!(words.contains("nobody whom we trust"), "{words}");
            assert!(judge(Trust::Anybody, &shown, "b.test", 5000).is_ok());
        }
    }

    #[test]
    fn a_certificate_is_read() {
        let shown = certificate("a.test", |params| {
            params
                .subject_alt_names
                .push(rcgen::SanType::IpAddress("2001:db8::2".parse().unwrap()));
        });
        let read = Certificate::of(&shown);
        assert_eq!(read.names, ["a.test", "2001:db8::2"]);
        assert!(read.subject.contains("rcgen"), "{}", read.subject);
        assert_eq!(read.fingerprint_text().len(), 32 * 3 - 1);
        let nonsense = Certificate::of(&CertificateDer::from(vec![1, 2, 3]));
        // SHA-256 of 01 02 03.
        assert!(nonsense.fingerprint_text().starts_with("03:90:58:C6:F2:C0"));
        assert!(nonsense.names.is_empty());
    }
}
